/* What goes to standard error: levels, texts of devices, lines that are too long, and a reader that stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "../../core/main/log.h"

static int ends[2], before = -1;

static int set_up(void **state) {
  (void)state;
  assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
  before = dup(2);
  assert_int_equal(dup2(ends[1], 2), 2);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  moon_log_level(MOON_LOG_INFO);
  dup2(before, 2);
  close(before);
  close(ends[0]);
  close(ends[1]);
  return 0;
}

/* All that was written, without waiting for more. */
static const char *said(void) {
  static char text[65536];
  size_t n = 0;
  ssize_t got;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  while ((got = read(ends[0], text + n, sizeof text - 1 - n)) > 0) { n += (size_t)got; }
  text[n] = 0;
  return text;
}

/* Behind level and time. */
static const char *after_time(const char *line) {
  const char *z = strchr(line, 'Z');
  assert_non_null(z);
  return z + 2;
}

static void levels(void **state) {
  (void)state;
  moon_log(MOON_LOG_INFO, "%d", 1);
  moon_log(MOON_LOG_DEBUG, "%d", 2);
  const char *text = said();
  assert_true(strncmp(text, "info 20", 7) == 0);
  assert_string_equal(after_time(text), "1\n");
  moon_log_level(MOON_LOG_DEBUG);
  moon_log_text(MOON_LOG_DEBUG, "2");
  assert_true(strncmp(said(), "debug ", 6) == 0);
  moon_log_level(MOON_LOG_ERROR);
  moon_log_text(MOON_LOG_WARN, "3");
  assert_string_equal(said(), "");
}

static void what_devices_say_is_harmless(void **state) {
  (void)state;
  moon_log_text(MOON_LOG_WARN, "a\x1b[2Jb\xc3\xa9\tc\nd\re\n");
  assert_string_equal(after_time(said()), "a\\x1b[2Jb\xc3\xa9\tc\n  d\\x0de\n");
}

static void long_ones_are_cut(void **state) {
  static char text[100000];
  (void)state;
  memset(text, 0x1b, sizeof text - 1); /* four octets each */
  moon_log_text(MOON_LOG_WARN, text);
  const char *line = said();
  size_t n = strlen(line);
  assert_in_range(n, 16000, 16384 + 16);
  assert_ptr_equal(strchr(line, '\n'), line + n - 1);
}

/* The first line waits for a reader, those after it do not; when there is one again, it is told what it missed, once. */
static void nobody_reads(void **state) {
  enum { LINES = 30 };
  struct timespec from, to;
  char page[4096];
  (void)state;
  memset(page, '.', sizeof page);
  assert_true(fcntl(ends[1], F_SETPIPE_SZ, (int)sizeof page) > 0);
  fcntl(2, F_SETFL, O_NONBLOCK);
  while (write(2, page, sizeof page) > 0) {}
  fcntl(2, F_SETFL, 0);
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (int i = 0; i < LINES; i++) { moon_log(MOON_LOG_WARN, "%d", i); }
  clock_gettime(CLOCK_MONOTONIC, &to);
  assert_true(to.tv_sec - from.tv_sec <= 4); /* not 30 times a fifth of a second */
  assert_null(strchr(said(), '\n'));
  moon_log(MOON_LOG_WARN, "here");
  const char *text = said();
  assert_true(strncmp(text, "warn 30 lines of the log are missing here", 41) == 0);
  assert_string_equal(after_time(text), "here\n");
  moon_log(MOON_LOG_WARN, "there");
  text = said();
  assert_null(strstr(text, "missing"));
  assert_string_equal(after_time(text), "there\n");
}

