/* Versions of a probe in a running host: core/bind/task/revision.h and shift.h. */
#include "failmem.h"
#include "version_rig.h"

#include "../../core/bind/task/revision.h"
#include "../../core/bind/task/shift.h"

static void all_go_over(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 3, TICK("one"));
  host_rig_loop(&r, 0.35);
  uint32_t before = count(r.out, "d1 one ");
  assert_true(before >= 3);
  prepare(&r, TICK("two"), 1);
  assert_string_equal(r.error, "");
  forget(&r);
  host_rig_loop(&r, 0.15);
  assert_null(strstr(r.out, "two")); /* prepared is not switched */
  before += count(r.out, "d1 one ");
  assert_int_equal(r.last.version, 1);
  r.shares[0] = moon_share_word(1, MOON_SHARE_FINAL); /* seen by the next run, without another word */
  forget(&r);
  host_rig_loop(&r, 0.35);
  assert_null(strstr(r.out, "one"));
  uint32_t after = count(r.out, "d1 two ");
  assert_in_range(after, 3, 4);
  char line[32];
  snprintf(line, sizeof line, "d1 two %u\n", before + 1); /* its state went along, and no moment was lost */
  expect(r.out, line);
  assert_int_equal(r.last.version, 2);
  assert_int_equal(r.runs.runs_skipped, 0);
  assert_string_equal(r.log, "");
  host_rig_fini(&r);
}

static void a_share_has_it_and_can_go_back(void **state) {
  (void)state;
  struct host_rig r;
  char line[32];
  unsigned had[21] = {0}, in = 0;
  begin(&r, 20, TICK("one"));
  host_rig_loop(&r, 0.25);
  for (int i = 1; i <= 20; i++) {
    snprintf(line, sizeof line, "d%d one ", i);
    had[i] = count(r.out, line);
  }
  prepare(&r, "return { migrate = function(s, v) s.n = 100 end, run = function(device, out, state)\n"
              "  state.n = state.n + 1 out:gauge('two', state.n) end }", 7);
  assert_string_equal(r.error, "");
  forget(&r);
  put(&r, 7, 30);
  host_rig_loop(&r, 0.2);
  for (int i = 1; i <= 20; i++) {
    bool has = moon_share_has(moon_pulse_pair("p", r.names[i - 1]), 30);
    in += has;
    snprintf(line, sizeof line, "d%d two 101\n", i);
    assert_int_equal(count(r.out, line), has);
    snprintf(line, sizeof line, "d%d one ", i);
    assert_true((count(r.out, line) == 0) == has);
    had[i] += count(r.out, line);
  }
  assert_in_range(in, 2, 12);
  forget(&r);
  put(&r, 0, 0);
  host_rig_loop(&r, 0.2);
  assert_null(strstr(r.out, "two"));
  for (int i = 1; i <= 20; i++) {
    snprintf(line, sizeof line, "d%d one %u\n", i, had[i] + 1); /* the state is the old one: what the candidate made of it is gone */
    expect(r.out, line);
  }
  assert_string_equal(r.log, "");
  host_rig_fini(&r);
}

/* Every device decides as its names say, and those of 5 % are among those of 15 %. */
static void shares_grow(void **state) {
  (void)state;
  unsigned n[101] = {0};
  for (int i = 0; i < 10000; i++) {
    char name[32];
    snprintf(name, sizeof name, "switch-%d.example.net", i);
    uint64_t pair = moon_pulse_pair("interfaces", name);
    bool before = false;
    for (uint8_t p = 0; p <= 100; p++) {
      bool has = moon_share_has(pair, p);
      assert_true(has || !before);
      before = has;
      n[p] += has;
    }
  }
  assert_int_equal(n[0], 0);
  assert_in_range(n[5], 400, 600);
  assert_in_range(n[50], 4800, 5200);
  assert_int_equal(n[100], 10000);
}

