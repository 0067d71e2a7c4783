/* What a rollout must not lose: found again by the next master, however the one before ended, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "main/ledger.h"

static char dir[] = "/tmp/moonpoll-ledger-XXXXXX";
static char config[64];

static const struct moon_source source = {.name = "p", .path = "p.lua", .text = (const uint8_t *)"return {}", .len = 9};
static const struct moon_plan_job job = {.name = "", .every_s = 30, .timeout_s = 20};

static struct moon_plan_probe probe(const char *name, uint64_t version) {
  return (struct moon_plan_probe){.name = name, .version = version, .sources = &source, .jobs = &job, .n_sources = 1, .n_jobs = 1};
}

static struct moon_plan plan_of(const struct moon_plan_probe *p, uint32_t n) {
  struct moon_plan plan = {.probes = p, .n_probes = n, .workers = 2, .loop = "libev", .max_coroutines = 1, .max_in_flight = 1};
  moon_policy_init(&plan.policy);
  moon_steps_init(&plan.steps);
  return plan;
}

static void begin(struct moon_ledger *l, uint32_t workers) {
  struct moon_plan_probe p = probe("p", 1);
  struct moon_plan plan = plan_of(&p, 1);
  struct moon_load_options o = {.config = config};
  plan.workers = workers;
  plan.n_targets = 100;
  moon_ledger_init(l, dir, &o, &plan);
  assert_non_null(l->head);
}

static int make(void **state) {
  (void)state;
  FILE *f;
  if (!mkdtemp(dir)) { return 1; }
  snprintf(config, sizeof config, "%s/moon.lua", dir);
  f = fopen(config, "w");
  return f ? fclose(f) : 1;
}

static int drop(void **state) {
  (void)state;
  unlink(config);
  return rmdir(dir);
}

static void the_next_master_finds_it(void **state) {
  struct moon_ledger l;
  uint32_t n;
  (void)state;
  begin(&l, 2);
  assert_int_equal(l.head->state, MOON_ROLLOUT_NONE);
  struct moon_plan_probe p[] = {probe("p", 7), probe("q", 8)};
  struct moon_plan trial = plan_of(p, 2);
  moon_ledger_note(&l, &trial);
  l.head->state = MOON_ROLLOUT_GOING;
  l.head->percent = 15;
  struct moon_habit_place *habits = moon_ledger_habits(&l, 1, &n);
  assert_true(n >= 100);
  habits[n - 1].key = 5;
  habits[n - 1].habit.runs = 9;
  moon_ledger_witnesses(&l, 0, &n)[0] = (struct moon_witness){.serial = 3, .percent = 15, .here = 4, .tried = {.compared = 10}};
  moon_ledger_witnesses(&l, 1, &n)[0] = (struct moon_witness){.serial = 3, .percent = 5, .here = 4, .tried = {.compared = 10}};
  assert_true(n >= 2);
  assert_null(moon_ledger_habits(&l, 2, &n));
  moon_ledger_keep_code(&l, &trial);
  moon_ledger_fini(&l, true);

  begin(&l, 2);
  assert_int_equal(l.head->state, MOON_ROLLOUT_GOING);
  assert_int_equal(l.head->percent, 15);
  assert_true(moon_ledger_has(&l, &p[0]) && moon_ledger_has(&l, &p[1]));
  p[1].version = 9;
  assert_false(moon_ledger_has(&l, &p[1]));
  habits = moon_ledger_habits(&l, 1, &n);
  assert_int_equal(habits[n - 1].habit.runs, 9);
  struct moon_witness sum;
  moon_ledger_sum(&l, 0, 3, 15, &sum);
  assert_int_equal(sum.tried.compared, 20);
  assert_int_equal(sum.here, 4);
  struct moon_plan *code = moon_ledger_code(&l);
  assert_non_null(code);
  assert_int_equal(code->n_probes, 2);
  assert_string_equal(code->probes[1].name, "q");
  assert_memory_equal(code->probes[0].sources[0].text, "return {}", 9);
  moon_plan_free(code);
  moon_ledger_keep_code(&l, NULL);
  assert_null(moon_ledger_code(&l));
  moon_ledger_fini(&l, false);
  begin(&l, 2);
  assert_int_equal(l.head->state, MOON_ROLLOUT_NONE);
  moon_ledger_fini(&l, false);
}

/* A process of its own, as a master is: its exit status. */
static int elsewhere(int (*body)(void)) {
  int status;
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) { _exit(body()); }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* It has memory of its own. */
static int second(void) {
  struct moon_ledger l;
  begin(&l, 2);
  int fault = l.head->state != MOON_ROLLOUT_NONE || l.fd != -1;
  moon_ledger_sweep(dir);
  moon_ledger_fini(&l, false);
  return fault;
}

