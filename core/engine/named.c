#include "inner.h"

#include "../base/mem.h"
#include "resolver.h"
#include "stream.h"

#define HOLD_US 5000000u

/* An agent known by name. While it has no address its requests wait; the first of them asks for one. An address that is over
 * its time stays in use while it is asked for again, and for as long as there is no answer. */
struct moon_named {
  struct moon_lookup *lookup;   /* under way; NULL */
  struct moon_socket *source;   /* requests to addresses of its family leave from here; NULL: any */
  char *text;                   /* what the resolver last said against it; NULL: nothing */
  uint64_t until_us;            /* its addresses are good; without any: not asked again before */
  uint64_t moved_us;            /* to the address in use */
  uint64_t fresh_us;            /* the resolver said so */
  uint32_t n, at;               /* addresses, and which of them is in use */
  struct moon_addr want;        /* family of the addresses, 0: any; port and stream are those of all */
  bool doubtful;                /* the last time there was no answer */
  bool twin_told;
  struct moon_addr addr[MOON_ADDRESSES_MAX];
  char host[];
};

static uint64_t now_of(const struct moon_engine *e) { return e->in_turn ? e->now_us : moon_engine_clock_us(e); }

/* ---- the engine's resolver */

static void resolver_ready(void *arg, int fd) {
  struct moon_engine *e = arg;
  (void)fd;
  e->resolver_due = true;
}

static void resolver_timer(void *arg) { ((struct moon_engine *)arg)->resolver_due = true; }

static enum moon_err need_resolver(struct moon_engine *e) {
  if (e->resolver) { return MOON_OK; }
  moon_timer_init(&e->resolver_timer, resolver_timer, e);
  return moon_resolver_new(&e->config.resolver, &e->resolver);
}

void moon_named_turn(struct moon_engine *e) {
  int before = moon_resolver_fd(e->resolver);
  e->resolver_due = false;
  moon_resolver_turn(e->resolver, e->now_us);
  int fd = moon_resolver_fd(e->resolver);
  if (fd != before && e->io && e->io->watch(e->loop, fd, resolver_ready, e)) {
    moon_engine_notice(e, NULL, "the loop does not watch the resolver: names are resolved late or not at all");
  }
  uint64_t next_us = moon_resolver_next_us(e->resolver, e->now_us);
  if (next_us == UINT64_MAX) {
    moon_wheel_stop(&e->wheel, &e->resolver_timer);
  } else {
    moon_wheel_start(&e->wheel, &e->resolver_timer, next_us);
  }
}

void moon_named_fini(struct moon_engine *e) {
  if (!e->resolver) { return; }
  int fd = moon_resolver_fd(e->resolver);
  if (fd >= 0 && e->io) { e->io->unwatch(e->loop, fd); }
  moon_resolver_free(e->resolver);
  e->resolver = NULL;
}

/* ---- where it is */

static void move(struct moon_peer *p, uint32_t at, bool afresh) {
  struct moon_named *n = p->named;
  struct moon_engine *e = p->engine;
  const struct moon_addr *to = &n->addr[at];
  for (uint32_t i = 0; i < e->n_sockets; i++) { moon_outbox_forget(&e->socket[i]->out, &p->to); }
  moon_peers_unlink(e, p);
  if (moon_target_move(&p->target, to, afresh)) { moon_engine_breaker(e, p); }
  moon_peers_link(e, p);
  p->to_len = moon_sockaddr_put(&p->to, to);
  moon_peer_leave_by(p, n->source && n->source->family == to->family ? n->source : e->socket[to->family == 6]);
  if (p->stream) { moon_stream_close(e, p->stream); }
  n->at = at;
  n->moved_us = e->now_us;
}

static void tell_move(struct moon_peer *p, const struct moon_addr *from, const char *why) {
  char old[MOON_ADDR_TEXT_MAX], new[MOON_ADDR_TEXT_MAX];
  moon_addr_format(from, old, sizeof old);
  moon_addr_format(&p->target.addr, new, sizeof new);
  moon_engine_notice(p->engine, p, "%s %s from %s to %s", p->named->host, why, old, new);
}

/* Two names for one agent double its load, and its counters look like two devices. */
static void tell_twin(struct moon_peer *p) {
  char text[MOON_ADDR_TEXT_MAX];
  if (p->named->twin_told || !moon_peers_twin(p->engine, p)) { return; }
  p->named->twin_told = true;
  moon_addr_format(&p->target.addr, text, sizeof text);
  moon_engine_notice(p->engine, p, "%s is %s, which another target is too: the same agent", p->named->host, text);
}

static void take_addresses(struct moon_peer *p, const struct moon_addresses *a) {
  struct moon_named *n = p->named;
  const struct moon_addr was = p->target.addr;
  n->n = 0;
  for (uint32_t i = 0; i < a->n; i++) { /* a host without IPv6 has no use for such */
    if (p->engine->socket[a->at[i].family == 6]->fd >= 0) { n->addr[n->n++] = a->at[i]; }
  }
  if (!n->n) { n->addr[n->n++] = a->at[0]; }
  for (uint32_t i = 0; i < n->n; i++) {
    n->addr[i].port = n->want.port;
    n->addr[i].stream = n->want.stream;
  }
  n->until_us = p->engine->now_us + (uint64_t)a->ttl_s * 1000000;
  n->doubtful = false;
  moon_mem_free(n->text);
  n->text = NULL;
  for (uint32_t i = 0; i < n->n; i++) {
    if (!moon_addr_equal(&n->addr[i], &was)) { continue; }
    n->at = i; /* servers shuffle: that is no reason to move */
    return;
  }
  move(p, 0, true);
  n->fresh_us = n->moved_us;
  if (was.family) { tell_move(p, &was, "moved"); }
  tell_twin(p);
}

