/* usm: signing, verifying, encrypting and decrypting with the keys of one user at one engine (RFC 3414, 3826, 7860).
 *
 * The states of the inner and the outer hash are made once and kept with the key of the cipher, some 200 octets; DES and 3DES
 * keep a context of OpenSSL. seal and open put the steps in the one right order: out, encrypt, then sign; in, verify, then
 * decrypt.
 *
 *   struct moon_usm *u;
 *   moon_usm_new(crypto, MOON_AUTH_SHA1, &auth_key, MOON_PRIV_AES128, &priv_key, &u);      keys: keys.h
 *   moon_usm_seal(u, &writer, &envelope, &scoped);
 *   ...
 *   moon_v3_decode(p, n, &envelope);
 *   moon_usm_open(u, MOON_V3_AUTH | MOON_V3_PRIV, p, &envelope, buf, sizeof buf, &scoped);
 *
 * Knows no time window and no engine: what of a message to believe, and when, is the matter of who asks (RFC 3414 3.2). */
#ifndef MOON_WIRE_USM_H
#define MOON_WIRE_USM_H

#include "keys.h"
#include "v3.h"

struct moon_usm;

/* Copies the keys. priv_key may be NULL when priv is none; auth may not be none, as there is no privacy by itself.
 * c must outlive it and is used by every call below: one thread. MOON_E_LENGTH: a key is not as long as its protocol needs;
 * MOON_E_RANGE; MOON_E_NO_ALGORITHM; MOON_E_NOMEM. */
MOON_API enum moon_err moon_usm_new(struct moon_crypto *c, enum moon_auth auth, const struct moon_key *auth_key,
                                    enum moon_priv priv, const struct moon_key *priv_key, struct moon_usm **out);
/* Wipes the keys. NULL is fine. */
MOON_API void moon_usm_free(struct moon_usm *u);

/* Writes the digest of the message msg[0..n) to msg[at..]; zeros are hashed in its place, whatever stood there (RFC 3414
 * 6.3.1). MOON_E_LENGTH: it does not lie inside. */
MOON_API enum moon_err moon_usm_sign(struct moon_usm *u, uint8_t *msg, size_t n, size_t at);
/* Is the digest of digest_len octets at msg[at] the right one? Compares in constant time. MOON_E_AUTH: no, or it has
 * another length than the protocol's. */
MOON_API enum moon_err moon_usm_verify(struct moon_usm *u, const uint8_t *msg, size_t n, size_t at, size_t digest_len);
/* Octets that have to follow n octets of plain text: 0 to 7 for DES and 3DES, else 0. */
MOON_API size_t moon_usm_padding(const struct moon_usm *u, size_t n);
/* In place; boots and time are those of the envelope. salt gets what has to stand in it. MOON_E_UNSUPPORTED_LEVEL: no
 * privacy key; MOON_E_LENGTH: not padded. */
MOON_API enum moon_err moon_usm_encrypt(struct moon_usm *u, uint32_t boots, uint32_t time, uint8_t *p, size_t n,
                                        uint8_t salt[MOON_SALT_LEN]);
/* From in to out, which has n octets of room and may be in itself, but not overlap it otherwise. MOON_E_DECRYPTION: a salt
 * of another length, or octets that no encryption makes. A wrong key is not noticed here. MOON_E_UNSUPPORTED_LEVEL. */
MOON_API enum moon_err moon_usm_decrypt(struct moon_usm *u, uint32_t boots, uint32_t time, const uint8_t *salt, size_t salt_len,
                                        const uint8_t *in, size_t n, uint8_t *out);

/* A whole message, backwards in front of what w holds: s, encrypted if m->flags say so, in the envelope m, signed if m->flags
 * say so. Of m the fields scoped, auth and priv are not used. s->pdu.varbinds as in moon_scoped_encode; encrypting
 * overwrites them when they are w->p, so keep them elsewhere for another try. u may be NULL when nothing is signed.
 * MOON_E_UNSUPPORTED_LEVEL: m->flags ask for more than u can do; otherwise as the encoders. */
MOON_API void moon_usm_seal(struct moon_usm *u, struct moon_writer *w, const struct moon_v3 *m, const struct moon_scoped *s);
/* The other way: m was decoded from p. level, of MOON_V3_LEVEL, is the least the message must come with; more is verified
 * and decrypted too. buf, of cap octets, takes the decrypted PDU that *out then lends from; unused when it is plain, and may
 * be m->scoped. u may be NULL. MOON_E_UNSUPPORTED_LEVEL: less than level, or more than u can do; MOON_E_AUTH; MOON_E_DECRYPTION:
 * also when what comes out is no scoped PDU, the mark of a wrong key; MOON_E_SPACE: cap < m->scoped_len; otherwise as
 * moon_scoped_decode. */
MOON_API enum moon_err moon_usm_open(struct moon_usm *u, uint8_t level, const uint8_t *p, const struct moon_v3 *m, uint8_t *buf,
                                     size_t cap, struct moon_scoped *out);

#endif
