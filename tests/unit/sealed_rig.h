/* sealed_rig: one exchange in SNMPv3 with an agent (usm_agent.h), under a virtual clock and without a socket. A test asks, lets the agent
 * answer or not, and looks at what came of it. */
#ifndef MOON_TESTS_SEALED_RIG_H
#define MOON_TESTS_SEALED_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../core/session/sealed.h"
#include "usm_agent.h"

#define S 1000000u
#define MS 1000u

static const uint8_t varbinds[] = {0x30, 12, 6, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0, 5, 0, 0x30, 12, 6, 8, 0x2b, 6, 1, 2, 1, 1, 5, 0, 5, 0};
static const struct moon_request get = {.varbinds = varbinds, .varbinds_len = sizeof varbinds, .n_varbinds = 2, .pdu_type = MOON_PDU_GET};

static struct moon_crypto *crypto;
static struct moon_keyring *ring;
static struct usm_agent agent;
static struct moon_credential credential;
static struct moon_policy policy;
static struct moon_target target;
static struct moon_trust trust;
static struct moon_exchange x;
static struct moon_outcome o;
static enum moon_verdict v;
static uint64_t now;
static uint32_t id, sent_id;
static uint8_t request[2048], reply[4096], room[4096], old[4096];
static size_t request_len, reply_len, old_len;
static uint8_t *asked;

static inline void set_up(enum moon_auth auth, enum moon_priv priv) {
  const struct moon_addr addr = {.ip = {192, 0, 2, 1}, .port = 161, .family = 4};
  usm_agent_init(&agent, crypto, auth, priv);
  usm_agent_credential(&agent, &credential);
  moon_policy_init(&policy);
  moon_target_init(&target, &addr, &credential, &policy);
  moon_trust_init(&trust, ring);
  target.trust = &trust;
  now = 1000 * (uint64_t)S;
  agent.time_s = 400;
  id = 0x01020300;
}

static inline int make(void **state) {
  (void)state;
  assert_int_equal(moon_crypto_new(1, &crypto), MOON_OK);
  assert_int_equal(moon_keyring_new(99, 0, &ring), MOON_OK);
  return 0;
}

static inline int drop(void **state) {
  (void)state;
  moon_keyring_free(ring);
  moon_crypto_free(crypto);
  return 0;
}

static inline int begin(void **state) {
  (void)state;
  set_up(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  return 0;
}

static inline int end(void **state) {
  (void)state;
  moon_target_fini(&target);
  return 0;
}

static inline void send_try(void) {
  struct moon_writer w;
  sent_id = ++id;
  moon_writer_init(&w, request, sizeof request);
  assert_int_equal(moon_exchange_encode(&x, sent_id, now, 512, &w), MOON_OK);
  asked = w.p;
  request_len = moon_writer_len(&w);
}

static inline void start(void) {
  moon_exchange_init(&x, &target, &get, now);
  memset(&o, 0, sizeof o);
  send_try();
}

/* The agent hears the last try and answers 10 ms later. False: it does not. */
static inline bool answer(void) {
  reply_len = usm_agent_answer(&agent, now + 5 * MS, asked, request_len, reply, sizeof reply);
  if (reply_len) { now += 10 * MS; }
  return reply_len != 0;
}

static inline void feed(void) {
  static uint8_t copy[4096]; /* nothing is written into what is fed where there is other room */
  memcpy(copy, reply, reply_len);
  v = moon_exchange_feed(&x, reply, reply_len, room, now - 10 * MS, now, &o);
  assert_memory_equal(copy, reply, reply_len);
}

/* Until there is no more to send. */
static inline void carry_on(void) {
  for (int i = 0; i < 12; i++) {
    if (answer()) {
      feed();
    } else {
      now = moon_exchange_deadline(&x);
      v = moon_exchange_expire(&x, now, true, &o);
    }
    if (v == MOON_VERDICT_HELD) {
      now = moon_exchange_deadline(&x);
      v = moon_exchange_expire(&x, now, true, &o);
    }
    if (v != MOON_VERDICT_AGAIN) { return; }
    send_try();
  }
  fail();
}

static inline enum moon_err ask(void) {
  start();
  carry_on();
  assert_int_equal(v, MOON_VERDICT_MINE);
  return o.err;
}

static inline void report(unsigned counter, uint8_t level) {
  reply_len = usm_agent_report(&agent, now, sent_id, counter, level, reply, sizeof reply);
  feed();
}

static inline void settle(void) { assert_int_equal(ask(), MOON_OK); }

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
