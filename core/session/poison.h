/* poison: names that spoil a request for all others in it: the agent answers genErr for the whole of it without saying which
 * name is to blame, or does not answer at all. A fetch finds them by asking for less and less; here they are remembered.
 *
 * A name that met an error is asked alone from then on, until it is answered. One that met silence costs all tries each time: it is
 * left out for a while, then asked alone. Datagrams that were lost look the same, so that while is short at first, and doubles with
 * each silence. A restarted agent is a new one: all are forgotten. */
#ifndef MOON_SESSION_POISON_H
#define MOON_SESSION_POISON_H

#include <stdbool.h>

#include "../base/buf.h"
#include "../base/err.h"

#define MOON_POISONS_MAX 4          /* of one agent; a further one takes the place of the oldest */
#define MOON_POISON_US 10000000u        /* a name that met silence is left out for so long */
#define MOON_POISON_MOST_US 600000000u  /* and for so long when it meets nothing else */

struct moon_poison {
  uint64_t name;     /* hash of its octets: a collision asks an innocent name apart */
  uint64_t found_us; /* when it last spoiled a request */
  uint8_t err;       /* enum moon_err it met */
  uint8_t silences;  /* in a row */
};

/* Few agents have any: an agent without has a NULL for it. */
struct moon_poisons {
  struct moon_poison at[MOON_POISONS_MAX];
  uint32_t n;
};

enum moon_poison_rule { MOON_POISON_NONE, MOON_POISON_ALONE, MOON_POISON_LEFT_OUT };

static inline bool moon_poison_any(const struct moon_poisons *p) { return p && p->n; }
/* How to ask for a name. p may be NULL. */
enum moon_poison_rule moon_poison_rule(const struct moon_poisons *p, const uint8_t *oid, size_t n, uint64_t now_us);
/* It spoiled a request, once more maybe. *p is made where it is NULL, and freed by moon_mem_free; without memory nothing is
 * remembered. */
void moon_poison_add(struct moon_poisons **p, const uint8_t *oid, size_t n, enum moon_err e, uint64_t now_us);
/* It was answered. p may be NULL. */
void moon_poison_drop(struct moon_poisons *p, const uint8_t *oid, size_t n);

#endif
