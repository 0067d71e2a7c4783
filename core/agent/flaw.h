/* flaw: everything an agent or the way to it can do wrong, switched by rules: which fault, for which names, when, how
 * often. Rules are shared by all agents of a kind; what chance decides is a function of the agent's seed and the number of
 * the request, so the same seed gives the same faults. Time is the agent's own, from its start. */
#ifndef MOON_AGENT_FLAW_H
#define MOON_AGENT_FLAW_H

#include <stdbool.h>

#include "../wire/pdu.h"

enum moon_flaw_kind {
  /* Whether and when an answer comes. */
  MOON_FLAW_DEAD,           /* no answer */
  MOON_FLAW_LOSS,           /* no answer to a share of the requests */
  MOON_FLAW_SILENT_ABOVE,   /* no answer to GETBULK of more than n repetitions */
  MOON_FLAW_RATE,           /* at most n answers a second, no answer to the others */
  MOON_FLAW_DELAY,          /* by delay_us */
  MOON_FLAW_JITTER,         /* by 0..delay_us more */
  MOON_FLAW_SLOW_START,     /* for period_us after start and reboots: by delay_us, less and less */
  MOON_FLAW_REORDER,        /* a share (0: half) is held back for delay_us (0: 20 ms), so that later ones overtake it */
  MOON_FLAW_DUPLICATE,      /* a second copy, delay_us later */
  /* What the datagram looks like. */
  MOON_FLAW_WRONG_ID,
  MOON_FLAW_OTHER_SOURCE,   /* from another address of the owner's choice */
  MOON_FLAW_TRUNCATED,      /* the last n octets are missing; 0: half of them */
  MOON_FLAW_TRAILING,       /* n octets more behind the message; 0: 4 */
  MOON_FLAW_REPLAY,         /* an older answer of the agent's goes out ahead of each, again and again for period_us; 0: the last one */
  /* What it says. */
  MOON_FLAW_TOO_BIG,        /* tooBig for answers above n octets, GETBULK too */
  MOON_FLAW_GEN_ERR,        /* genErr when a name under oid is, or would be, in the answer */
  MOON_FLAW_NOT_INCREASING, /* the successor of a name under oid is itself */
  MOON_FLAW_CYCLE,          /* behind the last instance under oid comes the first again */
  MOON_FLAW_EMPTY_INTEGER,  /* numbers under oid that are 0 have no content octets; with n = 1 all numbers have none */
  MOON_FLAW_NEGATIVE,       /* unsigned values under oid lack the leading zero: the same bits, read as a negative number */
  MOON_FLAW_LONG_LENGTH,    /* lengths of varbinds under oid in the four-octet form */
  MOON_FLAW_FEWER,          /* n varbinds (0: 1) less than asked for; never none at all */
  /* What is wrong with messages of SNMPv3. */
  MOON_FLAW_BAD_DIGEST,     /* signed, but not with the user's key */
  MOON_FLAW_DOWNGRADE,      /* neither signed nor encrypted, though asked so; with n = 1 signed, not encrypted */
  MOON_FLAW_WRONG_CONTEXT,  /* another contextEngineID than asked for */
  MOON_FLAW_UNSIGNED_REPORT,/* the Report that tells boots and time is not signed */
  MOON_FLAW_FORGED_REPORT,  /* an unsigned Report of usmStats n (0: 3, unknownUserNames) goes out ahead of the answer */
  /* What the agent does to itself. */
  MOON_FLAW_REBOOT,         /* at from_us: silent for delay_us, then with uptime and counters from 0; again every period_us */
  MOON_FLAW_CLOCK_JUMP,     /* from from_us to to_us its clock is off by jump_us: uptime, counters, snmpEngineTime jump with it */
  MOON_FLAW_BOOTS_BACK,     /* from from_us to to_us snmpEngineBoots is n (0: 1) less */
  MOON_FLAW_ENGINE_CHANGE,  /* from from_us to to_us it has another snmpEngineID, a new one every period_us */
  MOON_FLAW_ENGINE_DUPLICATE, /* from from_us to to_us it has the snmpEngineID of all with this fault and this n */
  MOON_FLAWS_N
};

