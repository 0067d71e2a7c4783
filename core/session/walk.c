#include "walk.h"

#include "../base/mem.h"
#include "ask.h"
#include "heads.h"
#include "manner.h"
#include "pick.h"
#include "reading.h"

#define READ_AHEAD 65536 /* octets of replies held before rows must be taken */
#define FIRST_REPS 20    /* of an agent not known: a long reply costs it, and many tables are short */
#define SEALED_REPS 4    /* of many columns over SNMPv3: each is a name to encrypt and sign. Requests of half the octets that 2 make, 1 to 2 % more of them */
#define SEALED_BITS 3    /* of places for those rows and what a reply that was cut left behind */
#define REPLY_MIN 64     /* octets hoped for beside heads */
#define LINE 64          /* octets of a line of the cache */
#define HEAD_GUESS 32    /* octets of a head's varbind */

struct moon_walk {
  struct moon_target *target;
  struct moon_pick *pick;      /* rows by GET: it does everything */
  void *block;                 /* of columns, their queues and cells */
  struct moon_column *columns;
  struct moon_cell *cells;     /* of the row that is lent, then the heads' */
  struct moon_heads heads;
  struct moon_manner manner;
  struct moon_store store;
  uint64_t deadline_us, octets_left;
  uint32_t rows, max_rows;
  uint32_t reps_max;           /* as the caller said */
  uint16_t n_columns, live;
  uint16_t lacking;            /* column that had no value for the next row when that was looked at last */
  bool is_fed;                 /* since then */
  bool is_stopped;             /* no more rows are given */

  bool out;                    /* a request is */
  struct moon_plan plan;       /* what it asks */
  struct moon_asked asked;
  struct moon_request request;
  uint16_t tries;              /* that the one before it had, which this one follows */
  uint8_t octets[MOON_ASK_MAX];

  enum moon_err err;
  enum moon_err broken;        /* of column blame; becomes err when the others have come to where it broke */
  size_t blame;
  bool has_seen;
  struct moon_outcome seen;
  uint8_t by_root[MOON_WALK_COLUMNS_MAX]; /* columns in the order of their roots */
};

static bool is_subtree(const struct moon_name *n) { return n->len > 0 && n->len <= MOON_OID_MAX_LEN; }

static enum moon_err sort_roots(struct moon_walk *w) {
  for (uint16_t i = 0; i < w->n_columns; i++) {
    const struct moon_column *c = &w->columns[i];
    uint16_t at = i;
    for (; at > 0; at--) {
      const struct moon_column *d = &w->columns[w->by_root[at - 1]];
      if (moon_oid_compare(d->root, d->root_len, c->root, c->root_len) <= 0) {
        break;
      }
      w->by_root[at] = w->by_root[at - 1];
    }
    w->by_root[at] = (uint8_t)i;
  }
  for (uint16_t i = 1; i < w->n_columns; i++) {
    const struct moon_column *c = &w->columns[w->by_root[i - 1]], *d = &w->columns[w->by_root[i]];
    if (moon_oid_under(c->root, c->root_len, d->root, d->root_len)) {
      return MOON_E_CONFIG;
    }
  }
  return MOON_OK;
}

static enum moon_err check_spec(const struct moon_walk_spec *spec) {
  if (spec->n_columns == 0 || spec->n_columns > MOON_WALK_COLUMNS_MAX) {
    return MOON_E_LIMIT;
  }
  for (uint16_t i = 0; i < spec->n_columns; i++) {
    if (!is_subtree(&spec->columns[i])) {
      return MOON_E_LIMIT;
    }
  }
  for (uint16_t i = 0; i < spec->n_heads; i++) {
    if (!is_subtree(&spec->heads[i])) {
      return MOON_E_LIMIT;
    }
  }
  return MOON_OK;
}

