#include "value.h"

#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <stdio.h>

#include "../../moonpoll.h"
#include "state.h"

#define TCDATA 10          /* lua_type of cdata; LuaJIT has no public name for it */
#define TIME_TICKS_A_S 100

static const char state_key = 0, library_key = 0; /* their addresses are registry keys */

static const struct { const char *name; uint8_t type; } types[] = {
    {"integer", MOON_INTEGER},          {"string", MOON_OCTET_STRING},       {"null", MOON_NULL},
    {"oid", MOON_OBJECT_ID},            {"ip", MOON_IP_ADDRESS},             {"counter32", MOON_COUNTER32},
    {"gauge32", MOON_GAUGE32},          {"timeticks", MOON_TIME_TICKS},      {"opaque", MOON_OPAQUE},
    {"nsap", MOON_NSAP},                {"counter64", MOON_COUNTER64},       {"uinteger32", MOON_UINTEGER32},
    {"noSuchObject", MOON_NO_SUCH_OBJECT}, {"noSuchInstance", MOON_NO_SUCH_INSTANCE}, {"endOfMibView", MOON_END_OF_MIB_VIEW},
    {"unsigned", MOON_GAUGE32}, /* behind gauge32, whose name it must not take */
};

const char *moon_value_type_name(uint8_t type) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (types[i].type == type) { return types[i].name; }
  }
  return NULL;
}

uint8_t moon_value_type(const char *name, size_t n) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (strlen(types[i].name) == n && memcmp(types[i].name, name, n) == 0) { return types[i].type; }
  }
  return 0;
}

struct moon_values *moon_value_of(lua_State *L) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)&state_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  struct moon_values *v = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return v;
}

void moon_value_push_library(lua_State *L) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)&library_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
}

void moon_value_push_u64(lua_State *L, uint64_t n) {
  struct moon_values *v = moon_value_of(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, v->u64_ref);
  *v->u64 = n;
  lua_pushinteger(L, 0);
  lua_gettable(L, -2);
  lua_replace(L, -2);
}

static void push_ip(lua_State *L, const uint8_t *p) {
  char text[16], *t = text;
  for (int i = 0; i < 4; i++) {
    unsigned b = p[i];
    if (b >= 100) {
      *t++ = (char)('0' + b / 100);
      *t++ = (char)('0' + b / 10 % 10);
    } else if (b >= 10) {
      *t++ = (char)('0' + b / 10);
    }
    *t++ = (char)('0' + b % 10);
    *t++ = '.';
  }
  lua_pushlstring(L, text, (size_t)(t - text - 1));
}

static enum moon_err push_opaque(lua_State *L, const struct moon_cell *c, unsigned flags) {
  struct moon_varbind vb = {.value = c->value, .value_len = c->value_len, .type = MOON_OPAQUE};
  union moon_opaque o;
  uint8_t kind;
  enum moon_err e = moon_varbind_opaque(&vb, &kind, &o);
  if (e == MOON_E_TAG) {
    lua_pushlstring(L, (const char *)c->value, c->value_len);
    return MOON_OK;
  }
  if (e) {
    lua_pushnil(L);
    return e;
  }
  switch (kind) {
  case 0x78:
  case 0x79: lua_pushnumber(L, o.real); break;
  case 0x7a: lua_pushnumber(L, (lua_Number)o.sint); break;
  case 0x76: /* Counter64 in an Opaque */
    if (flags & MOON_VALUE_EXACT) {
      moon_value_push_u64(L, o.uint);
      break;
    }
    __attribute__((fallthrough));
  default: lua_pushnumber(L, (lua_Number)o.uint); break;
  }
  return MOON_OK;
}

static enum moon_err push_none(lua_State *L, enum moon_err e) {
  lua_pushnil(L);
  return e;
}

