#define _GNU_SOURCE
#include "desk.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../base/mem.h"

struct moon_desk_seat {
  uint32_t asked;     /* number of the question; written after its text */
  uint32_t taken;     /* the worker's own: the last one it copied */
  uint32_t answered;  /* number of the answer; written after its text */
  uint32_t n;
  char question[MOON_DESK_QUESTION];
  char answer[MOON_DESK_ANSWER];
};

enum moon_err moon_desk_init(struct moon_desk *d, uint32_t n_workers) {
  *d = (struct moon_desk){.bell_fd = -1, .n = n_workers};
  d->worker_fd = moon_mem_array(n_workers, sizeof *d->worker_fd);
  if (!d->worker_fd) { return MOON_E_NOMEM; }
  for (uint32_t i = 0; i < n_workers; i++) { d->worker_fd[i] = -1; }
  void *p = mmap(NULL, MOON_DESK_SLIPS * n_workers * sizeof *d->seats, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    moon_desk_fini(d);
    return MOON_E_NOMEM;
  }
  d->seats = p;
  d->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  bool good = d->bell_fd >= 0;
  for (uint32_t i = 0; good && i < n_workers; i++) {
    d->worker_fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    good = d->worker_fd[i] >= 0;
  }
  if (!good) { moon_desk_fini(d); }
  return good ? MOON_OK : MOON_E_LIMIT;
}

void moon_desk_fini(struct moon_desk *d) {
  for (uint32_t i = 0; d->worker_fd && i < d->n; i++) {
    if (d->worker_fd[i] >= 0) { close(d->worker_fd[i]); }
  }
  if (d->worker_fd && d->bell_fd >= 0) { close(d->bell_fd); }
  if (d->seats) { munmap(d->seats, MOON_DESK_SLIPS * d->n * sizeof *d->seats); }
  moon_mem_free(d->worker_fd);
  *d = (struct moon_desk){.bell_fd = -1};
}

static void ring(int fd) {
  uint64_t one = 1;
  ssize_t done = write(fd, &one, sizeof one);
  (void)done; /* it rings already */
}

static void hush(int fd) {
  uint64_t n;
  ssize_t done = read(fd, &n, sizeof n);
  (void)done;
}

static struct moon_desk_seat *seat_of(const struct moon_desk *d, uint32_t slip, uint32_t worker) { return &d->seats[slip * d->n + worker]; }

void moon_desk_ask(struct moon_desk *d, uint32_t slip, const char *text) {
  uint32_t number = ++d->number[slip];
  for (uint32_t i = 0; i < d->n; i++) {
    struct moon_desk_seat *s = seat_of(d, slip, i);
    size_t n = strnlen(text, MOON_DESK_QUESTION - 1);
    memcpy(s->question, text, n);
    s->question[n] = 0;
    __atomic_store_n(&s->asked, number, __ATOMIC_RELEASE);
    ring(d->worker_fd[i]);
  }
}

const char *moon_desk_answer(const struct moon_desk *d, uint32_t slip, uint32_t worker, uint32_t *n) {
  const struct moon_desk_seat *s = seat_of(d, slip, worker);
  if (__atomic_load_n(&s->answered, __ATOMIC_ACQUIRE) != d->number[slip]) { return NULL; }
  *n = s->n < MOON_DESK_ANSWER ? s->n : 0; /* a broken worker may have written there */
  return s->answer;
}

void moon_desk_heard(struct moon_desk *d) { hush(d->bell_fd); }

void moon_desk_hush(struct moon_desk *d, uint32_t worker) { hush(d->worker_fd[worker]); }

bool moon_desk_question(struct moon_desk *d, uint32_t slip, uint32_t worker, char out[MOON_DESK_QUESTION], uint32_t *number) {
  struct moon_desk_seat *s = seat_of(d, slip, worker);
  *number = __atomic_load_n(&s->asked, __ATOMIC_ACQUIRE);
  if (*number == s->taken) { return false; }
  s->taken = *number;
  memcpy(out, s->question, MOON_DESK_QUESTION);
  out[MOON_DESK_QUESTION - 1] = 0;
  return true;
}

void moon_desk_reply(struct moon_desk *d, uint32_t slip, uint32_t worker, uint32_t number, const void *text, uint32_t n) {
  struct moon_desk_seat *s = seat_of(d, slip, worker);
  if (n > moon_desk_room(d)) { n = 0; }
  memcpy(s->answer, text, n);
  s->n = n;
  __atomic_store_n(&s->answered, number, __ATOMIC_RELEASE);
  ring(d->bell_fd);
}
