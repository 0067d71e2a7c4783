/* worker: the process that polls: one engine thread with one loop, one engine, one host, for the targets of its shard.
 *
 * The thread has a stack of its own size: whatever Lua runs nests on it. The process's first one watches how long scripts take. Memory is
 * shared with the master, and what is written there is the worker's own part: its block of counters, its ring, its place on the desk. */
#ifndef MOON_MAIN_WORKER_H
#define MOON_MAIN_WORKER_H

#include <sys/types.h>

#include "board.h"
#include "desk.h"
#include "keep.h"
#include "ledger.h"
#include "quarantine.h"
#include "ring.h"
#include "stats.h"

enum moon_worker_exit {
  MOON_WORKER_DONE = 0,    /* --once is through, or drained */
  MOON_WORKER_FAILED = 1,  /* told on stderr */
  MOON_WORKER_CONFIG = 2,  /* a probe that does not load: told on stderr, starting again would not help */
  MOON_WORKER_REPLACED = 3 /* as it was ordered to; what it keeps is in handover_fd */
};

/* From the master, in one write. End of file: the master is gone, end at once. */
struct moon_worker_order {
  uint64_t op;             /* MOON_ORDER_... */
  uint64_t deadline_us;    /* monotonic; of PREPARE and SETTLE the number instead */
};
#define MOON_ORDER_DRAIN 'D'   /* finish, and end */
#define MOON_ORDER_REPLACE 'R' /* finish, keep, and end: another one goes on */
#define MOON_ORDER_CHANGE 'C'  /* a file comes with it: a packed plan for moon_host_change */
#define MOON_ORDER_PREPARE 'P' /* a file comes with it: versions of probes, see turnover.c; the answer goes to the board */
#define MOON_ORDER_SETTLE 'S'  /* words of the board were written */

struct moon_worker_config {
  const struct moon_plan *plan;
  struct moon_ring *ring;          /* NULL: nobody wants samples */
  struct moon_stats_block *block;
  const struct moon_quarantine *quarantine;
  uint8_t *handed;                 /* of moon_host_config; NULL: not --once */
  struct moon_keep *keep;          /* engines of SNMPv3; borrowed */
  uint32_t slot, n_slots;
  int control_fd;
  int handover_fd;                 /* file in memory for what is kept; -1: nothing is */
  struct moon_desk *desk;          /* what the master asks */
  const char *trace;               /* of moon_master_config */
  struct moon_board *board;        /* which versions are for whom */
  const struct moon_plan *trial;   /* candidates on trial; NULL: none */
  uint32_t trial_serial;
  const struct moon_ledger *ledger; /* what runs are like */
};

/* The body of the process; returns its exit status. */
int moon_worker_run(const struct moon_worker_config *c);

#endif
