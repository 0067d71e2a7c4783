/* When runs start and what lasts beyond one: phases, overruns, slow outputs, drain, matches, jobs, state, cache, credentials, rates. */
#include "host_rig.h"

#include "../../core/bind/task/inside.h"
#include "../../core/bind/task/run.h"
#include "../../core/bind/task/sched.h"

static void phases_are_stable_and_spread(void **state) {
  unsigned tenth[10] = {0};
  (void)state;
  for (int i = 0; i < 1000; i++) {
    char name[32];
    snprintf(name, sizeof name, "switch-%d.example.net", i);
    double p = moon_sched_phase("interfaces", "", name);
    assert_true(p >= 0 && p < 1);
    assert_true(p == moon_sched_phase("interfaces", "", name));
    tenth[(int)(p * 10)]++;
  }
  for (int i = 0; i < 10; i++) { assert_in_range(tenth[i], 60, 140); }
  assert_true(moon_sched_phase("a", "bc", "d") != moon_sched_phase("ab", "c", "d"));
}

static void first_at_once_then_at_its_phase(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.plan.once = false;
  r.job.every_s = 0.25;
  assert_int_equal(host_rig_start(&r, "local snmp = require 'moonpoll'\n"
                                      "return { run = function(device, out, state) state.n = (state.n or 0) + 1\n"
                                      "  out:gauge('at', snmp.time() % 0.25) end }"), MOON_OK);
  host_rig_loop(&r, 1.3);
  assert_in_range(r.records, 5, 7);
  double phase = 0.25 * moon_sched_phase("p", "", "d1");
  unsigned n = 0;
  for (const char *line = strchr(r.out, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
    double off = atof(line + strlen("d1 at ")) - phase;
    assert_true((off >= -0.001 && off < 0.1) || off + 0.25 < 0.1); /* never early; late when the machine is busy */
    n++;
  }
  assert_in_range(n, 4, 6);
  assert_int_equal(r.runs.runs_skipped, 0);
  host_rig_fini(&r);
}

static void overruns_are_skipped_and_counted(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.plan.once = false;
  r.job.every_s = 0.1;
  assert_int_equal(host_rig_start(&r, "local snmp = require 'moonpoll'\nreturn { run = function() snmp.sleep(0.25) end }"), MOON_OK);
  host_rig_loop(&r, 1.2);
  assert_in_range(r.runs.runs_started, 3, 5);
  assert_true(r.runs.runs_skipped >= 5);
  assert_in_range(r.runs.runs_skipped + r.runs.runs_started, 10, 14);
  host_rig_fini(&r);
}

static uint64_t most;
static void watch(struct host_rig *r) { most = r->runs.runs_active > most ? r->runs.runs_active : most; }

static void slots_are_limited_and_fair(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 20);
  r.plan.max_coroutines = 3;
  r.on_turn = watch;
  most = 0;
  assert_int_equal(host_rig_run(&r, "local snmp, n = require 'moonpoll', 0\n"
                                    "return { run = function(device, out) n = n + 1 out:gauge('nth', n) snmp.sleep(0.005) end }"), MOON_OK);
  assert_int_equal(most, 3);
  for (unsigned i = 1; i <= 20; i++) {
    char line[32];
    snprintf(line, sizeof line, "d%u nth %u\n", i, i);
    expect(r.out, line);
  }
  host_rig_fini(&r);
}

/* Those that are near go through a few slots; when nothing is heard, all of them are used within milliseconds. */
static void far_agents_get_more_slots(void **state) {
  struct host_rig r;
  (void)state;
  for (int far = 0; far < 2; far++) {
    host_rig_init(&r, 128);
    r.on_turn = watch;
    most = 0;
    for (int i = 0; i < 128; i++) { r.agents[i].delay_us = far ? 60000 : 0; }
    assert_int_equal(host_rig_run(&r, "return { run = function(device, out) for i = 1, 3 do device:get('1.3.6.1.2.1.1.3.0') end out:gauge('x', 1) end }"), MOON_OK);
    assert_int_equal(r.records, 128);
    assert_int_equal(r.runs.runs_ok, 128);
    if (far) { assert_int_equal(most, 128); }
    host_rig_fini(&r);
  }
}

