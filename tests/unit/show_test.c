/* What is shown of a varbind, and what people may type, where end-to-end comparison does not reach: every length, no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../core/base/mem.h"
#include "../../core/bind/tool/given.h"
#include "../../core/bind/tool/show.h"

static const uint8_t name[] = {0x2b, 6, 1, 2, 1, 1, 5, 0};

static struct moon_varbind varbind(uint8_t type, const void *p, size_t n) {
  return (struct moon_varbind){.oid = name, .oid_len = sizeof name, .value = p, .value_len = (uint32_t)n, .type = type};
}

static void expect(const struct moon_show *s, uint8_t type, const void *p, size_t n, const char *want) {
  struct moon_show_text text = {0};
  struct moon_varbind vb = varbind(type, p, n);
  moon_show_varbind(s, &vb, &text);
  assert_false(text.failed);
  assert_int_equal(text.n, strlen(want));
  assert_memory_equal(text.p, want, text.n);
  moon_show_fini(&text);
}

static void lines(void **state) {
  (void)state;
  const struct moon_show plain = {0}, bare = {.bare = true, .quick = true}, numeric = {.oid = MOON_SHOW_OID_NUMERIC};
  expect(&plain, MOON_OCTET_STRING, "core1", 5, "iso.3.6.1.2.1.1.5.0 = STRING: \"core1\"");
  expect(&numeric, MOON_TIME_TICKS, "\x00\x83\xd6\x00", 4, ".1.3.6.1.2.1.1.5.0 = Timeticks: (8640000) 1 day, 0:00:00.00");
  expect(&bare, MOON_TIME_TICKS, "\x7b", 1, "0:0:00:01.23");
  expect(&plain, MOON_COUNTER64, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "iso.3.6.1.2.1.1.5.0 = Counter64: 18446744073709551615");
  expect(&plain, MOON_INTEGER, "\x80\x00\x00\x00", 4, "iso.3.6.1.2.1.1.5.0 = INTEGER: -2147483648");
  expect(&plain, MOON_INTEGER, "", 0, "iso.3.6.1.2.1.1.5.0 = INTEGER: 0");
  expect(&plain, MOON_OBJECT_ID, "", 0, "iso.3.6.1.2.1.1.5.0 = OID: ccitt.0");
  expect(&plain, 0x99, "x", 1, "iso.3.6.1.2.1.1.5.0 = Variable has bad type");
}

/* Content of any length and any octets, at the end of its memory, is shown without reading past it. */
static void any_content(void **state) {
  (void)state;
  struct moon_show styles[] = {{0}, {.quick = true, .ticks = true}, {.string = MOON_SHOW_STRING_HEX, .hex_text = true, .hex_line = 16},
                               {.string = MOON_SHOW_STRING_ASCII, .hex_line = 1}, {.oid = MOON_SHOW_OID_FULL, .equals = true}};
  assert_true(moon_show_precision(&styles[0], "30.20"));
  struct moon_show_text text = {0};
  for (unsigned type = 0; type < 256; type++) {
    for (size_t n = 0; n < 40; n++) {
      uint8_t *content = malloc(n ? n : 1);
      assert_non_null(content);
      for (size_t i = 0; i < n; i++) { content[i] = (uint8_t)(i * 37 + type + (i == 0 ? 0x9f : n)); }
      if (n > 2 && type == MOON_OPAQUE) {
        content[0] = 0x9f;
        content[1] = (uint8_t)(0x76 + n % 6);
        content[2] = (uint8_t)(n - 3);
      }
      struct moon_varbind vb = varbind((uint8_t)type, content, n);
      for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        text.n = 0;
        moon_show_varbind(&styles[i], &vb, &text);
        assert_true(text.n > 0);
      }
      free(content);
    }
  }
  moon_show_fini(&text);
}

