/* Run records: what goes in comes out, and nothing but a record is read as one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/sample.h"

static struct moon_text text(const char *s) { return (struct moon_text){s, (uint32_t)strlen(s)}; }

static void expect_text(struct moon_text t, const char *want) {
  assert_int_equal(t.n, strlen(want));
  assert_memory_equal(t.p, want, t.n);
}

static const struct moon_run_head HEAD = {
  .started_s = 1764000000.25, .run_s = 0.125, .version = 0x0123456789abcdefu, .skipped_nil = 7, .err = MOON_E_TIMEOUT, .first = true, .silent = true,
};

static void fill(struct moon_record *r) {
  const struct moon_label base[] = {{text("site"), text("lab")}, {text("rack"), text("")}};
  const struct moon_label index[] = {{text("index"), text("4")}};
  moon_record_begin(r, text("core1"), text("interfaces"), text("poll"), base, 2);
  struct moon_sample s = {.name = text("up"), .time_s = 1764000000.5, .type = MOON_SAMPLE_GAUGE, .kind = MOON_NUMBER_REAL};
  s.value.real = 0.1;
  moon_record_sample(r, &s);
  moon_record_labels(r, index, 1);
  s = (struct moon_sample){.name = text("octets"), .time_s = 2.0, .type = MOON_SAMPLE_COUNTER, .kind = MOON_NUMBER_UNSIGNED};
  s.value.uint = UINT64_MAX;
  moon_record_sample(r, &s);
  s = (struct moon_sample){.name = text("alias"), .time_s = 3.0, .text = {"a\0b\n", 4}, .type = MOON_SAMPLE_INFO, .kind = MOON_NUMBER_TEXT};
  moon_record_sample(r, &s);
  moon_record_labels(r, NULL, 0);
  s = (struct moon_sample){.name = text("celsius"), .time_s = 4.0, .type = MOON_SAMPLE_EVENT, .kind = MOON_NUMBER_SIGNED};
  s.value.sint = INT64_MIN;
  moon_record_sample(r, &s);
}

static void round_trip(void **state) {
  (void)state;
  struct moon_record r;
  moon_record_init(&r);
  for (int pass = 0; pass < 2; pass++) { /* the buffer is reused */
    fill(&r);
    assert_int_equal(moon_record_end(&r, &HEAD), MOON_OK);
  }
  struct moon_record_reader in;
  assert_int_equal(moon_record_open(&in, r.p, r.n), MOON_OK);
  assert_true(in.head.started_s == HEAD.started_s && in.head.run_s == HEAD.run_s && in.head.version == HEAD.version);
  assert_int_equal(in.head.n_samples, 4);
  assert_int_equal(in.head.skipped_nil, 7);
  assert_int_equal(in.head.err, MOON_E_TIMEOUT);
  assert_true(in.head.first);
  assert_true(in.head.silent);
  expect_text(in.device, "core1");
  expect_text(in.probe, "interfaces");
  expect_text(in.job, "poll");
  assert_int_equal(in.n_base_labels, 2);
  struct moon_label l;
  const uint8_t *p = moon_record_label(in.base_labels, &l);
  expect_text(l.key, "site");
  expect_text(l.value, "lab");
  moon_record_label(p, &l);
  expect_text(l.key, "rack");
  expect_text(l.value, "");

  struct moon_sample s;
  uint32_t n = 99;
  assert_int_equal(moon_record_next(&in, &s, &p, &n), MOON_ITEM_SAMPLE);
  expect_text(s.name, "up");
  assert_int_equal(s.type, MOON_SAMPLE_GAUGE);
  assert_int_equal(s.kind, MOON_NUMBER_REAL);
  assert_true(s.value.real == 0.1 && s.time_s == 1764000000.5);
  assert_int_equal(moon_record_next(&in, &s, &p, &n), MOON_ITEM_LABELS);
  assert_int_equal(n, 1);
  moon_record_label(p, &l);
  expect_text(l.key, "index");
  expect_text(l.value, "4");
  assert_int_equal(moon_record_next(&in, &s, &p, &n), MOON_ITEM_SAMPLE);
  assert_true(s.value.uint == UINT64_MAX);
  assert_int_equal(moon_record_next(&in, &s, &p, &n), MOON_ITEM_SAMPLE);
  expect_text(s.name, "alias");
  assert_int_equal(s.text.n, 4);
  assert_memory_equal(s.text.p, "a\0b\n", 4);
  assert_int_equal(moon_record_next(&in, &s, &p, &n), MOON_ITEM_LABELS);
  assert_int_equal(n, 0);
  assert_int_equal(moon_record_next(&in, &s, &p, &n), MOON_ITEM_SAMPLE);
  assert_true(s.value.sint == INT64_MIN);
  assert_int_equal(s.text.n, 0);
  assert_int_equal(moon_record_next(&in, &s, &p, &n), MOON_ITEM_END);
  assert_int_equal(in.err, MOON_OK);
  moon_record_fini(&r);
}

