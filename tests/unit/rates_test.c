/* Previous counters: wraps, resets, gaps, first readings, and what they take. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* after setjmp.h and stdarg.h */
#include <cmocka.h>

#include "../../core/bind/task/rates.h"
#include "failmem.h"

#define S 1000000u

struct counter { struct moon_cell cell; uint8_t octets[9]; };

static struct moon_cell *make(struct counter *c, uint8_t type, uint64_t v, uint64_t at_us) {
  for (int i = 0; i < 8; i++) { c->octets[1 + i] = (uint8_t)(v >> 8 * (7 - i)); }
  c->octets[0] = 0;
  c->cell = (struct moon_cell){.value = c->octets, .value_len = 9, .type = type, .received_us = at_us};
  if (type != MOON_COUNTER64) {
    c->cell.value += 4;
    c->cell.value_len = 5;
  }
  return &c->cell;
}

/* A probe by itself. */
struct one { struct moon_rates_pool pool; struct moon_rates_share share; };

static struct moon_rates_share *alone(struct one *o) {
  if (!o->share.pool) {
    moon_rates_pool_init(&o->pool, MOON_RATES_OCTETS_MAX, 1);
    o->share.pool = &o->pool;
  }
  return &o->share;
}

static void is_empty(const struct one *o) {
  assert_int_equal(o->share.octets, 0);
  assert_int_equal(o->pool.lent, 0);
  assert_false(o->share.full);
}

struct table { struct moon_rates *list; struct one one; uint64_t gap_us; };

/* One pass of one row with one column; -1: no rate. */
static double pass(struct table *t, uint8_t type, uint64_t v, uint64_t at_us, bool known, uint32_t uptime, const char *epoch) {
  struct counter c;
  const struct moon_cell *cells[] = {make(&c, type, v, at_us)};
  const struct moon_cell e = {.value = (const uint8_t *)epoch, .value_len = 1, .type = MOON_TIME_TICKS};
  struct moon_rates *r = moon_rates_find(&t->list, 7, 1, alone(&t->one));
  double rate = 0;
  assert_non_null(r);
  moon_rates_begin(r, known, uptime, at_us, t->gap_us ? t->gap_us : 75 * S);
  uint32_t got = moon_rates_row(r, (const uint8_t *)"\x01", 1, cells, epoch ? &e : NULL, &rate);
  moon_rates_end(r);
  return got ? rate : -1;
}