static void what_runs_ends_as_it_began(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 1, "local snmp = require 'moonpoll' return { run = function(device, out, state)\n"
               "  state.n = (state.n or 0) + 1 snmp.sleep(0.25) state.late = state.n out:gauge('one', state.n) end }");
  host_rig_loop(&r, 0.05);
  prepare(&r, "return { run = function(device, out, state) out:gauge('two', state.n) out:gauge('late', state.late) end }", 1);
  put(&r, 1, MOON_SHARE_FINAL);
  assert_int_equal(r.runs.runs_active, 1);
  host_rig_loop(&r, 0.4);
  expect(r.out, "d1 one 1\nd1 two 1\nd1 late 1\n"); /* without migrate it is the same state: what it still wrote is there */
  host_rig_fini(&r);
}

static void migrate_adapts(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 2, TICK("one"));
  host_rig_loop(&r, 0.15);
  prepare(&r, "return { migrate = function(state, old) return { was = state.n, old = old } end,\n"
              "  run = function(device, out, state) out:gauge('was', state.was) out:info('old', state.old) end }", 1);
  assert_string_equal(r.error, "");
  put(&r, 1, MOON_SHARE_FINAL);
  forget(&r);
  host_rig_loop(&r, 0.12);
  expect(r.out, "old 0000000000000001\n");
  assert_int_equal(count(r.out, "was "), 2);
  assert_string_equal(r.log, "");
  host_rig_fini(&r);
}

static void refused(struct host_rig *r, const char *script, uint32_t serial, const char *why) {
  prepare(r, script, serial);
  expect(r->error, why);
  r->shares[0] = moon_share_word(serial, MOON_SHARE_FINAL); /* nobody would write it; it says nothing */
  forget(r);
  host_rig_loop(r, 0.15);
  assert_null(strstr(r->out, "two"));
  assert_non_null(strstr(r->out, "one"));
}

static void broken_ones_change_nothing(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 2, TICK("one"));
  host_rig_loop(&r, 0.15);
  refused(&r, "return {", 1, "p.lua:1: ");
  refused(&r, "error('not today')", 2, "p.lua:1: not today");
  refused(&r, "return 7", 3, "p.lua: a probe returns a table");
  refused(&r, "return { run = 1 }", 4, "p.lua: run: a function expected");
  refused(&r, "while true do pcall(function() while true do end end) end", 5, "still running");
  refused(&r, "return { migrate = function() error('no way') end, run = function(d, out) out:gauge('two', 1) end }", 6, "migrate: p.lua:1: no way");
  refused(&r, "return { migrate = function() return 1 end, run = function(d, out) out:gauge('two', 1) end }", 7, "returned a number, no table");
  refused(&r, "return { migrate = function() return { f = print } end, run = function(d, out) out:gauge('two', 1) end }", 8, "holds a function");
  refused(&r, "return { migrate = function() while true do end end, run = function(d, out) out:gauge('two', 1) end }", 9, "still running");
  refused(&r, "local s = require 'moonpoll' return { migrate = function() s.sleep(1) end, run = function(d, out) out:gauge('two', 1) end }", 10,
          "no run is under way");
  refused(&r, "require 'nowhere'", 11, "module 'nowhere' is not beside the probe");
  prepare(&r, TICK("two"), 12); /* and a good one still goes */
  assert_string_equal(r.error, "");
  put(&r, 12, MOON_SHARE_FINAL);
  forget(&r);
  host_rig_loop(&r, 0.15);
  assert_null(strstr(r.out, "one"));
  assert_string_equal(r.log, "");
  host_rig_fini(&r);
}

/* One device whose state cannot be adapted is enough. */
static void one_state_too_many(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 5, "return { run = function(device, out, state) state.name = device.name out:gauge('one', 1) end }");
  host_rig_loop(&r, 0.15);
  refused(&r, "return { migrate = function(s) assert(s.name ~= 'd4', 'not this one') end, run = function(d, out) out:gauge('two', 1) end }", 1,
          "p: d4: migrate: p.lua:1: not this one");
  host_rig_fini(&r);
}

