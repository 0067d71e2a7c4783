/* engine: sockets, in-flight table, timing wheel, pacing and counters. Single-threaded; completions only from
 * moon_engine_turn(), never from inside submit or cancel.
 *
 *   one turn:  receive until empty -> complete (done callbacks) -> expire timers -> send
 *
 * In that order, or every stall would turn queued answers into timeouts. A turn that has taken 2 ms takes in no more answers, one of
 * 3 ms completes, starts and expires no more: the rest is for the turn after it.
 *
 *   struct moon_loop *loop = moon_loop_new("epoll");                              io.h; or a loop of your own
 *   moon_engine_config_init(&config);
 *   moon_engine_new(&config, moon_loop_io(loop), loop, &engine);
 *   moon_loop_on_turn(loop, turn, engine);                                         turn(arg) calls moon_engine_turn(arg)
 *   moon_policy_init(&policy);                                                     tries, timeouts: target.h
 *   moon_peer_new(engine, &addr, &credential, &policy, NULL, &peer);
 *   moon_engine_submit(engine, peer, &request, 0, done, arg, &ticket);             request: exchange.h
 *   moon_engine_kick(engine);
 *   moon_loop_run(loop);                                                           done(arg, outcome), inside of it
 *
 * What is checked is what agents send, not what its host hands over. */
#ifndef MOON_ENGINE_ENGINE_H
#define MOON_ENGINE_ENGINE_H

#include "../base/list.h"
#include "../session/exchange.h"
#include "counters.h"
#include "diary.h"
#include "histogram.h"
#include "io.h"
#include "resolver.h"

struct moon_engine; /* opaque */
struct moon_trust_record;

/* *o and what it lends are valid during the call. May submit and cancel, may not free the engine. */
typedef void moon_done(void *arg, const struct moon_outcome *o);

struct moon_engine_config {
  uint32_t max_in_flight;     /* requests on the wire: 10,000 */
  uint32_t max_waiting;       /* requests taken but not yet on the wire, whole engine: 100,000; beyond it submit says MOON_E_BUDGET */
  uint32_t max_waiting_peer;  /* the same for one agent: 1,000 */
  uint32_t packets_per_s;     /* all agents; 0: no limit */
  uint32_t receive_buffer;    /* octets asked of the kernel: 4 MiB */
  uint32_t retry_percent;     /* retry budget: this many per cent of first tries, 10 */
  uint32_t retry_per_s;       /* or this many a second, whichever is more: 50 */
  uint32_t contexts;          /* SNMPv3: keys at the ready for so many agents, see keyring.h; 0: 20,000 */
  struct moon_addr source4, source6; /* bind address; family 0: any */
  uint64_t seed;              /* of ids and jitter; 0: from the kernel */
  struct moon_counters *counters; /* borrowed; NULL: own */
  struct moon_histograms *histograms; /* the same; the engine writes rtt, queue and turn */
  struct moon_resolver_config resolver; /* of peers known by name; all 0: as the system is configured */
  bool awaits_sources;        /* of moon_peer_bind, that cannot be bound: told, and tried again; until then its agents cannot be reached */
  bool closed;                /* no sockets: only peers that are answered in the process, see moon_peer_answer_with */
  uint64_t (*clock_us)(void *arg); /* what it takes for the monotonic clock; never goes back; NULL: the real one */
  void *clock_arg;
  /* Something an operator should know, at most once per peer and cause: quirks, kernel gave a smaller buffer, drops.
   * peer may be NULL. text is one line, lent. May be NULL. */
  void (*notice)(void *arg, void *peer_user, const char *text);
  /* An answer is next but few to be dealt with, of a request submitted with these: what done will read may be brought into the
   * cache. Called with step 0, then 1, a few answers apart, so that each may go by what the one before brought. May be NULL. */
  void (*ahead)(moon_done *done, void *done_arg, unsigned step);
  /* Called in every turn after completions and before timers expire: the host starts what became ready. May be NULL. */
  void (*ready)(void *arg);
  /* An agent of SNMPv3 is about to be asked for the first time: true: *out is what was kept of the agent at addr. May be NULL. */
  bool (*recall)(void *arg, void *peer_user, const struct moon_addr *addr, struct moon_trust_record *out);
  /* What is known of an agent of SNMPv3 changed, or is what it was ten minutes ago: to be kept. r is lent. May be NULL. */
  void (*learned)(void *arg, void *peer_user, const struct moon_trust_record *r);
  /* Every datagram as it leaves (sent) and as it came, to or from whom; octets are lent. For dumps. May be NULL. */
  void (*trace)(void *arg, bool sent, const struct moon_addr *peer, const uint8_t *p, size_t n);
  void *arg;
};
MOON_API void moon_engine_config_init(struct moon_engine_config *c); /* the defaults above */

