/* dump: text of the field to recordings: every type in every notation, every kind of dirt, every line left out told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failmem.h"
#include "guard.h"
#include "sim_rig.h"

struct told { uint32_t n; uint32_t line[64]; const char *why[64]; };

static void tell(void *ctx, uint32_t line, const char *why) {
  struct told *t = ctx;
  assert_true(t->n < 64);
  t->line[t->n] = line;
  t->why[t->n++] = why;
}

static struct moon_recording *read_text(const char *text, size_t n, struct told *told, struct moon_dump_stats *stats) {
  const struct moon_dump_options options = {.report = tell, .ctx = told};
  enum moon_err err;
  struct guard g;
  struct moon_recording *r;
  told->n = 0;
  guard_init(&g, n);
  r = moon_dump_read((const char *)guard_put(&g, text, n), n, &options, stats, &err);
  guard_fini(&g);
  assert_non_null(r);
  assert_int_equal(stats->left_out, told->n);
  return r;
}

struct sample { const char *line; uint8_t type; const char *value; size_t n; };
#define SAMPLE(line, type, value) {line, type, value, sizeof value - 1}

static void check_samples(const char *head, const struct sample *samples, size_t n) {
  for (size_t i = 0; i < n; i++) {
    char text[2000];
    struct told told;
    struct moon_dump_stats stats;
    struct moon_recording *r;
    struct moon_varbind vb;
    snprintf(text, sizeof text, "%s%s", head, samples[i].line);
    r = read_text(text, strlen(text), &told, &stats);
    if (samples[i].type == 0) {
      if (r->n || told.n != 1) { fail_msg("served: %s", samples[i].line); }
      moon_recording_free(r);
      continue;
    }
    if (told.n || r->n != 1) { fail_msg("%s: %s", samples[i].line, told.n ? told.why[0] : "not there"); }
    moon_recording_get(r, 0, &vb);
    if (vb.type != samples[i].type || vb.value_len != samples[i].n || memcmp(vb.value, samples[i].value, samples[i].n) != 0) {
      fail_msg("%s: type %u, %u octets", samples[i].line, vb.type, vb.value_len);
    }
    moon_recording_free(r);
  }
}

static void test_snmprec_values(void **state) {
  static const struct sample samples[] = {
    SAMPLE("2|5", MOON_INTEGER, "\x05"),
    SAMPLE("2|-1", MOON_INTEGER, "\xff"),
    SAMPLE("2|-2147483648", MOON_INTEGER, "\x80\x00\x00\x00"),
    SAMPLE("2|4294967295", MOON_INTEGER, "\xff"), /* its 32 bits */
    SAMPLE("2| 7 ", MOON_INTEGER, "\x07"),
    SAMPLE("2|4294967296", 0, ""),
    SAMPLE("2|-2147483649", 0, ""),
    SAMPLE("2|1.5", 0, ""),
    SAMPLE("2|", 0, ""),
    SAMPLE("2|up", 0, ""),
    SAMPLE("2x|00ff", MOON_INTEGER, "\x00\xff"),
    SAMPLE("4|", MOON_OCTET_STRING, ""),
    SAMPLE("4| a|b ", MOON_OCTET_STRING, " a|b "),
    SAMPLE("4|\xc3\xa9", MOON_OCTET_STRING, "\xc3\xa9"),
    SAMPLE("4x|00aBff", MOON_OCTET_STRING, "\x00\xab\xff"),
    SAMPLE("4x|", MOON_OCTET_STRING, ""),
    SAMPLE("4x|0x00 01:02", MOON_OCTET_STRING, "\x00\x01\x02"),
    SAMPLE("4xx|41", MOON_OCTET_STRING, "A"),
    SAMPLE("4x|4", 0, ""),
    SAMPLE("4x|<private>", 0, ""),
    SAMPLE("4e|a\\nb\\x00\\\\\\101\\q\\", MOON_OCTET_STRING, "a\nb\0\\Aq\\"),
    SAMPLE("4e|\\x4", MOON_OCTET_STRING, "x4"),
    SAMPLE("5|", MOON_NULL, ""),
    SAMPLE("5|whatever", MOON_NULL, ""),
    SAMPLE("6|1.3.6.1", MOON_OBJECT_ID, "\x2b\x06\x01"),
    SAMPLE("6|.1.3.6.1", MOON_OBJECT_ID, "\x2b\x06\x01"),
    SAMPLE("6|0.0", MOON_OBJECT_ID, "\x00"),
    SAMPLE("6|", MOON_OBJECT_ID, ""),
    SAMPLE("6|1.3.6.***", 0, ""),
    SAMPLE("6x|2b06", MOON_OBJECT_ID, "\x2b\x06"),
    SAMPLE("6x|2b86", 0, ""),
    SAMPLE("64|192.0.2.1", MOON_IP_ADDRESS, "\xc0\x00\x02\x01"),
    SAMPLE("64x|c0000201", MOON_IP_ADDRESS, "\xc0\x00\x02\x01"),
    SAMPLE("64x|192.0.2.1", MOON_IP_ADDRESS, "\xc0\x00\x02\x01"),
    SAMPLE("64e|\\xc0\\x00\\x02\\x01", MOON_IP_ADDRESS, "\xc0\x00\x02\x01"),
    SAMPLE("64|J}M}", MOON_IP_ADDRESS, "J}M}"),
    SAMPLE("40|192.0.2.1", MOON_IP_ADDRESS, "\xc0\x00\x02\x01"),
    SAMPLE("64|192.0.2.256", 0, ""),
    SAMPLE("64|192.0.2", 0, ""),
    SAMPLE("64|192.0.2.1.5", 0, ""),
    SAMPLE("64|*.*.*.*", 0, ""),
    SAMPLE("64x|c00002", 0, ""),
    SAMPLE("65|4294967295", MOON_COUNTER32, "\x00\xff\xff\xff\xff"),
    SAMPLE("65|-1", MOON_COUNTER32, "\x00\xff\xff\xff\xff"),
    SAMPLE("65|4294967296", 0, ""),
    SAMPLE("66|128", MOON_GAUGE32, "\x00\x80"),
    SAMPLE("67|0", MOON_TIME_TICKS, "\x00"),
    SAMPLE("68x|9f780442f60000", MOON_OPAQUE, "\x9f\x78\x04\x42\xf6\x00\x00"),
    SAMPLE("68|Float: 123.000000", MOON_OPAQUE, "\x9f\x78\x04\x42\xf6\x00\x00"),
    SAMPLE("68|123.0", MOON_OPAQUE, "\x9f\x78\x04\x42\xf6\x00\x00"),
    SAMPLE("68|Double: -0.5", MOON_OPAQUE, "\x9f\x79\x08\xbf\xe0\x00\x00\x00\x00\x00\x00"),
    SAMPLE("68|Int64: -2", MOON_OPAQUE, "\x9f\x7a\x01\xfe"),
    SAMPLE("68|UInt64: 255", MOON_OPAQUE, "\x9f\x7b\x02\x00\xff"),
    SAMPLE("68|Float: 1e400", MOON_OPAQUE, "\x9f\x78\x04\x7f\x80\x00\x00"),
    SAMPLE("68|Float: x", 0, ""),
    SAMPLE("70|18446744073709551615", MOON_COUNTER64, "\x00\xff\xff\xff\xff\xff\xff\xff\xff"),
    SAMPLE("70|9007199254740993", MOON_COUNTER64, "\x20\x00\x00\x00\x00\x00\x01"),
    SAMPLE("70|18446744073709551616", 0, ""),
    SAMPLE("128|", MOON_NO_SUCH_OBJECT, ""),
    SAMPLE("129|", MOON_NO_SUCH_INSTANCE, ""),
    SAMPLE("130|", MOON_END_OF_MIB_VIEW, ""),
    SAMPLE("", 0, ""),
    SAMPLE("4", 0, ""),
    SAMPLE("|x", 0, ""),
    SAMPLE("x|x", 0, ""),
    SAMPLE("3|x", 0, ""),
    SAMPLE("999999999999|x", 0, ""),
    SAMPLE("4z|x", 0, ""),
    SAMPLE("65:numeric|rate=1", 0, ""),
  };
  (void)state;
  check_samples("1.3.6.1.1.1|", samples, sizeof samples / sizeof *samples);
}

