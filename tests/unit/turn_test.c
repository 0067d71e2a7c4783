/* No turn of the loop is long, however much is there at once: what scripts do is counted, each resume of one taking 50 us of a made-up
 * clock. What is left over is done in the turns that follow, all of it. */
#include "host_rig.h"

#include "../../core/bind/task/sched.h"

#define RESUME_US 50
#define TURN_MOST_US 5000
#define TARGETS 128

static struct host_rig r;
static uint64_t before, most, resume_us;
static uint64_t sent_before, most_sent, send_us;
static uint64_t leap_us, late_us; /* with each look at the clock */
static bool always_collect;       /* each script makes garbage enough for a step */

static uint64_t clock_us(void *arg) {
  late_us += leap_us;
  if (always_collect && r.host) { r.host->garbage.next_kb = 0; }
  return moon_loop_virtual_us(arg) + r.runs.resumes * resume_us + r.counters.datagrams_out * send_us + late_us;
}

static void look(struct host_rig *rig) {
  uint64_t n = rig->runs.resumes - before, sent = rig->counters.datagrams_out - sent_before;
  before = rig->runs.resumes;
  sent_before = rig->counters.datagrams_out;
  most = n > most ? n : most;
  most_sent = sent > most_sent ? sent : most_sent;
}

static void begin(void) {
  before = most = sent_before = most_sent = send_us = leap_us = late_us = 0;
  resume_us = RESUME_US;
  always_collect = false;
  host_rig_init(&r, TARGETS);
  r.engine_config.clock_us = clock_us;
  r.plan.policy.timeout_us = 5000000;
  r.job.timeout_s = 60;
  r.on_turn = look;
}

static void end(uint64_t resumes) {
  assert_true(r.done);
  assert_int_equal(r.runs.runs_ok, TARGETS);
  assert_int_equal(r.runs.resumes, resumes);
  assert_in_range(most * resume_us, 1000, TURN_MOST_US); /* there was more than a little to be done */
  assert_int_equal(r.counters.retries + r.counters.error[MOON_E_TIMEOUT], 0);
  host_rig_fini(&r);
}

static void runs_that_start(void **state) {
  (void)state;
  begin();
  assert_int_equal(host_rig_run(&r, "return { run = function() end }"), MOON_OK);
  end(TARGETS);
}

static void answers(void **state) {
  (void)state;
  begin();
  assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll'\n"
                                    "return { run = function(device)\n"
                                    "  local function gets() for _ = 1, 10 do assert(device:get '1.3.6.1.2.1.1.3.0') end end\n"
                                    "  snmp.all(gets, gets)\n"
                                    "end }"), MOON_OK);
  assert_true(r.runs.resumes >= TARGETS * 21);
  end(r.runs.resumes);
}

static void rows(void **state) {
  (void)state;
  begin();
  assert_int_equal(host_rig_run(&r, "return { run = function(device)\n"
                                    "  for _ = 1, 5 do assert(device:table { name = '1.3.6.1.2.1.31.1.1.1.1' }) end\n"
                                    "end }"), MOON_OK);
  assert_true(r.runs.resumes >= TARGETS * 6);
  end(r.runs.resumes);
}

/* A row that its script was not given in the turn it came in, while the next answer of the same walk comes. */
static void rows_that_wait(void **state) {
  char oid[64];
  (void)state;
  begin();
  resume_us = 4 * RESUME_US; /* so that few fill a turn, and some are left */
  for (int column = 10; column <= 17; column++) {
    for (int row = 1; row <= 40; row++) {
      snprintf(oid, sizeof oid, "1.3.6.1.2.1.2.2.1.%d.%d", column, row);
      host_rig_set(&r, oid, MOON_COUNTER32, (uint64_t)(column * 1000000 + row));
    }
  }
  r.model.max_octets = 400;
  assert_int_equal(host_rig_run(&r, "local columns, garbage = {}\n"
                                    "for c = 10, 17 do columns['a' .. c] = '1.3.6.1.2.1.2.2.1.' .. c end\n"
                                    "return { run = function(device)\n"
                                    "  local n = 0\n"
                                    "  for index, row in device:rows(columns) do\n"
                                    "    n = n + 1\n"
                                    "    for i = 1, 40 do garbage = { i } end\n"
                                    "    for c = 10, 17 do\n"
                                    "      local v, is = row['a' .. c], c * 1000000 + tonumber(index)\n"
                                    "      if v ~= is then error(('row %s, column %d: %s'):format(index, c, tostring(v))) end\n"
                                    "    end\n"
                                    "  end\n"
                                    "  assert(n == 40, n)\n"
                                    "end }"), MOON_OK);
  assert_string_equal(r.log, "");
  assert_int_equal(r.runs.runs_ok, TARGETS);
  host_rig_fini(&r);
}

