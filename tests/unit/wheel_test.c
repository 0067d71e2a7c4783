/* The wheel under a virtual clock: never early, on time across all levels, and whatever timers do to each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/engine/wheel.h"

#define MS UINT64_C(1000)

static struct moon_wheel wheel;
static uint64_t now_us;

struct probe {
  struct moon_timer t;
  uint64_t at_us, ran_us;
  unsigned runs;
};

static void note(void *arg) {
  struct probe *p = arg;
  p->runs++;
  p->ran_us = now_us;
}

static void start(struct probe *p, uint64_t at_us) {
  p->at_us = at_us;
  moon_wheel_start(&wheel, &p->t, at_us);
}

static void advance(uint64_t to_us) {
  now_us = to_us;
  moon_wheel_expire(&wheel, now_us);
}

static int begin(void **state) {
  (void)state;
  now_us = UINT64_C(987654321012);
  moon_wheel_init(&wheel, now_us);
  return 0;
}

/* From tick to tick: each runs in the first tick that is not before its time. */
static void on_time(void **state) {
  static struct probe p[2000];
  (void)state;
  uint64_t begin_us = now_us;
  memset(p, 0, sizeof p);
  for (size_t i = 0; i < 2000; i++) {
    moon_timer_init(&p[i].t, note, &p[i]);
    start(&p[i], begin_us + (uint64_t)rand() % (70000 * MS));
  }
  while (now_us < begin_us + 70002 * MS) { advance(now_us + MS); }
  for (size_t i = 0; i < 2000; i++) {
    assert_int_equal(p[i].runs, 1);
    assert_true(p[i].ran_us >= p[i].at_us);
    assert_true(p[i].ran_us < p[i].at_us + 2 * MS);
  }
  assert_int_equal(wheel.n, 0);
}

/* Asked when to look again, and looking only then: every level, and not one early. */
static void by_next(void **state) {
  static const uint64_t ahead_ms[] = { 1, 2, 255, 256, 257, 511, 512, 65535, 65536, 65537, 131072, 16777215, 16777216, 16777217,
                                       4294967295, 4294967296, 5000000000, 20000000000 };
  enum { N = sizeof ahead_ms / sizeof ahead_ms[0] };
  struct probe p[N];
  unsigned looks = 0;
  (void)state;
  memset(p, 0, sizeof p);
  uint64_t begin_us = now_us;
  for (size_t i = 0; i < N; i++) {
    moon_timer_init(&p[i].t, note, &p[i]);
    start(&p[i], begin_us + ahead_ms[i] * MS);
  }
  for (uint64_t next; (next = moon_wheel_next_us(&wheel)) != UINT64_MAX; looks++) {
    assert_true(next > now_us - MS);
    uint64_t soonest = UINT64_MAX;
    for (size_t i = 0; i < N; i++) {
      if (!p[i].runs && p[i].at_us < soonest) { soonest = p[i].at_us; }
    }
    assert_true(next <= soonest + MS); /* never sleeps through one */
    advance(next);
    assert_true(looks < 200);
  }
  for (size_t i = 0; i < N; i++) {
    assert_int_equal(p[i].runs, 1);
    assert_true(p[i].ran_us >= p[i].at_us && p[i].ran_us < p[i].at_us + MS);
  }
}

/* The first look comes late, as after a stall: all that is due runs, nothing else. */
static void after_a_stall(void **state) {
  struct probe p[4];
  (void)state;
  memset(p, 0, sizeof p);
  uint64_t begin_us = now_us;
  static const uint64_t ahead_ms[] = { 3, 300, 99000, 100001 };
  for (size_t i = 0; i < 4; i++) {
    moon_timer_init(&p[i].t, note, &p[i]);
    start(&p[i], begin_us + ahead_ms[i] * MS);
  }
  advance(begin_us + 100000 * MS);
  assert_int_equal(p[0].runs + p[1].runs + p[2].runs, 3);
  assert_int_equal(p[3].runs, 0);
  advance(begin_us + 100002 * MS);
  assert_int_equal(p[3].runs, 1);
}

static void stop_and_restart(void **state) {
  struct probe p = { .runs = 0 };
  (void)state;
  moon_timer_init(&p.t, note, &p);
  moon_wheel_stop(&wheel, &p.t);
  start(&p, now_us + 5 * MS);
  start(&p, now_us + 50 * MS);
  assert_int_equal(wheel.n, 1);
  advance(now_us + 20 * MS);
  assert_int_equal(p.runs, 0);
  moon_wheel_stop(&wheel, &p.t);
  moon_wheel_stop(&wheel, &p.t);
  assert_int_equal(wheel.n, 0);
  assert_true(moon_wheel_next_us(&wheel) == UINT64_MAX);
  advance(now_us + 100 * MS);
  assert_int_equal(p.runs, 0);
  start(&p, now_us - 70 * MS); /* the past: at once, which is the next tick */
  advance(now_us + MS);
  assert_int_equal(p.runs, 1);
}

/* Stopping leaves no place marked as used. */
static void stop_clears(void **state) {
  static struct probe p[600];
  (void)state;
  memset(p, 0, sizeof p);
  for (size_t i = 0; i < 600; i++) {
    moon_timer_init(&p[i].t, note, &p[i]);
    start(&p[i], now_us + (uint64_t)rand() % (UINT64_C(100000000) * MS));
  }
  for (size_t i = 0; i < 600; i++) { moon_wheel_stop(&wheel, &p[i].t); }
  for (size_t l = 0; l < MOON_WHEEL_LEVELS; l++) {
    for (size_t i = 0; i < MOON_WHEEL_PLACES / 64; i++) { assert_true(wheel.map[l][i] == 0); }
  }
}