static void test_walk_values(void **state) {
  static const struct sample samples[] = {
    SAMPLE("INTEGER: 5", MOON_INTEGER, "\x05"),
    SAMPLE("INTEGER: -1", MOON_INTEGER, "\xff"),
    SAMPLE("INTEGER: up(1)", MOON_INTEGER, "\x01"),
    SAMPLE("INTEGER: 5 percent", MOON_INTEGER, "\x05"),
    SAMPLE("INTEGER: 1.25", 0, ""),
    SAMPLE("INTEGER: up", 0, ""),
    SAMPLE("STRING: \"a \\\"b\\\" \\\\c\"", MOON_OCTET_STRING, "a \"b\" \\c"),
    SAMPLE("STRING: \"a \"b\" c\"", MOON_OCTET_STRING, "a \"b\" c"), /* unescaped by older ones */
    SAMPLE("STRING: \"two\nlines \"", MOON_OCTET_STRING, "two\nlines "),
    SAMPLE("STRING: \"\"", MOON_OCTET_STRING, ""),
    SAMPLE("STRING: \"never closed", MOON_OCTET_STRING, "never closed"),
    SAMPLE("STRING: plain text", MOON_OCTET_STRING, "plain text"),
    SAMPLE("STRING: plain\ntext\r\n\n", MOON_OCTET_STRING, "plain\ntext"),
    SAMPLE("STRING: ", MOON_OCTET_STRING, ""),
    SAMPLE("STRING:", MOON_OCTET_STRING, ""),
    SAMPLE("\"\"", MOON_OCTET_STRING, ""),
    SAMPLE("Hex-STRING: 00 1A ff ", MOON_OCTET_STRING, "\x00\x1a\xff"),
    SAMPLE("Hex-STRING: 00 01 \n02 03 \n", MOON_OCTET_STRING, "\x00\x01\x02\x03"),
    SAMPLE("Hex-STRING: 41 42 [AB]\n43 [C]", MOON_OCTET_STRING, "ABC"),
    SAMPLE("Hex-STRING: ***", 0, ""),
    SAMPLE("OID: .1.3.6.1", MOON_OBJECT_ID, "\x2b\x06\x01"),
    SAMPLE("OID: iso.3.6.1", MOON_OBJECT_ID, "\x2b\x06\x01"),
    SAMPLE("OID: .0.0", MOON_OBJECT_ID, "\x00"),
    SAMPLE("OID: SNMPv2-SMI::zeroDotZero", 0, ""),
    SAMPLE("IpAddress: 192.0.2.1", MOON_IP_ADDRESS, "\xc0\x00\x02\x01"),
    SAMPLE("Network Address: C0:00:02:01", MOON_IP_ADDRESS, "\xc0\x00\x02\x01"),
    SAMPLE("Counter32: 4294967295", MOON_COUNTER32, "\x00\xff\xff\xff\xff"),
    SAMPLE("Gauge32: 7", MOON_GAUGE32, "\x07"),
    SAMPLE("Unsigned32: 7", MOON_GAUGE32, "\x07"),
    SAMPLE("Counter64: 18446744073709551615", MOON_COUNTER64, "\x00\xff\xff\xff\xff\xff\xff\xff\xff"),
    SAMPLE("Timeticks: (4294967295) 497 days, 2:27:52.95", MOON_TIME_TICKS, "\x00\xff\xff\xff\xff"),
    SAMPLE("Timeticks: (0) 0:00:00.00", MOON_TIME_TICKS, "\x00"),
    SAMPLE("121722922", MOON_TIME_TICKS, "\x07\x41\x58\x2a"),
    SAMPLE("Opaque: Float: 123.000000", MOON_OPAQUE, "\x9f\x78\x04\x42\xf6\x00\x00"),
    SAMPLE("Opaque: Int64: 5", MOON_OPAQUE, "\x9f\x7a\x01\x05"),
    SAMPLE("OPAQUE: 04 01 41", MOON_OPAQUE, "\x04\x01\x41"),
    SAMPLE("BITS: 80 00 0 ", MOON_OCTET_STRING, "\x80\x00"),
    SAMPLE("BITS: 00 20 10 ", MOON_OCTET_STRING, "\x00\x20"),
    SAMPLE("BITS: C0 one(0) two(1) ", MOON_OCTET_STRING, "\xc0"),
    SAMPLE("BITS: 00 ", MOON_OCTET_STRING, "\x00"),
    SAMPLE("BITS: 50 1 3", MOON_OCTET_STRING, "\x50"),
    SAMPLE("BITS: ", MOON_OCTET_STRING, ""),
    SAMPLE("BITS: zz", 0, ""),
    SAMPLE("NULL", MOON_NULL, ""),
    SAMPLE("No Such Object available on this agent at this OID", MOON_NO_SUCH_OBJECT, ""),
    SAMPLE("No Such Instance currently exists at this OID", MOON_NO_SUCH_INSTANCE, ""),
    SAMPLE("Wrong Type (should be Gauge32 or Unsigned32): INTEGER: 5", MOON_INTEGER, "\x05"),
    SAMPLE("Wrong Type (should be INTEGER): STRING: \"x\"", MOON_OCTET_STRING, "x"),
    SAMPLE("Something: 5", 0, ""),
    SAMPLE("", 0, ""),
  };
  (void)state;
  check_samples(".1.3.6.1.1.1 = ", samples, sizeof samples / sizeof *samples);
  check_samples("1.3.6.1.1.1 = ", samples, sizeof samples / sizeof *samples);
  check_samples("iso.3.6.1.1.1 = ", samples, sizeof samples / sizeof *samples);
}

