/* envelope: agents that speak SNMPv3, asked by a manager made of wire/ alone, on a clock of its own: discovery, levels, every
 * protocol, the time window, reports, contexts, sizes, and each fault of version 3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../core/agent/answer.h"
#include "failmem.h"
#include "guard.h"
#include "sim_rig.h"

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

static void set_user(struct talk *t, int i, const char *name, enum moon_auth auth, enum moon_priv priv, uint8_t level) {
  struct moon_user *u = &t->users[i];
  *u = (struct moon_user){.name_len = (uint8_t)strlen(name), .auth = (uint8_t)auth, .priv = (uint8_t)priv, .level = level,
                          .write = i != READER};
  memcpy(u->name, name, strlen(name));
  u->auth_key.len = (uint8_t)moon_auth_key_len(auth); /* Ku of nobody's password */
  u->priv_key.len = priv ? u->auth_key.len : 0;
  memset(u->auth_key.octets, 0xa0 + i, u->auth_key.len);
  memset(u->priv_key.octets, 0x50 + i, u->priv_key.len);
}

static void restart(struct talk *t, uint32_t number) {
  moon_agent_fini(&t->agent);
  moon_agent_init(&t->agent, &t->profile, 7, number, t->now_us);
}

static void set_flaw(struct talk *t, const struct moon_flaw *rule) {
  enum moon_err e;
  moon_flaws_free(t->flaws);
  t->flaws = rule ? moon_flaws_new(rule, 1, NULL, &e) : NULL;
  assert_true(!rule || t->flaws);
  t->profile.flaws = t->flaws;
}

