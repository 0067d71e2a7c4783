/* change: what is not the same in a plan that was read again. Plain data in, plain data out: no Lua, no files.
 *
 *   moon_change_keep(was, &fresh);               files that could not be read keep their targets
 *   moon_change_make(was, fresh, &c);
 *   moon_change_pack(&c, mine, arg, &p, &n);     for moon_host_change, after moon_unpack elsewhere
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
  bool settings;                     /* policy, limits or the intervals of jobs */
};

/* *fresh, whose kept files have no targets, gets those they had; another plan takes its place. MOON_E_NOMEM. */
enum moon_err moon_change_keep(const struct moon_plan *was, struct moon_plan **fresh);
enum moon_err moon_change_make(const struct moon_plan *was, const struct moon_plan *now, struct moon_change *out);
void moon_change_fini(struct moon_change *c);
/* Are the probes the same code, asked to do the same? Their intervals may differ. */
bool moon_change_same_probes(const struct moon_plan *a, const struct moon_plan *b);
/* Nothing for anybody? */
static inline bool moon_change_is_none(const struct moon_change *c) { return !c->n_new && !c->n_other && !c->n_gone && !c->settings; }
/* The part of those whose targets mine() knows by their names. As moon_pack. */
enum moon_err moon_change_pack(const struct moon_change *c, bool (*mine)(void *arg, const char *name), void *arg, uint8_t **out, size_t *n);

#endif
