/* libcrypto, opened when its first function is called: with the first agent of SNMPv3. What only speaks v1 and v2c starts without
 * its 18,000 relocations, half of what starting takes (1.1 of 2.3 ms CPU, `moonpoll --version`). These stand in front of
 * the functions of it that core/wire calls, in the program alone: the libraries are linked to it as ever. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/opensslv.h>
#include <openssl/provider.h>
#include <openssl/sha.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "log.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define FILE_NAME "libcrypto.so." TEXT(OPENSSL_SHLIB_VERSION)

/* type, name, parameters, arguments, what it says when there is no library */
#define FUNCTIONS(X)                                                                                                                \
  X(int, CRYPTO_memcmp, (const void *a, const void *b, size_t n), (a, b, n), 1)                                                     \
  X(int, ERR_set_mark, (void), (), 0)                                                                                               \
  X(int, ERR_pop_to_mark, (void), (), 0)                                                                                            \
  X(OSSL_LIB_CTX *, OSSL_LIB_CTX_new, (void), (), NULL)                                                                             \
  X(OSSL_PROVIDER *, OSSL_PROVIDER_load, (OSSL_LIB_CTX *c, const char *name), (c, name), NULL)                                      \
  X(int, OSSL_PROVIDER_unload, (OSSL_PROVIDER *p), (p), 0)                                                                          \
  X(EVP_MD *, EVP_MD_fetch, (OSSL_LIB_CTX *c, const char *name, const char *properties), (c, name, properties), NULL)               \
  X(EVP_MD_CTX *, EVP_MD_CTX_new, (void), (), NULL)                                                                                 \
  X(int, EVP_DigestInit_ex2, (EVP_MD_CTX *x, const EVP_MD *md, const OSSL_PARAM *params), (x, md, params), 0)                       \
  X(int, EVP_DigestUpdate, (EVP_MD_CTX *x, const void *p, size_t n), (x, p, n), 0)                                                  \
  X(int, EVP_DigestFinal_ex, (EVP_MD_CTX *x, unsigned char *out, unsigned int *n), (x, out, n), 0)                                  \
  X(int, MD5_Init, (MD5_CTX *x), (x), 0)                                                                                            \
  X(int, MD5_Update, (MD5_CTX *x, const void *p, size_t n), (x, p, n), 0)                                                           \
  X(int, MD5_Final, (unsigned char *out, MD5_CTX *x), (out, x), 0)                                                                  \
  X(int, SHA1_Init, (SHA_CTX *x), (x), 0)                                                                                           \
  X(int, SHA1_Update, (SHA_CTX *x, const void *p, size_t n), (x, p, n), 0)                                                          \
  X(int, SHA1_Final, (unsigned char *out, SHA_CTX *x), (out, x), 0)                                                                 \
  X(int, SHA224_Init, (SHA256_CTX *x), (x), 0)                                                                                      \
  X(int, SHA256_Init, (SHA256_CTX *x), (x), 0)                                                                                      \
  X(int, SHA256_Update, (SHA256_CTX *x, const void *p, size_t n), (x, p, n), 0)                                                     \
  X(int, SHA256_Final, (unsigned char *out, SHA256_CTX *x), (out, x), 0)                                                            \
  X(int, SHA384_Init, (SHA512_CTX *x), (x), 0)                                                                                      \
  X(int, SHA512_Init, (SHA512_CTX *x), (x), 0)                                                                                      \
  X(int, SHA512_Update, (SHA512_CTX *x, const void *p, size_t n), (x, p, n), 0)                                                     \
  X(int, SHA512_Final, (unsigned char *out, SHA512_CTX *x), (out, x), 0)                                                            \
  X(EVP_CIPHER *, EVP_CIPHER_fetch, (OSSL_LIB_CTX *c, const char *name, const char *properties), (c, name, properties), NULL)       \
  X(int, EVP_CIPHER_get_key_length, (const EVP_CIPHER *c), (c), 0)                                                                  \
  X(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_new, (void), (), NULL)                                                                         \
  X(int, EVP_CIPHER_CTX_set_padding, (EVP_CIPHER_CTX *x, int pad), (x, pad), 0)                                                     \
  X(int, EVP_CipherInit_ex2,                                                                                                        \
    (EVP_CIPHER_CTX *x, const EVP_CIPHER *c, const unsigned char *key, const unsigned char *iv, int enc, const OSSL_PARAM *params), \
    (x, c, key, iv, enc, params), 0)                                                                                                \
  X(int, EVP_Cipher, (EVP_CIPHER_CTX *x, unsigned char *out, const unsigned char *in, unsigned n), (x, out, in, n), -1)             \
  X(int, EVP_CipherUpdate, (EVP_CIPHER_CTX *x, unsigned char *out, int *len, const unsigned char *in, int n), (x, out, len, in, n), 0)

#define PROCEDURES(X)                                 \
  X(OSSL_LIB_CTX_free, (OSSL_LIB_CTX *c), (c))        \
  X(EVP_MD_free, (EVP_MD *md), (md))                  \
  X(EVP_MD_CTX_free, (EVP_MD_CTX *x), (x))            \
  X(EVP_CIPHER_free, (EVP_CIPHER *c), (c))            \
  X(EVP_CIPHER_CTX_free, (EVP_CIPHER_CTX *x), (x))

#define FIELD_F(type, name, params, args, none) type(*name) params;
#define FIELD_P(name, params, args) void(*name) params;
static struct {
  FUNCTIONS(FIELD_F)
  PROCEDURES(FIELD_P)
} real;
static pthread_once_t opening = PTHREAD_ONCE_INIT;
static atomic_bool opened; /* looked at first: a message makes some twenty calls */

static void *symbol(void *lib, const char *name) {
  void *at = lib ? dlsym(lib, name) : NULL;
  if (lib && !at) { moon_log(MOON_LOG_ERROR, "%s has no %s: SNMPv3 cannot be spoken", FILE_NAME, name); }
  return at;
}

/* core/wire has a library context of its own, whose providers know their algorithms by name. Tables of the names of before
 * OpenSSL 3, texts of errors and the configuration of the context that all share are a third of what setting up takes. */
static void set_up(void *lib) {
  int (*init)(uint64_t options, const OPENSSL_INIT_SETTINGS *settings) = NULL;
  *(void **)(void *)&init = symbol(lib, "OPENSSL_init_crypto");
  if (init) {
    (void)init(OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
               OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
  }
}

/* Stays open: what has to be undone when the program ends is few pages that nobody reads any more. */
static void open_library(void) {
  void *lib = dlopen(FILE_NAME, RTLD_LAZY | RTLD_LOCAL);
  if (!lib) { moon_log(MOON_LOG_ERROR, "SNMPv3 cannot be spoken: %s", dlerror()); }
#define FIND_F(type, name, params, args, none) *(void **)(void *)&real.name = symbol(lib, #name);
#define FIND_P(name, params, args) FIND_F(void, name, params, args, )
  FUNCTIONS(FIND_F)
  PROCEDURES(FIND_P)
  set_up(lib);
  atomic_store_explicit(&opened, true, memory_order_release);
}

static inline void open_once(void) {
  if (!atomic_load_explicit(&opened, memory_order_acquire)) { pthread_once(&opening, open_library); }
}

#define DEFINE_F(type, name, params, args, none)  \
  type name params {                              \
    open_once();                                  \
    return real.name ? real.name args : none;     \
  }
#define DEFINE_P(name, params, args)              \
  void name params {                              \
    open_once();                                  \
    if (real.name) { real.name args; }            \
  }
FUNCTIONS(DEFINE_F)
PROCEDURES(DEFINE_P)