/* A pipe that has room for a line may not have it for all of a long one: that is not waited for either. */
static void nobody_reads_long_ones(void **state) {
  enum { LINES = 30, OCTETS = 11000 };
  static char text[OCTETS + 1];
  (void)state;
  memset(text, 'x', OCTETS);
  for (size_t i = 99; i < OCTETS - 1; i += 100) { text[i] = '\n'; }
  assert_true(fcntl(ends[1], F_SETPIPE_SZ, 32768) == 32768);
  alarm(20); /* for what would be waited for */
  for (int i = 0; i < LINES; i++) { moon_log_text(MOON_LOG_WARN, text); }
  alarm(0);
  const char *all = said();
  size_t begun = 0, n = strlen(all);
  for (const char *p = all; (p = strstr(p, "warn 20")); p++) { begun++; }
  assert_in_range(begun, 2, 32768 / OCTETS + 1);
  assert_true(n > 0 && all[n - 1] != '\n'); /* the last one is there in part */
  moon_log(MOON_LOG_WARN, "here");
  snprintf(text, sizeof text, "\nwarn %zu lines of the log are missing here: nobody read them\nwarn 20", LINES - begun + 1);
  all = said();
  assert_true(strncmp(all, text, strlen(text)) == 0);
  assert_string_equal(after_time(all), "here\n");
  moon_log(MOON_LOG_WARN, "there");
  assert_true(strncmp(said(), "warn 20", 7) == 0);
}

/* No file is left to open standard error anew: all the same nobody waits for who does not read. */
static void nobody_reads_and_no_file_is_left(void **state) {
  enum { OCTETS = 11000 };
  static char text[OCTETS + 1];
  struct rlimit was, none;
  (void)state;
  memset(text, 'x', OCTETS);
  for (size_t i = 99; i < OCTETS - 1; i += 100) { text[i] = '\n'; } /* or it is cut */
  assert_true(fcntl(ends[1], F_SETPIPE_SZ, 32768) == 32768);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
  none = (struct rlimit){.rlim_cur = 3, .rlim_max = was.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  alarm(20);
  for (int i = 0; i < 10; i++) { moon_log_text(MOON_LOG_WARN, text); }
  alarm(0);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
  assert_non_null(strstr(said(), "warn 20"));
  moon_log(MOON_LOG_WARN, "here");
  assert_non_null(strstr(said(), "lines of the log are missing here: nobody read them\nwarn 20"));
}

/* A full disk, and room again: no line goes on where another was torn, and it is told how many are missing, and why. */
static void a_full_disk(void **state) {
  char name[] = "/tmp/moonpoll-log-XXXXXX", all[4096];
  struct rlimit was, small;
  (void)state;
  int fd = mkstemp(name);
  assert_true(fd >= 0);
  unlink(name);
  assert_int_equal(dup2(fd, 2), 2);
  moon_log(MOON_LOG_WARN, "first");
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
  small = (struct rlimit){.rlim_cur = 100, .rlim_max = was.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  for (int i = 0; i < 5; i++) { moon_log(MOON_LOG_WARN, "%080d", i); }
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
  moon_log(MOON_LOG_WARN, "last");
  moon_log(MOON_LOG_WARN, "after it");
  ssize_t n = pread(fd, all, sizeof all - 1, 0);
  close(fd);
  assert_true(n > 100);
  all[n] = 0;
  assert_true(all[99] != '\n'); /* one is torn there */
  static const char told[] = "\nwarn 5 lines of the log are missing here: File too large\nwarn 20";
  const char *missing = all + 100;
  assert_true(strncmp(missing, told, sizeof told - 1) == 0);
  const char *last = strstr(missing, "Z last\nwarn 20");
  assert_non_null(last);
  assert_string_equal(after_time(last + 7), "after it\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(levels, set_up, tear_down),
    cmocka_unit_test_setup_teardown(what_devices_say_is_harmless, set_up, tear_down),
    cmocka_unit_test_setup_teardown(long_ones_are_cut, set_up, tear_down),
    cmocka_unit_test_setup_teardown(nobody_reads, set_up, tear_down),
    cmocka_unit_test_setup_teardown(nobody_reads_long_ones, set_up, tear_down),
    cmocka_unit_test_setup_teardown(nobody_reads_and_no_file_is_left, set_up, tear_down),
    cmocka_unit_test_setup_teardown(a_full_disk, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
