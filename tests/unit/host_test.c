/* Runs, tasks and children; what scripts get and what becomes of those that fail: core/bind/task/ as a whole. */
#include "failmem.h"
#include "host_rig.h"
#include "usm_agent.h"

#include "../../core/bind/task/inside.h"

/* One agent, once; the samples. */
static void gives(const char *script, const char *out) {
  struct host_rig r;
  host_rig_init(&r, 1);
  assert_int_equal(host_rig_run(&r, script), MOON_OK);
  if (strcmp(r.out, out)) { print_error("%s", r.log); }
  assert_string_equal(r.out, out);
  assert_int_equal(r.records, 1);
  host_rig_fini(&r);
}

static void get_one(void **state) {
  (void)state;
  gives("return { run = function(device, out) out:gauge('up_s', device:get('1.3.6.1.2.1.1.3.0')) out:info('name', device:get('.1.3.6.1.2.1.1.5.0')) end }",
        "d1 up_s 1000\nd1 name core\n");
}

static void get_row(void **state) {
  (void)state;
  gives("local oids = { up = '1.3.6.1.2.1.1.3.0', name = '1.3.6.1.2.1.1.5.0', none = '1.3.6.1.2.1.1.99.0' }\n"
        "return { run = function(device, out)\n"
        "  local row = assert(device:get(oids))\n"
        "  out:gauge('up', row.up) out:info('name', row.name) out:gauge('none', row.none)\n"
        "  local value, err = device:get('1.3.6.1.2.1.1.99.0')\n"
        "  out:state('err', err.code) out:state('nil', tostring(value))\n"
        "end }",
        "d1 up 1000\nd1 name core\nd1 err missing\nd1 nil nil\n");
}

/* Whatever the version: what is not there is left out of a row, and is an error by itself. */
static void row_of_one_name(void **state) {
  (void)state;
  for (int v1 = 0; v1 < 2; v1++) {
    struct host_rig r;
    host_rig_init(&r, 1);
    if (v1) { r.credentials[0].version = MOON_V1; }
    assert_int_equal(host_rig_run(&r, "return { run = function(device, out)\n"
                                      "  local row, err = device:get{ none = '1.3.6.1.2.1.1.99.0' }\n"
                                      "  out:state('row', type(row)) out:state('err', tostring(err)) out:state('none', row and tostring(row.none))\n"
                                      "  row, err = device:get('1.3.6.1.2.1.1.99.0') out:state('one', tostring(row) .. ' ' .. err.code)\n"
                                      "  row = device:get_raw{ none = '1.3.6.1.2.1.1.99.0' } out:state('raw', row.none.type)\n"
                                      "end }"), MOON_OK);
    expect(r.out, "d1 row table\nd1 err nil\nd1 none nil\nd1 one nil missing\n");
    expect(r.out, v1 ? "d1 raw noSuchObject\n" : "d1 raw noSuchInstance\n");
    host_rig_fini(&r);
  }
}

static void get_others(void **state) {
  (void)state;
  gives("return { run = function(device, out)\n"
        "  local oid, value = device:get_next('1.3.6.1.2.1.1.4')\n"
        "  out:state('next', oid .. '=' .. value)\n"
        "  local raw = device:get_raw('1.3.6.1.2.1.1.99.0') out:state('raw', raw.type)\n"
        "  local two = device:get_raw{ a = '1.3.6.1.2.1.1.5.0', b = '1.3.6.1.2.1.1.3.0' } out:state('two', two.a.type .. two.b.value)\n"
        "  local list = device:get_bulk{ '1.3.6.1.2.1.2.2.1.2', repetitions = 3 }\n"
        "  out:state('bulk', #list .. list[3].value)\n"
        "  local past, err = device:get_next('1.3.6.1.9') out:state('past', err.code)\n"
        "  local n = 0 for _, v in device:walk('1.3.6.1.2.1.2.2.1.2') do n = n + #v end out:gauge('walked', n)\n"
        "end }",
        "d1 next 1.3.6.1.2.1.1.5.0=core\nd1 raw noSuchInstance\nd1 two string1000\nd1 bulk 3eth3\nd1 past missing\nd1 walked 20\n");
}

