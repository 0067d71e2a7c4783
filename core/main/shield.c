#include "shield.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../base/mem.h"

struct moon_shielded {
  struct moon_shielded *next;
  char *octets, *pad;
  size_t n;
  const char *name; /* of the variable; octets are then its own. NULL: they are the caller's */
};

static void mix(struct moon_shielded *one) {
  for (size_t i = 0; i < one->n; i++) { one->octets[i] = (char)(one->octets[i] ^ one->pad[i]); }
}

static bool fill(char *p, size_t n) {
  while (n) {
    ssize_t got = getrandom(p, n, 0);
    if (got <= 0) { return false; }
    p += got;
    n -= (size_t)got;
  }
  return true;
}

static void drop(struct moon_shielded *one) {
  if (one->octets) { moon_mem_wipe(one->octets, one->n); }
  if (one->pad) { moon_mem_wipe(one->pad, one->n); }
  if (one->name) { moon_mem_free(one->octets); }
  moon_mem_free(one->pad);
  moon_mem_free(one);
}

static enum moon_err add(struct moon_shield *s, const char *name, char *p, size_t n) {
  struct moon_shielded *one = moon_mem_zalloc(sizeof *one);
  if (!one) {
    moon_mem_wipe(p, n);
    return MOON_E_NOMEM;
  }
  *one = (struct moon_shielded){.octets = name ? moon_mem_alloc(n + 1) : p, .pad = moon_mem_alloc(n + 1), .n = n, .name = name};
  bool done = one->octets && one->pad && fill(one->pad, n);
  if (done) {
    if (name) { memcpy(one->octets, p, n); }
    mix(one);
    one->next = s->first;
    s->first = one;
  }
  if (name || !done) { moon_mem_wipe(p, n); }
  if (!done) { drop(one); }
  return done ? MOON_OK : MOON_E_NOMEM;
}

enum moon_err moon_shield_put(struct moon_shield *s, char *p, size_t n) { return p && n ? add(s, NULL, p, n) : MOON_OK; }

enum moon_err moon_shield_env(struct moon_shield *s, const char *name) {
  char *value = getenv(name);
  if (!value) { return MOON_OK; }
  enum moon_err e = add(s, name, value, strlen(value));
  unsetenv(name);
  return e;
}

void moon_shield_lift(struct moon_shield *s) {
  for (struct moon_shielded *one = s->first; one; one = one->next) {
    mix(one);
    if (one->name) {
      one->octets[one->n] = 0;
      setenv(one->name, one->octets, 1);
    }
  }
}

void moon_shield_fini(struct moon_shield *s) {
  for (struct moon_shielded *one = s->first, *next; one; one = next) {
    next = one->next;
    drop(one);
  }
  s->first = NULL;
}