static void precision_is_no_format(void **state) {
  (void)state;
  struct moon_show s = {0};
  assert_true(moon_show_precision(&s, "8.3"));
  assert_false(moon_show_precision(&s, "n%s"));
  assert_false(moon_show_precision(&s, "*"));
  assert_false(moon_show_precision(&s, "00000000000000000000000000000000000"));
  assert_string_equal(s.precision, "8.3");
  expect(&s, MOON_OPAQUE, "\x9f\x78\x04\x3f\xc0\x00\x00", 7, "iso.3.6.1.2.1.1.5.0 = Opaque: Float:    1.500");
}

static void dump_of_many_octets(void **state) {
  (void)state;
  static uint8_t octets[10017];
  struct moon_show_text text = {0};
  moon_show_dump(octets, sizeof octets, &text);
  assert_false(text.failed);
  const char *last = "10016: 00                                                   .\n\n";
  assert_int_equal(strlen(last), 63);
  assert_true(text.n > strlen(last));
  assert_memory_equal(text.p + text.n - strlen(last), last, strlen(last));
  moon_show_fini(&text);
}

static void names_typed(void **state) {
  (void)state;
  static const struct { const char *text; enum moon_err err; const char *octets; size_t n; } cases[] = {
    {"1.3.6.1", MOON_OK, "\x2b\x06\x01", 3}, {".1.3", MOON_OK, "\x2b", 1}, {"iso.3", MOON_OK, "\x2b", 1}, {"1", MOON_OK, "\x80\x01", 2},
    {"2.999", MOON_OK, "\x88\x37", 2}, {"1.3.4294967295", MOON_OK, "\x2b\x8f\xff\xff\xff\x7f", 6}, {"3.1", MOON_E_RANGE, NULL, 0},
    {"1.41", MOON_E_RANGE, NULL, 0}, {"2.4294967295", MOON_E_RANGE, NULL, 0}, {"", MOON_E_SYNTAX, NULL, 0}, {"1.", MOON_E_SYNTAX, NULL, 0},
    {"1.3.'ab", MOON_E_SYNTAX, NULL, 0}, {"1.3.'ab'", MOON_OK, "\x2b\x61\x62", 3}, {"1.3.\"ab\"", MOON_OK, "\x2b\x02\x61\x62", 4},
    {"1.3.x", MOON_E_SYNTAX, NULL, 0}};
  uint8_t out[MOON_OID_MAX_LEN];
  char detail[MOON_GIVEN_DETAIL];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t n = 0;
    assert_int_equal(moon_given_oid(cases[i].text, out, &n, detail), cases[i].err);
    if (cases[i].err == MOON_OK) {
      assert_int_equal(n, cases[i].n);
      assert_memory_equal(out, cases[i].octets, n);
    }
  }
  char many[4 * MOON_OID_MAX_ARCS + 64] = "1.3";
  size_t n = 0;
  for (int i = 2; i < MOON_OID_MAX_ARCS; i++) { strcat(many, ".255"); }
  assert_int_equal(moon_given_oid(many, out, &n, detail), MOON_OK);
  strcat(many, ".1");
  assert_int_equal(moon_given_oid(many, out, &n, detail), MOON_E_SYNTAX);
}

static void top_arcs_alone(void **state) {
  (void)state;
  const uint8_t top[] = {0x80, 1}, next[] = {0x80, 2}, inside[] = {0x2b, 6}, behind[] = {0x50};
  assert_true(moon_given_compare(top, 2, inside, 2) < 0);
  assert_true(moon_given_compare(inside, 2, top, 2) > 0);
  assert_true(moon_given_compare(next, 2, inside, 2) > 0);
  assert_int_equal(moon_given_compare(top, 2, top, 2), 0);
  assert_true(moon_given_compare(next, 2, behind, 1) < 0);
  assert_true(moon_given_under(top, 2, inside, 2));
  assert_false(moon_given_under(top, 2, behind, 1));
}

