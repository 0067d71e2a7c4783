/* out: text written into memory of the caller's, counted on when there is no more room: what was wanted is known after the
 * first attempt. Always NUL-terminated when cap > 0.
 *
 *   struct moon_out o = {.p = buf, .cap = sizeof buf};
 *   moon_out_text(&o, "...");
 *   if (o.n >= o.cap) { ... o.n + 1 octets are needed ... } */
#ifndef MOON_NAMES_OUT_H
#define MOON_NAMES_OUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../base/err.h"

struct moon_out { char *p; size_t cap, n; };

static inline void moon_out_put(struct moon_out *o, const void *p, size_t n) {
  if (o->n < o->cap) {
    size_t left = o->cap - o->n - 1;
    memcpy(o->p + o->n, p, n < left ? n : left);
    o->p[o->n + (n < left ? n : left)] = '\0';
  }
  o->n += n;
}
static inline void moon_out_char(struct moon_out *o, char c) { moon_out_put(o, &c, 1); }
static inline void moon_out_text(struct moon_out *o, const char *s) { moon_out_put(o, s, strlen(s)); }
MOON_API void moon_out_u64(struct moon_out *o, uint64_t v);
MOON_API void moon_out_i64(struct moon_out *o, int64_t v);
/* At least so many digits. */
MOON_API void moon_out_hex(struct moon_out *o, uint64_t v, unsigned digits);
MOON_API void moon_out_octal(struct moon_out *o, uint64_t v);
/* Back to this length. */
static inline void moon_out_cut(struct moon_out *o, size_t n) {
  o->n = n;
  if (n < o->cap) { o->p[n] = '\0'; }
}
/* The last octet written; 0 when there is none or it had no room. */
static inline char moon_out_last(const struct moon_out *o) { return o->n && o->n < o->cap ? o->p[o->n - 1] : '\0'; }

#endif
