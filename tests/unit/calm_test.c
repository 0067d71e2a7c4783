/* Lines of the log that many devices would have alike: how they are held, and told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/bind/task/calm.h"

#define SECOND UINT64_C(1000000)

struct said { int n; enum moon_level level; char last[512]; };
static void say(void *arg, enum moon_level level, const char *line) {
  struct said *s = arg;
  s->n++;
  s->level = level;
  snprintf(s->last, sizeof s->last, "%s", line);
}

static void one_line_for_a_site(void **state) {
  struct said said = {0};
  struct moon_calm c = {.say = say, .arg = &said};
  char device[32];
  int now = 0;
  (void)state;
  for (int i = 0; i < 4000; i++) {
    snprintf(device, sizeof device, "core%d", i);
    now += moon_calm_hold(&c, "rack", device, i % 4 ? MOON_E_TIMEOUT : MOON_E_REFUSED, "core: timeout", SECOND + (uint64_t)i * 500);
  }
  assert_int_equal(now, 1);
  assert_int_equal(moon_calm_look(&c, 4 * SECOND, false), SECOND + 3999 * 500 + MOON_CALM_US);
  assert_int_equal(said.n, 0);
  assert_int_equal(moon_calm_look(&c, 6 * SECOND, false), UINT64_MAX);
  assert_int_equal(said.n, 1);
  assert_non_null(strstr(said.last, "site rack: 4000 "));
  assert_non_null(strstr(said.last, "timeout 3000, refused 1000"));
  assert_non_null(strstr(said.last, "core0 the first"));
  moon_calm_fini(&c);
}

static void a_few_are_said_each(void **state) {
  struct said said = {0};
  struct moon_calm c = {.say = say, .arg = &said};
  (void)state;
  assert_true(moon_calm_hold(&c, "a", "x", MOON_E_TIMEOUT, "x", SECOND));
  assert_false(moon_calm_hold(&c, "a", "y", MOON_E_TIMEOUT, "y", SECOND));
  assert_true(moon_calm_hold(&c, "b", "z", MOON_E_TIMEOUT, "z", SECOND));
  assert_true(moon_calm_hold(&c, "", "w", MOON_E_TIMEOUT, "w", SECOND));
  moon_calm_look(&c, SECOND, true);
  assert_int_equal(said.n, 1);
  assert_string_equal(said.last, "y");
  moon_calm_hold(&c, "a", "y", MOON_E_TIMEOUT, "y", SECOND);
  moon_calm_hold(&c, "a", "y", MOON_E_TIMEOUT, "y", SECOND);
  moon_calm_fini(&c);
}

static const char mistake[] = "p.lua:12: no row 7\nstack traceback:\n\tp.lua:12: in function <p.lua:9>";

static bool flaw(struct moon_calm *c, int device, bool fresh, uint64_t now_us) {
  char name[32], line[256];
  snprintf(name, sizeof name, "core%d", device);
  snprintf(line, sizeof line, "p: %s: %s", name, mistake);
  return moon_calm_flaw(c, 77, "p", mistake, name, line, fresh, now_us);
}

/* All devices; some of them only come to it later. */
static void one_line_for_a_mistake(void **state) {
  struct said said = {0};
  struct moon_calm c = {.say = say, .arg = &said};
  int now = 0;
  (void)state;
  for (int i = 0; i < 4000; i++) { now += flaw(&c, i, true, SECOND + (uint64_t)i * 500); }
  assert_int_equal(now, 1);
  assert_int_equal(moon_calm_look(&c, 4 * SECOND, false), SECOND + 3999 * 500 + MOON_CALM_US);
  assert_int_equal(said.n, 0);
  assert_int_equal(moon_calm_look(&c, 6 * SECOND, false), 66 * SECOND);
  assert_int_equal(said.n, 1);
  assert_int_equal(said.level, MOON_LOG_ERROR);
  assert_string_equal(said.last, "p: p.lua:12: no row 7: the same on 3999 more devices within 2 s, core0 the first");
  for (int i = 0; i < 100; i++) { assert_false(flaw(&c, 4000 + i, true, (7 + (uint64_t)i / 4) * SECOND)); }
  assert_int_equal(moon_calm_look(&c, 65 * SECOND, false), 66 * SECOND);
  assert_int_equal(said.n, 1);
  assert_int_equal(moon_calm_look(&c, 66 * SECOND, false), 126 * SECOND);
  assert_string_equal(said.last, "p: p.lua:12: no row 7: the same on 100 more devices within 26 s, core0 the first");
  for (int i = 0; i < 3; i++) { assert_false(flaw(&c, 1, false, (70 + (uint64_t)i) * SECOND)); }
  assert_int_equal(moon_calm_look(&c, 126 * SECOND, false), 186 * SECOND);
  assert_string_equal(said.last, "p: p.lua:12: no row 7: the same again in 3 runs within 7 s, core0 the first");
  assert_int_equal(said.n, 3);
  assert_int_equal(moon_calm_look(&c, 186 * SECOND, false), UINT64_MAX); /* a quiet minute, and it is news again */
  assert_int_equal(said.n, 3);
  assert_true(flaw(&c, 1, false, 187 * SECOND));
  moon_calm_fini(&c);
}

