/* OIDs: octets, arcs and text say the same; order is by arcs; every refusal has its code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "guard.h"
#include "wire/oid.h"

static struct guard guard;

static size_t octets(const char *text, uint8_t *out) {
  size_t len = 0;
  assert_int_equal(moon_oid_parse(text, strlen(text), out, MOON_OID_MAX_LEN, &len), MOON_OK);
  return len;
}

static void text_and_back(void **state) {
  static const struct { const char *text, *hex; size_t n; } table[] = {
    {"1.3.6.1.2.1.1.3.0", "\x2b\x06\x01\x02\x01\x01\x03\x00", 8},
    {"0.0", "\x00", 1},
    {"0.39", "\x27", 1},
    {"1.0", "\x28", 1},
    {"1.39", "\x4f", 1},
    {"2.0", "\x50", 1},
    {"2.40", "\x78", 1},
    {"2.47", "\x7f", 1},
    {"2.48", "\x81\x00", 2},
    {"2.999.3", "\x88\x37\x03", 3}, /* X.690 8.19.5 */
    {"2.4294967295", "\x90\x80\x80\x80\x4f", 5},
    {"1.3.127.128", "\x2b\x7f\x81\x00", 4},
    {"1.3.16383.16384", "\x2b\xff\x7f\x81\x80\x00", 6},
    {"1.3.2097151.2097152", "\x2b\xff\xff\x7f\x81\x80\x80\x00", 8},
    {"1.3.268435455.268435456", "\x2b\xff\xff\xff\x7f\x81\x80\x80\x80\x00", 10},
    {"1.3.4294967295", "\x2b\x8f\xff\xff\xff\x7f", 6},
    {"1.3.6.1.4.1.2636.3.1.13.1.8.9.1.0.0", "\x2b\x06\x01\x04\x01\x94\x4c\x03\x01\x0d\x01\x08\x09\x01\x00\x00", 16},
    {"1.3.6.1.4.1.14988.1.1.1.1.1.4.16777216", "\x2b\x06\x01\x04\x01\xf5\x0c\x01\x01\x01\x01\x01\x04\x88\x80\x80\x00", 17},
  };
  size_t i, cap;
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    uint8_t out[64], again[64];
    char text[MOON_OID_TEXT_MAX];
    struct moon_oid oid;
    size_t len = 0, text_len = strlen(table[i].text);
    const uint8_t *p = guard_put(&guard, table[i].hex, table[i].n);
    assert_int_equal(moon_oid_parse(table[i].text, text_len, out, sizeof out, &len), MOON_OK);
    assert_int_equal(len, table[i].n);
    assert_memory_equal(out, p, len);
    assert_int_equal(moon_oid_check(p, len), MOON_OK);
    assert_int_equal(moon_oid_decode(p, len, &oid), MOON_OK);
    assert_int_equal(moon_oid_encode(&oid, again, sizeof again, &len), MOON_OK);
    assert_int_equal(len, table[i].n);
    assert_memory_equal(again, p, len);
    assert_int_equal(moon_oid_format(p, len, text, sizeof text), text_len);
    assert_string_equal(text, table[i].text);
    for (cap = 0; cap < len; cap++) {
      size_t none = 7;
      assert_int_equal(moon_oid_parse(table[i].text, text_len, out, cap, &none), MOON_E_SPACE);
      assert_int_equal(moon_oid_encode(&oid, out, cap, &none), MOON_E_SPACE);
      assert_int_equal(none, 7);
    }
    for (cap = 0; cap <= text_len; cap++) { /* no room for the NUL */
      char *exact = malloc(cap + 1);
      assert_non_null(exact);
      exact[cap] = 'x';
      assert_int_equal(moon_oid_format(p, len, exact, cap), 0);
      assert_int_equal(exact[cap], 'x');
      if (cap) { assert_string_equal(exact, ""); }
      free(exact);
    }
    assert_int_equal(moon_oid_format(p, len, text, text_len + 1), text_len);
  }
}

