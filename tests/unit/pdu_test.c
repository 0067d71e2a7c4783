/* PDUs and varbinds: what is written is read back, in place or copied; what is cut or ill-typed is told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "guard.h"
#include "wire/pdu.h"

static struct guard guard;
static const uint8_t SYS_UPTIME[] = {0x2b, 6, 1, 2, 1, 1, 3, 0};

static struct moon_reader reader(const void *p, size_t n) {
  struct moon_reader r;
  moon_reader_init(&r, guard_put(&guard, p, n), n);
  return r;
}

static struct moon_varbind varbind(uint8_t type, const void *value, size_t len) {
  return (struct moon_varbind){SYS_UPTIME, value, (uint32_t)len, sizeof SYS_UPTIME, type};
}

static void every_type_goes_round(void **state) {
  static const uint8_t types[] = {
    MOON_PDU_GET, MOON_PDU_GET_NEXT, MOON_PDU_RESPONSE, MOON_PDU_SET, MOON_PDU_GET_BULK, MOON_PDU_INFORM, MOON_PDU_TRAP, MOON_PDU_REPORT,
  };
  static const int32_t numbers[] = {0, 1, -1, 200, INT32_MAX, INT32_MIN};
  size_t i, k;
  (void)state;
  for (i = 0; i < sizeof types; i++) {
    for (k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
      uint8_t buf[128];
      struct moon_writer w;
      struct moon_reader r;
      struct moon_pdu in = {(const uint8_t *)"\x30\x00", 2, numbers[k], numbers[(k + 1) % 6], numbers[(k + 2) % 6], types[i]}, out;
      moon_writer_init(&w, buf, sizeof buf);
      moon_pdu_encode(&w, &in);
      assert_int_equal(w.err, MOON_OK);
      assert_memory_equal(w.p + 2, "\x02\x04", 2); /* the id can be patched */
      r = reader(w.p, moon_writer_len(&w));
      assert_int_equal(moon_pdu_decode(&r, &out), MOON_OK);
      assert_int_equal(moon_reader_left(&r), 0);
      assert_int_equal(out.type, in.type);
      assert_int_equal(out.request_id, in.request_id);
      assert_int_equal(out.error_status, in.error_status);
      assert_int_equal(out.error_index, in.error_index);
      assert_int_equal(out.varbinds_len, 2);
      assert_memory_equal(out.varbinds, in.varbinds, 2);
    }
  }
}

static void a_list_in_place_or_copied_is_the_same(void **state) {
  uint8_t a[256], b[256];
  struct moon_writer wa, wb;
  struct moon_varbind vb = varbind(MOON_NULL, NULL, 0);
  struct moon_pdu pdu = {.request_id = 7, .type = MOON_PDU_GET};
  int i;
  (void)state;
  moon_writer_init(&wa, a, sizeof a);
  moon_writer_put_u8(&wa, 0xee); /* something that belongs behind the PDU */
  for (i = 0; i < 3; i++) { moon_varbind_put(&wa, &vb); }
  pdu.varbinds = wa.p;
  pdu.varbinds_len = moon_writer_len(&wa) - 1;
  moon_writer_init(&wb, b, sizeof b);
  moon_pdu_encode(&wb, &pdu);
  moon_pdu_encode(&wa, &pdu);
  assert_int_equal(wa.err | wb.err, MOON_OK);
  assert_int_equal(moon_writer_len(&wa), moon_writer_len(&wb) + 1);
  assert_memory_equal(wa.p, wb.p, moon_writer_len(&wb));
  assert_int_equal(a[sizeof a - 1], 0xee);
  moon_writer_init(&wa, a, sizeof a); /* an empty list */
  pdu.varbinds = wa.p;
  pdu.varbinds_len = 0;
  moon_pdu_encode(&wa, &pdu);
  assert_int_equal(moon_writer_len(&wa), 2 + 6 + 3 + 3 + 2);
  moon_writer_init(&wa, a, sizeof a); /* a list said to be longer than what was written */
  moon_varbind_put(&wa, &vb);
  pdu.varbinds = wa.p;
  pdu.varbinds_len = moon_writer_len(&wa) + 1;
  moon_pdu_encode(&wa, &pdu);
  assert_int_equal(wa.err, MOON_E_LENGTH);
}

