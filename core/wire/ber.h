/* ber: X.690 basic encoding as SNMP uses it (RFC 3417 8): definite lengths, low tag numbers.
 *
 * get_X reads one TLV forward from a reader, put_X writes one backwards into a writer. Both stick to the first error.
 * Lengths may be short, long or over-long (up to 4 octets after 0x8n; leading zeroes are fine); indefinite is refused.
 * Nothing is allocated, nothing is copied: octets are lent out of the input. */
#ifndef MOON_WIRE_BER_H
#define MOON_WIRE_BER_H

#include <stdbool.h>

#include "../base/buf.h"

enum moon_type { /* tags, RFC 2578 7.1, RFC 3416 3 */
  MOON_INTEGER = 0x02,
  MOON_OCTET_STRING = 0x04,
  MOON_NULL = 0x05,
  MOON_OBJECT_ID = 0x06,
  MOON_SEQUENCE = 0x30,
  MOON_IP_ADDRESS = 0x40,
  MOON_COUNTER32 = 0x41,
  MOON_GAUGE32 = 0x42, /* Unsigned32 too */
  MOON_TIME_TICKS = 0x43,
  MOON_OPAQUE = 0x44,
  MOON_NSAP = 0x45,
  MOON_COUNTER64 = 0x46,
  MOON_UINTEGER32 = 0x47, /* historic, RFC 1442 */
  MOON_NO_SUCH_OBJECT = 0x80,
  MOON_NO_SUCH_INSTANCE = 0x81,
  MOON_END_OF_MIB_VIEW = 0x82
};

/* One TLV header; the content must lie inside the reader. On return r->p is at the content. */
MOON_API void moon_ber_get_header(struct moon_reader *r, uint8_t *tag, size_t *len);
/* A TLV of this tag; *body lends its content, r goes on behind it. MOON_E_TAG for another tag. */
static inline void moon_ber_get_body(struct moon_reader *r, uint8_t tag, struct moon_reader *body);
/* The same for a message that was cut: content said to reach past the end of r is taken to end there. */
static inline void moon_ber_get_body_cut(struct moon_reader *r, uint8_t tag, struct moon_reader *body);
/* INTEGER of 1 to 8 octets that fits 32 bits. An empty one is 0 (seen on UPS cards; net-snmp reads it so too). */
static inline int32_t moon_ber_get_i32(struct moon_reader *r);
/* Any unsigned type with this tag, up to 9 octets with a leading zero. 32-bit types: see moon_ber_u32. */
MOON_API uint64_t moon_ber_get_u64(struct moon_reader *r, uint8_t tag);

/* Content octets to a number. MOON_E_RANGE: does not fit. Empty content is 0.
 * Unsigned types: the octets as they stand, since many agents leave out the leading zero (TimeTicks 83 d6 00 is 8640000, as
 * net-snmp and gosnmp read it too); 32-bit types of more octets may be negative numbers, taken modulo 2^32.
 * *out is untouched on error. */
MOON_API enum moon_err moon_ber_i64(const uint8_t *p, size_t n, int64_t *out);
MOON_API enum moon_err moon_ber_u32(const uint8_t *p, size_t n, uint32_t *out);
MOON_API enum moon_err moon_ber_u64(const uint8_t *p, size_t n, uint64_t *out);

MOON_API void moon_ber_put_header(struct moon_writer *w, uint8_t tag, size_t len); /* content is already written */
MOON_API void moon_ber_put_i64(struct moon_writer *w, uint8_t tag, int64_t v);     /* shortest form */
MOON_API void moon_ber_put_u64(struct moon_writer *w, uint8_t tag, uint64_t v);    /* shortest form, leading zero where needed */
MOON_API void moon_ber_put_id(struct moon_writer *w, uint32_t id);                 /* INTEGER of exactly 4 octets; id <= 0x7fffffff */
MOON_API void moon_ber_put_bytes(struct moon_writer *w, uint8_t tag, const uint8_t *p, size_t n);
/* Close a constructed TLV: everything written since `mark` (an earlier w->p) becomes its content. */
MOON_API void moon_ber_put_wrap(struct moon_writer *w, uint8_t tag, const uint8_t *mark);

/* What the inline ones do with long lengths and errors. */
MOON_API void moon_ber_get_body_any(struct moon_reader *r, uint8_t tag, struct moon_reader *body, bool may_be_cut);
MOON_API int32_t moon_ber_get_i32_any(struct moon_reader *r);

/* Inline: nearly every length is below 128, and a call costs more than the work (wire_bench message_decode). */
static inline bool moon_ber_get_short_body(struct moon_reader *r, uint8_t tag, struct moon_reader *body) {
  const uint8_t *p = r->p;
  size_t left = moon_reader_left(r); /* 0 after an error */
  if (left < 2 || p[0] != tag || p[1] >= 0x80 || p[1] > left - 2) { return false; }
  moon_reader_init(body, p + 2, p[1]);
  r->p = body->end;
  return true;
}
static inline void moon_ber_get_body(struct moon_reader *r, uint8_t tag, struct moon_reader *body) {
  if (!moon_ber_get_short_body(r, tag, body)) { moon_ber_get_body_any(r, tag, body, false); }
}
static inline void moon_ber_get_body_cut(struct moon_reader *r, uint8_t tag, struct moon_reader *body) {
  if (!moon_ber_get_short_body(r, tag, body)) { moon_ber_get_body_any(r, tag, body, true); }
}
/* Versions and error-status are one octet. */
static inline int32_t moon_ber_get_i32(struct moon_reader *r) {
  const uint8_t *p = r->p;
  if (moon_reader_left(r) < 3 || p[0] != MOON_INTEGER || p[1] != 1) { return moon_ber_get_i32_any(r); }
  r->p = p + 3;
  return (int8_t)p[2];
}

#endif
