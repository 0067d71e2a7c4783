#include "device.h"

#include <string.h>

#include "roster.h"
#include "run.h"
#include "state.h"
#include "revision.h"

#define VERSION_AT 3

static void push_labels(lua_State *L, const struct moon_plan_target *t) {
  lua_createtable(L, 0, (int)t->n_labels);
  for (uint32_t i = 0; i < t->n_labels; i++) {
    lua_pushlstring(L, t->labels[i].key.p, t->labels[i].key.n);
    lua_pushlstring(L, t->labels[i].value.p, t->labels[i].value.n);
    lua_rawset(L, -3);
  }
}

/* Of the device's table at the top: what its target says of it by now. [-0, +0, m] */
static void set_told(lua_State *L, struct moon_device *d) {
  const struct moon_plan_target *t = d->target->plan;
  lua_pushstring(L, t->host);
  lua_setfield(L, -2, "host");
  if (t->n_labels) {
    push_labels(L, t);
    lua_setfield(L, -2, "labels");
  } else { /* see moon_device_fields */
    lua_pushliteral(L, "labels");
    lua_rawget(L, -2);
    bool had = !lua_isnil(L, -1);
    lua_pop(L, 1);
    if (had) {
      lua_pushnil(L);
      lua_setfield(L, -2, "labels");
    }
  }
  d->edition = d->target->edition;
}

/* Where it is by now. [-0, +0, m] */
static void set_address(lua_State *L, const struct moon_device *d) {
  const struct moon_addr *a = &moon_peer_target(d->target->peer)->addr;
  char address[MOON_ADDR_TEXT_MAX];
  if (!a->family) { return; }
  moon_addr_format(a, address, sizeof address);
  lua_pushstring(L, address);
  lua_setfield(L, -2, "address");
}

void moon_device_push(lua_State *L, struct moon_device *d) {
  const struct moon_plan_target *t = d->target->plan;
  if (d->ref != LUA_NOREF) {
    moon_shelf_push(L, &d->probe->host->shelf, d->ref);
    bool changed = d->edition != d->target->edition;
    if (changed) { set_told(L, d); }
    if (changed || t->lookup) { set_address(L, d); }
    return;
  }
  moon_device_make(L, d, d->probe->current);
  lua_pushvalue(L, -1);
  d->ref = moon_shelf_put(L, &d->probe->host->shelf);
}

void moon_device_make(lua_State *L, struct moon_device *d, const struct moon_revision *v) {
  struct moon_host *h = d->probe->host;
  lua_createtable(L, 3, d->target->plan->n_labels ? 5 : 4); /* in a hash of 8 places or of 4: 96 octets less */
  lua_pushnumber(L, moon_roster_id(h, d));
  lua_rawseti(L, -2, 1);
  moon_device_put_version(L, v->text);
  lua_pushstring(L, d->target->plan->name);
  lua_setfield(L, -2, "name");
  set_told(L, d);
  set_address(L, d);
  moon_state_make(L, -1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, h->device_meta);
  lua_setmetatable(L, -2);
}

void moon_device_put_version(lua_State *L, const char *text) {
  lua_pushstring(L, text);
  lua_rawseti(L, -2, VERSION_AT);
}

void moon_device_push_version(lua_State *L, int idx) {
  lua_rawgeti(L, idx, VERSION_AT);
  if (lua_type(L, -1) == LUA_TSTRING) { return; }
  lua_pop(L, 1);
  lua_pushliteral(L, "");
}

struct moon_device *moon_device_check(lua_State *L, int arg) {
  struct moon_host *h = moon_host_of(L);
  struct moon_device *d = NULL;
  if (lua_istable(L, arg)) {
    lua_rawgeti(L, arg, 1);
    double id = lua_tonumber(L, -1);
    lua_pop(L, 1);
    d = moon_roster_device(h, id);
    if (d && h->current && h->current->probe != d->probe) { d = NULL; }
  }
  if (!d) { luaL_argerror(L, arg, "a device expected: call its methods with a colon, device:get(...)"); }
  if (h->current && h->current->run->pair != d->pair) { h->current->run->guest = true; }
  return d;
}

/* What stands at [2] of a device asked in a context, which is its upvalue: nothing that a script can make, and none of the light
 * userdata that it may find elsewhere. */
static int of_context(lua_State *L) {
  (void)L;
  return 0;
}

