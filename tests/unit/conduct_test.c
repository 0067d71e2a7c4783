/* What is learned of the runs of a device, and when nothing is: core/bind/task/conduct.h. */
#include "version_rig.h"

#define HABITS 20

/* A host whose runs are compared with what is usual. */
static void begin_compared(struct host_rig *r, struct moon_habit_place places[HABITS], struct moon_witness *w, uint32_t n_agents, const char *script) {
  memset(places, 0, HABITS * sizeof *places);
  memset(w, 0, sizeof *w);
  host_rig_init(r, n_agents);
  r->plan.once = false;
  r->job.every_s = 0.1;
  r->probe.version = 1;
  r->habits = places;
  r->n_habits = HABITS;
  r->witness = w;
  moon_steps_init(&r->plan.steps);
  assert_int_equal(host_rig_start(r, script), MOON_OK);
}

/* The first run fills caches: it counts, but what it took is not usual. */
static void first_runs_are_not_usual(void **state) {
  (void)state;
  struct host_rig r;
  struct moon_habit_place places[HABITS];
  struct moon_witness w;
  begin_compared(&r, places, &w, 1, "return { run = function(device, out, state)\n"
                                    "  state.n = (state.n or 0) + 1\n"
                                    "  for _ = 1, state.n == 1 and 30 or 1 do device:get '1.3.6.1.2.1.1.3.0' end out:gauge('n', 1) end }");
  host_rig_loop(&r, 0.65);
  assert_true(r.runs.runs_ok > MOON_HABIT_RUNS);
  assert_int_equal(places[0].habit.runs, r.runs.runs_ok);
  assert_int_equal(places[0].habit.spread[MOON_FIGURE_REQUESTS], 0);
  assert_int_equal(w.serial, 0);
  host_rig_fini(&r);
}

/* Of a run that a stop cuts off nothing is learned. */
static void who_is_cut_short_is_not_usual(void **state) {
  (void)state;
  struct host_rig r;
  struct moon_habit_place places[HABITS];
  struct moon_witness w;
  begin_compared(&r, places, &w, 1, "local snmp = require 'moonpoll'\n"
                                    "return { run = function() snmp.sleep(0.05) end }");
  host_rig_loop(&r, 0.02);
  assert_int_equal(r.runs.runs_active, 1);
  moon_host_drain(r.host, moon_engine_now(r.engine));
  host_rig_loop(&r, 0.2);
  assert_int_equal(r.runs.runs_cancelled, 1);
  assert_int_equal(places[0].habit.runs, 0);
  host_rig_fini(&r);
}

/* While a version is tried nothing is learned: not of those that have it, not of those beside, which are what it is compared with. */
static void while_something_is_tried_habits_stay(void **state) {
  (void)state;
  struct host_rig r;
  struct moon_habit_place places[HABITS], before[HABITS];
  struct moon_witness w;
  begin_compared(&r, places, &w, HABITS, TICK("one"));
  host_rig_loop(&r, 0.1 * (MOON_HABIT_RUNS + 2));
  for (int i = 0; i < HABITS; i++) { assert_true(moon_habit_is(&places[i].habit)); }
  prepare(&r, TICK("two"), 7);
  put(&r, 7, 30);
  host_rig_loop(&r, 0.05);
  memcpy(before, places, sizeof before);
  host_rig_loop(&r, 0.4);
  assert_int_equal(w.serial, 7);
  assert_int_equal(w.percent, 30);
  assert_true(w.tried.devices > 0 && w.tried.compared >= 3 * w.tried.devices);
  assert_int_equal(w.beside.devices, HABITS - w.tried.devices);
  for (int i = 0; i < HABITS; i++) {
    assert_int_equal(places[i].habit.runs, before[i].habit.runs);
    assert_int_equal(places[i].habit.tag, moon_habit_tag(1));
  }
  assert_true(w.tried.compared + w.beside.compared < r.runs.runs_ok);
  put(&r, 0, 0);
  host_rig_loop(&r, 0.25);
  for (int i = 0; i < HABITS; i++) { assert_true(places[i].habit.runs > before[i].habit.runs); }
  host_rig_fini(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(first_runs_are_not_usual), cmocka_unit_test(who_is_cut_short_is_not_usual), cmocka_unit_test(while_something_is_tried_habits_stay),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