static void leading_dot_and_zeroes(void **state) {
  uint8_t a[64], b[64];
  size_t n = octets(".1.3.6.1", a);
  (void)state;
  assert_int_equal(n, octets("1.3.6.1", b));
  assert_memory_equal(a, b, n);
  assert_int_equal(n, octets("01.003.6.0000000000001", b));
  assert_memory_equal(a, b, n);
}

static void bad_text(void **state) {
  static const struct { const char *text; enum moon_err e; } table[] = {
    {"", MOON_E_SYNTAX}, {".", MOON_E_SYNTAX}, {"1", MOON_E_SYNTAX}, {".1", MOON_E_SYNTAX}, {"1.", MOON_E_SYNTAX},
    {"..1.3", MOON_E_SYNTAX}, {"1..3", MOON_E_SYNTAX}, {"1.3.", MOON_E_SYNTAX}, {"1.3.6.", MOON_E_SYNTAX},
    {"1.3.6..1", MOON_E_SYNTAX}, {"1.3 .6", MOON_E_SYNTAX}, {"1.3.-1", MOON_E_SYNTAX}, {"1.3.6a", MOON_E_SYNTAX},
    {"a.3.6", MOON_E_SYNTAX}, {"1,3", MOON_E_SYNTAX}, {"sysUpTime.0", MOON_E_SYNTAX}, {"3.0", MOON_E_SYNTAX},
    {"0.40", MOON_E_SYNTAX}, {"1.40", MOON_E_SYNTAX}, {"4294967295.1", MOON_E_SYNTAX}, {"1.3.4294967296", MOON_E_RANGE},
    {"2.4294967296", MOON_E_RANGE}, {"4294967296.1", MOON_E_RANGE}, {"1.3.99999999999999999999999999", MOON_E_RANGE},
  };
  size_t i;
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    uint8_t out[64];
    size_t len = 99, n = strlen(table[i].text);
    const char *p = (const char *)guard_put(&guard, table[i].text, n);
    assert_int_equal(moon_oid_parse(p, n, out, sizeof out, &len), table[i].e);
    assert_int_equal(len, 99);
  }
}

static void bad_octets(void **state) {
  static const struct { const char *p; size_t n; enum moon_err e; } table[] = {
    {"", 0, MOON_E_LENGTH},
    {"\x81", 1, MOON_E_SHORT},
    {"\x2b\x06\x81", 3, MOON_E_SHORT},
    {"\x2b\x06\x81\xff\xff", 5, MOON_E_SHORT},
    {"\x80", 1, MOON_E_SYNTAX},
    {"\x80\x01", 2, MOON_E_SYNTAX},
    {"\x2b\x80\x01", 3, MOON_E_SYNTAX},
    {"\x2b\x06\x01\x02\x01\x02\x02\x01\x0a\x80\x05", 11, MOON_E_SYNTAX},
    {"\x2b\x90\x80\x80\x80\x00", 6, MOON_E_RANGE},             /* 2^32 */
    {"\x2b\xff\xff\xff\xff\xff\x7f", 7, MOON_E_RANGE},
    {"\x90\x80\x80\x80\x50", 5, MOON_E_RANGE},                 /* 2.4294967296 */
    {"\x2b\x06\x01\x02\x01\x02\x02\x01\x0a\x90\x80\x80\x80\x00\x01\x01", 16, MOON_E_RANGE},
  };
  size_t i;
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    const uint8_t *p = guard_put(&guard, table[i].p, table[i].n);
    struct moon_oid oid;
    char text[MOON_OID_TEXT_MAX] = "x";
    oid.n = 77;
    assert_int_equal(moon_oid_check(p, table[i].n), table[i].e);
    assert_int_equal(moon_oid_decode(p, table[i].n, &oid), table[i].e);
    assert_int_equal(oid.n, 77);
    if (table[i].n) {
      assert_int_equal(moon_oid_format(p, table[i].n, text, sizeof text), 0);
      assert_string_equal(text, "");
    }
  }
}

static void no_octets_read_as_null_oid(void **state) {
  char text[8];
  (void)state;
  assert_int_equal(moon_oid_format(NULL, 0, text, sizeof text), 3);
  assert_string_equal(text, "0.0");
}

