/* How runs end, and what is said of that: core/bind/task/run.c. */
#include "host_rig.h"
#include "usm_agent.h"

#include "../../core/bind/task/host.h"

static void timeout_frees_at_once(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.agents[0].silent = true;
  r.plan.policy.timeout_us = 30000000;
  r.job.timeout_s = 0.1;
  assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll'\n"
                                    "return { run = function(device, out)\n"
                                    "  out:gauge('before', 1)\n"
                                    "  snmp.spawn(function() for _ in device:rows{ a = '1.3.6.1.2.1.2.2.1.2' } do end end)\n"
                                    "  pcall(snmp.all, function() device:get('1.3.6.1.2.1.1.3.0') end, function() snmp.sleep(20) end)\n"
                                    "  out:gauge('never', 1)\n"
                                    "end }"), MOON_OK);
  assert_string_equal(r.out, "d1 before 1\n");
  assert_int_equal(r.runs.runs_timeout, 1);
  assert_int_equal(r.runs.tasks_active, 0);
  assert_int_equal(r.counters.in_flight, 0);
  assert_int_equal(r.counters.error[MOON_E_CANCELLED], 2);
  assert_int_equal(r.last.err, MOON_E_CANCELLED);
  assert_true(r.last.silent);
  expect(r.log, "warn: p: d1: cancelled: it took longer than its timeout of 0.1 s, and the agent said nothing in that time; ");
  host_rig_fini(&r);
}

/* Who said something in that time can be talked to; so can, for all we know, who was not asked. */
static void timeout_of_who_answered_is_not_silence(void **state) {
  static const char *const source[] = {
    "return { run = function(device) device:get('1.3.6.1.2.1.1.3.0') require('moonpoll').sleep(20) end }",
    "return { run = function(device) require('moonpoll').sleep(20) end }",
  };
  (void)state;
  for (size_t i = 0; i < sizeof source / sizeof *source; i++) {
    struct host_rig r;
    host_rig_init(&r, 1);
    r.job.timeout_s = 0.1;
    assert_int_equal(host_rig_run(&r, source[i]), MOON_OK);
    assert_int_equal(r.last.err, MOON_E_CANCELLED);
    assert_false(r.last.silent);
    expect(r.log, "warn: p: d1: cancelled: it took longer than its timeout of 0.1 s\n");
    host_rig_fini(&r);
  }
}

static uint64_t late_us;
static uint64_t late_clock_us(void *arg) { return moon_loop_virtual_us(arg) + late_us; }

/* With the second answer comes the end of the run's time, which is looked at behind it. */
static size_t late_answer(struct host_rig_agent *a, const uint8_t *in, size_t n, uint8_t *out, size_t cap) {
  if (a->requests == 2) { late_us += 3000000; }
  return agent_answer(a->model, in, n, out, cap);
}

static void timeout_in_a_walk_is_one(void **state) {
  struct host_rig r;
  (void)state;
  for (int only = 0; only < 2; only++) {
    host_rig_init(&r, 1);
    late_us = 0;
    r.model.max_varbinds = only ? 0 : 2;
    r.agents[0].answer = late_answer;
    r.engine_config.clock_us = late_clock_us;
    r.job.timeout_s = 2;
    assert_int_equal(host_rig_run(&r, only ? "local some = {} for i = 1, 2000 do some[i] = i end\n"
                                             "return { run = function(device, out)\n"
                                             "  local _, err = device:table({ name = '1.3.6.1.2.1.2.2.1.2' }, { only = some })\n"
                                             "  out:state('err', tostring(err))\n"
                                             "end }"
                                           : "return { run = function(device, out)\n"
                                             "  local _, err = device:table { name = '1.3.6.1.2.1.2.2.1.2' }\n"
                                             "  out:state('err', tostring(err))\n"
                                             "end }"), MOON_OK);
    assert_string_equal(r.out, "");
    assert_int_equal(r.runs.runs_timeout, 1);
    expect(r.log, "warn: p: d1: cancelled: it took longer than its timeout of 2 s\n");
    host_rig_fini(&r);
  }
}

static struct usm_agent sealed;
static uint32_t words; /* that the agent has for us */

static size_t few_words(struct host_rig_agent *a, const uint8_t *in, size_t n, uint8_t *out, size_t cap) {
  return a->requests > words ? 0 : usm_agent_answer(&sealed, moon_loop_virtual_us(a->rig->loop), in, n, out, cap);
}

