/* What one run may take, what a probe may have and ask, and of whom; and that only who is trusted is compiled. */
#include "host_rig.h"

#include "../../core/bind/task/allow.h"
#include "../../core/bind/task/inside.h"

#define UP "1.3.6.1.2.1.1.3.0"
#define NAMES "{ name = '1.3.6.1.2.1.2.2.1.2' }"

static const char COUNTED[] =
  "local snmp = require 'moonpoll'\n"
  "return { run = function(device, out)\n"
  "  local function told(name, f) local ok, e = pcall(f) out:info(name, ok and 'well' or tostring(e)) end\n"
  "  told('samples', function() for i = 1, 9 do out:gauge('s' .. i, i) end end)\n"
  "  told('rows', function() for _ in device:rows " NAMES " do end for _ in device:rows " NAMES " do end end)\n"
  "  told('rows again', function() device:table " NAMES " end)\n"
  "  told('requests', function() for i = 1, 9 do device:get '" UP "' end end)\n"
  "  told('requests of a walk', function() device:table " NAMES " end)\n"
  "  for i = 1, 9 do snmp.log('info', 'line %d', i) end\n"
  "end }";

static void each_is_counted_and_told_by_its_line(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.probe.max_samples = 9;
  r.probe.max_rows = 8;
  r.probe.max_requests = 10;
  r.probe.max_log_lines = 3;
  r.probe.version = 0xabcdef;
  assert_int_equal(host_rig_run(&r, COUNTED), MOON_OK);
  expect(r.out, "d1 s9 9\n"); /* the tenth is what would tell of it, and raises outside of any pcall */
  expect(r.log, "p.lua:3: more than 9 samples in one run (max_samples of p, version 0000000000abcdef)\n");
  host_rig_fini(&r);

  host_rig_init(&r, 1);
  r.probe.max_rows = 8;
  r.probe.max_requests = 10;
  r.probe.max_log_lines = 3;
  assert_int_equal(host_rig_run(&r, COUNTED), MOON_OK);
  expect(r.out, "d1 samples well\nd1 rows p.lua:5: more than 8 rows in one run (max_rows of p, version 0000000000000000)\n");
  expect(r.out, "d1 rows again p.lua:6: more than 8 rows in one run");
  expect(r.out, "d1 requests p.lua:7: more than 10 requests in one run (max_requests of p, version 0000000000000000)\n");
  expect(r.out, "d1 requests of a walk p.lua:8: more than 10 requests in one run");
  assert_int_equal(r.counters.requests, 10);
  assert_int_equal(count(r.log, ": line "), 3);
  assert_int_equal(count(r.log, "p.lua:9: more than 3 lines of the log in one run"), 1);
  assert_int_equal(r.last.err, MOON_OK);
  host_rig_fini(&r);
}

static void none_of_it_holds_for_who_is_trusted(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.probe.max_samples = r.probe.max_rows = r.probe.max_requests = r.probe.max_log_lines = r.probe.memory_mb = 1;
  r.probe.trusted = true;
  assert_int_equal(host_rig_run(&r, COUNTED), MOON_OK);
  expect(r.out, "d1 samples well\nd1 rows well\nd1 rows again well\nd1 requests well\nd1 requests of a walk well\n");
  assert_int_equal(count(r.log, ": line "), 9);
  host_rig_fini(&r);
}

static void memory_is_the_probes_in_all_its_runs(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 30); /* 16 KiB for each beside the MiB */
  r.probe.memory_mb = 1;
  assert_int_equal(host_rig_run(&r, "local kept = {}\n"
                                    "return { run = function(device, out)\n"
                                    "  out:gauge('x', assert(device:get '" UP "'))\n"
                                    "  for i = 1, 10 do kept[#kept + 1] = ('x'):rep(10000) .. #kept end\n"
                                    "  local garbage for i = 1, 10 do garbage = ('y'):rep(10000) .. i end\n"
                                    "end }"), MOON_OK);
  assert_in_range(r.runs.scripts_stopped, 10, 20); /* 15 times 100 KB are 1.5 MB */
  assert_int_equal(r.runs.scripts_stopped, r.runs.runs_failed);
  expect(r.log, "p.lua:4: stopped, its probe has 1.5 MiB of memory alive in this worker, 1.5 are allowed (p, version 0000000000000000)");
  assert_int_equal(count(r.out, " x 1000\n"), 30);
  host_rig_fini(&r);
}

