/* vary: values over time: exact rates over decades, wraps of both widths, reboots, and that nothing but seed, instance and time
 * decides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failmem.h"
#include "sim_rig.h"

#define S UINT64_C(1000000)
#define IF "1.3.6.1.2.1.2.2.1."
#define IFX "1.3.6.1.2.1.31.1.1.1."

static const char device[] =
  "1.3.6.1.2.1.1.3.0|67|1000\n1.3.6.1.2.1.1.1.0|4|text\n"
  IF "5.1|66|1000000000\n" IF "5.2|66|1000000000\n"
  IF "8.1|2|1\n" IF "9.1|67|500\n"
  IF "10.1|65|4294967290\n" IF "10.2|65|5\n"
  IF "21.1|66|400\n"
  IFX "6.1|70|9007199254740993\n" IFX "6.2|70|18446744073709551610\n"
  "1.3.6.1.2.1.25.3.3.1.2.1|2|50\n"
  "1.3.6.1.4.1.9.1.0|2|-100\n"
  "1.3.6.1.6.3.10.2.1.2.0|2|4\n1.3.6.1.6.3.10.2.1.3.0|2|100\n";

static struct sim *fresh(void) {
  static struct sim s;
  sim_init(&s, device);
  return &s;
}

static uint32_t instance(const struct sim *s, const char *oid) {
  uint16_t n;
  const uint8_t *p = sim_oid(oid, &n);
  uint32_t i = moon_recording_find(s->recording, p, n);
  assert_true(i != MOON_RECORDING_NONE);
  return i;
}

static uint64_t at(const struct sim *s, const char *oid, uint64_t seed, uint64_t t_us) {
  const struct moon_moment m = {.seed = seed, .t_us = t_us};
  uint64_t number = 0;
  assert_int_equal(moon_vary_value(s->vary, instance(s, oid), &m, &number), MOON_VARIED_NUMBER);
  return number;
}

static struct moon_vary_rule rule(const char *oid, uint8_t mode) {
  struct moon_vary_rule r = {.mode = mode};
  r.oid = sim_oid(oid, &r.oid_len);
  return r;
}

/* A set rate is exact at every whole second, for years, in 64 bits; 32 bits of the same wrap where they should. */
static void test_rates(void **state) {
  struct sim *s = fresh();
  struct moon_vary_rule rules[2] = {rule(IF "10", MOON_VARY_COUNTER), rule(IFX "6", MOON_VARY_COUNTER)};
  (void)state;
  rules[0].rate_low = rules[0].rate_high = 12500000; /* 100 Mb/s */
  rules[1].rate_low = rules[1].rate_high = 1e13;
  sim_vary(s, rules, 2, false);
  for (uint64_t t = 0; t < 10ull * 365 * 86400; t = t * 3 + 1) {
    assert_int_equal(at(s, IF "10.1", 1, t * S), (uint32_t)(4294967290u + t * 12500000));
    assert_int_equal(at(s, IFX "6.1", 2, t * S), 9007199254740993u + t * 10000000000000u);
    assert_int_equal(at(s, IFX "6.2", 3, t * S), 18446744073709551610u + t * 10000000000000u);
  }
  assert_int_equal(at(s, IF "10.2", 1, S / 2), 5 + 6250000);
  assert_int_equal(at(s, IF "10.2", 1, 8), 5 + 99); /* 8 us: what has gone by, never more */
  rules[0].has_start = true;
  rules[0].start = 42;
  rules[0].rate_low = rules[0].rate_high = 0.25;
  sim_vary(s, rules, 2, false);
  assert_int_equal(at(s, IF "10.1", 1, 0), 42);
  assert_int_equal(at(s, IF "10.1", 1, 3999999), 42);
  assert_int_equal(at(s, IF "10.1", 1, 4000000), 43);
  sim_fini(s);
}