/* Of SNMPv3: what came before an answer is no answer, and no silence. Two requests: the second waits for what the first finds out. */
static void timeout_of_who_told_its_engine(void **state) {
  static const struct { uint32_t words; const char *told; } cases[] = {
    {0, "the agent said nothing in that time; check the address, the port and the credentials; to be told timeout, let it last longer than the 30 s"},
    {1, "the agent told its engine id and then said nothing; check the user, its passwords and firewalls on the way; to be told timeout, let it"},
    {2, "the agent told its engine id and time and did not answer the request; check the privacy password and the context: wrong ones are met"}};
  struct moon_crypto *crypto;
  (void)state;
  assert_int_equal(moon_crypto_new(1, &crypto), MOON_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct host_rig r;
    host_rig_init(&r, 1);
    usm_agent_init(&sealed, crypto, MOON_AUTH_SHA1, MOON_PRIV_AES128);
    usm_agent_credential(&sealed, &r.credentials[0]);
    words = cases[i].words;
    r.agents[0].answer = few_words;
    r.plan.policy.timeout_us = 30000000;
    r.job.timeout_s = 0.1;
    assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll'\n"
                                      "return { run = function(device)\n"
                                      "  local function get() device:get '1.3.6.1.2.1.1.3.0' end\n"
                                      "  snmp.all(get, get)\n"
                                      "end }"), MOON_OK);
    assert_int_equal(r.agents[0].requests, words + 1);
    assert_int_equal(r.last.err, MOON_E_CANCELLED);
    assert_true(r.last.silent); /* nothing was answered: it is as down as by a timeout */
    expect(r.log, "warn: p: d1: cancelled: it took longer than its timeout of 0.1 s, and ");
    expect(r.log, cases[i].told);
    host_rig_fini(&r);
  }
  moon_crypto_free(crypto);
}

/* None of its runs lasts as long as a request would wait, but longer than a try. */
static void short_runs_find_a_silent_agent_down(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.agents[0].silent = true;
  r.plan.once = false;
  r.plan.policy.timeout_us = 100000;
  r.plan.policy.retries = 1;
  r.plan.policy.breaker_after = 3;
  r.job.timeout_s = 0.15;
  r.job.every_s = 0.2;
  assert_int_equal(host_rig_start(&r, "return { run = function(device) assert(device:get '1.3.6.1.2.1.1.3.0') end }"), MOON_OK);
  host_rig_loop(&r, 2);
  assert_int_equal(r.counters.breakers_opened, 1);
  assert_int_equal(r.runs.runs_timeout, 3);
  assert_true(r.counters.error[MOON_E_DOWN] >= 3);
  assert_int_equal(r.last.err, MOON_E_DOWN);
  host_rig_fini(&r);
}

static void world_faults_have_no_traceback(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 3);
  for (int i = 0; i < 3; i++) { r.agents[i].silent = true; }
  assert_int_equal(host_rig_run(&r, "return { run = function(device, out)\n"
                                    "  if device.name == 'd1' then return device:get('1.3.6.1.2.1.1.3.0') end\n"
                                    "  if device.name == 'd2' then assert(device:get('1.3.6.1.2.1.1.3.0')) end\n"
                                    "  for index, row in device:rows{ a = '1.3.6.1.2.1.2.2.1.2' } do end\n"
                                    "end }"), MOON_OK);
  assert_int_equal(r.runs.runs_failed, 3);
  assert_int_equal(r.runs.script_errors, 0);
  assert_null(strstr(r.log, "traceback"));
  assert_null(strstr(r.log, "error:"));
  expect(r.log, "warn: p: d1 (127."); /* the target is named once, by the fault */
  expect(r.log, "warn: p: d2 (127.");
  expect(r.log, "warn: p: d3 (127.");
  assert_int_equal(r.last.err, MOON_E_TIMEOUT);
  host_rig_fini(&r);
}

static void script_errors_are_isolated(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 3);
  assert_int_equal(host_rig_run(&r, "local function deep(device) local up = device:get('1.3.6.1.2.1.1.3.0') return up .. nil end\n"
                                    "return { run = function(device, out)\n"
                                    "  if device.name == 'd2' then deep(device) end\n"
                                    "  out:gauge('fine', device:get('1.3.6.1.2.1.1.3.0'))\n"
                                    "end }"), MOON_OK);
  assert_int_equal(r.runs.script_errors, 1);
  assert_int_equal(r.runs.runs_ok, 2);
  expect(r.log, "error: p: d2: p.lua:1: attempt to concatenate a nil value\nstack traceback:");
  expect(r.log, "in function 'deep'");
  expect(r.out, "d1 fine 1000\n");
  expect(r.out, "d3 fine 1000\n");
  host_rig_fini(&r);
}

