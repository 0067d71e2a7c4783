/* TLVs at their edges: every form of length, every width of number, exact fits, cut input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "guard.h"
#include "wire/ber.h"

static struct guard guard;

static struct moon_reader reader(const void *p, size_t n) {
  struct moon_reader r;
  moon_reader_init(&r, guard_put(&guard, p, n), n);
  return r;
}

static void lengths(void **state) {
  static const size_t edges[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 100000};
  static const size_t header_len[] = {2, 2, 2, 3, 3, 4, 4, 5, 5};
  uint8_t *buf = malloc(200000);
  size_t i;
  (void)state;
  assert_non_null(buf);
  memset(buf, 0, 200000);
  for (i = 0; i < sizeof edges / sizeof edges[0]; i++) {
    struct moon_writer w;
    struct moon_reader r;
    uint8_t tag;
    size_t len;
    moon_writer_init(&w, buf, edges[i] + header_len[i]); /* just room enough */
    w.p -= edges[i];
    moon_ber_put_header(&w, MOON_OCTET_STRING, edges[i]);
    assert_int_equal(w.err, MOON_OK);
    assert_ptr_equal(w.p, buf);
    r = reader(w.p, moon_writer_len(&w));
    moon_ber_get_header(&r, &tag, &len);
    assert_int_equal(r.err, MOON_OK);
    assert_int_equal(tag, MOON_OCTET_STRING);
    assert_int_equal(len, edges[i]);
    assert_int_equal(moon_reader_left(&r), edges[i]);
    if (edges[i]) { /* one octet of content missing */
      r = reader(w.p, moon_writer_len(&w) - 1);
      moon_ber_get_header(&r, &tag, &len);
      assert_int_equal(r.err, MOON_E_SHORT);
      assert_int_equal(tag, 0);
      assert_int_equal(len, 0);
    }
    moon_writer_init(&w, buf, edges[i] + header_len[i] - 1); /* one octet too few */
    w.p -= edges[i];
    moon_ber_put_header(&w, MOON_OCTET_STRING, edges[i]);
    assert_int_equal(w.err, MOON_E_SPACE);
  }
  free(buf);
}

static void a_length_over_32_bits_is_not_written(void **state) {
  uint8_t buf[32];
  struct moon_writer w;
  (void)state;
  moon_writer_init(&w, buf, sizeof buf);
  moon_ber_put_header(&w, MOON_OCTET_STRING, (size_t)UINT32_MAX);
  assert_int_equal(w.err, MOON_OK);
  moon_ber_put_header(&w, MOON_OCTET_STRING, (size_t)UINT32_MAX + 1);
  assert_int_equal(w.err, MOON_E_LENGTH);
}

static void odd_headers(void **state) {
  static const struct { const char *p; size_t n; enum moon_err e; size_t len; } table[] = {
    {"\x04\x81\x00", 3, MOON_OK, 0},
    {"\x04\x81\x01x", 4, MOON_OK, 1},
    {"\x04\x82\x00\x01x", 5, MOON_OK, 1},
    {"\x04\x83\x00\x00\x01x", 6, MOON_OK, 1},
    {"\x04\x84\x00\x00\x00\x01x", 7, MOON_OK, 1},
    {"\x04\x85\x00\x00\x00\x00\x01x", 8, MOON_E_LENGTH, 0},
    {"\x04\x80\x00\x00", 4, MOON_E_LENGTH, 0},
    {"\x04\xff\x00\x00", 4, MOON_E_LENGTH, 0},
    {"\x04\x84\xff\xff\xff\xffx", 7, MOON_E_SHORT, 0},
    {"\x04\x82\x01", 3, MOON_E_SHORT, 0},
    {"\x04\x81", 2, MOON_E_SHORT, 0},
    {"\x04", 1, MOON_E_SHORT, 0},
    {"", 0, MOON_E_SHORT, 0},
    {"\x1f\x81\x01\x00", 4, MOON_E_TAG, 0},
    {"\xbf\x21\x00", 3, MOON_E_TAG, 0},
  };
  size_t i;
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    struct moon_reader r = reader(table[i].p, table[i].n), again = r, body;
    uint8_t tag;
    size_t len;
    moon_ber_get_header(&r, &tag, &len);
    assert_int_equal(r.err, table[i].e);
    assert_int_equal(len, table[i].len);
    moon_ber_get_body(&again, MOON_OCTET_STRING, &body);
    assert_int_equal(again.err, table[i].e);
    assert_int_equal(body.err, table[i].e);
    assert_int_equal(moon_reader_left(&body), table[i].len);
  }
}

