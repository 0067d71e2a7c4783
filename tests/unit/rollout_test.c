/* A rollout from step to step, on witnesses that the test writes: a master without children. Lost between any two of its stores, it is
 * followed by one that runs nothing everywhere that was not so before. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "bind/task/pulse.h"
#include "main/crew.h"
#include "main/inner.h"
#include "main/log.h"

#define N 400
#define EVERY (30 * MOON_SECOND_US)
#define LIVES 60 /* or $MOON_LIVES */

static char dir[] = "/tmp/moonpoll-rollout-XXXXXX";
static char config[64];
static struct moon_plan_target targets[N];
static char names[N][16];
static const struct moon_source source = {.name = "p", .path = "p.lua", .text = (const uint8_t *)"return {}", .len = 9};
static const struct moon_plan_job job = {.name = "", .every_s = 30, .timeout_s = 20};
static const struct moon_credential credential = {.name = "a"};
static const uint16_t credentials[] = {0};

struct rig {
  struct moon_master_config config;
  struct moon_plan_probe probes[2];
  struct moon_plan plan;       /* of the start */
  struct moon_child workers[1];
  struct moon_master m;
};

static struct moon_plan_probe probe(const char *name, uint64_t version) {
  return (struct moon_plan_probe){.name = name, .version = version, .sources = &source, .jobs = &job, .n_sources = 1, .n_jobs = 1};
}

static struct moon_options options; /* of all masters */

/* A master whose files say these versions of p and q. base NULL: nothing of it is kept. */
static void begin(struct rig *r, uint64_t p, uint64_t q, uint32_t n_targets, const char *base) {
  memset(r, 0, sizeof *r);
  r->probes[0] = probe("p", p);
  r->probes[1] = probe("q", q);
  r->plan = (struct moon_plan){.probes = r->probes, .n_probes = 2, .targets = targets, .n_targets = n_targets, .credentials = &credential,
                               .n_credentials = 1, .workers = 1, .loop = "libev", .max_coroutines = 1, .max_in_flight = 1};
  moon_policy_init(&r->plan.policy);
  moon_steps_init(&r->plan.steps);
  options.load.config = config;
  r->config = (struct moon_master_config){.plan = &r->plan, .options = &options, .stats_fd = -1};
  r->m = (struct moon_master){.c = &r->config, .workers = r->workers, .signal_fd = -1, .data_fd = -1};
  r->m.rollout.ledger.fd = r->m.turnover.file_fd = -1;
  r->workers[0].order_fd = -1;
  moon_reload_init(&r->m.reload, NULL, &r->plan, 0);
  r->m.reload.able = base != NULL;
  r->m.plan = &r->m.reload.plan;
  assert_int_equal(moon_stats_init(&r->m.stats, NULL, 1), MOON_OK);
  assert_int_equal(moon_turnover_init(&r->m.turnover, 1), MOON_OK);
  moon_rollout_init(&r->m, base);
  assert_non_null(r->m.rollout.ledger.head);
}

static void end(struct rig *r) {
  moon_rollout_fini(&r->m);
  moon_turnover_fini(&r->m.turnover);
  moon_stats_fini(&r->m.stats);
  moon_reload_fini(&r->m.reload);
}

/* As kill -9 leaves it. */
static void lose(struct rig *r) {
  moon_ledger_fini(&r->m.rollout.ledger, true);
  end(r);
}

/* These versions are prepared. */
static void prepare(struct rig *r, uint64_t p, uint64_t q, bool now) {
  struct moon_plan_probe probes[2] = {probe("p", p), probe("q", q)};
  struct moon_plan fresh = *r->m.plan;
  uint32_t code[2], n = 0;
  fresh.probes = probes;
  if (p != r->m.plan->probes[0].version) { code[n++] = 0; }
  if (q != r->m.plan->probes[1].version) { code[n++] = 1; }
  struct moon_change c = {.was = r->m.plan, .now = &fresh, .code = code, .n_code = n};
  r->m.turnover.preparing = ++r->m.turnover.last_serial;
  assert_int_equal(moon_turnover_try(&r->m, &c, 0), MOON_OK);
  moon_rollout_begin(&r->m, now);
}

