#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* struct mmsghdr, struct in6_pktinfo */
#endif

#include "serve.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <unistd.h>

#include "../base/mem.h"
#include "inner.h"

#define LISTENERS_MAX 4096u
#define BATCHES_PER_TURN 16   /* of one socket, then the others have their turn */
#define RECEIVE_BUFFER (16u << 20)
#define SEND_BUFFER (4 << 20)
#define MAX_HELD 200000u
#define MAX_HELD_OCTETS (128u << 20)
#define OUT_OCTETS (256u << 10)
#define FULL_US 1000u          /* until answers are tried again that the kernel had no room for */

/* Where an answer leaves from, as the kernel wants it told. */
union control {
  struct cmsghdr header;
  uint8_t octets[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct listener {
  int fd;
  uint8_t family;
  bool readable;
  bool whole;          /* IPv4: answers are never fragmented, see moon_socket_fragment */
  uint16_t port;
  uint32_t drops;      /* as the kernel last told */
};

struct route {
  union moon_sockaddr to;
  struct moon_addr source; /* family 0: as the socket is bound */
  uint32_t listener;
};

struct held {
  struct moon_timer timer;
  struct moon_list node;
  struct moon_server *server;
  struct route route;
  uint32_t n;
  uint8_t octets[];
};

struct moon_server {
  struct moon_server_config config;
  const struct moon_io *io; /* may be NULL */
  void *loop;
  uint64_t now_us;
  struct listener *listeners;
  uint32_t n_listeners, cap_listeners;
  uint32_t other[2];        /* listeners that other_source uses, IPv4, IPv6; UINT32_MAX: not open */
  uint64_t held_octets;
  bool again;               /* a turn is due at once */
  struct moon_list held;
  struct moon_server_counts counts;
  /* Datagrams of one batch. */
  uint8_t *in_octets;
  struct mmsghdr in_header[MOON_BATCH];
  struct iovec in_vec[MOON_BATCH];
  union moon_sockaddr in_from[MOON_BATCH];
  union control in_control[MOON_BATCH];
  /* Answers of one listener on their way out. */
  uint8_t *out_octets;
  uint32_t out_used, out_n, out_listener;
  struct mmsghdr out_header[MOON_BATCH];
  struct iovec out_vec[MOON_BATCH];
  struct route out_route[MOON_BATCH];
  union control out_control[MOON_BATCH];
  struct moon_wheel wheel;
};

static void set_int(int fd, int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); }

static void read_clock(struct moon_server *s) {
  uint64_t now = s->config.clock_us ? s->config.clock_us(s->config.clock_arg) : moon_clock_us();
  if (now > s->now_us) { s->now_us = now; }
}

/* ---- life */

enum moon_err moon_server_new(const struct moon_server_config *c, const struct moon_io *io, void *loop, struct moon_server **out) {
  struct moon_server *s = moon_mem_zalloc(sizeof *s);
  if (!s) { return MOON_E_NOMEM; }
  s->config = *c;
  s->io = io;
  s->loop = loop;
  s->other[0] = s->other[1] = UINT32_MAX;
  if (!s->config.receive_buffer) { s->config.receive_buffer = RECEIVE_BUFFER; }
  if (!s->config.max_held) { s->config.max_held = MAX_HELD; }
  if (!s->config.max_held_octets) { s->config.max_held_octets = MAX_HELD_OCTETS; }
  moon_list_init(&s->held);
  read_clock(s);
  moon_wheel_init(&s->wheel, s->now_us);
  s->in_octets = moon_mem_alloc((size_t)MOON_BATCH * MOON_INBOX_STRIDE);
  s->out_octets = moon_mem_alloc(OUT_OCTETS);
  if (!s->in_octets || !s->out_octets) {
    moon_server_free(s);
    return MOON_E_NOMEM;
  }
  for (uint32_t i = 0; i < MOON_BATCH; i++) {
    s->in_vec[i] = (struct iovec){ s->in_octets + (size_t)i * MOON_INBOX_STRIDE, 65536 };
    s->in_header[i].msg_hdr = (struct msghdr){ .msg_name = &s->in_from[i], .msg_iov = &s->in_vec[i], .msg_iovlen = 1,
                                               .msg_control = &s->in_control[i] };
    s->out_header[i].msg_hdr = (struct msghdr){ .msg_name = &s->out_route[i].to, .msg_iov = &s->out_vec[i], .msg_iovlen = 1 };
  }
  *out = s;
  return MOON_OK;
}

void moon_server_free(struct moon_server *s) {
  if (!s) { return; }
  for (struct moon_list *node; (node = moon_list_take(&s->held));) { moon_mem_free(MOON_LIST_ENTRY(node, struct held, node)); }
  for (uint32_t i = 0; i < s->n_listeners; i++) {
    if (s->io) { s->io->unwatch(s->loop, s->listeners[i].fd); }
    close(s->listeners[i].fd);
  }
  moon_mem_free(s->listeners);
  moon_mem_free(s->in_octets);
  moon_mem_free(s->out_octets);
  moon_mem_free(s);
}

/* ---- sockets */

static void on_readable(void *arg, int fd) {
  struct moon_server *s = arg;
  for (uint32_t i = 0; i < s->n_listeners; i++) {
    if (s->listeners[i].fd == fd) {
      s->listeners[i].readable = true;
      return;
    }
  }
}

static int open_socket(const struct moon_addr *a, bool local, uint32_t receive_buffer) {
  union moon_sockaddr sa;
  socklen_t len = moon_sockaddr_put(&sa, a);
  int fd = socket(a->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int want = (int)(receive_buffer & INT32_MAX);
  if (fd < 0) { return -1; }
  if (a->family == 6) {
    set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  } else {
    set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
    set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
  }
  if (local) { setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3); } /* agents of a test are nobody else's business */
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &want, sizeof want)) { set_int(fd, SOL_SOCKET, SO_RCVBUF, want); }
  set_int(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
  if (bind(fd, &sa.any, len)) {
    int cause = errno;
    close(fd);
    errno = cause;
    return -1;
  }
  return fd;
}

