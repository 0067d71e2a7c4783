/* A plan as it comes out of a pipe: whatever the octets, a refusal or a plan that can be walked from end to end. */
#include <stdlib.h>
#include <string.h>

#include "bind/load/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static size_t weigh(const struct moon_plan *plan) {
  size_t sum = strlen(plan->loop) + (plan->run_dir ? strlen(plan->run_dir) : 0);
  for (uint32_t i = 0; i < plan->n_credentials; i++) { sum += strlen(plan->credentials[i].name); }
  for (uint32_t i = 0; i < plan->n_probes; i++) {
    const struct moon_plan_probe *b = &plan->probes[i];
    for (uint32_t k = 0; k < b->n_sources; k++) { sum += strlen(b->sources[k].path) + b->sources[k].text[b->sources[k].len]; }
    for (uint32_t k = 0; k < b->n_jobs; k++) { sum += strlen(b->jobs[k].name); }
    for (uint32_t k = 0; k < b->n_args; k++) { sum += strlen(b->args[k].key) + strlen(b->args[k].value); }
    for (uint32_t k = 0; k < b->n_match; k++) { sum += strlen(b->match[k]); }
  }
  for (uint32_t i = 0; i < plan->n_targets; i++) {
    const struct moon_plan_target *t = &plan->targets[i];
    sum += strlen(t->name) + strlen(t->host) + (t->lookup ? strlen(t->lookup) : 0);
    for (uint32_t k = 0; k < t->n_credentials; k++) { sum += plan->credentials[t->credentials[k]].community_len; }
    for (uint32_t k = 0; k < t->n_labels; k++) { sum += (uint8_t)t->labels[k].value.p[t->labels[k].value.n]; }
  }
  for (uint32_t i = 0; i < plan->n_warnings; i++) { sum += strlen(plan->warnings[i]); }
  for (uint32_t i = 0; i < plan->n_env; i++) { sum += strlen(plan->env[i]); }
  return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
  struct moon_plan *plan;
  if (moon_unpack(p, n, &plan)) { return 0; }
  if (weigh(plan) == SIZE_MAX) { abort(); }
  moon_plan_free(plan);
  return 0;
}
