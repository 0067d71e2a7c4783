/* A candidate against what was usual, on a clock of the test's own: each way of being worse trips alone, and chance does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "bind/task/pulse.h"
#include "main/ruling.h"

#define SECOND UINT64_C(1000000)
#define EVERY (30 * SECOND)
#define DEVICES_MAX 2000

static uint64_t seed;
static double chance(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (double)(seed >> 11) * 0x1p-53;
}
static double normal(void) { return sqrt(-2 * log(1 - chance())) * cos(6.283185307 * chance()); }

/* What a world is like, and what the candidate does to it. */
struct world {
  uint32_t devices;
  double failing;       /* share of runs that fail by chance */
  double jitter;        /* of run times, as a power of e */
  double broken;        /* share of the devices on which the candidate is as below; 0: on none */
  double slower, requests, samples; /* factors; 0: 1 */
  uint8_t err;          /* of each of its runs there; 0: none */
  uint8_t outage;       /* of the share of devices below, whatever version they have, from the first step on */
  double out;
  uint8_t out_from;     /* per cent of the step it begins at */
  bool events;          /* some devices give samples now and then */
  double dead;          /* share of devices that always failed, and do */
};

struct trial {
  struct moon_steps steps;
  struct moon_habit_limits limits;
  struct moon_habit habit[DEVICES_MAX];
  bool broken[DEVICES_MAX], out[DEVICES_MAX];
  uint64_t pair[DEVICES_MAX];
  struct moon_witness witness;
  char text[512];
  uint32_t runs;        /* of each device under the candidate, at most */
  uint32_t percent;
};
static struct trial t;

static struct moon_run_figures a_run(const struct world *w, uint32_t i, bool candidate, bool first, bool trying) {
  double usual = 0.02 + 0.001 * (i % 40), factor = candidate && t.broken[i] ? 1 : 0;
  double took = usual * exp(w->jitter * normal()) + (chance() < 0.01 ? 1 : 0); /* a datagram is lost now and then */
  struct moon_run_figures f = {.requests = 3 + i % 5, .samples = 10 + i % 30};
  f.cold = first && !candidate;
  if (first) { f.requests += 10; }
  if (w->events && i % 3 == 0) { f.samples = chance() < 0.3 ? 6 : 0; }
  if (factor > 0) {
    took *= w->slower > 0 ? w->slower : 1;
    f.requests = (uint32_t)(f.requests * (w->requests > 0 ? w->requests : 1));
    f.samples = (uint32_t)(f.samples * (w->samples > 0 ? w->samples : 1));
    f.err = w->err;
  }
  if ((double)(i % 50) < 50 * w->dead) { f.err = i % 2 ? MOON_E_AUTH : MOON_E_TIMEOUT; }
  if (trying && t.out[i] && t.percent >= w->out_from) { f.err = w->outage; }
  if (chance() < w->failing) { f.err = chance() < 0.5 ? MOON_E_TIMEOUT : MOON_E_GEN_ERR; }
  f.took_us = (uint64_t)(took * 1e6);
  return f;
}

/* One rollout to its end: the verdict, in t the rest. */
static enum moon_ruling go(const struct world *w, uint64_t with_seed) {
  uint32_t n_broken = 0;
  memset(&t, 0, sizeof t);
  seed = with_seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
  moon_steps_init(&t.steps);
  moon_habit_limits(&t.steps, &t.limits);
  for (uint32_t i = 0; i < w->devices; i++) {
    char name[32];
    snprintf(name, sizeof name, "%u.%u", (unsigned)with_seed, i);
    t.pair[i] = moon_pulse_pair("p", name);
    t.broken[i] = (double)i < w->broken * w->devices;
    t.out[i] = (double)(w->devices - 1 - i) < w->out * w->devices;
    n_broken += t.broken[i];
    uint32_t runs = 8 + (uint32_t)(chance() * 40);
    for (uint32_t k = 0; k < runs; k++) {
      struct moon_run_figures f = a_run(w, i, false, k == 0, false);
      moon_habit_learn(&t.habit[i], 1, &f);
    }
  }
  uint64_t now = 1000 * SECOND;
  for (uint32_t step = 0; step < t.steps.n; step++) {
    uint32_t percent = t.percent = t.steps.at[step], has = 0;
    for (uint32_t i = 0; i < w->devices; i++) { has += moon_steps_has(t.pair[i], percent); }
    struct moon_ruling_case c = {.steps = &t.steps, .sum = &t.witness, .since_us = now, .every_us = EVERY, .devices = has};
    moon_witness_open(&t.witness, 7, percent);
    for (enum moon_ruling v = MOON_RULING_HOLD; v == MOON_RULING_HOLD;) {
      for (uint32_t i = 0; i < w->devices; i++) {
        bool candidate = moon_steps_has(t.pair[i], percent);
        char name[32];
        snprintf(name, sizeof name, "device%u", i);
        struct moon_run_figures f = a_run(w, i, candidate, candidate && t.habit[i].tried == 0, true);
        if (candidate) {
          moon_witness_tried(&t.witness, &t.habit[i], &f, &t.limits, t.steps.runs, name, f.err ? "x.lua:3: it is broken\nstack" : NULL);
        } else {
          moon_witness_beside(&t.witness, &t.habit[i], &f, &t.limits);
        }
        if (i % 50 == 0) {
          c.now_us = now + (uint64_t)((double)EVERY * i / w->devices);
          v = moon_ruling_give(&c, t.text, sizeof t.text);
          if (v != MOON_RULING_HOLD) { break; }
        }
      }
      now += EVERY;
      t.runs++;
      c.now_us = now;
      if (v == MOON_RULING_HOLD) { v = moon_ruling_give(&c, t.text, sizeof t.text); }
      if (v == MOON_RULING_BACK) { return v; }
      assert_true(now - c.since_us < 16 * EVERY);
    }
  }
  return MOON_RULING_ON;
}

