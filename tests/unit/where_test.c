/* Lines of what a file returns, and names nearly right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bind/load/where.h"

static void lines_of_paths(void **state) {
  (void)state;
  static const char TEXT[] =
    "local t = { a = 1 } -- return {\n"
    "--[[ return { a = 1 } ]]\n"
    "if t then\n  t.b = [==[\n ]] ]==] end\n"
    "return {\n"                                       /* 6 */
    "  a = { 1, 2,\n    { b = 'x,}' } },\n"            /* 7, 8 */
    "  ['q r'] = f(1, { 2 }),\n"
    "  c = function(x) for i = 1, 2 do while x do if x then y() end end end return { 1, 2 } end,\n"
    "  d = 1; e = a == b,\n"                           /* 11 */
    "  f = \"\\\"}\",\n  x == y,\n"                    /* 12, 13 */
    "  g = repeat_ and 1, h = {\n    i = {} },\n"      /* 14, 15 */
    "}\n";
  static const struct { const char *path; uint32_t line; } CASES[] = {
    {"a", 7}, {"a[2]", 7}, {"a[3]", 8}, {"a[3].b", 8}, {"a[3].b.c", 8}, {"a[4]", 7}, {"q r", 9}, {"c", 10}, {"d", 11}, {"e", 11},
    {"f", 12}, {"[1]", 13}, {"g", 14}, {"h.i", 15}, {"h.j", 14}, {"nothing", 6}, {"", 6}, {"aa", 6},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    assert_int_equal(moon_where_line(TEXT, sizeof TEXT - 1, CASES[i].path), CASES[i].line);
  }
  assert_int_equal(moon_where_line("x", 1, "a"), 0);
  for (size_t n = 0; n < sizeof TEXT; n++) { /* whatever is cut off, nothing is read behind it */
    char *copy = malloc(n ? n : 1);
    memcpy(copy, TEXT, n);
    (void)moon_where_line(copy, n, "h.i");
    free(copy);
  }
  static const char *const NAMES[] = {"timeout", "retries", "per_device", NULL};
  assert_string_equal(moon_where_nearest(NAMES, "retrys"), "retries");
  assert_string_equal(moon_where_nearest(NAMES, "perdevice"), "per_device");
  assert_null(moon_where_nearest(NAMES, "x"));
  assert_null(moon_where_nearest(NAMES, "community"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(lines_of_paths)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
