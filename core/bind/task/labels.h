/* labels: the label sets that a run has made, by number, from 1. Here, and not in Lua: what a script has of one is its number, and all
 * of them end with the run. Whose memory they are is known to who calls. */
#ifndef MOON_BIND_TASK_LABELS_H
#define MOON_BIND_TASK_LABELS_H

#include "../../base/sample.h"

#define MOON_LABELS_BITS 17 /* of a number */
#define MOON_LABELS_MAX ((1u << MOON_LABELS_BITS) - 1)

struct moon_labels_block; /* opaque */

struct moon_label_set {
  uint64_t hash;               /* the caller's */
  uint32_t n;
  struct moon_label label[];   /* their octets follow */
};

/* All 0: none. */
struct moon_labels {
  struct moon_label_set **sets; /* number - 1 */
  struct moon_labels_block *blocks; /* the last one first */
  uint32_t n, cap;
  size_t octets;                /* that they take, all of them */
};

/* What a set of these takes. */
size_t moon_labels_size(const struct moon_label *from, uint32_t n);
/* Copies them; *number is that of the set. MOON_E_LIMIT: there are MOON_LABELS_MAX. MOON_E_NOMEM. */
enum moon_err moon_labels_add(struct moon_labels *l, const struct moon_label *from, uint32_t n, uint64_t hash, uint32_t *number);
/* Forgets them all; memory for a few stays. */
void moon_labels_clear(struct moon_labels *l);
void moon_labels_fini(struct moon_labels *l);
/* NULL: there is none of this number. */
static inline const struct moon_label_set *moon_labels_at(const struct moon_labels *l, uint32_t number) {
  return number && number <= l->n ? l->sets[number - 1] : NULL;
}

#endif
