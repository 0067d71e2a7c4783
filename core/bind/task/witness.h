/* witness: what the runs of a candidate said, added up: one block for each probe and worker, in memory the master reads. The worker
 * writes it; it outlives him, and who comes next goes on with it.
 *
 *   run of the candidate           -> moon_witness_tried    against the habit of its device
 *   run of the version in force    -> moon_witness_beside   meanwhile, of the devices that are not tried yet: the world changes too
 *
 * A device that has the candidate since an earlier step stands beside those that are new to it as far as silence goes: what makes all
 * of them silent now is not the candidate. */
#ifndef MOON_BIND_TASK_WITNESS_H
#define MOON_BIND_TASK_WITNESS_H

#include "habit.h"

struct moon_witness_sums {
  uint64_t compared, failed;          /* runs, and of these, other than by silence */
  uint64_t asked, silent;             /* runs of this step, and of these, that ended because the device was silent */
  uint64_t past, past_failed;         /* runs that their habits are made of; in 1/65,535ths those that failed */
  uint64_t measured;                  /* runs that off and square are of */
  int64_t off[MOON_FIGURES];          /* sum of what was off what is usual, 1/1024 doublings */
  uint64_t square[MOON_FIGURES];      /* and of its squares */
  uint32_t devices;                   /* duties of compared */
  uint32_t exposed;                   /* duties of asked, counted anew in each step */
  uint32_t worse[MOON_WORSE_N];       /* duties of which that is sure */
  uint32_t asked_devices, fell_silent; /* of exposed and worse[MOON_WORSE_SILENT], those of this step */
};

struct moon_witness {
  uint32_t serial;                    /* of the candidate; 0: none */
  uint32_t percent;                   /* of the devices: the step that the next three are about */
  uint32_t first, second;             /* duties whose first, second and so on run in this step, up to steps.runs, is over: first, last */
  uint32_t here;                      /* comparisons in this step */
  int32_t suspects;                   /* duties that may be worse in some way */
  int32_t suspects_beside;            /* likewise, of those beside */
  uint32_t told;                      /* what stands in device and error: 0 nothing, 1 an error, 2 one of a device that is surely worse */
  struct moon_witness_sums tried, beside;
  char device[64];
  char error[256];
};

void moon_witness_turn(struct moon_witness *e, uint32_t serial, uint32_t percent);
/* The block is about this candidate and this step from now on; what it holds of them stays. */
static inline void moon_witness_open(struct moon_witness *e, uint32_t serial, uint32_t percent) {
  if (e->serial != serial || e->percent != percent) { moon_witness_turn(e, serial, percent); }
}
/* device, error: of the run; error may be NULL. runs: of moon_steps. */
void moon_witness_tried(struct moon_witness *e, struct moon_habit *h, const struct moon_run_figures *f, const struct moon_habit_limits *limits,
                         uint32_t runs, const char *device, const char *error);
void moon_witness_beside(struct moon_witness *e, struct moon_habit *h, const struct moon_run_figures *f, const struct moon_habit_limits *limits);
/* Adds a block to another if both are about the same candidate; of the step, if that is the same too. */
void moon_witness_add(struct moon_witness *to, const struct moon_witness *from);

#endif
