/* guard: stops a script that does not wait, or has more alive than it may. Of time somebody with a clock tells, in the host's own
 * thread by a signal; of memory the allocator (heap.h), from inside of it:
 *
 *   signal handler:  the resume of this number took 50 ms of processor time (main/watchdog.h)
 *                    moon_host_stop_resume(host, number, when it began)       sets Lua's hook
 *   hook:            yields before the next instruction and is not resumed; raises where a C function is in between, and
 *                    again before each instruction that follows
 *
 * The hook stays until the resume is over, so no pcall of the script outlives it; it goes before anybody else's begins. Code in C
 * sees no hook: whoever watches has to end the process then. A call refused more memory than can be given raises at once, and the hook is
 * there for what comes after it. Probes whose configuration trusts them are left alone. */
#ifndef MOON_BIND_TASK_GUARD_H
#define MOON_BIND_TASK_GUARD_H

#include <lua.h>
#include <signal.h>
#include <stdint.h>

struct moon_guard {
  volatile sig_atomic_t armed; /* set by the handler or the allocator: the hook is there */
  volatile sig_atomic_t late;  /* set by the handler: it is because of time */
  uint64_t since_ns;           /* processor time of the thread when the resume was first seen */
  char told[320];              /* what was told first; "" not yet */
};

struct moon_host;
struct moon_task;

/* Once for a host. [-0, +0, m] */
void moon_guard_setup(lua_State *L, struct moon_host *h);
/* Of moon_heap_open, with the host. */
void moon_guard_crossed(void *host);
/* After a resume that was to be stopped, which came to this end. Returns the end it has: whatever the script made of it, an error. */
int moon_guard_disarm(struct moon_host *h, struct moon_task *t, int end);

#endif