/* Opens its sockets: one IPv4 and one IPv6 UDP socket, unconnected (IPv6 may be missing on the host); moon_peer_bind opens more, and
 * each gets a second one, with another port, once an agent stays silent to the first.
 * io and loop are borrowed; engines may share a loop, each with a turn of its own, see io.h.
 * MOON_E_NOMEM, MOON_E_CONFIG with a line through notice. */
MOON_API enum moon_err moon_engine_new(const struct moon_engine_config *c, const struct moon_io *io, void *loop, struct moon_engine **out);
/* Outstanding requests are dropped without their done callback; its peers go along. Not from inside a turn. */
MOON_API void moon_engine_free(struct moon_engine *e);
MOON_API void moon_engine_turn(struct moon_engine *e);
MOON_API uint64_t moon_engine_now(const struct moon_engine *e);      /* monotonic us, of the turn under way */
MOON_API uint64_t moon_engine_clock_us(const struct moon_engine *e); /* the same clock, at this moment */
/* Has the turn under way taken its 3 ms? Who is asked has done some of what there is: the rest is for the next turn then. */
MOON_API bool moon_engine_spent(const struct moon_engine *e);
MOON_API uint64_t moon_engine_next_us(const struct moon_engine *e);  /* when a turn is due; UINT64_MAX: not before something is readable */
/* With the first agent asked over TCP, and the first name that is asked for, comes another each. */
MOON_API size_t moon_engine_fds(const struct moon_engine *e, int *fds, size_t cap);
MOON_API struct moon_counters *moon_engine_counters(struct moon_engine *e);
MOON_API struct moon_histograms *moon_engine_histograms(struct moon_engine *e);
/* Have a turn run soon although nothing is readable: something was submitted from outside a turn. */
MOON_API void moon_engine_kick(struct moon_engine *e);

/* One agent as the engine sees it: what is known of it, its queue, its window. */
struct moon_peer; /* opaque */
/* Borrows credential and policy until it is freed. MOON_E_NOMEM; MOON_E_CONFIG: the address has no family. */
MOON_API enum moon_err moon_peer_new(struct moon_engine *e, const struct moon_addr *addr, const struct moon_credential *credential,
                                     const struct moon_policy *policy, void *user, struct moon_peer **out);
/* An agent asked over TCP: connect now, as its first request would. */
MOON_API void moon_peer_connect(struct moon_engine *e, struct moon_peer *p);
/* Is there a connection, or no need of one? If not *cause is errno when the last one failed or ended, 0 while one is under way. */
MOON_API bool moon_peer_connected(const struct moon_peer *p, int *cause);
/* Known by name: its requests wait until the resolver, which the first of them asks, gave an address; without one they end with
 * MOON_E_DNS. When its addresses are over their time they are asked for again while the last ones stay in use, for as long as the
 * resolver does not answer. Of several addresses the next is tried when one stays silent. Copies host; of want family (0: any), port and
 * stream count.
 * MOON_E_CONFIG: the name is too long, or the engine is closed. */
MOON_API enum moon_err moon_peer_new_named(struct moon_engine *e, const char *host, const struct moon_addr *want,
                                           const struct moon_credential *credential, const struct moon_policy *policy, void *user,
                                           struct moon_peer **out);
/* What the resolver last said against its name, one clause; NULL: nothing. Valid until the next turn. */
MOON_API const char *moon_peer_trouble(const struct moon_peer *p);
#define MOON_SOURCES_MAX 16u /* addresses asked from, beside the engine's own */
/* Its requests leave from this address of the host and by this interface, the scope (0: any); peers of one source share a socket.
 * Of a peer known by name: those to addresses of the same family.
 * To be called before the first request. MOON_E_CONFIG, errno tells: not of the peer's family, or none of this host's
 * addresses (not with awaits_sources); MOON_E_LIMIT: too many sources; MOON_E_NOMEM. */
