/* The control socket and the directory it is found in. */
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/main/control.h"
#include "../../core/main/rundir.h"

static char base[] = "/tmp/moon-control-XXXXXX";
static char dir[MOON_RUNDIR_MAX];
static struct moon_control control;

static void echo(void *arg, const char *command, struct moon_print *answer) {
  ++*(int *)arg;
  moon_print_printf(answer, "<%s>", command);
}

static void serve(void) {
  struct pollfd fds[MOON_CONTROL_FDS];
  for (int i = 0; i < 4; i++) {
    moon_control_fds(&control, fds);
    if (poll(fds, MOON_CONTROL_FDS, 1) > 0) { moon_control_serve(&control, fds); }
  }
}

static const char *answer(int fd) {
  static char buf[4096];
  ssize_t n = recv(fd, buf, sizeof buf - 1, MSG_DONTWAIT);
  if (n < 0) { return errno == EAGAIN ? "nothing" : "gone"; }
  buf[n] = 0;
  return n ? buf : "closed";
}

static void say(int fd, const char *text) { assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text)); }

static int calls;

static int set_up(void **state) {
  (void)state;
  assert_non_null(mkdtemp(base));
  assert_int_equal(moon_rundir_make(base, dir, sizeof dir), MOON_OK);
  assert_int_equal(moon_control_init(&control, dir, echo, &calls), MOON_OK);
  return 0;
}
static int tear_down(void **state) {
  (void)state;
  moon_control_fini(&control);
  moon_rundir_remove(dir);
  return rmdir(base); /* nothing is left */
}

