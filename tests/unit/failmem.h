/* failmem: moon_mem with an allocation that fails on demand, and a count of what is alive.
 *
 *   failmem_install();
 *   for (unsigned n = 1;; n++) {
 *     size_t alive = failmem_alive();
 *     failmem_arm(n);                          the nth allocation from now fails
 *     thing = thing_new();
 *     if (!failmem_fired()) { break; }         fewer than n were made: every one of them has failed once
 *     assert_null(thing);
 *     assert_int_equal(failmem_alive(), alive);
 *   }
 *   failmem_disarm();
 *
 * Blocks come from malloc, so the sanitizers still see each of them. One thread. */
#ifndef MOON_TESTS_FAILMEM_H
#define MOON_TESTS_FAILMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "../../core/base/mem.h"

struct failmem {
  unsigned countdown; /* 0: never fails; 1: the next fails */
  bool fired;
  size_t alive;       /* blocks */
  size_t calls;       /* allocations tried, failed ones included */
};

__attribute__((unused)) static struct failmem failmem_state;

__attribute__((unused)) static void *failmem_realloc(void *ctx, void *p, size_t n) {
  struct failmem *f = ctx;
  void *q;
  f->calls++;
  if (f->countdown && --f->countdown == 0) {
    f->fired = true;
    return NULL;
  }
  q = realloc(p, n);
  if (q && !p) { f->alive++; }
  return q;
}

__attribute__((unused)) static void failmem_free(void *ctx, void *p) {
  ((struct failmem *)ctx)->alive--;
  free(p);
}

/* Before the first allocation of the test binary. */
__attribute__((unused)) static void failmem_install(void) {
  static const struct moon_mem_ops ops = {failmem_realloc, failmem_free, &failmem_state};
  moon_mem_set(&ops);
}

/* The nth allocation (or growth) from now fails, those after it succeed again. */
__attribute__((unused)) static void failmem_arm(unsigned n) {
  failmem_state.countdown = n;
  failmem_state.fired = false;
}
__attribute__((unused)) static void failmem_disarm(void) { failmem_arm(0); }
__attribute__((unused)) static bool failmem_fired(void) { return failmem_state.fired; }
__attribute__((unused)) static size_t failmem_alive(void) { return failmem_state.alive; }
__attribute__((unused)) static size_t failmem_calls(void) { return failmem_state.calls; }

#endif
