/* limits: what one run may take of what is counted (load/plan.h), and how that is told: by the line of the script, the figure, the
 * probe and its version, without a traceback, as all that the configuration does not allow. Counted down from what the run may have;
 * who is trusted has four billion. */
#ifndef MOON_BIND_TASK_LIMITS_H
#define MOON_BIND_TASK_LIMITS_H

#include <stdbool.h>

#include "../load/plan.h"
#include <lua.h>

struct moon_host;

struct moon_limits { uint32_t requests, rows, samples, log_lines; }; /* that are left */

static inline void moon_limits_begin(struct moon_limits *l, const struct moon_plan_probe *p) {
#define LEFT(n) ((p)->trusted || !(n) ? UINT32_MAX : (n))
  *l = (struct moon_limits){LEFT(p->max_requests), LEFT(p->max_rows), LEFT(p->max_samples), LEFT(p->max_log_lines)};
#undef LEFT
}

/* It began by `was`, and `now` holds from here on: what it took already counts. */
static inline void moon_limits_change(struct moon_limits *l, const struct moon_plan_probe *was, const struct moon_plan_probe *now) {
  struct moon_limits a, b;
  moon_limits_begin(&a, was);
  moon_limits_begin(&b, now);
#define LEFT(n) (l->n = b.n > a.n - l->n ? b.n - (a.n - l->n) : 0)
  LEFT(requests);
  LEFT(rows);
  LEFT(samples);
  LEFT(log_lines);
#undef LEFT
}

/* One more? false, and from then on: none is left. */
static inline bool moon_limits_take(uint32_t *left) {
  if (*left == 0) { return false; }
  --*left;
  return true;
}

/* "more than 100 requests in one run (max_requests of p, version 0123456789abcdef)". [-0, +1, m] */
void moon_limits_push_text(lua_State *L, const struct moon_plan_probe *p, const char *name);
/* Raises that with the line of the script. [-0, +0, e] */
int moon_limits_raise(lua_State *L, const struct moon_plan_probe *p, const char *name);
/* Raises text with the line of the script: what the configuration does not allow. From functions whose first upvalue is the host.
 * [-0, +0, e] */
int moon_limits_refuse(lua_State *L, const char *text);
/* This is what is raised: that it was refused is all there is to say of it. */
void moon_limits_mark(struct moon_host *h, const char *text);
bool moon_limits_is_marked(const struct moon_host *h, const char *text);

#endif
