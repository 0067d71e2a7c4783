#include "calm.h"

#include <stdio.h>
#include <string.h>

#include "../../base/mem.h"

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
  if (s->n_lines < MOON_CALM_LINES) {
    size_t n = strlen(line) + 1;
    char *copy = moon_mem_alloc(n);
    if (!copy) { return true; }
    memcpy(copy, line, n);
    s->line[s->n_lines++] = copy;
  }
  return false;
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
  c->say(c->arg, line);
}

static void end(struct moon_calm *c, struct moon_calm_site *s) {
  if (s->n > 1 + s->n_lines) {
    tell(c, s);
  } else {
    for (uint32_t i = 0; i < s->n_lines; i++) { c->say(c->arg, s->line[i]); }
  }
  for (uint32_t i = 0; i < s->n_lines; i++) { moon_mem_free(s->line[i]); }
  memset(s, 0, sizeof *s);
  c->n--;
}

uint64_t moon_calm_look(struct moon_calm *c, uint64_t now_us, bool all) {
  uint64_t next = UINT64_MAX;
  for (uint32_t i = 0; c->n && i < MOON_CALM_SITES; i++) {
    struct moon_calm_site *s = &c->sites[i];
    if (!s->begun_us) { continue; }
    uint64_t due = s->latest_us + MOON_CALM_US, most = s->begun_us + MOON_CALM_MOST_US;
    due = due < most ? due : most;
    if (all || due <= now_us) {
      end(c, s);
    } else if (due < next) {
      next = due;
    }
  }
  return next;
}

void moon_calm_fini(struct moon_calm *c) {
  for (uint32_t i = 0; c->sites && i < MOON_CALM_SITES; i++) {
    for (uint32_t l = 0; l < c->sites[i].n_lines; l++) { moon_mem_free(c->sites[i].line[l]); }
  }
  moon_mem_free(c->sites);
  c->sites = NULL;
  c->n = 0;
}
