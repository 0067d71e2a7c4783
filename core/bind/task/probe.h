/* probe: a probe's sources become functions: each probe has an environment of its own (load/env.h), shared with the modules beside it
 * and with all its runs. */
#ifndef MOON_BIND_TASK_PROBE_H
#define MOON_BIND_TASK_PROBE_H

#include "inside.h"

/* Fills p->run and p->match. false: it does not load; told through the log with file, line and what is missing. [-0, +0, m e] */
bool moon_probe_load(lua_State *L, struct moon_host_probe *p);

#endif