/* Columns on lines of the cache, the first places of their queues row by row, cells: all that a row passes lies together. */
static struct moon_item *make_block(struct moon_walk *w, size_t columns, size_t cells, uint8_t bits) {
  size_t items = columns << bits, end = cells * (sizeof *w->cells + 1);
  w->block = moon_mem_alloc(LINE - 1 + columns * sizeof *w->columns + items * sizeof(struct moon_item) + end);
  if (!w->block) {
    return NULL;
  }
  w->columns = (struct moon_column *)(((uintptr_t)w->block + LINE - 1) & ~(uintptr_t)(LINE - 1));
  struct moon_item *queues = (struct moon_item *)(w->columns + columns);
  w->cells = (struct moon_cell *)(queues + items);
  memset(w->columns, 0, columns * sizeof *w->columns);
  memset(w->cells, 0, end);
  return queues;
}

struct moon_walk *moon_walk_new(struct moon_target *t, const struct moon_walk_spec *spec, enum moon_err *err) {
  size_t cells = (size_t)spec->n_columns + spec->n_heads;
  *err = check_spec(spec);
  if (*err) {
    return NULL;
  }
  struct moon_walk *w = moon_mem_zalloc(sizeof *w);
  if (!w) {
    *err = MOON_E_NOMEM;
    return NULL;
  }
  w->target = t;
  w->blame = SIZE_MAX;
  moon_store_init(&w->store);
  uint8_t bits = t->credential->version == MOON_V3 ? SEALED_BITS : MOON_COLUMN_BITS;
  struct moon_item *queues = make_block(w, spec->n_columns, cells, bits);
  if (!queues) {
    *err = MOON_E_NOMEM;
    goto out;
  }
  w->n_columns = w->live = spec->n_columns;
  moon_heads_init(&w->heads, spec->heads, spec->n_heads, w->cells + spec->n_columns, (uint8_t *)(w->cells + cells));
  w->deadline_us = spec->deadline_us;
  w->octets_left = spec->max_octets ? spec->max_octets : MOON_WALK_OCTETS;
  w->max_rows = spec->max_rows ? spec->max_rows : MOON_WALK_ROWS;
  w->reps_max = spec->repetitions ? spec->repetitions : UINT16_MAX;
  moon_manner_init(&w->manner, t);
  for (uint16_t i = 0; i < spec->n_columns; i++) {
    moon_column_init(&w->columns[i], spec->columns[i].oid, spec->columns[i].len, queues + i, (uint8_t)spec->n_columns, bits);
  }
  *err = sort_roots(w);
  if (!*err && spec->only) {
    w->pick = moon_pick_new(t, spec);
    *err = w->pick ? MOON_OK : MOON_E_NOMEM;
  }
out:
  if (*err) {
    moon_walk_free(w);
    return NULL;
  }
  return w;
}

void moon_walk_free(struct moon_walk *w) {
  if (!w) {
    return;
  }
  for (uint16_t i = 0; i < w->n_columns; i++) {
    moon_column_fini(&w->columns[i]);
  }
  moon_store_fini(&w->store);
  moon_pick_free(w->pick);
  moon_mem_free(w->block);
  moon_mem_free(w);
}

static void see(struct moon_walk *w, const struct moon_outcome *o) {
  w->seen = *o;
  w->seen.pdu = (struct moon_pdu){.type = o->pdu.type, .error_status = o->pdu.error_status, .error_index = o->pdu.error_index};
  w->has_seen = true;
}

static void fail(struct moon_walk *w, enum moon_err e, const struct moon_outcome *o) {
  if (w->err) {
    return;
  }
  w->err = e;
  w->blame = SIZE_MAX;
  if (o) {
    see(w, o);
  }
}

/* Nothing more of the first column asked: the walk fails with it, but not before the rows that are still good. */
static void break_column(struct moon_walk *w, enum moon_err e, const struct moon_outcome *o) {
  if (w->broken) {
    w->err = w->broken;
    return;
  }
  if (w->plan.n == 0) {
    fail(w, e, o);
    return;
  }
  w->broken = e;
  w->blame = w->plan.column[0];
  w->columns[w->blame].broken = true;
  see(w, o);
}

