#define OPENSSL_SUPPRESS_DEPRECATED /* the functions under EVP, see hmac.h */
#include "hmac.h"

#include <openssl/md5.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <string.h>

#include "../base/mem.h"

#define BLOCK 64       /* octets that a hash takes at once */
#define LONG_BLOCK 128 /* SHA-384 and SHA-512 */
#define HEAD 128       /* octets in which the hole of most messages lies: a multiple of both */

union hash {
  MD5_CTX md5;
  SHA_CTX sha1;
  SHA256_CTX sha256; /* SHA-224 too */
  SHA512_CTX sha512; /* SHA-384 too */
};

/* The chaining value comes first in each. */
_Static_assert(offsetof(MD5_CTX, Nl) == 16 && offsetof(SHA_CTX, Nl) == 20 && offsetof(SHA256_CTX, Nl) == 32 &&
                 offsetof(SHA512_CTX, Nl) == 64, "states are copied as octets");

static size_t state_len(enum moon_auth auth) {
  switch (auth) {
  case MOON_AUTH_MD5: return 16;
  case MOON_AUTH_SHA1: return 20;
  case MOON_AUTH_SHA224:
  case MOON_AUTH_SHA256: return 32;
  default: return 64;
  }
}

static size_t block_len(enum moon_auth auth) { return auth == MOON_AUTH_SHA384 || auth == MOON_AUTH_SHA512 ? LONG_BLOCK : BLOCK; }

/* These functions cannot fail: they return 1. */

static void begin(union hash *x, enum moon_auth auth) {
  switch (auth) {
  case MOON_AUTH_MD5: MD5_Init(&x->md5); break;
  case MOON_AUTH_SHA1: SHA1_Init(&x->sha1); break;
  case MOON_AUTH_SHA224: SHA224_Init(&x->sha256); break;
  case MOON_AUTH_SHA256: SHA256_Init(&x->sha256); break;
  case MOON_AUTH_SHA384: SHA384_Init(&x->sha512); break;
  default: SHA512_Init(&x->sha512); break;
  }
}

/* As it was when one block was in it; what waits to fill the next is not read as long as num is 0. */
static void resume(union hash *x, enum moon_auth auth, const uint8_t *state) {
  switch (auth) {
  case MOON_AUTH_MD5:
    memcpy(&x->md5, state, 16);
    x->md5.Nl = 8 * BLOCK;
    x->md5.Nh = 0;
    x->md5.num = 0;
    break;
  case MOON_AUTH_SHA1:
    memcpy(&x->sha1, state, 20);
    x->sha1.Nl = 8 * BLOCK;
    x->sha1.Nh = 0;
    x->sha1.num = 0;
    break;
  case MOON_AUTH_SHA224:
  case MOON_AUTH_SHA256:
    memcpy(&x->sha256, state, 32);
    x->sha256.Nl = 8 * BLOCK;
    x->sha256.Nh = 0;
    x->sha256.num = 0;
    x->sha256.md_len = (unsigned)moon_auth_key_len(auth);
    break;
  default:
    memcpy(&x->sha512, state, 64);
    x->sha512.Nl = 8 * LONG_BLOCK;
    x->sha512.Nh = 0;
    x->sha512.num = 0;
    x->sha512.md_len = (unsigned)moon_auth_key_len(auth);
    break;
  }
}

static void feed(union hash *x, enum moon_auth auth, const uint8_t *p, size_t n) {
  switch (auth) {
  case MOON_AUTH_MD5: MD5_Update(&x->md5, p, n); break;
  case MOON_AUTH_SHA1: SHA1_Update(&x->sha1, p, n); break;
  case MOON_AUTH_SHA224:
  case MOON_AUTH_SHA256: SHA256_Update(&x->sha256, p, n); break;
  default: SHA512_Update(&x->sha512, p, n); break;
  }
}

/* Big-endian. */
static inline void store32(uint8_t *p, uint32_t v) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  v = __builtin_bswap32(v);
#endif
  memcpy(p, &v, 4);
}

static inline void store64(uint8_t *p, uint64_t v) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  v = __builtin_bswap64(v);
#endif
  memcpy(p, &v, 8);
}

/* The chaining value of all but the long ones. */
static inline const uint32_t *words(const union hash *x) { return (const uint32_t *)(const void *)x; }

