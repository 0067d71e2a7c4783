/* trust: what is known of the authoritative engine of a target in SNMPv3: its engine id, its boots and time, and which
 * extension of AES keys it means (RFC 3414 2.2, 2.3). Of one address: agents whose engine ids are the same by mistake have
 * each a state of their own.
 *
 *   known   the engine, proven once an authentic message of it was seen (a level without authentication: an answer)
 *   other   an unauthenticated report says that another engine lives there now: asked from then on, and believed once it
 *           proves itself; silence, or a word of the known one, and it is forgotten
 *
 * The state of each target lies beside it (target->trust), so that targets of v1 and v2c pay nothing. No clock. */
#ifndef MOON_SESSION_TRUST_H
#define MOON_SESSION_TRUST_H

#include "keyring.h"
#include "target.h"

#define MOON_TIME_WINDOW_S 150u         /* RFC 3414 3.2 7 */
#define MOON_BOOTS_MAX 0x7fffffffu      /* an engine that got there is out of order until somebody sets it up anew, 2.2.2 */

struct moon_authority {
  uint64_t at_us;         /* when `time` was right, monotonic */
  uint32_t boots, time;   /* snmpEngineBoots, snmpEngineTime; 0, 0 while not timed */
  uint32_t latest;        /* latestReceivedEngineTime */
  uint8_t id_len;         /* 0: not known */
  uint8_t id[MOON_ENGINE_ID_MAX];
  bool timed;             /* boots and time are learned, given or recalled */
  bool proven;            /* learned from a message that could be believed */
  struct moon_keyring_ref keys;
};

struct moon_trust {
  struct moon_authority known, other; /* other: id_len 0: there is none */
  struct moon_keyring *ring;          /* borrowed */
  const struct moon_credential *credential; /* that it is set up for; NULL: none yet */
  uint8_t priv;                       /* enum moon_priv in use: with priv_either the one being tried */
  bool decided;                       /* no other needs to be tried */
  uint8_t context_len;                /* of the longest contextName asked with: room for it in answers */
  uint8_t changes;                    /* counts: known became another engine */
  bool uncut;                         /* told how long a reply may be it said tooBig, genErr, nothing, or more: it is not told any more */
  uint8_t news;                       /* counts: known was proven, or its boots and time are others than they were to be */
};

/* What may be kept of a target over a restart. Nothing of it is secret. */
struct moon_trust_record {
  struct moon_addr addr;
  uint8_t engine_id[MOON_ENGINE_ID_MAX];
  uint8_t engine_id_len;
  uint8_t priv;           /* enum moon_priv that was found out; MOON_PRIV_NONE: nothing was to be */
  uint32_t boots, time;   /* at the moment of the call */
};

/* Borrows the keyring for the life of the state. */
MOON_API void moon_trust_init(struct moon_trust *s, struct moon_keyring *ring);
/* To be called before anything is made or read with c: another credential (by its address: one that changed has to have another)
 * may bring another engine id and has other keys. What is known of the engine otherwise stays. */
MOON_API void moon_trust_use(struct moon_trust *s, const struct moon_credential *c, uint64_t now_us);
/* Who is asked. */
static inline struct moon_authority *moon_trust_authority(struct moon_trust *s) { return s->other.id_len ? &s->other : &s->known; }
/* Whose message is this? NULL: none of ours. */
MOON_API struct moon_authority *moon_trust_of(struct moon_trust *s, const uint8_t *engine_id, size_t n);
/* Its context with the key s->priv. As moon_keyring_get. */
MOON_API enum moon_err moon_trust_keys(struct moon_trust *s, struct moon_authority *a, struct moon_usm **out);
/* Its time now, as far as we know. */
MOON_API uint32_t moon_authority_time(const struct moon_authority *a, uint64_t now_us);
/* Could requests be sent side by side? Until the engine is known, and the extension of its key, one has to find out. */
static inline bool moon_trust_is_settled(const struct moon_trust *s) { return s->known.proven && !s->other.id_len && s->decided; }

/* An unauthenticated report says whose engine this is. False: nothing new. */
MOON_API bool moon_trust_discover(struct moon_trust *s, const uint8_t *engine_id, size_t n);
/* An authentic message came from a, at these boots and time; a report of notInTimeWindows, or another message. It proves the
 * engine. *back: its clock went backwards; that was learned, as the policy says. MOON_E_NOT_IN_TIME_WINDOW: outside of the
 * window and not to be believed; nothing was learned; it might be if it says so when it is asked again, which `again` then
 * tells, as an old message with an id of now does not come twice. The addresses of known and other hold no longer what they did. */
MOON_API enum moon_err moon_trust_hear(struct moon_trust *s, struct moon_authority *a, uint32_t boots, uint32_t time, bool report,
                                       bool again, uint64_t now_us, bool *back);
/* Without time: an answer of the level noAuthNoPriv. */
MOON_API void moon_trust_prove(struct moon_trust *s, struct moon_authority *a);
/* The address became another one: what is known is a hint again. */
MOON_API void moon_trust_doubt(struct moon_trust *s);
/* The other engine did not answer. */
MOON_API void moon_trust_forget(struct moon_trust *s);
/* With priv_either, not decided: the other extension. */
MOON_API void moon_trust_swap(struct moon_trust *s);
/* The other extension of the same cipher; MOON_PRIV_NONE: there is none. */
MOON_API enum moon_priv moon_trust_sibling(enum moon_priv priv);

/* Octets of an answer around its varbinds, at most: of an engine that is not known, a usual one. s may be NULL: nothing is. */
MOON_API size_t moon_trust_overhead(const struct moon_trust *s, const struct moon_credential *c);

/* What to keep of this target. MOON_E_MISSING: nothing proven, or an engine id shorter than any may be, which no record has. */
MOON_API enum moon_err moon_trust_export(const struct moon_target *t, uint64_t now_us, struct moon_trust_record *out);
/* What was kept; a record is a hint: the agent's word counts, whatever the policy. After moon_trust_use; ignored where the
 * engine is proven already. MOON_E_LENGTH, MOON_E_RANGE: no such record can be. */
MOON_API enum moon_err moon_trust_import(struct moon_trust *s, const struct moon_trust_record *r, uint64_t now_us);

#endif