static void goes_back(const struct world *w, const char *figure, double most_percent) {
  for (uint64_t s = 1; s <= 20; s++) {
    enum moon_ruling v = go(w, s);
    if (v != MOON_RULING_BACK || strncmp(t.text, figure, strlen(figure)) != 0) { fail_msg("seed %u: %s", (unsigned)s, t.text); }
    if (t.percent > most_percent) { fail_msg("seed %u: only at %u %%: %s", (unsigned)s, t.percent, t.text); }
  }
}

#define USUAL .failing = 0.02, .jitter = 0.3

static void test_failing_on_one_of_a_hundred(void **state) {
  (void)state;
  goes_back(&(struct world){200, USUAL, .broken = 0.01, .err = MOON_E_PUBLIC_N}, "failures: ", 100);
  assert_non_null(strstr(t.text, "; first: device"));
  assert_non_null(strstr(t.text, "x.lua:3: it is broken"));
  assert_null(strchr(t.text, '\n'));
  goes_back(&(struct world){2000, USUAL, .broken = 0.01, .err = MOON_E_MISSING}, "failures: ", 50);
}
static void test_failing_everywhere(void **state) {
  (void)state;
  goes_back(&(struct world){200, USUAL, .broken = 1, .err = MOON_E_PUBLIC_N}, "failures: ", 5);
  assert_in_range(t.runs, 1, 3);
}
static void test_silent(void **state) {
  (void)state;
  goes_back(&(struct world){200, USUAL, .broken = 0.05, .err = MOON_E_TIMEOUT}, "silence: ", 100);
  goes_back(&(struct world){200, USUAL, .broken = 1, .err = MOON_E_TIMEOUT}, "silence: ", 5);
}
static void test_slower(void **state) {
  (void)state;
  goes_back(&(struct world){200, USUAL, .broken = 1, .slower = 3}, "run time: ", 15);
  assert_non_null(strstr(t.text, "times what is usual"));
}
static void test_greedier(void **state) {
  (void)state;
  goes_back(&(struct world){200, USUAL, .broken = 1, .requests = 3}, "requests a run: ", 5);
  assert_non_null(strstr(t.text, "times what is usual"));
  goes_back(&(struct world){2000, USUAL, .broken = 0.03, .requests = 4}, "requests a run: ", 50);
}
static void test_fewer_samples(void **state) {
  (void)state;
  goes_back(&(struct world){200, USUAL, .broken = 1, .samples = 0.5}, "samples a run: ", 5);
  assert_non_null(strstr(t.text, "times what is usual"));
  goes_back(&(struct world){2000, USUAL, .broken = 0.03, .samples = 0.5}, "samples a run: ", 50);
}

static void test_chance_trips_nothing(void **state) {
  (void)state;
  const struct world worlds[] = {{200, USUAL}, {200, USUAL, .events = true}, {110, .failing = 0.02, .jitter = 0.6}, {200, .failing = 0.05, .jitter = 0.3, .dead = 0.04}};
  uint32_t held = 0;
  for (uint64_t s = 1; s <= 1000; s++) {
    if (go(&worlds[s % 4], s) != MOON_RULING_ON) { fail_msg("seed %u: %s", (unsigned)s, t.text); }
    held += t.runs;
  }
  assert_in_range(held, 5 * 2 * 1000, 5 * 4 * 1000); /* and the steps take little more than they have to */
}