/* Faster and slower, but never back, never out of its bounds, and right at the end of each period. */
static void test_swing(void **state) {
  struct sim *s = fresh();
  struct moon_vary_rule r = rule(IFX "6", MOON_VARY_COUNTER);
  uint64_t last = 0, changes = 0, rate = 0;
  (void)state;
  r.rate_low = r.rate_high = 1e6;
  r.swing = true;
  r.has_start = true;
  r.period_us = 10 * S;
  sim_vary(s, &r, 1, false);
  for (uint64_t t = 0; t < 200 * S; t += 997 * 13) {
    uint64_t v = at(s, IFX "6.1", 9, t);
    assert_true(v >= last);
    last = v;
  }
  for (uint64_t t = 50 * S; t < 50 * S + 20000; t++) { /* every microsecond */
    uint64_t v = at(s, IFX "6.1", 9, t);
    if (t > 50 * S) { assert_true(v >= last); }
    last = v;
  }
  for (uint64_t k = 0; k < 1000; k++) {
    uint64_t v = at(s, IFX "6.1", 9, k * 10 * S), one = at(s, IFX "6.1", 9, k * 10 * S + S) - v;
    assert_int_equal(v, k * 10000000);
    assert_true(one > 200000 && one < 1800000);
    changes += one != rate;
    rate = one;
  }
  assert_true(changes > 900);
  sim_fini(s);
}

/* Each agent and each instance has a rate of its own, small ones as often as great ones, all within the two. */
static void test_range(void **state) {
  struct sim *s = fresh();
  struct moon_vary_rule r = rule(IFX "6", MOON_VARY_COUNTER);
  unsigned low = 0, same = 0;
  (void)state;
  r.rate_low = 10;
  r.rate_high = 1e5;
  r.has_start = true;
  sim_vary(s, &r, 1, false);
  for (uint64_t seed = 0; seed < 2000; seed++) {
    uint64_t a = at(s, IFX "6.1", seed, 1000 * S), b = at(s, IFX "6.2", seed, 1000 * S);
    assert_true(a >= 10000 && a <= 100000000);
    low += a < 1000000;
    same += a == b;
    assert_int_equal(a, at(s, IFX "6.1", seed, 1000 * S));
  }
  assert_true(low > 800 && low < 1200);
  assert_true(same < 5);
  r.rate_low = 0; /* evenly then */
  r.rate_high = 1;
  sim_vary(s, &r, 1, false);
  low = 0;
  for (uint64_t seed = 0; seed < 2000; seed++) { low += at(s, IFX "6.1", seed, 1000 * S) < 500; }
  assert_true(low > 850 && low < 1150);
  sim_fini(s);
}

static void test_uptime(void **state) {
  struct sim *s = fresh();
  struct moon_vary_rule r = rule("1.3.6.1.2.1.1.3", MOON_VARY_UPTIME);
  struct moon_moment m = {.seed = 1, .t_us = 100 * S, .boot_us = 90 * S, .boots = 2};
  uint64_t number;
  (void)state;
  sim_vary(s, NULL, 0, true);
  assert_int_equal(at(s, "1.3.6.1.2.1.1.3.0", 1, 0), 1000);
  assert_int_equal(at(s, "1.3.6.1.2.1.1.3.0", 1, 10 * S + 9999), 2000);
  assert_int_equal(at(s, "1.3.6.1.6.3.10.2.1.3.0", 1, 7 * S), 107);
  assert_int_equal(at(s, "1.3.6.1.6.3.10.2.1.2.0", 1, 7 * S), 4);
  assert_int_equal(at(s, "1.3.6.1.2.1.1.3.0", 1, 42949672960000ull - 10 * S - 10000), 4294967295u); /* 497 days */
  assert_int_equal(at(s, "1.3.6.1.2.1.1.3.0", 1, 42949672960000ull - 10 * S), 0);
  assert_int_equal(moon_vary_value(s->vary, instance(s, IF "9.1"), &(struct moon_moment){.t_us = S}, &number), MOON_VARIED_NOT);
  /* After reboots: from 0, events of before are at 0, engineBoots goes on. */
  assert_int_equal(moon_vary_value(s->vary, instance(s, "1.3.6.1.2.1.1.3.0"), &m, &number), MOON_VARIED_NUMBER);
  assert_int_equal(number, 1000);
  assert_int_equal(moon_vary_value(s->vary, instance(s, IF "9.1"), &m, &number), MOON_VARIED_NUMBER);
  assert_int_equal(number, 0);
  assert_int_equal(moon_vary_value(s->vary, instance(s, "1.3.6.1.6.3.10.2.1.2.0"), &m, &number), MOON_VARIED_NUMBER);
  assert_int_equal(number, 6);
  assert_int_equal(moon_vary_value(s->vary, instance(s, "1.3.6.1.6.3.10.2.1.3.0"), &m, &number), MOON_VARIED_NUMBER);
  assert_int_equal(number, 10);
  m.boot_us = 100 * S;
  assert_int_equal(moon_vary_value(s->vary, instance(s, IFX "6.1"), &m, &number), MOON_VARIED_NUMBER);
  assert_int_equal(number, 0); /* counters too */
  m.t_us = 99 * S; /* a clock that jumped back behind the boot */
  assert_int_equal(moon_vary_value(s->vary, instance(s, "1.3.6.1.2.1.1.3.0"), &m, &number), MOON_VARIED_NUMBER);
  assert_int_equal(number, 0);
  r.has_start = true;
  r.start = 4294967290u;
  sim_vary(s, &r, 1, true);
  assert_int_equal(at(s, "1.3.6.1.2.1.1.3.0", 1, 100000), 4);
  sim_fini(s);
}

