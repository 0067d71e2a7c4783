#include "shift.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../load/env.h"
#include "../load/script.h"
#include "device.h"
#include "probe.h"
#include "state.h"

#define SERIAL_BEFORE UINT32_MAX /* of a version this process never had */

/* The state of what ref refers to is left as it is: pushes what v takes for it. [-0, +1, m e] */
static void push_adapted(lua_State *L, int ref, const struct moon_revision *v) {
  moon_shelf_push(L, &v->probe->host->shelf, ref);
  moon_device_push_version(L, -1);
  moon_state_push_of(L, -2);
  int was = lua_gettop(L) - 1, state = was + 1;
  moon_state_copy(L, state);
  if (v->migrate != LUA_NOREF && strcmp(lua_tostring(L, was), v->text) != 0) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, v->migrate);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, was);
    if (moon_script_call_within(L, 2, moon_probe_seconds(v->plan), "migrate only adapts a state")) {
      moon_env_message(L, v->plan->sources[0].path);
      lua_pushfstring(L, "migrate: %s", lua_tostring(L, -1));
      lua_error(L);
    }
    if (lua_isnil(L, -1)) { lua_pop(L, 1); }
    if (!lua_istable(L, -1)) { luaL_error(L, "%s: migrate: returned a %s, no table", v->plan->sources[0].path, luaL_typename(L, -1)); }
    const char *why = moon_state_fault(L);
    if (why) { luaL_error(L, "%s: migrate: the state it returned %s", v->plan->sources[0].path, why); }
  }
  lua_replace(L, was - 1);
  lua_settop(L, was - 1);
}

void moon_shift_try(lua_State *L, struct moon_device *d, struct moon_revision *v) {
  moon_shift_settle(L, d);
  if (d->ref == LUA_NOREF) { return; }
  push_adapted(L, d->base_ref == LUA_NOREF ? d->ref : d->base_ref, v); /* what is on trial now ends with this */
  lua_pop(L, 1);
}

void moon_shift_forget(struct moon_host *h, struct moon_device *d) {
  moon_shelf_drop(h->L, &h->shelf, d->ref);
  moon_shelf_drop(h->L, &h->shelf, d->base_ref);
  d->ref = d->base_ref = LUA_NOREF;
}

/* The table at the top becomes what d has. [-1, +0, m] */
static void take(lua_State *L, struct moon_device *d, uint32_t serial, bool trial) {
  struct moon_shelf *shelf = &d->probe->host->shelf;
  int made = moon_shelf_put(L, shelf);
  if (trial && d->ref != LUA_NOREF) {
    d->base_ref = d->ref;
    d->base_serial = d->serial;
  } else {
    moon_shelf_drop(L, shelf, d->ref);
  }
  d->ref = made;
  d->serial = serial;
  d->match = MOON_MATCH_UNKNOWN;
}

/* A table of d for v, of the version of this text, with the state at the top. [-1, +1, m] */
static void put_table(lua_State *L, struct moon_device *d, const struct moon_revision *v, const char *text) {
  moon_device_make(L, d, v);
  moon_device_put_version(L, text);
  lua_pushvalue(L, -1);
  lua_insert(L, -3);
  lua_insert(L, -2);
  moon_state_put(L);
}

void moon_shift_restore(lua_State *L, struct moon_device *d, struct moon_revision *v, uint64_t version) {
  char text[MOON_REVISION_TEXT];
  snprintf(text, sizeof text, "%016" PRIx64, version);
  put_table(L, d, v, text);
  take(L, d, v->plan->version == version ? v->serial : SERIAL_BEFORE, v != v->probe->current);
}

void moon_shift_enter(lua_State *L, struct moon_device *d, struct moon_revision *v) {
  bool trial = v != v->probe->current;
  moon_shift_settle(L, d);
  if (d->serial == v->serial) { return; }
  if (d->ref == LUA_NOREF) { /* with nothing to come along: that is also what the way back leads to */
    moon_device_make(L, d, v->probe->current);
    take(L, d, v->probe->current->serial, false);
    if (!trial) { return; }
  }
  if (trial || v->migrate != LUA_NOREF) {
    push_adapted(L, d->ref, v);
  } else {
    moon_shelf_push(L, &d->probe->host->shelf, d->ref);
    moon_state_push_of(L, -1);
    lua_remove(L, -2);
  }
  put_table(L, d, v, v->text);
  take(L, d, v->serial, trial);
}

void moon_shift_settle(lua_State *L, struct moon_device *d) {
  const struct moon_host_probe *p = d->probe;
  uint8_t i = 0;
  if (d->base_ref == LUA_NOREF) { return; }
  while (i < p->n_ended && p->ended[i].serial != d->serial) { i++; }
  if (i == p->n_ended) { return; }
  moon_shelf_drop(L, &p->host->shelf, p->ended[i].back ? d->ref : d->base_ref);
  if (p->ended[i].back) {
    d->ref = d->base_ref;
    d->serial = d->base_serial;
    d->match = MOON_MATCH_UNKNOWN;
  }
  d->base_ref = LUA_NOREF;
}
