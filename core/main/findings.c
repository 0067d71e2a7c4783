#include "findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX 1024

static char *copy(const char *p, size_t n) {
  char *own = moon_mem_alloc(n + 1);
  if (!own) { return NULL; }
  memcpy(own, p, n);
  own[n] = 0;
  return own;
}

bool moon_findings_has(const struct moon_findings *f, const char *path, const char *beginning) {
  size_t n = strlen(beginning);
  for (uint32_t i = 0; i < f->n; i++) {
    if (strcmp(f->all[i].path, path) == 0 && strncmp(f->all[i].text, beginning, n) == 0) { return true; }
  }
  return false;
}

bool moon_findings_wrong(const struct moon_findings *f, const char *path, uint32_t line) {
  for (uint32_t i = 0; line && i < f->n; i++) {
    const struct moon_finding *x = &f->all[i];
    if (x->line == line && x->severity == MOON_FINDING_ERROR && strcmp(x->path, path) == 0) { return true; }
  }
  return false;
}

static void add(struct moon_findings *f, const char *path, size_t path_n, uint32_t line, enum moon_severity severity, const char *text) {
  for (uint32_t i = 0; i < f->n; i++) {
    const struct moon_finding *x = &f->all[i];
    if (x->line == line && strlen(x->path) == path_n && memcmp(x->path, path, path_n) == 0 && strcmp(x->text, text) == 0) { return; }
  }
  if (f->n == f->cap) {
    uint32_t cap = f->cap ? 2 * f->cap : 32;
    struct moon_finding *all = moon_mem_resize(f->all, cap, sizeof *all);
    if (!all) {
      f->failed = true;
      return;
    }
    f->all = all;
    f->cap = cap;
  }
  struct moon_finding *x = &f->all[f->n];
  *x = (struct moon_finding){.path = copy(path, path_n), .text = copy(text, strcspn(text, "\n")), .line = line, .order = f->n, .severity = severity};
  if (!x->path || !x->text) {
    moon_mem_free(x->path);
    moon_mem_free(x->text);
    f->failed = true;
    return;
  }
  f->n++;
  if (severity == MOON_FINDING_ERROR) { f->errors++; } else { f->warnings++; }
}

void moon_findings_add(struct moon_findings *f, const char *path, uint32_t line, enum moon_severity severity, const char *format, ...) {
  char text[TEXT_MAX];
  va_list ap;
  va_start(ap, format);
  (void)vsnprintf(text, sizeof text, format, ap);
  va_end(ap);
  add(f, path, strlen(path), line, severity, text);
}

void moon_findings_add_line(struct moon_findings *f, const char *path, enum moon_severity severity, const char *text) {
  for (const char *p = text; (p = strchr(p, ':')) != NULL; p++) { /* the first ":12: " ends the place */
    size_t digits = strspn(p + 1, "0123456789");
    if (digits && digits < 9 && p[1 + digits] == ':' && p[2 + digits] == ' ') {
      add(f, text, (size_t)(p - text), (uint32_t)strtoul(p + 1, NULL, 10), severity, p + 3 + digits);
      return;
    }
  }
  size_t n = strlen(path);
  bool named = strncmp(text, path, n) == 0 && strncmp(text + n, ": ", 2) == 0;
  add(f, path, n, 0, severity, named ? text + n + 2 : text);
}

/* The order in which the file of x came first. */
static uint32_t rank(const struct moon_findings *f, const struct moon_finding *x) {
  uint32_t first = x->order;
  for (uint32_t i = 0; i < f->n; i++) {
    if (f->all[i].order < first && strcmp(f->all[i].path, x->path) == 0) { first = f->all[i].order; }
  }
  return first;
}

static int by_place(const void *a, const void *b, void *arg) {
  const struct moon_finding *x = a, *y = b;
  const struct moon_findings *f = arg;
  if (strcmp(x->path, y->path) != 0) { return rank(f, x) < rank(f, y) ? -1 : 1; }
  if (x->line != y->line) { return x->line < y->line ? -1 : 1; }
  return x->order < y->order ? -1 : x->order > y->order;
}

void moon_findings_print(struct moon_findings *f, struct moon_print *out) {
  struct moon_findings sorted = *f; /* the order is asked of what stays as it is */
  if (!f->n) { return; }
  sorted.all = moon_mem_array(f->n, sizeof *sorted.all);
  if (!sorted.all) {
    f->failed = true;
    return;
  }
  memcpy(sorted.all, f->all, f->n * sizeof *sorted.all);
  qsort_r(sorted.all, f->n, sizeof *sorted.all, by_place, f);
  for (uint32_t i = 0; i < f->n; i++) {
    const struct moon_finding *x = &sorted.all[i];
    moon_print_text(out, x->path);
    if (x->line) { moon_print_printf(out, ":%u", (unsigned)x->line); }
    moon_print_printf(out, ": %s: %s\n", x->severity == MOON_FINDING_ERROR ? "error" : "warning", x->text);
  }
  moon_mem_free(sorted.all);
}

void moon_findings_fini(struct moon_findings *f) {
  for (uint32_t i = 0; i < f->n; i++) {
    moon_mem_free(f->all[i].path);
    moon_mem_free(f->all[i].text);
  }
  moon_mem_free(f->all);
  *f = (struct moon_findings){0};
}
