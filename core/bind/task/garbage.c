#include "garbage.h"

#include <lauxlib.h>
#include <stdint.h>

#define STEP 400 /* a collection works off this much for each 100 allocated: steps stay microseconds, and the heap grows little meanwhile */
#define ROOM_KB (24 * 1024)
#define MOST 400
#define LEAST 150

static const char meta_key = 0; /* its address is a registry key */

static int pause_of(int alive_kb) {
  int percent = alive_kb > 0 ? 100 + 100 * ROOM_KB / alive_kb : MOST;
  return percent > MOST ? MOST : percent < LEAST ? LEAST : percent;
}

/* An object nobody has: every collection finds it dead and ends with this, when what was not alive is gone. */
static void leave_one(lua_State *L) {
  lua_newuserdata(L, 1);
  lua_pushlightuserdata(L, (void *)(uintptr_t)&meta_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  lua_setmetatable(L, -2);
  lua_pop(L, 1);
}

static int collected(lua_State *L) {
  lua_gc(L, LUA_GCSETPAUSE, pause_of(lua_gc(L, LUA_GCCOUNT, 0)));
  leave_one(L);
  return 0;
}

void moon_garbage_setup(lua_State *L) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)&meta_key);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, collected);
  lua_setfield(L, -2, "__gc");
  lua_rawset(L, LUA_REGISTRYINDEX);
  lua_gc(L, LUA_GCSETSTEPMUL, STEP);
  lua_gc(L, LUA_GCSETPAUSE, MOST);
  leave_one(L);
}
