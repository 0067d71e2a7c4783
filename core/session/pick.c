#include "pick.h"

#include "../base/mem.h"

#define BLOCK_NAMES 512 /* names of a block, about: several full GETs */

struct moon_pick {
  struct moon_target *target;
  struct moon_walk_spec spec;
  uint32_t *order;             /* rows by index, each index once */
  uint32_t n_order;
  uint32_t begun;              /* rows of order in this block and those before */
  struct moon_fetch *fetch;    /* of the block; NULL: none begun */
  struct moon_fetch *first;    /* of the first block, which holds the heads */
  struct moon_name *names;     /* heads of the first block, then row by row */
  uint8_t *octets;             /* of the names */
  uint32_t block, n_block;     /* first row of the block in order, how many */
  uint32_t at;                 /* next of its rows to give */
  uint16_t n_heads;            /* in this block */
  bool out, is_settled;        /* a request is out; the block's answers are all there */
  bool is_stopped;             /* no more rows are given */
  uint32_t rows, max_rows;
  uint64_t octets_left;
  size_t blame;
  bool has_seen;
  enum moon_err err;
  enum moon_err refused;       /* why values that may well be there were not given; told at the end */
  size_t refused_blame;
  struct moon_outcome seen;
  struct moon_cell *cells, *heads;
};

static int compare_rows(const struct moon_pick *p, uint32_t a, uint32_t b) {
  const struct moon_name *x = &p->spec.only[a], *y = &p->spec.only[b];
  return moon_oid_compare(x->oid, x->len, y->oid, y->len);
}

static void sift(struct moon_pick *p, uint32_t at, uint32_t n) {
  uint32_t *o = p->order;
  for (uint32_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
    if (child + 1 < n && compare_rows(p, o[child], o[child + 1]) < 0) {
      child++;
    }
    if (compare_rows(p, o[at], o[child]) >= 0) {
      return;
    }
    uint32_t row = o[at];
    o[at] = o[child];
    o[child] = row;
    at = child;
  }
}

/* Heapsort: in place, and no order of the input makes it slow. Mostly the input is sorted already. */
static void sort_rows(struct moon_pick *p) {
  uint32_t n = p->spec.n_only, *o = p->order;
  bool sorted = true;
  for (uint32_t i = 0; i < n; i++) {
    o[i] = i;
    sorted = sorted && (i == 0 || compare_rows(p, i - 1, i) <= 0);
  }
  if (!sorted) {
    for (uint32_t i = n / 2; i-- > 0;) {
      sift(p, i, n);
    }
    for (uint32_t i = n; i-- > 1;) {
      uint32_t row = o[i];
      o[i] = o[0];
      o[0] = row;
      sift(p, 0, i);
    }
  }
  p->n_order = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (p->n_order == 0 || compare_rows(p, o[p->n_order - 1], o[i]) != 0) {
      o[p->n_order++] = o[i];
    }
  }
}

struct moon_pick *moon_pick_new(struct moon_target *t, const struct moon_walk_spec *spec) {
  struct moon_pick *p = moon_mem_zalloc(sizeof *p);
  if (!p) {
    return NULL;
  }
  p->target = t;
  p->spec = *spec;
  p->blame = SIZE_MAX;
  p->octets_left = spec->max_octets ? spec->max_octets : MOON_WALK_OCTETS;
  p->max_rows = spec->max_rows ? spec->max_rows : MOON_WALK_ROWS;
  p->order = moon_mem_array((size_t)spec->n_only + 1, sizeof *p->order);
  p->cells = moon_mem_array((size_t)spec->n_columns + spec->n_heads, sizeof *p->cells);
  if (!p->order || !p->cells) {
    moon_pick_free(p);
    return NULL;
  }
  p->heads = p->cells + spec->n_columns;
  sort_rows(p);
  return p;
}

static void end_block(struct moon_pick *p) {
  if (p->n_heads) {
    p->first = p->fetch;
  } else {
    moon_fetch_free(p->fetch);
  }
  moon_mem_free(p->names);
  moon_mem_free(p->octets);
  p->fetch = NULL;
  p->names = NULL;
  p->octets = NULL;
  p->n_heads = 0;
  p->n_block = p->at = 0;
  p->is_settled = false;
}

