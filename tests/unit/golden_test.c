/* What a probe wrote as text that does not depend on order or time, and how two of them differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "failmem.h"
#include "../../core/main/golden.h"

static struct moon_text text(const char *s) { return (struct moon_text){s, (uint32_t)strlen(s)}; }

/* A record of two gauges; the second has labels in one order or the other. */
static void make(struct moon_record *r, const char *device, const char *job, double first, bool swapped, uint8_t err) {
  struct moon_label labels[2] = {{text("b"), text("2\"")}, {text("a"), text("1")}};
  struct moon_label other[2] = {{text("a"), text("1")}, {text("b"), text("2\"")}};
  struct moon_sample one = {.name = text("x"), .type = MOON_SAMPLE_GAUGE, .kind = MOON_NUMBER_REAL, .value.real = first, .time_s = first};
  struct moon_sample two = {.name = text("w"), .type = MOON_SAMPLE_COUNTER, .kind = MOON_NUMBER_UNSIGNED, .value.uint = UINT64_MAX};
  struct moon_run_head head = {.err = err};
  moon_record_init(r);
  moon_record_begin(r, text(device), text("p"), text(job), NULL, 0);
  if (swapped) {
    moon_record_labels(r, other, 2);
    moon_record_sample(r, &two);
    moon_record_labels(r, NULL, 0);
    moon_record_sample(r, &one);
  } else {
    moon_record_sample(r, &one);
    moon_record_labels(r, labels, 2);
    moon_record_sample(r, &two);
  }
  assert_int_equal(moon_record_end(r, &head), MOON_OK);
}

static enum moon_err add(struct moon_golden *g, const char *device, const char *job, double first, bool swapped, uint8_t err) {
  struct moon_record r;
  make(&r, device, job, first, swapped, err);
  enum moon_err e = moon_golden_add(g, r.p, r.n);
  moon_record_fini(&r);
  return e;
}

static char *printed(struct moon_golden *g) {
  struct moon_print o;
  moon_print_init(&o, NULL, NULL);
  moon_golden_print(g, &o);
  moon_print_put(&o, "", 1);
  assert_false(o.failed);
  return (char *)o.p;
}

static void prints(void **state) {
  struct moon_golden g = {0};
  (void)state;
  assert_int_equal(add(&g, "d10", "", 0.1 + 0.2, false, MOON_OK), MOON_OK);
  assert_int_equal(add(&g, "d10", "", 1e15, true, MOON_E_TIMEOUT), MOON_OK);
  assert_int_equal(add(&g, "d9", "j", -1.5, true, MOON_E_PUBLIC_N), MOON_OK);
  char *s = printed(&g);
  assert_string_equal(s,
    "{\"run\":1,\"device\":\"d9\",\"job\":\"j\",\"error\":\"script\"}\n"
    "{\"name\":\"w\",\"labels\":{\"a\":\"1\",\"b\":\"2\\\"\"},\"type\":\"counter\",\"value\":18446744073709551615}\n"
    "{\"name\":\"x\",\"labels\":{},\"type\":\"gauge\",\"value\":-1.5}\n"
    "{\"run\":1,\"device\":\"d10\",\"error\":\"ok\"}\n"
    "{\"name\":\"w\",\"labels\":{\"a\":\"1\",\"b\":\"2\\\"\"},\"type\":\"counter\",\"value\":18446744073709551615}\n"
    "{\"name\":\"x\",\"labels\":{},\"type\":\"gauge\",\"value\":0.3}\n"
    "{\"run\":2,\"device\":\"d10\",\"error\":\"timeout\"}\n"
    "{\"name\":\"w\",\"labels\":{\"a\":\"1\",\"b\":\"2\\\"\"},\"type\":\"counter\",\"value\":18446744073709551615}\n"
    "{\"name\":\"x\",\"labels\":{},\"type\":\"gauge\",\"value\":1000000000000000}\n");
  moon_mem_free(s);
  assert_int_equal(g.n_runs, 3);
  assert_int_equal(g.n_samples, 6);
  assert_int_equal(g.n_script, 1);
  assert_int_equal(moon_golden_add(&g, (const uint8_t *)"no", 2), MOON_E_SHORT);
  moon_golden_fini(&g);
}

