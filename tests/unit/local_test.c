/* Agents inside the process, under a clock that jumps: answers, delays, copies, loss, other sources; no socket is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "failmem.h"
#include "../../core/agent/dump.h"
#include "../../core/engine/local.h"

static const uint8_t uptime[] = {0x30, 0x0c, 0x06, 0x08, 0x2b, 6, 1, 2, 1, 1, 3, 0, 5, 0};
static const struct moon_request get = {
  .varbinds = uptime, .varbinds_len = sizeof uptime, .n_varbinds = 1, .pdu_type = MOON_PDU_GET, .kind = MOON_KIND_GET};

struct asked {
  uint32_t dones;
  enum moon_err err;
  uint32_t rtt_us;
  uint16_t tries;
  uint64_t value, at_us;
};

static struct {
  struct moon_loop *loop;
  struct moon_engine *e;
  struct moon_counters c;
  struct moon_credential credential;
  struct moon_policy policy;
  struct moon_recording *recording;
  struct moon_flaws *flaws;
  struct moon_profile profile;
  struct moon_agent agent;
  struct moon_local_agent local;
  struct moon_peer *peer;
  struct asked asked[2000];
  uint32_t n_asked, n_done;
  uint64_t seed;
} w;

static void turn(void *arg) {
  (void)arg;
  moon_engine_turn(w.e);
  assert_true(moon_counters_balanced(&w.c));
}

static void agent_init(const struct moon_flaw *flaws, size_t n) {
  static const char text[] = "1.3.6.1.2.1.1.3.0|67|1234\n";
  const struct moon_dump_options o = {0};
  enum moon_err err;
  size_t blame;
  w.recording = moon_dump_read(text, sizeof text - 1, &o, NULL, &err);
  assert_non_null(w.recording);
  w.flaws = n ? moon_flaws_new(flaws, n, &blame, &err) : NULL;
  assert_true(w.flaws || !n);
  w.profile = (struct moon_profile){.recording = w.recording, .flaws = w.flaws};
  moon_agent_init(&w.agent, &w.profile, w.seed, 1, MOON_VIRTUAL_BEGIN_US);
  w.local = (struct moon_local_agent){.agent = &w.agent, .room = malloc(MOON_ANSWER_ROOM)};
}

static const struct moon_addr ADDR = {.family = 4, .ip = {240, 0, 0, 1}, .port = 161};

static void begin(const struct moon_flaw *flaws, size_t n) {
  struct moon_engine_config c;
  uint64_t seed = w.seed ? w.seed : 7;
  memset(&w, 0, sizeof w);
  w.seed = seed;
  agent_init(flaws, n);
  moon_policy_init(&w.policy);
  w.policy.breaker_after = 0;
  w.policy.window = 100;
  strcpy(w.credential.name, "any");
  memcpy(w.credential.community, "public", 6);
  w.credential.community_len = 6;
  w.credential.version = MOON_V2C;
  w.loop = moon_loop_new("virtual");
  assert_non_null(w.loop);
  moon_engine_config_init(&c);
  c.closed = true;
  c.clock_us = moon_loop_virtual_us;
  c.clock_arg = w.loop;
  c.seed = seed;
  c.counters = &w.c;
  assert_int_equal(moon_engine_new(&c, moon_loop_io(w.loop), w.loop, &w.e), MOON_OK);
  moon_loop_on_turn(w.loop, turn, NULL);
  assert_int_equal(moon_peer_new(w.e, &ADDR, &w.credential, &w.policy, NULL, &w.peer), MOON_OK);
  assert_int_equal(moon_peer_answer_with(w.e, w.peer, moon_local_agent_asked, &w.local), MOON_OK);
}

static void end(void) {
  moon_engine_free(w.e);
  moon_loop_free(w.loop);
  moon_agent_fini(&w.agent);
  moon_flaws_free(w.flaws);
  moon_recording_free(w.recording);
  free(w.local.room);
}

static void done(void *arg, const struct moon_outcome *o) {
  struct asked *q = arg;
  q->dones++;
  q->err = o->err;
  q->rtt_us = o->rtt_us;
  q->tries = o->tries;
  q->at_us = moon_engine_now(w.e);
  w.n_done++;
  if (o->err) { return; }
  struct moon_reader r;
  struct moon_varbind vb;
  moon_reader_init(&r, o->pdu.varbinds, o->pdu.varbinds_len);
  assert_true(moon_varbind_get(&r, &vb));
  assert_int_equal(vb.type, MOON_TIME_TICKS);
  for (uint32_t i = 0; i < vb.value_len; i++) { q->value = q->value << 8 | vb.value[i]; }
}

static struct asked *ask(uint64_t deadline_us) {
  struct moon_ticket t;
  struct asked *q = &w.asked[w.n_asked++];
  assert_int_equal(moon_engine_submit(w.e, w.peer, &get, deadline_us, done, q, &t), MOON_OK);
  return q;
}

/* Until nothing is left to do: the loop ends by itself. Years of it take no time. */
static void run(void) {
  struct timespec a, b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  moon_loop_run(w.loop);
  clock_gettime(CLOCK_MONOTONIC, &b);
  assert_true(b.tv_sec - a.tv_sec < 5);
  assert_int_equal(w.n_done, w.n_asked);
  assert_int_equal(w.c.in_flight, 0);
}

