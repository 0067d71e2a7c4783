/* Keys against known answers (tests/vectors/usm/keys.txt); what is refused; names and sizes of the protocols. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "columns.h"
#include "failmem.h"
#include "guard.h"
#include "wire/evp.h"
#include "wire/keys.h"

#define VECTORS "tests/vectors/usm/keys.txt"
#define VECTORS_MIN 33

static struct moon_crypto *crypto;
static struct guard guard;

static void assert_key(const struct columns *c, unsigned i, const struct moon_key *key) {
  uint8_t want[MOON_KEY_MAX];
  size_t n = columns_hex(c, i, want, sizeof want);
  if (key->len != n || memcmp(key->octets, want, n) != 0) { fail_msg("%s:%u: column %u differs", c->path, c->line, i + 1); }
}

static void known_answers(void **state) {
  static const struct { enum moon_priv priv; unsigned column; } extended[] = {
    {MOON_PRIV_AES192, 6}, {MOON_PRIV_AES256, 7}, {MOON_PRIV_AES192_REEDER, 8}, {MOON_PRIV_AES256_REEDER, 9}, {MOON_PRIV_3DES, 9},
  };
  struct columns c;
  unsigned lines = 0;
  (void)state;
  columns_open(&c, VECTORS, 11);
  for (; columns_next(&c); lines++) {
    struct moon_key ku, kul, key;
    enum moon_auth auth;
    uint8_t octets[64];
    const uint8_t *id, *password;
    size_t i, n = strlen(c.column[2]), id_len = columns_hex(&c, 3, octets, sizeof octets);
    assert_int_equal(moon_auth_parse(c.column[1], strlen(c.column[1]), &auth), MOON_OK);
    password = guard_put(&guard, c.column[2], n);
    assert_int_equal(moon_key_from_password(crypto, auth, password, n, &ku), MOON_OK);
    assert_key(&c, 4, &ku);
    id = guard_put(&guard, octets, id_len);
    assert_int_equal(moon_key_localize(crypto, auth, &ku, id, id_len, &kul), MOON_OK);
    assert_key(&c, 5, &kul);
    for (i = 0; i < sizeof extended / sizeof extended[0]; i++) {
      assert_int_equal(moon_key_localize_priv(crypto, auth, extended[i].priv, &ku, id, id_len, &key), MOON_OK);
      assert_key(&c, extended[i].column, &key);
    }
    for (i = 0; i < 2; i++) { /* no extension: the first octets of Kul */
      assert_int_equal(moon_key_localize_priv(crypto, auth, i ? MOON_PRIV_DES : MOON_PRIV_AES128, &ku, id, id_len, &key), MOON_OK);
      assert_int_equal(key.len, 16);
      assert_memory_equal(key.octets, kul.octets, 16);
    }
    assert_int_equal(moon_key_localize_priv(crypto, auth, MOON_PRIV_AES256, &ku, id, id_len, &ku), MOON_OK); /* in place */
    assert_key(&c, 7, &ku);
  }
  columns_close(&c);
  assert_true(lines >= VECTORS_MIN);
}

static void what_is_no_password(void **state) {
  static uint8_t text[MOON_PASSWORD_MAX + 1];
  struct moon_key key = {.len = 77};
  (void)state;
  memset(text, 'p', sizeof text);
  assert_int_equal(moon_key_from_password(crypto, MOON_AUTH_MD5, text, 0, &key), MOON_E_LENGTH);
  assert_int_equal(moon_key_from_password(crypto, MOON_AUTH_MD5, text, MOON_PASSWORD_MIN - 1, &key), MOON_E_LENGTH);
  assert_int_equal(moon_key_from_password(crypto, MOON_AUTH_MD5, text, MOON_PASSWORD_MAX + 1, &key), MOON_E_LENGTH);
  assert_int_equal(moon_key_from_password(crypto, MOON_AUTH_NONE, text, 10, &key), MOON_E_RANGE);
  assert_int_equal(moon_key_from_password(crypto, MOON_AUTH_N, text, 10, &key), MOON_E_RANGE);
  assert_int_equal(key.len, 77);
}