/* Can others still complete a row that the broken column has? */
static void check_broken(struct moon_walk *w) {
  if (!w->broken || w->err) {
    return;
  }
  const struct moon_index *until = &w->columns[w->blame].last;
  for (uint16_t i = 0; i < w->n_columns; i++) {
    const struct moon_column *c = &w->columns[i];
    if (!c->over && !c->broken && moon_index_compare(&c->last, until) < 0) {
      return;
    }
  }
  w->err = w->broken;
}

/* ---- asking ---- */

static bool is_done(const struct moon_walk *w) { return w->live == 0 && w->heads.left == 0; }

static void plan_columns(struct moon_walk *w, size_t head_octets, bool bulk) {
  const struct moon_manner *m = &w->manner;
  uint32_t reps = m->reps < w->reps_max ? m->reps : w->reps_max, heads = w->heads.n_asked;
  if (!w->target->reps && reps > FIRST_REPS) {
    reps = FIRST_REPS;
  }
  uint16_t limit = bulk ? moon_manner_limit(m, w->target) : 0;
  size_t room = moon_manner_room(m, w->target, limit);
  const struct moon_plan_limits limits = {
    .reply = room > (size_t)heads * HEAD_GUESS + REPLY_MIN ? room - (size_t)heads * HEAD_GUESS : REPLY_MIN,
    .ask = MOON_ASK_MAX - head_octets,
    .varbinds = m->most - heads,
    .reps = bulk ? reps : 1,
    .columns = m->singly || moon_manner_is_narrow(m) ? 1 : MOON_PLAN_COLUMNS_MAX,
    .cut = limit != 0,
    .wide = w->target->credential->version == MOON_V3 && bulk ? SEALED_REPS : 0,
  };
  moon_plan_make(&w->plan, w->columns, w->n_columns, &limits);
}

static void choose(struct moon_walk *w) {
  const struct moon_manner *m = &w->manner;
  bool narrow = moon_manner_is_narrow(m), bulk = !m->next_only && !narrow;
  size_t octets = moon_heads_choose(&w->heads, narrow ? 1 : m->most);
  uint32_t heads = w->heads.n_asked;
  /* Beside long heads there must be room for one column of any length. */
  if (heads == 0 || (!narrow && m->most > heads && octets + moon_ask_cost(MOON_OID_MAX_LEN) <= MOON_ASK_MAX)) {
    plan_columns(w, octets, bulk);
  } else {
    w->plan.n = w->plan.n_order = 0;
  }
  if (w->plan.n == 0) {
    w->plan.reps = 1;
    w->plan.octets = 0;
  }
  w->asked = (struct moon_asked){
    .varbinds = (uint32_t)w->plan.n * w->plan.reps + heads,
    .reps = w->plan.reps,
    .octets = w->plan.octets + heads * HEAD_GUESS,
    .bulk = bulk && w->plan.n,
    .guessed = w->plan.n && w->plan.guessed,
  };
}

/* false: the names do not fit a request. */
static bool write_request(struct moon_walk *w) {
  struct moon_writer out;
  moon_writer_init(&out, w->octets, sizeof w->octets);
  for (uint16_t i = w->plan.n; i-- > 0;) {
    const struct moon_column *c = &w->columns[w->plan.column[i]];
    moon_ask_put(&out, moon_column_name(c, &c->last), moon_column_name_len(c, &c->last));
  }
  moon_heads_put(&w->heads, &out);
  w->request = (struct moon_request){
    .varbinds = out.p,
    .varbinds_len = (uint32_t)moon_writer_len(&out),
    .n_varbinds = (uint16_t)(w->plan.n + w->heads.n_asked),
    .pdu_type = w->asked.bulk ? MOON_PDU_GET_BULK : MOON_PDU_GET_NEXT,
    .kind = w->asked.bulk ? MOON_KIND_BULK : MOON_KIND_GET,
    .non_repeaters = w->asked.bulk ? w->heads.n_asked : 0,
    .max_repetitions = w->asked.bulk ? w->plan.reps : 0,
    .reply_max = w->asked.bulk ? moon_manner_limit(&w->manner, w->target) : 0,
  };
  w->request.tries = moon_manner_tries(&w->manner, w->target, &w->request.is_followed);
  return !out.err;
}