static void wrong_pdus(void **state) {
  static const struct { const char *p; size_t n; enum moon_err e; } table[] = {
    {"", 0, MOON_E_SHORT},
    {"\xa0", 1, MOON_E_SHORT},
    {"\x30\x00", 2, MOON_E_TAG},
    {"\xa4\x00", 2, MOON_E_TAG},
    {"\xa9\x00", 2, MOON_E_TAG},
    {"\x9f\x00", 2, MOON_E_TAG},
    {"\xa0\x00", 2, MOON_E_SHORT},
    {"\xa0\x03\x02\x01\x01", 5, MOON_E_SHORT},
    {"\xa0\x0b\x04\x01\x01\x02\x01\x00\x02\x01\x00\x30\x00", 13, MOON_E_TAG},
    {"\xa0\x0b\x02\x01\x01\x02\x01\x00\x02\x01\x00\x31\x00", 13, MOON_E_TAG},
    {"\xa0\x0f\x02\x05\x01\x00\x00\x00\x00\x02\x01\x00\x02\x01\x00\x30\x00", 17, MOON_E_RANGE},
    {"\xa0\x80\x02\x01\x01\x02\x01\x00\x02\x01\x00\x30\x00", 13, MOON_E_LENGTH},
    {"\xa0\x0b\x02\x01\x01\x02\x01\x00\x02\x01\x00\x30\x01", 13, MOON_E_SHORT},
  };
  size_t i;
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    struct moon_reader r = reader(table[i].p, table[i].n);
    struct moon_pdu out = {.type = 1};
    assert_int_equal(moon_pdu_decode(&r, &out), table[i].e);
    assert_int_equal(r.err, table[i].e);
    assert_int_equal(out.type, 1);
    assert_int_equal(moon_pdu_decode(&r, &out), table[i].e); /* it sticks */
  }
}

static void a_cut_pdu_lends_what_is_there(void **state) {
  uint8_t buf[512];
  struct moon_writer w;
  struct moon_varbind vb = varbind(MOON_COUNTER32, "\x01\x02", 2);
  struct moon_pdu pdu = {.request_id = 99, .type = MOON_PDU_RESPONSE}, out;
  size_t cut, each, head, list_head;
  int i;
  (void)state;
  moon_writer_init(&w, buf, sizeof buf);
  for (i = 0; i < 20; i++) { moon_varbind_put(&w, &vb); }
  pdu.varbinds = w.p;
  pdu.varbinds_len = moon_writer_len(&w);
  each = pdu.varbinds_len / 20;
  moon_pdu_encode(&w, &pdu);
  assert_int_equal(w.err, MOON_OK);
  head = moon_writer_len(&w) - pdu.varbinds_len;
  list_head = 4; /* 30 82 hi lo */
  for (cut = 0; cut <= moon_writer_len(&w); cut++) {
    struct moon_reader r = reader(w.p, cut), list;
    size_t got = 0;
    if (cut < head) {
      enum moon_err e = moon_pdu_decode_cut(&r, &out);
      assert_true(e == MOON_E_SHORT);
      assert_true(cut < head - list_head || r.err == MOON_E_SHORT);
      continue;
    }
    assert_int_equal(moon_pdu_decode_cut(&r, &out), MOON_OK);
    assert_int_equal(out.request_id, 99);
    assert_int_equal(out.varbinds_len, cut - head);
    moon_reader_init(&list, out.varbinds, out.varbinds_len);
    while (moon_varbind_get(&list, &vb)) { got++; }
    assert_int_equal(got, (cut - head) / each);
    assert_int_equal(list.err, (cut - head) % each ? MOON_E_SHORT : MOON_OK);
  }
}