static struct talk *fresh(void) {
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

static void done(struct talk *t) {
  moon_agent_fini(&t->agent);
  moon_user_pool_free(t->pool);
  moon_crypto_free(t->crypto);
  moon_flaws_free(t->flaws);
  moon_recording_free(t->recording);
  moon_recording_free(t->other);
}

/* The manager's keys for the engine it has in mind. */
static struct moon_usm *usm_of(struct talk *t) {
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

static void check_balance(const struct talk *t) {
  const struct moon_agent_counts *c = &t->agent.counts;
  uint64_t refused = 0;
  for (size_t k = 1; k < MOON_REFUSALS_N; k++) { refused += c->refusals[k]; }
  assert_int_equal(c->refused, refused);
  assert_int_equal(c->datagrams, c->malformed + c->bad_community + c->refused + c->gets + c->nexts + c->bulks + c->sets);
  assert_int_equal(c->gets + c->nexts + c->bulks + c->sets, c->answered + c->silent);
}

/* What came as reply i; false: nothing. It must be whole, and readable with the user's keys. */
static bool read_reply(struct talk *t, uint32_t i) {
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

static void feed(struct talk *t, const uint8_t *p, size_t n) {
  moon_agent_answer(&t->agent, t->now_us, guard_put(&guard, p, n), n, t->room, &t->answer);
  check_balance(t);
}

/* Seals what t->v and t->scoped say, the PDU aside, into t->request. */
static void make(struct talk *t, uint8_t type, int32_t a, int32_t b, const struct moon_varbind *vb, size_t n) {
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
static uint8_t ask_oid(struct talk *t, uint8_t type, int32_t reps, const char *oid) {
  struct moon_varbind vb = sim_varbind(oid, MOON_NULL, "", 0);
  make(t, type, 0, reps, &vb, 1);
  feed(t, t->request, t->n_request);
  if (!read_reply(t, 0)) { return 0; }
  return t->reply.pdu.type;
}
static uint8_t get(struct talk *t) { return ask_oid(t, MOON_PDU_GET, 0, SYS "5.0"); }

/* Discovers; the manager knows engine, boots and time from then on. */
static void meet(struct talk *t, int user, uint8_t level) {
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

static void check_report(const struct talk *t, enum moon_refusal why, uint8_t level) {
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

static void check_answer(const struct talk *t) {
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

static void test_discovery(void **state) {
  struct talk *t = fresh();
  uint8_t first[MOON_ENGINE_ID_MAX];
  (void)state;
  t->now_us += 77 * S;
  meet(t, -1, 0);
  check_report(t, MOON_REFUSE_ENGINE, 0);
  assert_int_equal(t->reply.pdu.request_id, t->id);
  assert_int_equal(t->got.user_len, 0);
  assert_int_equal(t->got.time, 77);
  assert_true(t->got.boots >= 1 && t->got.boots <= 50);
  assert_int_equal(t->got.max_size, 65507);
  assert_int_equal(t->got.engine_id_len, 13); /* RFC 3411 5: enterprise with the high bit, octets */
  assert_int_equal(t->got.engine_id[0], 0x80);
  assert_int_equal(t->got.engine_id[4], 5);
  memcpy(first, t->engine_id, 13);
  restart(t, 2);
  meet(t, OPS, MOON_V3_LEVEL);
  assert_memory_not_equal(t->engine_id, first, 13);
  assert_int_equal(get(t), RESPONSE);
  check_answer(t);
  t->engine_id[12] ^= 1; /* somebody else's */
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_ENGINE, 0);
  restart(t, 1);
  meet(t, -1, 0);
  assert_memory_equal(t->engine_id, first, 13);
  t->identity = (struct moon_identity){.engine_id = "\x80\0\x1f\x88\x04lab", .engine_id_len = 8, .has_boots = true, .boots = 4711,
                                       .time = 100};
  t->agent.identity = &t->identity;
  t->now_us += 3 * S;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->got.engine_id_len, 8);
  assert_memory_equal(t->engine_id, "\x80\0\x1f\x88\x04lab", 8);
  assert_int_equal(t->got.boots, 4711);
  assert_int_equal(t->got.time, 103);
  assert_int_equal(get(t), RESPONSE);
  assert_true(moon_agent_is_engine(&t->agent, t->now_us, t->request, t->n_request));
  assert_false(moon_agent_is_engine(&t->agent, t->now_us, t->request, t->n_request - 1));
  t->agent.identity = NULL;
  assert_false(moon_agent_is_engine(&t->agent, t->now_us, t->request, t->n_request));
  done(t);
}

static void test_protocols(void **state) {
  struct talk *t = fresh();
  (void)state;
  for (unsigned auth = MOON_AUTH_MD5; auth < MOON_AUTH_N; auth++) {
    for (unsigned priv = MOON_PRIV_NONE; priv < MOON_PRIV_N; priv++) {
      uint8_t most = priv ? MOON_V3_LEVEL : MOON_V3_AUTH;
      set_user(t, OPS, "ops", (enum moon_auth)auth, (enum moon_priv)priv, 0);
      restart(t, auth * 10 + priv);
      for (unsigned level = 0; level <= most; level += level ? 2u : 1u) {
        meet(t, OPS, (uint8_t)level);
        for (unsigned i = 0; i < 3; i++) {
          assert_int_equal(get(t), RESPONSE);
          check_answer(t);
          assert_memory_equal(t->vb[0].value, "name", 4);
        }
      }
      assert_int_equal(t->agent.counts.answered, most == MOON_V3_LEVEL ? 9 : 6);
      assert_int_equal(t->agent.counts.varbinds, most == MOON_V3_LEVEL ? 9 : 6);
    }
  }
  done(t);
}

static void test_levels(void **state) {
  struct talk *t = fresh();
  (void)state;
  meet(t, OPS, MOON_V3_AUTH);
  assert_int_equal(get(t), RESPONSE);
  assert_int_equal(t->reply.pdu.error_status, 16); /* authorizationError */
  assert_int_equal(t->reply.pdu.error_index, 0);
  assert_int_equal(t->n, 1);
  assert_int_equal(t->got.flags, MOON_V3_AUTH);
  meet(t, OPS, 0);
  assert_int_equal(get(t), RESPONSE);
  assert_int_equal(t->reply.pdu.error_status, 16);
  meet(t, AUTH, MOON_V3_AUTH);
  assert_int_equal(get(t), RESPONSE);
  check_answer(t);
  meet(t, LOOSE, 0);
  assert_int_equal(get(t), RESPONSE);
  check_answer(t);
  /* More than his keys allow. The manager has keys of its own idea. */
  set_user(t, LOOSE, "auth", MOON_AUTH_SHA1, MOON_PRIV_AES128, 0);
  t->security.n_users = LOOSE;
  meet(t, LOOSE, MOON_V3_LEVEL);
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_LEVEL, 0);
  assert_int_equal(t->reply.pdu.request_id, 0); /* encrypted */
  set_user(t, LOOSE, "nobody", MOON_AUTH_SHA1, MOON_PRIV_NONE, 0);
  meet(t, LOOSE, MOON_V3_AUTH);
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_LEVEL, 0);
  assert_int_equal(t->reply.pdu.request_id, t->id);
  set_user(t, LOOSE, "stranger", MOON_AUTH_SHA1, MOON_PRIV_AES128, 0);
  meet(t, LOOSE, MOON_V3_LEVEL);
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_USER, 0);
  done(t);
}

static void test_wrong_keys(void **state) {
  struct talk *t = fresh();
  struct moon_user mine;
  uint64_t malformed;
  (void)state;
  meet(t, OPS, MOON_V3_LEVEL);
  mine = t->users[OPS];
  mine.auth_key.octets[3] ^= 1;
  t->user = &mine;
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_DIGEST, 0);
  mine = t->users[OPS];
  mine.auth = MOON_AUTH_SHA1; /* a digest of another length */
  mine.auth_key.len = 20;
  mine.priv_key.len = 20;
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_DIGEST, 0);
  mine = t->users[OPS];
  mine.priv_key.octets[3] ^= 1; /* noise, which real agents drop */
  malformed = t->agent.counts.malformed;
  for (unsigned i = 0; i < 50; i++) { assert_int_equal(get(t), 0); }
  assert_int_equal(t->agent.counts.malformed, malformed + 50);
  assert_int_equal(t->agent.counts.answered, 0);
  mine = t->users[OPS];
  assert_int_equal(get(t), RESPONSE);
  done(t);
}

