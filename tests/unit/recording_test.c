/* recording: names in order, found and followed by others, whatever order they came in; what is kept when one comes twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failmem.h"
#include "guard.h"
#include "sim_rig.h"

static uint64_t state64 = 88172645463325252u;

static uint32_t roll(uint32_t n) {
  state64 ^= state64 << 13;
  state64 ^= state64 >> 7;
  state64 ^= state64 << 17;
  return (uint32_t)(state64 >> 33) % n;
}

struct told { uint32_t n; uint32_t line[64]; };

static void tell(void *ctx, uint32_t line, const char *why) {
  struct told *t = ctx;
  assert_non_null(strstr(why, "again"));
  t->line[t->n++] = line;
}

static void add(struct moon_recorder *w, const char *oid, uint8_t type, const char *value, uint32_t line) {
  uint16_t n;
  const uint8_t *p = sim_oid(oid, &n);
  assert_int_equal(moon_recorder_add(w, p, n, type, (const uint8_t *)value, strlen(value), line), MOON_OK);
}

static uint32_t find(const struct moon_recording *r, const char *oid) {
  uint16_t n;
  const uint8_t *p = sim_oid(oid, &n);
  return moon_recording_find(r, p, n);
}

static uint32_t after(const struct moon_recording *r, const char *oid) {
  uint16_t n;
  const uint8_t *p = sim_oid(oid, &n);
  return moon_recording_after(r, p, n);
}

/* Order by arcs, where that of octets is another: 2^7, 2^14, 2^21, 2^28. */
static void test_order(void **state) {
  static const char *const sorted[] = {"0.0", "1.3.6.1.1", "1.3.6.1.1.0", "1.3.6.1.1.127", "1.3.6.1.1.127.5", "1.3.6.1.1.128",
    "1.3.6.1.1.16383", "1.3.6.1.1.16384", "1.3.6.1.1.2097151", "1.3.6.1.1.2097152", "1.3.6.1.1.268435455.1",
    "1.3.6.1.1.268435456", "1.3.6.1.1.4294967295", "1.3.6.1.2", "2.999.1"};
  enum { N = sizeof sorted / sizeof *sorted };
  (void)state;
  for (unsigned turn = 0; turn < 50; turn++) {
    enum moon_err err;
    struct moon_recorder *w = moon_recorder_new(&err);
    struct moon_recording *r;
    struct moon_varbind vb;
    unsigned order[N];
    for (unsigned i = 0; i < N; i++) { order[i] = i; }
    for (unsigned i = N; turn && i > 1; i--) {
      unsigned j = roll(i), t = order[j];
      order[j] = order[i - 1];
      order[i - 1] = t;
    }
    for (unsigned i = 0; i < N; i++) { add(w, sorted[order[i]], MOON_OCTET_STRING, sorted[order[i]], i + 1); }
    r = moon_recorder_finish(w, NULL, NULL, &err);
    assert_non_null(r);
    assert_int_equal(r->n, N);
    for (uint32_t i = 0; i < N; i++) {
      moon_recording_get(r, i, &vb);
      assert_true(sim_is(&vb, sorted[i]));
      assert_memory_equal(vb.value, sorted[i], strlen(sorted[i]));
      assert_int_equal(find(r, sorted[i]), i);
      assert_int_equal(after(r, sorted[i]), i + 1);
    }
    assert_int_equal(find(r, "1.3.6.1.1.126"), MOON_RECORDING_NONE);
    assert_int_equal(after(r, "1.3.6.1.1.126"), 3);
    assert_int_equal(after(r, "1.3.6.1.1.129"), 6);
    assert_int_equal(after(r, "2.999.1.1"), N);
    assert_int_equal(moon_recording_after(r, NULL, 0), 0);
    moon_recording_free(r);
  }
}

