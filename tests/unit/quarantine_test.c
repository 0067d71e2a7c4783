/* Who is held for what, how long, and who judges. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "main/judge.h"

#define SECOND UINT64_C(1000000)
#define HOUR (3600 * SECOND)

static const struct moon_plan_probe probes[] = {{.name = "p", .version = 1}, {.name = "p", .version = 2}, {.name = "q", .version = 1}};

static bool holds(const struct moon_quarantine *q, int probe, const char *target) { return moon_quarantine_holds(q, &probes[probe], target); }

static struct moon_quarantine *make(void) {
  struct moon_quarantine *q = moon_quarantine_new();
  assert_non_null(q);
  return q;
}

static void pair_and_version(void **state) {
  struct moon_quarantine *q = make();
  (void)state;
  assert_false(holds(q, 0, "a"));
  moon_quarantine_blame(q, &probes[0], "a", "x", true, SECOND);
  assert_true(holds(q, 0, "a"));
  assert_false(holds(q, 0, "b"));
  assert_false(holds(q, 1, "a"));
  assert_false(holds(q, 2, "a"));
  assert_int_equal(moon_quarantine_count(q), 1);
  assert_int_equal(moon_quarantine_lift(q, "q", NULL), 0);
  assert_int_equal(moon_quarantine_lift(q, "p", "b"), 0);
  assert_int_equal(moon_quarantine_lift(q, "p", "a"), 1);
  assert_false(holds(q, 0, "a"));
  moon_quarantine_free(q);
}

static void three_targets(void **state) {
  struct moon_quarantine *q = make();
  (void)state;
  moon_quarantine_blame(q, &probes[0], "a", "x", true, SECOND);
  moon_quarantine_blame(q, &probes[0], "a", "x", true, SECOND);
  moon_quarantine_blame(q, &probes[0], "b", "x", true, SECOND);
  moon_quarantine_blame(q, &probes[1], "c", "x", true, SECOND); /* of another version */
  assert_false(holds(q, 0, "z"));
  moon_quarantine_blame(q, &probes[0], "c", "x", true, SECOND);
  assert_true(holds(q, 0, "z"));
  assert_false(holds(q, 1, "z"));
  assert_int_equal(moon_quarantine_lift(q, "p", NULL), 5);
  assert_false(holds(q, 0, "a"));
  moon_quarantine_free(q);
}

static void time_passes(void **state) {
  struct moon_quarantine *q = make();
  uint64_t now = SECOND;
  (void)state;
  for (uint64_t hours = 1; hours < 100; hours *= 2) {
    uint64_t most = hours > 24 ? 24 : hours;
    moon_quarantine_blame(q, &probes[0], "a", "x", true, now);
    assert_int_equal(moon_quarantine_tick(q, now + most * HOUR - 1), now + most * HOUR);
    assert_true(holds(q, 0, "a"));
    assert_int_equal(moon_quarantine_tick(q, now + most * HOUR), UINT64_MAX);
    assert_false(holds(q, 0, "a"));
    now += most * HOUR;
  }
  moon_quarantine_free(q);
}

static void killed_from_outside(void **state) {
  struct moon_quarantine *q = make();
  (void)state;
  moon_quarantine_blame(q, &probes[0], "a", "x", false, SECOND);
  assert_false(holds(q, 0, "a"));
  moon_quarantine_blame(q, &probes[0], "a", "x", false, 700 * SECOND);
  assert_false(holds(q, 0, "a"));
  moon_quarantine_blame(q, &probes[0], "a", "x", false, 1200 * SECOND);
  assert_true(holds(q, 0, "a"));
  moon_quarantine_free(q);
}

static void the_oldest_makes_room(void **state) {
  struct moon_quarantine *q = make();
  static struct moon_plan_probe many[MOON_QUARANTINE_MAX + 1];
  static char names[MOON_QUARANTINE_MAX + 1][8];
  (void)state;
  for (uint64_t i = 0; i <= MOON_QUARANTINE_MAX; i++) {
    snprintf(names[i], sizeof names[i], "p%d", (int)i);
    many[i].name = names[i];
    moon_quarantine_blame(q, &many[i], "a", "x", true, SECOND + i);
  }
  assert_int_equal(moon_quarantine_count(q), MOON_QUARANTINE_MAX);
  assert_false(moon_quarantine_holds(q, &many[0], "a"));
  assert_true(moon_quarantine_holds(q, &many[1], "a"));
  assert_true(moon_quarantine_holds(q, &many[MOON_QUARANTINE_MAX], "a"));
  moon_quarantine_free(q);
}

