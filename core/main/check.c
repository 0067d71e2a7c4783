#define _GNU_SOURCE
#include "check.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../bind/load/review.h"
#include "../moonpoll.h"
#include "findings.h"
#include "master.h"
#include "trial.h"

#define RUNS 3u       /* of a try: rates come with the second one, and the third is like the second */
#define RECORDINGS_MAX 64u
#define NAMES_MAX 4096u

static const char usage[] =
  "usage: moonpoll check PROBE...|--config FILE [--recording FILE] [options]\n"
  "Tells what is wrong with probes before they meet a device: file, line, what it is, what to do.\n"
  "\n"
  "A probe is loaded as moonpoll run loads it; its text is looked through for methods, OIDs, names and fields that do not exist, globals,\n"
  "and what the sandbox does not give; then it runs without a socket, against an agent that has nothing and one that is silent.\n"
  "\n"
  "  --config FILE       the probes of a configuration, and the configuration itself\n"
  "  --recording FILE    the probe runs against it as well: samples are compared with `metrics`, and once more with its counters at\n"
  "                      2^53 - 1, 2^53 + 1, 2^64 - 1 and 2^32 - 1; may be repeated\n"
  "  --arg KEY=VALUE     handed to the probes of the command line; may be repeated\n"
  "  --strict            warnings fail, too\n"
  "  --help              this text\n"
  "\n"
  "What a probe computes is not followed: silence is no proof.\n"
  "Exit status: 0 nothing, or warnings only; 1 errors; 2 a wrong option.\n"
  "\n"
  "example: moonpoll check ups.lua --recording ups.snmprec\n";

enum { OPT_CONFIG = 256, OPT_RECORDING, OPT_ARG, OPT_STRICT };

static const struct option longs[] = {
  {"config", required_argument, NULL, OPT_CONFIG}, {"recording", required_argument, NULL, OPT_RECORDING},
  {"arg", required_argument, NULL, OPT_ARG}, {"strict", no_argument, NULL, OPT_STRICT}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};

struct metric {
  char *name, *type;  /* own */
  uint32_t written, nil;
  char *place;        /* of the nil: "file:line: " */
};

struct check {
  const char *config;
  const char **probes, *recordings[RECORDINGS_MAX];
  struct moon_pair *args;
  uint32_t n_probes, n_recordings, n_args;
  bool strict;
  struct moon_findings findings;
  _Atomic uint32_t begun;  /* read by the thread that waits */
  const char *_Atomic at;  /* path of the probe under way */
  /* of the probe under way */
  const struct moon_plan_probe *probe;
  struct metric *metrics;  /* those declared, then others that are written */
  uint32_t n_metrics, metrics_cap, n_declared;
  bool declared;
  /* of the try under way */
  const char *with;        /* what it is tried with, for people */
  bool recorded;           /* against a recording as it is */
  uint32_t n_runs, n_failed;
  char *failure;           /* own: the first one of the world */
};

static int __attribute__((format(printf, 1, 2))) mistake(const char *format, ...) {
  va_list ap;
  fputs("moonpoll check: ", stderr);
  va_start(ap, format);
  vfprintf(stderr, format, ap);
  va_end(ap);
  fputc('\n', stderr);
  return MOON_EXIT_CONFIG;
}

/* ---- metrics */

static struct metric *metric_of(struct check *c, const char *name, size_t n) {
  for (uint32_t i = 0; i < c->n_metrics; i++) {
    if (strlen(c->metrics[i].name) == n && memcmp(c->metrics[i].name, name, n) == 0) { return &c->metrics[i]; }
  }
  if (c->n_metrics == NAMES_MAX) { return NULL; } /* names that are made up as it goes */
  if (c->n_metrics == c->metrics_cap) {
    uint32_t cap = c->metrics_cap ? 2 * c->metrics_cap : 32;
    struct metric *p = moon_mem_resize(c->metrics, cap, sizeof *p);
    if (!p) { return NULL; }
    c->metrics = p;
    c->metrics_cap = cap;
  }
  struct metric *m = &c->metrics[c->n_metrics];
  *m = (struct metric){.name = strndup(name, n)};
  if (!m->name) { return NULL; }
  c->n_metrics++;
  return m;
}

static void forget_metrics(struct check *c) {
  for (uint32_t i = 0; i < c->n_metrics; i++) {
    free(c->metrics[i].name);
    free(c->metrics[i].type);
    free(c->metrics[i].place);
  }
  c->n_metrics = c->n_declared = 0;
}

