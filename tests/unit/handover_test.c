/* What one host hands on to the next: all of it, and nothing that harms when it is not what it should be. */
#include "failmem.h"
#include "host_rig.h"

#include "bind/task/handover.h"

static const char SCRIPT[] =
  "return { every = 60, run = function(device, out, state)\n"
  "  if not state.n then\n"
  "    state.n, state.text, state[1.5], state.yes, state.no = 1, 'a\\0b', -0.25, true, false\n"
  "    state.t = { 1, 2, { deep = { deeper = {} } } }\n"
  "    return\n"
  "  end\n"
  "  assert(device.state == state)\n"
  "  out:gauge('n', state.n) out:gauge('text', #state.text) out:gauge('number', state[1.5])\n"
  "  out:info('rest', tostring(state.yes) .. tostring(state.no) .. #state.t .. type(state.t[3].deep.deeper))\n"
  "end }";

static void saved(struct host_rig *r, uint8_t **p, size_t *n) {
  host_rig_init(r, 2);
  assert_int_equal(host_rig_run(r, SCRIPT), MOON_OK);
  assert_int_equal(moon_host_save(r->host, p, n), MOON_OK);
  host_rig_fini(r);
}

/* The second host; due before now, it runs again. */
static void goes_on(void **state) {
  struct host_rig r;
  uint8_t *p;
  size_t n;
  (void)state;
  saved(&r, &p, &n);
  assert_true(n > 8 + 2 * 20);
  memset(p + 16, 0, 8);
  p[16] = 1; /* due of the first: long ago */
  host_rig_init(&r, 2);
  assert_int_equal(host_rig_start(&r, SCRIPT), MOON_OK);
  moon_handover_restore(r.host, p, n);
  assert_int_equal(r.runs.runs_waiting, 1);
  host_rig_loop(&r, 10);
  assert_true(r.done);
  assert_int_equal(r.records, 1); /* the other one is not due, and ran before */
  assert_string_equal(r.out, "d1 n 1\nd1 text 3\nd1 number -0.25\nd1 rest truefalse3table\n");
  host_rig_fini(&r);
  moon_mem_free(p);
}

static void whatever_comes(void **state) {
  struct host_rig r;
  uint8_t *p;
  size_t n;
  uint32_t random = 7;
  (void)state;
  saved(&r, &p, &n);
  host_rig_init(&r, 2);
  assert_int_equal(host_rig_start(&r, SCRIPT), MOON_OK);
  for (size_t i = 0; i < n; i++) {
    uint8_t *cut = malloc(i ? i : 1); /* ends where the heap's guard begins */
    memcpy(cut, p, i);
    moon_handover_restore(r.host, cut, i);
    free(cut);
  }
  for (int i = 0; i < 3000; i++) {
    uint8_t *other = malloc(n);
    memcpy(other, p, n);
    for (int k = 0; k < 3; k++) {
      random = random * 1664525 + 1013904223;
      other[8 + (random >> 8) % (n - 8)] = (uint8_t)(random >> 24);
    }
    moon_handover_restore(r.host, other, n);
    free(other);
  }
  r.done = true;
  host_rig_fini(&r);
  moon_mem_free(p);
}

static void without_memory(void **state) {
  struct host_rig r;
  uint8_t *p = NULL;
  size_t n = 0;
  (void)state;
  host_rig_init(&r, 2);
  assert_int_equal(host_rig_run(&r, SCRIPT), MOON_OK);
  failmem_arm(1);
  assert_int_equal(moon_host_save(r.host, &p, &n), MOON_E_NOMEM);
  failmem_disarm();
  assert_null(p);
  host_rig_fini(&r);
}

/* What a script leaves in its state, and where its version stands, however its runs end. */
static void whatever_scripts_leave(void **state) {
  static const char *const scripts[] = {
    "return { run = function(device, out, state) state.n, device[3] = 1, nil end }",
    "return { run = function(device, out, state) state.n, device[3] = 1, {} end }",
    "return { run = function(device, out, state) state.me = state end }",
    "return { run = function(device, out, state) state.me = state error('failed') end }",
    "local snmp = require 'moonpoll' return { run = function(device, out, state) state.f, state.me = print, state snmp.sleep(20) end }",
    "return { match = function(device) device.state.me = device.state return false end, run = function() end }"};
  (void)state;
  for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
    struct host_rig r;
    uint8_t *p = NULL;
    size_t n = 0;
    host_rig_init(&r, 1);
    assert_int_equal(host_rig_run(&r, scripts[i]), MOON_OK);
    assert_int_equal(moon_host_save(r.host, &p, &n), MOON_OK);
    assert_int_equal(count(r.log, "its state is nested too deep") + count(r.log, "its state holds a function"), i >= 2);
    host_rig_fini(&r);
    host_rig_init(&r, 1);
    assert_int_equal(host_rig_start(&r, SCRIPT), MOON_OK);
    moon_handover_restore(r.host, p, n);
    r.done = true;
    host_rig_fini(&r);
    moon_mem_free(p);
  }
}

/* A state is looked at when a run of its device ends. What the run of another device does to it afterwards was looked at by nobody. */
static void whatever_others_leave(void **state) {
  static const char *const scripts[] = {"kept.me = kept", "kept.f = print", "kept[state] = 1",
                                        "for i = 1, 100 do kept.t = {} kept = kept.t end",
                                        "kept.text = ('x'):rep(300000)"};
  (void)state;
  for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
    char script[512];
    struct host_rig r;
    uint8_t *p = NULL;
    size_t n = 0;
    snprintf(script, sizeof script, "local kept return { run = function(device, out, state)\n"
                                    "  state.n = 1\n"
                                    "  if kept then %s else kept = state end\n"
                                    "end }", scripts[i]);
    host_rig_init(&r, 2);
    assert_int_equal(host_rig_run(&r, script), MOON_OK);
    assert_string_equal(r.log, "");
    assert_int_equal(moon_host_save(r.host, &p, &n), MOON_OK);
    expect(r.log, "error: p: d1: its state ");
    assert_int_equal(count(r.log, "\n"), 1);
    host_rig_fini(&r);
    host_rig_init(&r, 2);
    assert_int_equal(host_rig_start(&r, SCRIPT), MOON_OK);
    moon_handover_restore(r.host, p, n);
    r.done = true;
    host_rig_fini(&r);
    moon_mem_free(p);
  }
}

int main(void) {
  failmem_install();
  const struct CMUnitTest tests[] = {cmocka_unit_test(goes_on), cmocka_unit_test(whatever_comes), cmocka_unit_test(whatever_others_leave),
                                     cmocka_unit_test(whatever_scripts_leave), cmocka_unit_test(without_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
