#include "print.h"

#include <stdarg.h>
#include <stdio.h>

void moon_print_init(struct moon_print *o, bool (*flush)(void *arg, const uint8_t *p, size_t n), void *arg) {
  memset(o, 0, sizeof *o);
  o->flush = flush;
  o->arg = arg;
}

void moon_print_fini(struct moon_print *o) {
  moon_mem_free(o->p);
  o->p = NULL;
  o->n = o->cap = 0;
}

bool moon_print_grow(struct moon_print *o, size_t n) {
  if (o->failed) { return false; }
  size_t cap = o->cap ? o->cap : 512;
  while (cap - o->n < n) {
    if (cap > SIZE_MAX / 2) {
      o->failed = true;
      return false;
    }
    cap *= 2;
  }
  uint8_t *p = moon_mem_resize(o->p, cap, 1);
  if (!p) {
    o->failed = true;
    return false;
  }
  o->p = p;
  o->cap = cap;
  return true;
}

void moon_print_flush(struct moon_print *o) {
  if (!o->failed && o->n && o->flush && !o->flush(o->arg, o->p, o->n)) { o->failed = true; }
  if (o->flush) { o->n = 0; }
}

void moon_print_printf(struct moon_print *o, const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  char *p = n < 0 ? NULL : (char *)moon_print_room(o, (size_t)n + 1);
  if (p) {
    vsnprintf(p, (size_t)n + 1, fmt, again);
    o->n += (size_t)n;
  }
  va_end(again);
}