static void declare(void *arg, const char *name, const char *type) {
  struct check *c = arg;
  struct metric *m = metric_of(c, name, strlen(name));
  if (m && !m->type) { m->type = strdup(type); }
  c->n_declared = c->n_metrics;
}

/* Where a name is written as a constant: path and line of the source. */
static const char *written_at(const struct check *c, const char *name, uint32_t *line) {
  size_t n = strlen(name);
  for (uint32_t i = 0; i < c->probe->n_sources; i++) {
    const struct moon_source *s = &c->probe->sources[i];
    const char *text = (const char *)s->text, *end = text + s->len;
    for (const char *p = text; (p = memmem(p, (size_t)(end - p), name, n)) != NULL; p++) {
      if (p == text || p + n == end || (p[-1] != '"' && p[-1] != '\'') || p[n] != p[-1]) { continue; }
      *line = 1;
      for (const char *q = text; q < p; q++) { *line += *q == '\n'; }
      return s->path;
    }
  }
  *line = 0;
  return c->probe->sources[0].path;
}

/* ---- what is told while it runs */

static void said(void *arg, const struct moon_source *s, bool severe, uint32_t line, const char *text) {
  struct check *c = arg;
  moon_findings_add(&c->findings, s->path, line, severe ? MOON_FINDING_ERROR : MOON_FINDING_WARNING, "%s", text);
}

/* The place in a line of the log, "path:12: what", or "...th:12: what" where Lua cut it; NULL: none. */
static const char *place_in(const struct check *c, const char *text, const char **path, uint32_t *line) {
  const char *end = text + strcspn(text, "\n");
  for (uint32_t i = 0; i < c->probe->n_sources; i++) {
    const char *own = c->probe->sources[i].path;
    size_t n = strlen(own);
    for (const char *p = text; p < end; p++) {
      size_t len = strcspn(p, ":");
      bool whole = strncmp(p, own, n) == 0 && p[n] == ':';
      bool tail = strncmp(p, "...", 3) == 0 && len > 3 && len - 3 < n && memcmp(own + n - (len - 3), p + 3, len - 3) == 0;
      const char *at = whole ? p + n : p + len;
      char *after;
      if ((!whole && !tail) || at[0] != ':') { continue; }
      unsigned long number = strtoul(at + 1, &after, 10);
      if (after == at + 1 || after[0] != ':' || after[1] != ' ') { continue; }
      *path = own;
      *line = (uint32_t)number;
      return after + 2;
    }
  }
  return NULL;
}

static void on_log(void *arg, enum moon_level level, const char *text) {
  struct check *c = arg;
  const char *path, *what;
  uint32_t line;
  if (level == MOON_LOG_WARN && !c->failure) { c->failure = strndup(text, strcspn(text, "\n")); }
  if (level != MOON_LOG_ERROR && !(level == MOON_LOG_WARN && strstr(text, "a child failed: "))) { return; }
  what = place_in(c, text, &path, &line);
  if (!what && level == MOON_LOG_WARN) { return; } /* the world's fault */
  if (!what) {
    path = c->probe->sources[0].path;
    line = 0;
    what = text;
    for (int i = 0; i < 2 && strstr(what, ": "); i++) { what = strstr(what, ": ") + 2; } /* probe, device */
  }
  int n = (int)strcspn(what, "\n");
  char known[256];
  (void)snprintf(known, sizeof known, "%.*s (", n < 250 ? n : 250, what);
  if (moon_findings_has(&c->findings, path, known) || moon_findings_wrong(&c->findings, path, line)) { return; } /* told already */
  bool severe = c->recorded || strncmp(what, "stopped", 7) == 0; /* what takes too much is no answer's fault */
  moon_findings_add(&c->findings, path, line, severe ? MOON_FINDING_ERROR : MOON_FINDING_WARNING, "%.*s (%s)", n, what, c->with);
}

