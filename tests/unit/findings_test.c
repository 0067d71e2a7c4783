/* What moonpoll check has to say: its order, and each thing once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../core/main/findings.h"
#include "failmem.h"

static int set_up(void **state) {
  (void)state;
  failmem_install();
  return 0;
}

static void printed(struct moon_findings *f, const char *want) {
  struct moon_print out;
  moon_print_init(&out, NULL, NULL);
  moon_findings_print(f, &out);
  moon_print_put(&out, "", 1);
  assert_false(out.failed);
  assert_string_equal((const char *)out.p, want);
  moon_print_fini(&out);
}

static void by_file_and_line(void **state) {
  (void)state;
  struct moon_findings f = {0};
  size_t alive = failmem_alive();
  printed(&f, "");
  moon_findings_add(&f, "b.lua", 12, MOON_FINDING_WARNING, "late %d", 1);
  moon_findings_add(&f, "a.lua", 7, MOON_FINDING_ERROR, "another file");
  moon_findings_add(&f, "b.lua", 3, MOON_FINDING_ERROR, "early");
  moon_findings_add(&f, "b.lua", 0, MOON_FINDING_WARNING, "no line\nno second line");
  moon_findings_add(&f, "b.lua", 3, MOON_FINDING_WARNING, "behind it");
  moon_findings_add(&f, "b.lua", 3, MOON_FINDING_ERROR, "early");
  assert_int_equal(f.errors, 2);
  assert_int_equal(f.warnings, 3);
  printed(&f, "b.lua: warning: no line\nb.lua:3: error: early\nb.lua:3: warning: behind it\nb.lua:12: warning: late 1\n"
              "a.lua:7: error: another file\n");
  assert_true(moon_findings_has(&f, "b.lua", "late"));
  assert_false(moon_findings_has(&f, "a.lua", "late"));
  assert_true(moon_findings_wrong(&f, "b.lua", 3));
  assert_false(moon_findings_wrong(&f, "b.lua", 12));
  assert_false(moon_findings_wrong(&f, "b.lua", 0));
  moon_findings_fini(&f);
  assert_int_equal(failmem_alive(), alive);
}

/* Lines others wrote. */
static void places(void **state) {
  (void)state;
  static const struct { const char *text, *want; } CASES[] = {
    {"p.lua:2: run is missing", "p.lua:2: error: run is missing\n"},
    {"lib/m.lua:31: 'x:y:1' is none", "lib/m.lua:31: error: 'x:y:1' is none\n"},
    {"p.lua: No such file or directory", "p.lua: error: No such file or directory\n"},
    {"c:d/p.lua:4: what", "c:d/p.lua:4: error: what\n"},
    {"no word of a place", "p.lua: error: no word of a place\n"},
    {"p.lua:4294967299999: what", "p.lua: error: p.lua:4294967299999: what\n"},
    {":", "p.lua: error: :\n"},
    {"", "p.lua: error: \n"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    struct moon_findings f = {0};
    moon_findings_add_line(&f, "p.lua", MOON_FINDING_ERROR, CASES[i].text);
    printed(&f, CASES[i].want);
    moon_findings_fini(&f);
  }
}

static void many_and_long(void **state) {
  (void)state;
  struct moon_findings f = {0};
  char text[5000];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = 0;
  for (uint32_t i = 1000; i > 0; i--) { moon_findings_add(&f, "p", i, MOON_FINDING_WARNING, "%s", text); }
  assert_int_equal(f.n, 1000);
  struct moon_print out;
  moon_print_init(&out, NULL, NULL);
  moon_findings_print(&f, &out);
  assert_memory_equal(out.p, "p:1: warning: xxx", 17);
  moon_print_fini(&out);
  moon_findings_fini(&f);
}

static void without_memory(void **state) {
  (void)state;
  size_t alive = failmem_alive();
  for (unsigned n = 1;; n++) {
    struct moon_findings f = {0};
    struct moon_print out;
    moon_print_init(&out, NULL, NULL);
    failmem_arm(n);
    moon_findings_add(&f, "p.lua", 1, MOON_FINDING_WARNING, "one");
    moon_findings_add_line(&f, "p.lua", MOON_FINDING_ERROR, "p.lua:2: two");
    moon_findings_print(&f, &out);
    bool reached = failmem_fired();
    failmem_disarm();
    assert_true(!reached || f.failed || out.failed);
    moon_print_fini(&out);
    moon_findings_fini(&f);
    assert_int_equal(failmem_alive(), alive);
    if (!reached) { break; }
    assert_true(n < 50);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(by_file_and_line), cmocka_unit_test(places), cmocka_unit_test(many_and_long),
                                     cmocka_unit_test(without_memory)};
  return cmocka_run_group_tests(tests, set_up, NULL);
}
