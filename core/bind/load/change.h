/* change: what is not the same in a plan that was read again. Plain data in, plain data out: no Lua, no files.
 *
 *   moon_change_keep(was, &fresh);               files that could not be read keep their targets
 *   moon_change_make(was, fresh, &c);
 *   moon_change_pack(&c, mine, arg, 100, &place, &p, &n);   until place.over: for moon_host_change, after moon_unpack elsewhere
 *   moon_change_pack_probe(fresh, c.code[i], ...)  for moon_host_prepare: probes whose code is another
 *   moon_change_fini(&c);                                                                                         */
#ifndef MOON_BIND_LOAD_CHANGE_H
#define MOON_BIND_LOAD_CHANGE_H

#include "plan.h"

enum moon_changed { MOON_CHANGED_NOT, MOON_CHANGED_NEW, MOON_CHANGED_OTHER };

struct moon_change {
  const struct moon_plan *was, *now; /* borrowed */
  uint8_t *is;                       /* enum moon_changed of each target of now */
  uint8_t *stays;                    /* of each target of was */
  uint32_t n_new, n_other, n_gone;
  uint32_t *code;                    /* which of now's probes have other code, or are asked to do something else with it */
  uint32_t n_code;
  bool settings;                     /* policy, limits or the intervals of jobs */
  bool outputs;                      /* where runs are written to: nothing to workers */
  bool anew;                         /* other probes, other jobs, or what a worker has from its start to its end */
};

/* *fresh, whose kept files have no targets, gets those they had; another plan takes its place. MOON_E_NOMEM. */
enum moon_err moon_change_keep(const struct moon_plan *was, struct moon_plan **fresh);
enum moon_err moon_change_make(const struct moon_plan *was, const struct moon_plan *now, struct moon_change *out);
void moon_change_fini(struct moon_change *c);
/* Are these two the same code, asked to do the same? Their intervals and limits may differ. */
bool moon_change_same_code(const struct moon_plan_probe *a, const struct moon_plan_probe *b);
/* A plan like `plan`, but for its probes named so in `other`, which are as they are there; name NULL: all that are in both. One that
 * plan does not have comes last when it is named. MOON_E_NOMEM. */
enum moon_err moon_change_mix(const struct moon_plan *plan, const struct moon_plan *other, const char *name, struct moon_plan **out);
/* Some probes of a plan and its settings: no targets, no credentials. */
enum moon_err moon_change_pick(const struct moon_plan *plan, const uint32_t *which, uint32_t n, struct moon_plan **out);
/* One probe, as moon_pack. */
enum moon_err moon_change_pack_probe(const struct moon_plan *plan, uint32_t which, uint8_t **out, size_t *n);
/* Nothing for anybody? */
static inline bool moon_change_is_none(const struct moon_change *c) { return !c->n_new && !c->n_other && !c->n_gone && !c->settings; }
/* How far a change was packed. Zeroed: not yet. */
struct moon_change_place {
  uint32_t was, now;                 /* targets of each that were looked at */
  bool begun;
  bool over;                         /* there is nothing more of it */
};
/* The next `most` of those whose targets mine() knows by their names: those that are gone first, and settings with the first part. As moon_pack. */
enum moon_err moon_change_pack(const struct moon_change *c, bool (*mine)(void *arg, const char *name), void *arg, uint32_t most,
                               struct moon_change_place *place, uint8_t **out, size_t *n);

#endif
