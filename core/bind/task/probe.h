/* probe: a probe's sources become functions: each probe has an environment of its own (load/env.h), shared with the modules beside it
 * and with all its runs. */
#ifndef MOON_BIND_TASK_PROBE_H
#define MOON_BIND_TASK_PROBE_H

#include "revision.h"

#define MOON_PROBE_LOAD_S 2.0 /* of processor time, at the start, when nobody waits */

/* Fills in run, match and migrate. false: it does not load, and error is a line with file and line and what is missing. seconds: of processor
 * time it may take. [-0, +0, m e] */
bool moon_probe_load(lua_State *L, struct moon_revision *v, double seconds, char *error, size_t cap);
/* What its file may take while others are polled. */
double moon_probe_seconds(const struct moon_plan_probe *p);

#endif
