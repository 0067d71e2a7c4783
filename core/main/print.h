/* print: text on its way to a descriptor: one growing block that is handed on when it is large enough or when nobody has more.
 *
 *   struct moon_print o;
 *   moon_print_init(&o, flush, arg);
 *   uint8_t *p = moon_print_room(&o, 64); if (p) { o.n += moon_format_u64((char *)p, 42); }
 *   moon_print_put(&o, "\n", 1);
 *   moon_print_line(&o);             a line ended: hand on what is there when it is enough
 *
 * Grows to the longest line and no further: what is complete leaves at MOON_PRINT_BLOCK. The error sticks. */
#ifndef MOON_MAIN_PRINT_H
#define MOON_MAIN_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../base/mem.h"

#define MOON_PRINT_BLOCK (64u << 10) /* octets from which a block is worth a system call; also the size of a Linux pipe */

struct moon_print {
  uint8_t *p;
  size_t n, cap;
  /* Take all of p[0..n); false: no more is wanted. NULL: the text just grows. */
  bool (*flush)(void *arg, const uint8_t *p, size_t n);
  void *arg;
  bool failed; /* out of memory, or flush said false: puts do nothing */
};

void moon_print_init(struct moon_print *o, bool (*flush)(void *arg, const uint8_t *p, size_t n), void *arg);
void moon_print_fini(struct moon_print *o);
/* Makes room for n more octets; false when failed. */
bool moon_print_grow(struct moon_print *o, size_t n);
/* Hands on everything. */
void moon_print_flush(struct moon_print *o);

/* n octets to be written at the result; the caller adds to o->n what it used. NULL when failed. */
static inline uint8_t *moon_print_room(struct moon_print *o, size_t n) {
  if (o->cap - o->n < n && !moon_print_grow(o, n)) { return NULL; }
  return o->failed ? NULL : o->p + o->n;
}
static inline void moon_print_put(struct moon_print *o, const void *src, size_t n) {
  uint8_t *p = moon_print_room(o, n);
  if (p && n) {
    memcpy(p, src, n);
    o->n += n;
  }
}
static inline void moon_print_text(struct moon_print *o, const char *s) { moon_print_put(o, s, strlen(s)); }
static inline void moon_print_line(struct moon_print *o) {
  if (o->n >= MOON_PRINT_BLOCK && o->flush) { moon_print_flush(o); }
}
/* printf; for what is not hot. */
void moon_print_printf(struct moon_print *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
