#include "wiped.h"

#include <lauxlib.h>
#include <string.h>

#include "../../base/mem.h"

/* Never grows in place: realloc would leave a copy where the block was. */
static void *resize(void *arg, void *p, size_t had, size_t n) {
  (void)arg;
  void *fresh = n ? moon_mem_alloc(n) : NULL;
  if (n && !fresh) { return n <= had ? p : NULL; } /* Lua relies on it that shrinking never fails */
  if (p) {
    if (fresh) { memcpy(fresh, p, had < n ? had : n); }
    moon_mem_wipe(p, had);
    moon_mem_free(p);
  }
  return fresh;
}

lua_State *moon_wiped_state(void) {
  lua_State *L = lua_newstate(resize, NULL);
  return L ? L : luaL_newstate(); /* a LuaJIT that brings its own memory has no room for ours */
}