/* At the switch it is the same: the run fails, the state stays, and the next run tries again. */
static void migrate_fails_later(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 1, TICK("one"));
  prepare(&r, "local tries = 0 return { migrate = function(s) tries = tries + 1 if tries > 1 and tries < 4 then error('later') end s.n = s.n * 10 end,\n"
              "  run = function(device, out, state) out:gauge('two', state.n) end }", 1);
  put(&r, 1, MOON_SHARE_FINAL);
  host_rig_loop(&r, 0.45);
  char line[32];
  snprintf(line, sizeof line, "d1 two %u\n", 10 * count(r.out, "d1 one "));
  expect(r.log, "migrate: p.lua:1: later");
  assert_int_equal(r.runs.script_errors, 2);
  expect(r.out, line);
  host_rig_fini(&r);
}

static void intervals_of_the_new_one(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 2, TICK("one"));
  host_rig_loop(&r, 0.25);
  r.job.every_s = 3600;
  prepare(&r, TICK("two"), 1);
  put(&r, 1, MOON_SHARE_FINAL);
  forget(&r);
  host_rig_loop(&r, 0.5);
  assert_string_equal(r.out, "");
  r.job.every_s = 0.05;
  prepare(&r, TICK("three"), 2);
  put(&r, 2, MOON_SHARE_FINAL);
  host_rig_loop(&r, 0.5);
  assert_in_range(count(r.out, "d1 three "), 8, 11);
  assert_int_equal(r.runs.runs_skipped, 0);
  host_rig_fini(&r);
}

/* Intervals that were sent to the version before, and come when it has gone over, are not the new one's. */
static void limits_of_the_one_before(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 2, TICK("one"));
  host_rig_loop(&r, 0.25);
  struct moon_plan_job before = {.name = "", .every_s = 3600, .timeout_s = 5};
  struct moon_plan_probe probe = r.probe;
  struct moon_plan c = r.plan;
  probe.jobs = &before;
  c.probes = &probe;
  c.n_targets = 0;
  r.job.every_s = 0.05;
  prepare(&r, TICK("two"), 1);
  put(&r, 1, MOON_SHARE_FINAL);
  moon_host_change(r.host, &c);
  forget(&r);
  host_rig_loop(&r, 0.5);
  assert_in_range(count(r.out, "d1 two "), 8, 11);
  host_rig_fini(&r);
}

/* A new target's first run is of what is current; a first run on trial has an empty state on both sides. */
static void comes_while_on_trial(void **state) {
  (void)state;
  struct host_rig r;
  host_rig_init(&r, 2);
  r.plan.once = false;
  r.plan.n_targets = 1;
  r.job.every_s = 0.1;
  assert_int_equal(host_rig_start(&r, TICK("one")), MOON_OK);
  host_rig_loop(&r, 0.15);
  prepare(&r, TICK("two"), 1);
  put(&r, 1, 100);
  struct moon_plan c = r.plan;
  c.targets = &r.targets[1];
  c.n_probes = 0;
  moon_host_change(r.host, &c);
  forget(&r);
  host_rig_loop(&r, 0.25);
  expect(r.out, "d2 two 1\n");
  expect(r.out, "d2 two 2\n");
  put(&r, 0, 0);
  forget(&r);
  host_rig_loop(&r, 0.15);
  expect(r.out, "d2 one 1\n");
  host_rig_fini(&r);
}

#define DEEP(name) "return { run = function(device, out, state)\n" \
  "  state.t = state.t or { n = 0 } state.t.n = state.t.n + 1 out:gauge('" name "', state.t.n) end }"

