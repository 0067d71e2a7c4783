#include "lib.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "device.h"
#include "get.h"
#include "out.h"
#include "rows.h"
#include "run.h"

static double now_s(const struct moon_host *h) { return (double)moon_engine_clock_us(h->engine) / 1e6; }

static double wall_s(const struct moon_host *h) {
  struct timespec t;
  if (h->config.epoch_s > 0) { return now_s(h) + h->config.epoch_s; }
  clock_gettime(CLOCK_REALTIME, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* now(): monotonic seconds; time(): Unix seconds [-0, +1, -] */
static int now(lua_State *L) {
  lua_pushnumber(L, now_s(moon_host_of(L)));
  return 1;
}

static int wall(lua_State *L) {
  lua_pushnumber(L, wall_s(moon_host_of(L)));
  return 1;
}

/* log(level, text): with probe and device in front [-0, +0, e] */
static int log_(lua_State *L) {
  static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
  struct moon_host *h = moon_host_of(L);
  enum moon_level level = (enum moon_level)luaL_checkoption(L, 1, NULL, levels);
  const char *text = luaL_checkstring(L, 2);
  if (h->current) {
    struct moon_run *r = h->current->run;
    const struct moon_device *d = r->duty->device;
    if (!moon_limits_take(&r->left.log_lines)) {
      if (r->quiet) { return 0; }
      r->quiet = true;
      moon_limits_push_text(L, r->version->plan, "max_log_lines");
      moon_task_where(L, L);
      moon_host_log(h, MOON_LOG_WARN, "%s: %s: %s%s: the others are left out", r->version->title, d->target->plan->name,
                    lua_tostring(L, -1), lua_tostring(L, -2));
      return 0;
    }
    moon_host_log(h, level, "%s: %s: %s", r->version->title, d->target->plan->name, text);
  } else {
    moon_host_log(h, level, "%s", text);
  }
  return 0;
}

/* refused(text): is it what was raised last because the configuration does not allow something? [-0, +1, e] */
static int refused(lua_State *L) {
  lua_pushboolean(L, moon_limits_is_marked(moon_host_of(L), luaL_checkstring(L, 1)));
  return 1;
}

/* os.time() and os.date(format) of a host whose wall clock was handed in; the second upvalue is the real one [-0, +1, e] */
static int os_time(lua_State *L) {
  if (lua_isnoneornil(L, 1)) {
    lua_pushnumber(L, floor(wall_s(moon_host_of(L))));
    return 1;
  }
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 1);
  return 1;
}

static int os_date(lua_State *L) {
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_pushnumber(L, floor(wall_s(moon_host_of(L))));
    lua_replace(L, 2);
  }
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  lua_call(L, 2, 1);
  return 1;
}

static void set_os(lua_State *L, struct moon_host *h, const char *name, lua_CFunction f) { /* os at the top [-0, +0, m] */
  lua_pushlightuserdata(L, h);
  lua_getfield(L, -2, name);
  lua_pushcclosure(L, f, 2);
  lua_setfield(L, -2, name);
}

static int device_text(lua_State *L) {
  lua_pushliteral(L, "name");
  if (lua_istable(L, 1)) { lua_rawget(L, 1); }
  return 1;
}

static int take_ref(lua_State *L, int idx, const char *name) {
  lua_getfield(L, idx, name);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

void moon_lib_setup(struct moon_host *h, lua_State *L) {
  static const luaL_Reg functions[] = {{"now", now}, {"time", wall}, {"log", log_}, {"refused", refused}, {NULL, NULL}};
  static const char *const shared[] = {"all", "spawn", "sleep", "now", "time", "log", NULL};
  int top = lua_gettop(L);
  if (h->config.epoch_s > 0) {
    lua_getglobal(L, "os");
    set_os(L, h, "time", os_time);
    set_os(L, h, "date", os_date);
    lua_settop(L, top);
  }
  moon_out_setup(h, L);
  moon_rows_setup(h, L);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "moonpoll.task");
  lua_call(L, 1, 1);
  lua_newtable(L);
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushlightuserdata(L, h);
    lua_pushcclosure(L, f->func, 1);
    lua_setfield(L, -2, f->name);
  }
  moon_task_functions(L, h);
  moon_device_functions(L, h);
  moon_get_functions(L, h);
  moon_rows_functions(L, h);
  lua_call(L, 1, 1);
  int made = lua_gettop(L);
  h->matched_ref = take_ref(L, made, "matched");
  h->iterator_ref = take_ref(L, made, "iterator");
  h->print_ref = take_ref(L, made, "print");
  lua_createtable(L, 0, 3); /* metatable of devices */
  lua_getfield(L, made, "device");
  moon_device_fields(L);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, device_text);
  lua_setfield(L, -2, "__tostring");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  h->device_meta = luaL_ref(L, LUA_REGISTRYINDEX);
  moon_value_push_library(L); /* init.lua takes them from there */
  for (const char *const *name = shared; *name; name++) {
    lua_getfield(L, made, *name);
    lua_setfield(L, -2, *name);
  }
  lua_settop(L, top);
}

void moon_lib_push(lua_State *L, struct moon_host *h) {
  (void)h;
  lua_getglobal(L, "require");
  lua_pushliteral(L, "moonpoll");
  lua_call(L, 1, 1);
  int from = lua_gettop(L);
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, from)) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, from + 1);
  }
  lua_remove(L, from);
}