static void one_master_at_a_time(void **state) {
  struct moon_ledger a, b;
  (void)state;
  begin(&a, 2);
  assert_int_equal(elsewhere(second), 0);
  assert_int_equal(access(a.path, F_OK), 0);
  a.head->state = MOON_ROLLOUT_GOING;
  assert_int_equal(elsewhere(second), 0);
  moon_ledger_fini(&a, true);
  begin(&b, 3); /* shards are others */
  assert_int_equal(b.head->state, MOON_ROLLOUT_NONE);
  moon_ledger_fini(&b, false);
}

/* A master that is lost while a child of it, which has its files still, does not get to its own end yet. */
static int lost(void) {
  struct moon_ledger l;
  begin(&l, 2);
  l.head->state = MOON_ROLLOUT_GOING;
  if (fork() == 0) {
    sleep(1);
    _exit(0);
  }
  kill(getpid(), SIGKILL);
  return 0;
}

static void its_children_do_not_hold_it(void **state) {
  struct moon_ledger l;
  (void)state;
  assert_int_equal(elsewhere(lost), -1);
  begin(&l, 2);
  assert_int_equal(l.head->state, MOON_ROLLOUT_GOING);
  moon_ledger_fini(&l, false);
}

/* Files of a configuration that is a link, as those that Kubernetes mounts: where it leads is another place after each change. */
static void found_behind_another_link(void **state) {
  static const char *const as[] = {"%s/link", "%s/./sub/../link", "%s//link"};
  struct moon_ledger l;
  char name[64], link[64];
  (void)state;
  memcpy(name, config, sizeof name);
  snprintf(link, sizeof link, "%s/link", dir);
  for (size_t i = 0; i <= sizeof as / sizeof *as; i++) {
    assert_int_equal(symlink(i % 2 ? "moon.lua" : dir, link), 0);
    snprintf(config, sizeof config, as[i % 3], dir);
    begin(&l, 2);
    assert_int_equal(l.head->state, i ? MOON_ROLLOUT_GOING : MOON_ROLLOUT_NONE);
    l.head->state = MOON_ROLLOUT_GOING;
    moon_ledger_fini(&l, true);
    assert_int_equal(unlink(link), 0);
  }
  assert_int_equal(chdir(dir), 0);
  snprintf(config, sizeof config, "link");
  begin(&l, 2);
  assert_int_equal(l.head->state, MOON_ROLLOUT_GOING);
  moon_ledger_fini(&l, false);
  memcpy(config, name, sizeof name);
}

