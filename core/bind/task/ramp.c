#include "ramp.h"

#define SILENCE_US 5000   /* without any answer, of agents that did answer: they are not merely busy */
#define PATIENCE_US 50000 /* for one answer a place: places are held by agents that are far away or silent */
#define GAIN 1.25         /* twice as many at once have to bring this much */
#define HOLD 16

void moon_ramp_init(struct moon_ramp *r) { *r = (struct moon_ramp){.level = MOON_RAMP_FIRST}; }

void moon_ramp_begin(struct moon_ramp *r, uint64_t now_us, uint64_t heard) {
  r->since_us = now_us;
  r->heard = heard;
}

static void twice(struct moon_ramp *r) {
  if (r->level <= UINT32_MAX / 2) { r->level *= 2; }
}

static void judge(struct moon_ramp *r, double rate) {
  if (r->before) {
    if (rate < r->rate * GAIN) {
      r->level = r->before;
      r->hold = HOLD;
    }
    r->before = 0;
  } else if (r->hold) {
    r->hold--;
  } else {
    r->rate = rate;
    r->before = r->level;
    twice(r);
  }
}

void moon_ramp_look(struct moon_ramp *r, uint64_t now_us, uint64_t heard) {
  uint64_t n = heard - r->heard, took_us = now_us > r->since_us ? now_us - r->since_us : 0;
  r->answered = r->answered || n;
  bool stuck = n ? n < r->level && took_us >= PATIENCE_US : took_us >= (r->answered ? SILENCE_US : MOON_RAMP_LOOK_US);
  if (!stuck && (n < r->level || !took_us)) { return; }
  if (stuck) {
    r->before = 0;
    twice(r);
  } else {
    judge(r, (double)n / (double)took_us);
  }
  moon_ramp_begin(r, now_us, heard);
}
