/* What scripts get of an agent: GETs of all kinds, and rows. */
#include "host_rig.h"

#include "../../core/bind/task/inside.h"

static void get_one(void **state) {
  (void)state;
  host_rig_gives("return { run = function(device, out) out:gauge('up_s', device:get('1.3.6.1.2.1.1.3.0')) out:info('name', device:get('.1.3.6.1.2.1.1.5.0')) end }",
                 "d1 up_s 1000\nd1 name core\n");
}

static void get_row(void **state) {
  (void)state;
  host_rig_gives("local oids = { up = '1.3.6.1.2.1.1.3.0', name = '1.3.6.1.2.1.1.5.0', none = '1.3.6.1.2.1.1.99.0' }\n"
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
  host_rig_gives("return { run = function(device, out)\n"
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
  host_rig_gives("return { run = function(device, out)\n"
                 "  local other = { device[1], out[1] }\n"
                 "  out:gauge('get', device.get(other, '1.3.6.1.2.1.1.3.0'))\n"
                 "  for _, v in device.walk(other, '1.3.6.1.2.1.1.5') do out:info('walk', v) end\n"
                 "end }",
                 "d1 get 1000\nd1 walk core\n");
}

static void rows(void **state) {
  (void)state;
  host_rig_gives("local columns = { name = '1.3.6.1.2.1.2.2.1.2', oper = '1.3.6.1.2.1.2.2.1.8', rx = '1.3.6.1.2.1.2.2.1.10' }\n"
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

#define ASK_UPTIME \
  "return { run = function(device, out)\n" \
  "  local v, err = device:get('1.3.6.1.2.1.1.3.0') out:state('err', v and tostring(v) or err.code)\n" \
  "end }"

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

/* Twelve at once, of which three may wait: whose queue is full is told, and what to change. */
static void too_many_that_wait(void **state) {
  (void)state;
  for (int worker = 0; worker < 2; worker++) {
    struct host_rig r;
    host_rig_init(&r, 1);
    if (worker) {
      r.engine_config.max_waiting = 3;
    } else {
      r.engine_config.max_waiting_peer = 3;
    }
    assert_int_equal(host_rig_run(&r, "local snmp = require 'moonpoll' return { run = function(device, out)\n"
                                      "  local n, said, fs = 0, {}, {}\n"
                                      "  for i = 1, 12 do fs[i] = function()\n"
                                      "    local value, err\n"
                                      "    if i % 2 == 0 then value, err = device:get('1.3.6.1.2.1.1.3.0') else value, err = device:table{ a = '1.3.6.1.2.1.2.2.1.2' } end\n"
                                      "    if err then n = n + 1 said[i % 2] = err end\n"
                                      "  end end\n"
                                      "  snmp.all(unpack(fs)) out:gauge('n', n)\n"
                                      "  for i = 0, 1 do out:info('code' .. i, said[i].code) out:info('detail' .. i, tostring(said[i])) end\n"
                                      "end }"), MOON_OK);
    expect(r.out, "d1 n 9\nd1 code0 budget\n");
    expect(r.out, "d1 code1 budget\n");
    assert_int_equal(count(r.out, "waiting for this device: ask for fewer at once (limits.max_children)"), worker ? 0 : 2);
    assert_int_equal(count(r.out, "waiting in this worker: let more of them leave (limits.max_in_flight"), worker ? 2 : 0);
    host_rig_fini(&r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(get_one),
    cmocka_unit_test(get_row),
    cmocka_unit_test(row_of_one_name),
    cmocka_unit_test(get_others),
    cmocka_unit_test(raw_of_what_is_not_answered),
    cmocka_unit_test(a_context_is_not_made_up),
    cmocka_unit_test(rows),
    cmocka_unit_test(exact),
    cmocka_unit_test(a_number_is_not_taken_at_its_word),
    cmocka_unit_test(a_row_is_given_to_who_waits),
    cmocka_unit_test(a_row_beyond_the_limit),
    cmocka_unit_test(no_room_for_rates),
    cmocka_unit_test(too_many_that_wait),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