/* What an iterator has in C for its columns counts as what a script has. */
static void memory_of_iterators(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.probe.memory_mb = 8;
  assert_int_equal(host_rig_run(&r, "local columns, kept = {}, {}\n"
                                    "for i = 1, 100 do columns['c' .. i] = '1.3.6.1.4.1.99999.1.' .. i end\n"
                                    "return { run = function(device, out)\n"
                                    "  for i = 1, 4 do for j = 1, 500 do kept[#kept + 1] = device:rows(columns) end device:get('" UP "') end\n"
                                    "  out:gauge('n', #kept)\n"
                                    "end }"), MOON_OK);
  expect(r.log, "MiB of memory alive in this worker, 8.0 are allowed");
  assert_int_equal(count(r.out, " n "), 0);
  host_rig_fini(&r);
}

static void one_call_that_wants_too_much(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.probe.memory_mb = 1;
  assert_int_equal(host_rig_run(&r, "return { run = function(device, out)\n"
                                    "  pcall(string.rep, 'x', 4e6)\n"
                                    "  out:gauge('x', 1)\n"
                                    "end }"), MOON_OK);
  assert_int_equal(r.runs.scripts_stopped, 1);
  expect(r.log, "MiB of memory more in one call and had ");
  assert_null(strstr(r.out, " x 1"));
  host_rig_fini(&r);
}

static void oids_that_are_allowed(void **state) {
  static const char *const allowed[] = {"1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.31.1.1.1"};
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  r.probe.allow_oids = allowed;
  r.probe.n_allow_oids = 2;
  r.probe.allow_set = true;
  assert_int_equal(host_rig_run(&r, "return { match = '1.3.6.1.4', run = function(device, out)\n"
                                    "  local function told(name, ...) local ok, e = pcall(...) out:info(name, ok and 'well' or tostring(e)) end\n"
                                    "  out:info('get', assert(device:get '1.3.6.1.2.1.2.2.1.2.1'))\n"
                                    "  out:gauge('up', assert(device:get '" UP "'))\n"
                                    "  told('other', device.get, device, '1.3.6.1.2.1.1.5.0')\n"
                                    "  told('row', device.get, device, { a = '1.3.6.1.2.1.2.2.1.2.1', b = '1.3.6.1.2.1.2.2.1.20' })\n"
                                    "  told('raw', device.get_raw, device, '1.3.6.1.2.1.2.2.1.8.1')\n"
                                    "  told('walk', device.walk, device, '1.3.6.1.2.1.2.2.1')\n"
                                    "  told('rows', device.rows, device, " NAMES ", { with = { n = '1.3.6.1.2.1.1.5.0' } })\n"
                                    "  told('set', device.set, device, { { oid = '1.3.6.1.2.1.1.5.0', type = 'string', value = 'x' } })\n"
                                    "  local n = 0 for _ in pairs(assert(device:table " NAMES ")) do n = n + 1 end out:gauge('table', n)\n"
                                    "  out:info('next', assert(device:get_next '1.3.6.1.2.1.2.2.1.2.4'))\n"
                                    "  local oid, err = device:get_next '1.3.6.1.2.1.2.2.1.2.5' out:info('beyond', oid or err.code)\n"
                                    "  out:gauge('bulk', #device:get_bulk { '1.3.6.1.2.1.2.2.1.2.3', repetitions = 5 })\n"
                                    "end }"), MOON_OK);
  expect(r.out, "d1 get eth1\nd1 up 1000\n");
  expect(r.out, "d1 other p.lua:2: 1.3.6.1.2.1.1.5.0 is not what p may ask for: allow_oids of its configuration\n");
  expect(r.out, "d1 row p.lua:2: 1.3.6.1.2.1.2.2.1.20 is not what p may ask for");
  expect(r.out, "d1 raw p.lua:2: 1.3.6.1.2.1.2.2.1.8.1 is not");
  expect(r.out, "d1 walk p.lua:2: 1.3.6.1.2.1.2.2.1 is not");
  expect(r.out, "d1 rows p.lua:2: 1.3.6.1.2.1.1.5.0 is not");
  expect(r.out, "d1 set p.lua:2: 1.3.6.1.2.1.1.5.0 is not");
  expect(r.out, "d1 table 5\nd1 next 1.3.6.1.2.1.2.2.1.2.5\nd1 beyond missing\nd1 bulk 2\n");
  host_rig_fini(&r);
}

