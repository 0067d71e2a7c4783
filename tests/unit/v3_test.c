/* The envelope of v3: written and read back, cut at every octet, with every field at and over its limit, with octets where
 * none belong; the discovery, the reports and the plain request that Debian's snmpd and its tools sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "columns.h"
#include "guard.h"
#include "wire/v3.h"

#define EXCHANGES "tests/vectors/usm/snmpd.txt"

static struct guard guard;
static const uint8_t OCTETS[300] = {1, 2, 3, 4, 5};
static const uint8_t PDU[] = {0x30, 0x0f, 0x04, 0, 0x04, 0, 0xa0, 0x09, 2, 1, 9, 2, 1, 0, 2, 1, 0}; /* no list: not looked at */

static struct moon_v3 sample(void) {
  struct moon_v3 m = {
    .scoped = PDU, .scoped_len = sizeof PDU, .engine_id = OCTETS, .engine_id_len = 12, .user = (const uint8_t *)"operator",
    .user_len = 8, .priv = OCTETS, .priv_len = 8, .auth_len = 12, .id = 0x01020304, .max_size = 65507, .boots = 77,
    .time = 123456, .flags = MOON_V3_AUTH | MOON_V3_REPORTABLE,
  };
  return m;
}

static void assert_same(const struct moon_v3 *a, const struct moon_v3 *b) {
  assert_int_equal(a->id, b->id);
  assert_int_equal(a->max_size, b->max_size);
  assert_int_equal(a->boots, b->boots);
  assert_int_equal(a->time, b->time);
  assert_int_equal(a->flags, b->flags);
  assert_int_equal(a->engine_id_len, b->engine_id_len);
  assert_memory_equal(a->engine_id, b->engine_id, a->engine_id_len);
  assert_int_equal(a->user_len, b->user_len);
  assert_memory_equal(a->user, b->user, a->user_len);
  assert_int_equal(a->auth_len, b->auth_len);
  assert_int_equal(a->priv_len, b->priv_len);
  assert_memory_equal(a->priv, b->priv, a->priv_len);
  assert_int_equal(a->scoped_len, b->scoped_len);
  assert_memory_equal(a->scoped, b->scoped, a->scoped_len);
}

/* Written, read back from the edge of memory, every cut of it tried. */
static void assert_survives(const struct moon_v3 *m) {
  uint8_t buf[1024];
  struct moon_writer w;
  struct moon_v3 got;
  struct moon_peek peek;
  size_t at, n, cut, i;
  const uint8_t *p;
  moon_writer_init(&w, buf, sizeof buf);
  at = moon_v3_encode(&w, m);
  assert_int_equal(w.err, MOON_OK);
  n = moon_writer_len(&w);
  p = guard_put(&guard, w.p, n);
  assert_int_equal(moon_v3_decode(p, n, &got), MOON_OK);
  assert_same(&got, m);
  assert_int_equal(got.len, n);
  assert_false(got.trailing);
  assert_ptr_equal(got.auth, p + at);
  for (i = 0; i < got.auth_len; i++) { assert_int_equal(got.auth[i], m->auth ? m->auth[i] : 0); }
  assert_int_equal(moon_message_peek(p, n, &peek), MOON_OK);
  assert_int_equal(peek.id, m->id);
  assert_int_equal(peek.version, MOON_V3);
  for (cut = 0; cut < n; cut++) {
    got.id = 77;
    assert_int_equal(moon_v3_decode(guard_put(&guard, w.p, cut), cut, &got), MOON_E_SHORT);
    assert_int_equal(got.id, 77);
  }
}

