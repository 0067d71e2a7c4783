/* roster: the targets of a host. Opened at its start, added, changed and removed while it runs: what a change does not name goes on as
 * if nothing had happened.
 *
 * Targets of the start are the plan's own; those that came later are copies, and so are credentials nobody had before. Both end with
 * the last who needs them, so that a thousand changes take no more memory than one. */
#ifndef MOON_BIND_TASK_ROSTER_H
#define MOON_BIND_TASK_ROSTER_H

#include "inside.h"

/* Those of the plan, or of the shard. MOON_E_NOMEM, MOON_E_CONFIG (told), MOON_E_LIMIT. */
enum moon_err moon_roster_open(struct moon_host *h);
/* After the Lua state is closed. */
void moon_roster_close(struct moon_host *h);
/* See moon_host_change. */
void moon_roster_change(struct moon_host *h, const struct moon_plan *change);

/* The i-th a target may be asked with; NULL: it has fewer. */
const struct moon_credential *moon_roster_credential(const struct moon_host *h, const struct moon_host_target *t, uint16_t i);
/* What a script has of a device: a number, good for no other one when its target is gone. */
double moon_roster_id(const struct moon_host *h, const struct moon_device *d);
/* NULL: there is none, or none any more. */
struct moon_device *moon_roster_device(const struct moon_host *h, double id);

#endif
