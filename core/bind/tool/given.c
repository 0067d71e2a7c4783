#include "given.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../base/mem.h"

static void tell(char *detail, const char *format, const char *text) { snprintf(detail, MOON_GIVEN_DETAIL, format, text); }

/* The top arcs, shortest name first: a part of a name finds the first that has it. */
static const struct { const char *name; uint32_t arc; } tops[] = {{"iso", 1}, {"ccitt", 0}, {"joint-iso-ccitt", 2}};
#define TOPS (sizeof tops / sizeof *tops)

static bool exact_top(const char *text, size_t n, uint32_t *arc) {
  for (size_t i = 0; i < TOPS; i++) {
    if (strlen(tops[i].name) == n && memcmp(tops[i].name, text, n) == 0) {
      *arc = tops[i].arc;
      return true;
    }
  }
  return false;
}

/* The rest of text from p on, one part a call. false: bad, *bad is where the part begins. */
static bool part(const char **p, struct moon_oid *oid, const char **bad) {
  const char *at = *p;
  *bad = at;
  if (*at == '"' || *at == '\'') {
    char quote = *at++;
    const char *end = strchr(at, quote);
    if (!*at || !end) { return false; }
    if (quote == '"') {
      if (oid->n == MOON_OID_MAX_ARCS) { return false; }
      oid->arc[oid->n++] = (uint32_t)(end - at);
    }
    for (; at < end; at++) {
      if (oid->n == MOON_OID_MAX_ARCS) { return false; }
      oid->arc[oid->n++] = (uint8_t)*at;
    }
    at++;
  } else {
    char *end;
    if (*at < '0' || *at > '9') { return false; }
    unsigned long v = strtoul(at, &end, 0);
    if ((*end && *end != '.') || oid->n == MOON_OID_MAX_ARCS) { return false; }
    oid->arc[oid->n++] = (uint32_t)v;
    at = end;
  }
  if (*at && *at != '.') { return false; }
  *p = *at ? at + 1 : NULL;
  return true;
}

/* As net-snmp encodes: the first two arcs in one. */
static enum moon_err encode(const struct moon_oid *oid, uint8_t *out, size_t *len) {
  size_t n = 0;
  if (oid->arc[0] > 2) { return MOON_E_RANGE; }
  if (oid->n == 1) {
    out[0] = 0x80;
    out[1] = (uint8_t)oid->arc[0];
    *len = 2;
    return MOON_OK;
  }
  if (oid->arc[0] < 2 ? oid->arc[1] > 40 : oid->arc[1] > UINT32_MAX - 80) { return MOON_E_RANGE; }
  for (uint32_t i = 1; i < oid->n; i++) {
    uint32_t v = i == 1 ? oid->arc[0] * 40 + oid->arc[1] : oid->arc[i];
    for (int shift = 28; shift > 0; shift -= 7) {
      if (v >> shift) { out[n++] = (uint8_t)(0x80 | (v >> shift & 0x7f)); }
    }
    out[n++] = (uint8_t)(v & 0x7f);
  }
  *len = n;
  return MOON_OK;
}

static bool read_oid(const char *text, struct moon_oid *oid, char *detail) {
  const char *p = *text == '.' ? text + 1 : text, *bad = p;
  size_t n = strcspn(p, ".");
  oid->n = 0;
  if (exact_top(p, n, &oid->arc[0])) {
    oid->n = 1;
    p = p[n] ? p + n + 1 : NULL;
  } else if (*p < '0' || *p > '9' || !part(&p, oid, &bad)) {
    snprintf(detail, MOON_GIVEN_DETAIL, "Sub-id not found: (top) -> %.*s", (int)n, bad);
    return false;
  }
  while (p) {
    if (!part(&p, oid, &bad)) {
      /* The last part that was cut off at its dot ends there. */
      bool number = *bad >= '0' && *bad <= '9';
      snprintf(detail, MOON_GIVEN_DETAIL, "%s%.*s", oid->n && oid->arc[0] > 2 ? "Sub-id not found: (top) -> " : "",
               number ? (int)strcspn(bad, ".") : MOON_GIVEN_DETAIL, bad);
      return false;
    }
  }
  return true;
}

enum moon_err moon_given_oid(const char *text, uint8_t *out, size_t *len, char detail[MOON_GIVEN_DETAIL]) {
  struct moon_oid oid;
  detail[0] = 0;
  return read_oid(text, &oid, detail) ? encode(&oid, out, len) : moon_given_top(text, out, len);
}

enum moon_err moon_given_top(const char *text, uint8_t *out, size_t *len) {
  for (size_t i = 0; *text && i < TOPS; i++) {
    if (strcasestr(tops[i].name, text) || strcmp(text, ".") == 0) {
      const struct moon_oid oid = {.arc = {tops[i].arc}, .n = 1};
      return encode(&oid, out, len);
    }
  }
  return MOON_E_SYNTAX;
}

