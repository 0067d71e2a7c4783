#include "user.h"

#include <lauxlib.h>
#include <string.h>


static enum moon_auth check_auth(lua_State *L, int idx) {
  enum moon_auth auth = MOON_AUTH_NONE;
  size_t n;
  const char *name = luaL_optlstring(L, idx, "none", &n);
  if (strcmp(name, "none") != 0 && moon_auth_parse(name, n, &auth)) { luaL_argerror(L, idx, "no such protocol"); }
  return auth;
}

int moon_tool_ku(lua_State *L) {
  struct moon_crypto *crypto = NULL;
  struct moon_key ku = {.len = 0};
  size_t n;
  const char *password = luaL_checklstring(L, 2, &n);
  enum moon_auth auth = check_auth(L, 1);
  enum moon_err e = auth == MOON_AUTH_NONE ? MOON_E_RANGE : moon_crypto_new(0, &crypto);
  if (!e) { e = moon_key_from_password(crypto, auth, (const uint8_t *)password, n, &ku); }
  moon_crypto_free(crypto);
  if (e) {
    lua_pushnil(L);
    lua_pushstring(L, moon_err_name(e));
    return 2;
  }
  lua_pushlstring(L, (const char *)ku.octets, ku.len);
  moon_key_wipe(&ku);
  return 1;
}

static bool parse_priv(const char *name, size_t n, enum moon_priv *priv, bool *either) {
  static const char blumenthal[] = "-Blumenthal"; /* what moonpoll calls it besides the names of net-snmp */
  size_t tail = sizeof blumenthal - 1;
  bool fixed = n > tail && strcmp(name + n - tail, blumenthal) == 0;
  *either = false;
  *priv = MOON_PRIV_NONE;
  if (strcmp(name, "none") == 0) { return true; }
  if (moon_priv_parse(name, fixed ? n - tail : n, priv)) { return false; }
  *either = !fixed && (*priv == MOON_PRIV_AES192 || *priv == MOON_PRIV_AES256);
  return true;
}

int moon_tool_key_len(lua_State *L) {
  enum moon_priv priv;
  bool either;
  size_t n;
  const char *name = luaL_optlstring(L, 2, "none", &n);
  if (!parse_priv(name, n, &priv, &either)) { return luaL_argerror(L, 2, "no such protocol"); }
  lua_pushnumber(L, (lua_Number)moon_auth_key_len(check_auth(L, 1)));
  lua_pushnumber(L, (lua_Number)moon_priv_key_len(priv));
  return 2;
}

/* Field key as octets. */
static uint8_t octets(lua_State *L, int idx, const char *key, uint8_t *out, size_t cap) {
  size_t n;
  lua_getfield(L, idx, key);
  const char *p = luaL_optlstring(L, -1, "", &n);
  if (n > cap) { luaL_error(L, "%s is longer than %d octets", key, (int)cap); }
  memcpy(out, p, n);
  lua_pop(L, 1);
  return (uint8_t)n;
}

static bool has(lua_State *L, int idx, const char *key) {
  lua_getfield(L, idx, key);
  bool there = !lua_isnil(L, -1);
  lua_pop(L, 1);
  return there;
}

static uint32_t number(lua_State *L, int idx, const char *key) {
  lua_getfield(L, idx, key);
  uint32_t v = (uint32_t)(int64_t)luaL_optnumber(L, -1, 0);
  lua_pop(L, 1);
  return v;
}

/* A key as given, cut to what is needed; a longer one of net-snmp's options is cut there too. */
static void key(lua_State *L, int idx, const char *name, size_t need, struct moon_key *out) {
  out->len = octets(L, idx, name, out->octets, sizeof out->octets);
  if (out->len > need) { out->len = (uint8_t)need; }
}

void moon_tool_user(lua_State *L, int idx, struct moon_credential *c) {
  enum moon_auth auth;
  enum moon_priv priv = MOON_PRIV_NONE;
  size_t n;
  c->user_len = octets(L, idx, "user", c->user, sizeof c->user);
  c->context_len = octets(L, idx, "context", c->context, sizeof c->context);
  c->engine_id_len = octets(L, idx, "engine_id", c->engine_id, sizeof c->engine_id);
  c->context_engine_id_len = octets(L, idx, "context_engine_id", c->context_engine_id, sizeof c->context_engine_id);
  c->level = (uint8_t)number(L, idx, "level") & MOON_V3_LEVEL;
  c->time_given = c->engine_id_len && has(L, idx, "boots");
  c->boots = number(L, idx, "boots");
  c->time = number(L, idx, "time");
  if (!(c->level & MOON_V3_AUTH)) { return; }
  lua_getfield(L, idx, "auth");
  auth = check_auth(L, lua_gettop(L));
  lua_pop(L, 1);
  c->auth = (uint8_t)auth;
  c->auth_localized = has(L, idx, "auth_local");
  key(L, idx, c->auth_localized ? "auth_local" : "auth_key", moon_auth_key_len(auth), &c->auth_key);
  if (!(c->level & MOON_V3_PRIV)) { return; }
  lua_getfield(L, idx, "priv");
  const char *name = luaL_optlstring(L, -1, "none", &n);
  if (!parse_priv(name, n, &priv, &c->priv_either)) { luaL_error(L, "no such protocol"); }
  lua_pop(L, 1);
  c->priv = (uint8_t)priv;
  c->priv_localized = has(L, idx, "priv_local");
  key(L, idx, c->priv_localized ? "priv_local" : "priv_key", c->priv_localized ? moon_priv_key_len(priv) : moon_auth_key_len(auth), &c->priv_key);
  c->priv_either = c->priv_either && !c->priv_localized && moon_auth_key_len(auth) < moon_priv_key_len(priv);
}