/* What is on trial works on a copy, tables within tables too. */
static void what_is_nested_is_a_copy_too(void **state) {
  (void)state;
  struct host_rig r;
  char line[32];
  begin(&r, 1, DEEP("one"));
  host_rig_loop(&r, 0.25);
  uint32_t before = count(r.out, "d1 one ");
  prepare(&r, DEEP("two"), 1);
  put(&r, 1, 100);
  host_rig_loop(&r, 0.25);
  snprintf(line, sizeof line, "d1 two %u\n", before + 2);
  expect(r.out, line);
  put(&r, 0, 0);
  host_rig_loop(&r, 0.25);
  snprintf(line, sizeof line, "d1 one %u\n", before + 1);
  expect(r.out, line);
  host_rig_fini(&r);
}

/* A run under way may have anything in its state, which its end would drop: the version is refused, and comes when asked for again. */
static void what_has_no_end_is_not_copied(void **state) {
  static const char *const made[][2] = {
    {"for i = 1, 100 do state[i] = state end", "p: d1: the state is nested too deep"},
    {"local t = {} for k = 1, 14 do local u = {} for i = 1, 100 do u[i] = t end t = u end state.t = t", "p: d1: the state has grown too large"},
  };
  (void)state;
  alarm(60); /* for what would not end */
  for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
    char script[512];
    struct host_rig r;
    snprintf(script, sizeof script, "local snmp = require 'moonpoll' return { run = function(device, out, state)\n"
                                    "  out:gauge('one', 1) %s snmp.sleep(0.3) for k in pairs(state) do state[k] = nil end state.n = 7 end }", made[i][0]);
    begin(&r, 1, script);
    host_rig_loop(&r, 0.2);
    prepare(&r, "return { migrate = function() end, run = function() end }", 1);
    expect(r.error, made[i][1]);
    host_rig_loop(&r, 0.4);
    expect(r.out, "d1 one 1\n");
    assert_string_equal(r.log, "");
    host_rig_fini(&r);
  }
  alarm(0);
}

static void match_is_asked_again(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 1, "return { match = '1.3.6.1.4.1.9', run = function(device, out) out:gauge('one', 1) end }");
  host_rig_loop(&r, 0.25);
  assert_string_equal(r.out, "");
  prepare(&r, "return { match = '1.3.6.1.4.1.8072', run = function(device, out) out:gauge('two', 1) end }", 1);
  put(&r, 1, MOON_SHARE_FINAL);
  host_rig_loop(&r, 0.25);
  assert_in_range(count(r.out, "d1 two "), 2, 3);
  uint32_t asked = r.agents[0].requests;
  host_rig_loop(&r, 0.25);
  assert_int_equal(r.agents[0].requests, asked); /* once */
  prepare(&r, "return { match = '1.3.6.1.4.1.9', run = function(device, out) out:gauge('three', 1) end }", 2);
  put(&r, 2, MOON_SHARE_FINAL);
  host_rig_loop(&r, 0.25);
  assert_null(strstr(r.out, "three"));
  host_rig_fini(&r);
}

/* One that was replaced while a run was of it goes with that run. */
static void ends_with_its_last_run(void **state) {
  (void)state;
  struct host_rig r;
  size_t alive = 0;
  const char *slow = "local snmp = require 'moonpoll' return { run = function(d, out) snmp.sleep(0.05) out:gauge('x', 1) end }";
  begin(&r, 2, slow);
  for (uint32_t i = 1; i <= 40; i++) {
    for (int k = 0; k < 200 && !r.runs.runs_active; k++) { host_rig_loop(&r, 0.002); }
    assert_true(r.runs.runs_active > 0);
    prepare(&r, slow, i);
    put(&r, i, MOON_SHARE_FINAL);
    host_rig_loop(&r, 0.1);
    if (i == 10) { alive = failmem_alive(); }
  }
  assert_true(failmem_alive() <= alive + 20);
  host_rig_fini(&r);
}

