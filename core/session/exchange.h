/* exchange: one request until its verdict. Bytes and times in, bytes and times out; the owner has the sockets, the
 * timers and the ids.
 *
 *   struct moon_exchange x;
 *   moon_exchange_init(&x, &target, &request, now);
 *   loop: moon_exchange_encode(&x, id, now, &w)        a try; w holds the datagram
 *         wait until moon_exchange_deadline(&x)
 *         a datagram:  moon_exchange_feed(&x, ...)     MINE: over, outcome filled; DROP, HELD: go on waiting; AGAIN: encode now
 *         the deadline: moon_exchange_expire(&x, now)  AGAIN or MINE (outcome: timeout)
 *         an ICMP:      moon_exchange_icmp(&x, ...)    AGAIN, DROP or MINE
 *
 * Every try has an id of its own (request-id; msgID in v3) and any try's answer completes the exchange. In SNMPv3 target->trust
 * has to be there (trust.h); what an agent has to be asked first are steps of a try, told by AGAIN too, each with an id. */
#ifndef MOON_SESSION_EXCHANGE_H
#define MOON_SESSION_EXCHANGE_H

#include "target.h"

#define MOON_TRIES_MAX 16

/* What to ask. Immutable while in flight; may be shared by any number of exchanges. */
struct moon_request {
  const uint8_t *varbinds;   /* encoded content of the VarBindList, borrowed until the exchange is over */
  uint32_t varbinds_len;
  uint16_t n_varbinds;
  uint8_t pdu_type;          /* GET, GETNEXT, GETBULK, SET, INFORM */
  uint8_t kind;              /* enum moon_kind: whose round trips it shares */
  int32_t non_repeaters;     /* GETBULK, else 0 */
  int32_t max_repetitions;
  const uint8_t *context;    /* contextName of SNMPv3, borrowed likewise; NULL: that of the credential */
  uint8_t context_len;
  uint16_t reply_max;        /* octets: of SNMPv3 the agent is told by the first try to cut its reply there, if it can be cut; 0: it is not */
  uint8_t tries;             /* at most, when that is less than the policy's; 0: the policy's */
  bool is_followed;          /* when it meets silence a smaller one takes the tries that are left: that silence says nothing yet */
};

/* How it ended. */
struct moon_outcome {
  struct moon_pdu pdu;       /* when answered: lends from the datagram, valid during the callback or call that shows it */
  uint64_t received_us;      /* monotonic, of the datagram; else of the verdict */
  uint32_t rtt_us;           /* of the try that was answered; 0: not answered */
  uint16_t tries;
  uint16_t error_index;      /* 1-based varbind the agent blames, 0: none */
  uint8_t report;            /* enum moon_report that err comes from */
  enum moon_err err;         /* MOON_OK; an agent's error-status (pdu is set too); timeout, refused, unreachable, decode, ... */
};

enum moon_verdict {
  MOON_VERDICT_MINE,      /* over: *outcome is filled */
  MOON_VERDICT_DROP,      /* not an answer to this: count it, keep waiting */
  MOON_VERDICT_AGAIN,     /* send the next try now */
  MOON_VERDICT_HELD       /* an answer, but one that anybody could have sent: wait until the deadline, which moved, for a better */
};

struct moon_exchange {
  const struct moon_request *request;
  struct moon_target *target;
  uint64_t started_us;
  uint64_t give_up_us;
  uint64_t next_us;        /* end of the try under way, or give_up_us when it is the last */
  uint64_t sent_us[2];     /* first and latest try */
  uint16_t tries;          /* made */
  uint8_t icmp;            /* the last try's, enum moon_err; 0: none */
  bool trial;              /* breaker trial: one try only */
  /* SNMPv3, see sealed.h */
  uint8_t discoveries;     /* engine ids taken from reports */
  uint8_t resyncs;         /* times taken from reports */
  uint8_t heard;           /* enum moon_report that the datagram fed last was */
  uint8_t refused;         /* enum moon_err: why it was not believed; 0: it was, or was no matter of belief */
  uint8_t held;            /* enum moon_report that ends this unless something better comes */
  bool step : 1;           /* what is sent next takes the try under way further and is no other try */
  bool swap : 1;           /* at next_us the same is asked with the other key */
  bool swapped : 1;        /* that was done in this try */
  bool asking_engine : 1;  /* what was sent last asks for the engine id */
  bool resynced : 1;       /* the datagram fed last told that boots or time had become others */
  bool authentic : 1;      /* the datagram fed last was signed by the agent, or needs no signature */
};

MOON_API void moon_exchange_init(struct moon_exchange *x, struct moon_target *t, const struct moon_request *r, uint64_t now_us);
/* The next try's datagram, backwards into w. MOON_E_TOO_BIG: does not fit (w->err); MOON_E_LIMIT: no try is left;
 * MOON_E_VERSION: none of ours, or version 3 without trust; in SNMPv3 also as moon_keyring_get. Sets the try's deadline: RTO doubled per
 * try made, +-10 % by `jitter` (any random number), never past give_up_us; the last try waits until give_up_us. */
MOON_API enum moon_err moon_exchange_encode(struct moon_exchange *x, uint32_t id, uint64_t now_us, uint32_t jitter, struct moon_writer *w);
/* The same, for who encodes many of one shape: see moon_message_encode_like. */
MOON_API enum moon_err moon_exchange_encode_like(struct moon_exchange *x, struct moon_stencil *s, uint32_t id, uint64_t now_us,
                                                 uint32_t jitter, struct moon_writer *w);
static inline uint64_t moon_exchange_deadline(const struct moon_exchange *x) { return x->next_us; }
/* Is what follows the deadline a step of the same try, not another one that a budget could deny? */
static inline bool moon_exchange_is_midway(const struct moon_exchange *x) { return x->swap || x->held; }
/* A datagram whose id is one of this exchange's tries and whose source was accepted. sent_us: when that try left.
 * A PDU that is no Response, or is malformed past its id: MINE with MOON_E_DECODE, and outcome->pdu.varbinds_len holds
 * what could be told apart; in SNMPv3, where requests are signed with the same key, DROP. Another version or community: DROP. Feeds the RTT estimate: unambiguous, as ids tell tries apart.
 * room: n octets for what is decrypted, or p itself, which then is not what it was. *out lends from p and from there. */
MOON_API enum moon_verdict moon_exchange_feed(struct moon_exchange *x, const uint8_t *p, size_t n, uint8_t *room, uint64_t sent_us,
                                              uint64_t now_us, struct moon_outcome *out);
/* The deadline passed. may_retry false: the retry budget denies another try; wait until give_up_us instead (DROP). */
MOON_API enum moon_verdict moon_exchange_expire(struct moon_exchange *x, uint64_t now_us, bool may_retry, struct moon_outcome *out);
/* ICMP for the latest try: that try is over. REFUSED or UNREACHABLE. The next one follows after its pause (DROP: deadline
 * moved) while tries are left; then MINE. */
MOON_API enum moon_verdict moon_exchange_icmp(struct moon_exchange *x, enum moon_err e, uint64_t now_us, struct moon_outcome *out);

#endif
