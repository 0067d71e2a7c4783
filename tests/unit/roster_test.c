/* Targets that come, change and go while a host runs: core/bind/task/roster.h. */
#include "failmem.h"
#include "host_rig.h"

#include "../../core/bind/task/look.h"

#define TICK                                                                                  \
  "return { run = function(device, out, state)\n"                                              \
  "  state.n = (state.n or 0) + 1\n"                                                           \
  "  local value, err = device:get('1.3.6.1.2.1.1.3.0')\n"                                     \
  "  if not value then return nil, err end\n"                                                  \
  "  out:gauge('n', state.n) out:info('site', device.labels.site) end }"

/* A host that goes on, with the first `n` of its agents. */
static void begin(struct host_rig *r, uint32_t n_agents, uint32_t n, const char *script) {
  host_rig_init(r, n_agents);
  r->plan.once = false;
  r->plan.n_targets = n;
  r->job.every_s = 0.1;
  assert_int_equal(host_rig_start(r, script), MOON_OK);
}

static void change(struct host_rig *r, const struct moon_plan_target *targets, uint32_t n, const char *const *gone, uint32_t n_gone) {
  struct moon_plan c = r->plan;
  c.targets = targets;
  c.n_targets = n;
  c.gone = gone;
  c.n_gone = n_gone;
  c.n_probes = 0;
  moon_host_change(r->host, &c);
}

static void forget(struct host_rig *r) { r->out[r->out_len = 0] = 0; }

static const char *const D1[] = {"d1"}, *const D2[] = {"d2"};

static void comes_and_goes(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 3, 2, TICK);
  host_rig_loop(&r, 0.35);
  uint32_t before = r.agents[1].requests, steady = count(r.out, "d1 n ");
  assert_true(before >= 3);
  change(&r, &r.targets[2], 1, D2, 1);
  host_rig_loop(&r, 0.5);
  assert_int_equal(r.agents[1].requests, before);
  assert_true(r.agents[2].requests >= 4 && r.agents[2].requests <= 7);
  assert_non_null(strstr(r.out, "d3 n 1\n"));
  uint32_t now = count(r.out, "d1 n ");
  assert_true(now >= steady + 4 && now <= steady + 6);
  for (uint32_t i = 1; i <= now; i++) { /* its state and its moments are what they were */
    char line[32];
    snprintf(line, sizeof line, "d1 n %u\n", i);
    assert_int_equal(count(r.out, line), 1);
  }
  assert_int_equal(r.runs.runs_skipped, 0);
  assert_string_equal(r.log, "");
  host_rig_fini(&r);
}

/* By name, or by a whole address. */
static void found_by_what_people_say(void **state) {
  (void)state;
  struct host_rig r;
  char address[MOON_ADDR_TEXT_MAX];
  begin(&r, 3, 3, TICK);
  assert_int_equal(moon_host_find(r.host, "d2", 0), 1);
  assert_int_equal(moon_host_find(r.host, "d2", 2), UINT32_MAX);
  assert_int_equal(moon_host_find(r.host, NULL, 2), 2);
  assert_int_equal(moon_host_find(r.host, "d", 0), UINT32_MAX);
  moon_addr_format(&r.targets[2].addr, address, sizeof address);
  assert_int_equal(moon_host_find(r.host, address, 0), 2);
  *strchr(address, ':') = 0;
  assert_int_equal(moon_host_find(r.host, address, 1), 1); /* any port of it */
  address[strlen(address) - 1] = 0;
  assert_int_equal(moon_host_find(r.host, address, 0), UINT32_MAX);
  change(&r, NULL, 0, D2, 1);
  assert_int_equal(moon_host_find(r.host, "d2", 0), UINT32_MAX);
  host_rig_fini(&r);
}

static void a_name_comes_back_as_another(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 1, 1, TICK);
  host_rig_loop(&r, 0.25);
  change(&r, NULL, 0, D1, 1);
  forget(&r);
  host_rig_loop(&r, 0.25);
  assert_string_equal(r.out, "");
  change(&r, r.targets, 1, NULL, 0);
  host_rig_loop(&r, 0.25);
  assert_non_null(strstr(r.out, "d1 n 1\n")); /* what it had in memory went with it */
  assert_non_null(strstr(r.out, "d1 n 2\n"));
  host_rig_fini(&r);
}

