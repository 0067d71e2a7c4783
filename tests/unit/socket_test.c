/* The pieces of a socket that need no network: addresses, the outbox, ids out of quoted messages. And one that does:
 * buffers as the kernel gives them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "guard.h"
#include "../../core/engine/socket.h"
#include "../../core/wire/message.h"

static void addresses(void **state) {
  static const struct moon_addr in[] = {
    { .ip = { 192, 0, 2, 1 }, .port = 161, .family = 4 },
    { .ip = { 255, 255, 255, 255 }, .port = 65535, .family = 4 },
    { .ip = { 0x20, 1, 0xd, 0xb8, [15] = 9 }, .port = 1161, .family = 6 },
    { .ip = { 0xfe, 0x80, [15] = 1 }, .port = 161, .scope = 3, .family = 6 },
  };
  (void)state;
  for (size_t i = 0; i < sizeof in / sizeof in[0]; i++) {
    union moon_sockaddr s;
    struct moon_addr out;
    memset(&out, 0xff, sizeof out);
    assert_int_equal(moon_sockaddr_put(&s, &in[i]), in[i].family == 6 ? sizeof s.v6 : sizeof s.v4);
    moon_sockaddr_get(&s, &out);
    assert_true(moon_addr_equal(&in[i], &out));
  }
}

/* Of every length: the id once it is all there, never another. */
static void quoted(void **state) {
  static const uint8_t v3[] = { 0x30, 0x3e, 2, 1, 3, 0x30, 0x11, 2, 4, 0x12, 0x34, 0x56, 0x78, 2, 3, 0, 0xff, 0xe3, 4, 1, 4, 2, 1, 3, 4, 0x10 };
  uint8_t buf[600];
  struct guard g;
  (void)state;
  guard_init(&g, sizeof buf);
  for (size_t community = 0; community <= 255; community += 51) {
    for (size_t varbinds = 0; varbinds < 300; varbinds += 140) {
      struct moon_writer w;
      uint8_t name[256], list[300] = { 0 };
      memset(name, 2, sizeof name); /* looks like INTEGERs */
      const struct moon_pdu pdu = { .type = MOON_PDU_GET, .request_id = 0x01020304, .varbinds = list, .varbinds_len = varbinds };
      moon_writer_init(&w, buf, sizeof buf);
      moon_message_encode(&w, MOON_V2C, name, community, &pdu);
      assert_int_equal(w.err, MOON_OK);
      size_t n = moon_writer_len(&w), whole = 0;
      for (size_t k = 0; k <= n; k++) {
        uint32_t id = moon_socket_quoted_id(guard_put(&g, w.p, k), k);
        assert_true(id == 0 || id == 0x01020304);
        if (id && !whole) { whole = k; }
        assert_int_equal(id != 0, whole != 0);
      }
      assert_in_range(whole, community + 15, community + 30);
    }
  }
  for (size_t k = 0; k <= sizeof v3; k++) {
    assert_int_equal(moon_socket_quoted_id(guard_put(&g, v3, k), k), k >= 13 ? 0x12345678 : 0);
  }
  for (int i = 0; i < 200000; i++) {
    size_t k = (size_t)rand() % 40;
    for (size_t j = 0; j < k; j++) { buf[j] = rand() % 3 ? (uint8_t)"\x30\x02\x04\x82\xa0\x01"[rand() % 6] : (uint8_t)rand(); }
    moon_socket_quoted_id(guard_put(&g, buf, k), k);
  }
  guard_fini(&g);
}

static bool odd_owner(void *arg, struct moon_ticket owner) {
  (void)arg;
  return owner.slot % 2;
}

static void outbox(void **state) {
  static struct moon_outbox o;
  struct moon_writer w;
  union moon_sockaddr to = { .v4 = { .sin_family = AF_INET } };
  (void)state;
  o.octets = malloc(MOON_OUTBOX_OCTETS);
  assert_non_null(o.octets);
  o.low = o.octets + MOON_OUTBOX_OCTETS;
  assert_true(moon_outbox_room(&o, 1000000, &w)); /* an empty one says yes: encoding will tell it is too big */
  assert_int_equal(w.end - w.start, MOON_DATAGRAM_MAX);
  for (uint32_t i = 0; i < MOON_BATCH; i++) {
    assert_true(moon_outbox_room(&o, 100, &w));
    for (uint32_t k = 0; k < 50; k++) { moon_writer_put_u8(&w, (uint8_t)i); }
    moon_outbox_keep(&o, &w, &to, sizeof to.v4, (struct moon_ticket){ i, 1 });
  }
  assert_false(moon_outbox_room(&o, 1, &w));
  for (uint32_t i = 0; i < MOON_BATCH; i++) {
    assert_int_equal(o.vec[i].iov_len, 50);
    for (uint32_t k = 0; k < 50; k++) { assert_int_equal(((uint8_t *)o.vec[i].iov_base)[k], i); }
  }
  moon_outbox_drop(&o, 11, odd_owner, NULL); /* eleven left, then those nobody waits for */
  assert_int_equal(o.n, (MOON_BATCH - 11 + 1) / 2);
  for (uint32_t i = 0; i < o.n; i++) {
    assert_int_equal(o.owner[i].slot, 11 + 2 * i);
    assert_int_equal(((uint8_t *)o.vec[i].iov_base)[0], 11 + 2 * i);
  }
  moon_outbox_drop(&o, o.n, odd_owner, NULL);
  assert_int_equal(o.n, 0);
  assert_ptr_equal(o.low, o.octets + MOON_OUTBOX_OCTETS);
  /* Little room left: not for a large one. */
  for (int i = 0; i < 2; i++) {
    assert_true(moon_outbox_room(&o, 60000, &w));
    for (uint32_t k = 0; k < 60000; k++) { moon_writer_put_u8(&w, 1); }
    moon_outbox_keep(&o, &w, &to, sizeof to.v4, (struct moon_ticket){ 1, 1 });
  }
  assert_false(moon_outbox_room(&o, 20000, &w));
  assert_true(moon_outbox_room(&o, 5000, &w));
  free(o.octets);
}

static void open_and_close(void **state) {
  struct moon_socket s;
  uint32_t granted = 0;
  const struct moon_addr any = { .family = 0 }, other = { .ip = { 192, 0, 2, 77 }, .family = 4 };
  (void)state;
  assert_int_equal(moon_socket_open(&s, 4, &any, 100000, &granted), MOON_OK);
  assert_int_equal(granted, 100000); /* not what the kernel reports, which is twice that */
  int got = 0;
  socklen_t len = sizeof got;
  assert_int_equal(getsockopt(s.fd, SOL_SOCKET, SO_RCVBUF, &got, &len), 0);
  assert_int_equal(got, 200000);
  struct moon_icmp icmp;
  assert_false(moon_socket_icmp(&s, &icmp));
  assert_int_equal(moon_socket_drops(&s), 0);
  assert_true(moon_socket_fragment(&s));
  assert_false(moon_socket_fragment(&s));
  struct moon_inbox *in = malloc(sizeof *in);
  assert_non_null(in);
  assert_int_equal(moon_inbox_init(in), MOON_OK);
  assert_int_equal(moon_socket_receive(&s, in), 0);
  moon_inbox_fini(in);
  free(in);
  moon_socket_close(&s);
  assert_int_equal(s.fd, -1);
  moon_socket_close(&s);
  assert_int_equal(moon_socket_open(&s, 4, &other, 100000, &granted), MOON_E_CONFIG);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(addresses),
    cmocka_unit_test(quoted),
    cmocka_unit_test(outbox),
    cmocka_unit_test(open_and_close),
  };
  srand(3);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
