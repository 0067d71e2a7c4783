#include "agent.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>

#include "../../moonpoll.h"
#include "fault.h"
#include "index.h"
#include "row.h"

#define AGENT_TYPE "moonpoll.agent"
#define ASK_TYPE "moonpoll.ask"
#define HEADER_MAX 512 /* in front of the varbinds: community and a few integers */
#define US_A_S 1e6
#define TIME_MAX_S 1e12 /* more seconds than any clock shows, in microseconds still 64 bits */

struct agent {
  struct moon_credential credential;
  struct moon_policy policy;
  struct moon_target target;
  char name[128];           /* of errors */
};

/* A get or a table under way. Its environment keeps the agent alive. */
struct ask {
  struct agent *agent;
  struct moon_fetch *fetch; /* this one */
  struct moon_walk *walk;   /* or that one */
  struct moon_shape *shape; /* held */
  struct moon_shape *heads; /* held, NULL: none */
  struct moon_index_list only;
  struct moon_exchange exchange;
  uint64_t sent_us[MOON_TRIES_MAX];
  uint32_t id[MOON_TRIES_MAX]; /* of the tries made */
  uint32_t jitter;
  struct moon_outcome last;    /* without its PDU */
  int head_ref;
  unsigned flags;
  bool out;                    /* a request has no verdict yet */
  bool due;                    /* and a try of it is to be sent */
};

uint8_t moon_agent_version(lua_State *L, int idx, int arg) {
  const char *s = lua_type(L, idx) == LUA_TNIL ? "2c" : lua_tostring(L, idx);
  if (s && strcmp(s, "1") == 0) { return MOON_V1; }
  if (!s || (strcmp(s, "2c") != 0 && strcmp(s, "2") != 0)) {
    luaL_argerror(L, arg, lua_pushfstring(L, "version: '1' or '2c' expected, got %s", s ? s : luaL_typename(L, idx)));
  }
  return MOON_V2C;
}

static struct ask *check_ask(lua_State *L) { return luaL_checkudata(L, 1, ASK_TYPE); }

static uint64_t check_time(lua_State *L, int arg) {
  double s = luaL_checknumber(L, arg);
  luaL_argcheck(L, s >= 0 && s < TIME_MAX_S, arg, "seconds expected");
  return (uint64_t)(s * US_A_S);
}

/* A number of the options table at arg; `otherwise` when it is not there. [-0, +0, e] */
static double option(lua_State *L, int arg, const char *name, double otherwise, double low, double high) {
  double d = otherwise;
  if (!lua_istable(L, arg)) { return d; }
  lua_getfield(L, arg, name);
  if (!lua_isnil(L, -1)) {
    d = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
    if (!(d >= low && d <= high)) { luaL_argerror(L, arg, lua_pushfstring(L, "%s: a number from %f to %f expected", name, low, high)); }
  }
  lua_pop(L, 1);
  return d;
}

int moon_agent_new(lua_State *L) {
  static const struct moon_addr nowhere = {0};
  size_t n = 0;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct agent *a = lua_newuserdata(L, sizeof *a);
  memset(a, 0, sizeof *a);
  luaL_getmetatable(L, AGENT_TYPE);
  lua_setmetatable(L, 2);
  moon_policy_init(&a->policy);
  a->policy.timeout_us = (uint64_t)(option(L, 1, "timeout", (double)a->policy.timeout_us / US_A_S, 0.001, 3600) * US_A_S);
  if (a->policy.rto_floor_us > a->policy.timeout_us) { a->policy.rto_floor_us = a->policy.timeout_us; }
  a->policy.retries = (uint32_t)option(L, 1, "retries", a->policy.retries, 0, MOON_TRIES_MAX - 1);
  a->policy.breaker_after = 0;
  lua_getfield(L, 1, "version");
  a->credential.version = moon_agent_version(L, 3, 1);
  lua_getfield(L, 1, "community");
  const char *community = lua_isnil(L, -1) ? "public" : lua_tolstring(L, -1, &n);
  if (lua_isnil(L, -1)) { n = strlen(community); }
  luaL_argcheck(L, community && n <= MOON_COMMUNITY_MAX, 1, "community: a string of at most 255 octets expected");
  memcpy(a->credential.community, community, n);
  a->credential.community_len = (uint8_t)n;
  lua_getfield(L, 1, "name");
  if (lua_isstring(L, -1)) { snprintf(a->name, sizeof a->name, "%s", lua_tostring(L, -1)); }
  moon_target_init(&a->target, &nowhere, &a->credential, &a->policy);
  lua_settop(L, 2);
  return 1;
}

