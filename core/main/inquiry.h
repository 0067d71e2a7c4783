/* inquiry: a client's question to the workers, from the control socket to the desk and back. Several at once, as many as there can
 * be clients; each is over after MOON_INQUIRY_US, whoever has answered by then:
 *
 *   {"answers":[{"worker":0,...},...],"busy":[{"worker":1,"pid":4711}]}                                                  */
#ifndef MOON_MAIN_INQUIRY_H
#define MOON_MAIN_INQUIRY_H

#include "control.h"
#include "desk.h"
#include "stats.h"

#define MOON_INQUIRY_US 900000u

struct moon_inquiry {
  struct moon_desk *desk;
  struct moon_control *control;
  const struct moon_stats *stats;
  struct { uint32_t ticket /* 0: free */; uint64_t deadline_us; } open[MOON_CONTROL_CLIENTS]; /* each on the slip of its number */
};

/* Borrows all. */
void moon_inquiry_init(struct moon_inquiry *q, struct moon_desk *d, struct moon_control *c, const struct moon_stats *s);
/* Is this a command that workers answer? Inside the control's fn: it is taken. */
bool moon_inquiry_take(struct moon_inquiry *q, const char *command, uint64_t now_us);
/* Answers what can be answered. Returns when to call again at the latest; UINT64_MAX: when the bell rings. */
uint64_t moon_inquiry_look(struct moon_inquiry *q, uint64_t now_us);

#endif
