/* crowd: the agents behind a server's sockets: whose datagram is this, by the address and port asked and, where agents share
 * those, by community.
 *
 *   moon_crowd_new(n, &crowd);
 *   moon_crowd_add(crowd, &addr, profile, "core1", seed, now_us);
 *   moon_server_new(with .serve = moon_crowd_serve, .arg = crowd);  moon_crowd_attach(crowd, server);              */
#ifndef MOON_ENGINE_CROWD_H
#define MOON_ENGINE_CROWD_H

#include "../agent/agent.h"
#include "serve.h"

struct moon_crowd; /* opaque */

struct moon_crowd_member {
  struct moon_agent agent;   /* its number is the index of the member */
  struct moon_addr addr;
  const char *name;          /* borrowed */
  uint32_t next;             /* of the same address; UINT32_MAX: none */
  uint32_t first, last;      /* of the same address; last: only the first knows it */
  uint32_t open;             /* the first of this address that any community reads, where several share it; UINT32_MAX: none */
};

/* Room for n agents. MOON_E_NOMEM. */
MOON_API enum moon_err moon_crowd_new(uint32_t n, struct moon_crowd **out);
MOON_API void moon_crowd_free(struct moon_crowd *c); /* NULL is fine */
/* Answers leave through s. */
MOON_API void moon_crowd_attach(struct moon_crowd *c, struct moon_server *s);
/* Borrows profile and name. MOON_E_LIMIT: there is no room. */
MOON_API enum moon_err moon_crowd_add(struct moon_crowd *c, const struct moon_addr *addr, const struct moon_profile *profile,
                                      const char *name, uint64_t seed, uint64_t now_us);
/* A moon_serve; arg is the crowd. */
MOON_API void moon_crowd_serve(void *arg, const struct moon_arrival *in);
MOON_API uint32_t moon_crowd_n(const struct moon_crowd *c);
MOON_API struct moon_crowd_member *moon_crowd_at(struct moon_crowd *c, uint32_t i); /* i < n */
/* The first agent at this address; NULL. */
MOON_API struct moon_crowd_member *moon_crowd_find(struct moon_crowd *c, const struct moon_addr *addr);
/* The first agent at this address that knows the community; NULL. */
MOON_API struct moon_crowd_member *moon_crowd_knowing(struct moon_crowd *c, const struct moon_addr *addr, const uint8_t *community,
                                                      size_t n);
/* The agent of this name; NULL. Looks at all. */
MOON_API struct moon_crowd_member *moon_crowd_named(struct moon_crowd *c, const char *name);
/* Datagrams to addresses where no agent is. */
MOON_API uint64_t moon_crowd_nobody(const struct moon_crowd *c);
/* Adds up all of them. */
MOON_API void moon_crowd_counts(const struct moon_crowd *c, struct moon_agent_counts *out);

#endif
