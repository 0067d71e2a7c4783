/* walk: tables. Several columns in one GETBULK, joined into rows by index; the same machine behind walk(oid) (one column
 * that is any subtree), rows(columns), rows with `only`, v1 by GETNEXT. It decides what to ask next; the owner has it asked.
 *
 * Each column has a cursor. The next request asks the columns that are furthest behind, as many and with as many
 * repetitions as fill a reply towards target->reply_max, so that columns move in step, and a row can be given out as soon as
 * every live column is past its index. A column is over when the agent leaves its subtree, says endOfMibView, or (v1)
 * noSuchName. Repetitions adapt to size, tooBig and silence and are remembered in the target, down to GETNEXT.
 *
 * Rows are complete for the moment they are given: the union of columns in index order, never mixed. A walk that fails says
 * so after the rows it could still give: a truncated table is never shown as a whole one. */
#ifndef MOON_SESSION_WALK_H
#define MOON_SESSION_WALK_H

#include "fetch.h"

#define MOON_WALK_COLUMNS_MAX 128
#define MOON_WALK_OCTETS (64u << 20) /* max_octets where none is said */
#define MOON_WALK_ROWS 1000000u      /* max_rows where none is said */

struct moon_walk_spec {
  const struct moon_name *columns; /* 1..MOON_WALK_COLUMNS_MAX subtrees, no one under another; borrowed until free */
  const struct moon_name *heads;   /* scalars (full instance OIDs) to come with the first PDU; borrowed */
  const struct moon_name *only;    /* index octets of the rows wanted, by batched GET; NULL: all rows */
  uint64_t deadline_us;            /* monotonic; 0: none */
  uint64_t max_octets;             /* of values and indexes taken; 0: 64 MiB */
  uint32_t max_rows;               /* 0: 1,000,000 */
  uint16_t n_columns, n_heads;
  uint32_t n_only;
  uint16_t repetitions;            /* 0: adapt; else never more than this */
};

struct moon_row {
  const uint8_t *index;            /* arcs after the column, see moon_oid_format_index */
  const struct moon_cell *cells;   /* n_columns; type 0: this row does not have it */
  uint16_t index_len;
};

struct moon_walk; /* opaque; heap through moon_mem, bounded by max_octets */

/* NULL: no memory. MOON_E_LIMIT, MOON_E_CONFIG (columns nested or equal) through *err. */
MOON_API struct moon_walk *moon_walk_new(struct moon_target *t, const struct moon_walk_spec *spec, enum moon_err *err);
MOON_API void moon_walk_free(struct moon_walk *w);
/* The request to make now, lent until the next feed or free. false: none, either because one is already out, because rows
 * are waiting beyond the read-ahead bound (take rows first), or because the walk is over. */
MOON_API bool moon_walk_next(struct moon_walk *w, uint64_t now_us, const struct moon_request **out);
MOON_API void moon_walk_feed(struct moon_walk *w, const struct moon_outcome *o);
/* Next row that is ready; lent until the next call with w. false: none now. */
MOON_API bool moon_walk_row(struct moon_walk *w, struct moon_row *out);
/* No request is out, none is needed and no row is left. */
MOON_API bool moon_walk_over(const struct moon_walk *w);
/* After over: MOON_OK for a whole table; else timeout, loop, budget, decode, ... *blame: column index or SIZE_MAX.
 * *seen: the outcome that ended it (tries, rtt), or NULL. */
MOON_API enum moon_err moon_walk_err(const struct moon_walk *w, size_t *blame, const struct moon_outcome **seen);
/* n_heads cells, valid once the first feed was good; lent until free. */
MOON_API const struct moon_cell *moon_walk_heads(const struct moon_walk *w);
/* Rows given so far. */
MOON_API uint32_t moon_walk_rows(const struct moon_walk *w);

#endif
