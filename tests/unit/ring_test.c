/* The ring between a worker and the writer: order, wrapping, fullness, sleeping sides, and a producer killed anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../core/main/ring.h"

static int bell;

static void ring_new(struct moon_ring *r, size_t cap) {
  bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  assert_true(bell >= 0);
  assert_int_equal(moon_ring_init(r, cap, bell), MOON_OK);
}
static void ring_end(struct moon_ring *r) {
  moon_ring_fini(r);
  close(bell);
}
static bool rings(int fd) {
  uint64_t n;
  return read(fd, &n, sizeof n) == (ssize_t)sizeof n;
}

/* A record that tells its number and length, and whether it was changed. */
static uint32_t fill(uint8_t *p, uint32_t serial) {
  uint32_t n = 8 + (serial * 2654435761u >> 16) % 900;
  memcpy(p, &serial, 4);
  memcpy(p + 4, &n, 4);
  for (uint32_t i = 8; i < n; i++) { p[i] = (uint8_t)(serial + i); }
  return n;
}
static uint32_t check(const uint8_t *p, uint32_t n) {
  uint32_t serial, len;
  assert_true(n >= 8);
  memcpy(&serial, p, 4);
  memcpy(&len, p + 4, 4);
  assert_int_equal(len, n);
  for (uint32_t i = 8; i < n; i++) {
    if (p[i] != (uint8_t)(serial + i)) { fail_msg("record %u differs at %u", serial, i); }
  }
  return serial;
}

static void order_and_wrapping(void **state) {
  struct moon_ring r;
  uint8_t buf[1024];
  const uint8_t *p;
  uint32_t n, put = 0, got = 0;
  bool broken = false;
  (void)state;
  ring_new(&r, 4096);
  assert_false(moon_ring_peek(&r, &p, &n, &broken));
  while (got < 20000) {
    for (uint32_t len; (len = fill(buf, put), moon_ring_put(&r, buf, len));) { put++; }
    assert_true(put - got >= 3); /* it holds some */
    for (uint32_t take = 1 + put % 5; take && moon_ring_peek(&r, &p, &n, &broken); take--) {
      assert_int_equal(check(p, n), got);
      got++;
      moon_ring_take(&r);
    }
  }
  assert_false(broken);
  ring_end(&r);
}

static void a_record_as_large_as_the_ring_waits_for_it_to_be_empty(void **state) {
  struct moon_ring r;
  static uint8_t big[4096 - 8], small[100];
  const uint8_t *p;
  uint32_t n;
  bool broken = false;
  (void)state;
  ring_new(&r, 4096);
  for (int round = 0; round < 50; round++) {
    assert_true(moon_ring_put(&r, small, (uint32_t)(round * 2)));
    assert_false(moon_ring_put(&r, big, sizeof big));
    assert_false(rings(r.space_fd));
    assert_true(moon_ring_peek(&r, &p, &n, &broken));
    moon_ring_take(&r);
    assert_true(rings(r.space_fd));
    /* A mark that says "go on at the start" may still have to be stepped over. */
    if (!moon_ring_put(&r, big, sizeof big)) {
      assert_false(moon_ring_peek(&r, &p, &n, &broken));
      assert_true(rings(r.space_fd));
      assert_true(moon_ring_put(&r, big, sizeof big));
    }
    assert_true(moon_ring_peek(&r, &p, &n, &broken));
    assert_int_equal(n, sizeof big);
    moon_ring_take(&r);
  }
  assert_false(broken);
  ring_end(&r);
}

static void bells_ring_only_for_sleepers(void **state) {
  struct moon_ring r;
  uint8_t octet = 1;
  const uint8_t *p;
  uint32_t n;
  bool broken = false;
  (void)state;
  ring_new(&r, 4096);
  assert_true(moon_ring_put(&r, &octet, 1));
  assert_false(rings(bell));
  moon_ring_sleep(&r);
  assert_true(moon_ring_used(&r) > 0); /* what came before it lay down is seen by looking once more */
  assert_true(moon_ring_put(&r, &octet, 1));
  assert_true(rings(bell));
  assert_true(moon_ring_put(&r, &octet, 1));
  assert_false(rings(bell)); /* once is enough */
  moon_ring_awake(&r);
  for (int i = 0; i < 3; i++) {
    assert_true(moon_ring_peek(&r, &p, &n, &broken));
    moon_ring_take(&r);
    assert_false(rings(r.space_fd));
  }
  ring_end(&r);
}

