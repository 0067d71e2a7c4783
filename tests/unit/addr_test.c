/* Addresses: agent syntax of net-snmp, text and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../core/session/addr.h"

static const struct { const char *text; const char *formatted; } good[] = {
  {"192.0.2.1", "192.0.2.1:161"},
  {"192.0.2.1:1161", "192.0.2.1:1161"},
  {"udp:192.0.2.1", "192.0.2.1:161"},
  {"udp:192.0.2.1:65535", "192.0.2.1:65535"},
  {"0.0.0.0", "0.0.0.0:161"},
  {"255.255.255.255:1", "255.255.255.255:1"},
  {"[::1]", "[::1]:161"},
  {"[::1]:1161", "[::1]:1161"},
  {"udp6:[2001:db8::1]:1161", "[2001:db8::1]:1161"},
  {"udpv6:2001:db8::1", "[2001:db8::1]:161"},
  {"udpipv6:::1", "[::1]:161"},
  {"2001:db8::1", "[2001:db8::1]:161"},
  {"::", "[::]:161"},
  {"1::", "[1::]:161"},
  {"2001:DB8:0:0:1:0:0:1", "[2001:db8::1:0:0:1]:161"},
  {"2001:db8:0:1:1:1:1:1", "[2001:db8:0:1:1:1:1:1]:161"},
  {"1:0:0:2:0:0:0:3", "[1:0:0:2::3]:161"},
  {"::ffff:192.0.2.1", "[::ffff:c000:201]:161"},
  {"1:2:3:4:5:6:192.0.2.1", "[1:2:3:4:5:6:c000:201]:161"},
  {"fe80::1%2", "[fe80::1%2]:161"},
  {"[fe80::1%4294967295]:99", "[fe80::1%4294967295]:99"},
  {"1:2:3:4:5:6:7::", "[1:2:3:4:5:6:7:0]:161"},
};

static const struct { const char *text, *host; uint16_t port; uint8_t family; } hosts[] = {
  {"core1", "core1", 161, 0},
  {"core1.example.net:1161", "core1.example.net", 1161, 0},
  {"udp:core1", "core1", 161, 4},
  {"udp6:core1:99", "core1", 99, 6},
  {"a_b-c.d", "a_b-c.d", 161, 0},
  {"core1.", "core1.", 161, 0},
  {"1.2.3.a", "1.2.3.a", 161, 0},
  {"3com", "3com", 161, 0},
};

static const char *const bad[] = {
  "", ":", ":161", "192.0.2", "192.0.2.256", "192.0.2.1.5", "192.0.2.01", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
  "192.0.2.1:16x", "161", "udp:", "udp:161", "udp:[::1]", "udp6:192.0.2.1", "[::1", "[::1]x", "[::1]:", "[192.0.2.1]", "[]",
  ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "1:2:3:4:5:6:7:192.0.2.1", "::1.2.3", "g::1", "1:", "1:2:",
  "fe80::1%", "fe80::1%eth0", "fe80::1%0", "fe80::1%4294967296", "a b", "-a", "a..b", ".a", "a.-b", "a!", "1:2:3:4:5:6:7:8::",
  "tcp:core1", "192.0.2.1:00000000161", "a:b",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.net",
};

static void addresses_are_read_and_written(void **state) {
  char text[MOON_ADDR_TEXT_MAX];
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    struct moon_addr a, b;
    const char *host = NULL;
    size_t n;
    memset(&a, 0xee, sizeof a);
    assert_int_equal(moon_addr_parse(good[i].text, 161, &a, &host, &n), MOON_OK);
    assert_null(host);
    n = moon_addr_format(&a, text, sizeof text);
    assert_string_equal(text, good[i].formatted);
    assert_int_equal(n, strlen(text));
    assert_int_equal(moon_addr_parse(text, 7, &b, &host, &n), MOON_OK);
    assert_true(moon_addr_equal(&a, &b));
    assert_true(moon_addr_hash(&a, 5) == moon_addr_hash(&b, 5));
    assert_true(moon_addr_hash(&a, 5) != moon_addr_hash(&a, 6));
  }
}

static void names_are_left_to_a_resolver(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    struct moon_addr a;
    const char *host = NULL;
    size_t n = 0;
    assert_int_equal(moon_addr_parse(hosts[i].text, 161, &a, &host, &n), MOON_E_DNS);
    assert_int_equal(n, strlen(hosts[i].host));
    assert_memory_equal(host, hosts[i].host, n);
    assert_int_equal(a.port, hosts[i].port);
    assert_int_equal(a.family, hosts[i].family);
  }
}

static void agents_over_tcp(void **state) {
  static const struct { const char *text, *formatted; } streams[] = {
    {"tcp:192.0.2.1", "tcp:192.0.2.1:161"},
    {"tcp:192.0.2.1:1161", "tcp:192.0.2.1:1161"},
    {"tcp6:[2001:db8::1]:1161", "tcp:[2001:db8::1]:1161"},
    {"tcpv6:2001:db8::1", "tcp:[2001:db8::1]:161"},
    {"tcpipv6:[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535", "tcp:[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535"},
  };
  static const char *const refused[] = {"tcp:[::1]", "tcp6:192.0.2.1", "tcp:tcp:192.0.2.1", "tcp:", "tcp6:udp:a"};
  char text[MOON_ADDR_TEXT_MAX];
  const char *host = NULL;
  size_t n;
  struct moon_addr a, b;
  (void)state;
  for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
    assert_int_equal(moon_addr_parse_agent(streams[i].text, 161, &a, &host, &n), MOON_OK);
    assert_int_equal(a.stream, 1);
    moon_addr_format(&a, text, sizeof text);
    assert_string_equal(text, streams[i].formatted);
    assert_int_equal(moon_addr_parse(streams[i].text, 161, &b, &host, &n), MOON_E_SYNTAX); /* where only datagrams are */
    b = a;
    b.stream = 0;
    assert_false(moon_addr_equal(&a, &b));
    assert_true(moon_addr_hash(&a, 5) != moon_addr_hash(&b, 5));
  }
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    if (moon_addr_parse_agent(refused[i], 161, &a, &host, &n) != MOON_E_SYNTAX) { fail_msg("\"%s\" was taken", refused[i]); }
  }
  assert_int_equal(moon_addr_parse_agent("tcp:core1.example.net:99", 161, &a, &host, &n), MOON_E_DNS);
  assert_int_equal(a.family, 4);
  assert_int_equal(a.port, 99);
  assert_int_equal(a.stream, 1);
  assert_int_equal(moon_addr_parse_agent("udp6:[::1]", 161, &a, &host, &n), MOON_OK);
  assert_int_equal(a.stream, 0);
}

