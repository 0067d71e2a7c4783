#define _GNU_SOURCE
#include "mib.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/mem.h"
#include "../bind/value/mib.h"
#include "../names/facts.h"
#include "../names/module.h"
#include "../names/print.h"
#include "../names/resolve.h"
#include "master.h"
#include "modules.h"
#include "smi.h"

#define MODULE_S 30          /* nobody waits longer for one module */
#define MODULE_CPU_US 300000 /* of CPU one may take, */
#define OCTET_CPU_US 1       /* and more for its octets: it takes a fortieth; or it loops */
#define LINES_MAX 20         /* told of one module */
#define SAVE_MODULES 64      /* are read again at most when one ends the parser, */
#define SAVE_OCTETS (2u << 20) /* or those after so many octets, */
#define SAVE_AGAIN 8         /* but no less of them; the more were read the more at a time: each process that waits keeps its pages */

static const char usage[] =
  "usage: moonpoll mib add FILE|DIR... [--mib-file FILE]\n"
  "       moonpoll mib list [--mib-file FILE]\n"
  "       moonpoll mib show MODULE|NAME|OID... [--mib-file FILE]\n"
  "Makes MIB modules known: their names, types, indexes and labels, for every command and every probe.\n"
  "\n"
  "  add    compiles modules into the file of names; what cannot be read is told with file and line and left out\n"
  "  list   modules that are known, their objects, and where they come from\n"
  "  show   a module's facts, or what is known of one object\n"
  "\n"
  "  --mib-file FILE   instead of $MOONPOLL_MIBS or ~/.local/share/moonpoll/mibs\n"
  "  --quiet           add: only tell what is left out whole\n"
  "  --smi             show: a module as SMIv2 text, without a word of prose\n"
  "  --help            this text\n"
  "\n"
  "example: moonpoll mib add /usr/share/snmp/mibs ~/mibs/ACME-MIB.txt\n";

/* What the processes that parse tell those that wait for them. */
struct progress {
  uint32_t at; /* number of the module being read; UINT32_MAX: none */
  bool done;   /* the status is to be believed */
};

struct job {
  struct moon_modules modules;
  const char *path;            /* the file of names */
  char dir[64];                /* modules under their names, for libsmi */
  struct progress *progress;   /* shared */
  const struct moon_names *names;
  struct moon_mib old;         /* what the file holds already */
  bool has_old;
  bool quiet, smi;
  uint32_t told_before;        /* modules a process that died has told of */
  bool told;                   /* past them */
  uint32_t lines, whole;       /* told: of parts, of modules */
  const struct moon_module_file *last; /* that was told of, */
  uint32_t of_last;            /* so often, */
  int last_line;               /* the last time of this line */
};

static int __attribute__((format(printf, 2, 3))) fail(int status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("moonpoll mib: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  return status;
}

/* ---- telling ---- */

static void tell_file(void *arg, const char *path, int line, const char *text) {
  struct job *j = arg;
  j->whole++;
  if (line) {
    fprintf(stderr, "%s:%d: %s; skipped\n", path, line, text);
  } else {
    fprintf(stderr, "%s: %s; skipped\n", path, text);
  }
}

/* The module under our directory that is meant; NULL: one of ours, made from facts. */
static const struct moon_module_file *meant(const struct job *j, const char *path) {
  size_t n = strlen(j->dir);
  return strncmp(path, j->dir, n) == 0 && path[n] == '/' ? moon_modules_find(&j->modules, path + n + 1) : NULL;
}

static void tell_line(void *arg, const char *path, int line, const char *text) {
  struct job *j = arg;
  const struct moon_module_file *f = meant(j, path);
  /* libsmi has no numbers for the range of a Counter64. */
  if (!f || (strcmp(f->name, "SNMPv2-SMI") == 0 && strncmp(text, "range ", 6) == 0)) { return; }
  if (f == j->last && line == j->last_line) { return; } /* one line, one mistake */
  j->of_last = f == j->last ? j->of_last + 1 : 1;
  j->last = f;
  j->last_line = line;
  j->lines++;
  if (j->quiet || !j->told || j->of_last > LINES_MAX) { return; }
  fprintf(stderr, "%s:%d: %s%s\n", f->path, line, text, j->of_last == LINES_MAX ? "; and so on" : "");
}

/* ---- the directory libsmi looks into ---- */

static bool write_all(const char *path, const void *p, size_t n) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  bool good = fd >= 0;
  for (size_t at = 0; good && at < n;) {
    ssize_t len = write(fd, (const char *)p + at, n - at);
    if (len < 0 && errno == EINTR) { continue; }
    good = len > 0;
    if (good) { at += (size_t)len; }
  }
  if (fd >= 0 && close(fd)) { good = false; }
  return good;
}

