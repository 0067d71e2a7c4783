/* socket: one unconnected UDP socket of the engine: datagrams in and out by the batch, ICMP errors from its error queue,
 * buffer sizes, drops. The only file with sockaddr and system calls of the network. */
#ifndef MOON_ENGINE_SOCKET_H
#define MOON_ENGINE_SOCKET_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "../session/addr.h"
#include "../wire/message.h"
#include "engine.h"

#define MOON_BATCH 128u
/* A datagram and some more, so that buffers of a batch do not all begin in the same set of the cache. Pages no datagram
 * reached are never touched. */
#define MOON_INBOX_STRIDE (65536u + 192u)
#define MOON_OUTBOX_OCTETS (128u * 1024u) /* twice the largest datagram */

union moon_sockaddr {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};
/* Returns the length. */
socklen_t moon_sockaddr_put(union moon_sockaddr *out, const struct moon_addr *a);
void moon_sockaddr_get(const union moon_sockaddr *in, struct moon_addr *out);

/* Where a batch arrives; shared by all sockets. */
struct moon_inbox {
  uint8_t *octets;
  struct mmsghdr header[MOON_BATCH];
  struct iovec vec[MOON_BATCH];
  union moon_sockaddr from[MOON_BATCH];
  uint32_t at, n;         /* those of the last batch that were not looked at yet: at <= i < n */
  struct moon_socket *of; /* where that came; NULL: closed since */
};
enum moon_err moon_inbox_init(struct moon_inbox *in);
void moon_inbox_fini(struct moon_inbox *in);

/* Datagrams of one batch, packed downwards into one piece of memory. */
struct moon_outbox {
  uint8_t *octets;
  uint8_t *low;                           /* lowest octet in use */
  uint32_t n;
  struct mmsghdr header[MOON_BATCH];
  struct iovec vec[MOON_BATCH];
  struct moon_ticket owner[MOON_BATCH];
};

struct moon_socket {
  int fd;               /* -1: this host has no such family, or not the source yet */
  uint8_t family;       /* 4, 6 */
  struct moon_addr source; /* bound to; family 0: any */
  bool readable;        /* told by the loop */
  bool errors;          /* the error queue may hold something */
  bool whole;           /* IPv4: never in fragments, see moon_socket_fragment */
  bool is_spare;        /* of the one its `other` is */
  bool told;            /* that its source is gone */
  bool awaited;         /* its source could not be bound: that is tried again */
  uint32_t drops;       /* as the kernel last told */
  uint32_t n_peers;     /* whose requests leave from here */
  uint32_t unread;      /* datagrams that may have been here when timers began to wait for them */
  uint64_t again_us;    /* when its source may be looked at again */
  struct moon_socket *other; /* the same source, another port; NULL: not opened yet */
  struct moon_outbox out;
};

/* Binds to the address of source and, with a scope, to that interface: what another one brings is not heard. 0, or -1 with errno. */
int moon_socket_bind(int fd, const struct moon_addr *source);
/* *granted: the receive buffer in octets, without the kernel's doubling. MOON_E_CONFIG with errno: no such family, or the
 * source cannot be bound. */
enum moon_err moon_socket_open(struct moon_socket *s, uint8_t family, const struct moon_addr *source, uint32_t receive_buffer,
                               uint32_t *granted);
void moon_socket_close(struct moon_socket *s);

/* Sockets begin by never fragmenting: the kernel then needs no IP identification for each datagram (RFC 6864 4.1), 4 % of what
 * sending one costs (engine_bench). Requests hardly ever exceed a path MTU; at the first that does, EMSGSIZE, the owner calls
 * this and sends it again. false: the socket fragments already, the datagram is too large for it. */
bool moon_socket_fragment(struct moon_socket *s);

/* Datagrams taken, 0: none there, -errno: an error of some earlier datagram, or of the socket. */
int moon_socket_receive(struct moon_socket *s, struct moon_inbox *in);

/* Room for a datagram of up to need octets: the writer to encode into, then keep it or not. false: flush first. */
bool moon_outbox_room(struct moon_outbox *o, size_t need, struct moon_writer *w);
void moon_outbox_keep(struct moon_outbox *o, const struct moon_writer *w, const union moon_sockaddr *to, socklen_t to_len,
                      struct moon_ticket owner);
/* Forget datagrams [0, n), then all whose owner is gone (alive false). */
void moon_outbox_drop(struct moon_outbox *o, uint32_t n, bool (*alive)(void *arg, struct moon_ticket owner), void *arg);

/* What waits for this destination stays behind: its owner is nobody. */
void moon_outbox_forget(struct moon_outbox *o, const union moon_sockaddr *to);

/* The request-id or msgID of a message of which only the beginning is there; 0: not that much of it. */
uint32_t moon_socket_quoted_id(const uint8_t *p, size_t n);

/* One entry of the error queue. */
struct moon_icmp {
  struct moon_addr to;     /* where the datagram went that this is about */
  uint32_t id;             /* its request-id or msgID; 0: too little of it came back */
  enum moon_err err;       /* MOON_E_REFUSED, MOON_E_UNREACHABLE; MOON_OK: not an end of a try */
  bool mtu;                /* it was larger than a link on the path takes */
};
/* false: the queue is empty. */
bool moon_socket_icmp(struct moon_socket *s, struct moon_icmp *out);
/* Datagrams the kernel dropped since the last call. */
uint32_t moon_socket_drops(struct moon_socket *s);
/* How much of its receive buffer is in use: octets, as the kernel reckons; UINT32_MAX: it does not say. */
uint32_t moon_socket_held(const struct moon_socket *s);

#endif
