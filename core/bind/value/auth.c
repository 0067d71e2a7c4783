#include "auth.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "../../base/mem.h"
#include "../load/login.h"
#include "options.h"

#define AUTH_TYPE "moonpoll.auth"
#define KEYRING_TYPE "moonpoll.keyring"
#define CONTEXTS 20000 /* of keys at work; localized keys outlive them */

static const char keyring_key = 0; /* its address is a registry key */

const struct moon_credential *moon_auth_at(lua_State *L, int idx) {
  const struct moon_credential *c = lua_touserdata(L, idx);
  if (!c || !lua_getmetatable(L, idx)) { return NULL; }
  luaL_getmetatable(L, AUTH_TYPE);
  bool is = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is ? c : NULL;
}

/* version: 1, 2, 3, "1", "2c", "3"; where there is a user and nothing is said 3. */
static uint8_t read_version(lua_State *L, int arg) {
  lua_getfield(L, arg, "user");
  bool user = !lua_isnil(L, -1);
  lua_getfield(L, arg, "version");
  const char *s = lua_isnil(L, -1) ? (user ? "3" : "2c") : lua_tostring(L, -1);
  uint8_t v = MOON_V2C;
  if (s && strcmp(s, "1") == 0) {
    v = MOON_V1;
  } else if (s && strcmp(s, "3") == 0) {
    v = MOON_V3;
  } else if (!s || (strcmp(s, "2c") != 0 && strcmp(s, "2") != 0)) {
    luaL_argerror(L, arg, lua_pushfstring(L, "version: '1' or '2c' or '3' expected, got %s", s ? s : luaL_typename(L, -1)));
  }
  lua_pop(L, 2);
  return v;
}

static void read_community(lua_State *L, int arg, struct moon_credential *c) {
  size_t n = 0;
  lua_getfield(L, arg, "community");
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushliteral(L, "public");
  }
  const char *community = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
  luaL_argcheck(L, community && n <= MOON_COMMUNITY_MAX, arg, "community: a string of at most 255 octets expected");
  memcpy(c->community, community, n);
  c->community_len = (uint8_t)n;
  lua_pop(L, 1);
}

/* The key of a password, where there is one. */
static enum moon_err make_key(struct moon_crypto *crypto, const struct moon_credential *c, const struct moon_text *password, struct moon_key *key) {
  if (!password->p || !c->auth) { return MOON_OK; }
  return moon_key_from_password(crypto, (enum moon_auth)c->auth, (const uint8_t *)password->p, password->n, key);
}

static void read_user(lua_State *L, int arg, struct moon_credential *c) {
  struct moon_login u = {0};
  struct moon_login_fault fault = {0};
  struct moon_crypto *crypto = NULL;
  size_t n;
  int top = lua_gettop(L);
  luaL_checkstack(L, MOON_LOGIN_PARTS, NULL);
  for (int part = 0; part < MOON_LOGIN_PARTS; part++) {
    lua_getfield(L, arg, moon_login_keys[part]);
    if (lua_isnil(L, -1)) { continue; }
    if (lua_type(L, -1) != LUA_TSTRING) {
      luaL_argerror(L, arg, lua_pushfstring(L, "%s: a string expected, got a %s", moon_login_keys[part], luaL_typename(L, -1)));
    }
    u.part[part].p = lua_tolstring(L, -1, &n);
    u.part[part].n = (uint32_t)n;
  }
  enum moon_err e = moon_crypto_new(0, &crypto);
  if (!e) { e = moon_login_fill(&u, crypto, c, &fault); }
  if (!e) { e = make_key(crypto, c, &u.part[MOON_LOGIN_AUTH_PASS], &c->auth_key); }
  if (!e && c->priv) { e = make_key(crypto, c, &u.part[MOON_LOGIN_PRIV_PASS], &c->priv_key); }
  moon_crypto_free(crypto);
  if (e == MOON_E_CONFIG && fault.text[0]) {
    luaL_argerror(L, arg, lua_pushfstring(L, "%s: %s", moon_login_keys[fault.part], fault.text));
  } else if (e) {
    luaL_error(L, "version 3: %s", moon_err_text(e));
  }
  lua_settop(L, top);
}

const struct moon_credential *moon_auth_make(lua_State *L, int arg) {
  uint8_t version = read_version(L, arg);
  struct moon_credential *c = lua_newuserdata(L, sizeof *c);
  memset(c, 0, sizeof *c);
  luaL_getmetatable(L, AUTH_TYPE);
  lua_setmetatable(L, -2);
  c->version = version;
  if (version == MOON_V3) {
    read_user(L, arg, c);
  } else {
    read_community(L, arg, c);
  }
  return c;
}

int moon_auth_new(lua_State *L) {
  const char *known[MOON_LOGIN_PARTS + 3] = {"version", "community"};
  memcpy(known + 2, moon_login_keys, sizeof moon_login_keys);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  moon_options_check(L, 1, known, false);
  bool v3 = read_version(L, 1) == MOON_V3;
  for (int i = 0; i < MOON_LOGIN_PARTS + 1; i++) {
    lua_getfield(L, 1, known[i + 1]);
    if (!lua_isnil(L, -1) && v3 == (i == 0)) {
      luaL_argerror(L, 1, lua_pushfstring(L, "%s is of version %s", known[i + 1], v3 ? "1 and 2c; version 3 has user" : "3"));
    }
  }
  lua_settop(L, 1);
  moon_auth_make(L, 1);
  return 1;
}

static int auth_gc(lua_State *L) {
  struct moon_credential *c = luaL_checkudata(L, 1, AUTH_TYPE);
  moon_credential_fini(c);
  return 0;
}

static int keyring_gc(lua_State *L) {
  struct moon_keyring **k = luaL_checkudata(L, 1, KEYRING_TYPE);
  moon_keyring_free(*k);
  *k = NULL;
  return 0;
}

struct moon_keyring *moon_auth_keyring(lua_State *L) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)&keyring_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  if (!lua_isnil(L, -1)) { return *(struct moon_keyring **)lua_touserdata(L, -1); }
  lua_pop(L, 1);
  uint64_t salt;
  /* Salts have to differ from those of every process that ever had the same key. */
  if (getrandom(&salt, sizeof salt, 0) != sizeof salt) { luaL_error(L, "no random numbers: %s", strerror(errno)); }
  struct moon_keyring **k = lua_newuserdata(L, sizeof *k);
  *k = NULL;
  luaL_getmetatable(L, KEYRING_TYPE);
  lua_setmetatable(L, -2);
  enum moon_err e = moon_keyring_new(salt, CONTEXTS, k);
  if (e) { luaL_error(L, "version 3: %s", moon_err_text(e)); }
  lua_pushlightuserdata(L, (void *)(uintptr_t)&keyring_key);
  lua_pushvalue(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
  return *k;
}

static void make_type(lua_State *L, const char *name, lua_CFunction gc) {
  luaL_newmetatable(L, name);
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

void moon_auth_open(lua_State *L) {
  make_type(L, AUTH_TYPE, auth_gc);
  make_type(L, KEYRING_TYPE, keyring_gc);
}
