#include "usm.h"

#include <limits.h>
#include <openssl/crypto.h>

#include "../base/mem.h"
#include "evp.h"
#include "hmac.h"

#define DES_BLOCK 8
#define AES_BLOCK 16
#define CHUNK 1024 /* octets made at once: a multiple of it */

/* Two to four lines of the cache, where contexts of OpenSSL's take twenty: of thousands of agents nothing is in the cache when
 * a message comes, and to make the schedule of an AES key anew, in contexts that all share, takes less than to fetch it. */
struct moon_usm {
  struct moon_crypto *crypto;
  EVP_CIPHER_CTX *des;       /* DES, 3DES: in CBC, for both directions; else NULL */
  uint8_t priv;              /* enum moon_priv */
  uint8_t key_len;           /* octets of a whole digest */
  uint8_t digest_len;        /* octets of it that are sent */
  uint8_t pre_iv[DES_BLOCK]; /* DES, 3DES */
  uint8_t cipher_key[32];    /* AES */
  struct moon_hmac hmac;
};

static bool is_des(const struct moon_usm *u) { return u->des != NULL; }

static enum moon_err make_hashes(struct moon_usm *u, enum moon_auth auth, const struct moon_key *key) {
  const EVP_MD *md;
  enum moon_err e = moon_crypto_md(u->crypto, auth, &md);
  if (e) { return e; }
  if (key->len != moon_auth_key_len(auth)) { return MOON_E_LENGTH; }
  u->key_len = key->len;
  u->digest_len = (uint8_t)moon_auth_digest_len(auth);
  moon_hmac_init(&u->hmac, auth, key->octets);
  return MOON_OK;
}

static enum moon_err make_des(struct moon_usm *u, enum moon_priv priv, const struct moon_key *key) {
  const EVP_CIPHER *cipher;
  enum moon_err e = moon_crypto_des(u->crypto, priv, &cipher);
  if (e) { return e; }
  if (key->len != moon_priv_key_len(priv)) { return MOON_E_LENGTH; }
  memcpy(u->pre_iv, key->octets + EVP_CIPHER_get_key_length(cipher), DES_BLOCK);
  u->des = EVP_CIPHER_CTX_new();
  if (!u->des || !EVP_CipherInit_ex2(u->des, cipher, key->octets, NULL, 1, NULL)) { return MOON_E_NOMEM; }
  return EVP_CIPHER_CTX_set_padding(u->des, 0) ? MOON_OK : MOON_E_NOMEM;
}

static enum moon_err make_cipher(struct moon_usm *u, enum moon_priv priv, const struct moon_key *key) {
  enum moon_err e;
  if (priv == MOON_PRIV_DES || priv == MOON_PRIV_3DES) { return make_des(u, priv, key); }
  e = moon_crypto_aes(u->crypto, priv);
  if (e) { return e; }
  if (key->len != moon_priv_key_len(priv)) { return MOON_E_LENGTH; }
  memcpy(u->cipher_key, key->octets, key->len);
  return MOON_OK;
}

enum moon_err moon_usm_new(struct moon_crypto *c, enum moon_auth auth, const struct moon_key *auth_key, enum moon_priv priv,
                           const struct moon_key *priv_key, struct moon_usm **out) {
  struct moon_usm *u = moon_mem_zalloc(sizeof *u);
  enum moon_err e;
  if (!u) { return MOON_E_NOMEM; }
  u->crypto = c;
  u->priv = (uint8_t)priv;
  ERR_set_mark();
  e = make_hashes(u, auth, auth_key);
  if (!e && priv != MOON_PRIV_NONE) { e = make_cipher(u, priv, priv_key); }
  ERR_pop_to_mark();
  if (e) {
    moon_usm_free(u);
    return e;
  }
  *out = u;
  return MOON_OK;
}

void moon_usm_free(struct moon_usm *u) {
  if (!u) { return; }
  EVP_CIPHER_CTX_free(u->des); /* OpenSSL wipes it */
  moon_mem_wipe(u, sizeof *u);
  moon_mem_free(u);
}

static bool is_inside(const struct moon_usm *u, size_t n, size_t at) { return at <= n && n - at >= u->digest_len; }

enum moon_err moon_usm_sign(struct moon_usm *u, uint8_t *msg, size_t n, size_t at) {
  uint8_t out[MOON_HMAC_MAX];
  if (!is_inside(u, n, at)) { return MOON_E_LENGTH; }
  moon_hmac_make(&u->hmac, msg, n, at, u->digest_len, out);
  memcpy(msg + at, out, u->digest_len);
  return MOON_OK;
}

enum moon_err moon_usm_verify(struct moon_usm *u, const uint8_t *msg, size_t n, size_t at, size_t digest_len) {
  uint8_t out[MOON_HMAC_MAX];
  if (digest_len != u->digest_len || !is_inside(u, n, at)) { return MOON_E_AUTH; }
  moon_hmac_make(&u->hmac, msg, n, at, digest_len, out);
  return CRYPTO_memcmp(msg + at, out, digest_len) == 0 ? MOON_OK : MOON_E_AUTH;
}