static void there_and_back(void **state) {
  static const uint32_t numbers[] = {0, 1, 127, 128, 0x00ffffff, 0x7fffffff};
  static const uint8_t lens[] = {0, 1, 5, 31, 32}, others[] = {0, 8, 12, 48, 127, 128, 255}, flags[] = {0, 1, 3, 4, 5, 7, 0xfd};
  struct moon_v3 m;
  size_t i;
  (void)state;
  for (i = 0; i < 6; i++) {
    m = sample();
    m.boots = m.id = numbers[i];
    m.time = numbers[5 - i];
    m.max_size = i < 4 ? MOON_V3_SIZE_MIN : numbers[i];
    assert_survives(&m);
  }
  for (i = 0; i < 5; i++) {
    m = sample();
    m.engine_id_len = lens[i];
    m.user_len = lens[4 - i];
    m.user = OCTETS;
    assert_survives(&m);
  }
  for (i = 0; i < 7; i++) {
    m = sample();
    m.auth_len = others[i];
    m.priv_len = others[6 - i];
    m.auth = i % 2 ? OCTETS : NULL;
    m.flags = flags[i];
    assert_survives(&m);
  }
  m = sample();
  m.flags = MOON_V3_LEVEL;
  m.scoped = OCTETS; /* encrypted: any octets, none too */
  for (m.scoped_len = 0; m.scoped_len < 300; m.scoped_len += 23) { assert_survives(&m); }
}

/* The scoped PDU already written into the writer is wrapped, not copied. */
static void written_in_place(void **state) {
  uint8_t buf[512];
  struct moon_writer w;
  struct moon_v3 m = sample(), got;
  struct moon_scoped s = {.engine_id = OCTETS, .engine_id_len = 32, .context = OCTETS, .context_len = MOON_CONTEXT_MAX,
                          .pdu = {.type = MOON_PDU_GET, .request_id = 0x01020304}}, back;
  (void)state;
  moon_writer_init(&w, buf, sizeof buf - 3);
  moon_scoped_encode(&w, &s);
  m.scoped = w.p;
  m.scoped_len = moon_writer_len(&w);
  moon_v3_encode(&w, &m);
  assert_int_equal(w.err, MOON_OK);
  assert_int_equal(moon_v3_decode(w.p, moon_writer_len(&w), &got), MOON_OK);
  assert_ptr_equal(got.scoped, m.scoped);
  assert_int_equal(moon_scoped_decode(got.scoped, got.scoped_len, &back), MOON_OK);
  assert_int_equal(back.engine_id_len, 32);
  assert_int_equal(back.context_len, MOON_CONTEXT_MAX);
  assert_memory_equal(back.context, OCTETS, MOON_CONTEXT_MAX);
  assert_int_equal(back.pdu.request_id, 0x01020304);
  assert_false(back.trailing);
  assert_int_equal(moon_scoped_decode(got.scoped, got.scoped_len + 3, &back), MOON_OK); /* as padding stands behind it */
  assert_true(back.trailing);
  w.p = buf + sizeof buf - 3 - 4; /* a scoped PDU said to reach past what is written */
  m.scoped = w.p;
  m.scoped_len = 5;
  moon_v3_encode(&w, &m);
  assert_int_equal(w.err, MOON_E_LENGTH);
}

static enum moon_err encoded(const struct moon_v3 *m) {
  uint8_t buf[1024];
  struct moon_writer w;
  size_t at;
  moon_writer_init(&w, buf, sizeof buf);
  at = moon_v3_encode(&w, m);
  assert_true(w.err ? at == 0 : at > 0);
  return w.err;
}

static void what_cannot_be_written(void **state) {
  struct moon_v3 m;
  struct moon_scoped s = {.pdu = {.type = MOON_PDU_GET}};
  struct moon_writer w;
  uint8_t buf[1024];
  size_t cap, need;
  (void)state;
#define REFUSED(change, want) do { m = sample(); change; assert_int_equal(encoded(&m), want); } while (0)
  REFUSED(m.id = 0x80000000u, MOON_E_RANGE);
  REFUSED(m.boots = 0x80000000u, MOON_E_RANGE);
  REFUSED(m.time = UINT32_MAX, MOON_E_RANGE);
  REFUSED(m.max_size = 0x80000000u, MOON_E_RANGE);
  REFUSED(m.max_size = MOON_V3_SIZE_MIN - 1, MOON_E_RANGE);
  REFUSED(m.flags = MOON_V3_PRIV, MOON_E_RANGE);
  REFUSED(m.engine_id_len = MOON_ENGINE_ID_MAX + 1, MOON_E_LIMIT);
  REFUSED(m.user = OCTETS; m.user_len = MOON_USER_MAX + 1, MOON_E_LIMIT);
#undef REFUSED
  moon_writer_init(&w, buf, sizeof buf);
  s.engine_id = OCTETS;
  s.engine_id_len = MOON_ENGINE_ID_MAX + 1;
  moon_scoped_encode(&w, &s);
  assert_int_equal(w.err, MOON_E_LIMIT);
  moon_writer_init(&w, buf, sizeof buf);
  s.engine_id_len = 0;
  s.context = OCTETS;
  s.context_len = MOON_CONTEXT_MAX + 1;
  moon_scoped_encode(&w, &s);
  assert_int_equal(w.err, MOON_E_LIMIT);
  m = sample();
  moon_writer_init(&w, buf, sizeof buf);
  moon_v3_encode(&w, &m);
  need = moon_writer_len(&w);
  for (cap = 0; cap <= need; cap++) {
    moon_writer_init(&w, guard.end - cap, cap);
    assert_true((moon_v3_encode(&w, &m) > 0) == (cap == need));
    assert_int_equal(w.err, cap < need ? MOON_E_SPACE : MOON_OK);
  }
}

