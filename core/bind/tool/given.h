/* given: what people type, OIDs and values of a SET, as content octets; read as net-snmp reads it without MIB modules.
 *
 *   OIDs    "1.3.6.1", ".1.3.6.1", "iso.3.6.1"; parts may be hexadecimal (0x1f) or octal (017), 'ab' is 97.98, "ab" is 2.97.98
 *   values  a type letter and text: i 5, u 5, t 500, a 192.0.2.1, s text, x "0a ff", d 10.255, b "1 3", n "", 3 5, c 5, C 5,
 *           U 5, I -5, F 1.5, D 1.5                                                                                      */
#ifndef MOON_BIND_TOOL_GIVEN_H
#define MOON_BIND_TOOL_GIVEN_H

#include "../../wire/pdu.h"

#define MOON_GIVEN_DETAIL 256
#define MOON_GIVEN_BITS_MAX 65536u /* number of a bit of a BITS value, and above it */

/* Content octets of an OID, cap >= MOON_OID_MAX_LEN. MOON_E_SYNTAX: no OID, *detail has why. MOON_E_RANGE: an OID no encoding
 * has (3.1, 1.50); *len is not set.
 *
 * A top arc alone ("1", ".") has no encoding either, but people walk it. It is kept as two octets that begin no OID, 80 and
 * the arc; the functions below know it. */
enum moon_err moon_given_oid(const char *text, uint8_t *out, size_t *len, char detail[MOON_GIVEN_DETAIL]);
/* The top arc that has this text in its name. */
enum moon_err moon_given_top(const char *text, uint8_t *out, size_t *len);
static inline bool moon_given_is_top(const uint8_t *oid, size_t n) { return n == 2 && oid[0] == 0x80; }
/* As moon_oid_compare, moon_oid_under. */
int moon_given_compare(const uint8_t *a, size_t an, const uint8_t *b, size_t bn);
bool moon_given_under(const uint8_t *root, size_t root_n, const uint8_t *oid, size_t n);
/* What net-snmp sends of it: the arc as a content octet. */
static inline void moon_given_wire(const uint8_t **oid, size_t *n) {
  if (moon_given_is_top(*oid, *n)) {
    ++*oid;
    --*n;
  }
}

/* A value: its tag and its content, from moon_mem, the caller's to free. MOON_E_RANGE: a number that is none; MOON_E_SYNTAX: bad
 * notation; MOON_E_TAG: no such type; MOON_E_NOMEM. *cut: the number had more than 32 bits. Values of type o are names. */
enum moon_err moon_given_value(char type, const char *text, uint8_t *tag, uint8_t **octets, size_t *len, bool *cut,
                               char detail[MOON_GIVEN_DETAIL]);

#endif
