/* Run records as JSON lines and as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failmem.h"
#include "../../core/main/output.h"

static struct moon_text text(const char *s) { return (struct moon_text){s, (uint32_t)strlen(s)}; }

static struct moon_sample number(const char *name, double t, enum moon_sample_type type, uint64_t v) {
  struct moon_sample s = {.name = text(name), .time_s = t, .type = (uint8_t)type, .kind = MOON_NUMBER_UNSIGNED};
  s.value.uint = v;
  return s;
}

static void begin(struct moon_record *r, const char *device, const char *job) {
  static const struct moon_label base[] = {{{"site", 4}, {"b\"1", 3}}, {{"index", 5}, {"no", 2}}};
  moon_record_begin(r, text(device), text("interfaces"), text(job), base, 2);
}

static void fill(struct moon_record *r, const char *job) {
  static const struct moon_label one[] = {{{"index", 5}, {"1", 1}}, {{"interface", 9}, {"xe-0/0/1", 8}}};
  static const struct moon_label odd[] = {{{"k\n", 2}, {"\xff\xc3\xa9", 3}}};
  struct moon_run_head head = {.started_s = 1764000000, .run_s = 0.25, .err = MOON_OK};
  struct moon_sample s;
  begin(r, "core1", job);
  s = number("plain", 1764000000.123, MOON_SAMPLE_GAUGE, 7);
  moon_record_sample(r, &s);
  moon_record_labels(r, one, 2);
  s = number("if_rx_octets", 1764000000.123, MOON_SAMPLE_COUNTER, UINT64_MAX);
  moon_record_sample(r, &s);
  s = (struct moon_sample){.name = text("below"), .time_s = 1764000000.5, .type = MOON_SAMPLE_GAUGE, .kind = MOON_NUMBER_SIGNED};
  s.value.sint = INT64_MIN;
  moon_record_sample(r, &s);
  moon_record_labels(r, odd, 1);
  s = (struct moon_sample){.name = text("ratio"), .time_s = 1764000000.5, .type = MOON_SAMPLE_GAUGE, .kind = MOON_NUMBER_REAL};
  s.value.real = 0.1;
  moon_record_sample(r, &s);
  s = (struct moon_sample){.name = text("note"), .time_s = 1764000000.5, .type = MOON_SAMPLE_EVENT, .kind = MOON_NUMBER_TEXT};
  s.text = text("it\x01\xfe says \"up\"");
  moon_record_sample(r, &s);
  assert_int_equal(moon_record_end(r, &head), MOON_OK);
}

static char *formatted(struct moon_output *o, const struct moon_record *r, enum moon_err want) {
  struct moon_print out;
  moon_print_init(&out, NULL, NULL);
  assert_int_equal(o->record(o, r->p, r->n, &out), want);
  moon_print_put(&out, "", 1);
  assert_false(out.failed);
  char *s = strdup((char *)out.p);
  moon_print_fini(&out);
  return s;
}

static void json_lines(void **state) {
  struct moon_record r;
  struct moon_output *o = moon_json_new();
  (void)state;
  moon_record_init(&r);
  fill(&r, "");
  char *got = formatted(o, &r, MOON_OK);
  assert_string_equal(got,
    "{\"t\":1764000000.123,\"device\":\"core1\",\"probe\":\"interfaces\",\"name\":\"plain\",\"type\":\"gauge\",\"value\":7,"
    "\"labels\":{\"site\":\"b\\\"1\",\"index\":\"no\"}}\n"
    "{\"t\":1764000000.123,\"device\":\"core1\",\"probe\":\"interfaces\",\"name\":\"if_rx_octets\",\"type\":\"counter\","
    "\"value\":18446744073709551615,\"labels\":{\"site\":\"b\\\"1\",\"index\":\"1\",\"interface\":\"xe-0/0/1\"}}\n"
    "{\"t\":1764000000.500,\"device\":\"core1\",\"probe\":\"interfaces\",\"name\":\"below\",\"type\":\"gauge\","
    "\"value\":-9223372036854775808,\"labels\":{\"site\":\"b\\\"1\",\"index\":\"1\",\"interface\":\"xe-0/0/1\"}}\n"
    "{\"t\":1764000000.500,\"device\":\"core1\",\"probe\":\"interfaces\",\"name\":\"ratio\",\"type\":\"gauge\","
    "\"value\":0.1,\"labels\":{\"site\":\"b\\\"1\",\"index\":\"no\",\"k\\n\":\"\\u00ff\xc3\xa9\"}}\n"
    "{\"t\":1764000000.500,\"device\":\"core1\",\"probe\":\"interfaces\",\"name\":\"note\",\"type\":\"event\","
    "\"value\":\"it\\u0001\\u00fe says \\\"up\\\"\",\"labels\":{\"site\":\"b\\\"1\",\"index\":\"no\",\"k\\n\":\"\\u00ff\xc3\xa9\"}}\n"
    "{\"t\":1764000000.250,\"device\":\"core1\",\"probe\":\"interfaces\",\"name\":\"up\",\"type\":\"gauge\",\"value\":1,"
    "\"labels\":{\"site\":\"b\\\"1\",\"index\":\"no\"}}\n"
    "{\"t\":1764000000.250,\"device\":\"core1\",\"probe\":\"interfaces\",\"name\":\"run_seconds\",\"type\":\"gauge\",\"value\":0.25,"
    "\"labels\":{\"site\":\"b\\\"1\",\"index\":\"no\"}}\n"
    "{\"t\":1764000000.250,\"device\":\"core1\",\"probe\":\"interfaces\",\"name\":\"run_error\",\"type\":\"state\",\"value\":\"ok\","
    "\"labels\":{\"site\":\"b\\\"1\",\"index\":\"no\"}}\n");
  free(got);
  fill(&r, "poll");
  got = formatted(o, &r, MOON_OK);
  assert_non_null(strstr(got, "\"probe\":\"interfaces\",\"job\":\"poll\",\"name\":\"plain\""));
  free(got);
  o->free(o);
  moon_record_fini(&r);
}

static uint32_t times(const char *text, const char *what) {
  uint32_t n = 0;
  for (const char *p = text; (p = strstr(p, what)) != NULL; p++) { n++; }
  return n;
}

/* The version stands once, with up; records after it have their own or none. */
static void the_version_stands_with_up(void **state) {
  struct moon_record r;
  struct moon_run_head head = {.started_s = 1, .run_s = 1, .version = UINT64_C(0x0f1e2d3c4b5a6978)};
  struct moon_output *o = moon_json_new();
  (void)state;
  moon_record_init(&r);
  for (int i = 0; i < 2; i++) {
    begin(&r, "d", "");
    struct moon_sample s = number("n", 1, MOON_SAMPLE_GAUGE, 1);
    moon_record_sample(&r, &s);
    assert_int_equal(moon_record_end(&r, &head), MOON_OK);
    char *got = formatted(o, &r, MOON_OK);
    assert_int_equal(times(got, "\n"), 4);
    assert_int_equal(times(got, "\"labels\":{\"site\":\"b\\\"1\",\"index\":\"no\"}"), 4);
    assert_int_equal(times(got, "\"version\""), head.version ? 1 : 0);
    const char *up = strstr(got, "\"name\":\"up\"");
    assert_non_null(up);
    if (head.version) { assert_int_equal(strncmp(strchr(up, '}') + 1, ",\"version\":\"0f1e2d3c4b5a6978\"}\n", 30), 0); }
    free(got);
    head.version = 0;
  }
  o->free(o);
  moon_record_fini(&r);
}

