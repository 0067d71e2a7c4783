/* host: one Lua state on one engine: probes of a plan run against its targets. What a worker is, less the process.
 *
 * Runs are started when they are due and a slot is free (max_coroutines), each as a pooled coroutine; a request parks it, its
 * outcome resumes it. Cancelling drops a coroutine where it is parked. All Lua runs interpreted. Single-threaded. */
#ifndef MOON_BIND_TASK_HOST_H
#define MOON_BIND_TASK_HOST_H

#include "../../engine/engine.h"
#include "../load/plan.h"
#include "witness.h"
#include "habits.h"
#include "pulse.h"

struct moon_host; /* opaque */

/* X(field, help): a block beside struct moon_counters, same rules. */
#define MOON_RUN_COUNTERS(X)                                             \
  X(runs_started, "runs started")                                        \
  X(runs_ok, "runs that ended well")                                     \
  X(runs_failed, "runs that returned an error or raised one")            \
  X(runs_timeout, "runs cancelled because their time was over")          \
  X(runs_cancelled, "runs cut off by a stop")                            \
  X(runs_active, "runs under way now")                                   \
  X(runs_waiting, "runs due, waiting for a slot")                        \
  X(runs_skipped, "runs not started: the one before was still going")    \
  X(script_errors, "runs ended by a script error")                       \
  X(scripts_stopped, "scripts stopped: too long without a wait")         \
  X(runs_held, "runs not started: their probe is in quarantine there")   \
  X(samples, "samples handed to the outputs")                            \
  X(samples_nil, "samples skipped because their value was nil")          \
  X(resumes, "coroutines resumed")                                       \
  X(tasks_active, "coroutines parked or running now")                    \
  X(output_full, "times runs waited for a slow output")

struct moon_run_counters {
#define MOON_RUN_COUNTER_FIELD(field, help) uint64_t field;
  MOON_RUN_COUNTERS(MOON_RUN_COUNTER_FIELD)
#undef MOON_RUN_COUNTER_FIELD
};

enum moon_level { MOON_LOG_ERROR, MOON_LOG_WARN, MOON_LOG_INFO, MOON_LOG_DEBUG };

struct moon_host_config {
  struct moon_engine *engine;        /* borrowed; its ready hook must call moon_host_ready */
  const struct moon_plan *plan;      /* borrowed until free */
  const uint32_t *shard;             /* which targets of the plan are ours; borrowed during new; NULL: all */
  uint32_t n_shard;
  struct moon_run_counters *counters; /* borrowed; NULL: own */
  struct moon_pulse *pulse;          /* borrowed; NULL: own */
  /* plan->once: an octet for each [probe * plan->n_targets + target]. Set once all its runs are handed out; what is set at
   * the start is not run. So one that goes on after a host that died repeats nothing. Borrowed; NULL: nobody goes on. */
  uint8_t *handed;
  const uint64_t *shares; /* a word of each probe: which version is for which devices, see share.h; borrowed. NULL: the plan's for all */
  struct moon_plan **candidates; /* versions that are on trial when it begins, a probe each; taken, as by moon_host_prepare */
  uint32_t n_candidates;
  uint32_t candidates_serial;
  struct moon_habit_place *habits; /* where habits are kept, see habits.h; borrowed. NULL: no run is compared with others */
  uint32_t n_habits;
  struct moon_witness *witnesses; /* of the first so many probes, while a candidate is tried; borrowed. NULL: nobody wants to know */
  uint32_t n_witnesses;
  const uint8_t *kept;  /* what the host before this one saved, see moon_host_save; borrowed during new; NULL: nothing */
  size_t kept_len;
  /* Target t is a recording: somebody has to answer for its peer, see moon_peer_answer_with; an error was told. NULL: such
   * targets are refused. */
  enum moon_err (*answer)(void *arg, const struct moon_plan_target *t, struct moon_peer *p);
  double epoch_s;  /* the wall clock where the engine's clock is 0, and hashes without chance; 0: the system's */
  bool in_step;    /* what is due every so often is due so long after the start, not at a phase of its own */
  /* A run ended: its record. false: no room now; the host keeps it, starts nothing new and offers it again after
   * moon_host_output_ready(). Time parked on output counts against nobody. */
  bool (*sink)(void *arg, const uint8_t *record, uint32_t n);
  /* One line, or several for a traceback; lent. */
  void (*log)(void *arg, enum moon_level level, const char *text);
  /* Is this probe not to run against this target? Asked before each run; what is held counts as done. NULL: none. */
  bool (*holds)(void *arg, const struct moon_plan_probe *p, const struct moon_plan_target *t);
  /* A sample was skipped because its value was nil: "file:line: " where, its name; both lent. NULL: nobody wants to know. */
  void (*skipped)(void *arg, const char *place, const char *name);
  /* Of moon_host_prepare with this number: all are ready; or why not, a line, and none of them is there. From a turn. May be NULL. */
  void (*prepared)(void *arg, uint32_t serial, const char *error);
  /* plan->once: every run is over and handed out. Called once, from a turn. */
  void (*done)(void *arg);
  void *arg;
};