static void what_is_no_key(void **state) {
  uint8_t octets[MOON_KEY_MAX + 1] = {1, 2, 3};
  struct moon_key key = {.len = 77}, ku = {.len = 20};
  unsigned a, p;
  size_t n;
  (void)state;
  for (a = MOON_AUTH_NONE; a <= MOON_AUTH_N; a++) {
    for (n = 0; n <= MOON_KEY_MAX + 1; n++) {
      enum moon_err want = n && n == moon_auth_key_len((enum moon_auth)a) ? MOON_OK : MOON_E_LENGTH;
      key.len = 77;
      assert_int_equal(moon_key_given((enum moon_auth)a, octets, n, &key), want);
      assert_int_equal(key.len, want ? 77 : n);
      for (p = MOON_PRIV_NONE; p <= MOON_PRIV_N; p++) {
        size_t need = moon_priv_key_len((enum moon_priv)p);
        want = !need ? MOON_E_RANGE
               : n == need || (n > need && n == moon_auth_key_len((enum moon_auth)a)) ? MOON_OK : MOON_E_LENGTH;
        key.len = 77;
        assert_int_equal(moon_key_given_priv((enum moon_auth)a, (enum moon_priv)p, octets, n, &key), want);
        assert_int_equal(key.len, want ? 77 : need);
      }
    }
  }
  key.len = 77;
  assert_int_equal(moon_key_localize(crypto, MOON_AUTH_MD5, &ku, octets, 5, &key), MOON_E_LENGTH);
  assert_int_equal(moon_key_localize(crypto, MOON_AUTH_NONE, &ku, octets, 5, &key), MOON_E_RANGE);
  assert_int_equal(moon_key_localize_priv(crypto, MOON_AUTH_MD5, MOON_PRIV_AES256, &ku, octets, 5, &key), MOON_E_LENGTH);
  assert_int_equal(moon_key_localize_priv(crypto, MOON_AUTH_SHA1, MOON_PRIV_NONE, &ku, octets, 5, &key), MOON_E_RANGE);
  assert_int_equal(moon_key_localize_priv(crypto, MOON_AUTH_SHA1, MOON_PRIV_N, &ku, octets, 5, &key), MOON_E_RANGE);
  assert_int_equal(key.len, 77);
}

static void an_empty_engine_id_is_one(void **state) {
  struct moon_key ku, one, other;
  (void)state;
  assert_int_equal(moon_key_from_password(crypto, MOON_AUTH_SHA1, (const uint8_t *)"maplesyrup", 10, &ku), MOON_OK);
  assert_int_equal(moon_key_localize(crypto, MOON_AUTH_SHA1, &ku, NULL, 0, &one), MOON_OK);
  assert_int_equal(moon_key_localize(crypto, MOON_AUTH_SHA1, &ku, (const uint8_t *)"", 0, &other), MOON_OK);
  assert_memory_equal(one.octets, other.octets, 20);
}

static void wiped_is_wiped(void **state) {
  struct moon_key key;
  size_t i;
  (void)state;
  memset(&key, 0x55, sizeof key);
  moon_key_wipe(&key);
  for (i = 0; i < sizeof key; i++) { assert_int_equal(((const uint8_t *)&key)[i], 0); }
}

static void names(void **state) {
  static const struct { const char *text; int auth, priv; } table[] = {
    {"MD5", MOON_AUTH_MD5, 0}, {"md5", MOON_AUTH_MD5, 0}, {"SHA", MOON_AUTH_SHA1, 0}, {"SHA-1", MOON_AUTH_SHA1, 0},
    {"sha1", MOON_AUTH_SHA1, 0},
    {"SHA-224", MOON_AUTH_SHA224, 0}, {"SHA256", MOON_AUTH_SHA256, 0},
    {"sha-384", MOON_AUTH_SHA384, 0}, {"Sha-512", MOON_AUTH_SHA512, 0},
    {"DES", 0, MOON_PRIV_DES}, {"3DES", 0, MOON_PRIV_3DES}, {"AES", 0, MOON_PRIV_AES128}, {"AES-128", 0, MOON_PRIV_AES128},
    {"aes128", 0, MOON_PRIV_AES128},
    {"AES-192", 0, MOON_PRIV_AES192}, {"AES256", 0, MOON_PRIV_AES256}, {"AES-192-C", 0, MOON_PRIV_AES192_REEDER},
    {"aes256c", 0, MOON_PRIV_AES256_REEDER}, {"AES-256-C", 0, MOON_PRIV_AES256_REEDER},
    {"", 0, 0}, {"-", 0, 0}, {"none", 0, 0},
    {"SHA-2", 0, 0}, {"SHA-2560", 0, 0}, {"SHAxx", 0, 0}, {"AES-128-C", 0, 0}, {"AES-512", 0, 0},
    {"DES-CBC", 0, 0}, {"MD", 0, 0}, {"a name that is longer than any", 0, 0}, {"----------------MD5", MOON_AUTH_MD5, 0},
  };
  enum moon_auth auth;
  enum moon_priv priv;
  size_t i;
  unsigned k;
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    size_t n = strlen(table[i].text);
    const char *p = (const char *)guard_put(&guard, table[i].text, n);
    auth = MOON_AUTH_NONE;
    priv = MOON_PRIV_NONE;
    assert_int_equal(moon_auth_parse(p, n, &auth), table[i].auth ? MOON_OK : MOON_E_SYNTAX);
    assert_int_equal(auth, table[i].auth);
    assert_int_equal(moon_priv_parse(p, n, &priv), table[i].priv ? MOON_OK : MOON_E_SYNTAX);
    assert_int_equal(priv, table[i].priv);
  }
  assert_int_equal(moon_auth_parse("MD5\0", 4, &auth), MOON_E_SYNTAX);
  for (k = 1; k < MOON_AUTH_N; k++) {
    const char *name = moon_auth_name((enum moon_auth)k);
    assert_int_equal(moon_auth_parse(name, strlen(name), &auth), MOON_OK);
    assert_int_equal(auth, k);
  }
  for (k = 1; k < MOON_PRIV_N; k++) {
    const char *name = moon_priv_name((enum moon_priv)k);
    assert_int_equal(moon_priv_parse(name, strlen(name), &priv), MOON_OK);
    assert_int_equal(priv, k);
  }
  assert_string_equal(moon_auth_name(MOON_AUTH_NONE), "none");
  assert_string_equal(moon_priv_name(MOON_PRIV_NONE), "none");
  assert_string_equal(moon_auth_name(MOON_AUTH_N), "unknown");
  assert_string_equal(moon_priv_name((enum moon_priv)-1), "unknown");
  assert_int_equal(moon_auth_digest_len(MOON_AUTH_NONE) + moon_auth_digest_len(MOON_AUTH_N), 0);
  assert_int_equal(moon_auth_key_len(MOON_AUTH_N) + moon_priv_key_len(MOON_PRIV_N), 0);
}