static void arcs_are_limited(void **state) {
  uint8_t p[MOON_OID_MAX_LEN + 8], out[MOON_OID_MAX_LEN];
  char text[2 * MOON_OID_TEXT_MAX], again[MOON_OID_TEXT_MAX];
  struct moon_oid oid;
  size_t i, len, text_len;
  (void)state;
  memset(p, 1, sizeof p);
  assert_int_equal(moon_oid_check(p, MOON_OID_MAX_ARCS - 1), MOON_OK); /* the first octet is two arcs */
  assert_int_equal(moon_oid_decode(p, MOON_OID_MAX_ARCS - 1, &oid), MOON_OK);
  assert_int_equal(oid.n, MOON_OID_MAX_ARCS);
  assert_int_equal(moon_oid_check(p, MOON_OID_MAX_ARCS), MOON_E_LIMIT);
  assert_int_equal(moon_oid_check(p, MOON_OID_MAX_LEN + 1), MOON_E_LIMIT);
  /* the longest there is: 128 arcs of 32 bits */
  oid.n = MOON_OID_MAX_ARCS;
  for (i = 0; i < oid.n; i++) { oid.arc[i] = UINT32_MAX; }
  oid.arc[0] = 2;
  assert_int_equal(moon_oid_encode(&oid, out, sizeof out, &len), MOON_OK);
  assert_int_equal(len, 127 * 5);
  assert_int_equal(moon_oid_check(guard_put(&guard, out, len), len), MOON_OK);
  text_len = moon_oid_format(out, len, text, MOON_OID_TEXT_MAX);
  assert_int_equal(text_len, 1 + 127 * 11);
  assert_int_equal(moon_oid_parse(text, text_len, p, sizeof p, &len), MOON_OK);
  assert_int_equal(len, 127 * 5);
  assert_memory_equal(p, out, len);
  strcpy(text + text_len, ".1");
  assert_int_equal(moon_oid_parse(text, text_len + 2, p, sizeof p, &len), MOON_E_LIMIT);
  /* 127 arcs behind the first octets of 5, one more of one octet: too many by number, not by length */
  memcpy(p, out, 635);
  p[635] = 1;
  assert_int_equal(moon_oid_check(p, 636), MOON_E_LIMIT);
  oid.n = MOON_OID_MAX_ARCS + 1;
  assert_int_equal(moon_oid_encode(&oid, p, sizeof p, &len), MOON_E_LIMIT);
  oid.n = 1;
  assert_int_equal(moon_oid_encode(&oid, p, sizeof p, &len), MOON_E_SYNTAX);
  oid.n = 2;
  oid.arc[0] = 3;
  assert_int_equal(moon_oid_encode(&oid, p, sizeof p, &len), MOON_E_SYNTAX);
  oid.arc[0] = 1;
  oid.arc[1] = 40;
  assert_int_equal(moon_oid_encode(&oid, p, sizeof p, &len), MOON_E_SYNTAX);
  /* an index may have 128 arcs of its own */
  memset(p, 1, sizeof p);
  assert_int_equal(moon_oid_format_index(p, 128, again, sizeof again), 255);
  assert_int_equal(moon_oid_parse_index(again, 255, out, sizeof out, &len), MOON_OK);
  assert_int_equal(len, 128);
  strcpy(again + 255, ".1");
  assert_int_equal(moon_oid_parse_index(again, 257, out, sizeof out, &len), MOON_E_LIMIT);
}

