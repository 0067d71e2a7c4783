/* envelope_rig: a manager made of wire/ alone and the agent that it talks to over SNMPv3, on a clock of its own. Before the first:
 * guard_init(&guard, 65536). */
#ifndef MOON_TESTS_ENVELOPE_RIG_H
#define MOON_TESTS_ENVELOPE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../core/agent/answer.h"
#include "failmem.h"
#include "guard.h"
#include "sim_rig.h"

#define UNUSED __attribute__((unused))

#define S UINT64_C(1000000)
#define SYS "1.3.6.1.2.1.1."
#define USM "1.3.6.1.6.3.15.1.1."
#define ENGINE "1.3.6.1.6.3.10.2.1."
#define RESPONSE MOON_PDU_RESPONSE
#define REPORT MOON_PDU_REPORT
#define BIG_N 100

static const char device[] = SYS "1.0|4|a device\n" SYS "3.0|67|4000\n" SYS "5.0|4|name\n" SYS "7.0|2|72\n";
static const char other[] = SYS "1.0|4|another\n" SYS "5.0|4|vlan\n";

enum { OPS, AUTH, NOBODY, LOOSE, READER, USERS_N };

/* A manager and the agent it talks to. */
struct talk {
  struct moon_recording *recording, *other;
  struct moon_flaws *flaws;
  struct moon_user users[USERS_N];
  struct moon_context contexts[2];
  struct moon_security security;
  struct moon_profile profile;
  struct moon_identity identity;
  struct moon_agent agent;
  struct moon_user_pool *pool;
  struct moon_crypto *crypto; /* the manager's */
  uint64_t now_us;
  /* What is asked with. */
  const struct moon_user *user;
  struct moon_v3 v;
  struct moon_scoped scoped;
  uint8_t engine_id[MOON_ENGINE_ID_MAX];
  bool shorten_salt;
  int32_t id;
  uint8_t request[65536];
  size_t n_request;
  /* What came back: of reply[0] that are not out of place, the last. */
  struct moon_answer answer;
  struct moon_v3 got;
  struct moon_scoped reply;
  struct moon_varbind vb[BIG_N];
  uint32_t n;
  uint8_t opened[65536];
  uint8_t room[MOON_ANSWER_ROOM];
};

static struct guard guard;

UNUSED static void set_user(struct talk *t, int i, const char *name, enum moon_auth auth, enum moon_priv priv, uint8_t level) {
  struct moon_user *u = &t->users[i];
  *u = (struct moon_user){.name_len = (uint8_t)strlen(name), .auth = (uint8_t)auth, .priv = (uint8_t)priv, .level = level,
                          .write = i != READER};
  memcpy(u->name, name, strlen(name));
  u->auth_key.len = (uint8_t)moon_auth_key_len(auth); /* Ku of nobody's password */
  u->priv_key.len = priv ? u->auth_key.len : 0;
  memset(u->auth_key.octets, 0xa0 + i, u->auth_key.len);
  memset(u->priv_key.octets, 0x50 + i, u->priv_key.len);
}

UNUSED static void restart(struct talk *t, uint32_t number) {
  moon_agent_fini(&t->agent);
  moon_agent_init(&t->agent, &t->profile, 7, number, t->now_us);
}

UNUSED static void set_flaw(struct talk *t, const struct moon_flaw *rule) {
  enum moon_err e;
  moon_flaws_free(t->flaws);
  t->flaws = rule ? moon_flaws_new(rule, 1, NULL, &e) : NULL;
  assert_true(!rule || t->flaws);
  t->profile.flaws = t->flaws;
}