/* A copy of a file that was cut, with an end: libsmi looks for the end of a quote for ever, and does not survive an END inside a
 * definition. What is defined last so gets a place nothing has, and is skipped. */
static void write_closed(const struct moon_module_file *f, const char *to) {
  FILE *in = fopen(f->path, "re"), *out = in ? fopen(to, "we") : NULL;
  char buf[65536];
  for (size_t n; out && (n = fread(buf, 1, sizeof buf, in)) > 0;) { fwrite(buf, 1, n, out); }
  if (out) { fputs(f->quoted ? "\"\n::= { iso 4000000000 }\nEND\n" : "\n::= { iso 4000000000 }\nEND\n", out); }
  if (!out || fclose(out)) { fail(0, "%s: %s", to, strerror(errno)); }
  if (in) { fclose(in); }
}

static void link_module(const struct job *j, const struct moon_module_file *f) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", j->dir, f->name);
  if (f->endless) {
    write_closed(f, path);
  } else if (symlink(f->path, path) && errno != EEXIST) {
    fail(0, "%s: %s", path, strerror(errno));
  }
}

static void want(void *arg, const char *name);

static uint32_t count(const struct moon_mib *m, uint32_t module) {
  struct moon_mib_node n;
  uint32_t sum = 0;
  for (uint32_t i = 0; moon_mib_node(m, i, &n); i++) { sum += n.module == module; }
  return sum;
}

/* Where a module is known best: in the file there may be no more of it than types that came along with what uses them. */
static uint32_t known_module(const struct job *j, const char *name, const struct moon_mib **m) {
  uint32_t found = MOON_MIB_NONE;
  for (uint32_t i = j->names->n; i-- > 0;) {
    uint32_t module = moon_mib_find_module(&j->names->block[i], name, strlen(name));
    if (module == MOON_MIB_NONE) { continue; }
    *m = &j->names->block[i];
    found = module;
    if (count(*m, module)) { break; }
  }
  return found;
}

/* Text of a module we know, for those that import from it. */
static void write_known(struct job *j, const char *name) {
  char path[PATH_MAX];
  const char *notation = moon_module_notation(name);
  struct moon_out out = {0};
  snprintf(path, sizeof path, "%s/%s", j->dir, name);
  if (access(path, F_OK) == 0 || strchr(name, '/')) { return; }
  const struct moon_mib *m = NULL;
  uint32_t module = known_module(j, name, &m);
  if (module == MOON_MIB_NONE && !notation) { return; }
  for (int pass = 0; pass < 2; pass++) {
    if (module != MOON_MIB_NONE) {
      moon_module_write(m, module, &out, NULL, NULL);
    } else {
      moon_out_text(&out, name);
      moon_out_text(&out, " DEFINITIONS ::= BEGIN\n");
      moon_out_text(&out, notation);
      moon_out_text(&out, "END\n");
    }
    if (pass == 0) {
      size_t cap = out.n + 1;
      out = (struct moon_out){.p = moon_mem_alloc(cap), .cap = cap};
      if (!out.p) { return; }
    }
  }
  if (!write_all(path, out.p, out.n)) { fail(0, "%s: %s", path, strerror(errno)); }
  moon_mem_free(out.p);
  struct moon_out none = {0};
  if (module != MOON_MIB_NONE) { moon_module_write(m, module, &none, want, j); }
}

static void want(void *arg, const char *name) { write_known(arg, name); }

static void remove_dir(const char *dir) {
  char path[PATH_MAX];
  DIR *d = opendir(dir);
  for (struct dirent *e; d && (e = readdir(d));) {
    if (e->d_name[0] == '.') { continue; }
    snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
    unlink(path);
  }
  if (d) { closedir(d); }
  rmdir(dir);
}

/* ---- in the children, which may die ---- */

static bool keeps(const struct job *j, const char *name) { return !moon_modules_find(&j->modules, name); }

/* What was known before and is not read anew. */
static void keep_old(const struct job *j, struct moon_block *b) {
  if (!j->has_old) { return; }
  uint32_t n = j->old.h.types.n, *types = moon_mem_array((size_t)n + 1, sizeof *types);
  if (!types) { return; }
  memset(types, 0xff, n * sizeof *types);
  for (uint32_t i = 0; i < j->old.h.modules.n; i++) {
    struct moon_text_view name = moon_mib_module_name(&j->old, i);
    if (keeps(j, name.p)) { moon_block_copy(b, &j->old, i, types); }
  }
  moon_mem_free(types);
}