static uint64_t answered_us;
static void watch_answered(struct host_rig *r) {
  if (r->records == 65 && !answered_us) { answered_us = moon_engine_now(r->engine); }
}

/* All slots but one are taken by dead agents: it is milliseconds, not many rounds through the last one, until the others have theirs. */
static void the_silent_keep_nobody_waiting(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 128);
  r.on_turn = watch_answered;
  answered_us = 0;
  for (int i = 0; i < 128; i++) {
    r.agents[i].silent = i < 63;
    r.agents[i].delay_us = 1000;
  }
  assert_int_equal(host_rig_run(&r, "return { run = function(device, out) assert(device:get('1.3.6.1.2.1.1.3.0')) out:gauge('x', 1) end }"), MOON_OK);
  assert_int_equal(r.runs.runs_ok, 65);
  assert_int_equal(r.records, 128);
  assert_in_range(answered_us - MOON_VIRTUAL_BEGIN_US, 1000, 15000);
  host_rig_fini(&r);
}

static uint64_t first_us, last_us; /* since when the run under way was unheard, as told in its first and its last turn */
static void watch_unheard(struct host_rig *r) {
  if (moon_list_empty(&r->host->runs)) { return; }
  last_us = moon_run_unheard_us(MOON_LIST_ENTRY(r->host->runs.next, struct moon_run, node));
  first_us = first_us ? first_us : last_us;
}

/* Of a run that did something else first nothing can be heard before its request left. */
static void unheard_since_it_asked(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.on_turn = watch_unheard;
  r.agents[0].silent = true;
  first_us = last_us = 0;
  host_rig_run(&r, "return { run = function(device, out) require('moonpoll').sleep(0.05) device:get('1.3.6.1.2.1.1.3.0') end }");
  assert_in_range(last_us, first_us + 50000, first_us + 60000);
  host_rig_fini(&r);
}

static void more_room(struct host_rig *r) {
  if (r->offers > 8) { r->refuse = 0; }
  moon_host_output_ready(r->host);
  moon_engine_kick(r->engine);
}

static void a_slow_output_stops_new_runs(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 10);
  r.plan.max_coroutines = 2;
  r.job.timeout_s = 0.05;
  r.refuse = 1000;
  assert_int_equal(host_rig_start(&r, "return { run = function(device, out) out:gauge('x', device:get('1.3.6.1.2.1.1.3.0')) end }"), MOON_OK);
  host_rig_loop(&r, 0.2);
  assert_int_equal(r.runs.runs_started, 2);
  assert_int_equal(r.records, 0);
  assert_int_equal(r.runs.output_full, 1);
  r.on_turn = more_room;
  host_rig_loop(&r, 5);
  assert_true(r.done);
  assert_int_equal(r.records, 10);
  assert_int_equal(r.runs.runs_ok, 10); /* the time they were parked was not theirs */
  assert_int_equal(r.runs.samples, 10);
  host_rig_fini(&r);
}

static void drain_finishes_and_then_cuts(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 4);
  r.plan.once = false;
  r.job.every_s = 0.05;
  assert_int_equal(host_rig_start(&r, "local snmp = require 'moonpoll'\n"
                                      "return { run = function(device, out) snmp.sleep(device.name == 'd1' and 4 or 0.1) out:gauge('x', 1) end }"), MOON_OK);
  host_rig_loop(&r, 0.05);
  assert_int_equal(r.runs.runs_active, 4);
  moon_host_drain(r.host, moon_engine_now(r.engine) + 300000);
  host_rig_loop(&r, 5);
  assert_true(r.done);
  assert_int_equal(r.runs.runs_started, 4);
  assert_int_equal(r.runs.runs_ok, 3);
  assert_int_equal(r.runs.runs_cancelled, 1);
  assert_int_equal(r.records, 4);
  host_rig_fini(&r);
}

/* Who asks twice to stop means at once. */
static void a_second_drain_hurries(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 2);
  r.plan.once = false;
  assert_int_equal(host_rig_start(&r, "return { run = function(device, out) require('moonpoll').sleep(9) end }"), MOON_OK);
  host_rig_loop(&r, 0.05);
  moon_host_drain(r.host, moon_engine_now(r.engine) + 8000000);
  host_rig_loop(&r, 0.05);
  assert_false(r.done);
  moon_host_drain(r.host, moon_engine_now(r.engine));
  host_rig_loop(&r, 1);
  assert_true(r.done);
  assert_int_equal(r.runs.runs_cancelled, 2);
  assert_int_equal(r.records, 2);
  moon_host_drain(r.host, moon_engine_now(r.engine));
  host_rig_fini(&r);
}

