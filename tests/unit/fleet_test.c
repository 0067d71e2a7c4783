/* Fleet files become plain data, or one line with file and line; without memory, neither. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <unistd.h>

#include "failmem.h"
#include "../../core/bind/fleet/fleet.h"

static char path[] = "/tmp/moonpoll-fleet-XXXXXX";
static char error[1024];

static void write_fleet(const char *text) {
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static struct moon_fleet *load(const char *text) {
  struct moon_fleet_options o = {.file = path, .port = 1161};
  struct moon_fleet *f = NULL;
  write_fleet(text);
  error[0] = 0;
  enum moon_err err = moon_fleet_load(&o, &f, error, sizeof error);
  if (err) {
    assert_int_equal(err, MOON_E_CONFIG);
    assert_null(f);
    return NULL;
  }
  return f;
}

static void assert_addr(const struct moon_addr *a, const char *want) {
  char text[MOON_ADDR_TEXT_MAX];
  moon_addr_format(a, text, sizeof text);
  assert_string_equal(text, want);
}

static void agents(void **state) {
  (void)state;
  struct moon_fleet *f = load("agent { recording = 'a.snmprec', count = 300 }\n"
                              "agent { recording = 'sub/b.snmprec', name = 'B' }\n"
                              "agent { recording = '/c', count = 2, address = '192.0.2.7', name = function(i) return 'c' .. i * 10 end }\n"
                              "agent { recording = 'd', count = 2, address = '::1', port = function(i) return 2000 + i end }\n"
                              "agent { recording = 'e', count = 2, community = function(i) return 'k' .. i end, write = {'w', 'x'} }\n"
                              "return { seed = 12 }\n");
  assert_non_null(f);
  assert_int_equal(f->seed, 12);
  assert_int_equal(f->n_agents, 307);
  assert_int_equal(f->n_kinds, 6);
  assert_addr(&f->agents[0].addr, "127.1.0.1:1161");
  assert_string_equal(f->agents[0].name, "a-1");
  assert_addr(&f->agents[299].addr, "127.1.1.44:1161");
  assert_addr(&f->agents[300].addr, "127.1.1.45:1161");
  assert_string_equal(f->agents[300].name, "B");
  assert_string_equal(f->kinds[1].recording, "/tmp/sub/b.snmprec");
  assert_string_equal(f->kinds[2].recording, "/c");
  assert_addr(&f->agents[302].addr, "192.0.2.8:1161");
  assert_string_equal(f->agents[302].name, "c20");
  assert_addr(&f->agents[304].addr, "[::1]:2002");
  assert_int_equal(f->agents[305].kind, 4);
  assert_int_equal(f->agents[306].kind, 5);
  assert_true(moon_addr_equal(&f->agents[305].addr, &f->agents[306].addr));
  assert_int_equal(f->kinds[5].first, 4);
  const struct moon_fleet_kind *k = &f->kinds[5];
  assert_int_equal(k->n_communities, 3);
  assert_memory_equal(k->communities[0].octets, "w", 1);
  assert_true(k->communities[1].write);
  assert_memory_equal(k->communities[2].octets, "k2", 2);
  assert_false(k->communities[2].write);
  moon_fleet_free(f);
}

static void rules(void **state) {
  (void)state;
  struct moon_fleet *f = load(
    "agent { recording = 'a', count = 3, delay = function(i) return i / 10 end, live = true, max_octets = 500, snmp = true,\n"
    "  rates = { ['1.3.6.1.2'] = 5, ['1.3.6.1.3'] = { 1, 2 } },\n"
    "  values = { ['1.3.6.1.4'] = { mode = 'counter', start = '18446744073709551615', swing = true }, ['1.3.6.1.5'] = 'uptime' },\n"
    "  faults = { 'dead', { 'loss', share = 0.5, from = 1, to = 2.5, every = 10 }, too_big = 700, ['gen-err'] = '1.3.6.1' } }\n");
  assert_non_null(f);
  const struct moon_fleet_kind *k = &f->kinds[2];
  assert_int_equal(f->n_kinds, 3);
  assert_true(k->live && k->snmp && !k->timing && !k->hook);
  assert_int_equal(k->max_octets, 500);
  assert_int_equal(k->n_rules, 4);
  assert_ptr_equal(k->rules, f->kinds[0].rules);
  assert_true(k->rules[0].rate_low == 5 && k->rules[0].rate_high == 5);
  assert_true(k->rules[1].rate_low == 1 && k->rules[1].rate_high == 2);
  assert_true(k->rules[2].has_start && k->rules[2].start == UINT64_MAX && k->rules[2].swing);
  assert_int_equal(k->rules[3].mode, MOON_VARY_UPTIME);
  assert_int_equal(k->rules[3].oid_len, 4);
  assert_memory_equal(k->rules[3].oid, "\x2b\x06\x01\x05", 4);
  assert_int_equal(k->n_flaws, 5);
  assert_int_equal(k->flaws[0].kind, MOON_FLAW_DELAY);
  assert_int_equal(k->flaws[0].delay_us, 300000);
  assert_int_equal(k->flaws[1].kind, MOON_FLAW_DEAD);
  assert_int_equal(k->flaws[2].kind, MOON_FLAW_LOSS);
  assert_true(k->flaws[2].share == 0.5);
  assert_int_equal(k->flaws[2].from_us, 1000000);
  assert_int_equal(k->flaws[2].to_us, 2500000);
  assert_int_equal(k->flaws[2].every_us, 10000000);
  assert_int_equal(k->flaws[3].kind, MOON_FLAW_GEN_ERR); /* names in order */
  assert_int_equal(k->flaws[3].oid_len, 3);
  assert_int_equal(k->flaws[4].kind, MOON_FLAW_TOO_BIG);
  assert_int_equal(k->flaws[4].n, 700);
  moon_fleet_free(f);
}

