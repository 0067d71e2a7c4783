#include "ber.h"

/* Tag and length. Of the content *len octets are said to follow; the caller compares with what is left. */
static bool read_header(struct moon_reader *r, uint8_t *tag, size_t *len) {
  size_t left = moon_reader_left(r), n, i, v = 0;
  if (left < 2) {
    moon_reader_fail(r, MOON_E_SHORT);
    return false;
  }
  if ((r->p[0] & 0x1f) == 0x1f) { /* tag numbers of 31 and more: no type of SNMP */
    moon_reader_fail(r, MOON_E_TAG);
    return false;
  }
  *tag = r->p[0];
  if (r->p[1] < 0x80) {
    *len = r->p[1];
    r->p += 2;
    return true;
  }
  n = r->p[1] & 0x7fu;
  if (n == 2 && left >= 4) { /* messages over 255 octets, and agents that always write two */
    *len = (size_t)r->p[2] << 8 | r->p[3];
    r->p += 4;
    return true;
  }
  if (n == 0 || n > 4) { /* 0x80: indefinite, not allowed by RFC 3417 8 */
    moon_reader_fail(r, MOON_E_LENGTH);
    return false;
  }
  if (left - 2 < n) {
    moon_reader_fail(r, MOON_E_SHORT);
    return false;
  }
  for (i = 0; i < n; i++) { v = v << 8 | r->p[2 + i]; }
  *len = v;
  r->p += 2 + n;
  return true;
}

void moon_ber_get_header(struct moon_reader *r, uint8_t *tag, size_t *len) {
  *tag = 0;
  *len = 0;
  if (!r->err && read_header(r, tag, len) && *len > moon_reader_left(r)) { moon_reader_fail(r, MOON_E_SHORT); }
  if (r->err) {
    *tag = 0;
    *len = 0;
  }
}

void moon_ber_get_body_any(struct moon_reader *r, uint8_t want, struct moon_reader *body, bool may_be_cut) {
  uint8_t tag = 0;
  size_t len = 0, left;
  body->p = body->end = r->end;
  body->err = MOON_OK;
  if (!r->err && read_header(r, &tag, &len)) {
    left = moon_reader_left(r);
    if (tag != want) {
      moon_reader_fail(r, MOON_E_TAG);
    } else if (len > left && !may_be_cut) {
      moon_reader_fail(r, MOON_E_SHORT);
    } else {
      moon_reader_init(body, r->p, len < left ? len : left);
      r->p = body->end;
    }
  }
  body->err = r->err;
}

/* 1 to 8 octets, big-endian, as they stand. Loads overlap instead of looping; none leaves the n octets. */
static inline uint64_t load(const uint8_t *p, size_t n) {
  if (n >= 4) {
    uint32_t hi, lo;
    memcpy(&hi, p, 4);
    memcpy(&lo, p + n - 4, 4);
    return (uint64_t)__builtin_bswap32(hi) << (8 * (n - 4)) | __builtin_bswap32(lo);
  }
  return (uint64_t)p[0] << (8 * (n - 1)) | (uint64_t)p[n / 2] << (8 * (n - 1 - n / 2)) | p[n - 1];
}

static inline int64_t load_signed(const uint8_t *p, size_t n) {
  unsigned shift = (unsigned)(64 - 8 * n);
  return (int64_t)(load(p, n) << shift) >> shift;
}

enum moon_err moon_ber_i64(const uint8_t *p, size_t n, int64_t *out) {
  if (n > 8) { return MOON_E_RANGE; }
  *out = n ? load_signed(p, n) : 0;
  return MOON_OK;
}

enum moon_err moon_ber_u32(const uint8_t *p, size_t n, uint32_t *out) {
  uint64_t v;
  if (n > 8) { return MOON_E_RANGE; }
  v = n ? load(p, n) : 0;
  if (v > UINT32_MAX) { /* more than four octets: only a negative number can be meant */
    int64_t negative = load_signed(p, n);
    if (negative < INT32_MIN || negative >= 0) { return MOON_E_RANGE; }
    v = (uint64_t)negative;
  }
  *out = (uint32_t)v;
  return MOON_OK;
}

