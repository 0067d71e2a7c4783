/* The engine cache: its text, each way of being damaged, the file, and what passes between workers and master. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../core/main/keep.h"
#include "../../core/main/log.h"
#include "failmem.h"

static char dir[] = "/tmp/moonpoll-engines-XXXXXX";
static char path[64], bad[64];

static int begin(void **state) {
  (void)state;
  strcpy(dir + sizeof dir - 7, "XXXXXX");
  if (!mkdtemp(dir)) { return -1; }
  snprintf(path, sizeof path, "%s/engines", dir);
  snprintf(bad, sizeof bad, "%s/engines.bad", dir);
  return 0;
}

static int end(void **state) {
  (void)state;
  unlink(path);
  unlink(bad);
  return rmdir(dir); /* and nothing else was left there */
}

/* The wall clock is set so many seconds off while all runs. */
static int64_t leap_s;
int clock_gettime(clockid_t clock, struct timespec *out) {
  long r = syscall(SYS_clock_gettime, clock, out);
  if (!r && clock == CLOCK_REALTIME) { out->tv_sec += leap_s; }
  return (int)r;
}

static struct moon_engines_entry entry(const char *addr, uint32_t boots, uint32_t time, int64_t at_s) {
  struct moon_engines_entry e;
  const char *host;
  size_t len;
  memset(&e, 0, sizeof e);
  assert_int_equal(moon_addr_parse_agent(addr, 161, &e.record.addr, &host, &len), MOON_OK);
  e.record.engine_id_len = 9;
  memcpy(e.record.engine_id, "\x80\x00\x1f\x88\x04user", 9);
  e.record.boots = boots;
  e.record.time = time;
  e.at_s = at_s;
  return e;
}

static void fill(struct moon_engines *all) {
  struct moon_engines_entry e = entry("192.0.2.1:1161", 3, 4, 1000);
  assert_int_equal(moon_engines_put(all, &e), MOON_OK);
  e = entry("udp6:[2001:db8::1]:161", MOON_BOOTS_MAX, MOON_BOOTS_MAX, 1001);
  e.record.priv = MOON_PRIV_AES256_REEDER;
  e.record.engine_id_len = MOON_ENGINE_ID_MAX;
  memset(e.record.engine_id, 0xab, MOON_ENGINE_ID_MAX);
  assert_int_equal(moon_engines_put(all, &e), MOON_OK);
  e = entry("tcp:192.0.2.1:161", 0, 0, 1002);
  e.record.priv = MOON_PRIV_AES192;
  assert_int_equal(moon_engines_put(all, &e), MOON_OK);
  moon_engines_sort(all, 1002);
  assert_int_equal(all->n, 3);
}

static size_t slurp(const char *file, char *out, size_t cap) {
  int fd = open(file, O_RDONLY);
  assert_true(fd >= 0);
  ssize_t n = read(fd, out, cap);
  assert_true(n >= 0 && (size_t)n < cap);
  close(fd);
  out[n] = 0;
  return (size_t)n;
}

static void spit(const char *file, const char *text, size_t n, mode_t mode) {
  unlink(file);
  int fd = open(file, O_WRONLY | O_CREAT | O_EXCL, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, n), (ssize_t)n);
  assert_int_equal(fchmod(fd, mode), 0);
  close(fd);
}

static void there_and_back(void **state) {
  struct moon_engines all = {0}, back = {0};
  struct stat st;
  char text[1024];
  uint32_t line;
  (void)state;
  fill(&all);
  assert_int_equal(moon_engines_save(&all, path), MOON_OK);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  slurp(path, text, sizeof text);
  assert_non_null(strstr(text, "192.0.2.1:1161 80001f880475736572 3 4 1000 -\n"));
  assert_non_null(strstr(text, " 2147483647 2147483647 1001 AES-256-C\n"));
  assert_int_equal(moon_engines_load(&back, path, &line), MOON_OK);
  moon_engines_sort(&back, 1002);
  assert_int_equal(back.n, 3);
  assert_memory_equal(back.at, all.at, 3 * sizeof *all.at);
  moon_engines_fini(&all);
  moon_engines_fini(&back);
  assert_int_equal(moon_engines_save(&all, path), MOON_OK); /* over the one that is there; of nobody */
  assert_int_equal(moon_engines_load(&back, path, &line), MOON_OK);
  assert_int_equal(back.n, 0);
}