/* Of names of which one is met with silence the others are given, and which it was. */
static void raw_of_what_is_not_answered(void **state) {
  static const uint8_t name[] = {0x2b, 6, 1, 2, 1, 1, 5, 0};
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.model.broken = name;
  r.model.broken_len = sizeof name;
  r.model.broken_silent = true;
  assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll' return { run = function(device, out)\n"
                                    "  snmp.spawn(function() for i = 1, 40 do device:get('1.3.6.1.2.1.1.3.0') snmp.sleep(0.05) end end)\n"
                                    "  local rows, err, part = device:get_raw{ a = '1.3.6.1.2.1.1.1.0', b = '1.3.6.1.2.1.1.5.0', c = '1.3.6.1.2.1.1.99.0' }\n"
                                    "  out:state('rows', tostring(rows)) out:state('err', err.code .. ' ' .. err.oid)\n"
                                    "  out:state('part', part.a.value .. ' ' .. tostring(part.b) .. ' ' .. part.c.type)\n"
                                    "end }"), MOON_OK);
  assert_string_equal(r.out, "d1 rows nil\nd1 err timeout 1.3.6.1.2.1.1.5.0\nd1 part model nil noSuchInstance\n");
  host_rig_fini(&r);
}

/* Other light userdata is no context: scripts find some. */
static void a_context_is_not_made_up(void **state) {
  (void)state;
  gives("return { run = function(device, out)\n"
        "  local other = { device[1], out[1] }\n"
        "  out:gauge('get', device.get(other, '1.3.6.1.2.1.1.3.0'))\n"
        "  for _, v in device.walk(other, '1.3.6.1.2.1.1.5') do out:info('walk', v) end\n"
        "end }",
        "d1 get 1000\nd1 walk core\n");
}

static void rows(void **state) {
  (void)state;
  gives("local columns = { name = '1.3.6.1.2.1.2.2.1.2', oper = '1.3.6.1.2.1.2.2.1.8', rx = '1.3.6.1.2.1.2.2.1.10' }\n"
        "return { run = function(device, out)\n"
        "  for index, row, head in device:rows(columns, { with = { up = '1.3.6.1.2.1.1.3.0' } }) do\n"
        "    local o = out:with{ index = index, name = row.name }\n"
        "    o:counter('rx', row.rx) o:gauge('up', head.up)\n"
        "  end\n"
        "  local t = assert(device:table(columns, { key = 'rx', only = { '2', '4', '5', '77' } }))\n"
        "  local n = 0 for _ in pairs(t) do n = n + 1 end\n"
        "  out:gauge('keyed', n) out:gauge('rx5', t['5'].rx)\n"
        "end }",
        "d1 index=1 name=eth1 rx 1000\nd1 index=1 name=eth1 up 1000\nd1 index=2 name=eth2 rx 2000\nd1 index=2 name=eth2 up 1000\n"
        "d1 index=3 name=eth3 rx 3000\nd1 index=3 name=eth3 up 1000\nd1 index=4 name=eth4 up 1000\n"
        "d1 index=5 name=eth5 rx 5000\nd1 index=5 name=eth5 up 1000\nd1 keyed 2\nd1 rx5 5000\n");
}

#define ASK_UPTIME \
  "return { run = function(device, out)\n" \
  "  local v, err = device:get('1.3.6.1.2.1.1.3.0') out:state('err', v and tostring(v) or err.code)\n" \
  "end }"

/* 128 columns of which every fourth of the rows that are asked for is there: each block of the walk ends with it. */
static void sparse(struct host_rig *r) {
  char oid[64];
  for (unsigned c = 1; c <= 128; c++) {
    for (unsigned i = 4; i <= 120; i += 4) {
      snprintf(oid, sizeof oid, "1.3.6.1.4.1.99999.%u.%u", c, i);
      host_rig_set(r, oid, MOON_INTEGER, i);
    }
  }
}
#define SPARSE \
  "  local only, columns = {}, {} for i = 1, 120 do only[i] = tostring(i) end\n" \
  "  for c = 1, 128 do columns[c] = '1.3.6.1.4.1.99999.' .. c end\n" \
  "  local next_row, n, bad = device:rows(columns, { only = only }), 0, 0\n" \
  "  local function take()\n" \
  "    local ok, index, row = pcall(next_row)\n" \
  "    if ok and index then n = n + 1 for c = 1, 128 do if row[c] ~= tonumber(index) then bad = bad + 1 end end end\n" \
  "    return ok, index\n" \
  "  end\n"