static int agent_gc(lua_State *L) {
  struct agent *a = luaL_checkudata(L, 1, AGENT_TYPE);
  moon_credential_fini(&a->credential);
  moon_target_fini(&a->target);
  return 0;
}

/* A new ask on top, for the agent at index 1. */
static struct ask *push_ask(lua_State *L, struct agent *a) {
  struct ask *q = lua_newuserdata(L, sizeof *q);
  memset(q, 0, sizeof *q);
  q->agent = a;
  q->head_ref = LUA_NOREF;
  luaL_getmetatable(L, ASK_TYPE);
  lua_setmetatable(L, -2);
  lua_createtable(L, 1, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  lua_setfenv(L, -2);
  return q;
}

static void hold(struct moon_shape **at, struct moon_shape *s) {
  moon_shape_hold(s);
  *at = s;
}

static unsigned read_flags(lua_State *L, int arg) {
  unsigned flags = 0;
  if (lua_istable(L, arg)) {
    lua_getfield(L, arg, "exact");
    flags = lua_toboolean(L, -1) ? MOON_VALUE_EXACT : 0;
    lua_pop(L, 1);
  }
  return flags;
}

/* agent:get(what, options) -> ask */
static int agent_get(lua_State *L) {
  struct agent *a = luaL_checkudata(L, 1, AGENT_TYPE);
  lua_settop(L, 3);
  if (!lua_isnil(L, 3)) { luaL_checktype(L, 3, LUA_TTABLE); }
  struct ask *q = push_ask(L, a);
  hold(&q->shape, moon_shape_check(L, moon_value_of(L), 2));
  q->flags = read_flags(L, 3);
  q->fetch = moon_fetch_new(&a->target, q->shape->names, q->shape->n);
  if (!q->fetch) { return luaL_error(L, "not enough memory"); }
  return 1;
}

/* agent:rows(columns, options) -> ask */
static int agent_rows(lua_State *L) {
  struct agent *a = luaL_checkudata(L, 1, AGENT_TYPE);
  struct moon_values *v = moon_value_of(L);
  enum moon_err e = MOON_OK;
  lua_settop(L, 3);
  if (!lua_isnil(L, 3)) { luaL_checktype(L, 3, LUA_TTABLE); }
  luaL_checktype(L, 2, LUA_TTABLE);
  struct ask *q = push_ask(L, a);
  hold(&q->shape, moon_shape_check(L, v, 2));
  q->flags = read_flags(L, 3);
  struct moon_walk_spec spec = {.columns = q->shape->names, .n_columns = q->shape->n};
  spec.max_rows = (uint32_t)option(L, 3, "max_rows", 0, 0, 1e9);
  spec.repetitions = (uint16_t)option(L, 3, "repetitions", 0, 0, 1000);
  if (lua_istable(L, 3)) {
    lua_getfield(L, 3, "with");
    if (!lua_isnil(L, -1)) {
      luaL_argcheck(L, lua_istable(L, -1), 3, "with: a table of OIDs expected");
      hold(&q->heads, moon_shape_check_field(L, v, -1, 3, "with"));
      spec.heads = q->heads->names;
      spec.n_heads = q->heads->n;
    }
    lua_getfield(L, 3, "only");
    if (!lua_isnil(L, -1)) {
      moon_index_list_check(L, -1, 3, "only", &q->only);
      spec.only = q->only.names;
      spec.n_only = q->only.n;
    }
    lua_pop(L, 2);
  }
  q->walk = moon_walk_new(&a->target, &spec, &e);
  if (!q->walk) {
    if (e == MOON_E_NOMEM) { return luaL_error(L, "not enough memory"); }
    return luaL_argerror(L, 2, e == MOON_E_LIMIT ? "too many columns" : "a column lies under another, or is there twice");
  }
  return 1;
}

static int ask_gc(lua_State *L) {
  struct ask *q = check_ask(L);
  moon_fetch_free(q->fetch);
  moon_walk_free(q->walk);
  moon_shape_release(q->shape);
  moon_shape_release(q->heads);
  moon_index_list_fini(&q->only);
  luaL_unref(L, LUA_REGISTRYINDEX, q->head_ref);
  *q = (struct ask){.head_ref = LUA_NOREF};
  return 0;
}

static void feed_machine(struct ask *q, const struct moon_outcome *o) {
  q->out = q->due = false;
  q->last = *o;
  q->last.pdu = (struct moon_pdu){.error_status = o->pdu.error_status};
  if (q->fetch) {
    moon_fetch_feed(q->fetch, o);
  } else {
    moon_walk_feed(q->walk, o);
  }
}

static const char *verdict(struct ask *q, enum moon_verdict v, const struct moon_outcome *o) {
  if (v == MOON_VERDICT_MINE) {
    feed_machine(q, o);
    return "mine";
  }
  if (v == MOON_VERDICT_AGAIN) {
    q->due = true;
    return "again";
  }
  return "drop";
}

/* ask:send(id, now) -> datagram | nil */
static int ask_send(lua_State *L) {
  struct ask *q = check_ask(L);
  double id = luaL_checknumber(L, 2);
  uint64_t now = check_time(L, 3);
  luaL_argcheck(L, id >= 1 && id <= INT32_MAX && id == floor(id), 2, "an id from 1 to 2147483647 expected");
  for (;;) {
    if (!q->out) {
      const struct moon_request *r;
      if (!(q->fetch ? moon_fetch_next(q->fetch, &r) : moon_walk_next(q->walk, now, &r))) { break; }
      moon_exchange_init(&q->exchange, &q->agent->target, r, now);
      q->out = q->due = true;
    }
    if (!q->due) { break; }
    size_t cap = q->exchange.request->varbinds_len + HEADER_MAX;
    struct moon_writer w;
    uint16_t made = q->exchange.tries;
    moon_writer_init(&w, lua_newuserdata(L, cap < MOON_DATAGRAM_MAX ? cap : MOON_DATAGRAM_MAX), cap < MOON_DATAGRAM_MAX ? cap : MOON_DATAGRAM_MAX);
    q->jitter = q->jitter * 1664525u + 1013904223u + (uint32_t)id;
    enum moon_err e = moon_exchange_encode(&q->exchange, (uint32_t)id, now, q->jitter >> 16, &w);
    if (e) {
      struct moon_outcome o = {.err = e, .received_us = now, .tries = made};
      feed_machine(q, &o);
      continue;
    }
    q->due = false;
    q->id[made] = (uint32_t)id;
    q->sent_us[made] = now;
    lua_pushlstring(L, (const char *)w.p, moon_writer_len(&w));
    return 1;
  }
  lua_pushnil(L);
  return 1;
}

/* ask:feed(datagram, now) -> "mine" | "again" | "drop" */
static int ask_feed(lua_State *L) {
  struct ask *q = check_ask(L);
  size_t n;
  const uint8_t *p = (const uint8_t *)luaL_checklstring(L, 2, &n);
  uint64_t now = check_time(L, 3);
  struct moon_peek peek;
  struct moon_outcome o;
  enum moon_verdict v = MOON_VERDICT_DROP;
  if (q->out && moon_message_peek(p, n, &peek) == MOON_OK) {
    for (uint16_t i = 0; i < q->exchange.tries; i++) {
      if (q->id[i] == peek.id) {
        v = moon_exchange_feed(&q->exchange, p, n, q->sent_us[i], now, &o);
        break;
      }
    }
  }
  lua_pushstring(L, verdict(q, v, &o));
  return 1;
}

/* ask:expire(now) -> the same */
static int ask_expire(lua_State *L) {
  struct ask *q = check_ask(L);
  uint64_t now = check_time(L, 2);
  struct moon_outcome o;
  enum moon_verdict v = q->out ? moon_exchange_expire(&q->exchange, now, true, &o) : MOON_VERDICT_DROP;
  lua_pushstring(L, verdict(q, v, &o));
  return 1;
}

/* ask:deadline() -> seconds | nil */
static int ask_deadline(lua_State *L) {
  struct ask *q = check_ask(L);
  if (q->out && !q->due) {
    lua_pushnumber(L, (lua_Number)moon_exchange_deadline(&q->exchange) / US_A_S);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

static bool is_over(const struct ask *q) { return q->fetch ? moon_fetch_over(q->fetch) : moon_walk_over(q->walk); }

static int ask_over(lua_State *L) {
  lua_pushboolean(L, is_over(check_ask(L)));
  return 1;
}

static void push_head(lua_State *L, struct ask *q) {
  size_t blame;
  if (!q->heads) {
    lua_pushnil(L);
    return;
  }
  if (q->head_ref == LUA_NOREF) {
    moon_row_push(L, q->heads, moon_walk_heads(q->walk), q->flags, 0, &blame);
    q->head_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, q->head_ref);
}

/* ask:next_row() -> index, row, head | nil: none now */
static int ask_next_row(lua_State *L) {
  struct ask *q = check_ask(L);
  struct moon_row row;
  size_t blame;
  if (!q->walk || !moon_walk_row(q->walk, &row)) {
    lua_pushnil(L);
    return 1;
  }
  moon_index_push(L, row.index, row.index_len);
  moon_row_push(L, q->shape, row.cells, q->flags, 0, &blame);
  push_head(L, q);
  return 3;
}

static void push_fault(lua_State *L, const struct ask *q, enum moon_err e, size_t blame) {
  struct moon_fault f = {.err = e, .device = q->agent->name[0] ? q->agent->name : NULL, .version = q->agent->credential.version,
                         .status = q->last.pdu.error_status, .tries = q->last.tries, .rtt_us = q->last.rtt_us};
  if (blame < q->shape->n) {
    f.oid = q->shape->names[blame];
  } else if (q->shape->n == 1) {
    f.oid = q->shape->names[0];
  }
  moon_fault_push(L, &f);
}

/* ask:result() -> value or row, true for rows | nil, err, what was read */
static int ask_result(lua_State *L) {
  struct ask *q = check_ask(L);
  size_t blame = SIZE_MAX;
  enum moon_err e;
  if (!is_over(q)) { return luaL_error(L, "not over yet"); }
  if (q->walk) {
    const struct moon_outcome *seen = NULL;
    e = moon_walk_err(q->walk, &blame, &seen);
    if (!e) {
      lua_pushboolean(L, 1);
      return 1;
    }
    lua_pushnil(L);
    push_fault(L, q, e, blame);
    return 2;
  }
  e = moon_fetch_err(q->fetch, &blame);
  if (e) {
    lua_pushnil(L);
    push_fault(L, q, e, blame);
    return 2;
  }
  e = moon_row_push(L, q->shape, moon_fetch_cells(q->fetch), q->flags, 0, &blame);
  if (!e) { return 1; }
  lua_pushnil(L);
  lua_insert(L, -2);
  push_fault(L, q, e, blame);
  lua_insert(L, -2);
  return 3;
}

static void make_type(lua_State *L, const char *name, lua_CFunction gc, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  for (; methods->name; methods++) {
    lua_pushcfunction(L, methods->func);
    lua_setfield(L, -2, methods->name);
  }
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

void moon_agent_open(lua_State *L) {
  static const luaL_Reg of_agent[] = {{"get", agent_get}, {"rows", agent_rows}, {NULL, NULL}};
  static const luaL_Reg of_ask[] = {{"send", ask_send},         {"feed", ask_feed},         {"expire", ask_expire},
                                    {"deadline", ask_deadline}, {"over", ask_over},         {"next_row", ask_next_row},
                                    {"result", ask_result},     {NULL, NULL}};
  make_type(L, AGENT_TYPE, agent_gc, of_agent);
  make_type(L, ASK_TYPE, ask_gc, of_ask);
}
