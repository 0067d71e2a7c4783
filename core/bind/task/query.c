#include "query.h"

#include "../../base/mem.h"
#include "../../session/report.h"
#include "../value/fault.h"
#include "roster.h"
#include "run.h"

uint8_t moon_query_version(const struct moon_host *h, const struct moon_host_target *t) {
  const struct moon_credential *c = moon_roster_credential(h, t, t->credential);
  return c ? c->version : MOON_V2C;
}

/* Silence of an agent that never spoke may mean that it was spoken to wrongly. True: look at t->credential for what to try next. */
static bool next_credential(struct moon_query *q, const struct moon_outcome *o) {
  struct moon_host_target *t = q->target;
  uint32_t n = t->plan->n_credentials;
  if (n < 2 || q->tried + 1u >= n || moon_peer_target(t->peer)->last_answer_us) { return false; }
  switch (o->err) {
    case MOON_E_TIMEOUT:
    case MOON_E_AUTH:
    case MOON_E_UNKNOWN_USER:
    case MOON_E_UNSUPPORTED_LEVEL:
    case MOON_E_DECRYPTION: break;
    default: return false;
  }
  if (t->credential == q->credential) { /* else another query moved on already */
    t->credential = (uint16_t)((t->credential + 1u) % n);
    moon_peer_credential(t->peer, moon_roster_credential(q->host, t, t->credential));
  }
  return true;
}

static void on_done(void *arg, const struct moon_outcome *o) {
  struct moon_query *q = arg;
  q->out = false;
  q->tries += o->tries;
  if (o->err && next_credential(q, o)) {
    q->tried++;
    q->credential = q->target->credential;
    if (!moon_engine_submit(q->host->engine, q->target->peer, q->request, 0, on_done, q, &q->ticket)) {
      q->out = true;
      return;
    }
  }
  q->goes_on = q->request->is_followed && !o->rtt_us;
  q->done(q, o);
}

enum moon_err moon_query_start(struct moon_query *q, struct moon_host *h, struct moon_host_target *t, const struct moon_request *r,
                               moon_query_done *done) {
  q->host = h;
  q->target = t;
  q->request = r;
  q->done = done;
  if (q->context) {
    if (r != &q->own) { q->own = *r; }
    q->own.context = q->context->octets;
    q->own.context_len = q->context->len;
    q->request = &q->own;
  }
  q->tried = 0;
  q->credential = t->credential;
  if (!q->goes_on) {
    q->tries = 0;
    q->started_us = moon_engine_now(h->engine);
  }
  q->goes_on = false;
  enum moon_err e = moon_engine_submit(h->engine, t->peer, q->request, 0, on_done, q, &q->ticket);
  q->out = !e;
  if (e == MOON_E_BUDGET) { q->crowded = moon_engine_is_full(h->engine); }
  return e;
}

const char *moon_query_crowd(const struct moon_query *q) {
  return q->crowded ? "too many requests of all devices are waiting in this worker: let more of them leave (limits.max_in_flight, limits.packets_per_s), "
                      "have more workers, or fewer runs at once (limits.max_coroutines)"
                    : "too many requests are waiting for this device: ask for fewer at once (limits.max_children), or let more of them leave "
                      "(request.per_device, request.packets_per_s)";
}

struct moon_query *moon_query_of(moon_done *done, void *arg) { return done == on_done ? arg : NULL; }

const struct moon_context *moon_query_context(struct moon_host_probe *p, const char *name, size_t n) {
  struct moon_context *c = p->contexts;
  while (c && (c->len != n || memcmp(c->octets, name, n) != 0)) { c = c->next; }
  if (c || p->n_contexts == MOON_CONTEXTS_MAX) { return c; }
  c = moon_mem_alloc(sizeof *c + n);
  if (!c) { return NULL; }
  c->next = p->contexts;
  c->len = (uint8_t)n;
  memcpy(c->octets, name, n);
  p->contexts = c;
  p->n_contexts++;
  return c;
}

void moon_query_free_contexts(struct moon_host_probe *p) {
  while (p->contexts) {
    struct moon_context *next = p->contexts->next;
    moon_mem_free(p->contexts);
    p->contexts = next;
  }
}

void moon_query_cancel(struct moon_query *q) {
  if (q->out) {
    q->out = false;
    moon_engine_cancel(q->host->engine, q->ticket);
  }
}

void moon_query_push_fault(lua_State *L, const struct moon_query *q, enum moon_err e, const struct moon_outcome *o,
                           const struct moon_name *oid, const char *detail) {
  char text[MOON_ADDR_TEXT_MAX];
  struct moon_fault f = {.err = e, .device = q->target->plan->name, .detail = detail};
  const struct moon_addr *addr = &moon_peer_target(q->target->peer)->addr;
  if (addr->family) { moon_addr_format(addr, text, sizeof text); }
  f.target = addr->family ? text : q->target->plan->host;
  if (e == MOON_E_DNS && !detail) { f.detail = moon_peer_trouble(q->target->peer); }
  f.version = moon_query_version(q->host, q->target);
  bool silence = e == MOON_E_TIMEOUT || e == MOON_E_REFUSED || e == MOON_E_UNREACHABLE || e == MOON_E_DOWN;
  if (silence && q->host->current) { q->host->current->run->silence = true; }
  if (oid) { f.oid = *oid; }
  if (o) {
    f.tries = q->tries > o->tries ? q->tries : o->tries;
    f.rtt_us = o->rtt_us;
    f.status = o->pdu.type == MOON_PDU_RESPONSE ? o->pdu.error_status : 0;
    const struct moon_target *t = moon_peer_target(q->target->peer);
    f.report = o->report;
    if (!f.rtt_us && e != MOON_E_DNS && !o->report) {
      f.usual_us = t->rtt[q->request->kind].srtt_us;
      f.never = t->last_answer_us == 0;
    }
    f.waited_us = o->received_us > q->started_us ? o->received_us - q->started_us : 0;
  }
  moon_fault_push(L, &f);
}

void moon_query_uptime(struct moon_host_target *t, const struct moon_cell *c) {
  struct moon_uptime u = {.at_us = t->uptime_at_us, .ticks = t->uptime};
  if (moon_uptime_see(&u, c)) {
    t->boots++;
    if (t->peer) { moon_target_restarted(moon_peer_target(t->peer)); }
  }
  t->uptime = u.ticks;
  t->uptime_at_us = u.at_us;
}
