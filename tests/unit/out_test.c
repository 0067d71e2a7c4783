/* What scripts have as out: a table, of which no script gets more than its own run; and coroutines that are not needed go. */
#include "host_rig.h"

#include "../../core/bind/task/sched.h"

static struct host_rig r;

static void run(const char *script) {
  host_rig_init(&r, 2);
  r.plan.max_coroutines = 1;
  assert_int_equal(host_rig_run(&r, script), MOON_OK);
}

static void none_is_a_userdata(void **state) {
  (void)state;
  run("return { run = function(device, out) assert(type(out) == 'table' and type(out:with { a = 1 }) == 'table') end }");
  assert_string_equal(r.log, "");
  host_rig_fini(&r);
}

static void labels_are_merged(void **state) {
  (void)state;
  run("return { run = function(device, out)\n"
      "  local a = out:with { b = 'x', a = 1 }\n"
      "  local b = a:with { c = true, b = 2.5 }\n"
      "  a:gauge('one', 1) b:gauge('two', 2) a:gauge('three', 3) out:gauge('four', 4) b:with {}:gauge('five', 5)\n"
      "  out:with { c = true, a = 1, b = 2.5 }:gauge('six', 6)\n"
      "end }");
  assert_string_equal(r.log, "");
  expect(r.out, "d1 a=1 b=x one 1\nd1 a=1 b=2.5 c=true two 2\nd1 a=1 b=x three 3\nd1 four 4\nd1 a=1 b=2.5 c=true five 5\nd1 a=1 b=2.5 c=true six 6\n");
  host_rig_fini(&r);
}

/* However the labels were put together, and whatever came in between. */
static void the_same_labels_are_the_same(void **state) {
  (void)state;
  run("return { run = function(device, out)\n"
      "  local a, b = out:with { a = 1, b = 2 }, out:with { b = '2' }:with { a = '1' }\n"
      "  a:gauge('x', 1) out:gauge('x', 2)\n"
      "  for _, o in ipairs { a, b, out, out:with {} } do assert(not pcall(o.gauge, o, 'x', 3)) end\n"
      "  b:gauge('y', 4)\n"
      "end }");
  assert_string_equal(r.log, "");
  expect(r.out, "d1 a=1 b=2 x 1\nd1 x 2\nd1 a=1 b=2 y 4\n");
  host_rig_fini(&r);
}

static void what_a_script_writes_there_is_its_own(void **state) {
  static const char *const cases[][2] = {
    {"out.x = 1", "p.lua:1: an out has its methods, and no fields"},
    {"setmetatable(out, {})", "cannot change a protected metatable"},
    {"rawset(out, 1, nil) out:gauge('x', 1)", "(an out expected: call its methods with a colon"},
    {"rawset(out, 1, 4711) out:gauge('x', 1)", "an out expected"},
    {"rawset(out, 1, 'one') out:with { a = 1 }", "an out expected"},
    {"out.gauge({}, 'x', 1)", "an out expected"},
    {"out.gauge(device, 'x', 1)", "an out expected"},
    {"local t = {} for i = 1, 65 do t['l' .. i] = i end out:with(t)", "more than 64 labels"},
    {"out:with { device = 'another' }", "label device: every sample has it by itself"},
    {"local kept = out:with { a = 1 } out:with { b = 1 } rawset(kept, 1, out[1]) kept:gauge('mine', 1)", ""},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char script[512];
    snprintf(script, sizeof script, "return { run = function(device, out) %s end }", cases[i][0]);
    run(script);
    expect(r.log, cases[i][1]);
    assert_null(strstr(r.out, " x "));
    host_rig_fini(&r);
  }
}

static void more_than_a_run_may_have(void **state) {
  (void)state;
  run("return { run = function(device, out)\n"
      "  out:info('why', select(2, pcall(function() for i = 1, 1e6 do out:with { n = '' } end end)))\n"
      "end }");
  assert_int_equal(count(r.out, " why p.lua:2: more than 131071 label sets in one run\n"), 2);
  host_rig_fini(&r);
}

/* They are memory of the probe, as long as the run lasts. */
static void labels_count_as_memory(void **state) {
  static const char *const scripts[] = {
    "local big = ('x'):rep(1000) for i = 1, 1e5 do out:with { n = i, big = big } end",
    "local big = ('x'):rep(1.5e6) local t = {} for i = 1, 8 do t['l' .. i] = big end out:with(t)",
    "local big = ('x'):rep(1.5e6) local t = {} for i = 1, 8 do t['l' .. i] = big end pcall(out.with, out, t)",
    "local big = ('x'):rep(1000) for i = 1, 1000 do out:with { n = i, big = big } end",
  };
  (void)state;
  for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
    char script[512];
    host_rig_init(&r, 20);
    r.probe.memory_mb = 4;
    r.plan.max_coroutines = 1;
    snprintf(script, sizeof script, "return { run = function(device, out) %s end }", scripts[i]);
    assert_int_equal(host_rig_run(&r, script), MOON_OK);
    bool good = i == 3; /* each run has a megabyte, one after the other */
    if (good) { assert_string_equal(r.log, ""); }
    if (!good) { expect(r.log, "d1: p.lua:1: stopped, it"); }
    assert_int_equal(r.runs.script_errors, good ? 0 : 20);
    assert_int_equal(r.runs.runs_ok, good ? 20 : 0);
    assert_in_range(r.host->probes[0].memory->alive, 1, 8 << 20);
    host_rig_fini(&r);
  }
}

