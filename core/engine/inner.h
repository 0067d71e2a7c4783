/* inner: the engine's own structs, for the files of the engine and nobody else.
 *
 *   engine.c   life, the turn, submit, cancel, how requests end
 *   peer.c     agents: queues, windows, whose turn it is
 *   named.c    agents known by name: where they are
 *   launch.c   requests become datagrams
 *   stream.c   connections instead of datagrams
 *   local.c    datagrams to and from agents inside the process
 *   match.c    datagrams and ICMP errors find their request
 *   secure.c   SNMPv3: keys, what is known of engines                                                               */
#ifndef MOON_ENGINE_INNER_H
#define MOON_ENGINE_INNER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* struct mmsghdr */
#endif

#include "../session/trust.h"
#include "flight.h"
#include "pace.h"
#include "resolver.h"
#include "socket.h"
#include "wheel.h"

/* Of an agent that may be asked only so often. */
struct moon_pacing {
  struct moon_bucket bucket;
  struct moon_timer timer;   /* runs while the bucket is empty */
};

/* What every request needs stands together, between what few do. */
struct moon_peer {
  void *user;
  struct moon_peer *same;    /* next in its bucket of the address table */
  void *asked_arg;
  moon_peer_asked *asked;      /* who answers inside the process; NULL: its requests go to the socket */
  struct moon_stream *stream;  /* asked over TCP, see stream.h; NULL: over UDP */
  struct moon_named *named;    /* see named.c; NULL: its address is all there is to know */
  struct moon_pacing *pacing;  /* NULL: there is no limit */
  struct moon_diary *diary;    /* NULL: nothing went wrong yet */
  struct moon_engine *engine;
  struct moon_socket *socket;  /* that its requests leave from */
  uint64_t ended, answered;  /* requests, see moon_peer_look */
  struct moon_list node;     /* engine->active while something waits and the window has room; else alone */
  struct moon_list waiting;  /* slots, first come first served */
  struct moon_list flying;   /* slots, in the order their latest try left */
  union moon_sockaddr to;
  socklen_t to_len;
  uint32_t index;
  uint32_t n_waiting, n_on_wire;
  uint32_t told;             /* quirks said, enum moon_quirk */
  uint32_t unheard;          /* tries in a row that got no answer from this port */
  struct moon_target target;
};
_Static_assert(sizeof(struct moon_peer) <= 344, "there is one for each device");

struct moon_secure; /* see secure.c */

/* All agents by index, and by address for ICMP errors that quote no id. */
struct moon_peers {
  struct moon_peer **at;     /* NULL where free */
  struct moon_peer **bucket; /* cap of them, chained by same */
  struct moon_secure **engine; /* engine_cap of them, chained: agents of SNMPv3 by engine id; NULL: there are none */
  uint32_t n, cap;           /* cap: power of two */
  uint32_t n_engine, engine_cap;
  uint32_t hint;             /* below it no index is free */
  uint64_t key;
};

#define MOON_STENCILS 8u

#define MOON_AHEAD_STEPS 4u

/* What a datagram says of itself, before anybody is asked. */
struct moon_sight {
  struct moon_slot *slot; /* looking ahead: of this request; NULL: of none that lives, or not looked for yet */
  uint32_t id, counter;   /* MOON_TRY_NONE: of no id of ours */
  bool malformed;
};

/* An answer that was read, before its done is called. */
struct moon_read {
  struct moon_ticket ticket;
  struct moon_outcome outcome;
};
#define MOON_READS 64u /* so many, then what comes of them: the code of both is more than the first cache holds */

