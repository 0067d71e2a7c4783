#include "oid.h"

#include <stdbool.h>

#define HIGH_BITS 0x8080808080808080u

static inline uint64_t load8(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return v;
}

/* First octet in [i, n) that does not end an arc by itself; n when there is none. */
static inline size_t find_long_arc(const uint8_t *p, size_t i, size_t n) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  for (; n - i >= 8; i += 8) {
    uint64_t m = load8(p + i) & HIGH_BITS;
    if (m) { return i + (size_t)__builtin_ctzll(m) / 8; }
  }
  if (n >= 8 && i < n) { /* the last word again, without what lies before i */
    uint64_t m = load8(p + n - 8) & (HIGH_BITS << 8 * (8 - (n - i)));
    return m ? n - 8 + (size_t)__builtin_ctzll(m) / 8 : n;
  }
#endif
  while (i < n && p[i] < 0x80) { i++; }
  return i;
}

/* One arc, at most `max` (that of the first pair is 80 + 2^32 - 1). Padding is refused (X.690 8.19.2): one OID has one
 * encoding here, or two names that are equal would compare unequal. */
static enum moon_err get_arc(const uint8_t *p, size_t n, size_t *at, uint64_t max, uint64_t *out) {
  size_t i = *at;
  uint64_t v = 0;
  if (p[i] == 0x80) { return MOON_E_SYNTAX; }
  for (; i < n; i++) {
    v = v << 7 | (p[i] & 0x7fu);
    if (v > max) { return MOON_E_RANGE; }
    if (p[i] < 0x80) {
      *at = i + 1;
      *out = v;
      return MOON_OK;
    }
  }
  return MOON_E_SHORT;
}

#define FIRST_MAX (80 + (uint64_t)UINT32_MAX)

enum moon_err moon_oid_check(const uint8_t *p, size_t n) {
  size_t i, ended = 0;
  if (n == 0) { return MOON_E_LENGTH; }
  if (n > MOON_OID_MAX_LEN) { return MOON_E_LIMIT; }
  for (i = find_long_arc(p, 0, n); i < n; i = find_long_arc(p, i, n)) {
    uint64_t v;
    enum moon_err e = get_arc(p, n, &i, i == 0 ? FIRST_MAX : UINT32_MAX, &v);
    if (e) { return e; }
  }
  if (n < MOON_OID_MAX_ARCS) { return MOON_OK; } /* too short to hold too many */
  for (i = 0; i < n; i++) { ended += p[i] < 0x80; }
  return ended < MOON_OID_MAX_ARCS ? MOON_OK : MOON_E_LIMIT;
}

enum moon_err moon_oid_decode(const uint8_t *p, size_t n, struct moon_oid *out) {
  size_t i = 0;
  uint64_t v = 0;
  enum moon_err e = moon_oid_check(p, n);
  if (e) { return e; }
  get_arc(p, n, &i, FIRST_MAX, &v);
  out->arc[0] = v < 40 ? 0 : v < 80 ? 1 : 2;
  out->arc[1] = (uint32_t)(v - 40u * out->arc[0]);
  out->n = 2;
  while (i < n) {
    get_arc(p, n, &i, UINT32_MAX, &v);
    out->arc[out->n++] = (uint32_t)v;
  }
  return MOON_OK;
}

/* Where arcs are written. */
struct sink { uint8_t *p; size_t cap, len; };

static enum moon_err put_arc(struct sink *s, uint64_t v) {
  uint8_t tmp[5];
  size_t n = 0;
  do {
    tmp[n++] = (uint8_t)(v & 0x7f);
    v >>= 7;
  } while (v);
  if (s->cap - s->len < n) { return MOON_E_SPACE; }
  while (n) {
    n--;
    s->p[s->len++] = n ? (uint8_t)(tmp[n] | 0x80) : tmp[n];
  }
  return MOON_OK;
}

static enum moon_err put_first(struct sink *s, uint32_t a, uint32_t b) {
  if (a > 2 || (a < 2 && b > 39)) { return MOON_E_SYNTAX; }
  return put_arc(s, 40 * (uint64_t)a + b);
}

enum moon_err moon_oid_encode(const struct moon_oid *oid, uint8_t *out, size_t cap, size_t *len) {
  struct sink s = {out, cap, 0};
  enum moon_err e;
  uint32_t i;
  if (oid->n > MOON_OID_MAX_ARCS) { return MOON_E_LIMIT; }
  if (oid->n < 2) { return MOON_E_SYNTAX; }
  e = put_first(&s, oid->arc[0], oid->arc[1]);
  for (i = 2; !e && i < oid->n; i++) { e = put_arc(&s, oid->arc[i]); }
  if (!e) { *len = s.len; }
  return e;
}

