/* trial: a file that says how to try a probe: against which recordings, how often, with which faults. What it says of the
 * agents is said as in a fleet.
 *
 *   return { probe = "../interfaces.lua", recording = "switch.snmprec", runs = 3, every = 30,
 *            rates = { ["1.3.6.1.2.1.31.1.1.1.6"] = 1000 }, faults = { { "loss", share = 0.1 } } }                       */
#ifndef MOON_BIND_TRIAL_TRIAL_H
#define MOON_BIND_TRIAL_TRIAL_H

#include "../fleet/fleet.h"
#include "../load/load.h"

#define MOON_TRIAL_RUNS_MAX 10000u

/* All lent by it. */
struct moon_trial {
  struct moon_fleet *fleet;      /* an agent a recording; addresses mean nothing */
  const char *probe;             /* path */
  const char *version;           /* "1" or "2c" */
  const char *community;         /* any is accepted */
  const struct moon_pair *args;
  double every_s;                /* < 0: as the probe says */
  double timeout_s;              /* of one try; < 0: the default */
  int32_t retries;               /* < 0: the default */
  uint32_t n_args;
  uint32_t runs;                 /* of the job that is due most often */
  uint64_t seed;
  bool allow_set;
};

/* On failure `error` holds one line: file, line, what is wrong. notice: mistakes of its function `vary` while it serves; may be
 * NULL. MOON_E_CONFIG, MOON_E_NOMEM. Blocks while the file is read. */
MOON_API enum moon_err moon_trial_load(const char *file, void (*notice)(void *arg, const char *text), void *arg, struct moon_trial **out,
                                       char *error, size_t cap);
MOON_API void moon_trial_free(struct moon_trial *t); /* NULL is fine */

#endif
