#include "plan.h"

#include "ask.h"

#define FULL_PERCENT 93 /* of the room: fuller is not worth more repetitions */
#define WIDE_PERCENT 88 /* the same with the repetitions wanted: a column more would be 4 to 7 % of it */
#define LEAD_MAX 126    /* items a column may be ahead of the last one and still be asked */

struct candidates {
  const struct moon_column *columns;
  uint16_t n;
  uint32_t known;  /* rows of the longest column that ended; 0: none has */
  size_t row, ask; /* eighths of octets of a varbind of each, octets of their names in a request */
  uint8_t order[MOON_PLAN_COLUMNS_MAX];
};

/* Items of c behind `index`, no cursor is before it; counted up to max + 1. */
static uint32_t lead(const struct moon_column *c, const struct moon_index *index, uint32_t max) {
  uint32_t n = c->count ? 1 : 0; /* the latest, unless it was given out */
  if (moon_index_compare(&c->last, index) == 0) {
    return 0;
  }
  for (; n < c->count && n <= max; n++) {
    struct moon_index at = moon_item_index(moon_column_newest(c, n));
    if (moon_index_compare(&at, index) <= 0) {
      break;
    }
  }
  return n;
}

static void begin(struct candidates *k, const struct moon_column *columns) {
  k->columns = columns;
  k->n = 0;
  k->known = 0;
  k->row = k->ask = 0;
}

/* Puts the last of n + 1 where it belongs among the others, which are in order. false: it took too many moves. */
static bool insert(uint8_t *order, uint16_t n, const struct moon_column *columns, uint32_t *moves) {
  uint8_t column = order[n];
  for (; n > 0 && moon_index_compare(&columns[column].last, &columns[order[n - 1]].last) < 0; n--) {
    if (*moves == 0) {
      return false;
    }
    --*moves;
    order[n] = order[n - 1];
  }
  order[n] = column;
  return true;
}

/* Columns up to the first that is behind the one before it: from there on the end of the reply was cut off. */
static uint16_t uncut(const struct moon_plan *p, const struct moon_column *columns) {
  uint16_t n = 1;
  while (n < p->n && moon_index_compare(&columns[p->column[n]].last, &columns[p->column[n - 1]].last) >= 0) {
    n++;
  }
  return n;
}

/* The order of the plan before with those that were asked at its end, if that is what they moved to: so it is in tables
 * without holes. Those that the end of the reply was cut off of have an item less and go before the others, or to where they
 * belong. Of those not asked nothing changed. false: the columns have to be put in order anew. */
static bool rotate(struct candidates *k, const struct moon_plan *before, const struct moon_column *columns, uint16_t n) {
  uint16_t rest = (uint16_t)(n - before->n);
  uint32_t moves = 2u * n; /* more is not the end of a reply */
  if (before->n_order != n) {
    return false;
  }
  begin(k, columns);
  memcpy(k->order, before->column + before->n, rest);
  uint16_t whole = uncut(before, columns), cut = (uint16_t)(before->n - whole);
  memcpy(k->order + rest, before->column + whole, cut);
  memcpy(k->order + rest + cut, before->column, whole);
  const struct moon_index *last = rest ? &columns[k->order[rest - 1]].last : NULL;
  for (uint16_t i = rest; i < n; i++) {
    const struct moon_column *c = &columns[k->order[i]];
    if (c->over || c->broken || c->count > 2u * before->reps) {
      return false; /* or it may be far ahead */
    }
    if (!last || moon_index_compare(&c->last, last) >= 0) {
      last = &c->last;
    } else if (!insert(k->order, i, columns, &moves)) {
      return false;
    }
  }
  k->n = n;
  k->row = before->rest_row;
  k->ask = before->rest_ask;
  for (uint16_t i = 0; i < before->n; i++) { /* the others are as they were, and in no cache */
    const struct moon_column *c = &columns[before->column[i]];
    k->row += c->eighths;
    k->ask += moon_ask_cost(moon_column_name_len(c, &c->last));
  }
  return true;
}

/* For the plan that follows: the order, and what the columns not asked take. */
static void keep_order(const struct candidates *k, struct moon_plan *p) {
  size_t row = k->row, ask = k->ask;
  for (uint16_t i = 0; i < p->n; i++) {
    const struct moon_column *c = &k->columns[p->column[i]];
    row -= c->eighths;
    ask -= moon_ask_cost(moon_column_name_len(c, &c->last));
  }
  memcpy(p->column + p->n, k->order + p->n, (size_t)k->n - p->n);
  p->n_order = k->n;
  p->rest_row = (uint32_t)row;
  p->rest_ask = (uint32_t)ask;
}