static void children(void **state) {
  (void)state;
  begin();
  assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll'\n"
                                    "return { run = function()\n"
                                    "  local last\n"
                                    "  for _ = 1, 40 do last = snmp.spawn(function() end) end\n"
                                    "  last:wait()\n"
                                    "end }"), MOON_OK);
  assert_true(r.runs.resumes >= TARGETS * 41);
  end(r.runs.resumes);
}

/* What they ask leaves: the kernel takes its time for each datagram. */
static void requests(void **state) {
  (void)state;
  begin();
  resume_us = 0;
  send_us = 10;
  r.plan.policy.window = 16;
  assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll'\n"
                                    "return { run = function(device)\n"
                                    "  local function get() assert(device:get '1.3.6.1.2.1.1.3.0') end\n"
                                    "  local all = {} for i = 1, 16 do all[i] = get end\n"
                                    "  snmp.all(unpack(all))\n"
                                    "end }"), MOON_OK);
  assert_in_range(most_sent * send_us, 1000, TURN_MOST_US);
  assert_int_equal(r.runs.runs_ok, TARGETS);
  host_rig_fini(&r);
}

/* All of a site were not heard, and are asked once more at the same moment. */
static void tries(void **state) {
  (void)state;
  begin();
  resume_us = 0;
  send_us = 10;
  for (int i = 0; i < TARGETS; i++) { r.agents[i].silent = true; }
  r.engine_config.retry_per_s = 1000000;
  r.plan.policy = (struct moon_policy){.timeout_us = 200000, .rto_floor_us = 200000, .retries = 1, .breaker_after = 1000, .window = 16, .trial_us = 1000000};
  assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll'\n"
                                    "return { run = function(device)\n"
                                    "  local function get() device:get '1.3.6.1.2.1.1.3.0' end\n"
                                    "  local all = {} for i = 1, 16 do all[i] = get end\n"
                                    "  snmp.all(unpack(all))\n"
                                    "end }"), MOON_OK);
  assert_int_equal(r.counters.retries, TARGETS * 16);
  assert_in_range(most_sent * send_us, 1000, TURN_MOST_US);
  host_rig_fini(&r);
}

#define JOBS 16u
#define OTHER_US 7000000u

static uint64_t armed_before, most_armed;

static void look_at_armed(struct host_rig *rig) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < TARGETS * JOBS; i++) { n += moon_sched_duty(rig->host, i)->every_us == OTHER_US; }
  most_armed = n - armed_before > most_armed ? n - armed_before : most_armed;
  armed_before = n;
}

