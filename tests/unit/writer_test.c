/* The writer as a process: at once when there is little, whole lines, and every way its reader may end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../core/main/log.h"
#include "../../core/main/writer.h"

struct rig {
  struct moon_ring rings[2];
  struct moon_stats stats;
  struct moon_record record;
  int data_fd, order[2], out[2];
  pid_t pid;
};

static void rig_start(struct rig *r, int fd, int flags) {
  r->data_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  for (int i = 0; i < 2; i++) { assert_int_equal(moon_ring_init(&r->rings[i], 1 << 16, r->data_fd), MOON_OK); }
  assert_int_equal(moon_stats_init(&r->stats, NULL, 2), MOON_OK);
  assert_int_equal(pipe(r->order), 0);
  assert_int_equal(pipe(r->out), 0);
  assert_int_equal(fcntl(r->out[1], F_SETFL, flags), 0);
  moon_record_init(&r->record);
  r->pid = fork();
  if (r->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    close(r->order[1]);
    close(r->out[0]);
    moon_log_level(MOON_LOG_ERROR);
    close(STDERR_FILENO); /* what it has to say about /dev/full */
    struct moon_writer_config c = {.rings = r->rings, .n_rings = 2, .stats = &r->stats, .format = "json", .fd = fd < 0 ? r->out[1] : fd,
                                   .data_fd = r->data_fd, .control_fd = r->order[0]};
    _exit(moon_writer_run(&c));
  }
  close(r->order[0]);
  close(r->out[1]);
}

/* Exit status of the writer; killed after five seconds: -1. */
static int rig_end(struct rig *r) {
  int status, ended = -1;
  for (int i = 0; i < 500; i++) {
    if (waitpid(r->pid, &status, WNOHANG) == r->pid) {
      ended = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      r->pid = 0;
      break;
    }
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  }
  if (r->pid) {
    kill(r->pid, SIGKILL);
    waitpid(r->pid, &status, 0);
  }
  for (int i = 0; i < 2; i++) { moon_ring_fini(&r->rings[i]); }
  moon_stats_fini(&r->stats);
  moon_record_fini(&r->record);
  close(r->data_fd);
  close(r->order[1]);
  if (r->out[0] >= 0) { close(r->out[0]); }
  return ended;
}

static bool put(struct rig *r, int ring, unsigned n_samples) {
  struct moon_run_head head = {.started_s = 1764000000};
  struct moon_sample s = {.name = {"n", 1}, .time_s = 1764000000, .type = MOON_SAMPLE_GAUGE, .kind = MOON_NUMBER_UNSIGNED};
  moon_record_begin(&r->record, (struct moon_text){"d", 1}, (struct moon_text){"p", 1}, (struct moon_text){"", 0}, NULL, 0);
  for (unsigned i = 0; i < n_samples; i++) {
    s.value.uint = i;
    moon_record_sample(&r->record, &s);
  }
  assert_int_equal(moon_record_end(&r->record, &head), MOON_OK);
  return moon_ring_put(&r->rings[ring], r->record.p, r->record.n);
}

/* Reads until `lines` lines came or nothing did for a second; returns how many. */
static unsigned read_lines(struct rig *r, unsigned lines) {
  char buf[4096];
  unsigned n = 0;
  while (n < lines && poll(&(struct pollfd){.fd = r->out[0], .events = POLLIN}, 1, 1000) > 0) {
    ssize_t got = read(r->out[0], buf, sizeof buf);
    if (got <= 0) { break; }
    for (ssize_t i = 0; i < got; i++) { n += buf[i] == '\n'; }
  }
  return n;
}

static void each_run_is_seen_at_once_and_the_end_empties_the_rings(void **state) {
  struct rig r;
  (void)state;
  rig_start(&r, -1, 0);
  for (int i = 0; i < 20; i++) {
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    assert_true(put(&r, i % 2, 2));
    assert_int_equal(read_lines(&r, 5), 5);
    clock_gettime(CLOCK_MONOTONIC, &b);
    assert_true((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 500);
    if (i % 3 == 0) { nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL); } /* let it fall asleep */
  }
  assert_true(put(&r, 0, 7) && put(&r, 1, 8));
  assert_int_equal(write(r.order[1], "E", 1), 1);
  assert_int_equal(read_lines(&r, 1000), 7 + 8 + 6);
  assert_int_equal(rig_end(&r), MOON_WRITER_DONE);
}

/* All that comes until the writer ends. */
static void read_all(struct rig *r, char *text, size_t cap) {
  size_t n = 0;
  for (ssize_t got; n < cap - 1 && poll(&(struct pollfd){.fd = r->out[0], .events = POLLIN}, 1, 5000) > 0; n += (size_t)got) {
    got = read(r->out[0], text + n, cap - 1 - n);
    if (got <= 0) { break; }
  }
  text[n] = 0;
}

static unsigned lines_with(const char *text, const char *part) {
  unsigned n = 0;
  for (; (text = strstr(text, part)); text++) { n++; }
  return n;
}

