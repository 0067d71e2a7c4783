/* crypto: the algorithms of SNMPv3 (RFC 3414, 3826, 7860, draft-blumenthal-aes-usm-04, draft-reeder-snmpv3-usm-3desede-00),
 * their names and sizes, and a library context of OpenSSL of its own to run them in: nothing of the process is configured,
 * and what a host does with OpenSSL does not touch this.
 *
 * Nothing is set up before moon_crypto_new, and each algorithm only when it is first used. One thread at a time; a process
 * that forks makes one in each child. */
#ifndef MOON_WIRE_CRYPTO_H
#define MOON_WIRE_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "../base/err.h"

enum moon_auth {
  MOON_AUTH_NONE = 0,
  MOON_AUTH_MD5,    /* RFC 3414 6 */
  MOON_AUTH_SHA1,   /* RFC 3414 7 */
  MOON_AUTH_SHA224, /* RFC 7860 4, and the next three */
  MOON_AUTH_SHA256,
  MOON_AUTH_SHA384,
  MOON_AUTH_SHA512,
  MOON_AUTH_N
};

enum moon_priv {
  MOON_PRIV_NONE = 0,
  MOON_PRIV_DES,           /* RFC 3414 8; OpenSSL's legacy provider */
  MOON_PRIV_3DES,          /* Reeder, 3DES-EDE */
  MOON_PRIV_AES128,        /* RFC 3826 */
  MOON_PRIV_AES192,        /* Blumenthal: key extended by hashing it again */
  MOON_PRIV_AES256,
  MOON_PRIV_AES192_REEDER, /* the same cipher, key extended as Reeder does for 3DES: Cisco and others */
  MOON_PRIV_AES256_REEDER,
  MOON_PRIV_N
};

struct moon_crypto;

/* salt: 64 random bits; privacy salts count up from there, so that no two of a process are the same (RFC 3826 3.1.2.1).
 * MOON_E_NOMEM; MOON_E_NO_ALGORITHM: no default provider, or no library at all. */
MOON_API enum moon_err moon_crypto_new(uint64_t salt, struct moon_crypto **out);
/* After everything made with it. NULL is fine. */
MOON_API void moon_crypto_free(struct moon_crypto *c);
/* Can both be used here? MOON_E_NO_ALGORITHM: the provider lacks one; MOON_E_RANGE: no such protocol; MOON_E_NOMEM. */
MOON_API enum moon_err moon_crypto_check(struct moon_crypto *c, enum moon_auth auth, enum moon_priv priv);

/* Names as net-snmp takes them, in any case, with hyphens or without: MD5 SHA SHA-1 SHA-224 SHA-256 SHA-384 SHA-512; DES 3DES
 * AES AES-128 AES-192 AES-256 AES-192-C AES-256-C (C: Reeder, of Cisco). MOON_E_SYNTAX for others. */
MOON_API enum moon_err moon_auth_parse(const char *text, size_t n, enum moon_auth *out);
MOON_API enum moon_err moon_priv_parse(const char *text, size_t n, enum moon_priv *out);
/* "SHA-256", "AES-256-C"; "none"; "unknown" for what is none of the enum. */
MOON_API const char *moon_auth_name(enum moon_auth auth);
MOON_API const char *moon_priv_name(enum moon_priv priv);

MOON_API size_t moon_auth_key_len(enum moon_auth auth);    /* of Ku and Kul: 16 to 64; 0 for none */
MOON_API size_t moon_auth_digest_len(enum moon_auth auth); /* msgAuthenticationParameters, truncated: 12 to 48; 0 for none */
MOON_API size_t moon_priv_key_len(enum moon_priv priv);    /* secret octets, the pre-IV of DES included: 16, 24 or 32; 0 for none */

#endif
