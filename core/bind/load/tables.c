#include "tables.h"

#include <limits.h>
#include <luajit.h>
#include <stdbool.h>
#include <stdint.h>

#include "breath.h"
#include "strings.h"

/* Stack of the sort. */
enum { TABLE = 1, LESS, FROM, TO };

static bool less(lua_State *L, int a, int b) {
  if (lua_isnil(L, LESS)) { return lua_lessthan(L, a, b) != 0; }
  lua_pushvalue(L, LESS);
  lua_pushvalue(L, a);
  lua_pushvalue(L, b);
  lua_call(L, 2, 1);
  bool is = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return is;
}

/* Of [low, middle) and [middle, high) at `from` one run at `to`. */
static void merge(lua_State *L, int from, int to, int low, int middle, int high, unsigned *steps) {
  int a = low, b = middle, at = low;
  if (a < middle && b < high) {
    lua_rawgeti(L, from, a);
    lua_rawgeti(L, from, b);
    int left = lua_gettop(L) - 1, right = left + 1;
    for (;;) {
      moon_breath(L, steps);
      bool is = less(L, right, left);
      lua_pushvalue(L, is ? right : left);
      lua_rawseti(L, to, at++);
      if (is ? ++b == high : ++a == middle) { break; }
      lua_rawgeti(L, from, is ? b : a);
      lua_replace(L, is ? right : left);
    }
    lua_settop(L, left - 1);
  }
  for (; a < middle; a++) {
    moon_breath(L, steps);
    lua_rawgeti(L, from, a);
    lua_rawseti(L, to, at++);
  }
  for (; b < high; b++) {
    moon_breath(L, steps);
    lua_rawgeti(L, from, b);
    lua_rawseti(L, to, at++);
  }
}

/* sort(table, less) of many: merges runs of growing length. What raises leaves the table as it was. [-0, +0, e] */
static int sort(lua_State *L) {
  int n = (int)lua_objlen(L, TABLE), from = FROM, to = TO;
  unsigned steps = 0;
  lua_settop(L, LESS);
  lua_createtable(L, n, 0);
  lua_createtable(L, n, 0);
  for (int i = 1; i <= n; i++) {
    moon_breath(L, &steps);
    lua_rawgeti(L, TABLE, i);
    lua_rawseti(L, from, i);
  }
  for (int run = 1; run < n; run *= 2) {
    for (int low = 1; low <= n; low += 2 * run) {
      int middle = n - low < run ? n + 1 : low + run;
      merge(L, from, to, low, middle, n + 1 - middle < run ? n + 1 : middle + run, &steps);
      if (low > n - 2 * run) { break; } /* the next would not fit an int */
    }
    from = from == FROM ? TO : FROM;
    to = to == FROM ? TO : FROM;
  }
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, from, i);
    lua_rawseti(L, TABLE, i);
  }
  return 0;
}

/* Is it work for LuaJIT? What is wrong with the arguments is for LuaJIT to tell. [-0, +1, e] */
static int sort_is_large(lua_State *L) {
  moon_strings_check_nesting(L);
  bool right = lua_istable(L, 1) && (lua_isnoneornil(L, 2) || lua_isfunction(L, 2));
  lua_pushboolean(L, right && lua_objlen(L, 1) > MOON_TABLES_SMALL && lua_objlen(L, 1) < INT_MAX / 4);
  return 1;
}

/* insert(table, [position,] value) [-0, +0, e] */
static int insert(lua_State *L) {
  unsigned steps = 0;
  luaL_checktype(L, 1, LUA_TTABLE);
  int n = (int)lua_objlen(L, 1) + 1, top = lua_gettop(L), at = n;
  if (top != 2 && top != 3) { return luaL_error(L, "wrong number of arguments to 'insert'"); }
  if (top == 3) {
    double position = luaL_checknumber(L, 2);
    if (!(position >= 0 && position < INT_MAX)) { return luaL_argerror(L, 2, "position out of bounds"); }
    at = (int)position;
  }
  for (int i = n; i > at; i--) {
    moon_breath(L, &steps);
    lua_rawgeti(L, 1, i - 1);
    lua_rawseti(L, 1, i);
  }
  lua_settop(L, top);
  lua_rawseti(L, 1, at);
  return 0;
}

/* As concat's arguments say; false: it is for LuaJIT to tell what is wrong with them. */
static bool range(lua_State *L, int64_t *from, int64_t *to) {
  bool right = lua_istable(L, 1) && (lua_isnoneornil(L, 2) || lua_isstring(L, 2)) && (lua_isnoneornil(L, 3) || lua_isnumber(L, 3)) &&
               (lua_isnoneornil(L, 4) || lua_isnumber(L, 4));
  if (!right) { return false; }
  *from = lua_isnoneornil(L, 3) ? 1 : lua_tointeger(L, 3);
  *to = lua_isnoneornil(L, 4) ? (int64_t)lua_objlen(L, 1) : lua_tointeger(L, 4);
  return *from > INT_MIN && *to < INT_MAX;
}

/* [-0, +1, e] */
static int concat_is_large(lua_State *L) {
  int64_t from, to;
  lua_pushboolean(L, range(L, &from, &to) && to - from >= MOON_TABLES_CHUNK);
  return 1;
}

/* concat(table, between, from, to) of many: by the chunk, then the chunks. Upvalue 2: LuaJIT's. [-0, +1, m e] */
static int concat(lua_State *L) {
  int64_t from, to, last;
  int n = 0;
  unsigned steps = 0;
  if (!range(L, &from, &to)) { return 0; }
  lua_settop(L, 2);
  lua_newtable(L);
  do {
    last = to - from < MOON_TABLES_CHUNK ? to : from + MOON_TABLES_CHUNK - 1;
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_pushinteger(L, (lua_Integer)from);
    lua_pushinteger(L, (lua_Integer)last);
    lua_call(L, 4, 1);
    lua_rawseti(L, 3, ++n);
    steps = MOON_BREATH_STEPS - 1; /* each is worth a look */
    moon_breath(L, &steps);
    from = last + 1;
  } while (last < to);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, 3);
  lua_pushvalue(L, 2);
  lua_call(L, 2, 1);
  return 1;
}

/* A tail call, so that LuaJIT's messages name the script's line and the function as it is called there. */
static const char CHOICE[] = "local is_large, ours, stock = ... return function(...) if is_large(...) then return ours(...) end return stock(...) end";

/* Of the library at the top. [-0, +0, m e] */
static void choose(lua_State *L, const char *name, lua_CFunction is_large, lua_CFunction ours) {
  if (luaL_loadbufferx(L, CHOICE, sizeof CHOICE - 1, "@lua/moonpoll/tables", "t")) { lua_error(L); }
  lua_pushcfunction(L, is_large);
  moon_breath_push(L);
  lua_getfield(L, -4, name);
  lua_pushcclosure(L, ours, 2);
  lua_getfield(L, -4, name);
  lua_call(L, 3, 1);
  luaJIT_setmode(L, -1, LUAJIT_MODE_FUNC | LUAJIT_MODE_OFF);
  lua_setfield(L, -2, name);
}

void moon_tables_open(lua_State *L) {
  lua_getglobal(L, "table");
  if (lua_istable(L, -1)) {
    choose(L, "sort", sort_is_large, sort);
    choose(L, "concat", concat_is_large, concat);
    moon_breath_push(L);
    lua_pushcclosure(L, insert, 1);
    lua_setfield(L, -2, "insert");
  }
  lua_pop(L, 1);
}