static void labels_change(void **state) {
  (void)state;
  struct host_rig r;
  struct moon_label site = {.key = {"site", 4}, .value = {"lab", 3}};
  begin(&r, 1, 1, TICK);
  host_rig_loop(&r, 0.25);
  assert_null(strstr(r.out, "site"));
  assert_string_equal(r.inventory, "");
  struct moon_plan_target t = r.targets[0];
  t.labels = &site;
  t.n_labels = 1;
  uint32_t n = count(r.out, "d1 n ");
  forget(&r);
  change(&r, &t, 1, NULL, 0);
  site.value.p = "xxx"; /* it was copied */
  host_rig_loop(&r, 0.25);
  char line[64];
  snprintf(line, sizeof line, "d1 n %u\n", n + 1);
  assert_non_null(strstr(r.out, line));
  assert_non_null(strstr(r.out, "d1 site lab\n"));
  assert_string_equal(r.inventory, " site=lab");
  change(&r, r.targets, 1, NULL, 0);
  forget(&r);
  host_rig_loop(&r, 0.25);
  assert_non_null(strstr(r.out, "d1 n "));
  assert_null(strstr(r.out, "site"));
  host_rig_fini(&r);
}

/* What a script does with the labels of a device that has none is nothing to any other. */
static void no_labels(void **state) {
  (void)state;
  struct host_rig r;
  struct moon_label site = {.key = {"site", 4}, .value = {"lab", 3}};
  host_rig_init(&r, 3);
  r.targets[2].labels = &site;
  r.targets[2].n_labels = 1;
  assert_int_equal(host_rig_run(&r, "return { run = function(device, out)\n"
                                    "  local labels, n = device.labels, 0\n"
                                    "  local ok, err = pcall(function() labels.mine = device.name end)\n"
                                    "  if ok then labels.mine = nil else out:info('refused', err) end\n"
                                    "  table.insert(labels, device.name) rawset(labels, 'x', 1)\n"
                                    "  assert(device:get('1.3.6.1.2.1.1.3.0'))\n"
                                    "  for _ in pairs(device.labels) do n = n + 1 end\n"
                                    "  out:gauge('fields', n) out:info('site', device.labels.site)\n"
                                    "  out:info('meta', tostring(getmetatable(labels))) assert(device.nothing == nil) end }"),
                   MOON_OK);
  assert_non_null(strstr(r.out, "d1 refused p.lua:3: this device has no labels, and a script cannot give it any\n"));
  assert_non_null(strstr(r.out, "d1 fields 0\n"));
  assert_non_null(strstr(r.out, "d2 fields 0\n"));
  assert_non_null(strstr(r.out, "d2 meta false\n"));
  assert_non_null(strstr(r.out, "d3 fields 3\n")); /* its own table, as ever */
  assert_non_null(strstr(r.out, "d3 site lab\n"));
  assert_int_equal(count(r.out, "site"), 1);
  assert_string_equal(r.log, "");
  host_rig_fini(&r);
}

static void it_moves(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 2, 1, "local before return { run = function(device, out, state)\n"
                  "  device:cache('k', 3600, function() out:info('asked', 'yes') return 1 end)\n"
                  "  state.n = (state.n or 0) + 1 out:gauge('n', state.n)\n"
                  "  if before ~= device.address then out:info('moved', 'yes') end before = device.address\n"
                  "  device:get('1.3.6.1.2.1.1.3.0') end }");
  host_rig_loop(&r, 0.25);
  struct moon_plan_target t = r.targets[1];
  t.name = "d1";
  uint32_t before = r.agents[0].requests, n = count(r.out, "d1 n ");
  assert_int_equal(count(r.out, "asked"), 1);
  assert_int_equal(count(r.out, "moved"), 1);
  change(&r, &t, 1, NULL, 0);
  host_rig_loop(&r, 0.25);
  assert_int_equal(r.agents[0].requests, before);
  assert_true(r.agents[1].requests >= 2);
  char line[64];
  snprintf(line, sizeof line, "d1 n %u\n", n + 1); /* its name is the same, so is its state */
  assert_non_null(strstr(r.out, line));
  assert_int_equal(count(r.out, "asked"), 2);
  assert_int_equal(count(r.out, "moved"), 2);
  host_rig_fini(&r);
}