/* A message as octets: hex, with {} around what a TLV's length is counted over. */
static size_t octets_of(const char *text, uint8_t *out) {
  size_t n = 0, open[8], depth = 0;
  unsigned octet;
  for (; *text; text++) {
    if (*text == ' ') { continue; }
    if (*text == '{') {
      open[depth++] = n;
      out[n++] = 0;
    } else if (*text == '}') {
      depth--;
      out[open[depth]] = (uint8_t)(n - open[depth] - 1);
      assert_true(out[open[depth]] < 0x80);
    } else {
      assert_int_equal(sscanf(text, "%2x", &octet), 1);
      out[n++] = (uint8_t)octet;
      text++;
    }
  }
  return n;
}

#define GLOBAL "30{020109 020201e4 04{04} 020103}"
#define PARAMS "04{30{04{8000} 020101 020102 04{75} 04{} 04{}}}"
#define OCTETS_33 "04{000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20}"
#define SCOPED "30{04{} 04{} a0{020109 020100 020100 30{}}}"

static void malformed(void **state) {
  static const struct { const char *text; enum moon_err want; bool trailing; } table[] = {
    {"30{020103" GLOBAL PARAMS SCOPED "}", MOON_OK, false},
    {"30{020103" GLOBAL PARAMS SCOPED "}00", MOON_OK, true},
    {"30{020103" GLOBAL PARAMS SCOPED "0500}", MOON_OK, true},
    {"30{020103 30{020109 020201e4 04{04} 020103 00} " PARAMS SCOPED "}", MOON_OK, true},
    {"30{020103" GLOBAL "04{30{04{8000} 020101 020102 04{75} 04{} 04{} 00}}" SCOPED "}", MOON_OK, true},
    {"30{020103" GLOBAL "04{30{04{8000} 020101 020102 04{75} 04{} 04{}} 00}" SCOPED "}", MOON_OK, true},
    {"30{020101" GLOBAL PARAMS SCOPED "}", MOON_E_VERSION, false},
    {"30{020102" GLOBAL PARAMS SCOPED "}", MOON_E_VERSION, false},
    {"31{020103" GLOBAL PARAMS SCOPED "}", MOON_E_TAG, false},
    {"30{020103 30{0201ff 020201e4 04{04} 020103} " PARAMS SCOPED "}", MOON_E_RANGE, false},  /* msgID */
    {"30{020103 30{020109 020201e3 04{04} 020103} " PARAMS SCOPED "}", MOON_E_RANGE, false},  /* msgMaxSize */
    {"30{020103 30{020109 0204ffffffff 04{04} 020103} " PARAMS SCOPED "}", MOON_E_RANGE, false},
    {"30{020103 30{020109 02050100000000 04{04} 020103} " PARAMS SCOPED "}", MOON_E_RANGE, false},
    {"30{020103 30{020109 020201e4 04{} 020103} " PARAMS SCOPED "}", MOON_E_LENGTH, false},   /* msgFlags */
    {"30{020103 30{020109 020201e4 04{0404} 020103} " PARAMS SCOPED "}", MOON_E_LENGTH, false},
    {"30{020103 30{020109 020201e4 04{02} 020103} " PARAMS "04{00}}", MOON_E_RANGE, false},   /* privacy alone */
    {"30{020103 30{020109 020201e4 020104 020103} " PARAMS SCOPED "}", MOON_E_TAG, false},
    {"30{020103 30{020109 020201e4 04{04} 020102} " PARAMS SCOPED "}", MOON_E_VERSION, false}, /* security model */
    {"30{020103 30{020109 020201e4 04{04} 020104} 04{ff} " SCOPED "}", MOON_E_VERSION, false},
    {"30{020103 30{020109 020201e4 04{04}} " PARAMS SCOPED "}", MOON_E_SHORT, false},
    {"30{020103" GLOBAL "30{04{8000} 020101 020102 04{75} 04{} 04{}}" SCOPED "}", MOON_E_TAG, false},
    {"30{020103" GLOBAL "04{04{8000} 020101 020102 04{75} 04{} 04{}}" SCOPED "}", MOON_E_TAG, false},
    {"30{020103" GLOBAL "04{}" SCOPED "}", MOON_E_SHORT, false},
    {"30{020103" GLOBAL "04{30{}}" SCOPED "}", MOON_E_SHORT, false},
    {"30{020103" GLOBAL "04{30{04{8000} 0201ff 020102 04{75} 04{} 04{}}}" SCOPED "}", MOON_E_RANGE, false}, /* boots */
    {"30{020103" GLOBAL "04{30{04{8000} 020101 0201ff 04{75} 04{} 04{}}}" SCOPED "}", MOON_E_RANGE, false}, /* time */
    {"30{020103" GLOBAL "04{30{04{8000} 020101 020102 04{75} 04{}}}" SCOPED "}", MOON_E_SHORT, false},
    {"30{020103" GLOBAL "04{30{" OCTETS_33 " 020101 020102 04{} 04{} 04{}}}"
     SCOPED "}", MOON_E_LENGTH, false},
    {"30{020103" GLOBAL "04{30{04{} 020101 020102 " OCTETS_33 " 04{} 04{}}}"
     SCOPED "}", MOON_E_LENGTH, false},
    {"30{020103" GLOBAL PARAMS "04{00}}", MOON_E_TAG, false}, /* encrypted, not said so */
    {"30{020103 30{020109 020201e4 04{07} 020103} " PARAMS SCOPED "}", MOON_E_TAG, false}, /* said so, and plain */
    {"30{020103 30{020109 020201e4 04{07} 020103} " PARAMS "04{}}", MOON_OK, false},
    {"30{020103" GLOBAL PARAMS "}", MOON_E_SHORT, false},
  };
  size_t i, n;
  uint8_t octets[512];
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    struct moon_v3 m = {.id = 77};
    enum moon_err e;
    n = octets_of(table[i].text, octets);
    e = moon_v3_decode(guard_put(&guard, octets, n), n, &m);
    if (e != table[i].want) { fail_msg("%s: %s", table[i].text, moon_err_name(e)); }
    assert_int_equal(m.id, e ? 77 : 9);
    assert_int_equal(m.trailing, table[i].trailing);
    if (!e) { assert_int_equal(m.len, octets[1] + 2); }
  }
}