/* A salt of another length, a cipher text of half a block: no privacy protocol makes these. */
static void test_decryption_error(void **state) {
  struct talk *t = fresh();
  struct moon_writer w;
  struct moon_usm *usm;
  static const uint8_t octets[20] = {1};
  size_t at;
  (void)state;
  for (unsigned i = 0; i < 3; i++) {
    meet(t, i == 2 ? LOOSE : OPS, MOON_V3_LEVEL);
    usm = usm_of(t);
    t->v.user = t->user->name;
    t->v.user_len = t->user->name_len;
    t->v.auth_len = (uint8_t)moon_auth_digest_len((enum moon_auth)t->user->auth);
    t->v.priv = octets;
    t->v.priv_len = i ? 8 : 7;
    t->v.scoped = octets;
    t->v.scoped_len = i ? 20 : 16;
    if (i == 1) { t->v.flags &= (uint8_t)~MOON_V3_REPORTABLE; } /* nothing but the flag tells now */
    moon_writer_init(&w, t->request, sizeof t->request);
    if (i == 1) { t->v.priv_len = 9; }
    at = moon_v3_encode(&w, &t->v);
    assert_int_equal(moon_usm_sign(usm, w.p, moon_writer_len(&w), at), MOON_OK);
    moon_usm_free(usm);
    feed(t, w.p, moon_writer_len(&w));
    assert_int_equal(t->agent.counts.refusals[MOON_REFUSE_DECRYPTION], i + 1);
    if (i == 1) {
      assert_int_equal(t->answer.n, 0);
      continue;
    }
    assert_true(read_reply(t, 0));
    check_report(t, MOON_REFUSE_DECRYPTION, 0);
    assert_int_equal(t->reply.pdu.request_id, 0);
  }
  done(t);
}

static void test_window(void **state) {
  static const struct { int32_t boots, time; bool in; } cases[] = {
    {0, 0, true}, {0, 150, true}, {0, 151, false}, {0, -150, true}, {0, -151, false}, {1, 0, false}, {-1, 0, false}, {0, 100000, false},
  };
  struct talk *t = fresh();
  (void)state;
  t->now_us += 1000 * S;
  for (unsigned user = OPS; user <= AUTH; user++) {
    uint8_t level = user == OPS ? MOON_V3_LEVEL : MOON_V3_AUTH;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      meet(t, (int)user, level);
      t->v.boots += (uint32_t)cases[i].boots;
      t->v.time += (uint32_t)cases[i].time;
      assert_int_equal(get(t), cases[i].in ? RESPONSE : REPORT);
      if (cases[i].in) {
        check_answer(t);
      } else {
        check_report(t, MOON_REFUSE_WINDOW, MOON_V3_AUTH); /* signed, so that what it says can be learned: RFC 3414 3.2 7 */
        assert_int_equal(t->got.time, 1000);
      }
    }
  }
  /* As RFC 3414 4 has it: with nothing known of time, learned from the signed report. */
  meet(t, OPS, MOON_V3_LEVEL);
  t->v.boots = t->v.time = 0;
  assert_int_equal(get(t), REPORT);
  t->v.boots = t->got.boots;
  t->v.time = t->got.time;
  assert_int_equal(get(t), RESPONSE);
  t->now_us += 150 * S;
  assert_int_equal(get(t), RESPONSE);
  t->now_us += S;
  assert_int_equal(get(t), REPORT);
  /* Without a signature nobody looks at the clock. */
  meet(t, NOBODY, 0);
  t->v.boots = t->v.time = 0;
  assert_int_equal(get(t), RESPONSE);
  check_answer(t);
  done(t);
}