/* Of what another agent counted nothing is subtracted. */
static void rates_begin_anew_where_it_moves(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 2, 1, "return { run = function(device, out)\n"
                  "  for _, row in device:rows({ rx = '1.3.6.1.2.1.2.2.1.10' }, { rates = { rx = 'rate' } }) do\n"
                  "    return out:info('rate', row.rate and 'there' or 'none')\n"
                  "  end end }");
  host_rig_loop(&r, 0.25);
  expect(r.out, "d1 rate none\nd1 rate there\n");
  struct moon_plan_target t = r.targets[1];
  t.name = "d1";
  forget(&r);
  change(&r, &t, 1, NULL, 0);
  host_rig_loop(&r, 0.25);
  assert_memory_equal(r.out, "d1 rate none\nd1 rate there\n", 27);
  host_rig_fini(&r);
}

/* What runs is dropped, and leaves no record. */
static void goes_while_it_runs(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 2, 2, "local snmp = require 'moonpoll' return { run = function(device, out)\n"
                  "  snmp.all(function() device:get('1.3.6.1.2.1.1.3.0') end, function() for _ in device:walk('1.3.6.1.2.1.2') do end end)\n"
                  "end }");
  r.agents[0].silent = r.agents[1].silent = true;
  host_rig_loop(&r, 0.06);
  assert_int_equal(r.runs.runs_active, 2);
  change(&r, NULL, 0, D1, 1);
  assert_int_equal(r.runs.runs_active, 1);
  assert_int_equal(r.runs.runs_cancelled, 1);
  assert_int_equal(r.records, 0);
  change(&r, NULL, 0, D2, 1);
  assert_int_equal(r.runs.runs_active + r.runs.runs_waiting + r.runs.tasks_active, 0);
  assert_int_equal(r.counters.in_flight, 0);
  host_rig_loop(&r, 0.3);
  assert_int_equal(r.runs.runs_started, 2);
  assert_int_equal(r.records, 0);
  host_rig_fini(&r);
}

/* Its record waits for the output: it is still handed out. */
static void goes_with_a_record_left(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 1, 1, TICK);
  r.refuse = 1;
  host_rig_loop(&r, 0.05);
  assert_int_equal(r.offers, 1);
  change(&r, NULL, 0, D1, 1);
  assert_string_equal(r.out, "");
  moon_host_output_ready(r.host);
  assert_string_equal(r.out, "d1 n 1\n");
  assert_int_equal(r.runs.runs_active, 0);
  host_rig_fini(&r);
}

/* A script may keep a device as long as it likes. */
static void a_device_kept_too_long_is_refused(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 3, 2, "local kept return { run = function(device, out)\n"
                  "  if device.name == 'd2' then kept = device return end\n"
                  "  if device.name == 'd1' and kept then out:info('kept', tostring(pcall(kept.get, kept, '1.3.6.1.2.1.1.3.0'))) end\n"
                  "end }");
  host_rig_loop(&r, 0.35);
  assert_non_null(strstr(r.out, "d1 kept true\n"));
  change(&r, NULL, 0, D2, 1);
  forget(&r);
  change(&r, &r.targets[2], 1, NULL, 0); /* in its place */
  host_rig_loop(&r, 0.25);
  assert_null(strstr(r.out, "d1 kept true\n"));
  assert_non_null(strstr(r.out, "d1 kept false\n"));
  assert_int_equal(r.runs.script_errors, 0);
  host_rig_fini(&r);
}

