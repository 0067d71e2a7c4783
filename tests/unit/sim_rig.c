#include "sim_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void refuse(void *ctx, uint32_t line, const char *why) {
  (void)ctx;
  fail_msg("line %u: %s", line, why);
}

struct moon_recording *sim_recording(const char *text) {
  const struct moon_dump_options options = {.report = refuse};
  enum moon_err err = MOON_OK;
  struct moon_recording *r = moon_dump_read(text, strlen(text), &options, NULL, &err);
  assert_non_null(r);
  return r;
}

void sim_init(struct sim *s, const char *text) {
  memset(s, 0, offsetof(struct sim, request));
  s->recording = sim_recording(text);
  s->profile.recording = s->recording;
  s->profile.max_octets = 1472;
  s->version = MOON_V2C;
  s->community = "public";
  s->now_us = 1000000;
  sim_restart(s, 7, 1);
}

void sim_restart(struct sim *s, uint64_t seed, uint32_t number) {
  moon_agent_fini(&s->agent);
  moon_agent_init(&s->agent, &s->profile, seed, number, s->now_us);
}

void sim_fini(struct sim *s) {
  moon_agent_fini(&s->agent);
  moon_vary_free(s->vary);
  moon_flaws_free(s->flaws);
  moon_recording_free(s->recording);
}

void sim_flaws(struct sim *s, const struct moon_flaw *rules, size_t n) {
  enum moon_err err;
  moon_flaws_free(s->flaws);
  s->flaws = moon_flaws_new(rules, n, NULL, &err);
  assert_non_null(s->flaws);
  s->profile.flaws = s->flaws;
}

void sim_vary(struct sim *s, const struct moon_vary_rule *rules, size_t n, bool defaults) {
  enum moon_err err;
  moon_vary_free(s->vary);
  s->vary = moon_vary_new(s->recording, rules, n, defaults, NULL, &err);
  assert_non_null(s->vary);
  s->profile.vary = s->vary;
}

const uint8_t *sim_oid(const char *text, uint16_t *len) {
  static uint8_t ring[64][MOON_OID_MAX_LEN];
  static unsigned at;
  uint8_t *p = ring[at++ % 64];
  size_t n;
  assert_int_equal(moon_oid_parse(text, strlen(text), p, MOON_OID_MAX_LEN, &n), MOON_OK);
  *len = (uint16_t)n;
  return p;
}

struct moon_varbind sim_varbind(const char *oid, uint8_t type, const void *value, size_t n) {
  struct moon_varbind vb = {.value = value, .value_len = (uint32_t)n, .type = type};
  vb.oid = sim_oid(oid, &vb.oid_len);
  return vb;
}

bool sim_is(const struct moon_varbind *vb, const char *oid) {
  uint16_t n;
  const uint8_t *p = sim_oid(oid, &n);
  return vb->oid_len == n && memcmp(vb->oid, p, n) == 0;
}

uint64_t sim_number(const struct moon_varbind *vb) {
  uint64_t u = 0;
  int64_t i = 0;
  if (vb->type == MOON_INTEGER) {
    assert_int_equal(moon_varbind_i64(vb, &i), MOON_OK);
    return (uint64_t)i;
  }
  assert_int_equal(moon_varbind_u64(vb, &u), MOON_OK);
  return u;
}

void sim_feed(struct sim *s, const uint8_t *p, size_t n) {
  struct moon_reader list;
  const struct moon_agent_counts *c = &s->agent.counts;
  s->n = 0;
  s->err = MOON_E_TIMEOUT;
  s->list_err = MOON_OK;
  moon_agent_answer(&s->agent, s->now_us, p, n, s->room, &s->answer);
  assert_int_equal(c->datagrams, c->malformed + c->bad_community + c->refused + c->gets + c->nexts + c->bulks + c->sets);
  assert_int_equal(c->gets + c->nexts + c->bulks + c->sets, c->answered + c->silent);
  if (s->answer.n == 0) { return; }
  s->err = moon_message_decode(s->answer.reply[0].p, s->answer.reply[0].n, &s->reply);
  if (s->err) { return; }
  moon_reader_init(&list, s->reply.pdu.varbinds, s->reply.pdu.varbinds_len);
  while (s->n < SIM_VARBINDS && moon_varbind_get(&list, &s->vb[s->n])) { s->n++; }
  s->list_err = list.err;
}