static void malformed_scoped_pdus(void **state) {
  static const struct { const char *text; enum moon_err want; bool trailing; } table[] = {
    {SCOPED, MOON_OK, false},
    {SCOPED "00", MOON_OK, true},
    {"30{04{} 04{} a0{020109 020100 020100 30{}} 0500}", MOON_OK, true},
    {"30{04{} 04{} a0{020109 020100 020100 30{} 0500}}", MOON_OK, true},
    {"30{04{} 04{76} a8{020109 020100 020100 30{}}}", MOON_OK, false},
    {"31{04{} 04{} a0{020109 020100 020100 30{}}}", MOON_E_TAG, false},
    {"30{05{} 04{} a0{020109 020100 020100 30{}}}", MOON_E_TAG, false},
    {"30{04{} 05{} a0{020109 020100 020100 30{}}}", MOON_E_TAG, false},
    {"30{04{} 04{} a9{020109 020100 020100 30{}}}", MOON_E_TAG, false},
    {"30{04{} 04{} a4{06{2b} 400400000000 020100 020100 430100 30{}}}", MOON_E_TAG, false}, /* a trap of v1 */
    {"30{" OCTETS_33 " 04{} a0{020109 020100 020100 30{}}}", MOON_E_LENGTH, false},
    {"30{04{} 04{}}", MOON_E_SHORT, false},
    {"30{04{} 04{} a0{020109 020100}}", MOON_E_SHORT, false},
    {"", MOON_E_SHORT, false},
  };
  size_t i, n;
  uint8_t octets[256];
  (void)state;
  for (i = 0; i < sizeof table / sizeof table[0]; i++) {
    struct moon_scoped s = {.context_len = 77};
    enum moon_err e;
    n = octets_of(table[i].text, octets);
    e = moon_scoped_decode(guard_put(&guard, octets, n), n, &s);
    if (e != table[i].want) { fail_msg("%s: %s", table[i].text, moon_err_name(e)); }
    assert_true(e ? s.context_len == 77 : s.context_len < 2);
    assert_int_equal(s.trailing, table[i].trailing);
  }
}