/* As many as are said by themselves in a minute, one after the other; then they are counted. */
static void a_few_mistakes_are_said_each(void **state) {
  struct said said = {0};
  struct moon_calm c = {.say = say, .arg = &said};
  uint64_t now_us = SECOND;
  (void)state;
  assert_true(flaw(&c, 0, true, now_us));
  assert_true(flaw(&c, 0, false, now_us)); /* well meanwhile, */
  assert_true(flaw(&c, 0, true, now_us));  /* or made another one: it is the only one all the same */
  for (int i = 1; i <= 6; i++) {
    now_us += 5 * SECOND;
    assert_false(flaw(&c, i, true, now_us));
    assert_int_equal(moon_calm_look(&c, now_us + 1, false), i < 6 ? now_us + MOON_CALM_US : now_us - 3 * SECOND + 60 * SECOND);
    moon_calm_look(&c, now_us + MOON_CALM_US, false);
    assert_int_equal(said.n, i < 6 ? i : 5);
    assert_int_equal(strstr(said.last, "traceback") != NULL, i <= (int)MOON_CALM_LINES);
  }
  assert_string_equal(said.last, "p: p.lua:12: no row 7: the same on 1 more device within 1 s, core0 the first");
  assert_int_equal(moon_calm_look(&c, now_us, true), UINT64_MAX); /* the end */
  assert_int_equal(said.n, 6);
  moon_calm_fini(&c);
}

static void more_mistakes_than_are_held(void **state) {
  struct said said = {0};
  struct moon_calm c = {.say = say, .arg = &said};
  (void)state;
  for (uint64_t k = 1; k <= MOON_CALM_FLAWS + 1; k++) { assert_true(moon_calm_flaw(&c, k, "p", "x", "d", "p: d: x", true, SECOND)); }
  assert_false(moon_calm_flaw(&c, 1, "p", "x", "e", "p: e: x", true, SECOND));
  assert_true(moon_calm_flaw(&c, MOON_CALM_FLAWS + 1, "p", "x", "e", "p: e: x", true, SECOND));
  moon_calm_fini(&c);
}

static void what_is_the_same_mistake(void **state) {
  static const struct { const char *a, *b; bool same; } cases[] = {
    {"p.lua:12: no row 7", "p.lua:12: no row 1234", true}, {"p.lua:12: no row 7", "p.lua:13: no row 7", false},
    {"p.lua:12: no row 7", "p.lua:12: no row", false},     {"p.lua:12: no row of a", "p.lua:12: no row of b-2", true},
    {"p.lua:12: a-", "p.lua:12: b-2-", true},              {"p.lua:12: nota a", "p.lua:12: notb-2 b-2", false},
    {"p.lua:12: x\n\tp.lua:4: in", "p.lua:12: x\n\tp.lua:5: in", false}, {"p.lua:12: odd A", "p.lua:12: odd B", false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint64_t a = moon_calm_key(5, cases[i].a, "a"), b = moon_calm_key(5, cases[i].b, "b-2");
    if ((a == b) != cases[i].same) { fail_msg("%s, %s", cases[i].a, cases[i].b); }
    assert_true(a != moon_calm_key(6, cases[i].a, "a")); /* of another version */
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_line_for_a_site),          cmocka_unit_test(a_few_are_said_each),        cmocka_unit_test(one_line_for_a_mistake),
    cmocka_unit_test(a_few_mistakes_are_said_each), cmocka_unit_test(more_mistakes_than_are_held), cmocka_unit_test(what_is_the_same_mistake)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
