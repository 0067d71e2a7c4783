/* The envelope: written, peeked into, read; cut at every octet; trailing octets; what is no message at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "guard.h"
#include "wire/message.h"

static struct guard guard;
static const uint8_t SYS_UPTIME[] = {0x2b, 6, 1, 2, 1, 1, 3, 0};

/* A message with n varbinds at the end of buf; returns its first octet. */
static uint8_t *message(uint8_t *buf, size_t cap, uint8_t version, uint8_t type, int32_t id, size_t n, size_t *len) {
  struct moon_writer w;
  struct moon_varbind vb = {SYS_UPTIME, (const uint8_t *)"\x12\x34", 2, sizeof SYS_UPTIME, MOON_TIME_TICKS};
  struct moon_pdu pdu = {.request_id = id, .type = type, .error_status = 1, .error_index = 2};
  moon_writer_init(&w, buf, cap);
  while (n--) { moon_varbind_put(&w, &vb); }
  pdu.varbinds = w.p;
  pdu.varbinds_len = moon_writer_len(&w);
  moon_message_encode(&w, version, (const uint8_t *)"public", 6, &pdu);
  assert_int_equal(w.err, MOON_OK);
  *len = moon_writer_len(&w);
  return w.p;
}

static void there_and_back(void **state) {
  static const size_t counts[] = {0, 1, 5, 6, 7, 50, 100};
  static const int32_t ids[] = {0x01000000, 0x7fffffff, 1, -1};
  uint8_t buf[4096];
  size_t i, k, n, got;
  (void)state;
  for (i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    for (k = 0; k < 8; k++) {
      uint8_t *p = message(buf, sizeof buf, k % 2, MOON_PDU_RESPONSE, ids[k / 2], counts[i], &n);
      struct moon_message m;
      struct moon_peek peek;
      struct moon_reader r;
      struct moon_varbind vb;
      p = guard_put(&guard, p, n);
      assert_int_equal(moon_message_decode(p, n, &m), MOON_OK);
      assert_int_equal(m.version, k % 2);
      assert_int_equal(m.community_len, 6);
      assert_memory_equal(m.community, "public", 6);
      assert_false(m.is_trap_v1);
      assert_false(m.trailing);
      assert_int_equal(m.pdu.request_id, ids[k / 2]);
      assert_int_equal(m.pdu.error_status, 1);
      assert_int_equal(m.pdu.error_index, 2);
      moon_reader_init(&r, m.pdu.varbinds, m.pdu.varbinds_len);
      for (got = 0; moon_varbind_get(&r, &vb); got++) {}
      assert_int_equal(r.err, MOON_OK);
      assert_int_equal(got, counts[i]);
      assert_int_equal(moon_message_peek(p, n, &peek), MOON_OK);
      assert_int_equal(peek.id, (uint32_t)ids[k / 2]);
      assert_int_equal(peek.version, k % 2);
      assert_int_equal(peek.pdu_type, MOON_PDU_RESPONSE);
    }
  }
}

static void cut_anywhere(void **state) {
  uint8_t buf[4096];
  size_t n, cut, head, each = 16;
  uint8_t *p = message(buf, sizeof buf, MOON_V2C, MOON_PDU_RESPONSE, 0x01020304, 30, &n);
  (void)state;
  head = n - 30 * each;
  for (cut = 0; cut < n; cut++) {
    const uint8_t *q = guard_put(&guard, p, cut);
    struct moon_message m;
    struct moon_peek peek;
    struct moon_reader r;
    struct moon_varbind vb;
    size_t got = 0;
    enum moon_err e;
    m.version = 77;
    assert_int_equal(moon_message_decode(q, cut, &m), MOON_E_SHORT);
    assert_int_equal(m.version, 77);
    e = moon_message_peek(q, cut, &peek);
    assert_int_equal(e, cut < head - 4 - 6 ? MOON_E_SHORT : MOON_OK); /* behind the id: status, index, the list's header */
    if (!e) { assert_int_equal(peek.id, 0x01020304); }
    e = moon_message_decode_cut(q, cut, &m);
    assert_int_equal(e, cut < head ? MOON_E_SHORT : MOON_OK);
    if (e) { continue; }
    moon_reader_init(&r, m.pdu.varbinds, m.pdu.varbinds_len);
    while (moon_varbind_get(&r, &vb)) { got++; }
    assert_int_equal(got, (cut - head) / each);
  }
}

