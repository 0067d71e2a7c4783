/* Users of version 3 as people write them: what becomes of them, and what is told about the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/bind/load/login.h"

#define PASS "sentinel-of-secret"
#define HEX20 "0102030405060708090a0b0c0d0e0f1011121314"
#define HEX16 "0102030405060708090a0b0c0d0e0f10"
#define HEX32 HEX16 HEX16

static struct moon_crypto *crypto;

static int setup(void **state) {
  (void)state;
  return moon_crypto_new(0, &crypto) ? -1 : 0;
}
static int teardown(void **state) {
  (void)state;
  moon_crypto_free(crypto);
  return 0;
}

/* "user=ops auth=SHA auth_pass=..." */
static struct moon_login login(const char *text) {
  struct moon_login u = {0};
  for (const char *p = text; *p;) {
    size_t n = strcspn(p, " "), key = strcspn(p, "=");
    int part = 0;
    while (strncmp(moon_login_keys[part], p, key) != 0 || moon_login_keys[part][key]) { part++; }
    u.part[part] = (struct moon_text){p + key + 1, (uint32_t)(n - key - 1)};
    p += n + (p[n] == ' ');
  }
  return u;
}

static void refuse(const char *text, const char *want) {
  struct moon_credential c = {0};
  struct moon_login_fault f;
  const struct moon_login u = login(text);
  char got[256];
  assert_int_equal(moon_login_fill(&u, crypto, &c, &f), MOON_E_CONFIG);
  (void)snprintf(got, sizeof got, "%s: %s", moon_login_keys[f.part], f.text);
  assert_string_equal(got, want);
  assert_null(strstr(got, "sentinel"));
}

static struct moon_credential fill(const char *text) {
  struct moon_credential c = {0};
  struct moon_login_fault f = {0};
  const struct moon_login u = login(text);
  if (moon_login_fill(&u, crypto, &c, &f)) { fail_msg("%s: %s: %s", text, moon_login_keys[f.part], f.text); }
  assert_int_equal(c.version, MOON_V3);
  return c;
}

static void what_is_wrong(void **state) {
  (void)state;
  refuse("auth=SHA", "user: is missing");
  refuse("user=", "user: 1 to 32 octets are expected, RFC 3414 5");
  refuse("user=123456789012345678901234567890123", "user: 1 to 32 octets are expected, RFC 3414 5");
  refuse("user=a level=authPrivat", "level: no such level; is it authPriv?");
  refuse("user=a level=" PASS, "level: no such level; there are noAuthNoPriv, authNoPriv and authPriv");
  refuse("user=a level=authNoPriv", "auth: is missing: authNoPriv asks for one of MD5, SHA, SHA-224, SHA-256, SHA-384 and SHA-512");
  refuse("user=a level=authPriv auth=SHA auth_pass=" PASS, "priv: is missing: authPriv asks for one of DES, 3DES, AES, AES-192 and AES-256");
  refuse("user=a level=authPriv auth=SHA auth_pass=" PASS " priv=AES", "priv_pass: is missing: authPriv asks for it, or for priv_key");
  refuse("user=a auth=SHA", "auth_pass: is missing: authNoPriv asks for it, or for auth_key");
  refuse("user=a auth=SHA-255 auth_pass=" PASS, "auth: no such protocol; is it SHA-256?");
  refuse("user=a auth=" PASS " auth_pass=" PASS, "auth: no such protocol; there are MD5, SHA, SHA-224, SHA-256, SHA-384 and SHA-512");
  refuse("user=a auth= auth_pass=" PASS, "auth: no such protocol; there are MD5, SHA, SHA-224, SHA-256, SHA-384 and SHA-512");
  refuse("user=a auth=SHA auth_pass=" PASS " priv=AES-255 priv_pass=" PASS, "priv: no such protocol; is it AES-256?");
  refuse("user=a auth=SHA auth_pass=" PASS " priv=AES-256-Reader priv_pass=" PASS, "priv: no such protocol; is it AES-256-Reeder?");
  refuse("user=a auth=SHA auth_pass=" PASS " priv=AES-Reeder priv_pass=" PASS, "priv: no such protocol; there are DES, 3DES, AES, AES-192 and AES-256");
  refuse("user=a auth=SHA auth_pass=" PASS " priv=DES-C priv_pass=" PASS, "priv: no such protocol; is it DES?");
  refuse("user=a auth_pass=" PASS, "auth: is missing: auth_pass is of no use without");
  refuse("user=a priv=AES priv_pass=" PASS, "auth: is missing: there is no privacy without, RFC 3414 1.4.2");
  refuse("user=a auth=SHA auth_pass=1234567", "auth_pass: a password has 8 characters or more, RFC 3414 11.2");
  refuse("user=a auth=SHA auth_pass=", "auth_pass: a password has 8 characters or more, RFC 3414 11.2");
  refuse("user=a auth=SHA auth_pass=" PASS " priv=AES priv_pass=1234567", "priv_pass: a password has 8 characters or more, RFC 3414 11.2");
  refuse("user=a auth=SHA auth_pass=" PASS " auth_key=" HEX20, "auth_key: auth_pass is there already: one of the two");
  refuse("user=a auth=SHA auth_key=" HEX20 "00", "auth_key: 20 octets are expected, for SHA");
  refuse("user=a auth=SHA auth_key=" HEX16, "auth_key: 20 octets are expected, for SHA");
  refuse("user=a auth=SHA-512 auth_key=" HEX32 HEX32 HEX32, "auth_key: 64 octets are expected, for SHA-512");
  refuse("user=a auth=SHA auth_key=0" HEX20, "auth_key: hexadecimal digits are expected, two an octet");
  refuse("user=a auth=SHA auth_key=" PASS, "auth_key: hexadecimal digits are expected, two an octet");
  refuse("user=a auth=SHA auth_localized_key=" HEX16, "auth_localized_key: 20 octets are expected, for SHA");
  refuse("user=a auth=SHA auth_key=" HEX20 " priv=AES priv_key=" HEX16, "priv_key: 20 octets are expected, for SHA");
  refuse("user=a auth=SHA auth_key=" HEX20 " priv=AES-256 priv_localized_key=" HEX16, "priv_localized_key: 32 octets are expected, for AES-256");
  refuse("user=a engine_id=80001f88", "engine_id: an engine id has 5 to 32 octets, RFC 3411 5");
  refuse("user=a engine_id=" HEX32 "00", "engine_id: an engine id has 5 to 32 octets, RFC 3411 5");
  refuse("user=a engine_id=rack7", "engine_id: hexadecimal digits are expected, two an octet");
  refuse("user=a context_engine_id=80", "context_engine_id: an engine id has 5 to 32 octets, RFC 3411 5");
  refuse("user=a time_policy=lax", "time_policy: strict or relaxed is expected");
}

