/* What is said of a reload, and to whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "main/reload.h"

static const struct moon_source sources[] = {{.name = "a", .path = "p/a.lua"}, {.name = "b", .path = "p/b.lua"}, {.name = "c", .path = "p/c.lua"}};
static const struct moon_plan_probe probes[] = {{.name = "a", .sources = &sources[0], .n_sources = 1},
                                                {.name = "b", .sources = &sources[1], .n_sources = 1},
                                                {.name = "c", .sources = &sources[2], .n_sources = 1}};
static const char *const warnings[] = {"p/b.lua:2: neither is this"};

static void says_of(const struct moon_reload *r, uint32_t number, const char *probe, const char *want) {
  struct moon_print out;
  moon_print_init(&out, NULL, NULL);
  moon_reload_answer(r, number, probe, &out);
  moon_print_put(&out, "", 1);
  assert_string_equal((const char *)out.p, want);
  moon_print_fini(&out);
}

static void says(const struct moon_reload *r, const char *probe, const char *want) { says_of(r, 1, probe, want); }

/* Two asked for one each, and all was read: each is told of his. */
static void of_whose_probe(void **unused) {
  struct moon_reload r = {.plan = {.probes = probes, .n_probes = 3, .broken = "p/a.lua:1: this is no Lua", .warnings = warnings, .n_warnings = 1},
                          .failed = true};
  (void)unused;
  snprintf(r.said, sizeof r.said, "p/a.lua:1: this is no Lua; targets: 1");
  says(&r, NULL, "wait");
  r.done = 1;
  says(&r, NULL, "error p/a.lua:1: this is no Lua; targets: 1");
  says(&r, "a", "error p/a.lua:1: this is no Lua; targets: 1");
  says(&r, "b", "error p/b.lua:2: neither is this");
  snprintf(r.said, sizeof r.said, "loading: no memory"); /* it broke later, of something else */
  says(&r, "b", "error loading: no memory");
  snprintf(r.said, sizeof r.said, "targets: 1");
  r.failed = false;
  says(&r, "b", "ok targets: 1");
  says(&r, "d", "error no probe named \"d\"; there are a, b, c");
}

/* One that follows at once takes nobody's answer: who asked for the one before looks for it a moment later. */
static void of_which_one(void **unused) {
  struct moon_reload r = {.plan = {.probes = probes, .n_probes = 3}};
  char text[16], want[32];
  (void)unused;
  r.begun = 1;
  moon_reload_refuse(&r, "first");
  says_of(&r, 1, NULL, "error first");
  says_of(&r, 2, NULL, "wait");
  r.begun = 4; /* of three who asked meanwhile */
  moon_reload_refuse(&r, "second");
  says_of(&r, 1, NULL, "error first");
  says_of(&r, 1, "a", "error first");
  for (uint32_t n = 2; n <= 4; n++) { says_of(&r, n, NULL, "error second"); }
  for (uint32_t n = 5; n < 5 + 3 * MOON_RELOAD_PAST; n++) {
    snprintf(text, sizeof text, "%u", (unsigned)n);
    r.begun = n;
    moon_reload_refuse(&r, text);
    for (uint32_t k = n < 5 + MOON_RELOAD_PAST ? 5 : n - MOON_RELOAD_PAST; k <= n; k++) {
      snprintf(want, sizeof want, "error %u", (unsigned)k);
      says_of(&r, k, NULL, want);
    }
    says_of(&r, n + 1, NULL, "wait");
  }
}

/* Of passwords that were changed nothing stays. */
static void the_first_credentials_go(void **unused) {
  static struct moon_credential credentials[2] = {{.name = "a", .community = "sesame"}, {.name = "b", .auth_key = {.octets = {1, 2, 3}, .len = 3}}};
  static const struct moon_credential none[2];
  const struct moon_plan start = {.credentials = credentials, .n_credentials = 2};
  struct moon_plan other = {.workers = 1};
  struct moon_reload r = {.start = &start};
  (void)unused;
  moon_reload_taken(&r); /* nothing else was read: they are in force */
  assert_memory_equal(credentials[0].community, "sesame", 6);
  r.block = &other;
  moon_reload_taken(&r);
  assert_memory_equal(credentials, none, sizeof none);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(of_whose_probe), cmocka_unit_test(of_which_one), cmocka_unit_test(the_first_credentials_go)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
