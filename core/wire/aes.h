/* aes: AES in CFB (RFC 3826 3.1.3) with the keys of thousands of agents, made of OpenSSL's ECB and CBC. Not public.
 *
 * One context of OpenSSL's takes ten lines of the cache and a key of its own takes 850 instructions to be given. So all keys share
 * one, which is given the key before each message: of thousands of agents nothing is in the cache when a message comes, and to make
 * the schedule anew takes less than to fetch it. But who is walked is heard again and again, some dozens at a time: who was heard
 * last of those that have the same place is given contexts of its own, which keep the key. */
#ifndef MOON_WIRE_AES_H
#define MOON_WIRE_AES_H

#include <stdbool.h>

#include "evp.h"

#define MOON_AES_BLOCK 16

/* Where it lies says which one it is. */
struct moon_aes_key {
  uint8_t octets[32];
  uint8_t priv; /* enum moon_priv */
};

/* For one struct moon_crypto; NULL: no memory. */
struct moon_aes *moon_aes_new(void);
void moon_aes_free(struct moon_aes *a);
/* Sees to it that keys of this protocol can be used. MOON_E_RANGE: it is not AES; MOON_E_NO_ALGORITHM, MOON_E_NOMEM. */
enum moon_err moon_aes_prepare(struct moon_crypto *c, enum moon_priv priv);
/* n > 0 octets from in to out, which may be the same. false: no memory. */
bool moon_aes_encrypt(struct moon_crypto *c, const struct moon_aes_key *key, const uint8_t iv[MOON_AES_BLOCK], const uint8_t *in, size_t n,
                      uint8_t *out);
bool moon_aes_decrypt(struct moon_crypto *c, const struct moon_aes_key *key, const uint8_t iv[MOON_AES_BLOCK], const uint8_t *in, size_t n,
                      uint8_t *out);
/* The key goes: what was made of it for it alone is wiped. */
void moon_aes_forget(struct moon_crypto *c, const struct moon_aes_key *key);

#endif
