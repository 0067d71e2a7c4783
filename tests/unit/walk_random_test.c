/* Random sparse tables under random limits, compared with the truth; the seed is printed when one fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failmem.h"
#include "session_rig.h"

#define CASES 300 /* CASES=n in the environment for more, CASE=n for one */

static uint64_t seed, running;

static uint32_t roll(uint32_t n) { /* xorshift64*, Vigna 2016 */
  seed ^= seed >> 12;
  seed ^= seed << 25;
  seed ^= seed >> 27;
  return (uint32_t)(seed * 0x2545f4914f6cdd1du >> 33) % n;
}

static bool chance(uint32_t one_in) { return roll(one_in) == 0; }

/* Arcs of one, two, three and five octets. */
static size_t put_arc(uint8_t *out, uint32_t v) {
  size_t n = 1;
  while (n < 5 && v >> 7 * n) {
    n++;
  }
  for (size_t i = 0; i < n; i++) {
    out[i] = (uint8_t)((v >> 7 * (n - 1 - i) & 0x7f) | (i + 1 < n ? 0x80 : 0));
  }
  return n;
}

static size_t random_index(uint8_t *out, unsigned arcs, uint32_t row) {
  size_t n = 0;
  for (unsigned i = 0; i < arcs; i++) {
    static const uint32_t scale[] = {1, 1, 7, 130, 20000, 3000000};
    n += put_arc(out + n, i + 1 == arcs ? row * scale[roll(4)] + roll(2) : row * scale[roll(6)]);
  }
  return n;
}

struct shape {
  unsigned columns, rows, density; /* one in density cells is missing; 0: none */
  unsigned arcs;
  unsigned value_max;
};

static void fill(struct rig *r, const struct moon_name *columns, const struct shape *s) {
  uint8_t name[MOON_OID_MAX_LEN], value[512];
  memset(value, 'v', sizeof value);
  for (uint32_t row = 0; row < s->rows; row++) {
    uint8_t index[64];
    size_t n = random_index(index, chance(10) ? 1 + roll(4) : s->arcs, row);
    for (unsigned c = 0; c < s->columns; c++) {
      if ((s->density && chance(s->density)) || (c % 5 == 4 && row > s->rows / 3) || (c % 7 == 6 && row % 9)) {
        continue;
      }
      memcpy(name, columns[c].oid, columns[c].len);
      memcpy(name + columns[c].len, index, n);
      uint8_t type = chance(2) ? MOON_OCTET_STRING : MOON_COUNTER32;
      size_t len = type == MOON_COUNTER32 ? 1 + roll(4) : roll(s->value_max + 1);
      value[0] = (uint8_t)row;
      value[1] = (uint8_t)c;
      agent_add_octets(&r->agent, name, columns[c].len + n, type, value, len);
    }
  }
}

/* Column roots: of one table, of several, some with objects of nobody's between them. */
static const struct moon_name *random_columns(struct rig *r, unsigned n) {
  static char text[RIG_COLUMNS][64];
  const char *texts[RIG_COLUMNS];
  unsigned table = 1, column = 0;
  for (unsigned i = 0; i < n; i++) {
    column += 1 + (chance(6) ? roll(200) : 0);
    if (chance(12)) {
      table += 1 + roll(150);
    }
    snprintf(text[i], sizeof text[i], "1.3.6.1.4.1.%u.%u.1.%u", 4000 + table, 1 + table, column);
    if (chance(4)) {
      char other[96];
      snprintf(other, sizeof other, "1.3.6.1.4.1.%u.%u.1.%u.1", 4000 + table, 1 + table, column + 100000);
      agent_add(&r->agent, other, MOON_INTEGER, "\x01", 1);
    }
    texts[i] = text[i];
  }
  for (unsigned i = n; i > 1 && chance(2); i--) { /* not always in order */
    unsigned k = roll(i);
    const char *t = texts[i - 1];
    texts[i - 1] = texts[k];
    texts[k] = t;
  }
  return rig_names(0, texts, n);
}

