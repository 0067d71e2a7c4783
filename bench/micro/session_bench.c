/* session_bench: what an exchange and a walked value cost, and how many packets the two interface tables take.
 * The agent's replies are recorded first, so that only the session's own work is measured. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../core/session/walk.h"

#define COLUMNS 41
#define ROWS 24
#define REPLIES 64
#define ROUNDS 3000

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t wall_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t feed_ns, row_ns; /* of all walks */

static struct moon_credential credential = {.community = "public", .community_len = 6, .version = MOON_V2C};
static struct moon_policy policy;
static struct moon_target target;
static uint8_t roots[COLUMNS][16];
static struct moon_name columns[COLUMNS];
static uint8_t reply[REPLIES][2048];
static size_t reply_len[REPLIES], n_replies;

static void make_columns(void) {
  for (unsigned c = 0; c < COLUMNS; c++) {
    char text[64];
    size_t len = 0;
    snprintf(text, sizeof text, c < 22 ? "1.3.6.1.2.1.2.2.1.%u" : "1.3.6.1.2.1.31.1.1.1.%u", c < 22 ? c + 1 : c - 21);
    moon_oid_parse(text, strlen(text), roots[c], sizeof roots[c], &len);
    columns[c] = (struct moon_name){roots[c], (uint16_t)len};
  }
}

