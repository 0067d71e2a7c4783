/* The keyring: contexts by content of the key and engine id, bounded, keys never made twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "../../core/session/keyring.h"
#include "failmem.h"

static struct moon_keyring *ring;
static struct moon_credential credential;

static void fill(struct moon_credential *c, const char *password, enum moon_priv priv) {
  struct moon_crypto *crypto = moon_keyring_crypto(ring);
  memset(c, 0, sizeof *c);
  c->version = MOON_V3;
  c->level = MOON_V3_AUTH | (priv ? MOON_V3_PRIV : 0);
  c->auth = MOON_AUTH_MD5;
  c->priv = (uint8_t)priv;
  assert_int_equal(moon_key_from_password(crypto, MOON_AUTH_MD5, (const uint8_t *)password, strlen(password), &c->auth_key), MOON_OK);
  c->priv_key = c->auth_key;
}

static int begin(void **state) {
  (void)state;
  assert_int_equal(moon_keyring_new(1, 4, &ring), MOON_OK);
  fill(&credential, "maplesyrup", MOON_PRIV_AES128);
  return 0;
}

static int end(void **state) {
  (void)state;
  moon_keyring_free(ring);
  return 0;
}

static struct moon_usm *get(const struct moon_credential *c, uint8_t engine, struct moon_keyring_ref *ref) {
  const uint8_t id[] = {0x80, 0, 0, 0, 1, engine};
  struct moon_usm *u = NULL;
  assert_int_equal(moon_keyring_get(ring, c, (enum moon_priv)c->priv, id, sizeof id, ref, &u), MOON_OK);
  return u;
}

static void held(uint32_t contexts, uint32_t keys) {
  uint32_t a, b;
  moon_keyring_held(ring, &a, &b);
  assert_int_equal(a, contexts);
  assert_int_equal(b, keys);
}

static struct moon_keyring_entry *entry(const struct moon_credential *c, uint8_t engine) {
  struct moon_keyring_ref ref = {NULL, 0};
  get(c, engine, &ref);
  return ref.entry;
}

static void by_content(void **state) {
  struct moon_credential same, other;
  (void)state;
  same = credential;
  strcpy(same.name, "another name");
  memset(same.auth_key.octets + same.auth_key.len, 0xaa, 3); /* beyond the key */
  struct moon_keyring_entry *one = entry(&credential, 1);
  assert_ptr_equal(entry(&same, 1), one);
  assert_ptr_equal(entry(&credential, 1), one);
  assert_ptr_not_equal(entry(&credential, 2), one);
  fill(&other, "maplesyruP", MOON_PRIV_AES128);
  assert_ptr_not_equal(entry(&other, 1), one);
  same.auth_localized = true;
  assert_ptr_not_equal(entry(&same, 1), one);
  same = credential;
  same.priv = MOON_PRIV_DES;
  assert_ptr_not_equal(entry(&same, 1), one);
  held(4, 5);
}