static void outcome(struct moon_output *o, enum moon_err err, bool silent, const char *up, const char *name) {
  struct moon_record r;
  struct moon_run_head head = {.started_s = 1, .run_s = 1, .err = (uint8_t)err, .silent = silent};
  char want[64];
  moon_record_init(&r);
  moon_record_begin(&r, text("d"), text("p"), text(""), NULL, 0);
  assert_int_equal(moon_record_end(&r, &head), MOON_OK);
  char *got = formatted(o, &r, MOON_OK);
  snprintf(want, sizeof want, "\"name\":\"up\",\"type\":\"gauge\",\"value\":%s,\"labels\":{}}\n", up);
  assert_non_null(strstr(got, want));
  snprintf(want, sizeof want, "\"name\":\"run_error\",\"type\":\"state\",\"value\":\"%s\",", name);
  assert_non_null(strstr(got, want));
  free(got);
  moon_record_fini(&r);
}

static void every_run_tells_its_end(void **state) {
  struct moon_output *o = moon_json_new();
  (void)state;
  outcome(o, MOON_OK, false, "1", "ok");
  outcome(o, MOON_E_TIMEOUT, false, "0", "timeout");
  outcome(o, MOON_E_DNS, false, "0", "dns");
  outcome(o, MOON_E_MISSING, false, "1", "missing");
  outcome(o, MOON_E_PUBLIC_N, false, "1", "script");
  outcome(o, MOON_E_CANCELLED, false, "1", "cancelled");
  outcome(o, MOON_E_CANCELLED, true, "0", "cancelled");
  o->free(o);
}