static void octets_behind_are_a_quirk(void **state) {
  static const char inside[] = "\x30\x1a\x02\x01\x01\x04\x06public\xa2\x0b\x02\x01\x07\x02\x01\x00\x02\x01\x00\x30\x00\x05\x00";
  static const char in_pdu[] = "\x30\x1a\x02\x01\x01\x04\x06public\xa2\x0d\x02\x01\x07\x02\x01\x00\x02\x01\x00\x30\x00\x05\x00";
  uint8_t buf[256];
  size_t n;
  uint8_t *p = message(buf, sizeof buf - 4, MOON_V1, MOON_PDU_RESPONSE, 7, 1, &n);
  struct moon_message m;
  (void)state;
  memset(buf + sizeof buf - 4, 0, 4);
  assert_int_equal(moon_message_decode(guard_put(&guard, p, n + 4), n + 4, &m), MOON_OK);
  assert_true(m.trailing);
  assert_int_equal(m.pdu.request_id, 7);
  assert_int_equal(moon_message_decode(guard_put(&guard, inside, 28), 28, &m), MOON_OK);
  assert_true(m.trailing);
  assert_int_equal(moon_message_decode(guard_put(&guard, in_pdu, 28), 28, &m), MOON_OK);
  assert_true(m.trailing);
  assert_int_equal(m.pdu.varbinds_len, 0);
}

static void no_messages(void **state) {
  static const struct { const char *p; size_t n; enum moon_err peek, decode; } table[] = {
    {"", 0, MOON_E_SHORT, MOON_E_SHORT},
    {"\x30", 1, MOON_E_SHORT, MOON_E_SHORT},
    {"\x30\x00", 2, MOON_E_SHORT, MOON_E_SHORT},
    {"GET / HTTP/1.0\r\n", 16, MOON_E_TAG, MOON_E_TAG},
    {"\x00\x00\x00\x00", 4, MOON_E_TAG, MOON_E_TAG},
    {"\x30\x80\x02\x01\x01", 5, MOON_E_LENGTH, MOON_E_LENGTH},
    {"\x30\x03\x02\x01\x02", 5, MOON_E_VERSION, MOON_E_VERSION},
    {"\x30\x03\x02\x01\x04", 5, MOON_E_VERSION, MOON_E_VERSION},
    {"\x30\x03\x02\x01\xff", 5, MOON_E_VERSION, MOON_E_VERSION},
    {"\x30\x07\x02\x05\x01\x00\x00\x00\x01", 9, MOON_E_RANGE, MOON_E_RANGE},
    {"\x30\x06\x02\x01\x01\x02\x01\x01", 8, MOON_E_TAG, MOON_E_TAG},
    {"\x30\x05\x02\x01\x01\x04\x00", 7, MOON_E_SHORT, MOON_E_SHORT},
    {"\x30\x07\x02\x01\x01\x04\x00\xa9\x00", 9, MOON_E_TAG, MOON_E_TAG},
    {"\x30\x07\x02\x01\x01\x04\x00\x30\x00", 9, MOON_E_TAG, MOON_E_TAG},
    {"\x30\x07\x02\x01\x01\x04\x00\xa2\x00", 9, MOON_E_SHORT, MOON_E_SHORT},
    {"\x30\x0a\x02\x01\x01\x04\x00\xa2\x03\x04\x01\x05", 12, MOON_E_TAG, MOON_E_TAG},
    {"\x30\x03\x02\x01\x03", 5, MOON_E_SHORT, MOON_E_VERSION},
    {"\x30\x08\x02\x01\x03\x30\x03\x02\x01\x09", 10, MOON_OK, MOON_E_VERSION},
    {"\x30\x08\x02\x01\x03\x04\x03\x02\x01\x09", 10, MOON_E_TAG, MOON_E_VERSION},
  };
  size_t i;
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    const uint8_t *p = guard_put(&guard, table[i].p, table[i].n);
    struct moon_message m;
    struct moon_peek peek = {0, 99, 99};
    assert_int_equal(moon_message_peek(p, table[i].n, &peek), table[i].peek);
    if (table[i].peek) {
      assert_int_equal(peek.version, 99);
    } else {
      assert_int_equal(peek.version, MOON_V3);
      assert_int_equal(peek.pdu_type, 0);
      assert_int_equal(peek.id, 9);
    }
    assert_int_equal(moon_message_decode(p, table[i].n, &m), table[i].decode);
    assert_true(moon_message_decode_cut(p, table[i].n, &m) != MOON_OK);
  }
}