static void varbinds_of_every_size(void **state) {
  static const size_t sizes[] = {0, 1, 100, 113, 114, 115, 116, 117, 118, 119, 127, 128, 200, 255, 256, 1000, 65535, 65536};
  uint8_t *buf = malloc(140000), *value = malloc(70000);
  size_t i;
  (void)state;
  assert_non_null(buf);
  assert_non_null(value);
  memset(value, 'v', 70000);
  for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    struct moon_varbind in = varbind(MOON_OCTET_STRING, value, sizes[i]), out;
    struct moon_writer w;
    struct moon_reader r;
    moon_writer_init(&w, buf, 140000);
    moon_varbind_put(&w, &in);
    moon_varbind_put(&w, &in);
    assert_int_equal(w.err, MOON_OK);
    r = reader(w.p, moon_writer_len(&w));
    assert_true(moon_varbind_get(&r, &out));
    assert_true(moon_varbind_get(&r, &out));
    assert_int_equal(out.type, MOON_OCTET_STRING);
    assert_int_equal(out.oid_len, sizeof SYS_UPTIME);
    assert_memory_equal(out.oid, SYS_UPTIME, sizeof SYS_UPTIME);
    assert_int_equal(out.value_len, sizes[i]);
    if (sizes[i]) { assert_memory_equal(out.value, value, sizes[i]); }
    assert_false(moon_varbind_get(&r, &out));
    assert_int_equal(r.err, MOON_OK);
    r = reader(w.p, moon_writer_len(&w) - 1);
    assert_true(moon_varbind_get(&r, &out));
    assert_false(moon_varbind_get(&r, &out));
    assert_int_equal(r.err, MOON_E_SHORT);
    assert_false(moon_varbind_get(&r, &out));
  }
  free(buf);
  free(value);
}

static void names_of_every_size(void **state) {
  uint8_t buf[2048], name[MOON_OID_MAX_LEN];
  size_t n;
  (void)state;
  memset(name, 0x81, sizeof name);
  for (n = 1; n <= 254; n++) {
    struct moon_varbind in = {name, (const uint8_t *)"x", 1, (uint16_t)n, MOON_OPAQUE}, out;
    struct moon_writer w;
    struct moon_reader r;
    name[n - 1] = 1; /* arcs of two octets as far as they go */
    if (n > 2) { name[n - 2] = n % 2 ? 1 : 0x81; }
    if (n > 2) { name[n - 3] = n % 2 ? 0x81 : 1; }
    moon_writer_init(&w, buf, sizeof buf);
    moon_varbind_put(&w, &in);
    r = reader(w.p, moon_writer_len(&w));
    if (moon_oid_check(name, n) == MOON_OK) {
      assert_true(moon_varbind_get(&r, &out));
      assert_int_equal(out.oid_len, n);
      assert_memory_equal(out.oid, name, n);
      assert_int_equal(out.value[0], 'x');
    } else {
      assert_false(moon_varbind_get(&r, &out));
      assert_int_equal(r.err, moon_oid_check(name, n));
    }
  }
}

