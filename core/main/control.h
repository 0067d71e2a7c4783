/* control: the socket a running master is asked through. A line in, a line out:
 *
 *   status    {"version":...}    the counters of all workers, both balances
 *   target NAME, top, tasks      what workers say, see inquiry.h
 *   reload [--now] [PROBE]       N, the number of the request; then
 *   reloaded N [PROBE]           wait, ok ... or error ...: how it ended
 *   promote, rollback [PROBE]    ok ... or error ...: of what is on trial
 *   replace   ok                 workers finish, keep states, and others go on; as SIGUSR2
 *   release [PROBE [TARGET]]     N released: from quarantine; error ...: there is no such name
 *   stop      ok                 as SIGTERM
 *   else      error ...
 *
 * Nobody who connects can hold the master up, or keep others from it: few clients, short lines, an answer that cannot be written at once
 * is dropped with its client, and who was quiet for some seconds makes room for the next. Driven by the owner's poll(). */
#ifndef MOON_MAIN_CONTROL_H
#define MOON_MAIN_CONTROL_H

#include <poll.h>
#include <stdbool.h>

#include "print.h"

#define MOON_CONTROL_CLIENTS 8
#define MOON_CONTROL_LINE 512
#define MOON_CONTROL_QUIET_US UINT64_C(2000000)
#define MOON_CONTROL_FDS (MOON_CONTROL_CLIENTS + 1)

/* One command, NUL-terminated; puts the answer without its newline. */
typedef void moon_control_fn(void *arg, const char *command, struct moon_print *answer);

struct moon_control {
  moon_control_fn *fn;
  void *arg;
  int listen_fd; /* -1: closed */
  int serving;       /* client whose command fn has now */
  uint32_t deferred; /* tickets given out */
  int spare_fd;      /* so that there is one for who connects when no more files may be opened; -1: it is in use */
  struct {
    int fd;
    uint32_t n, ticket; /* its answer comes later; 0 */
    uint64_t heard_us;  /* when it connected, or was last heard */
    char line[MOON_CONTROL_LINE];
  } client[MOON_CONTROL_CLIENTS];
};

/* Listens at dir/control, mode 0600. MOON_E_CONFIG with errno. */
enum moon_err moon_control_init(struct moon_control *c, const char *dir, moon_control_fn *fn, void *arg);
void moon_control_fini(struct moon_control *c);
/* Inside fn: the answer comes later, by moon_control_answer with this ticket; what fn puts is dropped. */
uint32_t moon_control_defer(struct moon_control *c);
/* Without its newline. Harmless when the client is gone. */
void moon_control_answer(struct moon_control *c, uint32_t ticket, const void *p, size_t n);
/* What to poll: always MOON_CONTROL_FDS entries, unused ones with fd -1. */
void moon_control_fds(struct moon_control *c, struct pollfd *fds);
/* After poll(): the same entries. */
void moon_control_serve(struct moon_control *c, const struct pollfd *fds);

#endif