static void freed_in_the_middle(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 10);
  for (int i = 0; i < 5; i++) { r.agents[i].silent = true; }
  r.plan.policy.timeout_us = 5000000;
  assert_int_equal(host_rig_start(&r, "local snmp = require 'moonpoll'\n"
                                      "return { run = function(device, out)\n"
                                      "  snmp.spawn(function() for _, row in device:rows({ a = '1.3.6.1.2.1.2.2.1.10' }, { rates = { a = 'r' } }) do snmp.sleep(9) end end)\n"
                                      "  snmp.spawn(function() device:get{ 1, '1.3.6.1.2.1.1.5.0' } end)\n"
                                      "  device:get_raw{ '1.3.6.1.2.1.1.3.0', '1.3.6.1.2.1.1.5.0' } snmp.sleep(9) end }"), MOON_OK);
  host_rig_loop(&r, 0.1);
  assert_int_equal(r.runs.runs_active, 10);
  host_rig_fini(&r);
}

/* ---- what lasts ---- */

static void jobs_share_state_and_start_in_order(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 2);
  const struct moon_plan_job jobs[] = {{.name = "poll", .every_s = 30, .timeout_s = 5}, {.name = "pick", .every_s = 86400, .timeout_s = 5}};
  r.probe.jobs = jobs;
  r.probe.n_jobs = 2;
  assert_int_equal(host_rig_run(&r, "return { jobs = {\n"
                                    "  pick = { run = function(device, out, state) state.name = assert(device:get('1.3.6.1.2.1.1.5.0')) .. device.name end },\n"
                                    "  poll = { run = function(device, out) out:state('picked', device.state.name) end },\n"
                                    "} }"), MOON_OK);
  expect(r.out, "d1/poll picked cored1\n");
  expect(r.out, "d2/poll picked cored2\n");
  assert_int_equal(r.records, 4);
  host_rig_fini(&r);
}

static void state_holds_plain_data_only(void **state) {
  (void)state;
  static const char *const cases[][2] = {
    {"state.f = print or function() end", "holds a function"},
    {"state.t = { a = { b = { f = pairs } } }", "holds a function"},
    {"state.me = state", "is nested too deep"},
    {"state.long = ('x'):rep(300 * 1024)", "has grown too large"},
    {"for i = 1, 20000 do state[i] = i end", "has grown too large"},
    {"state[{}] = 1", "has a table as a key"},
    {"state.out = out", "holds something else"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct host_rig r;
    char script[256];
    host_rig_init(&r, 1);
    snprintf(script, sizeof script, "return { run = function(device, out, state) state.n = 1 state.t = { true, 'x' } %s end }", cases[i][0]);
    assert_int_equal(host_rig_run(&r, script), MOON_OK);
    expect(r.log, cases[i][1]);
    assert_int_equal(r.runs.script_errors, 1);
    host_rig_fini(&r);
  }
}

static void a_state_that_cannot_be_kept_begins_anew(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.plan.once = false;
  r.job.every_s = 0.1;
  assert_int_equal(host_rig_start(&r, "local runs = 0 return { run = function(device, out, state)\n"
                                      "  runs = runs + 1 out:gauge('run' .. runs, state.n or 0) state.n = runs\n"
                                      "  if runs == 2 then state.f = print end end }"), MOON_OK);
  host_rig_loop(&r, 0.55);
  expect(r.out, "d1 run1 0\nd1 run2 1\nd1 run3 0\nd1 run4 3\n");
  assert_int_equal(r.runs.script_errors, 1);
  host_rig_fini(&r);
}

static void state_stays_per_device(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 2);
  r.plan.once = false;
  r.job.every_s = 0.1;
  assert_int_equal(host_rig_start(&r, "return { run = function(device, out, state) state.n = (state.n or 0) + (device.name == 'd1' and 1 or 10)\n"
                                      "  out:gauge('n', state.n) out:gauge('same', state == device.state) end }"), MOON_OK);
  host_rig_loop(&r, 0.45);
  expect(r.out, "d1 n 3\n");
  expect(r.out, "d2 n 30\n");
  assert_null(strstr(r.out, "same 0"));
  host_rig_fini(&r);
}

