#include "reading.h"

#define VARBIND_FRAME 6u /* octets of a varbind besides name and value */

static bool is_under(const struct moon_column *c, const struct moon_varbind *vb) {
  return moon_oid_under(c->root, c->root_len, vb->oid, vb->oid_len);
}

static bool is_cursor(const struct moon_column *c, const struct moon_varbind *vb) {
  return vb->oid_len == moon_column_name_len(c, &c->last) && is_under(c, vb) &&
         (c->last.len == 0 || memcmp(vb->oid + c->root_len, c->last.octets, c->last.len) == 0);
}

/* One to so many octets: any content is one the type can have. */
static const uint8_t ALWAYS_GOOD[256] = {
  [MOON_INTEGER] = 8,    [MOON_COUNTER32] = 4, [MOON_GAUGE32] = 4, [MOON_TIME_TICKS] = 4,
  [MOON_COUNTER64] = 8,  [MOON_OCTET_STRING] = UINT8_MAX,
};

static const uint8_t LEADING_ZERO[256] = {[MOON_COUNTER32] = 5, [MOON_GAUGE32] = 5, [MOON_TIME_TICKS] = 5, [MOON_COUNTER64] = 9};

static __attribute__((noinline)) bool check(struct moon_reading *rd, const struct moon_varbind *vb) {
  rd->empty_numbers = rd->empty_numbers || moon_varbind_is_empty_number(vb);
  return moon_varbind_check(vb) == MOON_OK;
}

static inline bool is_well_typed(struct moon_reading *rd, const struct moon_varbind *vb) {
  uint8_t type = vb->type;
  const uint8_t *value = vb->value;
  uint32_t len = vb->value_len;
  /* One more octet where the first is zero: how unsigned numbers with their highest bit set are sent. */
  return len - 1 < ALWAYS_GOOD[type] || (len && *value == 0 && len == LEADING_ZERO[type]) || check(rd, vb);
}

static struct moon_index index_of(const struct moon_column *c, const struct moon_varbind *vb) {
  struct moon_index index = {.octets = vb->oid + c->root_len, .len = (uint16_t)(vb->oid_len - c->root_len)};
  index.key = moon_index_key(index.octets, index.len);
  return index;
}

static void end(struct moon_reading *rd, uint8_t at, const uint8_t *name, uint16_t len) {
  rd->columns[at].fresh_over = true;
  rd->marks[at].end = name;
  rd->marks[at].end_len = len;
  rd->ends++;
}

/* A varbind at the place of column `at` that is none of it. false: reading stops. */
static bool read_end(struct moon_reading *rd, uint8_t at, const struct moon_varbind *vb) {
  const struct moon_column *c = &rd->columns[at];
  if (moon_varbind_is_exception(vb)) {
    rd->mixed_up = rd->plan->n > 1 && !is_cursor(c, vb);
    end(rd, at, NULL, 0);
    return !rd->mixed_up;
  }
  if (moon_oid_compare(vb->oid, vb->oid_len, moon_column_name(c, &c->last), moon_column_name_len(c, &c->last)) > 0) {
    end(rd, at, vb->oid, vb->oid_len);
    return true;
  }
  rd->err = MOON_E_LOOP;
  return false;
}

static __attribute__((noinline)) bool is_behind(const struct moon_index *index, const struct moon_index *last) {
  return moon_index_compare(index, last) > 0;
}

/* The next value of column `at`, whose varbind has so many octets. false: reading stops. */
static inline __attribute__((always_inline)) bool put(struct moon_reading *rd, uint8_t at, const struct moon_varbind *vb, struct moon_index index, size_t octets) {
  struct moon_column *c = &rd->columns[at];
  bool plain = ((index.key | c->last.key) & 0x8080808080808080u) == 0; /* then mostly the keys decide */
  if (!(plain && index.key > c->last.key) && !is_behind(&index, &c->last)) {
    rd->err = MOON_E_LOOP;
    return false;
  }
  if (!moon_column_room(c)) {
    rd->err = MOON_E_NOMEM;
    return false;
  }
  *moon_column_slot(c) = (struct moon_item){
    .chunk = rd->chunk,
    .index_at = (uint16_t)(index.octets - rd->chunk->octets),
    .index_len = (uint16_t)(index.len & 0x7fffu),
    .is_bad = !is_well_typed(rd, vb),
    .value_at = (uint16_t)(vb->value - rd->chunk->octets),
    .value_len = (uint16_t)vb->value_len,
  };
  c->last = index;
  c->count++;
  c->fresh++;
  rd->marks[at].octets += (uint32_t)octets;
  return true;
}

