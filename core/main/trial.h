/* trial: one case of `moonpoll test`, run: its agents, an engine without sockets, a clock that jumps, a host with the probe. */
#ifndef MOON_MAIN_TRIAL_H
#define MOON_MAIN_TRIAL_H

#include "../bind/task/host.h"
#include "../bind/trial/trial.h"
#include "golden.h"

#define MOON_TRIAL_S 60u /* of real time without progress: what takes longer computes for ever, in C, where no script can be stopped */

struct moon_tried {
  struct moon_golden golden;
  struct moon_print log;  /* what was said of errors and warnings, a line each */
  char error[1024];       /* why it could not be run; empty: it was */
};

/* Runs the case of this file. Blocks, for as long as the probe computes. fini is due in any case. */
void moon_trial_run(const char *file, struct moon_tried *out);
/* All of them are called while it runs; what they are given is lent. */
struct moon_trial_watch {
  void (*log)(void *arg, enum moon_level level, const char *text);
  void (*record)(void *arg, const uint8_t *p, uint32_t n);                /* of a run: see base/sample.h */
  void (*skipped)(void *arg, const char *place, const char *name);       /* as in moon_host_config */
  void *arg;
};

/* The same for a case that is no file. Of the trial, what moon_trial_load would fill; borrowed, and so is watch. */
void moon_trial_try(const struct moon_trial *trial, const struct moon_trial_watch *watch, struct moon_tried *out);
void moon_tried_fini(struct moon_tried *t);

/* Runs body(arg) in a thread with a stack for Lua, and waits; scripts that do not wait in there are stopped as where they poll, though
 * later, see moon_host_stop_resume. One at a time in a process. 0: it is over. An errno: it could not be started. -1: *begun did not
 * change for MOON_TRIAL_S; the thread still computes and cannot be stopped: the process is to be left. */
int moon_trial_guard(void (*body)(void *arg), void *arg, const _Atomic uint32_t *begun);

#endif