static void limits(struct rig *r) {
  struct agent *a = &r->agent;
  static const size_t octets[] = {0, 200, 484, 1000, 1472, 8000};
  a->max_octets = octets[roll(6)];
  a->too_big_for_bulk = chance(4);
  a->max_reps = chance(3) ? 1 + roll(12) : 0;
  a->max_varbinds = chance(3) ? 1 + roll(60) : 0;
  a->silent_reps = chance(8) ? 1 + roll(30) : 0;
  a->silent_varbinds = chance(12) ? 1 + roll(60) : 0;
  a->no_bulk = chance(16);
  a->missing_for_end = chance(8);
  a->exception_nameless = chance(8);
  a->omit_ended = chance(10);
  a->rotate = chance(10) ? 1 + roll(3) : 0;
  a->wrap_every = chance(16) ? 2 + roll(5) : 0;
  a->cut = chance(16) ? 1 + roll(60) : 0;
  if (a->rotate || a->omit_ended) { /* the first few varbinds out of place may tell a story without contradiction */
    a->max_varbinds = 0;
    a->max_octets = a->max_octets < 1000 ? 0 : a->max_octets;
    a->wrap_every = a->cut = 0;
  }
  r->rows_at_once = roll(3) * roll(20);
  r->read_ahead = chance(2);
  r->target.reply_max = chance(5) ? 484 : 1472;
}

static void one(uint64_t number) {
  static struct rig r;
  seed = number * 0x9e3779b97f4a7c15u + 1;
  struct rig_result res;
  struct shape s = {1 + roll(chance(3) ? 60 : 8), roll(chance(8) ? 200 : 30), chance(2) ? 0 : 2 + roll(8), 1 + roll(3), chance(4) ? 200 : 20};
  rig_init(&r, chance(4) ? MOON_V1 : MOON_V2C);
  const struct moon_name *columns = random_columns(&r, s.columns);
  fill(&r, columns, &s);
  limits(&r);
  agent_add(&r.agent, "1.3.6.1.2.1.1.3.0", MOON_TIME_TICKS, "\x01\x02", 2);
  const char *const heads[] = {"1.3.6.1.2.1.1.3.0", "1.3.6.1.4.1.1.7"};
  struct moon_walk_spec spec = {.columns = columns, .n_columns = (uint16_t)s.columns, .heads = rig_names(1, heads, 2),
                                .n_heads = (uint16_t)roll(3), .repetitions = (uint16_t)(chance(4) ? 1 + roll(40) : 0)};
  enum moon_err e = rig_walk(&r, &spec, &res);
  bool silent = r.agent.silent_reps || r.agent.silent_varbinds || r.agent.no_bulk;
  bool broken = r.agent.rotate || r.agent.wrap_every || r.agent.cut || r.agent.max_octets == 200;
  assert_true(e == MOON_OK || broken);
  assert_true(r.silences == 0 || silent);
  assert_true(r.silences <= 7);
  /* What was learned serves the next walk. */
  uint32_t silences = r.silences;
  if (e == MOON_OK && !broken) {
    assert_int_equal(rig_walk(&r, &spec, NULL), MOON_OK);
    assert_true(r.silences - silences <= 2);
  }
  rig_fini(&r);
}

static void random_tables_are_whole_and_right(void **state) {
  const char *only = getenv("CASE"), *cases = getenv("CASES");
  uint64_t first = only ? strtoull(only, NULL, 10) : 1, last = only ? first : cases ? strtoull(cases, NULL, 10) : CASES;
  (void)state;
  failmem_install();
  for (running = first; running <= last; running++) {
    one(running);
    assert_int_equal(failmem_alive(), 0);
  }
}

static int tell(void **state) {
  (void)state;
  print_message("last case: %llu\n", (unsigned long long)running);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(random_tables_are_whole_and_right, tell)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
