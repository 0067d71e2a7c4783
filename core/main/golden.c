#define _GNU_SOURCE /* strverscmp */
#include "golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "format.h"

#define SHOWN_MAX 20u  /* lines of a difference */
#define LOOK_MAX 500u  /* lines looked ahead for where both go on alike */

struct moon_golden_run {
  char *device, *job;
  uint32_t number;       /* of its device and job, from 1 */
  const char *err;
  char **lines;
  uint32_t n, cap;
};

/* ---- writing */

static void put_string(struct moon_print *o, struct moon_text t) {
  uint8_t *p = moon_print_room(o, (size_t)t.n * 6 + 2);
  if (!p) { return; }
  p[0] = '"';
  size_t n = moon_format_escape((char *)p + 1, t.p, t.n);
  p[n + 1] = '"';
  o->n += n + 2;
}

static int by_key(const void *a, const void *b) {
  const struct moon_label *x = a, *y = b;
  uint32_t n = x->key.n < y->key.n ? x->key.n : y->key.n;
  int r = memcmp(x->key.p, y->key.p, n);
  return r ? r : (x->key.n > y->key.n) - (x->key.n < y->key.n);
}

static void put_labels(struct moon_print *o, const uint8_t *p, uint32_t n) {
  struct moon_label all[256];
  if (n > 256) { n = 256; } /* scripts may write 64 */
  for (uint32_t i = 0; i < n; i++) { p = moon_record_label(p, &all[i]); }
  if (n) { qsort(all, n, sizeof *all, by_key); }
  moon_print_text(o, "{");
  for (uint32_t i = 0; i < n; i++) {
    if (i) { moon_print_text(o, ","); }
    put_string(o, all[i].key);
    moon_print_text(o, ":");
    put_string(o, all[i].value);
  }
  moon_print_text(o, "}");
}

/* A fraction has nine digits: what an order of additions makes of the last ones says nothing. */
static void put_value(struct moon_print *o, const struct moon_sample *s) {
  char text[64];
  uint8_t *p = moon_print_room(o, MOON_FORMAT_MAX);
  if (s->kind == MOON_NUMBER_TEXT) {
    put_string(o, s->text);
    return;
  }
  if (!p) { return; }
  double real = s->value.real;
  if (s->kind == MOON_NUMBER_REAL && isfinite(real) && floor(real) != real) {
    snprintf(text, sizeof text, "%.9g", real);
    real = strtod(text, NULL);
  }
  switch (s->kind) {
  case MOON_NUMBER_UNSIGNED: o->n += moon_format_u64((char *)p, s->value.uint); break;
  case MOON_NUMBER_SIGNED: o->n += moon_format_i64((char *)p, s->value.sint); break;
  default: o->n += moon_format_real((char *)p, real); break;
  }
}

static enum moon_err add_line(struct moon_golden_run *run, const struct moon_sample *s, const uint8_t *labels, uint32_t n_labels) {
  struct moon_print o;
  if (run->n == run->cap) {
    uint32_t cap = run->cap ? run->cap * 2 : 64;
    char **lines = moon_mem_resize(run->lines, cap, sizeof *lines);
    if (!lines) { return MOON_E_NOMEM; }
    run->lines = lines;
    run->cap = cap;
  }
  moon_print_init(&o, NULL, NULL);
  moon_print_text(&o, "{\"name\":");
  put_string(&o, s->name);
  moon_print_text(&o, ",\"labels\":");
  put_labels(&o, labels, n_labels);
  moon_print_printf(&o, ",\"type\":\"%s\",\"value\":", moon_sample_type_name((enum moon_sample_type)s->type));
  put_value(&o, s);
  moon_print_put(&o, "}", 2); /* the NUL too */
  if (o.failed) {
    moon_print_fini(&o);
    return MOON_E_NOMEM;
  }
  run->lines[run->n++] = (char *)o.p;
  return MOON_OK;
}

static char *copy(struct moon_text t) {
  char *p = moon_mem_alloc((size_t)t.n + 1);
  if (!p) { return NULL; }
  memcpy(p, t.p, t.n);
  p[t.n] = 0;
  return p;
}

static int by_version(const void *a, const void *b) { return strverscmp(*(char *const *)a, *(char *const *)b); }

static void free_run(struct moon_golden_run *run) {
  for (uint32_t i = 0; i < run->n; i++) { moon_mem_free(run->lines[i]); }
  moon_mem_free(run->lines);
  moon_mem_free(run->device);
  moon_mem_free(run->job);
}

