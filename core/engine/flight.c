#include "flight.h"

#include "../base/cache.h"
#include "../base/mem.h"

enum moon_err moon_flight_init(struct moon_flight *f, uint32_t max_slots, uint64_t seed) {
  memset(f, 0, sizeof *f);
  moon_list_init(&f->free);
  moon_ids_init(&f->ids, seed);
  f->max_slots = max_slots;
  f->mask = MOON_RING_MIN - 1;
  f->chunk = moon_mem_array(max_slots / MOON_SLOT_CHUNK + 1, sizeof(struct moon_slot *));
  f->ring = moon_mem_array(MOON_RING_MIN, sizeof *f->ring);
  if (!f->chunk || !f->ring) {
    moon_flight_fini(f);
    return MOON_E_NOMEM;
  }
  return MOON_OK;
}

void moon_flight_fini(struct moon_flight *f) {
  for (uint32_t i = 0; i < f->n_slots; i += MOON_SLOT_CHUNK) { moon_mem_free(f->chunk[i / MOON_SLOT_CHUNK]); }
  moon_mem_free(f->chunk);
  moon_mem_free(f->ring);
  f->chunk = NULL;
  f->ring = NULL;
  f->n_slots = 0;
}

struct moon_slot *moon_flight_take(struct moon_flight *f) {
  struct moon_list *node = moon_list_take(&f->free);
  if (node) { return MOON_LIST_ENTRY(node, struct moon_slot, node); }
  if (f->n_slots >= f->max_slots) { return NULL; }
  struct moon_slot *chunk = moon_mem_array(MOON_SLOT_CHUNK, sizeof *chunk);
  if (!chunk) { return NULL; }
  f->chunk[f->n_slots / MOON_SLOT_CHUNK] = chunk;
  for (uint32_t i = 0; i < MOON_SLOT_CHUNK; i++) {
    chunk[i].index = f->n_slots + i;
    chunk[i].generation = 1;
    moon_list_init(&chunk[i].node);
    moon_list_append(&f->free, &chunk[i].node);
  }
  f->n_slots += MOON_SLOT_CHUNK;
  return MOON_LIST_ENTRY(moon_list_take(&f->free), struct moon_slot, node);
}

void moon_flight_put(struct moon_flight *f, struct moon_slot *s, bool answered) {
  for (uint32_t c = s->latest; c != MOON_TRY_NONE;) {
    struct moon_try *t = &f->ring[c & f->mask];
    t->state = answered ? MOON_TRY_ANSWERED : MOON_TRY_OVER;
    f->live--;
    c = t->before;
  }
  s->state = MOON_SLOT_FREE;
  if (++s->generation == 0) { s->generation = 1; }
  moon_list_prepend(&f->free, &s->node); /* last used, first taken: it is in the cache */
}

struct moon_slot *moon_flight_slot(struct moon_flight *f, struct moon_ticket t) {
  if (t.generation == 0 || t.slot >= f->n_slots) { return NULL; }
  struct moon_slot *s = moon_flight_at(f, t.slot);
  return s->generation == t.generation && s->state != MOON_SLOT_FREE ? s : NULL;
}

/* Twice the places. Two entries a ring apart cannot both be here, so none collide in the larger one. */
static bool grow(struct moon_flight *f) {
  uint32_t n = f->mask + 1;
  if (n >= MOON_RING_MAX) { return false; }
  struct moon_try *ring = moon_mem_array(n * 2, sizeof *ring);
  if (!ring) { return false; }
  for (uint32_t i = 0; i < n; i++) {
    if (f->ring[i].state != MOON_TRY_EMPTY) { ring[f->ring[i].counter & (n * 2 - 1)] = f->ring[i]; }
  }
  moon_mem_free(f->ring);
  f->ring = ring;
  f->mask = n * 2 - 1;
  return true;
}

#define SOON 8u /* tries */

static void step(struct moon_flight *f) {
  if (++f->next == MOON_ID_N) {
    f->next = 0;
    f->wrapped = true;
  }
}

bool moon_flight_id(struct moon_flight *f, uint32_t *counter, uint32_t *id) {
  /* Three quarters of the ring remember what is over; without memory for that, half of it may go. */
  if (f->live > f->mask / 4 && !grow(f) && f->live > f->mask / 2) { return false; }
  /* In its first round the place was never used: looking at it would only have the kernel map a page of zeros first. */
  while ((f->wrapped || f->next > f->mask) && f->ring[f->next & f->mask].state == MOON_TRY_LIVE) { step(f); }
  *counter = f->next;
  *id = moon_ids_from_counter(&f->ids, f->next);
  return true;
}

void moon_flight_sent(struct moon_flight *f, struct moon_slot *s, uint32_t counter, uint32_t peer, uint64_t now_us) {
  struct moon_try *t = &f->ring[counter & f->mask];
  t->sent_us = now_us;
  t->counter = counter;
  t->slot = s->index;
  t->peer = peer;
  t->before = s->latest;
  t->state = MOON_TRY_LIVE;
  t->kind = s->x.request->kind;
  s->latest = counter;
  f->live++;
  step(f);
  moon_cache_fetch(moon_flight_place(f, f->next + SOON), 1);
}

uint32_t moon_flight_counter(const struct moon_flight *f, uint32_t id) {
  uint32_t counter;
  return moon_ids_to_counter(&f->ids, id, &counter) ? counter : MOON_TRY_NONE;
}

enum moon_find moon_flight_find(struct moon_flight *f, uint32_t counter, struct moon_try **out, struct moon_slot **slot) {
  if (counter >= MOON_ID_N || (counter >= f->next && !f->wrapped)) { return MOON_FIND_UNKNOWN; }
  struct moon_try *t = &f->ring[counter & f->mask];
  if (t->state == MOON_TRY_EMPTY || t->counter != counter) { return MOON_FIND_GONE; }
  *out = t;
  switch ((enum moon_try_state)t->state) {
    case MOON_TRY_LIVE: *slot = moon_flight_at(f, t->slot); return MOON_FIND_LIVE;
    case MOON_TRY_ANSWERED: return MOON_FIND_DUPLICATE;
    default: return MOON_FIND_LATE;
  }
}