/* Lines are told by their number, whatever lies between them; what is not left out is served in order. */
static void test_dirt(void **state) {
  static const char text[] =
    "\xef\xbb\xbf# a comment\r\n"
    "\r\n"
    "1.3.6.1.9|4|last\r\n"
    "1.3.6.1.***|4|redacted\r\n"
    "1.3.6.1.1|2|1\r\n"
    "   \n"
    "garbage\n"
    "1.3.6.1.1|2|2\r\n"
    "1.3.6.1.2|64|***\n"
    ".1.3.6.1.5|4x|0d\n"
    "1.3.6.1.5000000000|4|x\n"
    "1.3.6.1.3|2|3";
  static const uint32_t lines[] = {4, 7, 9, 11, 5};
  struct told told;
  struct moon_dump_stats stats;
  struct moon_recording *r = read_text(text, sizeof text - 1, &told, &stats);
  struct moon_varbind vb;
  (void)state;
  assert_int_equal(told.n, 5);
  for (size_t i = 0; i < 5; i++) { assert_int_equal(told.line[i], lines[i]); }
  assert_int_equal(stats.lines, 12);
  assert_int_equal(stats.duplicates, 1);
  assert_int_equal(stats.unsorted, 4);
  assert_int_equal(stats.format, MOON_DUMP_SNMPREC);
  assert_int_equal(r->n, 4);
  moon_recording_get(r, 0, &vb);
  assert_true(sim_is(&vb, "1.3.6.1.1"));
  assert_int_equal(sim_number(&vb), 2);
  moon_recording_get(r, 2, &vb);
  assert_true(sim_is(&vb, "1.3.6.1.5"));
  assert_int_equal(vb.value[0], 13);
  moon_recording_get(r, 3, &vb);
  assert_int_equal(vb.value_len, 4); /* without the carriage return */
  moon_recording_free(r);
}

