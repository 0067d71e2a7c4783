/* Passwords to keys: each once, few or many, and nothing of them left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/mem.h"
#include "../../core/bind/load/password.h"

#define MANY 400

/* RFC 3414 A.3.1 and A.3.2. */
static const uint8_t MAPLE_MD5[] = {0x9f, 0xaf, 0x32, 0x83, 0x88, 0x4e, 0x92, 0x83, 0x4e, 0xbc, 0x98, 0x47, 0xd8, 0xed, 0xd9, 0x63};
static const uint8_t MAPLE_SHA[] = {0x9f, 0xb5, 0xcc, 0x03, 0x81, 0x49, 0x7b, 0x37, 0x93, 0x52,
                                    0x89, 0x39, 0xff, 0x78, 0x8d, 0x5d, 0x79, 0x14, 0x52, 0x11};

static void assert_key(const struct moon_key *key, const uint8_t *want, size_t n) {
  assert_int_equal(key->len, n);
  assert_memory_equal(key->octets, want, n);
}

static void few(void **state) {
  struct moon_password_list l = {0};
  struct moon_credential c[3] = {0};
  char a[] = "maplesyrup", b[] = "maplesyrup", other[] = "maplesyruq";
  static const char blank[sizeof a];
  (void)state;
  assert_int_equal(moon_password_add(&l, MOON_AUTH_SHA1, a, 10, 2, false), MOON_OK);
  assert_int_equal(moon_password_add(&l, MOON_AUTH_MD5, b, 10, 0, false), MOON_OK);
  assert_int_equal(moon_password_add(&l, MOON_AUTH_SHA1, b, 10, 1, true), MOON_OK);
  assert_int_equal(moon_password_add(&l, MOON_AUTH_SHA1, other, 10, 2, true), MOON_OK);
  assert_int_equal(moon_password_run(&l, c, NULL, NULL), MOON_OK);
  assert_key(&c[0].auth_key, MAPLE_MD5, sizeof MAPLE_MD5);
  assert_key(&c[1].priv_key, MAPLE_SHA, sizeof MAPLE_SHA);
  assert_key(&c[2].auth_key, MAPLE_SHA, sizeof MAPLE_SHA);
  assert_int_equal(c[2].priv_key.len, 20);
  assert_memory_not_equal(c[2].priv_key.octets, MAPLE_SHA, 20);
  assert_int_equal(c[0].priv_key.len + c[1].auth_key.len, 0);
  assert_memory_equal(a, blank, sizeof a);
  assert_memory_equal(b, blank, sizeof b);
  assert_memory_equal(other, blank, sizeof other);
  moon_password_fini(&l);
  assert_null(l.list);
}

static void none(void **state) {
  struct moon_password_list l = {0};
  (void)state;
  assert_int_equal(moon_password_run(&l, NULL, NULL, NULL), MOON_OK);
  moon_password_fini(&l);
}

struct said { uint32_t times, made, n; };

static void told(void *arg, uint32_t made, uint32_t n) {
  struct said *s = arg;
  assert_true(made >= s->made && made <= n);
  *s = (struct said){s->times + 1, made, n};
}

/* Half of them are the same: on threads, and each key where it belongs. */
static void many(void **state) {
  static char texts[MANY][16];
  static struct moon_credential c[MANY], alone;
  struct moon_crypto *crypto;
  struct said said = {0};
  (void)state;
  assert_int_equal(moon_crypto_new(0, &crypto), MOON_OK);
  struct moon_password_list l = {.crypto = crypto};
  for (uint32_t i = 0; i < MANY; i++) {
    (void)snprintf(texts[i], sizeof texts[i], "password-%03u", (unsigned)(i * 7 % (MANY / 2)));
    assert_int_equal(moon_password_add(&l, MOON_AUTH_SHA1, texts[i], 12, i, i % 3 == 0), MOON_OK);
  }
  assert_int_equal(moon_password_run(&l, c, told, &said), MOON_OK);
  moon_password_fini(&l);
  moon_crypto_free(crypto);
  if (said.times) { assert_int_equal(said.n, MANY / 2); }
  for (uint32_t i = 0; i < MANY; i += 37) {
    char text[16];
    (void)snprintf(text, sizeof text, "password-%03u", (unsigned)(i * 7 % (MANY / 2)));
    assert_int_equal(moon_password_add(&l, MOON_AUTH_SHA1, text, 12, 0, false), MOON_OK);
    assert_int_equal(moon_password_run(&l, &alone, NULL, NULL), MOON_OK);
    moon_password_fini(&l);
    const struct moon_key *key = i % 3 == 0 ? &c[i].priv_key : &c[i].auth_key, *other = i % 3 == 0 ? &c[i].auth_key : &c[i].priv_key;
    assert_key(key, alone.auth_key.octets, alone.auth_key.len);
    assert_int_equal(other->len, 0);
  }
}

static void fails(void **state) {
  struct moon_password_list l = {0};
  struct moon_credential c = {0};
  char text[] = "maplesyrup";
  (void)state;
  assert_int_equal(moon_password_add(&l, MOON_AUTH_NONE, text, 10, 0, false), MOON_OK);
  assert_int_not_equal(moon_password_run(&l, &c, NULL, NULL), MOON_OK);
  assert_int_equal(c.auth_key.len, 0);
  assert_int_equal(text[0], 0);
  moon_password_fini(&l);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(few), cmocka_unit_test(none), cmocka_unit_test(many), cmocka_unit_test(fails)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