/* "dead", "silent-above", ...: the names of fleet files and of the counts. Never NULL. */
MOON_API const char *moon_flaw_name(enum moon_flaw_kind k);
/* MOON_FLAWS_N for a name that is none. */
MOON_API enum moon_flaw_kind moon_flaw_find(const char *name, size_t n);

struct moon_flaw {
  const uint8_t *oid;   /* requests for something, or (GEN_ERR..LONG_LENGTH) instances under this name; oid_len 0: all */
  uint64_t from_us;     /* since the agent's start */
  uint64_t to_us;       /* 0: for ever */
  uint64_t every_us;    /* the time line from 0 starts again this often; 0: never */
  uint64_t delay_us;
  uint64_t period_us;
  int64_t jump_us;
  double share;         /* of the requests it is about, 0..1; 0: all, or what its kind says */
  uint32_t n;
  uint16_t oid_len;
  uint8_t kind;         /* enum moon_flaw_kind */
};

struct moon_flaws; /* opaque, immutable */

#define MOON_FLAW_RULES_MAX 64

/* Copies the rules. NULL: MOON_E_NOMEM, MOON_E_LIMIT, MOON_E_CONFIG (*blame: which rule). */
MOON_API struct moon_flaws *moon_flaws_new(const struct moon_flaw *rules, size_t n, size_t *blame, enum moon_err *err);
MOON_API void moon_flaws_free(struct moon_flaws *f); /* NULL is fine */

/* Where the time line stands: what reboots and clock jumps make of t_us, and whose snmpEngineID and boots the agent has. */
struct moon_flaw_clock {
  uint64_t t_us;      /* with jumps */
  uint64_t boot_us;   /* of the last reboot; 0: none */
  uint64_t engine;    /* which snmpEngineID; 0: its own */
  uint32_t boots;
  uint32_t boots_back;
  bool engine_shared; /* engine is the same for all agents */
  bool down;          /* booting */
};
MOON_API void moon_flaws_clock(const struct moon_flaws *f, uint64_t t_us, struct moon_flaw_clock *out);

/* What is in force for one request. */
struct moon_judgement {
  uint32_t kinds;         /* bit 1 << kind of those in force; those of instances (GEN_ERR..LONG_LENGTH) still ask
                             moon_flaws_under() for the name */
  uint64_t rules;         /* bit of each rule in force */
  uint64_t delay_us;      /* DELAY, JITTER, SLOW_START and REORDER together */
  uint64_t copy_us;       /* DUPLICATE: how much later */
  uint64_t replay_us;     /* REPLAY: how long one answer is repeated */
  uint32_t max_octets;    /* TOO_BIG; 0: none */
  uint32_t cut, extra;    /* TRUNCATED (UINT32_MAX: half), TRAILING */
  uint32_t fewer;
  uint32_t rate;          /* RATE: the lowest n; 0: none */
  uint8_t forged;         /* FORGED_REPORT: which of usmStats */
  uint8_t kept;           /* DOWNGRADE: 1 keeps the signature */
  uint8_t silent;         /* kind + 1 of the fault that keeps the agent silent; 0: it answers */
};

/* chance: a number made of the agent's seed and the request's. clock: of this moment, t_us the time line's. */
MOON_API void moon_flaws_judge(const struct moon_flaws *f, uint64_t t_us, const struct moon_flaw_clock *clock, uint64_t chance,
                                const struct moon_pdu *request, struct moon_judgement *out);
/* The rule of this kind in force for an instance of this name; the first that is. NULL: none. */
MOON_API const struct moon_flaw *moon_flaws_under(const struct moon_flaws *f, const struct moon_judgement *j, enum moon_flaw_kind k,
                                                  const uint8_t *oid, size_t len);

#endif