static void nonsense_is_refused(void **state) {
  char name[300];
  struct moon_addr a = {.port = 7}, before = a;
  const char *host = NULL;
  size_t n = 0;
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (moon_addr_parse(bad[i], 161, &a, &host, &n) != MOON_E_SYNTAX) {
      fail_msg("\"%s\" was taken", bad[i]);
    }
  }
  for (size_t i = 0; i < 260; i++) {
    name[i] = i % 10 == 9 ? '.' : 'a';
  }
  name[260] = '\0';
  assert_int_equal(moon_addr_parse(name, 161, &a, &host, &n), MOON_E_SYNTAX);
  assert_memory_equal(&a, &before, sizeof a);
  assert_null(host);
}

static void no_address_and_no_room(void **state) {
  char text[MOON_ADDR_TEXT_MAX];
  struct moon_addr a = {.port = 5};
  (void)state;
  assert_int_equal(moon_addr_format(&a, text, sizeof text), 3);
  assert_string_equal(text, "?:5");
  assert_int_equal(moon_addr_format(&a, text, sizeof text - 1), 0);
}

static void hashes_spread(void **state) {
  unsigned bucket[256] = {0};
  (void)state;
  for (unsigned i = 0; i < 65536; i++) {
    struct moon_addr a = {.ip = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}, .port = 161, .family = 4};
    bucket[moon_addr_hash(&a, 0x123456789abcdef0u) & 255]++;
  }
  for (unsigned i = 0; i < 256; i++) {
    assert_in_range(bucket[i], 160, 360);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(addresses_are_read_and_written), cmocka_unit_test(names_are_left_to_a_resolver), cmocka_unit_test(nonsense_is_refused), cmocka_unit_test(agents_over_tcp),
    cmocka_unit_test(no_address_and_no_room),         cmocka_unit_test(hashes_spread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
