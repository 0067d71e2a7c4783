/* pdu: protocol data units (RFC 3416 3, RFC 1157 4.1.6) and their variable bindings.
 *
 *   PDU   [A0..A8]  request-id  error-status|non-repeaters  error-index|max-repetitions  { { name value }* }
 *   Trap  [A4]      enterprise  agent-addr  generic-trap  specific-trap  time-stamp     { { name value }* }
 *
 * Decoding checks the frame and lends the varbind list; varbinds are read one by one and point into the datagram. */
#ifndef MOON_WIRE_PDU_H
#define MOON_WIRE_PDU_H

#include "ber.h"
#include "oid.h"

#define MOON_VARBINDS_MAX 2048 /* in one PDU: more than any 64 KiB datagram of real names holds */

enum moon_pdu_type {
  MOON_PDU_GET = 0xa0,
  MOON_PDU_GET_NEXT = 0xa1,
  MOON_PDU_RESPONSE = 0xa2,
  MOON_PDU_SET = 0xa3,
  MOON_PDU_TRAP_V1 = 0xa4,
  MOON_PDU_GET_BULK = 0xa5,
  MOON_PDU_INFORM = 0xa6,
  MOON_PDU_TRAP = 0xa7,
  MOON_PDU_REPORT = 0xa8
};

struct moon_varbind {
  const uint8_t *oid;   /* content octets, well-formed, never empty */
  const uint8_t *value; /* content octets; NULL-ness says nothing, see value_len */
  uint32_t value_len;
  uint16_t oid_len;     /* 1..MOON_OID_MAX_LEN */
  uint8_t type;         /* enum moon_type, or whatever the agent sent */
};

struct moon_pdu {
  const uint8_t *varbinds; /* content of the VarBindList */
  size_t varbinds_len;
  int32_t request_id;
  int32_t error_status;    /* GETBULK: non-repeaters */
  int32_t error_index;     /* GETBULK: max-repetitions */
  uint8_t type;            /* enum moon_pdu_type, not MOON_PDU_TRAP_V1 */
};

struct moon_trap_v1 {
  const uint8_t *enterprise; /* OID content */
  size_t enterprise_len;
  const uint8_t *varbinds;
  size_t varbinds_len;
  int32_t generic, specific;
  uint32_t uptime; /* hundredths of a second */
  uint8_t agent[4];
};

/* One PDU of any type but Trap v1; the reader stands at its tag. MOON_E_TAG, MOON_E_SHORT, MOON_E_LENGTH, MOON_E_RANGE. */
MOON_API enum moon_err moon_pdu_decode(struct moon_reader *r, struct moon_pdu *out);
/* The same for a message that was cut: the PDU and its list may be said to reach past the end. What is there of the list
 * is lent; moon_varbind_get gives its whole varbinds, then fails. */
MOON_API enum moon_err moon_pdu_decode_cut(struct moon_reader *r, struct moon_pdu *out);
MOON_API enum moon_err moon_trap_v1_decode(struct moon_reader *r, struct moon_trap_v1 *out);
/* Written backwards in front of what w holds. request_id takes exactly 4 octets, so it can be patched. */
MOON_API void moon_pdu_encode(struct moon_writer *w, const struct moon_pdu *pdu);
MOON_API void moon_trap_v1_encode(struct moon_writer *w, const struct moon_trap_v1 *trap);

/* Next varbind of a list; set the reader on pdu->varbinds first. false: the list is over, r->err tells whether cleanly.
 * The name is checked to be a well-formed OID, the value only to lie inside. MOON_E_TRAILING: octets behind the value. */
MOON_API bool moon_varbind_get(struct moon_reader *r, struct moon_varbind *out);
#define MOON_VARBIND_AHEAD 40 /* octets moon_varbind_under() looks at, at most, besides the value */

/* The same for what tables mostly hold, quickly: a name of the root (8 to 16 octets) and 1 to 8 arcs of an octet each, a value
 * of some universal or application type, all lengths in one octet. *arcs: the arcs, first in the highest octet, zero-filled.
 * Returns what follows it; NULL: it is another, or none, or less than MOON_VARBIND_AHEAD octets are left. */