static void differences(void **state) {
  (void)state;
  static const struct { uint8_t type; uint64_t before, now; double rate; } cases[] = {
    {MOON_COUNTER32, 100, 400, 10},
    {MOON_COUNTER32, 100, 100, 0},
    {MOON_COUNTER32, 4294967290u, 294, 10},               /* wrapped */
    {MOON_COUNTER32, 3000000000u, 5, 43165576.7},          /* less than half the range */
    {MOON_COUNTER32, 2000000000u, 5, -1},                  /* more than half: reset */
    {MOON_COUNTER32, 500, 20, -1},
    {MOON_COUNTER32, 0, UINT32_MAX, 143165576.5},
    {MOON_GAUGE32, 10, 40, 1},
    {MOON_TIME_TICKS, 0, 3000, 100},
    {MOON_COUNTER64, UINT64_MAX - 9, 290, 10},
    {MOON_COUNTER64, (uint64_t)1 << 60, ((uint64_t)1 << 60) + 30, 1}, /* a double cannot tell these apart */
    {MOON_COUNTER64, (uint64_t)1 << 40, 0, -1},
    {MOON_COUNTER64, 0, (uint64_t)1 << 33, 286331153.0667},
    {MOON_INTEGER, 1, 2, -1},
    {MOON_NO_SUCH_INSTANCE, 1, 2, -1},
    {0, 1, 2, -1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct table t = {0};
    assert_true(pass(&t, cases[i].type, cases[i].before, 100 * S, false, 0, NULL) < 0); /* the first */
    double rate = pass(&t, cases[i].type, cases[i].now, 130 * S, false, 0, NULL);
    if (fabs(rate - cases[i].rate) > 0.1) { print_error("case %zu: %f\n", i, rate); }
    assert_true(fabs(rate - cases[i].rate) <= 0.1);
    moon_rates_free_all(&t.list);
    is_empty(&t.one);
  }
}

static void passes_of_one_run_that_are_close_have_each_their_own(void **state) {
  (void)state;
  struct moon_rates *list = NULL, *of[6];
  struct one one = {0};
  uint64_t now = 100 * S;
  for (int i = 0; i < 6; i++) { of[i] = moon_rates_find_pass(&list, 7, 1, alone(&one), 99 * S, now + (uint64_t)i); }
  for (int i = 1; i < 4; i++) {
    for (int k = 0; k < i; k++) { assert_ptr_not_equal(of[i], of[k]); }
  }
  assert_ptr_equal(of[4], of[3]); /* a loop that asks without end takes no more memory */
  assert_ptr_equal(of[5], of[3]);
  assert_ptr_equal(moon_rates_find_pass(&list, 7, 1, alone(&one), 99 * S, now + S), of[0]);       /* later in the run: goes on */
  assert_ptr_equal(moon_rates_find_pass(&list, 7, 1, alone(&one), 99 * S, now + S + 1), of[1]);
  assert_ptr_equal(moon_rates_find_pass(&list, 7, 1, alone(&one), now + S + 2, now + S + 2), of[0]); /* the next run */
  assert_ptr_equal(moon_rates_find_pass(&list, 7, 1, alone(&one), now + S + 2, now + S + 2), of[1]);
  moon_rates_free_all(&list);
  is_empty(&one);
}

/* The software of a device is replaced: a counter of 32 bits has 64 from then on, or the other way. */
static void another_width(void **state) {
  (void)state;
  struct table t = {0};
  assert_true(pass(&t, MOON_COUNTER32, 100, 100 * S, false, 0, NULL) < 0);
  assert_true(pass(&t, MOON_COUNTER64, 400, 130 * S, false, 0, NULL) < 0);
  assert_true(pass(&t, MOON_COUNTER64, 700, 160 * S, false, 0, NULL) == 10);
  assert_true(pass(&t, MOON_COUNTER32, 1000, 190 * S, false, 0, NULL) < 0);
  assert_true(pass(&t, MOON_COUNTER32, 1300, 220 * S, false, 0, NULL) == 10);
  moon_rates_free_all(&t.list);
}

static void restarts(void **state) {
  (void)state;
  struct table t = {0};
  assert_true(pass(&t, MOON_COUNTER64, 100, 100 * S, true, 500000, "a") < 0);
  assert_true(pass(&t, MOON_COUNTER64, 400, 130 * S, true, 503000, "a") == 10);
  assert_true(pass(&t, MOON_COUNTER64, 700, 160 * S, true, 1000, "a") < 0);       /* sysUpTime went back */
  assert_true(pass(&t, MOON_COUNTER64, 1000, 190 * S, true, 4000, "a") == 10);
  assert_true(pass(&t, MOON_COUNTER64, 1300, 220 * S, true, 5000, "a") < 0);      /* forward, but too little: restarted, then 10 s */
  assert_true(pass(&t, MOON_COUNTER64, 1600, 250 * S, true, 8000, "b") < 0);      /* its epoch changed */
  assert_true(pass(&t, MOON_COUNTER64, 1900, 280 * S, true, 11000, "b") == 10);
  assert_true(pass(&t, MOON_COUNTER64, 2200, 310 * S, true, 13800, "b") == 10);   /* cached some seconds by the agent */
  assert_true(pass(&t, MOON_COUNTER64, 2500, 310 * S + 1, true, 13800, "b") > 0);
  moon_rates_free_all(&t.list);
  t = (struct table){0};
  assert_true(pass(&t, MOON_COUNTER32, 100, 100 * S, true, UINT32_MAX - 999, NULL) < 0);
  assert_true(pass(&t, MOON_COUNTER32, 400, 130 * S, true, 2000, NULL) == 10);    /* 497 days: a wrap is no restart */
  moon_rates_free_all(&t.list);
}

static void gaps(void **state) {
  (void)state;
  struct table t = {.gap_us = 75 * S};
  assert_true(pass(&t, MOON_COUNTER32, 100, 100 * S, false, 0, NULL) < 0);
  assert_true(pass(&t, MOON_COUNTER32, 160, 160 * S, false, 0, NULL) == 1);       /* one missed */
  assert_true(pass(&t, MOON_COUNTER32, 300, 240 * S, false, 0, NULL) < 0);        /* too long */
  assert_true(pass(&t, MOON_NO_SUCH_INSTANCE, 0, 270 * S, false, 0, NULL) < 0);   /* not there */
  assert_true(pass(&t, MOON_COUNTER32, 330, 300 * S, false, 0, NULL) < 0);
  assert_true(pass(&t, MOON_COUNTER32, 360, 330 * S, false, 0, NULL) == 1);
  moon_rates_free_all(&t.list);
}

/* 300 rows of two columns, three passes; every third row is missing from the second. */
static void rows_come_and_go(void **state) {
  (void)state;
  struct moon_rates *list = NULL;
  struct one one = {0};
  struct moon_rates *r = moon_rates_find(&list, 1, 2, alone(&one));
  assert_ptr_equal(r, moon_rates_find(&list, 1, 2, alone(&one)));
  assert_ptr_not_equal(r, moon_rates_find(&list, 2, 2, alone(&one)));
  for (uint64_t p = 0; p < 3; p++) {
    moon_rates_begin(r, false, 0, p * S + S, 3 * S);
    for (unsigned i = 0; i < 300; i++) {
      struct counter a, b;
      const struct moon_cell *cells[] = {make(&a, MOON_COUNTER64, p * i, p * S + S), make(&b, MOON_COUNTER32, p * 2 * i, p * S + S)};
      const uint8_t index[] = {(uint8_t)(0x81 + i / 128), (uint8_t)(i % 128)};
      double rate[2] = {-1, -1};
      if (p == 1 && i % 3 == 0) { continue; }
      uint32_t got = moon_rates_row(r, index, 2, cells, NULL, rate);
      assert_int_equal(got, p == 0 || (p == 2 && i % 3 == 0) ? 0 : 3);
      if (got) {
        assert_true(rate[0] == i);
        assert_true(rate[1] == 2 * i);
      }
    }
    moon_rates_end(r);
  }
  assert_true(moon_rates_octets(r) <= 40 * 600);
  moon_rates_free_all(&list);
  is_empty(&one);
}

/* One column, as of one counter a port: what is promised is 40 octets a value. */
static void size(void **state) {
  (void)state;
  struct moon_rates *list = NULL;
  struct one one = {0};
  struct moon_rates *r = moon_rates_find(&list, 1, 1, alone(&one));
  for (unsigned pass_n = 0; pass_n < 2; pass_n++) {
    moon_rates_begin(r, false, 0, S, S);
    for (unsigned i = 0; i < 1000; i++) {
      struct counter a;
      const struct moon_cell *cells[] = {make(&a, MOON_COUNTER64, i, S)};
      const uint8_t index[] = {(uint8_t)(0x81 + i / 128), (uint8_t)(i % 128)};
      double rate;
      moon_rates_row(r, index, 2, cells, NULL, &rate);
    }
    moon_rates_end(r);
  }
  print_message("%zu octets a value\n", moon_rates_octets(r) / 1000);
  assert_true(moon_rates_octets(r) <= 40 * 1000);
  moon_rates_free_all(&list);
}

static void no_memory(void **state) {
  (void)state;
  for (unsigned n = 1;; n++) {
    struct moon_rates *list = NULL;
    struct one one = {0};
    failmem_arm(n);
    struct moon_rates *r = moon_rates_find(&list, 1, 1, alone(&one));
    if (r) {
      for (unsigned i = 0; i < 100; i++) {
        struct counter a;
        const struct moon_cell *cells[] = {make(&a, MOON_COUNTER64, i, S)};
        const uint8_t index[] = {(uint8_t)i};
        double rate;
        assert_int_equal(moon_rates_row(r, index, 1, cells, NULL, &rate), 0);
      }
      moon_rates_end(r);
    }
    moon_rates_free_all(&list);
    is_empty(&one);
    assert_int_equal(failmem_alive(), 0);
    if (!failmem_fired()) { break; }
  }
  failmem_disarm();
}

/* So many rows of one column, all of them new. How many are remembered. */
static unsigned fill(struct moon_rates *r, unsigned n) {
  struct counter a;
  double rate;
  unsigned known = 0;
  for (int p = 1; p <= 2; p++) {
    moon_rates_begin(r, false, 0, (uint64_t)p * S, 75 * S);
    for (unsigned i = 0; i < n; i++) {
      const struct moon_cell *cells[] = {make(&a, MOON_COUNTER64, i, (uint64_t)p * S)};
      const uint8_t index[] = {(uint8_t)(0x80 | i >> 14), (uint8_t)(0x80 | (i >> 7 & 0x7f)), (uint8_t)(i & 0x7f)};
      known += moon_rates_row(r, index, 3, cells, NULL, &rate);
    }
  }
  return known;
}

/* One that takes all there is leaves the others their part, and has its own when they came first. */
static void each_has_a_share(void **state) {
  (void)state;
  for (int small_first = 0; small_first < 2; small_first++) {
    struct moon_rates_pool pool;
    struct moon_rates_share shares[4] = {{.pool = &pool}, {.pool = &pool}, {.pool = &pool}, {.pool = &pool}};
    struct moon_rates *lists[4] = {NULL}, *r[4];
    moon_rates_pool_init(&pool, 1 << 20, 4);
    for (int i = 0; i < 4; i++) { r[i] = moon_rates_find(&lists[i], 1, 1, &shares[i]); }
    if (small_first) { assert_int_equal(fill(r[1], 1000), 1000); }
    unsigned got = fill(r[0], 50000);
    assert_in_range(got, 15000, 40000);
    assert_true(shares[0].full);
    if (!small_first) { assert_int_equal(fill(r[1], 1000), 1000); }
    assert_int_equal(fill(r[2], 1000), 1000);
    assert_int_equal(fill(r[3], 1000), 1000);
    assert_in_range(fill(r[3], 50000), 1000, 10000); /* what is beyond its part went to another */
    assert_false(shares[1].full);
    assert_true(shares[3].full);
    uint64_t all = 0;
    for (int i = 0; i < 4; i++) { all += shares[i].octets; }
    assert_in_range(all, 1 << 19, (1 << 20) + 4 * 256);
    for (int i = 0; i < 4; i++) {
      moon_rates_free_all(&lists[i]);
      assert_int_equal(shares[i].octets, 0);
    }
    assert_int_equal(pool.lent, 0);
  }
}

/* Read anew from octets, as another process would. NULL: refused. */
static struct moon_rates *again(struct moon_rates **list, struct one *one, const uint8_t *p, size_t n) {
  struct moon_rates *r = moon_rates_find(list, 1, 1, alone(one));
  assert_non_null(r);
  return moon_rates_import(r, p, n) ? r : NULL;
}

/* As many rows as make the slots grow several times go on elsewhere; no shorter block is taken for one. */
static void goes_on_elsewhere(void **state) {
  (void)state;
  struct moon_rates *list = NULL, *other = NULL;
  struct one one = {0}, two = {0};
  struct moon_rates *r = moon_rates_find(&list, 1, 1, alone(&one));
  struct counter a;
  double rate = 0;
  uint8_t octets[4096];
  moon_rates_begin(r, true, 1000, S, 75 * S);
  for (unsigned i = 0; i < 100; i++) {
    const struct moon_cell *cells[] = {make(&a, MOON_COUNTER64, i, S)};
    const uint8_t index[] = {(uint8_t)i};
    assert_int_equal(moon_rates_row(r, index, 1, cells, NULL, &rate), 0);
  }
  moon_rates_end(r);
  size_t n = moon_rates_export(r, NULL, 0);
  assert_true(n > 100 && n <= sizeof octets);
  assert_int_equal(moon_rates_export(r, octets, sizeof octets), n);
  for (size_t cut = 0; cut < n; cut++) {
    assert_null(again(&other, &two, octets, cut));
    moon_rates_free_all(&other);
    is_empty(&two);
  }
  struct moon_rates *there = again(&other, &two, octets, n);
  assert_non_null(there);
  assert_false(moon_rates_import(there, octets, n)); /* it is new no more */
  moon_rates_begin(there, true, 1200, 3 * S, 75 * S);
  for (unsigned i = 0; i < 100; i++) {
    const struct moon_cell *cells[] = {make(&a, MOON_COUNTER64, i + 10, 3 * S)};
    const uint8_t index[] = {(uint8_t)i};
    assert_int_equal(moon_rates_row(there, index, 1, cells, NULL, &rate), 1);
    assert_true(fabs(rate - 5) < 1e-9);
  }
  moon_rates_free_all(&other);
  assert_non_null(again(&other, &two, octets, n));
  moon_rates_begin(moon_rates_find(&other, 1, 1, alone(&two)), true, 5, 4 * S, 75 * S); /* sysUpTime went with it: a restart */
  const struct moon_cell *cells[] = {make(&a, MOON_COUNTER64, 50, 4 * S)};
  assert_int_equal(moon_rates_row(moon_rates_find(&other, 1, 1, alone(&two)), (const uint8_t *)"\x01", 1, cells, NULL, &rate), 0);
  moon_rates_free_all(&other);
  octets[0] = 2; /* of two columns */
  assert_null(again(&other, &two, octets, n));
  moon_rates_free_all(&other);
  octets[0] = 1;
  octets[1] ^= 1; /* of another layout */
  assert_null(again(&other, &two, octets, n));
  moon_rates_free_all(&other);
  moon_rates_free_all(&list);
  is_empty(&one);
  is_empty(&two);
}

/* FNV-1a as it is in books. */
static uint32_t plain_hash(const uint8_t *p, size_t n) {
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < n; i++) { h = (h ^ p[i]) * 16777619u; }
  return h ^ h >> 15;
}

