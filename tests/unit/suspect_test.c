/* Scripts that are stopped again and again, on a clock on which that takes 50 ms each time: who sleeps is late by one of them, however many
 * there are and whatever they waited for; who begins is not behind them. */
#include "host_rig.h"

#include "../../core/bind/task/inside.h"

#define STOP_US 50000u
#define LATE_MS 62u    /* what a sleep of 5 ms may become: by one stop and the ticks around it */
#define CULPRITS 6u
#define ROUNDS 8u

static struct host_rig r;
static struct moon_plan_probe probes[2];
static struct moon_source good_source;
static uint64_t now_us, stops_seen;

static uint64_t clock_us(void *arg) {
  uint64_t at_us = moon_loop_virtual_us(arg);
  now_us = at_us > now_us ? at_us : now_us;
  for (; stops_seen < r.runs.scripts_stopped; stops_seen++) { now_us += STOP_US; }
  return now_us;
}

#define HEAD "local snmp, UP = require 'moonpoll', '1.3.6.1.2.1.1.3.0'\n"
#define STOPPED HEAD "local function hog() local t = {} while true do t[#t + 1] = ('x'):rep(10000) .. #t end end\n" \
                     "return { run = function(device, out)\n" \
                     "  if device.name == 'd1' then return end\n"

static const char SLEEPER[] =
  HEAD "return { run = function(device, out)\n"
       "  if device.name ~= 'd1' then return end\n"
       "  local most, start = 0, snmp.now()\n"
       "  local before = start\n"
       "  while before < start + 0.9 do\n"
       "    snmp.sleep(0.005)\n"
       "    local now = snmp.now()\n"
       "    most, before = math.max(most, now - before), now\n"
       "  end\n"
       "  out:gauge('gap', math.floor(most * 1000 + 0.5))\n"
       "end }";

static void begin(const char *culprit, const char *good, uint32_t n, double every_s) {
  static const struct moon_plan_job slow = {.name = "", .every_s = 1, .timeout_s = 30};
  now_us = stops_seen = 0;
  host_rig_init(&r, n);
  r.engine_config.clock_us = clock_us;
  r.plan.once = false;
  r.plan.policy.timeout_us = 5000000;
  r.job.every_s = every_s;
  r.job.timeout_s = 30;
  r.probe.memory_mb = 1;
  probes[0] = probes[1] = r.probe;
  good_source = (struct moon_source){.name = "q", .path = "q.lua", .text = (const uint8_t *)good, .len = (uint32_t)strlen(good)};
  probes[1].name = "q";
  probes[1].sources = &good_source;
  probes[0].jobs = &slow;
  probes[1].memory_mb = 0;
  r.plan.probes = probes;
  r.plan.n_probes = 2;
  assert_int_equal(host_rig_start(&r, culprit), MOON_OK);
}

/* In the first round nobody is known yet; in no other is a sleeper late by more than one stop. */
static void who_sleeps(const char *culprit) {
  unsigned long most = 0, n = 0;
  begin(culprit, SLEEPER, 1 + CULPRITS, 1);
  host_rig_loop(&r, ROUNDS + 1);
  for (const char *line = r.out; (line = strstr(line, "d1 gap ")); n++) {
    unsigned long gap = strtoul(line += strlen("d1 gap "), NULL, 10);
    if (n >= 2 && gap > most) { most = gap; }
  }
  assert_true(n >= ROUNDS - 2);
  assert_true(r.runs.scripts_stopped >= CULPRITS * (ROUNDS - 3));
  if (most < STOP_US / 1000 || most > LATE_MS) { fail_msg("%lu ms late, by %s", most, culprit); }
  host_rig_fini(&r);
}

static void stopped_at_once(void **state) {
  (void)state;
  who_sleeps(STOPPED "hog() end }");
}

static void stopped_after_a_sleep(void **state) {
  (void)state;
  who_sleeps(STOPPED "snmp.sleep(0.5 - snmp.time() % 0.5) hog() end }");
}