static void many(void **state) {
  struct moon_golden g = {0};
  (void)state;
  for (int i = 0; i < 100; i++) { assert_int_equal(add(&g, i % 2 ? "a" : "b", "", i, i % 3 == 0, MOON_OK), MOON_OK); }
  char *s = printed(&g);
  assert_non_null(strstr(s, "{\"run\":50,\"device\":\"a\""));
  assert_null(strstr(s, "\"run\":51"));
  assert_true(strstr(s, "{\"run\":9,\"device\":\"b\"") < strstr(s, "{\"run\":10,\"device\":\"a\""));
  moon_mem_free(s);
  moon_golden_fini(&g);
}

static void no_memory(void **state) {
  size_t alive = failmem_alive();
  (void)state;
  for (unsigned n = 1;; n++) {
    struct moon_golden g = {0};
    struct moon_record r;
    make(&r, "d", "j", 1, false, MOON_OK);
    failmem_arm(n);
    enum moon_err e = moon_golden_add(&g, r.p, r.n);
    bool fired = failmem_fired();
    failmem_disarm();
    assert_int_equal(e, fired ? MOON_E_NOMEM : MOON_OK);
    assert_int_equal(g.n_runs, fired ? 0 : 1);
    moon_record_fini(&r);
    moon_golden_fini(&g);
    assert_int_equal(failmem_alive(), alive);
    if (!fired) { break; }
  }
}

static void differ(const char *want, const char *got, const char *shown) {
  struct moon_print o;
  moon_print_init(&o, NULL, NULL);
  assert_int_equal(moon_golden_diff("f", text(want), text(got), &o), *shown != 0);
  moon_print_put(&o, "", 1);
  assert_string_equal((char *)o.p, shown);
  moon_print_fini(&o);
}

static void differences(void **state) {
  (void)state;
  differ("", "", "");
  differ("a\nb\n", "a\nb\n", "");
  differ("a\r\nb\r\n", "a\nb\n", "");
  differ("a\nb", "a\nb\n", "");
  differ("a\nb\n", "a\nc\n", "      f:2: differs\n      - b\n      + c\n");
  differ("a\nb\nc\n", "a\nc\n", "      f:2: differs\n      - b\n");
  differ("a\nc\n", "a\nb\nc\n", "      f:2: differs\n      + b\n");
  differ("a\n", "a\nb\n", "      f:2: more came than is here\n      + b\n");
  differ("", "b\n", "      f:1: more came than is here\n      + b\n");
  differ("a\nb\n", "a\n", "      f:2: differs\n      - b\n");
  differ("a\nx\ny\nb\n", "a\nb\nz\n", "      f:2: differs\n      - x\n      - y\n      + z\n");
}

/* Much that differs is only begun. */
static void long_difference(void **state) {
  char want[4096] = "", got[4096] = "";
  struct moon_print o;
  (void)state;
  for (int i = 0; i < 100; i++) {
    snprintf(want + strlen(want), 16, "w%d\n", i);
    snprintf(got + strlen(got), 16, "g%d\n", i);
  }
  moon_print_init(&o, NULL, NULL);
  assert_true(moon_golden_diff("f", text(want), text(got), &o));
  moon_print_put(&o, "", 1);
  assert_non_null(strstr((char *)o.p, "+ g9\n"));
  assert_null(strstr((char *)o.p, "w10\n"));
  assert_non_null(strstr((char *)o.p, "... and 180 lines more\n"));
  moon_print_fini(&o);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(prints), cmocka_unit_test(many), cmocka_unit_test(no_memory), cmocka_unit_test(differences), cmocka_unit_test(long_difference),
  };
  failmem_install();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
