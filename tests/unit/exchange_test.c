/* One request until its verdict: tries, deadlines, whose answer, what is wrong with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../core/session/exchange.h"
#include "guard.h"

#define ID 0x01020304u
#define S 1000000u

static const uint8_t varbinds[] = {0x30, 12, 6, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0, 5, 0, 0x30, 12, 6, 8, 0x2b, 6, 1, 2, 1, 1, 5, 0, 5, 0};
static const struct moon_request get = {.varbinds = varbinds, .varbinds_len = sizeof varbinds, .n_varbinds = 2, .pdu_type = MOON_PDU_GET};
static struct moon_policy policy;
static struct moon_credential credential;
static struct moon_target target;
static struct moon_exchange x;
static struct moon_outcome o;
static uint8_t buf[2048];
static struct moon_writer w;

static int begin(void **state) {
  const struct moon_addr addr = {.ip = {192, 0, 2, 1}, .port = 161, .family = 4};
  (void)state;
  moon_policy_init(&policy);
  credential = (struct moon_credential){.community = "public", .community_len = 6, .version = MOON_V2C};
  moon_target_init(&target, &addr, &credential, &policy);
  moon_exchange_init(&x, &target, &get, 5 * S);
  memset(&o, 0, sizeof o);
  return 0;
}

static enum moon_err encode(uint32_t id, uint64_t now, uint32_t jitter) {
  moon_writer_init(&w, buf, sizeof buf);
  return moon_exchange_encode(&x, id, now, jitter, &w);
}

struct reply { uint8_t version, type; const char *community; int32_t status, index; };

/* A reply as the agent would write it, at the end of buf. */
static void answer(const struct reply *r) {
  struct moon_varbind vb[2] = {{varbinds + 4, (const uint8_t *)"\x05", 1, 8, MOON_TIME_TICKS}, {varbinds + 18, (const uint8_t *)"core1", 5, 8, 4}};
  moon_writer_init(&w, buf, sizeof buf);
  moon_varbind_put(&w, &vb[1]);
  moon_varbind_put(&w, &vb[0]);
  struct moon_pdu pdu = {.varbinds = w.p, .varbinds_len = moon_writer_len(&w), .request_id = (int32_t)ID, .error_status = r->status,
                         .error_index = r->index, .type = r->type};
  moon_message_encode(&w, r->version, (const uint8_t *)r->community, strlen(r->community), &pdu);
  assert_int_equal(w.err, MOON_OK);
}

static const struct reply fine = {MOON_V2C, MOON_PDU_RESPONSE, "public", 0, 0};

static enum moon_verdict feed(uint64_t sent, uint64_t now) { return moon_exchange_feed(&x, w.p, moon_writer_len(&w), NULL, sent, now, &o); }

static unsigned count_varbinds(void) {
  struct moon_reader r;
  struct moon_varbind vb;
  unsigned n = 0;
  moon_reader_init(&r, o.pdu.varbinds, o.pdu.varbinds_len);
  while (moon_varbind_get(&r, &vb)) {
    n++;
  }
  return n;
}

static void a_try_is_the_request_with_its_own_id(void **state) {
  struct moon_message m;
  (void)state;
  assert_int_equal(encode(ID, 5 * S, 0), MOON_OK);
  size_t first = moon_writer_len(&w);
  assert_int_equal(moon_message_decode(w.p, first, &m), MOON_OK);
  assert_int_equal(m.pdu.request_id, ID);
  assert_int_equal(m.pdu.type, MOON_PDU_GET);
  assert_int_equal(m.version, MOON_V2C);
  assert_int_equal(m.pdu.varbinds_len, sizeof varbinds);
  assert_memory_equal(m.pdu.varbinds, varbinds, sizeof varbinds);
  assert_int_equal(encode(0x7fffffff, 6 * S, 0), MOON_OK);
  assert_int_equal(moon_writer_len(&w), first);
  assert_int_equal(x.tries, 2);
  assert_int_equal(x.sent_us[0], 5 * S);
  assert_int_equal(x.sent_us[1], 6 * S);
}

static void bulk_carries_its_two_numbers(void **state) {
  struct moon_message m;
  struct moon_request bulk = get;
  (void)state;
  bulk.pdu_type = MOON_PDU_GET_BULK;
  bulk.non_repeaters = 1;
  bulk.max_repetitions = 25;
  moon_exchange_init(&x, &target, &bulk, 0);
  assert_int_equal(encode(ID, 0, 0), MOON_OK);
  assert_int_equal(moon_message_decode(w.p, moon_writer_len(&w), &m), MOON_OK);
  assert_int_equal(m.pdu.error_status, 1);
  assert_int_equal(m.pdu.error_index, 25);
}

