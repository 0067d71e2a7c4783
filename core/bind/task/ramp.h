/* ramp: how many of the runs that are due at once are let go together.
 *
 * More at once are only faster while agents are far away; with near ones they just cost more, as nothing of a run is in the
 * cache any more when its answer comes (1,000 walks at once take twice the CPU of 64 at once, bench/probes/walk.lua). So it
 * starts small and doubles: at once while nothing answers, else on trial; what brings no more answers a second is taken back
 * and tried again later. What came to be many is halved on trial, and stays so where that costs no answers. No clock: times,
 * the count of answers and of runs come in. */
#ifndef MOON_BIND_TASK_RAMP_H
#define MOON_BIND_TASK_RAMP_H

#include <stdbool.h>
#include <stdint.h>

#define MOON_RAMP_FIRST 64
#define MOON_RAMP_LOOK_US 1000 /* how often to look */

struct moon_ramp {
  uint64_t since_us;   /* when the judgement under way began */
  uint64_t heard;      /* answers until then */
  uint64_t seen;       /* answers until the last look */
  uint64_t quiet_us;   /* nothing came since then */
  uint64_t held_us;    /* no trial until then */
  uint64_t hold_us;    /* after a trial that fails */
  double rate;         /* answers a microsecond, but for trials; smoothed */
  double best;         /* lately, at any level */
  uint32_t level;      /* runs at once for now */
  uint32_t before;     /* on trial: the level to go back to; else 0 */
  bool down;           /* the trial under way, or the next, is of less */
  bool emptied;        /* that of less: as few are under way as it says */
  bool answered;       /* somebody did, ever */
};

void moon_ramp_init(struct moon_ramp *r);
/* Somebody waits for a place: judge from now on. */
void moon_ramp_begin(struct moon_ramp *r, uint64_t now_us, uint64_t heard);
/* Somebody still waits; heard: answers since ever; active: runs under way; deaf: those of them that heard nothing yet. May
 * change r->level. */
void moon_ramp_look(struct moon_ramp *r, uint64_t now_us, uint64_t heard, uint32_t active, uint32_t deaf);

#endif
