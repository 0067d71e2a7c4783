/* breath: a C function that has gone on for a while looks whether it is to stop: it calls a Lua function that does nothing, in which
 * the hook is seen that stops scripts (task/guard.h), and which raises then. */
#ifndef MOON_BIND_LOAD_BREATH_H
#define MOON_BIND_LOAD_BREATH_H

#include <lauxlib.h>
#include <luajit.h>

#define MOON_BREATH_STEPS 4096u /* of some 10 to 200 ns */

/* Pushes that function, to be the first upvalue of who calls moon_breath. [-0, +1, m e] */
static inline void moon_breath_push(lua_State *L) {
  static const char nothing[] = "return function() end";
  if (luaL_loadbufferx(L, nothing, sizeof nothing - 1, "@lua/moonpoll/breath", "t")) { lua_error(L); }
  lua_call(L, 0, 1);
  luaJIT_setmode(L, -1, LUAJIT_MODE_FUNC | LUAJIT_MODE_OFF);
}

/* Counts; every MOON_BREATH_STEPS it looks. [-0, +0, e] */
static inline void moon_breath(lua_State *L, unsigned *steps) {
  if (++*steps % MOON_BREATH_STEPS) { return; }
  luaL_checkstack(L, 1, NULL);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_call(L, 0, 0);
}

#endif