static void wrong_varbinds(void **state) {
  static const struct { const char *p; size_t n; enum moon_err e; } table[] = {
    {"\x30", 1, MOON_E_SHORT},
    {"\x30\x00", 2, MOON_E_SHORT},
    {"\x31\x05\x06\x01\x2b\x05\x00", 7, MOON_E_TAG},
    {"\x30\x05\x04\x01\x2b\x05\x00", 7, MOON_E_TAG},
    {"\x30\x05\x06\x01\x2b\x1f\x00", 7, MOON_E_TAG},
    {"\x30\x04\x06\x00\x05\x00", 6, MOON_E_LENGTH},
    {"\x30\x05\x06\x01\x81\x05\x00", 7, MOON_E_SHORT},
    {"\x30\x06\x06\x02\x80\x01\x05\x00", 8, MOON_E_SYNTAX},
    {"\x30\x0a\x06\x06\x2b\x90\x80\x80\x80\x00\x05\x00", 12, MOON_E_RANGE},
    {"\x30\x06\x06\x01\x2b\x05\x00\x00", 8, MOON_E_TRAILING},
    {"\x30\x05\x06\x01\x2b\x05\x01", 7, MOON_E_SHORT},
    {"\x30\x06\x06\x01\x2b\x04\x01\x00\x00\x00", 10, MOON_E_TAG}, /* the second one begins with 00 */
    {"\x30\x03\x06\x01\x2b", 5, MOON_E_SHORT},
    {"\x30\x04\x06\x01\x2b\x05", 6, MOON_E_SHORT},
    {"\x30\x05\x06\x04\x2b\x05\x00", 7, MOON_E_SHORT},
    {"\x30\x05\x06\x7f\x2b\x05\x00", 7, MOON_E_SHORT},
    {"\x30\x05\x06\x80\x2b\x05\x00", 7, MOON_E_LENGTH},
    {"\x30\x80\x06\x01\x2b\x05\x00", 7, MOON_E_LENGTH},
    {"\x30\x06\x06\x01\x2b\x05\x00", 7, MOON_E_SHORT},
  };
  size_t i;
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    struct moon_reader r = reader(table[i].p, table[i].n);
    struct moon_varbind out;
    while (moon_varbind_get(&r, &out)) {}
    assert_int_equal(r.err, table[i].e);
  }
}

static void long_forms_of_short_lengths(void **state) {
  static const char *const forms[] = {
    "\x30\x81\x05\x06\x01\x2b\x05\x00", "\x30\x82\x00\x05\x06\x01\x2b\x05\x00", "\x30\x06\x06\x81\x01\x2b\x05\x00",
    "\x30\x06\x06\x01\x2b\x05\x81\x00", "\x30\x84\x00\x00\x00\x0b\x06\x82\x00\x01\x2b\x05\x84\x00\x00\x00\x00",
  };
  static const size_t lens[] = {8, 9, 8, 8, 17};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof lens / sizeof lens[0]; i++) {
    struct moon_reader r = reader(forms[i], lens[i]);
    struct moon_varbind out;
    assert_true(moon_varbind_get(&r, &out));
    assert_int_equal(out.oid_len, 1);
    assert_int_equal(out.oid[0], 0x2b);
    assert_int_equal(out.type, MOON_NULL);
    assert_int_equal(out.value_len, 0);
    assert_int_equal(moon_reader_left(&r), 0);
  }
}

static void contents_are_checked_by_type(void **state) {
  static const struct { uint8_t type; const char *p; size_t n; enum moon_err e; } table[] = {
    {MOON_INTEGER, "", 0, MOON_OK}, {MOON_INTEGER, "12345678", 8, MOON_OK}, {MOON_INTEGER, "123456789", 9, MOON_E_RANGE},
    {MOON_COUNTER32, "\xff", 1, MOON_OK}, {MOON_GAUGE32, "12345", 5, MOON_E_RANGE}, {MOON_TIME_TICKS, "", 0, MOON_OK},
    {MOON_UINTEGER32, "1234", 4, MOON_OK}, {MOON_COUNTER64, "123456789", 9, MOON_E_RANGE},
    {MOON_COUNTER64, "\0""12345678", 9, MOON_OK}, {MOON_OCTET_STRING, "", 0, MOON_OK}, {MOON_OPAQUE, "x", 1, MOON_OK},
    {MOON_NSAP, "x", 1, MOON_OK}, {MOON_OBJECT_ID, "", 0, MOON_OK}, {MOON_OBJECT_ID, "\x2b\x06", 2, MOON_OK},
    {MOON_OBJECT_ID, "\x2b\x86", 2, MOON_E_SHORT}, {MOON_IP_ADDRESS, "1234", 4, MOON_OK},
    {MOON_IP_ADDRESS, "123", 3, MOON_E_LENGTH}, {MOON_IP_ADDRESS, "", 0, MOON_E_LENGTH},
    {MOON_IP_ADDRESS, "0123456789abcdef", 16, MOON_E_LENGTH}, {MOON_NULL, "", 0, MOON_OK}, {MOON_NULL, "x", 1, MOON_E_LENGTH},
    {MOON_NO_SUCH_OBJECT, "", 0, MOON_OK}, {MOON_NO_SUCH_INSTANCE, "", 0, MOON_OK}, {MOON_END_OF_MIB_VIEW, "", 0, MOON_OK},
    {MOON_NO_SUCH_OBJECT, "x", 1, MOON_E_LENGTH}, {MOON_SEQUENCE, "", 0, MOON_E_TAG}, {0x83, "", 0, MOON_E_TAG},
    {0x48, "x", 1, MOON_E_TAG}, {0, "", 0, MOON_E_TAG},
  };
  size_t i;
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    struct moon_varbind vb = varbind(table[i].type, guard_put(&guard, table[i].p, table[i].n), table[i].n);
    assert_int_equal(moon_varbind_check(&vb), table[i].e);
    assert_int_equal(moon_varbind_is_exception(&vb), table[i].type >= 0x80 && table[i].type < 0x83);
  }
}