/* The successor of a name in the two tables; past the last column the end of the MIB. */
static struct moon_varbind successor(const struct moon_varbind *from, uint8_t *name) {
  static const uint8_t value[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (unsigned c = 0; c < COLUMNS; c++) {
    size_t n = columns[c].len;
    bool under = moon_oid_under(roots[c], n, from->oid, from->oid_len);
    unsigned row = under && from->oid_len > n ? from->oid[n] + 1u : 1;
    if ((!under && moon_oid_compare(roots[c], n, from->oid, from->oid_len) < 0) || row > ROWS) {
      continue;
    }
    memcpy(name, roots[c], n);
    name[n] = (uint8_t)row;
    return (struct moon_varbind){name, value, 1 + c % 5, (uint16_t)(n + 1), c % 5 == 3 ? MOON_OCTET_STRING : MOON_COUNTER32};
  }
  return (struct moon_varbind){from->oid, value, 0, from->oid_len, MOON_END_OF_MIB_VIEW};
}

static size_t answer(const uint8_t *in, size_t n, uint8_t *out, size_t cap) {
  static uint8_t names[2048][32];
  static struct moon_varbind vb[2048];
  struct moon_message m;
  struct moon_reader r;
  struct moon_writer w;
  uint32_t asked = 0, all = 0;
  size_t octets = 48;
  if (moon_message_decode(in, n, &m)) { abort(); }
  moon_reader_init(&r, m.pdu.varbinds, m.pdu.varbinds_len);
  while (moon_varbind_get(&r, &vb[asked])) { asked++; }
  for (all = asked; all < asked * (uint32_t)(m.pdu.error_index + 1); all++) {
    vb[all] = successor(&vb[all - asked], names[all]);
    octets += 6u + vb[all].oid_len + vb[all].value_len;
    if (octets > 1472) { break; }
  }
  moon_writer_init(&w, out, cap);
  while (all-- > asked) { moon_varbind_put(&w, &vb[all]); }
  struct moon_pdu pdu = {.varbinds = w.p, .varbinds_len = moon_writer_len(&w), .request_id = m.pdu.request_id, .type = MOON_PDU_RESPONSE};
  moon_message_encode(&w, MOON_V2C, m.community, m.community_len, &pdu);
  memmove(out, w.p, moon_writer_len(&w));
  return moon_writer_len(&w);
}

/* One walk; records the replies or plays them. Returns the values. */
static uint32_t walk(bool record, uint64_t *sum) {
  const struct moon_walk_spec spec = {.columns = columns, .n_columns = COLUMNS};
  const struct moon_request *request;
  enum moon_err e;
  struct moon_walk *w = moon_walk_new(&target, &spec, &e);
  uint32_t values = 0;
  size_t at = 0;
  while (!moon_walk_over(w)) {
    struct moon_row row;
    struct moon_outcome o;
    if (moon_walk_next(w, 1, &request)) {
      uint8_t buf[2048];
      struct moon_writer out;
      struct moon_exchange x;
      moon_exchange_init(&x, &target, request, 1);
      moon_writer_init(&out, buf, sizeof buf);
      if (moon_exchange_encode(&x, 0x01000000, 1, 0, &out) || at == REPLIES) { abort(); }
      if (record) {
        reply_len[at] = answer(out.p, moon_writer_len(&out), reply[at], sizeof reply[at]);
        n_replies = at + 1;
      }
      moon_exchange_feed(&x, reply[at], reply_len[at], NULL, 1, 100, &o);
      at++;
      uint64_t start = wall_ns();
      moon_walk_feed(w, &o);
      feed_ns += wall_ns() - start;
    }
    uint64_t start = wall_ns();
    while (moon_walk_row(w, &row)) {
      for (unsigned c = 0; c < COLUMNS; c++) {
        values += row.cells[c].type != 0;
        *sum += row.cells[c].value_len;
      }
    }
    row_ns += wall_ns() - start;
  }
  size_t blame;
  const struct moon_outcome *seen;
  if (moon_walk_err(w, &blame, &seen)) { abort(); }
  moon_walk_free(w);
  return values;
}

static void bench_exchange(void) {
  static const uint8_t varbinds[] = {0x30, 12, 6, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0, 5, 0};
  const struct moon_request request = {.varbinds = varbinds, .varbinds_len = sizeof varbinds, .n_varbinds = 1, .pdu_type = MOON_PDU_GET};
  uint8_t buf[256], in[256];
  struct moon_exchange x;
  struct moon_writer w;
  struct moon_outcome o;
  const uint32_t n = 5000000;
  uint64_t start = now_ns(), sum = 0;
  for (uint32_t i = 0; i < n; i++) {
    moon_exchange_init(&x, &target, &request, i);
    moon_writer_init(&w, buf, sizeof buf);
    sum += moon_exchange_encode(&x, 0x01000000 + i, i, i, &w);
  }
  printf("exchange init + encode   %6.1f ns\n", (double)(now_ns() - start) / n);
  memcpy(in, w.p, moon_writer_len(&w));
  size_t len = moon_writer_len(&w);
  in[13] = MOON_PDU_RESPONSE;
  start = now_ns();
  for (uint32_t i = 0; i < n; i++) { sum += moon_exchange_feed(&x, in, len, NULL, 1, 1000 + (i & 15), &o) + o.tries; }
  printf("exchange feed            %6.1f ns%s\n", (double)(now_ns() - start) / n, o.err ? " (broken)" : "");
  if (sum == 42) { puts(""); }
}

/* Many walks at once, each a reply further in turn: nothing of them is in the cache when their reply comes. */
static uint64_t many(uint32_t n, uint64_t *sum) {
  const struct moon_walk_spec spec = {.columns = columns, .n_columns = COLUMNS};
  struct moon_walk **walks = calloc(n, sizeof *walks);
  uint64_t values = 0;
  enum moon_err e;
  for (uint32_t i = 0; i < n; i++) { walks[i] = moon_walk_new(&target, &spec, &e); }
  for (size_t at = 0; at <= n_replies; at++) {
    for (uint32_t i = 0; i < n; i++) {
      struct moon_walk *w = walks[i];
      const struct moon_request *request;
      struct moon_outcome o;
      struct moon_row row;
      if (at) {
        struct moon_exchange x;
        uint8_t buf[2048];
        struct moon_writer out;
        struct moon_request last = {.varbinds = buf, .n_varbinds = 1, .pdu_type = MOON_PDU_GET_BULK, .kind = MOON_KIND_BULK};
        moon_exchange_init(&x, &target, &last, 1);
        moon_writer_init(&out, buf, sizeof buf);
        moon_exchange_encode(&x, 0x01000000, 1, 0, &out);
        moon_exchange_feed(&x, reply[at - 1], reply_len[at - 1], NULL, 1, 100, &o);
        moon_walk_feed(w, &o);
      }
      moon_walk_next(w, 1, &request);
      while (moon_walk_row(w, &row)) {
        for (unsigned c = 0; c < COLUMNS; c++) {
          values += row.cells[c].type != 0;
          *sum += row.cells[c].value_len ? row.cells[c].value[0] : 0;
        }
      }
    }
  }
  for (uint32_t i = 0; i < n; i++) { moon_walk_free(walks[i]); }
  free(walks);
  return values;
}

static bool bench_many(uint32_t n, uint32_t rounds, uint32_t all, uint64_t *sum) {
  uint64_t values = 0, start = now_ns();
  for (uint32_t i = 0; i < rounds; i++) {
    target.reps = 8;
    values += many(n, sum);
  }
  printf("%4u walks in turn        %6.1f ns a value\n", (unsigned)n, (double)(now_ns() - start) / (double)values);
  return values == (uint64_t)all * n * rounds;
}

int main(void) {
  struct moon_addr addr = {.ip = {127, 0, 0, 1}, .port = 161, .family = 4};
  uint64_t sum = 0, values = 0;
  moon_policy_init(&policy);
  moon_target_init(&target, &addr, &credential, &policy);
  make_columns();
  bench_exchange();
  target.reps = 8; /* known from an earlier walk, as in the ones played */
  uint32_t all = walk(true, &sum);
  printf("41 columns x 24 rows     %zu packets of 1472 octets for %u values\n", n_replies, all);
  feed_ns = row_ns = 0;
  uint64_t start = now_ns();
  for (unsigned i = 0; i < ROUNDS; i++) {
    target.reps = 8;
    values += walk(false, &sum);
  }
  printf("walk, all of it          %6.1f ns a value\n", (double)(now_ns() - start) / (double)values);
  printf("  of it feeding replies  %6.1f ns, rows %.1f ns a value\n", (double)feed_ns / (double)values, (double)row_ns / (double)values);
  bool good = values == (uint64_t)all * ROUNDS;
  good = bench_many(64, ROUNDS / 64, all, &sum) && good;
  good = bench_many(1000, ROUNDS / 1000, all, &sum) && good;
  return good ? 0 : 1;
}