enum moon_err moon_server_listen(struct moon_server *s, const struct moon_addr *a, bool local, struct moon_addr *bound) {
  union moon_sockaddr sa;
  struct moon_addr here;
  socklen_t len = sizeof sa;
  if (s->n_listeners == LISTENERS_MAX) { return MOON_E_LIMIT; }
  if (s->n_listeners == s->cap_listeners) {
    uint32_t cap = s->cap_listeners ? s->cap_listeners * 2 : 4;
    struct listener *grown = moon_mem_resize(s->listeners, cap, sizeof *grown);
    if (!grown) { return MOON_E_NOMEM; }
    s->listeners = grown;
    s->cap_listeners = cap;
  }
  int fd = open_socket(a, local, s->config.receive_buffer);
  if (fd < 0) { return MOON_E_CONFIG; }
  getsockname(fd, &sa.any, &len);
  moon_sockaddr_get(&sa, &here);
  enum moon_err err = s->io ? s->io->watch(s->loop, fd, on_readable, s) : MOON_OK;
  if (err) {
    close(fd);
    return err;
  }
  s->listeners[s->n_listeners++] = (struct listener){ .fd = fd, .family = a->family, .whole = a->family == 4, .port = here.port,
                                                      .readable = true };
  *bound = *a;
  bound->port = here.port;
  return MOON_OK;
}

size_t moon_server_fds(const struct moon_server *s, int *fds, size_t cap) {
  for (uint32_t i = 0; i < s->n_listeners && i < cap; i++) { fds[i] = s->listeners[i].fd; }
  return s->n_listeners < cap ? s->n_listeners : cap;
}

const struct moon_server_counts *moon_server_counts(struct moon_server *s) {
  for (uint32_t i = 0; i < s->n_listeners; i++) {
    uint32_t info[SK_MEMINFO_VARS] = { 0 };
    socklen_t len = sizeof info;
    struct listener *l = &s->listeners[i];
    if (getsockopt(l->fd, SOL_SOCKET, SO_MEMINFO, info, &len) || len <= SK_MEMINFO_DROPS * sizeof info[0]) { continue; }
    s->counts.rx_dropped += info[SK_MEMINFO_DROPS] - l->drops;
    l->drops = info[SK_MEMINFO_DROPS];
  }
  return &s->counts;
}

