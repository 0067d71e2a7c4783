/* cache: hints for the processor. */
#ifndef MOON_BASE_CACHE_H
#define MOON_BASE_CACHE_H

#include <stddef.h>

#define MOON_CACHE_LINE 64u

/* These octets, one at least, are read soon. Whatever p is, nothing happens but that. */
static inline void moon_cache_fetch(const void *p, size_t n) {
  for (size_t at = 0; at < n - 1; at += MOON_CACHE_LINE) { __builtin_prefetch((const char *)p + at); }
  __builtin_prefetch((const char *)p + n - 1);
}

#endif