/* The defaults: both widths of an interface's octets grow alike, everything that is no counter, gauge or time stays. */
static void test_defaults(void **state) {
  struct sim *s = fresh();
  unsigned still = 0;
  (void)state;
  sim_vary(s, NULL, 0, true);
  for (uint64_t seed = 0; seed < 50; seed++) {
    for (uint64_t t = 0; t < 10000 * S; t += 777 * S) {
      uint64_t narrow = at(s, IF "10.1", seed, t) - at(s, IF "10.1", seed, 0);
      assert_int_equal((uint32_t)narrow, (uint32_t)(at(s, IFX "6.1", seed, t) - at(s, IFX "6.1", seed, 0)));
    }
    assert_true(at(s, IF "10.2", seed, 3600 * S) - 5 >= 3600 * 990);
  }
  for (uint32_t i = 0; i < s->recording->n; i++) { still += moon_vary_map(s->vary)[i] == 0; }
  assert_int_equal(still, 5); /* sysDescr, ifSpeed twice, ifOperStatus, what no MIB of ours knows */
  sim_fini(s);
}

static void test_gauges(void **state) {
  struct sim *s = fresh();
  struct moon_vary_rule rules[3] = {rule(IF "21", MOON_VARY_GAUGE), rule("1.3.6.1.4.1.9", MOON_VARY_GAUGE),
                                    rule("1.3.6.1.2.1.25.3.3.1.2", MOON_VARY_GAUGE)};
  uint64_t low = UINT64_MAX, high = 0, last = 0;
  (void)state;
  rules[2].low = -5;
  rules[2].high = 7;
  rules[2].period_us = S;
  sim_vary(s, rules, 3, false);
  for (uint64_t t = 0; t < 4000 * S; t += S / 2) {
    uint64_t v = at(s, IF "21.1", 3, t);
    int64_t cold = (int64_t)at(s, "1.3.6.1.4.1.9.1.0", 3, t), small = (int64_t)at(s, "1.3.6.1.2.1.25.3.3.1.2.1", 3, t);
    assert_true(v >= 300 && v <= 500);
    if (t) { assert_true(v + 4 > last && last + 4 > v); } /* smoothly: 200 at most in a minute, 1.5 times as steep in its middle */
    assert_true(cold >= -125 && cold <= -75);
    assert_true(small >= -5 && small <= 7);
    low = v < low ? v : low;
    high = v > high ? v : high;
    last = v;
  }
  assert_true(low < 330 && high > 470);
  sim_fini(s);
}