MOON_API enum moon_err moon_peer_bind(struct moon_engine *e, struct moon_peer *p, const struct moon_addr *source);
/* Cancels what is waiting. */
MOON_API void moon_peer_free(struct moon_engine *e, struct moon_peer *p);
MOON_API struct moon_target *moon_peer_target(struct moon_peer *p);
/* How it is doing now: requests, and what went wrong with them. */
struct moon_peer_state {
  uint64_t requests, answered;     /* ended, and of these with an answer; cancelled ones count as neither */
  const struct moon_diary *diary;  /* lent; NULL: nothing went wrong yet */
  uint32_t waiting, in_flight;
  bool told_engine, told_time;     /* SNMPv3: what came before an answer, to a request that is in flight still */
};
MOON_API void moon_peer_look(const struct moon_peer *p, struct moon_peer_state *out);
/* Its policy has another packets_per_s now: it begins with one packet. MOON_E_NOMEM: there is no limit. */
MOON_API enum moon_err moon_peer_pace(struct moon_peer *p);
/* It is asked as c from now on, which may be what was there before with other content. Borrowed as in moon_peer_new. */
MOON_API void moon_peer_credential(struct moon_peer *p, const struct moon_credential *c);
/* What of an agent of SNMPv3 is worth keeping over a restart; MOON_E_MISSING: nothing is proven. */
MOON_API enum moon_err moon_peer_export(const struct moon_peer *p, struct moon_trust_record *out);
/* What was kept of the agent at this address, before its first request: it saves two round trips. A record that is wrong costs
 * what finding out would have. MOON_OK too for a peer whose credential is not of SNMPv3; as moon_trust_import; MOON_E_NOMEM,
 * MOON_E_NO_ALGORITHM. */
MOON_API enum moon_err moon_peer_import(struct moon_engine *e, struct moon_peer *p, const struct moon_trust_record *r);

/* Its requests go to asked instead of a socket; to be called before the first of them. asked borrows the datagram, may call
 * moon_peer_reply any number of times and nothing else of the engine. All else is as on a network: ids, sources, time, counters.
 * MOON_E_NOMEM. */
typedef void moon_peer_asked(void *arg, struct moon_peer *p, uint64_t now_us, const uint8_t *request, size_t n);
MOON_API enum moon_err moon_peer_answer_with(struct moon_engine *e, struct moon_peer *p, moon_peer_asked *asked, void *arg);
/* A datagram arrives from `from` (NULL: the address asked) in delay_us, a millisecond at least. Copied. MOON_E_NOMEM;
 * MOON_E_LIMIT: over MOON_LOCAL_OCTETS_MAX are on their way, it counts as dropped. */
#define MOON_LOCAL_OCTETS_MAX (64u << 20)
MOON_API enum moon_err moon_peer_reply(struct moon_peer *p, const uint8_t *octets, size_t n, uint64_t delay_us, const struct moon_addr *from);

/* Slot and generation: what may be kept across a wait. {0, 0} is nobody's. */
struct moon_ticket { uint32_t slot, generation; };

/* Takes the request; it leaves at the end of this turn or when windows allow. request is borrowed until done or cancel.
 * deadline_us: the latest moment for a verdict (0: only (retries + 1) * timeout); past it the verdict is timeout.
 * MOON_E_BUDGET: a queue is full, MOON_E_NOMEM. An open breaker is told through done (MOON_E_DOWN), not here. */
MOON_API enum moon_err moon_engine_submit(struct moon_engine *e, struct moon_peer *p, const struct moon_request *request,
                                          uint64_t deadline_us, moon_done *done, void *arg, struct moon_ticket *out);
/* Is it the queue of the whole engine that is full, not only that of a peer? */
MOON_API bool moon_engine_is_full(const struct moon_engine *e);
/* Its slot is free at once, done is not called, a late answer counts as late. A stale ticket is harmless. */
MOON_API void moon_engine_cancel(struct moon_engine *e, struct moon_ticket t);
/* When its first try left; 0: it waits. UINT64_MAX: the agent reacted by what comes before an answer in SNMPv3, its engine id or its
 * time. Of a stale ticket: 0. */
MOON_API uint64_t moon_engine_unheard_us(struct moon_engine *e, struct moon_ticket t);

/* Timers of the host on the engine's wheel, 1 ms steps, never early. Embed, zero-initialise with moon_timer_init. */
typedef void moon_timer_fn(void *arg);
struct moon_timer {
  struct moon_list node;
  uint64_t at_us;
  moon_timer_fn *fn;
  void *arg;
};
MOON_API void moon_timer_init(struct moon_timer *t, moon_timer_fn *fn, void *arg);
MOON_API void moon_timer_start(struct moon_engine *e, struct moon_timer *t, uint64_t at_us); /* restarts a running one */
MOON_API void moon_timer_stop(struct moon_engine *e, struct moon_timer *t);                  /* harmless when not running */

#endif