uint64_t moon_server_now(const struct moon_server *s) { return s->now_us; }

/* ---- out */

/* The first datagram cannot go. true: it may be tried again. */
static bool refused(struct moon_server *s, struct listener *l, int cause) {
  if (cause == EINTR) { return true; }
  if (cause == EMSGSIZE && l->whole) {
    l->whole = false;
    set_int(l->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT);
    return true;
  }
  s->counts.send_errors++;
  return false;
}

static void held_due(void *arg);

static void hold(struct moon_server *s, const struct route *r, const uint8_t *p, size_t n, uint64_t at_us) {
  struct held *h = NULL;
  if (s->counts.held < s->config.max_held && s->held_octets + n <= s->config.max_held_octets) { h = moon_mem_alloc(sizeof *h + n); }
  if (!h) {
    s->counts.held_dropped++;
    return;
  }
  h->server = s;
  h->route = *r;
  h->n = (uint32_t)n;
  memcpy(h->octets, p, n);
  moon_timer_init(&h->timer, held_due, h);
  moon_list_append(&s->held, &h->node);
  s->counts.held++;
  s->held_octets += n;
  moon_wheel_start(&s->wheel, &h->timer, at_us);
}

/* What the kernel has no room for waits a moment among the answers that are held, and is dropped when those are too many. */
static void flush(struct moon_server *s) {
  struct listener *l = &s->listeners[s->out_listener];
  for (uint32_t i = 0; i < s->out_n;) {
    int sent = sendmmsg(l->fd, s->out_header + i, s->out_n - i, 0);
    if (sent < 0) {
      if (errno == EAGAIN || errno == ENOBUFS) {
        for (; i < s->out_n; i++) {
          hold(s, &s->out_route[i], s->out_vec[i].iov_base, s->out_vec[i].iov_len, s->now_us + FULL_US);
        }
        break;
      }
      i += !refused(s, l, errno);
      continue;
    }
    for (int k = 0; k < sent; k++) { s->counts.octets_out += s->out_vec[i + (uint32_t)k].iov_len; }
    s->counts.datagrams_out += (uint32_t)sent;
    i += (uint32_t)sent;
  }
  s->out_n = 0;
  s->out_used = 0;
}

static size_t put_source(union control *c, const struct moon_addr *source) {
  memset(c, 0, sizeof *c);
  if (source->family == 6) {
    struct in6_pktinfo info = { .ipi6_ifindex = source->scope };
    memcpy(&info.ipi6_addr, source->ip, 16);
    c->header.cmsg_level = IPPROTO_IPV6;
    c->header.cmsg_type = IPV6_PKTINFO;
    c->header.cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(&c->header), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
  }
  struct in_pktinfo info = { .ipi_ifindex = 0 };
  memcpy(&info.ipi_spec_dst, source->ip, 4);
  c->header.cmsg_level = IPPROTO_IP;
  c->header.cmsg_type = IP_PKTINFO;
  c->header.cmsg_len = CMSG_LEN(sizeof info);
  memcpy(CMSG_DATA(&c->header), &info, sizeof info);
  return CMSG_SPACE(sizeof info);
}

static void put(struct moon_server *s, const struct route *r, const uint8_t *p, size_t n) {
  if (s->out_n && (s->out_listener != r->listener || s->out_n == MOON_BATCH || OUT_OCTETS - s->out_used < n)) { flush(s); }
  uint32_t i = s->out_n++;
  struct msghdr *m = &s->out_header[i].msg_hdr;
  s->out_listener = r->listener;
  s->out_vec[i] = (struct iovec){ s->out_octets + s->out_used, n };
  memcpy(s->out_octets + s->out_used, p, n);
  s->out_used += (uint32_t)n;
  s->out_route[i] = *r;
  m->msg_namelen = r->to.any.sa_family == AF_INET6 ? sizeof r->to.v6 : sizeof r->to.v4;
  m->msg_control = r->source.family ? &s->out_control[i] : NULL;
  m->msg_controllen = r->source.family ? put_source(&s->out_control[i], &r->source) : 0;
}

