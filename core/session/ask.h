/* ask: the varbind list of a request under construction: names with NULL for values (RFC 3416 4.2), written backwards.
 *
 *   30 L  06 N name[N]  05 00        the last varbind is put first
 *
 * Shared by the machines that decide what to ask; sizes are worked out before anything is written. */
#ifndef MOON_SESSION_ASK_H
#define MOON_SESSION_ASK_H

#include "exchange.h"
#include "trust.h"

/* Octets of varbinds in a request: one datagram of 1472 octets less the header with the longest community. */
#define MOON_ASK_MAX 1180

/* Octets a TLV takes whose content has n of them, n < 65536. */
static inline size_t moon_ask_tlv(size_t n) { return n + (n < 128 ? 2 : n < 256 ? 3 : 4); }
/* Octets one name takes in a request. */
static inline size_t moon_ask_cost(size_t oid_len) { return oid_len < 120 ? oid_len + 6 : moon_ask_tlv(moon_ask_tlv(oid_len) + 2); }
/* Octets of a message around its varbinds, at most. */
static inline size_t moon_ask_overhead(const struct moon_target *t) {
  const struct moon_credential *c = t->credential;
  return c->version == MOON_V3 ? moon_trust_overhead(t->trust, c) : 4u + 3 + 3 + c->community_len + 4 + 6 + 6 + 6 + 4;
}

static inline void moon_ask_put(struct moon_writer *w, const uint8_t *oid, size_t n) {
  if (n < 120 && moon_writer_len(w) + n + 6 <= (size_t)(w->end - w->start)) {
    uint8_t *p = w->p - n - 6;
    p[0] = MOON_SEQUENCE;
    p[1] = (uint8_t)(n + 4);
    p[2] = MOON_OBJECT_ID;
    p[3] = (uint8_t)n;
    if (n >= 8 && n <= 16) { /* most names: two overlapping copies, and no call */
      uint64_t a, b;
      memcpy(&a, oid, 8);
      memcpy(&b, oid + n - 8, 8);
      memcpy(p + 4, &a, 8);
      memcpy(p + 4 + n - 8, &b, 8);
    } else {
      memcpy(p + 4, oid, n);
    }
    p[4 + n] = MOON_NULL;
    p[5 + n] = 0;
    w->p = p;
    return;
  }
  const struct moon_varbind vb = {.oid = oid, .value = oid, .value_len = 0, .oid_len = (uint16_t)n, .type = MOON_NULL};
  moon_varbind_put(w, &vb);
}

#endif
