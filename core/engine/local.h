/* local: simulated agents behind peers of the same process, without a socket between them.
 *
 *   struct moon_local_agent a = {.agent = &agent, .room = room};
 *   moon_peer_answer_with(engine, peer, moon_local_agent_asked, &a);                                              */
#ifndef MOON_ENGINE_LOCAL_H
#define MOON_ENGINE_LOCAL_H

#include "../agent/answer.h"
#include "engine.h"

struct moon_local_agent {
  struct moon_agent *agent; /* borrowed; its time is the engine's */
  uint8_t *room;            /* MOON_ANSWER_ROOM octets, borrowed; any number of agents share them */
};

/* A moon_peer_asked; arg is a struct moon_local_agent. An answer from another source comes from the address after the one asked. */
MOON_API void moon_local_agent_asked(void *arg, struct moon_peer *p, uint64_t now_us, const uint8_t *request, size_t n);

#endif
