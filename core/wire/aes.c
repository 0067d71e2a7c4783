#include "aes.h"

#include <string.h>

#include "../base/mem.h"

#define CHUNK 1024  /* octets made at once: a multiple of a block */
#define PLACES 256u /* of keys that are used again and again: some 1.3 KB each */

/* Whole blocks, encrypted: each by itself, and in CBC. */
struct contexts {
  EVP_CIPHER_CTX *blocks, *chain;
  uint8_t last[MOON_AES_BLOCK]; /* that came of chain: it goes on from there */
};

struct place {
  const struct moon_aes_key *heard; /* the last one whose answer came */
  const struct moon_aes_key *owner; /* whose key the contexts have; NULL: nobody's */
  struct contexts own;
  uint8_t priv;                     /* that they are made for */
};

struct moon_aes {
  EVP_CIPHER *blocks[MOON_PRIV_N], *chain[MOON_PRIV_N];
  struct contexts shared[MOON_PRIV_N]; /* to be given the key before each message */
  struct place places[PLACES];
};

static const uint8_t zeros[MOON_AES_BLOCK];

/* ---- contexts */

static void free_contexts(struct contexts *x) {
  EVP_CIPHER_CTX_free(x->blocks); /* OpenSSL wipes them */
  EVP_CIPHER_CTX_free(x->chain);
  x->blocks = x->chain = NULL;
}

/* cipher: NULL: as before. */
static bool give_key(EVP_CIPHER_CTX *x, const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t *iv) {
  return x && EVP_CipherInit_ex2(x, cipher, key, iv, 1, NULL);
}

static bool make_contexts(struct contexts *x, const struct moon_aes *a, enum moon_priv priv) {
  x->blocks = EVP_CIPHER_CTX_new();
  x->chain = EVP_CIPHER_CTX_new();
  if (give_key(x->blocks, a->blocks[priv], NULL, NULL) && give_key(x->chain, a->chain[priv], NULL, zeros)) { return true; }
  free_contexts(x);
  return false;
}

static enum moon_err fetch(struct moon_crypto *c, const char *name, EVP_CIPHER **out) {
  if (!*out) { *out = EVP_CIPHER_fetch(c->lib, name, NULL); }
  return *out ? MOON_OK : MOON_E_NO_ALGORITHM;
}

struct moon_aes *moon_aes_new(void) { return moon_mem_zalloc(sizeof(struct moon_aes)); }

enum moon_err moon_aes_prepare(struct moon_crypto *c, enum moon_priv priv) {
  static const char *const names[][2] = {{"AES-128-ECB", "AES-128-CBC"}, {"AES-192-ECB", "AES-192-CBC"}, {"AES-256-ECB", "AES-256-CBC"}};
  if (priv < MOON_PRIV_AES128 || priv >= MOON_PRIV_N) { return MOON_E_RANGE; }
  struct moon_aes *a = c->aes;
  if (a->shared[priv].blocks) { return MOON_OK; }
  const char *const *name = names[moon_priv_key_len(priv) / 8 - 2];
  ERR_set_mark();
  enum moon_err e = fetch(c, name[0], &a->blocks[priv]);
  if (!e) { e = fetch(c, name[1], &a->chain[priv]); }
  if (!e && !make_contexts(&a->shared[priv], a, priv)) { e = MOON_E_NOMEM; }
  ERR_pop_to_mark();
  return e;
}

void moon_aes_free(struct moon_aes *a) {
  if (!a) { return; }
  for (size_t i = 0; i < MOON_PRIV_N; i++) {
    EVP_CIPHER_free(a->blocks[i]);
    EVP_CIPHER_free(a->chain[i]);
    free_contexts(&a->shared[i]);
  }
  for (size_t i = 0; i < PLACES; i++) { free_contexts(&a->places[i].own); }
  moon_mem_free(a);
}

/* ---- whose */

