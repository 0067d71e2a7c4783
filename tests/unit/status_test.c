/* Who asks an instance: it gets all of an answer, or is told that there is none. */
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
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../core/main/rundir.h"
#include "../../core/main/status.h"

static char dir[] = "/tmp/moonpoll-status-XXXXXX";
static char control[64], out[64], err[64];

static int make(void **state) {
  (void)state;
  if (!mkdtemp(dir)) { return 1; }
  snprintf(control, sizeof control, "%s/control", dir);
  snprintf(out, sizeof out, "%s/out", dir);
  snprintf(err, sizeof err, "%s/err", dir);
  return 0;
}

static int drop(void **state) {
  (void)state;
  unlink(control);
  unlink(out);
  unlink(err);
  return rmdir(dir);
}

static int instance(int backlog) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  strcpy(a.sun_path, control);
  unlink(control);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
  assert_int_equal(listen(fd, backlog), 0);
  return fd;
}

static pid_t ask(const char *word) {
  char run_dir[] = "--run-dir", json[] = "--json", name[32];
  pid_t pid = fork();
  if (pid) { return pid; }
  alarm(30);
  snprintf(name, sizeof name, "%s", word);
  char *words[] = {name, run_dir, dir, json, NULL};
  if (!freopen(out, "w", stdout) || !freopen(err, "w", stderr)) { _exit(99); }
  int status = moon_status_main(strcmp(word, "stop") ? 4 : 3, words);
  fflush(stdout);
  fflush(stderr);
  _exit(status);
}

static int ended(pid_t pid) {
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *text(const char *path) {
  static char all[2][4096];
  static int at;
  char *p = all[at++ % 2];
  FILE *f = fopen(path, "r");
  assert_non_null(f);
  p[fread(p, 1, sizeof all[0] - 1, f)] = 0;
  fclose(f);
  return p;
}

/* Answers one question, behind who only looked whether anybody is there. */
static void answer(int fd, const char *with) {
  char line[64];
  close(accept(fd, NULL, NULL));
  int client = accept(fd, NULL, NULL);
  assert_true(client >= 0 && recv(client, line, sizeof line, 0) > 0);
  assert_int_equal(send(client, with, strlen(with), MSG_NOSIGNAL), strlen(with));
  close(client);
}

static void all_of_it_or_nothing(void **state) {
  static const struct { const char *word, *said; int status; } cases[] = {
    {"tasks", "{\"answers\":[],\"busy\":[]}\n", 0}, {"tasks", "{\"answers\":[{\"tas", 1}, {"tasks", "", 1}, {"stop", "ok\n", 0}, {"stop", "o", 1}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int fd = instance(8);
    pid_t pid = ask(cases[i].word);
    answer(fd, cases[i].said);
    assert_int_equal(ended(pid), cases[i].status);
    assert_string_equal(text(out), cases[i].status ? "" : cases[i].said);
    if (cases[i].status) { assert_non_null(strstr(text(err), "it hung up before its answer was whole")); }
    close(fd);
  }
}

/* It is stopped, and so many wait for it already that nobody else may: that ends. */
static void who_is_not_let_in(void **state) {
  int waiting[16], n = 0, fd = instance(1);
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  pid_t found[2];
  (void)state;
  strcpy(a.sun_path, control);
  for (; n < 16; n++) {
    waiting[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect(waiting[n], (struct sockaddr *)&a, sizeof a)) { break; }
  }
  assert_in_range(n, 1, 15);
  alarm(30);
  pid_t pid = ask("tasks");
  assert_int_equal(moon_rundir_connect(dir), -1);
  assert_int_equal(errno, EAGAIN);
  assert_int_equal(ended(pid), 1);
  assert_non_null(strstr(text(err), "is that process stopped, or the machine overloaded?"));
  assert_int_equal(moon_rundir_list(dir, found, 2), 0);
  alarm(0);
  while (n >= 0) { close(waiting[n--]); }
  close(fd);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_of_it_or_nothing), cmocka_unit_test(who_is_not_let_in)};
  return cmocka_run_group_tests(tests, make, drop);
}