static void indexes(void **state) {
  static const struct { const char *text, *hex; size_t n; } table[] = {
    {"", "", 0}, {"0", "\x00", 1}, {"7", "\x07", 1}, {"128", "\x81\x00", 2}, {"1.192.0.2.7", "\x01\x81\x40\x00\x02\x07", 6},
    {"4294967295", "\x8f\xff\xff\xff\x7f", 5}, {"3.97.98.99", "\x03\x61\x62\x63", 4},
    {"99.100.9.10.999.1000", "\x63\x64\x09\x0a\x87\x67\x87\x68", 8},
  };
  size_t i, cap;
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    char text[64] = "x";
    uint8_t out[64];
    size_t len = 99, text_len = strlen(table[i].text);
    const uint8_t *p = guard_put(&guard, table[i].hex, table[i].n);
    assert_int_equal(moon_oid_format_index(p, table[i].n, text, sizeof text), text_len);
    assert_string_equal(text, table[i].text);
    assert_int_equal(moon_oid_parse_index(text, text_len, out, sizeof out, &len), MOON_OK);
    assert_int_equal(len, table[i].n);
    assert_memory_equal(out, p, len);
    for (cap = 0; cap < table[i].n; cap++) {
      assert_int_equal(moon_oid_parse_index(text, text_len, out, cap, &len), MOON_E_SPACE);
    }
    for (cap = 0; cap <= text_len && text_len; cap++) {
      char *exact = malloc(cap + 1);
      assert_non_null(exact);
      assert_int_equal(moon_oid_format_index(p, table[i].n, exact, cap), 0);
      if (cap) { assert_string_equal(exact, ""); }
      free(exact);
    }
  }
}

static void bad_indexes(void **state) {
  static const struct { const char *text; enum moon_err e; } table[] = {
    {".1", MOON_E_SYNTAX}, {"1.", MOON_E_SYNTAX}, {"1..2", MOON_E_SYNTAX}, {"x", MOON_E_SYNTAX}, {" 1", MOON_E_SYNTAX},
    {"4294967296", MOON_E_RANGE},
  };
  char text[64];
  uint8_t out[64];
  size_t i, len = 99;
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    assert_int_equal(moon_oid_parse_index(table[i].text, strlen(table[i].text), out, sizeof out, &len), table[i].e);
  }
  assert_int_equal(len, 99);
  assert_int_equal(moon_oid_format_index((const uint8_t *)"\x05\x80\x01", 3, text, sizeof text), 0);
  assert_int_equal(moon_oid_format_index((const uint8_t *)"\x05\x81", 2, text, sizeof text), 0);
  assert_int_equal(moon_oid_format_index((const uint8_t *)"\x90\x80\x80\x80\x00", 5, text, sizeof text), 0);
  assert_string_equal(text, "");
}

static void order_is_by_arcs(void **state) {
  static const char *const sorted[] = {
    "0.0", "0.39", "1.0", "1.3", "1.3.0", "1.3.6", "1.3.6.1", "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.2.2.1.10",
    "1.3.6.1.2.1.2.2.1.10.1", "1.3.6.1.2.1.2.2.1.10.2", "1.3.6.1.2.1.2.2.1.10.127", "1.3.6.1.2.1.2.2.1.10.128",
    "1.3.6.1.2.1.2.2.1.10.129", "1.3.6.1.2.1.2.2.1.10.129.1", "1.3.6.1.2.1.2.2.1.10.16383",
    "1.3.6.1.2.1.2.2.1.10.16383.5", "1.3.6.1.2.1.2.2.1.10.16384", "1.3.6.1.2.1.2.2.1.10.2097151",
    "1.3.6.1.2.1.2.2.1.10.2097152", "1.3.6.1.2.1.2.2.1.10.4294967295", "1.3.6.1.2.1.2.2.1.11",
    "1.3.6.1.2.1.2.2.1.11.1.2.3.4.5.6.7.8.9", "1.3.6.1.2.1.2.2.1.11.1.2.3.4.5.6.7.8.10",
    "1.3.6.1.2.1.2.2.1.128.1", "1.3.6.1.4.1.9", "1.3.128", "1.3.4294967295", "1.39", "2.0", "2.47", "2.48", "2.999", "2.4294967295",
  };
  size_t i, j, n = sizeof sorted / sizeof sorted[0];
  (void)state;
  for (i = 0; i < n; i++) {
    for (j = 0; j < n; j++) {
      uint8_t a[64], b[64], *ga;
      size_t an = octets(sorted[i], a), bn = octets(sorted[j], b);
      int c;
      ga = guard_put(&guard, a, an);
      c = moon_oid_compare(ga, an, b, bn);
      assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
      c = moon_oid_compare(b, bn, ga, an);
      assert_int_equal((c > 0) - (c < 0), (j > i) - (j < i));
    }
  }
}

