/* recordings: every recording of the tree, and under the directory MOON_RECORDINGS, if there is one (real ones, of devices: none are
 * shipped), is loaded, walked in all ways and asked at random, and answers what is in it. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim_rig.h"

static unsigned files, left_out;
static uint64_t varbinds;

static void check(const char *path) {
  static struct sim s;
  static char line[MOON_DUMP_LINE_MAX];
  struct moon_recording *r;
  struct moon_dump_stats stats;
  enum moon_err err;
  FILE *f = fopen(path, "rb");
  char *text = malloc(16u << 20);
  size_t n;
  assert_true(f && text);
  n = fread(text, 1, 16u << 20, f);
  fclose(f);
  r = moon_dump_read(text, n, NULL, &stats, &err);
  free(text);
  assert_non_null(r);
  sim_init(&s, "");
  moon_recording_free(s.recording);
  s.recording = r;
  s.profile.recording = r;
  for (uint32_t i = 0; i < r->n; i++) {
    struct moon_varbind vb;
    moon_recording_get(r, i, &vb);
    if (!moon_dump_line(&vb, line, sizeof line)) { fail_msg("%s: instance %u", path, i); }
  }
  s.profile.max_octets = 65507;
  varbinds += sim_walk(&s, 100);
  s.profile.max_octets = 1472; /* or what the longest value needs */
  for (uint32_t i = 0; i < r->n; i++) {
    if (r->instances[i].len + 60u > s.profile.max_octets) { s.profile.max_octets = r->instances[i].len + 60u; }
  }
  varbinds += sim_walk(&s, 25);
  if (r->n < 6000) {
    varbinds += sim_walk(&s, 0);
    s.version = MOON_V1;
    varbinds += sim_walk(&s, 0);
  }
  files++;
  left_out += stats.left_out;
  sim_fini(&s);
}

static void visit(const char *dir) {
  DIR *d = opendir(dir);
  struct dirent *e;
  char path[4096];
  if (!d) { return; }
  while ((e = readdir(d)) != NULL) {
    size_t n = strlen(e->d_name);
    if (e->d_name[0] == '.') { continue; }
    snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
    if ((n > 8 && strcmp(e->d_name + n - 8, ".snmprec") == 0) || (n > 9 && strcmp(e->d_name + n - 9, ".snmpwalk") == 0)) {
      check(path);
    } else {
      visit(path);
    }
  }
  closedir(d);
}

/* How many there were. */
static unsigned test_all(const char *dir) {
  files = left_out = 0;
  varbinds = 0;
  visit(dir);
  print_message("%s: %u recordings, %llu varbinds, %u lines left out\n", dir, files, (unsigned long long)varbinds, left_out);
  return files;
}

static void test_recordings(void **state) {
  const char *dir = getenv("MOON_RECORDINGS");
  (void)state;
  assert_true(test_all("tests/recordings") >= 4);
  assert_int_equal(left_out, 0);
  assert_true(test_all("tests/golden") >= 8);
  assert_int_equal(left_out, 0);
  if (dir) { assert_true(test_all(dir) > 0); }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_recordings)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