static void answers(void **state) {
  int fds[2];
  (void)state;
  begin(NULL, 0);
  assert_int_equal(moon_engine_fds(w.e, fds, 2), 0);
  struct asked *q = ask(0);
  run();
  assert_int_equal(q->dones, 1);
  assert_int_equal(q->err, MOON_OK);
  assert_int_equal(q->value, 1234);
  assert_int_equal(q->tries, 1);
  assert_in_range(q->rtt_us, 1, 1000); /* the next millisecond */
  assert_int_equal(w.c.datagrams_out, 1);
  assert_int_equal(w.c.datagrams_in, 1);
  assert_int_equal(w.c.matched, 1);
  assert_true(w.c.octets_out > 40 && w.c.octets_in > 40);
  assert_int_equal(w.agent.counts.answered, 1);
  end();
}

static void delays(void **state) {
  static const struct moon_flaw slow = {.kind = MOON_FLAW_DELAY, .delay_us = 1234567};
  (void)state;
  begin(&slow, 1);
  struct asked *q = ask(0);
  run();
  assert_int_equal(q->err, MOON_OK);
  assert_in_range(q->rtt_us, 1234567, 1235567);
  assert_int_equal(q->at_us - MOON_VIRTUAL_BEGIN_US, q->rtt_us);
  end();
}

/* Later than anybody waits: the try that was sent first is answered when the second has gone out. */
static void late(void **state) {
  static const struct moon_flaw slow = {.kind = MOON_FLAW_DELAY, .delay_us = 4500000};
  (void)state;
  begin(&slow, 1);
  struct asked *q = ask(0);
  run();
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_int_equal(q->tries, 2);
  assert_int_equal(w.c.late, 2);
  end();
}

static void copies(void **state) {
  static const struct moon_flaw twice = {.kind = MOON_FLAW_DUPLICATE, .delay_us = 50000};
  (void)state;
  begin(&twice, 1);
  for (int i = 0; i < 100; i++) { ask(0); }
  run();
  assert_int_equal(w.c.answered, 100);
  assert_int_equal(w.c.duplicate, 100);
  assert_int_equal(w.c.datagrams_in, 200);
  assert_int_equal(w.agent.counts.duplicates, 100);
  end();
}

static void dead(void **state) {
  static const struct moon_flaw dead_ = {.kind = MOON_FLAW_DEAD};
  (void)state;
  begin(&dead_, 1);
  w.policy.retries = 3;
  struct asked *q = ask(0), *hurried = ask(MOON_VIRTUAL_BEGIN_US + 700000);
  run();
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_int_equal(q->tries, 4);
  assert_in_range(q->at_us - MOON_VIRTUAL_BEGIN_US, 8000000, 8002000);
  assert_int_equal(hurried->err, MOON_E_TIMEOUT);
  assert_in_range(hurried->at_us - MOON_VIRTUAL_BEGIN_US, 700000, 702000);
  assert_int_equal(w.c.datagrams_in, 0);
  assert_int_equal(w.agent.counts.silent, w.c.datagrams_out);
  end();
}

/* Some are lost, some of those twice; the same seed loses the same ones. */
static void loss(void **state) {
  static const struct moon_flaw lossy = {.kind = MOON_FLAW_LOSS, .share = 0.5};
  struct moon_counters first;
  struct asked seen[300];
  (void)state;
  for (int round = 0; round < 3; round++) {
    w.seed = round < 2 ? 11 : 12;
    begin(&lossy, 1);
    for (int i = 0; i < 300; i++) { ask(0); }
    run();
    assert_int_equal(w.c.answered + w.c.error[MOON_E_TIMEOUT], 300);
    assert_in_range(w.c.error[MOON_E_TIMEOUT], 30, 200);
    assert_int_equal(w.c.datagrams_out, w.agent.counts.datagrams);
    assert_int_equal(w.c.datagrams_in, w.agent.counts.answered);
    if (round == 0) {
      first = w.c;
      memcpy(seen, w.asked, sizeof seen);
    } else if (round == 1) {
      assert_memory_equal(&first, &w.c, sizeof first);
      assert_memory_equal(seen, w.asked, sizeof seen);
    } else {
      assert_memory_not_equal(seen, w.asked, sizeof seen);
    }
    end();
  }
  w.seed = 0;
}

