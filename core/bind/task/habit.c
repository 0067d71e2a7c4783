#include "habit.h"

#include <math.h>
#include <stdlib.h>

#include "calm.h"

#define MEMORY 16           /* runs, about, that what is usual comes from */
#define NONE INT16_MIN      /* a level, while no run went well */
#define CLIP (2 * MOON_HABIT_ONE) /* one run counts no more, unless more is allowed */
#define SPREAD_ONE (MOON_HABIT_ONE / 32)
#define FAR 3               /* times its spread: one run in fifty is there by chance */
#define LEAST_SHARE 0.02    /* of runs that are worse by chance, where fewer were seen */
#define PRIOR_RUNS 2.0
#define NAT 8.0             /* of a score */
#define GOES_ON 0.9         /* share of runs that are worse where something is broken */
#define SCRIPT_ERROR_RARER 4 /* errors of a script are seldom what is usual */

_Static_assert(sizeof(struct moon_habit) == 24, "there is one for each duty");

/* log2 to 1/1024, within 0.09 of it: what is compared is made the same way. */
static int16_t logarithm(uint64_t v) {
  if (v > INT32_MAX) { v = INT32_MAX; }
  int top = 63 - __builtin_clzll(v | 1);
  uint64_t rest = (v << 10 >> top) & (MOON_HABIT_ONE - 1);
  return (int16_t)(top * MOON_HABIT_ONE + (int)rest);
}

static void measure(const struct moon_run_figures *f, int16_t out[MOON_FIGURES]) {
  out[MOON_FIGURE_TIME] = logarithm((f->took_us + 10000) / 16);
  out[MOON_FIGURE_REQUESTS] = logarithm((uint64_t)f->requests * 2 + 1);
  out[MOON_FIGURE_SAMPLES] = logarithm((uint64_t)f->samples * 4 + 1);
}

/* none: nothing is beyond it. */
static int16_t limit(double times, int16_t none) { return times > 0 && times < 1e6 ? (int16_t)(log2(times) * MOON_HABIT_ONE) : none; }

void moon_habit_limits(const struct moon_steps *s, struct moon_habit_limits *out) {
  out->at[MOON_FIGURE_TIME] = limit(s->time, INT16_MAX);
  out->at[MOON_FIGURE_REQUESTS] = limit(s->requests, INT16_MAX);
  out->at[MOON_FIGURE_SAMPLES] = limit(s->samples, INT16_MIN);
}

/* More than is allowed, and than this device does by itself. */
static bool beyond(const struct moon_habit *h, enum moon_figure i, int off, int limit) {
  int n = h->runs < MEMORY ? h->runs : MEMORY, usual = FAR * h->spread[i] * SPREAD_ONE * (n + 2) / n;
  if (i == MOON_FIGURE_SAMPLES) { return off <= (-usual < limit ? -usual : limit); }
  return off >= (usual > limit ? usual : limit);
}

static int16_t clipped(int off, int limit) {
  int most = (limit < 0 ? -limit : limit) + MOON_HABIT_ONE;
  most = most < CLIP ? CLIP : most > INT16_MAX ? INT16_MAX : most;
  return (int16_t)(off > most ? most : off < -most ? -most : off);
}

static uint8_t more(uint8_t n) { return (uint8_t)(n + (n < UINT8_MAX)); }

/* Towards what was seen, and never stuck short of it. */
static int towards(int from, int to, int n) {
  int d = to - from;
  return from + (d > 0 ? (d + n - 1) / n : -((-d + n - 1) / n));
}

void moon_habit_learn(struct moon_habit *h, uint8_t tag, const struct moon_run_figures *f) {
  int16_t x[MOON_FIGURES];
  if (h->tag != tag || !h->runs) {
    *h = (struct moon_habit){.tag = tag, .level = {NONE, NONE, NONE}};
  }
  int n = h->runs < MEMORY - 1 ? h->runs + 1 : MEMORY;
  int d = (f->err ? UINT16_MAX : 0) - h->failing;
  h->failing = (uint16_t)(h->failing + d / n);
  h->runs = more(h->runs);
  if (f->err || f->cold) { return; }
  measure(f, x);
  for (enum moon_figure i = 0; i < MOON_FIGURES; i++) {
    if (h->level[i] == NONE) {
      h->level[i] = x[i];
      continue;
    }
    int far = abs(x[i] - h->level[i]) / SPREAD_ONE;
    h->spread[i] = (uint8_t)towards(h->spread[i], far < UINT8_MAX ? far : UINT8_MAX, n);
    h->level[i] = (int16_t)towards(h->level[i], x[i], n);
  }
}

