#include "resolver.h"

#include <ares.h>
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "../base/list.h"
#include "../base/mem.h"
#include "hosts.h"
#include "socket.h"

#define TIMEOUT_US 2000000u
#define EVENTS 16
#define ROUNDS 64 /* of EVENTS in one turn; then the others have theirs */
#define LOOK_AGAIN_US 5000000u /* at resolv.conf */
#define RESOLV_CONF "/etc/resolv.conf"
#define HOSTS "/etc/hosts"

struct moon_lookup {
  struct moon_resolver *resolver;
  struct moon_list node;  /* of a queue, of quick, or of slow */
  moon_found *found;      /* NULL: cancelled */
  void *arg;
  uint64_t asked_us;      /* 0: still in its queue */
  uint8_t family;
  bool quick;
  char host[];
};

struct moon_resolver {
  struct moon_hosts *hosts;
  ares_channel channel;   /* NULL: not asked yet */
  int fd;                 /* epoll over the sockets of c-ares: its TCP needs to know when it may write, which loops are not asked */
  bool library;           /* c-ares has our allocator */
  bool starting;          /* what is answered now was so without a question to anybody */
  struct moon_addr heard; /* the server that something last came from; what of it c-ares makes the end of a question it does at once */
  int heard_code;         /* the RCODE of that, RFC 1035 4.1.1; -errno: it could not be asked */
  uint32_t n, n_quick;    /* under way */
  uint64_t now_us;
  uint64_t looked_us;     /* at resolv.conf */
  struct timespec changed; /* resolv.conf, when the channel was made */
  uint64_t timeout_us;
  struct moon_list fresh, doubtful; /* waiting for a place */
  struct moon_list quick, slow;     /* under way, as they were asked */
  char servers[MOON_RESOLVER_SERVERS_MAX];       /* as configured; "": the system's */
};

static void *resize(void *p, size_t n) { return moon_mem_resize(p, n, 1); }

enum moon_err moon_resolver_new(const struct moon_resolver_config *config, struct moon_resolver **out) {
  struct moon_resolver *r = moon_mem_zalloc(sizeof *r);
  if (!r) { return MOON_E_NOMEM; }
  r->fd = -1;
  r->timeout_us = config->timeout_us ? config->timeout_us : TIMEOUT_US;
  enum moon_err err = moon_hosts_new(config->hosts ? config->hosts : HOSTS, &r->hosts);
  if (err) {
    moon_mem_free(r);
    return err;
  }
  moon_list_init(&r->fresh);
  moon_list_init(&r->doubtful);
  moon_list_init(&r->quick);
  moon_list_init(&r->slow);
  if (config->servers) { snprintf(r->servers, sizeof r->servers, "%s", config->servers); }
  *out = r;
  return MOON_OK;
}

static void free_queue(struct moon_list *queue) {
  struct moon_list *node;
  while ((node = moon_list_take(queue))) { moon_mem_free(MOON_LIST_ENTRY(node, struct moon_lookup, node)); }
}

void moon_resolver_free(struct moon_resolver *r) {
  if (!r) { return; }
  free_queue(&r->fresh);
  free_queue(&r->doubtful);
  if (r->channel) { ares_destroy(r->channel); }
  if (r->library) { ares_library_cleanup(); }
  if (r->fd >= 0) { close(r->fd); }
  moon_hosts_free(r->hosts);
  moon_mem_free(r);
}

/* ---- the channel */

static void socket_state(void *arg, ares_socket_t fd, int readable, int writable) {
  struct moon_resolver *r = arg;
  struct epoll_event e = { .events = (readable ? (uint32_t)EPOLLIN : 0) | (writable ? (uint32_t)EPOLLOUT : 0), .data.fd = fd };
  if (!readable && !writable) {
    epoll_ctl(r->fd, EPOLL_CTL_DEL, fd, NULL);
  } else if (epoll_ctl(r->fd, EPOLL_CTL_MOD, fd, &e) && errno == ENOENT) {
    epoll_ctl(r->fd, EPOLL_CTL_ADD, fd, &e); /* where that fails the question times out */
  }
}

/* c-ares ends a question that all servers failed with "connection refused", whatever it was that they said. So we look at what
 * comes in. */
static void hear(struct moon_resolver *r, int fd, int code) {
  union moon_sockaddr a;
  socklen_t len = sizeof a;
  memset(&a, 0, sizeof a);
  if (getpeername(fd, &a.any, &len) == 0) { moon_sockaddr_get(&a, &r->heard); }
  r->heard_code = code;
}

static ares_socket_t open_socket(int domain, int type, int protocol, void *arg) {
  struct moon_resolver *r = arg;
  int fd = socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  if (fd < 0) {
    r->heard.family = 0; /* no server's fault */
    r->heard_code = -errno;
  }
  return fd;
}

