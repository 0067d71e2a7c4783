/* What comes in files is gone through in parts, a few in a turn, in the order it came; what cannot be read is told. */
#include "failmem.h"
#include "host_rig.h"

#include "../../core/bind/load/change.h"
#include "../../core/bind/load/pack.h"
#include "../../core/bind/task/inside.h"
#include "../../core/bind/task/look.h"
#include "../../core/main/orders.h"

#define TARGETS 40u
#define TICK "return { run = function(device, out) out:gauge('one', 1) end }"

static struct host_rig r;
static struct moon_orders orders;
static uint64_t leap_us, late_us;     /* of the clock, with each look at it */
static uint32_t parts, most, before;  /* of changes; in one turn */
static uint32_t refused_serial;
static enum moon_err lost_err;
static const char *refusal = "not enough memory in a worker";

static uint64_t clock_us(void *arg) {
  late_us += leap_us;
  return moon_loop_virtual_us(arg) + late_us;
}

static void part(void *arg, uint64_t op, const struct moon_plan *plan) {
  assert_ptr_equal(arg, &r);
  assert_true(op == MOON_ORDER_CHANGE || plan->n_probes == 1);
  parts += op == MOON_ORDER_CHANGE;
}

static void refused(void *arg, uint32_t serial, const char *why) {
  assert_ptr_equal(arg, &r);
  assert_string_equal(why, refusal);
  refused_serial = serial;
}

static void lost(void *arg, enum moon_err err) {
  assert_ptr_equal(arg, &r);
  lost_err = err;
}

static void work(struct host_rig *rig) {
  (void)rig;
  before = parts;
  moon_orders_work(&orders);
  most = parts - before > most ? parts - before : most;
}

/* A host that polls the first n. */
static void begin(uint32_t n) {
  parts = most = refused_serial = 0;
  leap_us = late_us = 0;
  lost_err = MOON_OK;
  host_rig_init(&r, TARGETS);
  r.engine_config.clock_us = clock_us;
  r.plan.once = false;
  r.plan.n_targets = n;
  r.plan.loop = "epoll";
  moon_steps_init(&r.plan.steps);
  r.job.every_s = 0.1;
  r.probe.version = 1;
  r.on_turn = work;
  assert_int_equal(host_rig_start(&r, TICK), MOON_OK);
  orders = (struct moon_orders){.engine = r.engine, .host = r.host, .part = part, .refused = refused, .lost = lost, .arg = &r};
  moon_orders_init(&orders);
}

static void end(void) {
  moon_orders_fini(&orders);
  host_rig_fini(&r);
}

/* Appends a part. */
static void put(int fd, const struct moon_plan *plan) {
  uint8_t *p;
  size_t n;
  assert_int_equal(moon_pack(plan, &p, &n), MOON_OK);
  assert_true(moon_orders_put(fd, p, n));
  moon_pack_free(p, n);
}

/* All targets behind the first, one a part. */
static int change(void) {
  int fd = moon_orders_file("change");
  assert_true(fd >= 0);
  for (uint32_t i = 1; i < TARGETS; i++) {
    struct moon_plan p = r.plan;
    p.targets = &r.targets[i];
    p.n_targets = 1;
    p.n_probes = 0;
    put(fd, &p);
  }
  return fd;
}

static int versions(const char *script, uint64_t version) {
  int fd = moon_orders_file("versions");
  assert_true(fd >= 0);
  struct moon_plan p = r.plan;
  struct moon_source source = {.name = "p", .path = "p.lua", .text = (const uint8_t *)script, .len = (uint32_t)strlen(script)};
  struct moon_plan_probe probe = r.probe;
  probe.sources = &source;
  probe.version = version;
  p.probes = &probe;
  p.n_targets = p.n_credentials = 0;
  put(fd, &p);
  return fd;
}

static void take(uint64_t op, uint32_t serial, int fd) {
  moon_orders_take(&orders, op, serial, fd);
  close(fd);
}

