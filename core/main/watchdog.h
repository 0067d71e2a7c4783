/* watchdog: what the first thread of a worker does while another one is at work: look at its pulse every so often, and have a
 * script stopped that takes too long without a wait.
 *
 *   moon_watchdog_join(engine, &w)   until that thread ends; signals it, SIGURG, when one and the same resume took limit_ms
 *
 * Time is the processor time of the watched thread: neither a stopped process nor a busy machine makes anybody guilty. What goes
 * on all the same is left to another process, which finds in the pulse how long it takes. */
#ifndef MOON_MAIN_WATCHDOG_H
#define MOON_MAIN_WATCHDOG_H

#include <pthread.h>

#include "../bind/task/pulse.h"

#define MOON_WATCHDOG_TICK_MS 10

struct moon_watchdog {
  struct moon_pulse *pulse;
  uint32_t limit_ms;
  /* In the watched thread, from a signal handler: see moon_host_stop_resume. */
  void (*stop)(void *arg, uint64_t resume, uint64_t since_ns);
  void *arg;
};

/* One at a time in a process. */
void moon_watchdog_join(pthread_t thread, const struct moon_watchdog *w);

#endif