/* The row that a child was woken for is its own: what another one asks for meanwhile would take it, or its memory. */
static void a_row_is_given_to_who_waits(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  sparse(&r);
  r.plan.policy.window = 8;
  assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll' return { run = function(device, out)\n" SPARSE
                                    "  local function child()\n"
                                    "    while true do local ok, index = take() if not ok then device:get('1.3.6.1.2.1.1.5.0') elseif not index then return end end\n"
                                    "  end\n"
                                    "  snmp.all(child, child, child) out:gauge('n', n) out:gauge('bad', bad)\n"
                                    "end }"), MOON_OK);
  assert_string_equal(r.out, "d1 n 30\nd1 bad 0\n");
  host_rig_fini(&r);
}

/* Who asks again for a row that a limit kept from it gets the same answer. */
static void a_row_beyond_the_limit(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  sparse(&r);
  r.probe.max_rows = 3;
  assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll' return { run = function(device, out)\n" SPARSE
                                    "  for i = 1, 40 do if not take() then snmp.sleep(0.01) end end out:gauge('n', n) out:gauge('bad', bad)\n"
                                    "end }"), MOON_OK);
  assert_string_equal(r.out, "d1 n 3\nd1 bad 0\n");
  host_rig_fini(&r);
}

static void exact(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  host_rig_set(&r, "1.3.6.1.2.1.31.1.1.1.6.1", MOON_COUNTER64, UINT64_MAX);
  assert_int_equal(host_rig_run(&r, "return { run = function(device, out)\n"
                                    "  for index, row in device:rows({ rx = '1.3.6.1.2.1.31.1.1.1.6' }, { exact = true, only = { 1 } }) do\n"
                                    "    out:counter('rx' .. index, row.rx) end\n"
                                    "  out:counter('one', device:get('1.3.6.1.2.1.31.1.1.1.6.1', { exact = true }))\n"
                                    "  out:counter('rounded', device:get('1.3.6.1.2.1.31.1.1.1.6.1'))\n"
                                    "end }"), MOON_OK);
  assert_string_equal(r.out, "d1 rx1 18446744073709551615\nd1 one 18446744073709551615\nd1 rounded 1.84467e+19\n");
  host_rig_fini(&r);
}

/* What an answer says of itself comes before the number in it. */
static void a_number_is_not_taken_at_its_word(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.model.status = 5;
  r.model.status_index = 1;
  r.model.keeps_values = true;
  assert_int_equal(host_rig_run(&r, ASK_UPTIME), MOON_OK);
  assert_string_equal(r.out, "d1 err gen_err\n");
  host_rig_fini(&r);
  host_rig_init(&r, 1);
  r.model.other_name = true;
  assert_int_equal(host_rig_run(&r, ASK_UPTIME), MOON_OK);
  assert_string_equal(r.out, "d1 err decode\n");
  host_rig_fini(&r);
}

/* ---- children ---- */

static void children_run_side_by_side(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.agents[0].delay_us = 60000;
  r.plan.policy.window = 8;
  assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll'\n"
                                    "return { run = function(device, out)\n"
                                    "  local t0 = snmp.now()\n"
                                    "  local function name() return device:get('1.3.6.1.2.1.1.5.0') end\n"
                                    "  local a, b, c = snmp.all(name, function() snmp.sleep(0.01) return 7 end, function() return (device:get('1.3.6.1.2.1.1.3.0')) end)\n"
                                    "  out:state('all', a .. b .. c) out:gauge('quick', snmp.now() - t0 < 0.15)\n"
                                    "  local h = snmp.spawn(function(x, y) snmp.sleep(0.01) return x + y, 'two' end, 3, 4)\n"
                                    "  local sum, two = h:wait() out:state('sum', sum .. two)\n"
                                    "  local again = h:wait() out:gauge('again', again)\n"
                                    "end }"), MOON_OK);
  assert_string_equal(r.out, "d1 all core71000\nd1 quick 1\nd1 sum 7two\nd1 again 7\n");
  host_rig_fini(&r);
}

static void child_errors_reach_the_waiter(void **state) {
  (void)state;
  gives("local snmp = require 'moonpoll'\n"
        "return { run = function(device, out)\n"
        "  local ok, err = pcall(snmp.all, function() snmp.sleep(0) error('broke', 0) end, function() return 1 end)\n"
        "  out:gauge('ok', ok) out:gauge('said', tostring(err):find('broke', 1, true) and 1)\n"
        "  local h = snmp.spawn(function() error({ 1 }) end)\n"
        "  local ok2, err2 = pcall(h.wait, h)\n"
        "  out:gauge('ok2', ok2) out:state('table', type(err2))\n"
        "end }",
        "d1 ok 0\nd1 said 1\nd1 ok2 0\nd1 table table\n");
}

