/* agent_model: an SNMP agent in memory: a sorted MIB, an answer for a datagram, and a knob for every way in which agents
 * misbehave. No clock, no socket.
 *
 *   struct agent a;
 *   agent_init(&a);
 *   agent_add(&a, "1.3.6.1.2.1.2.2.1.1.7", MOON_INTEGER, "\x07", 1);
 *   n = agent_answer(&a, request, request_len, reply, sizeof reply);     0: silence */
#ifndef MOON_TESTS_AGENT_MODEL_H
#define MOON_TESTS_AGENT_MODEL_H

#include "../../core/wire/message.h"

struct agent_object {
  uint16_t oid_len, value_len;
  uint8_t type;
  uint8_t oid[MOON_OID_MAX_LEN];
  uint8_t *value;
};

struct agent {
  struct agent_object *objects; /* sorted */
  size_t n, cap;
  const char *community;

  /* Limits. 0: none. */
  size_t max_octets;         /* of a reply: bulk replies are cut between varbinds, others become tooBig */
  bool too_big_for_bulk;     /* tooBig for bulk replies too */
  bool gen_err_for_bulk;     /* genErr for them, as net-snmp from 5.8 on in SNMPv3 */
  bool silent_for_bulk;      /* none at all, as net-snmp before that */
  uint32_t max_reps;         /* fewer repetitions are given */
  uint32_t max_varbinds;     /* replies end after so many */
  uint32_t silent_reps;      /* silent to more repetitions */
  uint32_t silent_varbinds;  /* silent when the reply would have more */
  uint32_t silent_after;     /* silent from this request on */
  bool no_bulk;              /* silent to GETBULK */
  uint32_t drop_every;       /* every nth request is lost */
  uint32_t drop_first;       /* so many at the beginning are */

  /* Faults. */
  uint32_t rotate;           /* varbinds of each repetition turned by so many places */
  bool omit_ended;           /* columns that ended are left out of a repetition */
  bool empty;                /* no varbinds */
  bool no_error_index;
  bool exception_nameless;   /* endOfMibView under another name than asked */
  bool other_name;           /* what answers a GET has another name than asked */
  bool keeps_values;         /* an answer with an error-status has the values all the same */
  bool missing_for_end;      /* noSuchInstance at the end of the MIB */
  uint32_t cut;              /* octets missing at the end of the datagram; its lengths stay */
  uint32_t cut_after;        /* only from this request on */
  bool report;               /* Report in place of Response */
  uint32_t wrap_every;       /* every nth reply ends with a varbind whose length is wrong */
  int32_t status;            /* error-status of every reply */
  int32_t status_index;
  const uint8_t *stuck;      /* the successor of this name is itself */
  size_t stuck_len;
  const uint8_t *back;       /* its successor is the first object */
  size_t back_len;
  const uint8_t *broken;     /* genErr where this name would be in the reply */
  size_t broken_len;
  bool broken_silent;        /* no answer instead */
  bool blames_last;          /* error-index is always that of the last varbind */

  /* Counts. */
  uint32_t requests, bulks, nexts, gets;
  uint32_t varbinds;
  size_t longest_request, longest_reply;
  uint32_t most_reps;
};

void agent_init(struct agent *a);
void agent_fini(struct agent *a);
void agent_add(struct agent *a, const char *oid, uint8_t type, const void *value, size_t n);
void agent_add_octets(struct agent *a, const uint8_t *oid, size_t oid_len, uint8_t type, const void *value, size_t n);
/* NULL: not there. */
const struct agent_object *agent_find(const struct agent *a, const uint8_t *oid, size_t n);
/* Objects strictly under a name. */
size_t agent_count(const struct agent *a, const uint8_t *root, size_t n);
size_t agent_answer(struct agent *a, const uint8_t *in, size_t n, uint8_t *out, size_t cap);

#endif
