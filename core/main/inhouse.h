/* inhouse: agents that answer in the process that asks: those of targets that are recordings, and those of `moonpoll test`.
 *
 *   struct moon_inhouse h = {0};
 *   moon_inhouse_open(&h, engine, target, peer);     answer of moon_host_config
 *   moon_inhouse_fini(&h);                           after the engine */
#ifndef MOON_MAIN_INHOUSE_H
#define MOON_MAIN_INHOUSE_H

#include "../bind/load/plan.h"
#include "../engine/local.h"

struct moon_inhouse_agent; /* opaque */

struct moon_inhouse_file {
  char *path;                       /* a copy: the target it came with may go first */
  struct moon_recording *recording;
  struct moon_profile profile;      /* as recorded, any community reads and writes */
};

struct moon_inhouse {
  struct moon_inhouse_agent *agents;
  struct moon_inhouse_file **files;
  uint8_t *room;                    /* of answers, shared */
  uint32_t n_agents, n_files, files_cap;
};

/* The agent of a target that is a recording; recordings are read once, and lines left out are not told: whoever loaded the
 * plan did. MOON_E_NOMEM; MOON_E_CONFIG: it cannot be read any more, the log says why. */
enum moon_err moon_inhouse_open(struct moon_inhouse *h, struct moon_engine *e, const struct moon_plan_target *t, struct moon_peer *p);
/* An agent of this kind, borrowed; its number is how many there were before. MOON_E_NOMEM. */
enum moon_err moon_inhouse_add(struct moon_inhouse *h, struct moon_engine *e, struct moon_peer *p, const struct moon_profile *profile,
                               uint64_t seed);
void moon_inhouse_fini(struct moon_inhouse *h);

#endif