/* Live columns, the furthest behind first, without those far ahead. */
static void collect(struct candidates *k, const struct moon_column *columns, uint16_t n, const struct moon_plan_limits *limits) {
  uint8_t live[MOON_PLAN_COLUMNS_MAX], leads[MOON_PLAN_COLUMNS_MAX];
  uint16_t at[LEAD_MAX + 3] = {0}; /* how many have this lead; then where they begin in the order */
  const struct moon_column *least = NULL;
  uint16_t n_live = 0;
  size_t row = 0;
  begin(k, columns);
  for (uint16_t i = 0; i < n; i++) {
    const struct moon_column *c = &columns[i];
    if (c->over) {
      k->known = c->seen > k->known ? c->seen : k->known;
    } else if (!c->broken) {
      live[n_live++] = (uint8_t)i;
      row += c->eighths;
      least = !least || moon_index_compare(&c->last, &least->last) < 0 ? c : least;
    }
  }
  if (!least) {
    return;
  }
  size_t slack = 8 * limits->reply / row + 2 + limits->wide;
  uint32_t max = slack < LEAD_MAX ? (uint32_t)slack : LEAD_MAX;
  for (uint16_t i = 0; i < n_live; i++) {
    leads[i] = (uint8_t)lead(&columns[live[i]], &least->last, max);
    at[leads[i] + 1]++;
  }
  for (uint32_t i = 1; i <= max; i++) {
    at[i] = (uint16_t)(at[i] + at[i - 1]);
  }
  for (uint16_t i = 0; i < n_live; i++) {
    const struct moon_column *c = &columns[live[i]];
    if (leads[i] <= max) {
      k->order[at[leads[i]]++] = live[i];
      k->n++;
      k->row += c->eighths;
      k->ask += moon_ask_cost(moon_column_name_len(c, &c->last));
    }
  }
}

/* Varbinds worth asking of a column: what is left of it and its end. */
static uint32_t worth(const struct candidates *k, const struct moon_column *c) {
  return k->known && c->seen <= k->known ? k->known - c->seen + 1 : UINT32_MAX;
}

/* The most that is worth asking of any: more repetitions bring nothing. */
static uint32_t most_worth(const struct candidates *k) {
  uint32_t most = 0;
  for (uint16_t i = 0; i < k->n && most < UINT32_MAX; i++) {
    uint32_t left = worth(k, &k->columns[k->order[i]]);
    most = left > most ? left : most;
  }
  return most;
}

/* The same as fill() while no column has ended and all names fit a request: only the reply's room counts. */
static size_t fill_plain(const struct candidates *k, uint32_t reps, uint32_t most, size_t room, bool cut, struct moon_plan *p) {
  size_t reply = 0;
  uint32_t n = 0;
  bool all_begun = true;
  most = k->n < most ? k->n : most;
  for (; n < most; n++) {
    const struct moon_column *c = &k->columns[k->order[n]];
    size_t more = (size_t)reps * c->eighths;
    if (n && reply + more > room && (!cut || reply >= room)) {
      break;
    }
    reply += more;
    all_begun &= c->begun;
  }
  memcpy(p->column, k->order, n);
  p->n = (uint16_t)n;
  p->reps = (uint16_t)reps;
  p->octets = (uint32_t)(reply / 8);
  p->guessed = !all_begun;
  return reply;
}

/* The columns that fit with these repetitions; returns the eighths of octets they are good for. */
static size_t fill(const struct candidates *k, uint32_t reps, const struct moon_plan_limits *limits, struct moon_plan *p) {
  size_t reply = 0, ask = 0, useful = 0, room = 8 * limits->reply;
  uint32_t most = limits->varbinds / reps, n = 0, left = UINT32_MAX;
  bool all_begun = true;
  most = most < limits->columns ? most : limits->columns;
  if (!k->known && k->ask <= limits->ask) {
    return fill_plain(k, reps, most, room, limits->cut, p);
  }
  for (const uint8_t *at = k->order, *end = at + k->n; at < end && n < most; at++) {
    const struct moon_column *c = &k->columns[*at];
    if (k->known) {
      left = worth(k, c);
      if (n && left < reps - reps / 2) {
        continue; /* more than half would be beyond its end */
      }
    }
    size_t more = (size_t)reps * c->eighths;
    ask += moon_ask_cost(moon_column_name_len(c, &c->last));
    if (n && ((reply + more > room && (!limits->cut || reply >= room)) || ask > limits->ask)) {
      break;
    }
    reply += more;
    all_begun &= c->begun;
    useful += left < reps ? (size_t)left * c->eighths : more;
    p->column[n++] = *at;
  }
  p->n = (uint16_t)n;
  p->reps = (uint16_t)reps;
  p->octets = (uint32_t)(reply / 8);
  p->guessed = !all_begun;
  return useful;
}

