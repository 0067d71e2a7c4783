#include "login.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../../base/mem.h"
#include "where.h"

#define WORD_MAX 24 /* no name of a protocol or level is longer */

const char *const moon_login_keys[MOON_LOGIN_PARTS + 1] = {
  "user", "level", "auth", "auth_pass", "auth_key", "auth_localized_key", "priv", "priv_pass", "priv_key", "priv_localized_key",
  "context", "engine_id", "context_engine_id", "time_policy", NULL};

const char *const moon_login_options[MOON_LOGIN_PARTS + 1] = {
  "-u", "-l", "-a", "-A", "-3m", "-3k", "-x", "-X", "-3M", "-3K", "-n", "-e", "-E", "", NULL};

static const char *const AUTHS[] = {"MD5", "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512", NULL};
static const char *const PRIVS[] = {"DES", "3DES", "AES", "AES-192", "AES-256", "AES-192-Blumenthal", "AES-256-Blumenthal", "AES-192-Reeder",
                                    "AES-256-Reeder", "AES-192-C", "AES-256-C", NULL};
static const char *const LEVELS[] = {"noAuthNoPriv", "authNoPriv", "authPriv", "noauth", "nanp", "1", "anp", "2", "ap", "3", NULL};

static const struct { const char *name; uint8_t level; } levels[] = {
  {"noAuthNoPriv", 0}, {"noauth", 0}, {"nanp", 0}, {"1", 0},
  {"authNoPriv", MOON_V3_AUTH}, {"auth", MOON_V3_AUTH}, {"anp", MOON_V3_AUTH}, {"2", MOON_V3_AUTH},
  {"authPriv", MOON_V3_LEVEL}, {"priv", MOON_V3_LEVEL}, {"ap", MOON_V3_LEVEL}, {"3", MOON_V3_LEVEL}};

struct fill {
  const struct moon_login *u;
  struct moon_credential *c;
  struct moon_login_fault *fault;
  enum moon_err err;
};

static bool __attribute__((format(printf, 3, 4))) fail(struct fill *f, enum moon_login_part part, const char *format, ...) {
  va_list ap;
  if (f->err) { return false; } /* the first one is told */
  f->err = MOON_E_CONFIG;
  f->fault->part = part;
  va_start(ap, format);
  (void)vsnprintf(f->fault->text, sizeof f->fault->text, format, ap);
  va_end(ap);
  return false;
}

static const char *name_of(const struct fill *f, enum moon_login_part part) { return (f->u->names ? f->u->names : moon_login_keys)[part]; }
static bool said(const struct fill *f, enum moon_login_part part) { return f->u->part[part].p != NULL; }

/* As a string; false: no word that could be a name. */
static bool word(const struct fill *f, enum moon_login_part part, char out[WORD_MAX]) {
  const struct moon_text *t = &f->u->part[part];
  if (t->n == 0 || t->n >= WORD_MAX || memchr(t->p, 0, t->n)) { return false; }
  memcpy(out, t->p, t->n);
  out[t->n] = 0;
  return true;
}

static bool fail_name(struct fill *f, enum moon_login_part part, const char *what, const char *const *names, const char *given, const char *all) {
  const char *near = given ? moon_where_nearest(names, given) : NULL;
  if (near) { return fail(f, part, "no such %s; is it %s?", what, near); }
  return fail(f, part, "no such %s; there are %s", what, all);
}

static void fill_level(struct fill *f) {
  char name[WORD_MAX];
  bool has_auth = said(f, MOON_LOGIN_AUTH) || said(f, MOON_LOGIN_AUTH_PASS) || said(f, MOON_LOGIN_AUTH_KEY) || said(f, MOON_LOGIN_AUTH_LOCALIZED_KEY);
  bool has_priv = said(f, MOON_LOGIN_PRIV) || said(f, MOON_LOGIN_PRIV_PASS) || said(f, MOON_LOGIN_PRIV_KEY) || said(f, MOON_LOGIN_PRIV_LOCALIZED_KEY);
  if (!said(f, MOON_LOGIN_LEVEL)) {
    f->c->level = has_priv ? MOON_V3_LEVEL : has_auth ? MOON_V3_AUTH : 0;
    return;
  }
  bool ok = word(f, MOON_LOGIN_LEVEL, name);
  for (size_t i = 0; ok && i < sizeof levels / sizeof *levels; i++) {
    if (strcasecmp(levels[i].name, name) == 0) {
      f->c->level = levels[i].level;
      return;
    }
  }
  (void)fail_name(f, MOON_LOGIN_LEVEL, "level", LEVELS, ok ? name : NULL, "noAuthNoPriv, authNoPriv and authPriv");
}

