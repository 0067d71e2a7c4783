/* The engine with agents of SNMPv3 on real sockets: what it counts, what it says, what it does not believe. */
#include "secured_rig.h"

static void many_find_out_side_by_side(void **state) {
  (void)state;
  struct moon_peer *p[N];
  for (int i = 0; i < N; i++) {
    struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_AES128);
    s->delay_us = 20000;
    if (!i) { usm_agent_credential(&s->model, &credential); }
    p[i] = peer(s);
    for (int k = 0; k < 2; k++) { world_ask(&w, p[i]); } /* the second waits for the first: it need not find out too */
  }
  uint64_t began = now_us();
  assert_true(world_run(&w, 5));
  assert_true(now_us() - began < 600000); /* one after the other it would take 3.2 s */
  assert_int_equal(w.c.answered, 2 * N);
  assert_int_equal(w.c.discoveries, N);
  assert_int_equal(w.c.reports_engine, N);
  assert_int_equal(w.c.reports_time, N);
  assert_int_equal(w.c.resyncs, 0);
  assert_int_equal(w.c.retries, 0);
  assert_int_equal(w.c.matched, 4 * N);
  assert_int_equal(w.c.datagrams_out, 4 * N);
  assert_int_equal(w.n_notices, 0);
}

static void reports_are_counted_and_teach_nothing(void **state) {
  (void)state;
  struct secured *s = add(MOON_AUTH_SHA256, MOON_PRIV_AES128);
  usm_agent_credential(&s->model, &credential);
  struct moon_peer *p = peer(s);
  world_ask(&w, p);
  assert_true(world_run(&w, 5));
  for (uint32_t counter = USM_LEVELS; counter <= USM_DECRYPTIONS; counter++) {
    if (counter == USM_ENGINES) { continue; }
    s->forged = counter;
    world_ask(&w, p);
    assert_true(world_run(&w, 5));
  }
  assert_int_equal(w.c.answered, 6);
  assert_int_equal(w.c.reports_level, 1);
  assert_int_equal(w.c.reports_time, 2);
  assert_int_equal(w.c.reports_user, 1);
  assert_int_equal(w.c.reports_digest, 1);
  assert_int_equal(w.c.reports_decryption, 1);
  assert_int_equal(w.c.discoveries, 1);
  s->forged = 0;
  s->model.bad_digest = true;
  struct asked *q = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_int_equal(w.c.auth_failed, 2); /* of both tries */
  assert_int_equal(w.c.unknown, 2);
}

static uint32_t turns_waiting, turns_unheard, turns_met;

static bool unheard_until_done(struct world *world) {
  uint64_t since_us = moon_engine_unheard_us(world->e, world->asked[0].ticket);
  if (world->asked[0].dones) { return true; }
  *(since_us == UINT64_MAX ? &turns_met : since_us ? &turns_unheard : &turns_waiting) += 1;
  return false;
}

/* Its engine id and its time are something of an agent, though no answer. */
static void heard_before_its_answer(void **state) {
  (void)state;
  struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  usm_agent_credential(&s->model, &credential);
  s->delay_us = 20000;
  w.policy.timeout_us = 5000000;
  struct asked *q = world_ask(&w, peer(s));
  turns_waiting = turns_unheard = turns_met = 0;
  assert_int_equal(moon_engine_unheard_us(w.e, q->ticket), 0);
  w.until = unheard_until_done;
  assert_true(world_run(&w, 5));
  w.until = NULL;
  assert_int_equal(q->err, MOON_OK);
  assert_true(turns_unheard > 0 && turns_met > 0);
  assert_int_equal(moon_engine_unheard_us(w.e, q->ticket), 0);
}

/* It is counted as what it is, and the next try gets a whole one. */
static void a_cut_answer_costs_a_try(void **state) {
  (void)state;
  struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  usm_agent_credential(&s->model, &credential);
  struct moon_peer *p = peer(s);
  ask_well(p);
  s->cut = 9;
  uint64_t out = w.c.datagrams_out, matched = w.c.matched;
  ask_well(p);
  assert_int_equal(w.c.datagrams_out - out, 2);
  assert_int_equal(w.c.matched - matched, 1);
  assert_int_equal(w.c.malformed, 1);
  assert_int_equal(w.c.unknown, 0);
  assert_int_equal(w.c.auth_failed, 0);
}

