/* Numbers and strings as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/main/format.h"

static const char *real(double v) {
  static char buf[MOON_FORMAT_MAX + 1];
  size_t n = moon_format_real(buf, v);
  assert_true(n < MOON_FORMAT_MAX);
  buf[n] = 0;
  return buf;
}

static void integers_are_exact(void **state) {
  (void)state;
  static const uint64_t values[] = {0, 1, 9, 10, 99, 100, 101, 999, 1000, 4294967295u, 4294967296u, 9007199254740993u,
                                    9999999999999999999u, 10000000000000000000u, UINT64_MAX};
  char got[MOON_FORMAT_MAX], want[MOON_FORMAT_MAX];
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    snprintf(want, sizeof want, "%llu", (unsigned long long)values[i]);
    got[moon_format_u64(got, values[i])] = 0;
    assert_string_equal(got, want);
    int64_t s = (int64_t)values[i];
    snprintf(want, sizeof want, "%lld", (long long)s);
    got[moon_format_i64(got, s)] = 0;
    assert_string_equal(got, want);
  }
  for (uint64_t v = 0; v < 20000; v++) {
    snprintf(want, sizeof want, "%llu", (unsigned long long)v);
    got[moon_format_u64(got, v)] = 0;
    assert_string_equal(got, want);
  }
  got[moon_format_i64(got, INT64_MIN)] = 0;
  assert_string_equal(got, "-9223372036854775808");
}

static void known_doubles(void **state) {
  (void)state;
  static const struct { double v; const char *text; } cases[] = {
    {0, "0"}, {-0.0, "0"}, {1, "1"}, {-1, "-1"}, {0.1, "0.1"}, {-0.1, "-0.1"}, {0.5, "0.5"}, {1.5, "1.5"}, {0.3, "0.3"},
    {0.1 + 0.2, "0.30000000000000004"}, {1.0 / 3, "0.3333333333333333"}, {2.0 / 3, "0.6666666666666666"}, {100, "100"},
    {123456.789, "123456.789"}, {9007199254740991.0, "9007199254740991"}, {4503599627370495.5, "4503599627370495.5"},
    {0.001, "0.001"}, {1e-4, "0.0001"}, {99.99, "99.99"}, {0.9999999999999999, "0.9999999999999999"}, {1e300, "1e+300"},
    {5e-324, "5e-324"}, {NAN, "null"}, {INFINITY, "null"}, {-INFINITY, "null"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) { assert_string_equal(real(cases[i].v), cases[i].text); }
  for (int k = 1; k <= 13; k++) { /* has exactly so many decimals */
    char want[32];
    snprintf(want, sizeof want, "%.*f", k, ldexp(1, -k));
    assert_string_equal(real(ldexp(1, -k)), want);
  }
}

/* Digits that matter: what stands between the first and the last that is not 0. */
static int digits(const char *text) {
  int n = 0, zeros = 0;
  for (; *text && *text != 'e'; text++) {
    if (*text < '0' || *text > '9' || (n == 0 && *text == '0')) { continue; }
    zeros = *text == '0' ? zeros + 1 : 0;
    n++;
  }
  return n - zeros;
}

static void doubles_round_trip_and_are_shortest(void **state) {
  (void)state;
  uint64_t x = 88172645463325252u;
  for (int i = 0; i < 200000; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    double v;
    if (i % 4 == 0) {
      memcpy(&v, &x, sizeof v); /* any double */
    } else if (i % 4 == 1) {
      v = (double)(int64_t)x / 1e6;
    } else if (i % 4 == 2) {
      v = (double)(x >> 40) / (double)((x & 0xffff) + 1);
    } else {
      v = ldexp(1, (int)(x % 70) - 14) * (x & 64 ? 1 : 1 + DBL_EPSILON); /* powers of two: the gap below is half */
    }
    if (!isfinite(v)) { continue; }
    const char *text = real(v);
    if (strtod(text, NULL) != v) { fail_msg("%.17g came back from %s", v, text); }
    int have = digits(text);
    char shorter[64];
    if (have > 1 && have <= 17 && fabs(v) < 0x1p53 && fabs(v) >= 0x1p-13 && v != floor(v)) {
      snprintf(shorter, sizeof shorter, "%.*g", have - 1, v);
      if (strtod(shorter, NULL) == v) { fail_msg("%s is longer than %s", text, shorter); }
    }
  }
}

