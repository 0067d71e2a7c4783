/* user: the users of SNMPv3 that agents know, and their keys at each agent.
 *
 *   password --once a user--> Ku --once a user and agent--> Kul --kept for those in use--> hash states and cipher
 *
 * A fleet of ten thousand agents shares users and one pool. What a user's keys are at an agent is worked out when he first comes
 * there and kept (some 200 octets); the contexts of OpenSSL (some 1.5 KB) are kept for those used last.
 *
 *   moon_user_pool_new(salt, 0, &pool);
 *   moon_user_key_new(pool, &user, engine_id, len, &key);
 *   moon_user_key_open(key, &usm);                            lends usm until another key is opened */
#ifndef MOON_AGENT_USER_H
#define MOON_AGENT_USER_H

#include "../base/list.h"
#include "../wire/usm.h"

/* Secret: moon_user_fini. */
struct moon_user {
  struct moon_key auth_key, priv_key; /* Ku; len 0 when unused */
  uint8_t name[MOON_USER_MAX];
  uint8_t name_len;
  uint8_t auth;                       /* enum moon_auth */
  uint8_t priv;                       /* enum moon_priv; none when auth is */
  uint8_t level;                      /* of MOON_V3_LEVEL: the least he may ask with */
  bool write;                         /* may SET */
};
/* What he can ask with at most. */
static inline uint8_t moon_user_level(const struct moon_user *u) {
  return (uint8_t)((u->auth ? MOON_V3_AUTH : 0) | (u->priv ? MOON_V3_PRIV : 0));
}
MOON_API void moon_user_fini(struct moon_user *u);

#define MOON_USER_POOL_MAX 32768u /* contexts kept by default: some 50 MB */

struct moon_user_pool; /* opaque; one thread */

/* max: contexts kept at a time, 0: MOON_USER_POOL_MAX. salt as in moon_crypto_new, whose errors it has. */
MOON_API enum moon_err moon_user_pool_new(uint64_t salt, uint32_t max, struct moon_user_pool **out);
/* After all keys. NULL is fine. */
MOON_API void moon_user_pool_free(struct moon_user_pool *p);
MOON_API uint32_t moon_user_pool_n(const struct moon_user_pool *p); /* contexts kept now */

/* One user at one engine. Its fields are for who keeps it: a list, and which engine that is. */
struct moon_user_key {
  struct moon_user_key *next;
  const struct moon_user *user; /* borrowed */
  uint64_t engine;
  struct moon_user_pool *pool;
  struct moon_usm *usm;         /* NULL: not kept now */
  struct moon_list link;        /* of the pool, while usm is there */
  uint8_t n_auth, n_priv;
  uint8_t secret[];             /* Kul, then the privacy key */
};

/* Localizes; borrows user. MOON_E_NO_ALGORITHM, MOON_E_NOMEM; MOON_E_RANGE: the user has no keys. */
MOON_API enum moon_err moon_user_key_new(struct moon_user_pool *p, const struct moon_user *u, const uint8_t *engine_id, size_t n,
                                         struct moon_user_key **out);
MOON_API void moon_user_key_free(struct moon_user_key *k); /* wipes; NULL is fine */
/* MOON_E_NOMEM, MOON_E_NO_ALGORITHM. */
MOON_API enum moon_err moon_user_key_open(struct moon_user_key *k, struct moon_usm **out);

#endif
