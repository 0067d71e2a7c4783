/* wire: what it costs to read and write SNMP, in nanoseconds. Replies look like those of a switch asked for IF-MIB:
 * ten columns a row, 14 varbinds in some 500 octets, and the 50 of a datagram filled towards an Ethernet's MTU.
 * Prints `name ns`; each is the best of several rounds, so that other load on the machine does not show. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "wire/message.h"

#define ROUNDS 15

static volatile uint64_t sink; /* results go here, or the compiler leaves the work out */

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* One reply and what was put into it. */
struct reply {
  uint8_t buf[1500];
  uint8_t *p;
  size_t n;
  unsigned varbinds;
  struct moon_varbind made[100];
  uint8_t names[100][32], values[100][32];
};

static const struct { const char *oid; uint8_t type; uint64_t value; } columns[] = {
  {"1.3.6.1.2.1.2.2.1.2", MOON_OCTET_STRING, 0},          {"1.3.6.1.2.1.2.2.1.5", MOON_GAUGE32, 1000000000},
  {"1.3.6.1.2.1.2.2.1.7", MOON_INTEGER, 1},               {"1.3.6.1.2.1.2.2.1.8", MOON_INTEGER, 1},
  {"1.3.6.1.2.1.2.2.1.9", MOON_TIME_TICKS, 123456},       {"1.3.6.1.2.1.2.2.1.14", MOON_COUNTER32, 3},
  {"1.3.6.1.2.1.31.1.1.1.6", MOON_COUNTER64, 0x123456789abcdu}, {"1.3.6.1.2.1.31.1.1.1.10", MOON_COUNTER64, 0xfedcba98765u},
  {"1.3.6.1.2.1.31.1.1.1.15", MOON_GAUGE32, 1000},        {"1.3.6.1.2.1.31.1.1.1.18", MOON_OCTET_STRING, 0},
};

static void fill(struct reply *r, unsigned n, unsigned first_index) {
  struct moon_writer w;
  unsigned i;
  for (i = 0; i < n; i++) {
    struct moon_varbind *vb = &r->made[i];
    unsigned c = i % 10;
    char text[64];
    size_t len;
    int text_len = snprintf(text, sizeof text, "%s.%u", columns[c].oid, first_index + i / 10);
    if (moon_oid_parse(text, (size_t)text_len, r->names[i], sizeof r->names[i], &len)) { abort(); }
    vb->oid = r->names[i];
    vb->oid_len = (uint16_t)len;
    vb->type = columns[c].type;
    vb->value = r->values[i];
    if (vb->type == MOON_OCTET_STRING) {
      vb->value_len = (uint32_t)snprintf((char *)r->values[i], sizeof r->values[i], "GigabitEthernet0/%u", i / 10);
    } else {
      moon_writer_init(&w, r->values[i], sizeof r->values[i]);
      moon_ber_put_u64(&w, vb->type, columns[c].value + (vb->type == MOON_COUNTER64 ? i : 0));
      vb->value = w.p + 2;
      vb->value_len = w.p[1];
    }
  }
  r->varbinds = n;
}

static void encode(struct reply *r) {
  struct moon_writer w;
  struct moon_pdu pdu = {.request_id = 0x12345678, .type = MOON_PDU_RESPONSE};
  unsigned i;
  moon_writer_init(&w, r->buf, sizeof r->buf);
  for (i = r->varbinds; i-- > 0;) { moon_varbind_put(&w, &r->made[i]); }
  pdu.varbinds = w.p;
  pdu.varbinds_len = moon_writer_len(&w);
  moon_message_encode(&w, MOON_V2C, (const uint8_t *)"public", 6, &pdu);
  if (w.err) { abort(); }
  r->p = w.p;
  r->n = moon_writer_len(&w);
}

static void decode(const struct reply *r, bool values) {
  struct moon_message m;
  struct moon_reader list;
  struct moon_varbind vb;
  uint64_t sum = 0;
  if (moon_message_decode(r->p, r->n, &m)) { abort(); }
  moon_reader_init(&list, m.pdu.varbinds, m.pdu.varbinds_len);
  while (moon_varbind_get(&list, &vb)) {
    sum += vb.value_len;
    if (values) {
      uint64_t u = 0;
      int64_t s = 0;
      if (vb.type == MOON_INTEGER) {
        moon_varbind_i64(&vb, &s);
      } else {
        moon_varbind_u64(&vb, &u);
      }
      sum += u + (uint64_t)s;
    }
  }
  if (list.err) { abort(); }
  sink += sum;
}

static void run(struct reply *r, unsigned what) {
  struct moon_peek peek;
  struct moon_message m;
  char text[128];
  unsigned i;
  switch (what) {
  case 0: decode(r, false); break;
  case 1: decode(r, true); break;
  case 2: encode(r); break;
  case 3:
    moon_message_peek(r->p, r->n, &peek);
    sink += peek.id;
    break;
  case 4:
    moon_message_decode(r->p, r->n, &m);
    sink += (uint64_t)m.pdu.request_id;
    break;
  case 5: { /* the header in front of a request whose varbinds are ready: what a try costs */
    uint8_t buf[256];
    struct moon_writer w;
    struct moon_pdu pdu = {r->p + r->n - 200, 200, 0x12345678, 0, 25, MOON_PDU_GET_BULK};
    moon_writer_init(&w, buf, sizeof buf);
    moon_message_encode(&w, MOON_V2C, (const uint8_t *)"public", 6, &pdu);
    sink += *w.p;
    break;
  }
  case 6:
    for (i = 1; i < r->varbinds; i++) {
      sink += (uint64_t)moon_oid_compare(r->made[i - 1].oid, r->made[i - 1].oid_len, r->made[i].oid, r->made[i].oid_len);
    }
    break;
  default:
    for (i = 0; i < r->varbinds; i++) { sink += moon_oid_format(r->made[i].oid, r->made[i].oid_len, text, sizeof text); }
    break;
  }
}

static void measure(const char *name, struct reply *r, unsigned what, unsigned per) {
  double best = 1e18;
  unsigned round, i, times = 200000 / per;
  for (round = 0; round < ROUNDS; round++) {
    double begun = now_ns(), took;
    for (i = 0; i < times; i++) { run(r, what); }
    took = (now_ns() - begun) / times / per;
    if (took < best) { best = took; }
  }
  printf("%s %.2f\n", name, best);
}

int main(void) {
  static struct reply one, small, full, wide;
  fill(&one, 1, 1);
  fill(&small, 14, 1);
  fill(&full, 50, 1);
  fill(&wide, 50, 16777216); /* ifIndex of four octets, as some chassis have */
  encode(&one);
  encode(&small);
  encode(&full);
  encode(&wide);
  measure("varbind_decode", &full, 0, full.varbinds);
  measure("varbind_decode_small_reply", &small, 0, small.varbinds);
  measure("varbind_decode_long_index", &wide, 0, wide.varbinds);
  measure("varbind_decode_and_value", &full, 1, full.varbinds);
  measure("varbind_encode", &full, 2, full.varbinds);
  measure("message_peek", &one, 3, 1);
  measure("message_decode", &one, 4, 1);
  measure("message_decode_full_reply", &full, 4, 1);
  measure("request_encode", &full, 5, 1);
  measure("oid_compare", &full, 6, full.varbinds - 1);
  measure("oid_format", &full, 7, full.varbinds);
  return 0;
}
