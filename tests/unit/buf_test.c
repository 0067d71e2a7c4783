/* The bounded writer and reader: exact fits, sticky errors. The ring beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/list.h"

static void writes_backwards(void **state) {
  uint8_t buf[8];
  struct moon_writer w;
  (void)state;
  moon_writer_init(&w, buf, sizeof buf);
  assert_int_equal(moon_writer_len(&w), 0);
  moon_writer_put(&w, "world", 5);
  moon_writer_put_u8(&w, 'o');
  moon_writer_put(&w, "hi", 2);
  assert_int_equal(w.err, MOON_OK);
  assert_int_equal(moon_writer_len(&w), 8);
  assert_memory_equal(w.p, "hioworld", 8);
  assert_ptr_equal(w.p, buf);
}

static void space_is_an_error_that_stays(void **state) {
  uint8_t buf[4] = {1, 2, 3, 4};
  struct moon_writer w;
  (void)state;
  moon_writer_init(&w, buf, sizeof buf);
  moon_writer_put(&w, "abc", 3);
  moon_writer_put(&w, "de", 2);
  assert_int_equal(w.err, MOON_E_SPACE);
  moon_writer_put_u8(&w, 'x'); /* would fit, but the message has a hole already */
  moon_writer_put(&w, "", 0);
  assert_int_equal(moon_writer_len(&w), 3);
  assert_int_equal(buf[0], 1);
  moon_writer_init(&w, buf, 0);
  moon_writer_put(&w, NULL, 0);
  assert_int_equal(w.err, MOON_OK);
  moon_writer_put_u8(&w, 'x');
  assert_int_equal(w.err, MOON_E_SPACE);
}

static void reads_octets_as_they_lie(void **state) {
  static const uint8_t buf[5] = {1, 2, 3, 4, 5};
  uint8_t out[4] = {9, 9, 9, 9};
  struct moon_reader r;
  (void)state;
  moon_reader_init(&r, buf, sizeof buf);
  moon_reader_get(&r, NULL, 0);
  moon_reader_get(&r, out, 3);
  assert_memory_equal(out, "\1\2\3\t", 4);
  assert_int_equal(moon_reader_left(&r), 2);
  moon_reader_get(&r, out, 3);
  assert_int_equal(r.err, MOON_E_SHORT);
  assert_memory_equal(out, "\0\0\0\t", 4);
  out[0] = 9;
  moon_reader_get(&r, out, 1); /* would fit, but octets are missing already */
  assert_int_equal(out[0], 0);
  moon_reader_init(&r, buf, sizeof buf);
  moon_reader_get(&r, out, 4);
  moon_reader_get(&r, out, 1);
  assert_int_equal(r.err, MOON_OK);
  assert_int_equal(out[0], 5);
}

static void the_first_error_wins(void **state) {
  uint8_t buf[4];
  struct moon_writer w;
  struct moon_reader r;
  (void)state;
  moon_writer_init(&w, buf, sizeof buf);
  moon_writer_fail(&w, MOON_E_LIMIT);
  moon_writer_put(&w, "abcdefgh", 8);
  moon_writer_put_u8(&w, 'x');
  assert_int_equal(w.err, MOON_E_LIMIT);
  moon_reader_init(&r, buf, sizeof buf);
  assert_int_equal(moon_reader_left(&r), 4);
  moon_reader_fail(&r, MOON_E_TAG);
  moon_reader_fail(&r, MOON_E_SHORT);
  assert_int_equal(r.err, MOON_E_TAG);
  assert_int_equal(moon_reader_left(&r), 0);
}

struct item { int value; struct moon_list node; };

static void ring(void **state) {
  struct moon_list l;
  struct item a = {1, {NULL, NULL}}, b = {2, {NULL, NULL}}, c = {3, {NULL, NULL}};
  (void)state;
  moon_list_init(&l);
  assert_true(moon_list_empty(&l));
  assert_null(moon_list_take(&l));
  moon_list_append(&l, &b.node);
  moon_list_append(&l, &c.node);
  moon_list_prepend(&l, &a.node);
  assert_int_equal(MOON_LIST_ENTRY(l.next, struct item, node)->value, 1);
  assert_int_equal(MOON_LIST_ENTRY(l.prev, struct item, node)->value, 3);
  moon_list_remove(&b.node);
  moon_list_remove(&b.node); /* harmless */
  assert_ptr_equal(moon_list_take(&l), &a.node);
  assert_ptr_equal(moon_list_take(&l), &c.node);
  assert_true(moon_list_empty(&l));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(writes_backwards),
    cmocka_unit_test(space_is_an_error_that_stays),
    cmocka_unit_test(reads_octets_as_they_lie),
    cmocka_unit_test(the_first_error_wins),
    cmocka_unit_test(ring),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