struct moon_engine {
  uint64_t now_us;           /* never goes back */
  uint64_t due_us;           /* what is due by then expires: no later than now_us */
  struct moon_counters *counters;
  struct moon_histograms *histograms;
  struct moon_list active;   /* peers, round robin */
  struct moon_list resend;   /* slots whose next try is due */
  struct moon_list ready;    /* slots that are over */
  uint32_t n_on_wire, n_waiting;
  uint64_t random;           /* of jitter */
  struct moon_stencil stencil[MOON_STENCILS]; /* of what was sent lately */
  uint64_t blocked_us;       /* the kernel takes nothing more: try again then; 0 */
  uint64_t paced_us;         /* packets_per_s is used up until then; 0 */
  uint64_t told_us;          /* what the loop was last asked for */
  uint64_t turn_us;          /* when this turn began */
  uint64_t unread_us;        /* timers up to then wait for what is unread in the sockets; 0: they do not wait */
  uint32_t first_socket;     /* that this turn reads from */
  bool in_turn;
  bool ready_ahead;          /* in this turn config.ready is still to be called: what was kicked needs no other */
  bool again;                /* a turn is due at once */
  bool drops_told, buffer_told, ports_told, streams_told;
  bool kept_told;            /* addresses over their time stay in use: the resolver does not answer */
  bool resolver_due;         /* it has something to do in this turn */
  struct moon_flight flight;
  struct moon_peers peers;
  struct moon_bucket bucket;
  struct moon_budget budget;
  struct moon_timer drops;   /* looks at the receive buffer's drops a second after something came */
  struct moon_engine_config config;
  const struct moon_io *io;  /* may be NULL */
  void *loop;
  struct moon_counters own;
  struct moon_histograms own_histograms;
  struct moon_socket *socket[2 * (2 + MOON_SOURCES_MAX)]; /* IPv4, IPv6, then sources and spares as they came */
  uint32_t n_sockets, n_sources;
  struct moon_inbox inbox;
  struct moon_sight sight[MOON_BATCH]; /* of each datagram in the inbox, once it is read: see ahead.c */
  struct moon_read read[MOON_READS]; /* see moon_match_give */
  uint32_t n_read;
  bool gathers;              /* answers are read some at a time */
  struct moon_list replies;  /* struct moon_local_reply: on their way inside the process */
  size_t reply_octets;       /* of them */
  uint8_t *local_room;       /* MOON_DATAGRAM_MAX octets for requests to them; NULL: there are none yet */
  struct moon_peer *reading; /* what is matched now came over its connection; NULL: as a datagram */
  int streams_fd;            /* epoll over all connections; -1: there is none */
  bool streams_due;
  struct moon_resolver *resolver; /* NULL: nobody was asked for by name */
  struct moon_timer resolver_timer;
  struct moon_keyring *keyring; /* NULL: nobody spoke SNMPv3 yet */
  bool secure_told;          /* that there is none */
  uint32_t stretched;        /* of its keys, when this turn began to send */
  struct moon_wheel wheel;
};

static inline struct moon_ticket moon_slot_ticket(const struct moon_slot *s) { return (struct moon_ticket){ s->index, s->generation }; }

uint64_t moon_clock_us(void); /* the real monotonic clock */

