/* resolver: names of hosts to addresses: /etc/hosts first, see hosts.h, then by c-ares: name servers and search domains as the system
 * is configured. Nothing blocks, and c-ares is not touched before the first name is asked for.
 *
 *   moon_resolver_new(&config, &r);
 *   moon_resolver_ask(r, "core1.example.net", 0, found, arg, &lookup);     found(arg, &answer) comes from a turn
 *   moon_resolver_turn(r, now_us);     when moon_resolver_fd is readable, and no later than moon_resolver_next_us
 *
 * It has no memory of what it found: whoever asked keeps the answer for as long as it is good. So many names are asked for at
 * once and no more. One that has to wait for its answer gives its place to the next, up to a limit of all, and names that got
 * no answer the last time come after the others: silent servers do not stand in the way of those that answer. */
#ifndef MOON_ENGINE_RESOLVER_H
#define MOON_ENGINE_RESOLVER_H

#include "../session/addr.h"

#define MOON_HOST_MAX 256u              /* a name and its NUL, RFC 1035 2.3.4 */
#define MOON_ADDRESSES_MAX 8u           /* of one name; more are left out */
#define MOON_RESOLVER_AT_ONCE 64u       /* names: two questions each, which a small receive buffer holds */
#define MOON_RESOLVER_SLOW_US 250000u   /* then its place is another's */
#define MOON_RESOLVER_MAX 1024u         /* names under way, slow ones too */
#define MOON_RESOLVER_TTL_MAX_S 86400u  /* RFC 8767 4 would allow a week */
#define MOON_RESOLVER_TTL_HOSTS_S 60u   /* of what /etc/hosts says */

struct moon_resolver_config {
  const char *servers;  /* "127.0.0.1:5353,[::1]:53"; copied; NULL: those of the system */
  const char *hosts;    /* file like /etc/hosts, which is NULL; borrowed for the life of the resolver */
  uint64_t timeout_us;  /* of one question to one server; 0: 2 s. Each is asked MOON_RESOLVER_TRIES times, longer each time */
  uint64_t hold_us;     /* peers: after no answer, not asked for again before, however often it is wanted; 0: 5 s */
};
#define MOON_RESOLVER_TRIES 2
#define MOON_RESOLVER_SERVERS_MAX 160u  /* octets of config.servers and its NUL */

struct moon_addresses {
  struct moon_addr at[MOON_ADDRESSES_MAX]; /* port 0; best first, RFC 6724 */
  uint32_t n;          /* 0 with err */
  uint32_t ttl_s;      /* how long they are good, at least 1 */
  enum moon_err err;   /* MOON_E_DNS, MOON_E_NOMEM */
  int cause;           /* with err: errno that says the same, 0 where there is none */
  const char *text;    /* with err: which server said what; one clause, lent during the call */
};

struct moon_resolver; /* opaque */
struct moon_lookup;   /* opaque: a question under way */
/* May ask and cancel, may not free the resolver. */
typedef void moon_found(void *arg, const struct moon_addresses *a);

/* MOON_E_NOMEM. */
enum moon_err moon_resolver_new(const struct moon_resolver_config *config, struct moon_resolver **out);
/* What is under way ends without a call. NULL is fine. */
void moon_resolver_free(struct moon_resolver *r);
/* family 4 or 6, 0: both. doubtful: the last time there was no answer. host is copied; MOON_E_NOMEM, MOON_E_LIMIT: it is too
 * long. *out is valid until found is called or it is cancelled. */
enum moon_err moon_resolver_ask(struct moon_resolver *r, const char *host, uint8_t family, bool doubtful, moon_found *found, void *arg,
                                struct moon_lookup **out);
/* found is not called. */
void moon_lookup_cancel(struct moon_lookup *l);
/* Readable when a turn is due; one for all sockets behind it, for the life of the resolver. -1: not asked yet. */
int moon_resolver_fd(const struct moon_resolver *r);
/* Sends what was asked for, takes answers in, calls found. */
void moon_resolver_turn(struct moon_resolver *r, uint64_t now_us);
/* UINT64_MAX: not before the descriptor is readable. */
uint64_t moon_resolver_next_us(const struct moon_resolver *r, uint64_t now_us);
/* Names asked for at this moment. */
uint32_t moon_resolver_under_way(const struct moon_resolver *r);

#endif