static void damaged(void **state) {
  struct moon_engines all = {0}, back = {0};
  struct moon_engines_entry before = entry("10.0.0.1", 1, 1, 1);
  char text[1024];
  uint32_t line;
  (void)state;
  fill(&all);
  assert_int_equal(moon_engines_save(&all, path), MOON_OK);
  size_t n = slurp(path, text, sizeof text);
  assert_int_equal(moon_engines_put(&back, &before), MOON_OK);
  for (size_t i = 0; i < n; i++) {
    char *exact = malloc(i ? i : 1); /* the sanitizer sees who reads on */
    memcpy(exact, text, i);
    assert_int_equal(moon_engines_parse(&back, exact, i, &line), MOON_E_DECODE);
    free(exact);
    assert_int_equal(back.n, 1);
  }
  for (size_t bit = 0; bit < 8 * n; bit++) {
    text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
    assert_int_equal(moon_engines_parse(&back, text, n, &line), MOON_E_DECODE);
    assert_int_equal(back.n, 1);
    text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
  }
  strcpy(text + n, "x\n");
  assert_int_equal(moon_engines_parse(&back, text, n + 2, &line), MOON_E_DECODE);
  assert_int_equal(moon_engines_parse(&back, text, n, &line), MOON_OK);
  assert_int_equal(back.n, 4);
  moon_engines_fini(&all);
  moon_engines_fini(&back);
}

static uint64_t sum(const char *p) {
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  for (; *p; p++) { h = (h ^ (uint8_t)*p) * UINT64_C(0x100000001b3); }
  return h;
}

/* Lines nobody of ours writes, with a sum that is right. */
static void odd_lines(void **state) {
  static const struct { const char *line; bool good; } cases[] = {
    {"192.0.2.1:161 8000000001 1 2 3 -", true},
    {"192.0.2.1:161 80000001 1 2 3 -", false},           /* engine ids have 5 octets, RFC 3411 */
    {"192.0.2.1:161 800000000 1 2 3 -", false},
    {"192.0.2.1:161 80000000ag 1 2 3 -", false},
    {"192.0.2.1:161 "
     "ababababababababababababababababababababababababababababababababab 1 2 3 -", false}, /* 33 */
    {"192.0.2.1:161 8000000001 2147483648 2 3 -", false},
    {"192.0.2.1:161 8000000001 1 2147483648 3 -", false},
    {"192.0.2.1:161 8000000001 1 2 4294967296 -", false},
    {"192.0.2.1:161 8000000001 1 2 99999999999999999999999 -", false},
    {"192.0.2.1:161 8000000001 -1 2 3 -", false},
    {"192.0.2.1:161 8000000001  2 3 -", false},
    {"192.0.2.1:161 8000000001 1 2 3 DES", false},
    {"192.0.2.1:161 8000000001 1 2 3 ", false},
    {"192.0.2.1:161 8000000001 1 2 3", false},
    {"192.0.2.1:161 8000000001 1 2 3 - ", false},
    {"core1.example.net 8000000001 1 2 3 -", false},
    {"192.0.2.1:99999 8000000001 1 2 3 -", false},
    {"", false},
    {"moonpoll engines 1", false},
  };
  struct moon_engines all = {0};
  char text[512];
  uint32_t line;
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int n = snprintf(text, sizeof text, "moonpoll engines 1\n%s\n", cases[i].line);
    n += snprintf(text + n, sizeof text - (size_t)n, "end 1 %016llx\n", (unsigned long long)sum(text));
    enum moon_err e = moon_engines_parse(&all, text, (size_t)n, &line);
    if (e != (cases[i].good ? MOON_OK : MOON_E_DECODE)) { fail_msg("\"%s\": %d", cases[i].line, e); }
    if (!cases[i].good) { assert_int_equal(line, 2); }
  }
  assert_int_equal(all.n, 1);
  moon_engines_fini(&all);
}

