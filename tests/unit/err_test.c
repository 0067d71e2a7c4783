/* Every code has a name, a text, a class and a public face; error-status values map as RFC 3416 3 lists them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"

static const enum moon_err causes[] = {
  MOON_E_SHORT, MOON_E_TAG, MOON_E_LENGTH, MOON_E_RANGE, MOON_E_SYNTAX, MOON_E_TRAILING,
  MOON_E_VERSION, MOON_E_SPACE, MOON_E_NOMEM, MOON_E_LIMIT, MOON_E_NOT_MINE, MOON_E_NO_ALGORITHM,
};
#define N_CAUSES (sizeof causes / sizeof causes[0])

/* Public codes first, then causes. */
static enum moon_err nth(size_t i) { return i < MOON_E_PUBLIC_N ? (enum moon_err)i : causes[i - MOON_E_PUBLIC_N]; }

static void names_differ(void **state) {
  size_t i, j;
  (void)state;
  for (i = 0; i < MOON_E_PUBLIC_N + N_CAUSES; i++) {
    assert_non_null(moon_err_name(nth(i)));
    assert_true(strlen(moon_err_name(nth(i))) > 1);
    assert_true(strlen(moon_err_text(nth(i))) > 4);
    assert_string_not_equal(moon_err_name(nth(i)), "unknown");
    for (j = 0; j < i; j++) {
      assert_string_not_equal(moon_err_name(nth(i)), moon_err_name(nth(j)));
      assert_string_not_equal(moon_err_text(nth(i)), moon_err_text(nth(j)));
    }
  }
}

static void names_are_what_scripts_see(void **state) {
  static const char *const list[] = {
    "ok", "timeout", "refused", "unreachable", "down", "missing", "access", "too_big", "gen_err", "bad_value", "not_writable",
    "auth", "unknown_user", "unknown_engine", "not_in_time_window", "unsupported_level", "decryption", "decode", "loop",
    "budget", "cancelled", "dns", "config",
  };
  size_t i;
  (void)state;
  assert_int_equal(sizeof list / sizeof list[0], MOON_E_PUBLIC_N);
  for (i = 0; i < MOON_E_PUBLIC_N; i++) { assert_string_equal(moon_err_name((enum moon_err)i), list[i]); }
}

static void unknown_codes_are_survived(void **state) {
  static const int odd[] = {-1, MOON_E_PUBLIC_N, 63, MOON_E_NO_ALGORITHM + 1, 100000};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    enum moon_err e = (enum moon_err)odd[i];
    assert_string_equal(moon_err_name(e), "unknown");
    assert_non_null(moon_err_text(e));
    assert_int_equal(moon_err_class(e), MOON_CLASS_STOP);
    assert_int_equal(moon_err_public(e), MOON_E_DECODE);
  }
}

static void classes(void **state) {
  (void)state;
  assert_int_equal(moon_err_class(MOON_OK), MOON_CLASS_OK);
  assert_int_equal(moon_err_class(MOON_E_TIMEOUT), MOON_CLASS_RETRY);
  assert_int_equal(moon_err_class(MOON_E_REFUSED), MOON_CLASS_RETRY);
  assert_int_equal(moon_err_class(MOON_E_UNREACHABLE), MOON_CLASS_RETRY);
  assert_int_equal(moon_err_class(MOON_E_NOT_IN_TIME_WINDOW), MOON_CLASS_RETRY);
  assert_int_equal(moon_err_class(MOON_E_UNKNOWN_ENGINE), MOON_CLASS_RETRY);
  assert_int_equal(moon_err_class(MOON_E_NOT_MINE), MOON_CLASS_DROP);
  assert_int_equal(moon_err_class(MOON_E_SHORT), MOON_CLASS_DROP);
  assert_int_equal(moon_err_class(MOON_E_VERSION), MOON_CLASS_DROP);
  assert_int_equal(moon_err_class(MOON_E_DECODE), MOON_CLASS_STOP);
  assert_int_equal(moon_err_class(MOON_E_NOMEM), MOON_CLASS_STOP);
  assert_int_equal(moon_err_class(MOON_E_NO_ALGORITHM), MOON_CLASS_STOP);
  assert_int_equal(moon_err_class(MOON_E_MISSING), MOON_CLASS_STOP);
}

static void public_faces(void **state) {
  size_t i;
  (void)state;
  for (i = 0; i < MOON_E_PUBLIC_N; i++) { assert_int_equal(moon_err_public((enum moon_err)i), i); }
  for (i = 0; i < N_CAUSES; i++) {
    enum moon_err e = moon_err_public(causes[i]);
    assert_true(e == MOON_E_DECODE || e == MOON_E_CONFIG || e == MOON_E_BUDGET);
  }
  assert_int_equal(moon_err_public(MOON_E_TAG), MOON_E_DECODE);
  assert_int_equal(moon_err_public(MOON_E_SYNTAX), MOON_E_CONFIG);
  assert_int_equal(moon_err_public(MOON_E_NO_ALGORITHM), MOON_E_CONFIG);
  assert_int_equal(moon_err_public(MOON_E_NOMEM), MOON_E_BUDGET);
  assert_int_equal(moon_err_public(MOON_E_LIMIT), MOON_E_BUDGET);
}

static void statuses(void **state) {
  static const struct { int32_t status; enum moon_err e; } table[] = {
    {0, MOON_OK}, {1, MOON_E_TOO_BIG}, {2, MOON_E_MISSING}, {3, MOON_E_BAD_VALUE}, {4, MOON_E_NOT_WRITABLE},
    {5, MOON_E_GEN_ERR}, {6, MOON_E_ACCESS}, {7, MOON_E_BAD_VALUE}, {8, MOON_E_BAD_VALUE}, {9, MOON_E_BAD_VALUE},
    {10, MOON_E_BAD_VALUE}, {11, MOON_E_NOT_WRITABLE}, {12, MOON_E_BAD_VALUE}, {13, MOON_E_GEN_ERR}, {14, MOON_E_GEN_ERR},
    {15, MOON_E_GEN_ERR}, {16, MOON_E_ACCESS}, {17, MOON_E_NOT_WRITABLE}, {18, MOON_E_GEN_ERR}, {19, MOON_E_GEN_ERR},
    {-1, MOON_E_GEN_ERR}, {INT32_MAX, MOON_E_GEN_ERR}, {INT32_MIN, MOON_E_GEN_ERR},
  };
  size_t i;
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    assert_int_equal(moon_err_from_status(table[i].status), table[i].e);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(names_differ),   cmocka_unit_test(names_are_what_scripts_see), cmocka_unit_test(unknown_codes_are_survived),
    cmocka_unit_test(classes),        cmocka_unit_test(public_faces),               cmocka_unit_test(statuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