/* The same octets with the length of the first header in a form that is read piece by piece. */
static uint8_t *spelled_out(const uint8_t *p, size_t n, size_t header, size_t len, size_t *out_n) {
  *out_n = n - header + 6;
  uint8_t *out = malloc(*out_n);
  assert_non_null(out);
  memcpy(out, (const uint8_t[]){0x30, 0x84, 0, 0, (uint8_t)(len >> 8), (uint8_t)len}, 6);
  memcpy(out + 6, p + header, n - header);
  return out;
}

static uint8_t *exactly(const uint8_t *p, size_t n) {
  uint8_t *out = malloc(n);
  assert_non_null(out);
  memcpy(out, p, n);
  return out;
}

/* len: what the first header says. All is in memory of exactly its octets. */
static void assert_message_read_alike(const uint8_t *p, size_t n, size_t header, size_t len) {
  struct moon_v3 m[2] = {{.id = 77}, {.id = 77}};
  struct moon_peek peek[2] = {{0}};
  size_t n_two;
  uint8_t *one = exactly(p, n), *two = spelled_out(p, n, header, len, &n_two);
  enum moon_err e = moon_v3_decode(one, n, &m[0]);
  assert_int_equal(e, moon_v3_decode(two, n_two, &m[1]));
  assert_int_equal(moon_message_peek(one, n, &peek[0]), moon_message_peek(two, n_two, &peek[1]));
  assert_memory_equal(&peek[0], &peek[1], sizeof peek[0]);
  if (!e) {
    const uint8_t *here = one + header, *there = two + 6;
    assert_same(&m[0], &m[1]);
    assert_int_equal(m[0].len - header, m[1].len - 6);
    assert_int_equal(m[0].trailing, m[1].trailing);
    assert_int_equal(m[0].scoped - here, m[1].scoped - there);
    assert_int_equal(m[0].engine_id - here, m[1].engine_id - there);
    assert_int_equal(m[0].user - here, m[1].user - there);
    assert_int_equal(m[0].auth - here, m[1].auth - there);
    assert_int_equal(m[0].priv - here, m[1].priv - there);
  } else {
    assert_int_equal(m[0].id, 77);
  }
  free(one);
  free(two);
}

static void assert_scoped_read_alike(const uint8_t *p, size_t n, size_t header, size_t len) {
  struct moon_scoped s[2] = {{.context_len = 77}, {.context_len = 77}};
  size_t n_two;
  uint8_t *one = exactly(p, n), *two = spelled_out(p, n, header, len, &n_two);
  enum moon_err e = moon_scoped_decode(one, n, &s[0]);
  assert_int_equal(e, moon_scoped_decode(two, n_two, &s[1]));
  if (!e) {
    const uint8_t *here = one + header, *there = two + 6;
    const struct moon_pdu *a = &s[0].pdu, *b = &s[1].pdu;
    assert_int_equal(s[0].engine_id - here, s[1].engine_id - there);
    assert_int_equal(s[0].context - here, s[1].context - there);
    assert_int_equal(a->varbinds - here, b->varbinds - there);
    assert_true(s[0].engine_id_len == s[1].engine_id_len && s[0].context_len == s[1].context_len && s[0].trailing == s[1].trailing);
    assert_true(a->varbinds_len == b->varbinds_len && a->request_id == b->request_id && a->type == b->type);
    assert_true(a->error_status == b->error_status && a->error_index == b->error_index);
  } else {
    assert_int_equal(s[0].context_len, 77);
  }
  free(one);
  free(two);
}

