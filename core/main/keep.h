/* keep: what is known of the engines of SNMPv3 agents, between the workers and the file (engines.h).
 *
 *   worker: learn --> a place for each target in memory all processes share --> master: the file, when there is news
 *   worker: recall <-- that place, which outlives a worker                  <-- what the file said at the start
 *
 * Only the master touches the file. Other masters may have the same one: what they wrote stays. */
#ifndef MOON_MAIN_KEEP_H
#define MOON_MAIN_KEEP_H

#include "../bind/load/plan.h"
#include "engines.h"

struct moon_keep_shared; /* the mapping */

struct moon_keep {
  struct moon_keep_shared *shared; /* NULL: nothing is kept, all calls do nothing */
  struct moon_engines known;       /* what the file said; only read after the start */
  char *path;
  uint32_t n_targets;
  uint64_t saved;                  /* news that is in the file */
  uint64_t next_us;                /* monotonic: when to look for news */
  bool told;                       /* that the file cannot be written */
};

/* Reads the file; what is wrong with it is told and stops nobody. Nothing is kept when path is NULL or no target of the plan may be
 * asked in SNMPv3. now_us: monotonic, as in all that follow. */
void moon_keep_init(struct moon_keep *k, const struct moon_plan *plan, const char *path, uint64_t now_us);
void moon_keep_fini(struct moon_keep *k);

/* Of a worker: what is known of this target of the plan at this address, as of now. */
bool moon_keep_recall(const struct moon_keep *k, uint32_t target, const struct moon_addr *addr, struct moon_trust_record *out);
void moon_keep_learn(struct moon_keep *k, uint32_t target, const struct moon_trust_record *r);

/* Of the master: when save is due; UINT64_MAX: never. */
uint64_t moon_keep_next(const struct moon_keep *k);
/* Writes the file if there is news, and it is due or the end. What cannot be written is told once. */
void moon_keep_save(struct moon_keep *k, uint64_t now_us, bool end);

#endif
