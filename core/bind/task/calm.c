#include "calm.h"

#include <stdio.h>
#include <string.h>

#include "../../base/mem.h"

#define KEY_MAX 400 /* octets of what was raised, and figures and names, that tell one mistake from another */
#define NAME 1      /* in a key; texts do not have them */
#define FIGURES 2

void moon_calm_site_name(const struct moon_label *labels, uint32_t n_labels, const struct moon_addr *addr, char *out, size_t cap) {
  for (uint32_t i = 0; i < n_labels; i++) {
    if (labels[i].key.n != 4 || memcmp(labels[i].key.p, "site", 4) != 0) { continue; }
    snprintf(out, cap, "%.*s", (int)labels[i].value.n, (const char *)labels[i].value.p);
    return;
  }
  const uint8_t *ip = addr->ip;
  if (addr->family == 4) {
    snprintf(out, cap, "%u.%u.%u.0/24", ip[0], ip[1], ip[2]);
  } else if (addr->family == 6) {
    snprintf(out, cap, "%x:%x:%x:%x::/64", ip[0] << 8 | ip[1], ip[2] << 8 | ip[3], ip[4] << 8 | ip[5], ip[6] << 8 | ip[7]);
  } else {
    out[0] = 0;
  }
}

/* false: no memory. */
static bool keep_line(struct moon_calm_lines *h, const char *line) {
  size_t n = strlen(line) + 1;
  char *copy = moon_mem_alloc(n);
  if (!copy) { return false; }
  memcpy(copy, line, n);
  h->line[h->n++] = copy;
  return true;
}

static void say_lines(const struct moon_calm *c, enum moon_level level, const struct moon_calm_lines *h) {
  for (uint32_t i = 0; i < h->n; i++) { c->say(c->arg, level, h->line[i]); }
}

static void drop_lines(struct moon_calm_lines *h) {
  while (h->n) { moon_mem_free(h->line[--h->n]); }
}

/* ---- sites */

static struct moon_calm_site *find(struct moon_calm *c, const char *name) {
  struct moon_calm_site *free_one = NULL;
  for (uint32_t i = 0; i < MOON_CALM_SITES; i++) {
    struct moon_calm_site *s = &c->sites[i];
    if (s->begun_us && strncmp(s->name, name, sizeof s->name - 1) == 0) { return s; }
    if (!s->begun_us && !free_one) { free_one = s; }
  }
  return free_one;
}

bool moon_calm_hold(struct moon_calm *c, const char *site, const char *device, uint8_t err, const char *line, uint64_t now_us) {
  if (!*site) { return true; }
  if (!c->sites) { c->sites = moon_mem_array(MOON_CALM_SITES, sizeof *c->sites); }
  struct moon_calm_site *s = c->sites ? find(c, site) : NULL;
  if (!s) { return true; }
  bool first = !s->begun_us;
  if (first) {
    snprintf(s->name, sizeof s->name, "%s", site);
    snprintf(s->first, sizeof s->first, "%s", device);
    s->begun_us = now_us ? now_us : 1;
    c->n++;
  }
  s->latest_us = now_us;
  s->n++;
  s->error[err < MOON_E_PUBLIC_N ? err : 0]++;
  if (first) { return true; }
  return s->held.n < MOON_CALM_LINES && !keep_line(&s->held, line);
}

static void tell(struct moon_calm *c, const struct moon_calm_site *s) {
  char line[512];
  size_t at = (size_t)snprintf(line, sizeof line, "site %s: %u runs met silence within %.0f s", s->name, (unsigned)s->n,
                               (double)(s->latest_us - s->begun_us) / 1e6 + 0.5);
  const char *sep = " (";
  for (int e = 1; e < MOON_E_PUBLIC_N && at < sizeof line; e++) {
    if (!s->error[e]) { continue; }
    at += (size_t)snprintf(line + at, sizeof line - at, "%s%s %u", sep, moon_err_name((enum moon_err)e), (unsigned)s->error[e]);
    sep = ", ";
  }
  if (at < sizeof line) { snprintf(line + at, sizeof line - at, "%s, %s the first", sep[0] == ',' ? ")" : "", s->first); }
  c->say(c->arg, MOON_LOG_WARN, line);
}

static void end(struct moon_calm *c, struct moon_calm_site *s) {
  if (s->n > 1 + s->held.n) {
    tell(c, s);
  } else {
    say_lines(c, MOON_LOG_WARN, &s->held);
  }
  drop_lines(&s->held);
  memset(s, 0, sizeof *s);
  c->n--;
}

/* Of those that go on coming since begun_us. */
static uint64_t due_us(uint64_t begun_us, uint64_t latest_us) {
  uint64_t due = latest_us + MOON_CALM_US, most = begun_us + MOON_CALM_MOST_US;
  return due < most ? due : most;
}

static uint64_t look_at_sites(struct moon_calm *c, uint64_t now_us, bool all) {
  uint64_t next = UINT64_MAX;
  for (uint32_t i = 0; c->n && i < MOON_CALM_SITES; i++) {
    struct moon_calm_site *s = &c->sites[i];
    if (!s->begun_us) { continue; }
    uint64_t due = due_us(s->begun_us, s->latest_us);
    if (all || due <= now_us) {
      end(c, s);
    } else if (due < next) {
      next = due;
    }
  }
  return next;
}

/* ---- mistakes */

static uint64_t mix(uint64_t h, uint8_t octet) { return (h ^ octet) * UINT64_C(0x100000001b3); } /* FNV-1a */

