#include <lauxlib.h>
#include <string.h>
#include <strings.h>

#include "../../base/mem.h"
#include "../load/secret.h"
#include "reader.h"

#define ENGINE_ID_MIN 5 /* RFC 3411 5 */

static const char *const LEVELS[] = {"noAuthNoPriv", "authNoPriv", "authPriv"};

/* Enters v3 of the table at the top and pushes it; false: there is none. [-0, +(0|1), e] */
static bool enter(struct moon_fields *f, size_t *was) {
  static const char *const KEYS[] = {"users", "contexts", "engine_id", "boots", "time", NULL};
  if (!moon_fields_get(f, "v3", was)) { return false; }
  moon_fields_keys(f, KEYS);
  return true;
}

static void leave(struct moon_fields *f, size_t was) {
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}

/* ---- users */

/* One more, whose keys are made at the end. The fault is NULL when it was the draft that failed. */
static enum moon_err add_user(struct moon_fleet_reader *r, const struct moon_login *u, bool write, struct moon_login_fault *fault) {
  struct moon_draft *d = &r->draft;
  const struct moon_credential *c;
  struct moon_user *user;
  enum moon_err e = moon_draft_login(d, "", u, fault);
  if (e) { return e; }
  if (moon_draft_room(d, &r->users, &r->users_cap, r->n_users, sizeof *r->users)) { return d->err; }
  c = &d->credentials[r->n_users];
  user = &r->users[r->n_users++];
  *user = (struct moon_user){.name_len = c->user_len, .auth = c->auth, .priv = c->priv, .level = c->level, .write = write};
  memcpy(user->name, c->user, c->user_len);
  return MOON_OK;
}

void moon_fleet_login(struct moon_fleet_reader *r) {
  struct moon_login_fault fault;
  enum moon_err e = add_user(r, r->options->login, true, &fault);
  if (e && !r->draft.err) { moon_draft_fail(&r->draft, "%s: %s", moon_login_options[fault.part], fault.text); }
  if (e) { moon_fields_raise(&r->fields); }
}

/* The least level of the user at the top, out of those his keys allow. */
static void read_level(struct moon_fields *f, struct moon_user *user) {
  static const uint8_t levels[] = {0, MOON_V3_AUTH, MOON_V3_LEVEL};
  const char *name = NULL;
  moon_fields_text(f, "level", &name);
  if (!name) { return; }
  moon_fields_enter(f, "level");
  for (int i = 0; i < 3; i++) {
    if (strcasecmp(name, LEVELS[i]) != 0) { continue; }
    if (levels[i] > user->level) { moon_fields_fail(f, "%s is more than the user has keys for", LEVELS[i]); }
    user->level = levels[i];
    return;
  }
  moon_fields_fail(f, "the least level is one of noAuthNoPriv, authNoPriv, authPriv");
}

/* The table of one user at the top. */
static void read_user(struct moon_fleet_reader *r) {
  static const enum moon_login_part PARTS[] = {MOON_LOGIN_NAME, MOON_LOGIN_AUTH,     MOON_LOGIN_AUTH_PASS, MOON_LOGIN_AUTH_KEY,
                                               MOON_LOGIN_PRIV, MOON_LOGIN_PRIV_PASS, MOON_LOGIN_PRIV_KEY};
  enum { N = sizeof PARTS / sizeof *PARTS };
  struct moon_fields *f = &r->fields;
  const char *keys[N + 3] = {"level", "write"};
  struct moon_login u = {0};
  struct moon_login_fault fault;
  bool write = false;
  size_t was, here = strlen(f->path);
  for (int i = 0; i < N; i++) { keys[i + 2] = moon_login_keys[PARTS[i]]; }
  moon_fields_keys(f, keys);
  for (int i = 0; i < N; i++) {
    size_t n = 0;
    if (!moon_fields_get(f, moon_login_keys[PARTS[i]], &was)) { continue; }
    const char *text = moon_secret_text(f->L, -1, &n); /* the table keeps it */
    if (!text) { moon_fields_fail(f, "a string, file\"...\" or env\"...\" is expected, not a %s", luaL_typename(f->L, -1)); }
    u.part[PARTS[i]] = (struct moon_text){text, (uint32_t)n};
    leave(f, was);
  }
  moon_fields_bool(f, "write", &write);
  enum moon_err e = add_user(r, &u, write, &fault);
  if (e && f->d->err) { moon_fields_raise(f); }
  if (e) {
    moon_fields_enter(f, moon_login_keys[fault.part]);
    moon_fields_fail(f, "%s", fault.text);
  }
  struct moon_user *user = &r->users[r->n_users - 1];
  read_level(f, user);
  moon_fields_leave(f, here);
}