UNUSED static struct talk *fresh(void) {
  static struct talk t;
  memset(&t, 0, sizeof t);
  t.recording = sim_recording(device);
  t.other = sim_recording(other);
  set_user(&t, OPS, "ops", MOON_AUTH_SHA256, MOON_PRIV_AES128, MOON_V3_LEVEL);
  set_user(&t, AUTH, "auth", MOON_AUTH_SHA1, MOON_PRIV_NONE, MOON_V3_AUTH);
  set_user(&t, NOBODY, "nobody", MOON_AUTH_NONE, MOON_PRIV_NONE, 0);
  set_user(&t, LOOSE, "loose", MOON_AUTH_MD5, MOON_PRIV_DES, 0);
  set_user(&t, READER, "reader", MOON_AUTH_SHA512, MOON_PRIV_AES256, MOON_V3_AUTH);
  assert_int_equal(moon_user_pool_new(1, 0, &t.pool), MOON_OK);
  assert_int_equal(moon_crypto_new(1u << 20, &t.crypto), MOON_OK);
  t.contexts[0] = (struct moon_context){.name = (const uint8_t *)"same", .len = 4};
  t.contexts[1] = (struct moon_context){.name = (const uint8_t *)"vlan-7", .len = 6, .recording = t.other};
  t.security = (struct moon_security){t.pool, t.users, t.contexts, USERS_N, 2};
  t.profile = (struct moon_profile){.recording = t.recording, .security = &t.security, .max_octets = 1472};
  t.now_us = 5 * S;
  restart(&t, 1);
  return &t;
}

UNUSED static void done(struct talk *t) {
  moon_agent_fini(&t->agent);
  moon_user_pool_free(t->pool);
  moon_crypto_free(t->crypto);
  moon_flaws_free(t->flaws);
  moon_recording_free(t->recording);
  moon_recording_free(t->other);
}

/* The manager's keys for the engine it has in mind. */
UNUSED static struct moon_usm *usm_of(struct talk *t) {
  const struct moon_user *u = t->user;
  struct moon_key auth, priv = {.len = 0};
  struct moon_usm *usm;
  if (!u || !u->auth) { return NULL; }
  assert_int_equal(moon_key_localize(t->crypto, u->auth, &u->auth_key, t->v.engine_id, t->v.engine_id_len, &auth), MOON_OK);
  if (u->priv) {
    assert_int_equal(moon_key_localize_priv(t->crypto, u->auth, u->priv, &u->priv_key, t->v.engine_id, t->v.engine_id_len, &priv), MOON_OK);
  }
  assert_int_equal(moon_usm_new(t->crypto, u->auth, &auth, u->priv, &priv, &usm), MOON_OK);
  return usm;
}

UNUSED static void check_balance(const struct talk *t) {
  const struct moon_agent_counts *c = &t->agent.counts;
  uint64_t refused = 0;
  for (size_t k = 1; k < MOON_REFUSALS_N; k++) { refused += c->refusals[k]; }
  assert_int_equal(c->refused, refused);
  assert_int_equal(c->datagrams, c->malformed + c->bad_community + c->refused + c->gets + c->nexts + c->bulks + c->sets);
  assert_int_equal(c->gets + c->nexts + c->bulks + c->sets, c->answered + c->silent);
}

/* What came as reply i; false: nothing. It must be whole, and readable with the user's keys. */
UNUSED static bool read_reply(struct talk *t, uint32_t i) {
  struct moon_reader list;
  struct moon_usm *usm;
  if (i >= t->answer.n) { return false; }
  const struct moon_reply *r = &t->answer.reply[i];
  assert_int_equal(moon_v3_decode(r->p, r->n, &t->got), MOON_OK);
  assert_false(t->got.trailing);
  t->v.engine_id = t->got.engine_id;
  t->v.engine_id_len = t->got.engine_id_len;
  usm = usm_of(t);
  assert_int_equal(moon_usm_open(usm, 0, r->p, &t->got, t->opened, sizeof t->opened, &t->reply), MOON_OK);
  moon_usm_free(usm);
  memcpy(t->engine_id, t->got.engine_id, t->got.engine_id_len);
  t->v.engine_id = t->engine_id;
  assert_false(t->got.flags & MOON_V3_REPORTABLE);
  moon_reader_init(&list, t->reply.pdu.varbinds, t->reply.pdu.varbinds_len);
  for (t->n = 0; t->n < BIG_N && moon_varbind_get(&list, &t->vb[t->n]); t->n++) {}
  assert_int_equal(list.err, MOON_OK);
  return true;
}

UNUSED static void feed(struct talk *t, const uint8_t *p, size_t n) {
  moon_agent_answer(&t->agent, t->now_us, guard_put(&guard, p, n), n, t->room, &t->answer);
  check_balance(t);
}