static int close_socket(ares_socket_t fd, void *arg) {
  (void)arg;
  return close(fd);
}

static int connect_socket(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t len, void *arg) {
  struct moon_resolver *r = arg;
  int err = connect(fd, to, len);
  if (err && errno != EINPROGRESS) {
    union moon_sockaddr a;
    int cause = errno;
    memset(&a, 0, sizeof a);
    memcpy(&a, to, len < sizeof a ? len : sizeof a);
    moon_sockaddr_get(&a, &r->heard);
    r->heard_code = -cause;
    errno = cause;
  }
  return err;
}

static ares_ssize_t receive(ares_socket_t fd, void *p, size_t n, int flags, struct sockaddr *from, ares_socklen_t *len, void *arg) {
  ssize_t got = recvfrom(fd, p, n, flags, from, len);
  if (got >= 12) {
    hear(arg, fd, ((const uint8_t *)p)[3] & 15);
  } else if (got < 0 && errno != EAGAIN && errno != EINTR) {
    int cause = errno;
    hear(arg, fd, -cause);
    errno = cause;
  }
  return got;
}

static ares_ssize_t put(ares_socket_t fd, const struct iovec *vec, int n, void *arg) {
  const struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)vec, .msg_iovlen = (size_t)n };
  ssize_t sent = sendmsg(fd, &m, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    int cause = errno;
    hear(arg, fd, -cause);
    errno = cause;
  }
  return sent;
}

static const struct ares_socket_functions sockets = { open_socket, close_socket, connect_socket, receive, put };

static struct timespec changed(void) {
  struct stat s;
  return stat(RESOLV_CONF, &s) ? (struct timespec){ 0 } : s.st_mtim;
}

static enum moon_err open_channel(struct moon_resolver *r) {
  char servers_only[] = "b";
  struct ares_options o = { .lookups = servers_only, .timeout = (int)(r->timeout_us / 1000), .tries = MOON_RESOLVER_TRIES, .sock_state_cb = socket_state,
                            .sock_state_cb_data = r };
  if (r->fd < 0) { r->fd = epoll_create1(EPOLL_CLOEXEC); }
  if (r->fd < 0) { return MOON_E_NOMEM; }
  if (!r->library && ares_library_init_mem(ARES_LIB_INIT_ALL, moon_mem_alloc, moon_mem_free, resize)) { return MOON_E_NOMEM; }
  r->library = true;
  r->changed = changed();
  r->looked_us = r->now_us;
  if (ares_init_options(&r->channel, &o, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB)) {
    r->channel = NULL;
    return MOON_E_NOMEM;
  }
  ares_set_socket_functions(r->channel, &sockets, r);
  if (r->servers[0] && ares_set_servers_ports_csv(r->channel, r->servers)) {
    ares_destroy(r->channel);
    r->channel = NULL;
    return MOON_E_NOMEM;
  }
  return MOON_OK;
}

/* Hosts move between networks while we run: resolv.conf is read again once it changed, when nothing is under way. */
static enum moon_err need_channel(struct moon_resolver *r) {
  if (r->channel && !r->n && r->now_us - r->looked_us >= LOOK_AGAIN_US) {
    struct timespec now = changed();
    r->looked_us = r->now_us;
    if (now.tv_sec != r->changed.tv_sec || now.tv_nsec != r->changed.tv_nsec) {
      ares_destroy(r->channel);
      r->channel = NULL;
    }
  }
  return r->channel ? MOON_OK : open_channel(r);
}

/* ---- what came */

static size_t server_text(const struct moon_addr *a, char *out, size_t cap) {
  char text[MOON_ADDR_TEXT_MAX];
  size_t n = moon_addr_format(a, text, sizeof text);
  if (a->port == 53) { text[n - 3] = 0; }
  int put = snprintf(out, cap, "%s", text);
  return put < 0 ? 0 : (size_t)put < cap ? (size_t)put : cap - 1;
}

/* "name server 10.0.0.1" or "name servers 10.0.0.1, 10.0.0.2"; the port where it is not 53. */
static void all_servers(struct moon_resolver *r, char *out, size_t cap) {
  struct ares_addr_port_node *list = NULL;
  if (!r->channel || ares_get_servers_ports(r->channel, &list)) { list = NULL; }
  size_t n = (size_t)snprintf(out, cap, list && list->next ? "name servers" : "name server");
  for (struct ares_addr_port_node *s = list; s && cap - n > 3; s = s->next) {
    struct moon_addr a = { .family = s->family == AF_INET6 ? 6 : 4, .port = s->udp_port ? (uint16_t)s->udp_port : 53 };
    memcpy(a.ip, &s->addr, a.family == 6 ? 16 : 4);
    n += (size_t)snprintf(out + n, cap - n, s == list ? " " : ", ");
    n += server_text(&a, out + n, cap - n);
  }
  if (list) { ares_free_data(list); }
}