/* What fill() would say where it takes all of them; 0: it would not, or has to count. */
static size_t all(const struct candidates *k, uint32_t reps, const struct moon_plan_limits *limits) {
  bool fits = !k->known && reps * k->row <= 8 * limits->reply && k->ask <= limits->ask && k->n <= limits->columns &&
              (size_t)k->n * reps <= limits->varbinds;
  return fits ? reps * k->row : 0;
}

/* All that is left of all columns, where it fits one reply: some are asked beyond their end, but no request is left to make.
 * Those furthest behind come first, so what a reply that is cut has no room for lies behind the last varbind that counts. */
static bool take_rest(const struct candidates *k, uint32_t worthy, const struct moon_plan_limits *limits, struct moon_plan *p) {
  size_t row = 0, counts = 0;
  if (!k->known || k->ask > limits->ask || k->n > limits->columns || worthy > limits->reps || (size_t)k->n * worthy > limits->varbinds ||
      (worthy - 1) * k->row > 8 * limits->reply) {
    return false;
  }
  p->guessed = false;
  for (uint16_t i = 0; i < k->n; i++) {
    const struct moon_column *c = &k->columns[k->order[i]];
    row += c->eighths;
    counts = worth(k, c) == worthy || !limits->cut ? row : counts;
    p->guessed |= !c->begun;
  }
  if ((worthy - 1) * k->row + counts > 8 * limits->reply) {
    return false;
  }
  memcpy(p->column, k->order, k->n);
  p->n = k->n;
  p->reps = (uint16_t)worthy;
  p->octets = (uint32_t)(worthy * k->row / 8);
  return true;
}

/* 1 2 3 .. 8 10 12 .. 16 20 24 .. 32 40 ..: fine where it matters */
static uint32_t step(uint32_t reps) { return reps < 8 ? reps + 1 : reps + (1u << (29 - __builtin_clz(reps))); }

static bool is_full(size_t useful, const struct moon_plan_limits *limits, uint32_t percent) {
  return useful * 100 >= 8 * limits->reply * percent;
}

/* The eighths of octets that so many repetitions are good for. p has their columns then, or *filled is what it was. */
static size_t measure(const struct candidates *k, uint32_t reps, const struct moon_plan_limits *limits, struct moon_plan *p, uint32_t *filled) {
  size_t useful = all(k, reps, limits);
  if (!useful) {
    useful = fill(k, reps, limits, p);
    *filled = reps;
  }
  return useful;
}

/* How many repetitions, at most max. *filled: of those p has the columns. */
static uint32_t choose(const struct candidates *k, uint32_t max, const struct moon_plan_limits *limits, struct moon_plan *p, uint32_t *filled) {
  uint32_t chosen = limits->wide;
  size_t best = 0, useful = 0;
  if (chosen && chosen <= max) {
    useful = measure(k, chosen, limits, p, filled);
    bool all_are = *filled != chosen || p->n == k->n;
    if (is_full(useful, limits, all_are ? FULL_PERCENT : WIDE_PERCENT)) {
      return chosen;
    }
  }
  for (uint32_t reps = 1;; reps = step(reps)) {
    reps = reps < max ? reps : max;
    useful = measure(k, reps, limits, p, filled);
    if (useful > best + best / 16) {
      best = useful;
      chosen = reps;
    }
    if (reps == max || is_full(useful, limits, FULL_PERCENT)) {
      return chosen;
    }
  }
}

void moon_plan_make(struct moon_plan *p, const struct moon_column *columns, uint16_t n, const struct moon_plan_limits *limits) {
  struct candidates k;
  if (!rotate(&k, p, columns, n)) {
    collect(&k, columns, n, limits);
  }
  p->n = p->n_order = 0;
  if (k.n == 0) {
    return;
  }
  const struct moon_column *first = &columns[k.order[0]];
  size_t room = 8 * limits->reply / first->eighths;
  uint32_t max = limits->reps < limits->varbinds ? limits->reps : limits->varbinds;
  uint32_t worthy = most_worth(&k), filled = 0;
  if (take_rest(&k, worthy, limits, p)) {
    return;
  }
  max = room < max ? (uint32_t)room : max;
  max = worthy < max ? worthy : max;
  max = max < 1 ? 1 : max > UINT16_MAX ? UINT16_MAX : max;
  uint32_t chosen = choose(&k, max, limits, p, &filled);
  if (filled != chosen) {
    fill(&k, chosen, limits, p);
  }
  if (k.n == n && !k.known) {
    keep_order(&k, p);
  }
}
