/* Loading: what a configuration and probe files become, and the one line each mistake is told by. */
#include "load_rig.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "bind/load/load.h"

/* The configuration in moon.lua, and what it has to be refused with. */
static void refuse(const char *config, const char *want) {
  char error[1024];
  struct moon_load_options o = said_nothing();
  o.config = "moon.lua";
  put("moon.lua", config);
  struct moon_plan *p = load(&o, error);
  moon_plan_free(p);
  assert_string_equal(error, want);
  assert_null(strstr(error, SECRET));
}

/* A probe in x.lua. */
static void refuse_probe(const char *probe, const char *want) {
  char error[1024];
  struct moon_load_options o = said_nothing();
  const char *probes[] = {"sub/x.lua"}, *targets[] = {"127.0.0.1"};
  o.probes = probes;
  o.targets = targets;
  o.n_probes = o.n_targets = 1;
  o.community = SECRET;
  put("sub/x.lua", probe);
  moon_plan_free(load(&o, error));
  assert_string_equal(error, want);
}


static void configuration_errors(void **state) {
  (void)state;
  static const struct { const char *config, *want; } CASES[] = {
    {"return {", "moon.lua:1: unexpected symbol near '<eof>'"},
    {"return { auth = { a = {\n community = '" SECRET " }\n } }", "moon.lua:2: unfinished string"},
    {"return { auth = { a = { community = 'x' \"" SECRET "\" } } }", "moon.lua:1: '}' expected"},
    {"return { auth = { a = { community = 'x' [[" SECRET "]] } } }", "moon.lua:1: '}' expected"},
    {"return { auth = { a = { community = x " SECRET "' } } }", "moon.lua:1: '}' expected"},
    {"return { x = 1 '" SECRET "' }", "moon.lua:1: '}' expected"},
    {"return 1", "moon.lua:1: returns no table: a configuration is return { targets = { ... }, probes = { ... } }"},
    {"local x = {\n}\n", "moon.lua:2: returns no table: a configuration is return { targets = { ... }, probes = { ... } }"},
    {"local x = nil\nreturn x.y", "moon.lua:2: attempt to index local 'x' (a nil value)"},
    {"return io.open('x')", "moon.lua:1: attempt to index global 'io' (a nil value)"},
    {"return require 'x'", "moon.lua:1: attempt to call global 'require' (a nil value)"},
    {"error({})", "moon.lua: raised a table instead of a message"},
    {"return {\n  " AUTH "  tagets = {},\n}", "moon.lua:3: tagets: unknown key; is it targets?"},
    {"return { 7 }", "moon.lua:1: [1]: a key is expected: name = value"},
    {"return { zzzzzz = 1 }", "moon.lua:1: zzzzzz: unknown key"},
    {"return { [true] = 1 }", "moon.lua:1: a key is a boolean"},
    {"return { auth = 1 }", "moon.lua:1: auth: a table of credentials is expected, not a number"},
    {"return {\n auth = {\n  ops = { community = {} } } }",
     "moon.lua:3: auth.ops.community: a string, file\"...\" or env\"...\" is expected, not a table"},
    {"return { auth = { ops = {} } }", "moon.lua:1: auth.ops: community is missing"},
    {"return { auth = { ops = { community = '' } } }", "moon.lua:1: auth.ops.community: is empty"},
    {"return { auth = { ops = { community = ('" SECRET "'):rep(50) } } }",
     "moon.lua:1: auth.ops.community: is longer than 255 octets"},
    {"return { auth = { ops = { version = 4 } } }", "moon.lua:1: auth.ops.version: 1, \"2c\" or 3 is expected"},
    {"return { auth = {\n ops = { version = 3 } } }", "moon.lua:2: auth.ops.user: is missing"},
    {"return { auth = {\n ops = { user = 'u', auth = 'SHA-255',\n auth_pass = '" SECRET "' } } }",
     "moon.lua:2: auth.ops.auth: no such protocol; is it SHA-256?"},
    {"return { auth = {\n ops = { user = 'u', auth = 'SHA',\n auth_pass = 's3ntine' } } }",
     "moon.lua:3: auth.ops.auth_pass: a password has 8 characters or more, RFC 3414 11.2"},
    {"return { auth = {\n ops = { user = 'u', auth = 'SHA',\n auth_pass = 5 } } }",
     "moon.lua:3: auth.ops.auth_pass: a string, file\"...\" or env\"...\" is expected, not a number"},
    {"return { auth = { ops = { user = 'u', comunity = '" SECRET "' } } }", "moon.lua:1: auth.ops.comunity: unknown key; is it community?"},
    {"return { auth = { ops = { user = 'u', auth_password = '" SECRET "' } } }", "moon.lua:1: auth.ops.auth_password: unknown key"},
    {"return { auth = { ops = { user = 'u', auth_past = '" SECRET "' } } }", "moon.lua:1: auth.ops.auth_past: unknown key; is it auth_pass?"},
    {"return { auth = { ops = { user = 'u', community = '" SECRET "' } } }",
     "moon.lua:1: auth.ops.community: is of version 1 and 2c; version 3 has user"},
    {"return { auth = { ops = { version = 1, community = '" SECRET "', auth_pass = '" SECRET "' } } }",
     "moon.lua:1: auth.ops.auth_pass: is of version 3"},
    {"return { auth = { ops = { comunity = '" SECRET "' } } }", "moon.lua:1: auth.ops.comunity: unknown key; is it community?"},
    {"return { auth = { ops = {\n  community = file 'none.txt' } } }",
     "moon.lua:2: file \"none.txt\": No such file or directory"},
    {"return { auth = { ops = { community = env 'MOON_NOT_SET' } } }", "moon.lua:1: env \"MOON_NOT_SET\": not set"},
    {"error(tostring(file 'secret.txt'))", "moon.lua:1: file \"secret.txt\""},
    {"return file('secret.txt') + 1",
     "moon.lua:1: attempt to perform arithmetic on a userdata value"},
    {"return { workers = 'two' }", "moon.lua:1: workers: a number is expected, not a string"},
    {"return { workers = 0 }", "moon.lua:1: workers: 0 is not from 1 to 64"},
    {"return { workers = 1.5 }", "moon.lua:1: workers: 1.5 is no whole number"},
    {"return { workers = 0/0 }", "moon.lua:1: workers: -nan is not from 1 to 64"},
    {"return { grace = -1 }", "moon.lua:1: grace: -1 is not from 0 to 3600"},
    {"return { rollout = 5 }", "moon.lua:1: rollout: a table is expected, not a number"},
    {"return { rollout = { step = {} } }", "moon.lua:1: rollout.step: unknown key; is it steps?"},
    {"return { rollout = { steps = {} } }", "moon.lua:1: rollout.steps: 1 to 16 per cents are expected"},
    {"return { rollout = {\n steps = { 10, 5, 100 } } }", "moon.lua:2: rollout.steps[2]: a whole per cent over 10 is expected, at most 100"},
    {"return { rollout = { steps = { 10, 50 } } }", "moon.lua:1: rollout.steps: the last one is 50, not 100"},
    {"return { rollout = { samples = 1 } }", "moon.lua:1: rollout.samples: 1 is not from 0 to 0.95"},
    {"return { rollout = { time = 1 } }", "moon.lua:1: rollout.time: 1 is not from 1.1 to 1000"},
    {"return { request = {\n retrys = 1 } }", "moon.lua:2: request.retrys: unknown key; is it retries?"},
    {"return { request = {\n timeout = 0 } }", "moon.lua:2: request.timeout: 0 is not from 0.001 to 3600"},
    {"return { resolver = { server = '127.0.0.1' } }", "moon.lua:1: resolver.server: unknown key; is it servers?"},
    {"return { resolver = { servers = 'ns1.example.net' } }", "moon.lua:1: resolver.servers: \"ns1.example.net\" is no address of a name server"},
    {"return { resolver = { servers = {} } }", "moon.lua:1: resolver.servers: is empty"},
    {"return { resolver = { family = 5 } }", "moon.lua:1: resolver.family: 4 or 6 is expected, not 5"},
    {"return { resolver = { timeout = 0 } }", "moon.lua:1: resolver.timeout: 0 is not from 0.01 to 60"},
    {"return { limits = { max_coroutine = 1 } }", "moon.lua:1: limits.max_coroutine: unknown key; is it max_coroutines?"},
    {"return { loop = 'libevent' }", "moon.lua:1: loop: unknown loop \"libevent\"; is it libev?"},
    {"return { outputs = { 'jsn' } }", "moon.lua:1: outputs: unknown output \"jsn\"; is it json?"},
    {"return { outputs = 'xmlrpc' }", "moon.lua:1: outputs: unknown output \"xmlrpc\"; there are json, table, null"},
    {"return { outputs = { a = 'json' } }", "moon.lua:1: outputs: a list of strings is expected, without names and gaps"},
    {"return {" AUTH "}", "moon.lua: no probes"},
    {"return {" AUTH "probes = { 'p.lua' } }", "moon.lua: no targets"},
    {"return {" AUTH "probes = { {} } }", "moon.lua:2: probes[1]: file is missing"},
    {"return {" AUTH "probes = { { file = 'none.lua' } } }", "moon.lua:2: probes[1]: none.lua: No such file or directory"},
    {"return {" AUTH "probes = { 'lib' } }", "moon.lua:2: probes[1]: lib: Is a directory"},
    {"return {" AUTH "probes = { 'p.lua', { file = 'p.lua' } } }",
     "p.lua: a probe is named \"p\" already (p.lua): give one of them a name"},
    {"return {" AUTH "probes = { { file = 'p.lua', evry = 1 } } }", "moon.lua:2: probes[1].evry: unknown key; is it every?"},
    {"return {" AUTH "probes = { { file = 'p.lua', match = '1.3.x' } } }", "moon.lua:2: probes[1].match: \"1.3.x\" is no OID, by number or by name"},
    {"return {" AUTH "probes = { { file = 'p.lua',\n jobs = { poll = { every = 1 } } } } }",
     "moon.lua:2: probes[1]: jobs.poll: p.lua has no such job"},
    {"return {" AUTH "probes = { { file = 'p.lua', args = { a = {} } } } }",
     "moon.lua:2: probes[1].args.a: a string, a number or a boolean is expected, not a table"},
    {"return {" AUTH "probes = { 'p.lua' },\n targets = 'x' }", "moon.lua:3: targets: a list of targets is expected, not a string"},
    {"return {" AUTH "probes = { 'p.lua' },\n targets = {\n 'a..b' } }",
     "moon.lua:4: targets[1]: \"a..b\": neither an address nor a host name"},
    {"return {" AUTH "probes = { 'p.lua' }, targets = { '127.0.0.1',\n { host = '127.0.0.2', auth = 'opps' } } }",
     "moon.lua:3: targets[2].auth: no credential named \"opps\"; there are \"ops\""},
    {"return {" AUTH "probes = { 'p.lua' }, targets = { { host = 'a', hosts = { 'b' } } } }",
     "moon.lua:2: targets[1]: one of host, hosts and file is expected"},
    {"return {" AUTH "probes = { 'p.lua' }, targets = { { host = 'a', source = 'eth0' } } }",
     "moon.lua:2: targets[1].source: \"eth0\" is no address"},
    {"return {" AUTH "probes = { 'p.lua' }, targets = { { host = 'a', source = '127.0.0.1:99' } } }",
     "moon.lua:2: targets[1].source: \"127.0.0.1:99\" is no address without a port"},
    {"return {" AUTH "probes = { 'p.lua' }, targets = { { host = 'a', source = '192.0.2.99' } } }",
     "moon.lua:2: targets[1].source: \"192.0.2.99\": Cannot assign requested address"},
    {"return {" AUTH "probes = { 'p.lua' }, targets = { { host = 'a', labels = { ['a-b'] = 'x' } } } }",
     "moon.lua:2: targets[1].labels: \"a-b\" is no name of a label"},
    {"return {" AUTH "probes = { 'p.lua' }, targets = { { host = 'a', labels = { a = {} } } } }",
     "moon.lua:2: targets[1].labels.a: a string is expected, not a table"},
    {"return {" AUTH "probes = { 'p.lua' }, targets = { { file = 'none.json' } } }",
     "moon.lua:2: targets[1]: none.json: No such file or directory"},
    {"return {" AUTH "probes = { 'p.lua' }, targets = { { host = '127.0.0.1', name = 'a' }, { host = '127.0.0.2', name = 'a' } } }",
     "moon.lua:2: targets[2]: the name a is taken by 127.0.0.1: two agents cannot share one"},
    {"return { probes = { 'p.lua' }, targets = { '127.0.0.1' } }",
     "moon.lua:1: targets[1]: no credentials: there are none in `auth` of moon.lua, as auth = { ops = { version = \"2c\", "
     "community = env \"COMMUNITY\" } }; or give -c COMMUNITY"},
    {"return { auth = { a = { community = '" SECRET "' }, b = { community = '" SECRET "' } },\nprobes = { 'p.lua' },\n"
     "targets = { '127.0.0.1' } }", "moon.lua:3: targets[1]: auth is missing: one of \"a\", \"b\""},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) { refuse(CASES[i].config, CASES[i].want); }
}