static void other_source(void **state) {
  static const struct moon_flaw other = {.kind = MOON_FLAW_OTHER_SOURCE}, wrong_id = {.kind = MOON_FLAW_WRONG_ID};
  (void)state;
  begin(&other, 1);
  moon_peer_target(w.peer)->strict_source = true;
  struct asked *q = ask(0);
  run();
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_int_equal(w.c.wrong_source, 2);
  moon_peer_target(w.peer)->strict_source = false;
  q = ask(0);
  run();
  assert_int_equal(q->err, MOON_OK);
  assert_true(moon_peer_target(w.peer)->quirks & MOON_QUIRK_ALIAS);
  end();
  begin(&wrong_id, 1);
  q = ask(0);
  run();
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_int_equal(w.c.unknown + w.c.late + w.c.duplicate, 2);
  end();
}

/* A peer that goes while its answer is on the way; an engine that goes. */
static void gone(void **state) {
  static const struct moon_flaw slow = {.kind = MOON_FLAW_DELAY, .delay_us = 1000000};
  (void)state;
  begin(&slow, 1);
  ask(0);
  moon_engine_turn(w.e);
  assert_int_equal(w.c.datagrams_out, 1);
  moon_peer_free(w.e, w.peer);
  moon_loop_run(w.loop);
  assert_int_equal(w.c.late, 1);
  assert_int_equal(w.c.error[MOON_E_CANCELLED], 1);
  assert_int_equal(w.n_done, 0);
  end();
  begin(&slow, 1);
  ask(0);
  moon_engine_turn(w.e);
  end();
}

/* A flood in the process is bounded as one on a network is. */
static void flood(void *arg, struct moon_peer *p, uint64_t now_us, const uint8_t *request, size_t n) {
  static uint8_t big[60000];
  uint32_t taken = 0;
  (void)arg;
  (void)now_us;
  (void)request;
  (void)n;
  while (moon_peer_reply(p, big, sizeof big, 5000, NULL) == MOON_OK) { taken++; }
  assert_in_range(taken, (MOON_LOCAL_OCTETS_MAX / sizeof big) - 10, MOON_LOCAL_OCTETS_MAX / sizeof big);
  assert_int_equal(moon_peer_reply(p, big, 65508, 0, NULL), MOON_E_LIMIT);
}
static void bounded(void **state) {
  (void)state;
  begin(NULL, 0);
  w.policy.retries = 0;
  assert_int_equal(moon_peer_answer_with(w.e, w.peer, flood, NULL), MOON_OK);
  struct asked *q = ask(0);
  run();
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_int_equal(w.c.rx_dropped, 2);
  assert_int_equal(w.c.malformed, w.c.datagrams_in);
  ask(0); /* there is room again */
  run();
  assert_int_equal(w.c.rx_dropped, 4);
  end();
}

/* A peer without an agent of its own cannot be reached by an engine without sockets. */
static void closed(void **state) {
  struct moon_addr b = ADDR;
  (void)state;
  begin(NULL, 0);
  b.ip[3] = 2;
  assert_int_equal(moon_peer_new(w.e, &b, &w.credential, &w.policy, NULL, &w.peer), MOON_OK);
  struct asked *q = ask(0);
  run();
  assert_int_equal(q->err, MOON_E_UNREACHABLE);
  end();
}

static void no_memory(void **state) {
  (void)state;
  begin(NULL, 0);
  size_t alive = failmem_alive();
  failmem_arm(1);
  assert_int_equal(moon_peer_reply(w.peer, uptime, sizeof uptime, 0, NULL), MOON_E_NOMEM);
  failmem_disarm();
  assert_int_equal(failmem_alive(), alive);
  assert_int_equal(w.c.rx_dropped, 1);
  end();
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(answers), cmocka_unit_test(delays), cmocka_unit_test(late), cmocka_unit_test(copies), cmocka_unit_test(dead),
    cmocka_unit_test(loss), cmocka_unit_test(other_source), cmocka_unit_test(gone), cmocka_unit_test(bounded), cmocka_unit_test(closed),
    cmocka_unit_test(no_memory),
  };
  failmem_install();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