static void errors_stick(void **state) {
  struct moon_reader r = reader("\x02\x01\x05\x02\x01\x06", 6), body;
  uint8_t tag;
  size_t len;
  (void)state;
  assert_int_equal(moon_ber_get_u64(&r, MOON_COUNTER32), 0);
  assert_int_equal(r.err, MOON_E_TAG);
  assert_int_equal(moon_ber_get_i32(&r), 0);
  assert_int_equal(moon_ber_get_u64(&r, MOON_INTEGER), 0);
  moon_ber_get_header(&r, &tag, &len);
  moon_ber_get_body(&r, MOON_INTEGER, &body);
  assert_int_equal(body.err, MOON_E_TAG);
  assert_int_equal(moon_reader_left(&body), 0);
  assert_int_equal(r.err, MOON_E_TAG);
}

static void a_body_stays_inside(void **state) {
  struct moon_reader r = reader("\x30\x03\x02\x01\x07\x02\x01\x08", 8), body;
  (void)state;
  moon_ber_get_body(&r, MOON_SEQUENCE, &body);
  assert_int_equal(moon_ber_get_i32(&body), 7);
  assert_int_equal(moon_ber_get_i32(&body), 0); /* not the 8 behind it */
  assert_int_equal(body.err, MOON_E_SHORT);
  assert_int_equal(moon_ber_get_i32(&r), 8);
  assert_int_equal(r.err, MOON_OK);
  assert_int_equal(moon_reader_left(&r), 0);
}

static void a_cut_body_ends_at_the_end(void **state) {
  struct moon_reader r = reader("\x30\x82\x01\x00\x02\x01\x07\x02", 8), body;
  (void)state;
  moon_ber_get_body_cut(&r, MOON_SEQUENCE, &body);
  assert_int_equal(r.err, MOON_OK);
  assert_int_equal(moon_reader_left(&body), 4);
  assert_int_equal(moon_reader_left(&r), 0);
  r = reader("\x30\x03\x02\x01\x07\x02", 6);
  moon_ber_get_body_cut(&r, MOON_SEQUENCE, &body);
  assert_int_equal(moon_reader_left(&body), 3);
  assert_int_equal(moon_reader_left(&r), 1);
  r = reader("\x30", 1);
  moon_ber_get_body_cut(&r, MOON_SEQUENCE, &body);
  assert_int_equal(r.err, MOON_E_SHORT);
  r = reader("\x31\x01", 2);
  moon_ber_get_body_cut(&r, MOON_SEQUENCE, &body);
  assert_int_equal(r.err, MOON_E_TAG);
}

static void signed_numbers(void **state) {
  static const int64_t values[] = {
    0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, -32769, 8388607, 8388608, -8388609, INT32_MAX, INT32_MIN,
    (int64_t)INT32_MAX + 1, (int64_t)INT32_MIN - 1, INT64_C(0x7fffffffff), INT64_C(-0x8000000000), INT64_C(0x8000000000),
    INT64_C(0x7fffffffffff), INT64_C(0x7fffffffffffff), INT64_C(-0x80000000000000), INT64_MAX, INT64_MIN,
  };
  size_t i;
  (void)state;
  for (i = 0; i < sizeof values / sizeof values[0]; i++) {
    uint8_t buf[16];
    struct moon_writer w;
    struct moon_reader r;
    int64_t v = 42;
    bool narrow = values[i] >= INT32_MIN && values[i] <= INT32_MAX;
    moon_writer_init(&w, buf, sizeof buf);
    moon_ber_put_i64(&w, MOON_INTEGER, values[i]);
    r = reader(w.p, moon_writer_len(&w));
    assert_int_equal(w.p[1], moon_writer_len(&w) - 2);
    assert_int_equal(moon_ber_i64(r.p + 2, w.p[1], &v), MOON_OK);
    assert_true(v == values[i]);
    /* the shortest form: no nine equal bits in front, X.690 8.3.2 */
    assert_false(w.p[1] > 1 && ((w.p[2] == 0 && w.p[3] < 0x80) || (w.p[2] == 0xff && w.p[3] >= 0x80)));
    assert_true(moon_ber_get_i32(&r) == (narrow ? values[i] : 0));
    assert_int_equal(r.err, narrow ? MOON_OK : MOON_E_RANGE);
  }
}