static bool is_row_ready(const struct moon_walk *w) {
  bool any = false;
  for (uint16_t i = 0; i < w->n_columns; i++) {
    const struct moon_column *c = &w->columns[i];
    if (c->count == 0 && !c->over) {
      return false;
    }
    any = any || c->count;
  }
  return any && w->heads.left == 0 && !w->is_stopped;
}

bool moon_walk_next(struct moon_walk *w, uint64_t now_us, const struct moon_request **out) {
  if (w->pick) {
    return moon_pick_next(w->pick, now_us, out);
  }
  moon_store_sweep(&w->store);
  if (w->out || w->err || is_done(w) || (w->store.octets > READ_AHEAD && is_row_ready(w))) {
    return false;
  }
  if (w->deadline_us && now_us >= w->deadline_us) {
    fail(w, MOON_E_BUDGET, NULL);
    return false;
  }
  choose(w);
  if (!write_request(w)) {
    fail(w, MOON_E_LIMIT, NULL);
    return false;
  }
  w->out = true;
  *out = &w->request;
  return true;
}

/* ---- errors ---- */

static void step_down(struct moon_walk *w, enum moon_err e, const struct moon_outcome *o) {
  if (!moon_manner_step_down(&w->manner, &w->asked, (uint32_t)w->live + w->heads.left)) {
    break_column(w, e, o);
  }
}

static void take_too_big(struct moon_walk *w, enum moon_err e, const struct moon_outcome *o) {
  if (w->request.reply_max) {
    moon_manner_uncut(&w->manner, w->target);
    return;
  }
  if (!moon_manner_too_big(&w->manner, &w->asked)) {
    break_column(w, e, o);
  }
}

/* Of the whole request, by an agent that was told how long its reply may be: most likely that is what it could not do. net-snmp
 * from 5.8 on says so in SNMPv3 where it should cut. */
static void take_gen_err(struct moon_walk *w, const struct moon_outcome *o) {
  if (w->request.reply_max && o->error_index == 0) {
    moon_manner_uncut(&w->manner, w->target);
  } else {
    step_down(w, o->err, o);
  }
}

static void take_answer(struct moon_walk *w) {
  moon_manner_answer(&w->manner, w->target, &w->asked);
  if (is_done(w)) {
    moon_manner_end(&w->manner, w->target);
  }
}

/* ---- replies ---- */

static void conclude(struct moon_walk *w, const struct moon_reading *rd, uint32_t heads, const struct moon_outcome *o) {
  if (rd->err == MOON_E_NOMEM) {
    fail(w, MOON_E_NOMEM, o);
    return;
  }
  if (rd->octets > w->octets_left) {
    fail(w, MOON_E_BUDGET, o);
    return;
  }
  w->octets_left -= rd->octets;
  if (rd->err == MOON_E_LOOP) {
    moon_target_quirk(w->target, MOON_QUIRK_NOT_INCREASING);
    take_answer(w);
    break_column(w, MOON_E_LOOP, o);
    return;
  }
  if (rd->items + rd->ends + heads) {
    if (!w->asked.bulk && rd->varbinds + heads < w->asked.varbinds && !o->err) {
      moon_target_quirk(w->target, MOON_QUIRK_FEWER);
    }
    take_answer(w);
  } else if (o->err || rd->r.err) {
    step_down(w, MOON_E_DECODE, o);
  } else {
    take_too_big(w, MOON_E_DECODE, o); /* not even one varbind fitted */
  }
}