static void test_walk_text(void **state) {
  static const char text[] =
    "# snmpwalk -v2c -c public -On -Oe\n"
    ".1.3.6.1.2.1.1.1.0 = STRING: \"one\n"
    "two\"\n"
    "stray\n"
    ".1.3.6.1.2.1.1.2.0 = Hex-STRING: 00 01\n"
    "02\n"
    "Timeout: No Response from x\n"
    "IF-MIB::ifIndex.1 = INTEGER: 1\n"
    ".1.3.6.1.2.1.1.3.0 = Timeticks: (5) 0:00:00.05\r\n"
    ".1.3.6.1.2.1.1.4.0 = STRING: plain\n"
    "more\n"
    "# a comment\n"
    ".1.3.6.1.2.1.1.6.0 = STRING: \"never\nclosed\n"
    ".1.3.6.1.2.1.1.5.0 = No more variables left in this MIB View (It is past the end of the MIB tree)\n";
  static const uint32_t lines[] = {4, 7, 8};
  struct told told;
  struct moon_dump_stats stats;
  struct moon_recording *r = read_text(text, sizeof text - 1, &told, &stats);
  struct moon_varbind vb;
  (void)state;
  assert_int_equal(stats.format, MOON_DUMP_WALK);
  assert_int_equal(stats.lines, 15);
  assert_int_equal(told.n, 3);
  for (size_t i = 0; i < 3; i++) { assert_int_equal(told.line[i], lines[i]); }
  assert_int_equal(r->n, 5);
  moon_recording_get(r, 4, &vb);
  assert_int_equal(vb.value_len, 12);
  moon_recording_get(r, 0, &vb);
  assert_int_equal(vb.value_len, 7);
  assert_memory_equal(vb.value, "one\ntwo", 7);
  moon_recording_get(r, 1, &vb);
  assert_int_equal(vb.value_len, 3);
  moon_recording_get(r, 2, &vb);
  assert_int_equal(sim_number(&vb), 5);
  moon_recording_get(r, 3, &vb);
  assert_memory_equal(vb.value, "plain\nmore", 10);
  moon_recording_free(r);
}

