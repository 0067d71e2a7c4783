/* stage: a fleet set up: recordings read, kinds compiled, ports bound, agents in place. What is shared is made once. */
#ifndef MOON_MAIN_STAGE_H
#define MOON_MAIN_STAGE_H

#include "../bind/fleet/fleet.h"
#include "../engine/crowd.h"
#include "../engine/serve.h"

struct moon_stage_recording {
  const char *path; /* the fleet's */
  struct moon_recording *recording;
  bool snmp, usm;
};

struct moon_stage {
  struct moon_fleet *fleet;             /* borrowed */
  struct moon_stage_recording *recordings;
  struct moon_vary **varies;            /* by kind; NULL: still, or that of the kind's first */
  struct moon_flaws **flaws;            /* by kind */
  struct moon_profile *profiles;        /* by kind */
  struct moon_security *securities;     /* by kind */
  struct moon_context *contexts;        /* of all kinds */
  struct moon_user_pool *pool;          /* NULL: nobody speaks SNMPv3 */
  struct moon_crowd *crowd;
  struct moon_server *server;
  struct moon_addr *listening;          /* what was bound */
  uint32_t n_recordings, n_listening, n_contexts;
  uint64_t instances;                   /* of all recordings */
  uint64_t left_out;                    /* lines of recordings that are not served; each was told */
};

struct moon_stage_options {
  const struct moon_io *io;
  void *loop;
  uint64_t (*clock_us)(void *arg);      /* NULL: the monotonic clock */
  void *clock_arg;
  bool strict;                          /* a line that cannot be served is an error */
};

/* Reads and binds. Lines left out of recordings go to the log. MOON_E_CONFIG: `error` says what somebody must mend; *port_taken:
 * it is a port that cannot be had. fini is due in any case. */
enum moon_err moon_stage_init(struct moon_stage *s, struct moon_fleet *fleet, const struct moon_stage_options *o, bool *port_taken,
                              char *error, size_t cap);
void moon_stage_fini(struct moon_stage *s);

#endif
