#include "ruling.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SURE_NATS 12.0    /* of failures of all runs together: one chance in a hundred thousand */
#define SURE_SILENT 6.5   /* nats, of devices that fell silent */
#define SURE_ERRORS 5.0   /* standard errors of a mean */
#define LEAST_RISE 0.02   /* of the share of runs that fail */
#define LEAST_MEASURED 20 /* runs before a mean is one */
#define APART 3.0         /* times as large a share as of the devices beside */
#define HABIT_RUNS 15.0   /* that the habit of a device is as good as */
#define SETTLED 0.9       /* of the devices had their runs: some are slow, or skipped one */
#define PATIENCE 5        /* times what a step takes at least */
#define LOOK_US 250000u

static const char *const NAMES[] = {"run time", "requests a run", "samples a run", "failures", "silence"};

struct text { char *p; size_t cap; };

static uint32_t devices_of(const struct moon_ruling_case *c, bool settled) {
  uint32_t n = c->sum->tried.devices;
  return settled || n > c->devices ? (n ? n : 1) : c->devices;
}

static double share(uint64_t a, uint64_t b) { return b ? (double)a / (double)b : 0; }

static void add_example(const struct moon_witness *e, struct text *t) {
  size_t n = strlen(t->p);
  if (e->told && n < t->cap) { snprintf(t->p + n, t->cap - n, "; first: %s: %s", e->device, e->error); }
}

/* ln of how much better two rates explain what was seen than one does. */
static double apart(double a, double n, double b, double m) {
  double rates[2] = {a / n, b / m}, runs[2] = {n, m}, all = (a + b) / (n + m), sum = 0;
  for (int i = 0; i < 2; i++) {
    if (rates[i] > 0) { sum += runs[i] * rates[i] * log(rates[i] / all); }
    if (rates[i] < 1) { sum += runs[i] * (1 - rates[i]) * log((1 - rates[i]) / (1 - all)); }
  }
  return sum;
}

/* Devices that fell silent just when they got the candidate, more than did without: in this step, and in all. */
static bool silenced(const struct moon_witness *e) {
  const struct moon_witness_sums *s = &e->tried, *o = &e->beside;
  double n = s->exposed, m = o->exposed, a = s->worse[MOON_WORSE_SILENT], b = o->worse[MOON_WORSE_SILENT];
  if (share(s->fell_silent, s->asked_devices) < APART * share(o->fell_silent, o->asked_devices)) { return false; }
  return m < 1 || (a / n > b / m && apart(a, n, b, m) >= SURE_SILENT);
}

/* Devices, one by one. */
static bool worse_devices(const struct moon_ruling_case *c, bool settled, struct text *t) {
  const struct moon_witness *e = c->sum;
  static const uint8_t order[] = {MOON_WORSE_FAILING, MOON_WORSE_SILENT, MOON_FIGURE_REQUESTS, MOON_FIGURE_SAMPLES, MOON_FIGURE_TIME};
  uint32_t n = devices_of(c, settled);
  double allowed = ceil(c->steps->failures * n);
  for (size_t i = 0; i < sizeof order; i++) {
    int k = order[i];
    double least = k == MOON_WORSE_FAILING ? 1 : 2;
    if (e->tried.worse[k] < (allowed < least ? least : allowed)) { continue; }
    if (k == MOON_WORSE_SILENT && !silenced(e)) { continue; }
    uint64_t beside = e->beside.worse[k] + (e->suspects_beside > 0 ? (uint32_t)e->suspects_beside : 0); /* some have run less since */
    if (k != MOON_WORSE_SILENT && share(e->tried.worse[k], n) < APART * share(beside, e->beside.devices)) { continue; }
    const char *what = k == MOON_WORSE_FAILING    ? "fail now and did not before"
                       : k == MOON_WORSE_SILENT   ? "are silent now and were not before"
                       : k == MOON_FIGURE_TIME     ? "take longer than they did"
                       : k == MOON_FIGURE_REQUESTS ? "take more requests than they did"
                                                   : "give fewer samples than they did";
    snprintf(t->p, t->cap, "%s: %u of %u devices %s; limit %g %%", NAMES[k], e->tried.worse[k], n, what, c->steps->failures * 100);
    if (k >= MOON_WORSE_FAILING) { add_example(e, t); }
    return true;
  }
  return false;
}

/* Are `failed` of n, who before were so of m, more than chance and a rise worth a word? */
static bool risen(const struct moon_ruling_case *c, double failed, double n, double before, double m) {
  double rise = failed / n - before / m, least = c->steps->failures > LEAST_RISE ? c->steps->failures : LEAST_RISE;
  return rise >= least && rise >= before / m && apart(failed, n, before, m) >= SURE_NATS;
}

/* All runs together, against those before or, where these do worse, those beside. Devices that fall silent do so for long and in
 * company: of them, each counts once. */
