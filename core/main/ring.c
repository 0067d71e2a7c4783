#include "ring.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define WRAP UINT32_MAX
#define FRAME(n) (8 + (((size_t)(n) + 7) & ~(size_t)7))
#define START_OVER (128u << 10) /* an empty ring goes back to its beginning from here on: inside a second level cache */

struct moon_ring_shared {
  _Alignas(64) _Atomic uint64_t head;    /* octets ever put; written by the producer */
  _Alignas(64) _Atomic uint64_t tail;    /* octets ever taken; written by the consumer */
  _Alignas(64) _Atomic uint32_t asleep;  /* the consumer wants data_fd written */
  _Alignas(64) _Atomic uint32_t waiting; /* the producer wants space_fd written */
  _Alignas(64) uint8_t data[];
};

enum moon_err moon_ring_init(struct moon_ring *r, size_t cap, int data_fd) {
  struct moon_ring_shared *s =
    mmap(NULL, sizeof *s + cap, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (s == MAP_FAILED) { return MOON_E_NOMEM; }
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) {
    munmap(s, sizeof *s + cap);
    return MOON_E_LIMIT;
  }
  r->shared = s;
  r->cap = cap;
  r->data_fd = data_fd;
  r->space_fd = fd;
  r->lent = 0;
  return MOON_OK;
}

void moon_ring_fini(struct moon_ring *r) {
  if (!r->shared) { return; }
  munmap(r->shared, sizeof *r->shared + r->cap);
  close(r->space_fd);
  r->shared = NULL;
}

static void ring_bell(int fd) {
  uint64_t one = 1;
  ssize_t done = write(fd, &one, sizeof one);
  (void)done; /* EAGAIN: it is ringing already */
}

static void publish(struct moon_ring *r, uint64_t head) {
  struct moon_ring_shared *s = r->shared;
  atomic_store_explicit(&s->head, head, memory_order_release);
  atomic_thread_fence(memory_order_seq_cst);
  if (atomic_load_explicit(&s->asleep, memory_order_relaxed) && atomic_exchange(&s->asleep, 0)) { ring_bell(r->data_fd); }
}

static void put_frame_head(struct moon_ring *r, uint64_t at, uint32_t len) {
  uint32_t head[2] = {len, 0};
  memcpy(r->shared->data + (at & (r->cap - 1)), head, sizeof head);
}

static bool try_put(struct moon_ring *r, const uint8_t *p, uint32_t n) {
  struct moon_ring_shared *s = r->shared;
  uint64_t head = atomic_load_explicit(&s->head, memory_order_relaxed);
  uint64_t tail = atomic_load_explicit(&s->tail, memory_order_acquire);
  size_t need = FRAME(n);
  size_t at = (size_t)(head & (r->cap - 1));
  size_t to_end = r->cap - at;
  if ((need > to_end || (head == tail && at >= START_OVER && need <= at)) && r->cap - (size_t)(head - tail) >= to_end) {
    put_frame_head(r, head, WRAP);
    head += to_end;
    if (r->cap - (size_t)(head - tail) < need) {
      publish(r, head); /* the whole ring is free again once the reader stepped over the mark */
      return false;
    }
  } else if (need > to_end) {
    return false;
  }
  if (r->cap - (size_t)(head - tail) < need) { return false; }
  put_frame_head(r, head, n);
  if (n) { memcpy(s->data + (head & (r->cap - 1)) + 8, p, n); }
  publish(r, head + need);
  return true;
}

bool moon_ring_put(struct moon_ring *r, const uint8_t *p, uint32_t n) {
  if (try_put(r, p, n)) { return true; }
  atomic_store(&r->shared->waiting, 1);
  atomic_thread_fence(memory_order_seq_cst);
  if (!try_put(r, p, n)) { return false; }
  atomic_store(&r->shared->waiting, 0);
  return true;
}

void moon_ring_room(struct moon_ring *r) {
  uint64_t n;
  ssize_t done = read(r->space_fd, &n, sizeof n);
  (void)done;
}

static void release(struct moon_ring *r, uint64_t tail) {
  struct moon_ring_shared *s = r->shared;
  atomic_store_explicit(&s->tail, tail, memory_order_release);
  atomic_thread_fence(memory_order_seq_cst);
  if (atomic_load_explicit(&s->waiting, memory_order_relaxed) && atomic_exchange(&s->waiting, 0)) { ring_bell(r->space_fd); }
}

bool moon_ring_peek(struct moon_ring *r, const uint8_t **p, uint32_t *n, bool *broken) {
  struct moon_ring_shared *s = r->shared;
  for (;;) {
    uint64_t tail = atomic_load_explicit(&s->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&s->head, memory_order_acquire);
    if (head == tail) { return false; }
    size_t at = (size_t)(tail & (r->cap - 1));
    uint32_t len;
    memcpy(&len, s->data + at, sizeof len);
    size_t step = len == WRAP ? r->cap - at : FRAME(len);
    if (head - tail > r->cap || step > head - tail || step > r->cap - at) {
      *broken = true;
      release(r, head);
      continue;
    }
    if (len == WRAP) {
      release(r, tail + step);
      continue;
    }
    *p = s->data + at + 8;
    *n = len;
    r->lent = (uint32_t)step;
    return true;
  }
}

void moon_ring_take(struct moon_ring *r) {
  uint64_t tail = atomic_load_explicit(&r->shared->tail, memory_order_relaxed);
  release(r, tail + r->lent);
}

void moon_ring_sleep(struct moon_ring *r) {
  atomic_store(&r->shared->asleep, 1);
  atomic_thread_fence(memory_order_seq_cst);
}

void moon_ring_awake(struct moon_ring *r) { atomic_store_explicit(&r->shared->asleep, 0, memory_order_relaxed); }

size_t moon_ring_used(const struct moon_ring *r) {
  return (size_t)(atomic_load_explicit(&r->shared->head, memory_order_relaxed) -
                  atomic_load_explicit(&r->shared->tail, memory_order_relaxed));
}