static void another_format_is_for_what_comes_behind_what_is_there(void **state) {
  struct rig r;
  char text[8192];
  (void)state;
  rig_start(&r, -1, 0);
  assert_true(put(&r, 0, 2));
  assert_int_equal(read_lines(&r, 5), 5);
  kill(r.pid, SIGSTOP);
  assert_true(put(&r, 0, 3) && put(&r, 1, 4));
  assert_int_equal(write(r.order[1], "Ftable", 6), 6);
  kill(r.pid, SIGCONT);
  assert_int_equal(read_lines(&r, 6 + 7), 13);
  assert_true(put(&r, 1, 5));
  assert_int_equal(read_lines(&r, 6), 6); /* with a headline, without the run's own */
  assert_int_equal(write(r.order[1], "Fnull", 5), 5);
  nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
  assert_true(put(&r, 0, 6));
  nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
  assert_int_equal(write(r.order[1], "Fjson", 5), 5);
  nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
  assert_true(put(&r, 0, 1));
  assert_int_equal(write(r.order[1], "E", 1), 1);
  read_all(&r, text, sizeof text);
  assert_int_equal(lines_with(text, "\n"), 4);
  assert_int_equal(lines_with(text, "{\"t\":"), 4);
  assert_int_equal(rig_end(&r), MOON_WRITER_DONE);
}

static void a_slow_reader_fills_the_rings_and_no_memory(void **state) {
  struct rig r;
  unsigned n = 0, lines = 0;
  (void)state;
  rig_start(&r, -1, 0);
  for (int still = 0; still < 20; still++) { /* until nothing more goes in for 200 ms */
    while (put(&r, 0, 100)) {
      n++;
      still = 0;
    }
    moon_ring_room(&r.rings[0]);
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  }
  assert_true(n > 10 && n < 1000);
  assert_int_equal(write(r.order[1], "E", 1), 1);
  for (unsigned got; (got = read_lines(&r, 100)) > 0;) { lines += got; }
  assert_int_equal(lines, n * 103);
  assert_int_equal(rig_end(&r), MOON_WRITER_DONE);
}

static void a_reader_that_goes_away_is_noticed_without_samples(void **state) {
  struct rig r;
  (void)state;
  rig_start(&r, -1, 0);
  assert_true(put(&r, 0, 1));
  assert_int_equal(read_lines(&r, 4), 4);
  close(r.out[0]);
  r.out[0] = -1;
  assert_int_equal(rig_end(&r), MOON_WRITER_NO_READER);
}

static void a_reader_that_goes_away_in_the_middle(void **state) {
  struct rig r;
  (void)state;
  rig_start(&r, -1, 0);
  for (int i = 0; i < 40 && put(&r, 0, 300); i++) { }
  assert_true(read_lines(&r, 10) >= 10);
  close(r.out[0]);
  r.out[0] = -1;
  assert_int_equal(rig_end(&r), MOON_WRITER_NO_READER);
}

static void a_full_disk_is_a_failure(void **state) {
  struct rig r;
  (void)state;
  int fd = open("/dev/full", O_WRONLY);
  assert_true(fd >= 0);
  rig_start(&r, fd, 0);
  put(&r, 0, 1);
  assert_int_equal(rig_end(&r), MOON_WRITER_FAILED);
  close(fd);
}

/* A file that may not grow past so many octets, as on a disk that is full: what stays of it ends with a whole line. */
static void a_full_disk_tears_no_line(void **state) {
  (void)state;
  for (int flags = 0; flags <= O_APPEND; flags += O_APPEND) {
    struct rig r;
    char path[] = "/tmp/writer_test.XXXXXX", text[5000];
    struct rlimit all, few;
    int fd = mkostemp(path, flags);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, "before\n", 7), 7);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
    few = all;
    few.rlim_cur = sizeof text;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &few);
    rig_start(&r, fd, 0);
    setrlimit(RLIMIT_FSIZE, &all);
    put(&r, 0, 100);
    assert_int_equal(rig_end(&r), MOON_WRITER_FAILED);
    ssize_t n = pread(fd, text, sizeof text, 0);
    assert_in_range(n, 4800, sizeof text - 1);
    assert_memory_equal(text, "before\n{", 8);
    assert_memory_equal(text + n - 2, "}\n", 2);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), n);
    close(fd);
  }
}

static void the_end_of_the_master_is_its_end(void **state) {
  struct rig r;
  (void)state;
  rig_start(&r, -1, 0);
  close(r.order[1]);
  r.order[1] = dup(r.data_fd);
  assert_int_equal(rig_end(&r), MOON_WRITER_FAILED);
}

static void a_pipe_somebody_made_nonblocking(void **state) {
  struct rig r;
  unsigned n = 0, lines = 0;
  (void)state;
  rig_start(&r, -1, O_NONBLOCK);
  while (n < 60) {
    if (put(&r, 0, 100)) {
      n++;
    } else {
      lines += read_lines(&r, 100);
    }
  }
  assert_int_equal(write(r.order[1], "E", 1), 1);
  for (unsigned got; (got = read_lines(&r, 100)) > 0;) { lines += got; }
  assert_int_equal(lines, n * 103);
  assert_int_equal(rig_end(&r), MOON_WRITER_DONE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_run_is_seen_at_once_and_the_end_empties_the_rings), cmocka_unit_test(another_format_is_for_what_comes_behind_what_is_there),
    cmocka_unit_test(a_slow_reader_fills_the_rings_and_no_memory),
    cmocka_unit_test(a_reader_that_goes_away_is_noticed_without_samples), cmocka_unit_test(a_reader_that_goes_away_in_the_middle),
    cmocka_unit_test(a_full_disk_is_a_failure),
    cmocka_unit_test(a_full_disk_tears_no_line), cmocka_unit_test(the_end_of_the_master_is_its_end),
    cmocka_unit_test(a_pipe_somebody_made_nonblocking)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