static void unsigned_numbers(void **state) {
  static const uint64_t values[] = {
    0, 1, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 0xffffff, 0x7fffffff, 0x80000000, UINT32_MAX, UINT64_C(0x100000000),
    UINT64_C(0x7fffffffff), UINT64_C(0x8000000000), UINT64_C(0x20000000000001), INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX,
  };
  size_t i;
  (void)state;
  for (i = 0; i < sizeof values / sizeof values[0]; i++) {
    uint8_t buf[16];
    struct moon_writer w;
    struct moon_reader r;
    uint32_t small = 42;
    moon_writer_init(&w, buf, sizeof buf);
    moon_ber_put_u64(&w, MOON_COUNTER64, values[i]);
    assert_true(w.p[2] < 0x80); /* never negative */
    r = reader(w.p, moon_writer_len(&w));
    assert_int_equal(moon_ber_u32(r.p + 2, w.p[1], &small), values[i] <= UINT32_MAX ? MOON_OK : MOON_E_RANGE);
    assert_int_equal(small, values[i] <= UINT32_MAX ? values[i] : 42);
    assert_true(moon_ber_get_u64(&r, MOON_COUNTER64) == values[i]);
    assert_int_equal(r.err, MOON_OK);
  }
}

/* Content octets and what they mean as each type. */
static void readings_of_odd_numbers(void **state) {
  static const struct {
    const char *p;
    size_t n;
    enum moon_err i64;
    int64_t i;
    enum moon_err u32;
    uint32_t u;
    enum moon_err u64;
    uint64_t l;
  } table[] = {
    {"", 0, MOON_OK, 0, MOON_OK, 0, MOON_OK, 0},
    {"\xff", 1, MOON_OK, -1, MOON_OK, 255, MOON_OK, 255},
    {"\x83\xd6\x00", 3, MOON_OK, -8137216, MOON_OK, 8640000, MOON_OK, 8640000}, /* a leading zero left out */
    {"\xff\xfe", 2, MOON_OK, -2, MOON_OK, 0xfffe, MOON_OK, 0xfffe},
    {"\xff\xff\xff\xff\xff\xff\xff\xfe", 8, MOON_OK, -2, MOON_OK, UINT32_MAX - 1, MOON_OK, UINT64_MAX - 1},
    {"\x80\x00\x00\x00", 4, MOON_OK, INT32_MIN, MOON_OK, 0x80000000u, MOON_OK, UINT64_C(0x80000000)},
    {"\x00\xff\xff\xff\xff", 5, MOON_OK, UINT32_MAX, MOON_OK, UINT32_MAX, MOON_OK, UINT32_MAX},
    {"\x01\x00\x00\x00\x00", 5, MOON_OK, INT64_C(1) << 32, MOON_E_RANGE, 0, MOON_OK, UINT64_C(1) << 32},
    {"\xff\x7f\xff\xff\xff", 5, MOON_OK, (int64_t)INT32_MIN - 1, MOON_E_RANGE, 0, MOON_OK, UINT64_C(0xff7fffffff)},
    {"\x00\x00\x00\x00\x00\x00\x00\x07", 8, MOON_OK, 7, MOON_OK, 7, MOON_OK, 7},
    {"\x80\x00\x00\x00\x00\x00\x00\x00", 8, MOON_OK, INT64_MIN, MOON_E_RANGE, 0, MOON_OK, UINT64_C(1) << 63},
    {"\x00\x80\x00\x00\x00\x00\x00\x00\x00", 9, MOON_E_RANGE, 0, MOON_E_RANGE, 0, MOON_OK, UINT64_C(1) << 63},
    {"\x01\x80\x00\x00\x00\x00\x00\x00\x00", 9, MOON_E_RANGE, 0, MOON_E_RANGE, 0, MOON_E_RANGE, 0},
    {"\xff\x80\x00\x00\x00\x00\x00\x00\x00", 9, MOON_E_RANGE, 0, MOON_E_RANGE, 0, MOON_E_RANGE, 0},
    {"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 10, MOON_E_RANGE, 0, MOON_E_RANGE, 0, MOON_E_RANGE, 0},
  };
  size_t i;
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    const uint8_t *p = guard_put(&guard, table[i].p, table[i].n);
    int64_t s = 0;
    uint32_t u = 0;
    uint64_t l = 0;
    assert_int_equal(moon_ber_i64(p, table[i].n, &s), table[i].i64);
    assert_true(s == table[i].i);
    assert_int_equal(moon_ber_u32(p, table[i].n, &u), table[i].u32);
    assert_int_equal(u, table[i].u);
    assert_int_equal(moon_ber_u64(p, table[i].n, &l), table[i].u64);
    assert_true(l == table[i].l);
  }
}