/* An interface is away in every table at once, comes back, and walks and GETs agree about it. */
static void test_presence(void **state) {
  struct sim *s = fresh();
  struct moon_vary_rule rules[2] = {rule("1.3.6.1.2.1.2.2.1", MOON_VARY_PRESENCE), rule("1.3.6.1.2.1.31.1.1.1", MOON_VARY_PRESENCE)};
  unsigned gone = 0, turns = 0;
  (void)state;
  for (unsigned i = 0; i < 2; i++) {
    rules[i].skip = 1;
    rules[i].share = 0.25;
    rules[i].period_us = 30 * S;
  }
  sim_vary(s, rules, 2, true);
  for (uint64_t t = 0; t < 30000 * S; t += 10 * S, turns++) {
    const struct moon_moment m = {.seed = s->agent.seed, .t_us = t};
    uint64_t number;
    bool away = moon_vary_value(s->vary, instance(s, IF "5.1"), &m, &number) == MOON_VARIED_GONE;
    assert_int_equal(away, moon_vary_value(s->vary, instance(s, IFX "6.1"), &m, &number) == MOON_VARIED_GONE);
    assert_int_equal(away, moon_vary_value(s->vary, instance(s, IF "10.1"), &m, &number) == MOON_VARIED_GONE);
    gone += away;
    s->now_us = 1000000 + t;
    sim_ask(s, MOON_PDU_GET, 0, 0, IF "8.1", IF "10.1", NULL);
    assert_int_equal(s->vb[0].type, away ? MOON_NO_SUCH_INSTANCE : MOON_INTEGER);
    assert_int_equal(s->vb[1].type, away ? MOON_NO_SUCH_INSTANCE : MOON_COUNTER32);
    sim_ask(s, MOON_PDU_GET_NEXT, 0, 0, IF "7", NULL);
    assert_int_equal(sim_is(&s->vb[0], IF "8.1"), !away);
    sim_ask(s, MOON_PDU_GET_BULK, 0, 40, "1.3.6.1.2.1.2", NULL);
    for (uint32_t i = 0; i < s->n; i++) { assert_false(away && sim_is(&s->vb[i], IF "21.1")); }
  }
  assert_true(gone > turns / 6 && gone < turns / 3);
  sim_fini(s);
}

/* ifNumber tells how many rows ifTable has just then, and is still where a rule says so, or nothing comes and goes. */
static void test_interfaces_counted(void **state) {
  static struct sim own, *s = &own;
  struct moon_vary_rule rules[2] = {rule("1.3.6.1.2.1.2.2.1", MOON_VARY_PRESENCE), rule("1.3.6.1.2.1.2.1", MOON_VARY_GAUGE)};
  unsigned seen[3] = {0};
  (void)state;
  sim_init(s, "1.3.6.1.2.1.2.1.0|2|2\n" IF "5.1|66|10\n" IF "5.2|66|20\n" IF "6.1|4|a\n");
  rules[0].skip = 1;
  rules[0].share = 0.4;
  rules[1].low = rules[1].high = 7;
  sim_vary(s, rules, 1, true);
  for (uint64_t t = 0; t < 200 * 60 * S; t += 60 * S) {
    uint32_t there = 0;
    s->now_us = 1000000 + t;
    sim_ask(s, MOON_PDU_GET, 0, 0, IF "5.1", IF "5.2", "1.3.6.1.2.1.2.1.0", NULL);
    for (int i = 0; i < 2; i++) { there += s->vb[i].type == MOON_GAUGE32; }
    assert_int_equal(s->vb[2].type, MOON_INTEGER);
    assert_int_equal(sim_number(&s->vb[2]), there);
    seen[there]++;
  }
  assert_true(seen[0] && seen[1] && seen[2]);
  sim_vary(s, rules, 2, true);
  sim_ask(s, MOON_PDU_GET, 0, 0, "1.3.6.1.2.1.2.1.0", NULL);
  assert_int_equal(sim_number(&s->vb[0]), 7);
  sim_vary(s, &rules[1], 0, true);
  sim_ask(s, MOON_PDU_GET, 0, 0, "1.3.6.1.2.1.2.1.0", NULL);
  assert_int_equal(sim_number(&s->vb[0]), 2);
  sim_fini(s);
}

