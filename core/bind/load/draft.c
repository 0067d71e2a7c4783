#include "draft.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../base/mem.h"
#include "inventory.h"

#define BLOCK_LEN (64u << 10)

struct moon_draft_block {
  struct moon_draft_block *next;
  size_t used, cap;
  _Alignas(16) uint8_t octets[];
};

void moon_draft_init(struct moon_draft *d, const struct moon_load_options *o) {
  *d = (struct moon_draft){.options = o};
  struct moon_plan *p = &d->plan;
  moon_policy_init(&p->policy);
  p->workers = 1;
  p->max_coroutines = 1000;
  p->max_in_flight = 10000;
#define SET(name, otherwise, least, most, what) p->name = otherwise;
  MOON_LIMITS(SET)
#undef SET
  p->grace_s = 5;
  moon_steps_init(&p->steps);
  p->loop = "libev";
}

void moon_draft_fini(struct moon_draft *d) {
  if (d->credentials) { moon_mem_wipe(d->credentials, d->credentials_cap * sizeof *d->credentials); }
  moon_mem_free(d->credentials);
  moon_password_fini(&d->passwords);
  moon_crypto_free(d->crypto);
  moon_mem_free(d->targets);
  moon_mem_free(d->probes);
  moon_mem_free(d->outputs);
  moon_mem_free(d->warnings);
  moon_mem_free(d->env);
  moon_mem_free(d->files);
  moon_mem_free(d->kept);
  moon_mem_free(d->by_name);
  for (struct moon_draft_block *b = d->blocks, *next; b; b = next) {
    next = b->next;
    moon_mem_wipe(b->octets, b->used); /* the text of a configuration may have secrets in it */
    moon_mem_free(b);
  }
  *d = (struct moon_draft){0};
}

enum moon_err moon_draft_fail(struct moon_draft *d, const char *format, ...) {
  if (d->err) { return d->err; }
  d->err = MOON_E_CONFIG;
  va_list ap;
  va_start(ap, format);
  (void)vsnprintf(d->error, sizeof d->error, format, ap);
  va_end(ap);
  for (char *p = d->error; *p; p++) {
    if ((unsigned char)*p < ' ' || *p == 0x7f) { *p = ' '; }
  }
  return d->err;
}

enum moon_err moon_draft_nomem(struct moon_draft *d) {
  if (!d->err) {
    d->err = MOON_E_NOMEM;
    (void)snprintf(d->error, sizeof d->error, "out of memory while loading");
  }
  return d->err;
}

void moon_draft_warn(struct moon_draft *d, const char *format, ...) {
  char line[512];
  if (d->plan.n_warnings >= MOON_WARNINGS_MAX) {
    d->warnings_left_out++;
    return;
  }
  if (moon_draft_room(d, &d->warnings, &d->warnings_cap, d->plan.n_warnings, sizeof *d->warnings)) { return; }
  va_list ap;
  va_start(ap, format);
  int n = vsnprintf(line, sizeof line, format, ap);
  va_end(ap);
  if (n < 0) { return; }
  const char *text = moon_draft_text(d, line, strlen(line));
  if (text) { d->warnings[d->plan.n_warnings++] = text; }
}

void *moon_draft_alloc(struct moon_draft *d, size_t n) {
  if (d->err) { return NULL; }
  struct moon_draft_block *b = d->blocks;
  n = (n + 15) & ~(size_t)15;
  if (!b || b->cap - b->used < n) {
    size_t cap = n > BLOCK_LEN / 4 ? n : BLOCK_LEN;
    b = moon_mem_alloc(sizeof *b + cap);
    if (!b) {
      moon_draft_nomem(d);
      return NULL;
    }
    b->used = 0;
    b->cap = cap;
    if (d->blocks && cap != BLOCK_LEN) { /* a large one: what is left of the block in use stays in use */
      b->next = d->blocks->next;
      d->blocks->next = b;
    } else {
      b->next = d->blocks;
      d->blocks = b;
    }
  }
  void *p = b->octets + b->used;
  b->used += n;
  return memset(p, 0, n);
}

const char *moon_draft_text(struct moon_draft *d, const char *p, size_t n) {
  char *t = moon_draft_alloc(d, n + 1);
  if (t && n) { memcpy(t, p, n); }
  return t;
}

