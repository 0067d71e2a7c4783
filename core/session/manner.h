/* manner: how a walk asks an agent: how much at once, by GETBULK or GETNEXT, one column at a time; and how that changes
 * with what comes back.
 *
 *   tooBig, or nothing fitted    where it was told how long replies may be the same without that; else half of the varbinds,
 *                                less room; at one varbind GETNEXT
 *   silence                      of an agent that lives a quarter; then one varbind by GETNEXT; then it is silence. When
 *                                less was the cure the target remembers it, and GETNEXT when not even two varbinds by bulk
 *                                are answered. After some whole walks more is tried again.
 *                                Of one that was never heard: the last try is one varbind by GETNEXT, so that a dead one
 *                                costs no more time than with any other request; its answer says only that it lives.
 *   another error, a bad reply   one varbind at a time for a while: what fails then is to blame */
#ifndef MOON_SESSION_MANNER_H
#define MOON_SESSION_MANNER_H

#include "target.h"

struct moon_manner {
  bool next_only;        /* GETNEXT: v1, or bulk does not work */
  bool uncut;            /* it is not told how long a reply may be: it does not cut, or not as it should */
  bool is_sized;         /* overhead is that of the engine as it is known */
  bool singly;           /* the agent mixes up columns: one at a time */
  bool probing;          /* the smallest question there is, after silence */
  bool is_last;          /* of an agent never heard: that question has the one try that the request before it left */
  bool learning;         /* what works now is to be remembered */
  uint32_t narrow;       /* answers left to get one varbind at a time */
  uint32_t narrowings;   /* how often it came to that */
  uint32_t most;         /* varbinds of a reply, at most */
  uint32_t ceiling;      /* what most goes back to */
  uint32_t reps;         /* repetitions, at most */
  uint32_t silences;     /* in a row */
  uint32_t too_bigs;     /* in a row */
  uint32_t silent_at;    /* fewest varbinds whose request met silence; 0: none */
  size_t room;           /* octets of varbinds of a reply, at most */
  size_t overhead;       /* octets around them, as far as was known */
};

/* What the request was that something came of. */
struct moon_asked {
  uint32_t varbinds;     /* hoped for */
  uint32_t reps;
  uint32_t octets;       /* expected */
  bool bulk;
  bool guessed;          /* octets are not from what was seen */
};

void moon_manner_init(struct moon_manner *m, const struct moon_target *t);
/* How many tries the next request has: for the fields of the same names. */
uint8_t moon_manner_tries(const struct moon_manner *m, const struct moon_target *t, bool *is_followed);
static inline bool moon_manner_is_narrow(const struct moon_manner *m) { return m->narrow || m->probing; }

/* What an agent of SNMPv3 is told how long its reply to a GETBULK may be: it fills it to the last varbind that fits, whatever is
 * asked. 0: nothing, as it does not cut, was never heard, or would have no other try if it were silent instead. */
uint16_t moon_manner_limit(const struct moon_manner *m, const struct moon_target *t);
/* Octets of varbinds to ask for, with that limit or without. */
size_t moon_manner_room(const struct moon_manner *m, const struct moon_target *t, uint16_t limit);
/* A reply was too big that was to be cut: a value is longer, or the agent does not cut. The same may be asked without the limit. */
void moon_manner_uncut(struct moon_manner *m, struct moon_target *t);
/* So many octets of varbinds came with that limit: more than it leaves room for, from an agent that does not heed it. */
void moon_manner_length(struct moon_manner *m, struct moon_target *t, uint16_t limit, size_t octets);

/* Each false: there was nothing smaller to ask, the error is final. */
bool moon_manner_too_big(struct moon_manner *m, const struct moon_asked *a);
bool moon_manner_silence(struct moon_manner *m, const struct moon_target *t, const struct moon_asked *a);
/* turns: answers it takes until everything was asked once. */
bool moon_manner_step_down(struct moon_manner *m, const struct moon_asked *a, uint32_t turns);

void moon_manner_answer(struct moon_manner *m, struct moon_target *t, const struct moon_asked *a);
/* The walk is whole. */
void moon_manner_end(const struct moon_manner *m, struct moon_target *t);

#endif