/* Two of one name would be a riddle. */
static void check_names(struct moon_fleet_reader *r, const struct moon_fleet_kind *kind) {
  for (uint32_t i = kind->users_at; i < r->n_users; i++) {
    for (uint32_t k = kind->users_at; k < i; k++) {
      const struct moon_user *a = &r->users[i], *b = &r->users[k];
      if (a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0) {
        moon_fields_fail(&r->fields, "user %.*s is there twice", (int)a->name_len, (const char *)a->name);
      }
    }
  }
}

void moon_fleet_users(struct moon_fleet_reader *r, struct moon_fleet_kind *kind) {
  struct moon_fields *f = &r->fields;
  size_t was, here;
  if (!enter(f, &was)) {
    kind->n_users = r->options->login ? 1 : 0;
    return;
  }
  if (moon_fields_get(f, "users", &here)) {
    unsigned n = moon_fields_list(f, "users");
    kind->users_at = r->n_users;
    for (unsigned i = 1; i <= n; i++) {
      size_t at = moon_fields_enter_index(f, i);
      lua_rawgeti(f->L, -1, (int)i);
      read_user(r);
      leave(f, at);
    }
    kind->n_users = r->n_users - kind->users_at;
    check_names(r, kind);
    leave(f, here);
  } else {
    kind->n_users = r->options->login ? 1 : 0;
  }
  if (!kind->n_users) { moon_fields_fail(f, "users is missing: { { user = ..., auth = ..., auth_pass = ... } }"); }
  leave(f, was);
}

enum moon_err moon_fleet_keys(struct moon_fleet_reader *r) {
  struct moon_draft *d = &r->draft;
  enum moon_err e = moon_password_run(&d->passwords, d->credentials, NULL, NULL);
  if (e == MOON_E_NOMEM) { return moon_draft_nomem(d); }
  if (e) { return moon_draft_fail(d, "passwords: %s", moon_err_text(e)); }
  for (uint32_t i = 0; i < r->n_users; i++) {
    r->users[i].auth_key = d->credentials[i].auth_key;
    r->users[i].priv_key = d->credentials[i].priv_key;
    moon_credential_fini(&d->credentials[i]);
  }
  for (uint32_t i = 0; i < r->fleet.n_kinds; i++) {
    if (r->kinds[i].n_users) { r->kinds[i].users = r->users + r->kinds[i].users_at; }
  }
  return MOON_OK;
}

/* ---- contexts */

/* `{ "a", b = "b.snmprec", c = true }` at the top: names, and names with what is recorded of them. */
static uint32_t read_contexts(struct moon_fleet_reader *r, uint32_t of, struct moon_fleet_context *out, uint32_t cap) {
  struct moon_fields *f = &r->fields;
  lua_State *L = f->L;
  uint32_t n = 0;
  unsigned count;
  for (unsigned i = 1; i <= lua_objlen(L, -1) && n < cap; i++) {
    size_t here = moon_fields_enter_index(f, i);
    lua_rawgeti(L, -1, (int)i);
    if (lua_type(L, -1) != LUA_TSTRING) { moon_fields_fail(f, "the name of a context is expected, not a %s", luaL_typename(L, -1)); }
    out[n++] = (struct moon_fleet_context){moon_draft_text(f->d, lua_tostring(L, -1), lua_objlen(L, -1)), UINT32_MAX};
    leave(f, here);
  }
  const char **names = moon_fleet_names(f, &count);
  for (unsigned i = 0; i < count && n < cap; i++) {
    size_t here = moon_fields_enter(f, names[i]);
    struct moon_fleet_context *c = &out[n++];
    *c = (struct moon_fleet_context){names[i], UINT32_MAX};
    lua_getfield(L, -1, names[i]);
    if (lua_type(L, -1) == LUA_TSTRING) {
      const char *path = moon_draft_beside(f->d, r->options->file ? r->options->file : "", lua_tostring(L, -1));
      if (!path) { moon_fields_raise(f); }
      c->kind = moon_fleet_add_kind(r);
      const char *place = r->kinds[c->kind].place;
      r->kinds[c->kind] = r->kinds[of];
      r->kinds[c->kind].place = place;
      r->kinds[c->kind].recording = path;
      r->kinds[c->kind].first = c->kind;
      r->kinds[c->kind].n_users = 0;
    } else if (lua_type(L, -1) != LUA_TBOOLEAN || !lua_toboolean(L, -1)) {
      moon_fields_fail(f, "true, or the recording of this context, is expected, not a %s", luaL_typename(L, -1));
    }
    leave(f, here);
  }
  return n;
}

