#include "poison.h"

#include "../base/mem.h"

/* FNV-1a */
static uint64_t hash(const uint8_t *oid, size_t n) {
  uint64_t h = 0xcbf29ce484222325u;
  for (size_t i = 0; i < n; i++) {
    h = (h ^ oid[i]) * 0x100000001b3u;
  }
  return h;
}

/* p->n: it is not there. */
static uint32_t find(const struct moon_poisons *p, uint64_t name) {
  uint32_t i = 0;
  while (i < p->n && p->at[i].name != name) {
    i++;
  }
  return i;
}

static uint64_t left_out_us(const struct moon_poison *at) {
  uint64_t us = at->silences < 8 ? (uint64_t)MOON_POISON_US << (at->silences - 1) : MOON_POISON_MOST_US;
  return us < MOON_POISON_MOST_US ? us : MOON_POISON_MOST_US;
}

enum moon_poison_rule moon_poison_rule(const struct moon_poisons *p, const uint8_t *oid, size_t n, uint64_t now_us) {
  uint32_t i = moon_poison_any(p) ? find(p, hash(oid, n)) : 0;
  if (!p || i == p->n) {
    return MOON_POISON_NONE;
  }
  const struct moon_poison *at = &p->at[i];
  return at->silences && now_us < at->found_us + left_out_us(at) ? MOON_POISON_LEFT_OUT : MOON_POISON_ALONE;
}

void moon_poison_add(struct moon_poisons **all, const uint8_t *oid, size_t n, enum moon_err e, uint64_t now_us) {
  uint64_t name = hash(oid, n);
  struct moon_poisons *p = *all ? *all : moon_mem_zalloc(sizeof *p);
  if (!p) {
    return;
  }
  *all = p;
  uint32_t i = find(p, name);
  unsigned silences = i < p->n ? p->at[i].silences : 0;
  if (i == MOON_POISONS_MAX) {
    i = 0;
    for (uint32_t k = 1; k < MOON_POISONS_MAX; k++) {
      i = p->at[k].found_us < p->at[i].found_us ? k : i;
    }
  } else if (i == p->n) {
    p->n++;
  }
  silences = e != MOON_E_TIMEOUT ? 0 : silences < UINT8_MAX ? silences + 1 : silences;
  p->at[i] = (struct moon_poison){.name = name, .found_us = now_us, .err = (uint8_t)e, .silences = (uint8_t)silences};
}

void moon_poison_drop(struct moon_poisons *p, const uint8_t *oid, size_t n) {
  uint32_t i = p ? find(p, hash(oid, n)) : 0;
  if (p && i < p->n) {
    p->at[i] = p->at[--p->n];
  }
}