/* The later line counts and the earlier is told; the scalars of the agent itself give way to recorded ones silently. */
static void test_twice(void **state) {
  enum moon_err err;
  struct moon_recorder *w = moon_recorder_new(&err);
  struct told told = {0, {0}};
  struct moon_recording *r;
  struct moon_varbind vb;
  (void)state;
  moon_recorder_add_snmp(w);
  add(w, "1.3.6.1.9.2", MOON_OCTET_STRING, "first", 1);
  add(w, "1.3.6.1.9.1", MOON_OCTET_STRING, "one", 2);
  add(w, "1.3.6.1.9.2", MOON_OCTET_STRING, "second", 3);
  add(w, "1.3.6.1.2.1.11.1.0", MOON_COUNTER32, "\x05", 4);
  add(w, "1.3.6.1.9.2", MOON_OCTET_STRING, "third", 5);
  r = moon_recorder_finish(w, tell, &told, &err);
  assert_non_null(r);
  assert_int_equal(r->n, 30 + 2);
  assert_int_equal(told.n, 2);
  assert_int_equal(told.line[0], 1);
  assert_int_equal(told.line[1], 3);
  moon_recording_get(r, find(r, "1.3.6.1.9.2"), &vb);
  assert_memory_equal(vb.value, "third", 5);
  moon_recording_get(r, find(r, "1.3.6.1.2.1.11.1.0"), &vb);
  assert_int_equal(vb.value[0], 5);
  for (uint32_t i = 0; i < r->n; i++) {
    bool snmp = i < 30 && i != 27; /* 30, snmpEnableAuthenTraps, is an INTEGER */
    assert_int_equal((r->instances[i].flags & MOON_INSTANCE_SNMP) != 0, snmp);
    assert_int_equal(r->instances[i].flags & ~MOON_INSTANCE_SNMP, 0);
  }
  moon_recording_free(r);
}

static void test_limits(void **state) {
  enum moon_err err;
  struct moon_recorder *w = moon_recorder_new(&err);
  struct moon_recording *r;
  struct moon_varbind vb;
  static uint8_t big[MOON_INSTANCE_MAX + 1];
  uint8_t name[3] = {0x2b, 6, 0x81};
  (void)state;
  assert_int_equal(moon_recorder_add(w, name, 3, MOON_NULL, NULL, 0, 1), MOON_E_SHORT);
  assert_int_equal(moon_recorder_add(w, name, 0, MOON_NULL, NULL, 0, 1), MOON_E_LENGTH);
  assert_int_equal(moon_recorder_add(w, name, 2, MOON_OCTET_STRING, big, sizeof big, 1), MOON_E_LIMIT);
  assert_int_equal(moon_recorder_add(w, name, 2, MOON_OCTET_STRING, big, MOON_INSTANCE_MAX, 1), MOON_E_LIMIT);
  for (size_t n = 100; n < 64000; n = n * 3 / 2 + (n % 3)) { /* every form of length */
    uint8_t long_name[2] = {0x2b, (uint8_t)(n % 120)};
    assert_int_equal(moon_recorder_add(w, long_name, 2, MOON_OCTET_STRING, big, n, 1), MOON_OK);
  }
  r = moon_recorder_finish(w, NULL, NULL, &err);
  for (uint32_t i = 0; i < r->n; i++) {
    struct moon_reader list;
    struct moon_varbind decoded;
    moon_reader_init(&list, r->octets + r->instances[i].at, r->instances[i].len);
    assert_true(moon_varbind_get(&list, &decoded));
    assert_int_equal(moon_reader_left(&list), 0);
    moon_recording_get(r, i, &vb);
    assert_ptr_equal(vb.oid, decoded.oid);
    assert_ptr_equal(vb.value, decoded.value);
    assert_int_equal(vb.value_len, decoded.value_len);
    assert_int_equal(vb.type, decoded.type);
  }
  moon_recording_free(r);
  w = moon_recorder_new(&err);
  r = moon_recorder_finish(w, NULL, NULL, &err); /* an empty one */
  assert_int_equal(r->n, 0);
  assert_int_equal(find(r, "1.3.6"), MOON_RECORDING_NONE);
  assert_int_equal(after(r, "1.3.6"), 0);
  moon_recording_free(r);
}

