/* handover: what a host hands on to the one that takes its place in an orderly way: states, and when what is due next. Plain data, for
 * another process of this machine and this build.
 *
 *   moon_host_drain(...), done     ->  moon_host_save(h, &p, &n)  ->  moon_host_config.kept  ->  goes on
 *
 * Not kept: previous counters (the first rate is nil), what was learned of agents, what device:cache has. */
#ifndef MOON_BIND_TASK_HANDOVER_H
#define MOON_BIND_TASK_HANDOVER_H

#include "inside.h"

/* After moon_sched_open. What cannot be read is as if it had not been there. */
void moon_handover_restore(struct moon_host *h, const uint8_t *p, size_t n);

#endif
