#include "local.h"

#include "../base/mem.h"
#include "inner.h"

struct moon_local_reply {
  struct moon_list node;
  struct moon_timer timer;
  struct moon_engine *engine; /* not the peer: that may be gone when it arrives */
  union moon_sockaddr from;
  size_t n;
  uint8_t octets[];
};

static void put_away(struct moon_local_reply *r) {
  moon_wheel_stop(&r->engine->wheel, &r->timer);
  moon_list_remove(&r->node);
  r->engine->reply_octets -= sizeof *r + r->n;
  moon_mem_free(r);
}

static void arrive(void *arg) {
  struct moon_local_reply *r = arg;
  moon_match_datagram(r->engine, r->octets, r->n, &r->from);
  put_away(r);
}

enum moon_err moon_peer_answer_with(struct moon_engine *e, struct moon_peer *p, moon_peer_asked *asked, void *arg) {
  if (!e->local_room) { e->local_room = moon_mem_alloc(MOON_DATAGRAM_MAX); }
  if (!e->local_room) { return MOON_E_NOMEM; }
  p->asked = asked;
  p->asked_arg = arg;
  return MOON_OK;
}

void moon_local_ask(struct moon_engine *e, struct moon_peer *p, const uint8_t *request, size_t n) {
  e->counters->datagrams_out++;
  e->counters->octets_out += n;
  p->asked(p->asked_arg, p, e->now_us, request, n);
}

enum moon_err moon_peer_reply(struct moon_peer *p, const uint8_t *octets, size_t n, uint64_t delay_us, const struct moon_addr *from) {
  struct moon_engine *e = p->engine;
  if (n > MOON_DATAGRAM_MAX || e->reply_octets + sizeof(struct moon_local_reply) + n > MOON_LOCAL_OCTETS_MAX) {
    e->counters->rx_dropped++;
    return MOON_E_LIMIT;
  }
  struct moon_local_reply *r = moon_mem_alloc(sizeof *r + n);
  if (!r) {
    e->counters->rx_dropped++;
    return MOON_E_NOMEM;
  }
  r->engine = e;
  r->from = p->to;
  if (from) { moon_sockaddr_put(&r->from, from); }
  r->n = n;
  memcpy(r->octets, octets, n);
  e->reply_octets += sizeof *r + n;
  moon_list_init(&r->node);
  moon_list_append(&e->replies, &r->node);
  moon_timer_init(&r->timer, arrive, r);
  moon_wheel_start(&e->wheel, &r->timer, delay_us < UINT64_MAX - e->now_us ? e->now_us + delay_us : UINT64_MAX);
  return MOON_OK;
}

void moon_local_agent_asked(void *arg, struct moon_peer *p, uint64_t now_us, const uint8_t *request, size_t n) {
  const struct moon_local_agent *a = arg;
  struct moon_answer answer;
  moon_agent_answer(a->agent, now_us, request, n, a->room, &answer);
  for (uint32_t i = 0; i < answer.n; i++) {
    const struct moon_reply *r = &answer.reply[i];
    struct moon_addr other = p->target.addr;
    other.ip[other.family == 6 ? 15 : 3]++;
    (void)moon_peer_reply(p, r->p, r->n, r->delay_us, r->other_source ? &other : NULL); /* what is dropped is counted */
  }
}

void moon_local_fini(struct moon_engine *e) {
  while (e->replies.next && !moon_list_empty(&e->replies)) {
    put_away(MOON_LIST_ENTRY(e->replies.next, struct moon_local_reply, node));
  }
  moon_mem_free(e->local_room);
  e->local_room = NULL;
}
