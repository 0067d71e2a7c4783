#include "probe.h"

#include <string.h>

#include "../../base/mem.h"
#include "../load/env.h"
#include "../load/script.h"
#include "lib.h"

/* Upvalues of require: host, probe, environment, modules loaded. */
enum { PROBE = 2, ENV, LOADED };

static const struct moon_source *source(const struct moon_plan_probe *p, const char *name) {
  for (uint32_t i = 1; i < p->n_sources; i++) {
    if (strcmp(p->sources[i].name, name) == 0) { return &p->sources[i]; }
  }
  return NULL;
}

/* require "moonpoll", require "lib.cpu": the library, or lib/cpu.lua beside the probe [-0, +1, m e] */
static int require_(lua_State *L) {
  const struct moon_host_probe *p = lua_touserdata(L, lua_upvalueindex(PROBE));
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
    const struct moon_source *s = source(p->plan, name);
    if (!s) { return luaL_error(L, "module '%s' is not beside the probe", name); }
    if (moon_env_compile(L, s->text, s->len, s->path, lua_upvalueindex(ENV))) { return lua_error(L); }
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

static bool refuse(struct moon_host_probe *p, const char *what) {
  moon_host_log(p->host, MOON_LOG_ERROR, "%s: %s", p->plan->sources[0].path, what);
  return false;
}

/* run of the probe or of one job, whose table is at the top. */
static bool take_run(lua_State *L, struct moon_host_probe *p, uint32_t i) {
  lua_getfield(L, -1, "run");
  if (!lua_isfunction(L, -1)) {
    moon_host_log(p->host, MOON_LOG_ERROR, "%s: %s%s%srun: a function expected, got a %s", p->plan->sources[0].path,
                  *p->plan->jobs[i].name ? "jobs." : "", p->plan->jobs[i].name, *p->plan->jobs[i].name ? "." : "", luaL_typename(L, -1));
    lua_pop(L, 1);
    return false;
  }
  p->run[i] = luaL_ref(L, LUA_REGISTRYINDEX);
  return true;
}

static bool take_jobs(lua_State *L, struct moon_host_probe *p) {
  int t = lua_gettop(L);
  for (uint32_t i = 0; i < p->plan->n_jobs; i++) {
    const char *name = p->plan->jobs[i].name;
    if (*name) {
      lua_getfield(L, t, "jobs");
      if (!lua_istable(L, -1)) { return refuse(p, "jobs: a table expected"); }
      lua_getfield(L, -1, name);
      if (!lua_istable(L, -1)) { return refuse(p, "jobs: a job of the plan is missing"); }
    }
    if (!take_run(L, p, i)) { return false; }
    lua_settop(L, t);
  }
  return true;
}

/* What the configuration says goes before what the probe says. */
static void take_match(lua_State *L, struct moon_host_probe *p) {
  if (p->plan->n_match) {
    lua_createtable(L, (int)p->plan->n_match, 0);
    for (uint32_t i = 0; i < p->plan->n_match; i++) {
      lua_pushstring(L, p->plan->match[i]);
      lua_rawseti(L, -2, (int)i + 1);
    }
  } else {
    lua_getfield(L, -1, "match");
  }
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return;
  }
  p->match = luaL_ref(L, LUA_REGISTRYINDEX);
}

bool moon_probe_load(lua_State *L, struct moon_host_probe *p) {
  const struct moon_source *s = &p->plan->sources[0];
  int top = lua_gettop(L);
  bool good = false;
  moon_env_push(L);
  int env = lua_gettop(L);
  lua_pushlightuserdata(L, p->host);
  lua_pushlightuserdata(L, p);
  lua_pushvalue(L, env);
  lua_newtable(L);
  lua_pushcclosure(L, require_, 4);
  lua_setfield(L, env, "require");
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->host->print_ref);
  lua_setfield(L, env, "print");
  if (moon_env_compile(L, s->text, s->len, s->path, env)) {
    moon_host_log(p->host, MOON_LOG_ERROR, "%s", lua_tostring(L, -1));
    goto out;
  }
  lua_createtable(L, 0, (int)p->plan->n_args);
  for (uint32_t i = 0; i < p->plan->n_args; i++) {
    lua_pushstring(L, p->plan->args[i].value);
    lua_setfield(L, -2, p->plan->args[i].key);
  }
  if (moon_script_call(L, 1)) {
    moon_env_message(L, s->path);
    moon_host_log(p->host, MOON_LOG_ERROR, "%s", lua_tostring(L, -1));
    goto out;
  }
  if (!lua_istable(L, -1)) {
    moon_host_log(p->host, MOON_LOG_ERROR, "%s: a probe returns a table, this one a %s", s->path, luaL_typename(L, -1));
    goto out;
  }
  if (!take_jobs(L, p)) { goto out; }
  take_match(L, p);
  good = true;
out:
  lua_settop(L, top);
  return good;
}
