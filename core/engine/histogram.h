/* histogram: how long things took, by the count, in memory the owner hands in. One writer (the engine thread), any number of
 * readers in other processes: plain aligned 64-bit stores, no locks, as counters.h.
 *
 * Log-linear: the values 0 to 7 have a bucket each, from then on each power of two has eight, so that a bucket is at most an
 * eighth wider than its lower end.
 *
 *   bucket   0  1 ...  7    8  9 ... 15   16      17      ...  23       24 ...
 *   from     0  1 ...  7    8  9 ... 15   16      18      ...  30       32, 36, 40, ...
 *
 * Microseconds; what is over 2^36 of them (19 hours) counts in the last bucket. Recording costs 2 ns (histogram_bench). */
#ifndef MOON_ENGINE_HISTOGRAM_H
#define MOON_ENGINE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "../base/err.h"

#define MOON_HISTOGRAM_BITS 36u
#define MOON_HISTOGRAM_BUCKETS (8u * (MOON_HISTOGRAM_BITS - 2u))

struct moon_histogram {
  uint64_t n;     /* written last: never more than the buckets hold */
  uint64_t sum;
  uint64_t max;
  uint64_t bucket[MOON_HISTOGRAM_BUCKETS];
};

static inline uint32_t moon_histogram_index(uint64_t v) {
  if (v < 8) { return (uint32_t)v; }
  if (v >> MOON_HISTOGRAM_BITS) { return MOON_HISTOGRAM_BUCKETS - 1; }
  uint32_t top = 63u - (uint32_t)__builtin_clzll(v);
  return 8u * (top - 2u) + (uint32_t)(v >> (top - 3u) & 7u);
}

static inline void moon_histogram_add(struct moon_histogram *h, uint64_t us) {
  h->bucket[moon_histogram_index(us)]++;
  h->sum += us;
  if (us > h->max) { h->max = us; }
  h->n++;
}

/* Time passed, where a clock may be a little behind what was noted. */
static inline void moon_histogram_since(struct moon_histogram *h, uint64_t from_us, uint64_t to_us) {
  moon_histogram_add(h, to_us > from_us ? to_us - from_us : 0);
}

/* Smallest value of a bucket. */
MOON_API uint64_t moon_histogram_from(uint32_t bucket);
/* *to += *from, which may be written meanwhile. */
MOON_API void moon_histogram_merge(struct moon_histogram *to, const struct moon_histogram *from);
/* What came since an earlier look: *now -= *before. max stays that of all time. */
MOON_API void moon_histogram_less(struct moon_histogram *now, const struct moon_histogram *before);
/* The value that a share of all, 0..1, does not exceed: the upper end of its bucket, never over max. 0: nothing was recorded. */
MOON_API uint64_t moon_histogram_quantile(const struct moon_histogram *h, double share);

/* X(field, help): of a worker. */
#define MOON_HISTOGRAMS(X)                                                                     \
  X(rtt, "from a try leaving to its answer")                                                   \
  X(queue, "from a request being made to its first try leaving")                               \
  X(run, "runs, from their start to their end")                                                \
  X(late, "from a run being due to its start")                                                 \
  X(latency, "from what a script waits for being there to the script going on")                \
  X(resume, "a script between two waits")                                                      \
  X(gc, "a collection of garbage, each of its steps")                                          \
  X(turn, "one turn of the loop")

struct moon_histograms {
#define MOON_HISTOGRAM_FIELD(field, help) struct moon_histogram field;
  MOON_HISTOGRAMS(MOON_HISTOGRAM_FIELD)
#undef MOON_HISTOGRAM_FIELD
};

#endif
