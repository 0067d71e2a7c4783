/* resolve: what people type to an OID.
 *
 *   IF-MIB::ifName.1   ifName.1   sysUpTime.0   .1.3.6.1.2.1.1.3.0   1.3.6   iso.3.6   .iso.org.dod.internet.mgmt
 *   ipAddressIfIndex.ipv4."192.0.2.1"   ifRcvAddressStatus.1."0:1b:21:3a:4f:2"   vacmGroupName.usm."user"   ifDescr[1]
 *
 * Indexes are read by the SYNTAX of the row's INDEX: labels for enumerations, "text" with its length in front, 'text' of a fixed
 * size, addresses behind their InetAddressType; where nothing is known, numbers and quoted text. */
#ifndef MOON_NAMES_RESOLVE_H
#define MOON_NAMES_RESOLVE_H

#include "out.h"
#include "set.h"

#define MOON_RESOLVE_ANY_VALUE 1u /* indexes out of the range of their type are taken: -Ir */

/* Content octets to out, cap >= MOON_OID_MAX_LEN. MOON_E_SYNTAX: no such name or index, and *why (may be NULL) says what, as net-snmp
 * words it; MOON_E_MISSING: no such module; MOON_E_RANGE: an OID no encoding has; MOON_E_LIMIT: too long. */
MOON_API enum moon_err moon_names_resolve(const struct moon_names *s, const char *text, size_t n, uint32_t options, uint8_t *out, size_t *len,
                                          struct moon_out *why);

#endif
