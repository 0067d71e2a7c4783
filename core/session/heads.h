/* heads: scalars that come with the first replies of a walk.
 *
 * A walk asks by GETNEXT and GETBULK, so each is asked for by the name before it: x for x.0, and for x.7 the last name that
 * can lie below x.6. */
#ifndef MOON_SESSION_HEADS_H
#define MOON_SESSION_HEADS_H

#include "column.h"
#include "fetch.h"

#define MOON_HEADS_AT_ONCE 32

struct moon_heads {
  const struct moon_name *names;
  struct moon_cell *cells;
  uint8_t *settled;
  uint16_t n, left;
  uint16_t n_asked;
  uint16_t asked[MOON_HEADS_AT_ONCE];
};

/* Those to ask now, at most max of them; returns the octets they take in the request. */
size_t moon_heads_choose(struct moon_heads *h, size_t max);
/* Written in front of what w holds. */
void moon_heads_put(const struct moon_heads *h, struct moon_writer *w);
/* Takes the answers to those asked from the front of a reply, which they hold for good. Returns how many there were. */
uint16_t moon_heads_read(struct moon_heads *h, struct moon_reader *r, struct moon_chunk *reply);
/* The nth of those asked is not there. */
void moon_heads_miss(struct moon_heads *h, uint16_t n);

#endif