static void errors_come_at_once(void **state) {
  (void)state;
  struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_NONE);
  usm_agent_credential(&s->model, &credential);
  credential.auth_key.octets[0] ^= 1;
  w.policy.breaker_after = 2;
  struct moon_peer *p = peer(s);
  for (int i = 0; i < 4; i++) {
    uint64_t began = now_us();
    struct asked *q = world_ask(&w, p);
    assert_true(world_run(&w, 5));
    assert_int_equal(q->err, MOON_E_AUTH);
    assert_int_equal(q->tries, 1);
    assert_true(now_us() - began < 150000);
  }
  assert_int_equal(w.c.error[MOON_E_AUTH], 4);
  assert_int_equal(w.c.breakers_opened, 0); /* it is there */
  assert_int_equal(w.c.retries + w.c.retries_denied, 0);
  assert_int_equal(moon_peer_target(p)->last_answer_us, 0);
}

static void reboots_and_twins(void **state) {
  (void)state;
  struct secured *a = add(MOON_AUTH_SHA1, MOON_PRIV_AES128), *b = add(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  usm_agent_credential(&a->model, &credential);
  b->model.id[7] = a->model.id[7];
  b->model.boots = 55; /* state is by address: neither confuses the other */
  struct moon_peer *p = peer(a), *q = peer(b);
  for (int i = 0; i < 3; i++) {
    world_ask(&w, p);
    world_ask(&w, q);
    assert_true(world_run(&w, 5));
  }
  assert_int_equal(w.c.answered, 6);
  assert_int_equal(w.c.resyncs, 0);
  assert_int_equal(w.n_notices, 1);
  assert_non_null(strstr(w.notices, "has the engine id of 127.4.0."));
  a->model.boots++;
  world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.answered, 7);
  assert_int_equal(w.c.resyncs, 1);
  b->model.id[7] = 'Z';
  world_ask(&w, q);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.answered, 8);
  assert_non_null(strstr(w.notices, "has another engine id than before"));
  moon_peer_free(w.e, p);
  struct moon_peer *again = peer(a);
  world_ask(&w, again);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.n_notices, 2);
}

/* Keys that take their time do not keep the others waiting: an agent of v2c is answered while they are made. */
static void keys_that_take_long(void **state) {
  struct moon_credential quick;
  (void)state;
  struct secured *fast = NULL;
  for (int i = 0; i < N; i++) {
    struct secured *s = add(MOON_AUTH_SHA1, i == N - 1 ? MOON_PRIV_AES128 : MOON_PRIV_AES256_REEDER);
    if (!i) { usm_agent_credential(&s->model, &credential); }
    fast = s;
  }
  w.policy.timeout_us = 2000000;
  usm_agent_credential(&fast->model, &quick);
  struct asked *last = NULL;
  struct moon_peer *p;
  for (int i = 0; i < N - 1; i++) { last = world_ask(&w, peer(&all[i])); }
  assert_int_equal(moon_peer_new(w.e, &fast->addr, &quick, &w.policy, NULL, &p), MOON_OK);
  struct asked *q = world_ask(&w, p);
  assert_true(world_run(&w, 20));
  assert_int_equal(w.c.answered, N);
  assert_true(q->order < last->order);
  assert_true(w.c.turns >= 8); /* 7 when all are made in one */
}

static bool clock_is_known(struct world *world) { return world->c.reports_time == 1; }

/* Which kind of AES key an agent means one request finds out, too: two would take back what the other one tries. */
static void one_finds_out_the_kind_of_key(void **state) {
  (void)state;
  struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_AES256_REEDER);
  usm_agent_credential(&s->model, &credential);
  credential.priv = MOON_PRIV_AES256;
  credential.priv_either = true;
  s->model.silent_key = true;
  s->delay_us = 20000;
  w.policy.retries = 0;
  struct moon_peer *p = peer(s);
  struct asked *first = world_ask(&w, p), *later;
  w.until = clock_is_known;
  assert_true(world_run(&w, 5));
  w.until = NULL;
  assert_int_equal(first->dones, 0);
  later = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(first->err, MOON_OK);
  assert_int_equal(later->err, MOON_OK);
  assert_int_equal(s->model.undecryptable, 1);
}

