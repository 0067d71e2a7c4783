/* conduct: what a run that ended says of the version it was of: it makes the habit of its duty, or, while a candidate is tried, it is
 * weighed against it and added to the evidence. A few stores a run where nothing is tried. */
#ifndef MOON_BIND_TASK_CONDUCT_H
#define MOON_BIND_TASK_CONDUCT_H

#include "run.h"

/* Before its samples and its version are given back. */
void moon_conduct_note(struct moon_run *r, uint64_t took_us);

#endif
