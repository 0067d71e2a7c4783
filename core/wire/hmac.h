/* hmac: digests of messages with the states of the hash after the padded key, inner and outer, kept (RFC 2104 4). Not public.
 *
 * Kept are the chaining values alone, 40 octets for SHA-1, and the functions under EVP continue from them: a context of EVP is
 * copied by giving memory back and asking for it anew, twice a message, and has its lines of the cache elsewhere. Whether an
 * algorithm may be used at all is asked of the provider (evp.h). Messages are hashed in memory that is on the stack. */
#ifndef MOON_WIRE_HMAC_H
#define MOON_WIRE_HMAC_H

#include "crypto.h"

#define MOON_HMAC_STATE_MAX 64 /* octets, SHA-384 and SHA-512 */
#define MOON_HMAC_MAX 64       /* octets of a whole digest */

struct moon_hmac {
  uint8_t states[2 * MOON_HMAC_STATE_MAX]; /* inner, and right behind it outer */
  uint8_t auth;                            /* enum moon_auth, not none */
};

/* A key of moon_auth_key_len(auth) octets. */
void moon_hmac_init(struct moon_hmac *h, enum moon_auth auth, const uint8_t *key);
/* Of p[0..n) with hole octets of it from at on taken for zeros: at + hole <= n. The first moon_auth_key_len octets of out are the digest. */
void moon_hmac_make(const struct moon_hmac *h, const uint8_t *p, size_t n, size_t at, size_t hole, uint8_t out[MOON_HMAC_MAX]);

#endif
