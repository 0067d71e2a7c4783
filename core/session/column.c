#include "column.h"

#include "../base/mem.h"

#define CHUNK_SLACK 8  /* readable behind the content */
#define VARBIND_GUESS 12 /* octets of a varbind besides its column's name before any was seen */

void moon_store_init(struct moon_store *s) {
  moon_list_init(&s->live);
  moon_list_init(&s->dead);
  moon_list_init(&s->idle);
  s->octets = 0;
}

static void free_all(struct moon_list *l) {
  for (struct moon_list *n = moon_list_take(l); n; n = moon_list_take(l)) {
    moon_mem_free(MOON_LIST_ENTRY(n, struct moon_chunk, link));
  }
}

void moon_store_fini(struct moon_store *s) {
  free_all(&s->live);
  free_all(&s->dead);
  free_all(&s->idle);
}

struct moon_chunk *moon_store_copy(struct moon_store *s, const uint8_t *p, size_t n, uint64_t received_us) {
  struct moon_list *idle = moon_list_take(&s->idle);
  struct moon_chunk *c = idle ? MOON_LIST_ENTRY(idle, struct moon_chunk, link) : NULL;
  if (c && c->cap < n) {
    moon_mem_free(c);
    c = NULL;
  }
  if (!c) {
    uint32_t cap = (uint32_t)(n + 255) & ~(uint32_t)255;
    c = moon_mem_alloc(sizeof *c + cap + CHUNK_SLACK);
    if (!c) {
      return NULL;
    }
    c->cap = cap;
    moon_list_init(&c->link);
  }
  c->received_us = received_us;
  c->refs = 1;
  if (n) {
    memcpy(c->octets, p, n);
  }
  memset(c->octets + n, 0, CHUNK_SLACK);
  moon_list_append(&s->live, &c->link);
  s->octets += c->cap;
  return c;
}

void moon_store_retire(struct moon_store *s, struct moon_chunk *c) {
  s->octets -= c->cap;
  moon_list_remove(&c->link);
  moon_list_append(&s->dead, &c->link);
}

void moon_store_sweep(struct moon_store *s) {
  for (struct moon_list *n = moon_list_take(&s->dead); n; n = moon_list_take(&s->dead)) {
    if (moon_list_empty(&s->idle)) {
      moon_list_append(&s->idle, n);
    } else {
      moon_mem_free(MOON_LIST_ENTRY(n, struct moon_chunk, link));
    }
  }
}

void moon_column_init(struct moon_column *c, const uint8_t *root, uint16_t root_len, struct moon_item *queue, uint8_t stride, uint8_t bits) {
  c->root = root;
  c->root_len = root_len;
  c->eighths = (uint16_t)(8 * (root_len + VARBIND_GUESS));
  c->queue = queue;
  c->stride = stride;
  c->bits = bits & 15u;
}

void moon_column_fini(struct moon_column *c) {
  if (c->own) {
    moon_mem_free(c->queue);
  }
}

bool moon_column_grow(struct moon_column *c) {
  uint32_t cap = 1u << c->bits;
  struct moon_item *q = cap >= MOON_COLUMN_ITEMS ? NULL : moon_mem_resize(NULL, (size_t)cap * 2, sizeof *q);
  if (!q) {
    return false;
  }
  for (uint32_t i = 0; i < c->count; i++) {
    q[i] = *moon_column_at(c, c->head + i);
  }
  moon_column_fini(c);
  c->queue = q;
  c->stride = 1;
  c->own = 1;
  c->head = 0;
  c->bits = (c->bits + 1u) & 15u;
  return true;
}

void moon_column_rollback(struct moon_column *c, const struct moon_index *before) {
  c->count = (uint16_t)(c->count - c->fresh);
  c->last = *before;
  c->fresh = 0;
  c->fresh_over = false;
}