static void read_reply(struct moon_walk *w, const struct moon_outcome *o) {
  struct moon_mark marks[MOON_WALK_COLUMNS_MAX];
  struct moon_reading rd = {.columns = w->columns, .marks = marks, .by_root = w->by_root, .n_columns = w->n_columns, .plan = &w->plan};
  rd.chunk = moon_store_copy(&w->store, o->pdu.varbinds, o->pdu.varbinds_len, o->received_us);
  if (!rd.chunk) {
    fail(w, MOON_E_NOMEM, o);
    return;
  }
  moon_manner_length(&w->manner, w->target, w->request.reply_max, o->pdu.varbinds_len);
  moon_reader_init(&rd.r, rd.chunk->octets, o->pdu.varbinds_len);
  uint16_t heads = moon_heads_read(&w->heads, &rd.r, rd.chunk);
  if (heads == w->heads.n_asked) {
    moon_reading_run(&rd);
  }
  if (!moon_reading_is_credible(&rd)) {
    moon_target_quirk(w->target, MOON_QUIRK_WRONG_ORDER);
    moon_reading_rollback(&rd);
    w->manner.singly = true;
    take_answer(w);
  } else {
    if (rd.err == MOON_E_NOMEM) {
      moon_reading_rollback(&rd);
    }
    w->live = (uint16_t)(w->live - moon_reading_commit(&rd, &w->store));
    w->plan.n_order = rd.items ? w->plan.n_order : 0;
    if (rd.empty_numbers) {
      moon_target_quirk(w->target, MOON_QUIRK_EMPTY_INTEGER);
    }
    conclude(w, &rd, heads, o);
  }
  moon_store_drop(&w->store, rd.chunk, 1);
}

/* noSuchName: in v1 that is how a column ends; the others have to be asked again. */
static void take_missing(struct moon_walk *w, const struct moon_outcome *o) {
  uint32_t at = o->error_index;
  if (at == 0 && w->plan.n + w->heads.n_asked == 1) {
    at = 1;
  }
  if (at == 0 || at > (uint32_t)w->plan.n + w->heads.n_asked) {
    step_down(w, o->err, o);
  } else if (at <= w->heads.n_asked) {
    moon_heads_miss(&w->heads, (uint16_t)(at - 1));
    take_answer(w);
  } else {
    w->columns[w->plan.column[at - 1 - w->heads.n_asked]].over = true;
    w->live--;
    take_answer(w);
  }
}

static void take_silence(struct moon_walk *w, const struct moon_outcome *o) {
  uint16_t before = w->tries;
  w->tries = w->request.is_followed ? o->tries : 0;
  if (!moon_manner_silence(&w->manner, w->target, &w->asked)) {
    fail(w, o->err, o);
    w->seen.tries = (uint16_t)(w->seen.tries + before);
  }
}

void moon_walk_feed(struct moon_walk *w, const struct moon_outcome *o) {
  if (w->pick) {
    moon_pick_feed(w->pick, o);
    return;
  }
  moon_store_sweep(&w->store);
  if (!w->out) {
    return;
  }
  w->out = false;
  w->is_fed = true;
  if (w->err) {
    return;
  }
  if (o->err) {
    w->plan.n_order = 0;
  }
  if (w->request.reply_max && o->tries > 1) { /* who answers only when it is not told, or something was lost */
    moon_manner_uncut(&w->manner, w->target);
  }
  switch (o->err) {
  case MOON_OK:
    read_reply(w, o);
    break;
  case MOON_E_DECODE:
    if (o->pdu.varbinds_len) {
      read_reply(w, o);
    } else {
      step_down(w, o->err, o);
    }
    break;
  case MOON_E_TOO_BIG:
    take_too_big(w, o->err, o);
    break;
  case MOON_E_MISSING:
    take_missing(w, o);
    break;
  case MOON_E_GEN_ERR:
    take_gen_err(w, o);
    break;
  case MOON_E_BAD_VALUE:
    step_down(w, o->err, o);
    break;
  case MOON_E_TIMEOUT:
    take_silence(w, o);
    break;
  case MOON_E_REFUSED:
  case MOON_E_UNREACHABLE:
    if (w->request.is_followed) {
      take_silence(w, o);
    } else {
      fail(w, o->err, o);
    }
    break;
  default:
    fail(w, o->err, o);
    break;
  }
  check_broken(w);
}