static struct place *place_of(struct moon_aes *a, const struct moon_aes_key *key) {
  return &a->places[(uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (PLACES - 1)];
}

static void empty(struct place *p) {
  free_contexts(&p->own);
  p->owner = NULL;
}

/* Contexts that keep the key. false: no memory; then those that all share do. */
static bool settle(struct moon_aes *a, struct place *p, const struct moon_aes_key *key) {
  if (p->priv != key->priv) { empty(p); }
  p->priv = key->priv;
  ERR_set_mark();
  bool made = p->own.blocks || make_contexts(&p->own, a, (enum moon_priv)key->priv);
  made = made && give_key(p->own.blocks, NULL, key->octets, NULL) && give_key(p->own.chain, NULL, key->octets, NULL);
  ERR_pop_to_mark();
  if (!made) {
    empty(p);
    return false;
  }
  memset(p->own.last, 0, sizeof p->own.last);
  p->owner = key;
  return true;
}

/* Its own. NULL: it has none. An answer, decrypted, tells who is heard again before another of the place. */
static struct contexts *own(struct moon_aes *a, const struct moon_aes_key *key, bool answer) {
  struct place *p = place_of(a, key);
  bool again = p->heard == key;
  if (answer) { p->heard = key; }
  return p->owner == key || (answer && again && settle(a, p, key)) ? &p->own : NULL;
}

void moon_aes_forget(struct moon_crypto *c, const struct moon_aes_key *key) {
  struct place *p = place_of(c->aes, key);
  if (p->owner == key) { empty(p); }
  if (p->heard == key) { p->heard = NULL; }
}

/* ---- CFB: what is added to a block is the block of cipher text before it, encrypted; to the first it is the IV. */

typedef uint64_t lanes __attribute__((vector_size(MOON_AES_BLOCK)));

static inline void xor_block(uint8_t *out, const uint8_t *in, const uint8_t *with) {
  lanes a, b;
  memcpy(&a, in, sizeof a);
  memcpy(&b, with, sizeof b);
  a ^= b;
  memcpy(out, &a, sizeof a);
}

static void xor_octets(uint8_t *out, const uint8_t *in, const uint8_t *with, size_t n) {
  size_t i = 0;
  for (; i + 4 * MOON_AES_BLOCK <= n; i += 4 * MOON_AES_BLOCK) { /* four at once: half of the instructions */
    xor_block(out + i, in + i, with + i);
    xor_block(out + i + MOON_AES_BLOCK, in + i + MOON_AES_BLOCK, with + i + MOON_AES_BLOCK);
    xor_block(out + i + 2 * MOON_AES_BLOCK, in + i + 2 * MOON_AES_BLOCK, with + i + 2 * MOON_AES_BLOCK);
    xor_block(out + i + 3 * MOON_AES_BLOCK, in + i + 3 * MOON_AES_BLOCK, with + i + 3 * MOON_AES_BLOCK);
  }
  for (; i + MOON_AES_BLOCK <= n; i += MOON_AES_BLOCK) { xor_block(out + i, in + i, with + i); }
  for (; i < n; i++) { out[i] = in[i] ^ with[i]; }
}

/* first, then the blocks of in one place behind it, go through x, and what comes out is added to in. last gets the last of it; may be
 * NULL. */
static bool add(EVP_CIPHER_CTX *x, const uint8_t first[MOON_AES_BLOCK], const uint8_t *in, size_t n, uint8_t *out, uint8_t *last) {
  uint8_t key[CHUNK], block[MOON_AES_BLOCK];
  memcpy(block, first, sizeof block);
  while (n) {
    size_t m = n < CHUNK ? n : CHUNK, whole = (m + MOON_AES_BLOCK - 1) / MOON_AES_BLOCK * MOON_AES_BLOCK;
    memcpy(key, block, MOON_AES_BLOCK);
    memcpy(key + MOON_AES_BLOCK, in, whole - MOON_AES_BLOCK);
    if (m == CHUNK) { memcpy(block, in + m - MOON_AES_BLOCK, MOON_AES_BLOCK); }
    if (EVP_Cipher(x, key, key, (unsigned)whole) != (int)whole) { return false; }
    if (last && m == n) { memcpy(last, key + whole - MOON_AES_BLOCK, MOON_AES_BLOCK); }
    xor_octets(out, in, key, m);
    in += m;
    out += m;
    n -= m;
  }
  return true;
}

/* All blocks of cipher text are there at once, and ECB encrypts them side by side: ten times as fast as OpenSSL's CFB, which takes one
 * after the other and has its IV set through a list of named parameters, which takes as long as a small message. */
bool moon_aes_decrypt(struct moon_crypto *c, const struct moon_aes_key *key, const uint8_t iv[MOON_AES_BLOCK], const uint8_t *in, size_t n,
                      uint8_t *out) {
  struct contexts *x = own(c->aes, key, true);
  if (!x) {
    x = &c->aes->shared[key->priv];
    if (!give_key(x->blocks, NULL, key->octets, NULL)) { return false; }
  }
  return add(x->blocks, iv, in, n, out, NULL);
}

/* A block of cipher text is plain text and the block added to it: the blocks added are what CBC makes of the IV and the plain text,
 * beginning with zeros, and OpenSSL's CBC takes half the time of its CFB. One that goes on from what came last begins with zeros where
 * that is added to the IV. */
bool moon_aes_encrypt(struct moon_crypto *c, const struct moon_aes_key *key, const uint8_t iv[MOON_AES_BLOCK], const uint8_t *in, size_t n,
                      uint8_t *out) {
  struct contexts *x = own(c->aes, key, false);
  if (!x) {
    x = &c->aes->shared[key->priv];
    return give_key(x->chain, NULL, key->octets, NULL) && add(x->chain, iv, in, n, out, NULL);
  }
  uint8_t first[MOON_AES_BLOCK];
  xor_block(first, iv, x->last);
  if (add(x->chain, first, in, n, out, x->last)) { return true; }
  moon_aes_forget(c, key); /* nobody knows where its chain is */
  return false;
}
