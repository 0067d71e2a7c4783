#include "view.h"

#include <jansson.h>
#include <stdlib.h>

#include "format.h"

static const char *text_of(const json_t *o, const char *key) {
  const char *s = json_string_value(json_object_get(o, key));
  return s ? s : "";
}
static double number_of(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }
static long long whole_of(const json_t *o, const char *key) { return (long long)number_of(o, key); }

static void put(struct moon_print *out, const char *s) {
  size_t n = strlen(s);
  uint8_t *p = moon_print_room(out, 4 * n);
  if (p) { out->n += moon_format_printable((char *)p, s, n); }
}

static void put_line(struct moon_print *out, const char *name, const char *s) {
  if (!*s) { return; }
  moon_print_printf(out, "  %-10s ", name);
  put(out, s);
  moon_print_text(out, "\n");
}

/* "12.3 ms", "4.0 s", "3 min", "5 h" */
static void put_time(struct moon_print *out, double s) {
  if (s < 1) {
    moon_print_printf(out, "%.1f ms", s * 1e3);
  } else if (s < 180) {
    moon_print_printf(out, "%.1f s", s);
  } else if (s < 10800) {
    moon_print_printf(out, "%.0f min", s / 60);
  } else {
    moon_print_printf(out, "%.0f h", s / 3600);
  }
}

static void put_busy(struct moon_print *out, const json_t *root) {
  size_t i;
  json_t *w;
  json_array_foreach(json_object_get(root, "busy"), i, w) {
    if (whole_of(w, "pid")) {
      moon_print_printf(out, "worker %lld (pid %lld) is busy and did not answer within a second\n", whole_of(w, "worker"), whole_of(w, "pid"));
    } else {
      moon_print_printf(out, "worker %lld does not run now\n", whole_of(w, "worker"));
    }
  }
}

/* ---- a target ---- */

static void put_rtt(struct moon_print *out, const json_t *t) {
  static const char *const kinds[] = {"get", "bulk"};
  for (size_t i = 0; i < 2; i++) {
    const json_t *r = json_object_get(json_object_get(t, "rtt"), kinds[i]);
    if (!r) { continue; }
    moon_print_printf(out, "  %-10s ", i ? "rtt bulk" : "rtt");
    put_time(out, number_of(r, "usual"));
    moon_print_text(out, " +- ");
    put_time(out, number_of(r, "deviation"));
    moon_print_text(out, ", tried again after ");
    put_time(out, number_of(r, "retry_after"));
    moon_print_text(out, "\n");
  }
}

static void put_learned(struct moon_print *out, const json_t *t) {
  const json_t *l = json_object_get(t, "learned");
  moon_print_printf(out, "  %-10s window %lld, timeout ", "asked by", whole_of(t, "window"));
  put_time(out, number_of(t, "timeout"));
  moon_print_printf(out, ", %lld retries", whole_of(t, "retries"));
  if (whole_of(l, "repetitions")) { moon_print_printf(out, ", %lld repetitions worked", whole_of(l, "repetitions")); }
  if (whole_of(l, "repetitions_max")) { moon_print_printf(out, ", at most %lld repetitions", whole_of(l, "repetitions_max")); }
  if (whole_of(l, "get_max")) { moon_print_printf(out, ", at most %lld names a GET", whole_of(l, "get_max")); }
  if (whole_of(l, "names_asked_apart")) { moon_print_printf(out, ", %lld names asked apart", whole_of(l, "names_asked_apart")); }
  if (json_is_false(json_object_get(l, "getbulk"))) { moon_print_text(out, ", no GETBULK"); }
  moon_print_text(out, "\n");
}

