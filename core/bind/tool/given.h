/* given: what people type, OIDs and values of a SET, as content octets; read as net-snmp reads it without MIB modules.
 *
 *   OIDs    "1.3.6.1", ".1.3.6.1", "iso.3.6.1"; parts may be hexadecimal (0x1f) or octal (017), 'ab' is 97.98, "ab" is 2.97.98
 *   values  a type letter and text: i 5, u 5, t 500, a 192.0.2.1, o 1.3.6, s text, x "0a ff", d 10.255, b "1 3", n "", 3 5, c 5, C 5,
 *           U 5, I -5, F 1.5, D 1.5                                                                                      */
#ifndef MOON_BIND_TOOL_GIVEN_H
#define MOON_BIND_TOOL_GIVEN_H

#include "../../wire/pdu.h"

#define MOON_GIVEN_DETAIL 256
#define MOON_GIVEN_BITS_MAX 65536u /* number of a bit of a BITS value, and above it */

/* Content octets of an OID, cap >= MOON_OID_MAX_LEN. MOON_E_SYNTAX: no OID, *detail has why. MOON_E_RANGE: an OID no encoding
 * has (3.1, 1.50); *len is not set. */
enum moon_err moon_given_oid(const char *text, uint8_t *out, size_t *len, char detail[MOON_GIVEN_DETAIL]);

/* A value: its tag and its content, from moon_mem, the caller's to free. MOON_E_RANGE: a number that is none; MOON_E_SYNTAX: bad
 * notation; MOON_E_TAG: no such type; MOON_E_LENGTH: an OID no encoding has; MOON_E_MISSING: an OID that cannot be read.
 * MOON_E_NOMEM. Of all of them *detail may be "". */
enum moon_err moon_given_value(char type, const char *text, uint8_t *tag, uint8_t **octets, size_t *len, char detail[MOON_GIVEN_DETAIL]);

#endif