/* What a probe is asked to do under another name, or with other jobs, is looked at and left alone. */
static void only_checked(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 1, TICK("one"));
  r.probe.name = "q";
  prepare(&r, "return {", 1);
  expect(r.error, "p.lua:1: ");
  prepare(&r, TICK("two"), 2);
  assert_string_equal(r.error, "");
  r.probe.name = "p";
  r.job.name = "other";
  prepare(&r, "return { jobs = { other = { run = function(d, out) out:gauge('two', 1) end } } }", 3);
  assert_string_equal(r.error, "");
  r.job.name = "";
  put(&r, 3, MOON_SHARE_FINAL);
  host_rig_loop(&r, 0.25);
  assert_null(strstr(r.out, "two"));
  host_rig_fini(&r);
}

/* With other jobs, which workers that come next will have: their migrate is tried all the same, on the states of these. */
static void other_jobs_are_tried(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 5, "return { run = function(device, out, state) state.n = (state.n or 0) + 1 state.name = device.name out:gauge('one', state.n) end }");
  host_rig_loop(&r, 0.15);
  r.job.name = "other";
#define OTHER(migrate) "return { migrate = function(s, old) " migrate " end, jobs = { other = { run = function(d, out) out:gauge('two', 1) end } } }"
  prepare(&r, OTHER("assert(s.name ~= 'd4', 'not this one')"), 1);
  expect(r.error, "p: d4: migrate: p.lua:1: not this one");
  prepare(&r, OTHER("s.f = print"), 2);
  expect(r.error, "holds a function");
  prepare(&r, OTHER("assert(s.n and s.name and old == '0000000000000001') s.n = 'spoilt'"), 3); /* it is a copy */
  assert_string_equal(r.error, "");
  moon_host_prepare(r.host, plans_of(&r, OTHER("while true do end"), 5), 1, 4);
  moon_host_prepare(r.host, plans_of(&r, OTHER(""), 6), 1, 5); /* one that was being looked at is given up */
  for (int i = 0; i < 100 && r.prepared != 5; i++) { host_rig_loop(&r, 0.001); }
  assert_string_equal(r.error, "");
  moon_host_prepare(r.host, plans_of(&r, OTHER(""), 7), 1, 6);
  r.job.name = "";
  forget(&r);
  host_rig_loop(&r, 0.15);
  assert_null(strstr(r.out, "two"));
  assert_in_range(count(r.out, "d4 one "), 1, 3);
  assert_string_equal(r.log, "");
  assert_int_equal(r.host->probes[0].versions == r.host->probes[0].current, 1); /* nothing of them is left */
  host_rig_fini(&r);
}

static unsigned ways_back(const struct host_rig *r) {
  unsigned n = 0;
  for (uint32_t i = 0; i < r->host->cap_targets; i++) { n += r->host->targets[i] && r->host->targets[i]->devices[0].base_ref != LUA_NOREF; }
  return n;
}

#define FROM(n) "return { migrate = function(s) s.from = " n " end, run = function(d, out, s) out:gauge('from', s.from) end }"

static int enter(lua_State *L) {
  struct moon_device *d = lua_touserdata(L, 1);
  moon_shift_enter(L, d, d->probe->current);
  return 0;
}

/* However many devices had it: none of them is looked at in that moment, and those that run next find what they should. */
static void the_end_of_a_trial_takes_its_time(void **state) {
  (void)state;
  struct host_rig r;
  for (int back = 0; back < 2; back++) {
    begin(&r, HOST_RIG_TARGETS, "return { run = function(d, out, s) s.from = s.from or 1 out:gauge('from', s.from) end }");
    host_rig_loop(&r, 0.15);
    prepare(&r, FROM("2"), 1);
    put(&r, 1, 100);
    host_rig_loop(&r, 0.15);
    assert_int_equal(ways_back(&r), HOST_RIG_TARGETS);
    forget(&r);
    put(&r, back ? 0 : 1, back ? 0 : MOON_SHARE_FINAL);
    assert_int_equal(ways_back(&r), HOST_RIG_TARGETS);
    assert_int_equal(lua_cpcall(r.host->L, enter, &r.host->targets[0]->devices[0]), 0); /* the next run of the first */
    assert_int_equal(ways_back(&r), HOST_RIG_TARGETS - 1);
    host_rig_loop(&r, 0.15);
    assert_int_equal(ways_back(&r), 0);
    assert_true(count(r.out, back ? " from 1\n" : " from 2\n") >= HOST_RIG_TARGETS);
    assert_null(strstr(r.out, back ? " from 2\n" : " from 1\n"));
    assert_string_equal(r.log, "");
    host_rig_fini(&r);
  }
}

