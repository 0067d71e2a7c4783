/* inside: a host as its parts see it.
 *
 *   probe x target = device    what a script holds: its Lua table, its state, its previous counters
 *   job x target   = duty      what is done every so often
 *   run            = a duty being done: tasks (the main one and its children), walks, a record
 *   task           = a coroutine and the one thing it waits for */
#ifndef MOON_BIND_TASK_INSIDE_H
#define MOON_BIND_TASK_INSIDE_H

#include <lauxlib.h>
#include <lua.h>

#include "../value/shape.h"
#include "calm.h"
#include "garbage.h"
#include "guard.h"
#include "habits.h"
#include "heap.h"
#include "host.h"
#include "ramp.h"
#include "rates.h"
#include "shelf.h"

struct moon_context;
struct moon_host_target;
struct moon_revision;
struct moon_run;
struct moon_task;

#define MOON_ENDED_MAX 4

/* A trial that is over. */
struct moon_ended {
  uint32_t serial; /* of its candidate */
  bool back;       /* devices go back */
};

struct moon_host_probe {
  struct moon_host *host;
  const struct moon_plan_probe *plan; /* the current version's */
  struct moon_revision *versions; /* all that are there */
  struct moon_revision *current;
  struct moon_revision *candidate; /* for a share of the devices; NULL: there is none */
  const uint64_t *word;        /* which of them is for whom: see share.h */
  uint64_t seen;               /* the word when last looked at */
  uint8_t percent;             /* of it */
  bool tried;                  /* some device may have gone over to the candidate */
  uint8_t n_ended;
  struct moon_ended ended[MOON_ENDED_MAX]; /* trials whose devices were not all looked at for that since */
  uint32_t ending;             /* place of the target that is looked at for them next; UINT32_MAX: none */
  uint32_t asked;              /* how often its devices are to be asked anew whose they are */
  uint32_t rearm;              /* place of the target whose duties are due at other times next; UINT32_MAX: none */
  uint32_t *order;             /* of jobs: by falling interval, so that what is chosen once a day is known before what polls it */
  struct moon_heap_account *memory; /* of Lua: what its runs and its file made */
  struct moon_rates_share rates; /* of previous counters: its devices' */
  uint32_t first_duty;         /* of a target's duties */
  uint32_t n_contexts;
  struct moon_context *contexts; /* see query.h */
};

enum moon_match { MOON_MATCH_UNKNOWN, MOON_MATCH_YES, MOON_MATCH_NO };

struct moon_device {
  struct moon_host_target *target;
  struct moon_host_probe *probe;
  struct moon_rates *rates;    /* previous counters; NULL: none */
  int ref;                     /* where its Lua table stands on the shelf; LUA_NOREF: not made yet */
  uint32_t serial;             /* of the version that is for */
  int base_ref;                /* while a candidate is on trial: the one of the version before, for the way back; LUA_NOREF: none */
  uint32_t base_serial;
  uint32_t match_epoch;        /* moon_device_epoch when match was asked */
  uint32_t edition;            /* of the target, when its Lua table was filled in */
  uint8_t match;               /* enum moon_match */
  bool suspect;                /* a script was stopped at it, and no run of it was well since: see task.h */
  uint64_t pair;               /* of the pulse */
};

struct moon_duty {
  struct moon_timer timer;     /* next time it is due */
  struct moon_list node;       /* in the queue of those that are due */
  struct moon_device *device;
  struct moon_duty *then;      /* sibling whose first run waits for this one's */
  struct moon_run *run;        /* under way; NULL: none */
  uint64_t due_us;
  uint64_t every_us;           /* the interval that is reckoned with; 0: not any more */
  uint64_t queued_us;          /* when it was put in the queue */
  uint64_t ended_us;           /* the last run; 0: none yet */
  uint32_t took_us;            /* that run */
  uint32_t index;              /* of its job */
  uint32_t ok, failed;         /* runs */
  char *why;                   /* of the last run that failed, own; NULL: none did, or one was well since */
  struct moon_habit *habit;    /* what its runs are like; NULL: that is not kept */
  uint32_t told;               /* the beginning of the key of the mistake that was told of it last, see calm.h */
  uint8_t last_err;            /* how the last run ended: what is said once */
  bool ran;
};

struct moon_host_target {
  const struct moon_plan_target *plan;
  struct moon_host_target *same; /* next in its bucket by name */
  struct moon_duty *duties;    /* those of each probe in turn, see moon_host_probe.first_duty */
  uint32_t index;              /* in host->targets */
  uint32_t edition;            /* how often what scripts see of it changed */
  struct moon_peer *peer;      /* from here on what each request needs, with the beginning of devices */
  uint64_t uptime_at_us;       /* when uptime was received; 0: never seen */
  uint32_t uptime;             /* sysUpTime as last seen, hundredths */
  uint32_t boots;              /* how often sysUpTime went back */
  uint32_t generation;         /* of its place: what scripts keep of a target that went is refused */
  uint16_t credential;         /* which of plan->credentials is in use */
  bool owns_plan;              /* it came while running, see roster.h; else the host's plan has it */
  struct moon_device devices[]; /* one a probe; duties follow */
};
_Static_assert(sizeof(struct moon_host_target) + sizeof(struct moon_device) + sizeof(struct moon_duty) <= 280, "there is one for each device");

/* Versions that wait to be prepared: see revision.c. */
struct moon_prepare {
  struct moon_plan **plans;     /* one probe each; taken. NULL: none wait */
  uint32_t n, at;
  uint32_t serial;
  uint32_t place;               /* of the target whose state is tried next */
  struct moon_revision *trying;  /* whose migrate is tried; NULL: none */
  struct moon_host_probe *of;    /* whose states */
  struct moon_host_probe aside;  /* of versions that are only looked at */
};

