/* Rates and the retry budget under a virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/engine/pace.h"

#define SECOND UINT64_C(1000000)
#define START (UINT64_C(5000) * SECOND)

static unsigned drain(struct moon_bucket *b, uint64_t from_us, uint64_t to_us, uint64_t step_us) {
  unsigned n = 0;
  for (uint64_t t = from_us; t < to_us; t += step_us) {
    while (moon_bucket_take(b, t)) {
      n++;
      assert_true(n < 10000000);
    }
  }
  return n;
}

static void rates(void **state) {
  static const uint32_t rate[] = { 1, 3, 10, 49, 50, 51, 1000, 30000, 300000 };
  (void)state;
  for (size_t i = 0; i < sizeof rate / sizeof rate[0]; i++) {
    struct moon_bucket b;
    moon_bucket_init(&b, rate[i]);
    unsigned n = drain(&b, START, START + 10 * SECOND, 1000);
    assert_true(n >= rate[i] * 10 - rate[i] / 100);
    assert_true(n <= rate[i] * 10 + 1 + rate[i] / 50);
  }
}

static void no_limit(void **state) {
  struct moon_bucket b;
  (void)state;
  moon_bucket_init(&b, 0);
  for (int i = 0; i < 100000; i++) { assert_true(moon_bucket_take(&b, START)); }
  assert_true(moon_bucket_ready_us(&b) <= START);
}

/* Silence does not save up for a flood. */
static void burst(void **state) {
  struct moon_bucket b;
  (void)state;
  moon_bucket_init(&b, 1000);
  assert_true(moon_bucket_take(&b, START));
  assert_in_range(drain(&b, START + 3600 * SECOND, START + 3600 * SECOND + 1, 1), 1, 21);
  moon_bucket_init(&b, 10);
  assert_true(moon_bucket_take(&b, START));
  assert_int_equal(drain(&b, START + 3600 * SECOND, START + 3600 * SECOND + 1, 1), 1);
}

static void ready(void **state) {
  struct moon_bucket b;
  (void)state;
  moon_bucket_init(&b, 10);
  assert_true(moon_bucket_take(&b, START));
  assert_false(moon_bucket_take(&b, START));
  uint64_t at = moon_bucket_ready_us(&b);
  assert_int_equal(at, START + SECOND / 10);
  assert_false(moon_bucket_take(&b, at - 1));
  assert_true(moon_bucket_take(&b, at));
  moon_bucket_charge(&b, at); /* borrowed */
  assert_int_equal(moon_bucket_ready_us(&b), at + SECOND / 5);
}

static unsigned allowed(struct moon_budget *b, unsigned asked, uint64_t now_us) {
  unsigned n = 0;
  while (asked-- > 0) { n += moon_budget_take(b, now_us); }
  return n;
}

static void percent(void **state) {
  struct moon_budget b;
  (void)state;
  moon_budget_init(&b, 10, 0, START);
  assert_int_equal(allowed(&b, 5, START), 0);
  moon_budget_earn(&b, 2000, START);
  assert_int_equal(allowed(&b, 1000, START + SECOND), 200);
  moon_budget_earn(&b, 9, START + SECOND);
  assert_int_equal(allowed(&b, 10, START + SECOND), 0);
  moon_budget_earn(&b, 1, START + SECOND);
  assert_int_equal(allowed(&b, 10, START + SECOND), 1);
}

/* What was earned is there for retries that come when long timeouts end, and not for ever. */
static void fades(void **state) {
  struct moon_budget b;
  (void)state;
  moon_budget_init(&b, 10, 0, START);
  moon_budget_earn(&b, 1000, START + SECOND);
  assert_int_equal(allowed(&b, 10, START + 11 * SECOND), 10);
  assert_int_equal(allowed(&b, 1000, START + 19 * SECOND), 90);
  moon_budget_earn(&b, 1000, START + 20 * SECOND);
  assert_int_equal(allowed(&b, 1000, START + 60 * SECOND), 0);
}

/* A steady load of 1,000 a second for a while, then all of it wants another try: a tenth gets one, every second, and not what
 * was saved up. */
static void no_burst(void **state) {
  struct moon_budget b;
  (void)state;
  moon_budget_init(&b, 10, 50, START);
  uint64_t now = START;
  for (int s = 0; s < 60; s++) {
    unsigned retries = 0;
    for (int i = 0; i < 100; i++, now += SECOND / 100) {
      moon_budget_earn(&b, 10, now);
      if (s >= 15) { retries += allowed(&b, 10, now); }
    }
    assert_in_range(retries, s >= 15 ? 95 : 0, 101);
  }
  assert_in_range(allowed(&b, 1000, now + SECOND), 100, 101); /* a lump after a lump still finds its share */
  assert_int_equal(allowed(&b, 1000, now + SECOND + 1), 0);
}

static void by_the_second(void **state) {
  struct moon_budget b;
  (void)state;
  moon_budget_init(&b, 0, 50, START);
  assert_in_range(allowed(&b, 1000, START), 50, 51);
  assert_int_equal(allowed(&b, 1000, START), 0);
  assert_in_range(allowed(&b, 1000, START + SECOND / 2), 24, 26);
  assert_in_range(allowed(&b, 1000, START + 100 * SECOND), 50, 51);
}

/* Whichever is more, not both. */
static void the_larger(void **state) {
  struct moon_budget b;
  (void)state;
  moon_budget_init(&b, 10, 50, START);
  moon_budget_earn(&b, 1000, START);
  assert_in_range(allowed(&b, 1000, START), 100, 101);
  moon_budget_init(&b, 10, 50, START);
  moon_budget_earn(&b, 100, START);
  assert_in_range(allowed(&b, 1000, START), 50, 51);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(rates),   cmocka_unit_test(no_limit), cmocka_unit_test(burst),         cmocka_unit_test(ready),
    cmocka_unit_test(percent), cmocka_unit_test(fades),    cmocka_unit_test(by_the_second), cmocka_unit_test(the_larger),
    cmocka_unit_test(no_burst),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
