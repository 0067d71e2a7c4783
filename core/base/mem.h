/* mem: the only door to the heap. Replaceable as a whole, so that a test can fail the Nth allocation.
 * All return NULL when there is nothing left; the caller returns MOON_E_NOMEM. */
#ifndef MOON_BASE_MEM_H
#define MOON_BASE_MEM_H

#include <stddef.h>

#include "err.h"

struct moon_mem_ops {
  void *(*realloc)(void *ctx, void *p, size_t n); /* p NULL: new; n is never 0 */
  void (*free)(void *ctx, void *p);               /* p is never NULL */
  void *ctx;
};

MOON_API void *moon_mem_alloc(size_t n);                         /* not zeroed */
MOON_API void *moon_mem_zalloc(size_t n);                        /* zeroed */
MOON_API void *moon_mem_array(size_t n, size_t size);            /* zeroed; NULL when n * size overflows */
MOON_API void *moon_mem_resize(void *p, size_t n, size_t size);  /* as realloc(p, n * size), overflow checked; on NULL p is untouched */
MOON_API void moon_mem_free(void *p);                            /* NULL is fine */
MOON_API void moon_mem_wipe(void *p, size_t n);                  /* not optimised away: for secrets */
/* Borrows ops for the life of the process; NULL goes back to the C library. Before any other call. */
MOON_API void moon_mem_set(const struct moon_mem_ops *ops);

#endif