static void look_at_sample(struct check *c, const struct moon_sample *s) {
  const char *type = moon_sample_type_name((enum moon_sample_type)s->type), *path;
  uint32_t line, known = c->n_metrics;
  char text[320];
  struct metric *m = metric_of(c, s->name.p, s->name.n);
  if (!m) { return; }
  m->written++;
  bool negative = s->type == MOON_SAMPLE_COUNTER && ((s->kind == MOON_NUMBER_SIGNED && s->value.sint < 0) || (s->kind == MOON_NUMBER_REAL && s->value.real < 0));
  bool is_new = c->n_metrics > known && c->declared, other = m->type && *m->type && strcmp(m->type, type) != 0;
  if (!is_new && !other && !negative) { return; }
  path = written_at(c, m->name, &line);
  if (is_new) {
    (void)snprintf(text, sizeof text, "%.200s is not declared in metrics", m->name);
  } else if (other) {
    (void)snprintf(text, sizeof text, "%.200s is declared as %s, and written as %s", m->name, m->type, type);
  } else {
    (void)snprintf(text, sizeof text, "%.200s is a counter and becomes negative (%s)", m->name, c->with);
  }
  if (!moon_findings_has(&c->findings, path, text)) { moon_findings_add(&c->findings, path, line, MOON_FINDING_WARNING, "%s", text); }
}

static void on_record(void *arg, const uint8_t *p, uint32_t n) {
  struct check *c = arg;
  struct moon_record_reader r;
  struct moon_sample s;
  const uint8_t *labels;
  uint32_t n_labels;
  if (moon_record_open(&r, p, n)) { return; }
  c->n_runs++;
  c->n_failed += r.head.err != MOON_OK;
  for (enum moon_item i; (i = moon_record_next(&r, &s, &labels, &n_labels)) != MOON_ITEM_END;) {
    if (i == MOON_ITEM_SAMPLE) { look_at_sample(c, &s); }
  }
}

static void on_skipped(void *arg, const char *place, const char *name) {
  struct check *c = arg;
  struct metric *m = c->recorded ? metric_of(c, name, strlen(name)) : NULL;
  if (!m) { return; }
  m->nil++;
  if (!m->place) { m->place = strdup(place); }
}

/* ---- trying it */

