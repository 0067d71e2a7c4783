/* stream: SNMP over TCP, RFC 3430: one connection an agent, made when it is first asked and again after it broke. Messages follow
 * each other without anything between; each says its own length.
 *
 * To all else a message over a connection is a datagram: the same ids, tries and counters. A connection that cannot be made ends
 * the try, as ICMP would; one that breaks leaves the tries under way to their time. */
#ifndef MOON_ENGINE_STREAM_H
#define MOON_ENGINE_STREAM_H

#include "inner.h"

#define MOON_STREAM_OUT_MAX (256u << 10) /* octets that wait for a slow agent; what comes on top is lost, as on a network */

struct moon_stream; /* opaque */

/* MOON_E_NOMEM, MOON_E_CONFIG: no descriptor is left, errno tells. */
enum moon_err moon_stream_new(struct moon_engine *e, struct moon_peer *p, struct moon_stream **out);
void moon_stream_free(struct moon_engine *e, struct moon_stream *s); /* NULL is fine */
/* Begins to connect when there is no connection. */
void moon_stream_open(struct moon_engine *e, struct moon_stream *s);
/* There is a connection; else one is under way, or the last one failed or ended: *cause is errno then, else 0. */
bool moon_stream_is_open(const struct moon_stream *s, int *cause);
/* Copied. Ends the tries under way when no connection can be made. */
void moon_stream_send(struct moon_engine *e, struct moon_stream *s, const uint8_t *p, size_t n);
/* The agent is elsewhere. */
void moon_stream_close(struct moon_engine *e, struct moon_stream *s);

/* All of an engine: reads, and calls done. */
void moon_streams_turn(struct moon_engine *e);
void moon_streams_fini(struct moon_engine *e);

/* The length of the message that begins at p, of which n octets are there: 0: not to be told yet; SIZE_MAX: no message begins
 * like that, or it is over max. */
size_t moon_stream_frame(const uint8_t *p, size_t n, size_t max);

#endif