static void what_cannot_be_encoded_is_told(void **state) {
  (void)state;
  moon_writer_init(&w, buf, 40);
  assert_int_equal(moon_exchange_encode(&x, ID, 0, 0, &w), MOON_E_TOO_BIG);
  assert_int_equal(x.tries, 0);
  credential.version = MOON_V3;
  assert_int_equal(encode(ID, 0, 0), MOON_E_VERSION);
  credential.version = MOON_V2C;
  assert_int_equal(encode(ID, 0, 0), MOON_OK);
  assert_int_equal(encode(ID, 0, 0), MOON_OK);
  assert_int_equal(encode(ID, 0, 0), MOON_E_LIMIT);
}

static void tries_back_off_until_it_is_given_up(void **state) {
  (void)state;
  policy.retries = 4;
  moon_rtt_sample(&target.rtt[MOON_KIND_GET], 100000); /* RTO 300 ms */
  moon_exchange_init(&x, &target, &get, 0);
  assert_int_equal(moon_exchange_deadline(&x), 10 * S);
  static const uint64_t expected[] = {300000, 600000, 1200000, 2000000};
  uint64_t now = 1 * S; /* it waited a second for its turn */
  for (unsigned i = 0; i < 4; i++) {
    assert_int_equal(encode(ID + i, now, 511), MOON_OK);
    uint64_t wait = moon_exchange_deadline(&x) - now;
    assert_in_range(wait, expected[i] * 98 / 100, expected[i] * 102 / 100);
    assert_int_equal(moon_exchange_expire(&x, now, true, &o), MOON_VERDICT_DROP); /* not yet */
    now += wait;
    assert_int_equal(moon_exchange_expire(&x, now, true, &o), MOON_VERDICT_AGAIN);
  }
  assert_int_equal(encode(ID + 4, now, 511), MOON_OK);
  assert_int_equal(moon_exchange_deadline(&x), 11 * S); /* the last waits until the end */
  assert_int_equal(moon_exchange_expire(&x, 11 * S, true, &o), MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_E_TIMEOUT);
  assert_int_equal(o.tries, 5);
  assert_int_equal(o.rtt_us, 0);
  assert_int_equal(o.received_us, 11 * S);
}

static void jitter_stays_within_a_tenth(void **state) {
  (void)state;
  for (uint32_t jitter = 0; jitter < 5000; jitter += 7) {
    moon_exchange_init(&x, &target, &get, 0);
    assert_int_equal(encode(ID, 0, jitter), MOON_OK);
    assert_in_range(moon_exchange_deadline(&x), 1800000, 2200000);
  }
}

static void retries_are_bounded(void **state) {
  (void)state;
  policy.retries = 1000;
  moon_exchange_init(&x, &target, &get, 0);
  for (unsigned i = 0; i < MOON_TRIES_MAX; i++) {
    assert_int_equal(encode(ID, i, 0), MOON_OK);
  }
  assert_int_equal(encode(ID, 99, 0), MOON_E_LIMIT);
  assert_int_equal(moon_exchange_deadline(&x), MOON_TRIES_MAX * 2 * S);
}

static void a_denied_try_waits_for_the_end(void **state) {
  (void)state;
  assert_int_equal(encode(ID, 5 * S, 0), MOON_OK);
  uint64_t at = moon_exchange_deadline(&x);
  assert_int_equal(moon_exchange_expire(&x, at, false, &o), MOON_VERDICT_DROP);
  assert_int_equal(moon_exchange_deadline(&x), 9 * S);
  assert_int_equal(moon_exchange_expire(&x, 9 * S, false, &o), MOON_VERDICT_MINE);
  assert_int_equal(o.tries, 1);
}

static void a_trial_has_one_try(void **state) {
  (void)state;
  x.trial = true;
  assert_int_equal(encode(ID, 5 * S, 0), MOON_OK);
  assert_int_equal(moon_exchange_deadline(&x), 7 * S);
  assert_int_equal(moon_exchange_expire(&x, 7 * S, true, &o), MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_E_TIMEOUT);
}

