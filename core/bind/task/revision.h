/* revision: the code of a probe as a host has it. One is current; a candidate may be beside it, for a share of the devices (share.h).
 * Which one a run is of is chosen when it starts; it ends with the last run that is of it.
 *
 *   moon_host_prepare     candidates are compiled, a millisecond a turn, and their migrate is tried on a copy of every state
 *   the probe's word      a share of the devices has it; or all, for good; or it is dropped
 *   moon_revision_of       at the start of each run
 *
 * A device goes over at its first run of another version: see shift.h. */
#ifndef MOON_BIND_TASK_REVISION_H
#define MOON_BIND_TASK_REVISION_H

#include "inside.h"
#include "share.h"

#define MOON_REVISION_TEXT 17 /* 16 hexadecimal digits */
#define MOON_REVISION_TITLE 76 /* names have 64 characters */

struct moon_revision {
  struct moon_revision *next;    /* of the probe's */
  struct moon_host_probe *probe;
  const struct moon_plan_probe *plan; /* said */
  struct moon_plan_probe said;  /* what it was loaded with; limits and intervals are those of now */
  struct moon_plan *own;        /* that lies in; NULL: in the host's plan */
  struct moon_plan_job *jobs;   /* of said */
  int *run;                     /* Lua refs of the run functions, one a job */
  int match;                    /* Lua ref of match: a function, a list or a text; LUA_NOREF: all targets */
  int migrate;                  /* Lua ref; LUA_NOREF: states are taken as they are */
  int on_error;                 /* Lua ref; LUA_NOREF: nothing comes behind a run that failed */
  uint32_t serial;              /* the master's number for it; 0: the one of the start */
  uint32_t uses;                /* runs of it under way */
  bool kept;                    /* current, candidate, or may become it */
  char text[MOON_REVISION_TEXT];
  char title[MOON_REVISION_TITLE]; /* name@01234567: what begins a line of the log */
};

/* The current version of a probe of the plan, not loaded yet. MOON_E_NOMEM. */
enum moon_err moon_revision_first(struct moon_host *h, struct moon_host_probe *p, const struct moon_plan_probe *plan);
/* Once the Lua state is closed: all of the probe's. */
void moon_revision_free_all(struct moon_host_probe *p);
/* The word is another than the one seen last. */
void moon_revision_look(struct moon_host_probe *p, uint64_t word);
/* The one a run that starts now is of. */
static inline struct moon_revision *moon_revision_of(struct moon_host_probe *p, const struct moon_device *d) {
  uint64_t word = __atomic_load_n(p->word, __ATOMIC_ACQUIRE);
  if (word != p->seen) { moon_revision_look(p, word); }
  return p->candidate && moon_share_has(d->pair, p->percent) ? p->candidate : p->current;
}
/* A run of it ended: it may be gone now. */
void moon_revision_leave(struct moon_revision *v);
/* The one of this serial; NULL: there is none any more. */
struct moon_revision *moon_revision_find(const struct moon_host_probe *p, uint32_t serial);
/* Limits and intervals are others from now on, for runs under way too but for their timeout; the code is the same. True: intervals are. */
bool moon_revision_limits(struct moon_revision *v, const struct moon_plan_probe *now);
/* What a duty does as its device is to do it now. */
static inline const struct moon_plan_job *moon_revision_job(const struct moon_duty *d) {
  return &moon_revision_of(d->device->probe, d->device)->jobs[d->index];
}
/* The name of its job, which is the same in all of them. */
static inline const char *moon_revision_name(const struct moon_duty *d) { return d->device->probe->current->jobs[d->index].name; }
/* A part of what waits to be prepared; kicks the engine when there is more. Between turns of scripts. */
void moon_revision_work(struct moon_host *h);
/* Some of the probes of moon_host_settle: likewise. */
void moon_revision_settle_some(struct moon_host *h);
/* Some of the devices of trials that are over: likewise. */
void moon_revision_end_some(struct moon_host *h);
/* config.candidates, at once; what does not load is told and left out. */
void moon_revision_begin(struct moon_host *h);
void moon_revision_stop_work(struct moon_host *h);

#endif
