#include "ramp.h"

#define SILENCE_US 5000   /* without any answer */
#define PATIENCE_US 50000 /* for one answer a place */
#define BUSY 10           /* times as long where most runs heard something before: those agents live, and are busy */
#define GAIN 1.5          /* twice as many at once have to bring this much */
#define LOSS 0.9          /* half as many this much */
#define FADE 0.98         /* of the best at each judgement: on a busy machine the one before is no measure */
#define EMPTY_US 50000    /* for a trial of less to begin, or that many answers a place: runs that go on do not keep new ones waiting */
#define EMPTY_ANSWERS 32
#define HOLD_US 32000     /* after a trial that failed, twice as long after the next */
#define HOLD_MOST_US 512000

void moon_ramp_init(struct moon_ramp *r) { *r = (struct moon_ramp){.level = MOON_RAMP_FIRST, .hold_us = HOLD_US}; }

void moon_ramp_begin(struct moon_ramp *r, uint64_t now_us, uint64_t heard) {
  r->since_us = r->quiet_us = now_us;
  r->heard = r->seen = heard;
}

static void twice(struct moon_ramp *r) {
  if (r->level <= UINT32_MAX / 2) { r->level *= 2; }
}

static void take_back(struct moon_ramp *r) {
  r->level = r->before;
  r->before = 0;
  r->down = !r->down;
}

static void give_up(struct moon_ramp *r, uint64_t now_us) {
  take_back(r);
  r->held_us = now_us + r->hold_us;
  r->hold_us = r->hold_us < HOLD_MOST_US ? 2 * r->hold_us : HOLD_MOST_US;
}

/* Runs that go on may be more than the level: twice as many are twice as many of them. */
static void try(struct moon_ramp *r, uint32_t active) {
  r->before = r->level;
  r->down = r->down && r->level >= 2 * MOON_RAMP_FIRST;
  r->emptied = false;
  if (r->down) {
    r->level /= 2;
  } else {
    if (active > r->level) { r->level = active; }
    twice(r);
  }
}

static void judge(struct moon_ramp *r, double rate, uint64_t now_us, uint32_t active) {
  r->best *= FADE;
  if (r->before) {
    if (r->down ? rate < r->rate * LOSS : rate < r->best * GAIN) { give_up(r, now_us); }
    r->before = 0;
  } else {
    bool first = r->best == 0; /* the first answers are slow */
    r->rate = r->rate > 0 ? (3 * r->rate + rate) / 4 : rate;
    if (!first && now_us >= r->held_us) { try(r, active); }
  }
  r->best = rate > r->best ? rate : r->best;
}

static void widen(struct moon_ramp *r, uint64_t now_us) {
  if (r->before && r->down) { give_up(r, now_us); }
  r->before = 0;
  r->down = !r->answered; /* who did not answer yet may just have been slow to begin */
  twice(r);
}

/* Are places held by those who do not answer, or not soon? n answers came in took_us. */
static bool is_stuck(const struct moon_ramp *r, uint64_t n, uint64_t took_us, uint64_t quiet_us, uint32_t deaf) {
  uint64_t times = deaf < r->level - r->level / 8 ? BUSY : 1;
  return quiet_us >= times * SILENCE_US || (n < r->level && took_us >= times * PATIENCE_US);
}

void moon_ramp_look(struct moon_ramp *r, uint64_t now_us, uint64_t heard, uint32_t active, uint32_t deaf) {
  uint64_t n = heard - r->heard, took_us = now_us > r->since_us ? now_us - r->since_us : 0;
  bool emptying = r->before && r->down && !r->emptied;
  r->answered = r->answered || n;
  if (heard != r->seen) {
    r->seen = heard;
    r->quiet_us = now_us;
  }
  if (is_stuck(r, n, took_us, now_us > r->quiet_us ? now_us - r->quiet_us : 0, deaf)) {
    widen(r, now_us);
  } else if (emptying) {
    r->emptied = active <= r->level;
    if (!r->emptied && took_us < EMPTY_US && n / EMPTY_ANSWERS < r->level) { return; }
    if (!r->emptied) { take_back(r); } /* long runs: nothing was learned, so more may be tried at once */
  } else if (n < r->level || !took_us) {
    return;
  } else {
    judge(r, (double)n / (double)took_us, now_us, active);
  }
  moon_ramp_begin(r, now_us, heard);
}