/* The verdict: the slot is free, what was counted is counted, then done is called. Touch nothing of it afterwards. */
void moon_engine_finish(struct moon_engine *e, struct moon_slot *s, struct moon_outcome *o);
/* The same without an answer, at the next place in the turn where done may be called. */
void moon_engine_finish_later(struct moon_engine *e, struct moon_slot *s, enum moon_err err);
/* What moon_exchange_expire or _icmp decided about a slot on the wire. */
void moon_engine_verdict(struct moon_engine *e, struct moon_slot *s, enum moon_verdict v, struct moon_outcome *o);
/* Told by settle or heard that the breaker moved. */
void moon_engine_breaker(struct moon_engine *e, struct moon_peer *p);
/* Is it nobody's fault but of what the system allows? An errno. */
bool moon_engine_is_short(int cause);
void moon_engine_notice(struct moon_engine *e, struct moon_peer *p, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The socket of this source, opened when it is the first that asks. As moon_peer_bind. */
enum moon_err moon_engine_source(struct moon_engine *e, const struct moon_addr *source, struct moon_socket **out);
/* A socket that is closed, as its source could not be bound: opened, if that is worth another try. false: it is closed. */
bool moon_engine_open_again(struct moon_engine *e, struct moon_socket *s);
/* The socket of the same source with another port. Of a spare nobody uses the port is a new one each time. NULL: there is none. */
struct moon_socket *moon_engine_other_port(struct moon_engine *e, struct moon_socket *s);
/* Its requests leave from s from now on. */
void moon_peer_leave_by(struct moon_peer *p, struct moon_socket *s);
/* A try got no answer. After a few of them in a row it is asked from another port: what forgot the way back, a NAT, a firewall, one
 * of several links, may know it for that. */
void moon_peer_unheard(struct moon_peer *p);

enum moon_err moon_peers_init(struct moon_peers *all, uint64_t key);
void moon_peers_fini(struct moon_engine *e);
/* As moon_peer_new; family 0: not known yet. */
enum moon_err moon_peer_open(struct moon_engine *e, const struct moon_addr *addr, const struct moon_credential *credential,
                             const struct moon_policy *policy, void *user, struct moon_peer **out);
/* In and out of the table by address. */
void moon_peers_link(struct moon_engine *e, struct moon_peer *p);
void moon_peers_unlink(struct moon_engine *e, struct moon_peer *p);
/* Is there another one at its address? */
bool moon_peers_twin(struct moon_engine *e, const struct moon_peer *p);
/* Any agent at this address; NULL. */
struct moon_peer *moon_peers_find(struct moon_engine *e, const struct moon_addr *a);
/* Put it in the round if something waits and its window has room. */
void moon_peer_activate(struct moon_peer *p);
/* Its diary, begun if there is none. NULL: no memory. */
struct moon_diary *moon_peer_diary(struct moon_peer *p);
/* Say quirks that are new. */
void moon_peer_tell(struct moon_peer *p);

/* May its requests leave? If not it asks for an address, or they are over. Of peers with a name, as all of these. */
bool moon_named_ready(struct moon_peer *p);
/* What was sent to it then got no answer: a try, or with whole the last of a request. false: that was where it is no more. */
bool moon_named_silent(struct moon_peer *p, uint64_t sent_us, bool whole);
/* Is it one of its addresses? */
bool moon_named_knows(const struct moon_peer *p, const struct moon_addr *source);
/* An answer of it came from there. */
void moon_named_heard(struct moon_peer *p, const struct moon_addr *source);
enum moon_err moon_named_bind(struct moon_peer *p, const struct moon_addr *source);
void moon_named_free(struct moon_peer *p); /* one without a name too */
void moon_named_turn(struct moon_engine *e);
void moon_named_fini(struct moon_engine *e);
/* The agent is about to be spoken to in SNMPv3: makes what that takes, and the keyring for the first of them. MOON_E_NOMEM;
 * MOON_E_NO_ALGORITHM. */
enum moon_err moon_secure_prepare(struct moon_engine *e, struct moon_peer *p);
/* After a datagram was fed: counts what it was, says what is new of its engine. */
void moon_secure_look(struct moon_engine *e, const struct moon_slot *s);
/* May what came for a request that is over be believed? A second answer (late false) may be a replay, so never. */
bool moon_secure_past(struct moon_engine *e, struct moon_peer *p, bool late, const uint8_t *octets, size_t n);
/* Gives back what prepare made, if it did. */
void moon_secure_free(struct moon_engine *e, struct moon_peer *p);

/* Hand over what launch made in e->local_room. */
void moon_local_ask(struct moon_engine *e, struct moon_peer *p, const uint8_t *request, size_t n);
void moon_local_fini(struct moon_engine *e);

/* Send what is due, as far as windows, rates and the kernel allow. True: now_us is the time after that. */
bool moon_launch_all(struct moon_engine *e);

/* Before the datagrams of a batch are matched, and before each of them: it is read, and what dealing with those after it reads is
 * brought into the cache, a step further with each, as where something is stands in what the step before it brought. A fifth of the
 * processor time outside of the kernel (1,000 agents, a GET each: bench/collector.sh under perf record -e cpu-clock:u). */
void moon_ahead_begin(struct moon_engine *e);
void moon_ahead_of(struct moon_engine *e, uint32_t i);

void moon_match_look(const struct moon_engine *e, const uint8_t *p, size_t n, struct moon_sight *out);
/* One datagram that was read. */
void moon_match_seen(struct moon_engine *e, const struct moon_sight *sight, uint8_t *p, size_t n, const union moon_sockaddr *from);

/* One datagram. While e->gathers an answer is only read; what comes of it follows with those of a few others. */
void moon_match_datagram(struct moon_engine *e, uint8_t *p, size_t n, const union moon_sockaddr *from);
/* Calls done for what was read. To verify, decrypt and take apart an answer of SNMPv3, and to go on with what asked, are more code than
 * the first cache of a processor holds: by turns for each answer one drives out the other. */
void moon_match_give(struct moon_engine *e);
/* What was read for s; NULL: nothing. */
const struct moon_outcome *moon_match_read(const struct moon_engine *e, const struct moon_slot *s);
/* Everything in the error queue. Calls no done. */
void moon_match_errors(struct moon_engine *e, struct moon_socket *s);

#endif
