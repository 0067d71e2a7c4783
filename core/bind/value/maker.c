#include "maker.h"

#include <lauxlib.h>
#include <luajit.h>
#include <stdio.h>

#include "state.h"

/* Adds a key as it stands between brackets: any octet of a string by its number, so that nothing of it is code. */
static void add_key(lua_State *L, luaL_Buffer *b, int keys, int i) {
  char text[32];
  size_t n;
  lua_rawgeti(L, keys, i);
  if (lua_type(L, -1) == LUA_TNUMBER) {
    n = (size_t)snprintf(text, sizeof text, "%.0f", lua_tonumber(L, -1));
    lua_pop(L, 1); /* a buffer has the top of the stack for itself */
    luaL_addlstring(b, text, n);
    return;
  }
  const char *key = lua_tolstring(L, -1, &n);
  lua_pop(L, 1); /* the table of keys keeps it */
  luaL_addchar(b, '"');
  for (size_t k = 0; k < n; k++) { luaL_addlstring(b, text, (size_t)snprintf(text, sizeof text, "\\%03u", (unsigned)(uint8_t)key[k])); }
  luaL_addchar(b, '"');
}

/* The source of both functions. [-0, +1, m] */
static void push_source(lua_State *L, int keys, int n) {
  char text[16];
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, "local next, known, count = ...\nreturn function(");
  for (int i = 1; i <= n; i++) { luaL_addlstring(&b, text, (size_t)snprintf(text, sizeof text, i > 1 ? ",v%d" : "v%d", i)); }
  luaL_addstring(&b, ") return {");
  for (int i = 1; i <= n; i++) {
    luaL_addchar(&b, '[');
    add_key(L, &b, keys, i);
    luaL_addlstring(&b, text, (size_t)snprintf(text, sizeof text, "]=v%d,", i));
  }
  luaL_addstring(&b, "} end, function(t)\n  local n = 0\n  for k, v in next, t do\n    if known[k] ~= v then return false end\n"
                     "    n = n + 1\n  end\n  return n == count\nend");
  luaL_pushresult(&b);
}

void moon_maker_make(lua_State *L, struct moon_shape *s) {
  int top = lua_gettop(L), n = s->n;
  const char *source;
  size_t len;
  if (s->single || s->n > MOON_MAKER_NAMES_MAX || s->row_ref != LUA_NOREF || !lua_checkstack(L, 16)) { return; }
  moon_shape_push_keys(L, s);
  /* luaL_Buffer keeps parts of the text on the stack: the index of the keys has to be absolute. */
  push_source(L, top + 1, n);
  source = lua_tolstring(L, -1, &len);
  if (!luaL_loadbuffer(L, source, len, "=row")) {
    if (moon_value_of(L)->interpreted) { luaJIT_setmode(L, -1, LUAJIT_MODE_ALLFUNC | LUAJIT_MODE_OFF); }
    lua_getglobal(L, "next");
    lua_createtable(L, 0, n);
    for (int i = 1; i <= n; i++) {
      lua_rawgeti(L, top + 1, i);
      lua_rawgeti(L, top + 1, n + i);
      lua_rawset(L, -3);
    }
    lua_pushinteger(L, n);
    lua_call(L, 3, 2);
    s->same_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    s->row_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_settop(L, top);
}

void moon_maker_drop(lua_State *L, struct moon_shape *s) {
  luaL_unref(L, LUA_REGISTRYINDEX, s->row_ref);
  luaL_unref(L, LUA_REGISTRYINDEX, s->same_ref);
  s->row_ref = s->same_ref = LUA_NOREF;
}

bool moon_maker_same(lua_State *L, const struct moon_shape *s, int idx) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->same_ref);
  lua_pushvalue(L, idx);
  lua_call(L, 1, 1);
  bool same = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return same;
}

/* The table that is copied has 2^k places for its hashed keys. */
static unsigned room(unsigned n) {
  unsigned cap = 1;
  while (cap < n) { cap *= 2; }
  return cap - n;
}

bool moon_maker_push(lua_State *L, const struct moon_shape *s, unsigned extra) {
  if (s->row_ref == LUA_NOREF || (extra && extra > room((unsigned)s->n - s->n_array)) || !lua_checkstack(L, s->n + MOON_VALUE_STACK)) { return false; }
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->row_ref);
  return true;
}
