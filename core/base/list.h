/* list: intrusive doubly linked ring. A node that is in no list points to itself, so removing twice is harmless. */
#ifndef MOON_BASE_LIST_H
#define MOON_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct moon_list { struct moon_list *next, *prev; };

#define MOON_LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node) - offsetof(type, member)))

static inline void moon_list_init(struct moon_list *l) { l->next = l->prev = l; }
static inline bool moon_list_empty(const struct moon_list *l) { return l->next == l; }
static inline void moon_list_remove(struct moon_list *n) {
  n->prev->next = n->next;
  n->next->prev = n->prev;
  n->next = n->prev = n;
}
static inline void moon_list_append(struct moon_list *l, struct moon_list *n) {
  n->prev = l->prev;
  n->next = l;
  l->prev->next = n;
  l->prev = n;
}
static inline void moon_list_prepend(struct moon_list *l, struct moon_list *n) { moon_list_append(l->next, n); }
/* First node, unlinked; NULL when empty. */
static inline struct moon_list *moon_list_take(struct moon_list *l) {
  struct moon_list *n = l->next;
  if (n == l) { return NULL; }
  moon_list_remove(n);
  return n;
}

#endif