static void any_answer_completes_it(void **state) {
  (void)state;
  assert_int_equal(encode(ID, 5 * S, 0), MOON_OK);
  assert_int_equal(encode(ID + 1, 7 * S, 0), MOON_OK);
  answer(&fine); /* to the first try */
  assert_int_equal(feed(5 * S, 7 * S + 500), MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_OK);
  assert_int_equal(o.rtt_us, 2 * S + 500);
  assert_int_equal(o.received_us, 7 * S + 500);
  assert_int_equal(o.tries, 2);
  assert_int_equal(count_varbinds(), 2);
  assert_int_equal(target.rtt[MOON_KIND_GET].srtt_us, 2 * S + 500);
  assert_int_equal(target.last_answer_us, 7 * S + 500);
  assert_int_equal(feed(8 * S, 7 * S), MOON_VERDICT_MINE); /* a clock that stands still */
  assert_int_equal(o.rtt_us, 1);
}

static void other_versions_and_communities_are_not_ours(void **state) {
  static const struct reply not_ours[] = {
    {MOON_V1, MOON_PDU_RESPONSE, "public", 0, 0}, {MOON_V2C, MOON_PDU_RESPONSE, "Public", 0, 0}, {MOON_V2C, MOON_PDU_RESPONSE, "publi", 0, 0},
    {MOON_V2C, MOON_PDU_RESPONSE, "public1", 0, 0}, {MOON_V2C, MOON_PDU_RESPONSE, "", 0, 0},
  };
  (void)state;
  for (size_t i = 0; i < sizeof not_ours / sizeof *not_ours; i++) {
    answer(&not_ours[i]);
    assert_int_equal(feed(0, 1000), MOON_VERDICT_DROP);
    w.end -= 3; /* the same when it is cut */
    assert_int_equal(feed(0, 1000), MOON_VERDICT_DROP);
  }
  assert_int_equal(target.last_answer_us, 0);
  assert_int_equal(moon_exchange_feed(&x, buf, 0, NULL, 0, 1, &o), MOON_VERDICT_DROP);
}

static void error_status_becomes_a_code(void **state) {
  static const struct { int32_t status, index; enum moon_err err; uint16_t blamed; } cases[] = {
    {1, 0, MOON_E_TOO_BIG, 0}, {2, 1, MOON_E_MISSING, 1}, {2, 2, MOON_E_MISSING, 2}, {2, 3, MOON_E_MISSING, 0}, {2, -1, MOON_E_MISSING, 0},
    {3, 1, MOON_E_BAD_VALUE, 1}, {4, 1, MOON_E_NOT_WRITABLE, 1}, {5, 2, MOON_E_GEN_ERR, 2}, {6, 1, MOON_E_ACCESS, 1},
    {16, 0, MOON_E_ACCESS, 0}, {17, 1, MOON_E_NOT_WRITABLE, 1}, {99, 1, MOON_E_GEN_ERR, 1}, {-5, 1, MOON_E_GEN_ERR, 1},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    answer(&(struct reply){MOON_V2C, MOON_PDU_RESPONSE, "public", cases[i].status, cases[i].index});
    assert_int_equal(feed(0, 1000), MOON_VERDICT_MINE);
    assert_int_equal(o.err, cases[i].err);
    assert_int_equal(o.error_index, cases[i].blamed);
    assert_int_equal(o.pdu.error_status, cases[i].status);
    assert_int_equal(count_varbinds(), 2);
  }
}

static void what_is_no_response_is_told(void **state) {
  static const uint8_t types[] = {MOON_PDU_GET, MOON_PDU_GET_NEXT, MOON_PDU_SET, MOON_PDU_GET_BULK, MOON_PDU_INFORM, MOON_PDU_TRAP, MOON_PDU_REPORT};
  (void)state;
  for (size_t i = 0; i < sizeof types; i++) {
    answer(&(struct reply){MOON_V2C, types[i], "public", 0, 0});
    assert_int_equal(feed(0, 1000), MOON_VERDICT_MINE);
    assert_int_equal(o.err, MOON_E_DECODE);
    assert_int_equal(o.pdu.type, types[i]);
    assert_int_equal(o.pdu.varbinds_len, 0);
  }
  credential.version = MOON_V1;
  struct moon_trap_v1 trap = {.enterprise = varbinds + 4, .enterprise_len = 8};
  moon_writer_init(&w, buf, sizeof buf);
  moon_trap_v1_encode(&w, &trap);
  moon_ber_put_bytes(&w, MOON_OCTET_STRING, (const uint8_t *)"public", 6);
  moon_ber_put_i64(&w, MOON_INTEGER, 0);
  moon_ber_put_wrap(&w, MOON_SEQUENCE, w.end);
  assert_int_equal(feed(0, 1000), MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_E_DECODE);
  assert_int_equal(o.pdu.type, MOON_PDU_TRAP_V1);
}

