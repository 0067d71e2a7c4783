#include "keys.h"

#include <stdbool.h>
#include <string.h>

#include "../base/mem.h"
#include "evp.h"

#define STRETCH (1u << 20) /* octets hashed of a repeated password, RFC 3414 A.2 */
#define CHUNK 4096         /* hashed at once; >= MOON_PASSWORD_MAX */

static enum moon_err finish(struct moon_crypto *c, bool ok, struct moon_key *out, enum moon_auth auth) {
  uint8_t digest[EVP_MAX_MD_SIZE];
  if (!ok || !EVP_DigestFinal_ex(c->scratch, digest, NULL)) { return MOON_E_NOMEM; }
  out->len = (uint8_t)moon_auth_key_len(auth);
  memcpy(out->octets, digest, out->len);
  moon_mem_wipe(digest, sizeof digest);
  return MOON_OK;
}

/* n: 1..MOON_PASSWORD_MAX */
static enum moon_err stretch(struct moon_crypto *c, enum moon_auth auth, const uint8_t *password, size_t n, struct moon_key *ku) {
  uint8_t chunk[CHUNK];
  size_t whole = CHUNK / n * n, i, left; /* so many repetitions that the next chunk goes on where this one ends */
  const EVP_MD *md;
  bool ok;
  enum moon_err e = moon_crypto_md(c, auth, &md);
  if (e) { return e; }
  for (i = 0; i < whole; i += n) { memcpy(chunk + i, password, n); }
  ERR_set_mark();
  ok = EVP_DigestInit_ex2(c->scratch, md, NULL);
  for (left = STRETCH; ok && left; left -= i) {
    i = left < whole ? left : whole;
    ok = EVP_DigestUpdate(c->scratch, chunk, i);
  }
  e = finish(c, ok, ku, auth);
  ERR_pop_to_mark();
  moon_mem_wipe(chunk, sizeof chunk);
  return e;
}

/* H(key), or H(key, engine id, key) when there is an engine id. */
static enum moon_err hash(struct moon_crypto *c, enum moon_auth auth, const struct moon_key *key, const uint8_t *engine_id,
                          size_t n, struct moon_key *out) {
  const EVP_MD *md;
  bool ok;
  enum moon_err e = moon_crypto_md(c, auth, &md);
  if (e) { return e; }
  ERR_set_mark();
  ok = EVP_DigestInit_ex2(c->scratch, md, NULL) && EVP_DigestUpdate(c->scratch, key->octets, key->len);
  if (engine_id) {
    ok = ok && EVP_DigestUpdate(c->scratch, engine_id, n) && EVP_DigestUpdate(c->scratch, key->octets, key->len);
  }
  e = finish(c, ok, out, auth);
  ERR_pop_to_mark();
  return e;
}

enum moon_err moon_key_from_password(struct moon_crypto *c, enum moon_auth auth, const uint8_t *password, size_t n,
                                     struct moon_key *ku) {
  if (n < MOON_PASSWORD_MIN || n > MOON_PASSWORD_MAX) { return MOON_E_LENGTH; }
  return stretch(c, auth, password, n, ku);
}

enum moon_err moon_key_localize(struct moon_crypto *c, enum moon_auth auth, const struct moon_key *ku,
                                const uint8_t *engine_id, size_t n, struct moon_key *kul) {
  static const uint8_t none[1];
  if (auth <= MOON_AUTH_NONE || auth >= MOON_AUTH_N) { return MOON_E_RANGE; }
  if (ku->len != moon_auth_key_len(auth)) { return MOON_E_LENGTH; }
  return hash(c, auth, ku, n ? engine_id : none, n, kul);
}

/* One step is enough: the shortest hash has 16 octets, the longest privacy key 32. */
enum moon_err moon_key_localize_priv(struct moon_crypto *c, enum moon_auth auth, enum moon_priv priv,
                                     const struct moon_key *ku, const uint8_t *engine_id, size_t n, struct moon_key *key) {
  size_t need = moon_priv_key_len(priv);
  struct moon_key kul, more;
  enum moon_err e;
  if (need == 0) { return MOON_E_RANGE; }
  e = moon_key_localize(c, auth, ku, engine_id, n, &kul);
  if (!e && kul.len < need) {
    if (priv == MOON_PRIV_AES192 || priv == MOON_PRIV_AES256) { /* Blumenthal 3.1.2.1: Kul, H(Kul) */
      e = hash(c, auth, &kul, NULL, 0, &more);
    } else { /* Reeder 2.1: Kul taken for a password, and localized */
      e = stretch(c, auth, kul.octets, kul.len, &more);
      if (!e) { e = moon_key_localize(c, auth, &more, engine_id, n, &more); }
    }
    if (!e) { memcpy(kul.octets + kul.len, more.octets, need - kul.len); }
    moon_key_wipe(&more);
  }
  if (!e) {
    memcpy(key->octets, kul.octets, need);
    key->len = (uint8_t)need;
  }
  moon_key_wipe(&kul);
  return e;
}

enum moon_err moon_key_given(enum moon_auth auth, const uint8_t *octets, size_t n, struct moon_key *key) {
  if (n == 0 || n != moon_auth_key_len(auth)) { return MOON_E_LENGTH; }
  memcpy(key->octets, octets, n);
  key->len = (uint8_t)n;
  return MOON_OK;
}

enum moon_err moon_key_given_priv(enum moon_auth auth, enum moon_priv priv, const uint8_t *octets, size_t n,
                                  struct moon_key *key) {
  size_t need = moon_priv_key_len(priv);
  if (need == 0) { return MOON_E_RANGE; }
  if (n != need && (n < need || n != moon_auth_key_len(auth))) { return MOON_E_LENGTH; }
  memcpy(key->octets, octets, need);
  key->len = (uint8_t)need;
  return MOON_OK;
}

void moon_key_wipe(struct moon_key *key) { moon_mem_wipe(key, sizeof *key); }
