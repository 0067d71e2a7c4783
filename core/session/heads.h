/* heads: scalars that come with the first replies of a walk.
 *
 * A walk asks by GETNEXT and GETBULK, so each is asked for by the name before it: x for x.0, and for x.7 the last name that
 * can lie below x.6. No name has more than 128 arcs (RFC 2578 3.5): one that has is missing and not asked for. */
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

/* settled and cells: n of each, zeroed; all is borrowed for the life. */
void moon_heads_init(struct moon_heads *h, const struct moon_name *names, uint16_t n, struct moon_cell *cells, uint8_t *settled);
/* Those to ask now, at most max of them; returns the octets they take in the request. */
size_t moon_heads_choose(struct moon_heads *h, size_t max);
/* Written in front of what w holds. */
void moon_heads_put(const struct moon_heads *h, struct moon_writer *w);
/* Takes the answers to those asked from the front of a reply, which they hold for good. Returns how many there were. */
uint16_t moon_heads_read(struct moon_heads *h, struct moon_reader *r, struct moon_chunk *reply);
/* The nth of those asked is not there. */
void moon_heads_miss(struct moon_heads *h, uint16_t n);

#endif
