#include "notation.h"

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static int hex_digit(char c) {
  if (is_digit(c)) { return c - '0'; }
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct moon_span moon_span_trim(struct moon_span s) {
  while (s.p < s.end && is_blank(*s.p)) { s.p++; }
  while (s.p < s.end && is_blank(s.end[-1])) { s.end--; }
  return s;
}

bool moon_span_take(struct moon_span *s, const char *word) {
  size_t n = strlen(word);
  if (moon_span_len(*s) < n || memcmp(s->p, word, n) != 0) { return false; }
  s->p += n;
  return true;
}

/* Dotted text to octets at out; what is wrong with names from the field is nearly always that they were redacted. */
static const char *parse_oid(struct moon_span s, uint8_t *out, size_t *len) {
  char text[MOON_OID_TEXT_MAX];
  enum moon_err e;
  if (moon_span_take(&s, ".iso") || moon_span_take(&s, "iso")) {
    size_t n = moon_span_len(s);
    if (n >= sizeof text) { return "an OID that is too long"; }
    text[0] = '1';
    if (n) { memcpy(text + 1, s.p, n); }
    e = moon_oid_parse(text, n + 1, out, MOON_OID_MAX_LEN, len);
  } else {
    e = moon_oid_parse(s.p, moon_span_len(s), out, MOON_OID_MAX_LEN, len);
  }
  switch (e) {
  case MOON_OK: return NULL;
  case MOON_E_RANGE: return "an OID with an arc over 32 bits";
  case MOON_E_LIMIT:
  case MOON_E_SPACE: return "an OID that is too long";
  default: return "not an OID in numbers";
  }
}

const char *moon_notation_name(struct moon_span s, struct moon_item *out) {
  return parse_oid(s, out->oid, &out->oid_len);
}

const char *moon_notation_oid(struct moon_span s, struct moon_item *out) {
  out->value_len = 0;
  s = moon_span_trim(s);
  return s.p == s.end ? NULL : parse_oid(s, out->value, &out->value_len); /* some agents send a null OID without octets */
}

/* Sign and magnitude. */
static const char *parse_number(struct moon_span s, bool *negative, uint64_t *out) {
  uint64_t v = 0;
  s = moon_span_trim(s);
  *negative = moon_span_take(&s, "-");
  if (!*negative) { moon_span_take(&s, "+"); }
  if (s.p == s.end) { return "no number"; }
  for (; s.p < s.end; s.p++) {
    unsigned d = (unsigned)(*s.p - '0');
    if (!is_digit(*s.p)) { return "not a whole number"; }
    if (v > (UINT64_MAX - d) / 10) { return "a number over 64 bits"; }
    v = v * 10 + d;
  }
  *out = v;
  return NULL;
}

static void put_signed(struct moon_item *out, int64_t v) {
  struct moon_writer w;
  moon_writer_init(&w, out->value, 16);
  moon_ber_put_i64(&w, MOON_INTEGER, v);
  out->value_len = moon_writer_len(&w) - 2;
  memmove(out->value, w.p + 2, out->value_len);
}

static void put_unsigned(struct moon_item *out, uint64_t v) {
  struct moon_writer w;
  moon_writer_init(&w, out->value, 16);
  moon_ber_put_u64(&w, MOON_COUNTER64, v);
  out->value_len = moon_writer_len(&w) - 2;
  memmove(out->value, w.p + 2, out->value_len);
}

const char *moon_notation_number(struct moon_span s, struct moon_item *out) {
  bool negative;
  uint64_t v;
  const char *why = parse_number(s, &negative, &v);
  if (why) { return why; }
  if (out->type == MOON_COUNTER64) {
    if (negative && v > (uint64_t)INT64_MAX + 1) { return "a number over 64 bits"; }
    put_unsigned(out, negative ? 0 - v : v);
    return NULL;
  }
  if (negative ? v > (uint64_t)INT32_MAX + 1 : v > UINT32_MAX) { return "a number over 32 bits"; }
  if (out->type == MOON_INTEGER) {
    put_signed(out, (int32_t)(uint32_t)(negative ? 0 - v : v));
  } else {
    put_unsigned(out, (uint32_t)(negative ? 0 - v : v));
  }
  return NULL;
}

const char *moon_notation_more_hex(struct moon_span s, struct moon_item *out) {
  size_t n = out->value_len;
  while (s.p < s.end) {
    int high, low;
    if (is_blank(*s.p) || *s.p == ':') {
      s.p++;
      continue;
    }
    high = hex_digit(*s.p);
    low = s.end - s.p > 1 ? hex_digit(s.p[1]) : -1;
    if (high < 0 || low < 0) { return "not hex, or half an octet"; }
    if (n == sizeof out->value) { return "a value that is too long"; }
    out->value[n++] = (uint8_t)(high << 4 | low);
    s.p += 2;
  }
  out->value_len = n;
  return NULL;
}

const char *moon_notation_hex(struct moon_span s, struct moon_item *out) {
  out->value_len = 0;
  s = moon_span_trim(s);
  if (!moon_span_take(&s, "0x")) { moon_span_take(&s, "0X"); }
  return moon_notation_more_hex(s, out);
}

/* Behind a backslash; advances. */
static uint8_t unescape(struct moon_span *s) {
  char c = *s->p++;
  int high, low;
  unsigned v = 0, i;
  switch (c) {
  case 'n': return '\n';
  case 'r': return '\r';
  case 't': return '\t';
  case 'x':
    high = s->end - s->p > 1 ? hex_digit(s->p[0]) : -1;
    low = s->end - s->p > 1 ? hex_digit(s->p[1]) : -1;
    if (high < 0 || low < 0) { return (uint8_t)c; }
    s->p += 2;
    return (uint8_t)(high << 4 | low);
  default:
    if (c < '0' || c > '7') { return (uint8_t)c; }
    s->p--;
    for (i = 0; i < 3 && s->p < s->end && *s->p >= '0' && *s->p <= '7'; i++) { v = v * 8 + (unsigned)(*s->p++ - '0'); }
    return (uint8_t)v;
  }
}

const char *moon_notation_escaped(struct moon_span s, struct moon_item *out) {
  size_t n = 0;
  while (s.p < s.end) {
    uint8_t c = (uint8_t)*s.p++;
    if (c == '\\' && s.p < s.end) { c = unescape(&s); }
    if (n == sizeof out->value) { return "a value that is too long"; }
    out->value[n++] = c;
  }
  out->value_len = n;
  return NULL;
}

const char *moon_notation_octets(struct moon_span s, struct moon_item *out) {
  if (moon_span_len(s) > sizeof out->value) { return "a value that is too long"; }
  out->value_len = moon_span_len(s);
  if (out->value_len) { memcpy(out->value, s.p, out->value_len); }
  return NULL;
}

const char *moon_notation_address(struct moon_span s, struct moon_item *out) {
  s = moon_span_trim(s);
  for (unsigned i = 0; i < 4; i++) {
    unsigned v = 0, digits = 0;
    if (i && !moon_span_take(&s, ".")) { return "not an IPv4 address"; }
    for (; s.p < s.end && is_digit(*s.p) && digits < 3; digits++) { v = v * 10 + (unsigned)(*s.p++ - '0'); }
    if (digits == 0 || v > 255) { return "not an IPv4 address"; }
    out->value[i] = (uint8_t)v;
  }
  out->value_len = 4;
  return s.p == s.end ? NULL : "not an IPv4 address";
}

/* [-]digits[.digits][e[-]digits]: what printf makes of a double, and "nan", "inf". */
static const char *parse_real(struct moon_span s, double *out) {
  double v = 0, scale = 1;
  bool negative, any = false;
  int e = 0, digits = 0;
  s = moon_span_trim(s);
  negative = moon_span_take(&s, "-");
  if (moon_span_len(s) == 3 && memcmp(s.p, "inf", 3) == 0) {
    *out = negative ? -__builtin_inf() : __builtin_inf();
    return NULL;
  }
  if (moon_span_len(s) == 3 && memcmp(s.p, "nan", 3) == 0) {
    *out = __builtin_nan("");
    return NULL;
  }
  for (; s.p < s.end && is_digit(*s.p); s.p++, any = true) { v = v * 10 + (*s.p - '0'); }
  if (moon_span_take(&s, ".")) {
    for (; s.p < s.end && is_digit(*s.p); s.p++, any = true) {
      if (scale < 1e18) {
        v = v * 10 + (*s.p - '0');
        scale *= 10;
      }
    }
  }
  v /= scale;
  if (any && (moon_span_take(&s, "e") || moon_span_take(&s, "E"))) {
    bool down = moon_span_take(&s, "-");
    if (!down) { moon_span_take(&s, "+"); }
    for (; s.p < s.end && is_digit(*s.p) && e < 1000; s.p++, digits++) { e = e * 10 + (*s.p - '0'); }
    any = digits > 0;
    for (e = e < 700 ? e : 700; e > 0; e--) { v = down ? v / 10 : v * 10; }
  }
  if (!any || s.p != s.end) { return "not a number"; }
  *out = negative ? -v : v;
  return NULL;
}

/* 9f kind n content: see moon_varbind_opaque */
static void put_opaque(struct moon_item *out, uint8_t kind, uint64_t bits, size_t n) {
  out->value[0] = 0x9f;
  out->value[1] = kind;
  out->value[2] = (uint8_t)n;
  out->value_len = 3 + n;
  for (; n; n--, bits >>= 8) { out->value[2 + n] = (uint8_t)bits; }
}

static const char *put_real(struct moon_span s, bool wide, struct moon_item *out) {
  union { double real; uint64_t bits; } twice;
  union { float real; uint32_t bits; } once;
  const char *why = parse_real(s, &twice.real);
  if (why) { return why; }
  once.real = twice.real > 3.5e38 ? __builtin_inff() : twice.real < -3.5e38 ? -__builtin_inff() : (float)twice.real;
  if (wide) {
    put_opaque(out, 0x79, twice.bits, 8);
  } else {
    put_opaque(out, 0x78, once.bits, 4);
  }
  return NULL;
}

static const char *put_whole(struct moon_span s, uint8_t kind, struct moon_item *out) {
  bool negative;
  uint64_t v;
  const char *why = parse_number(s, &negative, &v);
  if (why) { return why; }
  if (negative) {
    put_signed(out, (int64_t)(0 - v));
  } else {
    put_unsigned(out, v);
  }
  memmove(out->value + 3, out->value, out->value_len);
  out->value[0] = 0x9f;
  out->value[1] = kind;
  out->value[2] = (uint8_t)out->value_len;
  out->value_len += 3;
  return NULL;
}

const char *moon_notation_opaque(struct moon_span s, struct moon_item *out) {
  s = moon_span_trim(s);
  if (moon_span_take(&s, "Float:")) { return put_real(s, false, out); }
  if (moon_span_take(&s, "Double:")) { return put_real(s, true, out); }
  if (moon_span_take(&s, "Int64:")) { return put_whole(s, 0x7a, out); }
  if (moon_span_take(&s, "UInt64:")) { return put_whole(s, 0x7b, out); }
  if (s.p < s.end && memchr(s.p, '.', moon_span_len(s))) { return put_real(s, false, out); }
  return moon_notation_hex(s, out);
}
