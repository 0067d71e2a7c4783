/* Plans of what a walk asks next: the order that is kept from one to the next, and how wide they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../core/base/mem.h"
#include "../../core/session/plan.h"

#define COLUMNS 41
#define ROWS 100
#define OCTETS 21 /* of a varbind */

static const uint8_t root[] = {0x2b, 6, 1, 2, 1, 2, 2, 1, 7};

struct table {
  struct moon_column columns[COLUMNS];
  struct moon_item queues[1 << MOON_COLUMN_BITS][COLUMNS];
  struct moon_chunk *chunk; /* octet i is the index of row i */
  uint16_t n;
};

static void table_init(struct table *t, uint16_t n, uint16_t octets) {
  memset(t, 0, sizeof *t);
  t->n = n;
  t->chunk = moon_mem_zalloc(sizeof *t->chunk + ROWS + 16);
  assert_non_null(t->chunk);
  for (uint8_t i = 0; i < ROWS; i++) {
    t->chunk->octets[i] = i;
  }
  for (uint16_t i = 0; i < n; i++) {
    moon_column_init(&t->columns[i], root, sizeof root, &t->queues[0][i], COLUMNS, MOON_COLUMN_BITS);
    t->columns[i].eighths = (uint16_t)(8 * octets);
  }
}

static void table_fini(struct table *t) {
  for (uint16_t i = 0; i < t->n; i++) {
    moon_column_fini(&t->columns[i]);
  }
  moon_mem_free(t->chunk);
}

static void put(struct table *t, struct moon_column *c) {
  uint16_t row = (uint16_t)++c->seen;
  assert_true(moon_column_room(c));
  *moon_column_slot(c) = (struct moon_item){.chunk = t->chunk, .index_at = row, .index_len = 1};
  c->last = moon_item_index(moon_column_slot(c));
  c->count++;
}

/* The reply, of at most so many varbinds; rows that are whole are given out. */
static void answer(struct table *t, const struct moon_plan *p, uint32_t varbinds) {
  for (uint32_t i = 0; i < (uint32_t)p->n * p->reps && i < varbinds; i++) {
    put(t, &t->columns[p->column[i % p->n]]);
  }
  for (;;) {
    for (uint16_t i = 0; i < t->n; i++) {
      if (t->columns[i].count == 0) {
        return;
      }
    }
    for (uint16_t i = 0; i < t->n; i++) {
      t->columns[i].head++;
      t->columns[i].count--;
    }
  }
}

static struct moon_plan_limits room(size_t reply, uint32_t wide) {
  return (struct moon_plan_limits){.reply = reply, .ask = 1180, .varbinds = UINT32_MAX, .reps = 1000, .columns = MOON_PLAN_COLUMNS_MAX, .wide = wide};
}

static void fresh(struct table *t, const struct moon_plan_limits *limits, struct moon_plan *p) {
  p->n_order = 0;
  moon_plan_make(p, t->columns, t->n, limits);
}

static void many_columns_are_asked_for_as_many_repetitions_as_wanted(void **state) {
  struct moon_plan_limits two = room(1304, 0), four = room(1304, 4);
  struct moon_plan p = {.n = 0};
  struct table t;
  (void)state;
  table_init(&t, COLUMNS, OCTETS);
  fresh(&t, &two, &p);
  assert_int_equal(p.reps, 2);
  assert_int_equal(p.n, 31);
  fresh(&t, &four, &p);
  assert_int_equal(p.reps, 4);
  assert_int_equal(p.n, 15);
  assert_int_equal(p.octets, 4 * 15 * OCTETS);
  four.reps = 3; /* the agent bears no more */
  fresh(&t, &four, &p);
  assert_int_equal(p.reps, 2);
  table_fini(&t);
}

static void where_they_would_not_fill_a_reply_nothing_is_wanted(void **state) {
  static const struct {
    uint16_t columns, octets;
  } cases[] = {{4, OCTETS}, {10, OCTETS}, {14, OCTETS}, {COLUMNS, 250}, {COLUMNS, 600}, {1, 1400}};
  struct moon_plan_limits none = room(1304, 0), four = room(1304, 4);
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct moon_plan p = {.n = 0}, q = {.n = 0};
    struct table t;
    table_init(&t, cases[i].columns, cases[i].octets);
    fresh(&t, &none, &p);
    fresh(&t, &four, &q);
    assert_int_equal(p.n, q.n);
    assert_int_equal(p.reps, q.reps);
    assert_memory_equal(p.column, q.column, p.n);
    table_fini(&t);
  }
}