static void cache_ends_by_time_and_reboot(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.plan.once = false;
  r.job.every_s = 0.1;
  assert_int_equal(host_rig_start(&r, "local made, short = 0, 0\n"
                                      "return { run = function(device, out, state)\n" /* which never asks for sysUpTime */
                                      "  local name = assert(device:cache('name', 100, function() made = made + 1 return device:get('1.3.6.1.2.1.1.5.0') end))\n"
                                      "  device:cache('short', 0.01, function() short = short + 1 return true end)\n"
                                      "  local none, err = device:cache('bad', 100, function(d) return d:get('1.3.6.1.2.1.1.99.0') end)\n"
                                      "  out:state('seen', name .. made .. (short > 2 and 's' or '') .. err.code)\n"
                                      "end }"), MOON_OK);
  host_rig_loop(&r, 0.45);
  expect(r.out, "d1 seen core1smissing\n");
  assert_null(strstr(r.out, "core2"));
  host_rig_set(&r, "1.3.6.1.2.1.1.3.0", MOON_TIME_TICKS, 100);
  host_rig_loop(&r, 0.3);
  expect(r.out, "d1 seen core2smissing\n");
  assert_null(strstr(r.out, "core3"));
  host_rig_fini(&r);
}

static void matches_are_asked_once(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 2);
  r.plan.once = false;
  r.job.every_s = 0.1;
  assert_int_equal(host_rig_start(&r, "local asked = 0\n"
                                      "return { match = function(device) asked = asked + 1 assert(device:get('1.3.6.1.2.1.1.5.0')) return device.name == 'd2' end,\n"
                                      "  run = function(device, out) out:gauge('asked', asked) end }"), MOON_OK);
  host_rig_loop(&r, 0.45);
  assert_int_equal(count(r.out, "d1"), 0);
  assert_true(count(r.out, "d2 asked 2\n") >= 2);
  assert_null(strstr(r.out, "asked 3"));
  host_rig_fini(&r);

  /* A match that is no because nobody answered is none. */
  host_rig_init(&r, 1);
  r.plan.once = false;
  r.plan.policy.breaker_after = 0;
  r.job.every_s = 0.1;
  r.agents[0].silent = true;
  assert_int_equal(host_rig_start(&r, "return { match = function(device) return device:get('1.3.6.1.2.1.1.5.0') == 'core' end,\n"
                                      "  run = function(device, out) out:gauge('x', 1) end }"), MOON_OK);
  host_rig_loop(&r, 1);
  assert_true(r.records > 0);
  assert_int_equal(r.last.err, MOON_E_TIMEOUT);
  assert_string_equal(r.out, "");
  r.agents[0].silent = false;
  host_rig_loop(&r, 1);
  expect(r.out, "d1 x 1\n");
  host_rig_fini(&r);

  for (int i = 0; i < 2; i++) { /* by sysObjectID; 1.3.6.1.4.1.8072.3.2.10 here */
    const char *const prefix[] = {i ? ".1.3.6.1.4.1.807" : "1.3.6.1.4.1.8072.3"};
    host_rig_init(&r, 1);
    r.probe.match = prefix;
    r.probe.n_match = 1;
    assert_int_equal(host_rig_run(&r, "return { run = function(device, out) out:gauge('x', 1) end }"), MOON_OK);
    assert_string_equal(r.out, i ? "" : "d1 x 1\n");
    assert_int_equal(r.records, i ? 0 : 1);
    host_rig_fini(&r);
  }
}