/* So many devices had two good runs each in this step. */
static struct moon_witness *see(struct rig *r, uint32_t place, uint32_t n) {
  uint32_t of;
  struct moon_witness *w = &moon_ledger_witnesses(&r->m.rollout.ledger, 0, &of)[place];
  moon_witness_open(w, r->m.turnover.serial, r->m.turnover.percent);
  w->first = w->second = n;
  w->here = 2 * n;
  w->tried.compared = w->tried.asked = 2 * n;
  w->tried.devices = n;
  w->tried.past = 16 * n;
  return w;
}

/* So long after the step began. */
static uint64_t tick(struct rig *r, uint64_t after_us) {
  r->m.rollout.next_us = 0;
  return moon_rollout_tick(&r->m, r->m.rollout.since_us + after_us);
}

static uint32_t state(const struct rig *r) { return r->m.rollout.ledger.head->state; }
static const char *verdict(const struct rig *r) { return r->m.rollout.ledger.head->verdict; }
static uint64_t version(const struct rig *r, int place) { return r->m.plan->probes[place].version; }
static uint64_t word(const struct rig *r, int place) { return r->m.turnover.board.shares[place]; }

static void few_targets_at_once(void **unused) {
  struct rig r;
  (void)unused;
  begin(&r, 1, 2, 100, NULL);
  prepare(&r, 7, 2, false);
  assert_int_equal(state(&r), MOON_ROLLOUT_DONE);
  assert_int_equal(version(&r, 0), 7);
  assert_int_equal(moon_share_percent(word(&r, 0)), MOON_SHARE_FINAL);
  assert_int_equal(word(&r, 1), 0);
  end(&r);
  begin(&r, 1, 2, N, NULL);
  prepare(&r, 7, 2, true);
  assert_int_equal(state(&r), MOON_ROLLOUT_DONE);
  end(&r);
}

static void from_step_to_step(void **unused) {
  static const uint8_t steps[] = {5, 15, 30, 50, 100};
  struct rig r;
  (void)unused;
  begin(&r, 1, 2, N, NULL);
  prepare(&r, 7, 8, false);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(state(&r), MOON_ROLLOUT_GOING);
    assert_int_equal(moon_share_percent(word(&r, 0)), steps[i]);
    assert_int_equal(word(&r, 0), word(&r, 1));
    see(&r, 0, 20);
    uint64_t next = tick(&r, 2 * EVERY);
    assert_int_equal(next, r.m.rollout.next_us);
    assert_int_equal(moon_share_percent(word(&r, 0)), steps[i]); /* q is not seen yet */
    assert_int_equal(version(&r, 0), 1);
    see(&r, 1, 20);
    tick(&r, 2 * EVERY - 1);
    assert_int_equal(moon_share_percent(word(&r, 0)), steps[i]); /* and it is too early */
    tick(&r, 2 * EVERY);
  }
  assert_int_equal(state(&r), MOON_ROLLOUT_DONE);
  assert_int_equal(version(&r, 0), 7);
  assert_int_equal(version(&r, 1), 8);
  assert_int_equal(moon_share_percent(word(&r, 0)), MOON_SHARE_FINAL);
  assert_int_equal(tick(&r, EVERY), UINT64_MAX);
  end(&r);
}

