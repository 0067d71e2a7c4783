/* ledger: what a rollout knows and must not lose: how far it is, what runs were like before, what they are like now, and the code it
 * came from. Memory that master and workers share, in a file of its own where there is a run directory: a worker that is lost is followed
 * by one that goes on with it, and so is a master.
 *
 *   RUN_DIR/rollout-KEY        | head | witnesses of worker 0, 1 ... | habits of worker 0, 1 ... |
 *   RUN_DIR/rollout-KEY.code   the versions in force, beside which candidates are tried
 *
 * KEY is of the configuration's or the probes' paths: who is started with the same ones finds them. One master at a time has them, others go
 * without a file. Removed at the end, unless something is going on; what a killed one left, by the next. What
 * another build left is not looked at.
 *
 * Whoever is killed between two stores leaves less than there was to say, never something else: candidates are named after all that is
 * said of them, and the code is whole before anything else is on trial. */
#ifndef MOON_MAIN_LEDGER_H
#define MOON_MAIN_LEDGER_H

#include "../bind/load/load.h"
#include "../bind/task/habits.h"
#include "../bind/task/share.h"
#include "../bind/task/witness.h"

enum moon_rollout_state {
  MOON_ROLLOUT_NONE,
  MOON_ROLLOUT_GOING,   /* a share of the devices has the candidates */
  MOON_ROLLOUT_DONE,    /* all have them */
  MOON_ROLLOUT_BACK     /* none has */
};

struct moon_ledger_version { uint64_t name; /* its hash */ uint64_t version; };

struct moon_ledger_head {
  uint64_t magic;
  uint64_t build;          /* sizes of what follows */
  uint64_t size;
  uint32_t n_workers, n_witnesses, n_habits;
  uint32_t state;          /* enum moon_rollout_state */
  uint32_t serial;         /* of the candidates */
  uint32_t percent;        /* of the devices that have them */
  uint32_t n;              /* candidates of now, or of the last rollout; 0 in state GOING: not all is said of them yet */
  uint32_t n_refused;
  char verdict[600];
  double since_s;          /* wall clock: this state, or this step */
  struct moon_ledger_version of[MOON_SHARES_MAX];
  struct moon_ledger_version refused[MOON_SHARES_MAX]; /* rolled back: not tried again by themselves */
};

struct moon_ledger {
  struct moon_ledger_head *head; /* the mapping; NULL: none */
  struct moon_witness *witnesses;
  struct moon_habit_place *habits;
  char *path;              /* NULL: without a file */
  int fd;
};

/* dir NULL: no file. What cannot be had is told and done without. The head says what a master before left: state NONE when nothing. */
void moon_ledger_init(struct moon_ledger *l, const char *dir, const struct moon_load_options *o, const struct moon_plan *plan);
/* Removes what masters left there that were killed while nothing was going on: nobody comes back for it. */
void moon_ledger_sweep(const char *dir);
/* In a child of the master. */
void moon_ledger_leave(struct moon_ledger *l);
/* keep: the next master is to find it. */
void moon_ledger_fini(struct moon_ledger *l, bool keep);
/* Of a worker: places and witnesses, one a probe; NULL: none. */
struct moon_habit_place *moon_ledger_habits(const struct moon_ledger *l, uint32_t slot, uint32_t *n);
struct moon_witness *moon_ledger_witnesses(const struct moon_ledger *l, uint32_t slot, uint32_t *n);
/* What all workers' witnesses of a probe say of this candidate. */
void moon_ledger_sum(const struct moon_ledger *l, uint32_t probe, uint32_t serial, uint32_t percent, struct moon_witness *out);

uint64_t moon_ledger_name(const char *name);
/* Is this version of a probe a candidate of the head? */
bool moon_ledger_has(const struct moon_ledger *l, const struct moon_plan_probe *p);
bool moon_ledger_refuses(const struct moon_ledger *l, const struct moon_plan_probe *p);
/* Is any version of it? */
bool moon_ledger_refuses_some(const struct moon_ledger *l, const char *name);
/* The candidates are those of `trial`; NULL: which ones is not said yet. */
void moon_ledger_note(struct moon_ledger *l, const struct moon_plan *trial);
/* This version of a probe is refused, and no other one of it; p->version 0: none is any more. */
void moon_ledger_refuse(struct moon_ledger *l, const char *name, uint64_t version);
/* The code in force: probes of a plan. NULL: nobody needs it. false: it cannot be kept, errno tells; what was there before stays. */
bool moon_ledger_keep_code(const struct moon_ledger *l, const struct moon_plan *force);
struct moon_plan *moon_ledger_code(const struct moon_ledger *l);

#endif
