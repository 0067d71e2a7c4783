#include "reading.h"

/* Most roots have 8 to 16 octets: two overlapping loads. */
static bool is_under(const struct moon_column *c, const struct moon_varbind *vb) {
  uint64_t a, b;
  size_t n = c->root_len;
  if (vb->oid_len < n) {
    return false;
  }
  if (n < 8 || n > 16) {
    return memcmp(c->root, vb->oid, n) == 0;
  }
  memcpy(&a, c->root, 8);
  memcpy(&b, vb->oid, 8);
  if (a != b) {
    return false;
  }
  memcpy(&a, c->root + n - 8, 8);
  memcpy(&b, vb->oid + n - 8, 8);
  return a == b;
}

static bool is_cursor(const struct moon_column *c, const struct moon_varbind *vb) {
  return vb->oid_len == moon_plan_name_len(c) && is_under(c, vb) &&
         (c->last.len == 0 || memcmp(vb->oid + c->root_len, c->last.octets, c->last.len) == 0);
}

static bool is_well_typed(const struct moon_varbind *vb) {
  if ((vb->type == MOON_INTEGER || (vb->type >= MOON_COUNTER32 && vb->type <= MOON_TIME_TICKS)) && vb->value_len <= 4) {
    return true;
  }
  return vb->type == MOON_OCTET_STRING || moon_varbind_check(vb) == MOON_OK;
}

static struct moon_index index_of(const struct moon_column *c, const struct moon_varbind *vb) {
  struct moon_index index = {.octets = vb->oid + c->root_len, .len = (uint16_t)(vb->oid_len - c->root_len)};
  index.key = moon_index_key(index.octets, index.len);
  return index;
}

/* What a varbind at the place of column c means. false: reading stops. */
static bool read_varbind(struct moon_reading *rd, struct moon_column *c, const struct moon_varbind *vb) {
  if (moon_varbind_is_exception(vb)) {
    rd->mixed_up = rd->plan->n > 1 && !is_cursor(c, vb);
    c->fresh_over = true;
    c->end = NULL;
    rd->ends++;
    return !rd->mixed_up;
  }
  if (!is_under(c, vb)) {
    const uint8_t *cursor = c->last.len ? c->last.octets - c->root_len : c->root;
    if (moon_oid_compare(vb->oid, vb->oid_len, cursor, moon_plan_name_len(c)) > 0) {
      c->fresh_over = true;
      c->end = vb->oid;
      c->end_len = vb->oid_len;
      rd->ends++;
      return true;
    }
    rd->err = MOON_E_LOOP;
    return false;
  }
  struct moon_index index = index_of(c, vb);
  if (moon_index_compare(&index, &c->last) <= 0) {
    rd->err = MOON_E_LOOP;
    return false;
  }
  struct moon_item *item = moon_column_slot(c);
  if (!item) {
    rd->err = MOON_E_NOMEM;
    return false;
  }
  item->index = index;
  item->value = vb->value;
  item->chunk = rd->chunk;
  item->value_len = vb->value_len;
  item->type = vb->type;
  item->err = is_well_typed(vb) ? MOON_OK : MOON_E_DECODE;
  c->last = index;
  c->count++;
  c->fresh++;
  c->fresh_octets += 6u + vb->oid_len + vb->value_len;
  rd->items++;
  rd->octets += index.len + vb->value_len;
  return true;
}

void moon_reading_run(struct moon_reading *rd) {
  const struct moon_plan *plan = rd->plan;
  struct moon_varbind vb;
  uint32_t left = (uint32_t)plan->n * plan->reps;
  for (uint16_t i = 0; i < plan->n; i++) {
    rd->columns[plan->column[i]].before = rd->columns[plan->column[i]].last;
  }
  for (uint16_t slot = 0; left && moon_varbind_get(&rd->r, &vb); left--) {
    struct moon_column *c = &rd->columns[plan->column[slot]];
    rd->varbinds++;
    if (!c->fresh_over && !read_varbind(rd, c, &vb)) {
      return;
    }
    slot = (uint16_t)(slot + 1 < plan->n ? slot + 1 : 0);
  }
}

