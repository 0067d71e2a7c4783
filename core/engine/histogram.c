#include "histogram.h"

uint64_t moon_histogram_from(uint32_t bucket) {
  if (bucket < 16) { return bucket; }
  return (uint64_t)(8u + bucket % 8u) << (bucket / 8u - 1u);
}

void moon_histogram_merge(struct moon_histogram *to, const struct moon_histogram *from) {
  to->n += __atomic_load_n(&from->n, __ATOMIC_ACQUIRE);
  to->sum += from->sum;
  if (from->max > to->max) { to->max = from->max; }
  for (uint32_t i = 0; i < MOON_HISTOGRAM_BUCKETS; i++) { to->bucket[i] += from->bucket[i]; }
}

void moon_histogram_less(struct moon_histogram *now, const struct moon_histogram *before) {
  now->n -= before->n;
  now->sum -= before->sum;
  for (uint32_t i = 0; i < MOON_HISTOGRAM_BUCKETS; i++) { now->bucket[i] -= before->bucket[i]; }
}

uint64_t moon_histogram_quantile(const struct moon_histogram *h, double share) {
  uint64_t all = 0, seen = 0;
  for (uint32_t i = 0; i < MOON_HISTOGRAM_BUCKETS; i++) { all += h->bucket[i]; }
  if (!all) { return 0; }
  double want = share * (double)all;
  for (uint32_t i = 0; i + 1 < MOON_HISTOGRAM_BUCKETS; i++) {
    seen += h->bucket[i];
    if (seen && (double)seen >= want) {
      uint64_t end = moon_histogram_from(i + 1) - 1;
      return end < h->max ? end : h->max;
    }
  }
  return h->max;
}
