/* judge: which worker is stuck in a script, and what a lost one was doing. For the master, by the pulses in the shared mapping.
 *
 * Stuck is who spends MOON_JUDGE_STUCK_US of processor time in one resume, trusted or not: a script that never ends was stopped long
 * before (guard.h), so this is code in C no hook reaches, or a probe trusted too much. A judge who was away himself, stopped or out of
 * turn, judges nobody that time. */
#ifndef MOON_MAIN_JUDGE_H
#define MOON_MAIN_JUDGE_H

#include "quarantine.h"
#include "stats.h"

#define MOON_JUDGE_TICK_US UINT64_C(500000)
#define MOON_JUDGE_STUCK_US UINT64_C(3000000)

struct moon_judge {
  const struct moon_plan *plan;       /* borrowed */
  const struct moon_stats *stats;     /* borrowed */
  struct moon_quarantine *quarantine; /* borrowed */
  uint64_t tick_us;                   /* when to look next */
};

/* To be called when tick_us has come, or sooner. Tells by log who is stuck and calls `stuck` for it. */
void moon_judge_tick(struct moon_judge *j, uint64_t now_us, void (*stuck)(void *arg, uint32_t slot), void *arg);
/* The worker of this slot ended with this status of waitpid, other than it should; to be called while its pulse is there. stuck: it
 * was killed for that. */
void moon_judge_lost(struct moon_judge *j, uint32_t slot, int status, bool stuck, uint64_t now_us);

#endif