/* A script may keep what it spawned: nobody waits for what was dropped with another run. */
static void a_child_of_another_run(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 2);
  r.job.timeout_s = 0;
  assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll' local kept return { run = function(device, out)\n"
                                    "  if device.name == 'd1' then kept = snmp.spawn(snmp.sleep, 60) snmp.sleep(0.1) return end\n"
                                    "  while not kept do snmp.sleep(0.01) end\n"
                                    "  local ok, err = pcall(kept.wait, kept) out:info('err', err)\n"
                                    "end }"), MOON_OK);
  expect(r.out, "d2 err the child was dropped\n");
  host_rig_fini(&r);
}

static void children_are_bounded(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.probe.max_children = 4;
  assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll'\n"
                                    "return { run = function(device, out)\n"
                                    "  local now, most, fs = 0, 0, {}\n"
                                    "  for i = 1, 20 do fs[i] = function() now = now + 1 most = math.max(most, now) snmp.sleep(0.002) now = now - 1 return i end end\n"
                                    "  local r = { snmp.all(unpack(fs)) }\n"
                                    "  out:gauge('n', #r) out:gauge('last', r[20]) out:gauge('most', most)\n"
                                    "  local ok, err = pcall(function() for i = 1, 5 do snmp.spawn(snmp.sleep, 9) end end)\n"
                                    "  out:gauge('fifth', ok) out:state('err', err)\n"
                                    "end }"), MOON_OK);
  expect(r.out, "d1 n 20\nd1 last 20\nd1 most 4\nd1 fifth 0\nd1 err p.lua:7: spawn: this run has as many children as it may have\n");
  host_rig_fini(&r); /* the four that sleep ended with their run */
}

/* ---- ends ---- */

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

/* Whose rates have no room any more is told, once, and who has it. */
static void no_room_for_rates(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 2);
  struct moon_plan_probe probes[] = {r.probe, r.probe};
  probes[1].name = "large";
  r.plan.probes = probes;
  r.plan.n_probes = 2;
  r.plan.once = false;
  r.job.every_s = 0.1;
  assert_int_equal(host_rig_start(&r, "return { run = function(device, out)\n"
                                      "  for i, row in device:rows({ n = '1.3.6.1.2.1.2.2.1.10' }, { rates = { n = 'rate' } }) do out:gauge('rate' .. i, row.rate) end\n"
                                      "end }"), MOON_OK);
  moon_rates_pool_init(&r.host->rates_pool, 0, 2);
  r.host->probes[1].rates.octets = 5 << 20;
  host_rig_loop(&r, 0.45);
  assert_string_equal(r.out, "");
  assert_int_equal(count(r.log, "warn: p: what its rates are reckoned from takes 0.0 MiB, and there is no more room for it in this worker, "
                                "where large has 5.0 MiB: rows"), 1);
  assert_int_equal(count(r.log, "warn: large: what its rates are reckoned from takes 5.0 MiB, and there is no more room for it in this worker: rows"), 1);
  host_rig_fini(&r);
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

static void pcall_spans_waits(void **state) {
  (void)state;
  gives("return { run = function(device, out)\n"
        "  local ok, v = pcall(function() local up = device:get('1.3.6.1.2.1.1.3.0') return up + 1 end)\n"
        "  out:gauge('v', ok and v)\n"
        "  local ok2, e = pcall(function() device:get('1.3.6.1.2.1.1.3.0') error('after', 0) end)\n"
        "  out:state('e', e)\n"
        "  local ok3, e3 = xpcall(function() device:get('1.3.6.1.2.1.1.3.0') error('x', 0) end, function(m) return 'handled ' .. m end)\n"
        "  out:state('e3', e3)\n"
        "end }",
        "d1 v 1001\nd1 e after\nd1 e3 handled x\n");
}

