/* A ramp against agents as a law: so many places, this far away, and no more answers a second than they can give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../core/bind/task/ramp.h"

struct world { double rtt_us, most_per_us, silent_part; };

/* Looks every millisecond; the answers a level brings by Little's law. */
static void run(struct moon_ramp *r, const struct world *w, unsigned ms, uint64_t *now, double *heard) {
  for (unsigned i = 0; i < ms; i++) {
    double rate = r->level * (1 - w->silent_part) / w->rtt_us;
    if (rate > w->most_per_us) { rate = w->most_per_us; }
    *now += MOON_RAMP_LOOK_US;
    *heard += rate * MOON_RAMP_LOOK_US;
    moon_ramp_look(r, *now, (uint64_t)*heard, r->level, (uint32_t)(r->level * w->silent_part));
  }
}

static void test_near_agents_stay_few(void **state) {
  (void)state;
  struct moon_ramp r;
  uint64_t now = 5, wide = 0;
  double heard = 0;
  moon_ramp_init(&r);
  moon_ramp_begin(&r, now, 0);
  for (int i = 0; i < 2000; i++) {
    run(&r, &(struct world){.rtt_us = 100, .most_per_us = 0.2}, 1, &now, &heard);
    assert_true(r.level <= 2 * MOON_RAMP_FIRST);
    wide += r.level > MOON_RAMP_FIRST;
  }
  assert_in_range(wide, 1, 300); /* tried now and then, and taken back */
}

static void test_far_agents_get_many(void **state) {
  (void)state;
  struct moon_ramp r;
  uint64_t now = 5;
  double heard = 0;
  moon_ramp_init(&r);
  moon_ramp_begin(&r, now, 0);
  run(&r, &(struct world){.rtt_us = 50000, .most_per_us = 0.2}, 600, &now, &heard);
  assert_in_range(r.level, 1024, 32768);
}

static void test_nobody_answers_yet(void **state) {
  (void)state;
  struct moon_ramp r;
  uint64_t now = 0;
  moon_ramp_init(&r);
  moon_ramp_begin(&r, now, 7);
  for (int i = 0; i < 20; i++) { moon_ramp_look(&r, now += MOON_RAMP_LOOK_US, 7, r.level, r.level); }
  assert_int_equal(r.level, 16 * MOON_RAMP_FIRST);
}

static void test_a_busy_agent_is_not_a_silent_one(void **state) {
  (void)state;
  for (uint32_t deaf = 0; deaf <= MOON_RAMP_FIRST; deaf += MOON_RAMP_FIRST) {
    struct moon_ramp r;
    moon_ramp_init(&r);
    moon_ramp_begin(&r, 0, 0);
    moon_ramp_look(&r, 900, 10, r.level, deaf);
    moon_ramp_begin(&r, 1000, 10);
    uint64_t enough = deaf ? 6000 : 51000;
    for (uint64_t now = 2000; now < enough; now += 1000) {
      moon_ramp_look(&r, now, 10, r.level, deaf);
      assert_int_equal(r.level, MOON_RAMP_FIRST);
    }
    moon_ramp_look(&r, enough, 10, r.level, deaf);
    assert_int_equal(r.level, 2 * MOON_RAMP_FIRST);
  }
}

/* An answer every two milliseconds of agents that live: they are waited for. */
static void test_few_answers_of_those_who_live(void **state) {
  (void)state;
  struct moon_ramp r;
  uint64_t now = 0, heard = 0;
  moon_ramp_init(&r);
  moon_ramp_begin(&r, now, 0);
  for (int i = 0; i < 60; i++) {
    moon_ramp_look(&r, now += 2 * MOON_RAMP_LOOK_US, ++heard, r.level, 0);
    assert_int_equal(r.level, MOON_RAMP_FIRST);
  }
  moon_ramp_begin(&r, now, heard); /* of agents that do not, they are not */
  for (int i = 0; i < 25; i++) { moon_ramp_look(&r, now += 2 * MOON_RAMP_LOOK_US, ++heard, r.level, r.level); }
  assert_int_equal(r.level, 2 * MOON_RAMP_FIRST);
}

