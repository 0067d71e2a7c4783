/* master: the process without Lua. It forks the writer and the workers, replaces what dies, answers the control socket,
 * hands on a stop, and adds up what everybody counted.
 *
 *   master --- socket of orders --> worker 0..N-1 --- ring --> writer --> stdout
 *
 * Killed itself, it takes its children along: they ask the kernel for it, and their sockets end. */
#ifndef MOON_MAIN_MASTER_H
#define MOON_MAIN_MASTER_H

#include "options.h"
#include "shield.h"

enum moon_exit { /* of the program */
  MOON_EXIT_OK = 0,
  MOON_EXIT_FAILED = 1,
  MOON_EXIT_CONFIG = 2,
  MOON_EXIT_RUNS = 3 /* --once: some runs failed */
};

struct moon_master_config {
  struct moon_plan *plan;     /* borrowed; kept whole, as a worker may have to be replaced, but for the writer's copy: its
                                 credentials are wiped */
  struct moon_options *options; /* what it was loaded with, to load it again: borrowed; NULL: nothing is read again */
  int64_t since_ns;           /* when that began, by the clock of files: what changed meanwhile is read once more */
  struct moon_shield *shield; /* of their secrets; borrowed, children end theirs */
  const char *format;         /* "json", "table" or "null"; the one of the start */
  const char *run_dir;        /* base directory; NULL: the default, and only a remark when it cannot be used */
  int stats_fd;               /* the counters as JSON go there at the end; -1: nowhere */
  bool summary;               /* lines for people on stderr at the end */
  bool live;                  /* with "table": a line on stderr, renewed */
  bool schedtrace;            /* a line a second on stderr */
  const char *trace;          /* name of a target whose packets are shown on stderr; NULL: none */
};

/* Returns the program's exit status when everything is over. */
int moon_master_run(const struct moon_master_config *c);

#endif