static void traps_of_v1_have_no_id(void **state) {
  static const uint8_t enterprise[] = {0x2b, 6, 1};
  struct moon_trap_v1 trap = {enterprise, 3, NULL, 0, 3, 0, 12345, {10, 0, 0, 1}};
  uint8_t buf[128];
  struct moon_writer w;
  struct moon_message m;
  struct moon_peek peek;
  size_t n, cut;
  (void)state;
  moon_writer_init(&w, buf, sizeof buf);
  moon_trap_v1_encode(&w, &trap);
  moon_ber_put_bytes(&w, MOON_OCTET_STRING, (const uint8_t *)"public", 6);
  moon_ber_put_i64(&w, MOON_INTEGER, MOON_V1);
  moon_ber_put_wrap(&w, MOON_SEQUENCE, buf + sizeof buf);
  n = moon_writer_len(&w);
  assert_int_equal(moon_message_peek(w.p, n, &peek), MOON_OK);
  assert_int_equal(peek.id, 0);
  assert_int_equal(peek.pdu_type, MOON_PDU_TRAP_V1);
  assert_int_equal(moon_message_decode(w.p, n, &m), MOON_OK);
  assert_true(m.is_trap_v1);
  assert_false(m.trailing);
  assert_int_equal(m.trap.generic, 3);
  assert_int_equal(m.trap.uptime, 12345);
  for (cut = 0; cut < n; cut++) {
    assert_int_equal(moon_message_decode(guard_put(&guard, w.p, cut), cut, &m), MOON_E_SHORT);
  }
}

static void what_cannot_be_written(void **state) {
  uint8_t buf[1024], community[MOON_COMMUNITY_MAX + 1];
  struct moon_pdu pdu = {.request_id = 1, .type = MOON_PDU_GET};
  struct moon_writer w;
  struct moon_message m;
  size_t cap, need;
  (void)state;
  memset(community, 'c', sizeof community);
  moon_writer_init(&w, buf, sizeof buf);
  moon_message_encode(&w, MOON_V3, community, 6, &pdu);
  assert_int_equal(w.err, MOON_E_VERSION);
  moon_writer_init(&w, buf, sizeof buf);
  moon_message_encode(&w, MOON_V2C, community, MOON_COMMUNITY_MAX + 1, &pdu);
  assert_int_equal(w.err, MOON_E_LIMIT);
  moon_writer_init(&w, buf, sizeof buf);
  moon_message_encode(&w, MOON_V2C, community, MOON_COMMUNITY_MAX, &pdu);
  assert_int_equal(w.err, MOON_OK);
  need = moon_writer_len(&w);
  assert_int_equal(moon_message_decode(w.p, need, &m), MOON_OK);
  assert_int_equal(m.community_len, MOON_COMMUNITY_MAX);
  for (cap = 0; cap < need; cap++) {
    moon_writer_init(&w, guard.end - cap, cap);
    moon_message_encode(&w, MOON_V2C, community, MOON_COMMUNITY_MAX, &pdu);
    assert_int_equal(w.err, MOON_E_SPACE);
  }
  moon_writer_init(&w, guard.end - need, need);
  moon_message_encode(&w, MOON_V2C, community, MOON_COMMUNITY_MAX, &pdu);
  assert_int_equal(w.err, MOON_OK);
  moon_writer_init(&w, buf, sizeof buf); /* an empty community is one */
  moon_message_encode(&w, MOON_V1, NULL, 0, &pdu);
  assert_int_equal(moon_message_decode(w.p, moon_writer_len(&w), &m), MOON_OK);
  assert_int_equal(m.community_len, 0);
}

/* Of one shape or another, in any order, with a buffer that is just large enough or too small: always what moon_message_encode writes. */
static void copied_headers(void **state) {
  static const char *const communities[] = {"public", "publik", "private", "", "a community that is longer than a stencil has room for, by far"};
  static const uint8_t types[] = {MOON_PDU_GET, MOON_PDU_GET_BULK};
  struct moon_stencil s = {0};
  uint8_t list[400], a[700], b[700];
  uint32_t random = 1, r = 0;
  int copied = 0;
  (void)state;
  memset(list, 0x5a, sizeof list);
  for (int i = 0; i < 200000; i++) {
    random = random * 1664525u + 1013904223u;
    r = i % 3 ? r : random >> 8; /* each three times */
    const char *community = communities[r % 5];
    struct moon_pdu pdu = {.varbinds_len = r / 5 % 3 * 130, .request_id = (int32_t)(random & 0x7fffffff), .type = types[r / 15 % 2],
                           .error_status = (int32_t)(r / 30 % 2), .error_index = (int32_t)(r / 60 % 2) * 300};
    struct moon_stencil before = s;
    struct moon_writer w, v;
    size_t n = strlen(community), cap = pdu.varbinds_len + (i % 7 ? 80 : random % 100);
    uint8_t version = r / 120 % 2;
    moon_writer_init(&w, a, cap);
    moon_writer_init(&v, b, cap);
    moon_writer_put(&w, list, pdu.varbinds_len);
    moon_writer_put(&v, list, pdu.varbinds_len);
    pdu.varbinds = w.p;
    moon_message_encode_like(&w, &s, version, n ? (const uint8_t *)community : NULL, n, &pdu);
    pdu.varbinds = v.p;
    moon_message_encode(&v, version, n ? (const uint8_t *)community : NULL, n, &pdu);
    assert_int_equal(w.err, v.err);
    if (v.err) { continue; }
    assert_int_equal(moon_writer_len(&w), moon_writer_len(&v));
    assert_memory_equal(w.p, v.p, moon_writer_len(&v));
    copied += memcmp(&before, &s, sizeof s) == 0 && cap - pdu.varbinds_len >= MOON_STENCIL_MAX && n < 20;
  }
  assert_true(copied > 10000);
}