static void times_have_three_decimals(void **state) {
  (void)state;
  static const struct { double v; const char *text; } cases[] = {
    {1764000000.123, "1764000000.123"}, {1764000000.9996, "1764000001.000"}, {0, "0.000"}, {1.005, "1.005"}, {5.07, "5.070"},
    {-1, "0.000"}, {NAN, "0.000"}, {1e300, "0.000"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char buf[MOON_FORMAT_MAX];
    buf[moon_format_time(buf, cases[i].v)] = 0;
    assert_string_equal(buf, cases[i].text);
  }
}

struct text { const char *in; size_t n; const char *out; };
#define TEXT(in, out) {in, sizeof in - 1, out}

static void strings_are_escaped(void **state) {
  (void)state;
  static const struct text cases[] = {
    TEXT("", ""), TEXT("plain", "plain"), TEXT("a longer text without anything in it", "a longer text without anything in it"),
    TEXT("\"", "\\\""), TEXT("\\", "\\\\"), TEXT("12345678\"", "12345678\\\""), TEXT("1234567\"90123456", "1234567\\\"90123456"),
    TEXT("\b\t\n\f\r", "\\b\\t\\n\\f\\r"), TEXT("\0\x01\x1f\x7f", "\\u0000\\u0001\\u001f\x7f"),
    TEXT("\xc3\xa9", "\xc3\xa9"), TEXT("\xe2\x82\xac", "\xe2\x82\xac"), TEXT("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"),
    TEXT("\xff", "\\u00ff"), TEXT("\x80", "\\u0080"), TEXT("a\xc3", "a\\u00c3"), TEXT("\xc3(", "\\u00c3("),
    TEXT("\xc0\x80", "\\u00c0\\u0080"), TEXT("\xc1\xbf", "\\u00c1\\u00bf"), TEXT("\xe0\x80\x80", "\\u00e0\\u0080\\u0080"),
    TEXT("\xed\xa0\x80", "\\u00ed\\u00a0\\u0080"), TEXT("\xf4\x90\x80\x80", "\\u00f4\\u0090\\u0080\\u0080"),
    TEXT("\xf5\x80\x80\x80", "\\u00f5\\u0080\\u0080\\u0080"), TEXT("\xe2\x82", "\\u00e2\\u0082"), TEXT("\xf0\x9f\x98", "\\u00f0\\u009f\\u0098"),
    TEXT("\xf0\x80\x80\x80", "\\u00f0\\u0080\\u0080\\u0080"),
    TEXT("eth0\xff\xfe \xe2\x82\xac \"x\"", "eth0\\u00ff\\u00fe \xe2\x82\xac \\\"x\\\"")};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *in = malloc(cases[i].n + 1), *out = malloc(cases[i].n * 6 + 1); /* exact sizes: the sanitizer watches the ends */
    memcpy(in, cases[i].in, cases[i].n);
    size_t n = moon_format_escape(out, in, cases[i].n);
    assert_int_equal(n, strlen(cases[i].out));
    assert_memory_equal(out, cases[i].out, n);
    free(in);
    free(out);
  }
}

/* Every octet at every place of a short text: what comes out is ASCII or well-formed and has no raw quote or control. */
static void every_octet_everywhere(void **state) {
  (void)state;
  for (size_t len = 1; len < 20; len++) {
    for (size_t at = 0; at < len; at++) {
      for (int c = 0; c < 256; c++) {
        char in[20], out[20 * 6], want[8];
        memset(in, 'x', len);
        in[at] = (char)c;
        size_t n = moon_format_escape(out, in, len);
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
          assert_int_equal(n, len);
          assert_memory_equal(in, out, n);
          continue;
        }
        const char *name = c == '"' ? "\\\"" : c == '\\' ? "\\\\" : c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\r' ? "\\r"
                           : c == '\b' ? "\\b" : c == '\f' ? "\\f" : NULL;
        if (name) {
          snprintf(want, sizeof want, "%s", name);
        } else {
          snprintf(want, sizeof want, "\\u%04x", c);
        }
        assert_int_equal(n, len - 1 + strlen(want));
        assert_memory_equal(out + at, want, strlen(want));
      }
    }
  }
}

static void terminals_are_safe(void **state) {
  (void)state;
  static const struct text cases[] = {
    TEXT("plain \xe2\x80\x93 text", "plain \xe2\x80\x93 text"), TEXT("\x1b[2J", "\\x1b[2J"), TEXT("\xc2\x9b" "2J", "\\xc2\\x9b2J"),
    TEXT("\x9b" "2J", "\\x9b2J"), TEXT("\n\r\x7f", "\\x0a\\x0d\\x7f"), TEXT("stra\xc3\x9f" "e", "stra\xc3\x9f" "e")};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char out[128];
    size_t n = moon_format_printable(out, cases[i].in, cases[i].n);
    assert_int_equal(n, strlen(cases[i].out));
    assert_memory_equal(out, cases[i].out, n);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(integers_are_exact), cmocka_unit_test(known_doubles), cmocka_unit_test(doubles_round_trip_and_are_shortest),
    cmocka_unit_test(times_have_three_decimals), cmocka_unit_test(strings_are_escaped), cmocka_unit_test(every_octet_everywhere),
    cmocka_unit_test(terminals_are_safe)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