/* What is read at a glance is what is read piece by piece: each octet of the headers anything, each end, each length. */
static void alike(void (*assert_alike)(const uint8_t *, size_t, size_t, size_t), uint8_t *p, size_t n, size_t headers) {
  size_t header = p[1] < 0x80 ? 2 : p[1] == 0x81 ? 3 : 4, len = n - header;
  for (size_t cut = 0; cut <= len; cut++) { assert_alike(p, n - cut, header, len); }
  for (size_t at = header; at < headers && at < n; at++) {
    uint8_t was = p[at];
    for (unsigned v = 0; v < 256; v++) {
      p[at] = (uint8_t)v;
      assert_alike(p, n, header, len);
    }
    p[at] = was;
  }
  uint8_t *last = &p[header - 1], was = *last;
  for (unsigned v = 0; v < (header == 2 ? 0x80u : 256u); v++) {
    *last = (uint8_t)v;
    assert_alike(p, n, header, header == 4 ? (size_t)p[2] << 8 | v : v);
  }
  *last = was;
}

static void at_a_glance(void **state) {
  static const struct {
    size_t scoped_len;
    uint8_t engine_id_len, user_len, auth_len, priv_len, flags;
  } table[] = {{40, 12, 8, 12, 8, 3}, {200, 17, 0, 48, 8, 7}, {290, 32, 32, 12, 8, 3}, {sizeof PDU, 5, 4, 12, 0, 1}, {sizeof PDU, 0, 0, 0, 0, 4}};
  uint8_t buf[1024];
  struct moon_writer w;
  (void)state;
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    struct moon_v3 m = sample();
    m.scoped = table[i].flags & MOON_V3_PRIV ? OCTETS : PDU;
    m.scoped_len = table[i].scoped_len;
    m.engine_id_len = table[i].engine_id_len;
    m.user_len = table[i].user_len;
    m.user = OCTETS;
    m.auth_len = table[i].auth_len;
    m.priv_len = table[i].priv_len;
    m.flags = table[i].flags;
    moon_writer_init(&w, buf, sizeof buf);
    moon_v3_encode(&w, &m);
    assert_int_equal(w.err, MOON_OK);
    size_t n = moon_writer_len(&w);
    alike(assert_message_read_alike, w.p, n, n - m.scoped_len + 3);
  }
  for (size_t list = 0; list < 290; list = 3 * list + 1) {
    const struct moon_scoped s = {.engine_id = OCTETS, .engine_id_len = 12, .context = OCTETS, .context_len = list % 7,
                                  .pdu = {.type = MOON_PDU_RESPONSE, .request_id = 0x01020304, .varbinds = OCTETS, .varbinds_len = list}};
    moon_writer_init(&w, buf, sizeof buf);
    moon_scoped_encode(&w, &s);
    assert_int_equal(w.err, MOON_OK);
    size_t n = moon_writer_len(&w);
    alike(assert_scoped_read_alike, w.p, n, n - list + 1);
  }
}

