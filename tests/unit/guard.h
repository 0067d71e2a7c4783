/* guard: input that ends where memory ends. A copy is placed so that the octet behind it lies on a page without access:
 * reading one too many faults at once, with or without a sanitizer.
 *
 *   struct guard g;
 *   guard_init(&g, 65536);
 *   const uint8_t *p = guard_put(&g, octets, n);   lent until the next guard_put
 *   guard_fini(&g); */
#ifndef MOON_TESTS_GUARD_H
#define MOON_TESTS_GUARD_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
  uint8_t *base;
  uint8_t *end;  /* first octet without access */
  size_t mapped;
};

/* Room for inputs of up to cap octets. Ends the test binary when the kernel gives no memory. */
__attribute__((unused)) static void guard_init(struct guard *g, size_t cap) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (cap + page) / page * page;
  void *p = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED || mprotect((uint8_t *)p + room, page, PROT_NONE)) { abort(); }
  g->base = p;
  g->end = g->base + room;
  g->mapped = room + page;
}

__attribute__((unused)) static uint8_t *guard_put(struct guard *g, const void *src, size_t n) {
  if ((size_t)(g->end - g->base) < n) { abort(); }
  if (n) { memcpy(g->end - n, src, n); }
  return g->end - n;
}

__attribute__((unused)) static void guard_fini(struct guard *g) { munmap(g->base, g->mapped); }

#endif