static void integers_of_any_form(void **state) {
  static const struct { const char *p; size_t n; int32_t v; enum moon_err e; } table[] = {
    {"\x02\x00", 2, 0, MOON_OK}, /* UPS cards send it */
    {"\x02\x04\x80\x00\x00\x00", 6, INT32_MIN, MOON_OK},
    {"\x02\x05\x00\x7f\xff\xff\xff", 7, INT32_MAX, MOON_OK},
    {"\x02\x05\x00\x80\x00\x00\x00", 7, 0, MOON_E_RANGE},
    {"\x02\x08\xff\xff\xff\xff\xff\xff\xff\xfe", 10, -2, MOON_OK},
    {"\x02\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01", 11, 0, MOON_E_RANGE},
    {"\x02\x81\x01\x05", 4, 5, MOON_OK},
    {"\x02\x82\x00\x01\x05", 5, 5, MOON_OK},
    {"\x02\x02\x05", 3, 0, MOON_E_SHORT},
    {"\x02\x04\x00\x00\x05", 5, 0, MOON_E_SHORT},
    {"\x41\x01\x05", 3, 0, MOON_E_TAG},
  };
  size_t i;
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    struct moon_reader r = reader(table[i].p, table[i].n);
    assert_int_equal(moon_ber_get_i32(&r), table[i].v);
    assert_int_equal(r.err, table[i].e);
    assert_int_equal(moon_reader_left(&r), 0);
  }
}

static void wide_unsigned_numbers(void **state) {
  struct moon_reader r = reader("\x46\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x01\x05", 14);
  (void)state;
  assert_int_equal(moon_ber_get_u64(&r, MOON_COUNTER64), 0);
  assert_int_equal(r.err, MOON_E_RANGE);
  r = reader("\x46\x01\xff\x02\x01\x05", 6);
  assert_int_equal(moon_ber_get_u64(&r, MOON_COUNTER64), 255);
  assert_int_equal(moon_ber_get_i32(&r), 5);
}

static void ids_are_as_wide_as_any(void **state) {
  uint8_t buf[12];
  struct moon_writer w;
  (void)state;
  moon_writer_init(&w, buf, sizeof buf);
  moon_ber_put_id(&w, 1);
  moon_ber_put_id(&w, 0x7fffffff);
  assert_int_equal(w.err, MOON_OK);
  assert_memory_equal(buf, "\x02\x04\x7f\xff\xff\xff\x02\x04\x00\x00\x00\x01", 12);
}

static void too_little_room(void **state) {
  uint8_t buf[16];
  size_t cap;
  (void)state;
  for (cap = 0; cap < 13; cap++) { /* 13 octets are needed */
    struct moon_writer w;
    moon_writer_init(&w, buf, cap);
    moon_ber_put_bytes(&w, MOON_OCTET_STRING, (const uint8_t *)"abc", 3);
    moon_ber_put_u64(&w, MOON_GAUGE32, 200);
    moon_ber_put_wrap(&w, MOON_SEQUENCE, buf + cap);
    moon_ber_put_header(&w, MOON_OPAQUE, 0);
    assert_int_equal(w.err, MOON_E_SPACE);
    assert_true(w.p >= buf);
  }
}

static int setup(void **state) {
  (void)state;
  guard_init(&guard, 200000);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  guard_fini(&guard);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(lengths),
    cmocka_unit_test(a_length_over_32_bits_is_not_written),
    cmocka_unit_test(odd_headers),
    cmocka_unit_test(errors_stick),
    cmocka_unit_test(a_body_stays_inside),
    cmocka_unit_test(a_cut_body_ends_at_the_end),
    cmocka_unit_test(signed_numbers),
    cmocka_unit_test(unsigned_numbers),
    cmocka_unit_test(readings_of_odd_numbers),
    cmocka_unit_test(integers_of_any_form),
    cmocka_unit_test(wide_unsigned_numbers),
    cmocka_unit_test(ids_are_as_wide_as_any),
    cmocka_unit_test(too_little_room),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