/* In the middle of a walk of it, of a request to it: by a run of another target that kept it. */
static void a_device_goes_while_another_asks_it(void **state) {
  static const char *const ASKS[] = {
    "for _ in kept:walk '1.3.6.1.4.1.99999' do n = n + 1 if n == 3 then snmp.sleep(0.1) end end",
    "snmp.sleep(0.01) kept:get '1.3.6.1.2.1.1.3.0'"};
  (void)state;
  for (unsigned i = 0; i < 4; i++) { /* it goes, or it moves */
    struct host_rig r;
    char script[500], oid[64];
    host_rig_init(&r, 3);
    for (unsigned k = 1; k <= 300; k++) {
      snprintf(oid, sizeof oid, "1.3.6.1.4.1.99999.%u", k);
      host_rig_set(&r, oid, MOON_INTEGER, k);
    }
    snprintf(script, sizeof script, "local snmp = require 'moonpoll' local kept return { run = function(device, out)\n"
             "  if device.name == 'd2' then kept = device return end\n"
             "  local n = 0 while not kept do snmp.sleep(0.01) end %s\n"
             "end }", ASKS[i % 2]);
    r.plan.once = false;
    r.plan.n_targets = 2;
    r.job.timeout_s = 0; /* nothing else would end it */
    r.plan.policy.timeout_us = 1000000;
    assert_int_equal(host_rig_start(&r, script), MOON_OK);
    r.agents[1].silent = i % 2 == 1;
    host_rig_loop(&r, 0.05);
    assert_int_equal(r.runs.runs_active, 1);
    struct moon_plan_target t = r.targets[2];
    t.name = "d2";
    change(&r, i < 2 ? NULL : &t, i >= 2, D2, i < 2);
    assert_int_equal(r.last.err, MOON_E_CANCELLED);
    assert_int_equal(r.runs.runs_cancelled, 1);
    expect(r.log, "warn: p: d1: cancelled: it asked a device of another target, and targets change\n");
    host_rig_loop(&r, 0.3);
    assert_int_equal(r.runs.runs_active, 0);
    host_rig_fini(&r);
  }
}

static void credentials_change(void **state) {
  (void)state;
  struct host_rig r;
  struct moon_credential list[2];
  begin(&r, 1, 1, TICK);
  host_rig_loop(&r, 0.15);
  uint32_t first = r.agents[0].requests;
  memcpy(list, r.credentials, sizeof list);
  list[0] = r.credentials[1];
  list[1] = r.credentials[0];
  struct moon_plan c = r.plan;
  struct moon_plan_target t = r.targets[0];
  const uint16_t both[] = {0, 1}, other[] = {0}, second[] = {1};
  c.credentials = list;
  c.n_probes = 0;
  c.targets = &t;
  t.credentials = both;
  t.n_credentials = 2;
  forget(&r);
  moon_host_change(r.host, &c); /* the one in use is still among them: nothing begins anew */
  assert_int_equal(r.runs.runs_waiting, 0);
  host_rig_loop(&r, 0.15);
  assert_true(r.agents[0].requests > first);
  t.credentials = second;
  t.n_credentials = 1;
  moon_host_change(r.host, &c); /* and again */
  assert_int_equal(r.runs.runs_waiting, 0);
  memcpy(list[0].community, "secret", 6); /* not of this agent */
  t.credentials = other;
  t.n_credentials = 1;
  moon_host_change(r.host, &c);
  assert_int_equal(r.runs.runs_waiting, 1);
  forget(&r);
  first = r.agents[0].requests;
  host_rig_loop(&r, 0.35);
  assert_null(strstr(r.out, "d1 n"));
  assert_true(r.agents[0].requests > first);
  t.credentials = both;
  t.n_credentials = 2;
  moon_host_change(r.host, &c); /* tried in order, as at the start */
  host_rig_loop(&r, 0.8);
  assert_non_null(strstr(r.out, "d1 n"));
  host_rig_fini(&r);
}

/* Nothing is kept of what told them: the next change ends it. */
static void limits_change(void **state) {
  static const char *const all[] = {"d*"}, *const under[] = {"1.3.6.1.2.1.1"};
  (void)state;
  struct host_rig r;
  char pattern[] = "d*", oid[] = "1.3.6.1.2.1.1";
  const char *targets[] = {pattern}, *oids[] = {oid};
  host_rig_init(&r, 1);
  r.plan.once = false;
  r.job.every_s = 0.1;
  r.probe.allow_targets = all;
  r.probe.allow_oids = under;
  r.probe.n_allow_targets = r.probe.n_allow_oids = 1;
  assert_int_equal(host_rig_start(&r, "return { run = function(device, out) out:info('name', assert(device:get '1.3.6.1.2.1.1.5.0')) end }"), MOON_OK);
  host_rig_loop(&r, 0.15);
  struct moon_plan_probe probe = r.probe;
  struct moon_plan c = r.plan;
  probe.allow_targets = targets;
  probe.allow_oids = oids;
  c.probes = &probe;
  c.n_targets = 0;
  moon_host_change(r.host, &c);
  pattern[0] = oid[0] = 'x';
  forget(&r);
  host_rig_loop(&r, 0.35);
  assert_true(count(r.out, "d1 name core\n") >= 3);
  host_rig_fini(&r);
}

