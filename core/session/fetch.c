#include "fetch.h"

#include "../base/mem.h"
#include "ask.h"

#define BATCH_MAX 128     /* varbinds of one GET: what a datagram of short names and values can carry */
#define VALUE_GUESS 8     /* octets of a value before any was seen */
#define ORDINARY_BATCH 32 /* a GET of so few is not what makes a living agent silent */
#define LATELY_US 600000000u /* a GET that met silence before that says nothing about this one */
#define SILENCES_MAX 2    /* in a row, while an agent is asked for less because it was asked for much */
#define SEARCH_MAX 5      /* the same when one name is looked for: 128, 16, 2, 1 and the next */

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
  size_t last_blamed;        /* the agent blamed the last name of a request: this; SIZE_MAX: not the last time */
  size_t suspect;            /* it met silence alone: when the agent answers again it is to blame; SIZE_MAX: none */
  uint64_t suspected_us;
  struct piece *pieces;
  size_t value_len;          /* what a value took lately */
  uint32_t n_batch, limit;
  uint32_t silences;         /* in a row */
  enum moon_err err;
  uint16_t get_max;          /* of the target before silence taught it less */
  bool out, answered;
  bool search;               /* the agent lives and is silent: one name is to blame */
  bool found;                /* that name */
  bool mistrust;             /* its error-index means nothing */
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
  f->blame = f->last_blamed = f->suspect = SIZE_MAX;
  f->get_max = t->get_max;
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

static enum moon_poison_rule rule_of(const struct moon_fetch *f, size_t i) {
  const struct moon_target *t = f->target; /* its last answer is as good as a clock: without one nothing is known */
  return moon_poison_any(t->poisons) ? moon_poison_rule(t->poisons, f->names[i].oid, f->names[i].len, t->last_answer_us) : MOON_POISON_NONE;
}

/* Of the names that are asked apart, when no others are left, one into the batch. The owner of a fetch counts on one request at
 * least: what is left out is asked all the same when there is nothing else. */
static void pick_poisoned(struct moon_fetch *f) {
  for (size_t i = f->first; i < f->n; i++) {
    if (f->settled[i]) {
      continue;
    }
    f->batch[0] = (uint32_t)i;
    f->n_batch = 1;
    if (rule_of(f, i) != MOON_POISON_LEFT_OUT) {
      return;
    }
  }
}