static void probe_errors(void **state) {
  (void)state;
  static const struct { const char *probe, *want; } CASES[] = {
    {"local a\nlocal b\nx foo", "sub/x.lua:3: '=' expected near 'foo'"},
    {"", "sub/x.lua:1: returns no table: a probe ends with return { run = function(device, out) ... end }"},
    {"local function f() return {} end\n-- return\nreturn\n'x'",
     "sub/x.lua:3: returns no table: a probe ends with return { run = function(device, out) ... end }"},
    {"return {}", "sub/x.lua:1: run is missing"},
    {"local t = {}\nreturn {\n  every = 5,\n}", "sub/x.lua:2: run is missing"},
    {"local t = {}\nreturn t", "sub/x.lua: run is missing"},
    {"return {\n run = 1 }", "sub/x.lua:2: run: a function is expected, not a number"},
    {"return {\n run = function() end,\n evry = 1 }", "sub/x.lua:3: evry: unknown key; is it every?"},
    {"return { every = '30', run = function() end }", "sub/x.lua:1: every: a number is expected, not a string"},
    {"return { every = -1, run = function() end }", "sub/x.lua:1: every: -1 is not from 0 to 31622400"},
    {"return { timeout = 0, run = function() end }", "sub/x.lua:1: timeout: 0 is not from 0.01 to 31622400"},
    {"return { atomic = 1, run = function() end }", "sub/x.lua:1: atomic: true or false is expected, not a number"},
    {"return { run = function() end,\njobs = {} }", "sub/x.lua:2: jobs: either run or jobs, not both"},
    {"return {\njobs = {} }", "sub/x.lua:2: jobs: has no job in it"},
    {"return { jobs = {\n poll = {} } }", "sub/x.lua:2: jobs.poll: run is missing"},
    {"return { jobs = {\n poll = { run = function() local t = { a = 1, 2 } if t then return end end,\n evry = 1 } } }",
     "sub/x.lua:3: jobs.poll.evry: unknown key; is it every?"},
    {"return { jobs = { ['a b'] = {} } }", "sub/x.lua:1: jobs: a job has a name of letters, digits, _ and -"},
    {"return { run = function() end, match = { '1.3', 'x' } }", "sub/x.lua:1: match: \"x\" is no OID, by number or by name"},
    {"return { run = function() end, metrics = { a = { type = 'count' } } }",
     "sub/x.lua:1: metrics.a: type is counter, gauge, info, state or event, not \"count\""},
    {"return { run = function() end, limits = { max_child = 1 } }",
     "sub/x.lua:1: limits.max_child: unknown key; is it max_children?"},
    {"return { run = function() end, name = 'a b' }", "sub/x.lua: name: 1 to 64 characters without blanks"},
    {"local x = require 'none'", "sub/x.lua:1: module 'none' not found: no sub/none.lua"},
    {"local x = require '../p'", "sub/x.lua:1: module '../p': a name is letters, digits, _ and -, joined by dots"},
    {"local x = require 'ffi'", "sub/x.lua:1: module 'ffi' not found: no sub/ffi.lua"},
    {"return os.execute('true')", "sub/x.lua:1: attempt to call field 'execute' (a nil value)"},
    {"return ('x').dump(print)", "sub/x.lua:1: attempt to call field 'dump' (a nil value)"},
    {"local e = {} local _, raised = pcall(assert, nil, e, 5) error(raised == e and 'the second' or 'another')", "sub/x.lua:1: the second"},
    {"assert(false, 'why')", "sub/x.lua:1: why"},
    {"assert(nil)", "sub/x.lua:1: assertion failed!"},
    {"error(select('#', assert(1, nil, 3)))", "sub/x.lua:1: 3"},
    {"getmetatable('').__index.rep = nil", "sub/x.lua:1: attempt to index a boolean value"},
    {"return load('return 1')()", "sub/x.lua:1: attempt to call global 'load' (a nil value)"},
    {"local snmp = require 'moonpoll'\nlocal x = snmp.index{'int'} .. 'a'\nsnmp.x.y = 1\nreturn { every = snmp.what.every }",
     "sub/x.lua:4: every: a number is expected, not a userdata"},
    {"local snmp = require 'moonpoll'\nlocal IF = snmp.mib 'NO-SUCH-MIB'\nreturn {}",
     "sub/x.lua:2: no MIB module 'NO-SUCH-MIB' is known; moonpoll mib add FILE makes one known"},
    {"local IF = require('moonpoll').mib 'IF-MIB'\nreturn { x = IF.ifDescr, y = IF.ifDexcr }", "sub/x.lua:2: IF-MIB has no 'ifDexcr'; is it ifDescr?"},
    {"\x1bLJ\x02", "sub/x.lua: bytecode is not loaded, only text"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) { refuse_probe(CASES[i].probe, CASES[i].want); }
  put("sub/broken.lua", "local a = = 1");
  refuse_probe("require 'broken'", "sub/broken.lua:1: unexpected symbol near '='");
  refuse_probe("return { run = function() require('broken') end }", "sub/broken.lua:1: unexpected symbol near '='");
  put("sub/raises.lua", "error 'no'");
  refuse_probe("require 'raises'", "sub/raises.lua:1: no");
  put("sub/a.lua", "require 'b'");
  put("sub/b.lua", "return require 'a'");
  refuse_probe("require 'a'", "sub/x.lua: module 'a' requires itself");
  put("outside.lua", "return 1");
  assert_int_equal(symlink("../outside.lua", "sub/leads_out.lua"), 0);
  refuse_probe("require 'leads_out'", "sub/x.lua:1: module 'leads_out': sub/leads_out.lua leads out of the directory of the probe");
  (void)mkdir("bus", 0700);
  put("bus/outside.lua", "return 1"); /* a neighbour whose name is as long */
  assert_int_equal(symlink("../bus/outside.lua", "sub/leads_aside.lua"), 0);
  refuse_probe("require 'leads_aside'", "sub/x.lua:1: module 'leads_aside': sub/leads_aside.lua leads out of the directory of the probe");
  assert_int_equal(symlink("/etc", "sub/etc"), 0);
  refuse_probe("local x = require 'etc.passwd'", "sub/x.lua:1: module 'etc.passwd' not found: no sub/etc/passwd.lua");
  for (const char *const *n = (const char *const[]){"..outside", "/etc/passwd", "../outside", "a/b", "a..b", "", NULL}; *n; n++) {
    char script[64], what[160];
    snprintf(script, sizeof script, "local x = require '%s'", *n);
    snprintf(what, sizeof what, "sub/x.lua:1: module '%s': a name is letters, digits, _ and -, joined by dots", *n);
    refuse_probe(script, what);
  }
  refuse_probe("local s = ('x'):rep(16e6) local t = {} for i = 1, 1e9 do t[i] = s .. i end", "sub/x.lua: not enough memory");
  refuse_probe("while true do end", "sub/x.lua:1: still running after 2 s: loading a file only describes it");
}

static void long_paths_are_whole(void **state) {
  (void)state;
  char error[1024], path[200] = "./";
  struct moon_load_options o = said_nothing();
  const char *probes[] = {path}, *targets[] = {"127.0.0.1"};
  for (int i = 0; i < 15; i++) { strcat(path, "lib/.././"); }
  strcat(path, "long.lua");
  put("long.lua", "x y");
  o.probes = probes;
  o.targets = targets;
  o.n_probes = o.n_targets = 1;
  o.community = SECRET;
  assert_null(load(&o, error));
  assert_memory_equal(error, path, strlen(path));
  assert_string_equal(error + strlen(path), ":1: '=' expected near 'y'");
}

static const char FULL[] =
  "return {\n"
  "  auth = { ops = { version = '2c', community = file 'secret.txt' }, legacy = { version = 1, community = env 'MOON_TEST_COMMUNITY' },\n"
  "           both = { community = env 'MOON_TEST_COMMUNITY' .. '-x' },\n"
  "    v3 = { user = 'ops', auth = 'SHA', auth_pass = file 'secret.txt', priv = 'AES-256', priv_pass = env 'MOON_TEST_COMMUNITY',\n"
  "      context = 'vlan-7', engine_id = '80001f8804', time_policy = 'strict' },\n"
  "    v3keys = { version = '3', user = 'u', auth = 'MD5', auth_localized_key = '000102030405060708090a0b0c0d0e0f', level = 'authNoPriv',\n"
  "      context_engine_id = '0x8000000001' } },\n"
  "  targets = { { file = 'sub/t.txt', auth = { 'ops', 'legacy' }, labels = { site = 'lab', rack = 7 }, port = 1161 },\n"
  "    { file = 'sub/t.json', auth = 'both', source = '127.0.0.1', strict_source = true },\n"
  "    { host = '127.0.0.9', name = 'nine', auth = 'ops' }, { hosts = { '127.0.0.9:161', '::1' }, auth = 'ops' } },\n"
  "  probes = { { file = 'sub/jobs.lua', every = 5, args = { a = 1, b = 'x', c = true }, match = 'SNMPv2-SMI::enterprises.9' },\n"
  "    { file = 'p.lua', name = 'other', every = 60, timeout = 7, trusted = true, allow_set = true,\n"
  "      allow_oids = { 'SNMPv2-SMI::mib-2', '.1.3.6.1.4.1' }, allow_targets = 'core*' } },\n"
  "  request = { timeout = 0.5, retries = 3, per_device = 4, breaker_after = 0, packets_per_s = 9 },\n"
  "  limits = { max_coroutines = 10, max_in_flight = 20, max_children = 5, packets_per_s = 30, cpu_ms = 40,\n"
  "    memory_mb = 8, max_requests = 100, max_rows = 200, max_samples = 300, max_log_lines = 4 },\n"
  "  outputs = { 'json', 'null', 'json' }, workers = 2, grace = 1.5, rollout = { steps = { 10, 100 }, above = 7, failures = 0.1 }, loop = 'epoll', run_dir = '/tmp/x', engine_cache = false,\n"
  "}\n";

static void put_full(void) {
  put("moon.lua", FULL);
  put("sub/t.txt", "\xef\xbb\xbf# hosts\r\n10.0.0.1 device=core1 rack=\"a b\"  # first\r\n\r\n10.0.0.2:162\tauth=legacy\n10.0.0.1 x=y device=core1");
  put("sub/t.json", "[{\"targets\": [\"10.1.0.1:161\", \"[fe80::1]:1\"], \"labels\": {\"job\": \"snmp\", \"__meta_x\": \"1\"}},\n"
                    "{\"targets\": [\"10.1.0.2\"], \"labels\": {\"__param_auth\": \"legacy,ops\", \"device\": \"dev\"}}, {\"targets\": []}]");
  put("sub/jobs.lua", "local m = require 'lib.m' local args = ...\nassert(args.a == '1' and args.c == 'true' and m.n == 3)\n"
                      "return { timeout = 9, jobs = { poll = { every = 30, run = function() return require('late') end },\n"
                      "pick = { every = 86400, timeout = 300, atomic = true, run = function() end } }, match = { 'SNMPv2-SMI::enterprises.8', 'IF-MIB::ifMIB' },\n"
                      "limits = { max_children = 3, cpu_ms = 60, memory_mb = 9, max_rows = 20 } }\n");
  (void)mkdir("sub/lib", 0700);
  put("sub/lib/m.lua", "local m2 = require 'lib.m2' assert(m2 == true) return { n = 3 }");
  put("sub/lib/m2.lua", "assert(... == 'lib.m2')");
  put("sub/late.lua", "return 1");
}

static void expect_ku(const struct moon_key *key, enum moon_auth auth, const char *password) {
  struct moon_crypto *crypto = NULL;
  struct moon_key want;
  assert_int_equal(moon_crypto_new(0, &crypto), MOON_OK);
  assert_int_equal(moon_key_from_password(crypto, auth, (const uint8_t *)password, strlen(password), &want), MOON_OK);
  moon_crypto_free(crypto);
  assert_int_equal(key->len, want.len);
  assert_memory_equal(key->octets, want.octets, want.len);
}

static void expect_users(const struct moon_plan *p) {
  const struct moon_credential *c = &p->credentials[3], *k = &p->credentials[4];
  assert_string_equal(c->name, "v3");
  assert_int_equal(c->version, MOON_V3);
  assert_int_equal(c->level, MOON_V3_LEVEL);
  assert_int_equal(c->auth, MOON_AUTH_SHA1);
  assert_int_equal(c->priv, MOON_PRIV_AES256);
  assert_true(c->priv_either);
  assert_int_equal(c->time_policy, MOON_TIME_STRICT);
  assert_int_equal(c->user_len, 3);
  assert_memory_equal(c->user, "ops", 3);
  assert_int_equal(c->context_len, 6);
  assert_memory_equal(c->context, "vlan-7", 6);
  assert_int_equal(c->engine_id_len, 5);
  assert_int_equal(c->context_engine_id_len, 0);
  expect_ku(&c->auth_key, MOON_AUTH_SHA1, SECRET);
  expect_ku(&c->priv_key, MOON_AUTH_SHA1, SECRET "-env");
  assert_int_equal(k->level, MOON_V3_AUTH);
  assert_true(k->auth_localized);
  assert_int_equal(k->auth_key.len, 16);
  assert_int_equal(k->auth_key.octets[15], 15);
  assert_int_equal(k->context_engine_id_len, 5);
  assert_int_equal(k->community_len, 0);
}

static void everything(void **state) {
  (void)state;
  char error[1024];
  struct moon_load_options o = said_nothing();
  o.config = "moon.lua";
  put_full();
  struct moon_plan *p = load(&o, error);
  assert_string_equal(error, "");
  assert_non_null(p);
  assert_int_equal(p->n_credentials, 5);
  assert_string_equal(p->credentials[0].name, "both");
  assert_string_equal(p->credentials[1].name, "legacy");
  assert_int_equal(p->credentials[1].version, MOON_V1);
  assert_int_equal(p->credentials[1].community_len, strlen(SECRET "-env"));
  assert_int_equal(p->credentials[2].version, MOON_V2C);
  assert_int_equal(p->credentials[2].community_len, strlen(SECRET));
  assert_memory_equal(p->credentials[2].community, SECRET, strlen(SECRET));
  assert_int_equal(p->credentials[0].community_len, strlen(SECRET "-env-x"));
  expect_users(p);

  assert_int_equal(p->n_targets, 8);
  const struct moon_plan_target *t = p->targets;
  assert_string_equal(t[0].name, "core1");
  assert_string_equal(t[0].host, "10.0.0.1");
  assert_int_equal(t[0].addr.port, 1161);
  assert_int_equal(t[0].n_labels, 2);
  expect_label(&t[0], 0, "rack", "a b");
  expect_label(&t[0], 1, "site", "lab");
  assert_int_equal(t[0].n_credentials, 2);
  assert_int_equal(t[0].credentials[0], 2);
  assert_int_equal(t[0].credentials[1], 1);
  assert_string_equal(t[1].name, "10.0.0.2:162");
  assert_int_equal(t[1].addr.port, 162);
  assert_int_equal(t[1].n_credentials, 1);
  assert_int_equal(t[1].credentials[0], 1);
  expect_label(&t[1], 0, "rack", "7");
  assert_string_equal(t[2].name, "10.1.0.1:161");
  assert_int_equal(t[2].source.family, 4);
  assert_true(t[2].strict_source);
  assert_int_equal(t[2].n_labels, 1);
  expect_label(&t[2], 0, "job", "snmp");
  assert_int_equal(t[3].addr.family, 6);
  assert_int_equal(t[3].addr.port, 1);
  assert_string_equal(t[4].name, "dev");
  assert_int_equal(t[4].n_credentials, 2);
  assert_int_equal(t[4].n_labels, 0);
  assert_string_equal(t[5].name, "nine");
  assert_string_equal(t[7].name, "::1");

  assert_int_equal(p->n_probes, 2);
  const struct moon_plan_probe *b = p->probes;
  assert_string_equal(b[0].name, "jobs");
  assert_int_equal(b[0].n_sources, 4);
  assert_string_equal(b[0].sources[0].name, "jobs");
  assert_string_equal(b[0].sources[0].path, "sub/jobs.lua");
  assert_string_equal(b[0].sources[1].name, "lib.m");
  assert_string_equal(b[0].sources[1].path, "sub/lib/m.lua");
  assert_string_equal(b[0].sources[2].name, "lib.m2");
  assert_string_equal(b[0].sources[3].name, "late");
  assert_int_equal(b[0].sources[3].len, 8);
  assert_memory_equal(b[0].sources[3].text, "return 1", 8);
  assert_int_equal(b[0].n_jobs, 2);
  assert_string_equal(b[0].jobs[0].name, "pick");
  assert_true(b[0].jobs[0].every_s == 86400 && b[0].jobs[0].timeout_s == 300 && b[0].jobs[0].atomic);
  assert_true(b[0].jobs[1].every_s == 5 && b[0].jobs[1].timeout_s == 9 && !b[0].jobs[1].atomic);
  assert_int_equal(b[0].n_args, 3);
  assert_string_equal(b[0].args[2].value, "true");
  assert_int_equal(b[0].n_match, 1);
  assert_string_equal(b[0].match[0], "1.3.6.1.4.1.9");
  assert_int_equal(b[0].max_children, 3);
  assert_int_equal(b[0].cpu_ms, 40); /* its own 60 would be more */
  assert_true(b[0].memory_mb == 8 && b[0].max_requests == 100 && b[0].max_rows == 20 && b[0].max_samples == 300 && b[0].max_log_lines == 4);
  assert_true(b[0].n_allow_oids == 0 && b[0].n_allow_targets == 0);
  assert_int_equal(b[1].n_allow_oids, 2);
  assert_string_equal(b[1].allow_oids[0], "1.3.6.1.2.1");
  assert_string_equal(b[1].allow_oids[1], "1.3.6.1.4.1");
  assert_int_equal(b[1].n_allow_targets, 1);
  assert_string_equal(b[1].allow_targets[0], "core*");
  assert_false(b[0].trusted || b[0].allow_set);
  assert_string_equal(b[1].name, "other");
  assert_true(b[1].jobs[0].every_s == 60 && b[1].jobs[0].timeout_s == 7 && b[1].trusted && b[1].allow_set);
  assert_string_equal(b[1].jobs[0].name, "");
  assert_null(b[1].match);
  assert_int_equal(b[1].max_children, 5);
  assert_true(b[0].version != b[1].version);

  assert_int_equal(p->policy.timeout_us, 500000);
  assert_int_equal(p->policy.retries, 3);
  assert_int_equal(p->policy.window, 4);
  assert_int_equal(p->policy.breaker_after, 0);
  assert_int_equal(p->policy.packets_per_s, 9);
  assert_int_equal(p->max_coroutines, 10);
  assert_int_equal(p->max_in_flight, 20);
  assert_int_equal(p->max_children, 5);
  assert_int_equal(p->cpu_ms, 40);
  assert_int_equal(p->packets_per_s, 30);
  assert_int_equal(p->workers, 2);
  assert_true(p->grace_s == 1.5 && !p->once);
  assert_true(p->steps.n == 2 && p->steps.at[0] == 10 && p->steps.at[1] == 100 && p->steps.above == 7 && p->steps.failures == 0.1);
  assert_true(p->steps.runs == 2 && p->steps.time == 2);
  assert_string_equal(p->loop, "epoll");
  assert_string_equal(p->run_dir, "/tmp/x");
  assert_string_equal(p->engine_cache, "");
  assert_int_equal(p->n_outputs, 2);
  assert_string_equal(p->outputs[1], "null");
  assert_int_equal(p->n_warnings, 4);
  assert_string_equal(p->warnings[0], "sub/jobs.lua:5: limits: lowered to what the configuration allows: cpu_ms 60 to 40, memory_mb 9 to 8");
  assert_string_equal(p->warnings[1], "sub/t.txt:5: core1 is there already; the first one holds");
  char families[128];
  snprintf(families, sizeof families, "%s: source is an IPv4 address, its own is IPv6: not used for it", t[3].name);
  assert_string_equal(p->warnings[2], families);
  assert_string_equal(p->warnings[3], "nine and 127.0.0.9:161 are the same agent, 127.0.0.9:161");
  moon_plan_free(p);
}

static void command_line(void **state) {
  (void)state;
  char error[1024];
  struct moon_load_options o = said_nothing();
  const char *probes[] = {"p.lua"}, *targets[] = {"udp:127.0.0.1:1161,localhost", "127.0.0.3"}, *outputs[] = {"table"};
  const struct moon_pair args[] = {{"k", "v"}};
  o.config = "moon.lua";
  o.probes = probes;
  o.n_probes = 1;
  o.targets = targets;
  o.n_targets = 2;
  o.args = args;
  o.n_args = 1;
  o.outputs = outputs;
  o.n_outputs = 1;
  o.version = "1";
  o.community = SECRET;
  o.timeout_s = 0.1;
  o.every_s = 3;
  o.engine_cache = "none";
  o.retries = 0;
  o.workers = 3;
  o.once = true;
  put("moon.lua", "return { auth = { a = { community = 'a' }, b = { community = 'b' } }, outputs = 'json', workers = 2,\n"
                  "targets = { { host = '127.0.0.8', auth = 'b' }, '127.0.0.7' }, request = { retries = 5 } }");
  struct moon_plan *p = load(&o, error);
  assert_string_equal(error, "");
  assert_int_equal(p->n_targets, 5);
  assert_string_equal(p->credentials[p->targets[0].credentials[0]].name, "b");
  assert_string_equal(p->credentials[p->targets[1].credentials[0]].name, "command line");
  assert_string_equal(p->targets[2].name, "udp:127.0.0.1:1161");
  assert_int_equal(p->targets[2].addr.port, 1161);
  assert_string_equal(p->targets[3].name, "localhost");
  assert_string_equal(p->targets[3].lookup, "localhost");
  assert_int_equal(p->targets[3].addr.port, 161);
  assert_int_equal(p->credentials[p->targets[3].credentials[0]].version, MOON_V1);
  assert_int_equal(p->policy.timeout_us, 100000);
  assert_true(p->policy.rto_floor_us <= p->policy.timeout_us);
  assert_int_equal(p->policy.retries, 0);
  assert_int_equal(p->workers, 3);
  assert_true(p->once && p->probes[0].jobs[0].every_s == 3);
  assert_string_equal(p->engine_cache, "");
  assert_int_equal(p->n_outputs, 1);
  assert_string_equal(p->outputs[0], "table");
  assert_string_equal(p->probes[0].args[0].value, "v");
  moon_plan_free(p);

  o.community = NULL;
  assert_null(load(&o, error));
  assert_string_equal(error, "-v 1: no community name given: -c COMMUNITY");
  o.config = NULL;
  p = load(&o, error);
  assert_string_equal(error, "");
  assert_int_equal(p->credentials[0].version, MOON_V1);
  assert_memory_equal(p->credentials[0].community, "public", 6);
  moon_plan_free(p);
  o.version = "3";
  assert_null(load(&o, error));
  assert_string_equal(error, "-u: is missing");
  struct moon_login login = {.part = {[MOON_LOGIN_NAME] = {"ops", 3}, [MOON_LOGIN_AUTH_PASS] = {SECRET, strlen(SECRET)}}};
  o.login = &login;
  o.version = NULL; /* is told by the user */
  p = load(&o, error);
  assert_string_equal(error, "");
  assert_int_equal(p->credentials[0].auth, MOON_AUTH_MD5); /* net-snmp's */
  expect_ku(&p->credentials[0].auth_key, MOON_AUTH_MD5, SECRET);
  moon_plan_free(p);
  login.part[MOON_LOGIN_PRIV_PASS] = (struct moon_text){SECRET, 7};
  assert_null(load(&o, error));
  assert_string_equal(error, "-X: a password has 8 characters or more, RFC 3414 11.2");
  o.version = "2c";
  assert_null(load(&o, error));
  assert_string_equal(error, "-v 2c: -u and what goes with it are of version 3");
  o.version = "3";
  o.community = SECRET;
  assert_null(load(&o, error));
  assert_string_equal(error, "-c: is of version 1 and 2c; version 3 has -u");
  o.login = NULL;
  o.version = NULL;
  o.community = SECRET;
  outputs[0] = "influx";
  assert_null(load(&o, error));
  assert_string_equal(error, "-o: unknown output \"influx\"; there are json, table, null");
}

/* The way the program goes: through a child and a pipe. */
static void through_a_child(void **state) {
  (void)state;
  char error[1024] = "";
  struct moon_load_options o = said_nothing();
  struct moon_plan *p = NULL;
  o.config = "moon.lua";
  put_full();
  assert_int_equal(moon_load(&o, &p, error, sizeof error), MOON_OK);
  assert_int_equal(p->n_targets, 8);
  assert_memory_equal(p->credentials[2].community, SECRET, strlen(SECRET));
  moon_plan_free(p);
  put("moon.lua", "return { auth = { a = { community = '" SECRET "', x = 1 } } }");
  assert_int_equal(moon_load(&o, &p, error, sizeof error), MOON_E_CONFIG);
  assert_string_equal(error, "moon.lua:1: auth.a.x: unknown key");
  /* Callbacks of gsub nested without end would overflow the C stack. */
  put("moon.lua", "local function f() return (('x'):gsub('x', f)) end f()");
  assert_int_equal(moon_load(&o, &p, error, sizeof error), MOON_E_CONFIG);
  assert_string_equal(error, "moon.lua:1: C stack overflow");
}

/* A last line without an end may be half of one a moment after it was written, not before that, and not by the clock of another day. */
static void a_line_without_an_end(void **state) {
  static const time_t ago[] = {0, 60, 0, -3600};
  (void)state;
  for (size_t i = 0; i < sizeof ago / sizeof *ago; i++) {
    char error[1024] = "";
    struct moon_load_options o = said_nothing();
    o.config = "lines.lua";
    o.again = true;
    put("lines.lua", "return { auth = { a = { community = 'x' } }, targets = { { file = 'lines.txt', auth = 'a' } }, probes = { 'p.lua' } }");
    put("lines.txt", "10.0.0.1\n10.0.0.12");
    const struct timespec times[2] = {{.tv_sec = time(NULL) - ago[i]}, {.tv_sec = time(NULL) - ago[i]}};
    assert_int_equal(utimensat(AT_FDCWD, "lines.txt", times, 0), 0);
    struct moon_plan *p = load(&o, error);
    assert_string_equal(error, "");
    assert_int_equal(p->unsettled, i % 2 == 0);
    assert_int_equal(p->n_targets, i % 2 ? 2 : 0);
    moon_plan_free(p);
  }
}

static void told(void *arg, uint32_t made, uint32_t n) {
  assert_true(made <= n);
  *(uint32_t *)arg = n;
}

/* Hundreds of users, each with passwords of his own: told when it takes long, and found by their names. */
static void hundreds_of_users(void **state) {
  (void)state;
  enum { USERS = 600 };
  char error[1024] = "", name[16], password[32];
  struct moon_load_options o = said_nothing();
  struct moon_plan *p = NULL;
  uint32_t n = 0;
  o.config = "users.lua";
  o.progress = told;
  o.progress_arg = &n;
  put("users.lua", "local auth, targets = {}, {}\nfor i = 1, 600 do\n  local name = ('u%03d'):format(i)\n"
                   "  auth[name] = { user = name, auth = 'SHA-512', auth_pass = 'password-' .. i, priv = 'AES', priv_pass = 'password-' .. i % 7 }\n"
                   "  targets[i] = { host = '10.0.1.1', name = 't' .. i, auth = name }\nend\n"
                   "return { auth = auth, targets = targets, probes = { 'p.lua' } }");
  assert_int_equal(moon_load(&o, &p, error, sizeof error), MOON_OK);
  assert_int_equal(p->n_credentials, USERS);
  for (uint32_t i = 0; i < USERS; i += 97) {
    const struct moon_credential *c = &p->credentials[p->targets[i].credentials[0]];
    (void)snprintf(name, sizeof name, "u%03u", (unsigned)i + 1);
    assert_string_equal(c->name, name);
    (void)snprintf(password, sizeof password, "password-%u", (unsigned)i + 1);
    expect_ku(&c->auth_key, MOON_AUTH_SHA512, password);
    (void)snprintf(password, sizeof password, "password-%u", (unsigned)(i + 1) % 7);
    expect_ku(&c->priv_key, MOON_AUTH_SHA512, password);
  }
  if (n) { assert_int_equal(n, USERS + 1); } /* password-1 to -6 are authentication passwords, too */
  moon_plan_free(p);
}

static void hostile_plans(void **state) {
  (void)state;
  struct moon_load_options o = said_nothing();
  struct moon_draft d;
  struct moon_plan *p;
  uint8_t *packed;
  size_t n;
  o.config = "moon.lua";
  put_full();
  moon_draft_init(&d, &o);
  assert_int_equal(moon_draft_make(&d), MOON_OK);
  assert_int_equal(moon_pack(&d.plan, &packed, &n), MOON_OK);
  moon_draft_fini(&d);
  for (size_t len = 0; len < n; len++) {
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, packed, len);
    p = NULL;
    assert_int_not_equal(moon_unpack(copy, len, &p), MOON_OK);
    assert_null(p);
    free(copy);
  }
  static const uint8_t FLIPS[] = {0x01, 0x80, 0xff};
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < sizeof FLIPS; k++) {
      packed[i] ^= FLIPS[k];
      if (moon_unpack(packed, n, &p) == MOON_OK) {
        for (uint32_t t = 0; t < p->n_targets; t++) {
          for (uint32_t c = 0; c < p->targets[t].n_credentials; c++) { assert_true(p->targets[t].credentials[c] < p->n_credentials); }
          (void)strlen(p->targets[t].name);
        }
        for (uint32_t c = 0; c < p->n_credentials; c++) {
          const struct moon_credential *who = &p->credentials[c];
          assert_true(who->version != MOON_V3 || (who->auth < MOON_AUTH_N && who->auth_key.len == (who->auth ? moon_auth_key_len(who->auth) : 0)));
          assert_true(who->priv < MOON_PRIV_N && (who->auth || !who->priv) && who->user_len <= sizeof who->user);
        }
        moon_plan_free(p);
      }
      packed[i] ^= FLIPS[k];
    }
  }
  moon_pack_free(packed, n);
}

