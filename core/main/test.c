#define _GNU_SOURCE
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/mem.h"
#include "master.h"
#include "trial.h"

#define SUFFIX ".test.lua"
#define SUFFIX_LEN (sizeof SUFFIX - 1)
#define LOG_LINES 20
#define GOLDEN_MAX (64 << 20)

static const char usage[] =
  "usage: moonpoll test DIR|NAME.test.lua... [--update]\n"
  "Runs probes against recordings, with a clock that jumps and without a socket, and compares their samples with what was kept.\n"
  "\n"
  "  DIR holds cases, NAME.test.lua, and beside each of them NAME.json, the samples it has to give. A case returns a table:\n"
  "\n"
  "    return { probe = \"../interfaces.lua\", recording = \"switch.snmprec\", runs = 3, every = 30 }\n"
  "\n"
  "  probe               the file to be tried; paths are relative to the case\n"
  "  recording           .snmprec, or what snmpwalk -On -Oe prints; or recordings = { ... }, a device each\n"
  "  runs, every         how often (1), seconds between (what the probe says)\n"
  "  args                as --arg of moonpoll run\n"
  "  version, community, timeout, retries    as -v -c -t -r of it\n"
  "  seed                of chance: the same seed, the same run (1)\n"
  "  allow_set           the probe may SET (false)\n"
  "  live rates values vary delay jitter loss faults max_octets snmp timing create    as in a fleet of moonpoll sim\n"
  "\n"
  "  --update            writes NAME.json instead of comparing\n"
  "  --help              this text\n"
  "\n"
  "Exit status: 0 all is as it was, 1 something failed, 2 nothing to run.\n"
  "\n"
  "example: moonpoll test tests/golden\n";

struct job {
  char **files;
  size_t n, cap;
  uint32_t passed, failed;
  _Atomic uint32_t begun;          /* cases; read by the thread that waits */
  bool update;
};

static int __attribute__((format(printf, 1, 2))) mistake(const char *format, ...) {
  va_list ap;
  fputs("moonpoll test: ", stderr);
  va_start(ap, format);
  vfprintf(stderr, format, ap);
  va_end(ap);
  fputc('\n', stderr);
  return MOON_EXIT_CONFIG;
}

/* ---- one case */

/* "dir/switch.test.lua": "switch" */
static const char *name_of(const char *file, int *len) {
  const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
  *len = (int)(strlen(name) - SUFFIX_LEN);
  return name;
}

static bool read_golden(const char *path, struct moon_print *out) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  bool good = fd >= 0 && !fstat(fd, &st) && st.st_size <= GOLDEN_MAX;
  while (good) {
    uint8_t *p = moon_print_room(out, 65536);
    ssize_t n = p ? read(fd, p, 65536) : -1;
    if (n < 0 && p && errno == EINTR) { continue; }
    good = n >= 0;
    if (n <= 0) { break; }
    out->n += (size_t)n;
  }
  int cause = errno;
  if (fd >= 0) { close(fd); }
  errno = cause;
  return good;
}

/* Whole or not at all. */
static bool write_golden(const char *path, const struct moon_print *text) {
  char *aside = NULL;
  if (asprintf(&aside, "%s.new", path) < 0) { return false; }
  FILE *f = fopen(aside, "we");
  bool good = f && fwrite(text->p, 1, text->n, f) == text->n;
  if (f && fclose(f)) { good = false; }
  good = good && !rename(aside, path);
  int cause = errno;
  if (!good && f) { unlink(aside); }
  free(aside);
  errno = cause;
  return good;
}

static void show_log(const struct moon_tried *t) {
  const char *p = (const char *)t->log.p, *end = p + t->log.n;
  for (int n = 0; p && p < end; n++) {
    const char *newline = memchr(p, '\n', (size_t)(end - p));
    if (n == LOG_LINES) {
      puts("      ...");
      return;
    }
    printf("      %.*s\n", (int)(newline - p), p);
    p = newline + 1;
  }
}

static struct moon_text text_of(const struct moon_print *p) { return (struct moon_text){p->p ? (const char *)p->p : "", (uint32_t)p->n}; }