enum moon_err moon_golden_add(struct moon_golden *g, const uint8_t *record, size_t n) {
  struct moon_record_reader r;
  struct moon_sample s;
  struct moon_golden_run run = {.number = 1};
  const uint8_t *labels = NULL;
  uint32_t n_labels = 0;
  enum moon_err err = moon_record_open(&r, record, n);
  if (err) { return err; }
  if (g->n_runs == g->runs_cap) {
    uint32_t cap = g->runs_cap ? g->runs_cap * 2 : 16;
    struct moon_golden_run *runs = moon_mem_resize(g->runs, cap, sizeof *runs);
    if (!runs) { return MOON_E_NOMEM; }
    g->runs = runs;
    g->runs_cap = cap;
  }
  run.device = copy(r.device);
  run.job = copy(r.job);
  run.err = r.head.err == MOON_OK ? "ok" : r.head.err >= MOON_E_PUBLIC_N ? "script" : moon_err_name(r.head.err);
  if (!run.device || !run.job) { err = MOON_E_NOMEM; }
  while (!err) {
    enum moon_item item = moon_record_next(&r, &s, &labels, &n_labels);
    if (item == MOON_ITEM_END) { break; }
    if (item == MOON_ITEM_SAMPLE) { err = add_line(&run, &s, labels, n_labels); }
  }
  if (!err) { err = r.err; }
  if (err) {
    free_run(&run);
    return err;
  }
  if (run.n) { qsort(run.lines, run.n, sizeof *run.lines, by_version); }
  for (uint32_t i = 0; i < g->n_runs; i++) {
    const struct moon_golden_run *before = &g->runs[i];
    if (strcmp(before->device, run.device) == 0 && strcmp(before->job, run.job) == 0) { run.number++; }
  }
  g->n_samples += run.n;
  g->n_script += r.head.err >= MOON_E_PUBLIC_N;
  g->runs[g->n_runs++] = run;
  return MOON_OK;
}

static int by_run(const void *a, const void *b) {
  const struct moon_golden_run *x = a, *y = b;
  if (x->number != y->number) { return x->number < y->number ? -1 : 1; }
  int r = strverscmp(x->device, y->device);
  return r ? r : strverscmp(x->job, y->job);
}

void moon_golden_print(struct moon_golden *g, struct moon_print *out) {
  if (g->n_runs) { qsort(g->runs, g->n_runs, sizeof *g->runs, by_run); }
  for (uint32_t i = 0; i < g->n_runs; i++) {
    const struct moon_golden_run *run = &g->runs[i];
    moon_print_printf(out, "{\"run\":%u,\"device\":", (unsigned)run->number);
    put_string(out, (struct moon_text){run->device, (uint32_t)strlen(run->device)});
    if (*run->job) {
      moon_print_text(out, ",\"job\":");
      put_string(out, (struct moon_text){run->job, (uint32_t)strlen(run->job)});
    }
    moon_print_printf(out, ",\"error\":\"%s\"}\n", run->err);
    for (uint32_t k = 0; k < run->n; k++) {
      moon_print_text(out, run->lines[k]);
      moon_print_text(out, "\n");
    }
  }
}

void moon_golden_fini(struct moon_golden *g) {
  for (uint32_t i = 0; i < g->n_runs; i++) { free_run(&g->runs[i]); }
  moon_mem_free(g->runs);
  *g = (struct moon_golden){0};
}

/* ---- comparing */

struct side { const char *p, *end; };

/* The next line, without its end; false: there is none. */
static bool line_at(struct side *s, struct moon_text *out) {
  if (s->p == s->end) { return false; }
  const char *newline = memchr(s->p, '\n', (size_t)(s->end - s->p)), *stop = newline ? newline : s->end;
  *out = (struct moon_text){s->p, (uint32_t)(stop - s->p)};
  if (out->n && out->p[out->n - 1] == '\r') { out->n--; }
  s->p = newline ? newline + 1 : s->end;
  return true;
}

static bool same(struct moon_text a, struct moon_text b) { return a.n == b.n && memcmp(a.p, b.p, a.n) == 0; }

/* How many lines ahead in s this one stands; LOOK_MAX: not near. */
static uint32_t distance(struct side s, struct moon_text line) {
  struct moon_text at;
  uint32_t n = 0;
  while (n < LOOK_MAX && line_at(&s, &at)) {
    if (same(at, line)) { return n; }
    n++;
  }
  return LOOK_MAX;
}

struct shown { struct moon_print *out; uint32_t n; };

static void show(struct shown *s, char sign, struct moon_text line) {
  if (s->n++ < SHOWN_MAX) { moon_print_printf(s->out, "      %c %.*s\n", sign, (int)line.n, line.p); }
}

bool moon_golden_diff(const char *name, struct moon_text want, struct moon_text got, struct moon_print *out) {
  struct side a = {want.p, want.p + want.n}, b = {got.p, got.p + got.n};
  struct shown shown = {.out = out};
  struct moon_text x, y;
  uint32_t number = 0;
  for (;;) {
    struct side a_was = a, b_was = b;
    bool in_a = line_at(&a, &x), in_b = line_at(&b, &y);
    number += in_a;
    if (!in_a && !in_b) { break; }
    if (in_a && in_b && same(x, y)) { continue; }
    if (!shown.n) { moon_print_printf(out, "      %s:%u: %s\n", name, (unsigned)(number + !in_a), in_a ? "differs" : "more came than is here"); }
    uint32_t gone = in_b ? distance(a, y) : 0, new = in_a ? distance(b, x) : 0; /* so many lines only in a, only in b */
    if (in_a && (!in_b || gone <= new)) { show(&shown, '-', x); }
    if (in_b && (!in_a || new <= gone)) { show(&shown, '+', y); }
    if (in_a && in_b && gone < new) { b = b_was; }
    if (in_a && in_b && new < gone) {
      a = a_was;
      number--;
    }
  }
  if (shown.n > SHOWN_MAX) { moon_print_printf(out, "      ... and %u lines more\n", (unsigned)(shown.n - SHOWN_MAX)); }
  return shown.n != 0;
}
