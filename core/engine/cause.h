/* cause: why an agent is not as well as it could be, in one word and one line, from what is known of it. A judgement, not a
 * proof: an agent that says nothing looks like one that is not there. No clock, no heap. */
#ifndef MOON_ENGINE_CAUSE_H
#define MOON_ENGINE_CAUSE_H

#include "diary.h"

enum moon_cause {
  MOON_CAUSE_NEW,            /* not asked yet */
  MOON_CAUSE_WELL,
  MOON_CAUSE_DNS,
  MOON_CAUSE_REFUSED,        /* ICMP: nobody listens there */
  MOON_CAUSE_UNREACHABLE,    /* ICMP, or no route */
  MOON_CAUSE_OTHER_ADDRESS,  /* answers come from another address, */
  MOON_CAUSE_OTHER_PORT,     /* or another port of the same */
  MOON_CAUSE_TOO_LATE,       /* answers come when nobody waits any more */
  MOON_CAUSE_FOREIGN,        /* answers with another community, version or PDU than asked */
  MOON_CAUSE_WRONG_ID,       /* answers to what nobody asked */
  MOON_CAUSE_MALFORMED,
  MOON_CAUSE_COMMUNITY,      /* an SNMP agent is there, and is silent about us */
  MOON_CAUSE_NEVER,          /* it never said anything */
  MOON_CAUSE_DEAD,           /* it stopped */
  MOON_CAUSE_AUTH,           /* SNMPv3: the agent refuses us, and says why */
  MOON_CAUSE_RESTARTS,
  MOON_CAUSE_LOOP,           /* walks that go round, or back */
  MOON_CAUSE_ENDLESS,        /* walks over their limits */
  MOON_CAUSE_TOO_BIG,
  MOON_CAUSE_SILENT_ABOVE,   /* silent about GETBULK of more than so many */
  MOON_CAUSE_GEN_ERR,
  MOON_CAUSE_ACCESS,
  MOON_CAUSE_RATE,           /* it drops what comes soon after another */
  MOON_CAUSE_LOSS,
  MOON_CAUSE_SLOW,
  MOON_CAUSE_DUPLICATES,
  MOON_CAUSE_SCRIPT,         /* the probe, not the agent */
  MOON_CAUSES_N
};

/* All times of one clock. */
struct moon_evidence {
  const struct moon_target *target;
  const struct moon_diary *diary;   /* NULL: nothing went wrong yet */
  uint64_t requests, answered;
  uint64_t now_us;
  const char *trouble;              /* what the resolver said against its name; NULL: nothing */
  uint32_t boots;                   /* times it restarted while we looked */
  uint32_t slow_us;                 /* longest usual round trip that is not slow; 0: a third of the timeout, at most half a second */
  uint8_t run_err;                  /* enum moon_err of the latest run that failed; MOON_E_PUBLIC_N: a script error */
  bool alive;                       /* it answered a question that needs no community */
};

struct moon_diagnosis {
  enum moon_cause cause;
  char text[320];                   /* what was seen */
  const char *check;                /* what to look at; NULL: nothing */
};

MOON_API void moon_cause_find(const struct moon_evidence *v, struct moon_diagnosis *out);
/* "refused", "other-address", ... Never NULL. */
MOON_API const char *moon_cause_name(enum moon_cause c);

#endif
