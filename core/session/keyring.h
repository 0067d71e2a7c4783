/* keyring: what is made of a credential's keys for each engine: the localized keys, and the contexts that sign and encrypt
 * with them (usm.h).
 *
 *   struct moon_keyring_ref ref = {0};                     kept beside the engine id
 *   moon_keyring_get(ring, credential, priv, engine_id, n, &ref, &usm);      quick as long as nothing was dropped
 *
 * Keys are found by their content: what a credential was called, or where it lay, does not matter. Contexts take some 200
 * octets each, with DES 700, and are bounded: the ones not used for longest go. Localized keys outlive them, as extending a
 * key the way Reeder does hashes 1 MiB. Secrets are wiped before memory is given back. One thread at a time. */
#ifndef MOON_SESSION_KEYRING_H
#define MOON_SESSION_KEYRING_H

#include "../wire/usm.h"
#include "credential.h"

#define MOON_KEYRING_CONTEXTS 20000u /* by default: 4 MB */
#define MOON_KEYRING_KEYS 4u         /* localized keys kept for each context that may be */

struct moon_keyring; /* opaque */
struct moon_keyring_entry;

/* Where it was found last; zeros: never looked. Valid as long as the keyring. */
struct moon_keyring_ref {
  struct moon_keyring_entry *entry;
  uint64_t generation;
};

/* salt: 64 random bits, as moon_crypto_new. contexts: at most so many; 0: MOON_KEYRING_CONTEXTS. Sets OpenSSL up, which takes
 * a millisecond. MOON_E_NOMEM; MOON_E_NO_ALGORITHM. */
MOON_API enum moon_err moon_keyring_new(uint64_t salt, uint32_t contexts, struct moon_keyring **out);
/* NULL is fine. */
MOON_API void moon_keyring_free(struct moon_keyring *k);
/* The context of c, whose level is not noAuthNoPriv, at this engine; priv instead of c->priv, as an agent may mean another
 * extension of the key. *out is lent until the next call. MOON_E_NOMEM; MOON_E_NO_ALGORITHM; MOON_E_LENGTH, MOON_E_RANGE: the
 * credential is not in order. */
MOON_API enum moon_err moon_keyring_get(struct moon_keyring *k, const struct moon_credential *c, enum moon_priv priv,
                                        const uint8_t *engine_id, size_t n, struct moon_keyring_ref *ref, struct moon_usm **out);
/* MOON_DATAGRAM_MAX octets to decrypt into, the same each time. */
MOON_API uint8_t *moon_keyring_scratch(struct moon_keyring *k);
/* To make keys with. */
MOON_API struct moon_crypto *moon_keyring_crypto(struct moon_keyring *k);
/* How often a key was extended as Reeder does, which takes a millisecond each: who has others to serve does not do many at once. */
MOON_API uint32_t moon_keyring_stretched(const struct moon_keyring *k);
/* Contexts and localized keys held now. */
MOON_API void moon_keyring_held(const struct moon_keyring *k, uint32_t *contexts, uint32_t *keys);

#endif