static void late_answers(void **state) {
  (void)state;
  struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  usm_agent_credential(&s->model, &credential);
  w.policy.retries = 0;
  w.policy.breaker_after = 1;
  w.policy.trial_us = 60000000;
  struct moon_peer *p = peer(s);
  world_ask(&w, p);
  assert_true(world_run(&w, 5));
  s->delay_us = w.policy.timeout_us + 50000;
  struct asked *q = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_E_TIMEOUT);
  assert_int_equal(w.c.breakers_opened, 1);
  world_pass(&w, 0.1);
  assert_int_equal(w.c.late, 1);
  assert_int_equal(w.c.breakers_closed, 1); /* signed: it lives */
  /* one that is not signed well says nothing */
  s->model.bad_digest = true;
  world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.breakers_opened, 2);
  world_pass(&w, 0.1);
  assert_int_equal(w.c.late, 2);
  assert_int_equal(w.c.breakers_closed, 1);
}

static void second_answers(void **state) {
  (void)state;
  struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  usm_agent_credential(&s->model, &credential);
  struct moon_peer *p = peer(s);
  world_ask(&w, p);
  assert_true(world_run(&w, 5));
  world_ask(&w, p);
  assert_true(world_run(&w, 5));
  uint64_t heard = moon_peer_target(p)->last_answer_us;
  world_pass(&w, 0.02);
  answer_now(s);
  world_pass(&w, 0.02);
  assert_int_equal(w.c.duplicate, 1);
  assert_int_equal(moon_peer_target(p)->last_answer_us, heard);
}

static bool all_hold(struct world *world) {
  uint32_t n = 0;
  (void)world;
  for (uint32_t i = 0; i < n_all; i++) { n += all[i].holds && all[i].len; }
  return n == n_all;
}

static struct asked *questions[N];
static struct moon_request requests[N];
static uint32_t n_right;

/* What the agent sent back is what it was asked, of that request and no other. */
static void is_its_own(struct asked *q, const struct moon_outcome *o) {
  const struct moon_request *r = q->arg;
  n_right += o->pdu.varbinds_len == r->varbinds_len && memcmp(o->pdu.varbinds, r->varbinds, r->varbinds_len) == 0;
}

static void cancels_the_next(struct asked *q, const struct moon_outcome *o) {
  is_its_own(q, o);
  moon_engine_cancel(w.e, q[1].ticket);
}

/* Answers that come in one batch are read before the first is given to who asked: each gets its own, of two the first, and none once it
 * was cancelled meanwhile. */
static void answers_that_come_together(void **state) {
  static uint8_t names[N][sizeof sys_uptime];
  struct moon_peer *p[N];
  (void)state;
  for (int i = 0; i < N; i++) {
    struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_AES128);
    if (!i) { usm_agent_credential(&s->model, &credential); }
    p[i] = peer(s);
    world_ask(&w, p[i]);
  }
  assert_true(world_run(&w, 5));
  for (int i = 0; i < N; i++) {
    all[i].holds = true;
    all[i].len = 0;
    memcpy(names[i], sys_uptime, sizeof sys_uptime);
    names[i][11] = (uint8_t)i;
    requests[i] = get_uptime;
    requests[i].varbinds = names[i];
    struct asked *q = questions[i] = &w.asked[w.n_asked++];
    *q = (struct asked){.w = &w, .then = i == 5 ? cancels_the_next : is_its_own, .arg = &requests[i]};
    assert_int_equal(moon_engine_submit(w.e, p[i], &requests[i], 0, world_done, q, &q->ticket), MOON_OK);
  }
  w.until = all_hold;
  assert_true(world_run(&w, 5));
  w.until = NULL;
  uint64_t matched = w.c.matched;
  n_right = 0;
  for (int i = 0; i < N; i++) {
    all[i].octets[all[i].len - 1] ^= 1; /* somebody else's word, before each */
    answer_now(&all[i]);
    all[i].octets[all[i].len - 1] ^= 1;
    answer_now(&all[i]);
    if (i == 3) { answer_now(&all[i]); }
  }
  assert_true(world_run(&w, 5));
  assert_int_equal(n_right, N - 1);
  for (int i = 0; i < N; i++) { assert_int_equal(questions[i]->dones, i != 6); }
  assert_int_equal(w.c.matched - matched, N - 1);
  assert_int_equal(w.c.duplicate, 1);
  assert_int_equal(w.c.late, 1);
  assert_int_equal(w.c.auth_failed, N);
  assert_int_equal(w.c.error[MOON_E_CANCELLED], 1);
}

