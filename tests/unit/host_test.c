/* Scripts in a host: their children, where they wait, what they do wrong, their modules, and what many runs leave. */
#include "failmem.h"
#include "host_rig.h"

#include "../../core/bind/task/host.h"

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
  host_rig_gives("local snmp = require 'moonpoll'\n"
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

static void pcall_spans_waits(void **state) {
  (void)state;
  host_rig_gives("return { run = function(device, out)\n"
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
    cmocka_unit_test(children_run_side_by_side),
    cmocka_unit_test(child_errors_reach_the_waiter),
    cmocka_unit_test(a_child_of_another_run),
    cmocka_unit_test(children_are_bounded),
    cmocka_unit_test(pcall_spans_waits),
    cmocka_unit_test(waits_inside_c_are_refused),
    cmocka_unit_test(caller_faults_name_the_line),
    cmocka_unit_test(print_goes_to_the_log),
    cmocka_unit_test(probes_that_do_not_load),
    cmocka_unit_test(modules_share_the_environment),
    cmocka_unit_test(many_runs_leave_nothing),
    cmocka_unit_test(no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
