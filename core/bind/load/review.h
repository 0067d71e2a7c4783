/* review: what is wrong with a probe that loads, as far as its text tells: lua/moonpoll/check looks through it, nothing of it
 * is run.
 *
 *   struct moon_review r = {.say = say, .metric = metric, .arg = me};
 *   moon_review_probe(&plan->probes[0], &r);
 *
 * It sees methods and names that do not exist, fields nobody asked for, globals, what the sandbox does not give, samples that
 * `metrics` does not know. What is computed it does not follow: silence is no proof. */
#ifndef MOON_BIND_LOAD_REVIEW_H
#define MOON_BIND_LOAD_REVIEW_H

#include "plan.h"

struct moon_review {
  /* One thing in line `line` of a source of the probe. severe: it raises when the line is reached. text is lent. */
  void (*say)(void *arg, const struct moon_source *s, bool severe, uint32_t line, const char *text);
  /* A metric that is declared; type "" when it is not written out. NULL: not wanted. */
  void (*metric)(void *arg, const char *name, const char *type);
  void *arg;
  bool declared;  /* out: it has metrics, and they are written out */
};

/* MOON_E_NOMEM. Does not block. */
MOON_API enum moon_err moon_review_probe(const struct moon_plan_probe *p, struct moon_review *r);

#endif
