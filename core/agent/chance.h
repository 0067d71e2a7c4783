/* chance: numbers that look random and are functions of what they are made of. No state: the same seed gives the same. */
#ifndef MOON_AGENT_CHANCE_H
#define MOON_AGENT_CHANCE_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t moon_chance(uint64_t a, uint64_t b) {
  uint64_t x = a ^ (b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2)); /* splitmix64's finish over a mixture of both */
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static inline uint64_t moon_chance_octets(uint64_t seed, const uint8_t *p, size_t n) {
  uint64_t v = 0;
  for (size_t i = 0; i < n; i++) {
    v = v << 8 | p[i];
    if (i % 8 == 7) { seed = moon_chance(seed, v); }
  }
  return moon_chance(seed, v ^ (uint64_t)n << 56);
}

/* True for about this share of all numbers; 1 and more: for all. */
static inline int moon_chance_hits(uint64_t chance, double share) {
  return share >= 1 || (double)(chance >> 11) * 0x1p-53 < share;
}

#endif
