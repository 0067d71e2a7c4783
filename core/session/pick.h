/* pick: the rows of a table whose indexes are known, by batched GET. The machine behind a walk with `only`.
 *
 * Rows are asked for in blocks, each a fetch of its own, so memory does not grow with their number; they come in index
 * order, each index once, those without any value left out. */
#ifndef MOON_SESSION_PICK_H
#define MOON_SESSION_PICK_H

#include "walk.h"

struct moon_pick; /* opaque; heap through moon_mem */

/* As moon_walk_new, for a specification that was checked. Borrows what it points to until free. NULL: no memory. */
struct moon_pick *moon_pick_new(struct moon_target *t, const struct moon_walk_spec *spec);
void moon_pick_free(struct moon_pick *p);
bool moon_pick_next(struct moon_pick *p, uint64_t now_us, const struct moon_request **out);
void moon_pick_feed(struct moon_pick *p, const struct moon_outcome *o);
bool moon_pick_row(struct moon_pick *p, struct moon_row *out);
bool moon_pick_over(const struct moon_pick *p);
enum moon_err moon_pick_err(const struct moon_pick *p, size_t *blame, const struct moon_outcome **seen);
const struct moon_cell *moon_pick_heads(const struct moon_pick *p);
uint32_t moon_pick_rows(const struct moon_pick *p);

#endif