/* Any two random OIDs: the octets' order is the arcs'. */
static void order_of_random_oids(void **state) {
  uint32_t seed = 1, round;
  (void)state;
  for (round = 0; round < 20000; round++) {
    struct moon_oid o[2];
    uint8_t buf[2][MOON_OID_MAX_LEN];
    size_t len[2], i, k;
    int want = 0, got;
    for (k = 0; k < 2; k++) {
      o[k].n = 2 + (seed >> 8) % 14;
      for (i = 0; i < o[k].n; i++) {
        seed = seed * 1664525 + 1013904223;
        o[k].arc[i] = (seed >> 8) % 3 ? (k && i < o[0].n ? o[0].arc[i] : (seed >> 10) % 3) : (seed >> 4) >> ((seed >> 9) % 28);
      }
      o[k].arc[0] = 1;
      o[k].arc[1] %= 40;
      assert_int_equal(moon_oid_encode(&o[k], buf[k], sizeof buf[k], &len[k]), MOON_OK);
      assert_int_equal(moon_oid_check(guard_put(&guard, buf[k], len[k]), len[k]), MOON_OK);
    }
    for (i = 0; !want && i < o[0].n && i < o[1].n; i++) { want = (o[0].arc[i] > o[1].arc[i]) - (o[0].arc[i] < o[1].arc[i]); }
    if (!want) { want = (o[0].n > o[1].n) - (o[0].n < o[1].n); }
    got = moon_oid_compare(buf[0], len[0], buf[1], len[1]);
    assert_int_equal((got > 0) - (got < 0), want);
  }
}

/* The quick test and the careful one agree wherever an octet with the high bit stands, at every length. */
static void plain_names(void **state) {
  uint8_t p[160];
  size_t n, i;
  (void)state;
  memset(p, 5, sizeof p);
  assert_false(moon_oid_is_plain(p, 0));
  for (n = 1; n < sizeof p; n++) {
    uint8_t *g = guard_put(&guard, p, n);
    assert_int_equal(moon_oid_is_plain(g, n), n < MOON_OID_MAX_ARCS);
    assert_int_equal(moon_oid_check(g, n), n < MOON_OID_MAX_ARCS ? MOON_OK : MOON_E_LIMIT);
    for (i = 0; i < n; i++) {
      g[i] = 0x81; /* one arc of two octets, so one arc less */
      assert_false(moon_oid_is_plain(g, n));
      assert_int_equal(moon_oid_check(g, n), i == n - 1 ? MOON_E_SHORT : n <= MOON_OID_MAX_ARCS ? MOON_OK : MOON_E_LIMIT);
      g[i] = 0x80;
      assert_int_equal(moon_oid_check(g, n), MOON_E_SYNTAX);
      g[i] = 5;
    }
  }
}

static void subtrees(void **state) {
  uint8_t root[64], oid[64];
  size_t n = octets("1.3.6.1.2.1.2", root), m;
  (void)state;
  m = octets("1.3.6.1.2.1.2", oid);
  assert_true(moon_oid_under(root, n, oid, m));
  m = octets("1.3.6.1.2.1.2.1.0", oid);
  assert_true(moon_oid_under(root, n, oid, m));
  m = octets("1.3.6.1.2.1.3", oid);
  assert_false(moon_oid_under(root, n, oid, m));
  m = octets("1.3.6.1.2.1", oid);
  assert_false(moon_oid_under(root, n, oid, m));
  m = octets("1.3.6.1.2.1.258", oid); /* ends in ..82 02: not under ..02 */
  assert_false(moon_oid_under(root, n, oid, m));
}

static int setup(void **state) {
  (void)state;
  guard_init(&guard, 4096);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  guard_fini(&guard);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(text_and_back),     cmocka_unit_test(leading_dot_and_zeroes), cmocka_unit_test(bad_text),
    cmocka_unit_test(bad_octets),        cmocka_unit_test(no_octets_read_as_null_oid),
    cmocka_unit_test(arcs_are_limited),  cmocka_unit_test(indexes),                cmocka_unit_test(bad_indexes),
    cmocka_unit_test(order_is_by_arcs),  cmocka_unit_test(order_of_random_oids),   cmocka_unit_test(plain_names),
    cmocka_unit_test(subtrees),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