/* Whose fault it is stands in the line: there is nothing to be found in a traceback. A mistake has one all the same. */
static void refusals_have_no_traceback(void **state) {
  static const char *const allowed[] = {"1.3.6.1.2.1.2.2.1.2"};
  static const struct { const char *body, *said; } cases[] = {
    {"device:get '1.3.6.1.2.1.1.5.0'", "p.lua:2: 1.3.6.1.2.1.1.5.0 is not what p may ask for: allow_oids of its configuration\n"},
    {"snmp.all(function() device:get '1.3.6.1.2.1.1.5.0' end)", "p.lua:2: 1.3.6.1.2.1.1.5.0 is not what p may ask for: allow_oids of its configuration\n"},
    {"local _, e = pcall(device.get, device, '1.3.6.1.2.1.1.5.0') error(e, 0)", "p.lua:2: 1.3.6.1.2.1.1.5.0 is not what p may ask for: allow_oids of its configuration\n"},
    {"device:set { { oid = '1.3.6.1.2.1.2.2.1.2.1', type = 'string', value = 'x' } }", "p.lua:2: this probe may not change anything: allow_set is not configured for it\n"},
    {"for _ = 1, 3 do device:get '" UP "' end", "p.lua:2: more than 2 requests in one run (max_requests of p, version 0000000000000000)\n"},
    {"return device:table " NAMES, "d1: more than 2 rows in one run (max_rows of p, version 0000000000000000)\n"},
    {"for _ in device:rows " NAMES " do end", "p.lua:2: more than 2 rows in one run (max_rows of p, version 0000000000000000)\n"},
    {"for i = 1, 3 do out:gauge('x' .. i, i) end", "p.lua:2: more than 2 samples in one run (max_samples of p, version 0000000000000000)\n"},
    {"local s = {} while true do s[#s + 1] = ('x'):rep(10000) .. #s end", "p.lua:2: stopped, its probe has "},
  };
  char script[512];
  struct host_rig r;
  (void)state;
  for (size_t i = 0; i <= sizeof cases / sizeof *cases; i++) {
    bool mistake = i == sizeof cases / sizeof *cases;
    host_rig_init(&r, 1);
    r.probe.allow_oids = allowed;
    r.probe.n_allow_oids = 1;
    r.probe.max_requests = r.probe.max_rows = r.probe.max_samples = 2;
    r.probe.memory_mb = 1;
    snprintf(script, sizeof script, "local snmp = require 'moonpoll' return { run = function(device, out)\n%s\nend }",
             mistake ? "pcall(device.get, device, '1.3.6.1.2.1.1.5.0') error 'oops'" : cases[i].body);
    assert_int_equal(host_rig_run(&r, script), MOON_OK);
    expect(r.log, mistake ? "p.lua:2: oops\n" : cases[i].said);
    assert_int_equal(count(r.log, "traceback"), mistake);
    assert_int_equal(r.runs.script_errors, 1);
    host_rig_fini(&r);
  }
}

static void targets_that_are_allowed(void **state) {
  static const char *const allowed[] = {"d1", "d[34]"};
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 5);
  r.probe.allow_targets = allowed;
  r.probe.n_allow_targets = 2;
  assert_int_equal(host_rig_run(&r, "return { run = function(device, out) out:gauge('x', 1) end }"), MOON_OK);
  assert_int_equal(r.runs.runs_started, 3);
  assert_int_equal(r.records, 3);
  expect(r.out, "d1 x 1\n");
  expect(r.out, "d3 x 1\n");
  expect(r.out, "d4 x 1\n");
  host_rig_fini(&r);
  struct moon_plan_probe p = {.name = "p"};
  assert_true(moon_allow_target(&p, "anything"));
}

