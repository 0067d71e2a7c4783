#include "witness.h"

#include <stdio.h>
#include <string.h>

#include "calm.h"

void moon_witness_turn(struct moon_witness *e, uint32_t serial, uint32_t percent) {
  if (e->serial != serial) { *e = (struct moon_witness){.serial = serial}; }
  struct moon_witness_sums *sums[] = {&e->tried, &e->beside};
  for (int i = 0; i < 2; i++) {
    sums[i]->asked = sums[i]->silent = 0;
    sums[i]->asked_devices = sums[i]->fell_silent = 0;
  }
  e->percent = percent;
  e->first = e->second = e->here = 0;
}

/* silence: the sums that whether it was silent belongs to. */
static void add_run(struct moon_witness_sums *s, struct moon_witness_sums *silence, const struct moon_run_figures *f,
                    const struct moon_weighed *w) {
  bool silent = moon_calm_is_about(f->err);
  for (int i = 0; i < MOON_WORSE_N; i++) { (i == MOON_WORSE_SILENT ? silence : s)->worse[i] += w->now_sure >> i & 1; }
  silence->fell_silent += w->now_sure >> MOON_WORSE_SILENT & 1;
  if (!w->compared) { return; }
  silence->asked++;
  silence->silent += silent;
  s->compared++;
  s->failed += f->err && !silent;
  if (!w->measured) { return; }
  s->measured++;
  for (int i = 0; i < MOON_FIGURES; i++) {
    s->off[i] += w->off[i];
    s->square[i] += (uint64_t)((int32_t)w->off[i] * w->off[i]);
  }
}

static void add_device(struct moon_witness_sums *s, const struct moon_habit *h) {
  s->devices++;
  s->past += h->runs;
  s->past_failed += (uint64_t)h->runs * h->failing;
}

static void expose(struct moon_witness_sums *s) {
  s->exposed++;
  s->asked_devices++;
}

/* Is this its first run in this step? */
static bool enters(struct moon_habit *h, const struct moon_witness *e) {
  if (h->step == (uint8_t)e->percent) { return false; }
  h->step = (uint8_t)e->percent;
  h->stepped = 0;
  return true;
}

/* Octets of the first line; what is from memory that others left may have no end. */
static size_t line(const char *s, size_t most) {
  size_t n = 0;
  while (n < most && s[n] && s[n] != '\r' && s[n] != '\n') { n++; }
  return n;
}

/* The first one, until one of a device that is surely worse is at hand. A line of it. */
static void tell(struct moon_witness *e, uint32_t how, const char *device, const char *error) {
  if (e->told >= how || !error) { return; }
  snprintf(e->device, sizeof e->device, "%.*s", (int)sizeof e->device - 1, device);
  snprintf(e->error, sizeof e->error, "%.*s", (int)line(error, sizeof e->error), error);
  e->told = how;
}

void moon_witness_tried(struct moon_witness *e, struct moon_habit *h, const struct moon_run_figures *f, const struct moon_habit_limits *limits,
                         uint32_t runs, const char *device, const char *error) {
  struct moon_weighed w;
  moon_habit_weigh(h, moon_habit_tag(e->serial), true, f, limits, &w);
  bool known = moon_habit_is(h), first = h->tried == 1;
  if (first) { h->entered = (uint8_t)e->percent; }
  bool old = h->entered != (uint8_t)e->percent;
  struct moon_witness_sums *silence = old ? &e->beside : &e->tried;
  if (enters(h, e) && known) { expose(silence); }
  if (h->stepped < UINT8_MAX) { h->stepped++; }
  e->first += h->stepped == 1;
  e->second += h->stepped == runs;
  e->here += w.compared && !first;
  e->suspects += w.suspect;
  e->suspects_beside -= w.dismissed;
  if (first && known) { add_device(&e->tried, h); }
  add_run(&e->tried, silence, f, &w);
  if (w.surprise) { tell(e, w.now_sure & (1u << MOON_WORSE_FAILING | 1u << MOON_WORSE_SILENT) ? 2 : 1, device, error); }
}

void moon_witness_beside(struct moon_witness *e, struct moon_habit *h, const struct moon_run_figures *f, const struct moon_habit_limits *limits) {
  struct moon_weighed w;
  uint8_t tag = moon_habit_tag(e->serial);
  bool first = h->trial != tag;
  moon_habit_weigh(h, tag, false, f, limits, &w);
  e->suspects_beside += w.suspect;
  if (first && moon_habit_is(h)) { add_device(&e->beside, h); }
  if (enters(h, e) && moon_habit_is(h)) { expose(&e->beside); }
  add_run(&e->beside, &e->beside, f, &w);
}

static void add_sums(struct moon_witness_sums *to, const struct moon_witness_sums *from) {
  to->compared += from->compared;
  to->failed += from->failed;
  to->past += from->past;
  to->past_failed += from->past_failed;
  to->measured += from->measured;
  to->devices += from->devices;
  for (int i = 0; i < MOON_FIGURES; i++) {
    to->off[i] += from->off[i];
    to->square[i] += from->square[i];
  }
  for (int i = 0; i < MOON_WORSE_N; i++) { to->worse[i] += from->worse[i]; }
  to->exposed += from->exposed;
}

static void add_silence(struct moon_witness_sums *to, const struct moon_witness_sums *from) {
  to->asked += from->asked;
  to->silent += from->silent;
  to->asked_devices += from->asked_devices;
  to->fell_silent += from->fell_silent;
}

void moon_witness_add(struct moon_witness *to, const struct moon_witness *from) {
  if (!from->serial || from->serial != to->serial) { return; }
  if (from->percent == to->percent) {
    add_silence(&to->tried, &from->tried);
    add_silence(&to->beside, &from->beside);
    to->first += from->first;
    to->second += from->second;
    to->here += from->here;
  }
  to->suspects += from->suspects;
  to->suspects_beside += from->suspects_beside;
  add_sums(&to->tried, &from->tried);
  add_sums(&to->beside, &from->beside);
  if (from->told > to->told) { tell(to, from->told, from->device, from->error); }
}