double moon_habit_failing(const struct moon_habit *h) { return (double)h->failing / UINT16_MAX; }

/* share: of runs that were so. */
static void score(struct moon_habit *h, int which, bool worse, double share, double rarer, struct moon_weighed *out) {
  double n = h->runs < MEMORY ? h->runs : MEMORY;
  double p = (share * n + LEAST_SHARE * PRIOR_RUNS) / (n + PRIOR_RUNS);
  p = p < LEAST_SHARE ? LEAST_SHARE : p;
  double gain = worse ? (p < 0.5 ? log(GOES_ON / (p / rarer)) : 0) : -log((1 - (p < 0.5 ? p : 0.5)) / (1 - GOES_ON));
  double to = h->score[which] + gain * NAT;
  bool was = h->score[which] >= MOON_HABIT_SUSPECT;
  h->score[which] = (uint8_t)(to < 0 ? 0 : to > UINT8_MAX ? UINT8_MAX : to);
  bool sure = h->sure >> which & 1;
  if (!sure && h->score[which] >= MOON_HABIT_SURE) {
    h->sure |= (uint8_t)(1u << which);
    out->now_sure |= (uint8_t)(1u << which);
  }
  bool is = h->score[which] >= MOON_HABIT_SUSPECT && !(h->sure >> which & 1);
  was = was && !sure;
  out->suspect = (int8_t)(out->suspect + (int)is - (int)was);
}

/* What went wrong on the version before is not the candidate's. */
static uint8_t begin(struct moon_habit *h) {
  uint8_t suspicions = 0;
  for (int i = 0; i < MOON_WORSE_N; i++) {
    if (h->score[i] >= MOON_HABIT_SUSPECT && !(h->sure >> i & 1)) { suspicions++; }
    if (h->score[i] >= MOON_HABIT_SUSPECT / 2) { h->sure |= (uint8_t)(1u << i); }
    h->score[i] = 0;
  }
  return suspicions;
}

void moon_habit_weigh(struct moon_habit *h, uint8_t trial, bool candidate, const struct moon_run_figures *f, const struct moon_habit_limits *limits,
                      struct moon_weighed *out) {
  int16_t x[MOON_FIGURES];
  *out = (struct moon_weighed){0};
  if (h->trial != trial) {
    h->trial = trial;
    h->tried = h->entered = h->stepped = h->step = h->sure = 0;
    for (int i = 0; i < MOON_WORSE_N; i++) { h->score[i] = 0; }
  }
  if (candidate && !h->tried) { out->dismissed = begin(h); }
  if (candidate) { h->tried = more(h->tried); }
  bool known = moon_habit_is(h), silent = moon_calm_is_about(f->err), script = f->err == MOON_E_PUBLIC_N;
  double failing = moon_habit_failing(h);
  out->surprise = f->err && failing < 0.5;
  if (known || script || h->score[MOON_WORSE_FAILING]) {
    if (!silent) { score(h, MOON_WORSE_FAILING, f->err != 0, failing, script ? SCRIPT_ERROR_RARER : 1, out); }
    if (silent || !f->err) { score(h, MOON_WORSE_SILENT, silent, failing, 1, out); }
  }
  out->compared = known;
  out->measured = known && !f->err && !f->cold && !(candidate && h->tried == 1);
  if (!out->measured) { return; }
  measure(f, x);
  for (enum moon_figure i = 0; i < MOON_FIGURES; i++) {
    if (h->level[i] == NONE) { continue; }
    int off = x[i] - h->level[i];
    out->off[i] = clipped(off, limits->at[i]);
    score(h, (int)i, beyond(h, i, off, limits->at[i]), 0, 1, out);
  }
}
