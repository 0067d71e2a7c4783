/* calm: lines of the log when many devices of one site go silent within seconds: the first line is said, the others are held
 * for CALM_US, and become one line for the site when they are many.
 *
 *   interfaces: core7: timeout: no answer, ...
 *   site rack-12: 212 runs met silence within 3 s (timeout 200, unreachable 12), core7 the first
 *
 * A site is what the label `site` of a target says, else its /24 (IPv6: /64). No clock, and no heap but for held lines. */
#ifndef MOON_BIND_TASK_CALM_H
#define MOON_BIND_TASK_CALM_H

#include "../../base/sample.h"
#include "../../engine/engine.h"

#define MOON_CALM_US 2000000u    /* silence so long after the latest: the site is told */
#define MOON_CALM_MOST_US 10000000u /* and never later than so long after the first */
#define MOON_CALM_LINES 4u       /* so many lines are said by themselves */
#define MOON_CALM_SITES 256u     /* at once; of further ones every line is said */

struct moon_calm_site {
  char name[64];
  char first[64];                /* device */
  uint64_t begun_us, latest_us;  /* 0: free */
  uint32_t n;                    /* runs that met silence */
  uint32_t error[MOON_E_PUBLIC_N];
  char *line[MOON_CALM_LINES];   /* held; the first was said */
  uint32_t n_lines;
};

struct moon_calm {
  struct moon_calm_site *sites;  /* MOON_CALM_SITES; NULL: nothing was held yet */
  uint32_t n;                    /* that hold something */
  void (*say)(void *arg, const char *line);
  void *arg;
};

/* Does a run that ends so say that the device is silent? */
static inline bool moon_calm_is_about(uint8_t err) {
  return err == MOON_E_TIMEOUT || err == MOON_E_REFUSED || err == MOON_E_UNREACHABLE || err == MOON_E_DOWN;
}
/* Name of the site of a target. */
void moon_calm_site_name(const struct moon_label *labels, uint32_t n_labels, const struct moon_addr *addr, char *out, size_t cap);
/* A device fell silent: true: say the line now; else it is held. */
bool moon_calm_hold(struct moon_calm *c, const char *site, const char *device, uint8_t err, const char *line, uint64_t now_us);
/* Says what has been held long enough; all of it with `all`. Returns when to call again; UINT64_MAX: nothing is held. */
uint64_t moon_calm_look(struct moon_calm *c, uint64_t now_us, bool all);
void moon_calm_fini(struct moon_calm *c);

#endif