/* ---- rows ---- */

/* The chunks that the cells of a row lie in, and from which column on: they are let go when the row is given. */
struct lenders {
  struct moon_chunk *chunk[16];
  uint32_t first[16]; /* column */
  uint32_t n;
};

/* Is a column known to lack a value for the next row? Columns get theirs one after the other: the one behind that which lacked it
 * is looked at first, and those that have theirs already are left where they are, in no cache. */
static bool lacks(struct moon_walk *w) {
  uint16_t at = w->lacking;
  for (uint16_t n = w->is_fed ? w->n_columns : 1; n > 0; n--) {
    const struct moon_column *c = &w->columns[at];
    if (c->count == 0 && !c->over) {
      w->lacking = at;
      w->is_fed = false;
      return true;
    }
    at = (uint16_t)(at + 1 < w->n_columns ? at + 1 : 0);
  }
  w->is_fed = false;
  return false;
}

enum even { EVEN_ROW, EVEN_NONE, EVEN_NOT };

/* The next row where all columns have one of the same short index, as they do in most tables: found and taken in one pass. NONE: there
 * is none yet. NOT: it takes a closer look, nothing was changed but cells. */
static enum even take_even(struct moon_walk *w, struct moon_row *out) {
  struct moon_column *first = w->columns, *end = first + w->n_columns, *c = first;
  struct lenders lent = {.n = 0};
  struct moon_chunk *chunk = NULL;
  enum even result = EVEN_NOT;
  if (c->count == 0 || w->rows >= w->max_rows) {
    return c->count || c->over ? EVEN_NOT : EVEN_NONE;
  }
  struct moon_index index = moon_item_index(moon_column_first(c));
  if (index.len == 0 || index.len > 8) {
    return EVEN_NOT;
  }
  uint64_t mask = UINT64_MAX << (64 - 8 * index.len);
  struct moon_cell *cell = w->cells;
  for (; c < end; c++, cell++) {
    if (c->count == 0) {
      result = c->over ? EVEN_NOT : EVEN_NONE;
      break;
    }
    const struct moon_item *item = moon_column_first(c);
    if (item->chunk != chunk) {
      if (lent.n == sizeof lent.chunk / sizeof lent.chunk[0]) {
        break;
      }
      chunk = item->chunk;
      lent.chunk[lent.n] = chunk;
      lent.first[lent.n++] = (uint32_t)(c - first);
    }
    const uint8_t *octets = chunk->octets, *at = octets + item->index_at;
    if (item->index_len != index.len || ((moon_index_octets(at) ^ index.key) & mask)) {
      break;
    }
    *cell = (struct moon_cell){
      .value = octets + item->value_at,
      .received_us = chunk->received_us,
      .value_len = item->value_len,
      .type = at[index.len],
      .err = item->is_bad ? MOON_E_DECODE : MOON_OK,
    };
  }
  if (c < end) {
    return result;
  }
  for (c = first; c < end; c++) {
    c->head++;
    if (--c->count == 0) {
      w->lacking = (uint16_t)(c - first);
    }
  }
  for (uint32_t i = 0; i < lent.n; i++) {
    uint32_t next = i + 1 < lent.n ? lent.first[i + 1] : w->n_columns;
    moon_store_drop(&w->store, lent.chunk[i], next - lent.first[i]);
  }
  w->rows++;
  out->index = index.octets;
  out->index_len = index.len;
  out->cells = w->cells;
  return EVEN_ROW;
}

/* The first items of the columns, and how they make up the next row. */
struct candidates {
  struct moon_index index;                               /* the least */
  uint8_t turn;                                          /* of the columns that have it; 0: a live column may still come before it */
  uint8_t turns[MOON_WALK_COLUMNS_MAX];
  const struct moon_item *items[MOON_WALK_COLUMNS_MAX];
};

