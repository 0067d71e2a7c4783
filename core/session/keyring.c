#include "keyring.h"

#include "../base/list.h"
#include "../base/mem.h"

#define BUCKETS_MIN 64u

/* What decides the keys, in full. Compared as octets, so zeroed before it is filled. What is secret comes first: agents choose their
 * engine ids, and the key of the hash is of the salt that every message tells. */
struct name {
  struct moon_key auth_key, priv_key;
  uint8_t auth, priv;
  bool auth_localized, priv_localized;
  uint8_t engine_id_len;
  uint8_t engine_id[MOON_ENGINE_ID_MAX];
};

_Static_assert(sizeof(struct name) == 5 + MOON_ENGINE_ID_MAX + 2 * sizeof(struct moon_key), "without holes");

struct moon_keyring_entry {
  struct moon_usm *usm;            /* NULL: dropped, the keys are here still */
  uint64_t generation;             /* of the name: refs of another are stale */
  struct moon_list node;           /* of bright or dim */
  struct moon_keyring_entry *next; /* in its bucket */
  uint64_t hash;
  bool used;                       /* since the hand passed */
  struct moon_key auth_key, priv_key; /* localized */
  struct name name;
};

struct moon_keyring {
  struct moon_crypto *crypto;
  struct moon_keyring_entry **bucket;
  uint32_t mask;
  uint32_t n_contexts, max_contexts;
  uint32_t n_entries, max_entries;
  uint32_t stretched;
  uint64_t key;                    /* of the hash */
  struct moon_list bright;         /* with a context; the hand is at the front */
  struct moon_list dim;            /* without, oldest first */
  struct moon_list spare;          /* in no bucket: making keys failed. Refs may point to them, so they are not freed */
  bool scratched;                  /* something was decrypted there */
  uint8_t scratch[MOON_DATAGRAM_MAX];
};

enum moon_err moon_keyring_new(uint64_t salt, uint32_t contexts, struct moon_keyring **out) {
  struct moon_keyring *k = moon_mem_zalloc(sizeof *k);
  if (!k) { return MOON_E_NOMEM; }
  moon_list_init(&k->bright);
  moon_list_init(&k->dim);
  moon_list_init(&k->spare);
  k->key = salt * 0x9e3779b97f4a7c15u | 1;
  k->max_contexts = contexts ? contexts : MOON_KEYRING_CONTEXTS;
  k->max_entries = k->max_contexts < UINT32_MAX / MOON_KEYRING_KEYS ? k->max_contexts * MOON_KEYRING_KEYS : UINT32_MAX;
  k->mask = BUCKETS_MIN - 1;
  k->bucket = moon_mem_array(BUCKETS_MIN, sizeof(struct moon_keyring_entry *));
  enum moon_err e = k->bucket ? moon_crypto_new(salt, &k->crypto) : MOON_E_NOMEM;
  if (e) {
    moon_keyring_free(k);
    return e;
  }
  *out = k;
  return MOON_OK;
}

static void free_entry(struct moon_keyring_entry *e) {
  moon_usm_free(e->usm);
  moon_mem_wipe(e, sizeof *e);
  moon_mem_free(e);
}

static void free_entries(struct moon_list *list) {
  struct moon_list *node;
  while ((node = moon_list_take(list))) { free_entry(MOON_LIST_ENTRY(node, struct moon_keyring_entry, node)); }
}

void moon_keyring_free(struct moon_keyring *k) {
  if (!k) { return; }
  free_entries(&k->bright);
  free_entries(&k->dim);
  free_entries(&k->spare);
  moon_mem_free(k->bucket);
  moon_crypto_free(k->crypto);
  if (k->scratched) { moon_mem_wipe(k->scratch, sizeof k->scratch); }
  moon_mem_free(k);
}

static uint64_t hash_of(const struct moon_keyring *k, const struct name *name) {
  uint64_t h = k->key, word;
  uint8_t padded[(sizeof *name + 7) / 8 * 8] = {0};
  memcpy(padded, name, sizeof *name);
  for (size_t i = 0; i < sizeof padded; i += 8) {
    memcpy(&word, padded + i, 8);
    h = (h ^ word) * 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
  }
  moon_mem_wipe(padded, sizeof padded);
  return h * k->key;
}

static struct moon_keyring_entry **bucket_of(struct moon_keyring *k, uint64_t hash) { return &k->bucket[hash >> 32 & k->mask]; }

static void grow(struct moon_keyring *k) {
  uint32_t old = k->mask + 1;
  if (k->n_entries <= old || old > UINT32_MAX / 4) { return; }
  struct moon_keyring_entry **was = k->bucket, **bucket = moon_mem_array(old * 2, sizeof(struct moon_keyring_entry *));
  if (!bucket) { return; } /* slower, not wrong */
  k->bucket = bucket;
  k->mask = old * 2 - 1;
  for (uint32_t i = 0; i < old; i++) {
    for (struct moon_keyring_entry *e = was[i], *next; e; e = next) {
      struct moon_keyring_entry **head = bucket_of(k, e->hash);
      next = e->next;
      e->next = *head;
      *head = e;
    }
  }
  moon_mem_free(was);
}

static void copy_key(struct moon_key *to, const struct moon_key *from) {
  to->len = from->len <= MOON_KEY_MAX ? from->len : MOON_KEY_MAX;
  memcpy(to->octets, from->octets, to->len);
}

