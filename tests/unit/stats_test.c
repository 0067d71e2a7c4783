/* Counters of many workers: sums, what dead ones leave, balances; and which worker has which target. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/main/shard.h"
#include "../../core/main/stats.h"

static void live(struct moon_stats *s, uint32_t slot, uint64_t answered, uint64_t timeouts, uint64_t in_flight) {
  struct moon_counters *c = &s->blocks[slot].live;
  c->requests = answered + timeouts + in_flight;
  c->answered = answered;
  c->error[MOON_E_TIMEOUT] = timeouts;
  c->in_flight = in_flight;
  c->datagrams_in = answered + 3;
  c->matched = answered;
  c->late = 1;
  c->duplicate = 1;
  c->malformed = 1;
  c->turns = 5;
  s->blocks[slot].runs.runs_started = 10;
  s->blocks[slot].runs.runs_active = 4;
  s->blocks[slot].runs.runs_ok = 6;
  s->blocks[slot].run_error[MOON_OK] = 6;
}

static void sums_and_deaths(void **state) {
  struct moon_stats s;
  struct moon_stats_sum sum;
  (void)state;
  assert_int_equal(moon_stats_init(&s, NULL, 3), MOON_OK);
  live(&s, 0, 100, 5, 7);
  live(&s, 1, 200, 6, 8);
  s.blocks[0].pid = 1;
  moon_stats_read(&s, &sum);
  assert_true(sum.requests_balance && sum.datagrams_balance);
  assert_int_equal(sum.counters.requests, 326);
  assert_int_equal(sum.counters.error[MOON_E_TIMEOUT], 11);
  assert_int_equal(sum.counters.in_flight, 15);
  assert_int_equal(sum.runs.runs_active, 8);
  assert_int_equal(sum.workers, 1);

  moon_stats_bury(&s, 0, true);
  moon_stats_read(&s, &sum);
  assert_true(sum.requests_balance && sum.datagrams_balance);
  assert_int_equal(sum.counters.requests, 326);
  assert_int_equal(sum.counters.in_flight, 8);
  assert_int_equal(sum.lost_requests, 7);
  assert_int_equal(sum.lost_runs, 4);
  assert_int_equal(sum.runs.runs_active, 4);
  assert_int_equal(sum.runs.runs_started, 20);
  assert_int_equal(sum.workers_lost, 1);
  assert_int_equal(sum.workers, 0);

  /* The successor counts from nothing, and its run codes go on. */
  assert_int_equal(s.blocks[0].live.requests, 0);
  live(&s, 0, 1, 0, 0);
  moon_stats_read(&s, &sum);
  assert_int_equal(sum.counters.answered, 301);

  /* Killed between two stores: what is missing on either side never breaks the balance. */
  s.blocks[0].live.requests = 3; /* two without a verdict that were not yet in_flight */
  moon_stats_bury(&s, 0, true);
  live(&s, 0, 1, 0, 0);
  s.blocks[0].live.requests = 0; /* answered before it was asked */
  s.blocks[0].live.datagrams_in = 0;
  moon_stats_bury(&s, 0, false);
  moon_stats_read(&s, &sum);
  assert_true(sum.requests_balance && sum.datagrams_balance);
  assert_int_equal(sum.workers_lost, 2);
  assert_int_equal(sum.lost_requests, 9);

  /* A count nobody can explain is told as such. */
  s.blocks[2].live.requests = 1;
  moon_stats_read(&s, &sum);
  assert_false(sum.requests_balance);
  assert_true(sum.datagrams_balance);
  moon_stats_fini(&s);
}

