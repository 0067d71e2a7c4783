/* sealed: what an exchange says and hears in SNMPv3 with the User-based Security Model. Finding out whom to talk to, and at
 * what time, are steps of a try; no try is lost by them and none waits for another exchange.
 *
 *   engine id not known     a discovery: no user, no varbinds      --> Report unknownEngineIDs tells it (RFC 3414 4)
 *   boots, time not known   the request, signed, with 0 and 0      --> Report notInTimeWindows, signed, tells them
 *   both known              the request                            --> Response
 *   priv_either             the request with the one extension of the key; after a short silence with the other
 *
 * What does not decode is discarded (RFC 3412 7.2), as nothing of it can be believed: of a truncated answer there are no
 * varbinds to keep as in v2c, the try goes on, and another one may bring it whole.
 *
 * What is not signed is believed as little as possible. An engine id is a guess until its owner signs something. A report
 * that ends a request is held for a moment, of an engine that has proven itself for as long as its answers take: one overrules it. Nothing else is learned from it, and it is
 * no sign of life. */
#ifndef MOON_SESSION_SEALED_H
#define MOON_SESSION_SEALED_H

#include "exchange.h"
#include "report.h"
#include "trust.h"

#define MOON_DISCOVERIES_MAX 3u  /* in one exchange: the first, another engine, and back */
#define MOON_RESYNCS_MAX 2u      /* the first, and once more */

/* The datagram of the step that is due. MOON_E_VERSION: the target has no trust; as moon_keyring_get and moon_usm_seal. */
enum moon_err moon_sealed_encode(struct moon_exchange *x, uint32_t id, uint64_t now_us, struct moon_writer *w);
/* room: as moon_exchange_feed. MINE: o->err, o->report and o->pdu are set, and x->authentic tells whether its time and source are to be learned from.
 * Otherwise o is untouched. HELD: x->next_us was set. */
enum moon_verdict moon_sealed_feed(struct moon_exchange *x, const uint8_t *p, size_t n, uint8_t *room, uint64_t now_us, struct moon_outcome *o);
/* May this late message be believed to come from the target, just now? Signed, of the known engine, inside its time window. */
bool moon_sealed_vouch(struct moon_target *t, const uint8_t *p, size_t n, uint64_t now_us);
/* When the other key is to be tried, a request having left now that should be understood; 0: it is not. */
uint64_t moon_sealed_swap_us(const struct moon_exchange *x, uint64_t now_us);

#endif