static void as_json(void **state) {
  struct moon_quarantine *q = make();
  struct moon_print out;
  (void)state;
  moon_print_init(&out, NULL, NULL);
  moon_quarantine_json(q, 0, &out);
  moon_quarantine_blame(q, &probes[0], "a\"b", "why", true, SECOND);
  moon_quarantine_json(q, 61 * SECOND, &out);
  moon_print_put(&out, "", 1);
  assert_string_equal((char *)out.p, "[][{\"probe\":\"p\",\"target\":\"a\\\"b\",\"why\":\"why\",\"version\":\"0000000000000001\",\"times\":1,\"seconds_left\":3540}]");
  moon_print_fini(&out);
  moon_quarantine_free(q);
}

/* ---- judge ---- */

struct court {
  struct moon_plan_target targets[2];
  struct moon_plan plan;
  struct moon_stats stats;
  struct moon_judge judge;
  int stuck; /* slot, -1 */
};

static void kill_it(void *arg, uint32_t slot) { ((struct court *)arg)->stuck = (int)slot; }

static void open_court(struct court *c) {
  *c = (struct court){.targets = {{.name = "a"}, {.name = "b"}}, .stuck = -1};
  c->plan = (struct moon_plan){.probes = probes, .n_probes = 1, .targets = c->targets, .n_targets = 2};
  assert_int_equal(moon_stats_init(&c->stats, NULL, 2), MOON_OK);
  c->judge = (struct moon_judge){.plan = &c->plan, .stats = &c->stats, .quarantine = make(), .tick_us = SECOND};
  c->stats.blocks[1].pid = 4711;
  moon_pulse_enter(&c->stats.blocks[1].pulse, moon_pulse_pair("p", "b"));
  c->stats.blocks[1].pulse.held = 1;
  c->stats.blocks[1].pulse.held_us = 3 * SECOND;
}

static void close_court(struct court *c) {
  moon_quarantine_free(c->judge.quarantine);
  moon_stats_fini(&c->stats);
}

static void stuck_is_who_holds_on(void **state) {
  struct court c;
  (void)state;
  open_court(&c);
  moon_judge_tick(&c.judge, SECOND - 1, kill_it, &c); /* not yet time to look */
  assert_int_equal(c.stuck, -1);
  c.stats.blocks[1].pulse.held_us = 3 * SECOND - 1;
  moon_judge_tick(&c.judge, SECOND, kill_it, &c);
  assert_int_equal(c.stuck, -1);
  assert_int_equal(c.judge.tick_us, SECOND + MOON_JUDGE_TICK_US);
  c.stats.blocks[1].pulse.held_us = 3 * SECOND;
  moon_judge_tick(&c.judge, c.judge.tick_us, kill_it, &c);
  assert_int_equal(c.stuck, 1);
  c.stuck = -1;
  c.stats.blocks[1].pulse.held = 7; /* another one was held for so long */
  moon_judge_tick(&c.judge, c.judge.tick_us, kill_it, &c);
  assert_int_equal(c.stuck, -1);
  c.stats.blocks[1].pulse.held = 1;
  moon_pulse_leave(&c.stats.blocks[1].pulse);
  moon_judge_tick(&c.judge, c.judge.tick_us, kill_it, &c);
  assert_int_equal(c.stuck, -1);
  close_court(&c);
}

static void who_was_away_judges_nobody(void **state) {
  struct court c;
  (void)state;
  open_court(&c);
  moon_judge_tick(&c.judge, SECOND + MOON_JUDGE_TICK_US + 1, kill_it, &c);
  assert_int_equal(c.stuck, -1);
  moon_judge_tick(&c.judge, c.judge.tick_us, kill_it, &c);
  assert_int_equal(c.stuck, 1);
  close_court(&c);
}

static void what_a_lost_one_did(void **state) {
  static const struct { int status; bool stuck, held; } cases[] = {
    {SIGSEGV, false, true}, {SIGABRT, false, true}, {SIGKILL, true, true}, {SIGKILL, false, false}, {1 << 8, false, true},
  };
  struct court c;
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    open_court(&c);
    moon_judge_lost(&c.judge, 1, cases[i].status, cases[i].stuck, SECOND);
    assert_int_equal(holds(c.judge.quarantine, 0, "b"), cases[i].held);
    assert_false(holds(c.judge.quarantine, 0, "a"));
    close_court(&c);
  }
  open_court(&c);
  moon_pulse_leave(&c.stats.blocks[1].pulse); /* in no script */
  moon_judge_lost(&c.judge, 1, SIGSEGV, false, SECOND);
  assert_int_equal(moon_quarantine_count(c.judge.quarantine), 0);
  close_court(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(pair_and_version), cmocka_unit_test(three_targets), cmocka_unit_test(time_passes), cmocka_unit_test(killed_from_outside),
    cmocka_unit_test(the_oldest_makes_room), cmocka_unit_test(as_json), cmocka_unit_test(stuck_is_who_holds_on),
    cmocka_unit_test(who_was_away_judges_nobody), cmocka_unit_test(what_a_lost_one_did),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