static void numbers(void **state) {
  struct moon_varbind vb = varbind(MOON_INTEGER, "\xff\x00", 2);
  int64_t i = 5;
  uint64_t u = 5;
  (void)state;
  assert_int_equal(moon_varbind_i64(&vb, &i), MOON_OK);
  assert_int_equal(i, -256);
  assert_int_equal(moon_varbind_u64(&vb, &u), MOON_E_TAG);
  vb.type = MOON_COUNTER32;
  assert_int_equal(moon_varbind_u64(&vb, &u), MOON_OK);
  assert_true(u == 0xff00);
  assert_int_equal(moon_varbind_i64(&vb, &i), MOON_E_TAG);
  vb.type = MOON_COUNTER64;
  assert_int_equal(moon_varbind_u64(&vb, &u), MOON_OK);
  assert_true(u == 0xff00);
  vb.value = (const uint8_t *)"\x01\x00\x00\x00\x00";
  vb.value_len = 5;
  vb.type = MOON_GAUGE32;
  assert_int_equal(moon_varbind_u64(&vb, &u), MOON_E_RANGE);
  assert_true(u == 0xff00);
}

static void opaques(void **state) {
  static const struct { const char *p; size_t n; enum moon_err e; uint8_t kind; double real; int64_t whole; } table[] = {
    {"\x9f\x78\x04\x3f\xc0\x00\x00", 7, MOON_OK, 0x78, 1.5, 0},
    {"\x9f\x78\x04\xc2\xc8\x00\x00", 7, MOON_OK, 0x78, -100, 0},
    {"\x9f\x79\x08\x3f\xb9\x99\x99\x99\x99\x99\x9a", 11, MOON_OK, 0x79, 0.1, 0},
    {"\x9f\x79\x08\xff\xef\xff\xff\xff\xff\xff\xff", 11, MOON_OK, 0x79, -1.7976931348623157e308, 0},
    {"\x9f\x7a\x02\xff\x00", 5, MOON_OK, 0x7a, 0, -256},
    {"\x9f\x7a\x08\x80\x00\x00\x00\x00\x00\x00\x00", 11, MOON_OK, 0x7a, 0, INT64_MIN},
    {"\x9f\x7b\x09\x00\xff\xff\xff\xff\xff\xff\xff\xff", 12, MOON_OK, 0x7b, 0, -1},
    {"\x9f\x76\x01\x07", 4, MOON_OK, 0x76, 0, 7},
    {"\x9f\x76\x00", 3, MOON_OK, 0x76, 0, 0},
    {"\x9f\x78\x03\x3f\xc0\x00", 6, MOON_E_LENGTH, 0, 0, 0},
    {"\x9f\x79\x04\x3f\xc0\x00\x00", 7, MOON_E_LENGTH, 0, 0, 0},
    {"\x9f\x78\x04\x3f\xc0\x00", 6, MOON_E_LENGTH, 0, 0, 0},
    {"\x9f\x78\x04\x3f\xc0\x00\x00\x00", 8, MOON_E_LENGTH, 0, 0, 0},
    {"\x9f\x7a\x09\x00\x80\x00\x00\x00\x00\x00\x00\x00", 12, MOON_E_RANGE, 0, 0, 0},
    {"\x9f\x77\x01\x07", 4, MOON_E_TAG, 0, 0, 0},
    {"\x9f\x7c\x01\x07", 4, MOON_E_TAG, 0, 0, 0},
    {"\x9f\x75\x01\x07", 4, MOON_E_TAG, 0, 0, 0},
    {"\x9e\x78\x04\x3f\xc0\x00\x00", 7, MOON_E_TAG, 0, 0, 0},
    {"\x9f\x78", 2, MOON_E_TAG, 0, 0, 0},
    {"", 0, MOON_E_TAG, 0, 0, 0},
  };
  size_t i;
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    struct moon_varbind vb = varbind(MOON_OPAQUE, guard_put(&guard, table[i].p, table[i].n), table[i].n);
    union moon_opaque v = {.uint = 5};
    uint8_t kind = 0;
    assert_int_equal(moon_varbind_opaque(&vb, &kind, &v), table[i].e);
    assert_int_equal(kind, table[i].kind);
    if (table[i].e) {
      assert_true(v.uint == 5);
    } else if (kind == 0x78 || kind == 0x79) {
      assert_true(v.real == table[i].real);
    } else {
      assert_true(v.sint == table[i].whole);
    }
    vb.type = MOON_OCTET_STRING;
    assert_int_equal(moon_varbind_opaque(&vb, &kind, &v), MOON_E_TAG);
  }
}