static void users(void **state) {
  struct moon_fleet *f;
  char secret[] = "/tmp/moonpoll-secret-XXXXXX", text[2048];
  int fd = mkstemp(secret);
  (void)state;
  assert_true(fd >= 0 && write(fd, "maplesyrup\n", 11) == 11 && close(fd) == 0);
  setenv("MOON_FLEET_TEST", "maplesyrup", 1);
  snprintf(text, sizeof text,
           "local v3 = { users = { { user = 'a', auth = 'MD5', auth_pass = file '%s', priv = 'AES-256-C', priv_pass = env 'MOON_FLEET_TEST', write = true },\n"
           "  { user = 'b', auth = 'SHA', auth_key = '9fb5cc0381497b3793528939ff788d5d79145211', level = 'noAuthNoPriv' } },\n"
           "  contexts = { 'one', two = 'two.snmprec', three = true },\n"
           "  engine_id = function(i) return i == 2 and '0x80 00 00 00 05 61' end, boots = 7, time = function(i) return i * 60 end }\n"
           "agent { recording = 'a', count = 3, v3 = v3, delay = function(i) return i end }\n"
           "agent { recording = 'b' }\n",
           secret);
  f = load(text);
  if (!f) { fail_msg("%s", error); }
  assert_int_equal(f->n_kinds, 5); /* one of each delay, one of a context, b */
  const struct moon_fleet_kind *k = &f->kinds[f->agents[2].kind];
  assert_int_equal(k->n_users, 2);
  assert_ptr_equal(k->users, f->kinds[0].users);
  assert_int_equal(k->users[0].name_len, 1);
  assert_int_equal(k->users[0].auth, MOON_AUTH_MD5);
  assert_int_equal(k->users[0].priv, MOON_PRIV_AES256_REEDER);
  assert_int_equal(k->users[0].level, MOON_V3_LEVEL);
  assert_true(k->users[0].write && !k->users[1].write);
  assert_int_equal(k->users[0].auth_key.len, 16); /* RFC 3414 A.3.1 */
  assert_memory_equal(k->users[0].auth_key.octets, "\x9f\xaf\x32\x83\x88\x4e\x92\x83\x4e\xbc\x98\x47\xd8\xed\xd9\x63", 16);
  assert_memory_equal(k->users[0].priv_key.octets, k->users[0].auth_key.octets, 16);
  assert_int_equal(k->users[1].level, 0);
  assert_int_equal(moon_user_level(&k->users[1]), MOON_V3_AUTH);
  assert_int_equal(k->users[1].auth_key.len, 20);
  assert_int_equal(k->n_contexts, 3);
  assert_string_equal(k->contexts[0].name, "one");
  assert_int_equal(k->contexts[0].kind, UINT32_MAX);
  assert_string_equal(k->contexts[2].name, "two"); /* names in order */
  assert_string_equal(f->kinds[k->contexts[2].kind].recording, "/tmp/two.snmprec");
  assert_int_equal(f->kinds[k->contexts[2].kind].n_users, 0);
  for (uint32_t i = 0; i < 3; i++) {
    const struct moon_identity *id = f->agents[i].identity;
    assert_int_equal(id->engine_id_len, i == 1 ? 6 : 0);
    assert_true(id->has_boots && id->boots == 7 && id->time == (i + 1) * 60);
  }
  assert_memory_equal(f->agents[1].identity->engine_id, "\x80\0\0\0\5a", 6);
  assert_null(f->agents[3].identity);
  assert_int_equal(f->kinds[f->agents[3].kind].n_users, 0);
  moon_fleet_free(f);
  unlink(secret);
}

