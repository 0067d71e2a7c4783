/* uptime: sysUpTime of an agent as it was last seen: one that went back tells that the agent restarted. */
#ifndef MOON_SESSION_UPTIME_H
#define MOON_SESSION_UPTIME_H

#include "fetch.h"

/* Zeros: never seen. */
struct moon_uptime {
  uint64_t at_us; /* when it was received; 0: never */
  uint32_t ticks; /* hundredths */
};

/* sysUpTime.0 in content octets. */
extern const struct moon_name moon_uptime_name;
static inline bool moon_uptime_is(const uint8_t *oid, size_t n) {
  return n == moon_uptime_name.len && memcmp(oid, moon_uptime_name.oid, n) == 0;
}
/* One that came; anything else than TimeTicks is passed over. True: the agent restarted since. */
MOON_API bool moon_uptime_see(struct moon_uptime *u, const struct moon_cell *c);

#endif
