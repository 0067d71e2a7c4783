/* trial: one case of `moonpoll test`, run: its agents, an engine without sockets, a clock that jumps, a host with the probe. */
#ifndef MOON_MAIN_TRIAL_H
#define MOON_MAIN_TRIAL_H

#include "golden.h"

struct moon_tried {
  struct moon_golden golden;
  struct moon_print log;  /* what was said of errors and warnings, a line each */
  char error[1024];       /* why it could not be run; empty: it was */
};

/* Runs the case of this file. Blocks, for as long as the probe computes. fini is due in any case. */
void moon_trial_run(const char *file, struct moon_tried *out);
void moon_tried_fini(struct moon_tried *t);

#endif