static void not_ours(void **state) {
  struct moon_engines all = {0};
  uint32_t line;
  char target[80];
  (void)state;
  assert_int_equal(moon_engines_load(&all, path, &line), MOON_OK); /* none yet */
  spit(path, "", 0, 0666);
  assert_int_equal(moon_engines_load(&all, path, &line), MOON_E_CONFIG);
  assert_int_equal(errno, EPERM);
  unlink(path);
  assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes: opening it must not wait */
  assert_int_equal(moon_engines_load(&all, path, &line), MOON_E_CONFIG);
  unlink(path);
  snprintf(target, sizeof target, "%s/elsewhere", dir);
  assert_int_equal(symlink(target, path), 0);
  assert_int_equal(moon_engines_load(&all, path, &line), MOON_E_CONFIG);
  assert_int_equal(errno, ELOOP);
  assert_int_equal(moon_engines_save(&all, path), MOON_OK); /* replaces the link and not what it points to */
  assert_int_equal(access(target, F_OK), -1);
  int fd = open(path, O_WRONLY);
  assert_int_equal(ftruncate(fd, (off_t)1 << 32), 0);
  close(fd);
  assert_int_equal(moon_engines_load(&all, path, &line), MOON_E_CONFIG);
  assert_int_equal(errno, EFBIG);
  assert_int_equal(moon_engines_save(&all, "/proc/nowhere/engines"), MOON_E_CONFIG);
  assert_int_equal(moon_engines_save(&all, dir), MOON_E_CONFIG); /* a directory: and the other name is gone again */
  char aside[96];
  snprintf(aside, sizeof aside, "%s.%d", dir, (int)getpid());
  assert_int_equal(access(aside, F_OK), -1);
}

