#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* struct mmsghdr */
#endif

#include "socket.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/sock_diag.h>
#include <unistd.h>

#include "../base/mem.h"

#define SEND_BUFFER (1024 * 1024)

socklen_t moon_sockaddr_put(union moon_sockaddr *out, const struct moon_addr *a) {
  memset(out, 0, sizeof *out);
  if (a->family == 6) {
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(a->port);
    out->v6.sin6_scope_id = a->scope;
    memcpy(&out->v6.sin6_addr, a->ip, 16);
    return sizeof out->v6;
  }
  out->v4.sin_family = AF_INET;
  out->v4.sin_port = htons(a->port);
  memcpy(&out->v4.sin_addr, a->ip, 4);
  return sizeof out->v4;
}

void moon_sockaddr_get(const union moon_sockaddr *in, struct moon_addr *out) {
  memset(out, 0, sizeof *out);
  if (in->any.sa_family == AF_INET6) {
    out->family = 6;
    out->port = ntohs(in->v6.sin6_port);
    out->scope = in->v6.sin6_scope_id;
    memcpy(out->ip, &in->v6.sin6_addr, 16);
  } else if (in->any.sa_family == AF_INET) {
    out->family = 4;
    out->port = ntohs(in->v4.sin_port);
    memcpy(out->ip, &in->v4.sin_addr, 4);
  }
}

enum moon_err moon_inbox_init(struct moon_inbox *in) {
  in->octets = moon_mem_alloc((size_t)MOON_BATCH * MOON_INBOX_STRIDE);
  if (!in->octets) { return MOON_E_NOMEM; }
  memset(in->header, 0, sizeof in->header);
  for (uint32_t i = 0; i < MOON_BATCH; i++) {
    in->vec[i].iov_base = in->octets + (size_t)i * MOON_INBOX_STRIDE;
    in->vec[i].iov_len = 65536;
    in->header[i].msg_hdr.msg_iov = &in->vec[i];
    in->header[i].msg_hdr.msg_iovlen = 1;
    in->header[i].msg_hdr.msg_name = &in->from[i];
    in->header[i].msg_hdr.msg_namelen = sizeof in->from[i];
  }
  return MOON_OK;
}

void moon_inbox_fini(struct moon_inbox *in) {
  moon_mem_free(in->octets);
  in->octets = NULL;
}

static void set_int(int fd, int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); }

static uint32_t set_receive_buffer(int fd, uint32_t octets) {
  int want = octets > INT32_MAX / 2 ? INT32_MAX / 2 : (int)octets, got = 0;
  socklen_t len = sizeof got;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &want, sizeof want)) { set_int(fd, SOL_SOCKET, SO_RCVBUF, want); }
  if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &len)) { return 0; }
  return (uint32_t)got / 2; /* the kernel doubles what was asked, for its own bookkeeping, and reports that */
}

int moon_socket_bind(int fd, const struct moon_addr *source) {
  union moon_sockaddr sa;
  socklen_t len = moon_sockaddr_put(&sa, source);
  int index = (int)source->scope;
  if (index && setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof index)) { return -1; }
  return bind(fd, &sa.any, len);
}

