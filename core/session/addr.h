/* addr: the transport address of an agent as plain data; text only at the edges, sockaddr only in engine/. */
#ifndef MOON_SESSION_ADDR_H
#define MOON_SESSION_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../base/err.h"

#define MOON_ADDR_TEXT_MAX 64

struct moon_addr {
  uint8_t ip[16];  /* network order; IPv4 in the first four, the rest zero */
  uint32_t scope;  /* IPv6 zone, else 0 */
  uint16_t port;   /* host order */
  uint8_t family;  /* 4 or 6; 0 is no address */
  uint8_t stream;  /* 1: TCP, RFC 3430; 0: UDP. No padding anywhere, so that memcmp compares */
};

static inline bool moon_addr_equal(const struct moon_addr *a, const struct moon_addr *b) { return memcmp(a, b, sizeof *a) == 0; }
/* Keyed where an outsider could choose the input. */
MOON_API uint64_t moon_addr_hash(const struct moon_addr *a, uint64_t key);
/* Agent syntax of net-snmp for numeric addresses: "[udp:]192.0.2.1[:161]", "udp6:[2001:db8::1]:161", "[::1]", "2001:db8::1".
 * MOON_E_SYNTAX; MOON_E_DNS when it is a well-formed host name (a resolver's business): then *host (lent, host_len octets)
 * and out->port, out->family (0 = any) are set. */
MOON_API enum moon_err moon_addr_parse(const char *text, uint16_t default_port, struct moon_addr *out, const char **host, size_t *host_len);
/* The same with "tcp:" and "tcp6:" too. */
MOON_API enum moon_err moon_addr_parse_agent(const char *text, uint16_t default_port, struct moon_addr *out, const char **host,
                                             size_t *host_len);
/* "192.0.2.1:161", "[2001:db8::1]:161", "tcp:192.0.2.1:161"; returns its length. cap >= MOON_ADDR_TEXT_MAX */
MOON_API size_t moon_addr_format(const struct moon_addr *a, char *out, size_t cap);

#endif