/* Processor time of n new rows, whose indexes are all numbers or, bad, those of them that a table of books would have at one place. */
static double seconds_of_rows(uint32_t n, bool bad) {
  struct moon_rates *list = NULL, *r;
  struct one owner = {0};
  struct counter c;
  const struct moon_cell *cells[] = {make(&c, MOON_COUNTER32, 1, 1)};
  uint8_t (*index)[4] = calloc(n, 4);
  struct timespec from, to;
  double rate;
  for (uint32_t i = 0, found = 0; found < n; i++) {
    const uint8_t one[4] = {(uint8_t)(i & 127), (uint8_t)(i >> 7 & 127), (uint8_t)(i >> 14 & 127), (uint8_t)(i >> 21 & 127)};
    if (!bad || (plain_hash(one, 4) & (2 * n - 1)) == 0) { memcpy(index[found++], one, 4); }
  }
  r = moon_rates_find(&list, 7, 1, alone(&owner));
  moon_rates_begin(r, false, 0, 1, 75 * S);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
  for (uint32_t i = 0; i < n; i++) { (void)moon_rates_row(r, index[i], 4, cells, NULL, &rate); }
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
  moon_rates_free_all(&list);
  free(index);
  return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* An agent chooses its indexes: a hundred thousand at one place would keep a worker for longer than it may live. */
static void indexes_that_are_made_to_collide(void **state) {
  enum { N = 4096 };
  (void)state;
  double usual = seconds_of_rows(N, false), made = seconds_of_rows(N, true);
  if (made >= 10 * usual) { print_error("%.1f ms, %.1f ms\n", usual * 1e3, made * 1e3); }
  assert_true(made < 10 * usual);
}

int main(void) {
  failmem_install();
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(differences), cmocka_unit_test(another_width), cmocka_unit_test(restarts), cmocka_unit_test(passes_of_one_run_that_are_close_have_each_their_own), cmocka_unit_test(gaps),
    cmocka_unit_test(rows_come_and_go), cmocka_unit_test(size), cmocka_unit_test(no_memory), cmocka_unit_test(each_has_a_share),
    cmocka_unit_test(goes_on_elsewhere), cmocka_unit_test(indexes_that_are_made_to_collide),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
