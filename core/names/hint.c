#include "print.h"

/* One part of an octet format: *N width kind separator terminator (RFC 2579 3.1). */
struct part { bool repeated; uint32_t width; char kind, separator, terminator; };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* A separator is any character that does not begin the next part; a part without a width is not to be eaten by the one before. */
static char mark(const char **p, const char *end, uint32_t width) {
  char c = *p < end ? **p : '\0';
  if (!c || c == '*' || is_digit(c) || (!width && (c == 'x' || c == 'd' || c == 'o'))) { return '\0'; }
  ++*p;
  return c;
}

static bool read_part(const char **p, const char *end, struct part *out) {
  *out = (struct part){.repeated = **p == '*'};
  if (out->repeated) { ++*p; }
  for (; *p < end && is_digit(**p); ++*p) { out->width = out->width < 100000 ? 10 * out->width + (uint32_t)(**p - '0') : out->width; }
  if (*p == end) { return false; }
  out->kind = *(*p)++;
  out->separator = mark(p, end, out->width);
  out->terminator = mark(p, end, out->width);
  if (!out->width) { out->width = 1; }
  return out->kind == 'x' || out->kind == 'd' || out->kind == 'o' || out->kind == 'a' || out->kind == 't';
}

/* Text stands as it is, so that UTF-8 survives; with a NUL in it what is no text becomes dots. */
static void put_text(const uint8_t *p, size_t n, struct moon_out *out) {
  if (!memchr(p, 0, n)) {
    moon_out_put(out, p, n);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    if (p[i] == '\\' || p[i] == '"') { moon_out_char(out, '\\'); }
    bool text = (p[i] >= 0x20 && p[i] < 0x7f) || (p[i] >= '\t' && p[i] <= '\r');
    moon_out_char(out, text ? (char)p[i] : '.');
  }
}

bool moon_print_hint(const uint8_t *p, size_t n, const char *hint, size_t hint_n, bool two_digits, struct moon_out *out) {
  const uint8_t *end = p + n;
  const char *h = hint, *hint_end = hint + hint_n;
  struct part part = {0};
  size_t begin = out->n;
  if (!hint_n) { return false; }
  while (p < end) {
    uint32_t times = 1;
    if (h < hint_end) { /* at the end the last part goes on */
      if (!read_part(&h, hint_end, &part)) {
        moon_out_cut(out, begin);
        return false;
      }
      if (part.repeated) { times = *p++; }
    }
    for (; times && p < end; times--) {
      size_t len = (size_t)(end - p) < part.width ? (size_t)(end - p) : part.width;
      if (part.kind == 'a' || part.kind == 't') {
        put_text(p, len, out);
      } else {
        uint64_t v = 0;
        for (size_t i = 0; i < len; i++) { v = v << 8 | p[i]; }
        if (part.kind == 'x') { /* "AA1BB" is nothing anybody wants of aa 01 bb */
          moon_out_hex(out, v, part.width == 1 && (two_digits || (!part.separator && h == hint_end)) ? 2 : 1);
        } else if (part.kind == 'd') {
          moon_out_u64(out, v);
        } else {
          moon_out_octal(out, v);
        }
      }
      p += len;
      if (p < end && part.separator) { moon_out_char(out, part.separator); }
    }
    if (p < end && part.terminator) { moon_out_char(out, part.terminator); }
  }
  return true;
}

/* Digits with a point so many from their end: 1234 by d-2 is 12.34, 5 is .05. */
static void put_shifted(const char *digits, size_t n, size_t shift, struct moon_out *out) {
  if (shift < n) { moon_out_put(out, digits, n - shift); }
  moon_out_char(out, '.');
  for (size_t i = n; i < shift; i++) { moon_out_char(out, '0'); }
  moon_out_put(out, shift < n ? digits + n - shift : digits, shift < n ? shift : n);
}

bool moon_print_hint_number(int64_t v, const char *hint, size_t n, struct moon_out *out) {
  char digits[24];
  struct moon_out o = {.p = digits, .cap = sizeof digits};
  size_t shift = 0;
  switch (n ? hint[0] : '\0') {
  case 'x': moon_out_hex(out, (uint64_t)v, 1); return true;
  case 'o': moon_out_octal(out, (uint64_t)v); return true;
  case 'b':
    for (int bit = 31; bit >= 0; bit--) { moon_out_char(out, (uint64_t)v >> bit & 1 ? '1' : '0'); }
    return true;
  case 'd': break;
  default: return false;
  }
  for (size_t i = 2; n > 2 && hint[1] == '-' && i < n && is_digit(hint[i]); i++) {
    shift = shift < 100 ? 10 * shift + (size_t)(hint[i] - '0') : shift;
  }
  if (v < 0) { moon_out_char(out, '-'); }
  moon_out_u64(&o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
  if (shift) {
    put_shifted(digits, o.n, shift, out);
  } else {
    moon_out_put(out, digits, o.n);
  }
  return true;
}

static void put_two(struct moon_out *out, uint32_t v) {
  moon_out_char(out, (char)('0' + v / 10 % 10));
  moon_out_char(out, (char)('0' + v % 10));
}

void moon_print_ticks(uint32_t ticks, uint32_t options, struct moon_out *out) {
  uint32_t seconds = ticks / 100, days = seconds / 86400;
  if (options & MOON_PRINT_TICKS) {
    moon_out_u64(out, ticks);
    return;
  }
  if (options & MOON_PRINT_QUICK || days) {
    moon_out_u64(out, days);
    moon_out_text(out, options & MOON_PRINT_QUICK ? ":" : days == 1 ? " day, " : " days, ");
  }
  moon_out_u64(out, seconds / 3600 % 24);
  moon_out_char(out, ':');
  put_two(out, seconds / 60 % 60);
  moon_out_char(out, ':');
  put_two(out, seconds % 60);
  moon_out_char(out, '.');
  put_two(out, ticks % 100);
}
