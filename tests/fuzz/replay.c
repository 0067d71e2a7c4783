/* replay: runs a fuzz target over the files of its corpus, as an ordinary test. Every input is copied to the heap with
 * its exact size, so that a read past its end is seen by the address sanitizer. Prints one TAP line. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char current[4096]; /* printed when a sanitizer ends the process */

static void told(void) {
  if (current[0]) { printf("not ok 1 - stopped at %s\n", current); }
}

static int run_file(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) { return -1; }
  uint8_t *data = NULL;
  size_t n = 0, got;
  uint8_t chunk[4096];
  while ((got = fread(chunk, 1, sizeof chunk, f)) > 0) {
    uint8_t *more = realloc(data, n + got);
    if (!more) { abort(); }
    data = more;
    memcpy(data + n, chunk, got);
    n += got;
  }
  fclose(f);
  snprintf(current, sizeof current, "%s", path);
  if (!data) { data = malloc(1); }
  LLVMFuzzerTestOneInput(data, n);
  current[0] = 0;
  free(data);
  return 0;
}

int main(int argc, char **argv) {
  unsigned ran = 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  atexit(told);
  for (int i = 1; i < argc; i++) {
    DIR *d = opendir(argv[i]);
    if (!d) {
      printf("not ok 1 - no corpus %s\n", argv[i]);
      return 1;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
      char path[4096];
      snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
      if (e->d_name[0] == '.') { continue; }
      if (run_file(path)) {
        printf("not ok 1 - cannot read %s\n", path);
        return 1;
      }
      ran++;
    }
    closedir(d);
  }
  if (!ran) {
    printf("not ok 1 - the corpus is empty\n");
    return 1;
  }
  printf("ok 1 - %u inputs\n1..1\n", ran);
  return 0;
}