/* Over the wire: the moment of the request, in answers of every kind, encoded as numbers are. */
static void test_wire(void **state) {
  struct sim *s = fresh();
  struct moon_vary_rule r = rule(IFX "6", MOON_VARY_COUNTER);
  (void)state;
  r.rate_low = r.rate_high = 1;
  sim_vary(s, &r, 1, true);
  for (uint64_t t = 0; t < 5000; t += 7) {
    uint64_t want = 18446744073709551610u + t;
    s->now_us = 1000000 + t * S;
    sim_ask(s, MOON_PDU_GET, 0, 0, IFX "6.2", IF "8.1", "1.3.6.1.2.1.1.3.0", NULL);
    assert_int_equal(s->list_err, MOON_OK);
    assert_int_equal(sim_number(&s->vb[0]), want);
    assert_int_equal(sim_number(&s->vb[1]), 1);
    assert_int_equal(sim_number(&s->vb[2]), 1000 + t * 100);
    assert_int_equal(moon_varbind_check(&s->vb[0]), MOON_OK);
    sim_ask(s, MOON_PDU_GET_BULK, 0, 12, "1.3.6.1.2.1.1.3", NULL);
    assert_int_equal(s->list_err, MOON_OK);
    assert_int_equal(s->n, 12);
    assert_true(sim_is(&s->vb[8], "1.3.6.1.2.1.25.3.3.1.2.1"));
    assert_true(sim_is(&s->vb[10], IFX "6.2"));
    assert_int_equal(sim_number(&s->vb[10]), want);
  }
  moon_agent_reboot(&s->agent, s->now_us);
  s->now_us += 3 * S;
  sim_ask(s, MOON_PDU_GET, 0, 0, IFX "6.2", "1.3.6.1.2.1.1.3.0", NULL);
  assert_int_equal(sim_number(&s->vb[0]), 3);
  assert_int_equal(sim_number(&s->vb[1]), 300);
  sim_fini(s);
}

static void test_refused(void **state) {
  struct sim *s = fresh();
  struct moon_vary_rule bad[8], many[MOON_VARY_RULES_MAX + 1];
  size_t blame;
  enum moon_err err;
  (void)state;
  for (size_t i = 0; i < 8; i++) { bad[i] = rule(IF "10", MOON_VARY_COUNTER); }
  bad[0].mode = MOON_VARY_MODES_N;
  bad[1].rate_low = -1;
  bad[2].rate_low = 2;
  bad[3].rate_high = 2e13;
  bad[4].low = 1;
  bad[5].share = 1.5;
  bad[6].swing = true;
  bad[6].period_us = 1ull << 32;
  bad[7].rate_high = __builtin_nan("");
  for (size_t i = 0; i < 8; i++) {
    struct moon_vary_rule two[2] = {rule(IF "10", MOON_VARY_STILL), bad[i]};
    assert_null(moon_vary_new(s->recording, two, 2, true, &blame, &err));
    assert_int_equal(err, MOON_E_CONFIG);
    assert_int_equal(blame, 1);
  }
  for (size_t i = 0; i <= MOON_VARY_RULES_MAX; i++) { many[i] = rule(IF "10", MOON_VARY_COUNTER); }
  assert_null(moon_vary_new(s->recording, many, MOON_VARY_RULES_MAX + 1, true, NULL, &err));
  assert_int_equal(err, MOON_E_LIMIT);
  sim_vary(s, many, MOON_VARY_RULES_MAX, true);
  for (unsigned n = 1;; n++) {
    struct moon_vary *v;
    failmem_arm(n);
    v = moon_vary_new(s->recording, many, 3, true, NULL, &err);
    if (!failmem_fired()) {
      moon_vary_free(v);
      break;
    }
    assert_null(v);
    assert_int_equal(err, MOON_E_NOMEM);
  }
  failmem_disarm();
  /* The later wins, and types that a mode cannot have are left alone. */
  many[0] = rule("1.3", MOON_VARY_COUNTER);
  many[0].rate_low = many[0].rate_high = 1;
  many[1] = rule(IF "10.1", MOON_VARY_STILL);
  sim_vary(s, many, 2, false);
  assert_int_equal(at(s, IF "10.2", 1, 5 * S), 10);
  assert_int_equal(moon_vary_map(s->vary)[instance(s, IF "10.1")], 0);
  assert_int_equal(moon_vary_map(s->vary)[instance(s, IF "5.1")], 0);
  sim_fini(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_rates),    cmocka_unit_test(test_swing),    cmocka_unit_test(test_range), cmocka_unit_test(test_uptime),
    cmocka_unit_test(test_defaults), cmocka_unit_test(test_gauges),   cmocka_unit_test(test_presence), cmocka_unit_test(test_interfaces_counted),
    cmocka_unit_test(test_wire),     cmocka_unit_test(test_refused),
  };
  failmem_install();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
