#define _GNU_SOURCE
#include "engines.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "print.h"

#define FIRST_LINE "moonpoll engines 1\n"
#define FILE_MAX (32u << 20)  /* MOON_ENGINES_MAX of the longest lines are less */
#define AHEAD_S 86400         /* a record of the future: the wall clock was wrong then, or is now */
#define ENGINE_ID_MIN 5

void moon_engines_fini(struct moon_engines *all) {
  moon_mem_free(all->at);
  *all = (struct moon_engines){0};
}

enum moon_err moon_engines_put(struct moon_engines *all, const struct moon_engines_entry *entry) {
  if (all->n == all->cap) {
    uint32_t cap = all->cap ? all->cap * 2 : 256;
    struct moon_engines_entry *at = moon_mem_resize(all->at, cap, sizeof *at);
    if (!at) { return MOON_E_NOMEM; }
    all->at = at;
    all->cap = cap;
  }
  all->at[all->n++] = *entry;
  all->sorted = false;
  return MOON_OK;
}

static int by_address(const void *a, const void *b) {
  const struct moon_engines_entry *x = a, *y = b;
  int order = memcmp(&x->record.addr, &y->record.addr, sizeof x->record.addr);
  if (order) { return order; }
  return x->at_s > y->at_s ? -1 : x->at_s < y->at_s; /* the latest first */
}

static int by_age(const void *a, const void *b) {
  const struct moon_engines_entry *x = a, *y = b;
  return x->at_s > y->at_s ? -1 : x->at_s < y->at_s;
}

void moon_engines_sort(struct moon_engines *all, int64_t now_s) {
  uint32_t kept = 0;
  if (all->n) { qsort(all->at, all->n, sizeof *all->at, by_address); }
  for (uint32_t i = 0; i < all->n; i++) {
    const struct moon_engines_entry *e = &all->at[i];
    bool again = kept && moon_addr_equal(&all->at[kept - 1].record.addr, &e->record.addr);
    if (again || e->at_s < now_s - MOON_ENGINES_KEPT_S || e->at_s > now_s + AHEAD_S) { continue; }
    all->at[kept++] = *e;
  }
  all->n = kept;
  if (kept > MOON_ENGINES_MAX) {
    qsort(all->at, kept, sizeof *all->at, by_age);
    all->n = MOON_ENGINES_MAX;
    qsort(all->at, all->n, sizeof *all->at, by_address);
  }
  all->sorted = true;
}

const struct moon_engines_entry *moon_engines_find(const struct moon_engines *all, const struct moon_addr *addr) {
  uint32_t from = 0, to = all->sorted ? all->n : 0;
  while (from < to) {
    uint32_t middle = from + (to - from) / 2;
    int order = memcmp(addr, &all->at[middle].record.addr, sizeof *addr);
    if (!order) { return &all->at[middle]; }
    if (order < 0) {
      to = middle;
    } else {
      from = middle + 1;
    }
  }
  return NULL;
}

/* ---- the text ---- */

static uint64_t sum_of(const uint8_t *p, size_t n) { /* FNV-1a: against accidents, not against people */
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < n; i++) { h = (h ^ p[i]) * UINT64_C(0x100000001b3); }
  return h;
}

/* Digits, no sign, up to the character `end`, which is passed over. */
static bool take_number(const char **at, uint64_t max, char end, uint64_t *out) {
  uint64_t v = 0;
  const char *p = *at;
  for (; *p >= '0' && *p <= '9' && v <= max; p++) { v = v * 10 + (uint64_t)(*p - '0'); }
  if (p == *at || *p != end || v > max) { return false; }
  *at = p + 1;
  *out = v;
  return true;
}

