/* Requests: whatever comes, answers are whole messages within their size, and every datagram is counted once. The first octet
 * picks what kind of agent it is: plain, with values over time and SETs, or with every flaw at times. */
#include <stdlib.h>

#include "agent/answer.h"
#include "agent/dump.h"

#define CHECK(holds) ((holds) ? (void)0 : abort())

static const char text[] = "1.3.6.1.2.1.1.1.0|4|x\n1.3.6.1.2.1.1.3.0|67|5\n1.3.6.1.2.1.2.2.1.2.1|4|a\n1.3.6.1.2.1.2.2.1.2.300|4|b\n"
                           "1.3.6.1.2.1.2.2.1.10.1|65|9\n1.3.6.1.2.1.2.2.1.10.300|65|4294967295\n1.3.6.1.2.1.31.1.1.1.6.1|70|1\n1.3.7|128|\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static uint8_t room[MOON_ANSWER_ROOM];
  static struct moon_profile kinds[3];
  struct moon_agent a;
  struct moon_answer answer;
  struct moon_message m;
  const struct moon_agent_counts *c = &a.counts;
  enum moon_err err;
  if (!kinds[0].recording) {
    const struct moon_dump_options options = {.snmp = true};
    struct moon_flaw rules[MOON_FLAWS_N];
    for (unsigned k = 0; k < MOON_FLAWS_N; k++) {
      rules[k] = (struct moon_flaw){.kind = (uint8_t)k, .share = 0.2, .n = k == MOON_FLAW_FORGED_REPORT ? 3 : 30, .period_us = 1000000, .every_us = 60000000};
    }
    kinds[0].recording = moon_dump_read(text, sizeof text - 1, &options, NULL, &err);
    kinds[0].max_octets = 1000;
    kinds[2] = kinds[1] = kinds[0];
    kinds[1].vary = moon_vary_new(kinds[0].recording, NULL, 0, true, NULL, &err);
    kinds[2].flaws = moon_flaws_new(rules, MOON_FLAWS_N, NULL, &err);
    kinds[1].any_write = kinds[1].create = kinds[2].snmp = kinds[2].any_write = true;
  }
  if (size == 0) { return 0; }
  moon_agent_init(&a, &kinds[data[0] % 3], 1, 1, 0);
  for (unsigned turn = 0; turn < 4; turn++) { /* what is SET in the first is there in the next */
    moon_agent_answer(&a, turn * 777777, data + 1, size - 1, room, &answer);
    CHECK(answer.n <= (data[0] % 3 == 2 ? MOON_REPLIES_MAX : 1) && c->datagrams == turn + 1);
    CHECK(c->datagrams == c->malformed + c->bad_community + c->refused + c->gets + c->nexts + c->bulks + c->sets);
    CHECK(c->gets + c->nexts + c->bulks + c->sets == c->answered + c->silent);
    if (!answer.n || data[0] % 3 == 2) { continue; }
    CHECK(answer.reply[0].n <= 1000 && moon_message_decode(answer.reply[0].p, answer.reply[0].n, &m) == MOON_OK && !m.trailing);
  }
  moon_agent_fini(&a);
  return 0;
}