static void find_row(const struct moon_walk *w, struct candidates *k) {
  const struct moon_column *c = w->columns;
  uint64_t mask = 0; /* of a key: the octets of the least index, where those are all of it */
  uint8_t turn = 0;
  k->turn = 0;
  k->index = (struct moon_index){0};
  for (uint16_t i = 0, n = w->n_columns; i < n; i++, c++) {
    if (c->count == 0) {
      if (!c->over) {
        return;
      }
      k->turns[i] = 0;
      continue;
    }
    const struct moon_item *item = moon_column_first(c);
    k->items[i] = item;
    /* In most tables all have the same. */
    if (mask && item->index_len == k->index.len && ((moon_index_octets(moon_item_octets(item)) ^ k->index.key) & mask) == 0) {
      k->turns[i] = turn;
      continue;
    }
    struct moon_index at = moon_item_index(item);
    int order = turn ? moon_index_compare(&at, &k->index) : -1;
    if (order < 0) {
      k->index = at;
      mask = at.len == 8 ? UINT64_MAX : at.len < 8 ? ~(UINT64_MAX >> 8 * at.len) : 0;
      turn++;
    }
    k->turns[i] = order <= 0 ? turn : 0;
  }
  k->turn = turn;
}

bool moon_walk_row(struct moon_walk *w, struct moon_row *out) {
  struct candidates k;
  struct moon_chunk *chunk = NULL;
  uint32_t refs = 0; /* of chunk, to be dropped */
  if (w->pick) {
    return moon_pick_row(w->pick, out);
  }
  moon_store_sweep(&w->store);
  if (w->heads.left || w->is_stopped || lacks(w)) {
    return false;
  }
  enum even even = take_even(w, out);
  if (even != EVEN_NOT) {
    return even == EVEN_ROW;
  }
  find_row(w, &k);
  if (!k.turn) {
    return false;
  }
  if (w->rows >= w->max_rows) {
    w->is_stopped = true;
    fail(w, MOON_E_BUDGET, NULL);
    return false;
  }
  out->index = k.index.octets;
  out->index_len = k.index.len;
  out->cells = w->cells;
  struct moon_cell *cell = w->cells;
  struct moon_column *c = w->columns;
  for (uint16_t i = 0, n = w->n_columns; i < n; i++, cell++, c++) {
    if (k.turns[i] != k.turn) {
      *cell = (struct moon_cell){.type = 0};
      continue;
    }
    const struct moon_item *item = k.items[i];
    if (item->chunk != chunk) {
      if (chunk) {
        moon_store_drop(&w->store, chunk, refs);
      }
      chunk = item->chunk;
      refs = 0;
    }
    refs++;
    *cell = (struct moon_cell){
      .value = chunk->octets + item->value_at,
      .received_us = chunk->received_us,
      .value_len = item->value_len,
      .type = chunk->octets[item->index_at + item->index_len],
      .err = item->is_bad ? MOON_E_DECODE : MOON_OK,
    };
    c->head++;
    c->count--;
  }
  moon_store_drop(&w->store, chunk, refs);
  w->rows++;
  return true;
}

bool moon_walk_over(const struct moon_walk *w) {
  if (w->pick) {
    return moon_pick_over(w->pick);
  }
  return !w->out && (w->err || is_done(w)) && !is_row_ready(w);
}

enum moon_err moon_walk_err(const struct moon_walk *w, size_t *blame, const struct moon_outcome **seen) {
  if (w->pick) {
    return moon_pick_err(w->pick, blame, seen);
  }
  *blame = w->blame;
  *seen = w->has_seen ? &w->seen : NULL;
  return w->err;
}

const struct moon_cell *moon_walk_heads(const struct moon_walk *w) { return w->pick ? moon_pick_heads(w->pick) : w->heads.cells; }
uint32_t moon_walk_rows(const struct moon_walk *w) { return w->pick ? moon_pick_rows(w->pick) : w->rows; }
