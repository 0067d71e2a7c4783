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

/* Of `asked` requests that began at began_us, how many may be tried again now. */
static unsigned allowed(struct moon_budget *b, unsigned asked, uint64_t began_us, uint64_t now_us) {
  unsigned n = 0;
  while (asked-- > 0) { n += moon_budget_take(b, began_us, now_us); }
  return n;
}

static void percent(void **state) {
  struct moon_budget b;
  (void)state;
  moon_budget_init(&b, 10, 0);
  assert_int_equal(allowed(&b, 5, START, START), 0);
  moon_budget_earn(&b, 2000, START);
  assert_int_equal(allowed(&b, 1000, START, START + SECOND), 200);
  moon_budget_earn(&b, 9, START + SECOND);
  assert_int_equal(allowed(&b, 10, START + SECOND, START + SECOND), 0);
  moon_budget_earn(&b, 1, START + SECOND);
  assert_int_equal(allowed(&b, 10, START + SECOND, START + SECOND), 1);
}

/* Less than ten requests a second: what is no whole retry yet is carried on. */
static void fractions(void **state) {
  struct moon_budget b;
  unsigned n = 0;
  (void)state;
  moon_budget_init(&b, 10, 0);
  for (uint64_t t = START; t < START + 1000 * SECOND; t += SECOND) {
    moon_budget_earn(&b, 3, t);
    n += allowed(&b, 3, t, t + SECOND / 2);
  }
  assert_in_range(n, 299, 300);
}

/* What was earned is there for the requests that earned it when their long timeouts end, for their neighbours, and for nobody else. */
static void whose(void **state) {
  struct moon_budget b;
  (void)state;
  moon_budget_init(&b, 10, 0);
  moon_budget_earn(&b, 1000, START + 5 * SECOND);
  assert_int_equal(allowed(&b, 1000, START + 2 * SECOND, START + 6 * SECOND), 0);
  assert_int_equal(allowed(&b, 1000, START + 7 * SECOND, START + 8 * SECOND), 0);
  assert_int_equal(allowed(&b, 10, START + 4 * SECOND, START + 8 * SECOND), 10);
  assert_int_equal(allowed(&b, 10, START + 6 * SECOND, START + 8 * SECOND), 10);
  assert_int_equal(allowed(&b, 50, START + 5 * SECOND, START + 25 * SECOND), 50);
  assert_int_equal(allowed(&b, 1000, START + 5 * SECOND, START + 55 * SECOND), 30);
  moon_budget_earn(&b, 1000, START + 60 * SECOND);
  assert_int_equal(allowed(&b, 1000, START + 30 * SECOND, START + 61 * SECOND), 0);
  moon_budget_earn(&b, 1000, START + 200 * SECOND); /* the place of another second */
  assert_int_equal(allowed(&b, 1000, START + (200 - 64) * SECOND, START + 200 * SECOND), 0);
}

/* All devices begin at once, 3,000 requests; then 1,000 a second. From some moment on, two seconds later or more, all want another try half
 * a second later: no second offers more than 1.2 times what it asks, no two more than 1.1. */
static void no_burst(void **state) {
  struct moon_budget b;
  (void)state;
  for (int from = 3; from < 40; from++) {
    moon_budget_init(&b, 10, 50);
    unsigned before = 0;
    moon_budget_earn(&b, 3000, START);
    for (int s = 1; s < from + 10; s++) {
      unsigned retries = 0;
      for (int i = 0; i < 100; i++) {
        uint64_t now = START + (uint64_t)s * SECOND + (uint64_t)i * SECOND / 100;
        moon_budget_earn(&b, 10, now);
        if (s >= from) { retries += allowed(&b, 10, now - SECOND / 2, now); }
      }
      assert_true(retries <= 201);
      assert_true(retries + before <= 201);
      assert_true(s < from + 2 || retries + before >= 190);
      before = retries;
    }
  }
}

/* Of 2,000 requests at once a tenth is silent: each of those finds its share, wherever seconds begin and however long is waited. */
static void halved_lumps(void **state) {
  struct moon_budget b;
  (void)state;
  for (unsigned early = 0; early <= 2000; early += 100) {
    for (uint64_t wait = SECOND / 5; wait < 5 * SECOND; wait += SECOND / 5) {
      uint64_t one = START + SECOND - 50000, two = START + SECOND + 50000;
      moon_budget_init(&b, 10, 0);
      moon_budget_earn(&b, early, one);
      moon_budget_earn(&b, 2000 - early, two);
      unsigned silent = early / 10 > 20 ? early / 10 - 20 : 0; /* a few less of one half, a few more of the other */
      assert_int_equal(allowed(&b, silent, one, one + wait), silent);
      assert_int_equal(allowed(&b, 200 - silent, two, two + wait), 200 - silent);
    }
  }
}

/* A lump of requests every ten seconds finds its share, however late. */
static void lumps(void **state) {
  struct moon_budget b;
  (void)state;
  moon_budget_init(&b, 10, 50);
  for (uint64_t t = START; t < START + 100 * SECOND; t += 10 * SECOND) {
    moon_budget_earn(&b, 1000, t);
    assert_in_range(allowed(&b, 1000, t, t + 5 * SECOND), 100, 101);
    assert_int_equal(allowed(&b, 1000, t, t + 5 * SECOND + 1), 0);
  }
}

static void by_the_second(void **state) {
  struct moon_budget b;
  (void)state;
  moon_budget_init(&b, 0, 50);
  assert_in_range(allowed(&b, 1000, START, START), 50, 51);
  assert_int_equal(allowed(&b, 1000, START, START), 0);
  assert_in_range(allowed(&b, 1000, START, START + SECOND / 2), 24, 26);
  assert_in_range(allowed(&b, 1000, START, START + 100 * SECOND), 50, 51);
}

/* Whichever is more, not both. */
static void the_larger(void **state) {
  struct moon_budget b;
  (void)state;
  moon_budget_init(&b, 10, 50);
  moon_budget_earn(&b, 1000, START);
  assert_in_range(allowed(&b, 1000, START, START), 100, 101);
  assert_int_equal(allowed(&b, 1000, START, START + 3 * SECOND), 0);
  moon_budget_init(&b, 10, 50);
  moon_budget_earn(&b, 100, START);
  assert_in_range(allowed(&b, 1000, START, START), 50, 51);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(rates),   cmocka_unit_test(no_limit),  cmocka_unit_test(burst), cmocka_unit_test(ready),
    cmocka_unit_test(percent), cmocka_unit_test(fractions), cmocka_unit_test(whose), cmocka_unit_test(no_burst),
    cmocka_unit_test(lumps), cmocka_unit_test(halved_lumps),   cmocka_unit_test(by_the_second), cmocka_unit_test(the_larger),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
