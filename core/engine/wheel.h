/* wheel: a hierarchical timing wheel. Four levels of 256 places, 1 ms a tick on the lowest; starting and stopping are
 * O(1), a timer that is far away moves down a level at most three times.
 *
 *   level 0   one tick a place      256 ms
 *   level 1   256 ticks             65 s
 *   level 2   65,536 ticks          4.6 h
 *   level 3   2^24 ticks            49 days; later ones wait there and are looked at again
 *
 * When time comes to a place of a higher level all that is in it moves down: of a million that are due every five minutes 200,000 at once.
 * Time does not go on before they have, which may take several calls.
 *
 * It has no clock: time comes in. A timer never runs before its time; it runs in the first moon_wheel_expire whose time is
 * past its own rounded up to a tick. */
#ifndef MOON_ENGINE_WHEEL_H
#define MOON_ENGINE_WHEEL_H

#include "engine.h"

#define MOON_WHEEL_LEVELS 4
#define MOON_WHEEL_PLACES 256
#define MOON_TICK_US 1000

struct moon_wheel {
  uint64_t tick;                                                   /* all timers up to it have run, or before it while some move down */
  struct moon_list moving;                                         /* down from a place that time came to */
  unsigned level;                                                  /* to be looked into once all of them have; 0: none */
  uint64_t map[MOON_WHEEL_LEVELS][MOON_WHEEL_PLACES / 64];         /* places that are not empty */
  uint64_t n;                                                      /* timers running */
  struct moon_list place[MOON_WHEEL_LEVELS * MOON_WHEEL_PLACES];
};

void moon_wheel_init(struct moon_wheel *w, uint64_t now_us);
/* Sets t->at_us. A running timer is moved. */
void moon_wheel_start(struct moon_wheel *w, struct moon_timer *t, uint64_t at_us);
/* Harmless when it is not running. */
void moon_wheel_stop(struct moon_wheel *w, struct moon_timer *t);
/* Runs what is due. Timer functions may start and stop any timer; what they start for the past runs a tick later. */
void moon_wheel_expire(struct moon_wheel *w, uint64_t now_us);
/* The same, until enough() says so, which is asked after every few that ran or moved: what is left runs a tick later. */
void moon_wheel_expire_some(struct moon_wheel *w, uint64_t now_us, bool (*enough)(const void *arg), const void *arg);
/* When to call expire again: never after the next timer is due, perhaps before. UINT64_MAX: nothing runs. */
uint64_t moon_wheel_next_us(const struct moon_wheel *w);

#endif