static void texts_too_long(void **state) {
  static char text[4096];
  (void)state;
  (void)snprintf(text, sizeof text, "user=a context=%0256d", 0);
  refuse(text, "context: is longer than 255 octets");
  (void)snprintf(text, sizeof text, "user=a auth=SHA auth_pass=%01025d", 0);
  refuse(text, "auth_pass: is longer than 1024 characters");
}

static void names_of_options(void **state) {
  struct moon_credential c = {0};
  struct moon_login_fault f;
  struct moon_login u = login("user=a auth=SHA");
  (void)state;
  u.names = moon_login_options;
  assert_int_equal(moon_login_fill(&u, crypto, &c, &f), MOON_E_CONFIG);
  assert_string_equal(moon_login_options[f.part], "-A");
  assert_string_equal(f.text, "is missing: authNoPriv asks for it, or for -3m");
}

static void levels(void **state) {
  (void)state;
  struct moon_credential c = fill("user=ops");
  assert_int_equal(c.level, 0);
  assert_int_equal(c.auth, MOON_AUTH_NONE);
  c = fill("user=ops auth=sha256 auth_pass=" PASS);
  assert_int_equal(c.level, MOON_V3_AUTH);
  assert_int_equal(c.auth, MOON_AUTH_SHA256);
  assert_int_equal(c.auth_key.len, 0); /* the password's comes later */
  c = fill("user=ops auth=MD5 auth_pass=" PASS " priv=AES128 priv_pass=" PASS);
  assert_int_equal(c.level, MOON_V3_LEVEL);
  assert_int_equal(c.priv, MOON_PRIV_AES128);
  /* Less than the passwords would give. */
  c = fill("user=ops level=authNoPriv auth=MD5 auth_pass=" PASS " priv=AES priv_pass=" PASS);
  assert_int_equal(c.level, MOON_V3_AUTH);
  assert_int_equal(c.priv, MOON_PRIV_NONE);
  c = fill("user=ops level=noauth auth=MD5 auth_pass=" PASS);
  assert_int_equal(c.auth, MOON_AUTH_NONE);
  static const char *const priv[] = {"authPriv", "AUTHPRIV", "priv", "ap", "3"};
  for (size_t i = 0; i < sizeof priv / sizeof *priv; i++) {
    char text[200];
    (void)snprintf(text, sizeof text, "user=ops level=%s auth=MD5 auth_pass=" PASS " priv=DES priv_pass=" PASS, priv[i]);
    assert_int_equal(fill(text).level, MOON_V3_LEVEL);
  }
}