static void every_allocation_fails_once(void **state) {
  (void)state;
  struct moon_load_options o = said_nothing();
  o.config = "moon.lua";
  put_full();
  unsigned n = 1;
  for (;; n++) {
    struct moon_draft d;
    struct moon_plan *p = NULL;
    uint8_t *packed = NULL;
    size_t len = 0, alive = failmem_alive();
    failmem_arm(n);
    moon_draft_init(&d, &o);
    enum moon_err e = moon_draft_make(&d);
    if (e) { assert_string_equal(d.error, "out of memory while loading"); }
    if (!e) { e = moon_pack(&d.plan, &packed, &len); }
    if (!e) { e = moon_unpack(packed, len, &p); }
    bool fired = failmem_fired();
    failmem_disarm();
    if (packed) { moon_pack_free(packed, len); }
    moon_plan_free(p);
    moon_draft_fini(&d);
    assert_int_equal(failmem_alive(), alive);
    if (!fired) {
      assert_int_equal(e, MOON_OK);
      break;
    }
    assert_int_equal(e, MOON_E_NOMEM);
  }
  assert_true(n > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(configuration_errors), cmocka_unit_test(probe_errors), cmocka_unit_test(long_paths_are_whole),
    cmocka_unit_test(everything), cmocka_unit_test(command_line), cmocka_unit_test(hundreds_of_users),
    cmocka_unit_test(through_a_child), cmocka_unit_test(a_line_without_an_end), cmocka_unit_test(hostile_plans), cmocka_unit_test(every_allocation_fails_once),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
