/* notify: what a service manager wants to hear (sd_notify(3), without its library): datagrams to the socket that NOTIFY_SOCKET names.
 * Without one nothing is said.
 *
 *   all workers poll                      READY=1
 *   a reload was asked for                RELOADING=1, with the time; READY=1 when it is over
 *   one is over, asked for or not         STATUS= with what became of it
 *   a stop began                          STOPPING=1
 *   half of WATCHDOG_USEC is over         WATCHDOG=1
 *
 * Never blocks. What the manager has no room for is said again, but for WATCHDOG=1, which the next one is as good as. */
#ifndef MOON_MAIN_NOTIFY_H
#define MOON_MAIN_NOTIFY_H

#include "reload.h"

struct moon_notify {
  uint64_t alive_us;      /* when it is to hear of us again; UINT64_MAX: never */
  uint32_t asked;         /* number of the last reload that somebody asked for; whoever takes such a wish sets it */
  uint32_t told, done;    /* numbers of those that it was told the begin, the end of */
  bool ready, reloading, stopping; /* was told */
};

void moon_notify_init(struct moon_notify *n, uint64_t now_us);
/* Says what is new; returns when to come again. working: all workers poll; stopping: they are to end. */
uint64_t moon_notify_tick(struct moon_notify *n, bool working, bool stopping, const struct moon_reload *r, uint64_t now_us);

#endif
