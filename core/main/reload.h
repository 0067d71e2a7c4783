/* reload: the configuration, target files and probe files of a running master, read again when a file changed or somebody asks.
 *
 *   idle -- file changed, SIGHUP, moonpoll reload --> a child reads --> what it says differs: a change
 *        --> its new code is prepared in the workers (turnover.h) --> all of it is in force
 *
 * A child that evaluates, as at the start; the master only compares plain data. What cannot be read, or prepared, changes nothing and is
 * said once. */
#ifndef MOON_MAIN_RELOAD_H
#define MOON_MAIN_RELOAD_H

#include "../bind/load/change.h"
#include "../bind/load/load.h"
#include "print.h"
#include "watch.h"

#define MOON_RELOAD_NAME 65u
#define MOON_RELOAD_PAST 8u

/* How one ended. */
struct moon_reload_end {
  uint32_t done;                   /* up to this request; 0: none */
  bool failed;
  char said[1024];
};

struct moon_reload {
  const struct moon_plan *start;   /* borrowed */
  struct moon_load_options options;
  struct moon_plan plan;           /* in force: the start's, with what changed since */
  struct moon_plan was;            /* before the change that was taken last */
  struct moon_plan *old_block;
  struct moon_plan *block;         /* owns what changed; NULL: nothing did */
  struct moon_plan *fresh;         /* what was read, until it is in force */
  struct moon_change change;       /* that fresh is */
  struct moon_loading loading;
  struct moon_watch watch;
  const char **watched;            /* paths */
  uint64_t deadline_us;            /* of the child */
  uint64_t again_us;               /* when a file that was being written is read again; UINT64_MAX: none was */
  uint32_t generation;             /* 1 at the start, one more with each change */
  uint32_t asked, begun, done;     /* number of the last request, of the one being read, of the one that is over */
  bool able;                       /* false: --once, or what it was started with is not known any more */
  bool failed;                     /* the last one */
  bool told_blind;                 /* that the kernel watches no more */
  bool now, now_begun;             /* no steps: for the next one, for the one being read */
  char only[MOON_RELOAD_NAME];     /* the probe that is asked for; "": everything */
  char only_begun[MOON_RELOAD_NAME];
  char code[512];                  /* of fresh: "; new version of ..." */
  char fixed[64];                  /* what in it takes a restart, as a list */
  char said[1024];                 /* outcome of the last one */
  struct moon_reload_end past[MOON_RELOAD_PAST]; /* those before it, of late: who asked for one comes to hear of it when another may be over */
  uint32_t n_past;                 /* the next is put at n_past % MOON_RELOAD_PAST */
};

/* Both borrowed for its life; options NULL: nothing is ever read again. */
void moon_reload_init(struct moon_reload *r, const struct moon_load_options *o, const struct moon_plan *plan, uint64_t now_us);
void moon_reload_fini(struct moon_reload *r);
/* In a child of the master: its files are closed. */
void moon_reload_leave(struct moon_reload *r);
/* Of one probe, or of all with NULL; now: without steps. Returns the number of the request: over when r->done is no less. */
uint32_t moon_reload_ask(struct moon_reload *r, const char *probe, bool now);
/* Begins what is to be begun; returns when to come again. */
uint64_t moon_reload_tick(struct moon_reload *r, uint64_t now_us);
/* A child of the process ended. True: it was this one's, and r->fresh is what it read and r->change what is other in it;
 * moon_reload_take or moon_reload_refuse follows. */
bool moon_reload_reaped(struct moon_reload *r, pid_t pid, int status, uint64_t now_us);
/* base, which is taken, comes in the place of r->fresh, and r->change is what is other in that. MOON_E_NOMEM. */
enum moon_err moon_reload_rebase(struct moon_reload *r, struct moon_plan *base);
/* r->fresh is in force now; r->change stays until moon_reload_taken. note: said beside what changed. */
void moon_reload_take(struct moon_reload *r, uint64_t now_us, const char *note);
void moon_reload_taken(struct moon_reload *r);
/* All stays as it was. */
void moon_reload_refuse(struct moon_reload *r, const char *why);
/* Another plan is in force, which owns itself: taken. */
void moon_reload_put(struct moon_reload *r, struct moon_plan *plan);
/* Is there a probe of this name? If not, why is "no probe named ...", and which there are. */
bool moon_reload_knows(const struct moon_reload *r, const char *probe, char *why, size_t cap);
/* A JSON object: how the last one ended; ok null: there was none. */
void moon_reload_json(const struct moon_reload *r, struct moon_print *out);
/* "reloaded NUMBER [PROBE]": wait, ok ..., or error ...; which it is, too, when that probe is not there. */
void moon_reload_answer(const struct moon_reload *r, uint32_t number, const char *probe, struct moon_print *answer);

#endif