static __attribute__((noinline)) enum moon_err push_any(lua_State *L, const struct moon_cell *c, unsigned flags) {
  enum moon_err e;
  uint64_t u = 0;
  uint32_t u32 = 0;
  int64_t i = 0;
  if (c->err) { return push_none(L, (enum moon_err)c->err); }
  switch (c->type) {
  case MOON_INTEGER:
    e = moon_ber_i64(c->value, c->value_len, &i);
    if (e) { return push_none(L, e); }
    lua_pushnumber(L, (lua_Number)i);
    return MOON_OK;
  case MOON_COUNTER32:
  case MOON_GAUGE32:
  case MOON_UINTEGER32:
    e = moon_ber_u32(c->value, c->value_len, &u32);
    if (e) { return push_none(L, e); }
    lua_pushnumber(L, u32);
    return MOON_OK;
  case MOON_TIME_TICKS:
    e = moon_ber_u32(c->value, c->value_len, &u32);
    if (e) { return push_none(L, e); }
    lua_pushnumber(L, (lua_Number)u32 / TIME_TICKS_A_S);
    return MOON_OK;
  case MOON_COUNTER64:
    e = moon_ber_u64(c->value, c->value_len, &u);
    if (e) { return push_none(L, e); }
    if (flags & MOON_VALUE_EXACT) {
      moon_value_push_u64(L, u);
    } else {
      lua_pushnumber(L, (lua_Number)u);
    }
    return MOON_OK;
  case MOON_OCTET_STRING:
  case MOON_NSAP: lua_pushlstring(L, (const char *)c->value, c->value_len); return MOON_OK;
  case MOON_OBJECT_ID:
    moon_value_push_oid(L, c->value, c->value_len);
    return lua_isnil(L, -1) ? moon_oid_check(c->value, c->value_len) : MOON_OK;
  case MOON_IP_ADDRESS:
    if (c->value_len != 4) { return push_none(L, MOON_E_LENGTH); }
    push_ip(L, c->value);
    return MOON_OK;
  case MOON_OPAQUE: return push_opaque(L, c, flags);
  case 0:
  case MOON_NULL:
  case MOON_NO_SUCH_OBJECT:
  case MOON_NO_SUCH_INSTANCE:
  case MOON_END_OF_MIB_VIEW: return push_none(L, MOON_OK);
  default: return push_none(L, MOON_E_TAG);
  }
}

/* 1 to 4 octets, big-endian. */
static inline uint32_t load(const uint8_t *p, uint32_t n) {
  uint32_t v;
  if (n < 4) { return (uint32_t)p[0] << 8 * (n - 1) | (uint32_t)p[n / 2] << 8 * (n - 1 - n / 2) | p[n - 1]; }
  memcpy(&v, p, 4);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  v = __builtin_bswap32(v);
#endif
  return v;
}

static inline bool is_small(const struct moon_cell *c, lua_Number *out) {
  uint32_t n = c->value_len, shift = 32 - 8 * n;
  if (c->err || n - 1 >= 4) { return false; }
  switch (c->type) {
  case MOON_INTEGER: *out = (int32_t)(load(c->value, n) << shift) >> shift; return true;
  case MOON_COUNTER32:
  case MOON_GAUGE32:
  case MOON_UINTEGER32: *out = load(c->value, n); return true;
  case MOON_TIME_TICKS: *out = (lua_Number)load(c->value, n) / TIME_TICKS_A_S; return true;
  default: return false;
  }
}

bool moon_value_is_small(const struct moon_cell *c, lua_Number *out) { return is_small(c, out); }

enum moon_err moon_value_push(lua_State *L, const struct moon_cell *c, unsigned flags) {
  lua_Number n;
  if (!is_small(c, &n)) { return push_any(L, c, flags); }
  lua_pushnumber(L, n);
  return MOON_OK;
}

void moon_value_push_oid(lua_State *L, const uint8_t *oid, size_t n) {
  char text[MOON_OID_TEXT_MAX];
  size_t len = moon_oid_format(oid, n, text, sizeof text);
  if (len) {
    lua_pushlstring(L, text, len);
  } else {
    lua_pushnil(L);
  }
}

enum moon_err moon_value_push_raw(lua_State *L, const uint8_t *oid, size_t oid_len, const struct moon_cell *c, unsigned flags) {
  const char *type = moon_value_type_name(c->type);
  lua_createtable(L, 0, 3);
  moon_value_push_oid(L, oid, oid_len);
  lua_setfield(L, -2, "oid");
  if (type) {
    lua_pushstring(L, type);
  } else {
    lua_pushfstring(L, "tag %d", (int)c->type);
  }
  lua_setfield(L, -2, "type");
  enum moon_err e = moon_value_push(L, c, flags);
  lua_setfield(L, -2, "value");
  return e;
}