/* MOON_E_NOMEM, MOON_E_CONFIG (a probe that does not load; told through log). */
MOON_API enum moon_err moon_host_new(const struct moon_host_config *c, struct moon_host **out);
MOON_API void moon_host_free(struct moon_host *h);
/* To be called by the engine's ready hook: starts runs that are due, resumes what was woken. */
MOON_API void moon_host_ready(struct moon_host *h);
/* To be called by the engine's ahead hook: of requests of any host of the engine, and of others. */
MOON_API void moon_host_ahead(moon_done *done, void *arg, unsigned step);
MOON_API void moon_host_output_ready(struct moon_host *h);
/* Start nothing new; runs under way may finish until deadline_us, then they are cancelled; done is called.
 * Again: another deadline. */
MOON_API void moon_host_drain(struct moon_host *h, uint64_t deadline_us);
/* After it was drained: states, and what is due when, for the host that takes its place. *p is the caller's, by moon_mem_free.
 * MOON_E_NOMEM. */
MOON_API enum moon_err moon_host_save(struct moon_host *h, uint8_t **p, size_t *n);
/* From a signal handler in the host's own thread: ends the resume of this number, which that thread has spent processor time
 * in since since_ns of its CLOCK_THREAD_CPUTIME_ID, if it still goes on, took longer than the probe may, and the probe is not
 * trusted. */
MOON_API void moon_host_stop_resume(struct moon_host *h, uint64_t resume, uint64_t since_ns);
/* What is not as the plan says any more: targets that are new or others by their name, names of those that are gone, the credentials
 * they all have, limits and policy; its probes, if there are any, for the intervals of their jobs. All others go on untouched. A target
 * that went has its runs dropped; one that is somewhere else now begins anew but for its state; runs that had to do with devices of other
 * targets than their own are cancelled. What cannot be done is told through log. Borrowed during the call; not with plan->once; not from inside a turn. */
MOON_API void moon_host_change(struct moon_host *h, const struct moon_plan *change);
/* Candidates, for the probes of their names: compiled and checked a part a turn, then config.prepared is called. A name that is not
 * there, or that has other jobs, is only checked. What was still being prepared is given up. Takes plans, each with one probe, and the array. */
MOON_API void moon_host_prepare(struct moon_host *h, struct moon_plan **plans, uint32_t n, uint32_t serial);
/* The words of config.shares were written: what is over goes, some at once and the rest in the turns that follow; runs that start look
 * by themselves. Versions up to this number that are nothing then are dropped. */
MOON_API void moon_host_settle(struct moon_host *h, uint32_t serial);
/* Lines of an engine notice about a peer carry its target's name: give the engine this as notice, with the host as arg. */
MOON_API void moon_host_notice(void *host, void *peer_user, const char *text);

#endif