static void put_u32(uint8_t *p, uint32_t v) {
  p[0] = (uint8_t)(v >> 24);
  p[1] = (uint8_t)(v >> 16);
  p[2] = (uint8_t)(v >> 8);
  p[3] = (uint8_t)v;
}

typedef uint64_t lanes __attribute__((vector_size(AES_BLOCK)));

static inline void xor_block(uint8_t *out, const uint8_t *in, const uint8_t *with) {
  lanes a, b;
  memcpy(&a, in, sizeof a);
  memcpy(&b, with, sizeof b);
  a ^= b;
  memcpy(out, &a, sizeof a);
}

static void xor_octets(uint8_t *out, const uint8_t *in, const uint8_t *with, size_t n) {
  size_t i = 0;
  for (; i + 4 * AES_BLOCK <= n; i += 4 * AES_BLOCK) { /* four at once: half of the instructions */
    xor_block(out + i, in + i, with + i);
    xor_block(out + i + AES_BLOCK, in + i + AES_BLOCK, with + i + AES_BLOCK);
    xor_block(out + i + 2 * AES_BLOCK, in + i + 2 * AES_BLOCK, with + i + 2 * AES_BLOCK);
    xor_block(out + i + 3 * AES_BLOCK, in + i + 3 * AES_BLOCK, with + i + 3 * AES_BLOCK);
  }
  for (; i + AES_BLOCK <= n; i += AES_BLOCK) { xor_block(out + i, in + i, with + i); }
  for (; i < n; i++) { out[i] = in[i] ^ with[i]; }
}

/* CFB (RFC 3826 3.1.3): what is added to a block is the block of cipher text before it, encrypted; to the first it is the IV.
 * The IV, then those of in one place behind it, go through ctx, and what comes out is added to in. in may be out.
 *
 * Decrypting has all blocks of cipher text at once, and ECB encrypts them side by side: ten times as fast as OpenSSL's CFB, which
 * takes one after the other and has its IV set through a list of named parameters, which takes as long as a small message.
 * Encrypting, a block of cipher text is plain text and the block added to it: the blocks added are what CBC makes of the IV and
 * the plain text, and OpenSSL's CBC takes half the time of its CFB. */
static bool run_aes(struct moon_usm *u, EVP_CIPHER_CTX *ctx, uint8_t block[AES_BLOCK], const uint8_t *in, size_t n, uint8_t *out) {
  uint8_t key[CHUNK];
  if (!EVP_CipherInit_ex2(ctx, NULL, u->cipher_key, NULL, 1, NULL)) { return false; } /* CBC begins with zeros again */
  while (n) {
    size_t m = n < CHUNK ? n : CHUNK, whole = (m + AES_BLOCK - 1) / AES_BLOCK * AES_BLOCK;
    memcpy(key, block, AES_BLOCK);
    memcpy(key + AES_BLOCK, in, whole - AES_BLOCK);
    if (m == CHUNK) { memcpy(block, in + m - AES_BLOCK, AES_BLOCK); }
    if (EVP_Cipher(ctx, key, key, (unsigned)whole) != (int)whole) { return false; }
    xor_octets(out, in, key, m);
    in += m;
    out += m;
    n -= m;
  }
  return true;
}

/*  AES    IV = boots time salt          RFC 3826 3.1.2.1
 *  DES    IV = pre-IV xor salt          RFC 3414 8.1.1.1, Reeder 5.1.1.1 for 3DES */
static bool crypt_octets(struct moon_usm *u, int encrypt, uint32_t boots, uint32_t time, const uint8_t salt[MOON_SALT_LEN],
                         const uint8_t *in, size_t n, uint8_t *out) {
  const struct moon_aes *aes = &u->crypto->aes[u->priv];
  uint8_t iv[AES_BLOCK];
  int len, i;
  if (is_des(u)) {
    for (i = 0; i < DES_BLOCK; i++) { iv[i] = u->pre_iv[i] ^ salt[i]; }
    return EVP_CipherInit_ex2(u->des, NULL, NULL, iv, encrypt, NULL) && EVP_CipherUpdate(u->des, out, &len, in, (int)n) &&
           (size_t)len == n;
  }
  put_u32(iv, boots);
  put_u32(iv + 4, time);
  memcpy(iv + 8, salt, MOON_SALT_LEN);
  return run_aes(u, encrypt ? aes->chain : aes->blocks, iv, in, n, out);
}

size_t moon_usm_padding(const struct moon_usm *u, size_t n) { return is_des(u) ? (0 - n) % DES_BLOCK : 0; }

