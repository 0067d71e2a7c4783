/* watchdog: looks every so often at the pulse of a thread at work, and has a script stopped that takes too long without a wait.
 *
 *   moon_watchdog_run(&w, stack, work, arg)   work in a thread of its own until it returns, whose scripts are stopped when one and the
 *                                             same resume took limit_ms
 *
 * Time is processor time: neither a stopped process nor a busy machine makes anybody guilty, and nobody is woken while there is
 * nothing to do (waking each 10 ms took 3 % of the processor time of requests to agents 20 ms away: bench/collector.sh). It looks in the
 * thread that is watched, by a signal that the clock sends: another thread would have to wait for a processor first, while the script
 * goes on; beside two busy processes on two processors that was up to 30 ms. What goes on all the same is left to another process, which
 * finds in the pulse how long it takes. */
#ifndef MOON_MAIN_WATCHDOG_H
#define MOON_MAIN_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>

#include "../bind/task/pulse.h"

#define MOON_WATCHDOG_TICK_MS 5 /* the kernel looks whose time is over at each tick of its own, of 4 ms as a rule */

struct moon_watchdog {
  struct moon_pulse *pulse;
  uint32_t limit_ms;
  /* In the watched thread, from a signal handler: see moon_host_stop_resume. */
  void (*stop)(void *arg, uint64_t resume, uint64_t since_ns);
  void *arg;
};

/* One at a time in a process, whose SIGPROF and ITIMER_PROF it takes; when it returns the signal is as it was. errno of a thread that
 * cannot be; 0. */
int moon_watchdog_run(const struct moon_watchdog *w, size_t stack_octets, void *(*work)(void *arg), void *arg);

#endif
