#include "state.h"

#include <stdio.h>
#include <string.h>

/* device[2] is the table itself, so that a script that assigns device.state something else loses nothing. */
#define AT 2

void moon_state_make(lua_State *L, int idx) {
  lua_pushvalue(L, idx);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawseti(L, -3, AT);
  lua_setfield(L, -2, "state");
  lua_pop(L, 1);
}

void moon_state_push_of(lua_State *L, int idx) {
  if (idx < 0) { idx = lua_gettop(L) + 1 + idx; }
  lua_rawgeti(L, idx, AT);
  if (lua_istable(L, -1)) { return; }
  lua_pop(L, 1);
  moon_state_make(L, idx);
  lua_rawgeti(L, idx, AT);
}

void moon_state_push(lua_State *L, struct moon_device *d) {
  moon_shelf_push(L, &d->probe->host->shelf, d->ref);
  moon_state_push_of(L, -1);
  lua_remove(L, -2);
}

void moon_state_put(lua_State *L) {
  lua_pushvalue(L, -1);
  lua_rawseti(L, -3, AT);
  lua_setfield(L, -2, "state");
  lua_pop(L, 1);
}

struct count { uint32_t values; size_t octets; char key[96]; };

/* In front of the path of what cannot be kept, ".ports[3]": the key at idx. */
static void note_key(lua_State *L, int idx, struct count *c) {
  char path[sizeof c->key];
  memcpy(path, c->key, sizeof path);
  if (lua_type(L, idx) == LUA_TSTRING) {
    (void)snprintf(c->key, sizeof c->key, ".%.40s%.50s", lua_tostring(L, idx), path);
  } else if (lua_type(L, idx) == LUA_TNUMBER) {
    (void)snprintf(c->key, sizeof c->key, "[%.14g]%.50s", lua_tonumber(L, idx), path);
  }
}

/* Why the table at the top cannot be kept; NULL: it can. */
static const char *fault(lua_State *L, int depth, struct count *c) {
  if (depth > MOON_STATE_DEPTH_MAX) { return "is nested too deep, or contains itself"; }
  if (!lua_checkstack(L, 8)) { return "is nested too deep"; }
  int key = lua_gettop(L) + 1;
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    for (int i = -2; i < 0; i++) {
      const char *why = NULL;
      switch (lua_type(L, i)) {
        case LUA_TNUMBER:
        case LUA_TBOOLEAN: break;
        case LUA_TSTRING: c->octets += lua_objlen(L, i); break;
        case LUA_TTABLE: why = i == -1 ? fault(L, depth + 1, c) : "has a table as a key"; break;
        case LUA_TFUNCTION: why = "holds a function"; break;
        default: why = "holds something else than numbers, strings, booleans and tables";
      }
      if (!why && (++c->values > 2 * MOON_STATE_VALUES_MAX || c->octets > MOON_STATE_OCTETS_MAX)) { why = "has grown too large"; }
      if (why && i == -1 && c->octets <= MOON_STATE_OCTETS_MAX && c->values <= 2 * MOON_STATE_VALUES_MAX) { note_key(L, key, c); }
      if (why) { return why; }
    }
    lua_pop(L, 1);
  }
  return NULL;
}

const char *moon_state_fault(lua_State *L) {
  struct count c = {0};
  return fault(L, 1, &c);
}

/* The table at the top in its place. A table that is there twice is two tables, so few tables may be more than any machine has.
 * [-1, +1, m e] */
static void copy(lua_State *L, int depth, uint32_t *values) {
  if (depth > MOON_STATE_DEPTH_MAX) { luaL_error(L, "the state is nested too deep"); }
  luaL_checkstack(L, 8, NULL);
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, -3); lua_pop(L, 1)) {
    int key = lua_type(L, -2), value = lua_type(L, -1);
    bool plain = value == LUA_TNUMBER || value == LUA_TSTRING || value == LUA_TBOOLEAN || value == LUA_TTABLE;
    if (!plain || (key != LUA_TNUMBER && key != LUA_TSTRING && key != LUA_TBOOLEAN)) { continue; }
    if (++*values > MOON_STATE_VALUES_MAX) { luaL_error(L, "the state has grown too large"); }
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    if (value == LUA_TTABLE) { copy(L, depth + 1, values); }
    lua_rawset(L, -5);
  }
  lua_replace(L, -2);
}

void moon_state_copy(lua_State *L, int idx) {
  uint32_t values = 0;
  lua_pushvalue(L, idx);
  copy(L, 1, &values);
}

static int check(lua_State *L) {
  struct count c = {0};
  const char *why = fault(L, 1, &c);
  if (why) { lua_pushfstring(L, "%s%s%s", why, *c.key ? ", at state" : "", c.key); } else { lua_pushnil(L); }
  return 1;
}

bool moon_state_check(struct moon_host *h, struct moon_device *d, int ref, const char *title) {
  lua_State *L = h->L;
  int top = lua_gettop(L);
  bool good = true;
  if (ref == LUA_NOREF) { return true; }
  moon_shelf_push(L, &h->shelf, ref);
  lua_rawgeti(L, -1, AT);
  if (lua_istable(L, -1)) {
    lua_pushnil(L);
    bool empty = !lua_next(L, -2);
    if (empty) {
      lua_settop(L, top);
      return true;
    }
    lua_settop(L, top + 2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, h->state_ref);
    lua_insert(L, -2);
    const char *why = lua_pcall(L, 1, 1, 0) ? "could not be looked through" : lua_tostring(L, -1);
    if (why) {
      good = false;
      moon_host_log(h, MOON_LOG_ERROR, "%s: %s: its state %s: dropped", title, d->target->plan->name, why);
      lua_pushnil(L);
      lua_rawseti(L, top + 1, AT);
    }
  }
  lua_settop(L, top);
  return good;
}

void moon_state_setup(struct moon_host *h, lua_State *L) {
  lua_pushcfunction(L, check);
  h->state_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}