static void mistakes(void **state) {
  static const struct { const char *text, *want; } cases[] = {
    {"agent(3)", ":1: agent { recording = ... } is expected, not a number"},
    {"agent {}", ":1: recording is missing: the file that tells what the agent has"},
    {"agent {\n recording = 'a',\n cuont = 3 }", ":3: cuont: unknown key; is it count?"},
    {"agent { recording = 'a',\n address = 'x y' }", ":2: address: \"x y\" is no IP address"},
    {"agent { recording = 'a', port = 70000 }", ":1: port: 70000 is no port"},
    {"agent { recording = 'a', port = 'x' }", ":1: port: x is no port"},
    {"agent { recording = 'a', name = {} }", ":1: name: a string is expected, not a table"},
    {"agent { recording = 'a', name = function() return nil end }", ":1: name: a string is expected, not a nil"},
    {"agent { recording = 'a', faults = 3 }", ":1: faults: a list of faults is expected, not a number"},
    {"agent { recording = 'a', faults = {\n 'dead',\n 'delya' } }", ":3: faults[2]: no fault is called \"delya\"; is it delay?"},
    {"agent { recording = 'a', faults = { {} } }", ":1: faults[1]: begins with the name of a fault"},
    {"agent { recording = 'a', faults = { { 'dead', oid = 'x' } } }", ":1: faults[1]: \"x\" is no OID"},
    {"agent { recording = 'a', v3 = {} }", ":1: v3: users is missing: { { user = ..., auth = ..., auth_pass = ... } }"},
    {"agent { recording = 'a', v3 = { users = {} } }", ":1: v3: users is missing: { { user = ..., auth = ..., auth_pass = ... } }"},
    {"agent { recording = 'a', v3 = { user = 'x' } }", ":1: v3.user: unknown key; is it users?"},
    {"agent { recording = 'a', v3 = { users = { { name = 'x' } } } }", ":1: v3.users[1].name: unknown key"},
    {"agent { recording = 'a',\n v3 = { users = { { auth = 'SHA' } } } }", ":2: v3.users[1].user: is missing"},
    {"agent { recording = 'a', v3 = { users = { { user = 'x', auth = 'SHA', auth_pass = 'seven77' } } } }",
     ":1: v3.users[1].auth_pass: a password has 8 characters or more, RFC 3414 11.2"},
    {"agent { recording = 'a', v3 = { users = { { user = 'x', auth = 'SHA', auth_pass = 3 } } } }",
     ":1: v3.users[1].auth_pass: a string, file\"...\" or env\"...\" is expected, not a number"},
    {"agent { recording = 'a', v3 = { users = { { user = 'x' }, { user = 'x' } } } }", ":1: v3.users: user x is there twice"},
    {"agent { recording = 'a', v3 = { users = { { user = 'x', level = 'authPriv' } } } }",
     ":1: v3.users[1].level: authPriv is more than the user has keys for"},
    {"agent { recording = 'a', v3 = { users = { { user = 'x', level = 'high' } } } }",
     ":1: v3.users[1].level: the least level is one of noAuthNoPriv, authNoPriv, authPriv"},
    {"agent { recording = 'a', v3 = { users = { { user = 'x' } }, engine_id = '8000' } }",
     ":1: v3.engine_id: 5 to 32 octets in hexadecimal are expected"},
    {"agent { recording = 'a', v3 = { users = { { user = 'x' } }, boots = -1 } }", ":1: v3.boots: a whole number from 0 to 2147483647 is expected"},
    {"agent { recording = 'a', v3 = { users = { { user = 'x' } }, contexts = { 3 } } }",
     ":1: v3.contexts[1]: the name of a context is expected, not a number"},
    {"agent { recording = 'a', v3 = { users = { { user = 'x' } }, contexts = { '' } } }",
     ":1: v3.contexts: the name of a context is not empty: that is the agent itself"},
    {"agent { recording = 'a', faults = { loss = 2 } }", ":1: faults.loss: a share above 0 and up to 1 is expected"},
    {"agent { recording = 'a', rates = { 3 } }", ":1: rates: a table { [\"OID\"] = ... } is expected"},
    {"agent { recording = 'a',\n rates = {\n ['1.3'] = -1 } }", ":3: rates.1.3: a number from 0 to 1e+13, or { low, high }, is expected"},
    {"agent { recording = 'a', values = { ['1.3'] = 'up' } }",
     ":1: values.1.3: one of still, counter, gauge, uptime, seconds, since, boots, presence is expected"},
    {"agent { recording = 'a', values = { ['1.3'] = { start = '1x' } } }",
     ":1: values.1.3.start: a whole number up to 2^53 is expected, or one up to 2^64 - 1 as a string"},
    {"agent { recording = 'a', vary = 3 }", ":1: vary: a function(oid, value, t) is expected, not a number"},
    {"agent { recording = 'a', vary = { ['1.3'] = 3 } }", ":1: vary.1.3: a function(oid, value, t) is expected, not a number"},
    {"agent { recording = 'a', unbound = true, port = 0 }", ":1: port: 0 is no port"},
    {"pcall(agent, 3)\nagent { recording = 'a' }", ": agent { recording = ... } is expected, not a number"},
    {"local function f()\n error('mine') end\nf()", ":2: mine"},
    {"agent { recording = 'a' }\nreturn { sede = 1 }", ":2: sede: unknown key; is it seed?"},
    {"agent { recording = 'a' }\nreturn 3", ": a table is expected, not a number"},
    {"io.open('x')", ":1: attempt to index global 'io' (a nil value)"},
    {"", ": no agent { ... } in it"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (load(cases[i].text)) { fail_msg("loaded: %s", cases[i].text); }
    assert_memory_equal(error, path, strlen(path));
    assert_string_equal(error + strlen(path), cases[i].want);
  }
}

static void command_line(void **state) {
  struct moon_fleet_options o = {.recording = "rec/x.snmprec", .count = 2, .address = "127.9.0.255", .community = "lab", .seed = 4,
                                 .faults = "dead,loss:share=0.25:from=3,gen-err:oid=1.3.6.1"};
  struct moon_fleet *f;
  (void)state;
  assert_int_equal(moon_fleet_load(&o, &f, error, sizeof error), MOON_OK);
  assert_int_equal(f->n_agents, 2);
  assert_string_equal(f->agents[1].name, "x-2");
  assert_addr(&f->agents[1].addr, "127.9.1.0:0");
  assert_string_equal(f->kinds[0].recording, "rec/x.snmprec");
  assert_int_equal(f->kinds[0].n_flaws, 3);
  assert_int_equal(f->kinds[0].flaws[1].from_us, 3000000);
  assert_int_equal(f->kinds[0].flaws[2].oid_len, 3);
  assert_int_equal(f->seed, 4);
  moon_fleet_free(f);
  o.faults = "loss:shares=1";
  assert_int_equal(moon_fleet_load(&o, &f, error, sizeof error), MOON_E_CONFIG);
  assert_string_equal(error, "command line: faults[1].shares: unknown key; is it share?");
}

static void no_memory(void **state) {
  (void)state;
  failmem_install();
  write_fleet("agent { recording = 'a', v3 = { users = { { user = 'x', auth = 'MD5', auth_pass = 'a long password' } }, contexts = { a = 'b' }, boots = 3 } }\n"
              "agent { recording = 'a', count = 70, community = function(i) return 'c' .. i end, rates = { ['1.3'] = 1 },\n"
              "  faults = { 'dead', 'loss' }, vary = function() end }");
  for (unsigned n = 1;; n++) {
    struct moon_fleet_options o = {.file = path};
    struct moon_fleet *f = NULL;
    size_t alive = failmem_alive();
    failmem_arm(n);
    enum moon_err err = moon_fleet_load(&o, &f, error, sizeof error);
    bool fired = failmem_fired();
    assert_int_equal(err, fired ? MOON_E_NOMEM : MOON_OK);
    moon_fleet_free(f);
    assert_int_equal(failmem_alive(), alive);
    if (!fired) { break; }
  }
  failmem_disarm();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(agents), cmocka_unit_test(rules), cmocka_unit_test(users), cmocka_unit_test(mistakes),
                                     cmocka_unit_test(command_line), cmocka_unit_test(no_memory)};
  int fd = mkstemp(path);
  close(fd);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(path);
  return failed;
}