struct moon_host {
  struct moon_host_config config;
  struct moon_engine *engine;
  struct moon_plan settings;   /* config.plan, with the limits of now */
  const struct moon_plan *plan; /* settings */
  struct moon_run_counters *counters;
  struct moon_run_counters own_counters;
  struct moon_histograms *histograms; /* the engine's */
  uint32_t sample_in, sample_random; /* see task.c */
  struct moon_pulse *pulse;
  struct moon_pulse own_pulse;
  struct moon_guard guard;
  struct moon_heap heap;
  struct moon_garbage garbage;
  lua_State *L;
  struct moon_values *values;

  struct moon_list due;        /* duties waiting for a slot, first come first served */
  struct moon_list due_suspects; /* the same, of devices that are suspect */
  struct moon_list woken;      /* tasks to resume in this turn */
  struct moon_list suspects;   /* the same, of runs that are suspect */
  struct moon_list runs;       /* under way */
  struct moon_list full;       /* runs over, their record not taken yet */
  struct moon_list free_tasks; /* with a coroutine, that of the last use first */
  struct moon_list bare_tasks; /* without */
  struct moon_list free_runs, free_sheets;
  struct moon_run_block *run_blocks; /* see run.c */
  uint32_t n_free_tasks, n_free_sheets;
  uint32_t idle_tasks;         /* of free_tasks: nobody took them since the last collection of garbage began */
  uint32_t n_grouped;          /* of woken: by moon_task_wake_grouped */
  uint32_t run_number;         /* of the run that began last */

  struct moon_task *current;   /* the one that runs now, or is about to */
  struct moon_task **tasks;    /* by slot */
  uint32_t n_tasks, cap_tasks;
  int pump_ref;                /* protected function that resumes current, see task.c */
  int entered;                 /* what lua_resume said of it; INT_MIN: it was not resumed yet */
  int ended;                   /* what became of it: enum moon_task_end */
  int matched_ref;             /* asks match, then runs */
  int print_ref;               /* what scripts have as print */
  int iterator_ref;            /* makes what rows and walk return */
  int state_ref;               /* looks through a state table */
  int device_meta, out_meta, rows_meta;
  struct moon_shelf shelf;     /* Lua tables of devices */

  uint64_t refusal;            /* hash of what was last told not to be allowed, see limits.h; 0: nothing was */
  uint64_t seed;               /* of hashes of what devices and scripts choose */
  double clock_offset_s;       /* wall clock - monotonic */
  struct moon_rates_pool rates_pool; /* what all previous counters may take */

  struct moon_host_target **targets; /* cap_targets places, NULL where none is */
  struct moon_host_target **by_name; /* buckets, as many as places; NULL until one is looked for */
  struct moon_credential **wallet; /* credentials that came while running, NULL where free; see roster.h */
  uint32_t *wallet_uses;       /* how many targets name each */
  struct moon_host_probe *probes;
  uint64_t own_share;          /* 0: where config.shares has none */
  struct moon_prepare prepare;
  struct moon_habits habits;
  struct moon_habit_limits limits; /* of plan->steps */
  uint32_t n_targets, cap_targets, n_wallet, n_probes;
  uint32_t n_duties;           /* of one target */
  uint32_t hint;               /* below it no place of targets is free */
  uint32_t generations;        /* places given away again */
  uint32_t first_left;         /* duties whose first run is not over: plan->once ends with the last */
  struct moon_calm calm;       /* lines about devices that fell silent, and mistakes of scripts */
  struct moon_timer calm_timer;
  struct moon_timer drain;
  struct moon_timer ramp_timer;
  struct moon_timer held;      /* see moon_host_is_held */
  uint32_t n_deaf, n_mute;     /* runs under way that no datagram came for yet; of those, the mute */
  struct moon_list *young;     /* of runs, the first that did not begin long ago; all before it were looked at for that */
  struct moon_ramp ramp;       /* runs at once for now, while more are due */
  uint32_t started;            /* runs, in this turn */
  uint32_t settled;            /* probes, of what config.shares say now; n_probes: all of them */
  uint32_t settle_serial;      /* versions up to this one that are nothing then go */
  bool draining, blocked, done_said;
  bool rearming;               /* some probe has duties to be armed anew */
  bool ending;                 /* some probe has a trial that is being ended */
  bool tired;                  /* this turn took its time: no more runs begin in it */
  bool stopped;                /* a script was, since this turn's scripts began: the sockets are looked at before more is run */
  bool stepped;                /* garbage was collected since somebody looked at the clock: that may have taken long */
};

/* What was asked at another one is not known any more: the device restarted, or its group has other versions. */
static inline uint32_t moon_device_epoch(const struct moon_device *d) { return d->target->boots + d->probe->asked; }
static inline struct moon_host *moon_host_of(lua_State *L) { return lua_touserdata(L, lua_upvalueindex(1)); }
/* A script was stopped, and who became due while it was at work had no turn since: a timer of that moment has not run yet. */
static inline bool moon_host_is_held(const struct moon_host *h) { return !moon_list_empty(&h->held.node); }
static inline double moon_host_wall_s(const struct moon_host *h, uint64_t mono_us) { return (double)mono_us / 1e6 + h->clock_offset_s; }
/* Formats at most 2,000 octets. */
void moon_host_log(struct moon_host *h, enum moon_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
