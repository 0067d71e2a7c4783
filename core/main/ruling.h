/* ruling: what witnesses, rules and time say of a candidate. Plain data in, a word and a line out.
 *
 *   devices that surely fail, are slower ... and did not before: a share of them     ->  back
 *   all runs together: failures, or the mean of a figure, beyond what is allowed and beyond chance  ->  back
 *   enough runs of each device and comparisons, and nobody under suspicion           ->  on to the next step
 *   so long that no more is to be expected                                           ->  on, and it says so
 *
 * What happens to devices on the version in force meanwhile is taken off: a network that becomes slow is no candidate's fault. */
#ifndef MOON_MAIN_RULING_H
#define MOON_MAIN_RULING_H

#include <stddef.h>

#include "../bind/task/witness.h"

enum moon_ruling { MOON_RULING_HOLD, MOON_RULING_ON, MOON_RULING_BACK };

struct moon_ruling_case {
  const struct moon_steps *steps;
  const struct moon_witness *sum; /* of all workers */
  uint64_t since_us, now_us;       /* the step began */
  uint64_t every_us;               /* between two runs of a device: the shortest interval */
  uint64_t timeout_us;             /* of a run: an answer may take so long */
  uint32_t devices;                /* that have the candidate in this step, if none is left out */
};

/* text: why, without the names of probe and version. */
enum moon_ruling moon_ruling_give(const struct moon_ruling_case *c, char *text, size_t cap);
/* When to look again if nothing else happens. */
uint64_t moon_ruling_next(const struct moon_ruling_case *c);

#endif
