#include <lauxlib.h>
#include <string.h>

#include "hook.h"
#include "reader.h"

#define OCTETS_MIN 484 /* every agent takes as much, RFC 3417 3.2.1 */
#define OCTETS_MAX 65507

/* Fields that may be functions of the agent's number: those that make another kind of it, and those of one agent. */
static const char *const EACH[] = {"community", "write", "delay", "jitter", "loss", "faults", NULL};

/* Replaces the function at the top by what it returns for i. [-0, +0, e] */
static void call(struct moon_fields *f, uint32_t i) {
  lua_pushnumber(f->L, i);
  lua_call(f->L, 1, 1);
}

/* Pushes the table with its functions of EACH called. [-0, +1, e] */
static void push_one(struct moon_fields *f, int table, uint32_t i) {
  lua_State *L = f->L;
  lua_createtable(L, 0, 16);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, -5);
  }
  for (const char *const *name = EACH; *name; name++) {
    lua_getfield(L, -1, *name);
    if (!lua_isfunction(L, -1)) {
      lua_pop(L, 1);
      continue;
    }
    call(f, i);
    lua_setfield(L, -2, *name);
  }
}

static bool any_function(lua_State *L, int table, const char *const *names) {
  for (; *names; names++) {
    lua_getfield(L, table, *names);
    bool found = lua_isfunction(L, -1);
    lua_pop(L, 1);
    if (found) { return true; }
  }
  return false;
}

/* ---- a kind */

static void read_communities(struct moon_fleet_reader *r, struct moon_fleet_kind *kind) {
  struct moon_fields *f = &r->fields;
  const char *const community = r->options->community ? r->options->community : "public";
  const char *const write = r->options->write ? r->options->write : "private";
  const char *const *lists[2] = {&community, &write};
  uint32_t n[2] = {1, 1};
  moon_fields_texts(f, "community", &lists[0], &n[0]);
  moon_fields_texts(f, "write", &lists[1], &n[1]);
  if (n[0] + n[1] > UINT8_MAX) { moon_fields_fail(f, "too many communities"); }
  struct moon_community *all = moon_draft_alloc(f->d, (n[0] + n[1]) * sizeof *all);
  if (!all) { moon_fields_raise(f); }
  for (int l = 1; l >= 0; l--) { /* a community that is both may write */
    for (uint32_t i = 0; i < n[l]; i++) {
      size_t len = strlen(lists[l][i]);
      const char *own = moon_draft_text(f->d, lists[l][i], len);
      if (!own) { moon_fields_raise(f); }
      if (len > MOON_COMMUNITY_MAX) { moon_fields_fail(f, "a community is longer than %d octets", MOON_COMMUNITY_MAX); }
      all[kind->n_communities++] = (struct moon_community){.octets = (const uint8_t *)own, .len = (uint8_t)len, .write = l == 1};
    }
  }
  kind->communities = all;
}

/* Of the table at the top. */
static void read_kind(struct moon_fleet_reader *r, struct moon_fleet_kind *kind) {
  struct moon_fields *f = &r->fields;
  size_t was;
  kind->live = r->options->live;
  kind->timing = r->options->timing;
  kind->snmp = r->options->snmp;
  kind->max_octets = r->options->max_octets;
  moon_fields_text(f, "recording", &kind->recording);
  if (!kind->recording) { moon_fields_fail(f, "recording is missing: the file that tells what the agent has"); }
  if (r->options->file) { kind->recording = moon_draft_beside(f->d, r->options->file, kind->recording); }
  if (!kind->recording) { moon_fields_raise(f); }
  moon_fields_bool(f, "live", &kind->live);
  moon_fields_bool(f, "snmp", &kind->snmp);
  moon_fields_bool(f, "timing", &kind->timing);
  moon_fields_bool(f, "create", &kind->create);
  moon_fields_bool(f, "unbound", &kind->unbound);
  moon_fields_uint(f, "max_octets", OCTETS_MIN, OCTETS_MAX, &kind->max_octets);
  read_communities(r, kind);
  moon_fleet_values(f, kind);
  moon_fleet_faults(f, kind);
  moon_fleet_users(r, kind);
  if (moon_fields_get(f, "vary", &was)) {
    moon_fleet_hook_read(r, kind);
    lua_pop(f->L, 1);
    moon_fields_leave(f, was);
  }
}

