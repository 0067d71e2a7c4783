/* target: what is known of one agent: where it is, how to ask, how fast it answers, what it cannot do.
 *
 * No clock, no heap: times are monotonic microseconds handed in, memory is the caller's. Learned from answers that matched
 * by id and source (v3: that verified) and from nothing else. */
#ifndef MOON_SESSION_TARGET_H
#define MOON_SESSION_TARGET_H

#include "../wire/message.h"
#include "addr.h"
#include "credential.h"
#include "poison.h"

struct moon_trust; /* trust.h */

/* When to ask, when to stop asking. Shared by many targets. */
struct moon_policy {
  uint64_t timeout_us;       /* of one try, and of RTO at most: 2 s */
  uint64_t rto_floor_us;     /* never try again earlier: 200 ms */
  uint64_t trial_us;         /* an open breaker lets one request through this often: 30 s */
  uint32_t retries;          /* tries - 1; giving up after (retries + 1) * timeout_us */
  uint32_t breaker_after;    /* silent requests in a row; 0: no breaker */
  uint32_t window;           /* requests in flight to one agent: 2 */
  uint32_t packets_per_s;    /* to one agent; 0: no limit */
  uint32_t datagram_max;     /* octets that can be received, told to agents of SNMPv3; 0: 65507 */
};
/* The defaults above. */
MOON_API void moon_policy_init(struct moon_policy *p);

/* RFC 6298 2: smoothed round trip and its variation; one for small requests, one for bulk. */
struct moon_rtt {
  uint32_t srtt_us;   /* 0: no sample yet */
  uint32_t rttvar_us;
};
MOON_API void moon_rtt_sample(struct moon_rtt *r, uint64_t rtt_us);
/* SRTT + max(G, 4 * RTTVAR), between floor and ceiling; the ceiling while there is no sample. */
MOON_API uint64_t moon_rtt_timeout(const struct moon_rtt *r, uint64_t floor_us, uint64_t ceiling_us);

enum moon_kind { MOON_KIND_GET, MOON_KIND_BULK, MOON_KIND_N };

enum moon_quirk { /* what was seen of an agent; each is said once */
  MOON_QUIRK_TRAILING = 1 << 0,      /* octets after the message */
  MOON_QUIRK_EMPTY_INTEGER = 1 << 1, /* numbers without content */
  MOON_QUIRK_WRONG_ORDER = 1 << 3,   /* varbinds not in the order asked */
  MOON_QUIRK_FEWER = 1 << 4,         /* fewer varbinds than asked */
  MOON_QUIRK_NOT_INCREASING = 1 << 5,
  MOON_QUIRK_ALIAS = 1 << 6,         /* answers from another address */
  MOON_QUIRK_NO_BULK = 1 << 7,       /* the ladder went down to GETNEXT */
  MOON_QUIRK_POISON = 1 << 8,        /* an OID spoils a whole GET */
  MOON_QUIRK_REEDER = 1 << 16,       /* SNMPv3: of both extensions of AES keys it took this one */
  MOON_QUIRK_BLUMENTHAL = 1 << 17,   /* or that one */
  MOON_QUIRK_CLOCK_BACK = 1 << 18,   /* its engine's boots or time went backwards, and were followed */
  MOON_QUIRK_OTHER_ENGINE = 1 << 19, /* another engine took over, and proved itself */
  MOON_QUIRK_BOOTS_MAX = 1 << 20,    /* its engine's boots are used up */
  MOON_QUIRK_TWIN = 1 << 21          /* another agent has the same engine id */
};

struct moon_target { /* what every request needs first */
  struct moon_addr addr;
  const struct moon_credential *credential; /* borrowed */
  const struct moon_policy *policy;         /* borrowed */
  uint32_t silent;                         /* requests in a row without any answer */
  uint32_t quirks;                         /* enum moon_quirk seen */
  uint64_t last_answer_us;                 /* 0: never */
  struct moon_rtt rtt[MOON_KIND_N];
  bool strict_source;                      /* an answer from another address is not one */
  bool open;                               /* breaker */
  bool trial;                              /* the one trial is under way */
  uint8_t credit;                          /* whole walks under reps_max or a lowered reply_max since the last step */
  uint8_t patience;                        /* 4 << patience of them before more is tried again; grows when that fails */
  uint16_t get_max;                        /* varbinds a GET may carry; 0: no limit learned */
  struct moon_poisons *poisons;            /* names to be asked apart; NULL: none yet */
  struct moon_trust *trust;                /* SNMPv3: the owner's, set before the first request; NULL: v1, v2c */
  uint16_t reps;                           /* what bulk repetitions worked; 0: not known yet */
  uint16_t reps_max;                       /* learned ceiling; 0: none. 1 with MOON_QUIRK_NO_BULK: GETNEXT */
  uint16_t reply_max;                      /* octets of a reply: towards the path MTU, 1472 */
  struct moon_addr alias;                  /* learned source of answers; family 0: none */
  uint64_t silent_get_us;                  /* when a GET of several names last met silence; 0: never */
  uint64_t trial_at_us;                    /* breaker open: next request let through */
};

/* Borrows credential and policy for the life of the target. */
MOON_API void moon_target_init(struct moon_target *t, const struct moon_addr *addr, const struct moon_credential *credential,
                               const struct moon_policy *policy);

/* What it allocated; trust is the owner's. */
MOON_API void moon_target_fini(struct moon_target *t);

/* May a request start now? MOON_OK, or MOON_E_DOWN while the breaker is open. With an open breaker whose trial is due
 * *trial is set: this one is the trial, and moon_target_settle() must follow for it. */
MOON_API enum moon_err moon_target_admit(struct moon_target *t, uint64_t now_us, bool *trial);
/* The request is over: MOON_OK and every code an agent itself sends close the breaker and clear silence; timeout, refused,
 * unreachable count towards it. cancelled and others only end a trial. Returns true when the breaker opened or closed by this. */
MOON_API bool moon_target_settle(struct moon_target *t, enum moon_err e, bool was_trial, uint64_t now_us);
/* Any datagram that is an answer of this agent, late ones too: closes the breaker; rtt_us 0: not measurable. True as above. */
MOON_API bool moon_target_heard(struct moon_target *t, enum moon_kind kind, uint64_t rtt_us, uint64_t now_us);
/* May this source be the agent? Strict: only its address. Else also another IP or another port of it. */
MOON_API bool moon_target_accepts(const struct moon_target *t, const struct moon_addr *source);
/* An answer of it came from this source, which was accepted: id, version and community were right. One that is not its address
 * is its alias from now on. */
MOON_API void moon_target_learn(struct moon_target *t, const struct moon_addr *source);
/* It is asked at this address from now on: round trips and alias of the one before mean nothing. afresh: nor does its silence,
 * the breaker closes. True when it did. */
MOON_API bool moon_target_move(struct moon_target *t, const struct moon_addr *addr, bool afresh);
/* It restarted: what single names did to it is forgotten. */
MOON_API void moon_target_restarted(struct moon_target *t);
/* Note a quirk. True the first time: say it. */
MOON_API bool moon_target_quirk(struct moon_target *t, enum moon_quirk q);

#endif