static void test_rtt(void **state) {
  struct moon_recording *r = sim_recording("1.3.6.1.1|2|1\n#rtt 1500\n1.3.6.1.2|2|1\n1.3.6.1.3|2|1\n#rtt x\n1.3.6.1.4|2|1\n");
  (void)state;
  assert_non_null(r->rtt_us);
  assert_int_equal(r->rtt_us[0], 0);
  assert_int_equal(r->rtt_us[1], 1500);
  assert_int_equal(r->rtt_us[2], 1500);
  assert_int_equal(r->rtt_us[3], 0);
  moon_recording_free(r);
  r = sim_recording("1.3.6.1.1|2|1\n");
  assert_null(r->rtt_us);
  moon_recording_free(r);
}

/* A value that no datagram can carry is one line left out, not the end of the file. */
static void test_too_long(void **state) {
  size_t n = 140000;
  char *text = malloc(n + 100);
  struct told told;
  struct moon_dump_stats stats;
  struct moon_recording *r;
  size_t at = (size_t)sprintf(text, "1.3.6.1.1|4x|");
  (void)state;
  memset(text + at, '4', n);
  sprintf(text + at + n, "\n1.3.6.1.2|4|");
  at += n + 13;
  r = read_text(text, at, &told, &stats);
  assert_int_equal(told.n, 1);
  assert_int_equal(told.line[0], 1);
  assert_int_equal(r->n, 1);
  moon_recording_free(r);
  at = (size_t)sprintf(text, "1.3.6.1.1|4|");
  memset(text + at, 'a', 65400);
  r = read_text(text, at + 65400, &told, &stats);
  assert_int_equal(told.n, 1);
  assert_int_equal(r->n, 0);
  moon_recording_free(r);
  r = read_text(text, at + 64000, &told, &stats);
  assert_int_equal(told.n, 0);
  assert_int_equal(r->n, 1);
  moon_recording_free(r);
  free(text);
}

