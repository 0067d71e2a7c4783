/* notify: what a service manager wants to hear (sd_notify(3), without its library): a datagram to the socket that NOTIFY_SOCKET names.
 * Without one nothing is said. */
#ifndef MOON_MAIN_NOTIFY_H
#define MOON_MAIN_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=...". Never blocks; what is not taken is lost. */
void moon_notify(const char *text);
/* Microseconds after which it wants to hear "WATCHDOG=1" again: half of WATCHDOG_USEC, if that is meant for this process. 0: never. */
uint64_t moon_notify_watchdog_us(void);

#endif