static inline const uint8_t *moon_varbind_under(const uint8_t *p, const uint8_t *stop, const uint8_t *root, size_t n,
                                                struct moon_varbind *out, uint64_t *arcs) {
  size_t left = (size_t)(stop - p), all, name, count, len;
  uint64_t a, b, c, d, last;
  uint32_t head, wrong; /* the first four octets */
  uint8_t type;
  if (left < MOON_VARBIND_AHEAD) { return NULL; }
  memcpy(&head, p, 4);
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
  head = __builtin_bswap32(head);
#endif
  all = head >> 8 & 0xff;
  name = head >> 24;
  count = name - n; /* of arcs */
  if (all > left - 2 || n - 8 > 8 || count - 1 > 7) { return NULL; }
  memcpy(&a, root, 8);
  memcpy(&b, p + 4, 8);
  memcpy(&c, root + n - 8, 8);
  memcpy(&d, p + 4 + n - 8, 8);
  memcpy(&last, p + 4 + name - 8, 8); /* octets of the name */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  last = __builtin_bswap64(last);
#endif
  last <<= 64 - 8 * count;
  type = p[4 + name];
  len = p[5 + name];
  /* One branch for what hardly ever is: tags, long forms, lengths that do not add up. */
  wrong = ((head & 0xff80ffu) ^ (MOON_OBJECT_ID << 16 | MOON_SEQUENCE)) | (((type & 0x9fu) + 1) & 0xa0);
  if ((a ^ b) | (c ^ d) | (last & 0x8080808080808080u) | wrong | ((name + 4 + len) ^ all)) { return NULL; }
  out->oid = p + 4;
  out->value = p + 6 + name;
  out->value_len = (uint32_t)len;
  out->oid_len = (uint16_t)name;
  out->type = type;
  *arcs = last;
  return p + 2 + all;
}
/* Written in front; a caller adds them last to first. */
MOON_API void moon_varbind_put(struct moon_writer *w, const struct moon_varbind *vb);

/* Is the content one the type can have? MOON_E_LENGTH, MOON_E_RANGE, MOON_E_TAG (unknown type). Quirks that have one
 * sensible reading (empty integers, negative counters, an empty OID value for 0.0, INTEGERs of up to 64 bits) pass. */
MOON_API enum moon_err moon_varbind_check(const struct moon_varbind *vb);
/* noSuchObject, noSuchInstance, endOfMibView */
static inline bool moon_varbind_is_exception(const struct moon_varbind *vb) { return vb->type >= 0x80 && vb->type <= 0x82; }
/* A number without content: against BER (X.690 8.3.1), and read as 0. */
static inline bool moon_varbind_is_empty_number(const struct moon_varbind *vb) {
  return vb->value_len == 0 && (vb->type == MOON_INTEGER || (vb->type >= MOON_COUNTER32 && vb->type <= MOON_TIME_TICKS) ||
                                vb->type == MOON_COUNTER64 || vb->type == MOON_UINTEGER32);
}
/* Signed value of an INTEGER, unsigned value of Counter32, Gauge32, TimeTicks, UInteger32, Counter64. MOON_E_TAG otherwise. */
MOON_API enum moon_err moon_varbind_i64(const struct moon_varbind *vb, int64_t *out);
MOON_API enum moon_err moon_varbind_u64(const struct moon_varbind *vb, uint64_t *out);
/* Opaque that wraps a float, a double, or a 64-bit integer (net-snmp: 9f 78 04, 9f 79 08, 9f 76 n, 9f 7a n, 9f 7b n).
 * *kind is 0x78, 0x79 (out->real), 0x76, 0x7b (out->uint), 0x7a (out->sint). MOON_E_TAG: plain Opaque. */
union moon_opaque { double real; uint64_t uint; int64_t sint; };
MOON_API enum moon_err moon_varbind_opaque(const struct moon_varbind *vb, uint8_t *kind, union moon_opaque *out);

#endif
