/* sim_rig: a simulated agent, asked with datagrams and answering with datagrams; replies are decoded and checked for being
 * whole. No socket, the clock is sim.now_us.
 *
 *   struct sim s;
 *   sim_init(&s, "1.3.6.1.2.1.1.3.0|67|100\n");
 *   sim_ask(&s, MOON_PDU_GET, 0, 0, "1.3.6.1.2.1.1.3.0", NULL);
 *   assert_int_equal(s.vb[0].type, MOON_TIME_TICKS); */
#ifndef MOON_TESTS_SIM_RIG_H
#define MOON_TESTS_SIM_RIG_H

#include "../../core/agent/answer.h"
#include "../../core/agent/dump.h"

#define SIM_VARBINDS 4096

struct sim {
  struct moon_recording *recording;
  struct moon_vary *vary;
  struct moon_flaws *flaws;
  struct moon_profile profile;
  struct moon_agent agent;
  uint64_t now_us;
  int32_t id;
  uint8_t version;
  const char *community;
  /* What came back. */
  struct moon_answer answer;
  struct moon_message reply;          /* of the first datagram, when it decodes */
  enum moon_err err;                  /* of decoding it; MOON_E_TIMEOUT: no datagram */
  struct moon_varbind vb[SIM_VARBINDS];
  uint32_t n;                         /* varbinds read */
  enum moon_err list_err;
  uint8_t request[65536];
  uint8_t room[MOON_ANSWER_ROOM];
};

/* A recording from text in which nothing is left out. */
struct moon_recording *sim_recording(const char *text);
void sim_init(struct sim *s, const char *text); /* seed 7, number 1, start at 1 s */
void sim_fini(struct sim *s);
void sim_restart(struct sim *s, uint64_t seed, uint32_t number); /* a new agent of the profile, now */
void sim_flaws(struct sim *s, const struct moon_flaw *rules, size_t n);
void sim_vary(struct sim *s, const struct moon_vary_rule *rules, size_t n, bool defaults);
/* Names to the NULL. a and b: non-repeaters and repetitions. */
void sim_ask(struct sim *s, uint8_t type, int32_t a, int32_t b, ...);
/* A varbind list of one's own; varbinds has n. */
void sim_send(struct sim *s, uint8_t type, int32_t a, int32_t b, const struct moon_varbind *varbinds, size_t n);
void sim_feed(struct sim *s, const uint8_t *p, size_t n);
/* Dotted text to octets in a ring of static buffers. */
const uint8_t *sim_oid(const char *text, uint16_t *len);
struct moon_varbind sim_varbind(const char *oid, uint8_t type, const void *value, size_t n);
bool sim_is(const struct moon_varbind *vb, const char *oid);
uint64_t sim_number(const struct moon_varbind *vb); /* asserts that it is one */
/* Walks everything by GETNEXT (repetitions 0) or GETBULK and asserts that it is the recording, hidden instances (and with
 * v1, Counter64) left out. Returns instances seen. */
uint32_t sim_walk(struct sim *s, int32_t repetitions);

#endif