static void a_record_that_is_none_gives_an_error_and_nothing_worse(void **state) {
  struct moon_record r;
  struct moon_output *outputs[] = {moon_json_new(), moon_table_new()};
  (void)state;
  moon_record_init(&r);
  fill(&r, "j");
  for (size_t i = 0; i < 2; i++) {
    for (uint32_t n = 0; n < r.n; n++) {
      struct moon_print out;
      uint8_t *cut = malloc(n ? n : 1);
      memcpy(cut, r.p, n);
      moon_print_init(&out, NULL, NULL);
      assert_int_not_equal(outputs[i]->record(outputs[i], cut, n, &out), MOON_OK);
      moon_print_fini(&out);
      free(cut);
    }
    outputs[i]->free(outputs[i]);
  }
  moon_record_fini(&r);
}

static void table_is_aligned_and_safe(void **state) {
  struct moon_record r;
  struct moon_output *o = moon_table_new();
  (void)state;
  moon_record_init(&r);
  fill(&r, "poll");
  char *got = formatted(o, &r, MOON_OK);
  assert_string_equal(got,
    "core1  interfaces/poll  ok  5 samples  0.250 s  site=b\"1 index=no\n"
    "  plain                                                        7\n"
    "  if_rx_octets  index=1 interface=xe-0/0/1  18446744073709551615\n"
    "  below         index=1 interface=xe-0/0/1  -9223372036854775808\n"
    "  ratio         k\\x0a=\\xff\xc3\xa9                                  0.1\n"
    "  note          k\\x0a=\\xff\xc3\xa9                 it\\x01\\xfe says \"up\"\n");
  free(got);
  o->free(o);
  moon_record_fini(&r);
}

static void table_rounds_and_leaves_out_what_is_empty(void **state) {
  static const struct moon_label none[] = {{{"alias", 5}, {"", 0}}, {{"index", 5}, {"1", 1}}, {{"note", 4}, {"", 0}}};
  static const double values[] = {1000.1018067707491, -2.5, 3.9999, 1e15 + 0.5, 0.00012345, 7, 1.0 / 0.0};
  struct moon_run_head head = {.started_s = 1, .err = MOON_OK};
  struct moon_output *o = moon_table_new();
  struct moon_record r;
  (void)state;
  moon_record_init(&r);
  moon_record_begin(&r, text("d"), text("p"), text(""), NULL, 0);
  moon_record_labels(&r, none, 3);
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    struct moon_sample s = {.name = text("x"), .time_s = 1, .type = MOON_SAMPLE_GAUGE, .kind = MOON_NUMBER_REAL};
    s.value.real = values[i];
    moon_record_sample(&r, &s);
  }
  assert_int_equal(moon_record_end(&r, &head), MOON_OK);
  char *got = formatted(o, &r, MOON_OK);
  assert_string_equal(got,
    "d  p  ok  7 samples  0.000 s\n"
    "  x  index=1            1000.102\n"
    "  x  index=1                -2.5\n"
    "  x  index=1                   4\n"
    "  x  index=1  1000000000000000.5\n"
    "  x  index=1          0.00012345\n"
    "  x  index=1                   7\n"
    "  x  index=1                null\n");
  free(got);
  o->free(o);
  moon_record_fini(&r);
}

