/* quarantine: which probe is not run against which target, because a worker was lost while it ran there.
 *
 *   lost for good reason (stuck, crashed)     held for an hour, the next time for two, at most a day
 *   killed by somebody else                   held only when the same pair was at it twice within ten minutes
 *   three targets of one version of a probe   the probe is held everywhere
 *
 * Another version of the probe is not held. The master writes; the workers, its children, read what they share with it. */
#ifndef MOON_MAIN_QUARANTINE_H
#define MOON_MAIN_QUARANTINE_H

#include "../bind/load/plan.h"
#include "print.h"

#define MOON_QUARANTINE_MAX 64 /* then the oldest makes room */

struct moon_quarantine; /* opaque; shared memory */

/* NULL with errno. */
struct moon_quarantine *moon_quarantine_new(void);
void moon_quarantine_free(struct moon_quarantine *q);
/* A worker was lost while this went on, of which `why` tells: "stuck for 3.1 s", "killed by signal 11"; told by log. sure: it was the
 * script. target may be wanted by several probes; p and target are borrowed. */
void moon_quarantine_blame(struct moon_quarantine *q, const struct moon_plan_probe *p, const char *target, const char *why, bool sure,
                           uint64_t now_us);
/* Ends what is over; told by log. Returns when to look again, UINT64_MAX: never. */
uint64_t moon_quarantine_tick(struct moon_quarantine *q, uint64_t now_us);
/* Ends what is held of the probe, against the target; NULL: of all. Returns how many were. */
uint32_t moon_quarantine_lift(struct moon_quarantine *q, const char *probe, const char *target);
/* How many are held. */
uint32_t moon_quarantine_count(const struct moon_quarantine *q);
/* For workers, before each run. */
bool moon_quarantine_holds(const struct moon_quarantine *q, const struct moon_plan_probe *p, const char *target);
/* A JSON list: probe, target (none: everywhere), version, why, times, seconds left. */
void moon_quarantine_json(const struct moon_quarantine *q, uint64_t now_us, struct moon_print *out);

#endif