static void every_prefix_is_ours_as_far_as_it_can_be_told(void **state) {
  struct guard g;
  uint8_t whole[256];
  (void)state;
  guard_init(&g, 4096);
  answer(&fine);
  size_t n = moon_writer_len(&w), most = 0;
  memcpy(whole, w.p, n);
  for (size_t cut = 0; cut < n; cut++) {
    memset(&o, 0, sizeof o);
    enum moon_verdict v = moon_exchange_feed(&x, guard_put(&g, whole, cut), cut, NULL, 0, 1000, &o);
    if (cut < 13) { /* up to the end of the community */
      assert_int_equal(v, MOON_VERDICT_DROP);
      continue;
    }
    assert_int_equal(v, MOON_VERDICT_MINE);
    assert_int_equal(o.err, MOON_E_DECODE);
    unsigned varbinds_left = count_varbinds();
    assert_true(varbinds_left >= most);
    most = varbinds_left;
  }
  assert_int_equal(most, 1);
  answer(&(struct reply){MOON_V2C, MOON_PDU_RESPONSE, "public", 5, 1});
  w.end--;
  assert_int_equal(feed(0, 1000), MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_E_DECODE);
  assert_int_equal(o.pdu.varbinds_len, 0); /* those of an error are the request's */
  guard_fini(&g);
}

static void octets_behind_the_message_are_a_quirk(void **state) {
  (void)state;
  answer(&fine);
  memmove(w.p - 4, w.p, moon_writer_len(&w));
  w.p -= 4;
  assert_int_equal(feed(0, 1000), MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_OK);
  assert_true(target.quirks & MOON_QUIRK_TRAILING);
}

static void icmp_ends_the_try_and_not_the_request(void **state) {
  (void)state;
  assert_int_equal(moon_exchange_icmp(&x, MOON_E_REFUSED, 5 * S, &o), MOON_VERDICT_DROP); /* nothing was sent */
  assert_int_equal(encode(ID, 5 * S, 0), MOON_OK);
  assert_int_equal(moon_exchange_icmp(&x, MOON_E_REFUSED, 5 * S + 100, &o), MOON_VERDICT_DROP);
  assert_int_equal(moon_exchange_deadline(&x), 5 * S + 100 + policy.rto_floor_us);
  assert_int_equal(moon_exchange_expire(&x, moon_exchange_deadline(&x), true, &o), MOON_VERDICT_AGAIN);
  assert_int_equal(encode(ID + 1, 6 * S, 0), MOON_OK);
  assert_int_equal(moon_exchange_icmp(&x, MOON_E_UNREACHABLE, 6 * S + 100, &o), MOON_VERDICT_MINE);
  assert_int_equal(o.err, MOON_E_UNREACHABLE);
  assert_int_equal(o.tries, 2);
}

static void icmp_does_not_delay_a_try_that_is_due(void **state) {
  (void)state;
  moon_rtt_sample(&target.rtt[MOON_KIND_GET], 1000);
  assert_int_equal(encode(ID, 5 * S, 0), MOON_OK);
  uint64_t due = moon_exchange_deadline(&x);
  assert_int_equal(moon_exchange_icmp(&x, MOON_E_REFUSED, due - 10, &o), MOON_VERDICT_DROP);
  assert_int_equal(moon_exchange_deadline(&x), due);
}

#define TEST(f) cmocka_unit_test_setup(f, begin)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(a_try_is_the_request_with_its_own_id),
    TEST(bulk_carries_its_two_numbers),
    TEST(what_cannot_be_encoded_is_told),
    TEST(tries_back_off_until_it_is_given_up),
    TEST(jitter_stays_within_a_tenth),
    TEST(retries_are_bounded),
    TEST(a_denied_try_waits_for_the_end),
    TEST(a_trial_has_one_try),
    TEST(any_answer_completes_it),
    TEST(other_versions_and_communities_are_not_ours),
    TEST(error_status_becomes_a_code),
    TEST(what_is_no_response_is_told),
    TEST(every_prefix_is_ours_as_far_as_it_can_be_told),
    TEST(octets_behind_the_message_are_a_quirk),
    TEST(icmp_ends_the_try_and_not_the_request),
    TEST(icmp_does_not_delay_a_try_that_is_due),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
