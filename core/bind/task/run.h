/* run: a duty being done, from the slot it got to the record it hands over. */
#ifndef MOON_BIND_TASK_RUN_H
#define MOON_BIND_TASK_RUN_H

#include "labels.h"
#include "limits.h"
#include "task.h"
#include "revision.h"

/* Which samples a run has written: fingerprints of name and labels. */
struct moon_seen { uint64_t *at; uint32_t n, cap; };

/* What samples are written on. A run has one from its first sample or label on, so that those that only wait need none. */
struct moon_sheet {
  struct moon_list node;        /* in host->free_sheets */
  struct moon_record record;
  struct moon_seen seen;
  uint64_t wall_us;             /* a moment and what it is on the wall clock: that of the samples */
  double wall_s;
  struct moon_labels sets;      /* made by out:with */
  size_t held;                  /* octets of record and seen that count as the probe's memory */
  uint32_t labels;              /* the one written last; 0: none */
};

#define MOON_RUN_NUMBER_MAX ((1u << 22) - 1)

struct moon_run {
  struct moon_host *host; /* what each request needs is in the first line of the cache */
  struct moon_duty *duty;
  struct moon_revision *version; /* it is of; held until it ends */
  uint64_t pair;                /* of the pulse: the device's */
  uint64_t received_us;         /* last datagram for it; 0: none yet */
  struct moon_limits left;
  uint32_t number;              /* all runs are counted, from 1 to MOON_RUN_NUMBER_MAX: what scripts keep of another one is refused */
  uint8_t err;                  /* enum moon_err; MOON_E_PUBLIC_N: script error */
  bool timed_out : 1, cut : 1, unmatched : 1;
  bool handled : 1;             /* on_error has begun */
  bool mute : 1;                /* it waited for so long for a first datagram that it holds no place, see sched.c */
  bool quiet : 1;               /* it was told that no more lines of it are logged */
  bool silence : 1;             /* a script was told that the agent did not answer */
  bool guest : 1;               /* it had to do with a device that is not its own: a script may keep them */
  bool suspect : 1;             /* its device is, or became so: see task.h */
  struct moon_list node;        /* in host->runs, ->full or ->free_runs */
  struct moon_list tasks;       /* the main one first */
  struct moon_list walks;       /* struct moon_rows */
  struct moon_timer timeout;    /* at_us 0: it may take as long as it likes */
  uint64_t started_us;
  double started_s;
  struct moon_sheet *sheet;     /* NULL: nothing written yet */
  uint32_t skipped_nil;
  uint32_t n_children;
  int why_ref;                  /* Lua ref: what it failed with, for on_error, which comes next; LUA_NOREF: nothing */
};
_Static_assert(sizeof(struct moon_run) <= 192, "there is one for each that waits: three lines");
_Static_assert(offsetof(struct moon_run, node) <= 64, "a line");

/* Of its version; gone with it. */
static inline const struct moon_plan_job *moon_run_job(const struct moon_run *r) { return &r->version->jobs[r->duty->index]; }

/* false: no memory. */
bool moon_run_start(struct moon_host *h, struct moon_duty *d, struct moon_revision *v);
/* Drops all of it that still goes on and hands the record over. */
void moon_run_end(struct moon_run *r);
/* From outside: a stop. */
void moon_run_cancel(struct moon_run *r);
/* Targets are about to go or to move: runs that had to do with devices of others are cancelled, which may be among them. */
void moon_run_cancel_guests(struct moon_host *h);
/* The same as cancel, and there is no record: its target is gone. */
void moon_run_drop(struct moon_run *r);
/* Offers a record again that was not taken. false: still no room. */
bool moon_run_offer(struct moon_run *r);
void moon_run_free_all(struct moon_host *h);
/* Gives the run its sheet. NULL: no memory. */
struct moon_sheet *moon_run_sheet(struct moon_run *r);
/* A datagram came for it. */
static inline void moon_run_heard(struct moon_run *r, uint64_t at_us) {
  r->host->n_deaf -= !r->received_us;
  r->host->n_mute -= r->mute;
  r->mute = false;
  r->received_us = at_us;
}
/* Since when does nothing come for it that has been asked for? UINT64_MAX: something came, be it only what precedes an answer. */
uint64_t moon_run_unheard_us(const struct moon_run *r);
uint32_t moon_run_max_children(const struct moon_run *r);

/* For task.c. The function and arguments of the main task go on its coroutine. [-0, +0, m] */
void moon_run_prepare(lua_State *L, struct moon_task *t);
/* Its main task is over. True: on_error of its probe is called now; the run is not over yet. */
bool moon_run_handle(struct moon_run *r);
/* The coroutine of t ended so; its results or the error value are on it. Protected. [-0, +0, m] */
void moon_run_task_ended(lua_State *L, struct moon_task *t, enum moon_task_end end);
/* Making values for a task of r failed. */
void moon_run_broken(struct moon_run *r, const char *text);

#endif
