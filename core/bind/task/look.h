/* look: what a host is doing, as plain data for who shows it: one target and its jobs, all parked tasks. Reads and changes
 * nothing; what is lent is valid until the next turn. */
#ifndef MOON_BIND_TASK_LOOK_H
#define MOON_BIND_TASK_LOOK_H

#include "../../engine/cause.h"
#include "host.h"

struct moon_look {
  const struct moon_plan_target *plan;
  const struct moon_credential *credential; /* in use */
  struct moon_evidence evidence;
  struct moon_diagnosis diagnosis;
  struct moon_peer *peer;
  uint32_t waiting, in_flight;  /* requests */
  uint32_t uptime;              /* hundredths, when last seen */
  uint64_t uptime_at_us;        /* 0: never seen */
  uint32_t late;                /* jobs that wait for a place to run in */
  uint32_t took_us;             /* the longest of the last runs */
  uint32_t failed, ok;          /* runs */
  const char *why;              /* of the job that failed last; NULL: none fails now */
};

struct moon_look_job {
  const char *probe, *job;      /* job "": the probe has but one */
  double every_s;
  uint64_t due_us;              /* 0: not again */
  uint64_t started_us;          /* under way since; 0: not */
  uint64_t queued_us;           /* waits for a place since; 0: not */
  uint64_t ended_us;            /* the last run; 0: none yet */
  uint32_t took_us, ok, failed;
  uint32_t tasks;               /* of the run under way */
  const char *why;              /* it failed the last time; NULL */
  const char *idle;             /* why it is not for this device, one clause; NULL: it is, for all that is known */
  uint8_t last_err;
};

struct moon_look_task {
  const char *target, *probe, *job;
  const char *what;             /* what it waits for; "starts": it did not begin yet, "ready": it is there */
  const struct moon_request *request; /* that it waits for; NULL: none */
  char place[96];               /* file:line of the script */
  uint64_t parked_us;
  uint64_t until_us;            /* a sleep; else 0 */
  uint64_t deadline_us;         /* of the run; 0: none */
  bool child;
};

/* Places of targets; some may be empty. */
MOON_API uint32_t moon_host_places(const struct moon_host *h);
/* The next place from `from` on whose target has this name, or is configured or asked at this address; text NULL: any.
 * UINT32_MAX: none. */
MOON_API uint32_t moon_host_find(const struct moon_host *h, const char *text, uint32_t from);
/* NULL: nobody is there. */
MOON_API const struct moon_target *moon_host_target_at(const struct moon_host *h, uint32_t place);
/* alive: of the evidence. false: nobody is there. */
MOON_API bool moon_host_look(const struct moon_host *h, uint32_t place, bool alive, struct moon_look *out);
/* Job number i of it; false: it has no more. */
MOON_API bool moon_host_look_job(const struct moon_host *h, uint32_t place, uint32_t i, struct moon_look_job *out);
/* Every task that is parked, runs in the order they started; until fn returns false. */
MOON_API void moon_host_look_tasks(const struct moon_host *h, bool (*fn)(void *arg, const struct moon_look_task *t), void *arg);

#endif