void moon_pick_free(struct moon_pick *p) {
  if (!p) {
    return;
  }
  end_block(p);
  moon_fetch_free(p->first);
  moon_mem_free(p->order);
  moon_mem_free(p->cells);
  moon_mem_free(p);
}

static void fail(struct moon_pick *p, enum moon_err e, size_t blame, const struct moon_outcome *o) {
  if (p->err) {
    return;
  }
  p->err = e;
  p->blame = blame;
  if (o) {
    p->seen = *o;
    p->seen.pdu = (struct moon_pdu){.type = o->pdu.type, .error_status = o->pdu.error_status, .error_index = o->pdu.error_index};
    p->has_seen = true;
  }
}

/* Agents are silent about a GET with a name of more than 128 arcs. */
static bool can_be(const uint8_t *oid, size_t len) { return len < MOON_OID_MAX_ARCS || moon_oid_check(oid, len) == MOON_OK; }

static bool has_more(const struct moon_pick *p) { return p->begun < p->n_order || (p->spec.n_heads && !p->first && !p->fetch); }

static const struct moon_name *row_name(const struct moon_pick *p, uint32_t row) { return &p->spec.only[p->order[p->block + row]]; }

/* Names of the next rows, column by column within a row: a row's values are of one moment where they fit one GET. */
static bool begin_block(struct moon_pick *p) {
  const struct moon_walk_spec *s = &p->spec;
  uint32_t rows = BLOCK_NAMES / s->n_columns;
  size_t octets = 0, n = 0;
  bool heads = !p->first && s->n_heads;
  end_block(p);
  p->block = p->begun;
  p->n_block = rows < p->n_order - p->begun ? rows : p->n_order - p->begun;
  for (uint32_t i = 0; i < p->n_block; i++) {
    octets += row_name(p, i)->len;
  }
  octets *= s->n_columns;
  for (uint16_t i = 0; i < s->n_columns; i++) {
    octets += (size_t)s->columns[i].len * p->n_block;
  }
  p->n_heads = heads ? s->n_heads : 0;
  p->names = moon_mem_array((size_t)p->n_block * s->n_columns + p->n_heads, sizeof *p->names);
  p->octets = moon_mem_alloc(octets + 1);
  if (!p->names || !p->octets) {
    return false;
  }
  for (; n < p->n_heads; n++) {
    p->names[n] = s->heads[n];
    if (!can_be(p->names[n].oid, p->names[n].len)) {
      p->names[n].len = 0;
    }
  }
  uint8_t *to = p->octets;
  for (uint32_t i = 0; i < p->n_block; i++) {
    const struct moon_name *index = row_name(p, i);
    for (uint16_t c = 0; c < s->n_columns; c++) {
      const struct moon_name *column = &s->columns[c];
      size_t len = (size_t)column->len + index->len;
      memcpy(to, column->oid, column->len);
      if (index->len) {
        memcpy(to + column->len, index->oid, index->len);
      }
      p->names[n++] = (struct moon_name){.oid = to, .len = can_be(to, len) ? (uint16_t)len : 0};
      to += len;
    }
  }
  p->fetch = moon_fetch_new(p->target, p->names, n);
  p->begun += p->n_block;
  return p->fetch != NULL;
}

static bool is_there(const struct moon_cell *c) {
  return c->err ? c->err != MOON_E_MISSING : c->type && c->type != MOON_NO_SUCH_OBJECT && c->type != MOON_NO_SUCH_INSTANCE;
}

/* The next row of the block with something in it; n_block: none. After a failure rows with open cells are not given. */
static uint32_t find_row(const struct moon_pick *p) {
  uint32_t i = p->at;
  for (; i < p->n_block; i++) {
    const struct moon_cell *cells = moon_fetch_cells(p->fetch) + p->n_heads + (size_t)i * p->spec.n_columns;
    bool any = false, open = false;
    for (uint16_t c = 0; c < p->spec.n_columns; c++) {
      any = any || is_there(&cells[c]);
      open = open || (!cells[c].type && !cells[c].err);
    }
    if (open) {
      return p->n_block;
    }
    if (any) {
      return i;
    }
  }
  return i;
}

static bool is_row_waiting(const struct moon_pick *p) { return p->is_settled && !p->is_stopped && find_row(p) < p->n_block; }