/* Loops through what scripts can reach of Lua functions, often enough for the compiler. */
static const char LOOPS[] =
  "local snmp = require 'moonpoll'\n"
  "local function quietly(f, ...) for _ = 1, 200 do pcall(f, ...) end end\n"
  "return { run = function(device, out)\n"
  "  local t = {} for i = 1, 2000 do t[i] = i end\n"
  "  for i = 1, 500 do table.remove(t, 1) table.insert(t, 1, i) math.deg(i) math.rad(i) local _ = #('x'):rep(3) end\n"
  "  for _, library in pairs { _G, string, table, math, os, bit, snmp } do\n"
  "    for name, f in pairs(library) do\n"
  "      if type(f) == 'function' and f ~= print and name ~= 'sleep' and name ~= 'spawn' and name ~= 'log' then quietly(f, 'x', 'x', 'x') quietly(f, t, 1) end\n"
  "    end\n"
  "  end\n"
  "  for _, name in pairs { 'table', 'cache', 'with', 'rows' } do quietly(device[name], device, 1, 1) end\n"
  "  for i = 1, 300 do xpcall(error, type) device:cache('k', 60, function() return 1 end) local _ = ('%d'):format(i) end\n"
  "  for _ = 1, 50 do snmp.all(function() end) for _ in device:rows " NAMES " do end end\n"
  "  local n = 0 for i = 1, 100000 do n = n + i % 3 end\n"
  "  out:gauge('n', n)\n"
  "end }";

static const char ATTACH[] =
  "local jit = require 'jit' made = '' count = 0\n"
  "jit.off(true)\n"
  "jit.attach(function(what, tr, f) if what == 'start' then count = count + 1\n"
  "  local source = debug.getinfo(f, 'S').short_src\n"
  "  if not made:find(source, 1, true) then made = made .. source .. '\\n' end end end, 'trace')\n"
  "assert(jit.status() == compiles, 'the compiler is not as it should be')\n";

/* What was compiled, a source each. */
static void run_and_watch(struct host_rig *r, const char *script, bool compiles) {
  assert_int_equal(host_rig_start(r, script), MOON_OK);
  lua_State *L = r->host->L;
  lua_pushboolean(L, compiles);
  lua_setglobal(L, "compiles");
  if (luaL_dostring(L, ATTACH)) { fail_msg("%s", lua_tostring(L, -1)); }
  host_rig_loop(r, 10);
  assert_true(r->done);
  if (!strstr(r->out, " n 100000\n")) { fail_msg("%s", r->log); }
  lua_getglobal(L, "made");
}

static void only_who_is_trusted_is_compiled(void **state) {
  struct host_rig r;
  (void)state;
  host_rig_init(&r, 1);
  run_and_watch(&r, LOOPS, false); /* nobody is: the compiler is off */
  assert_string_equal(lua_tostring(r.host->L, -1), "");
  host_rig_fini(&r);

  static const char idle[] = "return { run = function(device, out) out:gauge('idle', 1) end }";
  host_rig_init(&r, 1);
  struct moon_source idle_source = {.name = "q", .path = "q.lua", .text = (const uint8_t *)idle, .len = sizeof idle - 1};
  struct moon_plan_probe probes[2] = {r.probe, r.probe};
  probes[1].name = "q";
  probes[1].sources = &idle_source;
  probes[1].trusted = true;
  r.plan.probes = probes;
  r.plan.n_probes = 2;
  run_and_watch(&r, LOOPS, true); /* a neighbour is trusted: it is on, and finds nothing that it may compile */
  assert_string_equal(lua_tostring(r.host->L, -1), "");
  host_rig_fini(&r);

  host_rig_init(&r, 1);
  r.probe.trusted = true;
  run_and_watch(&r, LOOPS, true); /* and nothing of the library when it is called by the one that is compiled */
  assert_string_equal(lua_tostring(r.host->L, -1), "p.lua\n");
  host_rig_fini(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_is_counted_and_told_by_its_line),
    cmocka_unit_test(none_of_it_holds_for_who_is_trusted),
    cmocka_unit_test(memory_is_the_probes_in_all_its_runs),
    cmocka_unit_test(memory_of_iterators), cmocka_unit_test(one_call_that_wants_too_much),
    cmocka_unit_test(oids_that_are_allowed),
    cmocka_unit_test(refusals_have_no_traceback),
    cmocka_unit_test(targets_that_are_allowed),
    cmocka_unit_test(only_who_is_trusted_is_compiled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