/* The figure in an error is the one that ended the run: a limit counts from the change on, the timeout is that of the beginning. */
static void limits_change_in_a_run(void **state) {
  static const struct { uint32_t first, then, made; const char *told; } cases[] = {
    {10, 4, 4, "more than 4 requests in one run"}, {10, 2, 3, "more than 2 requests in one run"}, {4, 10, 10, "more than 10 requests in one run"}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct host_rig r;
    host_rig_init(&r, 1);
    r.plan.once = false;
    r.job.every_s = 3600;
    r.probe.max_requests = cases[i].first;
    assert_int_equal(host_rig_start(&r, "local snmp = require 'moonpoll'\n"
                                        "return { run = function(device) for i = 1, 20 do if i == 4 then snmp.sleep(1) end device:get '1.3.6.1.2.1.1.3.0' end end }"),
                     MOON_OK);
    host_rig_loop(&r, 0.5);
    struct moon_plan_probe probe = r.probe;
    struct moon_plan c = r.plan;
    probe.max_requests = cases[i].then;
    c.probes = &probe;
    c.n_targets = 0;
    moon_host_change(r.host, &c);
    host_rig_loop(&r, 2);
    assert_int_equal(r.agents[0].requests, cases[i].made);
    expect(r.log, cases[i].told);
    host_rig_fini(&r);
  }
}

static void timeouts_change_in_a_run(void **state) {
  (void)state;
  struct host_rig r;
  host_rig_init(&r, 1);
  r.plan.once = false;
  r.job = (struct moon_plan_job){.name = "", .every_s = 3600, .timeout_s = 0.7};
  assert_int_equal(host_rig_start(&r, "local snmp = require 'moonpoll'\nreturn { run = function() snmp.sleep(9) end }"), MOON_OK);
  host_rig_loop(&r, 0.5);
  struct moon_plan_job job = {.name = "", .every_s = 3600, .timeout_s = 5};
  struct moon_plan_probe probe = r.probe;
  struct moon_plan c = r.plan;
  probe.jobs = &job;
  c.probes = &probe;
  c.n_targets = 0;
  moon_host_change(r.host, &c);
  host_rig_loop(&r, 0.5);
  expect(r.log, "warn: p: d1: cancelled: it took longer than its timeout of 0.7 s\n");
  host_rig_fini(&r);
}

/* Of agents that are asked already: less, other, nothing to wait for any more. */
static void packets_a_second_change(void **state) {
  static const struct { uint32_t per_s, least, most; } steps[] = {{0, 17, 21}, {4, 7, 10}, {8, 15, 17}, {1, 1, 3}, {0, 17, 22}};
  (void)state;
  struct host_rig r;
  begin(&r, 1, 1, TICK);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    struct moon_plan c = r.plan;
    c.n_probes = c.n_targets = 0;
    c.policy.packets_per_s = steps[i].per_s;
    uint32_t before = r.agents[0].requests;
    moon_host_change(r.host, &c);
    host_rig_loop(&r, 2);
    uint32_t n = r.agents[0].requests - before;
    if (n < steps[i].least || n > steps[i].most) { print_error("%u a second: %u in two\n", steps[i].per_s, n); }
    assert_in_range(n, steps[i].least, steps[i].most);
  }
  assert_int_equal(r.counters.error[MOON_E_TIMEOUT], 0);
  host_rig_fini(&r);
}