enum moon_err moon_ber_u64(const uint8_t *p, size_t n, uint64_t *out) {
  if (n > 8) {
    if (n > 9 || p[0] != 0) { return MOON_E_RANGE; }
    *out = load(p + 1, 8);
    return MOON_OK;
  }
  *out = n ? load(p, n) : 0;
  return MOON_OK;
}

int32_t moon_ber_get_i32_any(struct moon_reader *r) {
  struct moon_reader body;
  const uint8_t *p = r->p;
  size_t left = moon_reader_left(r);
  int64_t v;
  if (left >= 3 && p[0] == MOON_INTEGER && (uint8_t)(p[1] - 1) < 4 && p[1] <= left - 2) { /* 1 to 4 octets always fit */
    r->p = p + 2 + p[1];
    return (int32_t)load_signed(p + 2, p[1]);
  }
  moon_ber_get_body_any(r, MOON_INTEGER, &body, false);
  if (r->err) { return 0; }
  if (moon_ber_i64(body.p, moon_reader_left(&body), &v) || v < INT32_MIN || v > INT32_MAX) {
    moon_reader_fail(r, MOON_E_RANGE);
    return 0;
  }
  return (int32_t)v;
}

uint64_t moon_ber_get_u64(struct moon_reader *r, uint8_t tag) {
  struct moon_reader body;
  uint64_t v;
  moon_ber_get_body(r, tag, &body);
  if (r->err) { return 0; }
  if (moon_ber_u64(body.p, moon_reader_left(&body), &v)) {
    moon_reader_fail(r, MOON_E_RANGE);
    return 0;
  }
  return v;
}

/* Numbers and headers are written octet by octet where they belong: a memcpy of a variable few costs twice as much. */
static inline uint8_t *reserve(struct moon_writer *w, size_t n) {
  if (w->err || (size_t)(w->p - w->start) < n) {
    moon_writer_fail(w, MOON_E_SPACE);
    return NULL;
  }
  return w->p -= n;
}

void moon_ber_put_header(struct moon_writer *w, uint8_t tag, size_t len) {
  uint8_t n = 0, *p;
  size_t rest;
  if (len >= 0x80) {
    for (rest = len; rest; rest >>= 8) { n++; }
  }
  if (n > 4) {
    moon_writer_fail(w, MOON_E_LENGTH);
    return;
  }
  p = reserve(w, 2u + n);
  if (!p) { return; }
  p[0] = tag;
  p[1] = n ? 0x80 | n : (uint8_t)len;
  for (; n; n--, len >>= 8) { p[1 + n] = (uint8_t)len; }
}

/* The low n octets of v under a short header. */
static void put_number(struct moon_writer *w, uint8_t tag, uint64_t v, size_t n) {
  uint8_t *p = reserve(w, n + 2);
  if (!p) { return; }
  p[0] = tag;
  p[1] = (uint8_t)n;
  for (; n; n--, v >>= 8) { p[1 + n] = (uint8_t)v; } /* the ninth octet of a Counter64 is the 0 left over */
}

void moon_ber_put_i64(struct moon_writer *w, uint8_t tag, int64_t v) {
  size_t n = 1;
  int64_t rest;
  for (rest = v >> 7; rest != 0 && rest != -1; rest >>= 8) { n++; }
  put_number(w, tag, (uint64_t)v, n);
}

void moon_ber_put_u64(struct moon_writer *w, uint8_t tag, uint64_t v) {
  size_t n = 1;
  uint64_t rest;
  for (rest = v >> 7; rest != 0; rest >>= 8) { n++; }
  put_number(w, tag, v, n);
}

void moon_ber_put_id(struct moon_writer *w, uint32_t id) {
  put_number(w, MOON_INTEGER, id, 4);
}

void moon_ber_put_bytes(struct moon_writer *w, uint8_t tag, const uint8_t *p, size_t n) {
  moon_writer_put(w, p, n);
  moon_ber_put_header(w, tag, n);
}

void moon_ber_put_wrap(struct moon_writer *w, uint8_t tag, const uint8_t *mark) {
  if (w->err) { return; }
  moon_ber_put_header(w, tag, (size_t)(mark - w->p));
}