static void held_due(void *arg) {
  struct held *h = arg;
  struct moon_server *s = h->server;
  moon_list_remove(&h->node);
  s->counts.held--;
  s->held_octets -= h->n;
  put(s, &h->route, h->octets, h->n);
  moon_mem_free(h);
}

/* false: there is no other source. */
static bool divert(struct moon_server *s, const struct moon_arrival *in, struct route *r) {
  if (in->to.family == 4 && in->to.ip[0] == 127) {
    r->source.ip[1] ^= 0x80;
    return true;
  }
  uint32_t *other = &s->other[in->to.family == 6];
  struct moon_addr a = { .family = in->to.family };
  if (*other == UINT32_MAX) {
    if (moon_server_listen(s, &a, false, &a)) { return false; }
    *other = s->n_listeners - 1;
  }
  r->listener = *other;
  return true;
}

void moon_server_send(struct moon_server *s, const struct moon_arrival *in, const uint8_t *p, size_t n, uint64_t delay_us,
                      bool other_source) {
  struct route r = { .source = in->to, .listener = in->listener };
  moon_sockaddr_put(&r.to, &in->from);
  if (n > MOON_DATAGRAM_MAX || in->listener >= s->n_listeners || (other_source && !divert(s, in, &r))) {
    s->counts.send_errors++;
  } else if (delay_us) {
    hold(s, &r, p, n, in->now_us + delay_us);
  } else {
    put(s, &r, p, n);
  }
}

/* ---- in */

/* The address asked: of the packet's header. */
static void get_asked(const struct msghdr *m, struct moon_addr *to) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)m, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof info);
      memcpy(to->ip, &info.ipi_addr, 4);
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof info);
      memcpy(to->ip, &info.ipi6_addr, 16);
      if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) { to->scope = (uint32_t)info.ipi6_ifindex; }
    }
  }
}

static int receive_batch(struct moon_server *s, const struct listener *l) {
  int n;
  for (uint32_t i = 0; i < MOON_BATCH; i++) {
    s->in_header[i].msg_hdr.msg_namelen = sizeof s->in_from[i];
    s->in_header[i].msg_hdr.msg_controllen = sizeof s->in_control[i];
  }
  do {
    n = recvmmsg(l->fd, s->in_header, MOON_BATCH, MSG_DONTWAIT, NULL);
  } while (n < 0 && errno == EINTR);
  return n;
}

/* false: more may be there. */
static bool receive(struct moon_server *s, uint32_t listener) {
  for (int batch = 0; batch < BATCHES_PER_TURN; batch++) {
    struct listener *l = &s->listeners[listener]; /* may move when serve() opens another */
    int n = receive_batch(s, l);
    if (n <= 0) { return true; }
    uint8_t family = l->family;
    uint16_t port = l->port;
    read_clock(s);
    s->counts.datagrams_in += (uint32_t)n;
    for (int i = 0; i < n; i++) {
      struct moon_arrival in = { .p = s->in_vec[i].iov_base, .n = s->in_header[i].msg_len, .now_us = s->now_us,
                                 .to = { .family = family, .port = port }, .listener = listener };
      moon_sockaddr_get(&s->in_from[i], &in.from);
      get_asked(&s->in_header[i].msg_hdr, &in.to);
      s->counts.octets_in += in.n;
      s->config.serve(s->config.arg, &in);
    }
    if (n < (int)MOON_BATCH) { return true; }
  }
  return false;
}

uint64_t moon_server_next_us(const struct moon_server *s) {
  return s->again ? 0 : moon_wheel_next_us(&s->wheel);
}

void moon_server_turn(struct moon_server *s) {
  s->again = false;
  read_clock(s);
  for (uint32_t i = 0, n = s->n_listeners; i < n; i++) {
    if (s->io && !s->listeners[i].readable) { continue; }
    s->listeners[i].readable = false;
    if (!receive(s, i)) { s->listeners[i].readable = s->again = true; }
  }
  moon_wheel_expire(&s->wheel, s->now_us);
  if (s->out_n) { flush(s); }
  if (s->io) {
    uint64_t next = moon_server_next_us(s);
    s->io->wake(s->loop, s->config.clock_us && next ? UINT64_MAX : next);
  }
}
