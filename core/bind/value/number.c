#include "number.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define EXACT_MAX 9007199254740992.0 /* 2^53: integers below are themselves as doubles */
#define U64_END 18446744073709551616.0
#define NEST_MAX 200 /* calls below one that calls back: what an error costs grows with the square of those it goes through */

static size_t format_real(double d, char *out, size_t cap) {
  if (d == floor(d) && isfinite(d)) { return (size_t)snprintf(out, cap, "%.0f", d == 0 ? 0.0 : d); }
  for (int digits = 14; digits <= 17; digits++) { /* as few as read back as the same number */
    snprintf(out, cap, "%.*g", digits, d);
    if (strtod(out, NULL) == d) { break; }
  }
  return strlen(out);
}

int moon_number_fmt(lua_State *L) {
  union moon_value_number n;
  char text[400]; /* 2^1023 has 308 digits */
  luaL_checkany(L, 1);
  switch (moon_value_number(L, 1, &n)) {
  case MOON_VALUE_REAL: lua_pushlstring(L, text, format_real(n.real, text, sizeof text)); return 1;
  case MOON_VALUE_UNSIGNED: lua_pushlstring(L, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, n.uint)); return 1;
  case MOON_VALUE_SIGNED: lua_pushlstring(L, text, (size_t)snprintf(text, sizeof text, "%" PRId64, n.sint)); return 1;
  default: break;
  }
  if (lua_type(L, 1) != LUA_TSTRING) {
    lua_Debug ar;
    luaL_checkstack(L, 2, "fmt");
    if (lua_getstack(L, NEST_MAX, &ar) && luaL_getmetafield(L, 1, "__tostring")) { return luaL_error(L, "C stack overflow"); }
    if (luaL_callmeta(L, 1, "__tostring")) { return 1; }
    switch (lua_type(L, 1)) {
    case LUA_TNIL: lua_pushliteral(L, "nil"); return 1;
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, 1) ? "true" : "false"); return 1;
    default: lua_pushstring(L, luaL_typename(L, 1)); return 1;
    }
  }
  lua_settop(L, 1);
  return 1;
}

/* A counter as it is in Lua: exactly, where it is whole. */
struct counter { double real; uint64_t uint; bool whole; };

static bool to_counter(lua_State *L, int idx, struct counter *out) {
  union moon_value_number n;
  switch (moon_value_number(L, idx, &n)) {
  case MOON_VALUE_REAL:
    out->real = n.real;
    out->whole = n.real >= 0 && n.real < U64_END && n.real == floor(n.real);
    out->uint = out->whole ? (uint64_t)n.real : 0;
    return isfinite(n.real);
  case MOON_VALUE_SIGNED:
    if (n.sint < 0) { return false; }
    __attribute__((fallthrough));
  case MOON_VALUE_UNSIGNED: *out = (struct counter){.real = (double)n.uint, .uint = n.uint, .whole = true}; return true;
  default: return false;
  }
}

/* What a state can hold: a number, or for what is no exact double the digits. [-0, +1, m] */
static void push_counter(lua_State *L, const struct counter *c) {
  char text[24];
  if (c->whole && c->real >= EXACT_MAX) {
    snprintf(text, sizeof text, "%" PRIu64, c->uint);
    lua_pushstring(L, text);
  } else {
    lua_pushnumber(L, c->real);
  }
}

/* state[key] as the last call left it. [-0, +0, m] */
static bool last_counter(lua_State *L, struct counter *c, double *at) {
  bool good = false;
  lua_pushvalue(L, 2);
  lua_gettable(L, 1);
  if (lua_istable(L, -1)) {
    lua_getfield(L, -1, "at");
    lua_getfield(L, -2, "value");
    if (lua_type(L, -2) == LUA_TNUMBER) {
      *at = lua_tonumber(L, -2);
      if (lua_type(L, -1) == LUA_TSTRING) {
        c->uint = strtoull(lua_tostring(L, -1), NULL, 10);
        c->real = (double)c->uint;
        c->whole = good = true;
      } else {
        good = to_counter(L, -1, c);
      }
    }
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
  return good;
}

static double read_at(lua_State *L) {
  double at = 0;
  bool given = false;
  if (lua_istable(L, 4)) {
    lua_getfield(L, 4, "at");
    given = lua_type(L, -1) == LUA_TNUMBER;
    at = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  if (given) { return at; }
  moon_value_push_library(L);
  lua_getfield(L, -1, "time");
  if (!lua_isfunction(L, -1)) { luaL_argerror(L, 4, "no clock here: say at = seconds"); }
  lua_call(L, 0, 1);
  at = lua_tonumber(L, -1);
  lua_pop(L, 2);
  return at;
}

static int read_bits(lua_State *L) {
  int bits = 0;
  if (lua_istable(L, 4)) {
    lua_getfield(L, 4, "bits");
    if (!lua_isnil(L, -1)) {
      bits = (int)lua_tointeger(L, -1);
      if (bits != 32 && bits != 64) { luaL_argerror(L, 4, "bits is 32 or 64"); }
    }
    lua_pop(L, 1);
  }
  return bits;
}

/* What the counter went up by; false: it was reset. A counter that wraps has, seen often enough, gone less than half way round;
 * one that was reset to about 0 looks like having gone nearly all of it unless it stood near its end. */
static bool advance(const struct counter *old, const struct counter *new, int bits, double *out) {
  if (!bits) {
    *out = old->whole && new->whole && new->uint >= old->uint ? (double)(new->uint - old->uint) : new->real - old->real;
    return *out >= 0;
  }
  uint64_t end = bits == 32 ? UINT32_MAX : UINT64_MAX, d = (new->uint - old->uint) & end;
  *out = (double)d;
  return old->whole && old->uint <= end && (new->uint >= old->uint || d <= end / 2);
}

int moon_number_rate(lua_State *L) {
  struct counter new, old;
  double last = 0, d = 0;
  lua_settop(L, 4);
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argcheck(L, lua_type(L, 2) == LUA_TSTRING || lua_type(L, 2) == LUA_TNUMBER, 2, "a name or number expected as key");
  if (!lua_isnil(L, 4)) { luaL_checktype(L, 4, LUA_TTABLE); }
  int bits = read_bits(L);
  if (lua_isnil(L, 3)) {
    lua_pushnil(L);
    return 1;
  }
  luaL_argcheck(L, to_counter(L, 3, &new), 3, "a counter expected: a finite number or uint64_t");
  if (bits) { luaL_argcheck(L, new.whole && (bits == 64 || new.uint <= UINT32_MAX), 3, "does not fit a counter of that many bits"); }
  double at = read_at(L);
  bool known = last_counter(L, &old, &last);

  lua_pushvalue(L, 2);
  lua_createtable(L, 0, 2);
  push_counter(L, &new);
  lua_setfield(L, -2, "value");
  lua_pushnumber(L, at);
  lua_setfield(L, -2, "at");
  lua_settable(L, 1);
  if (!known || !(at > last) || !advance(&old, &new, bits, &d)) {
    lua_pushnil(L);
  } else {
    lua_pushnumber(L, d / (at - last));
  }
  return 1;
}