/* Thousands of random names against a plain search; names asked for end at a page without access. */
static void test_random(void **state) {
  enum { N = 3000 };
  enum moon_err err;
  struct moon_recorder *w = moon_recorder_new(&err);
  struct moon_recording *r;
  struct guard g;
  (void)state;
  guard_init(&g, MOON_OID_MAX_LEN);
  for (uint32_t i = 0; i < N; i++) {
    struct moon_oid oid = {{1, 3, 6, 1}, 4 + roll(8)};
    uint8_t octets[MOON_OID_MAX_LEN];
    size_t n;
    for (uint32_t k = 4; k < oid.n; k++) { oid.arc[k] = roll(3) ? roll(4) : roll(4) * 100003u; }
    assert_int_equal(moon_oid_encode(&oid, octets, sizeof octets, &n), MOON_OK);
    assert_int_equal(moon_recorder_add(w, octets, n, MOON_NULL, NULL, 0, i + 1), MOON_OK);
  }
  r = moon_recorder_finish(w, NULL, NULL, &err);
  assert_true(r->n > 500 && r->n < N);
  for (uint32_t turn = 0; turn < 2000; turn++) {
    struct moon_oid oid = {{1, 3, 6, 1}, 2 + roll(11)};
    uint8_t octets[MOON_OID_MAX_LEN], *p;
    uint32_t follows = 0, at = MOON_RECORDING_NONE;
    size_t n;
    for (uint32_t k = 4; k < oid.n; k++) { oid.arc[k] = roll(3) ? roll(5) : roll(5) * 100003u; }
    assert_int_equal(moon_oid_encode(&oid, octets, sizeof octets, &n), MOON_OK);
    p = guard_put(&g, octets, n);
    for (uint32_t i = 0; i < r->n; i++) {
      struct moon_varbind vb;
      int c;
      moon_recording_get(r, i, &vb);
      c = moon_oid_compare(vb.oid, vb.oid_len, octets, n);
      if (c == 0) { at = i; }
      if (c <= 0) { follows = i + 1; }
    }
    assert_int_equal(moon_recording_find(r, p, n), at);
    assert_int_equal(moon_recording_after(r, p, n), follows);
  }
  moon_recording_free(r);
  guard_fini(&g);
}

static void test_no_memory(void **state) {
  (void)state;
  for (unsigned n = 1;; n++) {
    size_t alive = failmem_alive();
    enum moon_err err = MOON_OK, e = MOON_OK;
    struct moon_recorder *w;
    struct moon_recording *r = NULL;
    failmem_arm(n);
    w = moon_recorder_new(&err);
    for (uint32_t i = 0; w && !e && i < 600; i++) {
      uint8_t oid[4] = {0x2b, 6, (uint8_t)(i % 128), (uint8_t)(i / 128)};
      if (i == 300) { moon_recorder_timing(w, 1000); }
      e = moon_recorder_add(w, oid, 4, MOON_OCTET_STRING, (const uint8_t *)"some forty octets so that room runs out.", 40, i);
    }
    if (e) {
      moon_recorder_free(w);
    } else if (w) {
      r = moon_recorder_finish(w, NULL, NULL, &err);
    }
    if (!failmem_fired()) {
      assert_non_null(r);
      assert_int_equal(r->n, 600);
      assert_int_equal(r->rtt_us[moon_recording_find(r, (const uint8_t *)"\x2b\x06\x2b\x02", 4)], 0); /* line 299 */
      assert_int_equal(r->rtt_us[moon_recording_find(r, (const uint8_t *)"\x2b\x06\x2c\x02", 4)], 1000);
      moon_recording_free(r);
      break;
    }
    assert_true(!r && (err == MOON_E_NOMEM || e == MOON_E_NOMEM));
    assert_int_equal(failmem_alive(), alive);
  }
  failmem_disarm();
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_order),  cmocka_unit_test(test_twice),     cmocka_unit_test(test_limits),
    cmocka_unit_test(test_random), cmocka_unit_test(test_no_memory),
  };
  failmem_install();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