/* A site goes down while it is tried: on both versions alike. */
static void test_the_world_is_no_candidates_fault(void **state) {
  (void)state;
  const struct world worlds[] = {{1000, USUAL, .outage = MOON_E_TIMEOUT, .out = 0.1},
                                 {200, USUAL, .outage = MOON_E_TIMEOUT, .out = 0.05, .out_from = 30},
                                 {1000, USUAL, .outage = MOON_E_TIMEOUT, .out = 0.1, .out_from = 100},
                                 {1000, USUAL, .outage = MOON_E_AUTH, .out = 0.1}};
  for (uint64_t s = 1; s <= 60; s++) {
    if (go(&worlds[s % 4], s) != MOON_RULING_ON) { fail_msg("seed %u: %u %%: %s", (unsigned)s, t.percent, t.text); }
  }
}

/* Two runs of every device, or nearly, twenty comparisons, and two intervals: none of them may be missing. */
static void test_a_step_is_held(void **state) {
  (void)state;
  struct moon_witness e = {0};
  char text[256];
  struct moon_steps steps;
  moon_steps_init(&steps);
  assert_int_equal(steps.runs, 2);
  assert_int_equal(steps.comparisons, 20);
  moon_witness_open(&e, 1, 5);
  e.first = 10;
  e.second = 9;
  e.here = 20;
  struct moon_ruling_case c = {.steps = &steps, .sum = &e, .since_us = 7, .now_us = 7 + 2 * EVERY, .every_us = EVERY, .devices = 10};
  assert_int_equal(moon_ruling_give(&c, text, sizeof text), MOON_RULING_ON);
  c.now_us--;
  assert_int_equal(moon_ruling_give(&c, text, sizeof text), MOON_RULING_HOLD);
  c.now_us++;
  e.here = 19;
  assert_int_equal(moon_ruling_give(&c, text, sizeof text), MOON_RULING_HOLD);
  assert_string_equal(text, "held: 19 of 20 comparisons, 9 of 10 devices had 2 runs");
  e.here = 20;
  e.second = 8;
  assert_int_equal(moon_ruling_give(&c, text, sizeof text), MOON_RULING_HOLD);
  e.first = e.second = 0;
  assert_int_equal(moon_ruling_give(&c, text, sizeof text), MOON_RULING_HOLD);
}

static void test_nothing_known_goes_on_in_the_end(void **state) {
  (void)state;
  struct moon_witness e = {0};
  char text[256];
  struct moon_steps steps;
  moon_steps_init(&steps);
  moon_witness_open(&e, 1, 5);
  struct moon_ruling_case c = {.steps = &steps, .sum = &e, .since_us = 0, .every_us = EVERY, .devices = 10};
  c.now_us = 14 * EVERY;
  assert_int_equal(moon_ruling_give(&c, text, sizeof text), MOON_RULING_HOLD);
  assert_true(moon_ruling_next(&c) > c.now_us);
  c.now_us = 15 * EVERY;
  assert_int_equal(moon_ruling_give(&c, text, sizeof text), MOON_RULING_ON);
  assert_non_null(strstr(text, "little is known"));
}

static void test_evidence_of_workers_adds_up(void **state) {
  (void)state;
  struct moon_witness a, b, sum = {0};
  struct moon_habit h[2];
  struct moon_steps steps;
  struct moon_habit_limits limits;
  struct moon_run_figures f = {.took_us = 1000, .requests = 1, .samples = 4};
  memset(&a, 0, sizeof a);
  memset(&b, 0, sizeof b);
  memset(h, 0, sizeof h);
  moon_steps_init(&steps);
  moon_habit_limits(&steps, &limits);
  for (int i = 0; i < 5; i++) {
    moon_habit_learn(&h[0], 1, &f);
    moon_habit_learn(&h[1], 1, &f);
  }
  moon_witness_open(&a, 3, 5);
  moon_witness_open(&b, 3, 5);
  moon_witness_open(&sum, 3, 5);
  for (int i = 0; i < 3; i++) {
    moon_witness_tried(&a, &h[0], &f, &limits, 2, "a", NULL);
    f.err = MOON_E_TIMEOUT;
    moon_witness_tried(&b, &h[1], &f, &limits, 2, "b", "no answer");
    f.err = 0;
  }
  moon_witness_add(&sum, &a);
  moon_witness_add(&sum, &b);
  assert_int_equal(sum.first, 2);
  assert_int_equal(sum.second, 2);
  assert_int_equal(sum.here, 4);
  assert_int_equal(sum.tried.devices, 2);
  assert_int_equal(sum.tried.compared, 6);
  assert_int_equal(sum.tried.silent, 3);
  assert_int_equal(sum.tried.measured, 2);
  assert_int_equal(sum.suspects, 1);
  assert_string_equal(sum.device, "b");
  assert_string_equal(sum.error, "no answer");
  /* The next step counts its own runs, the next candidate all of its own. */
  moon_witness_open(&a, 3, 15);
  assert_int_equal(a.here, 0);
  assert_int_equal(a.tried.compared, 3);
  moon_witness_add(&sum, &a);
  assert_int_equal(sum.here, 4);
  moon_witness_open(&a, 4, 5);
  assert_int_equal(a.tried.compared, 0);
  moon_witness_add(&sum, &a);
  assert_int_equal(sum.tried.devices, 3);
}