/* Of another configuration, whose master was killed. */
static void what_nobody_comes_back_for(void **state) {
  struct moon_ledger a, b;
  char path[128], code[160], name[64];
  (void)state;
  for (int going = 0; going < 2; going++) {
    begin(&a, 2);
    a.head->state = going ? MOON_ROLLOUT_GOING : MOON_ROLLOUT_DONE;
    struct moon_plan_probe p = probe("p", 7);
    struct moon_plan force = plan_of(&p, 1);
    moon_ledger_keep_code(&a, &force);
    snprintf(path, sizeof path, "%s", a.path);
    snprintf(code, sizeof code, "%s.code", a.path);
    moon_ledger_fini(&a, true);
    memcpy(name, config, sizeof name);
    snprintf(config, sizeof config, "%s", dir);
    begin(&b, 2);
    memcpy(config, name, sizeof name);
    assert_string_not_equal(b.path, path);
    assert_int_equal(access(path, F_OK), going ? 0 : -1);
    assert_int_equal(access(code, F_OK), going ? 0 : -1);
    assert_int_equal(access(b.path, F_OK), 0);
    moon_ledger_fini(&b, false);
  }
  assert_int_equal(unlink(path), 0);
  assert_int_equal(unlink(code), 0);
}

/* Cut off, or with an octet that is another. */
static void what_is_damaged_is_not_looked_at(void **state) {
  struct moon_ledger l;
  (void)state;
  for (long at = 0; at < 3; at++) {
    begin(&l, 2);
    l.head->state = MOON_ROLLOUT_GOING;
    struct moon_plan_probe p = probe("p", 7);
    struct moon_plan trial = plan_of(&p, 1);
    moon_ledger_keep_code(&l, &trial);
    char path[128], code[160];
    snprintf(path, sizeof path, "%s", l.path);
    snprintf(code, sizeof code, "%s.code", l.path);
    moon_ledger_fini(&l, true);
    assert_int_equal(truncate(code, 40), 0);
    if (at == 0) {
      assert_int_equal(truncate(path, 5000), 0);
    } else if (at == 1) {
      assert_int_equal(truncate(path, 0), 0);
    } else {
      FILE *f = fopen(path, "r+");
      assert_non_null(f);
      fseek(f, 8, SEEK_SET); /* of another build */
      fputc('x', f);
      fclose(f);
    }
    begin(&l, 2);
    assert_int_equal(l.head->state, MOON_ROLLOUT_NONE);
    assert_null(moon_ledger_code(&l));
    moon_ledger_fini(&l, false);
  }
}

static void what_is_refused(void **state) {
  struct moon_ledger l;
  struct moon_plan_probe p = probe("p", 7), q = probe("q", 7);
  (void)state;
  begin(&l, 2);
  moon_ledger_refuse(&l, "p", 7);
  moon_ledger_refuse(&l, "q", 1);
  assert_true(moon_ledger_refuses(&l, &p));
  assert_false(moon_ledger_refuses(&l, &q));
  assert_true(moon_ledger_refuses_some(&l, "q"));
  moon_ledger_refuse(&l, "p", 8);
  assert_false(moon_ledger_refuses(&l, &p));
  assert_int_equal(l.head->n_refused, 2);
  moon_ledger_refuse(&l, "p", 0);
  moon_ledger_refuse(&l, "x", 0);
  assert_int_equal(l.head->n_refused, 1);
  assert_true(moon_ledger_refuses_some(&l, "q"));
  moon_ledger_fini(&l, false);
}

/* No directory: all of it works, for as long as the process does. */
static void without_a_file(void **state) {
  struct moon_ledger l;
  struct moon_plan_probe p = probe("p", 1);
  struct moon_plan plan = plan_of(&p, 1);
  uint32_t n;
  (void)state;
  moon_ledger_init(&l, NULL, NULL, &plan);
  assert_non_null(l.head);
  assert_non_null(moon_ledger_habits(&l, 0, &n));
  moon_ledger_keep_code(&l, &plan);
  assert_null(moon_ledger_code(&l));
  moon_ledger_fini(&l, true);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_next_master_finds_it), cmocka_unit_test(one_master_at_a_time),
                                     cmocka_unit_test(its_children_do_not_hold_it), cmocka_unit_test(found_behind_another_link),
                                     cmocka_unit_test(what_is_damaged_is_not_looked_at), cmocka_unit_test(what_is_refused), cmocka_unit_test(what_nobody_comes_back_for),
                                     cmocka_unit_test(without_a_file)};
  return cmocka_run_group_tests(tests, make, drop);
}
