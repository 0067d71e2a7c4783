#include "hosts.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/mem.h"

#define NONE UINT32_MAX

/* One name of one line. */
struct entry {
  const char *name;      /* in text, lower case */
  uint32_t same;         /* the next of this name; NONE */
  struct moon_addr addr;
};

struct moon_hosts {
  const char *path;
  uint64_t looked_us;    /* 0: never */
  struct stat was;       /* of the file that was read */
  char *text;
  struct entry *entries;
  uint32_t *slots;       /* first entry of a name + 1, 0 free; mask + 1 of them */
  uint32_t n, cap, mask;
};

enum moon_err moon_hosts_new(const char *path, struct moon_hosts **out) {
  struct moon_hosts *h = moon_mem_zalloc(sizeof *h);
  if (!h) { return MOON_E_NOMEM; }
  h->path = path;
  *out = h;
  return MOON_OK;
}

static void forget(struct moon_hosts *h) {
  moon_mem_free(h->text);
  moon_mem_free(h->entries);
  moon_mem_free(h->slots);
  h->text = NULL;
  h->entries = NULL;
  h->slots = NULL;
  h->n = h->cap = 0;
}

void moon_hosts_free(struct moon_hosts *h) {
  if (!h) { return; }
  forget(h);
  moon_mem_free(h);
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }
static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

/* Of the name up to its NUL, without a dot at its end. */
static uint32_t hash(const char *name) {
  uint64_t v = 0xcbf29ce484222325u; /* FNV-1a: the administrator's own file */
  for (; *name && !(name[0] == '.' && !name[1]); name++) { v = (v ^ (uint8_t)lower(*name)) * 0x100000001b3u; }
  return (uint32_t)(v ^ v >> 32);
}

static bool same_name(const char *known, const char *name) {
  while (*known && *known == lower(*name)) { known++, name++; }
  return !*known && (!*name || (name[0] == '.' && !name[1]));
}

static uint32_t *slot_of(struct moon_hosts *h, const char *name) {
  uint32_t at = hash(name) & h->mask;
  while (h->slots[at] && !same_name(h->entries[h->slots[at] - 1].name, name)) { at = (at + 1) & h->mask; }
  return &h->slots[at];
}

static bool add(struct moon_hosts *h, const struct moon_addr *a, const char *name) {
  if (h->n == h->cap) {
    uint32_t cap = h->cap ? h->cap * 2 : 16;
    struct entry *grown = moon_mem_resize(h->entries, cap, sizeof *grown);
    if (!grown) { return false; }
    h->entries = grown;
    h->cap = cap;
  }
  h->entries[h->n++] = (struct entry){ .name = name, .same = NONE, .addr = *a };
  return true;
}

/* "192.0.2.1  core1 core1.example.net  # comment", cut into words in place. */
static bool take_line(struct moon_hosts *h, char *p, char *end) {
  struct moon_addr a = { 0 };
  for (char *word; p < end; p++) {
    while (p < end && is_blank(*p)) { p++; }
    word = p;
    while (p < end && !is_blank(*p) && *p != '#') {
      *p = lower(*p);
      p++;
    }
    bool over = p == end || *p == '#';
    if (p == word) { return true; }
    *p = 0; /* end is the newline's place, or the NUL's behind the text */
    if (!a.family) {
      a.family = strchr(word, ':') ? 6 : 4;
      if (inet_pton(a.family == 6 ? AF_INET6 : AF_INET, word, a.ip) != 1) { return true; }
    } else if (!add(h, &a, word)) {
      return false;
    }
    if (over) { return true; }
  }
  return true;
}

/* After all entries are known: entries of a name are chained as they stand in the file. */
static bool link_all(struct moon_hosts *h) {
  h->mask = 15;
  while (h->mask < h->n * 2) { h->mask = h->mask * 2 + 1; }
  h->slots = moon_mem_array((size_t)h->mask + 1, sizeof *h->slots);
  if (!h->slots) { return false; }
  for (uint32_t i = h->n; i-- > 0;) {
    uint32_t *slot = slot_of(h, h->entries[i].name);
    h->entries[i].same = *slot ? *slot - 1 : NONE;
    *slot = i + 1;
  }
  return true;
}

static size_t read_all(int fd, char *p, size_t n) {
  size_t got = 0;
  for (ssize_t r; got < n && (r = read(fd, p + got, n - got)) > 0;) { got += (size_t)r; }
  return got;
}

static void read_file(struct moon_hosts *h) {
  int fd = open(h->path, O_RDONLY | O_CLOEXEC);
  struct stat s;
  if (fd < 0) { return; }
  if (fstat(fd, &s) || !S_ISREG(s.st_mode) || s.st_size <= 0 || s.st_size > MOON_HOSTS_OCTETS_MAX) {
    close(fd);
    return;
  }
  size_t n = (size_t)s.st_size;
  h->text = moon_mem_alloc(n + 1);
  if (h->text) { n = read_all(fd, h->text, n); }
  close(fd);
  if (!h->text) { return; }
  h->text[n] = 0;
  bool good = true;
  for (char *p = h->text, *end = h->text + n; p < end && good;) {
    char *newline = memchr(p, '\n', (size_t)(end - p));
    char *stop = newline ? newline : end;
    good = take_line(h, p, stop);
    p = stop + 1;
  }
  if (!good || !link_all(h)) { forget(h); }
}

static void look(struct moon_hosts *h, uint64_t now_us) {
  struct stat s;
  if (h->looked_us && now_us - h->looked_us < MOON_HOSTS_LOOK_US) { return; }
  h->looked_us = now_us ? now_us : 1;
  if (stat(h->path, &s)) { memset(&s, 0, sizeof s); }
  bool same = s.st_ino == h->was.st_ino && s.st_size == h->was.st_size && s.st_mtim.tv_sec == h->was.st_mtim.tv_sec &&
              s.st_mtim.tv_nsec == h->was.st_mtim.tv_nsec;
  if (same) { return; }
  forget(h);
  h->was = s;
  read_file(h);
}

bool moon_hosts_find(struct moon_hosts *h, const char *name, uint8_t family, uint64_t now_us, struct moon_addresses *out) {
  look(h, now_us);
  if (!h->slots) { return false; }
  uint32_t n = 0;
  for (uint32_t i = *slot_of(h, name) - 1; i != NONE && n < MOON_ADDRESSES_MAX; i = h->entries[i].same) {
    const struct moon_addr *a = &h->entries[i].addr;
    bool known = family && a->family != family;
    for (uint32_t k = 0; k < n && !known; k++) { known = moon_addr_equal(&out->at[k], a); }
    if (!known) { out->at[n++] = *a; }
  }
  out->n = n;
  return n > 0;
}