static void name_of(struct name *out, const struct moon_credential *c, enum moon_priv priv, const uint8_t *engine_id, size_t n) {
  memset(out, 0, sizeof *out);
  out->auth = c->auth;
  out->priv = (uint8_t)priv;
  out->auth_localized = c->auth_localized;
  out->engine_id_len = (uint8_t)n;
  memcpy(out->engine_id, engine_id, n);
  copy_key(&out->auth_key, &c->auth_key);
  if (priv != MOON_PRIV_NONE) {
    out->priv_localized = c->priv_localized;
    copy_key(&out->priv_key, &c->priv_key);
  }
}

static enum moon_err localize(struct moon_keyring *k, struct moon_keyring_entry *e) {
  const struct name *n = &e->name;
  enum moon_auth auth = (enum moon_auth)n->auth;
  enum moon_priv priv = (enum moon_priv)n->priv;
  enum moon_err err = MOON_OK;
  e->auth_key = n->auth_key;
  e->priv_key = n->priv_key;
  if (!n->auth_localized) { err = moon_key_localize(k->crypto, auth, &n->auth_key, n->engine_id, n->engine_id_len, &e->auth_key); }
  if (!err && priv != MOON_PRIV_NONE && !n->priv_localized) {
    bool blumenthal = priv == MOON_PRIV_AES192 || priv == MOON_PRIV_AES256;
    k->stretched += !blumenthal && moon_auth_key_len(auth) < moon_priv_key_len(priv);
    err = moon_key_localize_priv(k->crypto, auth, priv, &n->priv_key, n->engine_id, n->engine_id_len, &e->priv_key);
  }
  return err;
}

/* An entry in no list and no bucket: a new one while there may be more, else the oldest of those without a context. */
static struct moon_keyring_entry *take_entry(struct moon_keyring *k) {
  struct moon_keyring_entry *e, **link;
  struct moon_list *node = moon_list_take(&k->spare);
  if (node) { return MOON_LIST_ENTRY(node, struct moon_keyring_entry, node); }
  if (k->n_entries >= k->max_entries) { node = moon_list_take(&k->dim); }
  if (!node) {
    e = moon_mem_zalloc(sizeof *e);
    if (e) {
      moon_list_init(&e->node);
      k->n_entries++;
    }
    return e;
  }
  e = MOON_LIST_ENTRY(node, struct moon_keyring_entry, node);
  for (link = bucket_of(k, e->hash); *link != e; link = &(*link)->next) {}
  *link = e->next;
  e->generation++;
  return e;
}

/* Room for one more context: that of the first that was not used since the hand passed it. */
static void drop_context(struct moon_keyring *k) {
  while (k->n_contexts >= k->max_contexts) {
    struct moon_keyring_entry *e = MOON_LIST_ENTRY(moon_list_take(&k->bright), struct moon_keyring_entry, node);
    if (e->used) {
      e->used = false;
      moon_list_append(&k->bright, &e->node);
      continue;
    }
    moon_usm_free(e->usm);
    e->usm = NULL;
    k->n_contexts--;
    moon_list_append(&k->dim, &e->node);
  }
}

static enum moon_err light(struct moon_keyring *k, struct moon_keyring_entry *e) {
  drop_context(k);
  enum moon_err err = moon_usm_new(k->crypto, (enum moon_auth)e->name.auth, &e->auth_key, (enum moon_priv)e->name.priv,
                                   e->name.priv ? &e->priv_key : NULL, &e->usm);
  if (err) { return err; }
  moon_list_remove(&e->node);
  moon_list_append(&k->bright, &e->node);
  k->n_contexts++;
  return MOON_OK;
}

static enum moon_err find_or_make(struct moon_keyring *k, const struct name *name, struct moon_keyring_entry **out) {
  uint64_t hash = hash_of(k, name);
  struct moon_keyring_entry *e = *bucket_of(k, hash);
  while (e && (e->hash != hash || memcmp(&e->name, name, sizeof *name) != 0)) { e = e->next; }
  if (!e) {
    e = take_entry(k);
    if (!e) { return MOON_E_NOMEM; }
    e->name = *name;
    e->hash = hash;
    enum moon_err err = localize(k, e);
    if (err) {
      moon_list_append(&k->spare, &e->node);
      return err;
    }
    moon_list_append(&k->dim, &e->node);
    grow(k);
    struct moon_keyring_entry **head = bucket_of(k, hash);
    e->next = *head;
    *head = e;
  }
  *out = e;
  return MOON_OK;
}

enum moon_err moon_keyring_get(struct moon_keyring *k, const struct moon_credential *c, enum moon_priv priv, const uint8_t *engine_id,
                               size_t n, struct moon_keyring_ref *ref, struct moon_usm **out) {
  struct moon_keyring_entry *e = ref->entry;
  enum moon_err err = MOON_OK;
  if (!e || e->generation != ref->generation) {
    struct name name;
    if (n > MOON_ENGINE_ID_MAX) { return MOON_E_LENGTH; }
    name_of(&name, c, priv, engine_id, n);
    err = find_or_make(k, &name, &e);
    moon_mem_wipe(&name, sizeof name);
    if (err) { return err; }
    ref->entry = e;
    ref->generation = e->generation;
  }
  if (e->usm) {
    e->used = true;
  } else {
    e->used = false; /* seen once: who comes back has more right to stay */
    err = light(k, e);
    if (err) { return err; }
  }
  *out = e->usm;
  return MOON_OK;
}

uint8_t *moon_keyring_scratch(struct moon_keyring *k) {
  k->scratched = true;
  return k->scratch;
}

struct moon_crypto *moon_keyring_crypto(struct moon_keyring *k) { return k->crypto; }

uint32_t moon_keyring_stretched(const struct moon_keyring *k) { return k->stretched; }

void moon_keyring_held(const struct moon_keyring *k, uint32_t *contexts, uint32_t *keys) {
  *contexts = k->n_contexts;
  *keys = k->n_entries;
}
