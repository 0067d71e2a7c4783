#define _GNU_SOURCE
#include "board.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../bind/task/share.h"

struct moon_board_seat {
  uint32_t number;   /* written after the text */
  char error[MOON_BOARD_ERROR];
};

static size_t size_of(uint32_t n_workers) {
  return MOON_SHARES_MAX * sizeof(uint64_t) + n_workers * sizeof(struct moon_board_seat);
}

enum moon_err moon_board_init(struct moon_board *b, uint32_t n_workers) {
  void *p = mmap(NULL, size_of(n_workers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  *b = (struct moon_board){.bell_fd = -1};
  if (p == MAP_FAILED) { return MOON_E_NOMEM; }
  b->shares = p;
  b->seats = (struct moon_board_seat *)(b->shares + MOON_SHARES_MAX);
  b->n = n_workers;
  b->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (b->bell_fd >= 0) { return MOON_OK; }
  moon_board_fini(b);
  return MOON_E_LIMIT;
}

void moon_board_fini(struct moon_board *b) {
  if (b->shares) {
    munmap(b->shares, size_of(b->n));
    if (b->bell_fd >= 0) { close(b->bell_fd); }
  }
  *b = (struct moon_board){.bell_fd = -1};
}

void moon_board_put(struct moon_board *b, uint32_t probe, uint64_t word) {
  if (probe < MOON_SHARES_MAX) { __atomic_store_n(&b->shares[probe], word, __ATOMIC_RELEASE); }
}

bool moon_board_answer(const struct moon_board *b, uint32_t worker, uint32_t number, char out[MOON_BOARD_ERROR]) {
  const struct moon_board_seat *s = &b->seats[worker];
  if (__atomic_load_n(&s->number, __ATOMIC_ACQUIRE) != number) { return false; }
  memcpy(out, s->error, MOON_BOARD_ERROR);
  out[MOON_BOARD_ERROR - 1] = 0; /* a broken worker may have written there */
  return true;
}

void moon_board_heard(struct moon_board *b) {
  uint64_t n;
  ssize_t done = read(b->bell_fd, &n, sizeof n);
  (void)done;
}

void moon_board_say(struct moon_board *b, uint32_t worker, uint32_t number, const char *error) {
  struct moon_board_seat *s = &b->seats[worker];
  uint64_t one = 1;
  size_t n = error ? strnlen(error, MOON_BOARD_ERROR - 1) : 0;
  if (n) { memcpy(s->error, error, n); }
  s->error[n] = 0;
  __atomic_store_n(&s->number, number, __ATOMIC_RELEASE);
  ssize_t done = write(b->bell_fd, &one, sizeof one);
  (void)done; /* it rings already */
}