/* Signals after so much time and CPU, which end this process; 0: none. */
static void limit(unsigned int s, uint32_t cpu_us) {
  struct itimerval t = {.it_value = {.tv_sec = cpu_us / 1000000, .tv_usec = cpu_us % 1000000}};
  alarm(s);
  setitimer(ITIMER_PROF, &t, NULL);
}

/* The module that was being read ended the parser: without it, or as we know it. */
static void drop(struct job *j, uint32_t i) {
  char path[PATH_MAX];
  struct moon_module_file *f = &j->modules.at[i];
  f->dropped = true;
  j->told_before = i + 1;
  tell_file(j, f->path, 0, "the parser does not survive it");
  snprintf(path, sizeof path, "%s/%s", j->dir, f->name);
  unlink(path);
  write_known(j, f->name);
}

/* Goes on in a child, so that what is parsed so far outlives it: -1 there. Here the exit status of the last child; each one that dies is
 * followed by another without the module it was at. */
static int save(struct job *j) {
  for (;;) {
    int status = 0;
    *j->progress = (struct progress){.at = UINT32_MAX};
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) { return fail(MOON_EXIT_FAILED, "%s", strerror(errno)); }
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* nobody looks at these */
      return -1;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (j->progress->done && WIFEXITED(status)) { return WEXITSTATUS(status); }
    if (j->progress->at >= j->modules.n || j->modules.at[j->progress->at].dropped) { return fail(MOON_EXIT_FAILED, "the parser died"); }
    drop(j, j->progress->at);
  }
}

/* The status the process ends with; told to those that wait for it, unless they would only find out how it died. */
static int done(const struct job *j, int status) {
  fflush(NULL);
  j->progress->done = true;
  return status;
}

static int write_names(const struct job *j, struct moon_block *b, const char *temp, uint32_t modules, uint32_t objects) {
  uint8_t *octets;
  size_t n;
  enum moon_err e = moon_block_pack(b, &octets, &n);
  if (e) { return fail(MOON_EXIT_FAILED, "%s", moon_err_text(e)); }
  if (!write_all(temp, octets, n)) { return fail(MOON_EXIT_FAILED, "%s: %s", temp, strerror(errno)); }
  printf("%u modules, %u names", modules, objects);
  if (j->whole) { printf("; %u left out", j->whole); }
  if (j->lines) { printf("; %u places not understood", j->lines); }
  printf("; %zu octets in %s\n", n, j->path);
  return fflush(stdout) || !modules ? MOON_EXIT_FAILED : MOON_EXIT_OK;
}

/* false: there is no use in going on. */
static bool compile_module(struct job *j, uint32_t i, struct moon_block *b, uint32_t *modules, uint32_t *objects) {
  const struct moon_module_file *f = &j->modules.at[i];
  struct moon_smi_module m;
  j->progress->at = i;
  j->told = i >= j->told_before;
  limit(MODULE_S, MODULE_CPU_US + OCTET_CPU_US * f->size);
  enum moon_err e = moon_smi_load(f->name, b, &m);
  limit(0, 0);
  if (e == MOON_E_SYNTAX) {
    tell_file(j, f->path, 0, "not understood at all");
    return true;
  }
  if (e) {
    fail(0, "%s: %s", f->path, moon_err_text(e));
    return false;
  }
  ++*modules;
  *objects += m.nodes;
  if (m.lost) { j->lines++; }
  if (m.lost && j->told) {
    fprintf(stderr, "%s: %u names skipped: where they belong is not known, a module they build on is missing\n", f->path, m.lost);
  }
  return true;
}

static int compile(struct job *j, const char *temp) {
  struct moon_block *b = moon_block_new();
  uint32_t modules = 0, objects = 0, since = 0, octets = 0;
  if (!b || moon_smi_open(j->dir, tell_line, j)) { return done(j, fail(MOON_EXIT_FAILED, "out of memory")); }
  keep_old(j, b);
  static const char *const smi[] = {"SNMPv2-SMI", "RFC1155-SMI"};
  for (size_t i = 0; i < sizeof smi / sizeof *smi; i++) {
    if (!moon_modules_find(&j->modules, smi[i])) { moon_smi_know(smi[i]); }
  }
  for (uint32_t i = 0; i < j->modules.n; i++) {
    if (j->modules.at[i].dropped) { continue; }
    uint32_t enough = octets >= SAVE_OCTETS || i == j->told_before ? SAVE_AGAIN + i / 32 : SAVE_MODULES + i / 8;
    if (since++ >= enough) {
      int status = save(j);
      if (status >= 0) { return status; }
      since = octets = 0;
      if (j->modules.at[i].dropped) { continue; }
    }
    octets += j->modules.at[i].size;
    if (!compile_module(j, i, b, &modules, &objects)) { return done(j, MOON_EXIT_FAILED); }
  }
  j->progress->at = UINT32_MAX;
  return done(j, write_names(j, b, temp, modules, objects));
}