static void credentials_are_tried_in_order(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 3);
  memcpy(r.credentials[0].community, "wrong!", 6);
  r.model.community = "public";
  r.agents[2].silent = true;
  for (int i = 0; i < 3; i++) { r.targets[i].n_credentials = 2; }
  assert_int_equal(host_rig_run(&r, "return { run = function(device, out)\n"
                                    "  local v, err = device:get('1.3.6.1.2.1.1.3.0') if not v then return nil, err end\n"
                                    "  local n = 0 for _ in device:walk('1.3.6.1.2.1.2.2.1.2') do n = n + 1 end\n"
                                    "  out:gauge('n', n) end }"), MOON_OK);
  expect(r.out, "d1 n 5\n");
  expect(r.out, "d2 n 5\n");
  assert_int_equal(r.runs.runs_ok, 2);
  assert_int_equal(r.runs.runs_failed, 1);
  assert_int_equal(r.agents[2].requests, 2); /* one with each */
  expect(r.log, "warn: p: d3 (127.");
  host_rig_fini(&r);
}

static void answers_in_parts(void **state) {
  struct host_rig r;
  static const char script[] =
    "local oids = { none = '1.3.6.1.2.1.1.99.0', up = '1.3.6.1.2.1.1.3.0' }\n"
    "for i = 1, 5 do oids['n' .. i] = '1.3.6.1.2.1.2.2.1.2.' .. i end\n"
    "return { run = function(device, out)\n"
    "  for i = 1, 2 do\n"
    "    local row, err = device:get(oids)\n"
    "    if not row then return nil, err end\n"
    "    out:state('all' .. i, row.n1 .. row.n5 .. row.up .. tostring(row.none))\n"
    "  end\n"
    "  out:state('one', select(2, device:get('1.3.6.1.2.1.1.99.0')).code)\n"
    "end }";
  (void)state;
  for (int i = 0; i < 3; i++) {
    host_rig_init(&r, 1);
    if (i == 0) { r.credentials[0].version = MOON_V1; }
    if (i == 1) { r.model.max_octets = 120; }
    if (i == 2) { r.model.max_varbinds = 3; }
    assert_int_equal(host_rig_run(&r, script), MOON_OK);
    if (!*r.out) { print_error("%d: %s", i, r.log); }
    assert_string_equal(r.out, "d1 all1 eth1eth51000nil\nd1 all2 eth1eth51000nil\nd1 one missing\n");
    host_rig_fini(&r);
  }
}

static void rates_end_to_end(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.plan.once = false;
  r.job.every_s = 0.1;
  assert_int_equal(host_rig_start(&r, "local columns = { rx = '1.3.6.1.2.1.2.2.1.10', hc = '1.3.6.1.2.1.31.1.1.1.6', since = '1.3.6.1.2.1.31.1.1.1.19' }\n"
                                      "return { run = function(device, out, state)\n"
                                      "  state.n = (state.n or 0) + 1\n"
                                      "  for index, row in device:rows(columns, { rates = { rx = 'rx_rate', hc = 'hc_rate' }, epoch = 'since' }) do\n"
                                      "    if index == '1' or index == '4' then\n"
                                      "      out:with{ index = index, run = state.n }:state('r', tostring(row.rx_rate) .. ' ' .. tostring(row.hc_rate)) end\n"
                                      "  end\n"
                                      "end }"), MOON_OK);
  host_rig_loop(&r, 0.25);
  expect(r.out, "d1 index=1 run=1 r nil nil\n");
  expect(r.out, "d1 index=4 run=1 r nil nil\n");
  expect(r.out, "d1 index=1 run=2 r 0 0\n");
  expect(r.out, "d1 index=4 run=2 r nil 0\n"); /* has no ifInOctets */
  r.out_len = 0;
  host_rig_set(&r, "1.3.6.1.2.1.2.2.1.10.1", MOON_COUNTER32, 2000);
  host_rig_loop(&r, 0.1);
  assert_true(strstr(r.out, "r nil") == NULL || strstr(r.out, "index=4"));
  assert_null(strstr(r.out, "index=1 run=3 r nil"));
  r.out_len = 0;
  host_rig_set(&r, "1.3.6.1.2.1.31.1.1.1.19.1", MOON_TIME_TICKS, 5); /* the card of this one restarted */
  host_rig_set(&r, "1.3.6.1.2.1.2.2.1.10.1", MOON_COUNTER32, 900000);
  host_rig_loop(&r, 0.11);
  expect(r.out, " r nil nil\n");
  host_rig_fini(&r);
}

