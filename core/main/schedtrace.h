/* schedtrace: a line a second about what runs and what waits, from the counters all workers share:
 *
 *   sched 12.0s workers 2: runs 118 running, 40 due; tasks 230; requests 96 in flight; 5210 resumes/s, latency 0.1 ms p50, 1.9 ms
 *   p99; turn 0.4 ms p99; rtt 21.0 ms p50, 80.1 ms p99                                                                   */
#ifndef MOON_MAIN_SCHEDTRACE_H
#define MOON_MAIN_SCHEDTRACE_H

#include "stats.h"

struct moon_schedtrace {
  uint64_t next_us;               /* when the next line is due; UINT64_MAX: never */
  uint64_t last_us;
  uint64_t resumes;
  struct moon_histograms before;
};

void moon_schedtrace_init(struct moon_schedtrace *s, uint64_t now_us);
/* The line of now without a newline; sets when the next one is due. */
void moon_schedtrace_line(struct moon_schedtrace *s, const struct moon_stats *stats, uint64_t now_us, struct moon_print *out);

#endif