/* Names that are left out get their error once all others have what they get. */
static void settle_left_out(struct moon_fetch *f) {
  if (!moon_poison_any(f->target->poisons) || f->err) {
    return;
  }
  for (size_t i = f->first; i < f->n; i++) {
    if (!f->settled[i] && rule_of(f, i) != MOON_POISON_LEFT_OUT) {
      return;
    }
  }
  for (size_t i = f->first; i < f->n; i++) {
    if (!f->settled[i]) {
      settle(f, i, MOON_E_TIMEOUT);
    }
  }
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
    if (f->settled[i] || rule_of(f, i)) {
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
  if (!f->n_batch) {
    pick_poisoned(f);
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
    if (moon_varbind_is_empty_number(&vb)) {
      moon_target_quirk(f->target, MOON_QUIRK_EMPTY_INTEGER);
    }
    octets += vb.value_len;
    got++;
  }
  if (got) {
    f->value_len = (3 * f->value_len + octets / got + 3) / 4;
  }
  return got;
}

/* One name of several: it is asked apart from now on. */
static void remember(struct moon_fetch *f, size_t i, enum moon_err e, uint64_t now_us) {
  if (f->n > 1) {
    moon_poison_add(&f->target->poisons, f->names[i].oid, f->names[i].len, e, now_us);
    moon_target_quirk(f->target, MOON_QUIRK_POISON);
  }
}

/* The agent lives. */
static void convict(struct moon_fetch *f) {
  if (f->suspect != SIZE_MAX) {
    remember(f, f->suspect, MOON_E_TIMEOUT, f->suspected_us);
    f->suspect = SIZE_MAX;
    f->found = true;
    f->target->get_max = f->get_max; /* it was not the number of them */
  }
}

static void take(struct moon_fetch *f, const struct moon_outcome *o) {
  struct moon_target *t = f->target;
  uint32_t asked = f->n_batch, got = store(f, o);
  if (f->err) {
    return;
  }
  f->answered = true;
  f->last_blamed = SIZE_MAX;
  convict(f);
  if (moon_poison_any(t->poisons) && asked == 1 && got == 1) {
    moon_poison_drop(t->poisons, f->names[f->batch[0]].oid, f->names[f->batch[0]].len);
  }
  if (got == asked) {
    if (f->silences && !f->found) {
      t->get_max = (uint16_t)asked;
    } else if (t->get_max == asked && ++t->get_max >= BATCH_MAX) {
      t->get_max = 0; /* grown back */
    }
    f->silences = 0;
    if (!f->search || f->found) {
      f->limit = f->limit < BATCH_MAX / 2 ? f->limit * 2 : BATCH_MAX;
    }
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

/* One varbind is blamed. Proxies are known that blame the last one whichever it is: when that comes twice in a row, the first of
 * the two is open again and the index is not looked at any more. */
static void take_blame(struct moon_fetch *f, const struct moon_outcome *o) {
  size_t i = f->batch[o->error_index - 1];
  bool last = o->error_index == f->n_batch;
  if (last && f->last_blamed != SIZE_MAX) {
    f->settled[f->last_blamed] = 0;
    f->n_settled--;
    f->cells[f->last_blamed].err = MOON_OK;
    f->first = f->last_blamed < f->first ? f->last_blamed : f->first;
    f->mistrust = true;
    f->limit = f->n_batch / 2;
    return;
  }
  f->last_blamed = last ? i : SIZE_MAX;
  settle(f, i, o->err);
  if (o->err == MOON_E_GEN_ERR && !last) {
    remember(f, i, o->err, o->received_us);
  }
}

/* An error-status, or a request that does not fit. */
static void take_error(struct moon_fetch *f, const struct moon_outcome *o) {
  f->answered = true;
  f->silences = 0;
  convict(f);
  if (f->n_batch == 1) {
    settle(f, f->batch[0], o->err);
    if (o->err == MOON_E_GEN_ERR) {
      remember(f, f->batch[0], o->err, o->received_us);
    }
  } else if (o->err == MOON_E_TOO_BIG) {
    f->limit = f->n_batch / 2;
    f->target->get_max = (uint16_t)f->limit;
  } else if (o->error_index && o->error_index <= f->n_batch && !f->mistrust) {
    take_blame(f, o);
  } else if (o->err == MOON_E_ACCESS) {
    fail(f, o->err); /* authorizationError is about the whole request */
  } else {
    f->limit = f->n_batch / 2; /* which one it is has to be found out */
  }
}

/* Did it answer something else while it was silent to this request, or since it last was silent to one like it? Lost datagrams do
 * not look so: each try would have to be lost. */
static bool lives(const struct moon_target *t, uint64_t now_us) {
  uint64_t waited_us = (t->policy->retries + 1) * t->policy->timeout_us;
  bool again = t->silent_get_us && t->silent_get_us + LATELY_US > now_us && t->last_answer_us > t->silent_get_us;
  return t->last_answer_us && (t->last_answer_us + waited_us > now_us || again);
}

/* Some agents throw away what is too much for them, some the whole request because of one name: ask for less, unless nothing says
 * that it lives. */
static void take_silence(struct moon_fetch *f, const struct moon_outcome *o) {
  struct moon_target *t = f->target;
  f->search = f->search || f->answered || lives(t, o->received_us);
  bool alive = f->search || (t->last_answer_us && f->n_batch > ORDINARY_BATCH);
  uint32_t max = f->search ? SEARCH_MAX : SILENCES_MAX;
  if (f->n > 1) {
    t->silent_get_us = o->received_us;
  }
  if (!alive || f->silences == max || (f->n_batch == 1 && (!f->search || f->n == 1))) {
    fail(f, MOON_E_TIMEOUT);
    f->blame = f->silences ? SIZE_MAX : f->blame; /* of others too */
    return;
  }
  f->silences++;
  if (f->n_batch == 1) {
    settle(f, f->batch[0], MOON_E_TIMEOUT);
    f->suspect = f->batch[0];
    f->suspected_us = o->received_us;
  } else {
    uint32_t part = f->search ? 8 : 4;
    f->limit = f->n_batch > part ? f->n_batch / part : 1;
  }
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
    take_silence(f, o);
    break;
  default:
    fail(f, o->err);
    break;
  }
  settle_left_out(f);
  if (!f->err && f->answered && f->n_settled == f->n) {
    convict(f);
  }
}

bool moon_fetch_over(const struct moon_fetch *f) { return !f->out && (f->err || f->n_settled == f->n); }

enum moon_err moon_fetch_err(const struct moon_fetch *f, size_t *blame) {
  *blame = f->blame;
  return f->err;
}

const struct moon_cell *moon_fetch_cells(const struct moon_fetch *f) { return f->cells; }