static void traps_of_v1(void **state) {
  static const uint8_t enterprise[] = {0x2b, 6, 1, 4, 1, 0xbf, 8, 3, 2, 10};
  static const uint8_t list[] = {0x30, 5, 6, 1, 0x2b, 5, 0};
  struct moon_trap_v1 in = {enterprise, sizeof enterprise, list, sizeof list, 6, 42, 4000000000u, {192, 0, 2, 1}}, out;
  uint8_t buf[128], bad[128];
  struct moon_writer w;
  struct moon_reader r;
  size_t n, cut;
  (void)state;
  moon_writer_init(&w, buf, sizeof buf);
  moon_trap_v1_encode(&w, &in);
  assert_int_equal(w.err, MOON_OK);
  n = moon_writer_len(&w);
  r = reader(w.p, n);
  assert_int_equal(moon_trap_v1_decode(&r, &out), MOON_OK);
  assert_int_equal(out.generic, 6);
  assert_int_equal(out.specific, 42);
  assert_true(out.uptime == 4000000000u);
  assert_memory_equal(out.agent, in.agent, 4);
  assert_int_equal(out.enterprise_len, sizeof enterprise);
  assert_memory_equal(out.enterprise, enterprise, sizeof enterprise);
  assert_int_equal(out.varbinds_len, 7);
  for (cut = 0; cut < n; cut++) {
    r = reader(w.p, cut);
    assert_int_equal(moon_trap_v1_decode(&r, &out), MOON_E_SHORT);
  }
  memcpy(bad, w.p, n);
  bad[4] = 0x80; /* the enterprise's first octet */
  r = reader(bad, n);
  assert_int_equal(moon_trap_v1_decode(&r, &out), MOON_E_SYNTAX);
  assert_int_equal(r.err, MOON_E_SYNTAX);
  r = reader("\xa4\x15\x06\x01\x2b\x40\x03\x01\x02\x03\x02\x01\x00\x02\x01\x00\x43\x01\x00\x30\x02\x30\x00", 23);
  assert_int_equal(moon_trap_v1_decode(&r, &out), MOON_E_LENGTH); /* an address of three octets */
  r = reader("\xa4\x18\x06\x01\x2b\x40\x04\x01\x02\x03\x04\x02\x01\x00\x02\x01\x00\x43\x05\x01\x00\x00\x00\x00\x30\x00", 26);
  assert_int_equal(moon_trap_v1_decode(&r, &out), MOON_E_RANGE); /* 2^32 ticks */
}

