#include "labels.h"

#include <string.h>

#include "../../base/mem.h"

#define BLOCK 4000  /* octets; a set that is larger has one of its own */
#define KEEP_CAP 256 /* places that stay with a run that had more */

struct moon_labels_block {
  struct moon_labels_block *next;
  size_t used, cap;
  _Alignas(8) char room[];
};

static void *take(struct moon_labels *l, size_t n) {
  struct moon_labels_block *b = l->blocks;
  n = (n + 7) & ~(size_t)7;
  if (!b || b->cap - b->used < n) {
    size_t cap = n > BLOCK ? n : BLOCK;
    b = moon_mem_alloc(sizeof *b + cap);
    if (!b) { return NULL; }
    *b = (struct moon_labels_block){.next = l->blocks, .cap = cap};
    l->blocks = b;
  }
  void *p = b->room + b->used;
  b->used += n;
  return p;
}

static bool grow(struct moon_labels *l) {
  uint32_t cap = l->cap ? 2 * l->cap : 32;
  struct moon_label_set **p = moon_mem_resize(l->sets, cap, sizeof *p);
  if (!p) { return false; }
  l->sets = p;
  l->cap = cap;
  return true;
}

static struct moon_text copy(char **at, struct moon_text from) {
  char *p = *at;
  if (from.n) { memcpy(p, from.p, from.n); }
  *at += from.n;
  return (struct moon_text){p, from.n};
}

size_t moon_labels_size(const struct moon_label *from, uint32_t n) {
  size_t size = sizeof(struct moon_label_set) + n * sizeof *from;
  for (uint32_t i = 0; i < n; i++) { size += (size_t)from[i].key.n + from[i].value.n; }
  return size;
}

enum moon_err moon_labels_add(struct moon_labels *l, const struct moon_label *from, uint32_t n, uint64_t hash, uint32_t *number) {
  size_t size = moon_labels_size(from, n);
  if (l->n == MOON_LABELS_MAX) { return MOON_E_LIMIT; }
  if (l->n == l->cap && !grow(l)) { return MOON_E_NOMEM; }
  struct moon_label_set *s = take(l, size);
  if (!s) { return MOON_E_NOMEM; }
  char *at = (char *)&s->label[n];
  s->hash = hash;
  s->n = n;
  for (uint32_t i = 0; i < n; i++) { s->label[i] = (struct moon_label){copy(&at, from[i].key), copy(&at, from[i].value)}; }
  l->octets += size;
  l->sets[l->n++] = s;
  *number = l->n;
  return MOON_OK;
}

static void free_blocks(struct moon_labels *l, bool all) {
  struct moon_labels_block *kept = NULL, *next;
  for (struct moon_labels_block *b = l->blocks; b; b = next) {
    next = b->next;
    if (!all && !kept && b->cap == BLOCK) {
      kept = b;
      b->next = NULL;
      b->used = 0;
    } else {
      moon_mem_free(b);
    }
  }
  l->blocks = kept;
}

void moon_labels_clear(struct moon_labels *l) {
  if (!l->n) { return; }
  free_blocks(l, false);
  if (l->cap > KEEP_CAP) {
    moon_mem_free(l->sets);
    l->sets = NULL;
    l->cap = 0;
  }
  l->n = 0;
  l->octets = 0;
}

void moon_labels_fini(struct moon_labels *l) {
  free_blocks(l, true);
  moon_mem_free(l->sets);
  *l = (struct moon_labels){0};
}
