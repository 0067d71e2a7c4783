/* writer: the process that owns stdout. It takes whole runs from the workers' rings, formats them and writes large blocks;
 * when nothing more is waiting it writes what it has, so a person sees each run at once.
 *
 * A slow reader of stdout stops the writer, full rings stop the workers from starting runs, and nothing grows. */
#ifndef MOON_MAIN_WRITER_H
#define MOON_MAIN_WRITER_H

#include "ring.h"
#include "stats.h"

enum moon_writer_exit {
  MOON_WRITER_DONE = 0,
  MOON_WRITER_FAILED = 1,     /* told on stderr */
  MOON_WRITER_NO_READER = 64  /* the reader of stdout went away: `| head` */
};

struct moon_writer_config {
  struct moon_ring *rings;
  uint32_t n_rings;
  const struct moon_stats *stats; /* for the live line */
  const char *format;             /* "json", "table", or "null": runs are taken, and that is all */
  int fd;                         /* where to: stdout */
  int data_fd;                    /* the rings' bell */
  int control_fd;                 /* 'E' from the master: empty the rings and end; 'F' and a format: what comes behind what is in the rings
                                     now is written so; end of file: end at once */
  bool live;                      /* with "table": a line on stderr, renewed twice a second */
};

/* The body of the process; returns its exit status. Blocks as long as the output does. */
int moon_writer_run(const struct moon_writer_config *c);

#endif