void sim_send(struct sim *s, uint8_t type, int32_t a, int32_t b, const struct moon_varbind *varbinds, size_t n) {
  struct moon_writer w;
  struct moon_pdu pdu = {.request_id = ++s->id, .type = type, .error_status = a, .error_index = b};
  moon_writer_init(&w, s->request, sizeof s->request);
  while (n) { moon_varbind_put(&w, &varbinds[--n]); }
  pdu.varbinds = w.p;
  pdu.varbinds_len = moon_writer_len(&w);
  moon_message_encode(&w, s->version, (const uint8_t *)s->community, strlen(s->community), &pdu);
  assert_int_equal(w.err, MOON_OK);
  sim_feed(s, w.p, moon_writer_len(&w));
}

void sim_ask(struct sim *s, uint8_t type, int32_t a, int32_t b, ...) {
  struct moon_varbind vb[60];
  const char *oid;
  size_t n = 0;
  va_list ap;
  va_start(ap, b);
  while (n < 60 && (oid = va_arg(ap, const char *)) != NULL) { vb[n++] = sim_varbind(oid, MOON_NULL, "", 0); }
  va_end(ap);
  sim_send(s, type, a, b, vb, n);
}

uint32_t sim_walk(struct sim *s, int32_t repetitions) {
  const struct moon_recording *r = s->recording;
  struct moon_varbind at = {.oid = (const uint8_t *)"\x00", .value = (const uint8_t *)"", .oid_len = 1, .type = MOON_NULL}, want;
  uint8_t name[MOON_OID_MAX_LEN];
  uint32_t i = 0, seen = 0, rounds = 0;
  for (;;) {
    assert_true(rounds++ < 2 * r->n + 10);
    sim_send(s, repetitions ? MOON_PDU_GET_BULK : MOON_PDU_GET_NEXT, 0, repetitions, &at, 1);
    assert_int_equal(s->err, MOON_OK);
    assert_int_equal(s->list_err, MOON_OK);
    assert_int_equal(s->reply.pdu.request_id, s->id);
    assert_true(s->answer.reply[0].n <= s->profile.max_octets);
    if (s->version == MOON_V1 && s->reply.pdu.error_status == 2) { break; }
    assert_int_equal(s->reply.pdu.error_status, 0);
    assert_true(s->n >= 1 && s->n <= (uint32_t)(repetitions ? repetitions : 1));
    for (uint32_t k = 0; k < s->n; k++) {
      if (s->vb[k].type == MOON_END_OF_MIB_VIEW) { goto over; }
      for (; i < r->n; i++) {
        const struct moon_instance *e = &r->instances[i];
        if (!(e->flags & MOON_INSTANCE_HIDDEN) && !(s->version == MOON_V1 && e->type == MOON_COUNTER64)) { break; }
      }
      assert_true(i < r->n);
      moon_recording_get(r, i++, &want);
      assert_int_equal(s->vb[k].oid_len, want.oid_len);
      assert_memory_equal(s->vb[k].oid, want.oid, want.oid_len);
      assert_int_equal(s->vb[k].type, want.type);
      assert_int_equal(s->vb[k].value_len, want.value_len);
      assert_memory_equal(s->vb[k].value, want.value, want.value_len);
      seen++;
    }
    at.oid_len = s->vb[s->n - 1].oid_len;
    memcpy(name, s->vb[s->n - 1].oid, at.oid_len);
    at.oid = name;
  }
over:
  for (; i < r->n; i++) {
    const struct moon_instance *e = &r->instances[i];
    assert_true((e->flags & MOON_INSTANCE_HIDDEN) || (s->version == MOON_V1 && e->type == MOON_COUNTER64));
  }
  return seen;
}