static void every_end_of_a_coroutine(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 6);
  assert_int_equal(host_rig_run(&r, "return { run = function(device, out)\n"
                                    "  out:gauge('x', 1)\n"
                                    "  local d = device.name\n"
                                    "  if d == 'd1' then error('text', 0) end\n"
                                    "  if d == 'd2' then error({}) end\n"
                                    "  if d == 'd3' then error() end\n"
                                    "  if d == 'd4' then return nil, 'because' end\n"
                                    "  if d == 'd5' then local function f() return 1 + f() end f() end\n"
                                    "  return 1, 2, 3\n"
                                    "end }"), MOON_OK);
  expect(r.log, "error: p: d1: text\n");
  expect(r.log, "error: p: d2: (a table)\n");
  expect(r.log, "error: p: d3: nil\n");
  expect(r.log, "warn: p: d4: because\n");
  expect(r.log, "error: p: d5: ");
  expect(r.log, "stack overflow");
  assert_int_equal(r.runs.runs_ok, 1);
  assert_int_equal(r.runs.script_errors, 4);
  assert_int_equal(r.runs.runs_failed, 5);
  host_rig_fini(&r);
}

/* A tail call takes its line along; what is left is not the library's. */
static void a_lost_line_is_that_of_the_script(void **state) {
  static const char *const lost[] = {"device:table { a = '1.x' }", "device:get '1.x'", "device:set {}"};
  (void)state;
  for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
    struct host_rig r;
    char script[256];
    host_rig_init(&r, 1);
    snprintf(script, sizeof script, "return { run = function(device)\n local f = function() return %s end\n local x = device:cache('k', 9, f)\nend }", lost[i]);
    assert_int_equal(host_rig_run(&r, script), MOON_OK);
    expect(r.log, "error: p: d1: p.lua:3: ");
    const char *library = strstr(r.log, "lua/moonpoll");
    assert_true(!library || library > strstr(r.log, "traceback")); /* what is refused has none */
    host_rig_fini(&r);
  }
}

/* The first has its traceback, the others are a number; what only one device makes of it is told of that one. */
static void one_mistake_on_all_devices(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 100);
  assert_int_equal(host_rig_run(&r, "return { run = function(device)\n"
                                    "  if device.name == 'd7' then error('odd: ' .. device:get('1.3.6.1.2.1.1.5.0')) end\n"
                                    "  error('none of ' .. device.name .. ' but ' .. 5 + #device.name)\n"
                                    "end }"), MOON_OK);
  assert_int_equal(r.runs.script_errors, 100);
  assert_int_equal(count(r.log, "traceback"), 2);
  expect(r.log, "error: p: d7: p.lua:2: odd: core\nstack traceback:");
  assert_int_equal(count(r.log, ": p.lua:3: none of d"), 2);
  expect(r.log, "the same on 98 more devices within 1 s, d1 the first\n");
  host_rig_fini(&r);
}

static void a_few_mistakes_are_told_each(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 5);
  assert_int_equal(host_rig_run(&r, "return { run = function() error('broken') end }"), MOON_OK);
  assert_int_equal(count(r.log, "p.lua:1: broken\nstack traceback"), 5);
  host_rig_fini(&r);
}

/* Mistakes are held for a minute, silence is not. */
static void silence_is_told_while_mistakes_are_held(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 20);
  for (uint32_t i = 0; i < r.n_agents; i++) { r.agents[i].silent = true; }
  r.plan.once = false;
  r.job.every_s = 1;
  assert_int_equal(host_rig_start(&r, "return { run = function(device, out, state)\n"
                                      "  state.n = (state.n or 0) + 1\n"
                                      "  if state.n == 1 then error('broken') end\n"
                                      "  if state.n > 5 then assert(device:get('1.3.6.1.2.1.1.3.0')) end\n"
                                      "end }"), MOON_OK);
  host_rig_loop(&r, 15);
  expect(r.log, "the same on 19 more devices");
  expect(r.log, "warn: site 127.0.0.0/24: ");
  host_rig_fini(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(timeout_frees_at_once),
    cmocka_unit_test(timeout_of_who_answered_is_not_silence),
    cmocka_unit_test(timeout_in_a_walk_is_one),
    cmocka_unit_test(timeout_of_who_told_its_engine),
    cmocka_unit_test(short_runs_find_a_silent_agent_down),
    cmocka_unit_test(world_faults_have_no_traceback),
    cmocka_unit_test(script_errors_are_isolated),
    cmocka_unit_test(every_end_of_a_coroutine),
    cmocka_unit_test(a_lost_line_is_that_of_the_script),
    cmocka_unit_test(one_mistake_on_all_devices),
    cmocka_unit_test(a_few_mistakes_are_told_each),
    cmocka_unit_test(silence_is_told_while_mistakes_are_held),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
