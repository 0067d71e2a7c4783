#include "probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../../base/mem.h"
#include "../load/env.h"
#include "../load/script.h"
#include "lib.h"

#define RELOAD_S 0.05 /* where nothing is said of processor time */

/* Upvalues of require: probe, serial of the version, environment, modules loaded. */
enum { PROBE = 1, SERIAL, ENV, LOADED };

struct work { struct moon_revision *v; char *error; size_t cap; };

static const struct moon_source *source(const struct moon_plan_probe *p, const char *name) {
  for (uint32_t i = 1; i < p->n_sources; i++) {
    if (strcmp(p->sources[i].name, name) == 0) { return &p->sources[i]; }
  }
  return NULL;
}

/* require "moonpoll", require "lib.cpu": the library, or lib/cpu.lua beside the probe [-0, +1, m e] */
static int require_(lua_State *L) {
  const struct moon_host_probe *p = lua_touserdata(L, lua_upvalueindex(PROBE));
  const struct moon_revision *v = moon_revision_find(p, (uint32_t)lua_tonumber(L, lua_upvalueindex(SERIAL)));
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  lua_pushvalue(L, 1);
  lua_rawget(L, lua_upvalueindex(LOADED));
  if (lua_islightuserdata(L, -1)) { return luaL_error(L, "module '%s' requires itself", name); }
  if (!lua_isnil(L, -1)) { return 1; }
  lua_pop(L, 1);
  if (strcmp(name, "moonpoll") == 0) {
    moon_lib_push(L, p->host);
  } else {
    const struct moon_source *s = v ? source(v->plan, name) : NULL;
    if (!s) { return luaL_error(L, "module '%s' is not beside the probe", name); }
    if (moon_env_compile(L, s->text, s->len, s->path, lua_upvalueindex(ENV))) { return lua_error(L); }
    if (v->plan->trusted) { moon_env_trust(L); }
    lua_pushvalue(L, 1);
    lua_pushlightuserdata(L, NULL);
    lua_rawset(L, lua_upvalueindex(LOADED));
    lua_pushvalue(L, 1);
    if (lua_pcall(L, 1, 1, 0)) {
      lua_pushvalue(L, 1);
      lua_pushnil(L);
      lua_rawset(L, lua_upvalueindex(LOADED));
      return lua_error(L);
    }
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      lua_pushboolean(L, 1);
    }
  }
  lua_pushvalue(L, 1);
  lua_pushvalue(L, -2);
  lua_rawset(L, lua_upvalueindex(LOADED));
  return 1;
}

static bool __attribute__((format(printf, 2, 3))) refuse(const struct work *w, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(w->error, w->cap, format, args);
  va_end(args);
  return false;
}

/* run of the probe or of one job, whose table is at the top. */
static bool take_run(lua_State *L, const struct work *w, uint32_t i) {
  const char *name = w->v->jobs[i].name;
  lua_getfield(L, -1, "run");
  if (!lua_isfunction(L, -1)) {
    return refuse(w, "%s: %s%s%srun: a function expected, got a %s", w->v->plan->sources[0].path, *name ? "jobs." : "", name, *name ? "." : "",
                  luaL_typename(L, -1));
  }
  w->v->run[i] = luaL_ref(L, LUA_REGISTRYINDEX);
  return true;
}

static bool take_jobs(lua_State *L, const struct work *w) {
  int t = lua_gettop(L);
  for (uint32_t i = 0; i < w->v->plan->n_jobs; i++) {
    const char *name = w->v->jobs[i].name;
    if (*name) {
      lua_getfield(L, t, "jobs");
      if (!lua_istable(L, -1)) { return refuse(w, "%s: jobs: a table expected", w->v->plan->sources[0].path); }
      lua_getfield(L, -1, name);
      if (!lua_istable(L, -1)) { return refuse(w, "%s: jobs: a job of the plan is missing", w->v->plan->sources[0].path); }
    }
    if (!take_run(L, w, i)) { return false; }
    lua_settop(L, t);
  }
  return true;
}

/* What the configuration says goes before what the probe says. */
static void take_match(lua_State *L, struct moon_revision *v) {
  if (v->plan->n_match) {
    lua_createtable(L, (int)v->plan->n_match, 0);
    for (uint32_t i = 0; i < v->plan->n_match; i++) {
      lua_pushstring(L, v->plan->match[i]);
      lua_rawseti(L, -2, (int)i + 1);
    }
  } else {
    lua_getfield(L, -1, "match");
  }
  if (lua_isnil(L, -1) && v->plan->group) { /* for those that no other of the group has */
    lua_pop(L, 1);
    lua_pushliteral(L, "");
  }
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return;
  }
  v->match = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* LUA_NOREF: there is none. */
static int take_function(lua_State *L, const char *name) {
  lua_getfield(L, -1, name);
  if (lua_isfunction(L, -1)) { return luaL_ref(L, LUA_REGISTRYINDEX); }
  lua_pop(L, 1);
  return LUA_NOREF;
}

double moon_probe_seconds(const struct moon_plan_probe *p) { return p->trusted ? MOON_PROBE_LOAD_S : p->cpu_ms ? p->cpu_ms / 1e3 : RELOAD_S; }

bool moon_probe_load(lua_State *L, struct moon_revision *v, double seconds, char *error, size_t cap) {
  struct moon_host_probe *p = v->probe;
  const struct work w = {v, error, cap};
  const struct moon_source *s = &v->plan->sources[0];
  int top = lua_gettop(L);
  bool good = false;
  moon_heap_charge(&p->host->heap, p->memory);
  moon_env_push(L);
  int env = lua_gettop(L);
  lua_pushlightuserdata(L, p);
  lua_pushnumber(L, v->serial);
  lua_pushvalue(L, env);
  lua_newtable(L);
  lua_pushcclosure(L, require_, 4);
  lua_setfield(L, env, "require");
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->host->print_ref);
  lua_setfield(L, env, "print");
  if (moon_env_compile(L, s->text, s->len, s->path, env)) {
    refuse(&w, "%s", lua_tostring(L, -1));
    goto out;
  }
  if (v->plan->trusted) { moon_env_trust(L); }
  lua_createtable(L, 0, (int)v->plan->n_args);
  for (uint32_t i = 0; i < v->plan->n_args; i++) {
    lua_pushstring(L, v->plan->args[i].value);
    lua_setfield(L, -2, v->plan->args[i].key);
  }
  if (moon_script_call_within(L, 1, seconds, "loading a file only describes it")) {
    moon_env_message(L, s->path);
    refuse(&w, "%s", lua_tostring(L, -1));
    goto out;
  }
  if (!lua_istable(L, -1)) {
    refuse(&w, "%s: a probe returns a table, this one a %s", s->path, luaL_typename(L, -1));
    goto out;
  }
  if (!take_jobs(L, &w)) { goto out; }
  take_match(L, v);
  v->migrate = take_function(L, "migrate");
  v->on_error = take_function(L, "on_error");
  good = true;
out:
  lua_settop(L, top);
  moon_heap_charge(&p->host->heap, NULL);
  return good;
}