uint32_t moon_fleet_add_kind(struct moon_fleet_reader *r) {
  struct moon_fleet *fleet = &r->fleet;
  if (moon_draft_room(&r->draft, &r->kinds, &r->kinds_cap, fleet->n_kinds, sizeof *r->kinds)) { moon_fields_raise(&r->fields); }
  struct moon_fleet_kind *kind = &r->kinds[fleet->n_kinds];
  memset(kind, 0, sizeof *kind);
  kind->place = moon_fields_place(&r->fields);
  return fleet->n_kinds++;
}

/* What only differs in EACH: the same recording, values and functions. */
static uint32_t add_variant(struct moon_fleet_reader *r, uint32_t first) {
  uint32_t at = moon_fleet_add_kind(r);
  struct moon_fleet_kind *kind = &r->kinds[at];
  const char *place = kind->place;
  *kind = r->kinds[first];
  kind->place = place;
  kind->n_communities = 0;
  kind->n_flaws = 0;
  kind->flaws = NULL;
  read_communities(r, kind);
  moon_fleet_faults(&r->fields, kind);
  return at;
}

/* ---- one agent */

/* "dir/router.snmprec": "router" */
static const char *base_name(struct moon_fields *f, const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
  const char *own = moon_draft_text(f->d, name, dot && dot != name ? (size_t)(dot - name) : strlen(name));
  if (!own) { moon_fields_raise(f); }
  return own;
}

/* The text or number that field has for agent i; NULL: nil. */
static const char *text_of(struct moon_fields *f, const char *field, uint32_t i) {
  const char *own = NULL;
  size_t was;
  if (!moon_fields_get(f, field, &was)) { return NULL; }
  if (lua_isfunction(f->L, -1)) { call(f, i); }
  size_t n = 0;
  bool good = lua_type(f->L, -1) == LUA_TSTRING || lua_type(f->L, -1) == LUA_TNUMBER;
  const char *text = good ? lua_tolstring(f->L, -1, &n) : NULL;
  if (!text || memchr(text, 0, n)) { moon_fields_fail(f, "a string is expected, not a %s", luaL_typename(f->L, -1)); }
  own = moon_draft_text(f->d, text, n);
  if (!own) { moon_fields_raise(f); }
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
  return own;
}

static void parse_address(struct moon_fleet_reader *r, const char *text, struct moon_addr *out) {
  struct moon_fields *f = &r->fields;
  const char *host;
  size_t host_len;
  struct moon_addr a;
  if (moon_addr_parse(text, r->next.port, &a, &host, &host_len)) {
    moon_fields_enter(f, "address");
    moon_fields_fail(f, "\"%.80s\" is no IP address", text);
  }
  *out = a;
}

static void count_up(struct moon_addr *a, uint32_t by) {
  uint8_t *p = a->ip + (a->family == 6 ? 12 : 0);
  uint32_t v = ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]) + by;
  for (int i = 0; i < 4; i++) { p[i] = (uint8_t)(v >> (24 - 8 * i)); }
}

struct place { struct moon_addr base; const char *name; uint32_t count; bool shared; };

