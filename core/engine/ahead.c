#include "inner.h"

#include "../base/cache.h"

#define STRIDE 2u /* datagrams between one step and the next */

/* Of which request is it? */
static void find(struct moon_engine *e, uint32_t i) {
  struct moon_peek peek;
  struct moon_try *t;
  struct moon_slot **s = &e->ahead[i];
  *s = NULL;
  if (moon_message_peek(e->inbox.vec[i].iov_base, e->inbox.header[i].msg_len, &peek)) { return; }
  if (moon_flight_find(&e->flight, peek.id, &t, s) == MOON_FIND_LIVE) { moon_cache_fetch(*s, sizeof **s); }
}

static void step(struct moon_engine *e, uint32_t i, unsigned k) {
  if (i >= e->inbox.n) { return; }
  struct moon_slot *s = e->ahead[i];
  if (k == 0) {
    find(e, i);
  } else if (s && s->state == MOON_SLOT_FLYING) { /* else it is over since */
    if (k == 1) { moon_cache_fetch(s->peer, sizeof *s->peer); }
    if (k == 2 && s->peer->target.trust) { moon_cache_fetch(s->peer->target.trust, sizeof *s->peer->target.trust); }
    if (e->config.ahead) { e->config.ahead(s->done, s->arg, k - 1); }
  }
}

void moon_ahead_begin(struct moon_engine *e) {
  for (unsigned k = 0; k < MOON_AHEAD_STEPS; k++) {
    for (uint32_t i = 0; i < (MOON_AHEAD_STEPS - k) * STRIDE; i++) { step(e, e->inbox.at + i, k); }
  }
}

void moon_ahead_of(struct moon_engine *e, uint32_t i) {
  for (unsigned k = 0; k < MOON_AHEAD_STEPS; k++) { step(e, i + (MOON_AHEAD_STEPS - k) * STRIDE, k); }
}