static int top_of(const uint8_t *oid, size_t n) {
  if (moon_given_is_top(oid, n)) { return oid[1]; }
  return n == 0 || oid[0] < 40 ? 0 : oid[0] < 80 ? 1 : 2;
}

int moon_given_compare(const uint8_t *a, size_t an, const uint8_t *b, size_t bn) {
  bool at = moon_given_is_top(a, an), bt = moon_given_is_top(b, bn);
  if (!at && !bt) { return moon_oid_compare(a, an, b, bn); }
  int order = top_of(a, an) - top_of(b, bn);
  return order ? order : (int)bt - (int)at;
}

bool moon_given_under(const uint8_t *root, size_t root_n, const uint8_t *oid, size_t n) {
  return moon_given_is_top(root, root_n) ? root[1] == top_of(oid, n) : moon_oid_under(root, root_n, oid, n);
}

/* ---- values ---- */

struct value {
  uint8_t *p;
  size_t n, cap;
};

static bool add(struct value *v, uint8_t octet) {
  if (v->n == v->cap) {
    size_t cap = v->cap ? v->cap * 2 : 64;
    uint8_t *p = moon_mem_resize(v->p, cap, 1);
    if (!p) { return false; }
    v->p = p;
    v->cap = cap;
  }
  v->p[v->n++] = octet;
  return true;
}

static enum moon_err copy(struct value *v, const void *p, size_t n) {
  v->p = moon_mem_alloc(n ? n : 1);
  if (!v->p) { return MOON_E_NOMEM; }
  memcpy(v->p, p, n);
  v->n = v->cap = n;
  return MOON_OK;
}

/* Content of a number. */
static enum moon_err number(struct value *v, bool is_signed, int64_t sint, uint64_t uint) {
  uint8_t buf[16];
  struct moon_writer w;
  moon_writer_init(&w, buf, sizeof buf);
  if (is_signed) {
    moon_ber_put_i64(&w, MOON_INTEGER, sint);
  } else {
    moon_ber_put_u64(&w, MOON_COUNTER64, uint);
  }
  return copy(v, w.p + 2, moon_writer_len(&w) - 2);
}

/* Decimal digits, whatever follows them; modulo 2^64. */
static bool read_u64(const char *text, uint64_t *out) {
  const char *p = *text == '-' ? text + 1 : text;
  uint64_t v = 0;
  if (*p < '0' || *p > '9') { return false; }
  for (; *p >= '0' && *p <= '9'; p++) { v = v * 10 + (uint64_t)(*p - '0'); }
  *out = *text == '-' ? 0 - v : v;
  return true;
}

static enum moon_err hex(struct value *v, const char *text) {
  const char *p = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? text + 2 : text;
  while (*p) {
    if (!isxdigit((unsigned char)p[0]) || !isxdigit((unsigned char)p[1])) {
      if (*p != ' ') { return MOON_E_SYNTAX; }
      p++;
      continue;
    }
    char two[3] = {p[0], p[1], 0};
    if (!add(v, (uint8_t)strtoul(two, NULL, 16))) { return MOON_E_NOMEM; }
    p += 2;
  }
  return MOON_OK;
}

static enum moon_err decimal(struct value *v, const char *p) {
  while (*p) {
    if (*p == '.' || isspace((unsigned char)*p)) {
      p++;
      continue;
    }
    char *end;
    unsigned long octet = *p >= '0' && *p <= '9' ? strtoul(p, &end, 10) : 256;
    if (octet > 255) { return MOON_E_SYNTAX; }
    if (!add(v, (uint8_t)octet)) { return MOON_E_NOMEM; }
    p = end;
  }
  return MOON_OK;
}