/* Digits of one arc of dotted text, and the dot behind them when another follows. */
static enum moon_err scan_arc(const char *text, size_t n, size_t *at, uint32_t *out) {
  size_t i = *at;
  uint64_t v = 0;
  if (i == n || text[i] < '0' || text[i] > '9') { return MOON_E_SYNTAX; }
  for (; i < n && text[i] >= '0' && text[i] <= '9'; i++) {
    v = v * 10 + (uint64_t)(text[i] - '0');
    if (v > UINT32_MAX) { return MOON_E_RANGE; }
  }
  if (i < n) {
    if (text[i] != '.' || i + 1 == n) { return MOON_E_SYNTAX; }
    i++;
  }
  *at = i;
  *out = (uint32_t)v;
  return MOON_OK;
}

enum moon_err moon_oid_parse(const char *text, size_t n, uint8_t *out, size_t cap, size_t *len) {
  struct sink s = {out, cap, 0};
  size_t i = n && text[0] == '.' ? 1 : 0, arcs = 2;
  uint32_t a, b;
  enum moon_err e = scan_arc(text, n, &i, &a);
  if (!e) { e = scan_arc(text, n, &i, &b); }
  if (!e) { e = put_first(&s, a, b); }
  while (!e && i < n) {
    e = ++arcs > MOON_OID_MAX_ARCS ? MOON_E_LIMIT : scan_arc(text, n, &i, &a);
    if (!e) { e = put_arc(&s, a); }
  }
  if (!e) { *len = s.len; }
  return e;
}

enum moon_err moon_oid_parse_index(const char *text, size_t n, uint8_t *out, size_t cap, size_t *len) {
  struct sink s = {out, cap, 0};
  size_t i = 0, arcs = 0;
  uint32_t a;
  enum moon_err e = MOON_OK;
  while (!e && i < n) {
    e = ++arcs > MOON_OID_MAX_ARCS ? MOON_E_LIMIT : scan_arc(text, n, &i, &a);
    if (!e) { e = put_arc(&s, a); }
  }
  if (!e) { *len = s.len; }
  return e;
}

/* Room for at least one octet more is left behind what is printed: for the dot or the NUL. */
static bool print_arc(char *out, size_t cap, size_t *len, uint64_t v) {
  char tmp[10];
  size_t n = 0;
  if (v < 10 && cap - *len > 1) {
    out[(*len)++] = (char)('0' + v);
    return true;
  }
  do {
    tmp[n++] = (char)('0' + v % 10);
    v /= 10;
  } while (v);
  if (cap - *len <= n) { return false; }
  while (n) { out[(*len)++] = tmp[--n]; }
  return true;
}

/* Arcs from p[i] on, a dot before each but the first printed. false: no room, too many, or malformed. */
static bool print_arcs(const uint8_t *p, size_t i, size_t n, char *out, size_t cap, size_t *len) {
  unsigned arcs = 0;
  while (i < n) {
    uint64_t v = p[i];
    if (++arcs > MOON_OID_MAX_ARCS) { return false; }
    if (v < 0x80) {
      i++;
    } else if (get_arc(p, n, &i, UINT32_MAX, &v)) {
      return false;
    }
    if (*len) { out[(*len)++] = '.'; } /* print_arc left a place */
    if (!print_arc(out, cap, len, v)) { return false; }
  }
  return true;
}

size_t moon_oid_format(const uint8_t *p, size_t n, char *out, size_t cap) {
  static const uint8_t zero[1] = {0};
  size_t len = 0, i = 0;
  uint64_t v = 0, a;
  if (cap == 0) { return 0; }
  if (n == 0) { p = zero, n = 1; }
  if (moon_oid_check(p, n) == MOON_OK) {
    get_arc(p, n, &i, FIRST_MAX, &v);
    a = v < 40 ? 0 : v < 80 ? 1 : 2;
    if (print_arc(out, cap, &len, a)) {
      out[len++] = '.';
      if (print_arc(out, cap, &len, v - 40 * a) && print_arcs(p, i, n, out, cap, &len)) {
        out[len] = '\0';
        return len;
      }
    }
  }
  out[0] = '\0';
  return 0;
}

size_t moon_oid_format_index(const uint8_t *p, size_t n, char *out, size_t cap) {
  size_t len = 0;
  if (cap == 0) { return 0; }
  if (!print_arcs(p, 0, n, out, cap, &len)) { len = 0; }
  out[len] = '\0';
  return len;
}

/* Octets up to the end of the arc that holds p[i]. */
static size_t arc_end(const uint8_t *p, size_t i, size_t n) {
  while (i < n && p[i] >= 0x80) { i++; }
  return i;
}

int moon_oid_compare(const uint8_t *a, size_t an, const uint8_t *b, size_t bn) {
  size_t n = an < bn ? an : bn, i = 0, ae, be;
  while (n - i >= 8 && load8(a + i) == load8(b + i)) { i += 8; }
  while (i < n && a[i] == b[i]) { i++; }
  if (i == n) { return (an > bn) - (an < bn); }
  if ((a[i] | b[i]) >= 0x80) { /* without padding the arc with more octets is the greater; inside, octets decide */
    ae = arc_end(a, i, an);
    be = arc_end(b, i, bn);
    if (ae != be) { return ae < be ? -1 : 1; }
  }
  return a[i] < b[i] ? -1 : 1;
}