static void take_block(struct moon_pick *p, const struct moon_outcome *o) {
  size_t blame = SIZE_MAX;
  enum moon_err e = moon_fetch_err(p->fetch, &blame);
  p->is_settled = true;
  if (e) {
    fail(p, e, blame == SIZE_MAX || blame < p->n_heads ? SIZE_MAX : (blame - p->n_heads) % p->spec.n_columns, o);
  }
  for (uint16_t i = 0; i < p->n_heads; i++) {
    p->heads[i] = moon_fetch_cells(p->fetch)[i];
    if (p->names[i].len == 0) {
      p->heads[i].err = MOON_E_MISSING; /* as heads.h has it */
    }
  }
  const struct moon_cell *cells = moon_fetch_cells(p->fetch) + p->n_heads;
  for (size_t i = 0; i < (size_t)p->n_block * p->spec.n_columns && !p->refused; i++) {
    if (cells[i].err && cells[i].err != MOON_E_MISSING && !cells[i].type) {
      p->refused = (enum moon_err)cells[i].err;
      p->refused_blame = i % p->spec.n_columns;
    }
  }
}

bool moon_pick_next(struct moon_pick *p, uint64_t now_us, const struct moon_request **out) {
  if (p->out || p->err || is_row_waiting(p)) {
    return false;
  }
  if (p->spec.deadline_us && now_us >= p->spec.deadline_us && (has_more(p) || (p->fetch && !p->is_settled))) {
    fail(p, MOON_E_BUDGET, SIZE_MAX, NULL);
    return false;
  }
  while (!p->fetch || p->is_settled) {
    if (!has_more(p)) {
      return false;
    }
    if (!begin_block(p)) {
      fail(p, MOON_E_NOMEM, SIZE_MAX, NULL);
      end_block(p);
      return false;
    }
    if (moon_fetch_next(p->fetch, out)) {
      p->out = true;
      return true;
    }
    take_block(p, NULL); /* not one name that could be asked */
    if (is_row_waiting(p)) {
      return false;
    }
  }
  p->out = moon_fetch_next(p->fetch, out);
  return p->out;
}

void moon_pick_feed(struct moon_pick *p, const struct moon_outcome *o) {
  if (!p->out) {
    return;
  }
  p->out = false;
  moon_fetch_feed(p->fetch, o);
  if (moon_fetch_over(p->fetch)) {
    take_block(p, o);
  }
}

bool moon_pick_row(struct moon_pick *p, struct moon_row *out) {
  if (!is_row_waiting(p)) {
    return false;
  }
  if (p->rows >= p->max_rows) {
    p->is_stopped = true;
    fail(p, MOON_E_BUDGET, SIZE_MAX, NULL);
    return false;
  }
  uint32_t row = find_row(p);
  const struct moon_cell *cells = moon_fetch_cells(p->fetch) + p->n_heads + (size_t)row * p->spec.n_columns;
  const struct moon_name *index = row_name(p, row);
  uint64_t octets = index->len;
  for (uint16_t c = 0; c < p->spec.n_columns; c++) {
    p->cells[c] = is_there(&cells[c]) ? cells[c] : (struct moon_cell){.type = 0};
    octets += p->cells[c].value_len;
  }
  if (octets > p->octets_left) {
    p->is_stopped = true;
    fail(p, MOON_E_BUDGET, SIZE_MAX, NULL);
    return false;
  }
  p->octets_left -= octets;
  out->index = index->oid;
  out->index_len = index->len;
  out->cells = p->cells;
  p->at = row + 1;
  p->rows++;
  return true;
}

bool moon_pick_over(const struct moon_pick *p) {
  return !p->out && !is_row_waiting(p) && (p->err || (!has_more(p) && (!p->fetch || p->is_settled)));
}

enum moon_err moon_pick_err(const struct moon_pick *p, size_t *blame, const struct moon_outcome **seen) {
  bool refused = !p->err && p->refused;
  *blame = refused ? p->refused_blame : p->blame;
  *seen = p->has_seen ? &p->seen : NULL;
  return refused ? p->refused : p->err;
}

const struct moon_cell *moon_pick_heads(const struct moon_pick *p) { return p->heads; }
uint32_t moon_pick_rows(const struct moon_pick *p) { return p->rows; }
