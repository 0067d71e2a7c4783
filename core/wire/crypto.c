#include "crypto.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "../base/mem.h"
#include "evp.h"

struct auth { const char *name, *algorithm; uint8_t key_len, digest_len; };
struct priv { const char *name, *algorithm; uint8_t key_len; const char *chain; }; /* chain: AES */

static const struct auth auths[MOON_AUTH_N] = {
  [MOON_AUTH_NONE] = {"none", NULL, 0, 0},
  [MOON_AUTH_MD5] = {"MD5", "MD5", 16, 12},
  [MOON_AUTH_SHA1] = {"SHA", "SHA1", 20, 12},
  [MOON_AUTH_SHA224] = {"SHA-224", "SHA224", 28, 16},
  [MOON_AUTH_SHA256] = {"SHA-256", "SHA256", 32, 24},
  [MOON_AUTH_SHA384] = {"SHA-384", "SHA384", 48, 32},
  [MOON_AUTH_SHA512] = {"SHA-512", "SHA512", 64, 48},
};

static const struct priv privs[MOON_PRIV_N] = {
  [MOON_PRIV_NONE] = {"none", NULL, 0, NULL},
  [MOON_PRIV_DES] = {"DES", "DES-CBC", 16, NULL},
  [MOON_PRIV_3DES] = {"3DES", "DES-EDE3-CBC", 32, NULL},
  [MOON_PRIV_AES128] = {"AES", "AES-128-ECB", 16, "AES-128-CBC"},
  [MOON_PRIV_AES192] = {"AES-192", "AES-192-ECB", 24, "AES-192-CBC"},
  [MOON_PRIV_AES256] = {"AES-256", "AES-256-ECB", 32, "AES-256-CBC"},
  [MOON_PRIV_AES192_REEDER] = {"AES-192-C", "AES-192-ECB", 24, "AES-192-CBC"},
  [MOON_PRIV_AES256_REEDER] = {"AES-256-C", "AES-256-ECB", 32, "AES-256-CBC"},
};

/* Where the library is opened when it is first called there may be none: what stands in its place finds nothing equal. */
static bool is_there(void) { return CRYPTO_memcmp("", "", 1) == 0; }

enum moon_err moon_crypto_new(uint64_t salt, struct moon_crypto **out) {
  struct moon_crypto *c = moon_mem_zalloc(sizeof *c);
  enum moon_err e = MOON_E_NOMEM;
  if (!c) { return MOON_E_NOMEM; }
  c->salt = salt;
  ERR_set_mark();
  c->lib = OSSL_LIB_CTX_new();
  c->scratch = EVP_MD_CTX_new();
  if (c->lib && c->scratch) {
    c->base = OSSL_PROVIDER_load(c->lib, "default");
    e = c->base ? MOON_OK : MOON_E_NO_ALGORITHM;
  } else if (!is_there()) {
    e = MOON_E_NO_ALGORITHM;
  }
  ERR_pop_to_mark();
  if (e) {
    moon_crypto_free(c);
    return e;
  }
  *out = c;
  return MOON_OK;
}

void moon_crypto_free(struct moon_crypto *c) {
  size_t i;
  if (!c) { return; }
  EVP_MD_CTX_free(c->scratch);
  for (i = 0; i < MOON_AUTH_N; i++) { EVP_MD_free(c->md[i]); }
  for (i = 0; i < MOON_PRIV_N; i++) {
    EVP_CIPHER_free(c->des[i]);
    EVP_CIPHER_CTX_free(c->aes[i].blocks);
    EVP_CIPHER_CTX_free(c->aes[i].chain);
  }
  if (c->legacy) { OSSL_PROVIDER_unload(c->legacy); }
  if (c->base) { OSSL_PROVIDER_unload(c->base); }
  OSSL_LIB_CTX_free(c->lib);
  moon_mem_free(c);
}

enum moon_err moon_crypto_md(struct moon_crypto *c, enum moon_auth auth, const EVP_MD **out) {
  if (auth <= MOON_AUTH_NONE || auth >= MOON_AUTH_N) { return MOON_E_RANGE; }
  if (!c->md[auth]) {
    ERR_set_mark();
    c->md[auth] = EVP_MD_fetch(c->lib, auths[auth].algorithm, NULL);
    ERR_pop_to_mark();
  }
  if (!c->md[auth]) { return MOON_E_NO_ALGORITHM; }
  *out = c->md[auth];
  return MOON_OK;
}

static bool is_des(enum moon_priv priv) { return priv == MOON_PRIV_DES || priv == MOON_PRIV_3DES; }