/* The machine did something else meanwhile: that nobody looked is no silence. */
static void test_a_late_look(void **state) {
  (void)state;
  struct moon_ramp r;
  moon_ramp_init(&r);
  moon_ramp_begin(&r, 0, 0);
  moon_ramp_look(&r, 60000, 1000, r.level, r.level);
  assert_int_equal(r.level, MOON_RAMP_FIRST);
}

/* What answers came before does not make a silence shorter. */
static void test_the_last_who_answer_leave_their_places_to_silent_ones(void **state) {
  (void)state;
  struct moon_ramp r;
  uint64_t now = 0;
  moon_ramp_init(&r);
  moon_ramp_begin(&r, now, 0);
  moon_ramp_look(&r, now += MOON_RAMP_LOOK_US, 9, r.level, r.level);
  for (int i = 0; i < 4; i++) {
    moon_ramp_look(&r, now += MOON_RAMP_LOOK_US, 9, r.level, r.level);
    assert_int_equal(r.level, MOON_RAMP_FIRST);
  }
  moon_ramp_look(&r, now += MOON_RAMP_LOOK_US, 9, r.level, r.level);
  assert_int_equal(r.level, 2 * MOON_RAMP_FIRST);
}

/* All places but a few are held by silent agents: the few bring answers all the time. */
static void test_places_held_by_silent_agents(void **state) {
  (void)state;
  struct moon_ramp r;
  uint64_t now = 5;
  double heard = 0;
  moon_ramp_init(&r);
  moon_ramp_begin(&r, now, 0);
  run(&r, &(struct world){.rtt_us = 2000, .most_per_us = 1, .silent_part = 0.98}, 400, &now, &heard);
  assert_true(r.level >= 8 * MOON_RAMP_FIRST);
}

/* Answers were late at first, as of a machine that had other things to do: what came to be many does not stay so. */
static void test_many_become_few_where_they_gain_nothing(void **state) {
  (void)state;
  struct moon_ramp r;
  uint64_t now = 0;
  double heard = 0;
  moon_ramp_init(&r);
  moon_ramp_begin(&r, now, 0);
  for (int i = 0; i < 20; i++) { moon_ramp_look(&r, now += MOON_RAMP_LOOK_US, 0, r.level, r.level); }
  assert_int_equal(r.level, 16 * MOON_RAMP_FIRST);
  run(&r, &(struct world){.rtt_us = 100, .most_per_us = 0.2}, 50, &now, &heard);
  assert_int_equal(r.level, MOON_RAMP_FIRST);
}

static void test_many_stay_where_they_are_needed(void **state) {
  (void)state;
  struct moon_ramp r;
  uint64_t now = 0;
  double heard = 0;
  unsigned few = 0;
  moon_ramp_init(&r);
  moon_ramp_begin(&r, now, 0);
  for (int i = 0; i < 25; i++) { moon_ramp_look(&r, now += MOON_RAMP_LOOK_US, 0, r.level, r.level); }
  for (int i = 0; i < 10000; i++) {
    run(&r, &(struct world){.rtt_us = 20000, .most_per_us = 0.1}, 1, &now, &heard); /* it takes 2,000 */
    few += r.level < 32 * MOON_RAMP_FIRST;
  }
  assert_true(few < 1000);
}

