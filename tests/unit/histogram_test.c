/* Buckets of histograms: each value is in the one whose ends hold it; what is read back is near what was put in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/engine/histogram.h"

static void ends(void **state) {
  (void)state;
  assert_int_equal(moon_histogram_from(0), 0);
  for (uint32_t i = 0; i < MOON_HISTOGRAM_BUCKETS; i++) {
    uint64_t from = moon_histogram_from(i);
    assert_int_equal(moon_histogram_index(from), i);
    if (i) { assert_int_equal(moon_histogram_index(from - 1), i - 1); }
    if (i >= 16) { assert_true((moon_histogram_from(i + 1) - from) * 8 <= from); }
  }
  assert_int_equal(moon_histogram_from(MOON_HISTOGRAM_BUCKETS), UINT64_C(1) << MOON_HISTOGRAM_BITS);
}

static void too_large(void **state) {
  struct moon_histogram h = {0};
  (void)state;
  moon_histogram_add(&h, UINT64_C(1) << MOON_HISTOGRAM_BITS);
  moon_histogram_add(&h, UINT64_MAX / 4);
  assert_int_equal(h.bucket[MOON_HISTOGRAM_BUCKETS - 1], 2);
  assert_int_equal(h.max, UINT64_MAX / 4);
  assert_int_equal(moon_histogram_quantile(&h, 1), UINT64_MAX / 4);
}

static void back_in_time(void **state) {
  struct moon_histogram h = {0};
  (void)state;
  moon_histogram_since(&h, 100, 99);
  moon_histogram_since(&h, 100, 105);
  assert_int_equal(h.bucket[0], 1);
  assert_int_equal(h.bucket[5], 1);
}

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* Against the sorted values themselves. */
static void quantiles(void **state) {
  enum { N = 20000 };
  static uint64_t v[N];
  static const double shares[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1};
  struct moon_histogram h = {0};
  uint64_t x = 88172645463325252u, sum = 0;
  (void)state;
  assert_int_equal(moon_histogram_quantile(&h, 0.5), 0);
  for (int i = 0; i < N; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    v[i] = x >> (30 + x % 34);
    if (v[i] >> 34) { v[i] = 5; }
    sum += v[i];
    moon_histogram_add(&h, v[i]);
  }
  qsort(v, N, sizeof *v, by_value);
  assert_int_equal(h.n, N);
  assert_int_equal(h.sum, sum);
  assert_int_equal(h.max, v[N - 1]);
  for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
    uint64_t want = v[(int)(shares[i] * N + 0.999999) - 1], got = moon_histogram_quantile(&h, shares[i]);
    assert_true(got >= want);
    assert_true(got <= want + want / 8);
  }
}

static void two_looks(void **state) {
  struct moon_histogram a = {0}, b = {0}, all = {0};
  (void)state;
  for (uint64_t i = 0; i < 100; i++) { moon_histogram_add(&a, 10); }
  for (uint64_t i = 0; i < 300; i++) { moon_histogram_add(&b, 5000); }
  moon_histogram_merge(&all, &a);
  moon_histogram_merge(&all, &b);
  assert_int_equal(all.n, 400);
  assert_int_equal(all.sum, 100 * 10 + 300 * 5000);
  assert_int_equal(all.max, 5000);
  assert_int_equal(moon_histogram_quantile(&all, 0.25), 10);
  assert_int_equal(moon_histogram_quantile(&all, 0.26), 5000);
  moon_histogram_less(&all, &b);
  assert_int_equal(all.n, 100);
  assert_int_equal(moon_histogram_quantile(&all, 1), 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(ends), cmocka_unit_test(too_large), cmocka_unit_test(back_in_time),
                                     cmocka_unit_test(quantiles), cmocka_unit_test(two_looks)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
