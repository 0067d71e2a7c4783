#include "client.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "../../base/mem.h"
#include "../../session/trust.h"

#define FDS_MAX 3 /* an IPv4 and an IPv6 socket, and what stands for a connection */

struct moon_client {
  struct moon_engine *engine;
  struct moon_peer *peer;
  struct moon_policy policy;
  struct moon_credential credential;
  struct pollfd fds[FDS_MAX];
  moon_io_ready *ready[FDS_MAX];
  void *arg[FDS_MAX];
  nfds_t n_fds;
  uint64_t wake_us;
  struct moon_timer rest;
  bool resting, over;
  struct moon_outcome outcome;
  uint8_t *varbinds;
  size_t varbinds_cap;
};

static uint64_t clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- the loop ---- */

static enum moon_err watch(void *loop, int fd, moon_io_ready *ready, void *arg) {
  struct moon_client *c = loop;
  if (c->n_fds == FDS_MAX) { return MOON_E_CONFIG; }
  c->fds[c->n_fds] = (struct pollfd){.fd = fd, .events = POLLIN};
  c->ready[c->n_fds] = ready;
  c->arg[c->n_fds++] = arg;
  return MOON_OK;
}

static void unwatch(void *loop, int fd) {
  struct moon_client *c = loop;
  for (nfds_t i = 0; i < c->n_fds; i++) {
    if (c->fds[i].fd == fd) { c->fds[i].fd = -1; }
  }
}

static void wake(void *loop, uint64_t at_us) { ((struct moon_client *)loop)->wake_us = at_us; }

static const struct moon_io io = {watch, unwatch, wake};

static void turn(struct moon_client *c) {
  int ms = -1;
  if (c->wake_us != UINT64_MAX) {
    uint64_t now_us = clock_us();
    uint64_t left_us = c->wake_us > now_us ? c->wake_us - now_us : 0;
    ms = left_us > 3600000000u ? 3600000 : (int)((left_us + 999) / 1000);
  }
  if (ms != 0 && poll(c->fds, c->n_fds, ms) > 0) {
    for (nfds_t i = 0; i < c->n_fds; i++) {
      if (c->fds[i].revents) { c->ready[i](c->arg[i], c->fds[i].fd); }
    }
  }
  moon_engine_turn(c->engine);
}

/* ---- life ---- */

/* A connection is made before anything is asked, so that what hinders it is told as such: errno. */
static enum moon_err connect_first(struct moon_client *c) {
  int cause = 0;
  moon_peer_connect(c->engine, c->peer);
  while (!moon_peer_connected(c->peer, &cause)) {
    if (cause) {
      errno = cause;
      return MOON_E_CONFIG;
    }
    turn(c);
  }
  return MOON_OK;
}

enum moon_err moon_client_new(const struct moon_client_config *config, struct moon_client **out) {
  struct moon_client *c = moon_mem_zalloc(sizeof *c);
  if (!c) { return MOON_E_NOMEM; }
  struct moon_engine_config e;
  moon_engine_config_init(&e);
  e.max_in_flight = 1;
  e.max_waiting = 1;
  e.receive_buffer = 256 * 1024; /* the answers of one agent */
  e.trace = config->trace;
  e.arg = config->arg;
  struct moon_addr *source = config->source.family == 6 ? &e.source6 : &e.source4;
  if (config->source.family) { *source = config->source; }
  moon_policy_init(&c->policy);
  c->policy.timeout_us = c->policy.rto_floor_us = config->timeout_us;
  c->policy.breaker_after = 0;
  c->credential = *config->credential;
  c->wake_us = UINT64_MAX;
  enum moon_err err = moon_engine_new(&e, &io, c, &c->engine);
  if (!err) { err = moon_peer_new(c->engine, &config->addr, &c->credential, &c->policy, NULL, &c->peer); }
  if (!err) { err = connect_first(c); }
  if (!err) { moon_peer_target(c->peer)->strict_source = false; } /* "0.0.0.0", and agents with several addresses */
  if (err) {
    int cause = errno;
    moon_client_free(c);
    errno = cause;
    return err;
  }
  *out = c;
  return MOON_OK;
}