enum moon_err moon_socket_open(struct moon_socket *s, uint8_t family, const struct moon_addr *source, uint32_t receive_buffer,
                               uint32_t *granted) {
  memset(s, 0, sizeof *s);
  s->family = family;
  if (source->family == family) { s->source = *source; }
  s->fd = socket(family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (s->fd < 0) { return MOON_E_CONFIG; }
  struct moon_addr any = { .family = family };
  if (family == 6) {
    set_int(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set_int(s->fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
  } else {
    set_int(s->fd, IPPROTO_IP, IP_RECVERR, 1);
    set_int(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
    s->whole = true;
  }
  *granted = set_receive_buffer(s->fd, receive_buffer);
  set_int(s->fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
  if (moon_socket_bind(s->fd, source->family == family ? source : &any)) {
    int saved = errno;
    close(s->fd);
    s->fd = -1;
    errno = saved;
    return MOON_E_CONFIG;
  }
  s->out.octets = moon_mem_alloc(MOON_OUTBOX_OCTETS);
  if (!s->out.octets) {
    moon_socket_close(s);
    return MOON_E_NOMEM;
  }
  s->out.low = s->out.octets + MOON_OUTBOX_OCTETS;
  for (uint32_t i = 0; i < MOON_BATCH; i++) {
    s->out.header[i].msg_hdr.msg_iov = &s->out.vec[i];
    s->out.header[i].msg_hdr.msg_iovlen = 1;
  }
  return MOON_OK;
}

void moon_socket_close(struct moon_socket *s) {
  if (s->fd >= 0) { close(s->fd); }
  s->fd = -1;
  moon_mem_free(s->out.octets);
  s->out.octets = NULL;
}

bool moon_socket_fragment(struct moon_socket *s) {
  if (!s->whole) { return false; }
  s->whole = false;
  set_int(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT);
  return true;
}

int moon_socket_receive(struct moon_socket *s, struct moon_inbox *in) {
  int n;
  do {
    n = recvmmsg(s->fd, in->header, MOON_BATCH, MSG_DONTWAIT, NULL);
  } while (n < 0 && errno == EINTR);
  if (n < 0) { return errno == EAGAIN ? 0 : -errno; }
  for (int i = 0; i < n; i++) { in->header[i].msg_hdr.msg_namelen = sizeof in->from[i]; }
  return n;
}

bool moon_outbox_room(struct moon_outbox *o, size_t need, struct moon_writer *w) {
  size_t left = (size_t)(o->low - o->octets);
  if (o->n == MOON_BATCH || (left < need && o->n)) { return false; }
  if (left > MOON_DATAGRAM_MAX) { left = MOON_DATAGRAM_MAX; }
  moon_writer_init(w, o->low - left, left);
  return true;
}

void moon_outbox_keep(struct moon_outbox *o, const struct moon_writer *w, const union moon_sockaddr *to, socklen_t to_len,
                      struct moon_ticket owner) {
  uint32_t i = o->n++;
  o->low = w->p;
  o->vec[i].iov_base = w->p;
  o->vec[i].iov_len = moon_writer_len(w);
  o->header[i].msg_hdr.msg_name = (void *)(uintptr_t)to;
  o->header[i].msg_hdr.msg_namelen = to_len;
  o->owner[i] = owner;
}

void moon_outbox_drop(struct moon_outbox *o, uint32_t n, bool (*alive)(void *arg, struct moon_ticket owner), void *arg) {
  uint32_t kept = 0;
  for (uint32_t i = n; i < o->n; i++) {
    if (!alive(arg, o->owner[i])) { continue; }
    o->vec[kept] = o->vec[i];
    o->header[kept].msg_hdr.msg_name = o->header[i].msg_hdr.msg_name;
    o->header[kept].msg_hdr.msg_namelen = o->header[i].msg_hdr.msg_namelen;
    o->owner[kept++] = o->owner[i];
  }
  o->n = kept;
  if (!kept) { o->low = o->octets + MOON_OUTBOX_OCTETS; }
}

void moon_outbox_forget(struct moon_outbox *o, const union moon_sockaddr *to) {
  for (uint32_t i = 0; i < o->n; i++) {
    if (o->header[i].msg_hdr.msg_name == to) { o->owner[i] = (struct moon_ticket){ 0, 0 }; }
  }
}

/* A router may quote as little as eight octets of UDP, Linux quotes up to 576 octets in all; a message cut off at its end
 * still shows its id. Lengths are read but not believed.
 *   SEQ { version  community  PDU { request-id ...        v3:  SEQ { version  SEQ { msgID ...                      */
uint32_t moon_socket_quoted_id(const uint8_t *p, size_t n) {
  const uint8_t *end = p + n;
  int32_t version = -1;
  for (int depth = 0; depth < 6 && end - p >= 2; depth++) {
    uint8_t tag = *p++;
    size_t len = *p++;
    if (len & 0x80) {
      size_t octets = len & 0x7f;
      if (octets == 0 || octets > 4 || (size_t)(end - p) < octets) { return 0; }
      for (len = 0; octets > 0; octets--) { len = len << 8 | *p++; }
    }
    bool constructed = tag == MOON_SEQUENCE || (tag >= MOON_PDU_GET && tag <= MOON_PDU_REPORT);
    if (constructed) { continue; }
    if ((size_t)(end - p) < len) { return 0; }
    if (tag == MOON_INTEGER && version < 0 && len == 1) {
      version = *p;
    } else if (tag == MOON_INTEGER && len == 4) {
      return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    } else if (tag != MOON_OCTET_STRING) {
      return 0;
    }
    p += len;
  }
  return 0;
}

bool moon_socket_icmp(struct moon_socket *s, struct moon_icmp *out) {
  uint8_t quoted[1024];
  union moon_sockaddr to;
  union {
    struct cmsghdr header;
    uint8_t octets[512];
  } control;
  struct iovec vec = { quoted, sizeof quoted };
  struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &vec, .msg_iovlen = 1,
                      .msg_control = &control, .msg_controllen = sizeof control };
  ssize_t n;
  memset(&to, 0, sizeof to);
  do {
    n = recvmsg(s->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n < 0) { return false; }
  moon_sockaddr_get(&to, &out->to);
  out->id = moon_socket_quoted_id(quoted, (size_t)n);
  out->err = MOON_OK;
  out->mtu = false;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
    bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
    bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) { continue; }
    struct sock_extended_err e;
    memcpy(&e, CMSG_DATA(c), sizeof e);
    if (e.ee_errno == ECONNREFUSED) {
      out->err = MOON_E_REFUSED;
    } else if (e.ee_errno == EMSGSIZE) {
      out->mtu = true;
    } else if (e.ee_errno) {
      out->err = MOON_E_UNREACHABLE;
    }
  }
  return true;
}

uint32_t moon_socket_drops(struct moon_socket *s) {
  uint32_t info[SK_MEMINFO_VARS] = { 0 };
  socklen_t len = sizeof info;
  if (getsockopt(s->fd, SOL_SOCKET, SO_MEMINFO, info, &len) || len <= SK_MEMINFO_DROPS * sizeof info[0]) { return 0; }
  uint32_t new = info[SK_MEMINFO_DROPS] - s->drops;
  s->drops = info[SK_MEMINFO_DROPS];
  return new;
}

uint32_t moon_socket_held(const struct moon_socket *s) {
  uint32_t info[SK_MEMINFO_VARS] = { 0 };
  socklen_t len = sizeof info;
  if (getsockopt(s->fd, SOL_SOCKET, SO_MEMINFO, info, &len) || len < (SK_MEMINFO_RMEM_ALLOC + 1) * sizeof info[0]) { return UINT32_MAX; }
  return info[SK_MEMINFO_RMEM_ALLOC];
}