const struct moon_context *moon_device_context(lua_State *L, int arg) {
  const struct moon_context *c = NULL;
  lua_rawgeti(L, arg, 2);
  if (lua_tocfunction(L, -1) == of_context && lua_getupvalue(L, -1, 1)) {
    c = lua_touserdata(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return c;
}

/* version(device): 1, 2 or 3 [-0, +1, e] */
static int version(lua_State *L) {
  struct moon_device *d = moon_device_check(L, 1);
  uint8_t v = moon_query_version(d->probe->host, d->target);
  lua_pushinteger(L, v == MOON_V1 ? 1 : v == MOON_V2C ? 2 : 3);
  return 1;
}

/* context(device, name): what stands at [2] of a device asked in this context [-0, +1, e] */
static int context(lua_State *L) {
  struct moon_device *d = moon_device_check(L, 1);
  size_t n;
  const char *name = luaL_checklstring(L, 2, &n);
  if (n > MOON_CONTEXT_MAX) { return luaL_error(L, "with: a context of at most %d octets expected", MOON_CONTEXT_MAX); }
  const struct moon_context *c = moon_query_context(d->probe, name, n);
  if (!c) { return luaL_error(L, "with: too many contexts"); }
  lua_pushlightuserdata(L, (void *)(uintptr_t)c);
  lua_pushcclosure(L, of_context, 1);
  return 1;
}

/* boots(device): how often it was seen to restart [-0, +1, e] */
static int boots(lua_State *L) {
  lua_pushnumber(L, moon_device_check(L, 1)->target->boots);
  return 1;
}

/* fresh(device): was its sysUpTime seen in this run? [-0, +1, e] */
static int fresh(lua_State *L) {
  struct moon_device *d = moon_device_check(L, 1);
  const struct moon_task *t = d->probe->host->current;
  lua_pushboolean(L, t && d->target->uptime_at_us >= t->run->started_us);
  return 1;
}

/* silence(device): was a script told in this run that the agent did not answer? [-0, +1, e] */
static int silence(lua_State *L) {
  const struct moon_task *t = moon_device_check(L, 1)->probe->host->current;
  lua_pushboolean(L, t && t->run->silence);
  return 1;
}

/* set_match(device, yes) [-0, +0, e] */
static int set_match(lua_State *L) {
  struct moon_device *d = moon_device_check(L, 1);
  struct moon_task *t = d->probe->host->current;
  bool yes = lua_toboolean(L, 2);
  d->match = yes ? MOON_MATCH_YES : MOON_MATCH_NO;
  d->match_epoch = moon_device_epoch(d);
  if (!yes && t) { t->run->unmatched = true; }
  return 0;
}

/* Octets of the longest of its prefixes that id has, the one without any has 0; -1: none. */
static int longest_prefix(const struct moon_plan_probe *p, const char *id) {
  int most = p->n_match ? -1 : 0;
  for (uint32_t i = 0; i < p->n_match; i++) {
    size_t n = strlen(p->match[i]);
    if (id && strncmp(id, p->match[i], n) == 0 && (id[n] == '.' || !id[n]) && (int)n > most) { most = (int)n; }
  }
  return most;
}

/* outdone(device, sysObjectID or nil): has another probe of its group a longer prefix of that, or as long a one and comes first?
 * [-0, +1, e] */
static int outdone(lua_State *L) {
  const struct moon_device *d = moon_device_check(L, 1);
  struct moon_host *h = d->probe->host;
  const struct moon_task *t = h->current;
  const char *id = lua_tostring(L, 2);
  bool yes = false;
  if (t && t->run->version->plan->group) {
    const struct moon_plan_probe *mine = t->run->version->plan;
    int own = longest_prefix(mine, id);
    for (uint32_t k = 0; k < h->n_probes; k++) {
      const struct moon_device *o = &d->target->devices[k];
      const struct moon_plan_probe *p = o == d ? mine : moon_revision_of(&h->probes[k], o)->plan;
      if (o == d || !p->group || strcmp(p->group, mine->group) != 0) { continue; }
      int other = longest_prefix(p, id);
      yes = yes || other > own || (other == own && o < d);
    }
  }
  lua_pushboolean(L, yes);
  return 1;
}

bool moon_device_push_match(lua_State *L, struct moon_device *d, const struct moon_revision *v) {
  struct moon_host *h = d->probe->host;
  if (v->match == LUA_NOREF || (d->match == MOON_MATCH_YES && d->match_epoch == moon_device_epoch(d))) { return false; }
  lua_rawgeti(L, LUA_REGISTRYINDEX, h->matched_ref);
  lua_rawgeti(L, LUA_REGISTRYINDEX, v->match);
  lua_pushvalue(L, -3);
  lua_remove(L, -4);
  return true;
}

/* __newindex of what a device without labels has for them. [-0, +0, e] */
static int no_label(lua_State *L) { return luaL_error(L, "this device has no labels, and a script cannot give it any"); }

/* __index of the methods of devices: what a device itself does not have. A table for the labels of one without any is made when
 * it is looked at: most never are, and of 10,000 that is 2 MiB. It is nobody else's, so what table.insert puts there is gone.
 * [-0, +1, m] */
static int missing(lua_State *L) {
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (strcmp(key, "labels") != 0) { return 0; }
  lua_newtable(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_setmetatable(L, -2);
  return 1;
}

void moon_device_fields(lua_State *L) {
  lua_createtable(L, 0, 2);
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, no_label);
  lua_setfield(L, -2, "__newindex");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pushcclosure(L, missing, 1);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
}

void moon_device_functions(lua_State *L, struct moon_host *h) {
  static const luaL_Reg functions[] = {{"version", version}, {"context", context}, {"boots", boots}, {"fresh", fresh}, {"silence", silence},
                                       {"set_match", set_match}, {"outdone", outdone}, {NULL, NULL}};
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushlightuserdata(L, h);
    lua_pushcclosure(L, f->func, 1);
    lua_setfield(L, -2, f->name);
  }
}
