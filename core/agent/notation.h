/* notation: values as recordings write them, to content octets. Each reads the whole of its text, puts what it finds
 * into the item, and returns NULL, or one clause that says what is wrong with it (the item is then undefined).
 *
 * Outside core/agent nobody needs these. */
#ifndef MOON_AGENT_NOTATION_H
#define MOON_AGENT_NOTATION_H

#include "../wire/pdu.h"

struct moon_item {
  uint8_t oid[MOON_OID_MAX_LEN];
  size_t oid_len;
  size_t value_len;
  uint8_t type;          /* enum moon_type */
  uint8_t value[65536];
};

/* A run of text; never NUL-terminated. */
struct moon_span { const char *p, *end; };

static inline size_t moon_span_len(struct moon_span s) { return (size_t)(s.end - s.p); }
/* Without blanks at both ends. */
struct moon_span moon_span_trim(struct moon_span s);
/* Takes a word off the front of *s when it is there. */
bool moon_span_take(struct moon_span *s, const char *word);

/* The item's name. "iso" for 1 is fine. */
const char *moon_notation_name(struct moon_span s, struct moon_item *out);
/* Decimal, as out->type says. Unsigned types: negative numbers are taken modulo 2^32 or 2^64; INTEGER: numbers up to
 * 2^32 - 1 by their 32 bits. */
const char *moon_notation_number(struct moon_span s, struct moon_item *out);
/* Two digits an octet; blanks, colons, a leading 0x are fine. */
const char *moon_notation_hex(struct moon_span s, struct moon_item *out);
/* The same, behind the octets that out has already; when it fails those are as they were. */
const char *moon_notation_more_hex(struct moon_span s, struct moon_item *out);
/* \n \r \t \xHH \ooo, and \ before anything else stands for that. */
const char *moon_notation_escaped(struct moon_span s, struct moon_item *out);
const char *moon_notation_octets(struct moon_span s, struct moon_item *out);
const char *moon_notation_oid(struct moon_span s, struct moon_item *out);     /* as a value */
const char *moon_notation_address(struct moon_span s, struct moon_item *out); /* 192.0.2.1 */
/* Opaque: "Float: 1.5", "Double: 1.5", "Int64: 1", "UInt64: 1", a bare number with a point (float), else hex. */
const char *moon_notation_opaque(struct moon_span s, struct moon_item *out);

#endif