static void put_trouble(struct moon_print *out, const json_t *t) {
  static const struct { const char *key, *text; } counts[] = {
    {"tries_lost", "tries not answered"}, {"answered_late_try", "answers only to a later try"}, {"late", "late answers"},
    {"duplicate", "second answers"}, {"wrong_source", "answers from elsewhere"}, {"malformed", "malformed"},
    {"foreign", "of another version or community"}, {"unknown", "with unknown ids"}, {"icmp", "ICMP errors"}};
  const json_t *d = json_object_get(t, "trouble");
  if (!d) { return; }
  moon_print_printf(out, "  %-10s since ", "trouble");
  put_time(out, number_of(d, "since"));
  moon_print_printf(out, ": %lld of %lld requests answered", whole_of(d, "answered"), whole_of(d, "requests"));
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    if (whole_of(d, counts[i].key)) { moon_print_printf(out, ", %lld %s", whole_of(d, counts[i].key), counts[i].text); }
  }
  moon_print_text(out, "\n");
  size_t i;
  json_t *e;
  json_array_foreach(json_object_get(d, "last_errors"), i, e) {
    moon_print_printf(out, "  %-10s ", i ? "" : "errors");
    put_time(out, number_of(e, "ago"));
    moon_print_printf(out, " ago: %s, %s, %lld %s in ", text_of(e, "error"), text_of(e, "request"), whole_of(e, "tries"),
                      whole_of(e, "tries") == 1 ? "try" : "tries");
    put_time(out, number_of(e, "waited"));
    if (*text_of(e, "report")) { moon_print_printf(out, ", %s", text_of(e, "report")); }
    moon_print_text(out, "\n");
  }
}

static void put_jobs(struct moon_print *out, const json_t *t) {
  size_t i;
  json_t *j;
  json_array_foreach(json_object_get(t, "jobs"), i, j) {
    moon_print_printf(out, "  %-10s ", i ? "" : "jobs");
    put(out, text_of(j, "probe"));
    if (*text_of(j, "job")) {
      moon_print_text(out, ".");
      put(out, text_of(j, "job"));
    }
    moon_print_printf(out, " every %g s: %s, %lld well, %lld failed", number_of(j, "every"), text_of(j, "state"), whole_of(j, "ok"),
                      whole_of(j, "failed"));
    if (json_object_get(j, "took")) {
      moon_print_text(out, "; the last took ");
      put_time(out, number_of(j, "took"));
      moon_print_printf(out, ": %s", text_of(j, "error"));
    }
    moon_print_text(out, "\n");
    put_line(out, "", text_of(j, "why"));
  }
}

static void put_target(struct moon_print *out, const json_t *t) {
  put(out, text_of(t, "target"));
  if (*text_of(t, "address") && strcmp(text_of(t, "address"), text_of(t, "target")) != 0) { moon_print_printf(out, " (%s)", text_of(t, "address")); }
  moon_print_printf(out, ": %s: ", text_of(t, "cause"));
  put(out, text_of(t, "seen"));
  moon_print_text(out, "\n");
  put_line(out, "check", text_of(t, "check"));
  put_line(out, "next", text_of(t, "next"));
  moon_print_printf(out, "  %-10s version %s, credential ", "agent", text_of(t, "version"));
  put(out, text_of(t, "credential"));
  moon_print_printf(out, ", worker %lld; breaker %s", whole_of(t, "worker"), text_of(t, "breaker"));
  if (json_object_get(t, "last_answer_ago")) {
    moon_print_text(out, "; last answer ");
    put_time(out, number_of(t, "last_answer_ago"));
    moon_print_text(out, " ago");
  }
  if (whole_of(t, "restarts")) { moon_print_printf(out, "; restarted %lld times", whole_of(t, "restarts")); }
  moon_print_printf(out, "\n  %-10s %lld of %lld answered, %lld wait, %lld in flight\n", "requests", whole_of(t, "answered"),
                    whole_of(t, "requests"), whole_of(t, "waiting"), whole_of(t, "in_flight"));
  put_rtt(out, t);
  put_learned(out, t);
  put_trouble(out, t);
  put_jobs(out, t);
}

static json_t *answers(const char *json, size_t n) {
  json_t *root = json_loadb(json, n, 0, NULL);
  if (json_is_array(json_object_get(root, "answers"))) { return root; }
  json_decref(root);
  return NULL;
}

bool moon_view_targets(const char *json, size_t n, struct moon_print *out, size_t *found) {
  json_t *root = answers(json, n), *answer, *t;
  size_t i, j;
  *found = 0;
  if (!root) { return false; }
  json_array_foreach(json_object_get(root, "answers"), i, answer) {
    json_array_foreach(json_object_get(answer, "targets"), j, t) {
      if (out) { put_target(out, t); }
      ++*found;
    }
  }
  if (out) { put_busy(out, root); }
  json_decref(root);
  return true;
}

