/* without: mechanisms a worker goes without, so that the tests of each can be seen to fail. Named in the environment,
 * MOONPOLL_WITHOUT=budget,phases, of a worker and of nobody else; nothing of this is for operators.
 *
 *   breaker       silent agents are asked as often as all others
 *   budget        every try after the first is allowed
 *   phases        what is due every so often is due at once for all targets
 *   timeouts      runs may take as long as they like
 *   backpressure  runs that a full ring does not take are put aside, and polling goes on                            */
#ifndef MOON_MAIN_WITHOUT_H
#define MOON_MAIN_WITHOUT_H

#include "../bind/task/host.h"

/* X(name) */
#define MOON_WITHOUT(X) X(breaker) X(budget) X(phases) X(timeouts) X(backpressure)

struct moon_without {
#define MOON_WITHOUT_FIELD(name) bool name;
  MOON_WITHOUT(MOON_WITHOUT_FIELD)
#undef MOON_WITHOUT_FIELD
  bool any;
  struct moon_plan plan;         /* as it was, but for what is off */
  struct moon_plan_probe *probes; /* own; NULL: the plan's */
  struct moon_plan_job *jobs;    /* own, of all probes */
};

/* Reads the environment. MOON_E_CONFIG: a word in it is none of these. */
enum moon_err moon_without_init(struct moon_without *w);
void moon_without_fini(struct moon_without *w);
/* What the worker goes by instead of plan: plan itself when nothing is off. NULL: no memory. Lends from plan and from w. */
const struct moon_plan *moon_without_plan(struct moon_without *w, const struct moon_plan *plan);
void moon_without_engine(const struct moon_without *w, struct moon_engine_config *c);
void moon_without_host(const struct moon_without *w, struct moon_host_config *c);

#endif
