/* Messages of SNMPv3 to an agent: whatever comes, what goes out is whole and within its size, and every datagram is counted
 * once. The input is also signed and encrypted by a manager who has the keys, as the scoped PDU of a message that is all right
 * otherwise, so that what lies behind digest and decryption is reached too. The first octet picks user and faults. */
#include <stdlib.h>

#include "agent/answer.h"
#include "agent/dump.h"

#define CHECK(holds) ((holds) ? (void)0 : abort())

static const char text[] = "1.3.6.1.2.1.1.1.0|4|x\n1.3.6.1.2.1.1.3.0|67|5\n1.3.6.1.2.1.2.2.1.10.1|65|9\n1.3.6.1.2.1.31.1.1.1.6.1|70|1\n";
static const struct moon_identity identity = {.engine_id = "\x80\0\0\0\5e", .engine_id_len = 6, .has_boots = true, .boots = 1};
static const struct moon_context context = {.name = (const uint8_t *)"c", .len = 1};
static struct moon_user users[3] = {{.name = "a", .name_len = 1, .auth = MOON_AUTH_SHA1, .priv = MOON_PRIV_AES128, .write = true},
                                    {.name = "b", .name_len = 1, .auth = MOON_AUTH_MD5, .priv = MOON_PRIV_DES, .level = MOON_V3_AUTH},
                                    {.name = "n", .name_len = 1}};
static struct moon_security security = {.users = users, .n_users = 3, .contexts = &context, .n_contexts = 1};
static struct moon_profile kinds[2];
static struct moon_usm *usm[2]; /* the manager's */

static void set_up(void) {
  const struct moon_dump_options options = {.snmp = true, .usm = true};
  struct moon_flaw rules[MOON_FLAWS_N];
  struct moon_user_key *key;
  enum moon_err err;
  for (unsigned k = 0; k < MOON_FLAWS_N; k++) {
    rules[k] = (struct moon_flaw){.kind = (uint8_t)k, .share = 0.2, .n = 3, .period_us = 1000000, .from_us = 1000000,
                                  .every_us = 60000000};
  }
  CHECK(!moon_user_pool_new(1, 0, &security.pool));
  kinds[0] = (struct moon_profile){.recording = moon_dump_read(text, sizeof text - 1, &options, NULL, &err),
                                   .security = &security, .max_octets = 1000, .snmp = true};
  kinds[1] = kinds[0];
  kinds[1].flaws = moon_flaws_new(rules, MOON_FLAWS_N, NULL, &err);
  for (unsigned u = 0; u < 2; u++) {
    users[u].auth_key.len = users[u].priv_key.len = (uint8_t)moon_auth_key_len((enum moon_auth)users[u].auth);
    CHECK(!moon_user_key_new(security.pool, &users[u], identity.engine_id, identity.engine_id_len, &key));
    CHECK(!moon_user_key_open(key, &usm[u]));
  }
}

/* The input as the scoped PDU of a user's message; 0: it does not fit. */
static size_t wrap(unsigned u, const uint8_t *data, size_t size, uint8_t *out, const uint8_t **start) {
  struct moon_v3 v = {.engine_id = identity.engine_id, .engine_id_len = identity.engine_id_len, .boots = 1, .user = users[u].name, .user_len = 1,
                      .id = 1, .max_size = 600, .flags = MOON_V3_LEVEL | MOON_V3_REPORTABLE, .priv_len = MOON_SALT_LEN};
  static uint8_t plain[2048], salt[MOON_SALT_LEN];
  struct moon_writer w;
  size_t n = size + moon_usm_padding(usm[u], size), at;
  if (size == 0 || n > sizeof plain) { return 0; }
  memset(plain, 0, n);
  memcpy(plain, data, size);
  CHECK(!moon_usm_encrypt(usm[u], 1, 0, plain, n, salt));
  v.scoped = plain;
  v.scoped_len = n;
  v.priv = salt;
  v.auth_len = 12;
  moon_writer_init(&w, out, 4096);
  at = moon_v3_encode(&w, &v);
  CHECK(!w.err && !moon_usm_sign(usm[u], w.p, moon_writer_len(&w), at));
  *start = w.p;
  return moon_writer_len(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static uint8_t room[MOON_ANSWER_ROOM], wrapped[4096];
  struct moon_agent a;
  struct moon_answer answer;
  struct moon_v3 m;
  const struct moon_agent_counts *c = &a.counts;
  if (!kinds[0].recording) { set_up(); }
  if (size == 0) { return 0; }
  unsigned flawed = data[0] & 1;
  moon_agent_init(&a, &kinds[flawed], 1, 1, 0);
  a.identity = &identity;
  for (unsigned turn = 0; turn < 4; turn++) {
    const uint8_t *p = data + 1;
    size_t n = turn % 2 ? wrap(data[0] >> 1 & 1, data + 1, size - 1, wrapped, &p) : size - 1;
    moon_agent_answer(&a, turn * 777777, p, n, room, &answer);
    CHECK(c->datagrams == turn + 1 && answer.n <= MOON_REPLIES_MAX);
    CHECK(c->datagrams == c->malformed + c->bad_community + c->refused + c->gets + c->nexts + c->bulks + c->sets);
    CHECK(c->gets + c->nexts + c->bulks + c->sets == c->answered + c->silent);
    if (!answer.n || flawed) { continue; }
    CHECK(answer.n == 1 && answer.reply[0].n <= (turn % 2 ? 600 : 1000));
    CHECK(turn % 2 == 0 || (!moon_v3_decode(answer.reply[0].p, answer.reply[0].n, &m) && !m.trailing));
  }
  moon_agent_fini(&a);
  return 0;
}
