#include "ids.h"

/* The block is 31 bits: a left half of 15 and a right half of 16. A round replaces one half by itself xor a hash of the
 * other, so it is its own inverse. */
static inline uint32_t hash(uint32_t half, uint64_t key) {
  uint64_t h = (half + key) * 0x9e3779b97f4a7c15u;
  return (uint32_t)(h >> 41);
}

static inline uint32_t forward(const struct moon_ids *ids, uint32_t x) {
  uint32_t left = x >> 16, right = x & 0xffff;
  for (int i = 0; i < MOON_ID_ROUNDS; i += 2) {
    right ^= hash(left, ids->key[i]) & 0xffff;
    left ^= hash(right, ids->key[i + 1]) & 0x7fff;
  }
  return left << 16 | right;
}

static inline uint32_t backward(const struct moon_ids *ids, uint32_t x) {
  uint32_t left = x >> 16, right = x & 0xffff;
  for (int i = MOON_ID_ROUNDS; i > 0; i -= 2) {
    left ^= hash(right, ids->key[i - 1]) & 0x7fff;
    right ^= hash(left, ids->key[i - 2]) & 0xffff;
  }
  return left << 16 | right;
}

void moon_ids_init(struct moon_ids *ids, uint64_t seed) {
  for (int i = 0; i < MOON_ID_ROUNDS; i++) { /* splitmix64 */
    uint64_t z = seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    ids->key[i] = z ^ (z >> 31);
  }
}

/* Cycle walking: the permutation of all 31-bit numbers, applied until it is back in the range, permutes the range. One
 * number in 128 is outside, so it nearly always takes one step. */
uint32_t moon_ids_from_counter(const struct moon_ids *ids, uint32_t counter) {
  uint32_t x = forward(ids, counter + MOON_ID_MIN);
  while (x < MOON_ID_MIN) { x = forward(ids, x); }
  return x;
}

bool moon_ids_to_counter(const struct moon_ids *ids, uint32_t id, uint32_t *counter) {
  if (id < MOON_ID_MIN || id > MOON_ID_MAX) { return false; }
  uint32_t x = backward(ids, id);
  while (x < MOON_ID_MIN) { x = backward(ids, x); }
  *counter = x - MOON_ID_MIN;
  return true;
}