/* The column this name lies in, NULL: none. */
static const struct moon_column *find_column(const struct moon_reading *rd, const struct moon_varbind *vb) {
  uint16_t lo = 0, hi = rd->n_columns;
  while (lo < hi) {
    uint16_t mid = (uint16_t)((lo + hi) / 2);
    const struct moon_column *c = &rd->columns[rd->by_root[mid]];
    if (moon_oid_compare(c->root, c->root_len, vb->oid, vb->oid_len) <= 0) {
      lo = (uint16_t)(mid + 1);
    } else {
      hi = mid;
    }
  }
  const struct moon_column *c = lo ? &rd->columns[rd->by_root[lo - 1]] : NULL;
  return c && is_under(c, vb) ? c : NULL;
}

static bool was_put(const struct moon_column *c, const struct moon_index *index) {
  for (uint32_t n = 0; n < c->fresh; n++) {
    if (moon_index_compare(&moon_column_newest(c, n)->index, index) == 0) {
      return true;
    }
  }
  return false;
}

/* Does a varbind at another's place show more of a column that is said to be over, or what its own places passed over? */
static bool contradicts(const struct moon_column *c, const struct moon_varbind *vb) {
  struct moon_index index = index_of(c, vb);
  if (moon_index_compare(&index, &c->last) > 0) {
    return c->fresh_over;
  }
  return c->fresh && moon_index_compare(&index, &c->before) > 0 && !was_put(c, &index);
}

static bool is_contradicted(const struct moon_reading *rd) {
  const struct moon_plan *plan = rd->plan;
  struct moon_varbind vb;
  struct moon_reader r;
  moon_reader_init(&r, rd->begin, (size_t)(rd->r.end - rd->begin));
  for (uint32_t i = 0; i < rd->varbinds && moon_varbind_get(&r, &vb); i++) {
    if (moon_varbind_is_exception(&vb) || is_under(&rd->columns[plan->column[i % plan->n]], &vb)) {
      continue;
    }
    const struct moon_column *c = find_column(rd, &vb);
    if (c && contradicts(c, &vb)) {
      return true;
    }
  }
  return false;
}

/* c ended and d is the next column of which something was read. What follows c follows d too, if it is behind the cursor
 * that d was asked with: for both the least name behind them was to be given. */
static bool agree(const struct moon_column *c, const struct moon_column *d) {
  const uint8_t *cursor = d->before.len ? d->before.octets - d->root_len : d->root, *first = d->end;
  size_t n = d->end_len;
  if (c->end && moon_oid_compare(c->end, c->end_len, cursor, (size_t)d->root_len + d->before.len) <= 0) {
    return true;
  }
  if (d->fresh) {
    const struct moon_index *index = &moon_column_newest(d, d->fresh - 1)->index;
    first = index->octets - d->root_len;
    n = (size_t)d->root_len + index->len;
  }
  return c->end && first ? moon_oid_compare(c->end, c->end_len, first, n) == 0 : !c->end && !first;
}

static bool ends_agree(const struct moon_reading *rd) {
  const struct moon_column *c = NULL;
  for (uint16_t i = 0; i < rd->n_columns; i++) {
    const struct moon_column *d = &rd->columns[rd->by_root[i]];
    if (d->over || (!d->fresh && !d->fresh_over)) {
      continue;
    }
    if (c && c->fresh_over && !agree(c, d)) {
      return false;
    }
    c = d;
  }
  return true;
}

bool moon_reading_is_credible(const struct moon_reading *rd) {
  if (rd->plan->n <= 1) {
    return true;
  }
  return !rd->mixed_up && rd->err != MOON_E_LOOP && (rd->ends == 0 || (ends_agree(rd) && !is_contradicted(rd)));
}

uint16_t moon_reading_commit(struct moon_reading *rd, struct moon_store *s) {
  uint16_t ended = 0;
  for (uint16_t i = 0; i < rd->plan->n; i++) {
    struct moon_column *c = &rd->columns[rd->plan->column[i]];
    ended = (uint16_t)(ended + c->fresh_over);
    moon_column_commit(c, s, rd->chunk);
  }
  return ended;
}

void moon_reading_rollback(struct moon_reading *rd) {
  for (uint16_t i = 0; i < rd->plan->n; i++) {
    moon_column_rollback(&rd->columns[rd->plan->column[i]]);
  }
  rd->items = rd->ends = 0;
}