static bool is_behind(const struct table *t, uint8_t a, uint8_t b) {
  return moon_index_compare(&t->columns[a].last, &t->columns[b].last) < 0;
}

/* Agents cut replies anywhere. The order that is kept has to be the one that would be made anew: who is asked is never ahead
 * of who is not, and as many are asked. */
static void the_order_that_is_kept_is_the_one_made_anew(void **state) {
  (void)state;
  for (unsigned seed = 1; seed <= 200; seed++) {
    struct moon_plan_limits limits = room(1304, seed % 2 ? 4 : 0);
    struct moon_plan p = {.n = 0};
    uint32_t kept = 0, plans = 0;
    struct table t;
    srand(seed);
    table_init(&t, COLUMNS, OCTETS);
    moon_plan_make(&p, t.columns, t.n, &limits);
    while (t.columns[0].seen < ROWS - 20) {
      struct moon_plan anew = {.n = 0};
      uint32_t all = (uint32_t)p.n * p.reps, lost = (uint32_t)rand() % (seed % 5 ? 4 : all);
      answer(&t, &p, all - lost);
      kept += p.n_order == t.n;
      plans++;
      moon_plan_make(&p, t.columns, t.n, &limits);
      fresh(&t, &limits, &anew);
      if (anew.n_order == t.n) { /* else it leaves out some that are far ahead */
        assert_int_equal(p.n, anew.n);
        assert_int_equal(p.reps, anew.reps);
        assert_int_equal(p.rest_row, anew.rest_row);
        assert_int_equal(p.rest_ask, anew.rest_ask);
      }
      bool asked[COLUMNS] = {false};
      for (uint16_t i = 0; i < p.n; i++) {
        assert_false(asked[p.column[i]]);
        asked[p.column[i]] = true;
        assert_false(i && is_behind(&t, p.column[i], p.column[i - 1]));
      }
      for (uint8_t i = 0; i < COLUMNS; i++) {
        assert_false(!asked[i] && is_behind(&t, i, p.column[p.n - 1]));
      }
    }
    assert_true(seed % 5 == 0 || kept == plans); /* none gets far ahead by little */
    table_fini(&t);
  }
}

/* Where the agent ends its reply itself the last column asked may be one that does not fit. */
static void a_reply_that_is_cut_is_asked_to_the_end(void **state) {
  struct moon_plan_limits limits = room(1304, 4);
  struct moon_plan p = {.n = 0};
  struct table t;
  (void)state;
  table_init(&t, COLUMNS, OCTETS);
  limits.cut = true;
  fresh(&t, &limits, &p);
  assert_int_equal(p.reps, 4);
  assert_int_equal(p.n, 16);
  limits.reply = 4 * 15 * OCTETS; /* full with 15 */
  fresh(&t, &limits, &p);
  assert_int_equal(p.n, 15);
  table_fini(&t);
}

/* The last request is one: columns that are nearly over are asked with the others, beyond their end. */
static void what_is_left_is_asked_in_one(void **state) {
  struct moon_plan_limits limits = room(2 * 31 * OCTETS + 4 * OCTETS, 4);
  struct table t;
  (void)state;
  for (int cut = 0; cut < 2; cut++) {
    struct moon_plan p = {.n = 0};
    table_init(&t, COLUMNS, OCTETS);
    limits.cut = cut;
    for (uint16_t i = 0; i < COLUMNS; i++) {
      for (int rows = i < 10 ? 24 : i < 14 ? 22 : i < 30 ? 23 : 24; rows > 0; rows--) { put(&t, &t.columns[i]); }
      t.columns[i].over = i < 10;
    }
    fresh(&t, &limits, &p); /* left with the end: 3 of 4 columns, 2 of 16, 1 of 11 */
    assert_int_equal(p.reps, cut ? 3 : 2); /* a whole reply of 3 would have no room */
    assert_int_equal(p.n, 31);
    table_fini(&t);
  }
}

#define TEST(f) cmocka_unit_test(f)
int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(many_columns_are_asked_for_as_many_repetitions_as_wanted),
    TEST(where_they_would_not_fill_a_reply_nothing_is_wanted),
    TEST(the_order_that_is_kept_is_the_one_made_anew),
    TEST(a_reply_that_is_cut_is_asked_to_the_end),
    TEST(what_is_left_is_asked_in_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