static void values_typed(void **state) {
  (void)state;
  static const struct { char type; const char *text; enum moon_err err; uint8_t tag; const char *octets; size_t n; } cases[] = {
    {'i', "-1", MOON_OK, MOON_INTEGER, "\xff", 1}, {'i', "x", MOON_E_RANGE, 0, NULL, 0}, {'u', "4294967295", MOON_OK, MOON_GAUGE32, "\0\xff\xff\xff\xff", 5},
    {'t', "", MOON_E_SYNTAX, 0, NULL, 0}, {'a', "192.0.2.1", MOON_OK, MOON_IP_ADDRESS, "\xc0\0\2\1", 4}, {'a', "x", MOON_E_SYNTAX, 0, NULL, 0},
    {'s', "", MOON_OK, MOON_OCTET_STRING, "", 0}, {'x', "0x0aFF", MOON_OK, MOON_OCTET_STRING, "\x0a\xff", 2}, {'x', "0", MOON_E_SYNTAX, 0, NULL, 0},
    {'d', "1.255", MOON_OK, MOON_OCTET_STRING, "\1\xff", 2}, {'d', "256", MOON_E_SYNTAX, 0, NULL, 0}, {'d', "99999999999999999999999", MOON_E_SYNTAX, 0, NULL, 0},
    {'b', "0,9", MOON_OK, MOON_OCTET_STRING, "\x80\x40", 2}, {'b', "99999999", MOON_E_RANGE, 0, NULL, 0}, {'b', "-1", MOON_E_RANGE, 0, NULL, 0},
    {'n', "", MOON_OK, MOON_NULL, "", 0}, {'I', "-1", MOON_OK, MOON_OPAQUE, "\x9f\x7a\x01\xff", 4}, {'F', "1.5", MOON_OK, MOON_OPAQUE, "\x9f\x78\x04\x3f\xc0\0\0", 7},
    {'D', "", MOON_E_SYNTAX, 0, NULL, 0}, {'?', "", MOON_E_TAG, 0, NULL, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char detail[MOON_GIVEN_DETAIL];
    uint8_t tag = 0, *octets = NULL;
    size_t n = 0;
    bool cut;
    assert_int_equal(moon_given_value(cases[i].type, cases[i].text, &tag, &octets, &n, &cut, detail), cases[i].err);
    if (cases[i].err) { continue; }
    assert_int_equal(tag, cases[i].tag);
    assert_int_equal(n, cases[i].n);
    if (n) { assert_memory_equal(octets, cases[i].octets, n); }
    assert_false(cut);
    moon_mem_free(octets);
  }
}

/* ---- no memory ---- */

static int left;
static void *scarce(void *ctx, void *p, size_t n) {
  (void)ctx;
  return left-- > 0 ? realloc(p, n) : NULL;
}
static void release(void *ctx, void *p) {
  (void)ctx;
  free(p);
}

static void without_memory(void **state) {
  (void)state;
  static const struct moon_mem_ops ops = {scarce, release, NULL};
  static uint8_t octets[2000];
  moon_mem_set(&ops);
  for (int n = 0; n < 6; n++) {
    struct moon_show_text text = {0};
    struct moon_varbind vb = varbind(MOON_OCTET_STRING, octets, sizeof octets);
    left = n;
    moon_show_varbind(&(struct moon_show){0}, &vb, &text);
    assert_int_equal(text.failed, n < 2);
    moon_show_fini(&text);
    char detail[MOON_GIVEN_DETAIL];
    uint8_t tag, *value = NULL;
    size_t len;
    bool cut;
    left = n;
    enum moon_err err = moon_given_value('I', "5", &tag, &value, &len, &cut, detail);
    assert_int_equal(err, n < 2 ? MOON_E_NOMEM : MOON_OK);
    if (!err) { moon_mem_free(value); }
    left = n;
    err = moon_given_value('b', "2000", &tag, &value, &len, &cut, detail);
    assert_int_equal(err, n < 3 ? MOON_E_NOMEM : MOON_OK);
    if (!err) { moon_mem_free(value); }
  }
  moon_mem_set(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(lines), cmocka_unit_test(any_content), cmocka_unit_test(precision_is_no_format), cmocka_unit_test(dump_of_many_octets),
    cmocka_unit_test(names_typed), cmocka_unit_test(top_arcs_alone), cmocka_unit_test(values_typed), cmocka_unit_test(without_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