static void put_digest(const union hash *x, enum moon_auth auth, uint8_t *out) {
  size_t len = moon_auth_key_len(auth);
  if (auth == MOON_AUTH_MD5) {
    for (size_t i = 0; i < len; i += 4) { store32(out + i, __builtin_bswap32(words(x)[i / 4])); }
  } else if (block_len(auth) == BLOCK) {
    for (size_t i = 0; i < len; i += 4) { store32(out + i, words(x)[i / 4]); }
  } else {
    for (size_t i = 0; i < len; i += 8) { store64(out + i, x->sha512.h[i / 8]); }
  }
}

/* The digest after so many octets, of which the last, less than a block at tail, were not fed yet: padding and length behind them (RFC
 * 1321 3.1, FIPS 180-4 5.1). What OpenSSL's own take for it is as much as a block: they wipe what they leave, an octet at a time. */
static void finish(union hash *x, enum moon_auth auth, const uint8_t *tail, size_t n, uint64_t octets, uint8_t *out) {
  size_t block = block_len(auth), field = block / 8, len = n + 1 + field <= block ? block : 2 * block;
  uint8_t last[2 * LONG_BLOCK];
  if (n) { memcpy(last, tail, n); }
  last[n] = 0x80;
  memset(last + n + 1, 0, len - n - 1);
  store64(last + len - 8, auth == MOON_AUTH_MD5 ? __builtin_bswap64(8 * octets) : 8 * octets);
  feed(x, auth, last, len);
  put_digest(x, auth, out);
}

/* The same where what was fed is no whole number of blocks. */
static void finish_any(union hash *x, enum moon_auth auth, uint8_t out[MOON_HMAC_MAX]) {
  switch (auth) {
  case MOON_AUTH_MD5: MD5_Final(out, &x->md5); break;
  case MOON_AUTH_SHA1: SHA1_Final(out, &x->sha1); break;
  case MOON_AUTH_SHA224:
  case MOON_AUTH_SHA256: SHA256_Final(out, &x->sha256); break;
  default: SHA512_Final(out, &x->sha512); break;
  }
}

void moon_hmac_init(struct moon_hmac *h, enum moon_auth auth, const uint8_t *key) {
  static const uint8_t with[2] = {0x36, 0x5c};
  size_t block = block_len(auth), len = moon_auth_key_len(auth);
  uint8_t padded[LONG_BLOCK];
  union hash x;
  h->auth = (uint8_t)auth;
  for (size_t k = 0; k < 2; k++) {
    for (size_t i = 0; i < block; i++) { padded[i] = with[k] ^ (i < len ? key[i] : 0); }
    begin(&x, auth);
    feed(&x, auth, padded, block);
    memcpy(h->states + k * state_len(auth), &x, state_len(auth));
  }
  moon_mem_wipe(padded, sizeof padded);
  moon_mem_wipe(&x, sizeof x);
}

void moon_hmac_make(const struct moon_hmac *h, const uint8_t *p, size_t n, size_t at, size_t hole, uint8_t out[MOON_HMAC_MAX]) {
  enum moon_auth auth = (enum moon_auth)h->auth;
  size_t block = block_len(auth), len = moon_auth_key_len(auth), whole = n - n % block;
  union hash x;
  resume(&x, auth, h->states);
  if (at + hole <= HEAD) {
    uint8_t head[HEAD];
    size_t first = n < HEAD ? n : HEAD;
    if (first) { memcpy(head, p, first); }
    memset(head + at, 0, hole);
    if (n < HEAD) {
      if (whole) { feed(&x, auth, head, whole); }
      finish(&x, auth, head + whole, n - whole, block + n, out);
    } else {
      feed(&x, auth, head, HEAD);
      if (whole > HEAD) { feed(&x, auth, p + HEAD, whole - HEAD); }
      finish(&x, auth, p + whole, n - whole, block + n, out);
    }
  } else {
    static const uint8_t zeros[MOON_HMAC_MAX];
    feed(&x, auth, p, at);
    feed(&x, auth, zeros, hole);
    feed(&x, auth, p + at + hole, n - at - hole);
    finish_any(&x, auth, out);
  }
  resume(&x, auth, h->states + state_len(auth));
  finish(&x, auth, out, len, block + len, out);
}