static bool failures(const struct moon_ruling_case *c, bool silence, struct text *t) {
  const struct moon_witness_sums *s = &c->sum->tried, *o = &c->sum->beside;
  double failed = (double)(silence ? s->silent : s->failed), n = (double)(silence ? s->asked : s->compared);
  double beside = (double)(silence ? o->silent : o->failed), n_beside = (double)(silence ? o->asked : o->compared);
  double before = (double)s->past_failed / UINT16_MAX, m = (double)s->past, each = silence && n > 0 ? s->asked_devices / n : 1;
  if (n < 1 || m < 1) { return false; }
  if (n_beside > 0 && beside / n_beside > before / m) {
    before = beside;
    m = n_beside;
  }
  double each_before = silence ? (m == n_beside ? o->asked_devices : s->asked_devices) / m : 1;
  if (!risen(c, failed * each, n * each, before * each_before, m * each_before)) { return false; }
  snprintf(t->p, t->cap, "%s: %.3g %% of %.0f runs, %.3g %% before", NAMES[silence ? MOON_WORSE_SILENT : MOON_WORSE_FAILING], 100 * failed / n,
           n, 100 * before / m);
  add_example(c->sum, t);
  return true;
}

static bool figure(const struct moon_ruling_case *c, enum moon_figure i, struct text *t) {
  const struct moon_witness_sums *s = &c->sum->tried, *o = &c->sum->beside;
  double limit = i == MOON_FIGURE_TIME ? c->steps->time : i == MOON_FIGURE_REQUESTS ? c->steps->requests : c->steps->samples;
  double up = i == MOON_FIGURE_SAMPLES ? -1 : 1;
  if (s->measured < LEAST_MEASURED || limit <= 0) { return false; }
  double n = (double)s->measured, mean = (double)s->off[i] / n, beside = o->measured >= LEAST_MEASURED ? (double)o->off[i] / (double)o->measured : 0;
  double spread = (double)s->square[i] / n - mean * mean;
  double error = sqrt((spread > 0 ? spread : 0) * (1 / n + 1 / (HABIT_RUNS * (double)(s->devices ? s->devices : 1))));
  if (beside * up > 0) { mean -= beside; }
  double times = exp2(mean / MOON_HABIT_ONE);
  if ((i == MOON_FIGURE_SAMPLES ? times > limit : times < limit) || mean * up < SURE_ERRORS * error) { return false; }
  snprintf(t->p, t->cap, "%s: %.2f times what is usual, over %.0f runs; limit %g", NAMES[i], times, n, limit);
  return true;
}

static bool is_settled(const struct moon_ruling_case *c) {
  const struct moon_witness *e = c->sum;
  return c->now_us - c->since_us >= c->steps->runs * c->every_us && e->here >= c->steps->comparisons && e->first > 0 &&
         e->second >= SETTLED * e->first;
}

static uint64_t patience_us(const struct moon_ruling_case *c) {
  return (c->steps->runs + 1) * (c->every_us > c->timeout_us ? c->every_us : c->timeout_us) * PATIENCE;
}

enum moon_ruling moon_ruling_give(const struct moon_ruling_case *c, char *text, size_t cap) {
  const struct moon_witness *e = c->sum;
  struct text t = {text, cap};
  bool settled = is_settled(c);
  if (worse_devices(c, settled, &t) || failures(c, false, &t) || failures(c, true, &t)) { return MOON_RULING_BACK; }
  for (int i = 0; i < MOON_FIGURES; i++) {
    if (figure(c, (enum moon_figure)i, &t)) { return MOON_RULING_BACK; }
  }
  bool waited = c->now_us - c->since_us >= patience_us(c);
  double allowed = ceil(c->steps->failures * devices_of(c, settled));
  bool suspects = e->suspects > 0 && e->suspects >= allowed;
  if (settled && (!suspects || waited)) {
    snprintf(text, cap, "no worse: %u comparisons with %u devices", (unsigned)e->tried.compared, e->tried.devices);
    return MOON_RULING_ON;
  }
  if (waited) {
    snprintf(text, cap, "nothing worse seen, in no more than %u comparisons: little is known of these devices, or few are polled", e->here);
    return MOON_RULING_ON;
  }
  if (suspects) {
    snprintf(text, cap, "held: %d of the devices may be worse", e->suspects);
  } else {
    snprintf(text, cap, "held: %u of %u comparisons, %u of %u devices had %u runs", e->here, c->steps->comparisons, e->second, e->first,
             c->steps->runs);
  }
  return MOON_RULING_HOLD;
}

uint64_t moon_ruling_next(const struct moon_ruling_case *c) {
  uint64_t half = c->every_us / 2;
  return c->now_us + (half < LOOK_US ? half > 20000 ? half : 20000 : LOOK_US);
}