static void as_json(void **state) {
  struct moon_stats s;
  struct moon_stats_sum sum;
  struct moon_print out;
  (void)state;
  assert_int_equal(moon_stats_init(&s, NULL, 2), MOON_OK);
  live(&s, 0, 100, 5, 7);
  s.blocks[1].run_error[MOON_E_PUBLIC_N] = 3;
  moon_stats_read(&s, &sum);
  moon_print_init(&out, NULL, NULL);
  moon_stats_json(&s, &sum, 1.5, 0.25, &out);
  moon_print_put(&out, "", 1);
  const char *j = (const char *)out.p;
  static const char *const parts[] = {"\"seconds\":1.500", "\"cpu_seconds\":0.250000", "\"counters\":{\"requests\":112,\"answered\":100,\"in_flight\":7,",
    "\"errors\":{\"timeout\":5,", "\"runs\":{\"runs_started\":10,", "\"run_errors\":{\"ok\":6,\"timeout\":0,", "\"script\":3}",
    "\"balances\":{\"requests\":true,\"datagrams\":true}", "\"histograms\":{\"rtt\":{\"n\":0,", "\"workers\":[{\"pid\":0,"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (!strstr(j, parts[i])) { fail_msg("%s lacks %s", j, parts[i]); }
  }
  for (int depth = 0; *j; j++) {
    depth += (*j == '{' || *j == '[') - (*j == '}' || *j == ']');
    assert_true(depth > 0 || j[1] == 0);
    assert_true(*j != '\n');
  }
  out.n = 0;
  moon_stats_summary(&s, &sum, 1.5, &out);
  moon_print_put(&out, "", 1);
  assert_non_null(strstr((char *)out.p, "9 runs: 6 ok, 3 failed (script 3)"));
  moon_print_fini(&out);
  moon_stats_fini(&s);
}

static void the_file_is_shared_and_private(void **state) {
  char path[] = "/tmp/moon-stats-XXXXXX";
  struct moon_stats s;
  struct stat st;
  (void)state;
  close(mkstemp(path));
  assert_int_equal(moon_stats_init(&s, path, 1), MOON_E_CONFIG); /* never over what is there */
  unlink(path);
  assert_int_equal(moon_stats_init(&s, path, 1), MOON_OK);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_int_equal(st.st_size, s.head->size);
  s.blocks[0].live.requests = 77;
  FILE *f = fopen(path, "rb");
  static char image[65536];
  size_t n = fread(image, 1, sizeof image, f);
  fclose(f);
  struct moon_counters c;
  assert_int_equal(n, s.head->size);
  memcpy(&c, image + ((char *)&s.blocks[0].live - (char *)s.head), sizeof c);
  assert_int_equal(c.requests, 77);
  moon_stats_fini(&s);
  unlink(path);
}

#define TARGETS 1000
static void shards_cover_all_and_move_little(void **state) {
  static struct moon_plan_target targets[TARGETS];
  static char names[TARGETS][16];
  struct moon_plan plan = {.targets = targets, .n_targets = TARGETS};
  uint32_t *list, n, seen[TARGETS] = {0}, moved = 0;
  (void)state;
  for (uint32_t i = 0; i < TARGETS; i++) {
    snprintf(names[i], sizeof names[i], "10.0.%u.%u", i / 250, i % 250);
    targets[i].name = names[i];
  }
  for (uint32_t slot = 0; slot < 4; slot++) {
    assert_int_equal(moon_shard_pick(&plan, slot, 4, &list, &n), MOON_OK);
    assert_true(n > TARGETS / 4 - 60 && n < TARGETS / 4 + 60);
    for (uint32_t i = 0; i < n; i++) { seen[list[i]]++; }
    moon_mem_free(list);
  }
  for (uint32_t i = 0; i < TARGETS; i++) {
    assert_int_equal(seen[i], 1);
    uint32_t four = moon_shard_slot(names[i], 4), five = moon_shard_slot(names[i], 5);
    if (four != five) {
      assert_int_equal(five, 4); /* only towards the new one */
      moved++;
    }
    assert_int_equal(moon_shard_slot(names[i], 1), 0);
  }
  assert_true(moved > TARGETS / 5 - 60 && moved < TARGETS / 5 + 60);
  assert_int_equal(moon_shard_pick(&plan, 0, 1, &list, &n), MOON_OK);
  assert_int_equal(n, TARGETS);
  moon_mem_free(list);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sums_and_deaths), cmocka_unit_test(as_json),
                                     cmocka_unit_test(the_file_is_shared_and_private), cmocka_unit_test(shards_cover_all_and_move_little)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