static int digit_of(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

static bool take_id(const char **at, struct moon_trust_record *r) {
  const char *p = *at;
  uint8_t n = 0;
  for (; digit_of(p[0]) >= 0 && digit_of(p[1]) >= 0 && n < MOON_ENGINE_ID_MAX; p += 2) {
    r->engine_id[n++] = (uint8_t)(digit_of(p[0]) << 4 | digit_of(p[1]));
  }
  if (n < ENGINE_ID_MIN || *p != ' ') { return false; }
  *at = p + 1;
  r->engine_id_len = n;
  return true;
}

static bool take_addr(const char **at, struct moon_addr *out) {
  char text[MOON_ADDR_TEXT_MAX];
  const char *end = strchr(*at, ' '), *host;
  size_t len;
  if (!end || (size_t)(end - *at) >= sizeof text) { return false; }
  memcpy(text, *at, (size_t)(end - *at));
  text[end - *at] = 0;
  *at = end + 1;
  return moon_addr_parse_agent(text, 161, out, &host, &len) == MOON_OK && out->family;
}

static bool take_priv(const char *text, uint8_t *out) {
  static const enum moon_priv may[] = {MOON_PRIV_AES192, MOON_PRIV_AES256, MOON_PRIV_AES192_REEDER, MOON_PRIV_AES256_REEDER};
  *out = MOON_PRIV_NONE;
  for (size_t i = 0; i < sizeof may / sizeof *may && strcmp(text, "-"); i++) {
    if (strcmp(text, moon_priv_name(may[i])) == 0) { *out = (uint8_t)may[i]; }
  }
  return *out != MOON_PRIV_NONE || strcmp(text, "-") == 0;
}

static bool take_line(const char *line, struct moon_engines_entry *e) {
  uint64_t boots, time, at_s;
  memset(e, 0, sizeof *e);
  if (!take_addr(&line, &e->record.addr) || !take_id(&line, &e->record) || !take_number(&line, MOON_BOOTS_MAX, ' ', &boots) ||
      !take_number(&line, MOON_BOOTS_MAX, ' ', &time) || !take_number(&line, UINT32_MAX, ' ', &at_s)) {
    return false;
  }
  e->record.boots = (uint32_t)boots;
  e->record.time = (uint32_t)time;
  e->at_s = (int64_t)at_s;
  return take_priv(line, &e->record.priv);
}

/* What follows the lines: how many there were, and the sum of all before. */
static bool is_end(const char *line, uint32_t n, uint64_t sum) {
  char want[64];
  snprintf(want, sizeof want, "end %u %016" PRIx64, (unsigned)n, sum);
  return strcmp(line, want) == 0;
}

enum moon_err moon_engines_parse(struct moon_engines *all, const char *text, size_t n, uint32_t *line) {
  const char *p = text, *end = text + n;
  uint32_t before = all->n;
  char one[256];
  for (*line = 1; p < end; (*line)++) {
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    if (!stop || (size_t)(stop - p) >= sizeof one || memchr(p, 0, (size_t)(stop - p))) { break; }
    memcpy(one, p, (size_t)(stop - p));
    one[stop - p] = 0;
    if (*line == 1) {
      if ((size_t)(stop + 1 - p) != strlen(FIRST_LINE) || memcmp(p, FIRST_LINE, strlen(FIRST_LINE)) != 0) { break; }
    } else if (strncmp(one, "end ", 4) == 0) {
      if (stop + 1 != end || !is_end(one, all->n - before, sum_of((const uint8_t *)text, (size_t)(p - text)))) { break; }
      return MOON_OK;
    } else {
      struct moon_engines_entry e;
      if (!take_line(one, &e)) { break; }
      if (moon_engines_put(all, &e)) {
        all->n = before;
        return MOON_E_NOMEM;
      }
    }
    p = stop + 1;
  }
  all->n = before;
  return MOON_E_DECODE;
}

static const char *put_hex(char *out, const uint8_t *p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    out[2 * i] = "0123456789abcdef"[p[i] >> 4];
    out[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
  }
  out[2 * n] = 0;
  return out;
}

static void put_text(const struct moon_engines *all, struct moon_print *out) {
  moon_print_text(out, FIRST_LINE);
  for (uint32_t i = 0; i < all->n; i++) {
    const struct moon_engines_entry *e = &all->at[i];
    char addr[MOON_ADDR_TEXT_MAX], id[2 * MOON_ENGINE_ID_MAX + 1];
    moon_addr_format(&e->record.addr, addr, sizeof addr);
    moon_print_printf(out, "%s %s %" PRIu32 " %" PRIu32 " %" PRId64 " %s\n", addr,
                      put_hex(id, e->record.engine_id, e->record.engine_id_len), e->record.boots, e->record.time, e->at_s,
                      e->record.priv == MOON_PRIV_NONE ? "-" : moon_priv_name((enum moon_priv)e->record.priv));
  }
  moon_print_printf(out, "end %u %016" PRIx64 "\n", (unsigned)all->n, sum_of(out->p, out->n));
}

/* ---- the file ---- */

static enum moon_err read_all(int fd, char **out, size_t *n) {
  struct stat st;
  if (fstat(fd, &st)) { return MOON_E_CONFIG; }
  bool others = st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH));
  if (!S_ISREG(st.st_mode) || others || st.st_size > (off_t)FILE_MAX) {
    errno = S_ISDIR(st.st_mode) ? EISDIR : !S_ISREG(st.st_mode) ? EINVAL : others ? EPERM : EFBIG;
    return MOON_E_CONFIG;
  }
  size_t size = (size_t)st.st_size, got = 0;
  char *text = moon_mem_alloc(size + 1);
  if (!text) { return MOON_E_NOMEM; }
  while (got < size) {
    ssize_t some = read(fd, text + got, size - got);
    if (some < 0) {
      int cause = errno;
      moon_mem_free(text);
      errno = cause;
      return MOON_E_CONFIG;
    }
    if (some == 0) { break; }
    got += (size_t)some;
  }
  *out = text;
  *n = got;
  return MOON_OK;
}

enum moon_err moon_engines_load(struct moon_engines *all, const char *path, uint32_t *line) {
  char *text = NULL;
  size_t n = 0;
  *line = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) { return errno == ENOENT ? MOON_OK : MOON_E_CONFIG; }
  enum moon_err e = read_all(fd, &text, &n);
  int cause = errno;
  close(fd);
  if (!e) { e = moon_engines_parse(all, text, n, line); }
  moon_mem_free(text);
  errno = cause;
  return e;
}

static bool put_to(int fd, const uint8_t *p, size_t n) {
  for (size_t at = 0; at < n;) {
    ssize_t done = write(fd, p + at, n - at);
    if (done <= 0) { return false; }
    at += (size_t)done;
  }
  return true;
}

enum moon_err moon_engines_save(const struct moon_engines *all, const char *path) {
  char *aside = NULL;
  struct moon_print out;
  enum moon_err e = MOON_E_NOMEM;
  moon_print_init(&out, NULL, NULL);
  put_text(all, &out);
  if (out.failed || asprintf(&aside, "%s.%d", path, (int)getpid()) < 0) {
    aside = NULL;
    goto out;
  }
  e = MOON_E_CONFIG;
  unlink(aside); /* of somebody with our pid who was killed */
  int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) { goto out; }
  bool good = put_to(fd, out.p, out.n);
  int cause = errno;
  if (close(fd) && good) {
    cause = errno;
    good = false;
  }
  if (good && rename(aside, path) == 0) {
    e = MOON_OK;
  } else {
    cause = good ? errno : cause;
    unlink(aside);
    errno = cause;
  }
out:
  if (aside) {
    int last = errno;
    free(aside);
    errno = last;
  }
  moon_print_fini(&out);
  return e;
}
