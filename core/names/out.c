#include "out.h"

static void digits_of(struct moon_out *o, uint64_t v, unsigned base, unsigned least) {
  char text[24];
  size_t at = sizeof text;
  do {
    text[--at] = "0123456789abcdef"[v % base];
    v /= base;
    if (least) { least--; }
  } while ((v || least) && at);
  moon_out_put(o, text + at, sizeof text - at);
}

void moon_out_u64(struct moon_out *o, uint64_t v) { digits_of(o, v, 10, 1); }

void moon_out_i64(struct moon_out *o, int64_t v) {
  if (v < 0) { moon_out_char(o, '-'); }
  digits_of(o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, 1);
}

void moon_out_hex(struct moon_out *o, uint64_t v, unsigned digits) { digits_of(o, v, 16, digits); }

void moon_out_octal(struct moon_out *o, uint64_t v) { digits_of(o, v, 8, 1); }
