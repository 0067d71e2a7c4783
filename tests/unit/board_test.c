/* What master and workers tell each other of new versions: core/main/board.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <string.h>

#include "main/board.h"

static bool rings(const struct moon_board *b) { return poll(&(struct pollfd){.fd = b->bell_fd, .events = POLLIN}, 1, 0) == 1; }

static void an_answer_is_to_one_number(void **state) {
  struct moon_board b;
  char said[MOON_BOARD_ERROR] = "as it was";
  (void)state;
  assert_int_equal(moon_board_init(&b, 3), MOON_OK);
  assert_false(moon_board_answer(&b, 1, 7, said));
  assert_string_equal(said, "as it was");
  assert_false(rings(&b));
  moon_board_say(&b, 1, 7, NULL);
  moon_board_say(&b, 2, 7, "p.lua:3: no");
  assert_true(rings(&b));
  moon_board_heard(&b);
  assert_false(rings(&b));
  assert_true(moon_board_answer(&b, 1, 7, said));
  assert_string_equal(said, "");
  assert_true(moon_board_answer(&b, 2, 7, said));
  assert_string_equal(said, "p.lua:3: no");
  assert_false(moon_board_answer(&b, 0, 7, said));
  assert_false(moon_board_answer(&b, 2, 8, said)); /* what was said of the one before is nothing to it */
  assert_string_equal(said, "p.lua:3: no");
  moon_board_say(&b, 2, 8, NULL);
  assert_true(moon_board_answer(&b, 2, 8, said));
  assert_string_equal(said, "");
  moon_board_fini(&b);
}

static void what_is_long_is_cut(void **state) {
  struct moon_board b;
  char text[2 * MOON_BOARD_ERROR], said[MOON_BOARD_ERROR];
  (void)state;
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = 0;
  assert_int_equal(moon_board_init(&b, 2), MOON_OK);
  moon_board_say(&b, 0, 1, text);
  assert_true(moon_board_answer(&b, 0, 1, said));
  assert_int_equal(strlen(said), MOON_BOARD_ERROR - 1);
  assert_false(moon_board_answer(&b, 1, 1, said)); /* its neighbour's seat is as it was */
  moon_board_fini(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(an_answer_is_to_one_number), cmocka_unit_test(what_is_long_is_cut)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
