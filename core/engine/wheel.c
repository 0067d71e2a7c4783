#include "wheel.h"

#define BITS 8
#define MASK (MOON_WHEEL_PLACES - 1)
#define ASKED_AFTER 8  /* timers that ran */
#define MOVED_AFTER 1024 /* or moved, some 50 ns each */
#define FARTHEST ((UINT64_C(1) << (BITS * MOON_WHEEL_LEVELS)) - 1)

void moon_wheel_init(struct moon_wheel *w, uint64_t now_us) {
  w->tick = now_us / MOON_TICK_US;
  w->n = 0;
  w->level = 0;
  moon_list_init(&w->moving);
  memset(w->map, 0, sizeof w->map);
  for (size_t i = 0; i < MOON_WHEEL_LEVELS * MOON_WHEEL_PLACES; i++) { moon_list_init(&w->place[i]); }
}

/* Link into the place of its time, not before `first`. */
static void put(struct moon_wheel *w, struct moon_timer *t, uint64_t first) {
  uint64_t due = t->at_us / MOON_TICK_US + (t->at_us % MOON_TICK_US != 0);
  if (due < first) { due = first; }
  if (due - w->tick > FARTHEST) { due = w->tick + FARTHEST; }
  uint64_t ahead = due - w->tick;
  unsigned level = 0;
  while (ahead >> (BITS * (level + 1))) { level++; }
  size_t at = (size_t)(due >> (BITS * level)) & MASK;
  moon_list_append(&w->place[level * MOON_WHEEL_PLACES + at], &t->node);
  w->map[level][at / 64] |= UINT64_C(1) << (at % 64);
}

static void unlink_timer(struct moon_wheel *w, struct moon_timer *t) {
  struct moon_list *next = t->node.next;
  moon_list_remove(&t->node);
  if (next->next != next) { return; }
  /* The only node that is alone and was linked to is a list head: of a place, or of timers that are run or move. */
  if (next >= w->place && next < w->place + MOON_WHEEL_LEVELS * MOON_WHEEL_PLACES) {
    size_t i = (size_t)(next - w->place), at = i & MASK;
    w->map[i / MOON_WHEEL_PLACES][at / 64] &= ~(UINT64_C(1) << (at % 64));
  }
}

void moon_wheel_start(struct moon_wheel *w, struct moon_timer *t, uint64_t at_us) {
  if (!moon_list_empty(&t->node)) {
    unlink_timer(w, t);
  } else {
    w->n++;
  }
  t->at_us = at_us;
  put(w, t, w->tick + 1);
}

void moon_wheel_stop(struct moon_wheel *w, struct moon_timer *t) {
  if (moon_list_empty(&t->node)) { return; }
  unlink_timer(w, t);
  w->n--;
}

/* All timers of a place, to a list of the caller's. */
static void take(struct moon_wheel *w, unsigned level, size_t at, struct moon_list *out) {
  struct moon_list *head = &w->place[level * MOON_WHEEL_PLACES + at];
  moon_list_init(out);
  w->map[level][at / 64] &= ~(UINT64_C(1) << (at % 64));
  if (moon_list_empty(head)) { return; }
  out->next = head->next;
  out->prev = head->prev;
  out->next->prev = out;
  out->prev->next = out;
  moon_list_init(head);
}

/* Distance 1..256 to the next place in use after `from`, around the ring; 0: none. */
static unsigned distance(const uint64_t *map, unsigned from) {
  unsigned start = (from + 1) & MASK;
  for (unsigned i = 0; i <= MOON_WHEEL_PLACES / 64; i++) {
    unsigned word = (start / 64 + i) % (MOON_WHEEL_PLACES / 64);
    uint64_t bits = map[word];
    if (i == 0) {
      bits &= ~UINT64_C(0) << (start % 64);
    } else if (i == MOON_WHEEL_PLACES / 64) {
      bits &= ~(~UINT64_C(0) << (start % 64));
    }
    if (bits) {
      unsigned at = word * 64 + (unsigned)__builtin_ctzll(bits);
      return ((at - start) & MASK) + 1;
    }
  }
  return 0;
}

/* What the places of higher levels that time came to hold moves down. false: there was enough of it, and more is left. */
static bool cascade(struct moon_wheel *w, bool (*enough)(const void *arg), const void *arg) {
  unsigned moved = 0;
  for (;;) {
    struct moon_list *node;
    while ((node = moon_list_take(&w->moving))) {
      put(w, MOON_LIST_ENTRY(node, struct moon_timer, node), w->tick);
      if (++moved % MOVED_AFTER == 0 && enough && enough(arg)) { return false; }
    }
    if (!w->level) { return true; }
    size_t at = (size_t)(w->tick >> (BITS * w->level)) & MASK;
    take(w, w->level, at, &w->moving);
    w->level = at || w->level + 1 == MOON_WHEEL_LEVELS ? 0 : w->level + 1;
  }
}

static bool is_moving(const struct moon_wheel *w) { return w->level || !moon_list_empty(&w->moving); }

/* To the next tick that there may be something to do in, up to now; false: there is none. */
static bool go_on(struct moon_wheel *w, uint64_t now) {
  if (w->tick >= now) { return false; }
  unsigned at = (unsigned)w->tick & MASK, ahead = distance(w->map[0], at);
  uint64_t step = MOON_WHEEL_PLACES - at; /* to the next cascade */
  if (ahead && ahead < step) { step = ahead; }
  if (!w->n || w->tick + step > now) {
    w->tick = now;
    return false;
  }
  w->tick += step;
  if (((unsigned)w->tick & MASK) == 0) { w->level = 1; }
  return true;
}

void moon_wheel_expire(struct moon_wheel *w, uint64_t now_us) { moon_wheel_expire_some(w, now_us, NULL, NULL); }

void moon_wheel_expire_some(struct moon_wheel *w, uint64_t now_us, bool (*enough)(const void *arg), const void *arg) {
  unsigned run = 0;
  uint64_t now = now_us / MOON_TICK_US;
  while (is_moving(w) || go_on(w, now)) {
    if (!cascade(w, enough, arg)) { return; }
    unsigned at = (unsigned)w->tick & MASK;
    if (!(w->map[0][at / 64] >> (at % 64) & 1)) { continue; }
    struct moon_list due, *node;
    take(w, 0, at, &due);
    while ((node = moon_list_take(&due))) {
      struct moon_timer *t = MOON_LIST_ENTRY(node, struct moon_timer, node);
      w->n--;
      t->fn(t->arg);
      if (++run % ASKED_AFTER || !enough || !enough(arg)) { continue; }
      while ((node = moon_list_take(&due))) { put(w, MOON_LIST_ENTRY(node, struct moon_timer, node), w->tick + 1); }
      return;
    }
  }
}

uint64_t moon_wheel_next_us(const struct moon_wheel *w) {
  if (!w->n) { return UINT64_MAX; }
  if (is_moving(w)) { return w->tick * MOON_TICK_US; }
  uint64_t best = UINT64_MAX;
  for (unsigned level = 0; level < MOON_WHEEL_LEVELS; level++) {
    uint64_t turn = w->tick >> (BITS * level);
    unsigned ahead = distance(w->map[level], (unsigned)turn & MASK);
    if (!ahead) { continue; }
    uint64_t tick = (turn + ahead) << (BITS * level); /* of a higher level: when it is looked into */
    if (tick < best) { best = tick; }
  }
  return best > UINT64_MAX / MOON_TICK_US ? UINT64_MAX : best * MOON_TICK_US;
}
