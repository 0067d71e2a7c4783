/* answer: a datagram in, the datagrams an agent sends for it out: none, one, or more where its faults say so.
 *
 *   static uint8_t room[MOON_ANSWER_ROOM];
 *   moon_agent_answer(agent, now_us, in, n, room, &answer);
 *   for (i = 0; i < answer.n; i++) { send answer.reply[i] in answer.reply[i].delay_us }
 *
 * GET, GETNEXT, GETBULK, SET (RFC 1157, 3416 4.2) in v1 and v2c, and in v3 (RFC 3412, 3414) where the profile has security.
 * Malformed datagrams are dropped and counted. An owner that tells agents apart by community decodes first
 * (moon_message_decode), picks the agent, and calls moon_agent_reply(); for v3 see moon_agent_is_engine(). The PDU itself is
 * answered by moon_answer_pdu(), which knows of no envelope. */
#ifndef MOON_AGENT_ANSWER_H
#define MOON_AGENT_ANSWER_H

#include "agent.h"

#define MOON_ANSWER_ROOM (4 * 65536) /* a datagram, its head and what flaws put behind and beside it; what was decrypted */
#define MOON_REPLIES_MAX 4

struct moon_reply {
  const uint8_t *p;     /* lent from room until it is used again */
  uint32_t n;
  bool other_source;    /* is to come from another address than the one asked */
  uint64_t delay_us;    /* 0: now */
};

struct moon_answer {
  struct moon_reply reply[MOON_REPLIES_MAX];
  uint32_t n;
};

/* Counts in any case. room: MOON_ANSWER_ROOM octets, used by any number of agents one after the other. */
MOON_API void moon_agent_answer(struct moon_agent *a, uint64_t now_us, const uint8_t *in, size_t n, uint8_t *room,
                                struct moon_answer *out);
/* The same for a datagram the owner decoded; m lends from `in` as usual. */
MOON_API void moon_agent_reply(struct moon_agent *a, uint64_t now_us, const struct moon_message *m, uint8_t *room,
                               struct moon_answer *out);
/* Is this the agent that a datagram of v3 is for, by its engine id? Of several at one address, whose owner asks each; a discovery,
 * or an engine nobody has, is for any that has v3. false also for what is no v3. */
MOON_API bool moon_agent_is_engine(const struct moon_agent *a, uint64_t now_us, const uint8_t *in, size_t n);
/* For a datagram that the owner found malformed, with what moon_message_decode said: counts. */
MOON_API void moon_agent_malformed(struct moon_agent *a, enum moon_err e);

/* The Response to a PDU, without the flaws of datagrams. Its varbinds lie in room, with MOON_ANSWER_HEAD octets free in
 * front of them: whoever encodes the envelope writes it there. */
#define MOON_ANSWER_HEAD 1024
struct moon_asked {
  const struct moon_pdu *pdu;
  const struct moon_judgement *judgement; /* NULL: no flaws */
  size_t around;                          /* octets of the message beside its PDU and its first header, at most */
  size_t max_octets;                      /* of the message, when the asker said what he can take; 0: he did not */
  uint8_t error_status;                   /* the answer is this error; 0: it is looked up */
  uint8_t version;                        /* MOON_V1: no Counter64, no exceptions, v1's error-status; else as in v2c */
  bool may_write;
};
struct moon_answered {
  struct moon_pdu pdu; /* varbinds lent from room */
  uint32_t n;          /* varbinds */
  uint32_t rtt_us;     /* the longest round trip recorded with what is in it */
  uint32_t flaws;      /* bit 1 << kind of those done to instances, TOO_BIG and FEWER */
};
/* MOON_E_DECODE: the varbinds of the request are malformed; MOON_E_TOO_BIG: not even an error fits. Both: drop it. */
MOON_API enum moon_err moon_answer_pdu(struct moon_agent *a, uint64_t now_us, const struct moon_asked *q, uint8_t *room,
                                       struct moon_answered *out);

#endif