static void fill_auth(struct fill *f) {
  char name[WORD_MAX];
  enum moon_auth auth = MOON_AUTH_NONE;
  if (!said(f, MOON_LOGIN_AUTH)) {
    if (f->c->level & MOON_V3_AUTH) {
      (void)fail(f, MOON_LOGIN_AUTH, "is missing: %s asks for one of MD5, SHA, SHA-224, SHA-256, SHA-384 and SHA-512",
                 f->c->level == MOON_V3_LEVEL ? "authPriv" : "authNoPriv");
    }
    return;
  }
  bool ok = word(f, MOON_LOGIN_AUTH, name);
  if (!ok || moon_auth_parse(name, strlen(name), &auth)) {
    (void)fail_name(f, MOON_LOGIN_AUTH, "protocol", AUTHS, ok ? name : NULL, "MD5, SHA, SHA-224, SHA-256, SHA-384 and SHA-512");
    return;
  }
  if (f->c->level & MOON_V3_AUTH) { f->c->auth = (uint8_t)auth; }
}

/* AES-256-Blumenthal and AES-256-Reeder besides the names net-snmp has. */
static bool parse_priv(char *name, enum moon_priv *priv, bool *either) {
  char *dash = strrchr(name, '-');
  bool blumenthal = dash && strcasecmp(dash, "-Blumenthal") == 0, reeder = dash && strcasecmp(dash, "-Reeder") == 0;
  if (blumenthal || reeder) { *dash = 0; }
  if (moon_priv_parse(name, strlen(name), priv)) { return false; }
  bool two = *priv == MOON_PRIV_AES192 || *priv == MOON_PRIV_AES256;
  if ((blumenthal || reeder) && !two) { return false; }
  if (reeder) { *priv = *priv == MOON_PRIV_AES192 ? MOON_PRIV_AES192_REEDER : MOON_PRIV_AES256_REEDER; }
  *either = two && !blumenthal && !reeder;
  return true;
}

static void fill_priv(struct fill *f) {
  char name[WORD_MAX], given[WORD_MAX];
  enum moon_priv priv = MOON_PRIV_NONE;
  bool either = false;
  if (!said(f, MOON_LOGIN_PRIV)) {
    if (f->c->level == MOON_V3_LEVEL) { (void)fail(f, MOON_LOGIN_PRIV, "is missing: authPriv asks for one of DES, 3DES, AES, AES-192 and AES-256"); }
    return;
  }
  bool ok = word(f, MOON_LOGIN_PRIV, name);
  if (ok) { strcpy(given, name); }
  if (!ok || !parse_priv(name, &priv, &either)) {
    (void)fail_name(f, MOON_LOGIN_PRIV, "protocol", PRIVS, ok ? given : NULL, "DES, 3DES, AES, AES-192 and AES-256");
    return;
  }
  if (f->c->level != MOON_V3_LEVEL) { return; }
  f->c->priv = (uint8_t)priv;
  /* Where the hash is as long as the key nothing is extended, and there is nothing to find out. */
  f->c->priv_either = either && moon_auth_key_len((enum moon_auth)f->c->auth) < moon_priv_key_len(priv);
}

/* Of a password, a key and a localized key that follow each other as parts: the one that was said; one has to be where needed. */
static enum moon_login_part secret_of(struct fill *f, enum moon_login_part pass, bool needed) {
  enum moon_login_part found = MOON_LOGIN_PARTS;
  for (enum moon_login_part part = pass; part < pass + 3; part++) {
    if (!said(f, part)) { continue; }
    if (found != MOON_LOGIN_PARTS) { (void)fail(f, part, "%s is there already: one of the two", name_of(f, found)); }
    if (found == MOON_LOGIN_PARTS) { found = part; }
  }
  if (needed && found == MOON_LOGIN_PARTS) {
    (void)fail(f, pass, "is missing: %s asks for it, or for %s", f->c->level == MOON_V3_LEVEL ? "authPriv" : "authNoPriv", name_of(f, pass + 1));
  }
  return found;
}

static void check_password(struct fill *f, enum moon_login_part part) {
  size_t n = f->u->part[part].n;
  if (n < MOON_PASSWORD_MIN) { (void)fail(f, part, "a password has %d characters or more, RFC 3414 11.2", MOON_PASSWORD_MIN); }
  if (n > MOON_PASSWORD_MAX) { (void)fail(f, part, "is longer than %d characters", MOON_PASSWORD_MAX); }
}