/* Counters where double precision ends, where 64 bits end, and where 32 bits do: later runs see larger ones. */
static bool extreme(void *arg, struct moon_agent *a, uint64_t t_us, struct moon_varbind *vb) {
  static const uint8_t wide[3][9] = {{0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x20, 0, 0, 0, 0, 0, 1}, {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
  static const uint8_t wide_len[3] = {7, 7, 9}, narrow[3][5] = {{0x7f, 0xff, 0xff, 0xff}, {0, 0x80, 0, 0, 1}, {0, 0xff, 0xff, 0xff, 0xff}};
  static const uint8_t narrow_len[3] = {4, 5, 5};
  uint64_t at = t_us / *(const uint64_t *)arg;
  uint32_t i = at < 2 ? (uint32_t)at : 2;
  (void)a;
  if (vb->type == MOON_COUNTER64) {
    vb->value = wide[i];
    vb->value_len = wide_len[i];
  } else if (vb->type == MOON_COUNTER32) {
    vb->value = narrow[i];
    vb->value_len = narrow_len[i];
  }
  return true;
}

static double shortest(const struct moon_plan_probe *p) {
  double every = 0;
  for (uint32_t i = 0; i < p->n_jobs; i++) {
    if (p->jobs[i].every_s > 0 && (every <= 0 || p->jobs[i].every_s < every)) { every = p->jobs[i].every_s; }
  }
  return every;
}

/* Did it run, or could it not be tried? */
static bool try_with(struct check *c, struct moon_fleet_kind *kind, const char *with, bool recorded) {
  double every = shortest(c->probe);
  const struct moon_fleet_agent agent = {.name = "device", .addr = {.family = 4, .ip = {127, 1, 0, 1}, .port = 161}};
  struct moon_fleet fleet = {.kinds = kind, .agents = &agent, .n_kinds = 1, .n_agents = 1, .seed = 1};
  const struct moon_trial trial = {.fleet = &fleet, .probe = c->probe->sources[0].path, .version = "2c", .community = "public", .args = c->probe->args,
                                   .n_args = c->probe->n_args, .every_s = every > 0 ? every : -1, .timeout_s = -1, .retries = -1,
                                   .runs = every > 0 ? RUNS : 1, .seed = 1, .allow_set = c->probe->allow_set};
  const struct moon_trial_watch watch = {.log = on_log, .record = on_record, .skipped = on_skipped, .arg = c};
  struct moon_tried tried;
  c->with = with;
  c->recorded = recorded;
  c->n_runs = c->n_failed = 0;
  free(c->failure);
  c->failure = NULL;
  c->begun++;
  moon_trial_try(&trial, &watch, &tried);
  if (tried.error[0]) {
    moon_findings_add_line(&c->findings, c->probe->sources[0].path, MOON_FINDING_ERROR, tried.error);
  } else if (recorded && !tried.golden.n_script && c->n_runs && c->n_failed == c->n_runs) {
    moon_findings_add(&c->findings, c->probe->sources[0].path, 0, MOON_FINDING_WARNING, "every run fails with %s: %s", kind->recording,
                      c->failure ? c->failure : "no word why");
  } else if (recorded && c->n_runs && !tried.golden.n_script && !tried.golden.n_samples && !c->n_failed) {
    moon_findings_add(&c->findings, c->probe->sources[0].path, 0, MOON_FINDING_WARNING, "no sample with %s", kind->recording);
  }
  bool ran = c->n_runs || tried.error[0];
  moon_tried_fini(&tried);
  return ran;
}

static void tell_nil(struct check *c, const char *recording) {
  for (uint32_t i = 0; i < c->n_metrics; i++) {
    const struct metric *m = &c->metrics[i];
    const char *path = NULL;
    uint32_t line = 0;
    if (!m->nil || m->written || !m->place || !place_in(c, m->place, &path, &line)) { continue; }
    moon_findings_add(&c->findings, path, line, MOON_FINDING_WARNING, "%s is always nil with %s: it is never written", m->name, recording);
  }
}

static void try_all(struct check *c) {
  static const struct moon_flaw dead = {.kind = MOON_FLAW_DEAD};
  const char *place = c->probe->sources[0].path;
  struct moon_fleet_kind nothing = {.place = place, .recording = "/dev/null"}, silent = nothing;
  uint64_t every_us = (uint64_t)(shortest(c->probe) * 1e6);
  char with[300];
  bool ran = false;
  for (uint32_t i = 0; i < c->n_recordings; i++) {
    struct moon_fleet_kind kind = {.place = place, .recording = c->recordings[i], .live = true};
    (void)snprintf(with, sizeof with, "with %.250s", c->recordings[i]);
    for (uint32_t k = 0; k < c->n_metrics; k++) { c->metrics[k].nil = c->metrics[k].written = 0; }
    ran = try_with(c, &kind, with, true) || ran;
    tell_nil(c, c->recordings[i]);
    if (!every_us) { every_us = 1000000; }
    kind.live = false;
    kind.hook = extreme;
    kind.hook_ctx = &every_us;
    kind.hook_root = (const uint8_t *)""; /* of all names */
    (void)snprintf(with, sizeof with, "with %.200s, its counters at 2^53 - 1, 2^53 + 1, 2^64 - 1", c->recordings[i]);
    try_with(c, &kind, with, false);
  }
  if (c->n_recordings && !ran && !c->config) { /* of a configuration, recordings are for some of the probes */
    moon_findings_add(&c->findings, place, 0, MOON_FINDING_WARNING, "it is for none of the recordings (match): it was not tried with them");
  }
  try_with(c, &nothing, "with an agent that has nothing of this", false);
  silent.flaws = &dead;
  silent.n_flaws = 1;
  try_with(c, &silent, "with an agent that does not answer", false);
}

static void check_probe(struct check *c, const struct moon_plan_probe *p) {
  struct moon_review review = {.say = said, .metric = declare, .arg = c};
  c->probe = p;
  c->at = p->sources[0].path;
  c->begun++;
  if (moon_review_probe(p, &review)) { c->findings.failed = true; }
  c->declared = review.declared;
  try_all(c);
  forget_metrics(c);
  c->at = NULL;
  c->probe = NULL;
}

/* One file, or the configuration with all of its probes. */
static void check_file(struct check *c, const char *path) {
  static const char *const nobody[] = {"127.0.0.1"};
  struct moon_load_options o = {.timeout_s = -1, .every_s = -1, .retries = -1, .args = c->args, .n_args = c->n_args, .config = c->config};
  struct moon_plan *plan = NULL;
  char error[1024];
  if (!c->config || path != c->config) {
    o.config = NULL;
    o.probes = &path;
    o.n_probes = 1;
    o.targets = nobody;
    o.n_targets = 1;
  }
  c->begun++;
  if (moon_load(&o, &plan, error, sizeof error)) {
    moon_findings_add_line(&c->findings, path, MOON_FINDING_ERROR, error);
    return;
  }
  for (uint32_t i = 0; i < plan->n_warnings; i++) { moon_findings_add_line(&c->findings, path, MOON_FINDING_WARNING, plan->warnings[i]); }
  for (uint32_t i = 0; i < plan->n_probes; i++) { check_probe(c, &plan->probes[i]); }
  moon_plan_free(plan);
}

static void check_all(void *arg) {
  struct check *c = arg;
  if (c->config) { check_file(c, c->config); }
  for (uint32_t i = 0; i < c->n_probes; i++) { check_file(c, c->probes[i]); }
}

static bool to_stdout(void *arg, const uint8_t *p, size_t n) {
  (void)arg;
  return fwrite(p, 1, n, stdout) == n;
}

static int run_checks(struct check *c) {
  int late = moon_trial_guard(check_all, c, &c->begun);
  if (late > 0) {
    fprintf(stderr, "moonpoll check: cannot start a thread: %s\n", strerror(late));
    return MOON_EXIT_FAILED;
  }
  if (late) { /* nobody knows what the thread has in its hands: nothing is shared with it from here on */
    printf("%s: error: it computes for over %u s (%s)\n", c->at ? c->at : "?", MOON_TRIAL_S, c->with ? c->with : "while it is loaded");
    fflush(stdout);
    _exit(MOON_EXIT_FAILED);
  }
  struct moon_print out;
  moon_print_init(&out, to_stdout, NULL);
  moon_findings_print(&c->findings, &out);
  uint32_t errors = c->findings.errors, warnings = c->findings.warnings;
  if (errors + warnings) {
    moon_print_printf(&out, "%u error%s, %u warning%s\n", (unsigned)errors, errors == 1 ? "" : "s", (unsigned)warnings, warnings == 1 ? "" : "s");
  }
  moon_print_flush(&out);
  bool failed = out.failed || c->findings.failed || fflush(stdout);
  moon_print_fini(&out);
  return failed || errors || (c->strict && warnings) ? MOON_EXIT_FAILED : MOON_EXIT_OK;
}

static int take_arg(struct check *c, char *text) {
  char *equals = strchr(text, '=');
  if (!equals || equals == text) { return mistake("--arg: \"%s\" is not KEY=VALUE", text); }
  *equals = 0;
  c->args[c->n_args++] = (struct moon_pair){text, equals + 1};
  return 0;
}

int moon_check_main(int argc, char **argv) {
  struct check c = {0};
  int status = 0;
  bool help = false;
  c.probes = moon_mem_array((size_t)argc + 1, sizeof *c.probes);
  c.args = moon_mem_array((size_t)argc + 1, sizeof *c.args);
  if (!c.probes || !c.args) { status = mistake("out of memory"); }
  optind = 0; /* GNU: forget everything of a parse before */
  opterr = 0;
  for (int o; !status && (o = getopt_long(argc, argv, "-:h", longs, NULL)) != -1;) {
    const char *last = argv[optind - 1];
    switch (o) {
      case 1: c.probes[c.n_probes++] = optarg; break;
      case 'h': help = true; break;
      case OPT_CONFIG: c.config = optarg; break;
      case OPT_RECORDING:
        if (c.n_recordings == RECORDINGS_MAX) { status = mistake("--recording: more than %u", RECORDINGS_MAX); } else { c.recordings[c.n_recordings++] = optarg; }
        break;
      case OPT_ARG: status = take_arg(&c, optarg); break;
      case OPT_STRICT: c.strict = true; break;
      case ':': status = mistake("%s: needs a value", last); break;
      default: status = mistake("%.*s: %s", (int)strcspn(last, "="), last, optopt >= 256 ? "takes no value" : "no such option"); break;
    }
  }
  while (!status && optind < argc) { c.probes[c.n_probes++] = argv[optind++]; } /* after -- */
  for (uint32_t i = 0; !status && !help && i < c.n_recordings; i++) {
    if (access(c.recordings[i], R_OK)) { status = mistake("%s: %m", c.recordings[i]); }
  }
  if (help && !status) {
    status = fputs(usage, stdout) < 0 || fflush(stdout) ? MOON_EXIT_FAILED : MOON_EXIT_OK;
  } else if (!status) {
    status = c.n_probes || c.config ? run_checks(&c) : mistake("no probe: moonpoll check PROBE...|--config FILE");
  }
  moon_findings_fini(&c.findings);
  moon_mem_free(c.metrics);
  moon_mem_free(c.probes);
  moon_mem_free(c.args);
  free(c.failure);
  return status;
}
