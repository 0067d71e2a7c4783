#include "options.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

void moon_options_check(lua_State *L, int idx, const char *const *known, bool numbers) {
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    lua_pop(L, 1);
    if (numbers && lua_type(L, -1) == LUA_TNUMBER) { continue; }
    const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : luaL_typename(L, -1);
    const char *const *k = known;
    while (*k && strcmp(*k, name)) { k++; }
    if (*k) { continue; }
    lua_pushstring(L, *known);
    for (k = known + 1; *k; k++) {
      lua_pushfstring(L, "%s%s%s", lua_tostring(L, -1), k[1] ? ", " : " and ", *k);
      lua_replace(L, -2);
    }
    luaL_error(L, "unknown option %s: %s %s known", name, lua_tostring(L, -1), known[1] ? "are" : "is");
  }
}

double moon_options_number(lua_State *L, int arg, const char *name, double otherwise, double low, double high) {
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

unsigned moon_options_exact(lua_State *L, int arg) {
  if (!lua_istable(L, arg)) { return 0; }
  lua_getfield(L, arg, "exact");
  unsigned flags = lua_toboolean(L, -1) ? MOON_VALUE_EXACT : 0;
  lua_pop(L, 1);
  return flags;
}