/* It began to fail while it had the version before. */
static void test_what_was_worse_before(void **state) {
  (void)state;
  struct moon_habit h = {0};
  struct moon_steps steps;
  struct moon_habit_limits limits;
  struct moon_weighed w;
  struct moon_run_figures f = {.took_us = 1000, .requests = 1, .samples = 4};
  moon_steps_init(&steps);
  moon_habit_limits(&steps, &limits);
  for (int i = 0; i < 20; i++) { moon_habit_learn(&h, 1, &f); }
  f.err = MOON_E_AUTH;
  for (int i = 0; i < 2; i++) { moon_habit_weigh(&h, 7, false, &f, &limits, &w); }
  assert_int_equal(w.now_sure, 0);
  for (int i = 0; i < 10; i++) {
    moon_habit_weigh(&h, 7, true, &f, &limits, &w);
    assert_int_equal(w.now_sure, 0);
  }
  for (int i = 0; i < 10 && !w.now_sure; i++) { moon_habit_weigh(&h, 8, true, &f, &limits, &w); } /* another candidate */
  assert_int_equal(w.now_sure, 1u << MOON_WORSE_FAILING);
}

/* One that gives samples now and then may give none for a while; one that always does may not. */
static void test_each_by_its_own_measure(void **state) {
  (void)state;
  struct moon_steps steps;
  struct moon_habit_limits limits;
  struct moon_weighed w;
  moon_steps_init(&steps);
  moon_habit_limits(&steps, &limits);
  for (int steady = 0; steady < 2; steady++) {
    struct moon_habit h = {0};
    struct moon_run_figures f = {.took_us = 1000, .requests = 1};
    uint8_t sure = 0;
    for (int i = 0; i < 40; i++) {
      f.samples = steady || i % 2 ? 6 : 0;
      moon_habit_learn(&h, 1, &f);
    }
    f.samples = 0;
    for (int i = 0; i < 8; i++) {
      moon_habit_weigh(&h, 7, true, &f, &limits, &w);
      sure |= w.now_sure;
    }
    assert_int_equal(sure, steady ? 1u << MOON_FIGURE_SAMPLES : 0);
  }
}

static void test_a_version_begins_its_own_habit(void **state) {
  (void)state;
  struct moon_habit h = {0};
  struct moon_run_figures f = {.took_us = 1000, .requests = 1, .samples = 4};
  for (int i = 0; i < 3; i++) { moon_habit_learn(&h, 9, &f); }
  assert_false(moon_habit_is(&h));
  moon_habit_learn(&h, 9, &f);
  assert_true(moon_habit_is(&h));
  f.err = MOON_E_GEN_ERR;
  moon_habit_learn(&h, 9, &f);
  assert_true(moon_habit_failing(&h) > 0.15 && moon_habit_failing(&h) < 0.25);
  moon_habit_learn(&h, 10, &f);
  assert_false(moon_habit_is(&h));
  assert_true(moon_habit_failing(&h) > 0.99);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_failing_on_one_of_a_hundred), cmocka_unit_test(test_failing_everywhere), cmocka_unit_test(test_silent),
    cmocka_unit_test(test_slower), cmocka_unit_test(test_greedier), cmocka_unit_test(test_fewer_samples),
    cmocka_unit_test(test_chance_trips_nothing), cmocka_unit_test(test_the_world_is_no_candidates_fault),
    cmocka_unit_test(test_a_step_is_held), cmocka_unit_test(test_nothing_known_goes_on_in_the_end), cmocka_unit_test(test_evidence_of_workers_adds_up),
    cmocka_unit_test(test_what_was_worse_before), cmocka_unit_test(test_each_by_its_own_measure), cmocka_unit_test(test_a_version_begins_its_own_habit)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