/* Its answer is read, and nobody wants it any more: the agent lives all the same. */
static void what_was_read_counts_as_heard(void **state) {
  struct moon_peer *p[2];
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_AES128);
    if (!i) {
      usm_agent_credential(&s->model, &credential);
      w.policy.retries = 0;
      w.policy.breaker_after = 1;
      w.policy.trial_us = 50000;
    }
    p[i] = peer(s);
    world_ask(&w, p[i]);
  }
  assert_true(world_run(&w, 5));
  all[1].silent = true;
  world_ask(&w, p[1]);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.breakers_opened, 1);
  world_pass(&w, 0.1);
  all[1].silent = false;
  for (int i = 0; i < 2; i++) {
    all[i].holds = true;
    all[i].len = 0;
    requests[i] = get_uptime;
    struct asked *q = world_ask(&w, p[i]);
    q->then = cancels_the_next;
    q->arg = &requests[i];
  }
  w.until = all_hold;
  assert_true(world_run(&w, 5));
  w.until = NULL;
  for (int i = 0; i < 2; i++) { answer_now(&all[i]); }
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.error[MOON_E_CANCELLED], 1);
  assert_int_equal(w.c.late, 1);
  assert_int_equal(w.c.breakers_closed, 1);
  assert_false(moon_peer_target(p[1])->open);
  answer_now(&all[1]);
  world_pass(&w, 0.02);
  assert_int_equal(w.c.duplicate, 1);
}

/* Where answers come from is learned from what is signed. */
static void other_sources(void **state) {
  (void)state;
  struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  struct moon_addr elsewhere;
  usm_agent_credential(&s->model, &credential);
  struct moon_peer *p = peer(s);
  moon_peer_target(p)->strict_source = false;
  elsewhere.port = 0;
  int other = world_socket("127.4.0.1", &elsewhere);
  assert_true(other >= 0);
  s->forged = USM_USERS;
  s->forged_fd = other;
  world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.answered, 1);
  assert_true(w.c.reports_user > 0);
  assert_int_equal(moon_peer_target(p)->alias.family, 0);
  s->forged = 0;
  s->answer_fd = other;
  world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.answered, 2);
  assert_true(moon_addr_equal(&moon_peer_target(p)->alias, &elsewhere));
  close(other);
}

static void a_credential_that_changed(void **state) {
  (void)state;
  struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  usm_agent_credential(&s->model, &credential);
  credential.auth_key.octets[0] ^= 1;
  struct moon_peer *p = peer(s);
  struct asked *q = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_E_AUTH);
  credential.auth_key.octets[0] ^= 1;
  moon_peer_credential(p, &credential);
  q = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_OK);
}

/* Whatever allocation fails, the request ends with an error or an answer, and the next one is well. */
static void without_memory(void **state) {
  (void)state;
  struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  usm_agent_credential(&s->model, &credential);
  struct moon_peer *first = peer(s);
  world_ask(&w, first);
  assert_true(world_run(&w, 5)); /* what the loop and the flight take */
  bool fired = true;
  for (unsigned n = 1; fired; n++) {
    struct moon_peer *p = peer(s);
    s->model.id[6] = (uint8_t)n; /* another engine: its keys have to be made */
    failmem_arm(n);
    struct asked *q = world_ask(&w, p);
    assert_true(world_run(&w, 5));
    fired = failmem_fired();
    failmem_disarm();
    assert_int_equal(q->dones, 1);
    if (!fired) { assert_int_equal(q->err, MOON_OK); }
    q = world_ask(&w, p);
    assert_true(world_run(&w, 5));
    assert_int_equal(q->err, MOON_OK);
    moon_peer_free(w.e, p);
    assert_true(n < 50);
  }
}

static void beside_a_community(void **state) {
  static struct moon_credential plain;
  (void)state;
  struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  usm_agent_credential(&s->model, &credential);
  struct moon_peer *p = peer(s);
  plain = w.credential;
  moon_peer_target(p)->credential = &plain;
  struct asked *q = world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(q->err, MOON_E_TIMEOUT); /* it speaks no v2c */
  assert_null(moon_peer_target(p)->trust);
  moon_peer_target(p)->credential = &credential;
  world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.answered, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  failmem_install();
  const struct CMUnitTest tests[] = {
    T(many_find_out_side_by_side), T(reports_are_counted_and_teach_nothing), T(heard_before_its_answer), T(a_cut_answer_costs_a_try), T(errors_come_at_once),
    T(reboots_and_twins), T(keys_that_take_long), T(one_finds_out_the_kind_of_key), T(late_answers), T(second_answers), T(answers_that_come_together),
    T(what_was_read_counts_as_heard),
    T(other_sources), T(beside_a_community), T(a_credential_that_changed),
    T(without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
