#include "fetch.h"

#include "../base/mem.h"
#include "ask.h"

#define BATCH_MAX 128     /* varbinds of one GET: what a datagram of short names and values can carry */
#define VALUE_GUESS 8     /* octets of a value before any was seen */
#define ORDINARY_BATCH 32 /* a GET of so few is not what makes a living agent silent */

struct piece { /* copied varbinds of one reply */
  struct piece *next;
  uint8_t octets[];
};

struct moon_fetch {
  struct moon_target *target;
  const struct moon_name *names;
  struct moon_cell *cells;
  uint8_t *settled;          /* per name: has its answer */
  size_t n, n_settled;
  size_t first;              /* none below is unsettled */
  size_t blame;
  struct piece *pieces;
  size_t value_len;          /* what a value took lately */
  uint32_t n_batch, limit;
  uint32_t silences;
  enum moon_err err;
  bool out, answered;
  struct moon_request request;
  uint32_t batch[BATCH_MAX]; /* names in the request that is out */
  uint8_t octets[MOON_ASK_MAX];
};

static void settle(struct moon_fetch *f, size_t i, enum moon_err e) {
  f->settled[i] = 1;
  f->n_settled++;
  f->cells[i].err = (uint8_t)e;
}

struct moon_fetch *moon_fetch_new(struct moon_target *t, const struct moon_name *names, size_t n) {
  struct moon_fetch *f = moon_mem_zalloc(sizeof *f);
  if (!f) {
    return NULL;
  }
  f->target = t;
  f->names = names;
  f->n = n;
  f->blame = SIZE_MAX;
  f->value_len = VALUE_GUESS;
  f->limit = BATCH_MAX;
  if (n) {
    f->cells = n <= UINT32_MAX ? moon_mem_array(n, sizeof *f->cells + 1) : NULL;
    if (!f->cells) {
      moon_mem_free(f);
      return NULL;
    }
    f->settled = (uint8_t *)(f->cells + n);
  }
  for (size_t i = 0; i < n; i++) {
    if (names[i].len == 0 || names[i].len > MOON_OID_MAX_LEN) {
      settle(f, i, MOON_E_SYNTAX);
    }
  }
  return f;
}

void moon_fetch_free(struct moon_fetch *f) {
  if (!f) {
    return;
  }
  while (f->pieces) {
    struct piece *next = f->pieces->next;
    moon_mem_free(f->pieces);
    f->pieces = next;
  }
  moon_mem_free(f->cells);
  moon_mem_free(f);
}

bool moon_fetch_next(struct moon_fetch *f, const struct moon_request **out) {
  const struct moon_target *t = f->target;
  struct moon_writer w;
  if (f->out || f->err || f->n_settled == f->n) {
    return false;
  }
  size_t overhead = moon_ask_overhead(t), ask = 0, reply = overhead;
  uint32_t limit = t->get_max && t->get_max < f->limit ? t->get_max : f->limit;
  while (f->settled[f->first]) {
    f->first++;
  }
  f->n_batch = 0;
  for (size_t i = f->first; i < f->n && f->n_batch < limit; i++) {
    if (f->settled[i]) {
      continue;
    }
    size_t cost = moon_ask_cost(f->names[i].len);
    ask += cost;
    reply += cost + f->value_len;
    if (f->n_batch && (ask > sizeof f->octets || reply > t->reply_max)) {
      break;
    }
    f->batch[f->n_batch++] = (uint32_t)i;
  }
  moon_writer_init(&w, f->octets, sizeof f->octets);
  for (uint32_t i = f->n_batch; i-- > 0;) {
    const struct moon_name *name = &f->names[f->batch[i]];
    moon_ask_put(&w, name->oid, name->len);
  }
  f->request = (struct moon_request){
    .varbinds = w.p,
    .varbinds_len = (uint32_t)moon_writer_len(&w),
    .n_varbinds = (uint16_t)f->n_batch,
    .pdu_type = MOON_PDU_GET,
    .kind = MOON_KIND_GET,
  };
  f->out = true;
  *out = &f->request;
  return true;
}

static void fail(struct moon_fetch *f, enum moon_err e) {
  f->err = e;
  f->blame = f->n_batch == 1 ? f->batch[0] : SIZE_MAX;
}

static bool is_name(const struct moon_fetch *f, size_t i, const struct moon_varbind *vb) {
  const struct moon_name *name = &f->names[i];
  return name->len == vb->oid_len && memcmp(name->oid, vb->oid, vb->oid_len) == 0 && !f->settled[i];
}

/* Which name is the varbind at this place about? SIZE_MAX: none that is still open. */
static size_t find(struct moon_fetch *f, uint32_t at, const struct moon_varbind *vb) {
  if (at < f->n_batch && is_name(f, f->batch[at], vb)) {
    return f->batch[at];
  }
  for (uint32_t i = 0; i < f->n_batch; i++) {
    if (is_name(f, f->batch[i], vb)) {
      moon_target_quirk(f->target, MOON_QUIRK_WRONG_ORDER);
      return f->batch[i];
    }
  }
  return SIZE_MAX;
}