enum moon_err moon_crypto_des(struct moon_crypto *c, enum moon_priv priv, const EVP_CIPHER **out) {
  if (!is_des(priv)) { return MOON_E_RANGE; }
  ERR_set_mark();
  if (priv == MOON_PRIV_DES && !c->legacy) { c->legacy = OSSL_PROVIDER_load(c->lib, "legacy"); }
  if (!c->des[priv]) { c->des[priv] = EVP_CIPHER_fetch(c->lib, privs[priv].algorithm, NULL); }
  ERR_pop_to_mark();
  if (!c->des[priv]) { return MOON_E_NO_ALGORITHM; }
  *out = c->des[priv];
  return MOON_OK;
}

static enum moon_err make_aes(struct moon_crypto *c, const char *algorithm, EVP_CIPHER_CTX **out) {
  static const uint8_t zeros[EVP_MAX_IV_LENGTH];
  enum moon_err e = MOON_E_NOMEM;
  EVP_CIPHER *cipher;
  if (*out) { return MOON_OK; }
  cipher = EVP_CIPHER_fetch(c->lib, algorithm, NULL);
  if (!cipher) { return MOON_E_NO_ALGORITHM; }
  *out = EVP_CIPHER_CTX_new();
  if (*out && EVP_CipherInit_ex2(*out, cipher, NULL, zeros, 1, NULL)) {
    e = MOON_OK;
  } else {
    EVP_CIPHER_CTX_free(*out);
    *out = NULL;
  }
  EVP_CIPHER_free(cipher);
  return e;
}

enum moon_err moon_crypto_aes(struct moon_crypto *c, enum moon_priv priv) {
  enum moon_err e;
  if (priv <= MOON_PRIV_NONE || priv >= MOON_PRIV_N || is_des(priv)) { return MOON_E_RANGE; }
  ERR_set_mark();
  e = make_aes(c, privs[priv].algorithm, &c->aes[priv].blocks);
  if (!e) { e = make_aes(c, privs[priv].chain, &c->aes[priv].chain); }
  ERR_pop_to_mark();
  return e;
}

enum moon_err moon_crypto_check(struct moon_crypto *c, enum moon_auth auth, enum moon_priv priv) {
  const EVP_MD *md;
  const EVP_CIPHER *cipher;
  enum moon_err e = auth == MOON_AUTH_NONE ? MOON_OK : moon_crypto_md(c, auth, &md);
  if (e || priv == MOON_PRIV_NONE) { return e; }
  return is_des(priv) ? moon_crypto_des(c, priv, &cipher) : moon_crypto_aes(c, priv);
}

/* text without its hyphens, in words of this length: no name is longer. */
#define NAME_CAP 10

static bool squeeze(const char *text, size_t n, char out[NAME_CAP]) {
  size_t i, len = 0;
  for (i = 0; i < n; i++) {
    if (text[i] == '-') { continue; }
    if (text[i] == '\0' || len == NAME_CAP - 1) { return false; }
    out[len++] = text[i];
  }
  out[len] = '\0';
  return len > 0;
}

static bool is_called(const char *squeezed, const char *name) {
  char other[NAME_CAP];
  return squeeze(name, strlen(name), other) && strcasecmp(squeezed, other) == 0;
}

enum moon_err moon_auth_parse(const char *text, size_t n, enum moon_auth *out) {
  char name[NAME_CAP];
  unsigned i;
  if (!squeeze(text, n, name)) { return MOON_E_SYNTAX; }
  for (i = MOON_AUTH_NONE + 1; i < MOON_AUTH_N; i++) {
    if (is_called(name, auths[i].name) || is_called(name, auths[i].algorithm)) {
      *out = (enum moon_auth)i;
      return MOON_OK;
    }
  }
  return MOON_E_SYNTAX;
}

enum moon_err moon_priv_parse(const char *text, size_t n, enum moon_priv *out) {
  char name[NAME_CAP];
  unsigned i;
  if (!squeeze(text, n, name)) { return MOON_E_SYNTAX; }
  for (i = MOON_PRIV_NONE + 1; i < MOON_PRIV_N; i++) {
    if (is_called(name, privs[i].name) || (i == MOON_PRIV_AES128 && is_called(name, "AES-128"))) {
      *out = (enum moon_priv)i;
      return MOON_OK;
    }
  }
  return MOON_E_SYNTAX;
}

const char *moon_auth_name(enum moon_auth auth) { return (unsigned)auth < MOON_AUTH_N ? auths[auth].name : "unknown"; }
const char *moon_priv_name(enum moon_priv priv) { return (unsigned)priv < MOON_PRIV_N ? privs[priv].name : "unknown"; }
size_t moon_auth_key_len(enum moon_auth auth) { return (unsigned)auth < MOON_AUTH_N ? auths[auth].key_len : 0; }
size_t moon_auth_digest_len(enum moon_auth auth) { return (unsigned)auth < MOON_AUTH_N ? auths[auth].digest_len : 0; }
size_t moon_priv_key_len(enum moon_priv priv) { return (unsigned)priv < MOON_PRIV_N ? privs[priv].key_len : 0; }