static void intervals_change(void **state) {
  (void)state;
  struct host_rig r;
  begin(&r, 1, 1, TICK);
  host_rig_loop(&r, 0.15);
  struct moon_plan_job job = {.name = "", .every_s = 3600, .timeout_s = 5};
  struct moon_plan_probe probe = r.probe;
  struct moon_plan c = r.plan;
  probe.jobs = &job;
  c.probes = &probe;
  c.n_targets = 0;
  moon_host_change(r.host, &c);
  forget(&r);
  host_rig_loop(&r, 0.4);
  assert_string_equal(r.out, "");
  job.every_s = 0.05;
  moon_host_change(r.host, &c);
  host_rig_loop(&r, 0.4);
  assert_true(count(r.out, "d1 n ") >= 6);
  host_rig_fini(&r);
}

/* What comes and goes leaves nothing behind. */
static void memory_is_flat(void **state) {
  (void)state;
  struct host_rig r;
  struct moon_label site = {.key = {"site", 4}, .value = {"lab", 3}};
  struct moon_credential list[2];
  const uint16_t second[] = {1};
  begin(&r, 4, 2, TICK);
  memcpy(list, r.credentials, sizeof list);
  struct moon_plan c = r.plan;
  struct moon_plan_target t[2];
  c.credentials = list;
  c.n_probes = 0;
  size_t alive = 0;
  for (int i = 0; i < 1000; i++) {
    for (int k = 0; k < 2; k++) {
      t[k] = r.targets[(i & 1) * 2 + k];
      t[k].labels = &site;
      t[k].n_labels = (uint32_t)(i >> k & 1);
    }
    t[1].credentials = second;
    list[1].community[0] = (uint8_t)('a' + i % 7); /* none of them is the agent's */
    const char *gone[] = {r.names[(i & 1) ? 0 : 2], r.names[(i & 1) ? 1 : 3]};
    c.targets = t;
    c.n_targets = 2;
    c.gone = gone;
    c.n_gone = 2;
    moon_host_change(r.host, &c);
    host_rig_loop(&r, 0.002);
    if (i == 199) { alive = failmem_alive(); }
  }
  host_rig_loop(&r, 0.05);
  assert_true(failmem_alive() <= alive + 20);
  host_rig_fini(&r);
}

/* Every allocation of a change fails once: told, and the rest goes on. */
static void without_memory(void **state) {
  (void)state;
  for (unsigned n = 1;; n++) {
    struct host_rig r;
    struct moon_credential list[2];
    begin(&r, 3, 2, TICK);
    host_rig_loop(&r, 0.03);
    struct moon_plan c = r.plan;
    struct moon_plan_target t[] = {r.targets[1], r.targets[2]};
    memcpy(list, r.credentials, sizeof list);
    list[0].community[0] = 'x';
    t[0].name = "d1"; /* it moves */
    c.credentials = list;
    c.targets = t;
    c.n_probes = 0;
    c.gone = D2;
    c.n_gone = 1;
    c.policy.packets_per_s = 1000;
    failmem_arm(n);
    moon_host_change(r.host, &c);
    bool fired = failmem_fired();
    failmem_disarm();
    assert_true(!fired == !r.log[0]);
    host_rig_loop(&r, 0.03);
    change(&r, r.targets, 3, NULL, 0); /* and all is well when there is memory again */
    forget(&r);
    host_rig_loop(&r, 0.25);
    assert_true(strstr(r.out, "d1 n ") && strstr(r.out, "d2 n ") && strstr(r.out, "d3 n "));
    host_rig_fini(&r);
    if (!fired) { break; }
    assert_true(n < 100);
  }
}

int main(void) {
  failmem_install();
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(comes_and_goes), cmocka_unit_test(found_by_what_people_say), cmocka_unit_test(a_name_comes_back_as_another), cmocka_unit_test(labels_change), cmocka_unit_test(no_labels),
    cmocka_unit_test(it_moves), cmocka_unit_test(rates_begin_anew_where_it_moves), cmocka_unit_test(goes_while_it_runs), cmocka_unit_test(goes_with_a_record_left),
    cmocka_unit_test(a_device_kept_too_long_is_refused),
    cmocka_unit_test(a_device_goes_while_another_asks_it), cmocka_unit_test(credentials_change), cmocka_unit_test(limits_change), cmocka_unit_test(limits_change_in_a_run),
    cmocka_unit_test(timeouts_change_in_a_run), cmocka_unit_test(packets_a_second_change),
    cmocka_unit_test(intervals_change),
    cmocka_unit_test(memory_is_flat), cmocka_unit_test(without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