static void fill_key(struct fill *f, enum moon_login_part part, bool priv, bool localized, struct moon_key *key) {
  uint8_t octets[MOON_KEY_MAX + 1];
  const struct moon_text *t = &f->u->part[part];
  size_t n = 0;
  enum moon_auth auth = (enum moon_auth)f->c->auth;
  enum moon_priv of = (enum moon_priv)f->c->priv;
  enum moon_err e = moon_login_hex(t->p, t->n, octets, sizeof octets, &n);
  if (e == MOON_E_SYNTAX) { (void)fail(f, part, "hexadecimal digits are expected, two an octet"); }
  if (!e) { e = priv && localized ? moon_key_given_priv(auth, of, octets, n, key) : moon_key_given(auth, octets, n, key); }
  if (e && priv && localized) {
    (void)fail(f, part, "%zu octets are expected, for %s", moon_priv_key_len(of), moon_priv_name(of));
  } else if (e) {
    (void)fail(f, part, "%zu octets are expected, for %s", moon_auth_key_len(auth), moon_auth_name(auth));
  }
  moon_mem_wipe(octets, sizeof octets);
}

static void fill_secret(struct fill *f, enum moon_login_part pass, bool needed) {
  bool priv = pass == MOON_LOGIN_PRIV_PASS;
  enum moon_login_part part = secret_of(f, pass, needed);
  if (f->err || part == MOON_LOGIN_PARTS) { return; }
  if (part == pass) { check_password(f, part); }
  if (!needed || part == pass) { return; }
  bool localized = part == pass + 2;
  fill_key(f, part, priv, localized, priv ? &f->c->priv_key : &f->c->auth_key);
  if (priv) {
    f->c->priv_localized = localized;
    f->c->priv_either = f->c->priv_either && !localized; /* it was extended already, one way or the other */
  } else {
    f->c->auth_localized = localized;
  }
}

static void fill_engine_id(struct fill *f, enum moon_login_part part, uint8_t out[MOON_ENGINE_ID_MAX], uint8_t *len) {
  const struct moon_text *t = &f->u->part[part];
  size_t n = 0;
  if (!t->p) { return; }
  enum moon_err e = moon_login_hex(t->p, t->n, out, MOON_ENGINE_ID_MAX, &n);
  if (e == MOON_E_SYNTAX) { (void)fail(f, part, "hexadecimal digits are expected, two an octet"); }
  if (e || n < 5) { (void)fail(f, part, "an engine id has 5 to %d octets, RFC 3411 5", MOON_ENGINE_ID_MAX); }
  *len = (uint8_t)n;
}

static void fill_names(struct fill *f) {
  const struct moon_text *user = &f->u->part[MOON_LOGIN_NAME], *context = &f->u->part[MOON_LOGIN_CONTEXT];
  char name[WORD_MAX] = "";
  if (!user->p) { (void)fail(f, MOON_LOGIN_NAME, "is missing"); }
  if (user->p && (user->n == 0 || user->n > MOON_USER_MAX)) { (void)fail(f, MOON_LOGIN_NAME, "1 to %d octets are expected, RFC 3414 5", MOON_USER_MAX); }
  if (context->n > MOON_CONTEXT_MAX) { (void)fail(f, MOON_LOGIN_CONTEXT, "is longer than %d octets", MOON_CONTEXT_MAX); }
  if (said(f, MOON_LOGIN_TIME_POLICY)) {
    bool ok = word(f, MOON_LOGIN_TIME_POLICY, name), strict = strcmp(name, "strict") == 0;
    if (!ok || (!strict && strcmp(name, "relaxed") != 0)) { (void)fail(f, MOON_LOGIN_TIME_POLICY, "strict or relaxed is expected"); }
    f->c->time_policy = strict ? MOON_TIME_STRICT : MOON_TIME_RELAXED;
  }
  if (f->err) { return; }
  memcpy(f->c->user, user->p, user->n);
  f->c->user_len = (uint8_t)user->n;
  if (context->n) { memcpy(f->c->context, context->p, context->n); }
  f->c->context_len = (uint8_t)context->n;
}

/* level = "authNoPriv" with a privacy password is fine; a password for a protocol that was not named is not. */
static void check_goes_together(struct fill *f) {
  for (int k = 0; k < 2; k++) {
    enum moon_login_part protocol = k ? MOON_LOGIN_PRIV : MOON_LOGIN_AUTH;
    for (enum moon_login_part part = protocol + 1; part <= protocol + 3; part++) {
      if (said(f, part) && !said(f, protocol)) { (void)fail(f, protocol, "is missing: %s is of no use without", name_of(f, part)); }
    }
  }
  if (said(f, MOON_LOGIN_PRIV) && !said(f, MOON_LOGIN_AUTH)) { (void)fail(f, MOON_LOGIN_AUTH, "is missing: there is no privacy without, RFC 3414 1.4.2"); }
}

enum moon_err moon_login_crypto(struct moon_crypto **out, struct moon_login_fault *f) {
  enum moon_err e = moon_crypto_new(0, out); /* nothing is encrypted with it: no salt */
  if (e != MOON_E_NO_ALGORITHM) { return e; }
  *f = (struct moon_login_fault){.part = MOON_LOGIN_NAME, .text = "is of version 3, which needs libcrypto: it cannot be used"};
  return MOON_E_CONFIG;
}