static const char *const rcodes[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED" };

/* One clause that names the server. */
static void explain(struct moon_resolver *r, const struct moon_lookup *l, int status, char *out, size_t cap, int *cause) {
  char server[MOON_RESOLVER_SERVERS_MAX + 32];
    *cause = 0;
  all_servers(r, server, sizeof server);
  if (r->heard.family && status != ARES_ETIMEOUT) { /* it was this one */
    memcpy(server, "name server ", 13);
    server_text(&r->heard, server + 12, sizeof server - 12);
  }
  switch (status) {
  case ARES_ENOTFOUND:
    snprintf(out, cap, "there is no such name, says %s", server);
    return;
  case ARES_ENODATA:
    snprintf(out, cap, "the name has no %saddress, says %s", l->family == 6 ? "IPv6 " : l->family == 4 ? "IPv4 " : "", server);
    return;
  case ARES_ETIMEOUT:
    *cause = ETIMEDOUT;
    snprintf(out, cap, "no answer from %s in %.1f s", server, (double)(r->now_us - l->asked_us) / 1e6);
    return;
  case ARES_ECONNREFUSED:
  case ARES_ESERVFAIL:
  case ARES_EREFUSED:
  case ARES_ENOTIMP:
    break;
  default:
    *cause = EPROTO;
    snprintf(out, cap, "%s sent what makes no sense (%s)", server, ares_strerror(status));
    return;
  }
  if (r->heard_code < 0) {
    *cause = -r->heard_code;
    snprintf(out, cap, "%s cannot be asked: %s", server, strerror(*cause));
  } else if ((size_t)r->heard_code < sizeof rcodes / sizeof *rcodes) {
    snprintf(out, cap, "%s failed, it says %s", server, rcodes[r->heard_code]);
  } else {
    snprintf(out, cap, "%s failed, it says RCODE %d", server, r->heard_code);
  }
}

static void take_addresses(const struct ares_addrinfo *ai, struct moon_addresses *out) {
  int ttl = INT32_MAX;
  for (const struct ares_addrinfo_node *n = ai->nodes; n; n = n->ai_next) {
    struct moon_addr a = { 0 };
    if (n->ai_ttl < ttl) { ttl = n->ai_ttl; }
    if (n->ai_family == AF_INET) {
      const struct sockaddr_in *in = (const void *)n->ai_addr;
      a.family = 4;
      memcpy(a.ip, &in->sin_addr, 4);
    } else if (n->ai_family == AF_INET6) {
      const struct sockaddr_in6 *in = (const void *)n->ai_addr;
      a.family = 6;
      a.scope = in->sin6_scope_id;
      memcpy(a.ip, &in->sin6_addr, 16);
    }
    bool known = !a.family || out->n == MOON_ADDRESSES_MAX;
    for (uint32_t i = 0; i < out->n && !known; i++) { known = moon_addr_equal(&out->at[i], &a); }
    if (!known) { out->at[out->n++] = a; }
  }
  for (const struct ares_addrinfo_cname *c = ai->cnames; c; c = c->next) {
    if (c->ttl < ttl) { ttl = c->ttl; }
  }
  out->ttl_s = ttl < 1 ? 1 : (uint32_t)ttl > MOON_RESOLVER_TTL_MAX_S ? MOON_RESOLVER_TTL_MAX_S : (uint32_t)ttl;
}

static void answered(void *arg, int status, int timeouts, struct ares_addrinfo *ai) {
  struct moon_lookup *l = arg;
  struct moon_resolver *r = l->resolver;
  struct moon_addresses a = { 0 };
  char text[MOON_RESOLVER_SERVERS_MAX + 128];
  (void)timeouts;
  if (l->quick) { r->n_quick--; }
  r->n--;
  moon_list_remove(&l->node);
  if (status == ARES_SUCCESS && ai) { take_addresses(ai, &a); }
  if (ai) { ares_freeaddrinfo(ai); }
  if (status == ARES_SUCCESS && !a.n) { status = ARES_ENODATA; }
  if (r->starting) { a.ttl_s = MOON_RESOLVER_TTL_HOSTS_S; }
  if (l->found && status != ARES_EDESTRUCTION) {
    if (status != ARES_SUCCESS) {
      a.err = status == ARES_ENOMEM ? MOON_E_NOMEM : MOON_E_DNS;
      explain(r, l, status, text, sizeof text, &a.cause);
      a.text = text;
    }
    l->found(l->arg, &a);
  }
  moon_mem_free(l);
}

/* ---- questions */

enum moon_err moon_resolver_ask(struct moon_resolver *r, const char *host, uint8_t family, bool doubtful, moon_found *found, void *arg,
                                struct moon_lookup **out) {
  size_t n = strlen(host) + 1;
  if (n > MOON_HOST_MAX) { return MOON_E_LIMIT; }
  struct moon_lookup *l = moon_mem_zalloc(sizeof *l + n);
  if (!l) { return MOON_E_NOMEM; }
  l->resolver = r;
  l->found = found;
  l->arg = arg;
  l->family = family;
  memcpy(l->host, host, n);
  moon_list_init(&l->node);
  moon_list_append(doubtful ? &r->doubtful : &r->fresh, &l->node);
  *out = l;
  return MOON_OK;
}

void moon_lookup_cancel(struct moon_lookup *l) {
  l->found = NULL;
  if (l->asked_us) { return; } /* c-ares has it */
  moon_list_remove(&l->node);
  moon_mem_free(l);
}

static void fail(struct moon_lookup *l) {
  const struct moon_addresses a = { .err = MOON_E_NOMEM, .text = "no memory or no descriptor left for the resolver" };
  moon_list_remove(&l->node);
  l->found(l->arg, &a);
  moon_mem_free(l);
}

static void start(struct moon_resolver *r, struct moon_lookup *l) {
  struct ares_addrinfo_hints hints = { .ai_family = l->family == 4 ? AF_INET : l->family == 6 ? AF_INET6 : AF_UNSPEC,
                                       .ai_socktype = SOCK_DGRAM };
  struct moon_addresses known = { .ttl_s = MOON_RESOLVER_TTL_HOSTS_S };
  if (moon_hosts_find(r->hosts, l->host, l->family, r->now_us, &known)) {
    l->found(l->arg, &known);
    moon_mem_free(l);
    return;
  }
  if (need_channel(r)) {
    fail(l);
    return;
  }
  l->asked_us = r->now_us ? r->now_us : 1;
  l->quick = true;
  moon_list_append(&r->quick, &l->node);
  r->n++;
  r->n_quick++;
  r->starting = true;
  ares_getaddrinfo(r->channel, l->host, NULL, &hints, answered, l);
  r->starting = false;
}

static void start_next(struct moon_resolver *r) {
  struct moon_list *node;
  while (!moon_list_empty(&r->quick)) {
    struct moon_lookup *l = MOON_LIST_ENTRY(r->quick.next, struct moon_lookup, node);
    if (r->now_us - l->asked_us < MOON_RESOLVER_SLOW_US) { break; }
    moon_list_remove(&l->node);
    moon_list_append(&r->slow, &l->node);
    l->quick = false;
    r->n_quick--;
  }
  while (r->n_quick < MOON_RESOLVER_AT_ONCE && r->n < MOON_RESOLVER_MAX) {
    node = moon_list_take(&r->fresh);
    if (!node) { node = moon_list_take(&r->doubtful); }
    if (!node) { return; }
    start(r, MOON_LIST_ENTRY(node, struct moon_lookup, node));
  }
}

int moon_resolver_fd(const struct moon_resolver *r) { return r->fd; }

uint32_t moon_resolver_under_way(const struct moon_resolver *r) { return r->n; }

void moon_resolver_turn(struct moon_resolver *r, uint64_t now_us) {
  struct epoll_event events[EVENTS];
  r->now_us = now_us;
  for (int round = 0; r->channel && r->n && round < ROUNDS; round++) {
    int n = epoll_wait(r->fd, events, EVENTS, 0);
    for (int i = 0; i < n; i++) {
      bool out = events[i].events & EPOLLOUT, in = events[i].events & ~(uint32_t)EPOLLOUT;
      ares_process_fd(r->channel, in ? events[i].data.fd : ARES_SOCKET_BAD, out ? events[i].data.fd : ARES_SOCKET_BAD);
    }
    if (n < EVENTS) { break; }
  }
  if (r->channel && r->n) { ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); } /* its timeouts */
  start_next(r);
}

uint64_t moon_resolver_next_us(const struct moon_resolver *r, uint64_t now_us) {
  struct timeval tv;
  bool waiting = !moon_list_empty(&r->fresh) || !moon_list_empty(&r->doubtful);
  if (waiting && r->n_quick < MOON_RESOLVER_AT_ONCE && r->n < MOON_RESOLVER_MAX) { return now_us; }
  if (!r->channel || !r->n) { return UINT64_MAX; }
  uint64_t next_us = UINT64_MAX;
  if (ares_timeout(r->channel, NULL, &tv)) { next_us = now_us + (uint64_t)tv.tv_sec * 1000000 + (uint64_t)tv.tv_usec + 1000; }
  if (waiting && !moon_list_empty(&r->quick)) {
    uint64_t slow_us = MOON_LIST_ENTRY(r->quick.next, const struct moon_lookup, node)->asked_us + MOON_RESOLVER_SLOW_US;
    if (slow_us < next_us) { next_us = slow_us; }
  }
  return next_us;
}
