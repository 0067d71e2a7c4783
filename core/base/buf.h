/* buf: bounded reader and writer with sticky errors. After the first error gets return 0 and puts do nothing,
 * so a caller tests .err once at the end.
 *
 * The reader runs forward over octets it borrows. The writer fills its buffer from the END towards the start:
 * BER wants the length before the content, and written backwards nothing is ever moved.
 *
 *   start            p (next octet goes below)      end
 *   |  free          |##### written ###############|                                                          */
#ifndef MOON_BASE_BUF_H
#define MOON_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "err.h"

struct moon_reader {
  const uint8_t *p;   /* next octet */
  const uint8_t *end; /* one past the last */
  enum moon_err err;  /* first error, MOON_OK while none */
};

struct moon_writer {
  uint8_t *start;
  uint8_t *p;   /* first octet written */
  uint8_t *end;
  enum moon_err err; /* first error: MOON_E_SPACE once something did not fit */
};

static inline void moon_reader_init(struct moon_reader *r, const uint8_t *p, size_t n) {
  r->p = p;
  r->end = n ? p + n : p; /* NULL with nothing in it is fine */
  r->err = MOON_OK;
}
static inline size_t moon_reader_left(const struct moon_reader *r) { return (size_t)(r->end - r->p); }
static inline void moon_reader_fail(struct moon_reader *r, enum moon_err e) {
  if (!r->err) { r->err = e; }
  r->p = r->end;
}
/* The next n octets as they lie. MOON_E_SHORT: there are fewer, out gets zeros. */
static inline void moon_reader_get(struct moon_reader *r, void *out, size_t n) {
  if (moon_reader_left(r) < n) { moon_reader_fail(r, MOON_E_SHORT); }
  if (!n) { return; } /* NULL is fine then */
  if (r->err) {
    memset(out, 0, n);
    return;
  }
  memcpy(out, r->p, n);
  r->p += n;
}

static inline void moon_writer_init(struct moon_writer *w, uint8_t *buf, size_t cap) {
  w->start = buf;
  w->p = w->end = buf + cap;
  w->err = MOON_OK;
}
static inline void moon_writer_fail(struct moon_writer *w, enum moon_err e) {
  if (!w->err) { w->err = e; }
}
static inline size_t moon_writer_len(const struct moon_writer *w) { return (size_t)(w->end - w->p); }
static inline void moon_writer_put(struct moon_writer *w, const void *src, size_t n) {
  if (w->err || (size_t)(w->p - w->start) < n) {
    moon_writer_fail(w, MOON_E_SPACE);
    return;
  }
  w->p -= n;
  if (n) { memcpy(w->p, src, n); }
}
static inline void moon_writer_put_u8(struct moon_writer *w, uint8_t b) {
  if (w->err || w->p == w->start) {
    moon_writer_fail(w, MOON_E_SPACE);
    return;
  }
  *--w->p = b;
}

#endif