static void atomic_runs_and_duplicates(void **state) {
  struct host_rig r;
  (void)state;
  for (int i = 0; i < 2; i++) {
    host_rig_init(&r, 1);
    r.job.atomic = i == 1;
    assert_int_equal(host_rig_run(&r, "return { run = function(device, out)\n"
                                      "  local o = out:with{ a = 1, b = 'x' }\n"
                                      "  o:gauge('x', 1) o:with{ a = 2 }:gauge('x', 2) out:with{ b = 'x', a = 2, c = true }:gauge('x', 3)\n"
                                      "  out:gauge('x', 4) out:gauge('n', 0/0) out:gauge('m', nil)\n"
                                      "  out:with{ b = 'x', a = '1' }:gauge('x', 5)\n"
                                      "end }"), MOON_OK);
    assert_string_equal(r.out, i ? "" : "d1 a=1 b=x x 1\nd1 a=2 b=x x 2\nd1 a=2 b=x c=true x 3\nd1 x 4\n");
    expect(r.log, "error: p: d1: p.lua:5: x: a sample of this name with the same labels was written before in this run\n");
    assert_int_equal(r.runs.samples_nil, 2);
    assert_int_equal(r.last.skipped_nil, 2);
    assert_int_equal(r.last.err, MOON_E_PUBLIC_N);
    host_rig_fini(&r);
  }
}

static void targets_without_an_address(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 2);
  r.targets[0].addr = (struct moon_addr){.port = 161};
  r.targets[0].lookup = "nowhere.example.net";
  r.targets[0].family = 4;
  r.engine_config.resolver.servers = "127.0.0.1:1"; /* nobody is there */
  assert_int_equal(host_rig_run(&r, "return { run = function(device, out)\n"
                                    "  local ok, e = pcall(function() for _ in device:walk('1.3.6.1.2.1.2.2.1.2') do end end)\n"
                                    "  out:state('walk', ok and 'ok' or e.code)\n"
                                    "  out:gauge('x', assert(device:get('1.3.6.1.2.1.1.3.0'))) end }"), MOON_OK);
  expect(r.out, "d1 walk dns\n");
  expect(r.out, "d2 walk ok\nd2 x 1000\n");
  expect(r.log, "dns: the name cannot be resolved: name server 127.0.0.1:1 cannot be asked: Connection refused");
  assert_int_equal(r.runs.runs_failed, 1);
  host_rig_fini(&r);
}

static void set_where_allowed(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.probe.allow_set = true;
  assert_int_equal(host_rig_run(&r, "return { run = function(device, out)\n"
                                    "  local ok, err = device:set{ { oid = '1.3.6.1.2.1.1.5.0', type = 'string', value = 'x' } }\n"
                                    "  out:state('set', ok and 'ok' or err.code) end }"), MOON_OK);
  assert_int_equal(r.agents[0].requests, 1);
  expect(r.out, "d1 set ");
  host_rig_fini(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(phases_are_stable_and_spread),
    cmocka_unit_test(first_at_once_then_at_its_phase),
    cmocka_unit_test(overruns_are_skipped_and_counted),
    cmocka_unit_test(slots_are_limited_and_fair),
    cmocka_unit_test(far_agents_get_more_slots), cmocka_unit_test(the_silent_keep_nobody_waiting), cmocka_unit_test(unheard_since_it_asked),
    cmocka_unit_test(a_slow_output_stops_new_runs),
    cmocka_unit_test(drain_finishes_and_then_cuts), cmocka_unit_test(a_second_drain_hurries),
    cmocka_unit_test(freed_in_the_middle),
    cmocka_unit_test(jobs_share_state_and_start_in_order),
    cmocka_unit_test(state_holds_plain_data_only),
    cmocka_unit_test(a_state_that_cannot_be_kept_begins_anew), cmocka_unit_test(state_stays_per_device),
    cmocka_unit_test(cache_ends_by_time_and_reboot),
    cmocka_unit_test(matches_are_asked_once),
    cmocka_unit_test(credentials_are_tried_in_order),
    cmocka_unit_test(answers_in_parts),
    cmocka_unit_test(rates_end_to_end),
    cmocka_unit_test(atomic_runs_and_duplicates),
    cmocka_unit_test(targets_without_an_address),
    cmocka_unit_test(set_where_allowed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
