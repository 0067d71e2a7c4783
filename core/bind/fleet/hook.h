/* hook: `vary = function(oid, value, t) end` of a fleet, called while it serves.
 *
 * t: seconds since the agent's start. Values as probes see them (TimeTicks in seconds); above 2^53 a Counter64 is rounded.
 * It returns another value (numbers also as decimal text), nil for "as it is", false for "not there now". */
#ifndef MOON_BIND_FLEET_HOOK_H
#define MOON_BIND_FLEET_HOOK_H

#include "reader.h"

/* Takes the function at the top, or the table { ["OID"] = function } of them, into kind. [-0, +0, e] */
void moon_fleet_hook_read(struct moon_fleet_reader *r, struct moon_fleet_kind *kind);

#endif
