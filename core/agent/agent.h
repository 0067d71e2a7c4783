/* agent: one simulated device: a recording, what its kind does over time and wrong, what was SET, and its counts. A fleet has
 * thousands; all that agents of a kind have in common is in one profile. No I/O: see answer.h. */
#ifndef MOON_AGENT_AGENT_H
#define MOON_AGENT_AGENT_H

#include "../wire/message.h"
#include "flaw.h"
#include "recording.h"
#include "user.h"
#include "vary.h"

struct moon_agent;

struct moon_community {
  const uint8_t *octets; /* borrowed */
  uint8_t len;
  bool write;            /* may SET */
};

/* Changes, or hides, what an instance is worth. vb is as it would go out (after vary); the hook may replace type, value and
 * value_len with what stays readable until its next call, of at most MOON_HOOK_VALUE_MAX octets and valid for its type
 * (moon_varbind_check), or it is not used. false: the instance is not there now. It may be called several times for one
 * request, and never calls back into the agent. */
#define MOON_HOOK_VALUE_MAX 32768
typedef bool moon_agent_hook(void *ctx, struct moon_agent *a, uint64_t t_us, struct moon_varbind *vb);

/* A contextName of SNMPv3 beside "", which is the profile's own recording. What has a recording of its own is read only. */
struct moon_context {
  const uint8_t *name;
  const struct moon_recording *recording; /* NULL: the profile's, SETs included */
  const struct moon_vary *vary;           /* of that recording; NULL: as recorded */
  uint8_t len;
};

/* What agents of a kind have of SNMPv3; everything in it is borrowed. */
struct moon_security {
  struct moon_user_pool *pool;
  const struct moon_user *users;
  const struct moon_context *contexts;
  uint32_t n_users, n_contexts;
};

/* Shared by the agents of a kind; everything in it is borrowed while one of them lives. */
struct moon_profile {
  const struct moon_recording *recording;
  const struct moon_vary *vary;            /* of that recording; NULL: as recorded */
  const struct moon_flaws *flaws;          /* NULL: none */
  const struct moon_community *communities;/* NULL: any reads; SET needs `write` */
  const struct moon_security *security;    /* NULL: no SNMPv3 */
  moon_agent_hook *hook;                   /* NULL: none */
  void *hook_ctx;
  const uint8_t *hook_root;                /* only instances under this name are shown to the hook */
  uint32_t max_octets;                     /* of an answer: above it tooBig, GETBULK is cut short. 0: 65507; at least 484 */
  uint16_t hook_root_len;                  /* 0: all */
  uint8_t n_communities;
  bool any_write;                          /* communities NULL: SET is allowed */
  bool create;                             /* SET may make instances that were not recorded */
  bool snmp;                               /* the snmp group tells the agent's own counts */
  bool timing;                             /* answers take the round trip they were recorded with */
};

/* Why a message of SNMPv3 is turned away before its PDU is answered; the first six are the arcs of usmStats, RFC 3414 5. */
enum moon_refusal {
  MOON_REFUSE_NOT = 0,
  MOON_REFUSE_LEVEL = 1,     /* usmStatsUnsupportedSecLevels */
  MOON_REFUSE_WINDOW = 2,    /* usmStatsNotInTimeWindows */
  MOON_REFUSE_USER = 3,      /* usmStatsUnknownUserNames */
  MOON_REFUSE_ENGINE = 4,    /* usmStatsUnknownEngineIDs */
  MOON_REFUSE_DIGEST = 5,    /* usmStatsWrongDigests */
  MOON_REFUSE_DECRYPTION = 6, /* usmStatsDecryptionErrors */
  MOON_REFUSE_HANDLER = 7,   /* snmpUnknownPDUHandlers, RFC 3412: another contextEngineID, or a PDU for no agent */
  MOON_REFUSE_CONTEXT = 8,   /* snmpUnknownContexts, RFC 3413 */
  MOON_REFUSALS_N
};

/* Each counted at its own event. datagrams = malformed + bad_community + refused + the five kinds of requests;
 * requests = answered + silent. What is sent: answered + reports + duplicates. */
struct moon_agent_counts {
  uint64_t datagrams;
  uint64_t malformed;      /* not SNMP, an unknown version, a PDU no agent is sent, GETBULK in v1 */
  uint64_t bad_community;
  uint64_t refused;        /* SNMPv3, see refusals */
  uint64_t reports;        /* sent for those */
  uint64_t gets, nexts, bulks, sets;
  uint64_t answered;       /* requests with an answer, errors included */
  uint64_t silent;         /* requests that got none, by a fault or because not even tooBig fits */
  uint64_t duplicates;     /* datagrams sent beside the answers: copies, old answers, forged reports */
  uint64_t varbinds;       /* in answers */
  uint64_t errors;         /* answers with an error-status, tooBig included */
  uint64_t too_big;
  uint64_t set_vars;       /* instances changed by SET */
  uint32_t bad_versions, bad_writes, no_such_names, bad_values, gen_errs; /* for the snmp group */
  uint32_t refusals[MOON_REFUSALS_N]; /* refused, by reason */
  uint32_t flaws[MOON_FLAWS_N]; /* requests each fault was done to */
};

struct moon_overlay; /* what was SET; opaque */
struct moon_capture; /* an answer kept for later; opaque */

/* What SNMPv3 knows an agent by, where it is not made of the agent's seed. */
struct moon_identity {
  uint8_t engine_id[MOON_ENGINE_ID_MAX];
  uint8_t engine_id_len; /* 0: made of the seed */
  bool has_boots;        /* else made of the seed */
  uint32_t boots;        /* snmpEngineBoots at the start; a reboot adds one */
  uint32_t time;         /* snmpEngineTime at the start */
};

struct moon_agent {
  const struct moon_profile *profile; /* borrowed */
  struct moon_overlay *overlay;       /* NULL until the first SET */
  struct moon_user_key *keys;         /* of users that have been here; the last one first */
  struct moon_capture *capture;       /* REPLAY */
  const struct moon_identity *identity; /* borrowed, the owner's to set after init; NULL: nothing is given */
  void *user;                         /* the owner's */
  uint64_t seed;                      /* made of the fleet's and the agent's number */
  uint64_t started_us;                /* on the owner's clock */
  uint64_t boot_us;                   /* of moon_agent_reboot, since the start; 0: never */
  uint64_t rate_us;                   /* RATE: when the window under way began, since the start */
  uint32_t rate_n;                    /* answers in it */
  uint32_t number;                    /* the owner's: which agent of the fleet */
  uint32_t boots;                     /* of moon_agent_reboot */
  uint32_t line_boots;                /* of the flaws' time line, as far as they have been noticed */
  struct moon_agent_counts counts;
};

/* Borrows the profile. Agents of one number and seed behave alike. */
MOON_API void moon_agent_init(struct moon_agent *a, const struct moon_profile *profile, uint64_t seed, uint32_t number,
                              uint64_t now_us);
MOON_API void moon_agent_fini(struct moon_agent *a);
/* At the owner's word, beside the reboots of a time line: uptime and counters from 0, what was SET is forgotten. */
MOON_API void moon_agent_reboot(struct moon_agent *a, uint64_t now_us);
/* Its values' moment: what vary is asked with. */
MOON_API void moon_agent_moment(const struct moon_agent *a, uint64_t now_us, struct moon_moment *out);
/* The count with this arc in the snmp group, 1..32; 0 for arcs that have none. */
MOON_API uint32_t moon_agent_snmp(const struct moon_agent *a, uint32_t arc);

#endif