/* The scoped PDU is put in one piece: as put by put, in as much room. */
static void scoped_in_one_piece(void **state) {
  static const int32_t numbers[] = {0, 1, -1, 127, 128, -128, -129, 32767, 32768, -32769, 8388607, 8388608, INT32_MAX, INT32_MIN};
  static const size_t lens[] = {0, 1, 127, 128, 255, 256};
  uint8_t one[1024], two[1024];
  struct moon_writer w, want;
  (void)state;
  for (size_t i = 0; i < 14 * 6 * 6; i++) {
    struct moon_scoped s = {.engine_id = OCTETS, .engine_id_len = (uint8_t)(i % 33), .context = OCTETS,
                            .context_len = lens[i % 6] < 256 ? lens[i % 6] : 0, .pdu = {.type = MOON_PDU_GET_BULK}};
    s.pdu.varbinds_len = lens[i / 6 % 6];
    s.pdu.request_id = s.pdu.error_status = numbers[i % 14];
    s.pdu.error_index = numbers[i / 36 % 14];
    moon_writer_init(&want, two, sizeof two);
    moon_writer_put(&want, OCTETS, s.pdu.varbinds_len);
    s.pdu.varbinds = want.p;
    moon_pdu_encode(&want, &s.pdu);
    moon_ber_put_bytes(&want, MOON_OCTET_STRING, s.context, s.context_len);
    moon_ber_put_bytes(&want, MOON_OCTET_STRING, s.engine_id, s.engine_id_len);
    moon_ber_put_wrap(&want, MOON_SEQUENCE, want.end);
    assert_int_equal(want.err, MOON_OK);
    size_t n = moon_writer_len(&want);
    for (size_t in_place = 0; in_place < 2; in_place++) {
      for (size_t less = 0; less < 2; less++) {
        moon_writer_init(&w, one, n - less);
        if (in_place) { moon_writer_put(&w, OCTETS, s.pdu.varbinds_len); }
        s.pdu.varbinds = in_place ? w.p : OCTETS;
        moon_scoped_encode(&w, &s);
        assert_int_equal(w.err, less ? MOON_E_SPACE : MOON_OK);
        if (!less) { assert_memory_equal(w.p, want.p, n); }
      }
    }
  }
}

/* Messages without authentication: discovery and its report, a request and its answer, reports of what was refused. */
static void recorded(void **state) {
  static const struct { const char *user; uint8_t type; uint8_t stat; } table[] = { /* usmStats of RFC 3414 5 */
    {"discovery", MOON_PDU_REPORT, 4}, {"nobody", MOON_PDU_RESPONSE, 0}, {"stranger", MOON_PDU_REPORT, 3},
    {"SHA.none", MOON_PDU_REPORT, 5},
  };
  struct columns c;
  size_t i;
  (void)state;
  columns_open(&c, EXCHANGES, 5);
  for (i = 0; i < 4; i++) {
    uint8_t octets[1024], again[1024];
    struct moon_v3 m;
    struct moon_scoped s, inner;
    struct moon_reader r;
    struct moon_varbind vb;
    struct moon_writer w;
    unsigned way;
    assert_true(columns_next(&c));
    assert_string_equal(c.column[0], table[i].user);
    for (way = 0; way < 2; way++) {
      size_t n = columns_hex(&c, 3 + way, octets, sizeof octets);
      const uint8_t *p = guard_put(&guard, octets, n);
      assert_int_equal(moon_v3_decode(p, n, &m), MOON_OK);
      assert_int_equal(moon_scoped_decode(m.scoped, m.scoped_len, &s), MOON_OK);
      assert_int_equal(s.pdu.type, way ? table[i].type : MOON_PDU_GET);
      assert_int_equal(m.engine_id_len, way || i ? 14 : 0);
      assert_int_equal(m.boots, way || i ? 1 : 0);
      assert_int_equal(m.flags & MOON_V3_REPORTABLE, way ? 0 : MOON_V3_REPORTABLE);
      if (way) { assert_int_equal(m.flags, 0); }
      inner = s;
      moon_writer_init(&w, again, sizeof again);
      moon_scoped_encode(&w, &inner);
      m.scoped = w.p;
      moon_v3_encode(&w, &m);
      assert_int_equal(moon_writer_len(&w), n);
      assert_memory_equal(w.p, p, n);
    }
    moon_reader_init(&r, s.pdu.varbinds, s.pdu.varbinds_len);
    assert_true(moon_varbind_get(&r, &vb));
    if (table[i].stat) { /* 1.3.6.1.6.3.15.1.1.x.0 */
      assert_int_equal(vb.oid_len, 10);
      assert_memory_equal(vb.oid, "\x2b\x06\x01\x06\x03\x0f\x01\x01", 8);
      assert_int_equal(vb.oid[8], table[i].stat);
    }
  }
  columns_close(&c);
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
    cmocka_unit_test(there_and_back), cmocka_unit_test(written_in_place),      cmocka_unit_test(what_cannot_be_written),
    cmocka_unit_test(malformed),      cmocka_unit_test(malformed_scoped_pdus), cmocka_unit_test(recorded),
    cmocka_unit_test(at_a_glance),    cmocka_unit_test(scoped_in_one_piece),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
