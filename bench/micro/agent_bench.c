/* agent: what a simulated device costs without sockets: a datagram in, a datagram out. A recording of 64 interfaces in 41
 * columns beside 20,000 plain instances; 1,000 agents take turns; names are asked for at random. Prints `name ns`, each the
 * best of several rounds, per request or per varbind as its name says; load in milliseconds a megabyte. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/answer.h"
#include "agent/dump.h"

#define ROUNDS 9
#define AGENTS 1000
#define REQUESTS 4096

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static char *text;
static size_t text_len;
static struct moon_agent agents[AGENTS];
static uint8_t room[MOON_ANSWER_ROOM];

static void line(const char *format, unsigned a, unsigned b, unsigned c) {
  text_len += (size_t)sprintf(text + text_len, format, a, b, c);
}

/* Some 1.2 MB. */
static void write_text(void) {
  text = malloc(4u << 20);
  if (!text) { exit(1); }
  line("1.3.6.1.2.1.1.3.0|67|%u\n", 12345678, 0, 0);
  for (unsigned c = 1; c <= 22; c++) {
    const char *format = c >= 10 && c <= 20 ? "1.3.6.1.2.1.2.2.1.%u.%u|65|%u\n" : "1.3.6.1.2.1.2.2.1.%u.%u|2|%u\n";
    for (unsigned i = 1; i <= 64; i++) { line(format, c, i, c * i); }
  }
  for (unsigned c = 1; c <= 19; c++) {
    const char *format = c >= 6 && c <= 13 ? "1.3.6.1.2.1.31.1.1.1.%u.%u|70|%u000000000000\n"
                                           : "1.3.6.1.2.1.31.1.1.1.%u.%u|4|GigabitEthernet0/%u\n";
    for (unsigned i = 1; i <= 64; i++) { line(format, c, i, c * i); }
  }
  for (unsigned i = 0; i < 20000; i++) {
    line("1.3.6.1.4.1.99999.1.2.%u.%u|4|an instance with some text, number %u\n", i % 7 + 1, i, i);
  }
}

struct request { uint8_t buf[128]; uint8_t *p; size_t n; };
static struct request requests[REQUESTS];

static uint64_t random_state = 88172645463325252u;
static uint32_t random32(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)(random_state >> 16);
}

static void ask(struct request *r, const struct moon_recording *recording, uint8_t type, uint32_t instance, int32_t repetitions) {
  struct moon_varbind vb;
  struct moon_writer w;
  struct moon_pdu pdu = {.type = type, .request_id = (int32_t)(random32() >> 1), .error_index = repetitions};
  moon_recording_get(recording, instance, &vb);
  vb.type = MOON_NULL;
  vb.value_len = 0;
  moon_writer_init(&w, r->buf, sizeof r->buf);
  moon_varbind_put(&w, &vb);
  pdu.varbinds = w.p;
  pdu.varbinds_len = moon_writer_len(&w);
  moon_message_encode(&w, MOON_V2C, (const uint8_t *)"public", 6, &pdu);
  if (w.err) { exit(1); }
  r->p = w.p;
  r->n = moon_writer_len(&w);
}

static void run(const char *name, const struct moon_profile *profile, uint8_t type, int32_t repetitions, bool interfaces) {
  double best = 1e18;
  for (unsigned i = 0; i < AGENTS; i++) { moon_agent_init(&agents[i], profile, 1, i, 0); }
  for (unsigned i = 0; i < REQUESTS; i++) {
    ask(&requests[i], profile->recording, type, random32() % (interfaces ? 2500 : profile->recording->n - 1), repetitions);
  }
  for (unsigned round = 0; round < ROUNDS; round++) {
    uint64_t varbinds = 0;
    double start = now_ns(), each;
    for (unsigned i = 0; i < REQUESTS; i++) {
      struct moon_agent *a = &agents[i % AGENTS];
      struct moon_answer answer;
      uint64_t before = a->counts.varbinds;
      moon_agent_answer(a, 1000000u * (round + 1), requests[i].p, requests[i].n, room, &answer);
      if (answer.n != 1) { exit(1); }
      varbinds += a->counts.varbinds - before;
    }
    each = (now_ns() - start) / (double)(repetitions ? varbinds : REQUESTS);
    if (each < best) { best = each; }
  }
  printf("%-28s %8.1f\n", name, best);
}

int main(void) {
  struct moon_dump_stats stats;
  struct moon_recording *recording = NULL;
  struct moon_vary *vary;
  struct moon_profile profile = {0};
  enum moon_err err;
  double best = 1e18;
  write_text();
  for (unsigned round = 0; round < ROUNDS; round++) {
    double start = now_ns(), ms;
    moon_recording_free(recording);
    recording = moon_dump_read(text, text_len, NULL, &stats, &err);
    ms = (now_ns() - start) / 1e6 / ((double)text_len / 1e6);
    if (ms < best) { best = ms; }
  }
  if (!recording || stats.left_out) { return 1; }
  printf("%-28s %8.2f\n", "load_ms_per_mb", best);
  vary = moon_vary_new(recording, NULL, 0, true, NULL, &err);
  if (!vary) { return 1; }
  profile.recording = recording;
  run("get", &profile, MOON_PDU_GET, 0, false);
  run("get_next", &profile, MOON_PDU_GET_NEXT, 0, false);
  run("get_bulk_25_varbind", &profile, MOON_PDU_GET_BULK, 25, true);
  run("get_bulk_500_varbind", &profile, MOON_PDU_GET_BULK, 500, false);
  profile.vary = vary;
  run("get_varied", &profile, MOON_PDU_GET, 0, true);
  run("get_bulk_25_varied_varbind", &profile, MOON_PDU_GET_BULK, 25, true);
  moon_vary_free(vary);
  moon_recording_free(recording);
  free(text);
  return 0;
}