/* One ends while the one before it does. */
static void two_trials_end_at_once(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 3, "return { run = function(d, out, s) s.from = 1 out:gauge('from', s.from) end }");
  host_rig_loop(&r, 0.15);
  prepare(&r, FROM("2"), 1);
  put(&r, 1, 100);
  host_rig_loop(&r, 0.15);
  prepare(&r, TICK("three"), 2);
  put(&r, 1, MOON_SHARE_FINAL);
  put(&r, 2, 100);
  put(&r, 0, 0);
  assert_int_equal(ways_back(&r), 3); /* none of them is looked at in that moment */
  forget(&r);
  host_rig_loop(&r, 0.15);
  assert_int_equal(ways_back(&r), 0);
  expect(r.out, "d1 from 2\n");
  assert_null(strstr(r.out, "from 1"));
  assert_null(strstr(r.out, "three"));
  host_rig_fini(&r);
}

/* A new candidate takes the place of one on trial; the state is that before the first. */
static void another_one_meanwhile(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 1, TICK("one"));
  host_rig_loop(&r, 0.05);
  prepare(&r, "return { migrate = function(s) s.n = 50 end, run = function(d, out, s) out:gauge('two', s.n) end }", 1);
  put(&r, 1, 100);
  host_rig_loop(&r, 0.15);
  expect(r.out, "d1 two 50\n");
  prepare(&r, "return { migrate = function(s) assert(s.n ~= 50) s.n = s.n + 1000 end, run = function(d, out, s) out:gauge('three', s.n) end }", 2);
  assert_string_equal(r.error, "");
  put(&r, 2, 100);
  host_rig_loop(&r, 0.15);
  char line[32];
  snprintf(line, sizeof line, "d1 three %u\n", 1000 + count(r.out, "d1 one "));
  expect(r.out, line);
  put(&r, 2, MOON_SHARE_FINAL);
  forget(&r);
  host_rig_loop(&r, 0.15);
  expect(r.out, line); /* promoted: the state it has made is its own */
  host_rig_fini(&r);
}

static uint64_t leap_us, late_us; /* of the clock, with each look at it */

static uint64_t leaping(void *loop) {
  late_us += leap_us;
  return moon_loop_virtual_us(loop) + late_us;
}

/* That of each of many probes takes its time, and all else goes on meanwhile. */
static void many_probes_settle(void **state) {
  (void)state;
  struct host_rig r;
  struct moon_plan_probe probes[4];
  char names[4][4];
  unsigned turns = 0;
  leap_us = late_us = 0;
  host_rig_init(&r, 1);
  r.engine_config.clock_us = leaping;
  r.plan.once = false;
  r.job.every_s = 3600;
  for (uint32_t i = 0; i < 4; i++) {
    snprintf(names[i], sizeof names[i], "p%u", i);
    probes[i] = r.probe;
    probes[i].name = names[i];
    probes[i].version = 1;
  }
  r.plan.probes = probes;
  r.plan.n_probes = 4;
  assert_int_equal(host_rig_start(&r, TICK("one")), MOON_OK);
  r.plan.n_probes = 1; /* of those that are prepared */
  host_rig_loop(&r, 0.15);
  for (uint32_t i = 0; i < 4; i++) {
    r.probe = probes[i];
    prepare(&r, TICK("two"), i + 1);
    r.shares[i] = moon_share_word(i + 1, MOON_SHARE_FINAL);
  }
  leap_us = 3000;
  moon_host_settle(r.host, 4);
  assert_int_equal(r.host->probes[0].current->serial, 1);
  assert_int_equal(r.host->probes[1].current->serial, 0);
  for (; turns < 100 && r.host->probes[3].current->serial == 0; turns++) {
    if (turns == 0) { moon_host_settle(r.host, 3); } /* another one meanwhile */
    host_rig_loop(&r, 0.0001);
  }
  assert_in_range(turns, 1, 4);
  for (uint32_t i = 0; i < 4; i++) { assert_ptr_equal(r.host->probes[i].versions, r.host->probes[i].current); }
  leap_us = 0;
  host_rig_fini(&r);
}