/* Commands, and what is not tried again. */
static void back(void **unused) {
  struct rig r;
  struct moon_print out;
  (void)unused;
  begin(&r, 1, 2, N, NULL);
  prepare(&r, 7, 8, false);
  see(&r, 0, 20);
  struct moon_witness *w = see(&r, 1, 20);
  w->tried.failed = 40;
  tick(&r, EVERY / 2);
  assert_int_equal(state(&r), MOON_ROLLOUT_BACK);
  assert_memory_equal(verdict(&r), "failures: 100 % of 40 runs", 26);
  assert_int_equal(version(&r, 1), 2);
  assert_int_equal(word(&r, 0), 0);
  assert_int_equal(word(&r, 1), 0);
  assert_null(r.m.turnover.trial);
  /* q's next version is tried; p is as refused as before. */
  assert_true(moon_ledger_refuses(&r.m.rollout.ledger, &(struct moon_plan_probe){.name = "p", .version = 7}));
  prepare(&r, 1, 9, false);
  assert_false(moon_ledger_refuses_some(&r.m.rollout.ledger, "q"));
  assert_true(moon_ledger_refuses_some(&r.m.rollout.ledger, "p"));
  moon_print_init(&out, NULL, NULL);
  moon_rollout_command(&r.m, "promote p", &out);
  assert_memory_equal(out.p, "error p is not on trial, but: q 0000000000000009", 48);
  out.n = 0;
  moon_rollout_command(&r.m, "rollback", &out);
  assert_memory_equal(out.p, "ok rolled back: q", 17);
  assert_int_equal(state(&r), MOON_ROLLOUT_BACK);
  prepare(&r, 1, 10, false);
  out.n = 0;
  moon_rollout_command(&r.m, "promote q", &out);
  assert_memory_equal(out.p, "ok in force", 11);
  assert_int_equal(version(&r, 1), 10);
  moon_print_fini(&out);
  end(&r);
}

static void a_lost_worker(void **unused) {
  struct rig r;
  (void)unused;
  begin(&r, 1, 2, N, NULL);
  prepare(&r, 7, 2, false);
  struct moon_pulse *p = &r.m.stats.blocks[0].pulse;
  uint32_t in = 0, out = 0;
  while (!moon_share_has(moon_pulse_pair("p", names[in]), 5)) { in++; }
  while (moon_share_has(moon_pulse_pair("p", names[out]), 5)) { out++; }
  p->resume = 1;
  p->pair = moon_pulse_pair("p", names[out]);
  assert_false(moon_rollout_blames(&r.m, 0, SIGSEGV, false)); /* on the version before */
  p->pair = moon_pulse_pair("q", names[in]);
  assert_false(moon_rollout_blames(&r.m, 0, SIGSEGV, false));
  p->pair = moon_pulse_pair("p", names[in]);
  assert_false(moon_rollout_blames(&r.m, 0, SIGKILL, false));
  p->resume = 2;
  assert_false(moon_rollout_blames(&r.m, 0, SIGSEGV, false)); /* in no script */
  p->resume = 1;
  assert_true(moon_rollout_blames(&r.m, 0, SIGKILL, true));
  assert_int_equal(state(&r), MOON_ROLLOUT_BACK);
  assert_memory_equal(verdict(&r), "worker 0 was lost in p: ", 24);
  assert_false(moon_rollout_blames(&r.m, 0, SIGSEGV, false));
  end(&r);
}

/* The same code with other intervals, or beside another probe, is not what is on trial. */
static void the_same_trial(void **unused) {
  struct moon_plan_job often = job, short_ = job;
  struct rig r;
  (void)unused;
  begin(&r, 1, 2, N, NULL);
  prepare(&r, 7, 2, false);
  struct moon_plan_probe probes[2] = {probe("p", 7), probe("q", 2)};
  struct moon_plan fresh = *r.m.plan;
  uint32_t code[] = {0, 1};
  const struct moon_change c = {.was = r.m.plan, .now = &fresh, .code = code, .n_code = 1};
  fresh.probes = probes;
  assert_true(moon_turnover_is_on_trial(&r.m, &c));
  probes[0].jobs = &often;
  assert_true(moon_turnover_is_on_trial(&r.m, &c));
  often.every_s = 10;
  assert_false(moon_turnover_is_on_trial(&r.m, &c));
  probes[0].jobs = &short_;
  short_.timeout_s = 10;
  assert_false(moon_turnover_is_on_trial(&r.m, &c));
  probes[0] = probe("p", 8);
  assert_false(moon_turnover_is_on_trial(&r.m, &c));
  probes[0] = probe("p", 7);
  assert_false(moon_turnover_is_on_trial(&r.m, &(struct moon_change){.was = r.m.plan, .now = &fresh, .code = code, .n_code = 2}));
  end(&r);
}