static void test_boots(void **state) {
  struct talk *t = fresh();
  struct moon_flaw rule = {.kind = MOON_FLAW_REBOOT, .from_us = 100 * S, .delay_us = 10 * S, .period_us = 50 * S};
  (void)state;
  t->identity = (struct moon_identity){.has_boots = true, .boots = 9, .time = 1000};
  t->agent.identity = &t->identity;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->v.boots, 9);
  assert_int_equal(t->v.time, 1000);
  t->now_us += 20 * S;
  moon_agent_reboot(&t->agent, t->now_us);
  t->now_us += 4 * S;
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_WINDOW, MOON_V3_AUTH);
  assert_int_equal(t->got.boots, 10);
  assert_int_equal(t->got.time, 4);
  /* The same on a time line: silent for 10 s, then one more boot. */
  restart(t, 1);
  t->agent.identity = &t->identity;
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  t->now_us += 105 * S;
  assert_int_equal(get(t), 0);
  t->now_us += 8 * S;
  assert_int_equal(get(t), REPORT);
  assert_int_equal(t->got.boots, 10);
  assert_int_equal(t->got.time, 3);
  t->now_us += 50 * S;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->got.boots, 11);
  assert_int_equal(get(t), RESPONSE);
  set_flaw(t, NULL);
  /* Time runs over into boots; at the last boot nothing signed is in its window. */
  restart(t, 1);
  t->identity.time = INT32_MAX;
  t->agent.identity = &t->identity;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->v.time, INT32_MAX);
  t->now_us += S;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->v.boots, 10);
  assert_int_equal(t->v.time, 0);
  assert_int_equal(get(t), RESPONSE);
  t->identity.boots = INT32_MAX - 1;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->v.boots, INT32_MAX);
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_WINDOW, MOON_V3_AUTH);
  t->identity.boots = INT32_MAX;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->v.boots, INT32_MAX);
  assert_int_equal(get(t), REPORT);
  done(t);
}

static void test_contexts(void **state) {
  struct talk *t = fresh();
  const struct moon_varbind set = sim_varbind(SYS "5.0", MOON_OCTET_STRING, "set", 3);
  (void)state;
  meet(t, OPS, MOON_V3_LEVEL);
  t->scoped.context = (const uint8_t *)"same";
  t->scoped.context_len = 4;
  make(t, MOON_PDU_SET, 0, 0, &set, 1);
  feed(t, t->request, t->n_request);
  assert_true(read_reply(t, 0));
  check_answer(t);
  assert_memory_equal(t->reply.context, "same", 4);
  assert_int_equal(get(t), RESPONSE);
  assert_memory_equal(t->vb[0].value, "set", 3);
  t->scoped.context = (const uint8_t *)"vlan-7";
  t->scoped.context_len = 6;
  assert_int_equal(get(t), RESPONSE);
  check_answer(t);
  assert_memory_equal(t->vb[0].value, "vlan", 4);
  assert_int_equal(ask_oid(t, MOON_PDU_GET_NEXT, 0, SYS "5.0"), RESPONSE);
  assert_int_equal(t->vb[0].type, MOON_END_OF_MIB_VIEW);
  make(t, MOON_PDU_SET, 0, 0, &set, 1);
  feed(t, t->request, t->n_request);
  assert_true(read_reply(t, 0));
  assert_int_equal(t->reply.pdu.error_status, 6); /* noAccess */
  assert_int_equal(get(t), RESPONSE);
  assert_memory_equal(t->vb[0].value, "vlan", 4);
  t->scoped.context_len = 0;
  assert_int_equal(get(t), RESPONSE);
  assert_memory_equal(t->vb[0].value, "set", 3);
  t->scoped.context = (const uint8_t *)"vlan-8";
  t->scoped.context_len = 6;
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_CONTEXT, MOON_V3_LEVEL);
  assert_int_equal(t->reply.pdu.request_id, t->id);
  meet(t, OPS, MOON_V3_LEVEL);
  t->scoped.engine_id = (const uint8_t *)"\x80\0\0\0\x05other";
  t->scoped.engine_id_len = 10;
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_HANDLER, MOON_V3_LEVEL);
  meet(t, READER, MOON_V3_AUTH);
  make(t, MOON_PDU_SET, 0, 0, &set, 1);
  feed(t, t->request, t->n_request);
  assert_true(read_reply(t, 0));
  assert_int_equal(t->reply.pdu.error_status, 6);
  assert_int_equal(t->agent.counts.set_vars, 1);
  done(t);
}

/* Reports go to requests; to what cannot be read, as the flag says: RFC 3412 6.4. */
static void test_reportable(void **state) {
  struct talk *t = fresh();
  static const uint8_t quiet[] = {MOON_PDU_RESPONSE, MOON_PDU_TRAP, MOON_PDU_REPORT};
  (void)state;
  meet(t, OPS, MOON_V3_LEVEL);
  t->v.engine_id_len--;
  assert_int_equal(get(t), REPORT);
  t->v.flags = MOON_V3_LEVEL;
  t->v.engine_id_len = 5;
  assert_int_equal(get(t), 0);
  t->v.flags = 0;
  t->v.engine_id_len = 5;
  assert_int_equal(get(t), REPORT);
  for (size_t i = 0; i < sizeof quiet; i++) {
    uint64_t malformed = t->agent.counts.malformed;
    t->v.flags = MOON_V3_REPORTABLE;
    t->v.engine_id_len = 5;
    assert_int_equal(ask_oid(t, quiet[i], 0, SYS "5.0"), 0);
    meet(t, OPS, MOON_V3_LEVEL);
    assert_int_equal(ask_oid(t, quiet[i], 0, SYS "5.0"), 0);
    assert_int_equal(t->agent.counts.malformed, malformed + 2);
  }
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(ask_oid(t, MOON_PDU_INFORM, 0, SYS "5.0"), REPORT);
  check_report(t, MOON_REFUSE_HANDLER, MOON_V3_LEVEL);
  done(t);
}