static uint32_t prepared_before, most_prepared;

static void look_at_prepared(struct host_rig *r) {
  uint32_t n = r->host->prepare.at + r->host->prepare.place;
  if (n > prepared_before && n - prepared_before > most_prepared) { most_prepared = n - prepared_before; }
  prepared_before = n;
}

/* Many versions, and many states to try migrate on: a few in a turn. */
static void many_are_prepared(void **state) {
  (void)state;
  for (int migrate = 0; migrate < 2; migrate++) {
    struct host_rig r;
    uint32_t n = migrate ? 1 : 100;
    struct moon_plan **plans;
    leap_us = late_us = 0;
    host_rig_init(&r, HOST_RIG_TARGETS);
    r.engine_config.clock_us = leaping;
    r.plan.once = false;
    r.job.every_s = 3600;
    r.on_turn = look_at_prepared;
    assert_int_equal(host_rig_start(&r, TICK("one")), MOON_OK);
    host_rig_loop(&r, 0.15);
    plans = moon_mem_array(n, sizeof *plans);
    for (uint32_t i = 0; i < n; i++) {
      struct moon_plan **one = plans_of(&r, migrate ? FROM("2") : TICK("two"), i + 2);
      plans[i] = *one;
      moon_mem_free(one);
    }
    prepared_before = most_prepared = 0;
    leap_us = 200;
    moon_host_prepare(r.host, plans, n, 1);
    for (int i = 0; i < 1000 && r.prepared != 1; i++) { host_rig_loop(&r, 0.0001); }
    assert_int_equal(r.prepared, 1);
    assert_string_equal(r.error, "");
    assert_in_range(most_prepared, 1, 6);
    leap_us = 0;
    host_rig_fini(&r);
  }
}

static void memory_is_flat(void **state) {
  (void)state;
  struct host_rig r;
  size_t alive = 0;
  begin(&r, 4, TICK("one"));
  for (uint32_t i = 1; i <= 400; i++) {
    prepare(&r, i % 3 ? TICK("two") : "local big = {} for i = 1, 1000 do big[i] = i end return { migrate = function(s) end, run = function(d, o, s) "
                                      "s.n = (s.n or 0) + #big end }", i);
    put(&r, i, i % 5 ? MOON_SHARE_FINAL : 60);
    if (i % 7 == 0) { host_rig_loop(&r, 0.1); }
    if (i == 100) { alive = failmem_alive(); }
  }
  host_rig_loop(&r, 0.3);
  assert_true(failmem_alive() <= alive + 30);
  host_rig_fini(&r);
}

