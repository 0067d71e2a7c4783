#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "../../base/mem.h"
#include "inventory.h"

/* getaddrinfo blocks for as long as resolv.conf says, so a few threads ask side by side and nobody waits for all of them.
 * Only the short-lived child gets here: a thread still waiting at the end dies with it. */
#define THREADS_MAX 16u
#define WAIT_S 10

struct question { const char *host; uint32_t target; uint8_t family; bool answered; int code; struct moon_addr addr; };

struct resolver {
  pthread_mutex_t lock;
  pthread_cond_t done;
  uint32_t n, next, answered;
  uint32_t users; /* the last one frees it */
  struct question q[];
};

static void leave(struct resolver *r) { /* holds the lock */
  bool last = --r->users == 0;
  pthread_mutex_unlock(&r->lock);
  if (!last) { return; }
  pthread_mutex_destroy(&r->lock);
  pthread_cond_destroy(&r->done);
  moon_mem_free(r);
}

static int ask(const char *host, uint8_t family, struct moon_addr *out) {
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG}, *list;
  hints.ai_family = family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNSPEC;
  int code = getaddrinfo(host, NULL, &hints, &list);
  if (code && code != EAI_AGAIN) { /* with AI_ADDRCONFIG an address of the loopback interface counts for nothing */
    hints.ai_flags = 0;
    code = getaddrinfo(host, NULL, &hints, &list);
  }
  if (code) { return code; }
  if (list->ai_family == AF_INET6) {
    const struct sockaddr_in6 *a = (const void *)list->ai_addr;
    out->family = 6;
    out->scope = a->sin6_scope_id;
    memcpy(out->ip, &a->sin6_addr, 16);
  } else {
    const struct sockaddr_in *a = (const void *)list->ai_addr;
    out->family = 4;
    memcpy(out->ip, &a->sin_addr, 4);
  }
  freeaddrinfo(list);
  return 0;
}

static void *work(void *arg) {
  struct resolver *r = arg;
  pthread_mutex_lock(&r->lock);
  while (r->next < r->n) {
    struct question *q = &r->q[r->next++];
    char host[256];
    memcpy(host, q->host, strlen(q->host) + 1);
    uint8_t family = q->family;
    struct moon_addr addr = {0};
    pthread_mutex_unlock(&r->lock);
    int code = ask(host, family, &addr);
    pthread_mutex_lock(&r->lock);
    q->answered = true;
    q->code = code;
    q->addr = addr;
    if (++r->answered == r->n) { pthread_cond_signal(&r->done); }
  }
  leave(r);
  return NULL;
}

static uint32_t start(struct resolver *r) {
  uint32_t started = 0;
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  while (started < r->n && started < THREADS_MAX) {
    pthread_t t;
    r->users++;
    if (pthread_create(&t, &attr, work, r) != 0) {
      r->users--;
      break;
    }
    started++;
  }
  pthread_attr_destroy(&attr);
  return started;
}

static void take_answer(struct moon_draft *d, const struct question *q) {
  struct moon_plan_target *t = &d->targets[q->target];
  if (!q->answered) {
    t->error = moon_draft_format(d, "%s: no answer from the name server in %d s", q->host, WAIT_S);
  } else if (q->code) {
    t->error = moon_draft_format(d, "%s: %s", q->host, gai_strerror(q->code));
  } else {
    uint16_t port = t->addr.port;
    t->addr = q->addr;
    t->addr.port = port;
  }
}

static enum moon_err resolve(struct moon_draft *d) {
  pthread_condattr_t monotonic;
  struct timespec until;
  struct resolver *r = moon_mem_zalloc(sizeof *r + d->n_pending * sizeof *r->q);
  if (!r) { return moon_draft_nomem(d); }
  pthread_mutex_init(&r->lock, NULL);
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&r->done, &monotonic);
  pthread_condattr_destroy(&monotonic);
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += WAIT_S;
  r->users = 1;
  r->n = d->n_pending;
  for (uint32_t i = 0; i < r->n; i++) {
    const struct moon_draft_pending *p = &d->pending[i];
    r->q[i] = (struct question){.host = p->host, .target = p->target, .family = p->family};
  }
  pthread_mutex_lock(&r->lock);
  if (start(r) == 0) { until.tv_sec -= WAIT_S; }
  while (r->answered < r->n && pthread_cond_timedwait(&r->done, &r->lock, &until) != ETIMEDOUT) {}
  for (uint32_t i = 0; i < r->n; i++) { take_answer(d, &r->q[i]); }
  r->next = r->n; /* nobody looks at another host: its text is the draft's */
  leave(r);
  return d->err;
}

static void tell_families(struct moon_draft *d) {
  for (uint32_t i = 0; i < d->plan.n_targets && !d->err; i++) {
    const struct moon_plan_target *t = &d->targets[i];
    if (!t->source.family || !t->addr.family || t->source.family == t->addr.family) { continue; }
    moon_draft_warn(d, "%s: source is an IPv%d address, its own is IPv%d: not used for it", t->name, t->source.family, t->addr.family);
  }
}

/* Two names for one agent double its load, and its counters look like two devices. */
static enum moon_err tell_twins(struct moon_draft *d) {
  uint32_t cap = 64;
  while (cap < d->plan.n_targets * 2) { cap *= 2; }
  uint32_t *slots = moon_mem_array(cap, sizeof *slots);
  if (!slots) { return moon_draft_nomem(d); }
  for (uint32_t i = 0; i < d->plan.n_targets && !d->err; i++) {
    const struct moon_plan_target *t = &d->targets[i];
    if (!t->addr.family) { continue; }
    uint32_t at = (uint32_t)moon_addr_hash(&t->addr, 0) & (cap - 1);
    while (slots[at] && !moon_addr_equal(&d->targets[slots[at] - 1].addr, &t->addr)) { at = (at + 1) & (cap - 1); }
    if (slots[at]) {
      char text[MOON_ADDR_TEXT_MAX];
      moon_addr_format(&t->addr, text, sizeof text);
      moon_draft_warn(d, "%s and %s are the same agent, %s", d->targets[slots[at] - 1].name, t->name, text);
    } else {
      slots[at] = i + 1;
    }
  }
  moon_mem_free(slots);
  return d->err;
}

enum moon_err moon_inventory_resolve(struct moon_draft *d) {
  if (d->n_pending && resolve(d)) { return d->err; }
  tell_families(d);
  return tell_twins(d);
}