static void test_sizes(void **state) {
  struct talk *t = fresh();
  struct moon_varbind vb[60];
  char text[8192];
  size_t n = 0;
  (void)state;
  for (unsigned i = 1; i <= 60; i++) { n += (size_t)snprintf(text + n, sizeof text - n, SYS "9.1.%u|4|twenty octets of text\n", i); }
  moon_recording_free(t->recording);
  t->profile.recording = t->recording = sim_recording(text);
  for (unsigned user = OPS; user < USERS_N; user++) {
    const struct moon_user *u = &t->users[user];
    t->profile.max_octets = 0;
    for (uint32_t max = 484; max < 2700; max += 37) {
      meet(t, (int)user, moon_user_level(u));
      t->v.max_size = max;
      assert_int_equal(ask_oid(t, MOON_PDU_GET_BULK, 100, SYS "9"), RESPONSE);
      check_answer(t);
      assert_true(t->answer.reply[0].n <= max);
      assert_true(t->n >= 60 || t->answer.reply[0].n > max - 35 - 30); /* as much as fits */
      for (unsigned i = 0; i < 60; i++) {
        snprintf(text, sizeof text, SYS "9.1.%u", i + 1);
        vb[i] = sim_varbind(text, MOON_NULL, "", 0);
      }
      make(t, MOON_PDU_GET, 0, 0, vb, 60);
      feed(t, t->request, t->n_request);
      assert_true(read_reply(t, 0));
      assert_true(t->answer.reply[0].n <= max);
      if (max < 2100 || max > 2400) { assert_int_equal(t->reply.pdu.error_status, max < 2100); } /* tooBig */
      assert_int_equal(t->n, t->reply.pdu.error_status ? 0 : 60);
    }
    t->profile.max_octets = 600;
    t->v.max_size = 65507;
    assert_int_equal(ask_oid(t, MOON_PDU_GET_BULK, 100, SYS "9"), RESPONSE);
    assert_true(t->answer.reply[0].n <= 600 && t->answer.reply[0].n > 500);
  }
  done(t);
}

/* Its own counts and its own engine, as values. */
static void test_own_values(void **state) {
  static const struct moon_dump_options options = {.snmp = true, .usm = true};
  struct talk *t = fresh();
  enum moon_err e;
  (void)state;
  moon_recording_free(t->recording);
  t->profile.recording = t->recording = moon_dump_read(device, sizeof device - 1, &options, NULL, &e);
  t->profile.snmp = true;
  t->now_us += 42 * S;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(ask_oid(t, MOON_PDU_GET, 0, ENGINE "1.0"), RESPONSE);
  assert_int_equal(t->vb[0].type, MOON_OCTET_STRING);
  assert_int_equal(t->vb[0].value_len, t->v.engine_id_len);
  assert_memory_equal(t->vb[0].value, t->engine_id, t->v.engine_id_len);
  assert_int_equal(ask_oid(t, MOON_PDU_GET, 0, ENGINE "2.0"), RESPONSE);
  assert_int_equal(sim_number(&t->vb[0]), t->v.boots);
  assert_int_equal(ask_oid(t, MOON_PDU_GET_NEXT, 0, ENGINE "2.0"), RESPONSE);
  assert_true(sim_is(&t->vb[0], ENGINE "3.0"));
  assert_int_equal(sim_number(&t->vb[0]), 42);
  for (unsigned i = 0; i < 3; i++) { meet(t, OPS, MOON_V3_LEVEL); }
  assert_int_equal(ask_oid(t, MOON_PDU_GET_BULK, 6, USM "1"), RESPONSE);
  assert_int_equal(t->n, 6);
  for (unsigned i = 0; i < 6; i++) { assert_int_equal(sim_number(&t->vb[i]), i == 3 ? 4 : 0); }
  assert_true(sim_is(&t->vb[5], USM "6.0"));
  assert_int_equal(ask_oid(t, MOON_PDU_GET, 0, "1.3.6.1.2.1.11.2.0"), RESPONSE);
  assert_int_equal(sim_number(&t->vb[0]), 8); /* snmpOutPkts: four reports, four answers */
  t->profile.snmp = false; /* as recorded */
  assert_int_equal(ask_oid(t, MOON_PDU_GET, 0, USM "4.0"), RESPONSE);
  assert_int_equal(sim_number(&t->vb[0]), 0);
  done(t);
}

/* ---- faults */

static uint32_t flawed(const struct talk *t, enum moon_flaw_kind k) { return t->agent.counts.flaws[k]; }