enum moon_value_kind moon_value_number(lua_State *L, int idx, union moon_value_number *out) {
  int type = lua_type(L, idx);
  if (type == LUA_TNUMBER) {
    out->real = lua_tonumber(L, idx);
    return MOON_VALUE_REAL;
  }
  if (type != TCDATA) { return MOON_VALUE_NONE; }
  const struct moon_values *v = moon_value_of(L);
  lua_pushvalue(L, idx);
  lua_rawgeti(L, LUA_REGISTRYINDEX, v->classify_ref);
  lua_insert(L, -2);
  lua_call(L, 1, 1);
  int kind = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  if (kind == 0) { return MOON_VALUE_NONE; }
  memcpy(&out->uint, lua_topointer(L, idx), sizeof out->uint);
  return kind == 1 ? MOON_VALUE_UNSIGNED : MOON_VALUE_SIGNED;
}

static int state_gc(lua_State *L) {
  struct moon_values *v = lua_touserdata(L, 1);
  moon_shapes_fini(v);
  moon_mem_free(v->scratch);
  v->scratch = NULL;
  return 0;
}

/* package.preload entry; upvalue 1: the struct moon_embedded */
static int load_embedded(lua_State *L) {
  const struct moon_embedded *m = lua_touserdata(L, lua_upvalueindex(1));
  if (luaL_loadbuffer(L, (const char *)m->code, m->len, m->name)) { return lua_error(L); }
  luaJIT_setmode(L, -1, LUAJIT_MODE_ALLFUNC | LUAJIT_MODE_OFF);
  lua_pushstring(L, m->name);
  lua_call(L, 1, 1);
  return 1;
}

static const char prepare[] =
    "local ffi = require 'ffi'\n"
    "local u64, i64, istype = ffi.typeof 'uint64_t', ffi.typeof 'int64_t', ffi.istype\n"
    "local function classify(v) return istype(u64, v) and 1 or istype(i64, v) and 2 or 0 end\n"
    "return ffi.new 'uint64_t[1]', classify\n";

static void open_state(lua_State *L) {
  struct moon_values *v = lua_newuserdata(L, sizeof *v);
  memset(v, 0, sizeof *v);
  moon_list_init(&v->lru);
  moon_list_init(&v->held);
  moon_list_init(&v->dead);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, state_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  if (luaL_loadbuffer(L, prepare, sizeof prepare - 1, "=moonpoll.core")) { lua_error(L); }
  luaJIT_setmode(L, -1, LUAJIT_MODE_ALLFUNC | LUAJIT_MODE_OFF);
  lua_call(L, 0, 2);
  v->classify_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  v->u64 = (uint64_t *)(uintptr_t)lua_topointer(L, -1);
  v->u64_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  moon_fault_open(L, v);
  lua_pushlightuserdata(L, (void *)(uintptr_t)&state_key);
  lua_insert(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
}

struct moon_values *moon_value_open(lua_State *L, const struct moon_embedded *modules) {
  struct moon_values *v = moon_value_of(L);
  if (v) { return v; }
  luaL_checkstack(L, 2 * MOON_VALUE_STACK, "moonpoll");
  open_state(L);
  moon_value_of(L)->interpreted = modules != NULL;

  lua_createtable(L, 0, 32);
  moon_decode_open(L);
  lua_pushliteral(L, MOON_VERSION);
  lua_setfield(L, -2, "_VERSION");
  lua_pushlightuserdata(L, (void *)(uintptr_t)&library_key);
  lua_pushvalue(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);

  lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "moonpoll.core");
  lua_getfield(L, -1, "package");
  lua_getfield(L, -1, "preload");
  for (const struct moon_embedded *m = modules; m && m->name; m++) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)m);
    lua_pushcclosure(L, load_embedded, 1);
    lua_setfield(L, -2, m->name);
  }
  lua_pop(L, 4);
  return moon_value_of(L);
}