static void all_are_provided(void **state) {
  unsigned a, p;
  (void)state;
  for (a = MOON_AUTH_NONE; a < MOON_AUTH_N; a++) {
    for (p = MOON_PRIV_NONE; p < MOON_PRIV_N; p++) {
      assert_int_equal(moon_crypto_check(crypto, (enum moon_auth)a, (enum moon_priv)p), MOON_OK);
    }
  }
  assert_int_equal(moon_crypto_check(crypto, MOON_AUTH_N, MOON_PRIV_NONE), MOON_E_RANGE);
  assert_int_equal(moon_crypto_check(crypto, MOON_AUTH_MD5, MOON_PRIV_N), MOON_E_RANGE);
}

/* A provider that has no DES, as where the legacy one is not installed; one that has nothing at all. */
static void what_is_not_provided(void **state) {
  struct moon_crypto *c;
  struct moon_key key = {.len = 77};
  (void)state;
  assert_int_equal(moon_crypto_new(1, &c), MOON_OK);
  OSSL_PROVIDER_set_default_search_path(c->lib, "/nonexistent");
  ERR_clear_error();
  assert_int_equal(moon_crypto_check(c, MOON_AUTH_MD5, MOON_PRIV_DES), MOON_E_NO_ALGORITHM);
  assert_int_equal(moon_crypto_check(c, MOON_AUTH_MD5, MOON_PRIV_3DES), MOON_OK);
  assert_int_equal(ERR_peek_error(), 0);
  moon_crypto_free(c);
  assert_int_equal(moon_crypto_new(1, &c), MOON_OK);
  EVP_set_default_properties(c->lib, "provider=none");
  ERR_clear_error();
  assert_int_equal(moon_crypto_check(c, MOON_AUTH_SHA1, MOON_PRIV_NONE), MOON_E_NO_ALGORITHM);
  assert_int_equal(moon_crypto_check(c, MOON_AUTH_NONE, MOON_PRIV_AES128), MOON_E_NO_ALGORITHM);
  assert_int_equal(moon_key_from_password(c, MOON_AUTH_SHA1, (const uint8_t *)"maplesyrup", 10, &key), MOON_E_NO_ALGORITHM);
  assert_int_equal(key.len, 77);
  assert_int_equal(ERR_peek_error(), 0);
  moon_crypto_free(c);
}

/* A host's own OpenSSL is not touched: no legacy cipher appears in it. */
static void hosts_are_left_alone(void **state) {
  (void)state;
  assert_int_equal(moon_crypto_check(crypto, MOON_AUTH_MD5, MOON_PRIV_DES), MOON_OK);
  assert_false(OSSL_PROVIDER_available(NULL, "legacy"));
  assert_null(EVP_CIPHER_fetch(NULL, "DES-CBC", NULL));
  ERR_clear_error();
}

static void memory_that_runs_out(void **state) {
  struct moon_crypto *c = NULL;
  size_t alive = failmem_alive();
  (void)state;
  failmem_arm(1);
  assert_int_equal(moon_crypto_new(1, &c), MOON_E_NOMEM);
  assert_true(failmem_fired());
  failmem_disarm();
  assert_null(c);
  assert_int_equal(failmem_alive(), alive);
  moon_crypto_free(NULL);
}

static int setup(void **state) {
  (void)state;
  failmem_install();
  guard_init(&guard, 4096);
  return moon_crypto_new(1, &crypto) ? -1 : 0;
}

static int teardown(void **state) {
  (void)state;
  moon_crypto_free(crypto);
  guard_fini(&guard);
  return failmem_alive() ? -1 : 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(known_answers),        cmocka_unit_test(what_is_no_password),  cmocka_unit_test(what_is_no_key),
    cmocka_unit_test(an_empty_engine_id_is_one), cmocka_unit_test(wiped_is_wiped),  cmocka_unit_test(names),
    cmocka_unit_test(all_are_provided),     cmocka_unit_test(what_is_not_provided), cmocka_unit_test(hosts_are_left_alone),
    cmocka_unit_test(memory_that_runs_out),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