/* Reads everything there is, labels included, with no use for it: the sanitizer watches. */
static enum moon_err read_all(const uint8_t *p, size_t n) {
  struct moon_record_reader in;
  enum moon_err e = moon_record_open(&in, p, n);
  if (e) { return e; }
  volatile uint8_t sink = 0;
  const uint8_t *labels = in.base_labels;
  uint32_t n_labels = in.n_base_labels;
  struct moon_sample s;
  for (enum moon_item item = MOON_ITEM_LABELS; item != MOON_ITEM_END; item = moon_record_next(&in, &s, &labels, &n_labels)) {
    for (uint32_t i = 0; item == MOON_ITEM_LABELS && i < n_labels; i++) {
      struct moon_label l;
      labels = moon_record_label(labels, &l);
      for (uint32_t k = 0; k < l.value.n; k++) { sink ^= (uint8_t)l.value.p[k]; }
    }
    if (item == MOON_ITEM_SAMPLE) {
      assert_in_range(s.type, MOON_SAMPLE_COUNTER, MOON_SAMPLE_EVENT);
      for (uint32_t k = 0; k < s.name.n; k++) { sink ^= (uint8_t)s.name.p[k]; }
      for (uint32_t k = 0; k < s.text.n; k++) { sink ^= (uint8_t)s.text.p[k]; }
    }
  }
  (void)sink;
  return in.err;
}

static void hostile(void **state) {
  (void)state;
  struct moon_record r;
  moon_record_init(&r);
  fill(&r);
  assert_int_equal(moon_record_end(&r, &HEAD), MOON_OK);
  assert_int_equal(read_all(r.p, r.n), MOON_OK);
  for (uint32_t n = 0; n < r.n; n++) { /* every prefix, with its own and with a mended length */
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, r.p, n);
    assert_int_equal(read_all(copy, n), MOON_E_SHORT);
    if (n >= 4) {
      memcpy(copy, &n, 4);
      enum moon_err e = read_all(copy, n); /* MOON_OK where an item ends */
      assert_true(e == MOON_OK || e == MOON_E_SHORT);
    }
    free(copy);
  }
  static const uint8_t put[] = {0x00, 0x01, 0x02, 0x03, 0x7f, 0x80, 0xff};
  uint8_t *copy = malloc(r.n);
  for (uint32_t i = 0; i < r.n; i++) {
    for (size_t k = 0; k < sizeof put; k++) {
      memcpy(copy, r.p, r.n);
      copy[i] = put[k];
      enum moon_err e = read_all(copy, r.n);
      assert_true(e == MOON_OK || e == MOON_E_SHORT);
    }
  }
  free(copy);
  moon_record_fini(&r);
}

static void limits(void **state) {
  (void)state;
  struct moon_record r;
  moon_record_init(&r);
  char *big = calloc(1, MOON_RECORD_MAX / 2);
  struct moon_sample s = {.name = text("x"), .text = {big, MOON_RECORD_MAX / 2}, .type = MOON_SAMPLE_INFO, .kind = MOON_NUMBER_TEXT};
  fill(&r);
  uint32_t before = r.n;
  moon_record_sample(&r, &s);
  assert_int_equal(r.n_samples, 5);
  moon_record_sample(&r, &s);
  assert_int_equal(r.err, MOON_E_LIMIT);
  assert_int_equal(r.n_samples, 5);
  assert_true(r.n > before && r.n <= MOON_RECORD_MAX);
  assert_int_equal(moon_record_end(&r, &HEAD), MOON_E_LIMIT);
  moon_record_drop_samples(&r); /* the run's verdict still travels */
  assert_int_equal(moon_record_end(&r, &HEAD), MOON_OK);
  struct moon_record_reader in;
  assert_int_equal(moon_record_open(&in, r.p, r.n), MOON_OK);
  assert_int_equal(in.head.n_samples, 0);
  assert_int_equal(moon_record_next(&in, &s, NULL, NULL), MOON_ITEM_END);
  free(big);
  moon_record_fini(&r);
}

static int fail_at;
static void *failing(void *ctx, void *p, size_t n) {
  (void)ctx;
  return fail_at-- == 0 ? NULL : realloc(p, n);
}
static void release(void *ctx, void *p) {
  (void)ctx;
  free(p);
}

static void allocation_fails(void **state) {
  (void)state;
  const struct moon_mem_ops ops = {failing, release, NULL};
  char big[5000] = "";
  struct moon_sample s = {.name = text("x"), .text = {big, sizeof big}, .type = MOON_SAMPLE_INFO, .kind = MOON_NUMBER_TEXT};
  moon_mem_set(&ops);
  for (int at = 0; at < 3; at++) {
    struct moon_record r;
    moon_record_init(&r);
    fail_at = at;
    fill(&r);
    moon_record_sample(&r, &s); /* the second allocation */
    enum moon_err e = moon_record_end(&r, &HEAD);
    assert_int_equal(e, at < 2 ? MOON_E_NOMEM : MOON_OK);
    moon_record_drop_samples(&r);
    assert_int_equal(moon_record_end(&r, &HEAD), at == 0 ? MOON_E_NOMEM : MOON_OK);
    moon_record_fini(&r);
  }
  moon_mem_set(NULL);
}

static void type_names(void **state) {
  (void)state;
  assert_string_equal(moon_sample_type_name(MOON_SAMPLE_COUNTER), "counter");
  assert_string_equal(moon_sample_type_name(MOON_SAMPLE_STATE), "state");
  assert_string_equal(moon_sample_type_name((enum moon_sample_type)99), "unknown");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(round_trip), cmocka_unit_test(hostile),    cmocka_unit_test(limits),
    cmocka_unit_test(allocation_fails), cmocka_unit_test(type_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