static void variants_of_aes(void **state) {
  static const struct { const char *auth, *priv; enum moon_priv want; bool either; } cases[] = {
    {"SHA", "AES-256", MOON_PRIV_AES256, true},
    {"SHA", "aes192", MOON_PRIV_AES192, true},
    {"SHA-224", "AES-256", MOON_PRIV_AES256, true},
    {"SHA-224", "AES-192", MOON_PRIV_AES192, false}, /* 28 octets are enough */
    {"SHA-256", "AES-256", MOON_PRIV_AES256, false},
    {"SHA-512", "AES-256", MOON_PRIV_AES256, false},
    {"SHA", "AES-256-Blumenthal", MOON_PRIV_AES256, false},
    {"SHA", "AES-192-blumenthal", MOON_PRIV_AES192, false},
    {"SHA", "AES-256-Reeder", MOON_PRIV_AES256_REEDER, false},
    {"SHA", "AES-192-Reeder", MOON_PRIV_AES192_REEDER, false},
    {"SHA", "AES-256-C", MOON_PRIV_AES256_REEDER, false},
    {"SHA", "AES192C", MOON_PRIV_AES192_REEDER, false},
    {"SHA", "AES", MOON_PRIV_AES128, false},
    {"SHA", "3DES", MOON_PRIV_3DES, false},
    {"SHA", "des", MOON_PRIV_DES, false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[200];
    (void)snprintf(text, sizeof text, "user=ops auth=%s auth_pass=" PASS " priv=%s priv_pass=" PASS, cases[i].auth, cases[i].priv);
    const struct moon_credential c = fill(text);
    assert_int_equal(c.priv, cases[i].want);
    assert_int_equal(c.priv_either, cases[i].either);
  }
}

static void keys(void **state) {
  (void)state;
  struct moon_credential c = fill("user=ops auth=SHA auth_key=0x" HEX20 " priv=AES-256 priv_key=" HEX20);
  assert_int_equal(c.auth_key.len, 20);
  assert_int_equal(c.auth_key.octets[19], 0x14);
  assert_int_equal(c.priv_key.len, 20);
  assert_false(c.auth_localized || c.priv_localized);
  assert_true(c.priv_either);
  c = fill("user=ops auth=SHA auth_localized_key=" HEX20 " priv=AES-256 priv_localized_key=" HEX32);
  assert_true(c.auth_localized && c.priv_localized);
  assert_int_equal(c.priv_key.len, 32);
  assert_false(c.priv_either); /* somebody has extended it */
  /* A privacy key as long as the hash is cut. */
  c = fill("user=ops auth=SHA auth_pass=" PASS " priv=AES priv_localized_key=" HEX20);
  assert_int_equal(c.priv_key.len, 16);
  assert_int_equal(c.auth_key.len, 0);
}

static void names(void **state) {
  (void)state;
  struct moon_credential c = fill("user=ops context=vlan-7 engine_id=0x80:00:1f:88:04 context_engine_id=80001F8805 time_policy=strict");
  assert_int_equal(c.user_len, 3);
  assert_memory_equal(c.user, "ops", 3);
  assert_int_equal(c.context_len, 6);
  assert_memory_equal(c.context, "vlan-7", 6);
  assert_int_equal(c.engine_id_len, 5);
  assert_memory_equal(c.engine_id, "\x80\0\x1f\x88\x04", 5);
  assert_int_equal(c.context_engine_id[4], 5);
  assert_int_equal(c.time_policy, MOON_TIME_STRICT);
  assert_int_equal(fill("user=ops").time_policy, MOON_TIME_RELAXED);
}

static void hexadecimal(void **state) {
  uint8_t out[4];
  size_t n = 9;
  (void)state;
  assert_int_equal(moon_login_hex("0a0B", 4, out, sizeof out, &n), MOON_OK);
  assert_int_equal(n, 2);
  assert_int_equal(moon_login_hex("0X0a 0b:0c ", 11, out, sizeof out, &n), MOON_OK);
  assert_int_equal(n, 3);
  assert_int_equal(moon_login_hex("0x", 2, out, sizeof out, &n), MOON_OK);
  assert_int_equal(n, 0);
  assert_int_equal(moon_login_hex("0102030405", 10, out, sizeof out, &n), MOON_E_LENGTH);
  assert_int_equal(moon_login_hex("010", 3, out, sizeof out, &n), MOON_E_SYNTAX);
  assert_int_equal(moon_login_hex("0g", 2, out, sizeof out, &n), MOON_E_SYNTAX);
  assert_int_equal(moon_login_hex("0 1", 3, out, sizeof out, &n), MOON_E_SYNTAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_wrong), cmocka_unit_test(texts_too_long), cmocka_unit_test(names_of_options),
                                     cmocka_unit_test(levels), cmocka_unit_test(variants_of_aes), cmocka_unit_test(keys),
                                     cmocka_unit_test(names), cmocka_unit_test(hexadecimal)};
  return cmocka_run_group_tests(tests, setup, teardown);
}
