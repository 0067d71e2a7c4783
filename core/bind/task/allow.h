/* allow: what the configuration lets a probe ask, and of whom: allow_oids, allow_targets. A probe without them asks anything of every target.
 *
 * What is asked for lies under one of the OIDs, and of what GETNEXT and GETBULK bring that lies elsewhere nothing is handed out.
 * sysUpTime and sysObjectID are always allowed: match, cache and rates ask for them by themselves. */
#ifndef MOON_BIND_TASK_ALLOW_H
#define MOON_BIND_TASK_ALLOW_H

#include <lua.h>

#include "../../session/fetch.h"
#include "../load/plan.h"

bool moon_allow_oid(const struct moon_plan_probe *p, const uint8_t *oid, size_t len);
/* Raises unless all of them are allowed, as moon_limits_refuse. [-0, +0, e] */
void moon_allow_check(lua_State *L, const struct moon_plan_probe *p, const struct moon_name *names, size_t n);
/* By its name. */
bool moon_allow_target(const struct moon_plan_probe *p, const char *name);

#endif
