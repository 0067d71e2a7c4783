/* vary: values over time. What an instance is worth is a function of the agent's seed, the instance and the time, and of
 * nothing else: agents carry no state for it, any moment can be asked for, and the same seed gives the same run.
 *
 *   COUNTER   start + rate x time, exact in 64 bits, wrapped to the width of its type; a reboot starts it at 0
 *   GAUGE     wanders between low and high, smoothly, a step a period
 *   UPTIME    hundredths of a second since the boot, on top of what was recorded until the first reboot; wraps at 497 days
 *   SECONDS   the same in seconds (snmpEngineTime)
 *   SINCE     sysUpTime at some event (ifLastChange): as recorded, 0 after a reboot
 *   BOOTS     as recorded, and one more for each reboot
 *   PRESENCE  comes and goes: the instances of one index are there or not together, in whatever table they are; ifNumber
 *             (when no rule has it) counts the rows of ifTable that are there
 *
 * moon_vary_new() compiles rules against one recording to an octet an instance; all agents of a kind share it. */
#ifndef MOON_AGENT_VARY_H
#define MOON_AGENT_VARY_H

#include "recording.h"

enum moon_vary_mode {
  MOON_VARY_STILL, /* as recorded */
  MOON_VARY_COUNTER,
  MOON_VARY_GAUGE,
  MOON_VARY_UPTIME,
  MOON_VARY_SECONDS,
  MOON_VARY_SINCE,
  MOON_VARY_BOOTS,
  MOON_VARY_PRESENCE,
  MOON_VARY_MODES_N
};

struct moon_vary_rule {
  const uint8_t *oid;   /* content octets; everything under it, of a type the mode can have */
  double rate_low;      /* COUNTER: units a second; each agent and instance has its own between the two, small ones */
  double rate_high;     /* more often. Equal: exactly this. Up to 1e13 */
  double low, high;     /* GAUGE: bounds; both 0: a quarter around what was recorded */
  double share;         /* PRESENCE: of the time that an index is gone, 0..1 */
  uint64_t start;       /* COUNTER: value at the start of the agent, when has_start; else what was recorded */
  uint64_t period_us;   /* of a step; 0: 60 s */
  uint16_t oid_len;
  uint8_t mode;         /* enum moon_vary_mode */
  uint8_t skip;         /* PRESENCE: arcs between oid and the index: 1 for a table's entry, 0 for a column */
  bool has_start;
  bool swing;           /* COUNTER: faster and slower within a period, right again at its end */
};

/* What an agent's values depend on. */
struct moon_moment {
  uint64_t seed;    /* the agent's */
  uint64_t t_us;    /* since its start */
  uint64_t boot_us; /* t_us of the last reboot; 0: none yet */
  uint32_t boots;   /* reboots so far */
};

struct moon_vary; /* opaque, immutable */

#define MOON_VARY_RULES_MAX 200 /* of the caller; the defaults come on top, and the index of all is one octet */

/* Compiles. With `defaults` plausible ones come first: octets, packets and errors of interfaces (32 and 64 bits of one
 * interface alike), uptimes, well-known gauges, other counters slowly. A later rule wins over an earlier one. Keeps the
 * recording until free, copies the rules. NULL: MOON_E_NOMEM, MOON_E_LIMIT (too many), MOON_E_CONFIG (*blame: which rule:
 * a mode or number out of range); blame may be NULL. */
MOON_API struct moon_vary *moon_vary_new(const struct moon_recording *r, const struct moon_vary_rule *rules, size_t n, bool defaults,
                                         size_t *blame, enum moon_err *err);
MOON_API void moon_vary_free(struct moon_vary *v); /* NULL is fine */

enum moon_varied {
  MOON_VARIED_NOT,    /* as recorded */
  MOON_VARIED_NUMBER, /* *number; of an INTEGER in two's complement */
  MOON_VARIED_GONE    /* not there now */
};

/* One octet an instance; 0: never varies. For loops that copy runs of instances. */
MOON_API const uint8_t *moon_vary_map(const struct moon_vary *v);
MOON_API enum moon_varied moon_vary_value(const struct moon_vary *v, uint32_t instance, const struct moon_moment *m,
                                          uint64_t *number);

#endif