/* How many of the batch the reply settles; on no memory the fetch has failed. */
static uint32_t store(struct moon_fetch *f, const struct moon_outcome *o) {
  struct moon_reader r;
  struct moon_varbind vb;
  uint32_t at = 0, got = 0;
  size_t octets = 0;
  if (o->pdu.varbinds_len == 0) {
    return 0;
  }
  struct piece *piece = moon_mem_alloc(sizeof *piece + o->pdu.varbinds_len);
  if (!piece) {
    fail(f, MOON_E_NOMEM);
    return 0;
  }
  memcpy(piece->octets, o->pdu.varbinds, o->pdu.varbinds_len);
  piece->next = f->pieces;
  f->pieces = piece;
  moon_reader_init(&r, piece->octets, o->pdu.varbinds_len);
  for (; moon_varbind_get(&r, &vb); at++) {
    size_t i = find(f, at, &vb);
    if (i == SIZE_MAX) {
      continue;
    }
    f->cells[i] = (struct moon_cell){.value = vb.value, .received_us = o->received_us, .value_len = vb.value_len, .type = vb.type};
    settle(f, i, moon_varbind_check(&vb) ? MOON_E_DECODE : MOON_OK);
    octets += vb.value_len;
    got++;
  }
  if (got) {
    f->value_len = (3 * f->value_len + octets / got + 3) / 4;
  }
  return got;
}

static void take(struct moon_fetch *f, const struct moon_outcome *o) {
  struct moon_target *t = f->target;
  uint32_t asked = f->n_batch, got = store(f, o);
  if (f->err) {
    return;
  }
  f->answered = true;
  if (got == asked) {
    if (f->silences) {
      t->get_max = (uint16_t)asked;
      f->silences = 0;
    } else if (t->get_max == asked && ++t->get_max >= BATCH_MAX) {
      t->get_max = 0; /* grown back */
    }
    f->limit = f->limit < BATCH_MAX / 2 ? f->limit * 2 : BATCH_MAX;
    return;
  }
  moon_target_quirk(t, MOON_QUIRK_FEWER);
  if (got) {
    f->limit = got;
  } else if (asked == 1) {
    settle(f, f->batch[0], MOON_E_DECODE);
  } else {
    f->limit = asked / 2;
  }
}

/* An error-status, or a request that does not fit. */
static void take_error(struct moon_fetch *f, const struct moon_outcome *o) {
  f->answered = true;
  if (f->n_batch == 1) {
    settle(f, f->batch[0], o->err);
  } else if (o->err == MOON_E_TOO_BIG) {
    f->limit = f->n_batch / 2;
    f->target->get_max = (uint16_t)f->limit;
  } else if (o->error_index && o->error_index <= f->n_batch) {
    settle(f, f->batch[o->error_index - 1], o->err);
  } else if (o->err == MOON_E_ACCESS) {
    fail(f, o->err); /* authorizationError is about the whole request */
  } else {
    f->limit = f->n_batch / 2; /* which one it is has to be found out */
  }
}

/* Some agents throw away what is too much for them: ask for less, unless nothing says that it lives. */
static void take_silence(struct moon_fetch *f) {
  bool alive = f->answered || (f->target->last_answer_us && f->n_batch > ORDINARY_BATCH);
  if (!alive || f->n_batch == 1 || f->silences == 2) {
    fail(f, MOON_E_TIMEOUT);
    return;
  }
  f->silences++;
  f->limit = f->n_batch > 4 ? f->n_batch / 4 : 1;
}

void moon_fetch_feed(struct moon_fetch *f, const struct moon_outcome *o) {
  if (!f->out) {
    return;
  }
  f->out = false;
  switch (o->err) {
  case MOON_OK:
  case MOON_E_DECODE:
    take(f, o);
    break;
  case MOON_E_MISSING:
  case MOON_E_ACCESS:
  case MOON_E_TOO_BIG:
  case MOON_E_GEN_ERR:
  case MOON_E_BAD_VALUE:
  case MOON_E_NOT_WRITABLE:
    take_error(f, o);
    break;
  case MOON_E_TIMEOUT:
    take_silence(f);
    break;
  default:
    fail(f, o->err);
    break;
  }
}

bool moon_fetch_over(const struct moon_fetch *f) { return !f->out && (f->err || f->n_settled == f->n); }

enum moon_err moon_fetch_err(const struct moon_fetch *f, size_t *blame) {
  *blame = f->blame;
  return f->err;
}

const struct moon_cell *moon_fetch_cells(const struct moon_fetch *f) { return f->cells; }