void moon_client_free(struct moon_client *c) {
  if (!c) { return; }
  if (c->peer) { moon_peer_free(c->engine, c->peer); }
  moon_engine_free(c->engine);
  moon_credential_fini(&c->credential);
  moon_mem_free(c->varbinds);
  moon_mem_free(c);
}

uint16_t moon_client_port(const struct moon_client *c) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } a;
  int fds[FDS_MAX];
  size_t n = moon_engine_fds(c->engine, fds, FDS_MAX);
  uint8_t family = moon_peer_target(c->peer)->addr.family;
  for (size_t i = 0; i < n; i++) {
    socklen_t len = sizeof a;
    if (getsockname(fds[i], &a.any, &len)) { continue; }
    if (family == 4 && a.any.sa_family == AF_INET) { return ntohs(a.v4.sin_port); }
    if (family == 6 && a.any.sa_family == AF_INET6) { return ntohs(a.v6.sin6_port); }
  }
  return 0;
}

bool moon_client_knows_engine(const struct moon_client *c) {
  struct moon_trust *trust = moon_peer_target(c->peer)->trust;
  return trust && moon_trust_authority(trust)->id_len;
}

/* ---- asking ---- */

static void done(void *arg, const struct moon_outcome *o) {
  struct moon_client *c = arg;
  c->over = true;
  c->outcome = *o;
  if (o->pdu.varbinds_len > c->varbinds_cap) {
    uint8_t *p = moon_mem_resize(c->varbinds, o->pdu.varbinds_len, 1);
    if (!p) {
      c->outcome.err = MOON_E_NOMEM;
      c->outcome.pdu = (struct moon_pdu){0};
      return;
    }
    c->varbinds = p;
    c->varbinds_cap = o->pdu.varbinds_len;
  }
  if (o->pdu.varbinds_len) { memcpy(c->varbinds, o->pdu.varbinds, o->pdu.varbinds_len); }
  c->outcome.pdu.varbinds = c->varbinds;
}

static void rested(void *arg) { ((struct moon_client *)arg)->resting = false; }

static enum moon_err ask_once(struct moon_client *c, const struct moon_request *r) {
  struct moon_ticket ticket;
  c->over = false;
  enum moon_err err = moon_engine_submit(c->engine, c->peer, r, 0, done, c, &ticket);
  if (err) { return err; }
  while (!c->over) { turn(c); }
  return MOON_OK;
}

/* Every name, every value: one that no value of its type can be spoils the answer. */
static bool is_sound(const struct moon_pdu *pdu) {
  struct moon_reader r;
  struct moon_varbind vb;
  moon_reader_init(&r, pdu->varbinds, pdu->varbinds_len);
  while (moon_varbind_get(&r, &vb)) {
    if (moon_varbind_check(&vb)) { return false; }
  }
  return r.err == MOON_OK;
}

/* Was it silence, or what has to count as that? */
static bool is_silence(struct moon_client *c) {
  const struct moon_outcome *o = &c->outcome;
  if (o->pdu.type && o->pdu.type != MOON_PDU_RESPONSE) { return false; } /* somebody spoke, if only nonsense */
  if (o->err == MOON_E_DECODE || (o->pdu.type && !is_sound(&o->pdu))) {
    c->outcome.err = MOON_E_TIMEOUT;
    c->outcome.pdu = (struct moon_pdu){0};
    return true;
  }
  return o->err == MOON_E_TIMEOUT;
}

enum moon_err moon_client_ask(struct moon_client *c, const struct moon_request *r, uint32_t retries, struct moon_outcome *out) {
  enum moon_err err;
  moon_timer_init(&c->rest, rested, c);
  for (uint64_t tries = (uint64_t)retries + 1;;) {
    uint64_t begun_us = clock_us();
    c->policy.retries = tries < MOON_TRIES_MAX ? (uint32_t)tries - 1 : MOON_TRIES_MAX - 1;
    err = ask_once(c, r);
    if (err || !is_silence(c)) { break; }
    moon_timer_start(c->engine, &c->rest, begun_us + c->outcome.tries * c->policy.timeout_us);
    for (c->resting = true; c->resting;) { turn(c); }
    if (c->outcome.tries >= tries) { break; }
    tries -= c->outcome.tries;
  }
  *out = c->outcome;
  if (err) { *out = (struct moon_outcome){.err = err}; }
  return out->err;
}