/* Agent i of the table at index `table`: where and under which name. */
static void place_agent(struct moon_fleet_reader *r, const struct place *at, uint32_t i, struct moon_fleet_agent *out) {
  struct moon_fields *f = &r->fields;
  lua_State *L = f->L;
  out->addr = at->base;
  out->identity = moon_fleet_identity(r, i);
  lua_getfield(L, -1, "address");
  bool function = lua_isfunction(L, -1);
  lua_pop(L, 1);
  if (function) {
    const char *text = text_of(f, "address", i);
    parse_address(r, text ? text : "", &out->addr);
  } else if (!at->shared) {
    count_up(&out->addr, i - 1);
  }
  const char *port = text_of(f, "port", i);
  if (port) {
    unsigned v = 0;
    for (const char *p = port; *p; p++) {
      v = *p >= '0' && *p <= '9' && v <= UINT16_MAX ? v * 10 + (unsigned)(*p - '0') : UINT16_MAX + 1;
    }
    moon_fields_enter(f, "port");
    if (v == 0 || v > UINT16_MAX) { moon_fields_fail(f, "%s is no port", port); }
    f->path[0] = 0;
    out->addr.port = (uint16_t)v;
  }
  lua_getfield(L, -1, "name");
  function = lua_isfunction(L, -1);
  lua_pop(L, 1);
  if (function) {
    out->name = text_of(f, "name", i);
  } else {
    out->name = at->count == 1 ? at->name : moon_draft_format(f->d, "%s-%u", at->name, (unsigned)i);
  }
  if (!out->name) { moon_fields_raise(f); }
}

void moon_fleet_describe(struct moon_fleet_reader *r, int table) {
  static const char *const KEYS[] = {"recording", "count",  "name",   "address",    "port", "community", "write",  "live",    "rates", "values",
                                     "v3",        "vary",      "delay",  "jitter", "loss",       "faults", "max_octets", "snmp", "timing", "create", "unbound",
                                     NULL};
  static const char *const SHARING[] = {"address", "port", "community", NULL};
  struct moon_fields *f = &r->fields;
  lua_State *L = f->L;
  struct place at = {.count = 1, .base = r->next};
  luaL_checkstack(L, 20, NULL);
  f->path[0] = 0;
  lua_pushvalue(L, table);
  moon_fields_keys(f, KEYS);
  moon_fields_uint(f, "count", 1, MOON_FLEET_AGENTS_MAX, &at.count);
  if (r->fleet.n_agents + at.count > MOON_FLEET_AGENTS_MAX) { moon_fields_fail(f, "over %u agents", MOON_FLEET_AGENTS_MAX); }
  bool variants = any_function(L, table, EACH);
  if (variants) {
    lua_pop(L, 1);
    push_one(f, table, 1);
  }
  uint32_t first = moon_fleet_add_kind(r);
  struct moon_fleet_kind *kind = &r->kinds[first];
  read_kind(r, kind);
  kind->first = first;
  moon_fleet_contexts(r, first);
  kind = &r->kinds[first];
  lua_pop(L, 1);
  lua_pushvalue(L, table);
  lua_getfield(L, -1, "name");
  bool named = !lua_isfunction(L, -1) && !lua_isnil(L, -1);
  lua_pop(L, 1);
  at.name = named ? text_of(f, "name", 1) : base_name(f, kind->recording);
  lua_getfield(L, -1, "address");
  if (!lua_isfunction(L, -1) && !lua_isnil(L, -1)) {
    const char *text = lua_tostring(L, -1);
    parse_address(r, text ? text : "", &at.base);
  }
  lua_pop(L, 1);
  at.shared = any_function(L, table, SHARING);
  for (uint32_t i = 1; i <= at.count; i++) {
    struct moon_fleet_agent agent = {.kind = first};
    if (variants && i > 1) {
      push_one(f, table, i);
      agent.kind = add_variant(r, first);
      lua_pop(L, 1);
    }
    place_agent(r, &at, i, &agent);
    if (r->kinds[agent.kind].unbound && !agent.addr.port) { moon_fields_fail(f, "unbound agents need a port of their own"); }
    if (moon_draft_room(&r->draft, &r->agents, &r->agents_cap, r->fleet.n_agents, sizeof agent)) { moon_fields_raise(f); }
    r->agents[r->fleet.n_agents++] = agent;
  }
  lua_pop(L, 1);
  if (at.base.family == r->next.family) {
    uint16_t port = r->next.port;
    r->next = at.base;
    r->next.port = port;
    count_up(&r->next, at.shared ? 1 : at.count);
  }
}
