#include "modules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/mem.h"
#include "master.h"

#define FILE_MAX (32u << 20) /* the largest MIB known has 2 MB */
#define DEPTH_MAX 16         /* of directories */
#define NAME_MAX_LEN 64      /* RFC 2578 3.1 */

/* One token after the other: comments and quoted text are passed over. */
struct scan { const char *p, *end; int line; int open_at; /* line of a quote that is never closed; 0: none */ };

static bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }

static void skip_comment(struct scan *s) {
  for (s->p += 2; s->p < s->end && *s->p != '\n'; s->p++) { /* or up to the next two hyphens, which hardly anybody means */
    if (s->p + 1 < s->end && s->p[0] == '-' && s->p[1] == '-') {
      s->p += 2;
      return;
    }
  }
}

static bool next(struct scan *s, const char **word, size_t *n) {
  while (s->p < s->end) {
    char c = *s->p;
    if (c == '\n') { s->line++; }
    if (c == '"') {
      int line = s->line;
      for (s->p++; s->p < s->end && *s->p != '"'; s->p++) { s->line += *s->p == '\n'; }
      if (s->p == s->end) { s->open_at = line; }
      if (s->p < s->end) { s->p++; }
    } else if (c == '-' && s->p + 1 < s->end && s->p[1] == '-') {
      skip_comment(s);
    } else if (is_word(c)) {
      *word = s->p;
      while (s->p < s->end && is_word(*s->p) && !(s->p[0] == '-' && s->p + 1 < s->end && s->p[1] == '-')) { s->p++; }
      *n = (size_t)(s->p - *word);
      return true;
    } else if (c == ';' || c == ':' || c == '{' || c == '}') {
      *word = s->p++;
      *n = 1;
      return true;
    } else {
      s->p++;
    }
  }
  return false;
}

static bool same(const char *word, size_t n, const char *text) { return strlen(text) == n && memcmp(word, text, n) == 0; }

static void no_memory(void) {
  fputs("moonpoll mib: out of memory\n", stderr);
  exit(MOON_EXIT_FAILED);
}

static char *copy(const char *p, size_t n) {
  char *s = moon_mem_alloc(n + 1);
  if (!s) { no_memory(); }
  memcpy(s, p, n);
  s[n] = '\0';
  return s;
}

static void *grown(void *p, uint32_t n, uint32_t *cap, size_t size) {
  if (n < *cap) { return p; }
  *cap = *cap ? 2 * *cap : 16;
  p = moon_mem_resize(p, *cap, size);
  if (!p) { no_memory(); }
  return p;
}

/* The slot a name is in or would be put in. */
static uint32_t *slot(const struct moon_modules *m, const char *name) {
  uint32_t h = 2166136261u; /* FNV-1a */
  for (const char *c = name; *c; c++) { h = (h ^ (uint8_t)*c) * 16777619u; }
  for (h ^= h >> 15;; h++) {
    uint32_t *s = &m->slots[h & (m->n_slots - 1)];
    if (!*s || strcmp(m->at[*s - 1].name, name) == 0) { return s; }
  }
}

/* All there are, and room for as many again. */
static void fill_slots(struct moon_modules *m) {
  while (m->n_slots < 4 * m->n || !m->n_slots) { m->n_slots = m->n_slots ? 2 * m->n_slots : 64; }
  moon_mem_free(m->slots);
  m->slots = moon_mem_array(m->n_slots, sizeof *m->slots);
  if (!m->slots) { no_memory(); }
  for (uint32_t i = 0; i < m->n; i++) { *slot(m, m->at[i].name) = i + 1; }
}

struct moon_module_file *moon_modules_find(const struct moon_modules *m, const char *name) {
  uint32_t i = m->n ? *slot(m, name) : 0;
  return i ? &m->at[i - 1] : NULL;
}