/* What the quick way reads the other reads too, and the same; it may leave any of it to the other. */
static bool is_read_alike(const uint8_t *p, size_t n, const uint8_t *root, size_t root_len) {
  struct moon_reader r = reader(p, n);
  struct moon_varbind quick, slow;
  uint64_t arcs = 0, expected = 0;
  const uint8_t *next = moon_varbind_under(r.p, r.end, root, root_len, &quick, &arcs);
  bool good = moon_varbind_get(&r, &slow);
  if (!next) { return false; }
  assert_true(good);
  assert_ptr_equal(next, r.p);
  assert_ptr_equal(quick.oid, slow.oid);
  assert_ptr_equal(quick.value, slow.value);
  assert_int_equal(quick.oid_len, slow.oid_len);
  assert_int_equal(quick.value_len, slow.value_len);
  assert_int_equal(quick.type, slow.type);
  assert_false(moon_varbind_is_exception(&slow));
  assert_true(slow.oid_len > root_len && moon_oid_under(root, root_len, slow.oid, slow.oid_len));
  for (size_t i = 0; i < 8; i++) { expected = expected << 8 | (root_len + i < slow.oid_len ? slow.oid[root_len + i] : 0); }
  assert_true(arcs == expected);
  return true;
}

static void varbinds_under_a_root(void **state) {
  static const uint8_t name[] = {0x2b, 6, 1, 0x84, 1, 2, 2, 1, 10, 0x81, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
  (void)state;
  for (size_t root = 7; root <= 18; root++) {
    if (root == 10) { continue; } /* ends within an arc */
    for (size_t n = root; n <= root + 9 && n <= sizeof name; n++) {
      uint8_t buf[120], at[120];
      struct moon_writer w;
      moon_writer_init(&w, buf, sizeof buf);
      moon_varbind_put(&w, &(struct moon_varbind){name, buf, MOON_VARBIND_AHEAD, 8, MOON_OCTET_STRING}); /* another follows */
      size_t rest = moon_writer_len(&w);
      moon_varbind_put(&w, &(struct moon_varbind){name, (const uint8_t *)"value", 5, (uint16_t)n, MOON_OCTET_STRING});
      size_t len = moon_writer_len(&w);
      memcpy(at, w.p, len);
      bool plain = root >= 8 && root <= 16 && n > root && n <= root + 8 && (n <= 9 || root >= 10);
      assert_int_equal(is_read_alike(at, len, name, root), plain);
      for (size_t cut = 0; cut < len - rest; cut++) { assert_false(is_read_alike(at, cut, name, root)); }
      for (size_t cut = len - rest; cut < len; cut++) { is_read_alike(at, cut, name, root); }
      for (size_t i = 0; i < len - rest; i++) { /* each octet as each other */
        uint8_t was = at[i];
        for (unsigned v = 0; v < 256; v++) {
          at[i] = (uint8_t)v;
          is_read_alike(at, len, name, root);
        }
        at[i] = was;
      }
    }
  }
}

static int setup(void **state) {
  (void)state;
  guard_init(&guard, 140000);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  guard_fini(&guard);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_type_goes_round),
    cmocka_unit_test(a_list_in_place_or_copied_is_the_same),
    cmocka_unit_test(wrong_pdus),
    cmocka_unit_test(a_cut_pdu_lends_what_is_there),
    cmocka_unit_test(varbinds_of_every_size),
    cmocka_unit_test(names_of_every_size),
    cmocka_unit_test(varbinds_under_a_root),
    cmocka_unit_test(wrong_varbinds),
    cmocka_unit_test(long_forms_of_short_lengths),
    cmocka_unit_test(contents_are_checked_by_type),
    cmocka_unit_test(numbers),
    cmocka_unit_test(opaques),
    cmocka_unit_test(traps_of_v1),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
