/* evp: what crypto.c, keys.c, aes.c and usm.c share of OpenSSL. Not public.
 *
 * Setting up, which may well fail, leaves OpenSSL's error queue as it was: a host that looks at it sees only its own. What
 * is done per message fails only for want of memory, and leaves OpenSSL's word of that. */
#ifndef MOON_WIRE_EVP_H
#define MOON_WIRE_EVP_H

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "crypto.h"

struct moon_aes; /* see aes.h */

struct moon_crypto {
  uint64_t salt;                      /* of the next message */
  struct moon_aes *aes;
  EVP_MD *md[MOON_AUTH_N];            /* made when first used, as is what follows */
  EVP_CIPHER *des[MOON_PRIV_N];
  EVP_MD_CTX *scratch;                /* one digest at a time; keeping it saves making it */
  OSSL_LIB_CTX *lib;
  OSSL_PROVIDER *base, *legacy;
};

/* The fetched algorithm, lent until moon_crypto_free. MOON_E_NO_ALGORITHM, MOON_E_RANGE, MOON_E_NOMEM. */
enum moon_err moon_crypto_md(struct moon_crypto *c, enum moon_auth auth, const EVP_MD **out);
/* DES or 3DES in CBC; MOON_E_RANGE for others. */
enum moon_err moon_crypto_des(struct moon_crypto *c, enum moon_priv priv, const EVP_CIPHER **out);

#endif