static void waits_inside_c_are_refused(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll'\n"
                                    "return { run = function(device, out)\n"
                                    "  local ok, e = pcall(string.gsub, 'a', 'a', function() local v = device:get('1.3.6.1.2.1.1.3.0') return v end)\n"
                                    "  out:state('gsub', e)\n"
                                    "  local ok2, e2 = pcall(table.sort, { 2, 1 }, function(a, b) snmp.sleep(0) return a < b end)\n"
                                    "  out:gauge('sort', ok2 == false and e2:find('cannot wait here', 1, true) and 1)\n"
                                    "  local ok3 = pcall(string.gsub, 'a', 'a', function() for _ in device:rows{ a = '1.3.6.1.2.1.2.2.1.2' } do end end)\n"
                                    "  out:gauge('rows', ok3)\n"
                                    "  out:gauge('then', device:get('1.3.6.1.2.1.1.3.0'))\n"
                                    "end }"), MOON_OK);
  expect(r.out, "d1 gsub p.lua:3: cannot wait here: inside string.gsub, table.sort");
  expect(r.out, "d1 sort 1\nd1 rows 0\nd1 then 1000\n");
  assert_true(r.counters.requests <= 2); /* the walk may have asked; what was refused did not */
  host_rig_fini(&r);
}

/* ---- faults of the caller ---- */