/* Every allocation of a preparation fails once: it is refused, and all goes on. */
static void without_memory(void **state) {
  (void)state;
  for (unsigned n = 1;; n++) {
    struct host_rig r;
    begin(&r, 2, TICK("one"));
    host_rig_loop(&r, 0.03);
    struct moon_plan **plans = plans_of(&r, "return { migrate = function(s) end, run = function(d, out) out:gauge('two', 1) end }", 2);
    failmem_arm(n);
    moon_host_prepare(r.host, plans, 1, 1);
    moon_host_ready(r.host);
    bool fired = failmem_fired();
    failmem_disarm();
    for (int i = 0; i < 50 && !r.prepared; i++) { host_rig_loop(&r, 0.001); }
    if (r.prepared && !r.error[0]) { put(&r, 1, MOON_SHARE_FINAL); }
    forget(&r);
    host_rig_loop(&r, 0.25);
    assert_true(strstr(r.out, "d1 one ") || strstr(r.out, "d1 two "));
    assert_true(!r.error[0] || !strstr(r.out, "two"));
    host_rig_fini(&r);
    if (!fired) { break; }
    assert_true(n < 2000);
  }
}

/* Figures may differ; another place, another version and what comes after a run that went well are told. */
static void a_mistake_is_told_once(void **state) {
  (void)state;
  static const char again[] = "return { run = function(device, out, state) state.n = (state.n or 0) + 1 error('oops ' .. state.n) end }";
  struct host_rig r;
  begin(&r, 1, again);
  host_rig_loop(&r, 0.35);
  assert_true(count(r.log, "oops ") >= 3);
  assert_int_equal(count(r.log, "error: "), 1);
  prepare(&r, "return { run = function(device, out, state) state.n = state.n + 1\nerror('oops ' .. state.n) end }", 1);
  put(&r, 1, MOON_SHARE_FINAL);
  host_rig_loop(&r, 0.35);
  assert_int_equal(count(r.log, "error: "), 2);
  prepare(&r, "return { run = function(device, out, state) state.n = state.n + 1\nif state.n % 2 > 0 then error('oops') end\nerror('oops') end }", 2);
  put(&r, 2, MOON_SHARE_FINAL);
  r.log_len = 0;
  r.log[0] = 0;
  host_rig_loop(&r, 0.35);
  assert_true(count(r.log, "error: ") >= 3);
  assert_int_equal(count(r.log, "error: "), count(r.log, "oops"));
  prepare(&r, "return { run = function(device, out, state) state.n = state.n + 1\nif state.n % 3 > 0 then error('oops ' .. state.n) end end }", 3);
  put(&r, 3, MOON_SHARE_FINAL);
  r.log_len = 0;
  r.log[0] = 0;
  host_rig_loop(&r, 0.95);
  unsigned well = count(r.log, "well again, after: script");
  assert_in_range(well, 2, 4);
  assert_in_range(count(r.log, "error: "), well, well + 1);
  assert_true(count(r.log, "oops ") > well + 1);
  host_rig_fini(&r);
}

int main(void) {
  failmem_install();
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(all_go_over), cmocka_unit_test(a_share_has_it_and_can_go_back), cmocka_unit_test(shares_grow),
    cmocka_unit_test(what_runs_ends_as_it_began), cmocka_unit_test(migrate_adapts), cmocka_unit_test(broken_ones_change_nothing),
    cmocka_unit_test(one_state_too_many), cmocka_unit_test(migrate_fails_later), cmocka_unit_test(intervals_of_the_new_one), cmocka_unit_test(limits_of_the_one_before),
    cmocka_unit_test(comes_while_on_trial), cmocka_unit_test(what_is_nested_is_a_copy_too),
    cmocka_unit_test(what_has_no_end_is_not_copied), cmocka_unit_test(match_is_asked_again), cmocka_unit_test(ends_with_its_last_run), cmocka_unit_test(only_checked),
    cmocka_unit_test(other_jobs_are_tried), cmocka_unit_test(the_end_of_a_trial_takes_its_time), cmocka_unit_test(two_trials_end_at_once),
    cmocka_unit_test(another_one_meanwhile), cmocka_unit_test(many_probes_settle), cmocka_unit_test(many_are_prepared), cmocka_unit_test(memory_is_flat), cmocka_unit_test(a_mistake_is_told_once),
    cmocka_unit_test(without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