/* Long runs hold their places and answer all the time: new ones are not kept waiting for them. */
static void test_long_runs_end_a_trial_of_less(void **state) {
  (void)state;
  struct moon_ramp r;
  uint64_t now = 0, heard = 0, low = 0;
  moon_ramp_init(&r);
  moon_ramp_begin(&r, now, 0);
  for (int i = 0; i < 20; i++) { moon_ramp_look(&r, now += MOON_RAMP_LOOK_US, 0, r.level, r.level); }
  for (int i = 0; i < 2000; i++) {
    moon_ramp_look(&r, now += MOON_RAMP_LOOK_US, heard += 100, 16 * MOON_RAMP_FIRST, 0);
    low += r.level < 16 * MOON_RAMP_FIRST;
  }
  assert_in_range(low, 1, 400);
}

#define RUNS 1000
#define REQUESTS 100
#define MUTE_MS 2 /* those who heard nothing for so long hold no place */

/* Runs of many requests, one after the other, to agents this far away; the first look comes late, as on a machine that had other
 * things to do. How long all of them take, in milliseconds. */
static unsigned take(unsigned rtt_ms, unsigned first_look_ms) {
  struct { unsigned asked_ms, left; } run[RUNS];
  struct moon_ramp r;
  uint64_t heard = 0;
  unsigned started = 0, over = 0, now = 0;
  moon_ramp_init(&r);
  moon_ramp_begin(&r, 0, 0);
  for (; over < RUNS && now < 60000; now++) {
    uint32_t deaf = 0, mute = 0;
    for (unsigned i = 0; i < started; i++) {
      if (run[i].left && now == run[i].asked_ms + rtt_ms) {
        heard++;
        run[i].asked_ms = now;
        over += --run[i].left == 0;
      }
      deaf += run[i].left == REQUESTS && now < run[i].asked_ms + MUTE_MS;
      mute += run[i].left == REQUESTS && now >= run[i].asked_ms + MUTE_MS;
    }
    if (now >= first_look_ms && started < RUNS) { moon_ramp_look(&r, now * 1000u, heard, started - over - mute, deaf); }
    for (; started < RUNS && started - over - mute < r.level; started++) {
      run[started].asked_ms = now;
      run[started].left = REQUESTS;
    }
  }
  return now;
}

/* What is on trial is more than what goes on already, and a trial that failed does not keep the others waiting for long. */
static void test_long_runs_of_far_agents_go_side_by_side(void **state) {
  (void)state;
  for (unsigned rtt_ms = 5; rtt_ms <= 80; rtt_ms *= 2) {
    for (unsigned first_look_ms = 1; first_look_ms <= 4 * rtt_ms; first_look_ms += 3) {
      unsigned ms = take(rtt_ms, first_look_ms);
      if (ms > REQUESTS * rtt_ms * 3 / 2) { fail_msg("%u ms away, first look after %u: %u ms", rtt_ms, first_look_ms, ms); }
    }
  }
}

static void test_the_level_has_an_end(void **state) {
  (void)state;
  struct moon_ramp r;
  uint64_t now = 0;
  moon_ramp_init(&r);
  moon_ramp_begin(&r, now, 0);
  for (int i = 0; i < 500; i++) { moon_ramp_look(&r, now += MOON_RAMP_LOOK_US, 0, r.level, r.level); }
  assert_true(r.level > UINT32_MAX / 4 && r.level < UINT32_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_near_agents_stay_few),
    cmocka_unit_test(test_far_agents_get_many),
    cmocka_unit_test(test_nobody_answers_yet),
    cmocka_unit_test(test_a_busy_agent_is_not_a_silent_one),
    cmocka_unit_test(test_few_answers_of_those_who_live),
    cmocka_unit_test(test_a_late_look),
    cmocka_unit_test(test_the_last_who_answer_leave_their_places_to_silent_ones),
    cmocka_unit_test(test_places_held_by_silent_agents),
    cmocka_unit_test(test_many_become_few_where_they_gain_nothing),
    cmocka_unit_test(test_many_stay_where_they_are_needed),
    cmocka_unit_test(test_long_runs_end_a_trial_of_less),
    cmocka_unit_test(test_long_runs_of_far_agents_go_side_by_side),
    cmocka_unit_test(test_the_level_has_an_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