static bool is_word(char c) { return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* At p, behind the octet before. */
static bool is_name(char before, const char *p, const char *name, size_t n) {
  return n && strncmp(p, name, n) == 0 && !is_word(before) && !is_word(p[n]);
}

uint64_t moon_calm_key(uint64_t of, const char *what, const char *device) {
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  size_t name = strlen(device);
  bool placed = false, traceback = false;
  for (unsigned i = 0; i < 64; i += 8) { h = mix(h, (uint8_t)(of >> i)); }
  const char *p = what;
  for (unsigned n = 0; *p && n < KEY_MAX; n++) {
    placed = placed || (p[0] == ':' && p[1] == ' ');
    traceback = traceback || *p == '\n';
    if (is_name(p == what ? ' ' : p[-1], p, device, name)) {
      h = mix(h, NAME);
      p += name;
    } else if (placed && !traceback && *p >= '0' && *p <= '9') {
      h = mix(h, FIGURES);
      p += strspn(p, "0123456789");
    } else {
      h = mix(h, (uint8_t)*p++);
    }
  }
  return h ? h : 1;
}

/* Its place, or a free one, NULL: there is none. */
static struct moon_calm_flaw *find_flaw(struct moon_calm *c, uint64_t key) {
  struct moon_calm_flaw *free_one = NULL;
  for (uint32_t i = 0; i < MOON_CALM_FLAWS; i++) {
    struct moon_calm_flaw *f = &c->flaws[i];
    if (f->key == key) { return f; }
    if (!f->key && !free_one) { free_one = f; }
  }
  return free_one;
}

bool moon_calm_flaw(struct moon_calm *c, uint64_t key, const char *title, const char *what, const char *device, const char *line, bool fresh,
                    uint64_t now_us) {
  if (!c->flaws) { c->flaws = moon_mem_array(MOON_CALM_FLAWS, sizeof *c->flaws); }
  struct moon_calm_flaw *f = c->flaws ? find_flaw(c, key) : NULL;
  if (!f) { return true; }
  if (!f->key) {
    f->key = key;
    f->told_us = now_us;
    f->left = MOON_CALM_LINES;
    snprintf(f->text, sizeof f->text, "%s: %.*s", title, (int)strcspn(what, "\n"), what);
    snprintf(f->first, sizeof f->first, "%s", device);
    c->n_flaws++;
    return true;
  }
  bool his = !fresh || strncmp(f->first, device, sizeof f->first - 1) == 0; /* what one device does by turns is its own affair */
  if (his && !f->many) { return true; }
  if (!f->begun_us) { f->begun_us = now_us ? now_us : 1; }
  f->latest_us = now_us;
  f->n++;
  f->n_devices += fresh;
  return !f->many && f->held.n < f->left && !keep_line(&f->held, line);
}

static void tell_flaw(struct moon_calm *c, struct moon_calm_flaw *f, uint64_t now_us) {
  char line[512];
  uint32_t n = f->n_devices ? f->n_devices : f->n;
  uint64_t since_us = f->many ? f->told_us : f->begun_us;
  snprintf(line, sizeof line, "%s: the same %s %u %s%s within %u s, %s the first", f->text, f->n_devices ? "on" : "again in", (unsigned)n,
           f->n_devices ? "more device" : "run", n == 1 ? "" : "s", (unsigned)((f->latest_us - since_us) / 1000000 + 1), f->first);
  c->say(c->arg, MOON_LOG_ERROR, line);
  f->many = true;
  f->told_us = now_us;
}

/* What is held of it. */
static void end_flaw(struct moon_calm *c, struct moon_calm_flaw *f, uint64_t now_us) {
  if (f->n > f->held.n) {
    tell_flaw(c, f, now_us);
  } else {
    say_lines(c, MOON_LOG_ERROR, &f->held);
    f->left -= f->held.n;
    f->told_us = now_us;
  }
  drop_lines(&f->held);
  f->begun_us = 0;
  f->n = f->n_devices = 0;
}

static uint64_t look_at_flaws(struct moon_calm *c, uint64_t now_us, bool all) {
  uint64_t next = UINT64_MAX;
  for (uint32_t i = 0; c->n_flaws && i < MOON_CALM_FLAWS; i++) {
    struct moon_calm_flaw *f = &c->flaws[i];
    if (!f->key) { continue; }
    uint64_t due = f->begun_us && !f->many ? due_us(f->begun_us, f->latest_us) : f->told_us + MOON_CALM_MINUTE_US;
    if (f->begun_us && (all || due <= now_us)) {
      end_flaw(c, f, now_us);
      due = now_us + MOON_CALM_MINUTE_US;
    }
    if (all || due <= now_us) {
      f->key = 0;
      f->many = false;
      c->n_flaws--;
    } else if (due < next) {
      next = due;
    }
  }
  return next;
}

/* ---- both */

uint64_t moon_calm_look(struct moon_calm *c, uint64_t now_us, bool all) {
  uint64_t sites = look_at_sites(c, now_us, all), flaws = look_at_flaws(c, now_us, all);
  return sites < flaws ? sites : flaws;
}

void moon_calm_fini(struct moon_calm *c) {
  for (uint32_t i = 0; c->sites && i < MOON_CALM_SITES; i++) { drop_lines(&c->sites[i].held); }
  for (uint32_t i = 0; c->flaws && i < MOON_CALM_FLAWS; i++) { drop_lines(&c->flaws[i].held); }
  moon_mem_free(c->sites);
  moon_mem_free(c->flaws);
  c->sites = NULL;
  c->flaws = NULL;
  c->n = c->n_flaws = 0;
}
