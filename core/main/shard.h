/* shard: which worker polls which target. Rendezvous hashing of the configured name: another number of workers moves as
 * few targets as can be, and a replaced worker takes over exactly what its predecessor had. */
#ifndef MOON_MAIN_SHARD_H
#define MOON_MAIN_SHARD_H

#include "../bind/load/plan.h"

/* 0..n_slots-1. */
uint32_t moon_shard_slot(const char *name, uint32_t n_slots);
/* The targets of one slot: an array of indexes the caller frees with moon_mem_free. MOON_E_NOMEM. */
enum moon_err moon_shard_pick(const struct moon_plan *plan, uint32_t slot, uint32_t n_slots, uint32_t **out, uint32_t *n);

#endif
