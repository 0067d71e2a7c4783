#include "format.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char pairs[] =
  "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960"
  "616263646566676869707172737475767778798081828384858687888990919293949596979899";

size_t moon_format_u64(char *out, uint64_t v) {
  char tmp[20];
  char *p = tmp + sizeof tmp;
  while (v >= 100) {
    uint64_t q = v / 100;
    p -= 2;
    memcpy(p, pairs + 2 * (v - q * 100), 2);
    v = q;
  }
  if (v >= 10) {
    p -= 2;
    memcpy(p, pairs + 2 * v, 2);
  } else {
    *--p = (char)('0' + v);
  }
  size_t n = (size_t)(tmp + sizeof tmp - p);
  memcpy(out, p, n);
  return n;
}

size_t moon_format_i64(char *out, int64_t v) {
  if (v >= 0) { return moon_format_u64(out, (uint64_t)v); }
  *out = '-';
  return 1 + moon_format_u64(out + 1, 0 - (uint64_t)v);
}

/* Rare magnitudes: let the C library do it and take the first precision that reads back. Below DBL_MIN a double has fewer
 * than 15 digits. */
static size_t real_slow(char *out, double v) {
  char tmp[MOON_FORMAT_MAX];
  int n = 0;
  for (int digits = fabs(v) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
    n = snprintf(tmp, sizeof tmp, "%.*g", digits, v);
    if (strtod(tmp, NULL) == v) { break; }
  }
  memcpy(out, tmp, (size_t)n);
  return (size_t)n;
}

/* Digits after the point by free-format generation (Steele and White): stop as soon as what was written can only be this
 * double. bits + 2 of fraction, times ten a digit: 64 bits do for 2^-5 <= v, 128 for 2^-13 <= v. Powers of two, whose neighbour
 * below is nearer than the one above, have 13 digits at most here and end by themselves. */
#define FRACTION(name, word)                                                               \
  static size_t name(char *out, uint64_t m, int bits) {                                                 \
    word one = (word)1 << (bits + 2), mask = one - 1;                                                   \
    word rest = ((word)m << 2) & mask, half = 2; /* way to the neighbours */                            \
    bool even = (m & 1) == 0;                                                                           \
    for (size_t n = 0;;) {                                                                              \
      rest *= 10;                                                                                       \
      half *= 10;                                                                                       \
      unsigned d = (unsigned)(rest >> (bits + 2));                                                      \
      rest &= mask;                                                                                     \
      bool low = even ? rest <= half : rest < half;                                                     \
      bool high = even ? rest + half >= one : rest + half > one;                                        \
      if (low || high) {                                                                                \
        if (high && (!low || rest * 2 >= one)) { d++; }                                                 \
        out[n++] = (char)('0' + d);                                                                     \
        return n;                                                                                       \
      }                                                                                                 \
      out[n++] = (char)('0' + d);                                                                       \
    }                                                                                                   \
  }
FRACTION(fraction, uint64_t)
FRACTION(fraction_wide, unsigned __int128)