bool moon_view_tasks(const char *json, size_t n, struct moon_print *out) {
  json_t *root = answers(json, n), *answer, *t;
  size_t i, j, all = 0;
  long long more = 0;
  if (!root) { return false; }
  json_array_foreach(json_object_get(root, "answers"), i, answer) {
    more += whole_of(answer, "more");
    json_array_foreach(json_object_get(answer, "tasks"), j, t) {
      all++;
      put(out, text_of(t, "target"));
      moon_print_text(out, "  ");
      put(out, text_of(t, "probe"));
      if (*text_of(t, "job")) {
        moon_print_text(out, ".");
        put(out, text_of(t, "job"));
      }
      moon_print_printf(out, "%s  %s", json_is_true(json_object_get(t, "child")) ? " (child)" : "", text_of(t, "waits_for"));
      if (*text_of(t, "request")) {
        moon_print_printf(out, " %s ", text_of(t, "request"));
        put(out, text_of(t, "oid"));
        if (whole_of(t, "names") > 1) { moon_print_printf(out, " and %lld more", whole_of(t, "names") - 1); }
      }
      moon_print_text(out, "  for ");
      put_time(out, number_of(t, "parked"));
      if (json_object_get(t, "wakes_in")) {
        moon_print_text(out, ", wakes in ");
        put_time(out, number_of(t, "wakes_in"));
      }
      moon_print_text(out, "  ");
      put(out, text_of(t, "line"));
      moon_print_text(out, "\n");
    }
  }
  if (more) { moon_print_printf(out, "and %lld more\n", more); }
  if (!all && !json_array_size(json_object_get(root, "busy"))) { moon_print_text(out, "no task is parked\n"); }
  put_busy(out, root);
  json_decref(root);
  return true;
}

/* ---- the live table ---- */

#define ROWS 8u

static int by_key(const void *a, const void *b, const char *key) {
  double x = number_of(*(json_t *const *)a, key), y = number_of(*(json_t *const *)b, key);
  return x < y ? 1 : x > y ? -1 : 0;
}
static int by_rtt(const void *a, const void *b) { return by_key(a, b, "rtt"); }
static int by_failed(const void *a, const void *b) { return by_key(a, b, "failed"); }
static int by_late(const void *a, const void *b) { return by_key(a, b, "jobs_waiting"); }

/* The lists of all workers as one, its first rows. */
static void put_list(struct moon_print *out, const json_t *root, const char *key, const char *title, int (*by)(const void *, const void *)) {
  json_t *all[1024], *answer, *row;
  size_t n = 0, i, j;
  json_array_foreach(json_object_get(root, "answers"), i, answer) {
    json_array_foreach(json_object_get(answer, key), j, row) {
      if (n < sizeof all / sizeof *all) { all[n++] = row; }
    }
  }
  if (!n) { return; }
  qsort(all, n, sizeof *all, by);
  moon_print_printf(out, "\n%-40s %10s %8s %8s %8s  %s\n", title, "rtt", "run", "ok", "failed", "why");
  for (i = 0; i < n && i < ROWS; i++) {
    const char *name = text_of(all[i], "target");
    size_t len = strlen(name) < 40 ? strlen(name) : 40;
    uint8_t *p = moon_print_room(out, 4 * len + 1);
    if (p) { out->n += moon_format_printable((char *)p, name, len); }
    moon_print_printf(out, "%*s %7.1f ms %6.2f s %8lld %8lld  %s\n", (int)(40 - len), "", number_of(all[i], "rtt") * 1e3, number_of(all[i], "took"),
                      whole_of(all[i], "ok"), whole_of(all[i], "failed"), text_of(all[i], "cause"));
  }
}

static void put_histogram(struct moon_print *out, const json_t *status, const char *key, const char *title) {
  const json_t *h = json_object_get(json_object_get(status, "histograms"), key);
  moon_print_printf(out, "%-9s %9.2f %9.2f %9.2f %9.2f %9.2f ms %12lld\n", title, number_of(h, "p50") * 1e3, number_of(h, "p90") * 1e3,
                    number_of(h, "p99") * 1e3, number_of(h, "p999") * 1e3, number_of(h, "max") * 1e3, whole_of(h, "n"));
}

