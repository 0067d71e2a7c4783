#include "habits.h"

#include "../../base/mem.h"

_Static_assert(sizeof(struct moon_habit_place) == 32, "two to a cache line");

/* 0 means free. */
static uint64_t own(uint64_t key) { return key ? key : 1; }

static uint32_t home(const struct moon_habits *s, uint64_t key) { return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & s->mask; }

/* The bucket of this key, or the free one where it belongs. */
static uint32_t bucket(const struct moon_habits *s, uint64_t key) {
  uint32_t b = home(s, key);
  while (s->index[b] && s->at[s->index[b] - 1].key != key) { b = (b + 1) & s->mask; }
  return b;
}

/* Empties bucket b, and moves those behind it that could stand nearer to their home. */
static void close_gap(struct moon_habits *s, uint32_t b) {
  s->index[b] = 0;
  for (uint32_t next = (b + 1) & s->mask; s->index[next]; next = (next + 1) & s->mask) {
    uint32_t want = home(s, s->at[s->index[next] - 1].key);
    if (((next - want) & s->mask) < ((next - b) & s->mask)) { continue; }
    s->index[b] = s->index[next];
    s->index[next] = 0;
    b = next;
  }
}

enum moon_err moon_habits_init(struct moon_habits *s, struct moon_habit_place *at, uint32_t n) {
  *s = (struct moon_habits){0};
  if (!at || !n || n > 1u << 29) { return MOON_OK; }
  uint32_t buckets = 16;
  while (buckets < 2 * n) { buckets *= 2; }
  s->index = moon_mem_array(buckets, sizeof *s->index);
  s->claimed = moon_mem_zalloc(n);
  if (!s->index || !s->claimed) {
    moon_habits_fini(s);
    return MOON_E_NOMEM;
  }
  s->at = at;
  s->n = n;
  s->mask = buckets - 1;
  for (uint32_t i = 0; i < n; i++) {
    if (!at[i].key) { continue; }
    uint32_t b = bucket(s, at[i].key);
    if (s->index[b]) {
      at[i].key = 0; /* one killed between two stores left it twice */
    } else {
      s->index[b] = i + 1;
    }
  }
  return MOON_OK;
}

void moon_habits_fini(struct moon_habits *s) {
  moon_mem_free(s->index);
  moon_mem_free(s->claimed);
  *s = (struct moon_habits){0};
}

struct moon_habit *moon_habits_claim(struct moon_habits *s, uint64_t key) {
  key = own(key);
  if (!s->at) { return NULL; }
  uint32_t b = bucket(s, key);
  if (!s->index[b]) {
    while (s->hint < s->n && s->at[s->hint].key) { s->hint++; }
    if (s->hint == s->n) { return NULL; }
    s->at[s->hint] = (struct moon_habit_place){.key = key};
    s->index[b] = ++s->hint;
  }
  uint32_t place = s->index[b] - 1;
  if (s->claimed) { s->claimed[place] = 1; }
  return &s->at[place].habit;
}

void moon_habits_drop(struct moon_habits *s, uint64_t key) {
  key = own(key);
  uint32_t b = s->at ? bucket(s, key) : 0, place = s->at ? s->index[b] : 0;
  if (!place) { return; }
  close_gap(s, b);
  s->at[place - 1].key = 0;
  if (place - 1 < s->hint) { s->hint = place - 1; }
}

void moon_habits_keep_claimed(struct moon_habits *s) {
  for (uint32_t i = 0; s->claimed && i < s->n; i++) {
    if (s->at[i].key && !s->claimed[i]) { moon_habits_drop(s, s->at[i].key); }
  }
  moon_mem_free(s->claimed);
  s->claimed = NULL;
}
