/* fetch: many instances by GET, whatever their number: split to what a datagram and the agent take, tooBig halved, v1
 * noSuchName and other blamed varbinds dropped and the rest asked again, answers put back in the order asked. What fails a
 * request as a whole is looked for by asking for less; the name to blame gets the error, and the target remembers it (poison.h).
 *
 * The owner asks moon_fetch_next() for the request to make and feeds what came of it, until it says there is none. */
#ifndef MOON_SESSION_FETCH_H
#define MOON_SESSION_FETCH_H

#include "exchange.h"

/* One value with where it came from. type 0: nothing there. value is lent by the machine that holds it. */
struct moon_cell {
  const uint8_t *value;
  uint64_t received_us;
  uint32_t value_len;
  uint8_t type;    /* enum moon_type; exceptions as such; 0: not there */
  uint8_t err;     /* enum moon_err of this varbind, when the agent blamed it or it was ill-typed */
  uint16_t pad;
};

struct moon_name { const uint8_t *oid; uint16_t len; }; /* content octets, borrowed */
static inline bool moon_name_is(const struct moon_name *n, const uint8_t *oid, size_t len) {
  return n->len == len && memcmp(n->oid, oid, len) == 0;
}

struct moon_fetch; /* opaque; heap through moon_mem */

/* Borrows names (and their octets) until free. NULL: no memory. */
MOON_API struct moon_fetch *moon_fetch_new(struct moon_target *t, const struct moon_name *names, size_t n);
MOON_API void moon_fetch_free(struct moon_fetch *f);
/* true: *out is the request to make (lent until the next call of feed or free). false: over, see moon_fetch_err. */
MOON_API bool moon_fetch_next(struct moon_fetch *f, const struct moon_request **out);
/* What came of it; copies what it keeps. */
MOON_API void moon_fetch_feed(struct moon_fetch *f, const struct moon_outcome *o);
/* No request is out and none is needed. */
MOON_API bool moon_fetch_over(const struct moon_fetch *f);
/* MOON_OK: every cell has a value, an exception or an err of its own. Else why the rest is missing. *blame: index of the
 * name the error is about, or SIZE_MAX. */
MOON_API enum moon_err moon_fetch_err(const struct moon_fetch *f, size_t *blame);
/* n cells in the order of the names, lent until free. */
MOON_API const struct moon_cell *moon_fetch_cells(const struct moon_fetch *f);

#endif