enum moon_err moon_usm_encrypt(struct moon_usm *u, uint32_t boots, uint32_t time, uint8_t *p, size_t n,
                               uint8_t salt[MOON_SALT_LEN]) {
  uint64_t count;
  if (!u->priv) { return MOON_E_UNSUPPORTED_LEVEL; }
  if (n == 0 || n > INT_MAX || moon_usm_padding(u, n)) { return MOON_E_LENGTH; }
  count = u->crypto->salt++;
  put_u32(salt, is_des(u) ? boots : (uint32_t)(count >> 32));
  put_u32(salt + 4, (uint32_t)count);
  return crypt_octets(u, 1, boots, time, salt, p, n, p) ? MOON_OK : MOON_E_NOMEM;
}

enum moon_err moon_usm_decrypt(struct moon_usm *u, uint32_t boots, uint32_t time, const uint8_t *salt, size_t salt_len,
                               const uint8_t *in, size_t n, uint8_t *out) {
  if (!u->priv) { return MOON_E_UNSUPPORTED_LEVEL; }
  if (salt_len != MOON_SALT_LEN || n == 0 || n > INT_MAX || moon_usm_padding(u, n)) { return MOON_E_DECRYPTION; }
  return crypt_octets(u, 0, boots, time, salt, in, n, out) ? MOON_OK : MOON_E_DECRYPTION;
}

static bool can(const struct moon_usm *u, uint8_t flags) {
  return !(flags & MOON_V3_LEVEL) || (u && (!(flags & MOON_V3_PRIV) || u->priv));
}

/* Encrypts what w holds up to end. Padding belongs behind it, and how much is known only now: all moves down by it. */
static void encrypt_written(struct moon_usm *u, struct moon_writer *w, const struct moon_v3 *m, const uint8_t *end,
                            uint8_t salt[MOON_SALT_LEN]) {
  size_t n = (size_t)(end - w->p), pad = moon_usm_padding(u, n);
  enum moon_err e;
  if (pad > (size_t)(w->p - w->start)) {
    moon_writer_fail(w, MOON_E_SPACE);
    return;
  }
  if (pad) {
    w->p -= pad;
    memmove(w->p, w->p + pad, n);
    memset(w->p + n, 0, pad);
  }
  e = moon_usm_encrypt(u, m->boots, m->time, w->p, n + pad, salt);
  if (e) { moon_writer_fail(w, e); }
}

void moon_usm_seal(struct moon_usm *u, struct moon_writer *w, const struct moon_v3 *m, const struct moon_scoped *s) {
  struct moon_v3 v = *m;
  uint8_t salt[MOON_SALT_LEN] = {0};
  const uint8_t *end = w->p;
  size_t at;
  enum moon_err e;
  if (!can(u, m->flags)) { moon_writer_fail(w, MOON_E_UNSUPPORTED_LEVEL); }
  if (s->pdu.varbinds_len && s->pdu.varbinds == w->p) { end += s->pdu.varbinds_len; }
  moon_scoped_encode(w, s);
  if (w->err) { return; }
  v.priv_len = 0;
  if (v.flags & MOON_V3_PRIV) {
    encrypt_written(u, w, m, end, salt);
    if (w->err) { return; }
    v.priv = salt;
    v.priv_len = MOON_SALT_LEN;
  }
  v.auth = NULL;
  v.auth_len = v.flags & MOON_V3_AUTH ? u->digest_len : 0;
  v.scoped = w->p;
  v.scoped_len = (size_t)(end - w->p);
  at = moon_v3_encode(w, &v);
  if (w->err || !(v.flags & MOON_V3_AUTH)) { return; }
  e = moon_usm_sign(u, w->p, (size_t)(end - w->p), at);
  if (e) { moon_writer_fail(w, e); }
}

enum moon_err moon_usm_open(struct moon_usm *u, uint8_t level, const uint8_t *p, const struct moon_v3 *m, uint8_t *buf,
                            size_t cap, struct moon_scoped *out) {
  enum moon_err e;
  if ((m->flags & level & MOON_V3_LEVEL) != (level & MOON_V3_LEVEL) || !can(u, m->flags)) { return MOON_E_UNSUPPORTED_LEVEL; }
  if (m->flags & MOON_V3_AUTH) {
    e = moon_usm_verify(u, p, m->len, (size_t)(m->auth - p), m->auth_len);
    if (e) { return e; }
  }
  if (!(m->flags & MOON_V3_PRIV)) { return moon_scoped_decode(m->scoped, m->scoped_len, out); }
  if (cap < m->scoped_len) { return MOON_E_SPACE; }
  e = moon_usm_decrypt(u, m->boots, m->time, m->priv, m->priv_len, m->scoped, m->scoped_len, buf);
  if (e) { return e; }
  return moon_scoped_decode(buf, m->scoped_len, out) ? MOON_E_DECRYPTION : MOON_OK;
}
