#include "shard.h"

#include "../base/mem.h"

/* The finalizer of MurmurHash3: every bit of the input reaches every bit of the result. */
static uint64_t mix(uint64_t x) {
  x ^= x >> 33;
  x *= UINT64_C(0xff51afd7ed558ccd);
  x ^= x >> 33;
  x *= UINT64_C(0xc4ceb9fe1a85ec53);
  return x ^ x >> 33;
}

uint32_t moon_shard_slot(const char *name, uint32_t n_slots) {
  uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
  for (const char *p = name; *p; p++) { h = (h ^ (uint8_t)*p) * UINT64_C(0x100000001b3); }
  uint32_t best = 0;
  uint64_t most = 0;
  for (uint32_t slot = 0; slot < n_slots; slot++) {
    uint64_t weight = mix(h ^ mix(slot + 1));
    if (slot == 0 || weight > most) {
      most = weight;
      best = slot;
    }
  }
  return best;
}

enum moon_err moon_shard_pick(const struct moon_plan *plan, uint32_t slot, uint32_t n_slots, uint32_t **out, uint32_t *n) {
  uint32_t *list = moon_mem_array(plan->n_targets ? plan->n_targets : 1, sizeof *list);
  if (!list) { return MOON_E_NOMEM; }
  uint32_t found = 0;
  for (uint32_t i = 0; i < plan->n_targets; i++) {
    if (n_slots <= 1 || moon_shard_slot(plan->targets[i].name, n_slots) == slot) { list[found++] = i; }
  }
  *out = list;
  *n = found;
  return MOON_OK;
}