static void caller_faults_name_the_line(void **state) {
  (void)state;
  static const char *const cases[][2] = {
    {"device:get()", "p.lua:1: bad argument #1 to 'get'"},
    {"device:get('1.3.x')", "p.lua:1: "},
    {"device.get('1.3.6')", "p.lua:1: bad argument #1 to 'get' (a device expected"},
    {"device:rows({ a = '1.3.6.1' }, { onyl = {} })", "p.lua:1: unknown option onyl"},
    {"device:rows({ a = '1.3.6.1' }, { key = 'b' })", "p.lua:1: key: no column has the key b"},
    {"device:rows{ a = '1.3.6.1', b = '1.3.6.1.2' }", "p.lua:1: bad argument #1: one column lies under another"},
    {"device:table({ a = '1.3.6.1' }, 5)", "p.lua:1: "},
    {"device:walk{ '1.3.6.1' }", "p.lua:1: bad argument #1 to 'walk'"},
    {"device:set{ { oid = '1.3.6.1.2.1.1.5.0', type = 'string', value = 'x' } }", "p.lua:1: this probe may not change anything"},
    {"device:cache(nil, 5, print)", "p.lua:1: cache: a key expected"},
    {"device:with{ context = 'x' }", "p.lua:1: with: a context needs SNMPv3"},
    {"out:gauge('a', 'text')", "p.lua:1: bad argument #2 to 'gauge' (a number expected, got a string)"},
    {"out:gauge()", "p.lua:1: bad argument #1 to 'gauge' (the name of a sample expected)"},
    {"out.gauge('a', 1)", "p.lua:1: bad argument #1 to 'gauge' (an out expected"},
    {"out:with{ 5 }", "p.lua:1: label names are strings"},
    {"out:with{ a = {} }", "p.lua:1: label a: a string, number or boolean expected"},
    {"out:gauge('a', 1) out:gauge('a', 2)", "p.lua:1: a: a sample of this name with the same labels was written before"},
    {"require('moonpoll').sleep(-1)", "p.lua:1: bad argument #1"},
    {"require('moonpoll').all(5)", "p.lua:1: all: a function expected as argument 1"},
    {"require('moonpoll').log('loud', 'x')", "p.lua:1: "},
    {"require('absent')", "p.lua:1: module 'absent' is not beside the probe"},
    {"io.write('x')", "p.lua:1: attempt to index global 'io'"},
    {"coroutine.wrap(print)", "p.lua:1: attempt to index global 'coroutine'"},
    {"getmetatable(device).__index.get = 1", "p.lua:1: attempt to index a boolean value"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct host_rig r;
    char script[512];
    host_rig_init(&r, 1);
    snprintf(script, sizeof script, "return { run = function(device, out) %s end }", cases[i][0]);
    assert_int_equal(host_rig_run(&r, script), MOON_OK);
    expect(r.log, cases[i][1]);
    assert_int_equal(r.runs.script_errors, 1);
    assert_int_equal(r.counters.requests, 0);
    host_rig_fini(&r);
  }
}

static void print_goes_to_the_log(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  assert_int_equal(host_rig_run(&r, "print('loaded')\nlocal odd = setmetatable({}, { __tostring = function() return 'mine' end })\n"
                                    "return { run = function(device) print('a', 1, nil, true, odd, device) print() end }"), MOON_OK);
  assert_string_equal(r.log, "info: loaded\ninfo: p: d1: a\t1\tnil\ttrue\tmine\td1\ninfo: p: d1: \n");
  assert_int_equal(r.runs.runs_ok, 1);
  host_rig_fini(&r);
}

static void probes_that_do_not_load(void **state) {
  (void)state;
  static const char *const cases[][2] = {
    {"return {\n  run = function(\n}", "error: p.lua:3: "},
    {"return 5", "error: p.lua: a probe returns a table, this one a number\n"},
    {"return {}", "error: p.lua: run: a function expected, got a nil\n"},
    {"local x = nil\nx.y = 1", "error: p.lua:2: attempt to index local 'x' (a nil value)\n"},
    {"require 'absent'", "error: p.lua:1: module 'absent' is not beside the probe\n"},
    {"\033LJ\002", "error: p.lua: bytecode is not loaded, only text\n"},
    {"device:get('1')", "error: p.lua:1: attempt to index global 'device'"},
    {"require('moonpoll').sleep(1)", "error: p.lua:1: nothing can be asked here: no run is under way"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct host_rig r;
    host_rig_init(&r, 1);
    assert_int_equal(host_rig_start(&r, cases[i][0]), MOON_E_CONFIG);
    r.host = NULL;
    expect(r.log, cases[i][1]);
    host_rig_fini(&r);
  }
}

static void modules_share_the_environment(void **state) {
  struct host_rig r;
  static const char lib[] = "shared = (shared or 0) + 1\nlocal name = ...\nreturn { name = name, twice = function(x) return 2 * x end }";
  static const char self[] = "local me = require 'self'\nreturn me";
  (void)state;
  host_rig_init(&r, 1);
  r.probe.n_sources = 3;
  r.sources[1] = (struct moon_source){.name = "lib.twice", .path = "lib/twice.lua", .text = (const uint8_t *)lib, .len = sizeof lib - 1};
  r.sources[2] = (struct moon_source){.name = "self", .path = "self.lua", .text = (const uint8_t *)self, .len = sizeof self - 1};
  const struct moon_pair args[] = {{"n", "21"}};
  r.probe.args = args;
  r.probe.n_args = 1;
  assert_int_equal(host_rig_run(&r, "local args = ...\nlocal lib = require 'lib.twice'\nrequire 'lib.twice'\n"
                                    "return { run = function(device, out)\n"
                                    "  out:gauge('n', lib.twice(args.n)) out:gauge('shared', shared) out:state('name', lib.name)\n"
                                    "  local ok, e = pcall(require, 'self') out:state('self', e)\n"
                                    "  ok, e = pcall(require, 'self') out:state('again', e)\n" /* as if for the first time */
                                    "end }"), MOON_OK);
  assert_string_equal(r.out, "d1 n 42\nd1 shared 1\nd1 name lib.twice\nd1 self self.lua:1: module 'self' requires itself\n"
                             "d1 again self.lua:1: module 'self' requires itself\n");
  host_rig_fini(&r);
}

static void many_runs_leave_nothing(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 100);
  const struct moon_plan_job jobs[] = {{.name = "a", .timeout_s = 5}, {.name = "b", .timeout_s = 5}, {.name = "c", .timeout_s = 5},
                                       {.name = "d", .timeout_s = 5}, {.name = "e", .timeout_s = 5}, {.name = "f", .timeout_s = 5},
                                       {.name = "g", .timeout_s = 5}, {.name = "h", .timeout_s = 5}, {.name = "i", .timeout_s = 5},
                                       {.name = "j", .timeout_s = 5}};
  r.probe.jobs = jobs;
  r.probe.n_jobs = 10;
  r.plan.max_coroutines = 30;
  assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll'\nlocal n = 0\n"
                                    "local function run(device, out)\n"
                                    "  n = n + 1\n"
                                    "  local kind = n % 5\n"
                                    "  local a, b = snmp.all(function() return device:get('1.3.6.1.2.1.1.3.0') end, function() return device:get('1.3.6.1.2.1.1.5.0') end)\n"
                                    "  if kind == 1 then error('one') elseif kind == 2 then return nil, 'two'\n"
                                    "  elseif kind == 3 then snmp.spawn(snmp.sleep, 100) for _ in device:rows{ a = '1.3.6.1.2.1.2.2.1.2' } do break end end\n"
                                    "  out:gauge('a', a)\n"
                                    "end\n"
                                    "local jobs = {} for name in ('abcdefghij'):gmatch('.') do jobs[name] = { run = run } end\n"
                                    "return { jobs = jobs }"), MOON_OK);
  assert_int_equal(r.runs.runs_started, 1000);
  assert_int_equal(r.runs.runs_ok, 600);
  assert_int_equal(r.runs.runs_failed, 400);
  assert_int_equal(r.runs.script_errors, 200);
  assert_int_equal(r.runs.tasks_active, 0);
  assert_int_equal(r.runs.runs_active, 0);
  assert_int_equal(r.counters.in_flight, 0);
  assert_int_equal(r.records, 1000);
  host_rig_fini(&r);
}