/* Its files are as before, or other probes came: nobody has it any more. */
static void ended_by_others(void **unused) {
  struct rig r;
  (void)unused;
  begin(&r, 1, 2, N, NULL);
  prepare(&r, 7, 2, false);
  moon_turnover_back(&r.m);
  assert_int_equal(tick(&r, 1), UINT64_MAX);
  assert_int_equal(state(&r), MOON_ROLLOUT_NONE);
  end(&r);
}

static void another_master(void **unused) {
  struct rig r;
  (void)unused;
  begin(&r, 1, 2, N, dir);
  prepare(&r, 7, 2, false);
  see(&r, 0, 20);
  tick(&r, 2 * EVERY);
  uint32_t serial = r.m.turnover.serial;
  end(&r);

  begin(&r, 7, 2, N, dir); /* that is what the files say */
  assert_int_equal(state(&r), MOON_ROLLOUT_GOING);
  assert_int_equal(version(&r, 0), 1);
  assert_int_equal(r.m.turnover.trial->probes[0].version, 7);
  assert_int_equal(word(&r, 0), moon_share_word(serial, 15));
  see(&r, 0, 30)->tried.failed = 60;
  tick(&r, EVERY);
  assert_int_equal(state(&r), MOON_ROLLOUT_BACK);
  end(&r);

  begin(&r, 7, 2, N, dir); /* refused, though they do still */
  assert_int_equal(version(&r, 0), 1);
  assert_int_equal(state(&r), MOON_ROLLOUT_BACK);
  assert_null(r.m.turnover.trial);
  end(&r);

  begin(&r, 6, 2, N, dir); /* mended meanwhile: as new as if it had been then */
  assert_int_equal(version(&r, 0), 1);
  assert_int_equal(r.m.reload.asked, 1);
  assert_int_equal(state(&r), MOON_ROLLOUT_NONE);
  assert_false(moon_ledger_refuses_some(&r.m.rollout.ledger, "p"));
  prepare(&r, 7, 2, false);
  end(&r);

  begin(&r, 8, 2, N, dir); /* and here too, in the middle */
  assert_int_equal(version(&r, 0), 1);
  assert_int_equal(r.m.reload.asked, 1);
  assert_int_equal(state(&r), MOON_ROLLOUT_NONE);
  assert_null(r.m.turnover.trial);
  end(&r);
  assert_int_equal(access(config, F_OK), 0);
}

/* A master whose files say p and q follows: what it has in force of p, and whether it reads all once more. */
static void follows(struct rig *r, uint64_t p, uint64_t q, uint64_t force, bool asks) {
  begin(r, p, q, N, dir);
  assert_int_equal(version(r, 0), force);
  assert_int_equal(r->m.reload.asked, asks);
}

static void a_killed_master(void **unused) {
  struct rig r;
  (void)unused;
  begin(&r, 1, 2, N, dir);
  tick(&r, 0);
  lose(&r); /* what is written now was tried by nobody */
  follows(&r, 7, 2, 1, true);
  assert_int_equal(state(&r), MOON_ROLLOUT_NONE);
  prepare(&r, 7, 2, false);
  see(&r, 0, 20);
  tick(&r, 2 * EVERY);
  uint32_t serial = r.m.turnover.serial;
  lose(&r);

  follows(&r, 7, 2, 1, false);
  assert_int_equal(word(&r, 0), moon_share_word(serial, 15));
  lose(&r);
  follows(&r, 7, 3, 1, true); /* q is new beside it: p goes on meanwhile */
  assert_int_equal(version(&r, 1), 2);
  assert_int_equal(word(&r, 0), moon_share_word(serial, 15));
  lose(&r);
  follows(&r, 8, 2, 1, true); /* in the place of it */
  assert_int_equal(state(&r), MOON_ROLLOUT_NONE);
  assert_int_equal(word(&r, 0), 0);
  prepare(&r, 8, 2, false);
  assert_true(r.m.turnover.serial > serial); /* what was seen of the one before says nothing of this one */
  moon_ledger_note(&r.m.rollout.ledger, NULL); /* while it comes in the place of another */
  lose(&r);
  follows(&r, 8, 2, 1, true);
  assert_null(r.m.turnover.trial);
  prepare(&r, 8, 2, true);
  lose(&r);

  follows(&r, 8, 2, 8, false);
  assert_int_equal(state(&r), MOON_ROLLOUT_DONE);
  end(&r);
  follows(&r, 9, 2, 9, false); /* an end in order, with nothing on trial: whoever starts it again means what he says */
  lose(&r);
  begin(&r, 9, 2, 100, dir); /* no steps, nothing to keep */
  tick(&r, 0);
  lose(&r);
  begin(&r, 7, 2, 100, dir);
  assert_int_equal(version(&r, 0), 7);
  assert_int_equal(r.m.reload.asked, 0);
  end(&r);

  begin(&r, 1, 2, N, dir);
  prepare(&r, 7, 2, false);
  lose(&r); /* before it came to anything else */
  follows(&r, 7, 2, 1, false);
  assert_int_equal(state(&r), MOON_ROLLOUT_GOING);
  lose(&r);
  follows(&r, 1, 2, 1, false); /* its file is as it was */
  assert_int_equal(state(&r), MOON_ROLLOUT_NONE);
  end(&r);
}