static void run_case(struct job *job, const char *file) {
  struct moon_tried t;
  struct moon_print got, want, diff;
  int len;
  const char *name = name_of(file, &len), *verdict = NULL;
  char *golden = NULL, counts[64], why[1536] = "";
  moon_print_init(&got, NULL, NULL);
  moon_print_init(&want, NULL, NULL);
  moon_print_init(&diff, NULL, NULL);
  moon_trial_run(file, &t);
  moon_golden_print(&t.golden, &got);
  (void)snprintf(counts, sizeof counts, "%u run%s, %u sample%s", (unsigned)t.golden.n_runs, t.golden.n_runs == 1 ? "" : "s",
                 (unsigned)t.golden.n_samples, t.golden.n_samples == 1 ? "" : "s");
  if (t.error[0]) {
    (void)snprintf(why, sizeof why, "%s", t.error);
  } else if (asprintf(&golden, "%.*s.json", (int)(strlen(file) - SUFFIX_LEN), file) < 0 || got.failed || t.log.failed) {
    (void)snprintf(why, sizeof why, "out of memory");
  } else if (t.golden.n_script) {
    (void)snprintf(why, sizeof why, "the script raised an error in %u of %s", (unsigned)t.golden.n_script, counts);
  } else if (!t.golden.n_runs) { /* nothing can become different */
    (void)snprintf(why, sizeof why, "nothing ran: the probe is for none of the recordings (match)");
  } else if (!read_golden(golden, &want) && (errno != ENOENT || !job->update)) {
    bool none = errno == ENOENT;
    (void)snprintf(why, sizeof why, "%s: %s%s", golden, strerror(errno), none ? "; --update writes it" : "");
  } else if (!moon_golden_diff(golden, text_of(&want), text_of(&got), &diff)) {
    verdict = "ok   ";
  } else if (!job->update) {
    (void)snprintf(why, sizeof why, "the samples are not what was kept (%s)", counts);
  } else if (write_golden(golden, &got)) {
    verdict = "wrote";
  } else {
    (void)snprintf(why, sizeof why, "%s: %s", golden, strerror(errno));
  }
  if (verdict) {
    job->passed++;
    printf("%s %-30.*s %s\n", verdict, len, name, counts);
  } else {
    job->failed++;
    printf("FAIL  %.*s: %s\n", len, name, why);
    if (diff.p && !job->update) { printf("%.*s", (int)diff.n, (const char *)diff.p); }
    show_log(&t);
  }
  fflush(stdout);
  free(golden);
  moon_print_fini(&got);
  moon_print_fini(&want);
  moon_print_fini(&diff);
  moon_tried_fini(&t);
}

static void run_all(void *arg) {
  struct job *job = arg;
  for (size_t i = 0; i < job->n; i++) {
    job->begun = (uint32_t)i + 1;
    run_case(job, job->files[i]);
  }
}

/* ---- which */

static bool is_case(const char *name) {
  size_t n = strlen(name);
  return n > SUFFIX_LEN && strcmp(name + n - SUFFIX_LEN, SUFFIX) == 0;
}

static bool add(struct job *job, char *file) {
  if (job->n == job->cap) {
    size_t cap = job->cap ? 2 * job->cap : 32;
    char **files = moon_mem_resize(job->files, cap, sizeof *files);
    if (!files) {
      free(file);
      return false;
    }
    job->files = files;
    job->cap = cap;
  }
  job->files[job->n++] = file;
  return true;
}

static int by_name(const void *a, const void *b) { return strverscmp(*(char *const *)a, *(char *const *)b); }

/* 0, or an exit status. */
static int find(struct job *job, const char *path) {
  size_t first = job->n;
  char *file;
  if (is_case(path)) { return (file = strdup(path)) && add(job, file) ? 0 : mistake("out of memory"); }
  DIR *dir = opendir(path);
  if (!dir) { return mistake("%s: %s", path, strerror(errno)); }
  bool good = true;
  size_t n = strlen(path);
  for (struct dirent *d; good && (d = readdir(dir));) {
    if (!is_case(d->d_name)) { continue; }
    good = asprintf(&file, "%s%s%s", path, n && path[n - 1] == '/' ? "" : "/", d->d_name) >= 0 && add(job, file);
  }
  closedir(dir);
  if (!good) { return mistake("out of memory"); }
  if (job->n == first) { return mistake("%s: no NAME%s in it", path, SUFFIX); }
  qsort(job->files + first, job->n - first, sizeof *job->files, by_name);
  return 0;
}

static void say_sum(const struct job *job) {
  printf("%u passed, %u failed\n", (unsigned)job->passed, (unsigned)job->failed);
}

static int run_thread(struct job *job) {
  int err = moon_trial_guard(run_all, job, &job->begun);
  if (err > 0) {
    fprintf(stderr, "moonpoll test: cannot start a thread: %s\n", strerror(err));
    return MOON_EXIT_FAILED;
  }
  if (err) { /* it cannot be stopped from outside, only left */
    int len;
    const char *name = name_of(job->files[job->begun - 1], &len);
    job->failed++;
    printf("FAIL  %.*s: it computes for over %u s; what would follow was not run\n", len, name, MOON_TRIAL_S);
    say_sum(job);
    fflush(stdout);
    _exit(MOON_EXIT_FAILED);
  }
  say_sum(job);
  return fflush(stdout) || job->failed ? MOON_EXIT_FAILED : MOON_EXIT_OK;
}

int moon_test_main(int argc, char **argv) {
  struct job job = {0};
  int status = 0;
  bool help = false;
  for (int i = 1; i < argc && !status; i++) {
    if (strcmp(argv[i], "--update") == 0) {
      job.update = true;
    } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      help = true;
    } else if (argv[i][0] == '-') {
      status = mistake("%s: no such option", argv[i]);
    } else {
      status = find(&job, argv[i]);
    }
  }
  if (help) {
    status = fputs(usage, stdout) < 0 || fflush(stdout) ? MOON_EXIT_FAILED : MOON_EXIT_OK;
  } else if (!status) {
    status = job.n ? run_thread(&job) : mistake("no DIR: moonpoll test DIR [--update]");
  }
  for (size_t i = 0; i < job.n; i++) { free(job.files[i]); }
  moon_mem_free(job.files);
  return status;
}