/* Whatever allocation fails while it runs: every run ends, nothing is left. */
static void no_memory(void **state) {
  (void)state;
  for (int start = 0; start < 2; start++) {
    for (unsigned n = 1;; n++) {
      struct host_rig r;
      size_t alive = failmem_alive();
      bool fired, started;
      host_rig_init(&r, 2);
      r.model.max_octets = 150;
      r.arm = start ? n : 0;
      static const char script[] =
        "local snmp = require 'moonpoll'\n"
        "return { run = function(device, out)\n"
        "  pcall(snmp.all, function() device:get{ a = '1.3.6.1.2.1.1.3.0', b = '1.3.6.1.2.1.1.1.0', c = '1.3.6.1.2.1.1.2.0' } end,\n"
        "    function() return device:get_raw{ '1.3.6.1.2.1.1.3.0' } end)\n"
        "  for i, row in device:rows({ rx = '1.3.6.1.2.1.2.2.1.10', d = '1.3.6.1.2.1.2.2.1.2' }, { rates = { rx = 'r' }, only = { 1, 2 }, with = { '1.3.6.1.2.1.1.3.0' } }) do\n"
        "    for k = 1, 30 do out:with{ i = i, k = k }:counter('rx', row.rx) end end\n"
        "end }";
      started = host_rig_start(&r, script) == MOON_OK;
      if (!started) { r.host = NULL; }
      if (started) {
        if (!start) { failmem_arm(n); }
        host_rig_loop(&r, 10);
        if (!r.done) { print_error("allocation %u: %s", n, r.log); }
        assert_true(r.done);
        assert_int_equal(r.runs.runs_started, 2);
      }
      fired = failmem_fired();
      failmem_disarm();
      host_rig_fini(&r);
      assert_int_equal(failmem_alive(), alive);
      if (!fired) { break; }
    }
  }
}

int main(void) {
  failmem_install();
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(get_one),
    cmocka_unit_test(get_row),
    cmocka_unit_test(row_of_one_name),
    cmocka_unit_test(get_others),
    cmocka_unit_test(raw_of_what_is_not_answered),
    cmocka_unit_test(a_context_is_not_made_up),
    cmocka_unit_test(rows),
    cmocka_unit_test(a_row_is_given_to_who_waits),
    cmocka_unit_test(a_row_beyond_the_limit),
    cmocka_unit_test(exact),
    cmocka_unit_test(a_number_is_not_taken_at_its_word),
    cmocka_unit_test(children_run_side_by_side),
    cmocka_unit_test(child_errors_reach_the_waiter),
    cmocka_unit_test(a_child_of_another_run),
    cmocka_unit_test(children_are_bounded),
    cmocka_unit_test(timeout_frees_at_once),
    cmocka_unit_test(timeout_of_who_answered_is_not_silence), cmocka_unit_test(timeout_of_who_told_its_engine),
    cmocka_unit_test(timeout_in_a_walk_is_one), cmocka_unit_test(no_room_for_rates),
    cmocka_unit_test(short_runs_find_a_silent_agent_down),
    cmocka_unit_test(a_lost_line_is_that_of_the_script),
    cmocka_unit_test(world_faults_have_no_traceback),
    cmocka_unit_test(script_errors_are_isolated),
    cmocka_unit_test(every_end_of_a_coroutine),
    cmocka_unit_test(pcall_spans_waits),
    cmocka_unit_test(waits_inside_c_are_refused),
    cmocka_unit_test(caller_faults_name_the_line),
    cmocka_unit_test(probes_that_do_not_load), cmocka_unit_test(print_goes_to_the_log),
    cmocka_unit_test(modules_share_the_environment),
    cmocka_unit_test(many_runs_leave_nothing),
    cmocka_unit_test(no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