static void only_the_owner_may_ask(void **state) {
  struct stat st;
  char path[128];
  (void)state;
  assert_int_equal(stat(dir, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0700);
  snprintf(path, sizeof path, "%s/control", dir);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
}

static void lines_in_lines_out(void **state) {
  (void)state;
  int fd = moon_rundir_connect(dir);
  assert_true(fd >= 0);
  say(fd, "status\n");
  serve();
  assert_string_equal(answer(fd), "<status>\n");
  say(fd, "on");
  serve();
  assert_string_equal(answer(fd), "nothing");
  say(fd, "e\r\ntwo\n\nthr");
  serve();
  assert_string_equal(answer(fd), "<one>\n<two>\n<>\n");
  close(fd);
  serve();
  assert_int_equal(control.client[0].fd, -1);
}

static void a_line_without_end_is_dropped(void **state) {
  char text[MOON_CONTROL_LINE + 1];
  (void)state;
  int before = calls, fd = moon_rundir_connect(dir);
  memset(text, 'x', sizeof text);
  text[MOON_CONTROL_LINE] = 0;
  say(fd, text);
  serve();
  assert_string_equal(answer(fd), "closed");
  assert_int_equal(calls, before);
  close(fd);
}

static void clients_are_limited_and_the_next_one_waits(void **state) {
  int fds[MOON_CONTROL_CLIENTS + 1];
  (void)state;
  for (int i = 0; i <= MOON_CONTROL_CLIENTS; i++) {
    fds[i] = moon_rundir_connect(dir);
    assert_true(fds[i] >= 0);
    serve();
    say(fds[i], "hello\n");
    serve();
    assert_string_equal(answer(fds[i]), i < MOON_CONTROL_CLIENTS ? "<hello>\n" : "nothing");
  }
  close(fds[0]);
  serve();
  assert_string_equal(answer(fds[MOON_CONTROL_CLIENTS]), "<hello>\n");
  for (int i = 1; i <= MOON_CONTROL_CLIENTS; i++) { close(fds[i]); }
  serve();
}

/* It is not the first that goes, but the one that was quiet for longest; nobody goes that was heard a moment ago, or is yet to be answered. */
static void who_is_quiet_makes_room(void **state) {
  struct pollfd polled[MOON_CONTROL_FDS];
  int fds[MOON_CONTROL_CLIENTS + 1];
  (void)state;
  for (int i = 0; i <= MOON_CONTROL_CLIENTS; i++) {
    fds[i] = moon_rundir_connect(dir);
    assert_true(fds[i] >= 0);
    serve();
  }
  say(fds[MOON_CONTROL_CLIENTS], "hello\n");
  serve();
  assert_string_equal(answer(fds[MOON_CONTROL_CLIENTS]), "nothing");
  moon_control_fds(&control, polled);
  assert_int_equal(poll(polled, MOON_CONTROL_FDS, 1), 0);
  control.client[2].heard_us = 1;
  control.client[2].ticket = 1;
  control.client[3].heard_us = 3;
  control.client[5].heard_us = 2;
  serve();
  assert_string_equal(answer(fds[MOON_CONTROL_CLIENTS]), "<hello>\n");
  for (int i = 0; i < MOON_CONTROL_CLIENTS; i++) { assert_string_equal(answer(fds[i]), i == 5 ? "closed" : "nothing"); }
  control.client[2].ticket = 0;
  for (int i = 0; i <= MOON_CONTROL_CLIENTS; i++) { close(fds[i]); }
  serve();
}

/* One after the other is heard all the same, and who has to wait keeps nobody busy. */
static void no_file_is_left(void **state) {
  struct pollfd fds[MOON_CONTROL_FDS];
  struct rlimit was, few;
  int taken[64], n = 0, one = moon_rundir_connect(dir), other = moon_rundir_connect(dir);
  (void)state;
  assert_true(one >= 0 && other >= 0);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
  few = was;
  few.rlim_cur = sizeof taken / sizeof *taken;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  while ((taken[n] = dup(0)) >= 0) { n++; }
  say(one, "one\n");
  say(other, "other\n");
  serve();
  assert_string_equal(answer(one), "<one>\n");
  assert_string_equal(answer(other), "nothing");
  moon_control_fds(&control, fds);
  assert_int_equal(poll(fds, MOON_CONTROL_FDS, 1), 0);
  close(one);
  serve();
  assert_string_equal(answer(other), "<other>\n");
  close(other);
  while (n) { close(taken[--n]); }
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
  serve();
}

static void who_does_not_read_is_dropped(void **state) {
  (void)state;
  int fd = moon_rundir_connect(dir), dropped = 0;
  for (int i = 0; i < 100000 && !dropped; i++) {
    if (send(fd, "status\nstatus\nstatus\n", 21, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE) { dropped = 1; }
    serve();
  }
  assert_true(dropped);
  close(fd);
}

static void instances_are_found_and_dead_ones_removed(void **state) {
  pid_t found[4];
  char path[160], again[MOON_RUNDIR_MAX];
  struct stat st;
  (void)state;
  assert_int_equal(moon_rundir_list(base, found, 4), 1);
  assert_int_equal(found[0], getpid());
  /* A dead one: no such process. What is not ours stays. */
  snprintf(path, sizeof path, "%s/2147483646", base);
  assert_int_equal(mkdir(path, 0700), 0);
  snprintf(path, sizeof path, "%s/2147483646/counters", base);
  close(open(path, O_CREAT | O_WRONLY, 0600));
  snprintf(path, sizeof path, "%s/notes", base);
  assert_int_equal(mkdir(path, 0700), 0);
  assert_int_equal(moon_rundir_list(base, found, 4), 1);
  moon_control_fini(&control);
  assert_int_equal(moon_rundir_list(base, found, 4), 0);
  assert_int_equal(moon_rundir_make(base, again, sizeof again), MOON_OK); /* our own of an earlier life is taken over */
  assert_string_equal(again, dir);
  assert_int_equal(stat(path, &st), 0);
  rmdir(path);
  snprintf(path, sizeof path, "%s/2147483646", base);
  assert_int_equal(stat(path, &st), -1);
  assert_int_equal(moon_control_init(&control, dir, echo, &calls), MOON_OK);
}

static void directories_that_cannot_be(void **state) {
  char out[MOON_RUNDIR_MAX], longest[200];
  (void)state;
  memset(longest, 'x', sizeof longest - 1);
  longest[0] = '/';
  longest[sizeof longest - 1] = 0;
  assert_int_equal(moon_rundir_base(longest, out, sizeof out), MOON_E_LIMIT);
  assert_int_equal(moon_rundir_make(longest, out, sizeof out), MOON_E_CONFIG);
  assert_int_equal(moon_rundir_make("/dev/null", out, sizeof out), MOON_E_CONFIG);
  assert_int_equal(moon_rundir_make("/proc/moonpoll", out, sizeof out), MOON_E_CONFIG);
  setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
  assert_int_equal(moon_rundir_base(NULL, out, sizeof out), MOON_OK);
  assert_string_equal(out, "/run/user/7/moonpoll");
  setenv("XDG_RUNTIME_DIR", "relative", 1);
  assert_int_equal(moon_rundir_base(NULL, out, sizeof out), MOON_OK);
  assert_null(strstr(out, "relative"));
  assert_int_equal(moon_rundir_base("/x", out, sizeof out), MOON_OK);
  assert_string_equal(out, "/x");
}

static void default_directories_do_not_stay_behind(void **state) {
  char own[48], sim[72], of_sim[MOON_RUNDIR_MAX];
  struct stat st;
  (void)state;
  setenv("XDG_RUNTIME_DIR", base, 1);
  assert_int_equal(moon_rundir_base(NULL, own, sizeof own), MOON_OK);
  snprintf(sim, sizeof sim, "%s/sim", own);
  assert_int_equal(moon_rundir_make(sim, of_sim, sizeof of_sim), MOON_OK);
  moon_rundir_remove(of_sim);
  assert_int_equal(stat(own, &st), -1);
  assert_int_equal(stat(base, &st), 0);
  assert_int_equal(moon_rundir_make(sim, of_sim, sizeof of_sim), MOON_OK);
  snprintf(of_sim, sizeof of_sim, "%s/notes", own);
  assert_int_equal(mkdir(of_sim, 0700), 0);
  snprintf(sim, sizeof sim, "%s/sim/%d", own, (int)getpid());
  moon_rundir_remove(sim);
  assert_int_equal(stat(of_sim, &st), 0); /* somebody else's */
  snprintf(sim, sizeof sim, "%s/sim", own);
  assert_int_equal(stat(sim, &st), -1);
  assert_int_equal(rmdir(of_sim) + rmdir(own), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(only_the_owner_may_ask), cmocka_unit_test(lines_in_lines_out), cmocka_unit_test(a_line_without_end_is_dropped),
    cmocka_unit_test(clients_are_limited_and_the_next_one_waits), cmocka_unit_test(who_is_quiet_makes_room),
    cmocka_unit_test(no_file_is_left), cmocka_unit_test(who_does_not_read_is_dropped),
    cmocka_unit_test(instances_are_found_and_dead_ones_removed), cmocka_unit_test(directories_that_cannot_be),
    cmocka_unit_test(default_directories_do_not_stay_behind)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