static void test_identity_faults(void **state) {
  struct talk *t = fresh();
  struct moon_flaw rule = {.kind = MOON_FLAW_BOOTS_BACK, .n = 3, .from_us = 10 * S, .to_us = 20 * S, .every_us = 100 * S};
  uint8_t own[MOON_ENGINE_ID_MAX], ids[4][MOON_ENGINE_ID_MAX];
  uint32_t boots;
  (void)state;
  t->identity = (struct moon_identity){.has_boots = true, .boots = 9};
  t->agent.identity = &t->identity;
  set_flaw(t, &rule);
  for (unsigned turn = 0; turn < 2; turn++) {
    meet(t, OPS, MOON_V3_LEVEL);
    boots = t->v.boots;
    assert_int_equal(boots, 9);
    t->now_us += 10 * S;
    assert_int_equal(get(t), REPORT);
    check_report(t, MOON_REFUSE_WINDOW, MOON_V3_AUTH);
    assert_int_equal(t->got.boots, 6);
    t->v.boots = 6;
    assert_int_equal(get(t), RESPONSE);
    t->now_us += 10 * S;
    assert_int_equal(get(t), REPORT);
    assert_int_equal(t->got.boots, 9);
    t->now_us += 80 * S;
  }
  assert_int_equal(flawed(t, MOON_FLAW_BOOTS_BACK), 4);
  t->identity.boots = 1; /* never below 0 */
  t->now_us += 10 * S;
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->v.boots, 0);
  assert_int_equal(get(t), RESPONSE);
  /* Its clock off by 200 s, both ways. */
  for (int sign = -1; sign <= 1; sign += 2) {
    rule = (struct moon_flaw){.kind = MOON_FLAW_CLOCK_JUMP, .jump_us = sign * 200 * (int64_t)S, .from_us = 1000 * S, .to_us = 1010 * S};
    set_flaw(t, &rule);
    restart(t, 1);
    t->now_us += 999 * S;
    meet(t, OPS, MOON_V3_LEVEL);
    t->now_us += 2 * S;
    assert_int_equal(get(t), REPORT);
    check_report(t, MOON_REFUSE_WINDOW, MOON_V3_AUTH);
    assert_int_equal(t->got.time, 1001 + sign * 200);
    t->now_us += 10 * S;
    assert_int_equal(get(t), RESPONSE);
  }
  /* Another engine id, and another; then its own again. */
  rule = (struct moon_flaw){.kind = MOON_FLAW_ENGINE_CHANGE, .from_us = 10 * S, .to_us = 50 * S, .period_us = 20 * S};
  set_flaw(t, &rule);
  restart(t, 1);
  for (unsigned i = 0; i < 4; i++) {
    if (i) {
      assert_int_equal(get(t), REPORT);
      check_report(t, MOON_REFUSE_ENGINE, 0);
    }
    meet(t, OPS, MOON_V3_LEVEL);
    memcpy(ids[i], t->engine_id, 13);
    assert_int_equal(get(t), RESPONSE);
    check_answer(t);
    t->now_us += i ? 20 * S : 10 * S;
  }
  assert_memory_equal(ids[0], ids[3], 13);
  assert_memory_not_equal(ids[0], ids[1], 13);
  assert_memory_not_equal(ids[1], ids[2], 13);
  memcpy(own, ids[0], 13);
  /* One that several have. */
  rule = (struct moon_flaw){.kind = MOON_FLAW_ENGINE_DUPLICATE, .n = 5};
  set_flaw(t, &rule);
  for (uint32_t i = 0; i < 2; i++) {
    restart(t, i);
    meet(t, OPS, MOON_V3_LEVEL);
    memcpy(ids[i], t->engine_id, 13);
    assert_int_equal(get(t), RESPONSE);
  }
  assert_memory_equal(ids[0], ids[1], 13);
  assert_memory_not_equal(ids[0], own, 13);
  assert_true(flawed(t, MOON_FLAW_ENGINE_DUPLICATE) == 2);
  rule.n = 6;
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  assert_memory_not_equal(ids[0], t->engine_id, 13);
  done(t);
}

