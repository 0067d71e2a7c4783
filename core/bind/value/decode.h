/* decode: octets of the common textual conventions as text and numbers: snmp.ip, mac, hex, text, date, bits. What each takes and
 * gives is told in lua/moonpoll/init.lua. All take nil (a missing instance) and give nil. */
#ifndef MOON_BIND_VALUE_DECODE_H
#define MOON_BIND_VALUE_DECODE_H

#include "value.h"

#define MOON_INET_TEXT_MAX 64

/* InetAddress octets (RFC 4001: 4, 16, with zone 8, 20) as text; its length, 0 for another size. cap >= MOON_INET_TEXT_MAX */
size_t moon_inet_format(const uint8_t *p, size_t n, char *out, size_t cap);
/* nil, err with code "decode" and this detail, returned from a C function. [-0, +2, m] */
int moon_decode_fail(lua_State *L, const char *detail);
/* Raises where an argument has more than an OCTET STRING can: decoding goes through all of it at one go. [-0, +0, e] */
void moon_decode_check_octets(lua_State *L, int arg, size_t n);
/* "00:1b:21:.." [-0, +1, m] */
void moon_decode_push_mac(lua_State *L, const uint8_t *p, size_t n);

int moon_decode_ip(lua_State *L);
int moon_decode_mac(lua_State *L);
int moon_decode_hex(lua_State *L);
int moon_decode_text(lua_State *L);
int moon_decode_date(lua_State *L);
int moon_decode_bits(lua_State *L);

#endif