/* What a child that will be killed tells of itself; files: of p and q. */
struct life { volatile uint64_t files[2], force[2], wanted[2]; volatile bool over; };

static void go(struct rig *r, struct life *l, uint64_t p, uint64_t q, bool now) {
  if (now) { l->wanted[0] = p, l->wanted[1] = q; }
  l->files[0] = p;
  l->files[1] = q;
  prepare(r, p, q, now);
  l->force[0] = l->wanted[0];
  l->force[1] = l->wanted[1];
}

static void live(struct life *l) {
  struct rig r;
  begin(&r, 1, 2, N, dir);
  tick(&r, 0);
  for (uint64_t i = 10; i < 20; i++) {
    go(&r, l, i, 2, false);
    see(&r, 0, 20);
    tick(&r, 2 * EVERY);
    go(&r, l, i + 100, i, false); /* in the place of it */
    go(&r, l, i + 200, i, i % 3 == 0);
    if (i % 3 == 0 || i % 2) { continue; }
    see(&r, 0, 20)->tried.failed = 40;
    tick(&r, EVERY);
  }
  l->over = true;
  pause();
}

/* Whoever follows has in force what was, and nothing of what the files say that was never for all. */
static void killed_at_any_moment(void **unused) {
  struct life *l = mmap(NULL, sizeof *l, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  uint32_t seed = (uint32_t)getpid(), in_the_middle = 0;
  const char *more = getenv("MOON_LIVES");
  int lives = more ? atoi(more) : LIVES;
  useconds_t whole = 20000;
  (void)unused;
  assert_ptr_not_equal(l, MAP_FAILED);
  moon_log_level(MOON_LOG_ERROR);
  for (int i = 0; i < lives; i++) {
    *l = (struct life){.files = {1, 2}, .force = {1, 2}, .wanted = {1, 2}};
    pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (!freopen("/dev/null", "w", stderr)) { _exit(1); }
      live(l);
    }
    seed = seed * 1664525 + 1013904223;
    usleep(seed % whole);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    whole = l->over ? whole - whole / 16 : whole + whole / 16; /* where it ends, about */
    in_the_middle += !l->over && l->files[0] != 1;
    struct rig r;
    begin(&r, l->files[0], l->files[1], N, dir);
    bool known = r.m.plan->probes[0].version != 1 || l->files[0] != 1;
    for (int k = 0; k < 2; k++) { assert_true(version(&r, k) == l->force[k] || version(&r, k) == l->wanted[k]); }
    if (known && state(&r) == MOON_ROLLOUT_GOING && r.m.turnover.trial) {
      assert_int_equal(r.m.turnover.trial->probes[0].version, l->files[0]);
      assert_true(r.m.turnover.percent <= 15);
      if (l->files[0] > 100) { assert_int_equal(r.m.turnover.percent, 5); } /* the share of the one before is not its own */
    }
    moon_ledger_keep_code(&r.m.rollout.ledger, NULL);
    moon_ledger_fini(&r.m.rollout.ledger, false);
    end(&r);
  }
  assert_true(in_the_middle > (uint32_t)lives / 8);
  munmap(l, sizeof *l);
}

