/* inner: a master as its parts see it. master.c is the loop and the commands, crew.c the children, outfit.c what all is made of. */
#ifndef MOON_MAIN_INNER_H
#define MOON_MAIN_INNER_H

#include <signal.h>

#include "inquiry.h"
#include "judge.h"
#include "keep.h"
#include "master.h"
#include "notify.h"
#include "reload.h"
#include "ring.h"
#include "rollout.h"
#include "rundir.h"
#include "schedtrace.h"
#include "turnover.h"

#define MOON_SECOND_US UINT64_C(1000000)
#define MOON_OVERTIME_US (2 * MOON_SECOND_US) /* past the grace time: then children are killed */

struct moon_child {
  pid_t pid;             /* 0: none */
  int order_fd;          /* our end of its socket, -1 */
  int handover_fd;       /* of a worker: what it hands on; -1 */
  bool finished;         /* ended well, not wanted again */
  bool killed;           /* by the master, which said so */
  bool stuck;            /* killed for that */
  bool replaced;         /* is to be */
  uint64_t started_us;
  uint64_t again_at_us;  /* when to start it again; UINT64_MAX: not planned */
  uint64_t backoff_us;
  uint64_t records;      /* of its slot when it was started */
  uint32_t futile;       /* deaths in a row that left no run behind */
};

struct moon_master {
  const struct moon_master_config *c;
  const struct moon_plan *plan;
  struct moon_stats stats;
  struct moon_ring *rings;  /* one a worker; NULL without writer: nothing was ever to be written */
  const char *format;       /* what the writer is to write */
  bool format_told;         /* it knows */
  struct moon_child *workers;
  struct moon_child writer;
  struct moon_control control;
  struct moon_desk desk;
  struct moon_inquiry inquiry;
  struct moon_schedtrace schedtrace;
  struct moon_judge judge;
  struct moon_reload reload;
  struct moon_turnover turnover;
  struct moon_rollout rollout;
  struct moon_notify notify;
  uint8_t *handed;          /* --once: what workers that go on for others need not repeat, see moon_host_config; else NULL */
  size_t handed_len;
  struct moon_keep keep;
  sigset_t signals, old_signals;
  uint64_t drain_us;        /* deadline of the workers; 0: not draining */
  uint64_t kill_us;         /* then children that are left are killed; UINT64_MAX: never */
  int signal_fd, data_fd;
  int status;               /* enum moon_exit */
  bool stopped;             /* by a signal, the control socket, or because nobody reads */
  bool over;                /* nothing is started any more */
  bool has_dir;
  char dir[MOON_RUNDIR_MAX];
};

uint64_t moon_master_now_us(void); /* monotonic */
double moon_master_seconds_since(uint64_t us);
/* Says what cannot be done, why (errno), and what an operator can do about it. false. */
bool moon_master_cannot(const char *what);
static inline uint64_t moon_master_earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

#endif