/* The right keys: of RFC 3414 A.3.1, the password "maplesyrup". */
static void right_keys(void **state) {
  const uint8_t id[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
  static const uint8_t kul[] = {0x52, 0x6f, 0x5e, 0xed, 0x9f, 0xcc, 0xe2, 0x6f, 0x89, 0x64, 0xc2, 0x93, 0x07, 0x87, 0xd8, 0x2b};
  struct moon_keyring_ref ref = {NULL, 0};
  struct moon_usm *u, *v;
  struct moon_key key = {.len = 16};
  uint8_t a[64] = "the digest goes here:", b[64];
  (void)state;
  memcpy(key.octets, kul, 16);
  memcpy(b, a, sizeof a);
  assert_int_equal(moon_keyring_get(ring, &credential, MOON_PRIV_AES128, id, sizeof id, &ref, &u), MOON_OK);
  assert_int_equal(moon_usm_new(moon_keyring_crypto(ring), MOON_AUTH_MD5, &key, MOON_PRIV_NONE, NULL, &v), MOON_OK);
  assert_int_equal(moon_usm_sign(u, a, sizeof a, 30), MOON_OK);
  assert_int_equal(moon_usm_sign(v, b, sizeof b, 30), MOON_OK);
  assert_memory_equal(a, b, sizeof a);
  moon_usm_free(v);
  credential.auth_key = key;
  credential.auth_localized = true;
  ref = (struct moon_keyring_ref){NULL, 0};
  memset(a + 30, 0, 12);
  assert_int_equal(moon_keyring_get(ring, &credential, MOON_PRIV_AES128, id, sizeof id, &ref, &u), MOON_OK);
  assert_int_equal(moon_usm_sign(u, a, sizeof a, 30), MOON_OK);
  assert_memory_equal(a, b, sizeof a);
}

static void bounded(void **state) {
  struct moon_keyring_ref ref[40] = {{NULL, 0}};
  uint8_t msg[40] = {0}, first[40];
  (void)state;
  assert_int_equal(moon_usm_sign(get(&credential, 0, &ref[0]), msg, sizeof msg, 8), MOON_OK);
  memcpy(first, msg, sizeof msg);
  for (uint8_t i = 1; i < 40; i++) {
    get(&credential, i, &ref[i]);
    uint32_t contexts, keys;
    moon_keyring_held(ring, &contexts, &keys);
    assert_true(contexts <= 4 && keys <= 16);
  }
  held(4, 16);
  /* whatever was dropped, what is asked for is right: by stale places too */
  for (int round = 0; round < 3; round++) {
    for (uint8_t i = 0; i < 40; i++) {
      memset(msg, 0, sizeof msg);
      assert_int_equal(moon_usm_sign(get(&credential, i, &ref[i]), msg, sizeof msg, 8), MOON_OK);
      assert_int_equal(memcmp(msg, first, sizeof msg) == 0, i == 0);
      assert_ptr_equal(entry(&credential, i), ref[i].entry);
    }
  }
  held(4, 16);
}

/* One that is used all the time stays while others come and go. */
static void used_ones_stay(void **state) {
  struct moon_keyring_ref hot = {NULL, 0};
  (void)state;
  struct moon_usm *u = get(&credential, 0, &hot);
  for (uint8_t i = 1; i < 60; i++) {
    struct moon_keyring_ref other = {NULL, 0};
    get(&credential, i, &other);
    assert_ptr_equal(get(&credential, 0, &hot), u);
  }
}

static uint64_t cpu_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Reeder's extension of a key hashes a megabyte: not again after the context was dropped. */
static void stretched_keys_are_kept(void **state) {
  struct moon_keyring_ref ref[6] = {{NULL, 0}};
  struct moon_credential c;
  (void)state;
  fill(&c, "maplesyrup", MOON_PRIV_AES256);
  get(&c, 99, &ref[0]);
  assert_int_equal(moon_keyring_stretched(ring), 0);
  ref[0] = (struct moon_keyring_ref){NULL, 0};
  fill(&c, "maplesyrup", MOON_PRIV_AES256_REEDER);
  uint64_t t0 = cpu_us();
  for (uint8_t i = 0; i < 6; i++) { get(&c, i, &ref[i]); }
  uint64_t first = cpu_us() - t0;
  t0 = cpu_us();
  for (int round = 0; round < 5; round++) {
    for (uint8_t i = 0; i < 6; i++) { get(&c, i, &ref[i]); }
  }
  assert_true(cpu_us() - t0 < first);
  assert_int_equal(moon_keyring_stretched(ring), 6);
  held(4, 7);
}

static void what_is_not_in_order(void **state) {
  struct moon_keyring_ref ref = {NULL, 0};
  struct moon_usm *u = NULL;
  uint8_t id[40] = {1};
  (void)state;
  assert_int_equal(moon_keyring_get(ring, &credential, MOON_PRIV_AES128, id, 33, &ref, &u), MOON_E_LENGTH);
  credential.auth_key.len = 5;
  assert_int_equal(moon_keyring_get(ring, &credential, MOON_PRIV_AES128, id, 8, &ref, &u), MOON_E_LENGTH);
  assert_int_equal(moon_keyring_get(ring, &credential, MOON_PRIV_AES128, id, 8, &ref, &u), MOON_E_LENGTH);
  held(0, 1);
  assert_null(u);
  fill(&credential, "maplesyrup", MOON_PRIV_AES128);
  assert_non_null(get(&credential, 1, &ref));
  held(1, 1);
}

static void without_memory(void **state) {
  (void)state;
  for (unsigned n = 1;; n++) {
    struct moon_keyring_ref ref = {NULL, 0};
    struct moon_keyring *k = NULL;
    struct moon_usm *u = NULL;
    const uint8_t id[] = {0x80, 0, 0, 0, 1};
    size_t alive = failmem_alive();
    failmem_arm(n);
    enum moon_err e = moon_keyring_new(1, 4, &k);
    if (!e) { e = moon_keyring_get(k, &credential, MOON_PRIV_AES128, id, sizeof id, &ref, &u); }
    bool fired = failmem_fired();
    failmem_disarm();
    assert_int_equal(e, fired ? MOON_E_NOMEM : MOON_OK);
    if (k) { assert_int_equal(moon_keyring_get(k, &credential, MOON_PRIV_AES128, id, sizeof id, &ref, &u), MOON_OK); }
    moon_keyring_free(k);
    assert_int_equal(failmem_alive(), alive);
    if (!fired) { return; }
  }
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  failmem_install();
  const struct CMUnitTest tests[] = {T(by_content), T(right_keys), T(bounded), T(used_ones_stay), T(stretched_keys_are_kept),
                                     T(what_is_not_in_order), T(without_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
