/* crew: the children of a master: the writer and the workers. They are started, told what to do, replaced when they die, and counted
 * out at the end.
 *
 *   moon_crew_start(m)                          now and then: who is missing and due is forked
 *   moon_crew_worker_ended(m, slot, status)     waitpid had one; a plan is made for the next
 *   moon_crew_drain(m, grace), moon_crew_kill   the end, and what comes after the end */
#ifndef MOON_MAIN_CREW_H
#define MOON_MAIN_CREW_H

#include "inner.h"

/* Starts what is due; returns when to look again. */
uint64_t moon_crew_start(struct moon_master *m);
/* Nobody works any more, and nobody will. */
bool moon_crew_finished(const struct moon_master *m);
/* All workers have begun to poll. */
bool moon_crew_ready(const struct moon_master *m);
/* They ended with this status of waitpid. */
void moon_crew_worker_ended(struct moon_master *m, uint32_t slot, int status);
void moon_crew_writer_ended(struct moon_master *m, int status);
/* Workers may finish what they do until grace_us from now; a second call hurries them. */
void moon_crew_drain(struct moon_master *m, uint64_t grace_us);
/* All of them finish what they do, hand their states on, and others take their places. */
void moon_crew_replace(struct moon_master *m);
/* Nothing more can be done for anybody: no reader, or a configuration that does not load. */
void moon_crew_end(struct moon_master *m, int status);
/* outputs are others, or may be. */
void moon_crew_output(struct moon_master *m);
/* Past the grace time: workers that are left, and another while later a writer whose output does not move. */
void moon_crew_kill(struct moon_master *m);
/* The worker of this slot, for the judge; arg is the master. */
void moon_crew_kill_stuck(void *arg, uint32_t slot);
/* One order with its number or deadline, see worker.h; fd goes along, -1: none. false: it cannot be told now; errno. */
bool moon_crew_order(const struct moon_child *w, uint64_t op, uint64_t number, int fd);
/* Of an order's errno: the worker is at its end, as who was replaced or killed is a moment before that is heard. */
bool moon_crew_is_gone(int cause);
/* Its part of a change. A worker that cannot be told starts anew, with the plan that holds now. */
void moon_crew_tell(struct moon_master *m, uint32_t slot, const struct moon_change *change);

#endif