/* Intervals of all are others now. */
static void intervals(void **state) {
  (void)state;
  struct moon_plan_job jobs[JOBS], others[JOBS];
  char names[JOBS][4], script[JOBS * 40 + 40], *at = script;
  begin();
  at += sprintf(at, "return { jobs = {");
  for (uint32_t i = 0; i < JOBS; i++) {
    sprintf(names[i], "j%02u", i);
    at += sprintf(at, " %s = { run = function() end },", names[i]);
    jobs[i] = others[i] = (struct moon_plan_job){.name = names[i], .every_s = 60, .timeout_s = 60};
    others[i].every_s = OTHER_US / 1e6;
  }
  strcpy(at, " } }");
  r.plan.once = false;
  r.probe.jobs = jobs;
  r.probe.n_jobs = JOBS;
  assert_int_equal(host_rig_start(&r, script), MOON_OK);
  host_rig_loop(&r, 1);
  struct moon_plan change = r.plan;
  struct moon_plan_probe probe = r.probe;
  probe.jobs = others;
  change.probes = &probe;
  change.n_targets = 0;
  moon_host_change(r.host, &change);
  r.on_turn = look_at_armed;
  armed_before = most_armed = 0;
  leap_us = 3000;
  for (int i = 0; i < 100 && armed_before < TARGETS * JOBS; i++) { host_rig_loop(&r, 0.001); }
  assert_int_equal(armed_before, TARGETS * JOBS);
  assert_in_range(most_armed, 1, 300);
  leap_us = 0;
  host_rig_fini(&r);
}

/* More is due than can be done, and each run that begins makes garbage: of what is due in a turn that took its time nothing begins. */
static void too_much(void **state) {
  (void)state;
  begin();
  resume_us = 1600;
  r.plan.once = false;
  r.job.every_s = 0.05;
  assert_int_equal(host_rig_start(&r, "return { run = function() end }"), MOON_OK);
  always_collect = true;
  host_rig_loop(&r, 5);
  assert_true(r.host->histograms->gc.n >= r.runs.resumes);
  assert_in_range(most * resume_us, 3000, TURN_MOST_US);
  host_rig_fini(&r);
}

/* All of them sleep until the same moment. */
static void timers(void **state) {
  (void)state;
  begin();
  assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll'\n"
                                    "return { run = function() snmp.sleep(2 - snmp.time() % 2) end }"), MOON_OK);
  end(TARGETS * 2);
}

/* A whole site is gone, and known to be: each request ends at once. */
static void breakers(void **state) {
  (void)state;
  begin();
  for (int i = 0; i < TARGETS; i++) { r.agents[i].silent = true; }
  r.plan.policy.timeout_us = 1000;
  r.plan.policy.rto_floor_us = 1000;
  assert_int_equal(host_rig_run(&r, "return { run = function(device)\n"
                                    "  for _ = 1, 40 do device:get '1.3.6.1.2.1.1.3.0' end\n"
                                    "end }"), MOON_OK);
  assert_true(r.counters.error[MOON_E_DOWN] > TARGETS * 20);
  r.counters.error[MOON_E_ACCESS] += r.counters.error[MOON_E_TIMEOUT]; /* as it should be here; the balance stays */
  r.counters.error[MOON_E_TIMEOUT] = 0;
  end(TARGETS * 41);
}

/* The clock stands still while garbage is collected, so that a turn that looks for what is alive finds all of it. */
static bool went_on;

static void look_at_marking(struct host_rig *rig) {
  look(rig);
  went_on = went_on || rig->host->garbage.marking;
}

static void what_is_alive(void **state) {
  (void)state;
  begin();
  r.on_turn = look_at_marking;
  went_on = false;
  assert_int_equal(host_rig_run(&r, "local kept, snmp = {}, require 'moonpoll'\n"
                                    "return { run = function(device)\n"
                                    "  for _ = 1, 32 do\n"
                                    "    local t = {} for i = 1, 50 do t[i] = { i } end\n"
                                    "    kept[#kept + 1] = t\n"
                                    "    if #kept % 4 == 0 then assert(device:get '1.3.6.1.2.1.1.3.0') end\n"
                                    "  end\n"
                                    "end }"), MOON_OK);
  assert_true(r.host->histograms->gc.n > 10);
  assert_false(went_on);
  assert_true(r.done);
  host_rig_fini(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(runs_that_start), cmocka_unit_test(answers), cmocka_unit_test(rows), cmocka_unit_test(rows_that_wait),
    cmocka_unit_test(children), cmocka_unit_test(requests), cmocka_unit_test(tries), cmocka_unit_test(intervals), cmocka_unit_test(too_much), cmocka_unit_test(timers), cmocka_unit_test(breakers), cmocka_unit_test(what_is_alive),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
