/* reading: one reply of a walk taken apart into its columns, and whether it can be believed.
 *
 * Positions tell columns apart: the reply goes round the columns asked. A value is put where its own name says, so rows
 * are never mixed; but that a column is over is only said by position. Where an agent reorders or leaves out varbinds its
 * word for that would pass off a truncated table as a whole one: such replies are seen here and not used. */
#ifndef MOON_SESSION_READING_H
#define MOON_SESSION_READING_H

#include "plan.h"

/* What only matters while a reply is read: how a column stands to it. */
struct moon_mark {
  struct moon_index before;      /* cursor it was asked with */
  const uint8_t *end;            /* its end was claimed by this name behind it; NULL: by an exception */
  uint16_t end_len;
  uint32_t octets;               /* of the varbinds put */
};

struct moon_reading {
  struct moon_column *columns;
  struct moon_mark *marks;       /* one for each; of those asked they mean something */
  const uint8_t *by_root;        /* the columns in the order of their roots */
  uint16_t n_columns;
  const struct moon_plan *plan;  /* what was asked */
  struct moon_chunk *chunk;      /* the reply */
  const uint8_t *doubtful;       /* the first varbind at the place of another column, once there are ends; n_sure are before it */
  struct moon_reader r;
  uint32_t varbinds, n_sure;     /* read, of columns */
  uint32_t ends;                 /* columns of which one was claimed */
  uint32_t items;                /* put for good */
  uint64_t octets;               /* of their indexes and values */
  bool empty_numbers;            /* there were some */
  bool mixed_up;                 /* an end that does not name the column's cursor */
  enum moon_err err;             /* LOOP: a name that does not increase; NOMEM */
};

/* Reads what there is; items are put provisionally, until commit or rollback. */
void moon_reading_run(struct moon_reading *rd);
/* Were varbinds where they belong? Asked for one column they always are. */
bool moon_reading_is_credible(const struct moon_reading *rd);
/* Returns the columns that are over by this. */
uint16_t moon_reading_commit(struct moon_reading *rd, struct moon_store *s);
void moon_reading_rollback(struct moon_reading *rd);

#endif