void moon_fleet_contexts(struct moon_fleet_reader *r, uint32_t kind) {
  struct moon_fields *f = &r->fields;
  size_t was, here;
  uint32_t cap = 0;
  if (!enter(f, &was)) { return; }
  if (moon_fields_get(f, "contexts", &here)) {
    if (!lua_istable(f->L, -1)) { moon_fields_fail(f, "a list of names is expected, not a %s", luaL_typename(f->L, -1)); }
    for (lua_pushnil(f->L); lua_next(f->L, -2); lua_pop(f->L, 1)) { cap++; }
    struct moon_fleet_context *all = moon_draft_alloc(f->d, (cap + 1) * sizeof *all);
    if (!all) { moon_fields_raise(f); }
    uint32_t n = read_contexts(r, kind, all, cap);
    for (uint32_t i = 0; i < n; i++) {
      if (!all[i].name) { moon_fields_raise(f); }
      if (!*all[i].name) { moon_fields_fail(f, "the name of a context is not empty: that is the agent itself"); }
      if (strlen(all[i].name) > MOON_CONTEXT_MAX) { moon_fields_fail(f, "a name is longer than %d octets", MOON_CONTEXT_MAX); }
    }
    r->kinds[kind].contexts = all;
    r->kinds[kind].n_contexts = n;
    leave(f, here);
  }
  leave(f, was);
}

/* ---- who an agent is */

/* Pushes field key of the table at the top, for agent i; false: it is nil, or false. [-0, +(0|1), e] */
static bool push_for(struct moon_fields *f, const char *key, uint32_t i, size_t *was) {
  if (!moon_fields_get(f, key, was)) { return false; }
  if (lua_isfunction(f->L, -1)) {
    lua_pushnumber(f->L, i);
    lua_call(f->L, 1, 1);
  }
  if (lua_toboolean(f->L, -1)) { return true; }
  leave(f, *was);
  return false;
}

static bool read_number(struct moon_fields *f, const char *key, uint32_t i, uint32_t *out) {
  size_t was;
  if (!push_for(f, key, i, &was)) { return false; }
  double v = lua_type(f->L, -1) == LUA_TNUMBER ? lua_tonumber(f->L, -1) : -1;
  if (!(v >= 0 && v <= INT32_MAX && v == (double)(uint32_t)v)) { moon_fields_fail(f, "a whole number from 0 to 2147483647 is expected"); }
  *out = (uint32_t)v;
  leave(f, was);
  return true;
}

static bool read_engine_id(struct moon_fields *f, uint32_t i, struct moon_identity *out) {
  size_t was, n = 0;
  if (!push_for(f, "engine_id", i, &was)) { return false; }
  const char *text = lua_type(f->L, -1) == LUA_TSTRING ? lua_tostring(f->L, -1) : NULL;
  if (!text || moon_login_hex(text, lua_objlen(f->L, -1), out->engine_id, sizeof out->engine_id, &n) || n < ENGINE_ID_MIN) {
    moon_fields_fail(f, "%d to %d octets in hexadecimal are expected", ENGINE_ID_MIN, MOON_ENGINE_ID_MAX);
  }
  out->engine_id_len = (uint8_t)n;
  leave(f, was);
  return true;
}

const struct moon_identity *moon_fleet_identity(struct moon_fleet_reader *r, uint32_t i) {
  struct moon_fields *f = &r->fields;
  struct moon_identity id = {.engine_id_len = 0}, *own;
  bool given;
  size_t was;
  if (!enter(f, &was)) { return NULL; }
  given = read_engine_id(f, i, &id);
  id.has_boots = read_number(f, "boots", i, &id.boots);
  given = read_number(f, "time", i, &id.time) || id.has_boots || given;
  leave(f, was);
  if (!given) { return NULL; }
  own = moon_draft_alloc(f->d, sizeof *own);
  if (!own) { moon_fields_raise(f); }
  *own = id;
  return own;
}
