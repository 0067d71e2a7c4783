#include "user.h"

#include "../base/mem.h"

struct moon_user_pool {
  struct moon_crypto *crypto;
  struct moon_list used; /* keys with contexts, the last used first */
  uint32_t n, max;
};

void moon_user_fini(struct moon_user *u) { moon_mem_wipe(u, sizeof *u); }

enum moon_err moon_user_pool_new(uint64_t salt, uint32_t max, struct moon_user_pool **out) {
  struct moon_user_pool *p = moon_mem_zalloc(sizeof *p);
  enum moon_err e;
  if (!p) { return MOON_E_NOMEM; }
  e = moon_crypto_new(salt, &p->crypto);
  if (e) {
    moon_mem_free(p);
    return e;
  }
  moon_list_init(&p->used);
  p->max = max ? max : MOON_USER_POOL_MAX;
  *out = p;
  return MOON_OK;
}

void moon_user_pool_free(struct moon_user_pool *p) {
  if (!p) { return; }
  moon_crypto_free(p->crypto);
  moon_mem_free(p);
}

uint32_t moon_user_pool_n(const struct moon_user_pool *p) { return p->n; }

static void close_key(struct moon_user_key *k) {
  if (!k->usm) { return; }
  moon_usm_free(k->usm);
  k->usm = NULL;
  moon_list_remove(&k->link);
  k->pool->n--;
}

enum moon_err moon_user_key_new(struct moon_user_pool *p, const struct moon_user *u, const uint8_t *engine_id, size_t n,
                                struct moon_user_key **out) {
  enum moon_auth auth = (enum moon_auth)u->auth;
  struct moon_key kul = {.len = 0}, priv = {.len = 0};
  struct moon_user_key *k = NULL;
  enum moon_err e = moon_key_localize(p->crypto, auth, &u->auth_key, engine_id, n, &kul);
  if (!e && u->priv) { e = moon_key_localize_priv(p->crypto, auth, (enum moon_priv)u->priv, &u->priv_key, engine_id, n, &priv); }
  if (!e && !(k = moon_mem_zalloc(sizeof *k + kul.len + priv.len))) { e = MOON_E_NOMEM; }
  if (!e) {
    k->user = u;
    k->pool = p;
    k->n_auth = kul.len;
    k->n_priv = priv.len;
    memcpy(k->secret, kul.octets, kul.len);
    memcpy(k->secret + kul.len, priv.octets, priv.len);
    *out = k;
  }
  moon_key_wipe(&kul);
  moon_key_wipe(&priv);
  return e;
}

void moon_user_key_free(struct moon_user_key *k) {
  if (!k) { return; }
  close_key(k);
  moon_mem_wipe(k->secret, (size_t)k->n_auth + k->n_priv);
  moon_mem_free(k);
}

enum moon_err moon_user_key_open(struct moon_user_key *k, struct moon_usm **out) {
  struct moon_user_pool *p = k->pool;
  struct moon_key auth = {.len = k->n_auth}, priv = {.len = k->n_priv};
  enum moon_err e;
  if (k->usm) {
    if (p->used.next != &k->link) {
      moon_list_remove(&k->link);
      moon_list_prepend(&p->used, &k->link);
    }
    *out = k->usm;
    return MOON_OK;
  }
  if (p->n >= p->max) { close_key(MOON_LIST_ENTRY(p->used.prev, struct moon_user_key, link)); }
  memcpy(auth.octets, k->secret, k->n_auth);
  memcpy(priv.octets, k->secret + k->n_auth, k->n_priv);
  e = moon_usm_new(p->crypto, (enum moon_auth)k->user->auth, &auth, (enum moon_priv)k->user->priv, &priv, &k->usm);
  moon_key_wipe(&auth);
  moon_key_wipe(&priv);
  if (e) { return e; }
  p->n++;
  moon_list_prepend(&p->used, &k->link);
  *out = k->usm;
  return MOON_OK;
}
