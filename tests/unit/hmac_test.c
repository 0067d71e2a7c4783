/* Digests continued from kept states: of every algorithm, messages of every length over several blocks, the hole at every
 * place around the ends of blocks, against what OpenSSL makes of the whole message at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "guard.h"
#include "wire/hmac.h"

#define LONGEST 700

static struct guard guard;
static uint8_t octets[LONGEST];
static const uint8_t key[MOON_HMAC_MAX] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0xff, 0x80, 0x7f};

static const EVP_MD *reference(enum moon_auth auth) {
  switch (auth) {
  case MOON_AUTH_MD5: return EVP_md5();
  case MOON_AUTH_SHA1: return EVP_sha1();
  case MOON_AUTH_SHA224: return EVP_sha224();
  case MOON_AUTH_SHA256: return EVP_sha256();
  case MOON_AUTH_SHA384: return EVP_sha384();
  default: return EVP_sha512();
  }
}

static void assert_right(const struct moon_hmac *h, const EVP_MD *md, size_t n, size_t at, size_t hole) {
  uint8_t copy[LONGEST], right[EVP_MAX_MD_SIZE], got[MOON_HMAC_MAX];
  unsigned len = 0;
  memcpy(copy, octets, n);
  memset(copy + at, 0, hole);
  assert_non_null(HMAC(md, key, EVP_MD_get_size(md), copy, n, right, &len));
  moon_hmac_make(h, guard_put(&guard, octets, n), n, at, hole, got);
  if (memcmp(got, right, len) != 0) { fail_msg("%s: %zu octets, hole of %zu at %zu", EVP_MD_get0_name(md), n, hole, at); }
}

static void any_length_any_hole(void **state) {
  (void)state;
  for (unsigned auth = MOON_AUTH_MD5; auth < MOON_AUTH_N; auth++) {
    const EVP_MD *md = reference((enum moon_auth)auth);
    size_t hole = moon_auth_digest_len((enum moon_auth)auth);
    struct moon_hmac h;
    assert_int_equal(EVP_MD_get_size(md), moon_auth_key_len((enum moon_auth)auth));
    moon_hmac_init(&h, (enum moon_auth)auth, key);
    for (size_t n = 0; n <= LONGEST; n += n < 290 ? 1 : 41) {
      assert_right(&h, md, n, 0, 0);
      if (n < hole) { continue; }
      assert_right(&h, md, n, 0, hole);
      assert_right(&h, md, n, n - hole, hole);
      for (size_t at = 1; at + hole < n; at += 7) { assert_right(&h, md, n, at, hole); }
    }
    for (size_t at = 40; at + hole <= 300; at++) { assert_right(&h, md, 300, at, hole); } /* over the ends of blocks */
  }
}

static int setup(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof octets; i++) { octets[i] = (uint8_t)(i * 7 + i / 251 + 1); }
  guard_init(&guard, 4096);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  guard_fini(&guard);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(any_length_any_hole),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