size_t moon_format_real(char *out, double v) {
  if (!isfinite(v)) {
    memcpy(out, "null", 4);
    return 4;
  }
  double a = fabs(v);
  if (a < 0x1p53 && a == (double)(uint64_t)a) {
    char *p = out;
    if (v < 0) { *p++ = '-'; }
    p += moon_format_u64(p, (uint64_t)a);
    return (size_t)(p - out);
  }
  if (a >= 0x1p53 || a < 0x1p-13) { return real_slow(out, v); }
  uint64_t raw;
  memcpy(&raw, &a, sizeof raw);
  uint64_t m = (raw & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
  int bits = 1075 - (int)(raw >> 52); /* v = m / 2^bits, 1..65 */
  char *p = out;
  if (v < 0) { *p++ = '-'; }
  p += moon_format_u64(p, bits > 63 ? 0 : m >> bits);
  *p++ = '.';
  p += bits <= 57 ? fraction(p, m, bits) : fraction_wide(p, m, bits);
  return (size_t)(p - out);
}

size_t moon_format_time(char *out, double seconds) {
  if (!(seconds >= 0 && seconds < 1e15)) { seconds = 0; }
  uint64_t ms = (uint64_t)(seconds * 1000 + 0.5);
  size_t n = moon_format_u64(out, ms / 1000);
  unsigned rest = (unsigned)(ms % 1000);
  out[n] = '.';
  out[n + 1] = (char)('0' + rest / 100);
  memcpy(out + n + 2, pairs + 2 * (rest % 100), 2);
  return n + 4;
}

/* Octets of the well-formed UTF-8 sequence at p, 0 when there is none (RFC 3629 4). */
static size_t utf8(const unsigned char *p, size_t n) {
  unsigned lead = p[0];
  size_t len = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  if (len == 0 || n < len) { return 0; }
  for (size_t i = 1; i < len; i++) {
    if ((p[i] & 0xc0) != 0x80) { return 0; }
  }
  bool bad = (lead == 0xe0 && p[1] < 0xa0) || (lead == 0xed && p[1] > 0x9f) || (lead == 0xf0 && p[1] < 0x90) ||
             (lead == 0xf4 && p[1] > 0x8f);
  return bad ? 0 : len;
}

#define ALL(octet) (UINT64_C(0x0101010101010101) * (octet))

/* Does any of these eight octets need a second look? */
static bool special(uint64_t x) {
  uint64_t quote = x ^ ALL('"'), slash = x ^ ALL('\\');
  uint64_t hit = (x - ALL(0x20)) | (quote - ALL(1)) | (slash - ALL(1)) | x;
  return (hit & ALL(0x80)) != 0;
}

static const char hex[] = "0123456789abcdef";

size_t moon_format_escape(char *out, const char *p, size_t n) {
  const unsigned char *s = (const unsigned char *)p;
  char *o = out;
  size_t i = 0;
  if (n >= 4 && n < 8) { /* most names and values are short: two copies that overlap */
    uint32_t head, tail;
    memcpy(&head, s, 4);
    memcpy(&tail, s + n - 4, 4);
    if (!special(head | (uint64_t)tail << 32)) {
      memcpy(o, &head, 4);
      memcpy(o + n - 4, &tail, 4);
      return n;
    }
  }
  while (i < n) {
    uint64_t x;
    while (n - i >= 8 && (memcpy(&x, s + i, 8), !special(x))) {
      memcpy(o, &x, 8);
      o += 8;
      i += 8;
    }
    if (i == n) { break; }
    if (n >= 8 && n - i < 8 && (memcpy(&x, s + n - 8, 8), !special(x))) {
      o += n - i;
      memcpy(o - 8, &x, 8); /* its first octets stand there already: they are as they were */
      break;
    }
    unsigned c = s[i];
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      *o++ = (char)c;
      i++;
      continue;
    }
    size_t len = c >= 0x80 ? utf8(s + i, n - i) : 0;
    if (len) {
      memcpy(o, s + i, len);
      o += len;
      i += len;
      continue;
    }
    static const char name[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char shorthand = c < 0x20 ? name[c] : (c == '"' || c == '\\') ? (char)c : 0;
    *o++ = '\\';
    if (shorthand) {
      *o++ = shorthand;
    } else {
      memcpy(o, "u00", 3);
      o[3] = hex[c >> 4];
      o[4] = hex[c & 15];
      o += 5;
    }
    i++;
  }
  return (size_t)(o - out);
}

size_t moon_format_printable(char *out, const char *p, size_t n) {
  const unsigned char *s = (const unsigned char *)p;
  char *o = out;
  for (size_t i = 0; i < n;) {
    unsigned c = s[i];
    size_t len = c >= 0x20 && c < 0x7f ? 1 : c >= 0x80 ? utf8(s + i, n - i) : 0;
    if (len == 0 || (c == 0xc2 && s[i + 1] < 0xa0)) {
      memcpy(o, (const char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
      o += 4;
      i++;
      continue;
    }
    memcpy(o, s + i, len);
    o += len;
    i += len;
  }
  return (size_t)(o - out);
}
