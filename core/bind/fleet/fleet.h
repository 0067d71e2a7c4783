/* fleet: what a simulator serves, as plain data: a fleet file, or the command line of one, evaluated.
 *
 *   local function slow(i) return i % 10 == 0 and 0.5 or 0 end
 *   agent { recording = "router.snmprec", count = 100, address = "127.1.0.1", delay = slow, live = true }
 *   agent { recording = "ups.snmprec", count = 5, faults = { "zero-length", { "loss", share = 0.1 } } }
 *
 * A Lua state is kept only where something has to be asked of it while serving: fields `vary`. */
#ifndef MOON_BIND_FLEET_FLEET_H
#define MOON_BIND_FLEET_FLEET_H

#include "../../agent/agent.h"
#include "../../session/addr.h"
#include "../load/login.h"

/* All borrowed. Either a file, or a recording and what goes with it. */
struct moon_fleet_options {
  const char *file;
  const char *recording;
  const char *address;   /* of the first agent; NULL: 127.1.0.1 */
  const char *community; /* NULL: public */
  const char *write;     /* community that may SET; NULL: private */
  const struct moon_login *login; /* user of SNMPv3 of agents that name none, may SET; NULL: they have no SNMPv3 */
  const char *faults;    /* "dead,loss:share=0.1,gen-err:oid=1.3.6.1.2.1.2:from=10"; NULL: none */
  uint32_t count;        /* 0: 1 */
  uint32_t max_octets;   /* 0: as the agents have it */
  uint16_t port;         /* of agents that name none; 0: a free one */
  uint64_t seed;
  bool live;             /* values move */
  bool timing;
  bool snmp;             /* the snmp group tells each agent's own counts */
  /* A mistake in a function of the fleet's while it serves; one line, lent. May be NULL. */
  void (*notice)(void *arg, const char *text);
  void *arg;
};

/* A contextName of SNMPv3. */
struct moon_fleet_context {
  const char *name;
  uint32_t kind; /* that has its recording, and no agents; UINT32_MAX: the same as without a context */
};

/* One kind: what the agents of one agent{} share. Strings and arrays are lent by the fleet. */
struct moon_fleet_kind {
  const char *place;                       /* begins errors about it: "lab.lua:3" */
  const char *recording;                   /* path */
  const struct moon_vary_rule *rules;
  const struct moon_flaw *flaws;
  const struct moon_community *communities;
  moon_agent_hook *hook;                   /* NULL: none */
  void *hook_ctx;
  const uint8_t *hook_root;
  const struct moon_user *users;           /* secret, wiped with the fleet */
  const struct moon_fleet_context *contexts;
  uint32_t n_rules, n_flaws, n_users, n_contexts;
  uint32_t users_at;                       /* while loading: index of the first */
  uint32_t max_octets;                     /* 0: the default */
  uint32_t first;                          /* kind that has the same rules: this one, or one before it */
  uint16_t hook_root_len;
  uint8_t n_communities;
  bool live, snmp, timing, create;
  bool unbound;                            /* nothing listens at its port */
};

struct moon_fleet_agent {
  const char *name;
  const struct moon_identity *identity; /* NULL: nothing is given */
  struct moon_addr addr; /* port 0: the fleet's free one */
  uint32_t kind;
};

struct moon_fleet {
  const struct moon_fleet_kind *kinds;
  const struct moon_fleet_agent *agents;
  uint32_t n_kinds, n_agents;
  uint64_t seed;
  uint16_t port;
};

#define MOON_FLEET_AGENTS_MAX 1000000u

/* On failure `error` holds one line: file, line, what is wrong. MOON_E_CONFIG, MOON_E_NOMEM. Blocks while files are read. */
MOON_API enum moon_err moon_fleet_load(const struct moon_fleet_options *o, struct moon_fleet **out, char *error, size_t cap);
MOON_API void moon_fleet_free(struct moon_fleet *f); /* NULL is fine */

#endif
