/* reload: the targets, credentials, intervals and limits of a running master, read again when a target file changed or somebody asks.
 *
 *   idle -- file changed, SIGHUP, moonpoll reload --> a child reads --> what it says differs: a change for the workers
 *
 * A child that evaluates, as at the start; the master only compares plain data. What cannot be read changes nothing and is said once. */
#ifndef MOON_MAIN_RELOAD_H
#define MOON_MAIN_RELOAD_H

#include "../bind/load/change.h"
#include "../bind/load/load.h"
#include "print.h"
#include "watch.h"

struct moon_reload {
  const struct moon_plan *start;   /* borrowed */
  struct moon_load_options options;
  struct moon_plan plan;           /* in force: the start's, with what changed since */
  struct moon_plan was;            /* before the change under way */
  struct moon_plan *block;         /* owns what changed; NULL: nothing did */
  struct moon_plan *old_block;
  struct moon_loading loading;
  struct moon_watch watch;
  uint64_t deadline_us;            /* of the child */
  uint64_t again_us;               /* when a file that was being written is read again; UINT64_MAX: none was */
  uint32_t generation;             /* 1 at the start, one more with each change */
  uint32_t asked, begun, done;     /* number of the last request, of the one being read, of the one that is over */
  bool able;                       /* false: --once, or what it was started with is not known any more */
  bool failed;
  char said[1024];                 /* outcome of the last one */
};

/* Both borrowed for its life; options NULL: nothing is ever read again. */
void moon_reload_init(struct moon_reload *r, const struct moon_load_options *o, const struct moon_plan *plan, uint64_t now_us);
void moon_reload_fini(struct moon_reload *r);
/* In a child of the master: its files are closed. */
void moon_reload_leave(struct moon_reload *r);
/* Returns the number of the request: over when r->done is no less. */
uint32_t moon_reload_ask(struct moon_reload *r);
/* Begins what is to be begun; returns when to come again. */
uint64_t moon_reload_tick(struct moon_reload *r, uint64_t now_us);
/* A child of the process ended. True: it was this one's and there is a change; r->plan is what holds now. moon_reload_taken follows. */
bool moon_reload_reaped(struct moon_reload *r, pid_t pid, int status, uint64_t now_us, struct moon_change *out);
void moon_reload_taken(struct moon_reload *r, struct moon_change *c);
/* "reloaded NUMBER": wait, ok ..., or error ... */
void moon_reload_answer(const struct moon_reload *r, uint32_t number, struct moon_print *answer);

#endif