static void an_impossible_frame_empties_the_ring(void **state) {
  struct moon_ring r;
  uint8_t octets[64] = {0};
  const uint8_t *p;
  uint32_t n, lie;
  bool broken = false;
  (void)state;
  static const uint32_t lies[] = {65, 4096, 4089, 0x7fffffff, UINT32_MAX - 1};
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    ring_new(&r, 4096);
    assert_true(moon_ring_put(&r, octets, sizeof octets));
    assert_true(moon_ring_peek(&r, &p, &n, &broken));
    lie = lies[i];
    memcpy((uint8_t *)(uintptr_t)p - 8, &lie, 4);
    assert_false(moon_ring_peek(&r, &p, &n, &broken));
    assert_true(broken);
    broken = false;
    assert_true(moon_ring_put(&r, octets, 10)); /* and goes on */
    assert_true(moon_ring_peek(&r, &p, &n, &broken));
    assert_int_equal(n, 10);
    assert_false(broken);
    ring_end(&r);
  }
}

static void wait_readable(int fd) { poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 2000); }

static void __attribute__((noreturn)) produce(struct moon_ring *r, uint32_t from, uint32_t to) {
  uint8_t buf[1024];
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (uint32_t i = from; i < to; i++) {
    uint32_t n = fill(buf, i);
    while (!moon_ring_put(r, buf, n)) {
      wait_readable(r->space_fd);
      moon_ring_room(r);
    }
  }
  _exit(0);
}

/* Two processes, both falling asleep all the time: a lost wake-up would stop them for good. */
static void two_processes(void **state) {
  struct moon_ring r;
  const uint8_t *p;
  uint32_t n, got = 0, last = 200000;
  bool broken = false;
  int status;
  (void)state;
  ring_new(&r, 8192);
  time_t limit = time(NULL) + 20;
  pid_t pid = fork();
  if (pid == 0) { produce(&r, 0, last); }
  while (got < last && time(NULL) < limit) {
    if (!moon_ring_peek(&r, &p, &n, &broken)) {
      moon_ring_sleep(&r);
      if (moon_ring_used(&r) == 0) { wait_readable(bell); }
      moon_ring_awake(&r);
      rings(bell);
      continue;
    }
    assert_int_equal(check(p, n), got);
    got++;
    moon_ring_take(&r);
  }
  assert_int_equal(got, last);
  assert_false(broken);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
  ring_end(&r);
}

/* Killed at any moment, the next producer goes on behind what was committed; nothing torn is ever seen. */
static void a_producer_killed_in_the_middle(void **state) {
  struct moon_ring r;
  const uint8_t *p;
  uint32_t n, got = 0;
  bool broken = false;
  (void)state;
  ring_new(&r, 16384);
  for (unsigned round = 0; round < 60; round++) {
    pid_t pid = fork();
    if (pid == 0) { produce(&r, got, UINT32_MAX); }
    struct timespec nap = {.tv_nsec = 1000 * (round * 37 % 900)};
    uint32_t floor = got;
    for (unsigned i = 0; i < 50 + round * 13; i++) {
      if (moon_ring_peek(&r, &p, &n, &broken)) {
        assert_int_equal(check(p, n), got);
        got++;
        moon_ring_take(&r);
      }
    }
    nanosleep(&nap, NULL);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    while (moon_ring_peek(&r, &p, &n, &broken)) {
      assert_int_equal(check(p, n), got);
      got++;
      moon_ring_take(&r);
    }
    assert_true(got >= floor);
    assert_false(broken);
  }
  assert_true(got > 100);
  ring_end(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(order_and_wrapping), cmocka_unit_test(a_record_as_large_as_the_ring_waits_for_it_to_be_empty),
    cmocka_unit_test(bells_ring_only_for_sleepers), cmocka_unit_test(an_impossible_frame_empties_the_ring),
    cmocka_unit_test(two_processes), cmocka_unit_test(a_producer_killed_in_the_middle)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
