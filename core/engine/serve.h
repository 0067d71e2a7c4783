/* serve: UDP sockets that answer. Requests in and answers out by the batch; each answer leaves from the address that was
 * asked, so one socket is as many agents as a network has addresses: all of 127.0.0.0/8 on one port.
 *
 *   moon_server_new(&config, io, loop, &server);
 *   moon_server_listen(server, &addr, &bound);              as often as there are ports
 *   serve(arg, &arrival)  ->  moon_server_send(server, &arrival, p, n, delay_us, false)
 *
 * Single-threaded. One turn: receive -> serve() -> answers that are due -> send. Knows nothing of SNMP. */
#ifndef MOON_ENGINE_SERVE_H
#define MOON_ENGINE_SERVE_H

#include <stddef.h>

#include "../session/addr.h"
#include "io.h"

struct moon_server; /* opaque */

/* A datagram, lent during serve(). */
struct moon_arrival {
  const uint8_t *p;
  size_t n;
  uint64_t now_us;         /* of the server's clock */
  struct moon_addr to;     /* the address asked, the port it came in at */
  struct moon_addr from;
  uint32_t listener;       /* for moon_server_send */
};
/* May send; may not free the server. */
typedef void moon_serve(void *arg, const struct moon_arrival *in);

struct moon_server_counts {
  uint64_t datagrams_in, datagrams_out;
  uint64_t octets_in, octets_out;
  uint64_t held;         /* answers that wait now: for their time, or for room in the kernel */
  uint64_t held_dropped; /* answers that were to wait when there were too many */
  uint64_t send_errors;  /* answers the kernel refused */
  uint64_t rx_dropped;   /* datagrams the kernel dropped: receive buffer full */
};

struct moon_server_config {
  moon_serve *serve;
  void *arg;
  uint64_t (*clock_us)(void *arg); /* NULL: the monotonic clock. With one of its own a turn is due when it was moved */
  void *clock_arg;
  uint32_t receive_buffer;         /* octets asked of the kernel, a socket; 0: 16 MiB */
  uint32_t max_held;               /* answers waiting for their time; 0: 200,000 */
  uint32_t max_held_octets;        /* all of them together; 0: 128 MiB */
};

/* io and loop are borrowed; io NULL: the owner calls turn when moon_server_fds says so. MOON_E_NOMEM. */
MOON_API enum moon_err moon_server_new(const struct moon_server_config *c, const struct moon_io *io, void *loop,
                                       struct moon_server **out);
/* Answers that wait are dropped. NULL is fine. */
MOON_API void moon_server_free(struct moon_server *s);
/* a->ip all zero: every address of this host; with `local` only those that its loopback interface has. a->port 0: a free one.
 * *bound tells the port (may be a). MOON_E_CONFIG with errno; MOON_E_NOMEM; MOON_E_LIMIT: too many ports. */
MOON_API enum moon_err moon_server_listen(struct moon_server *s, const struct moon_addr *a, bool local, struct moon_addr *bound);
/* Copies p. delay_us 0: with this turn. other_source: not from the address asked, but from a neighbour of it where the
 * host has one (127.0.0.0/8), else from another port. What cannot be sent is counted. */
MOON_API void moon_server_send(struct moon_server *s, const struct moon_arrival *in, const uint8_t *p, size_t n, uint64_t delay_us,
                               bool other_source);
MOON_API void moon_server_turn(struct moon_server *s);
MOON_API uint64_t moon_server_now(const struct moon_server *s);
/* When a turn is due though nothing is readable, on its clock; UINT64_MAX: never. */
MOON_API uint64_t moon_server_next_us(const struct moon_server *s);
MOON_API size_t moon_server_fds(const struct moon_server *s, int *fds, size_t cap);
MOON_API const struct moon_server_counts *moon_server_counts(struct moon_server *s);

#endif
