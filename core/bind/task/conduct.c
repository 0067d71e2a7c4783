#include "conduct.h"

static struct moon_run_figures figures(const struct moon_run *r, uint64_t took_us) {
  struct moon_limits whole;
  moon_limits_begin(&whole, r->version->plan);
  return (struct moon_run_figures){.took_us = took_us, .requests = whole.requests - r->left.requests,
                                   .samples = r->sheet ? r->sheet->record.n_samples : 0, .err = r->err,
                                   .cold = r->duty->ok + r->duty->failed <= 1};
}

void moon_conduct_note(struct moon_run *r, uint64_t took_us) {
  struct moon_duty *d = r->duty;
  struct moon_host *h = r->host;
  struct moon_host_probe *p = d->device->probe;
  if (!d->habit || r->cut || r->unmatched) { return; }
  struct moon_run_figures f = figures(r, took_us);
  bool tried = p->candidate && p->percent && (size_t)(p - h->probes) < h->config.n_witnesses;
  struct moon_witness *e = tried ? &h->config.witnesses[p - h->probes] : NULL;
  if (tried) { moon_witness_open(e, p->candidate->serial, p->percent); }
  if (tried && r->version == p->candidate) {
    moon_witness_tried(e, d->habit, &f, &h->limits, h->plan->steps.runs, d->device->target->plan->name, r->err ? d->why : NULL);
    return;
  }
  if (r->version != p->current) { return; }
  if (tried) { moon_witness_beside(e, d->habit, &f, &h->limits); }
  /* What is usual is that of before, while something is tried; but who has no habit yet needs one. */
  if (!tried || !moon_habit_is(d->habit)) { moon_habit_learn(d->habit, moon_habit_tag(r->version->plan->version), &f); }
}
