#include "without.h"

#include <stdlib.h>
#include <string.h>

#include "../base/mem.h"

static bool take(struct moon_without *w, const char *word, size_t n) {
#define TAKE(name)                                                      \
  if (n == sizeof #name - 1 && memcmp(word, #name, n) == 0) {           \
    w->name = w->any = true;                                            \
    return true;                                                        \
  }
  MOON_WITHOUT(TAKE)
#undef TAKE
  return n == 0;
}

enum moon_err moon_without_init(struct moon_without *w) {
  const char *text = getenv("MOONPOLL_WITHOUT");
  memset(w, 0, sizeof *w);
  while (text && *text) {
    size_t n = strcspn(text, ",");
    if (!take(w, text, n)) { return MOON_E_CONFIG; }
    text += n + (text[n] == ',');
  }
  return MOON_OK;
}

void moon_without_fini(struct moon_without *w) {
  moon_mem_free(w->probes);
  moon_mem_free(w->jobs);
}

/* The same probes, their runs without an end. */
static bool free_runs(struct moon_without *w, const struct moon_plan *plan) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < plan->n_probes; i++) { n += plan->probes[i].n_jobs; }
  w->probes = moon_mem_array(plan->n_probes + 1, sizeof *w->probes);
  w->jobs = moon_mem_array(n + 1, sizeof *w->jobs);
  if (!w->probes || !w->jobs) { return false; }
  n = 0;
  for (uint32_t i = 0; i < plan->n_probes; i++) {
    w->probes[i] = plan->probes[i];
    w->probes[i].jobs = &w->jobs[n];
    for (uint32_t j = 0; j < plan->probes[i].n_jobs; j++, n++) {
      w->jobs[n] = plan->probes[i].jobs[j];
      w->jobs[n].timeout_s = 0;
    }
  }
  w->plan.probes = w->probes;
  return true;
}

const struct moon_plan *moon_without_plan(struct moon_without *w, const struct moon_plan *plan) {
  if (!w->any) { return plan; }
  w->plan = *plan;
  if (w->breaker) { w->plan.policy.breaker_after = 0; }
  if (w->timeouts && !free_runs(w, plan)) { return NULL; }
  return &w->plan;
}

void moon_without_engine(const struct moon_without *w, struct moon_engine_config *c) {
  if (w->budget) { c->retry_per_s = 10000000; }
}

void moon_without_host(const struct moon_without *w, struct moon_host_config *c) {
  if (w->phases) { c->in_step = true; }
}
