/* Replies whose varbinds are not where they belong, made by hand: what tells them from honest ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "walk_rig.h"

static const char *const columns[] = {"1.3.6.1.4.1.9.1", "1.3.6.1.4.1.9.2", "1.3.6.1.4.1.9.3", "1.3.6.1.4.1.9.4"};

static int begin(void **state) { return walk_begin(state, MOON_V2C, 0); }

/* Names under 1.3.6.1.4.1.9, blank-separated; "end:NAME" is endOfMibView. */
static size_t write_list(const char *list, uint8_t *out, size_t cap, const uint8_t **at) {
  struct moon_varbind vb[64];
  static uint8_t names[64][32];
  size_t n = 0;
  while (*list) {
    char text[64];
    bool over = strncmp(list, "end:", 4) == 0;
    list += over ? 4 : 0;
    size_t len = strcspn(list, " "), oid_len;
    snprintf(text, sizeof text, "1.3.6.1.4.1.9.%.*s", (int)len, list);
    assert_int_equal(moon_oid_parse(text, strlen(text), names[n], 32, &oid_len), MOON_OK);
    vb[n] = (struct moon_varbind){names[n], (const uint8_t *)"\x01", over ? 0 : 1, (uint16_t)oid_len, over ? MOON_END_OF_MIB_VIEW : MOON_INTEGER};
    n++;
    list += len + (list[len] == ' ');
  }
  struct moon_writer w;
  moon_writer_init(&w, out, cap);
  while (n-- > 0) {
    moon_varbind_put(&w, &vb[n]);
  }
  *at = w.p;
  return moon_writer_len(&w);
}

struct taken { bool credible; uint32_t rows; };

/* The first reply of a walk of n columns; rows that are ready after it. */
static struct taken take(uint16_t n, uint16_t reps, const char *list) {
  struct moon_walk_spec spec = {.columns = rig_names(0, columns, n), .n_columns = n, .repetitions = reps};
  const struct moon_request *request;
  struct moon_outcome o = {.received_us = 1};
  struct moon_row row;
  struct taken t = {true, 0};
  uint8_t buf[2048];
  enum moon_err e;
  struct moon_walk *w = moon_walk_new(&rig.target, &spec, &e);
  assert_true(moon_walk_next(w, 1, &request));
  assert_int_equal(request->max_repetitions, reps);
  assert_int_equal(request->n_varbinds, n);
  rig.target.quirks = 0;
  o.pdu.varbinds_len = write_list(list, buf, sizeof buf, &o.pdu.varbinds);
  moon_walk_feed(w, &o);
  t.credible = !(rig.target.quirks & MOON_QUIRK_WRONG_ORDER);
  while (moon_walk_row(w, &row)) {
    t.rows++;
  }
  if (!t.credible) {
    assert_int_equal(t.rows, 0);
    assert_true(moon_walk_next(w, 1, &request));
    assert_int_equal(request->n_varbinds, 1); /* one column at a time from now on */
  }
  moon_walk_free(w);
  return t;
}

static void honest_replies_are_believed(void **state) {
  (void)state;
  assert_int_equal(take(2, 2, "1.1 2.1 1.2 2.2").rows, 2);
  assert_int_equal(take(2, 2, "1.1 2.1 2.1 3.1").rows, 1);       /* both end after one row */
  assert_int_equal(take(2, 3, "2.1 2.1 2.2 2.2 3.1 3.1").rows, 2); /* the first is empty and runs through the second */
  assert_int_equal(take(3, 1, "3.5 3.5 3.5").rows, 1);
  assert_int_equal(take(2, 1, "end:1 end:2").rows, 0);
  assert_int_equal(take(3, 2, "1.1 2.1 3.1 1.2").rows, 1);       /* cut in the middle of a row */
  assert_int_equal(take(2, 2, "2.9 2.9 3.1 3.1").rows, 1);
  static const char *const honest[] = {"1.1 2.1 1.2 2.2", "1.1 2.1 2.1 3.1", "end:1 end:2", "2.1 2.1 2.2 2.2"};
  for (size_t i = 0; i < 4; i++) {
    assert_true(take(2, 2, honest[i]).credible);
  }
}

static void places_that_contradict_each_other_are_not(void **state) {
  static const struct { uint16_t n, reps; const char *list; } lies[] = {
    {2, 1, "2.1 1.1"},                 /* turned round */
    {3, 1, "2.1 3.1 1.1"},
    {4, 1, "3.1 4.1"},                 /* turned and cut: 3.1 lies between the second's cursor and what follows it */
    {2, 2, "2.1 2.1 2.2 3.1"},         /* the second is said to be over after 2.1, while the first runs into 2.2 */
    {2, 2, "2.1 2.1 2.2 2.3"},         /* left out after its end: the second's places pass over 2.2 */
    {2, 2, "1.1 2.1 2.2 2.3"},
    {2, 1, "end:1 2.1"},               /* the end of the MIB before something */
    {2, 1, "end:2 end:1"},
    {2, 2, "1.1 2.1 1.2 2.1"},         /* does not increase: whose it is is found out singly */
    {2, 1, "9.1 2.1"},                 /* 2.1 lies before what is said to follow the first */
    {2, 1, "2.1 3.1"},                 /* the second is over before 2.1 */
  };
  (void)state;
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    if (take(lies[i].n, lies[i].reps, lies[i].list).credible) {
      fail_msg("\"%s\" was believed", lies[i].list);
    }
  }
}

static void more_than_was_asked_is_not_read(void **state) {
  (void)state;
  assert_int_equal(take(2, 1, "1.1 2.1 1.2 2.2 1.3 2.3").rows, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, walk_end)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(honest_replies_are_believed),
    TEST(places_that_contradict_each_other_are_not),
    TEST(more_than_was_asked_is_not_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