static void put_causes(struct moon_print *out, const json_t *root) {
  json_t *sum = json_object(), *answer, *v;
  const char *key;
  size_t i;
  static const char *const learned[] = {"smaller_requests", "no_getbulk", "names_asked_apart", "other_address"};
  static const char *const texts[] = {"asked for less at once", "without GETBULK", "with names asked apart", "answer from another address"};
  json_array_foreach(json_object_get(root, "answers"), i, answer) {
    json_object_foreach(json_object_get(answer, "causes"), key, v) {
      json_object_set_new(sum, key, json_integer(whole_of(sum, key) + json_integer_value(v)));
    }
  }
  moon_print_text(out, "devices: ");
  bool first = true;
  json_object_foreach(sum, key, v) {
    moon_print_printf(out, "%s%lld %s", first ? "" : ", ", (long long)json_integer_value(v), key);
    first = false;
  }
  moon_print_text(out, "\n");
  json_decref(sum);
  for (size_t l = 0; l < 4; l++) {
    long long n = 0;
    json_array_foreach(json_object_get(root, "answers"), i, answer) { n += whole_of(json_object_get(answer, "learned"), learned[l]); }
    if (n) { moon_print_printf(out, "learned: %lld %s\n", n, texts[l]); }
  }
}

/* What is on trial, or came back. */
static void put_rollout(struct moon_print *out, const json_t *status) {
  const json_t *r = json_object_get(status, "rollout");
  const char *state = text_of(r, "state");
  size_t i;
  json_t *p;
  bool going = strcmp(state, "going") == 0, back = strcmp(state, "back") == 0;
  if (!going && !back) { return; }
  if (going) {
    moon_print_printf(out, "rollout: on %lld %% of the devices, step %lld of %lld: ", whole_of(r, "percent"), whole_of(r, "step"), whole_of(r, "steps"));
  } else {
    moon_print_printf(out, "rollout: back from %lld %% of the devices: ", whole_of(r, "percent"));
  }
  put(out, text_of(r, "verdict"));
  moon_print_text(out, "\n");
  json_array_foreach(json_object_get(status, "probes"), i, p) {
    if (!*text_of(p, "candidate")) { continue; }
    moon_print_text(out, "  ");
    put(out, text_of(p, "name"));
    moon_print_printf(out, " %s, on trial %s\n", text_of(p, "version"), text_of(p, "candidate"));
  }
}

bool moon_view_live(const char *status, size_t n_status, const char *top, size_t n_top, struct moon_print *out) {
  json_t *s = json_loadb(status, n_status, 0, NULL), *t = answers(top, n_top);
  const json_t *c = json_object_get(s, "counters"), *r = json_object_get(s, "runs");
  bool good = c && r && t;
  if (good) {
    moon_print_printf(out, "moonpoll %s, pid %lld, up ", text_of(s, "version"), whole_of(s, "pid"));
    put_time(out, number_of(s, "seconds"));
    size_t workers = json_array_size(json_object_get(s, "workers"));
    moon_print_printf(out, ", %lld device%s, %zu worker%s\n", whole_of(s, "devices"), whole_of(s, "devices") == 1 ? "" : "s", workers,
                      workers == 1 ? "" : "s");
    moon_print_printf(out, "runs: %lld running, %lld due, %lld well, %lld failed, %lld over their time, %lld skipped; %lld samples\n",
                      whole_of(r, "runs_active"), whole_of(r, "runs_waiting"), whole_of(r, "runs_ok"), whole_of(r, "runs_failed"),
                      whole_of(r, "runs_timeout"), whole_of(r, "runs_skipped"), whole_of(r, "samples"));
    moon_print_printf(out, "requests: %lld, %lld answered, %lld in flight, %lld retries; datagrams: %lld out, %lld in, %lld late, %lld dropped here\n",
                      whole_of(c, "requests"), whole_of(c, "answered"), whole_of(c, "in_flight"), whole_of(c, "retries"),
                      whole_of(c, "datagrams_out"), whole_of(c, "datagrams_in"), whole_of(c, "late"), whole_of(c, "rx_dropped"));
    put_causes(out, t);
    put_rollout(out, s);
    moon_print_printf(out, "\n%-9s %9s %9s %9s %9s %9s\n", "", "p50", "p90", "p99", "p99.9", "max");
    static const struct { const char *key, *title; } rows[] = {
      {"rtt", "rtt"}, {"queue", "queue"}, {"run", "run"}, {"late", "late"}, {"latency", "latency"}, {"resume", "resume"}, {"gc", "gc"},
      {"turn", "turn"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) { put_histogram(out, s, rows[i].key, rows[i].title); }
    put_list(out, t, "failing", "failing", by_failed);
    put_list(out, t, "slowest", "slowest", by_rtt);
    put_list(out, t, "late", "late", by_late);
    put_busy(out, t);
  }
  json_decref(s);
  json_decref(t);
  return good;
}