static enum moon_err bits(struct value *v, const char *p, char *detail) {
  for (;;) {
    p += strspn(p, " ,\t");
    size_t n = strcspn(p, " ,\t");
    char *end;
    if (n == 0) { return MOON_OK; }
    unsigned long bit = strtoul(p, &end, 0);
    if (end != p + n || bit >= MOON_GIVEN_BITS_MAX) {
      snprintf(detail, MOON_GIVEN_DETAIL, "%.*s", (int)n, p);
      return MOON_E_RANGE;
    }
    while (v->n <= bit / 8) {
      if (!add(v, 0)) { return MOON_E_NOMEM; }
    }
    v->p[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    p += n;
  }
}

/* Opaque around a value of its own: 9f, kind, length, content. */
static enum moon_err opaque(struct value *v, uint8_t kind, const uint8_t *p, size_t n) {
  uint8_t buf[16] = {0x9f, kind, (uint8_t)n};
  memcpy(buf + 3, p, n);
  return copy(v, buf, n + 3);
}

static enum moon_err opaque_number(struct value *v, char type, const char *text, char *detail) {
  uint8_t buf[8];
  uint64_t raw = 0;
  if (type == 'F' || type == 'D') {
    float f;
    double d;
    size_t n = type == 'F' ? 4 : 8;
    if ((type == 'F' ? sscanf(text, "%f", &f) : sscanf(text, "%lf", &d)) != 1) {
      tell(detail, "%s", text);
      return MOON_E_SYNTAX;
    }
    if (type == 'F') {
      uint32_t raw32;
      memcpy(&raw32, &f, 4);
      raw = raw32;
    } else {
      memcpy(&raw, &d, 8);
    }
    for (size_t i = 0; i < n; i++) { buf[i] = (uint8_t)(raw >> 8 * (n - 1 - i)); }
    return opaque(v, type == 'F' ? 0x78 : 0x79, buf, n);
  }
  if (!read_u64(text, &raw)) {
    tell(detail, "%s", text);
    return MOON_E_SYNTAX;
  }
  struct value inner = {0};
  enum moon_err err = number(&inner, type == 'I', (int64_t)raw, raw);
  if (!err) { err = opaque(v, type == 'I' ? 0x7a : 0x7b, inner.p, inner.n); }
  moon_mem_free(inner.p);
  return err;
}

static enum moon_err whole(struct value *v, char type, const char *text, bool *cut, char *detail) {
  char *end;
  uint64_t wide;
  if (type == 'C') {
    if (read_u64(text, &wide)) { return number(v, false, 0, wide); }
  } else if (type == 'i') {
    long x = strtol(text, &end, 10);
    if (*text && *end) {
      tell(detail, "%s", text);
      return MOON_E_RANGE;
    }
    /* What does not fit 32 bits is cut as net-snmp cuts it, twice. */
    if (x > UINT32_MAX) {
      *cut = true;
      x &= UINT32_MAX;
    }
    if (x < INT32_MIN) { x = 0 - (x & UINT32_MAX); }
    if (*text) { return number(v, true, x, 0); }
  } else {
    unsigned long x = strtoul(text, &end, 10);
    *cut = x > UINT32_MAX && x <= LONG_MAX;
    if (*text && !*end) { return number(v, false, 0, (uint32_t)x); }
  }
  tell(detail, "%s", text);
  return MOON_E_SYNTAX;
}

static enum moon_err read_value(struct value *v, char type, const char *text, uint8_t *tag, bool *cut, char *detail) {
  struct in_addr ip;
  enum moon_err err;
  switch (type) {
    case 'i': *tag = MOON_INTEGER; return whole(v, type, text, cut, detail);
    case 'u': *tag = MOON_GAUGE32; return whole(v, type, text, cut, detail);
    case '3': *tag = MOON_UINTEGER32; return whole(v, type, text, cut, detail);
    case 'c': *tag = MOON_COUNTER32; return whole(v, type, text, cut, detail);
    case 't': *tag = MOON_TIME_TICKS; return whole(v, type, text, cut, detail);
    case 'C': *tag = MOON_COUNTER64; return whole(v, type, text, cut, detail);
    case 'a':
      *tag = MOON_IP_ADDRESS;
      if (inet_aton(text, &ip)) { return copy(v, &ip.s_addr, 4); }
      tell(detail, "%s", text);
      return MOON_E_SYNTAX;
    case 's': *tag = MOON_OCTET_STRING; return copy(v, text, strlen(text));
    case 'x':
    case 'd':
      *tag = MOON_OCTET_STRING;
      err = type == 'x' ? hex(v, text) : decimal(v, text);
      if (err == MOON_E_SYNTAX) { tell(detail, "%s", text); }
      return err;
    case 'n': *tag = MOON_NULL; return MOON_OK;
    case 'b': *tag = MOON_OCTET_STRING; return bits(v, text, detail);
    case 'U':
    case 'I':
    case 'F':
    case 'D': *tag = MOON_OPAQUE; return opaque_number(v, type, text, detail);
    default:
      snprintf(detail, MOON_GIVEN_DETAIL, "\"%c\"", type);
      return MOON_E_TAG;
  }
}

enum moon_err moon_given_value(char type, const char *text, uint8_t *tag, uint8_t **octets, size_t *len, bool *cut,
                               char detail[MOON_GIVEN_DETAIL]) {
  struct value v = {0};
  detail[0] = 0;
  *cut = false;
  enum moon_err err = read_value(&v, type, text, tag, cut, detail);
  if (err) {
    moon_mem_free(v.p);
    return err;
  }
  *octets = v.p;
  *len = v.n;
  return MOON_OK;
}
