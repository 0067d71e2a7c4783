#include "credentials.h"

#include <lauxlib.h>
#include <string.h>

#include "secret.h"

#define VERSION "version"
#define COMMUNITY "community"

/* version: 1, 2, 3, "1", "2c" of the credential at the top; 3 where there is a user and nothing is said. */
static uint8_t read_version(struct moon_fields *f) {
  size_t was, n = 0;
  if (!moon_fields_get(f, VERSION, &was)) {
    if (!moon_fields_get(f, moon_login_keys[MOON_LOGIN_NAME], &was)) { return MOON_V2C; }
    lua_pop(f->L, 1);
    moon_fields_leave(f, was);
    return MOON_V3;
  }
  const char *text = lua_tolstring(f->L, -1, &n);
  bool v1 = n == 1 && text[0] == '1', v3 = n == 1 && text[0] == '3';
  bool v2 = n && text[0] == '2' && (n == 1 || (n == 2 && text[1] == 'c'));
  if (!v1 && !v2 && !v3) { moon_fields_fail(f, "1, \"2c\" or 3 is expected"); }
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
  return v1 ? MOON_V1 : v2 ? MOON_V2C : MOON_V3;
}

/* Fields of the credential at the top that belong to another version. */
static void refuse_others(struct moon_fields *f, uint8_t version) {
  size_t was;
  if (version == MOON_V3) {
    if (moon_fields_get(f, COMMUNITY, &was)) { moon_fields_fail(f, "is of version 1 and 2c; version 3 has user"); }
    return;
  }
  for (const char *const *key = moon_login_keys; *key; key++) {
    if (moon_fields_get(f, *key, &was)) { moon_fields_fail(f, "is of version 3"); }
  }
}

static const char *secret_text(struct moon_fields *f, size_t *n) {
  const char *text = moon_secret_text(f->L, -1, n);
  if (!text) { moon_fields_fail(f, "a string, file\"...\" or env\"...\" is expected, not a %s", luaL_typename(f->L, -1)); }
  return text;
}

static void read_community(struct moon_fields *f, const char *name, uint8_t version) {
  size_t was, n = 0;
  if (!moon_fields_get(f, COMMUNITY, &was)) { moon_fields_fail(f, "community is missing"); }
  const char *text = secret_text(f, &n);
  if (n == 0) { moon_fields_fail(f, "is empty"); }
  if (n > MOON_COMMUNITY_MAX) { moon_fields_fail(f, "is longer than %d octets", MOON_COMMUNITY_MAX); }
  struct moon_credential *c = moon_draft_credential(f->d, name);
  if (!c) { moon_fields_raise(f); }
  memcpy(c->community, text, n);
  c->community_len = (uint8_t)n;
  c->version = version;
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}

static void read_user(struct moon_fields *f, const char *name) {
  struct moon_login u = {0};
  struct moon_login_fault fault;
  size_t was, n;
  for (int part = 0; part < MOON_LOGIN_PARTS; part++) {
    if (!moon_fields_get(f, moon_login_keys[part], &was)) { continue; }
    const char *text = secret_text(f, &n);
    /* Still in the table of the credential, so that it stays where it is. */
    u.part[part] = (struct moon_text){text, (uint32_t)n};
    lua_pop(f->L, 1);
    moon_fields_leave(f, was);
  }
  enum moon_err e = moon_draft_login(f->d, name, &u, &fault);
  if (f->d->err) { moon_fields_raise(f); }
  if (e) {
    moon_fields_enter(f, moon_login_keys[fault.part]);
    moon_fields_fail(f, "%s", fault.text);
  }
}

static void read_credential(struct moon_fields *f, const char *name) {
  const char *keys[MOON_LOGIN_PARTS + 3] = {VERSION, COMMUNITY};
  memcpy(keys + 2, moon_login_keys, sizeof moon_login_keys);
  moon_fields_keys(f, keys);
  uint8_t version = read_version(f);
  refuse_others(f, version);
  if (version == MOON_V3) {
    read_user(f, name);
  } else {
    read_community(f, name, version);
  }
}

void moon_credentials_read(struct moon_fields *f) {
  size_t was, here;
  unsigned n;
  if (!moon_fields_get(f, "auth", &was)) { return; }
  const char **names = moon_fields_names(f, &n, "credentials");
  for (unsigned i = 0; i < n; i++) {
    if (!*names[i] || strchr(names[i], ',')) { moon_fields_fail(f, "\"%s\" is no name for a credential", names[i]); }
    if (!moon_fields_get(f, names[i], &here)) { continue; }
    read_credential(f, names[i]);
    lua_pop(f->L, 1);
    moon_fields_leave(f, here);
  }
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}
