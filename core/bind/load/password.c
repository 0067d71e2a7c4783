#include "password.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../base/mem.h"

#define MANY 16        /* from here on threads are worth their start, some 2 ms with OpenSSL's own */
#define THREADS_MAX 16

struct work {
  struct moon_password *list;
  struct moon_crypto *crypto;  /* of who asked; NULL: each thread has its own */
  const uint32_t *first;       /* index of the first of equal ones, in order */
  uint32_t n;
  atomic_uint next;            /* of first: taken up to here */
  atomic_uint made;
  atomic_int err;              /* enum moon_err: the others give up too */
  pthread_mutex_t lock;        /* of running */
  pthread_cond_t ended;
  uint32_t running;
};

enum moon_err moon_password_add(struct moon_password_list *l, enum moon_auth auth, char *text, uint32_t n, uint32_t credential, bool priv) {
  if (l->n == l->cap) {
    uint32_t cap = l->cap ? l->cap * 2 : 16;
    struct moon_password *p = moon_mem_resize(l->list, cap, sizeof *p);
    if (!p) { return MOON_E_NOMEM; }
    l->list = p;
    l->cap = cap;
  }
  l->list[l->n++] = (struct moon_password){.text = text, .n = n, .credential = credential, .auth = (uint8_t)auth, .priv = priv};
  return MOON_OK;
}

static bool same(const struct moon_password *a, const struct moon_password *b) {
  return a->auth == b->auth && a->n == b->n && memcmp(a->text, b->text, a->n) == 0;
}

/* Equal ones beside each other. */
static int order(const void *x, const void *y) {
  const struct moon_password *a = x, *b = y;
  if (a->auth != b->auth) { return a->auth < b->auth ? -1 : 1; }
  if (a->n != b->n) { return a->n < b->n ? -1 : 1; }
  return memcmp(a->text, b->text, a->n);
}

static void make_keys(struct work *w) {
  struct moon_crypto *crypto = w->crypto;
  enum moon_err e = crypto ? MOON_OK : moon_crypto_new(0, &crypto); /* nothing is encrypted with it: no salt */
  while (!e && !atomic_load(&w->err)) {
    uint32_t i = atomic_fetch_add(&w->next, 1);
    if (i >= w->n) { break; }
    struct moon_password *p = &w->list[w->first[i]];
    e = moon_key_from_password(crypto, (enum moon_auth)p->auth, (const uint8_t *)p->text, p->n, &p->key);
    atomic_fetch_add(&w->made, 1);
  }
  if (e) { atomic_store(&w->err, (int)e); }
  if (crypto != w->crypto) { moon_crypto_free(crypto); }
}

static void *thread(void *arg) {
  struct work *w = arg;
  make_keys(w);
  pthread_mutex_lock(&w->lock);
  w->running--;
  pthread_cond_signal(&w->ended);
  pthread_mutex_unlock(&w->lock);
  return NULL;
}

/* Until all have ended, with a word a second. */
static void watch(struct work *w, moon_password_told *told, void *arg) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  at.tv_sec++;
  pthread_mutex_lock(&w->lock);
  while (w->running) {
    if (pthread_cond_timedwait(&w->ended, &w->lock, &at) == 0) { continue; }
    at.tv_sec++;
    pthread_mutex_unlock(&w->lock);
    if (told) { told(arg, atomic_load(&w->made), w->n); }
    pthread_mutex_lock(&w->lock);
  }
  pthread_mutex_unlock(&w->lock);
}

static void run_threads(struct work *w, moon_password_told *told, void *arg) {
  pthread_t threads[THREADS_MAX];
  pthread_condattr_t attr;
  uint32_t started = 0;
  long cpus = sysconf(_SC_NPROCESSORS_ONLN), n = cpus < 2 ? 2 : cpus < THREADS_MAX ? cpus : THREADS_MAX;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_mutex_init(&w->lock, NULL);
  pthread_cond_init(&w->ended, &attr);
  pthread_mutex_lock(&w->lock);
  while (started < (uint32_t)n && pthread_create(&threads[started], NULL, thread, w) == 0) { started++; }
  w->running = started;
  pthread_mutex_unlock(&w->lock);
  if (started == 0) { make_keys(w); }
  watch(w, told, arg);
  for (uint32_t i = 0; i < started; i++) { pthread_join(threads[i], NULL); }
  pthread_cond_destroy(&w->ended);
  pthread_mutex_destroy(&w->lock);
  pthread_condattr_destroy(&attr);
}

enum moon_err moon_password_run(struct moon_password_list *l, struct moon_credential *credentials, moon_password_told *told, void *arg) {
  if (l->n == 0) { return MOON_OK; }
  uint32_t *first = moon_mem_array(l->n, sizeof *first);
  if (!first) { return MOON_E_NOMEM; }
  struct work w = {.list = l->list, .first = first};
  qsort(l->list, l->n, sizeof *l->list, order);
  for (uint32_t i = 0; i < l->n; i++) {
    if (i == 0 || !same(&l->list[i - 1], &l->list[i])) { first[w.n++] = i; }
  }
  if (w.n < MANY) {
    w.crypto = l->crypto;
    make_keys(&w);
  } else {
    run_threads(&w, told, arg);
  }
  enum moon_err e = (enum moon_err)atomic_load(&w.err);
  for (uint32_t k = 0; !e && k < w.n; k++) {
    uint32_t end = k + 1 < w.n ? first[k + 1] : l->n;
    for (uint32_t i = first[k]; i < end; i++) {
      struct moon_credential *c = &credentials[l->list[i].credential];
      *(l->list[i].priv ? &c->priv_key : &c->auth_key) = l->list[first[k]].key;
    }
  }
  moon_mem_free(first);
  for (uint32_t i = 0; i < l->n; i++) { moon_mem_wipe(l->list[i].text, l->list[i].n); }
  return e;
}

void moon_password_fini(struct moon_password_list *l) {
  if (l->list) { moon_mem_wipe(l->list, l->cap * sizeof *l->list); }
  moon_mem_free(l->list);
  *l = (struct moon_password_list){0};
}