/* Any varbind at the place of column `at`. Returns what follows it; NULL: reading stops. */
static __attribute__((noinline)) const uint8_t *read_any(struct moon_reading *rd, uint8_t at, const uint8_t *p) {
  const struct moon_column *c = &rd->columns[at];
  struct moon_varbind vb;
  bool good = true;
  rd->r.p = p;
  if (!moon_varbind_get(&rd->r, &vb)) {
    return NULL;
  }
  if (!c->fresh_over) {
    bool under = is_under(c, &vb) && !moon_varbind_is_exception(&vb);
    if (!under && !rd->ends) {
      rd->doubtful = p;
      rd->n_sure = rd->varbinds;
    }
    good = under ? put(rd, at, &vb, index_of(c, &vb), VARBIND_FRAME + vb.oid_len + vb.value_len) : read_end(rd, at, &vb);
  }
  rd->varbinds++;
  return good ? rd->r.p : NULL;
}

/* One varbind for each column asked. Returns what follows; NULL: reading stops. */
static const uint8_t *read_round(struct moon_reading *rd, const uint8_t *p) {
  const struct moon_plan *plan = rd->plan;
  const uint8_t *stop = rd->r.end, *at = plan->column, *end = at + plan->n;
  for (; at < end && p; at++) {
    const struct moon_column *c = &rd->columns[*at];
    struct moon_varbind vb;
    struct moon_index index;
    const uint8_t *next = moon_varbind_under(p, stop, c->root, c->root_len, &vb, &index.key);
    if (!next || c->fresh_over) {
      p = read_any(rd, *at, p);
      continue;
    }
    index.octets = vb.oid + c->root_len;
    index.len = (uint16_t)(vb.oid_len - c->root_len);
    rd->varbinds++;
    p = put(rd, *at, &vb, index, (size_t)(next - p)) ? next : NULL;
  }
  return p;
}

void moon_reading_run(struct moon_reading *rd) {
  const struct moon_plan *plan = rd->plan;
  const uint8_t *p = rd->r.p;
  for (uint16_t i = 0; i < plan->n; i++) {
    struct moon_mark *mark = &rd->marks[plan->column[i]];
    mark->before = rd->columns[plan->column[i]].last;
    mark->octets = 0;
  }
  for (uint32_t i = 0; i < plan->reps && p; i++) {
    p = read_round(rd, p);
  }
}

/* The column this name lies in, NULL: none. *guess: where it may be in the order of roots; where it is. */
static const struct moon_column *find_column(const struct moon_reading *rd, const struct moon_varbind *vb, uint16_t *guess) {
  uint16_t lo = 0, hi = rd->n_columns;
  if (*guess < hi && is_under(&rd->columns[rd->by_root[*guess]], vb)) {
    return &rd->columns[rd->by_root[*guess]];
  }
  while (lo < hi) {
    uint16_t mid = (uint16_t)((lo + hi) / 2);
    const struct moon_column *c = &rd->columns[rd->by_root[mid]];
    if (moon_oid_compare(c->root, c->root_len, vb->oid, vb->oid_len) <= 0) {
      lo = (uint16_t)(mid + 1);
    } else {
      hi = mid;
    }
  }
  *guess = lo ? (uint16_t)(lo - 1) : 0;
  const struct moon_column *c = lo ? &rd->columns[rd->by_root[lo - 1]] : NULL;
  return c && is_under(c, vb) ? c : NULL;
}