const char *moon_draft_format(struct moon_draft *d, const char *format, ...) {
  char text[4096];
  va_list ap;
  va_start(ap, format);
  int n = vsnprintf(text, sizeof text, format, ap);
  va_end(ap);
  return moon_draft_text(d, text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

enum moon_err moon_draft_room(struct moon_draft *d, void *v, uint32_t *cap, uint32_t n, size_t size) {
  if (d->err) { return d->err; }
  if (n < *cap) { return MOON_OK; }
  uint32_t more = *cap ? *cap * 2 : 16;
  void *old;
  memcpy(&old, v, sizeof old); /* a pointer of whatever type */
  void *p = more > n ? moon_mem_resize(old, more, size) : NULL;
  if (!p) { return moon_draft_nomem(d); }
  memcpy(v, &p, sizeof p);
  *cap = more;
  return MOON_OK;
}

struct moon_credential *moon_draft_credential(struct moon_draft *d, const char *name) {
  uint32_t n = d->plan.n_credentials;
  if (n >= MOON_CREDENTIALS_MAX) {
    moon_draft_fail(d, "over %u credentials", MOON_CREDENTIALS_MAX);
    return NULL;
  }
  if (n == d->credentials_cap) { /* not realloc: it would leave secrets behind */
    uint32_t cap = n ? n * 2 : 8;
    struct moon_credential *p = moon_mem_array(cap, sizeof *p);
    if (!p) {
      moon_draft_nomem(d);
      return NULL;
    }
    if (n) {
      memcpy(p, d->credentials, n * sizeof *p);
      moon_mem_wipe(d->credentials, n * sizeof *p);
    }
    moon_mem_free(d->credentials);
    d->credentials = p;
    d->credentials_cap = cap;
  }
  struct moon_credential *c = &d->credentials[n];
  if (strlen(name) >= sizeof c->name) {
    moon_draft_fail(d, "auth.%s: a name has up to %zu characters", name, sizeof c->name - 1);
    return NULL;
  }
  memcpy(c->name, name, strlen(name) + 1);
  d->plan.n_credentials++;
  return c;
}

/* The password of a part, if it is the one that counts. */
static void note_password(struct moon_draft *d, const struct moon_credential *c, const struct moon_text *t, bool priv) {
  const struct moon_key *key = priv ? &c->priv_key : &c->auth_key;
  bool needed = priv ? c->priv != MOON_PRIV_NONE : c->auth != MOON_AUTH_NONE;
  if (!needed || key->len || !t->p || d->err) { return; }
  char *text = moon_draft_alloc(d, t->n); /* wiped when its key is there */
  if (!text) { return; }
  memcpy(text, t->p, t->n);
  if (moon_password_add(&d->passwords, (enum moon_auth)c->auth, text, t->n, d->plan.n_credentials - 1, priv)) { moon_draft_nomem(d); }
}

enum moon_err moon_draft_login(struct moon_draft *d, const char *name, const struct moon_login *u, struct moon_login_fault *f) {
  enum moon_err e = d->crypto ? MOON_OK : moon_login_crypto(&d->crypto, f);
  if (e) { return e == MOON_E_NOMEM ? moon_draft_nomem(d) : e; }
  struct moon_credential *c = moon_draft_credential(d, name);
  if (!c) { return d->err; }
  e = moon_login_fill(u, d->crypto, c, f);
  if (e == MOON_E_NOMEM) { return moon_draft_nomem(d); }
  if (e) { return e; }
  d->passwords.crypto = d->crypto;
  note_password(d, c, &u->part[MOON_LOGIN_AUTH_PASS], false);
  note_password(d, c, &u->part[MOON_LOGIN_PRIV_PASS], true);
  return d->err;
}

static int compare_name(const struct moon_credential *c, const char *name, size_t n) {
  int order = strncmp(c->name, name, n);
  return order ? order : c->name[n] != 0;
}

int moon_draft_find_credential(const struct moon_draft *d, const char *name, size_t n) {
  uint32_t from = 0, to = d->plan.n_credentials;
  if (n >= sizeof d->credentials->name || to == 0) { return -1; }
  if (compare_name(&d->credentials[to - 1], name, n) == 0) { return (int)to - 1; }
  for (to--; from < to;) {
    uint32_t at = from + (to - from) / 2;
    int order = compare_name(&d->credentials[at], name, n);
    if (order == 0) { return (int)at; }
    if (order < 0) { from = at + 1; }
    if (order > 0) { to = at; }
  }
  return -1;
}

const char *moon_draft_credential_names(struct moon_draft *d) {
  const char *names = "";
  for (uint32_t i = 0; names && i < d->plan.n_credentials && i < 20; i++) {
    names = moon_draft_format(d, "%s%s\"%s\"", names, i ? ", " : "", d->credentials[i].name);
  }
  return names ? names : "";
}

const char *moon_draft_read(struct moon_draft *d, const char *why, const char *path, size_t max, size_t *len) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &st) < 0) { goto failed; }
  /* A pipe has no size: /dev/stdin, <(command). */
  size_t cap = S_ISREG(st.st_mode) ? (size_t)st.st_size : 65536, n = 0;
  if (cap > max) {
    errno = EFBIG;
    goto failed;
  }
  char *text = moon_draft_alloc(d, cap + 1);
  while (text) {
    ssize_t got = read(fd, text + n, cap + 1 - n);
    if (got < 0 && errno == EINTR) { continue; }
    if (got < 0) { goto failed; }
    if (got == 0) { break; }
    n += (size_t)got;
    if (n <= cap) { continue; }
    cap *= 2;
    if (n > max) {
      errno = EFBIG;
      goto failed;
    }
    char *more = moon_draft_alloc(d, cap + 1);
    if (more) { memcpy(more, text, n); }
    text = more;
  }
  close(fd);
  if (!text) { return NULL; }
  text[n] = 0;
  *len = n;
  return text;

failed:
  moon_draft_fail(d, "%s%s%s: %s", why ? why : "", why ? ": " : "", path, strerror(errno));
  if (fd >= 0) { close(fd); }
  return NULL;
}

const char *moon_draft_beside(struct moon_draft *d, const char *file, const char *path) {
  const char *slash = file ? strrchr(file, '/') : NULL;
  if (path[0] == '/' || !slash) { return moon_draft_text(d, path, strlen(path)); }
  size_t dir = (size_t)(slash - file) + 1, n = strlen(path);
  char *p = moon_draft_alloc(d, dir + n + 1);
  if (p) {
    memcpy(p, file, dir);
    memcpy(p + dir, path, n);
  }
  return p;
}