/* NAME DEFINITIONS ::= BEGIN, then names after each FROM up to the semicolon. */
static uint32_t scan_file(struct moon_modules *m, const char *path, const char *given, const char *text, size_t size) {
  struct scan s = {.p = text, .end = text + size, .line = 1};
  const char *word, *name = NULL, *last = NULL;
  size_t n, name_n = 0, last_n = 0;
  uint32_t found = 0, cap = 0;
  struct moon_module_file *f = NULL;
  bool importing = false, from = false, braces = false;
  while (next(&s, &word, &n)) {
    if (same(word, n, "DEFINITIONS") && name && name_n <= NAME_MAX_LEN) {
      char *own = copy(name, name_n);
      struct moon_module_file *other = moon_modules_find(m, own);
      found++;
      importing = false;
      if (other) {
        if (strcmp(other->path, path) != 0) { m->tell(m->arg, given, s.line, "a module of this name was read from another file"); }
        moon_mem_free(own);
        f = NULL;
        continue;
      }
      m->at = grown(m->at, m->n, &m->cap, sizeof *m->at);
      f = &m->at[m->n++];
      *f = (struct moon_module_file){.name = own, .path = copy(path, strlen(path)), .size = (uint32_t)size};
      if (2 * m->n > m->n_slots) { fill_slots(m); }
      *slot(m, own) = m->n;
      cap = 0;
    } else if (f && same(word, n, "IMPORTS")) {
      importing = true;
    } else if (importing && *word == ';') {
      importing = from = false;
    } else if (importing && same(word, n, "FROM")) {
      from = true;
    } else if (from) {
      from = false;
      f->imports = grown(f->imports, f->n_imports, &cap, sizeof *f->imports);
      f->imports[f->n_imports++] = copy(word, n);
    }
    last = word;
    last_n = n;
    if (*word == '{') { braces = true; } /* the OID some write between the name and DEFINITIONS */
    if (!braces && is_word(*word)) {
      name = word;
      name_n = n;
    }
    if (*word == '}') { braces = false; }
  }
  if (f) { f->endless = s.open_at || !last || !same(last, last_n, "END"); }
  if (f && s.open_at) {
    f->quoted = true;
    m->tell(m->arg, given, s.open_at, "text in quotes does not end: what begins there");
  }
  return found;
}

static void add_file(struct moon_modules *m, const char *given) {
  char path[PATH_MAX];
  struct stat st;
  int fd = open(given, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || fstat(fd, &st) || !realpath(given, path)) {
    m->tell(m->arg, given, 0, strerror(errno));
  } else if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
    m->tell(m->arg, given, 0, S_ISREG(st.st_mode) ? "larger than any MIB" : "no file");
  } else {
    char *text = moon_mem_alloc((size_t)st.st_size + 1);
    ssize_t n = text ? read(fd, text, (size_t)st.st_size) : -1;
    if (n < 0) {
      m->tell(m->arg, given, 0, strerror(errno));
    } else if (!scan_file(m, path, given, text, (size_t)n)) {
      m->tell(m->arg, given, 0, "no MIB module in it");
    }
    moon_mem_free(text);
  }
  if (fd >= 0) { close(fd); }
}

static int no_dots(const struct dirent *e) { return e->d_name[0] != '.'; }

static bool add_path(struct moon_modules *m, const char *path, int depth) {
  struct stat st;
  struct dirent **list;
  if (stat(path, &st)) { return false; }
  if (!S_ISDIR(st.st_mode)) {
    add_file(m, path);
    return true;
  }
  if (depth == DEPTH_MAX) { return true; }
  int n = scandir(path, &list, no_dots, alphasort);
  if (n < 0) { return false; }
  for (int i = 0; i < n; i++) {
    char below[PATH_MAX];
    size_t len = strlen(path), name = strlen(list[i]->d_name);
    if (len + name + 2 <= sizeof below) {
      memcpy(below, path, len);
      below[len] = '/';
      memcpy(below + len + 1, list[i]->d_name, name + 1);
      if (!add_path(m, below, depth + 1)) { m->tell(m->arg, below, 0, strerror(errno)); }
    }
    free(list[i]);
  }
  free(list);
  return true;
}

bool moon_modules_add(struct moon_modules *m, const char *path) { return add_path(m, path, 0); }

struct order { const struct moon_modules *m; struct moon_module_file *out; uint32_t n; };

static void visit(struct order *o, struct moon_module_file *f, uint32_t depth) {
  if (f->visited) { return; }
  f->visited = true;
  for (uint32_t i = 0; i < f->n_imports && depth < 1000; i++) {
    struct moon_module_file *other = moon_modules_find(o->m, f->imports[i]);
    if (other) { visit(o, other, depth + 1); }
  }
  o->out[o->n++] = *f;
}

void moon_modules_sort(struct moon_modules *m) {
  struct order o = {.m = m, .out = moon_mem_array((size_t)m->n + 1, sizeof *m->at)};
  if (!o.out) { return; } /* then in the order they came: libsmi looks for what it misses itself */
  struct moon_module_file *first[] = {moon_modules_find(m, "SNMPv2-SMI"), moon_modules_find(m, "RFC1155-SMI")};
  for (uint32_t i = 0; i < 2; i++) {
    if (first[i]) { visit(&o, first[i], 0); }
  }
  for (uint32_t i = 0; i < m->n; i++) { visit(&o, &m->at[i], 0); }
  moon_mem_free(m->at);
  m->at = o.out;
  m->cap = m->n + 1;
  fill_slots(m);
}

void moon_modules_fini(struct moon_modules *m) {
  for (uint32_t i = 0; i < m->n; i++) {
    for (uint32_t k = 0; k < m->at[i].n_imports; k++) { moon_mem_free(m->at[i].imports[k]); }
    moon_mem_free(m->at[i].imports);
    moon_mem_free(m->at[i].name);
    moon_mem_free(m->at[i].path);
  }
  moon_mem_free(m->at);
  moon_mem_free(m->slots);
  *m = (struct moon_modules){0};
}