static void a_few_in_a_turn(void **state) {
  (void)state;
  begin(1);
  host_rig_loop(&r, 0.01);
  leap_us = 300;
  take(MOON_ORDER_CHANGE, 0, change());
  assert_int_equal(parts, 0); /* not before a turn */
  for (int i = 0; i < 1000 && parts < TARGETS - 1; i++) { host_rig_loop(&r, 0.0001); }
  assert_int_equal(parts, TARGETS - 1);
  assert_in_range(most, 1, 4);
  assert_true(moon_list_empty(&orders.files));
  leap_us = 0;
  host_rig_loop(&r, 0.3);
  for (uint32_t i = 0; i < TARGETS; i++) { assert_true(r.agents[i].requests == 0 && strstr(r.out, r.names[i])); }
  assert_string_equal(r.log, "");
  end();
}

/* Those of a file that came earlier are older. */
static void one_after_the_other(void **state) {
  (void)state;
  begin(1);
  host_rig_loop(&r, 0.01);
  leap_us = 300;
  struct moon_plan gone = r.plan;
  const char *all[TARGETS];
  for (uint32_t i = 0; i < TARGETS; i++) { all[i] = r.names[i]; }
  gone.n_targets = gone.n_probes = 0;
  gone.gone = all + 1;
  gone.n_gone = TARGETS - 2;
  int fd = moon_orders_file("change");
  put(fd, &gone);
  take(MOON_ORDER_CHANGE, 0, change());
  take(MOON_ORDER_PREPARE, 7, versions("return { run = function(device, out) out:gauge('two', 1) end }", 2));
  take(MOON_ORDER_CHANGE, 0, fd);
  for (int i = 0; i < 1000 && r.prepared != 7; i++) {
    assert_true(parts == TARGETS || moon_list_empty(&orders.files) == false);
    host_rig_loop(&r, 0.0001);
  }
  assert_int_equal(r.prepared, 7);
  assert_string_equal(r.error, "");
  leap_us = 0;
  host_rig_loop(&r, 0.01);
  assert_int_equal(parts, TARGETS);
  assert_int_equal(r.host->n_targets, 2);
  assert_true(moon_host_find(r.host, r.names[TARGETS - 1], 0) != UINT32_MAX);
  end();
}

static void what_cannot_be_read(void **state) {
  (void)state;
  static const uint8_t octets[] = {9, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3};
  for (size_t n = 0; n <= sizeof octets; n++) {
    begin(1);
    for (int k = 0; k < 2; k++) {
      int fd = moon_orders_file("broken");
      assert_int_equal(write(fd, octets, n), (ssize_t)n);
      take(k ? MOON_ORDER_PREPARE : MOON_ORDER_CHANGE, 3, fd);
      host_rig_loop(&r, 0.01);
    }
    assert_int_equal(lost_err, n ? MOON_E_SHORT : MOON_E_NOMEM);
    assert_int_equal(refused_serial, 3);
    assert_int_equal(parts, 0);
    assert_true(moon_list_empty(&orders.files));
    end();
  }
}

/* The process had no place for the file that came with an order: it must not be taken for nothing. */
static void a_file_that_was_lost(void **state) {
  (void)state;
  const char *was = refusal;
  begin(1);
  refusal = "a worker may open no more files: allow more (ulimit -n)";
  moon_orders_take(&orders, MOON_ORDER_PREPARE, 4, -1);
  assert_int_equal(refused_serial, 4);
  assert_int_equal(lost_err, MOON_OK);
  moon_orders_take(&orders, MOON_ORDER_CHANGE, 0, -1);
  assert_int_equal(lost_err, MOON_E_LIMIT);
  assert_true(moon_list_empty(&orders.files));
  end();
  refusal = was;
}

/* The end comes before all of it was gone through; and without memory nothing is half done. */
static void left_over(void **state) {
  (void)state;
  for (unsigned n = 1; n < 30; n++) {
    begin(1);
    int first = versions(TICK, 2), second = change();
    leap_us = 300;
    failmem_arm(n);
    take(MOON_ORDER_PREPARE, 3, first);
    take(MOON_ORDER_CHANGE, 0, second);
    host_rig_loop(&r, 0.0005);
    failmem_disarm();
    end();
  }
}

int main(void) {
  failmem_install();
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_few_in_a_turn), cmocka_unit_test(one_after_the_other), cmocka_unit_test(what_cannot_be_read),
    cmocka_unit_test(a_file_that_was_lost), cmocka_unit_test(left_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