/* What is written reads back as the same. */
static void test_line(void **state) {
  static const struct { uint8_t type; const char *value; size_t n; const char *line; } cases[] = {
    {MOON_INTEGER, "\xff", 1, "1.3.6.1.1.1|2|-1\n"},
    {MOON_INTEGER, "\x00\xff\xff\xff\xff", 5, "1.3.6.1.1.1|2x|00ffffffff\n"},
    {MOON_INTEGER, "", 0, "1.3.6.1.1.1|2|0\n"},
    {MOON_OCTET_STRING, "", 0, "1.3.6.1.1.1|4|\n"},
    {MOON_OCTET_STRING, "Linux x", 7, "1.3.6.1.1.1|4|Linux x\n"},
    {MOON_OCTET_STRING, "a|b", 3, "1.3.6.1.1.1|4x|617c62\n"},
    {MOON_OCTET_STRING, "a\n", 2, "1.3.6.1.1.1|4x|610a\n"},
    {MOON_OCTET_STRING, "a ", 2, "1.3.6.1.1.1|4x|6120\n"},
    {MOON_OCTET_STRING, "\xc3\xa9", 2, "1.3.6.1.1.1|4x|c3a9\n"},
    {MOON_NULL, "", 0, "1.3.6.1.1.1|5|\n"},
    {MOON_OBJECT_ID, "\x2b\x06\x81\x00", 4, "1.3.6.1.1.1|6|1.3.6.128\n"},
    {MOON_OBJECT_ID, "", 0, "1.3.6.1.1.1|6|0.0\n"},
    {MOON_IP_ADDRESS, "\xc0\x00\x02\xff", 4, "1.3.6.1.1.1|64|192.0.2.255\n"},
    {MOON_COUNTER32, "\xff", 1, "1.3.6.1.1.1|65|255\n"},
    {MOON_GAUGE32, "\x00", 1, "1.3.6.1.1.1|66|0\n"},
    {MOON_TIME_TICKS, "\x01\x00", 2, "1.3.6.1.1.1|67|256\n"},
    {MOON_OPAQUE, "\x9f\x78\x04\x42\xf6\x00\x00", 7, "1.3.6.1.1.1|68x|9f780442f60000\n"},
    {MOON_COUNTER64, "\x00\xff\xff\xff\xff\xff\xff\xff\xff", 9, "1.3.6.1.1.1|70|18446744073709551615\n"},
    {MOON_NO_SUCH_INSTANCE, "", 0, "1.3.6.1.1.1|129|\n"},
    {MOON_IP_ADDRESS, "\xc0", 1, NULL},
    {0x13, "\xc0", 1, NULL},
    {MOON_OBJECT_ID, "\x2b\x86", 2, NULL},
    {MOON_COUNTER32, "123456789", 9, NULL},
  };
  char out[200], again[200];
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct moon_varbind vb = sim_varbind("1.3.6.1.1.1", cases[i].type, cases[i].value, cases[i].n), read;
    size_t n = moon_dump_line(&vb, out, sizeof out);
    struct moon_recording *r;
    if (!cases[i].line) {
      assert_int_equal(n, 0);
      continue;
    }
    assert_string_equal(out, cases[i].line);
    assert_int_equal(n, strlen(cases[i].line));
    for (size_t cap = 0; cap <= n; cap++) { assert_int_equal(moon_dump_line(&vb, again, cap), 0); }
    r = sim_recording(out);
    moon_recording_get(r, 0, &read);
    assert_int_equal(moon_dump_line(&read, again, sizeof again), n);
    assert_string_equal(again, out);
    moon_recording_free(r);
  }
}

/* Every prefix of a file is a file. */
static void test_prefixes(void **state) {
  static const char *const texts[] = {
    "1.3.6.1.1|4e|a\\x41\\\n1.3.6.1.2|68|Float: -1.5e-3\n#rtt 12\n1.3.6.1.3|64x|0a000001\r\n",
    ".1.3.6.1.1 = STRING: \"a \\\"b\nc\"\n.1.3.6.1.2 = Hex-STRING: 00 01 [..]\n02 \n.1.3.6.1.3 = BITS: 00 20 10 \n"
    ".1.3.6.1.4 = Opaque: Double: 1.5\n.1.3.6.1.5 = Wrong Type (should be X): Timeticks: (5) 0:00:00.05\n",
  };
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    for (size_t n = 0; n <= strlen(texts[i]); n++) {
      struct told told;
      struct moon_dump_stats stats;
      moon_recording_free(read_text(texts[i], n, &told, &stats));
    }
  }
}