static void test_message_faults(void **state) {
  struct talk *t = fresh();
  struct moon_flaw rule = {.kind = MOON_FLAW_BAD_DIGEST};
  struct moon_usm *usm;
  uint8_t before[2048];
  uint32_t n_before;
  (void)state;
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  make(t, MOON_PDU_GET, 0, 0, NULL, 0);
  feed(t, t->request, t->n_request);
  assert_int_equal(t->answer.n, 1);
  assert_int_equal(moon_v3_decode(t->answer.reply[0].p, t->answer.reply[0].n, &t->got), MOON_OK);
  usm = usm_of(t);
  assert_int_equal(moon_usm_open(usm, 0, t->answer.reply[0].p, &t->got, t->opened, sizeof t->opened, &t->reply), MOON_E_AUTH);
  moon_usm_free(usm);
  assert_int_equal(flawed(t, MOON_FLAW_BAD_DIGEST), 1);
  for (uint32_t n = 0; n < 2; n++) {
    rule = (struct moon_flaw){.kind = MOON_FLAW_DOWNGRADE, .n = n};
    set_flaw(t, &rule);
    meet(t, OPS, MOON_V3_LEVEL);
    assert_int_equal(get(t), RESPONSE);
    assert_int_equal(t->got.flags, n);
    assert_int_equal(flawed(t, MOON_FLAW_DOWNGRADE), n + 1);
  }
  meet(t, AUTH, MOON_V3_AUTH); /* nothing to take away */
  assert_int_equal(get(t), RESPONSE);
  assert_int_equal(t->got.flags, MOON_V3_AUTH);
  assert_int_equal(flawed(t, MOON_FLAW_DOWNGRADE), 2);
  rule = (struct moon_flaw){.kind = MOON_FLAW_WRONG_CONTEXT};
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(get(t), RESPONSE);
  assert_true(t->reply.engine_id_len != t->v.engine_id_len);
  rule = (struct moon_flaw){.kind = MOON_FLAW_WRONG_ID};
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(get(t), RESPONSE);
  assert_true(t->got.id != t->v.id && t->reply.pdu.request_id != t->id);
  rule = (struct moon_flaw){.kind = MOON_FLAW_UNSIGNED_REPORT};
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  t->v.time += 1000;
  assert_int_equal(get(t), REPORT);
  check_report(t, MOON_REFUSE_WINDOW, 0);
  assert_int_equal(flawed(t, MOON_FLAW_UNSIGNED_REPORT), 1);
  /* A forged one in front of the answer. */
  for (uint32_t n = 0; n <= 6; n++) {
    rule = (struct moon_flaw){.kind = MOON_FLAW_FORGED_REPORT, .n = n};
    set_flaw(t, &rule);
    meet(t, OPS, MOON_V3_LEVEL);
    assert_int_equal(get(t), REPORT);
    assert_int_equal(t->got.flags, 0);
    assert_int_equal(t->got.id, t->v.id);
    assert_int_equal(t->vb[0].oid[8], n ? n : 3);
    assert_int_equal(t->answer.n, 2);
    assert_true(read_reply(t, 1));
    assert_int_equal(t->reply.pdu.type, RESPONSE);
    assert_int_equal(t->got.flags, MOON_V3_LEVEL);
  }
  /* The answer before, to the octet; with a period, one that is ever older. */
  rule = (struct moon_flaw){.kind = MOON_FLAW_REPLAY};
  set_flaw(t, &rule);
  restart(t, 1);
  meet(t, OPS, MOON_V3_LEVEL);
  for (unsigned i = 0; i < 5; i++) {
    assert_int_equal(get(t), RESPONSE);
    if (i) {
      assert_int_equal(t->answer.n, 2);
      assert_int_equal(t->answer.reply[0].n, n_before);
      assert_memory_equal(t->answer.reply[0].p, before, n_before);
      assert_true(read_reply(t, 1));
      assert_int_equal(t->got.id, t->v.id);
    }
    n_before = t->answer.reply[i > 0].n;
    memcpy(before, t->answer.reply[i > 0].p, n_before);
  }
  rule.period_us = 200 * S;
  set_flaw(t, &rule);
  restart(t, 1);
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(get(t), RESPONSE);
  n_before = t->answer.reply[0].n;
  memcpy(before, t->answer.reply[0].p, n_before);
  for (unsigned i = 0; i < 4; i++) {
    t->now_us += 50 * S;
    t->v.time += 50;
    (void)get(t);
    assert_int_equal(t->answer.n, 2);
    assert_memory_equal(t->answer.reply[0].p, before, n_before);
  }
  t->now_us += 50 * S;
  t->v.time += 50;
  (void)get(t);
  assert_memory_not_equal(t->answer.reply[0].p, before, n_before);
  done(t);
}

/* What keeps v1 and v2c silent keeps discovery silent. */
static void test_silence(void **state) {
  struct talk *t = fresh();
  struct moon_flaw rule = {.kind = MOON_FLAW_DEAD, .from_us = 10 * S};
  (void)state;
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  t->now_us += 10 * S;
  assert_int_equal(get(t), 0);
  t->v.engine_id_len = 5;
  assert_int_equal(get(t), 0);
  assert_int_equal(flawed(t, MOON_FLAW_DEAD), 2);
  assert_int_equal(t->agent.counts.silent, 1);
  assert_int_equal(t->agent.counts.refused, 2);
  rule = (struct moon_flaw){.kind = MOON_FLAW_DELAY, .delay_us = 300};
  set_flaw(t, &rule);
  meet(t, OPS, MOON_V3_LEVEL);
  assert_int_equal(t->answer.reply[0].delay_us, 300);
  done(t);
}