struct sink { size_t blocks, octets, largest, refuse; };
static bool sink_flush(void *arg, const uint8_t *p, size_t n) {
  struct sink *s = arg;
  assert_int_equal(p[n - 1], '\n'); /* lines are never torn between blocks */
  s->blocks++;
  s->octets += n;
  s->largest = n > s->largest ? n : s->largest;
  return s->blocks != s->refuse;
}

static void large_records_leave_in_blocks(void **state) {
  struct moon_record r;
  struct moon_run_head head = {.started_s = 1};
  struct moon_output *o = moon_json_new();
  struct moon_print out;
  struct sink s = {0};
  (void)state;
  moon_record_init(&r);
  begin(&r, "d", "");
  for (int i = 0; i < 20000; i++) {
    struct moon_sample v = number("n", 1, MOON_SAMPLE_GAUGE, (uint64_t)i);
    moon_record_sample(&r, &v);
  }
  assert_int_equal(moon_record_end(&r, &head), MOON_OK);
  moon_print_init(&out, sink_flush, &s);
  assert_int_equal(o->record(o, r.p, r.n, &out), MOON_OK);
  assert_true(s.blocks > 20);
  assert_true(s.largest >= MOON_PRINT_BLOCK && s.largest < MOON_PRINT_BLOCK + 1024);
  assert_true(out.cap <= 4 * MOON_PRINT_BLOCK);
  moon_print_flush(&out);
  assert_int_equal(out.n, 0);
  /* Somebody who wants no more gets no more. */
  s = (struct sink){.refuse = 2};
  o->record(o, r.p, r.n, &out);
  assert_true(out.failed);
  assert_int_equal(s.blocks, 2);
  moon_print_fini(&out);
  o->free(o);
  moon_record_fini(&r);
}

static void without_memory(void **state) {
  struct moon_record r;
  (void)state;
  moon_record_init(&r);
  fill(&r, "poll");
  for (int kind = 0; kind < 2; kind++) {
    for (unsigned n = 1;; n++) {
      struct moon_print out;
      size_t alive = failmem_alive();
      failmem_arm(n);
      struct moon_output *o = kind ? moon_table_new() : moon_json_new();
      moon_print_init(&out, NULL, NULL);
      if (o) {
        enum moon_err err = o->record(o, r.p, r.n, &out);
        assert_true(!failmem_fired() || err == MOON_E_NOMEM || out.failed);
        o->free(o);
      }
      moon_print_fini(&out);
      assert_int_equal(failmem_alive(), alive);
      if (!failmem_fired()) { break; }
    }
    failmem_disarm();
  }
  moon_record_fini(&r);
}

static void names(void **state) {
  (void)state;
  struct moon_output *o = moon_output_new("json");
  assert_non_null(o);
  o->free(o);
  o = moon_output_new("table");
  assert_non_null(o);
  o->free(o);
  assert_null(moon_output_new("null"));
  assert_null(moon_output_new("papyrus"));
}

int main(void) {
  failmem_install();
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(json_lines), cmocka_unit_test(every_run_tells_its_end), cmocka_unit_test(the_version_stands_with_up),
    cmocka_unit_test(a_record_that_is_none_gives_an_error_and_nothing_worse), cmocka_unit_test(table_is_aligned_and_safe),
    cmocka_unit_test(table_rounds_and_leaves_out_what_is_empty),
    cmocka_unit_test(large_records_leave_in_blocks), cmocka_unit_test(without_memory), cmocka_unit_test(names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
