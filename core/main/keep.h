/* keep: what is known of the engines of SNMPv3 agents, between the workers and the file (engines.h).
 *
 *   worker: learn --> its part of memory all processes share --> master: the file, when there is news
 *   worker: recall <-- that part, which outlives a worker    <-- what the file said at the start
 *
 * Agents are known by their address, whoever asks them. Only the master touches the file. Other masters may have the same one: what
 * they wrote stays. */
#ifndef MOON_MAIN_KEEP_H
#define MOON_MAIN_KEEP_H

#include "engines.h"

struct moon_keep_part; /* of one worker, in the mapping */

struct moon_keep {
  struct moon_keep_part *parts; /* NULL: nothing is kept, all calls do nothing */
  struct moon_engines known;    /* what the file said; only read after the start */
  char *path;
  uint32_t n_parts;
  int64_t epoch_s;              /* the wall clock when this machine was started, as it was set at the beginning */
  /* of the master */
  uint64_t saved;               /* news that is in the file */
  uint64_t next_us;             /* monotonic: when to look for news */
  bool told;                    /* that the file cannot be written */
  /* of a worker */
  struct moon_keep_part *own;
  uint32_t *index;              /* hash of an address: 1 + its place in own; 0: free */
  uint32_t n_index;             /* a power of two, or 0 */
};

/* Reads the file; what is wrong with it is told and stops nobody. path NULL: nothing is kept. now_us: monotonic. */
void moon_keep_init(struct moon_keep *k, uint32_t n_workers, const char *path, uint64_t now_us);
void moon_keep_fini(struct moon_keep *k);

/* A worker begins: its part is that of its slot, with what a predecessor learned. */
void moon_keep_join(struct moon_keep *k, uint32_t slot);
/* What is known of the agent at this address, as of now. */
bool moon_keep_recall(const struct moon_keep *k, const struct moon_addr *addr, struct moon_trust_record *out);
/* Beyond MOON_ENGINES_MAX agents of a worker no others are taken. */
void moon_keep_learn(struct moon_keep *k, const struct moon_trust_record *r);

/* Of the master: when save is due; UINT64_MAX: never. */
uint64_t moon_keep_next(const struct moon_keep *k);
/* Writes the file if there is news, and it is due or the end. What cannot be written is told once. */
void moon_keep_save(struct moon_keep *k, uint64_t now_us, bool end);

#endif
