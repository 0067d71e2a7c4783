#include "env.h"

#include <lauxlib.h>
#include <luajit.h>
#include <string.h>

#include "strings.h"

static const char *const BASE[] = {
  "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawset", "select",
  "setmetatable", "tonumber", "tostring", "type", "unpack", "_VERSION", NULL,
};
static const char *const BIT[] = {
  "arshift", "band", "bnot", "bor", "bswap", "bxor", "lshift", "rol", "ror", "rshift", "tobit", "tohex", NULL,
};
static const char *const MATH[] = {
  "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cosh", "deg", "exp", "floor", "fmod", "frexp", "huge", "ldexp",
  "log", "log10", "max", "min", "modf", "pi", "pow", "rad", "random", "sin", "sinh", "sqrt", "tan", "tanh", NULL,
};
static const char *const OS[] = {"clock", "date", "difftime", "time", NULL};
static const char *const STRING[] = {
  "byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "rep", "reverse", "sub", "upper", NULL,
};
static const char *const TABLE[] = {"concat", "insert", "maxn", "remove", "sort", NULL};

/* xpcall in terms of pcall: the handler is called when the stack is unwound already, for LuaJIT calls no hook in a handler that
 * runs before, and one that does not end could not be stopped. Tracebacks, the reason to have it earlier, scripts cannot take. */
static const char XPCALL[] =
  "local pcall, type, error = pcall, type, error\n"
  "local function first(_, value) return value end\n"
  "local function after(handler, ok, ...)\n"
  "  if ok then return true, ... end\n"
  "  return false, first(pcall(handler, ...))\n"
  "end\n"
  "return function(f, handler, ...)\n"
  "  if type(handler) ~= 'function' then error(\"bad argument #2 to 'xpcall' (function expected, got \" .. type(handler) .. ')', 2) end\n"
  "  return after(handler, pcall(f, ...))\n"
  "end\n";
#define XPCALL_KEY "moonpoll.load.xpcall"

/* As in the manual: the second argument is raised. LuaJIT's raises the last one, and device:table gives nil, err, partial. [-0, +?, e] */
static int assert_(lua_State *L) {
  luaL_checkany(L, 1);
  if (lua_toboolean(L, 1)) { return lua_gettop(L); }
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_pushliteral(L, "assertion failed!");
    lua_replace(L, 2);
  }
  if (lua_type(L, 2) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, 2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

/* Copies the named fields of the table at `from` to the one at the top. [-0, +0, m] */
static void copy(lua_State *L, int from, const char *const *names) {
  for (; *names; names++) {
    lua_getfield(L, from, *names);
    lua_setfield(L, -2, *names);
  }
}

static void copy_library(lua_State *L, const char *library, const char *const *names) {
  lua_getglobal(L, library);
  int from = lua_gettop(L);
  if (lua_istable(L, from)) {
    lua_createtable(L, 0, 32);
    copy(L, from, names);
    lua_setfield(L, from - 1, library);
  }
  lua_pop(L, 1);
}

/* LuaJIT has some of its library written in Lua, table.remove among it. [-0, +0, m] */
static void interpret_library(lua_State *L) {
  static const char *const LIBRARIES[] = {"_G", "bit", "math", "os", "string", "table", NULL};
  for (const char *const *name = LIBRARIES; *name; name++) {
    lua_getglobal(L, *name);
    if (lua_istable(L, -1)) {
      for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_isfunction(L, -1) && !lua_iscfunction(L, -1)) { luaJIT_setmode(L, -1, LUAJIT_MODE_ALLFUNC | LUAJIT_MODE_OFF); }
      }
    }
    lua_pop(L, 1);
  }
}

void moon_env_protect(lua_State *L) {
  moon_strings_open(L);
  lua_getglobal(L, "string");
  if (lua_istable(L, -1)) {
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
  }
  lua_pop(L, 1);
  if (luaL_loadbufferx(L, XPCALL, sizeof XPCALL - 1, "@lua/moonpoll/env", "t")) { lua_error(L); }
  luaJIT_setmode(L, -1, LUAJIT_MODE_ALLFUNC | LUAJIT_MODE_OFF);
  lua_call(L, 0, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, XPCALL_KEY);
  lua_pushliteral(L, "");
  if (lua_getmetatable(L, -1)) {
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  interpret_library(L);
}

void moon_env_push(lua_State *L) {
  luaL_checkstack(L, 4, NULL);
  lua_createtable(L, 0, 32);
  copy(L, LUA_GLOBALSINDEX, BASE);
  lua_pushcfunction(L, assert_);
  lua_setfield(L, -2, "assert");
  lua_getfield(L, LUA_REGISTRYINDEX, XPCALL_KEY);
  lua_setfield(L, -2, "xpcall");
  copy_library(L, "bit", BIT);
  copy_library(L, "math", MATH);
  copy_library(L, "os", OS);
  copy_library(L, "string", STRING);
  copy_library(L, "table", TABLE);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "_G");
}

void moon_env_message(lua_State *L, const char *path) {
  size_t n, path_n = strlen(path);
  const char *message = lua_tolstring(L, -1, &n);
  if (!message) {
    lua_pushfstring(L, "%s: raised a %s instead of a message", path, luaL_typename(L, -1));
    lua_replace(L, -2);
    return;
  }
  if (strcmp(message, "not enough memory") == 0) { /* LuaJIT's own, which knows no line */
    lua_pushfstring(L, "%s: %s", path, message);
    lua_replace(L, -2);
    return;
  }
  if (path_n < 8 || strncmp(message, "...", 3) != 0) { return; }
  for (size_t tail = 1; tail < path_n; tail++) { /* "...tail:3: what" */
    size_t len = path_n - tail;
    if (len + 3 < n && memcmp(message + 3, path + tail, len) == 0 && message[3 + len] == ':') {
      lua_pushfstring(L, "%s%s", path, message + 3 + len);
      lua_replace(L, -2);
      return;
    }
  }
}

enum moon_err moon_env_compile(lua_State *L, const void *text, size_t n, const char *path, int env) {
  if (env < 0 && env > LUA_REGISTRYINDEX) { env = lua_gettop(L) + 1 + env; }
  if (n && *(const char *)text == LUA_SIGNATURE[0]) {
    lua_pushfstring(L, "%s: bytecode is not loaded, only text", path);
    return MOON_E_SYNTAX;
  }
  lua_pushfstring(L, "@%s", path);
  int name = lua_gettop(L);
  int failed = luaL_loadbufferx(L, text, n, lua_tostring(L, name), "t");
  lua_remove(L, name);
  if (failed) {
    moon_env_message(L, path);
    return MOON_E_SYNTAX;
  }
  luaJIT_setmode(L, -1, LUAJIT_MODE_ALLFUNC | LUAJIT_MODE_OFF);
  lua_pushvalue(L, env);
  lua_setfenv(L, -2);
  return MOON_OK;
}

void moon_env_trust(lua_State *L) {
  luaJIT_setmode(L, -1, LUAJIT_MODE_ALLFUNC | LUAJIT_MODE_ON);
  luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_ON);
}