/* Seals what t->v and t->scoped say, the PDU aside, into t->request. */
UNUSED static void make(struct talk *t, uint8_t type, int32_t a, int32_t b, const struct moon_varbind *vb, size_t n) {
  struct moon_writer w;
  struct moon_usm *usm = usm_of(t);
  moon_writer_init(&w, t->request, sizeof t->request);
  while (n) { moon_varbind_put(&w, &vb[--n]); }
  t->v.id = (uint32_t)(++t->id) + 1000;
  if (t->user) {
    t->v.user = t->user->name;
    t->v.user_len = t->user->name_len;
  }
  t->scoped.pdu = (struct moon_pdu){.type = type, .request_id = t->id, .error_status = a, .error_index = b, .varbinds = w.p,
                                    .varbinds_len = moon_writer_len(&w)};
  moon_usm_seal(usm, &w, &t->v, &t->scoped);
  assert_int_equal(w.err, MOON_OK);
  moon_usm_free(usm);
  t->n_request = moon_writer_len(&w);
  memmove(t->request, w.p, t->n_request);
}

/* One name: 0 when nothing came, or the type of what came. */
UNUSED static uint8_t ask_oid(struct talk *t, uint8_t type, int32_t reps, const char *oid) {
  struct moon_varbind vb = sim_varbind(oid, MOON_NULL, "", 0);
  make(t, type, 0, reps, &vb, 1);
  feed(t, t->request, t->n_request);
  if (!read_reply(t, 0)) { return 0; }
  return t->reply.pdu.type;
}
UNUSED static uint8_t get(struct talk *t) { return ask_oid(t, MOON_PDU_GET, 0, SYS "5.0"); }

/* Discovers; the manager knows engine, boots and time from then on. */
UNUSED static void meet(struct talk *t, int user, uint8_t level) {
  t->v = (struct moon_v3){.max_size = 65507, .flags = MOON_V3_REPORTABLE};
  t->scoped = (struct moon_scoped){.context = (const uint8_t *)""};
  t->user = NULL;
  assert_int_equal(ask_oid(t, MOON_PDU_GET, 0, SYS "3.0"), REPORT);
  t->v.boots = t->got.boots;
  t->v.time = t->got.time;
  t->v.flags = MOON_V3_REPORTABLE | level;
  t->user = user < 0 ? NULL : &t->users[user];
  t->scoped.engine_id = t->engine_id;
  t->scoped.engine_id_len = t->v.engine_id_len;
}

UNUSED static void check_report(const struct talk *t, enum moon_refusal why, uint8_t level) {
  static const char *const oids[] = {NULL, USM "1.0", USM "2.0", USM "3.0", USM "4.0", USM "5.0", USM "6.0", "1.3.6.1.6.3.11.2.1.3.0",
                                     "1.3.6.1.6.3.12.1.5.0"};
  assert_int_equal(t->answer.n, 1);
  assert_int_equal(t->reply.pdu.type, REPORT);
  assert_int_equal(t->n, 1);
  assert_true(sim_is(&t->vb[0], oids[why]));
  assert_int_equal(t->vb[0].type, MOON_COUNTER32);
  assert_int_equal(sim_number(&t->vb[0]), t->agent.counts.refusals[why]);
  assert_int_equal(t->got.flags, level);
  assert_int_equal(t->got.id, t->v.id);
  assert_int_equal(t->reply.engine_id_len, t->got.engine_id_len);
  assert_memory_equal(t->reply.engine_id, t->got.engine_id, t->got.engine_id_len);
}

UNUSED static void check_answer(const struct talk *t) {
  assert_int_equal(t->answer.n, 1);
  assert_int_equal(t->reply.pdu.type, RESPONSE);
  assert_int_equal(t->reply.pdu.request_id, t->id);
  assert_int_equal(t->reply.pdu.error_status, 0);
  assert_int_equal(t->got.id, t->v.id);
  assert_int_equal(t->got.flags, t->v.flags & MOON_V3_LEVEL);
  assert_int_equal(t->got.user_len, t->v.user_len);
  assert_memory_equal(t->got.user, t->v.user, t->v.user_len);
  assert_int_equal(t->reply.context_len, t->scoped.context_len);
  assert_memory_equal(t->reply.engine_id, t->engine_id, t->reply.engine_id_len);
}

#endif
