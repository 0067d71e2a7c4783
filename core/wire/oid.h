/* oid: object identifiers. On the wire and in memory an OID is its BER content octets: comparing, prefix tests and
 * copying work on those, arcs are only made for people.
 *
 *   1.3.6.1.2.1.1.3.0  =  2b 06 01 02 01 01 03 00      first octet 40 * a + b (2.x: 80 + b, may take several octets) */
#ifndef MOON_WIRE_OID_H
#define MOON_WIRE_OID_H

#include "../base/buf.h"

#define MOON_OID_MAX_ARCS 128                          /* RFC 2578 3.5 */
#define MOON_OID_MAX_LEN 640                           /* 128 arcs of 5 octets */
#define MOON_OID_TEXT_MAX (MOON_OID_MAX_ARCS * 11 + 1) /* "4294967295." each, and the NUL */

struct moon_oid { uint32_t arc[MOON_OID_MAX_ARCS]; uint32_t n; };

/* Content octets to arcs and back. MOON_E_SHORT: last arc unfinished; MOON_E_RANGE: arc over 32 bits;
 * MOON_E_LIMIT: over 128 arcs; MOON_E_LENGTH: empty; MOON_E_SYNTAX: arc padded with 0x80 (X.690 8.19.2); encode: MOON_E_SYNTAX for arcs no encoding has (3.x, 1.40). */
MOON_API enum moon_err moon_oid_decode(const uint8_t *p, size_t n, struct moon_oid *out);
MOON_API enum moon_err moon_oid_encode(const struct moon_oid *oid, uint8_t *out, size_t cap, size_t *len);
/* Only that the octets are a well-formed OID, without arcs: the check a decoder makes. Same errors. */
MOON_API enum moon_err moon_oid_check(const uint8_t *p, size_t n);

/* True for most names: every arc is below 128, one octet each, and too few to be over the limit. Then it is well-formed. */
static inline int moon_oid_is_plain(const uint8_t *p, size_t n) {
  uint64_t bits = 0, v;
  uint32_t a, b;
  size_t i;
  if (n - 1 >= MOON_OID_MAX_ARCS - 1) { return 0; } /* n = 0 too */
  if (n >= 8) {
    for (i = 0; i < n - 8; i += 8) {
      memcpy(&v, p + i, 8);
      bits |= v;
    }
    memcpy(&v, p + n - 8, 8);
    return ((bits | v) & 0x8080808080808080u) == 0;
  }
  if (n >= 4) {
    memcpy(&a, p, 4);
    memcpy(&b, p + n - 4, 4);
    return ((a | b) & 0x80808080u) == 0;
  }
  return (p[0] | p[n / 2] | p[n - 1]) < 0x80;
}

/* Dotted text, leading dot optional, to content octets. At least two arcs. MOON_E_SYNTAX, MOON_E_RANGE, MOON_E_LIMIT, MOON_E_SPACE. */
MOON_API enum moon_err moon_oid_parse(const char *text, size_t n, uint8_t *out, size_t cap, size_t *len);
/* Content octets to dotted text without leading dot, NUL-terminated; returns its length, 0 when it does not fit or is malformed.
 * No octets at all give "0.0": some agents send a null OID so, and net-snmp reads it so. */
MOON_API size_t moon_oid_format(const uint8_t *p, size_t n, char *out, size_t cap);
/* The same for index octets: what follows a column's prefix is arcs without the 40 * a + b rule. "" for n = 0 (returns 0, out = ""). */
MOON_API size_t moon_oid_format_index(const uint8_t *p, size_t n, char *out, size_t cap);
/* Dotted index text ("1.192.0.2.7") to octets, without the 40 * a + b rule. */
MOON_API enum moon_err moon_oid_parse_index(const char *text, size_t n, uint8_t *out, size_t cap, size_t *len);

/* Lexicographic by arcs (RFC 3416 4.2.2), < 0, 0, > 0. memcmp is wrong: 2^14 encodes as 81 80 00, 2^14 - 1 as ff 7f.
 * Both well-formed, or both index octets. */
MOON_API int moon_oid_compare(const uint8_t *a, size_t an, const uint8_t *b, size_t bn);
/* True when `oid` lies in the subtree of `root` or is root. */
static inline int moon_oid_under(const uint8_t *root, size_t root_n, const uint8_t *oid, size_t n) {
  uint64_t a, b, c, d;
  if (n < root_n) { return 0; }
  if (root_n < 8 || root_n > 16) { return memcmp(root, oid, root_n) == 0; }
  memcpy(&a, root, 8); /* most roots: two overlapping loads */
  memcpy(&b, oid, 8);
  memcpy(&c, root + root_n - 8, 8);
  memcpy(&d, oid + root_n - 8, 8);
  return a == b && c == d;
}

#endif
