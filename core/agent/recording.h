/* recording: what an agent has, as it was recorded: instances sorted by name, shared by any number of agents and never
 * changed. Every instance is kept as the encoded varbind of a reply, one behind the other in the order of a walk:
 *
 *   30 L  06 N name[N]  T V value[V] | 30 L  06 N name[N] ...
 *
 * so an answer copies octets, and a walk copies long runs of them. Names are found by a hash; the successor of a name that
 * is there is the next instance, of one that is not by binary search.
 *
 *   struct moon_recorder *w = moon_recorder_new(&err);
 *   moon_recorder_add(w, oid, oid_len, MOON_INTEGER, "\x01", 1, line);      in any order
 *   recording = moon_recorder_finish(w, NULL, NULL, &err);                   w is gone
 *
 * Text becomes a recording in dump.h. */
#ifndef MOON_AGENT_RECORDING_H
#define MOON_AGENT_RECORDING_H

#include "../wire/pdu.h"

#define MOON_RECORDING_NONE UINT32_MAX
#define MOON_RECORDING_MAX 0xfffffeu    /* instances: an index leaves room for eight bits of hash beside it */
#define MOON_INSTANCE_MAX 65000u        /* octets of one encoded varbind: more fits no datagram */

enum moon_instance_flag {
  MOON_INSTANCE_HIDDEN = 1, /* recorded as an exception: a GET gives it, a walk steps over it */
  MOON_INSTANCE_SNMP = 2    /* a scalar of the snmp group (RFC 3418), of snmpEngine (RFC 3411) or usmStats (RFC 3414): agents may
                               serve their own */
};

struct moon_instance {
  uint32_t at;        /* its varbind in recording->octets */
  uint16_t len;       /* octets of the varbind, headers included */
  uint16_t oid_len;
  uint16_t value_len; /* the value's content is the last value_len octets of the varbind */
  uint8_t oid_at;     /* the name's content begins at + oid_at */
  uint8_t type;       /* enum moon_type */
  uint8_t flags;      /* enum moon_instance_flag */
  uint8_t pad[3];
};

struct moon_recording {
  const struct moon_instance *instances; /* sorted by name, no two alike */
  const uint8_t *octets;                 /* readable for 8 octets past the last varbind */
  const uint32_t *slots;                 /* hash of names: index | hash bits << 24; all ones: empty */
  const uint32_t *rtt_us;                /* round trip each was recorded with; NULL: not kept */
  uint32_t n;
  uint32_t n_octets;
  uint32_t mask;                         /* slots - 1 */
  uint32_t n_hidden;
};

MOON_API void moon_recording_free(struct moon_recording *r); /* NULL is fine */
/* Index of this name, MOON_RECORDING_NONE when it is not there. The name is well-formed. */
MOON_API uint32_t moon_recording_find(const struct moon_recording *r, const uint8_t *oid, size_t n);
/* Index of the first instance behind this name, hidden ones included; r->n when there is none. n may be 0: the first of all. */
MOON_API uint32_t moon_recording_after(const struct moon_recording *r, const uint8_t *oid, size_t n);
/* As a varbind, lent from the recording. i < r->n. */
static inline void moon_recording_get(const struct moon_recording *r, uint32_t i, struct moon_varbind *out) {
  const struct moon_instance *e = &r->instances[i];
  const uint8_t *p = r->octets + e->at;
  out->oid = p + e->oid_at;
  out->value = p + e->len - e->value_len;
  out->value_len = e->value_len;
  out->oid_len = e->oid_len;
  out->type = e->type;
}

/* Called for a line that the recording leaves out. Lines count from 1; 0: not of a line. why is one clause. */
typedef void moon_recording_report(void *ctx, uint32_t line, const char *why);

struct moon_recorder; /* opaque */

MOON_API struct moon_recorder *moon_recorder_new(enum moon_err *err);
MOON_API void moon_recorder_free(struct moon_recorder *w); /* NULL is fine */
/* Copies all. Content octets as they go over the wire; the value is not judged. MOON_E_NOMEM, MOON_E_LIMIT (too many, too
 * long); the errors of moon_oid_check. */
MOON_API enum moon_err moon_recorder_add(struct moon_recorder *w, const uint8_t *oid, size_t oid_len, uint8_t type,
                                         const uint8_t *value, size_t value_len, uint32_t line);
/* Round trip of what is added from here on; UINT32_MAX: not known. */
MOON_API void moon_recorder_timing(struct moon_recorder *w, uint32_t rtt_us);
/* The scalars 1 to 32 of the snmp group, 0 each, where they are missing at the end. */
MOON_API void moon_recorder_add_snmp(struct moon_recorder *w);
/* The same for snmpEngineID, snmpEngineBoots, snmpEngineTime and the six scalars of usmStats. */
MOON_API void moon_recorder_add_usm(struct moon_recorder *w);
/* Sorts, drops all but the last of each name (report is told the lines it drops; may be NULL) and takes w, also when it
 * fails (NULL: MOON_E_NOMEM). A recording without instances is one, too. */
MOON_API struct moon_recording *moon_recorder_finish(struct moon_recorder *w, moon_recording_report *report, void *ctx,
                                                     enum moon_err *err);

#endif
