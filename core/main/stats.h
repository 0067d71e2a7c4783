/* stats: the counters of all workers in one file others may map. Each worker writes its own block and no other; the master
 * moves what a dead worker left to the block's past, so totals never go back.
 *
 *   RUN_DIR/PID/counters:   | head | block of worker 0 | block of worker 1 | ...
 *
 * A request that was on the wire when its worker died will never get a verdict: it is counted as lost, and the balances are
 *   requests     = answered + sum of errors + in_flight + lost
 *   datagrams_in = matched + late + duplicate + wrong_source + malformed + unknown + lost                              */
#ifndef MOON_MAIN_STATS_H
#define MOON_MAIN_STATS_H

#include <sys/types.h>

#include "../bind/task/host.h"
#include "print.h"

#define MOON_STATS_MAGIC UINT64_C(0x3173746174736d6f) /* "omstats1" */
#define MOON_RUN_ERRORS (MOON_E_PUBLIC_N + 1)         /* codes of runs, and [MOON_E_PUBLIC_N]: script error */

struct moon_stats_head {
  uint64_t magic;
  uint64_t size;           /* of the whole file */
  uint64_t started_us;     /* monotonic */
  double started_s;        /* wall clock */
  int32_t master;          /* pid */
  uint32_t n_workers;
  uint32_t n_targets;
  uint32_t once;
};

struct moon_stats_block {
  _Alignas(64) struct moon_counters live;   /* of the worker at work; written by its engine */
  struct moon_run_counters runs;            /* written by its host */
  struct moon_pulse pulse;                  /* of its host and its watchdog */
  uint64_t run_error[MOON_RUN_ERRORS];      /* runs ended, by code; [MOON_OK] well. Goes on over replacements */
  uint64_t records;                         /* runs handed to the writer */
  struct moon_histograms histograms;        /* of all workers that had this block */
  _Alignas(64) struct moon_counters past;   /* of workers that died */
  struct moon_run_counters past_runs;
  uint64_t lost_requests, lost_datagrams, lost_runs;
  uint64_t workers_lost;                    /* died other than by ending */
  uint64_t pid;                             /* 0: none now */
};

struct moon_stats {
  struct moon_stats_head *head; /* the mapping */
  struct moon_stats_block *blocks;
};

/* Creates the file at path and maps it; path NULL: memory without a name. MOON_E_NOMEM; MOON_E_CONFIG, errno tells why. */
enum moon_err moon_stats_init(struct moon_stats *s, const char *path, uint32_t n_workers);
void moon_stats_fini(struct moon_stats *s);
/* The worker of this slot is gone. */
void moon_stats_bury(struct moon_stats *s, uint32_t slot, bool lost);

/* All blocks, live and past, added up. */
struct moon_stats_sum {
  struct moon_counters counters;
  struct moon_run_counters runs;
  uint64_t run_error[MOON_RUN_ERRORS];
  uint64_t lost_requests, lost_datagrams, lost_runs, workers_lost, workers;
  bool requests_balance, datagrams_balance;
};
/* Workers count while they are read: looks again for some milliseconds until both balances hold. */
void moon_stats_read(const struct moon_stats *s, struct moon_stats_sum *out);
/* Adds up the histograms of all blocks. */
void moon_stats_histograms(const struct moon_stats *s, struct moon_histograms *to);
/* One JSON object on one line, without the newline. cpu_s < 0: left out. */
void moon_stats_json(const struct moon_stats *s, const struct moon_stats_sum *sum, double seconds, double cpu_s, struct moon_print *out);
/* Lines for people: devices, runs by code, samples, requests, seconds. */
void moon_stats_summary(const struct moon_stats *s, const struct moon_stats_sum *sum, double seconds, struct moon_print *out);
/* The sum of all error[]. */
uint64_t moon_counters_errors(const struct moon_counters *c);

#endif