static void the_latest_stay(void **state) {
  struct moon_engines all = {0};
  struct moon_engines_entry e;
  int64_t now = 1000000000;
  (void)state;
  for (int i = 0; i < 3; i++) {
    e = entry("192.0.2.7", (uint32_t)(i + 1) % 3, 7, now - (i + 1) % 3);
    assert_int_equal(moon_engines_put(&all, &e), MOON_OK);
  }
  e = entry("192.0.2.8", 1, 7, now - MOON_ENGINES_KEPT_S - 1);
  assert_int_equal(moon_engines_put(&all, &e), MOON_OK);
  e = entry("192.0.2.9", 1, 7, now + 100000);
  assert_int_equal(moon_engines_put(&all, &e), MOON_OK);
  assert_null(moon_engines_find(&all, &e.record.addr)); /* not sorted */
  moon_engines_sort(&all, now);
  assert_int_equal(all.n, 1);
  assert_int_equal(all.at[0].record.boots, 0);
  assert_null(moon_engines_find(&all, &e.record.addr));
  e = entry("192.0.2.7", 0, 0, 0);
  assert_ptr_equal(moon_engines_find(&all, &e.record.addr), &all.at[0]);

  for (uint32_t i = 0; i < MOON_ENGINES_MAX + 500; i++) {
    e.record.addr.ip[0] = 10;
    memcpy(e.record.addr.ip + 1, (uint8_t[]){(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}, 3);
    e.at_s = now - (i < 500);
    assert_int_equal(moon_engines_put(&all, &e), MOON_OK);
  }
  moon_engines_sort(&all, now);
  assert_int_equal(all.n, MOON_ENGINES_MAX);
  uint32_t old = 0;
  for (uint32_t i = 0; i < all.n; i++) {
    old += all.at[i].at_s < now;
    assert_ptr_equal(moon_engines_find(&all, &all.at[i].record.addr), &all.at[i]);
  }
  assert_true(old <= 1);
  moon_engines_fini(&all);
}

static void no_memory(void **state) {
  struct moon_engines all = {0}, back = {0};
  uint32_t line;
  (void)state;
  fill(&all);
  for (unsigned n = 1;; n++) {
    size_t alive = failmem_alive();
    failmem_arm(n);
    enum moon_err e = moon_engines_save(&all, path);
    if (!e) { e = moon_engines_load(&back, path, &line); }
    bool fired = failmem_fired();
    failmem_disarm();
    moon_engines_fini(&back);
    assert_int_equal(failmem_alive(), alive);
    if (!fired) { break; }
    assert_int_equal(e, MOON_E_NOMEM);
  }
  moon_engines_fini(&all);
}

/* ---- between the processes ---- */

static void in_worker(struct moon_keep *k, uint32_t slot, const struct moon_trust_record *const *what, unsigned n) {
  int status;
  pid_t worker = fork();
  if (!worker) {
    moon_keep_join(k, slot);
    for (unsigned i = 0; i < n; i++) { moon_keep_learn(k, what[i]); }
    _exit(0);
  }
  assert_int_equal(waitpid(worker, &status, 0), worker);
  assert_int_equal(status, 0);
}

static void workers_and_master(void **state) {
  struct moon_keep k, next;
  struct moon_engines_entry a = entry("192.0.2.1", 5, 600, 0), b = entry("192.0.2.2", 6, 700, 0), c = entry("192.0.2.3", 7, 800, 0);
  struct moon_trust_record r, newer = a.record;
  (void)state;
  newer.boots = 9;
  moon_keep_init(&k, 2, path, 0);
  moon_keep_learn(&k, &a.record); /* the master has no part */
  assert_false(moon_keep_recall(&k, &a.record.addr, &r));
  assert_int_equal(moon_keep_next(&k), 10000000);
  moon_keep_save(&k, 10000000, false); /* no news, no file */
  assert_int_equal(access(path, F_OK), -1);
  in_worker(&k, 0, (const struct moon_trust_record *[]){&a.record, &b.record, &a.record}, 3);
  in_worker(&k, 2, (const struct moon_trust_record *[]){&c.record}, 1); /* there is no such slot */
  moon_keep_save(&k, 10000001, false);
  assert_int_equal(access(path, F_OK), -1); /* not due */
  moon_keep_save(&k, moon_keep_next(&k), false);
  assert_int_equal(access(path, F_OK), 0);

  /* Another instance, which has other agents: neither takes away what the other wrote. */
  moon_keep_init(&next, 1, path, 0);
  assert_int_equal(next.known.n, 2);
  assert_true(moon_keep_recall(&next, &a.record.addr, &r));
  assert_int_equal(r.boots, 5);
  in_worker(&next, 0, (const struct moon_trust_record *[]){&c.record}, 1);
  moon_keep_save(&next, 0, true);
  in_worker(&k, 1, (const struct moon_trust_record *[]){&newer}, 1);
  moon_keep_save(&k, 0, true);
  moon_keep_fini(&next);
  moon_keep_init(&next, 1, path, 0);
  assert_int_equal(next.known.n, 3);
  moon_keep_fini(&next);
  unlink(path);
  moon_keep_save(&k, 0, true); /* no news: it is not written */
  assert_int_equal(access(path, F_OK), -1);

  moon_keep_join(&k, 0); /* a successor */
  assert_true(moon_keep_recall(&k, &a.record.addr, &r));
  assert_int_equal(r.boots, 5);
  assert_true(r.time >= 600 && r.time <= 605);
  assert_memory_equal(r.engine_id, a.record.engine_id, 9);
  assert_true(moon_keep_recall(&k, &b.record.addr, &r));
  assert_false(moon_keep_recall(&k, &c.record.addr, &r));
  moon_keep_fini(&k);
}

/* Each writes what it learned as it learns it: what the other one wrote meanwhile stays. */
static void masters_at_once(void **state) {
  enum { MASTERS = 2, EACH = 40 };
  struct moon_engines all = {0};
  pid_t pid[MASTERS];
  uint32_t line;
  (void)state;
  for (int m = 0; m < MASTERS; m++) {
    pid[m] = fork();
    if (pid[m]) { continue; }
    struct moon_keep k;
    struct moon_engines_entry e = entry("10.0.0.0", 1, 1, 0);
    moon_keep_init(&k, 1, path, 0);
    moon_keep_join(&k, 0);
    for (int i = 0; i < EACH; i++) {
      e.record.addr.ip[2] = (uint8_t)m;
      e.record.addr.ip[3] = (uint8_t)i;
      moon_keep_learn(&k, &e.record);
      moon_keep_save(&k, 0, true);
      moon_keep_fini(&k);
      moon_keep_init(&k, 1, path, 0); /* nothing of its own any more: what is lost stays lost */
      moon_keep_join(&k, 0);
    }
    moon_keep_fini(&k);
    _exit(0);
  }
  for (int m = 0; m < MASTERS; m++) {
    int status;
    assert_int_equal(waitpid(pid[m], &status, 0), pid[m]);
    assert_int_equal(status, 0);
  }
  assert_int_equal(moon_engines_load(&all, path, &line), MOON_OK);
  assert_int_equal(all.n, MASTERS * EACH);
  moon_engines_fini(&all);
}

static void many_agents(void **state) {
  struct moon_keep k;
  struct moon_trust_record r;
  struct moon_engines_entry e = entry("10.0.0.0", 1, 1, 0);
  (void)state;
  moon_keep_init(&k, 1, path, 0);
  moon_keep_join(&k, 0);
  for (int round = 0; round < 2; round++) {
    for (uint32_t i = 0; i < MOON_ENGINES_MAX + 10; i++) {
      memcpy(e.record.addr.ip + 1, (uint8_t[]){(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}, 3);
      e.record.boots = i + (uint32_t)round;
      moon_keep_learn(&k, &e.record);
    }
  }
  for (uint32_t i = 0; i < MOON_ENGINES_MAX + 10; i++) {
    memcpy(e.record.addr.ip + 1, (uint8_t[]){(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}, 3);
    assert_int_equal(moon_keep_recall(&k, &e.record.addr, &r), i < MOON_ENGINES_MAX);
    if (i < MOON_ENGINES_MAX) { assert_int_equal(r.boots, i + 1); }
  }
  moon_keep_save(&k, 0, true);
  moon_keep_fini(&k);
  moon_keep_init(&k, 1, path, 0);
  assert_int_equal(k.known.n, MOON_ENGINES_MAX);
  moon_keep_fini(&k);
}

static void time_goes_on(void **state) {
  struct moon_keep k;
  struct moon_engines all = {0};
  struct moon_trust_record r;
  int64_t now = time(NULL);
  (void)state;
  struct moon_engines_entry e = entry("192.0.2.1", 5, 600, now - 3600);
  assert_int_equal(moon_engines_put(&all, &e), MOON_OK);
  struct moon_engines_entry late = entry("192.0.2.2", 5, MOON_BOOTS_MAX - 10, now - 3600);
  assert_int_equal(moon_engines_put(&all, &late), MOON_OK);
  struct moon_engines_entry back = entry("192.0.2.3", 5, 600, now + 3600);
  assert_int_equal(moon_engines_put(&all, &back), MOON_OK);
  struct moon_engines_entry none = entry("192.0.2.4", 0, 0, now - 3600);
  assert_int_equal(moon_engines_put(&all, &none), MOON_OK);
  assert_int_equal(moon_engines_save(&all, path), MOON_OK);
  moon_keep_init(&k, 1, path, 0);
  assert_true(moon_keep_recall(&k, &e.record.addr, &r));
  assert_true(r.time >= 4200 && r.time <= 4205);
  assert_true(moon_keep_recall(&k, &late.record.addr, &r));
  assert_int_equal(r.time, MOON_BOOTS_MAX);
  assert_true(moon_keep_recall(&k, &back.record.addr, &r));
  assert_int_equal(r.time, 600);
  assert_true(moon_keep_recall(&k, &none.record.addr, &r));
  assert_int_equal(r.time, 0);
  moon_keep_fini(&k);
  moon_engines_fini(&all);
}

/* What was learned a moment ago is that old, whatever the wall clock says since; in the file it has the stamp of the clock as it is now. */
static void the_wall_clock_is_set(void **state) {
  struct moon_keep k;
  struct moon_engines all = {0};
  struct moon_engines_entry known = entry("192.0.2.1", 5, 600, (int64_t)time(NULL) - 100), own = entry("192.0.2.2", 6, 700, 0);
  struct moon_trust_record r;
  uint32_t line;
  (void)state;
  moon_log_level(MOON_LOG_ERROR);
  assert_int_equal(moon_engines_put(&all, &known), MOON_OK);
  assert_int_equal(moon_engines_save(&all, path), MOON_OK);
  moon_engines_fini(&all);
  leap_s = -40LL * 365 * 86400; /* begun before the clock was set at all */
  moon_keep_init(&k, 1, path, 0);
  moon_keep_join(&k, 0);
  moon_keep_learn(&k, &own.record);
  leap_s = 0;
  assert_true(moon_keep_recall(&k, &own.record.addr, &r));
  assert_in_range(r.time, 700, 705);
  moon_keep_save(&k, 0, true);
  moon_keep_fini(&k);
  assert_int_equal(moon_engines_load(&all, path, &line), MOON_OK);
  moon_engines_sort(&all, time(NULL));
  const struct moon_engines_entry *saved = moon_engines_find(&all, &own.record.addr);
  assert_non_null(saved);
  assert_true(saved->at_s <= time(NULL) && saved->at_s > time(NULL) - 5);
  moon_engines_fini(&all);
  moon_keep_init(&k, 1, path, 0);
  moon_keep_join(&k, 0);
  for (leap_s = -7200; leap_s <= 7200; leap_s += 14400) {
    assert_true(moon_keep_recall(&k, &known.record.addr, &r));
    assert_in_range(r.time, 700, 705);
    assert_true(moon_keep_recall(&k, &own.record.addr, &r));
    assert_in_range(r.time, 700, 705);
  }
  leap_s = 0;
  moon_keep_fini(&k);
}

static void damaged_is_set_aside(void **state) {
  struct moon_keep k;
  struct moon_engines_entry a = entry("192.0.2.1", 5, 600, 0);
  char text[64];
  (void)state;
  moon_log_level(MOON_LOG_ERROR);
  spit(path, "moonpoll engines 1\nrubbish\n", 27, 0600);
  moon_keep_init(&k, 1, path, 0);
  assert_int_equal(access(path, F_OK), -1);
  assert_int_equal(slurp(bad, text, sizeof text), 27);
  assert_int_equal(k.known.n, 0);
  moon_keep_join(&k, 0);
  moon_keep_learn(&k, &a.record);
  spit(path, "more", 4, 0600); /* and once more, meanwhile */
  moon_keep_save(&k, 0, true);
  assert_int_equal(slurp(bad, text, sizeof text), 4);
  moon_keep_fini(&k);
  moon_keep_init(&k, 1, path, 0);
  assert_int_equal(k.known.n, 1);
  moon_keep_fini(&k);
}

static void nothing_is_kept(void **state) {
  struct moon_keep k;
  struct moon_engines_entry a = entry("192.0.2.1", 5, 600, 0);
  struct moon_trust_record r;
  (void)state;
  moon_log_level(MOON_LOG_ERROR);
  for (int i = 0; i < 2; i++) {
    if (i) { spit(path, "", 0, 0602); } /* others may write to it */
    moon_keep_init(&k, 1, i ? path : NULL, 0);
    moon_keep_join(&k, 0);
    moon_keep_learn(&k, &a.record);
    assert_false(moon_keep_recall(&k, &a.record.addr, &r));
    assert_true(moon_keep_next(&k) == UINT64_MAX);
    moon_keep_save(&k, 0, true);
    assert_int_equal(access(path, F_OK), i ? 0 : -1);
    moon_keep_fini(&k);
  }
}

int main(void) {
  failmem_install();
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(there_and_back, begin, end),
    cmocka_unit_test_setup_teardown(damaged, begin, end),
    cmocka_unit_test_setup_teardown(odd_lines, begin, end),
    cmocka_unit_test_setup_teardown(not_ours, begin, end),
    cmocka_unit_test_setup_teardown(the_latest_stay, begin, end),
    cmocka_unit_test_setup_teardown(no_memory, begin, end),
    cmocka_unit_test_setup_teardown(workers_and_master, begin, end),
    cmocka_unit_test_setup_teardown(masters_at_once, begin, end),
    cmocka_unit_test_setup_teardown(many_agents, begin, end),
    cmocka_unit_test_setup_teardown(time_goes_on, begin, end),
    cmocka_unit_test_setup_teardown(the_wall_clock_is_set, begin, end),
    cmocka_unit_test_setup_teardown(damaged_is_set_aside, begin, end),
    cmocka_unit_test_setup_teardown(nothing_is_kept, begin, end),
  };
  return cmocka_run_group_tests_name("engines", tests, NULL, NULL);
}