static void stopped_after_an_answer(void **state) {
  (void)state;
  who_sleeps(STOPPED "snmp.sleep(0.5 - snmp.time() % 0.5) assert(device:get(UP) == 1000) hog() end }");
  who_sleeps(STOPPED "assert(device:get { up = UP, name = '1.3.6.1.2.1.1.5.0' }.name == 'core') hog() end }");
  who_sleeps(STOPPED "assert(device:get_raw { UP }) hog() end }");
  who_sleeps(STOPPED "assert(device:get_next(UP) == '1.3.6.1.2.1.1.5.0') hog() end }");
  who_sleeps(STOPPED "local _, err = device:get '1.3.6.1.2.1.1.99.0' assert(err.code == 'missing') hog() end }");
}

static void stopped_amid_rows(void **state) {
  (void)state;
  who_sleeps(STOPPED "for _, row in device:rows { name = '1.3.6.1.2.1.2.2.1.2' } do assert(row.name) hog() end end }");
}

static void children_that_are_stopped(void **state) {
  (void)state;
  who_sleeps(STOPPED "for _ = 1, 2 do snmp.spawn(function() snmp.sleep(0.5 - snmp.time() % 0.5) hog() end) end snmp.sleep(0.7) end }");
  who_sleeps(STOPPED "for _ = 1, 2 do snmp.spawn(function() device:table { name = '1.3.6.1.2.1.2.2.1.2' } hog() end) end snmp.sleep(0.2) end }");
}

/* An answer that waits for its turn when its run ends goes with it. */
static void answers_that_are_dropped(void **state) {
  (void)state;
  begin(STOPPED "snmp.spawn(function() device:get(UP) device:get(UP) end) snmp.sleep(0.001) hog() end }", SLEEPER, 1 + CULPRITS, 1);
  host_rig_loop(&r, 3.5);
  assert_true(r.runs.scripts_stopped >= 2 * CULPRITS);
  host_rig_fini(&r);
}

/* More of them than there is time for: all others begin when they are due, and each of them has its turn. */
static void who_begins(void **state) {
  enum { N = 40, SECONDS = 5 };
  char part[32];
  (void)state;
  begin(STOPPED "hog() end }", HEAD "return { run = function(device, out) out:gauge('well', 1) end }", N, 0.5);
  host_rig_loop(&r, 4); /* until all are known */
  uint64_t stopped = r.runs.scripts_stopped;
  r.out[r.out_len = 0] = 0;
  host_rig_loop(&r, SECONDS);
  assert_in_range(r.runs.scripts_stopped - stopped, SECONDS * 10, SECONDS * 20);
  for (unsigned i = 1; i <= N; i++) {
    snprintf(part, sizeof part, "d%u well", i);
    assert_in_range(count(r.out, part), SECONDS * 2 - 1, SECONDS * 2 + 1);
  }
  host_rig_fini(&r);
}

/* One run that goes well, and a device is as all others. */
static void well_again(void **state) {
  (void)state;
  begin(STOPPED "if snmp.time() < 1764000003 then hog() end end }", SLEEPER, 3, 1);
  host_rig_loop(&r, 2.5);
  assert_true(r.host->targets[1]->devices[0].suspect);
  assert_false(r.host->targets[1]->devices[1].suspect);
  host_rig_loop(&r, 2);
  for (uint32_t i = 0; i < 3; i++) { assert_false(r.host->targets[i]->devices[0].suspect); }
  host_rig_fini(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(stopped_at_once), cmocka_unit_test(stopped_after_a_sleep), cmocka_unit_test(stopped_after_an_answer), cmocka_unit_test(stopped_amid_rows),
    cmocka_unit_test(children_that_are_stopped), cmocka_unit_test(answers_that_are_dropped), cmocka_unit_test(who_begins), cmocka_unit_test(well_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
