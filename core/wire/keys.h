/* keys: from a password to the keys of one user at one engine.
 *
 *   password --1 MiB hashed--> Ku --engine id hashed in--> Kul --extended, if the cipher needs more--> privacy key
 *
 * The first step takes some 0.5 to 2 ms and depends only on protocol and password: cache Ku. The others take microseconds.
 *
 *   struct moon_key ku, kul;
 *   moon_key_from_password(crypto, MOON_AUTH_SHA1, password, n, &ku);
 *   moon_key_localize(crypto, MOON_AUTH_SHA1, &ku, engine_id, engine_id_len, &kul);      for signing
 *   moon_key_localize_priv(crypto, MOON_AUTH_SHA1, MOON_PRIV_AES256, &ku, engine_id, engine_id_len, &kul);   for privacy
 *   moon_key_wipe(&ku);
 *
 * Keys are secrets in the caller's memory: wipe them. Nothing here keeps a copy. */
#ifndef MOON_WIRE_KEYS_H
#define MOON_WIRE_KEYS_H

#include "crypto.h"

#define MOON_KEY_MAX 64
#define MOON_PASSWORD_MIN 8    /* RFC 3414 11.2 */
#define MOON_PASSWORD_MAX 1024 /* ours */

struct moon_key {
  uint8_t octets[MOON_KEY_MAX];
  uint8_t len;
};

/* RFC 3414 A.2, RFC 7860 9.3. For a privacy password too: auth is then the user's authentication protocol, whose hash it
 * takes. MOON_E_LENGTH: shorter or longer than a password may be; MOON_E_RANGE: auth is none; MOON_E_NO_ALGORITHM; MOON_E_NOMEM. */
MOON_API enum moon_err moon_key_from_password(struct moon_crypto *c, enum moon_auth auth, const uint8_t *password, size_t n,
                                              struct moon_key *ku);
/* Kul = H(Ku, engineID, Ku), RFC 3414 2.6. ku may be kul. MOON_E_LENGTH: Ku is not as long as the hash. */
MOON_API enum moon_err moon_key_localize(struct moon_crypto *c, enum moon_auth auth, const struct moon_key *ku,
                                         const uint8_t *engine_id, size_t n, struct moon_key *kul);
/* Kul extended and cut to moon_priv_key_len(priv). Extending as Reeder does hashes 1 MiB once more: for every engine.
 * ku may be key. MOON_E_RANGE: priv or auth is none; MOON_E_LENGTH: Ku is not as long as the hash. */
MOON_API enum moon_err moon_key_localize_priv(struct moon_crypto *c, enum moon_auth auth, enum moon_priv priv,
                                              const struct moon_key *ku, const uint8_t *engine_id, size_t n,
                                              struct moon_key *key);
/* Ready-made Ku, or a localized key for signing: as long as the hash. MOON_E_LENGTH. */
MOON_API enum moon_err moon_key_given(enum moon_auth auth, const uint8_t *octets, size_t n, struct moon_key *key);
/* A localized key for privacy: as long as the cipher needs, or as long as the hash where that is more, then cut.
 * MOON_E_LENGTH; MOON_E_RANGE: priv is none. */
MOON_API enum moon_err moon_key_given_priv(enum moon_auth auth, enum moon_priv priv, const uint8_t *octets, size_t n,
                                           struct moon_key *key);
MOON_API void moon_key_wipe(struct moon_key *key);

#endif