/* ---- hostile input, and want of memory */

static void test_bits_and_prefixes(void **state) {
  struct talk *t = fresh();
  uint8_t whole[512];
  size_t n;
  (void)state;
  for (int user = OPS; user <= AUTH; user++) {
    meet(t, user, user == OPS ? MOON_V3_LEVEL : MOON_V3_AUTH);
    assert_int_equal(get(t), RESPONSE);
    n = t->n_request;
    memcpy(whole, t->request, n);
    restart(t, 1);
    for (size_t i = 0; i < 8 * n; i++) {
      whole[i / 8] ^= (uint8_t)(1 << i % 8);
      feed(t, whole, n);
      /* Without the flag it is a request that is not signed: authorizationError. */
      assert_true(t->agent.counts.answered == t->agent.counts.errors && t->agent.counts.errors <= (user == AUTH));
      whole[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    for (size_t i = 0; i < n; i++) { feed(t, whole, i); }
    assert_int_equal(t->agent.counts.answered, t->agent.counts.errors);
    feed(t, whole, n);
    assert_int_equal(t->agent.counts.answered, t->agent.counts.errors + 1);
    restart(t, 1);
  }
  done(t);
}

static void test_no_memory(void **state) {
  struct talk *t = fresh();
  struct moon_user_pool *pool;
  (void)state;
  meet(t, OPS, MOON_V3_LEVEL);
  for (unsigned n = 1;; n++) {
    bool fired;
    restart(t, 1);
    make(t, MOON_PDU_GET, 0, 0, NULL, 0);
    failmem_arm(n);
    feed(t, t->request, t->n_request);
    fired = failmem_fired();
    failmem_disarm();
    assert_int_equal(t->answer.n, !fired);
    assert_int_equal(t->agent.counts.malformed, fired);
    feed(t, t->request, t->n_request); /* it may come again */
    assert_int_equal(t->answer.n, 1);
    if (!fired) { break; }
    assert_true(n < 10);
  }
  for (unsigned n = 1;; n++) {
    failmem_arm(n);
    enum moon_err e = moon_user_pool_new(1, 0, &pool);
    bool fired = failmem_fired();
    failmem_disarm();
    assert_int_equal(e, fired ? MOON_E_NOMEM : MOON_OK);
    if (!fired) { break; }
  }
  moon_user_pool_free(pool);
  done(t);
}

/* Contexts are kept for the last ones only, and made again. */
static void test_pool(void **state) {
  struct talk *t = fresh();
  struct moon_agent agents[5];
  size_t alive;
  (void)state;
  moon_agent_fini(&t->agent);
  moon_user_pool_free(t->pool);
  assert_int_equal(moon_user_pool_new(1, 3, &t->pool), MOON_OK);
  t->security.pool = t->pool;
  for (uint32_t i = 0; i < 5; i++) { moon_agent_init(&agents[i], &t->profile, 7, i, t->now_us); }
  alive = failmem_alive();
  for (unsigned turn = 0; turn < 30; turn++) {
    unsigned i = turn * 7 % 5;
    t->agent = agents[i];
    meet(t, turn % 3 ? OPS : AUTH, turn % 3 ? MOON_V3_LEVEL : MOON_V3_AUTH);
    assert_int_equal(get(t), RESPONSE);
    check_answer(t);
    agents[i] = t->agent;
    assert_true(moon_user_pool_n(t->pool) <= 3);
  }
  assert_int_equal(moon_user_pool_n(t->pool), 3);
  assert_int_equal(failmem_alive(), alive + 10 + 3); /* keys of two users at five agents, three contexts */
  memset(&t->agent, 0, sizeof t->agent);
  for (unsigned i = 0; i < 5; i++) { moon_agent_fini(&agents[i]); }
  assert_int_equal(failmem_alive(), alive);
  assert_int_equal(moon_user_pool_n(t->pool), 0);
  done(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_discovery),      cmocka_unit_test(test_protocols),       cmocka_unit_test(test_levels),
    cmocka_unit_test(test_wrong_keys),     cmocka_unit_test(test_decryption_error), cmocka_unit_test(test_window),
    cmocka_unit_test(test_boots),          cmocka_unit_test(test_contexts),        cmocka_unit_test(test_reportable),
    cmocka_unit_test(test_sizes),          cmocka_unit_test(test_own_values),      cmocka_unit_test(test_identity_faults),
    cmocka_unit_test(test_message_faults), cmocka_unit_test(test_silence),         cmocka_unit_test(test_bits_and_prefixes),
    cmocka_unit_test(test_no_memory),      cmocka_unit_test(test_pool),
  };
  failmem_install();
  guard_init(&guard, 65536);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  guard_fini(&guard);
  return failed;
}
