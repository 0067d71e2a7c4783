/* Files that are watched, and others in their place: by one descriptor of the kernel's all the time, as the end of one takes it seconds
 * where it is busy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "main/watch.h"

static char base[] = "/tmp/moonpoll-watch-XXXXXX";
static char paths[3][64];

static void put(const char *path, const char *text) {
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static bool rings(const struct moon_watch *w) { return poll(&(struct pollfd){.fd = w->fd, .events = POLLIN}, 1, 0) > 0; }

static void others_in_their_place(void **unused) {
  struct moon_watch w;
  const char *first[] = {paths[0], paths[1]}, *second[] = {paths[1], paths[2]};
  (void)unused;
  moon_watch_init(&w);
  moon_watch_set(&w, first, 2, 0);
  assert_true(w.fd >= 0);
  int fd = w.fd;
  put(paths[0], "1");
  assert_true(rings(&w));
  moon_watch_heard(&w, 0);
  assert_false(rings(&w));
  for (uint64_t now = 0; !moon_watch_look(&w, now); now = w.look_us) { assert_true(now < 10000000); }

  moon_watch_set(&w, second, 2, 0);
  assert_int_equal(w.fd, fd);
  assert_int_equal(w.n_dirs, 2);
  put(paths[0], "2"); /* nobody's any more */
  assert_false(rings(&w));
  put(paths[1], "2");
  assert_true(rings(&w));
  moon_watch_heard(&w, 0);
  put(paths[2], "2");
  assert_true(rings(&w));
  moon_watch_set(&w, second, 2, 0); /* the same: what changed is not known yet */
  assert_int_equal(w.fd, fd);
  assert_false(rings(&w));
  for (uint64_t now = 0; !moon_watch_look(&w, now); now = w.look_us) { assert_true(now < 10000000); }
  moon_watch_set(&w, NULL, 0, 0);
  assert_int_equal(w.fd, -1);
  moon_watch_fini(&w);
}

static void newer(void **unused) {
  struct moon_watch w;
  struct stat st;
  char pattern[80];
  const char *all[] = {pattern};
  (void)unused;
  snprintf(pattern, sizeof pattern, "%s/?/file", base);
  moon_watch_init(&w);
  moon_watch_set(&w, all, 1, 0);
  int64_t latest = 0;
  for (int i = 0; i < 3; i++) {
    assert_int_equal(stat(paths[i], &st), 0);
    int64_t ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
    latest = ns > latest ? ns : latest;
  }
  assert_true(moon_watch_is_newer(&w, latest - 1));
  assert_false(moon_watch_is_newer(&w, latest));
  moon_watch_fini(&w);
}

static int make(void **unused) {
  (void)unused;
  if (!mkdtemp(base)) { return 1; }
  for (int i = 0; i < 3; i++) {
    snprintf(paths[i], sizeof paths[i], "%s/%d", base, i);
    if (mkdir(paths[i], 0700)) { return 1; }
    snprintf(paths[i], sizeof paths[i], "%s/%d/file", base, i);
    put(paths[i], "0");
  }
  return 0;
}

static int drop(void **unused) {
  (void)unused;
  for (int i = 0; i < 3; i++) {
    char dir[64];
    unlink(paths[i]);
    snprintf(dir, sizeof dir, "%s/%d", base, i);
    rmdir(dir);
  }
  return rmdir(base);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(others_in_their_place), cmocka_unit_test(newer)};
  return cmocka_run_group_tests(tests, make, drop);
}
