#include "inner.h"

#include "../base/cache.h"

#define STRIDE 2u /* datagrams between one step and the next */

enum { READ, FIND, ASKED, HOST };
_Static_assert(HOST + 1 == MOON_AHEAD_STEPS, "each has its turn");

static void read_one(struct moon_engine *e, uint32_t i) {
  struct moon_sight *s = &e->sight[i];
  moon_match_look(e, e->inbox.vec[i].iov_base, e->inbox.header[i].msg_len, s);
  if (s->counter != MOON_TRY_NONE) { moon_cache_fetch(moon_flight_place(&e->flight, s->counter), sizeof(struct moon_try)); }
}

/* Of which request is it? */
static void find(struct moon_engine *e, struct moon_sight *s) {
  struct moon_try *t;
  struct moon_slot *slot;
  if (moon_flight_find(&e->flight, s->counter, &t, &slot) != MOON_FIND_LIVE) { return; }
  s->slot = slot;
  moon_cache_fetch(slot, sizeof *slot);
}

static void step(struct moon_engine *e, uint32_t i, unsigned k) {
  if (i >= e->inbox.n) { return; }
  if (k == READ) {
    read_one(e, i);
    return;
  }
  if (k == FIND) {
    find(e, &e->sight[i]);
    return;
  }
  const struct moon_slot *s = e->sight[i].slot;
  if (!s || s->state != MOON_SLOT_FLYING) { return; } /* over since */
  if (k == ASKED) {
    moon_cache_fetch(s->peer, sizeof *s->peer);
    moon_cache_fetch(s->timer.node.next, sizeof s->timer.node); /* that it leaves */
    moon_cache_fetch(s->timer.node.prev, sizeof s->timer.node);
  }
  if (k == HOST && s->peer->target.trust) { moon_cache_fetch(s->peer->target.trust, sizeof *s->peer->target.trust); }
  if (e->config.ahead) { e->config.ahead(s->done, s->arg, k - ASKED); }
}

void moon_ahead_begin(struct moon_engine *e) {
  for (unsigned k = 0; k < MOON_AHEAD_STEPS; k++) {
    for (uint32_t i = 0; i < (MOON_AHEAD_STEPS - k) * STRIDE; i++) { step(e, e->inbox.at + i, k); }
  }
}

void moon_ahead_of(struct moon_engine *e, uint32_t i) {
  for (unsigned k = 0; k < MOON_AHEAD_STEPS; k++) { step(e, i + (MOON_AHEAD_STEPS - k) * STRIDE, k); }
}