enum moon_err moon_login_fill(const struct moon_login *u, struct moon_crypto *crypto, struct moon_credential *c, struct moon_login_fault *fault) {
  struct fill f = {.u = u, .c = c, .fault = fault};
  c->version = MOON_V3;
  fill_names(&f);
  fill_level(&f);
  if (!f.err) { check_goes_together(&f); }
  if (!f.err) { fill_auth(&f); }
  if (!f.err) { fill_priv(&f); }
  if (!f.err) { fill_secret(&f, MOON_LOGIN_AUTH_PASS, c->level & MOON_V3_AUTH); }
  if (!f.err) { fill_secret(&f, MOON_LOGIN_PRIV_PASS, c->level == MOON_V3_LEVEL); }
  fill_engine_id(&f, MOON_LOGIN_ENGINE_ID, c->engine_id, &c->engine_id_len);
  fill_engine_id(&f, MOON_LOGIN_CONTEXT_ENGINE_ID, c->context_engine_id, &c->context_engine_id_len);
  c->time_given = u->time_given;
  c->boots = u->boots;
  c->time = u->time;
  if (f.err) { return f.err; }
  enum moon_err e = moon_crypto_check(crypto, (enum moon_auth)c->auth, MOON_PRIV_NONE);
  if (e == MOON_E_NO_ALGORITHM) {
    (void)fail(&f, MOON_LOGIN_AUTH, "this OpenSSL has no %s", moon_auth_name((enum moon_auth)c->auth));
  } else if (!e) {
    e = moon_crypto_check(crypto, MOON_AUTH_NONE, (enum moon_priv)c->priv);
    if (e == MOON_E_NO_ALGORITHM) {
      (void)fail(&f, MOON_LOGIN_PRIV, "this OpenSSL has no %s%s", moon_priv_name((enum moon_priv)c->priv),
                 c->priv == MOON_PRIV_DES ? ": it is in the legacy provider, which could not be loaded" : "");
    }
  }
  return f.err ? f.err : e;
}

void moon_login_defaults(struct moon_login *u) {
  static const struct moon_text MD5 = {"MD5", 3}, DES = {"DES", 3};
  struct moon_text *part = u->part;
  bool auth = part[MOON_LOGIN_AUTH_PASS].p || part[MOON_LOGIN_AUTH_KEY].p || part[MOON_LOGIN_AUTH_LOCALIZED_KEY].p;
  bool priv = part[MOON_LOGIN_PRIV_PASS].p || part[MOON_LOGIN_PRIV_KEY].p || part[MOON_LOGIN_PRIV_LOCALIZED_KEY].p;
  if (auth && !part[MOON_LOGIN_AUTH].p) { part[MOON_LOGIN_AUTH] = MD5; }
  if (priv && !part[MOON_LOGIN_PRIV].p) { part[MOON_LOGIN_PRIV] = DES; }
}

static enum moon_err make_key(struct moon_crypto *crypto, uint8_t auth, const struct moon_text *password, struct moon_key *key) {
  if (key->len || !password->p) { return MOON_OK; }
  return moon_key_from_password(crypto, (enum moon_auth)auth, (const uint8_t *)password->p, password->n, key);
}

enum moon_err moon_login_make(const struct moon_login *u, struct moon_credential *c, struct moon_login_fault *f) {
  struct moon_crypto *crypto;
  enum moon_err e = moon_login_crypto(&crypto, f);
  if (e) { return e; }
  e = moon_login_fill(u, crypto, c, f);
  if (!e && c->auth) { e = make_key(crypto, c->auth, &u->part[MOON_LOGIN_AUTH_PASS], &c->auth_key); }
  if (!e && c->priv) { e = make_key(crypto, c->auth, &u->part[MOON_LOGIN_PRIV_PASS], &c->priv_key); }
  moon_crypto_free(crypto);
  return e;
}

static int digit(char c) {
  if (c >= '0' && c <= '9') { return c - '0'; }
  if (c >= 'a' && c <= 'f') { return c - 'a' + 10; }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum moon_err moon_login_hex(const char *text, size_t n, uint8_t *out, size_t cap, size_t *len) {
  size_t at = n >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 2 : 0, octets = 0;
  for (; at < n; at += 2) {
    while (at < n && (text[at] == ' ' || text[at] == ':')) { at++; }
    if (at == n) { break; }
    if (n - at < 2 || digit(text[at]) < 0 || digit(text[at + 1]) < 0) { return MOON_E_SYNTAX; }
    if (octets == cap) { return MOON_E_LENGTH; }
    out[octets++] = (uint8_t)(digit(text[at]) * 16 + digit(text[at + 1]));
  }
  *len = octets;
  return MOON_OK;
}