static struct probe pair[2];
static void stops_the_other(void *arg) {
  struct probe *p = arg;
  p->runs++;
  moon_wheel_stop(&wheel, &pair[p == pair].t);
}
static void stop_from_inside(void **state) {
  (void)state;
  memset(pair, 0, sizeof pair);
  for (size_t i = 0; i < 2; i++) {
    moon_timer_init(&pair[i].t, stops_the_other, &pair[i]);
    start(&pair[i], now_us + 3 * MS);
  }
  advance(now_us + 10 * MS);
  assert_int_equal(pair[0].runs + pair[1].runs, 1);
  assert_int_equal(wheel.n, 0);
}

static void again(void *arg) {
  struct probe *p = arg;
  p->runs++;
  moon_wheel_start(&wheel, &p->t, now_us - 500 * MS);
}
/* One that always wants the past does not hold time up. */
static void restart_from_inside(void **state) {
  struct probe p = { .runs = 0 };
  (void)state;
  moon_timer_init(&p.t, again, &p);
  start(&p, now_us);
  advance(now_us + 10 * MS);
  assert_in_range(p.runs, 9, 11);
  assert_int_equal(wheel.n, 1);
}

static size_t n_moving(void) {
  size_t n = 0;
  for (const struct moon_list *l = wheel.moving.next; l != &wheel.moving; l = l->next) { n++; }
  return n;
}

static bool at_once(const void *arg) {
  (*(unsigned *)(uintptr_t)arg)++;
  return true;
}

/* All of a far place are due in the same minute: they move down a thousand in a call, and time waits for the last of them. */
static void many_move_down(void **state) {
  enum { N = 10000 };
  static struct probe p[N];
  unsigned asked = 0, calls = 0;
  (void)state;
  memset(p, 0, sizeof p);
  uint64_t begin_us = (wheel.tick / 65536 + 2) * 65536 * MS;
  for (size_t i = 0; i < N; i++) {
    moon_timer_init(&p[i].t, note, &p[i]);
    start(&p[i], begin_us + i % 65000 * 6 * MS);
  }
  struct probe other = {.runs = 0};
  moon_timer_init(&other.t, note, &other);
  now_us = begin_us;
  for (size_t left = N; calls == 0 || left; calls++) {
    moon_wheel_expire_some(&wheel, now_us, at_once, &asked);
    assert_true(left - n_moving() <= 1024);
    left = n_moving();
    if (left) { assert_true(moon_wheel_next_us(&wheel) <= now_us); }
    if (calls == 3) {
      assert_int_equal(p[0].runs, 0); /* due, and moved, but time stands still */
      moon_wheel_stop(&wheel, &p[N - 1].t); /* does not move yet */
      left--;
      start(&other, now_us);
    }
  }
  assert_in_range(calls, 9, 12);
  while (wheel.n) { advance(now_us + MS); }
  assert_int_equal(other.runs, 1);
  assert_int_equal(p[N - 1].runs, 0);
  for (size_t i = 0; i < N - 1; i++) {
    assert_int_equal(p[i].runs, 1);
    assert_true(p[i].ran_us >= p[i].at_us && p[i].ran_us <= p[i].at_us + 2 * MS);
  }
}

/* Random starts, stops and steps against a plain list. */
static void random_walk(void **state) {
  enum { N = 300 };
  static struct probe p[N];
  static bool running[N];
  (void)state;
  memset(p, 0, sizeof p);
  memset(running, 0, sizeof running);
  for (size_t i = 0; i < N; i++) { moon_timer_init(&p[i].t, note, &p[i]); }
  for (int step = 0; step < 20000; step++) {
    size_t i = (size_t)rand() % N;
    switch (rand() % 4) {
      case 0:
      case 1:
        p[i].runs = 0;
        start(&p[i], now_us + ((uint64_t)rand() << (rand() % 12)) % (300000 * MS));
        running[i] = true;
        break;
      case 2:
        moon_wheel_stop(&wheel, &p[i].t);
        running[i] = false;
        break;
      default:
        advance(now_us + (uint64_t)rand() % (rand() % 10 ? 3 * MS : 3000 * MS));
        for (size_t k = 0; k < N; k++) {
          if (!running[k]) {
            continue;
          }
          bool due = (p[k].at_us + MS - 1) / MS < now_us / MS;
          if (due) { assert_int_equal(p[k].runs, 1); }
          if (p[k].runs) {
            assert_true(p[k].at_us <= now_us);
            running[k] = false;
          }
        }
    }
    uint64_t soonest = UINT64_MAX, n = 0;
    for (size_t k = 0; k < N; k++) {
      n += running[k];
      if (running[k] && p[k].at_us < soonest) { soonest = p[k].at_us; }
    }
    assert_int_equal(wheel.n, n);
    if (n) { assert_true(moon_wheel_next_us(&wheel) < (soonest > now_us ? soonest : now_us) + 2 * MS); }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(on_time, begin),
    cmocka_unit_test_setup(by_next, begin),
    cmocka_unit_test_setup(after_a_stall, begin),
    cmocka_unit_test_setup(stop_and_restart, begin),
    cmocka_unit_test_setup(stop_clears, begin),
    cmocka_unit_test_setup(stop_from_inside, begin),
    cmocka_unit_test_setup(restart_from_inside, begin),
    cmocka_unit_test_setup(many_move_down, begin),
    cmocka_unit_test_setup(random_walk, begin),
  };
  srand(7);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