static int setup(void **state) {
  (void)state;
  guard_init(&guard, 70000);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  guard_fini(&guard);
  return 0;
}

/* The same message with the length of its first header in a form that is read piece by piece. */
static size_t spelled_out(const uint8_t *p, size_t n, size_t header, uint32_t len, uint8_t *out) {
  const uint8_t long_header[6] = {0x30, 0x84, (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
  memcpy(out, long_header, sizeof long_header);
  memcpy(out + sizeof long_header, p + header, n - header);
  return n - header + sizeof long_header;
}

static void assert_same_pdu(const struct moon_pdu *a, const struct moon_pdu *b, ptrdiff_t shift) {
  assert_ptr_equal(a->varbinds + shift, b->varbinds);
  assert_int_equal(a->varbinds_len, b->varbinds_len);
  assert_int_equal(a->request_id, b->request_id);
  assert_int_equal(a->error_status, b->error_status);
  assert_int_equal(a->error_index, b->error_index);
  assert_int_equal(a->type, b->type);
}

/* Both are in memory of exactly their octets. */
static void assert_read_alike(const uint8_t *p, size_t n, size_t header, uint32_t len) {
  struct moon_peek peek[2] = {{0}};
  struct moon_message m[2] = {{0}};
  uint8_t *one = malloc(n), *two = malloc(n - header + 6);
  assert_true(one && two);
  memcpy(one, p, n);
  size_t n_two = spelled_out(p, n, header, len, two);
  ptrdiff_t shift = two + 6 - (one + header);
  assert_int_equal(moon_message_peek(one, n, &peek[0]), moon_message_peek(two, n_two, &peek[1]));
  assert_memory_equal(&peek[0], &peek[1], sizeof peek[0]);
  enum moon_err e = moon_message_decode(one, n, &m[0]);
  assert_int_equal(e, moon_message_decode(two, n_two, &m[1]));
  if (!e) {
    assert_int_equal(m[0].version, m[1].version);
    assert_int_equal(m[0].trailing, m[1].trailing);
    assert_int_equal(m[0].is_trap_v1, m[1].is_trap_v1);
    assert_ptr_equal(m[0].community + shift, m[1].community);
    assert_int_equal(m[0].community_len, m[1].community_len);
    if (!m[0].is_trap_v1) { assert_same_pdu(&m[0].pdu, &m[1].pdu, shift); }
  }
  free(one);
  free(two);
}

/* What is read at a glance is what is read piece by piece: each octet of the headers anything, each length, each end. */
static void at_a_glance(void **state) {
  static const size_t counts[] = {0, 1, 6, 9, 20};
  uint8_t buf[1024];
  size_t n;
  (void)state;
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    uint8_t *p = message(buf, sizeof buf, 1, MOON_PDU_RESPONSE, 0x12345678, counts[i], &n);
    size_t header = p[1] < 0x80 ? 2 : p[1] == 0x81 ? 3 : 4;
    uint32_t len = (uint32_t)(n - header);
    for (size_t cut = 0; cut <= n - header; cut++) { assert_read_alike(p, n - cut, header, len); }
    for (size_t at = header; at < header + 48 && at < n; at++) {
      uint8_t was = p[at];
      for (unsigned v = 0; v < 256; v++) {
        p[at] = (uint8_t)v;
        assert_read_alike(p, n, header, len);
      }
      p[at] = was;
    }
    uint8_t *last = &p[header - 1], was = *last; /* octet of the length */
    for (unsigned v = 0; v < (header == 2 ? 0x80u : 256u); v++) {
      *last = (uint8_t)v;
      assert_read_alike(p, n, header, header == 4 ? (uint32_t)p[2] << 8 | v : v);
    }
    *last = was;
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(there_and_back),
    cmocka_unit_test(cut_anywhere),
    cmocka_unit_test(octets_behind_are_a_quirk),
    cmocka_unit_test(no_messages),
    cmocka_unit_test(traps_of_v1_have_no_id),
    cmocka_unit_test(what_cannot_be_written),
    cmocka_unit_test(copied_headers),
    cmocka_unit_test(at_a_glance),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