static int make(void **unused) {
  FILE *f;
  (void)unused;
  if (!mkdtemp(dir)) { return 1; }
  snprintf(config, sizeof config, "%s/moon.lua", dir);
  f = fopen(config, "w");
  for (int i = 0; i < N; i++) {
    snprintf(names[i], sizeof names[i], "d%d", i);
    targets[i] = (struct moon_plan_target){.name = names[i], .host = names[i], .credentials = credentials, .n_credentials = 1,
                                           .addr = {.family = 4, .port = 161}};
  }
  return f ? fclose(f) : 1;
}

static int drop(void **unused) {
  (void)unused;
  unlink(config);
  return rmdir(dir); /* nothing is left */
}

/* Who is at its end takes no order, and is no fault; who does not take them is. */
static void orders_to_who_is_gone(void **unused) {
  (void)unused;
  for (int stuck = 0; stuck < 2; stuck++) {
    struct moon_change c;
    struct rig r;
    const char *why;
    int ends[2], status;
    begin(&r, 1, 2, 10, NULL);
    assert_int_equal(moon_change_make(r.m.plan, r.m.plan, &c), MOON_OK);
    r.workers[0].pid = fork();
    if (r.workers[0].pid == 0) {
      alarm(10); /* whatever becomes of the test */
      for (;;) { pause(); }
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    r.workers[0].order_fd = ends[0];
    while (stuck && write(ends[0], "x", 1) == 1) {}
    if (!stuck) { close(ends[1]); }
    moon_crew_tell(&r.m, 0, &c);
    assert_int_equal(stuck ? waitpid(r.workers[0].pid, &status, 0) : r.workers[0].pid, r.workers[0].pid);
    if (!stuck) {
      assert_true(moon_turnover_prepare(&r.m, &c, &why));
      assert_int_equal(r.m.turnover.waiting, 0);
      usleep(10000);
      assert_int_equal(waitpid(r.workers[0].pid, &status, WNOHANG), 0);
      kill(r.workers[0].pid, SIGKILL);
      waitpid(r.workers[0].pid, &status, 0);
    }
    r.workers[0].pid = 0;
    close(ends[0]);
    if (stuck) { close(ends[1]); }
    moon_change_fini(&c);
    end(&r);
  }
}

/* Who stands still, with all that was to be said to it unread, does not keep the master from ending. */
static void an_end_waits_for_nobody(void **unused) {
  struct rig r;
  int ends[2];
  (void)unused;
  begin(&r, 1, 2, 10, NULL);
  assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  while (send(ends[0], "x", 1, MSG_DONTWAIT) == 1) {}
  r.workers[0].pid = getpid();
  r.workers[0].order_fd = ends[0];
  r.workers[0].handover_fd = ends[1];
  alarm(10);
  moon_crew_replace(&r.m);
  assert_false(r.workers[0].replaced);
  moon_crew_drain(&r.m, 1000);
  alarm(0);
  assert_true(r.m.stopped && r.m.kill_us > r.m.drain_us);
  r.workers[0].pid = 0;
  close(ends[0]);
  close(ends[1]);
  end(&r);
}

/* What does not load where it had been loaded will do so again; where nobody ever worked it is a mistake to be told now. */
static void a_successor_that_cannot_start(void **unused) {
  (void)unused;
  moon_log_level(MOON_LOG_ERROR);
  for (int worked = 0; worked < 2; worked++) {
    struct rig r;
    int ends[2];
    begin(&r, 1, 2, 10, NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    r.workers[0] = (struct moon_child){.pid = 1 << 30, .order_fd = ends[0], .handover_fd = -1, .again_at_us = UINT64_MAX};
    r.m.stats.blocks[0].past.turns = worked ? 1000 : 0;
    r.m.judge = (struct moon_judge){.plan = r.m.plan, .stats = &r.m.stats};
    moon_crew_worker_ended(&r.m, 0, MOON_EXIT_CONFIG << 8);
    assert_int_equal(r.m.over, !worked);
    assert_int_equal(r.workers[0].again_at_us != UINT64_MAX, worked);
    if (!worked) { assert_int_equal(r.m.status, MOON_EXIT_CONFIG); }
    close(ends[1]);
    end(&r);
  }
}

static double seconds(const struct rig *r) {
  struct moon_print out;
  moon_print_init(&out, NULL, NULL);
  moon_rollout_json(&r->m, &out);
  moon_print_put(&out, "", 1);
  const char *at = strstr((const char *)out.p, "\"seconds\":");
  assert_non_null(at);
  double s = strtod(at + sizeof "\"seconds\":" - 1, NULL);
  moon_print_fini(&out);
  return s;
}

static void the_wall_clock_is_set(void **unused) {
  struct rig r;
  (void)unused;
  begin(&r, 1, 2, N, NULL);
  prepare(&r, 7, 2, false);
  for (int leap = -7200; leap <= 7200; leap += 7200) {
    r.m.rollout.ledger.head->since_s += leap;
    assert_in_range((uint64_t)(seconds(&r) + 0.5), 0, 30);
  }
  r.m.rollout.since_us = 0; /* of a master before this one */
  r.m.rollout.ledger.head->since_s += 100000;
  assert_true(seconds(&r) == 0);
  end(&r);
}

/* The disk is full: what is in force is written once it has room again. */
static void code_that_cannot_be_kept(void **unused) {
  struct rig r;
  char aside[160];
  (void)unused;
  moon_log_level(MOON_LOG_ERROR);
  begin(&r, 1, 2, N, dir);
  (void)snprintf(aside, sizeof aside, "%s.code.new", r.m.rollout.ledger.path);
  int half = open(aside, O_WRONLY | O_CREAT, 0600); /* of one that was killed as it wrote */
  assert_true(half >= 0);
  close(half);
  moon_ledger_keep_code(&r.m.rollout.ledger, NULL);
  assert_int_equal(mkdir(aside, 0700), 0);
  prepare(&r, 7, 2, false);
  assert_int_equal(state(&r), MOON_ROLLOUT_GOING);
  assert_null(moon_ledger_code(&r.m.rollout.ledger));
  uint64_t again_us = r.m.rollout.again_us;
  assert_true(again_us > moon_master_now_us());
  assert_true(moon_rollout_tick(&r.m, again_us - 1) <= again_us);
  assert_int_equal(rmdir(aside), 0);
  (void)moon_rollout_tick(&r.m, again_us - 1);
  assert_null(moon_ledger_code(&r.m.rollout.ledger));
  (void)moon_rollout_tick(&r.m, again_us);
  struct moon_plan *kept = moon_ledger_code(&r.m.rollout.ledger);
  assert_non_null(kept);
  assert_int_equal(kept->probes[0].version, 1);
  moon_plan_free(kept);
  assert_int_equal(r.m.rollout.again_us, 0);
  moon_ledger_keep_code(&r.m.rollout.ledger, NULL);
  moon_ledger_fini(&r.m.rollout.ledger, false);
  end(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(few_targets_at_once), cmocka_unit_test(from_step_to_step), cmocka_unit_test(back),
                                     cmocka_unit_test(a_lost_worker), cmocka_unit_test(the_same_trial), cmocka_unit_test(ended_by_others), cmocka_unit_test(another_master),
                                     cmocka_unit_test(a_killed_master), cmocka_unit_test(killed_at_any_moment), cmocka_unit_test(orders_to_who_is_gone),
                                     cmocka_unit_test(an_end_waits_for_nobody), cmocka_unit_test(a_successor_that_cannot_start),
                                     cmocka_unit_test(the_wall_clock_is_set), cmocka_unit_test(code_that_cannot_be_kept)};
  return cmocka_run_group_tests(tests, make, drop);
}
