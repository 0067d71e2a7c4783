#include "mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The one variable below the engine: set before anything else runs, then only read, so threads need no lock. */
static const struct moon_mem_ops *replaced;

void moon_mem_set(const struct moon_mem_ops *ops) { replaced = ops; }

static void *grow(void *p, size_t n) {
  if (n == 0) { n = 1; } /* realloc(p, 0) may free */
  return replaced ? replaced->realloc(replaced->ctx, p, n) : realloc(p, n);
}

void *moon_mem_alloc(size_t n) { return grow(NULL, n); }

void *moon_mem_zalloc(size_t n) {
  void *p;
  if (!replaced) { return calloc(1, n ? n : 1); } /* fresh pages come zeroed from the kernel */
  p = grow(NULL, n);
  if (p) { memset(p, 0, n); }
  return p;
}

void *moon_mem_array(size_t n, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(n, size, &total)) { return NULL; }
  return moon_mem_zalloc(total);
}

void *moon_mem_resize(void *p, size_t n, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(n, size, &total)) { return NULL; }
  return grow(p, total);
}

void moon_mem_free(void *p) {
  if (!p) { return; }
  if (replaced) {
    replaced->free(replaced->ctx, p);
  } else {
    free(p);
  }
}

void moon_mem_wipe(void *p, size_t n) {
  if (n == 0) { return; }
  memset(p, 0, n);
  __asm__ volatile("" : : "r"(p) : "memory"); /* the compiler must believe somebody looks */
}
