/* evp: what crypto.c, keys.c and usm.c share of OpenSSL. Not public.
 *
 * Setting up, which may well fail, leaves OpenSSL's error queue as it was: a host that looks at it sees only its own. What
 * is done per message fails only for want of memory, and leaves OpenSSL's word of that. */
#ifndef MOON_WIRE_EVP_H
#define MOON_WIRE_EVP_H

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "crypto.h"

/* AES for all keys: to be given one, and no IV, before each message. Whole blocks, encrypted. */
struct moon_aes {
  EVP_CIPHER_CTX *blocks; /* each by itself */
  EVP_CIPHER_CTX *chain;  /* CBC; the IV is zeros */
};

struct moon_crypto {
  uint64_t salt;                      /* of the next message */
  struct moon_aes aes[MOON_PRIV_N];   /* made when first used, like what follows */
  EVP_MD *md[MOON_AUTH_N];
  EVP_CIPHER *des[MOON_PRIV_N];
  EVP_MD_CTX *scratch;                /* one digest at a time; keeping it saves making it */
  OSSL_LIB_CTX *lib;
  OSSL_PROVIDER *base, *legacy;
};

/* The fetched algorithm, lent until moon_crypto_free. MOON_E_NO_ALGORITHM, MOON_E_RANGE, MOON_E_NOMEM. */
enum moon_err moon_crypto_md(struct moon_crypto *c, enum moon_auth auth, const EVP_MD **out);
/* DES or 3DES in CBC; MOON_E_RANGE for others. */
enum moon_err moon_crypto_des(struct moon_crypto *c, enum moon_priv priv, const EVP_CIPHER **out);
/* Sees to it that c->aes[priv] is there; MOON_E_RANGE for what is not AES. */
enum moon_err moon_crypto_aes(struct moon_crypto *c, enum moon_priv priv);

#endif