/* The last addresses stay. */
static void take_failure(struct moon_peer *p, const struct moon_addresses *a) {
  struct moon_named *n = p->named;
  struct moon_engine *e = p->engine;
  size_t len = strlen(a->text) + 1;
  char *text = moon_mem_resize(n->text, len, 1);
  if (text) {
    memcpy(text, a->text, len);
    n->text = text;
  }
  n->doubtful = true;
  n->until_us = now_of(e) + (e->config.resolver.hold_us ? e->config.resolver.hold_us : HOLD_US);
  if (n->n) {
    if (!e->kept_told) {
      moon_engine_notice(e, p, "%s: %s; its last address stays in use, as those of others will in silence", n->host, a->text);
    }
    e->kept_told = true;
    return;
  }
  while (!moon_list_empty(&p->waiting)) {
    moon_engine_finish_later(e, MOON_LIST_ENTRY(p->waiting.next, struct moon_slot, node), a->err);
  }
}

static void found(void *arg, const struct moon_addresses *a) {
  struct moon_peer *p = arg;
  p->named->lookup = NULL;
  if (a->err) {
    take_failure(p, a);
    return;
  }
  p->engine->kept_told = false;
  take_addresses(p, a);
  moon_peer_activate(p);
}

bool moon_named_ready(struct moon_peer *p) {
  struct moon_named *n = p->named;
  struct moon_engine *e = p->engine;
  if (n->lookup) { return n->n; }
  if (now_of(e) < n->until_us) {
    while (!n->n && !moon_list_empty(&p->waiting)) {
      moon_engine_finish_later(e, MOON_LIST_ENTRY(p->waiting.next, struct moon_slot, node), MOON_E_DNS);
    }
    return n->n;
  }
  enum moon_err err = need_resolver(e);
  if (!err) { err = moon_resolver_ask(e->resolver, n->host, n->want.family, n->doubtful, found, p, &n->lookup); }
  if (err) {
    const struct moon_addresses none = { .err = err, .text = moon_err_text(err) };
    take_failure(p, &none);
    return n->n;
  }
  e->resolver_due = true;
  if (!e->in_turn) { moon_engine_kick(e); }
  return n->n;
}

/* ---- several addresses */

/* A datagram can be lost: one that answered is left only when a whole request got nothing. */
bool moon_named_silent(struct moon_peer *p, uint64_t sent_us, bool whole) {
  struct moon_named *n = p->named;
  bool stay = n->n < 2 || sent_us < n->moved_us || (!whole && p->target.last_answer_us > n->moved_us);
  if (!stay) { move(p, (n->at + 1) % n->n, false); }
  return sent_us >= n->fresh_us;
}

bool moon_named_knows(const struct moon_peer *p, const struct moon_addr *source) {
  const struct moon_named *n = p->named;
  uint32_t i = 0;
  while (i < n->n && !moon_addr_equal(&n->addr[i], source)) { i++; }
  return i < n->n;
}

void moon_named_heard(struct moon_peer *p, const struct moon_addr *source) {
  struct moon_named *n = p->named;
  for (uint32_t i = 0; i < n->n; i++) {
    if (i != n->at && moon_addr_equal(&n->addr[i], source)) { move(p, i, false); }
  }
}

/* ---- life */

enum moon_err moon_peer_new_named(struct moon_engine *e, const char *host, const struct moon_addr *want,
                                  const struct moon_credential *credential, const struct moon_policy *policy, void *user,
                                  struct moon_peer **out) {
  size_t len = strlen(host) + 1;
  if (len > MOON_HOST_MAX || e->config.closed) { return MOON_E_CONFIG; }
  struct moon_named *n = moon_mem_zalloc(sizeof *n + len);
  if (!n) { return MOON_E_NOMEM; }
  n->want = *want;
  memcpy(n->host, host, len);
  const struct moon_addr nowhere = { .port = want->port, .stream = want->stream };
  enum moon_err err = moon_peer_open(e, &nowhere, credential, policy, user, out);
  if (err) {
    moon_mem_free(n);
    return err;
  }
  (*out)->named = n;
  return MOON_OK;
}

enum moon_err moon_named_bind(struct moon_peer *p, const struct moon_addr *source) {
  enum moon_err err = moon_engine_source(p->engine, source, &p->named->source);
  if (!err && p->target.addr.family == source->family) { moon_peer_leave_by(p, p->named->source); }
  return err;
}

void moon_named_free(struct moon_peer *p) {
  if (!p->named) { return; }
  if (p->named->lookup && p->engine->resolver) { moon_lookup_cancel(p->named->lookup); }
  moon_mem_free(p->named->text);
  moon_mem_free(p->named);
  p->named = NULL;
}

const char *moon_peer_trouble(const struct moon_peer *p) { return p->named ? p->named->text : NULL; }
