/* inner: what answers of every version share. Not public. */
#ifndef MOON_AGENT_INNER_H
#define MOON_AGENT_INNER_H

#include "answer.h"

/* Regions of the room: an answer with what flaws put behind it; what was decrypted; datagrams that go out beside the answer. */
#define MOON_ROOM_OPENED (2 * 65536)
#define MOON_ROOM_BESIDE (3 * 65536)

/* Which flaws are in force for a request; notices reboots. true: they leave the agent able to answer. profile->flaws is there. */
bool moon_answer_judge(struct moon_agent *a, uint64_t now_us, const struct moon_pdu *request, struct moon_judgement *j);
/* Is it one of those that agents answer, by agents that know its version? */
bool moon_answer_is_request(uint8_t version, uint8_t type);
void moon_answer_count_request(struct moon_agent *a, uint8_t type);
void moon_answer_count(struct moon_agent *a, const struct moon_answered *answered);
/* Does to out->reply[0], the datagram as it leaves, and puts others beside it. end: what is free behind it. */
void moon_answer_spoil(struct moon_agent *a, uint64_t now_us, const struct moon_judgement *j, uint8_t *end, uint8_t *room,
                       struct moon_answer *out);
/* Goes out ahead of what is there. */
void moon_answer_put_ahead(struct moon_agent *a, const uint8_t *p, size_t n, struct moon_answer *out);
/* Every number of a wrong id differs from the right one in these bits; ids stay above zero. */
#define MOON_ANSWER_WRONG_ID 0x00550055

/* A datagram of version 3; the profile has security. */
void moon_envelope_answer(struct moon_agent *a, uint64_t now_us, const uint8_t *in, size_t n, uint8_t *room, struct moon_answer *out);

#endif