static bool was_put(const struct moon_column *c, const struct moon_index *index) {
  for (uint32_t n = 0; n < c->fresh; n++) {
    struct moon_index at = moon_item_index(moon_column_newest(c, n));
    if (moon_index_compare(&at, index) == 0) {
      return true;
    }
  }
  return false;
}

/* Does a varbind at another's place show more of a column that is said to be over, or what its own places passed over? */
static bool contradicts(const struct moon_reading *rd, const struct moon_column *c, const struct moon_varbind *vb) {
  struct moon_index index = index_of(c, vb);
  if (moon_index_compare(&index, &c->last) > 0) {
    return c->fresh_over;
  }
  return c->fresh && moon_index_compare(&index, &rd->marks[c - rd->columns].before) > 0 && !was_put(c, &index);
}

static bool is_contradicted(const struct moon_reading *rd) {
  const struct moon_plan *plan = rd->plan;
  uint16_t guess = 0, at = (uint16_t)(rd->n_sure % plan->n);
  struct moon_varbind vb;
  struct moon_reader r;
  moon_reader_init(&r, rd->doubtful, (size_t)(rd->r.end - rd->doubtful));
  for (uint32_t i = rd->n_sure; i < rd->varbinds && moon_varbind_get(&r, &vb); i++) {
    const struct moon_column *own = &rd->columns[plan->column[at]];
    at = (uint16_t)(at + 1 < plan->n ? at + 1 : 0);
    if (moon_varbind_is_exception(&vb) || is_under(own, &vb)) {
      continue;
    }
    const struct moon_column *c = find_column(rd, &vb, &guess);
    guess++; /* columns are mostly asked in the order of their roots, and the next one follows the end of one */
    if (c && contradicts(rd, c, &vb)) {
      return true;
    }
  }
  return false;
}

/* c ended and d is the next column of which something was read. What follows c follows d too, if it is behind the cursor
 * that d was asked with: for both the least name behind them was to be given. */
static bool agree(const struct moon_reading *rd, const struct moon_column *c, const struct moon_column *d) {
  const struct moon_mark *of_c = &rd->marks[c - rd->columns], *of_d = &rd->marks[d - rd->columns];
  const uint8_t *first = NULL;
  size_t n = 0;
  if (of_c->end &&
      moon_oid_compare(of_c->end, of_c->end_len, moon_column_name(d, &of_d->before), moon_column_name_len(d, &of_d->before)) <= 0) {
    return true;
  }
  if (d->fresh) {
    struct moon_index index = moon_item_index(moon_column_newest(d, d->fresh - 1u));
    first = moon_column_name(d, &index);
    n = moon_column_name_len(d, &index);
  } else {
    first = of_d->end;
    n = of_d->end_len;
  }
  return of_c->end && first ? moon_oid_compare(of_c->end, of_c->end_len, first, n) == 0 : !of_c->end && !first;
}

static bool ends_agree(const struct moon_reading *rd) {
  const struct moon_column *c = NULL;
  for (uint16_t i = 0; i < rd->n_columns; i++) {
    const struct moon_column *d = &rd->columns[rd->by_root[i]];
    if (d->over || (!d->fresh && !d->fresh_over)) {
      continue;
    }
    if (c && c->fresh_over && !agree(rd, c, d)) {
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
  const uint8_t *at = rd->plan->column, *stop = at + rd->plan->n;
  uint32_t items = 0;
  uint64_t octets = 0;
  uint16_t ended = 0;
  for (; at < stop; at++) {
    struct moon_column *c = &rd->columns[*at];
    uint32_t taken = rd->marks[*at].octets;
    items += c->fresh;
    octets += taken - c->fresh * (VARBIND_FRAME + c->root_len);
    ended = (uint16_t)(ended + c->fresh_over);
    moon_column_commit(c, s, rd->chunk, taken);
  }
  rd->items = items;
  rd->octets = octets;
  return ended;
}

void moon_reading_rollback(struct moon_reading *rd) {
  for (uint16_t i = 0; i < rd->plan->n; i++) {
    uint8_t at = rd->plan->column[i];
    moon_column_rollback(&rd->columns[at], &rd->marks[at].before);
    rd->marks[at].octets = 0;
  }
  rd->ends = 0;
}