/* What agents have of themselves: put where it is not recorded, and marked where it is, with the type it has. */
static void test_own(void **state) {
  static const char text[] = "1.3.6.1.6.3.10.2.1.1.0|4x|800000000102\n1.3.6.1.6.3.10.2.1.3.0|66|5\n1.3.6.1.6.3.10.2.1.4.0|2|1500\n"
                             "1.3.6.1.6.3.15.1.1.4.0|65|77\n1.3.6.1.6.3.15.1.1.7.0|65|1\n1.3.6.1.2.1.11.1.0|65|9\n";
  static const struct { const char *oid; bool own; uint8_t type; } want[] = {
    {"1.3.6.1.2.1.11.1.0", true, MOON_COUNTER32},       {"1.3.6.1.6.3.10.2.1.1.0", true, MOON_OCTET_STRING},
    {"1.3.6.1.6.3.10.2.1.2.0", true, MOON_INTEGER},     {"1.3.6.1.6.3.10.2.1.3.0", false, MOON_GAUGE32},
    {"1.3.6.1.6.3.10.2.1.4.0", false, MOON_INTEGER},    {"1.3.6.1.6.3.15.1.1.1.0", true, MOON_COUNTER32},
    {"1.3.6.1.6.3.15.1.1.2.0", true, MOON_COUNTER32},   {"1.3.6.1.6.3.15.1.1.3.0", true, MOON_COUNTER32},
    {"1.3.6.1.6.3.15.1.1.4.0", true, MOON_COUNTER32},   {"1.3.6.1.6.3.15.1.1.5.0", true, MOON_COUNTER32},
    {"1.3.6.1.6.3.15.1.1.6.0", true, MOON_COUNTER32},   {"1.3.6.1.6.3.15.1.1.7.0", false, MOON_COUNTER32},
  };
  const struct moon_dump_options options = {.usm = true};
  struct moon_dump_stats stats;
  struct moon_varbind vb;
  enum moon_err err;
  struct moon_recording *r = moon_dump_read(text, sizeof text - 1, &options, &stats, &err);
  (void)state;
  assert_int_equal(r->n, sizeof want / sizeof *want);
  assert_int_equal(stats.left_out, 0);
  for (uint32_t i = 0; i < r->n; i++) {
    char name[MOON_OID_TEXT_MAX];
    moon_recording_get(r, i, &vb);
    moon_oid_format(vb.oid, vb.oid_len, name, sizeof name);
    assert_string_equal(name, want[i].oid);
    assert_int_equal(vb.type, want[i].type);
    assert_int_equal((r->instances[i].flags & MOON_INSTANCE_SNMP) != 0, want[i].own);
  }
  moon_recording_get(r, 1, &vb);
  assert_int_equal(vb.value_len, 6);
  moon_recording_get(r, 8, &vb);
  assert_int_equal(vb.value[0], 77);
  moon_recording_free(r);
}

static void test_no_memory(void **state) {
  static const char text[] = "1.3.6.1.1|4|a\n1.3.6.1.0|4|b\n1.3.6.1.1|4|c\n#rtt 5\n1.3.6.1.4|2|1\n";
  const struct moon_dump_options options = {.snmp = true, .usm = true};
  (void)state;
  for (unsigned n = 1;; n++) {
    size_t alive = failmem_alive();
    enum moon_err err = MOON_OK;
    struct moon_recording *r;
    failmem_arm(n);
    r = moon_dump_read(text, sizeof text - 1, &options, NULL, &err);
    if (!failmem_fired()) {
      assert_int_equal(r->n, 42);
      moon_recording_free(r);
      break;
    }
    assert_null(r);
    assert_int_equal(err, MOON_E_NOMEM);
    assert_int_equal(failmem_alive(), alive);
  }
  failmem_disarm();
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_snmprec_values), cmocka_unit_test(test_walk_values), cmocka_unit_test(test_dirt),
    cmocka_unit_test(test_walk_text),      cmocka_unit_test(test_rtt),         cmocka_unit_test(test_too_long),
    cmocka_unit_test(test_line),           cmocka_unit_test(test_prefixes),    cmocka_unit_test(test_own),
    cmocka_unit_test(test_no_memory),
  };
  failmem_install();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
