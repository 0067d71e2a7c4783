/* What a host is told of engines of SNMPv3 and keeps, and what it brings back: the records of the engine cache. */
#include "secured_rig.h"

static void kept_and_brought_back(void **state) {
  (void)state;
  struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  struct moon_trust_record r;
  usm_agent_credential(&s->model, &credential);
  struct moon_peer *p = peer(s);
  assert_int_equal(moon_peer_export(p, &r), MOON_E_MISSING);
  world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(moon_peer_export(p, &r), MOON_OK);
  assert_memory_equal(r.engine_id, s->model.id, s->model.id_len);
  moon_peer_free(w.e, p);
  p = peer(s);
  assert_int_equal(moon_peer_import(w.e, p, &r), MOON_OK);
  uint64_t out = w.c.datagrams_out;
  world_ask(&w, p);
  assert_true(world_run(&w, 5));
  assert_int_equal(w.c.datagrams_out, out + 1);
  assert_int_equal(w.c.answered, 2);
  r.engine_id_len = 99;
  assert_int_equal(moon_peer_import(w.e, p, &r), MOON_E_LENGTH);
}

/* What a host is told to keep, and what it brings back. */
static struct moon_trust_record kept[8];
static uint32_t n_kept;
static const struct moon_trust_record *brought;
static uint32_t asked_for;

static void keep(void *arg, void *peer_user, const struct moon_trust_record *r) {
  (void)arg;
  (void)peer_user;
  assert_true(n_kept < 8);
  kept[n_kept++] = *r;
}

static bool bring(void *arg, void *peer_user, const struct moon_addr *addr, struct moon_trust_record *out) {
  (void)arg;
  (void)peer_user;
  asked_for++;
  if (!brought || !moon_addr_equal(&brought->addr, addr)) { return false; }
  *out = *brought;
  return true;
}

static void with_memory(struct moon_engine_config *c) {
  c->learned = keep;
  c->recall = bring;
}

static int begin_with_memory(void **state) {
  (void)state;
  n_all = n_kept = asked_for = 0;
  brought = NULL;
  assert_int_equal(moon_crypto_new(1, &crypto), MOON_OK);
  world_init(&w, with_memory);
  return 0;
}

static void the_host_keeps_it(void **state) {
  (void)state;
  struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  usm_agent_credential(&s->model, &credential);
  struct moon_peer *p = peer(s);
  assert_int_equal(asked_for, 0);
  for (int i = 0; i < 3; i++) { ask_well(p); }
  assert_int_equal(asked_for, 1);
  assert_int_equal(n_kept, 1); /* only what is new */
  assert_true(moon_addr_equal(&kept[0].addr, &s->addr));
  assert_int_equal(kept[0].boots, s->model.boots);
  s->model.boots++;
  s->model.time_s = (uint32_t)(now_us() / 1000000);
  ask_well(p);
  assert_int_equal(n_kept, 2);
  assert_int_equal(kept[1].boots, s->model.boots);
  s->model.id[6]++;
  ask_well(p);
  assert_int_equal(n_kept, 3);
  assert_memory_equal(kept[2].engine_id, s->model.id, s->model.id_len);
  moon_peer_free(w.e, p);
  brought = &kept[2];
  p = peer(s);
  uint64_t out = w.c.datagrams_out;
  ask_well(p);
  assert_int_equal(w.c.datagrams_out, out + 1);
}

/* A record that is wrong in any way costs what finding out costs, and no answer. */
static void wrong_records(void **state) {
  (void)state;
  struct secured *s = add(MOON_AUTH_SHA1, MOON_PRIV_AES128);
  usm_agent_credential(&s->model, &credential);
  struct moon_peer *p = peer(s);
  ask_well(p);
  const struct moon_trust_record right = kept[0];
  for (int i = 0; i < 7; i++) {
    struct moon_trust_record wrong = right;
    switch (i) {
      case 0: wrong.engine_id[5] ^= 1; break;
      case 1: wrong.boots++; break;
      case 2: wrong.boots = MOON_BOOTS_MAX; break;
      case 3: wrong.time += 100000; break;
      case 4: wrong.boots = 0; break;
      case 5: wrong.engine_id_len = 3; break;
      default: wrong.priv = MOON_PRIV_N; break;
    }
    moon_peer_free(w.e, p);
    brought = &wrong;
    p = peer(s);
    uint64_t out = w.c.datagrams_out;
    ask_well(p);
    assert_true(w.c.datagrams_out <= out + 3);
  }
  assert_int_equal(w.c.retries, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(kept_and_brought_back, begin, end),
    cmocka_unit_test_setup_teardown(the_host_keeps_it, begin_with_memory, end),
    cmocka_unit_test_setup_teardown(wrong_records, begin_with_memory, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