/* ---- the parent ---- */

static bool make_parents(const char *path) {
  char dir[PATH_MAX];
  if (snprintf(dir, sizeof dir, "%s", path) >= (int)sizeof dir) { return false; }
  for (char *slash = strchr(dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(dir, 0777) && errno != EEXIST) { return false; }
    *slash = '/';
  }
  return true;
}

static int add_all(struct job *j) {
  char temp[PATH_MAX];
  const char *base = getenv("TMPDIR");
  if (!base || strlen(base) >= 32) { base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; } /* a thousand links take a disk long */
  int status = -1;
  j->progress = mmap(NULL, sizeof *j->progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (j->progress == MAP_FAILED) { return fail(MOON_EXIT_FAILED, "%s", strerror(errno)); }
  if (snprintf(j->dir, sizeof j->dir, "%s/moonpoll-mib-XXXXXX", base) >= (int)sizeof j->dir || !mkdtemp(j->dir)) {
    return fail(MOON_EXIT_FAILED, "%s: %s", j->dir, strerror(errno));
  }
  if (snprintf(temp, sizeof temp, "%s.%d", j->path, (int)getpid()) >= (int)sizeof temp || !make_parents(j->path)) {
    status = fail(MOON_EXIT_FAILED, "%s: %s", j->path, strerror(errno));
  }
  moon_modules_sort(&j->modules);
  if (status < 0) {
    for (uint32_t i = 0; i < j->modules.n; i++) { link_module(j, &j->modules.at[i]); }
    for (uint32_t i = 0; i < j->modules.n; i++) {
      for (uint32_t k = 0; k < j->modules.at[i].n_imports; k++) { write_known(j, j->modules.at[i].imports[k]); }
    }
    write_known(j, "SNMPv2-SMI");
    write_known(j, "RFC1155-SMI");
    status = save(j);
    if (status < 0) { _exit(compile(j, temp)); }
  }
  if (status == MOON_EXIT_OK && rename(temp, j->path)) { status = fail(MOON_EXIT_FAILED, "%s: %s", j->path, strerror(errno)); }
  unlink(temp);
  remove_dir(j->dir);
  munmap(j->progress, sizeof *j->progress);
  return status;
}

static int add(struct job *j, int argc, char **argv) {
  if (!moon_smi_available()) { return fail(MOON_EXIT_CONFIG, "add: this program was built without libsmi"); }
  if (argc == 0) { return fail(MOON_EXIT_CONFIG, "add: a file or directory is missing"); }
  j->modules.tell = tell_file;
  j->modules.arg = j;
  for (int i = 0; i < argc; i++) {
    if (!moon_modules_add(&j->modules, argv[i])) { return fail(MOON_EXIT_CONFIG, "%s: %s", argv[i], strerror(errno)); }
  }
  if (!j->modules.n) { return fail(MOON_EXIT_FAILED, "no MIB modules there"); }
  return add_all(j);
}

/* ---- what is known ---- */

static int list(const struct job *j) {
  for (uint32_t b = 0; b < j->names->n; b++) {
    const struct moon_mib *m = &j->names->block[b];
    for (uint32_t i = 0; i < m->h.modules.n; i++) {
      uint32_t n = count(m, i);
      if (b && !n) { continue; } /* only types of it came along */
      printf("%-40s %6u  %s\n", moon_mib_module_name(m, i).p, n, b ? j->path : "built in");
    }
  }
  return fflush(stdout) ? MOON_EXIT_FAILED : MOON_EXIT_OK;
}

static void show_module(const struct job *j, const struct moon_mib *m, uint32_t module) {
  struct moon_out out = {0};
  for (int pass = 0; pass < 2; pass++) {
    if (j->smi) {
      moon_module_write(m, module, &out, NULL, NULL);
    } else {
      moon_facts_write(m, module, &out);
    }
    if (pass == 0) {
      size_t cap = out.n + 1;
      out = (struct moon_out){.p = moon_mem_alloc(cap), .cap = cap};
      if (!out.p) { return; }
    }
  }
  fwrite(out.p, 1, out.n, stdout);
  moon_mem_free(out.p);
}

static bool show_object(const struct job *j, const char *text) {
  uint8_t oid[MOON_OID_MAX_LEN];
  size_t n = 0;
  char why[256] = "", line[8192];
  struct moon_out detail = {.p = why, .cap = sizeof why}, out = {.p = line, .cap = sizeof line};
  struct moon_ref ref;
  enum moon_err e = moon_names_resolve(j->names, text, strlen(text), 0, oid, &n, &detail);
  if (e || !moon_names_find(j->names, oid, n, &ref)) {
    fail(0, "%s: %s", text, why[0] ? why : "no OID with a name");
    return false;
  }
  moon_print_oid(j->names, oid, n, MOON_PRINT_MODULE, &out);
  moon_out_char(&out, '\n');
  moon_print_oid(j->names, oid, n, MOON_PRINT_NUMERIC, &out);
  moon_out_char(&out, '\n');
  moon_facts_write_node(ref.mib, &ref.node, &out);
  struct moon_mib_type t;
  if (moon_mib_type(ref.mib, ref.node.type, &t) && t.name.n) { moon_facts_write_type(ref.mib, ref.node.type, &out); }
  fputs(line, stdout);
  return true;
}

static int show(const struct job *j, int argc, char **argv) {
  int status = MOON_EXIT_OK;
  if (argc == 0) { return fail(MOON_EXIT_CONFIG, "show: a module, a name or an OID is missing"); }
  for (int i = 0; i < argc; i++) {
    bool found = false;
    for (uint32_t b = j->names->n; b-- > 0 && !found;) {
      uint32_t k = moon_mib_find_module(&j->names->block[b], argv[i], strlen(argv[i]));
      found = k != MOON_MIB_NONE && (!b || count(&j->names->block[b], k));
      if (found) { show_module(j, &j->names->block[b], k); }
    }
    if (!found && j->smi && moon_module_notation(argv[i])) {
      printf("%s DEFINITIONS ::= BEGIN\n%sEND\n", argv[i], moon_module_notation(argv[i]));
      continue;
    }
    if (!found && !show_object(j, argv[i])) { status = MOON_EXIT_FAILED; }
  }
  return fflush(stdout) ? MOON_EXIT_FAILED : status;
}

int moon_mib_main(int argc, char **argv) {
  static const struct option longs[] = {{"mib-file", required_argument, NULL, 'f'}, {"quiet", no_argument, NULL, 'q'},
                                        {"smi", no_argument, NULL, 's'},            {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  struct job j = {0};
  char path[PATH_MAX];
  int c, status;
  optind = 0;
  opterr = 0;
  while ((c = getopt_long(argc, argv, "qh", longs, NULL)) != -1) {
    switch (c) {
    case 'f': moon_mib_use(optarg); break;
    case 'q': j.quiet = true; break;
    case 's': j.smi = true; break;
    case 'h': fputs(usage, stdout); return fflush(stdout) ? MOON_EXIT_FAILED : MOON_EXIT_OK;
    default: return fail(MOON_EXIT_CONFIG, "%s: no such option, or its value is missing; moonpoll mib --help lists them", argv[optind - 1]);
    }
  }
  if (optind == argc) {
    fputs(usage, stderr);
    return MOON_EXIT_CONFIG;
  }
  const char *verb = argv[optind++];
  if (!moon_mib_place(path, sizeof path)) { /* what is built in can be shown all the same */
    if (strcmp(verb, "add") == 0) { return fail(MOON_EXIT_CONFIG, "no place for the file of names: neither --mib-file nor $HOME"); }
    path[0] = '\0';
  }
  j.path = path;
  j.names = moon_mib_names();
  const char *fault = moon_mib_fault();
  if (fault) { fail(0, "%s %s", path, fault); }
  if (j.names->n > 1) {
    j.old = j.names->block[1];
    j.has_old = true;
  }
  if (strcmp(verb, "add") == 0) {
    status = add(&j, argc - optind, argv + optind);
  } else if (strcmp(verb, "list") == 0) {
    status = list(&j);
  } else if (strcmp(verb, "show") == 0) {
    status = show(&j, argc - optind, argv + optind);
  } else {
    status = fail(MOON_EXIT_CONFIG, "%s: add, list or show expected", verb);
  }
  moon_modules_fini(&j.modules);
  return status;
}