/* So is what runs that wait have written, where it is much; one after the other they may all write as much. */
static void much_that_is_written_counts_as_memory(void **state) {
  (void)state;
  for (int at_once = 0; at_once < 2; at_once++) {
    host_rig_init(&r, 20);
    r.probe.memory_mb = 8;
    r.plan.max_coroutines = at_once ? 1000 : 1;
    r.job.atomic = true; /* nobody needs it */
    assert_int_equal(host_rig_run(&r, "local snmp, text = require 'moonpoll', ('x'):rep(1000) return { run = function(device, out)\n"
                                      "  for i = 1, 3000 do out:info('x' .. i, text) end\n"
                                      "  snmp.sleep(0.4)\n"
                                      "  return nil, 'whole'\n"
                                      "end }"), MOON_OK);
    unsigned whole = count(r.log, ": whole\n");
    assert_in_range(whole, at_once ? 1 : 20, at_once ? 4 : 20);
    if (at_once) { expect(r.log, ": p.lua:2: stopped, its probe has "); }
    assert_int_equal(r.runs.script_errors, 20 - whole);
    assert_in_range(r.host->probes[0].memory->alive, 1, 1 << 20);
    host_rig_fini(&r);
  }
}

static void of_another_run_it_is_refused(void **state) {
  (void)state;
  run("local kept return { run = function(device, out)\n"
      "  if kept then kept:gauge('late', 1) end\n"
      "  kept = out:with { a = 1 } kept:gauge('x', 1)\n"
      "end }");
  expect(r.log, "p.lua:2: the run of this out is over");
  assert_int_equal(r.runs.script_errors, 1);
  assert_string_equal(r.out, "d1 a=1 x 1\n");
  host_rig_fini(&r);
}

/* Also while that is still under way. */
static void of_a_neighbour_it_is_refused(void **state) {
  (void)state;
  host_rig_init(&r, 2);
  assert_int_equal(host_rig_run(&r, "local kept local snmp = require 'moonpoll' return { run = function(device, out)\n"
                                    "  if kept then out:info('why', select(2, pcall(kept.gauge, kept, 'mine', 1))) end\n"
                                    "  kept = out snmp.sleep(1) out:gauge('x', 1)\n"
                                    "end }"), MOON_OK);
  assert_null(strstr(r.out, "mine"));
  expect(r.out, "d2 why the run of this out is over\n");
  expect(r.out, "d1 x 1\n");
  expect(r.out, "d2 x 1\n");
  host_rig_fini(&r);
}

/* By what it has inside, too. */
static void a_number_that_was_kept_is_refused(void **state) {
  (void)state;
  run("local kept return { run = function(device, out)\n"
      "  local own = out[1]\n"
      "  if kept then rawset(out, 1, kept) end\n"
      "  kept = own out:gauge('x', 1)\n"
      "end }");
  expect(r.log, "p.lua:4: the run of this out is over");
  assert_string_equal(r.out, "d1 x 1\n");
  host_rig_fini(&r);
}

static void no_state_holds_one(void **state) {
  (void)state;
  run("return { run = function(device, out, state) state.list = { 7, { out = out:with { a = 1 } } } end }");
  expect(r.log, "its state holds something else than numbers, strings, booleans and tables, at state.list[2].out[1]: dropped");
  host_rig_fini(&r);
}

/* ---- coroutines ---- */

/* Those of a hundred devices that waited at once are let go of while a few are enough. */
static void coroutines_that_nobody_needs_go(void **state) {
  (void)state;
  host_rig_init(&r, 100);
  r.plan.once = false;
  r.job.every_s = 10;
  assert_int_equal(host_rig_start(&r, "local snmp = require 'moonpoll' local began = snmp.now()\n"
                                      "return { run = function(device)\n"
                                      "  local seconds = snmp.now() - began\n"
                                      "  if seconds < 1 then snmp.sleep(2) end\n"
                                      "  if seconds < 4 then return end\n"
                                      "  local t = {} for i = 1, 3000 do t[i] = { i } end\n"
                                      "end }"), MOON_OK);
  host_rig_loop(&r, 1);
  assert_int_equal(r.runs.tasks_active, 100);
  host_rig_loop(&r, 2);
  assert_int_equal(r.runs.tasks_active, 0);
  uint32_t most = r.host->n_free_tasks;
  assert_true(most > 50); /* kept for who comes next */
  host_rig_loop(&r, 60);
  assert_true(r.runs.runs_ok > 500);
  assert_in_range(r.host->n_free_tasks, 1, 10);
  assert_int_equal(r.runs.script_errors, 0);
  host_rig_fini(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(none_is_a_userdata), cmocka_unit_test(labels_are_merged), cmocka_unit_test(the_same_labels_are_the_same),
    cmocka_unit_test(what_a_script_writes_there_is_its_own), cmocka_unit_test(more_than_a_run_may_have), cmocka_unit_test(labels_count_as_memory),
    cmocka_unit_test(much_that_is_written_counts_as_memory), cmocka_unit_test(of_another_run_it_is_refused),
    cmocka_unit_test(of_a_neighbour_it_is_refused), cmocka_unit_test(a_number_that_was_kept_is_refused),
    cmocka_unit_test(no_state_holds_one), cmocka_unit_test(coroutines_that_nobody_needs_go),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
