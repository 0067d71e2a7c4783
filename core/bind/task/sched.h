/* sched: when runs start. Each duty is due every so often at a phase of its own, hash(probe, target) x every on the wall clock, so that
 * load is spread and every restart polls at the same moments; its first run starts at once, as fast as slots allow. */
#ifndef MOON_BIND_TASK_SCHED_H
#define MOON_BIND_TASK_SCHED_H

#include "inside.h"

/* Makes what moon_sched_close can end. */
void moon_sched_init(struct moon_host *h);
/* Duties of all devices; those that can run are queued. */
void moon_sched_open(struct moon_host *h);
/* Those of one target for one probe, none of which is under way. */
void moon_sched_begin(struct moon_host *h, struct moon_host_target *t, struct moon_host_probe *p);
/* Those of a target that goes: what runs is dropped and leaves no record. Not from inside Lua. */
void moon_sched_end(struct moon_host *h, struct moon_host_target *t);
/* The intervals of the probe are others than before, for some or all: in the turns that follow its duties are due as they say. */
void moon_sched_rearm(struct moon_host_probe *p);
/* Goes on with it. */
void moon_sched_rearm_some(struct moon_host *h);
void moon_sched_close(struct moon_host *h);
/* Places of duties, of all targets; NULL where none is. */
uint32_t moon_sched_n(const struct moon_host *h);
struct moon_duty *moon_sched_duty(struct moon_host *h, uint32_t i);
/* It ran before, in another process, and was due then: not at once, unless that has passed. due_us 0: never. */
void moon_sched_resume(struct moon_host *h, struct moon_duty *d, uint64_t due_us);
/* Starts what is due while there are slots. */
void moon_sched_start(struct moon_host *h);
/* A run of d is over (or its structure waits for the output). */
void moon_sched_ran(struct moon_host *h, struct moon_duty *d, bool first);
/* Its record is handed out, or there is none to hand out. */
void moon_sched_handed(struct moon_host *h, const struct moon_duty *d);
/* There is room for records again: those that wait go first. */
void moon_sched_output_ready(struct moon_host *h);
/* Says of silent devices what was held long enough; all of it with `all`. */
void moon_sched_calm(struct moon_host *h, bool all);
/* Nothing starts any more, and what still goes on then is cut off. Called again: with that deadline. */
void moon_sched_drain(struct moon_host *h, uint64_t deadline_us);
/* The same for a duty in every process. */
uint64_t moon_sched_key(const struct moon_duty *d);
/* Phase of a duty, 0 <= phase < 1. */
double moon_sched_phase(const char *probe, const char *job, const char *target);

#endif
