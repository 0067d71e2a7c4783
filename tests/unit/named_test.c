/* Agents known by name: where the resolver says they are, what happens when it says nothing, and that nobody else waits for it. On
 * both loops. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../core/engine/hosts.h"
#include "dns.h"
#include "failmem.h"

static struct world w;
static struct dns d;
static uint64_t hold_us = 200000;

static void with_dns(struct moon_engine_config *c) {
  c->resolver = (struct moon_resolver_config){ .servers = d.servers, .timeout_us = 100000, .hold_us = hold_us };
}

static void begin(bool tcp) {
  dns_open(&d, tcp);
  world_init(&w, with_dns);
  dns_init(&d, &w);
}

static void end(void) {
  dns_fini(&d);
  world_fini(&w);
}

/* At this port. */
static struct agent *agent_at(const char *ip, uint16_t port) {
  struct agent *a = &w.agents[w.n_agents];
  memset(a, 0, sizeof *a);
  a->w = &w;
  a->addr.port = port;
  a->fd = world_socket(ip, &a->addr);
  if (a->fd < 0) { return NULL; }
  w.n_agents++;
  agent_listen(a);
  return a;
}

static struct moon_peer *named(const char *host, uint8_t family, uint16_t port) {
  struct moon_peer *p = NULL;
  assert_int_equal(moon_peer_new_named(w.e, host, &(struct moon_addr){ .family = family, .port = port }, &w.credential, &w.policy, &w, &p), MOON_OK);
  return p;
}

static struct asked *asked(struct moon_peer *p) {
  struct asked *q = world_ask(&w, p);
  assert_non_null(q);
  assert_true(world_run(&w, 10));
  assert_int_equal(q->dones, 1);
  return q;
}

static bool is_at(struct moon_peer *p, const char *ip) {
  char text[MOON_ADDR_TEXT_MAX];
  moon_addr_format(&moon_peer_target(p)->addr, text, sizeof text);
  size_t n = strlen(ip);
  return strncmp(text, ip, n) == 0 && text[n] == ':';
}

static void says(struct moon_peer *p, const char *what) {
  const char *text = moon_peer_trouble(p);
  if (!text || !strstr(text, what) || !strstr(text, d.servers)) { fail_msg("\"%s\" instead of \"%s\"", text ? text : "nothing", what); }
}

static void a_name(void **state) {
  (void)state;
  begin(true);
  struct agent *a = world_agent(&w, "127.0.0.2");
  struct dns_name *n = dns_name(&d, "core1.example.net", "127.0.0.2", NULL);
  struct moon_peer *p = named("core1.example.net", 0, a->addr.port);
  int fds[4];
  size_t before = moon_engine_fds(w.e, fds, 4);
  world_pass(&w, 0.02);
  assert_int_equal(d.questions, 0); /* nobody wants it yet */
  assert_int_equal(moon_peer_target(p)->addr.family, 0);
  struct asked *q[3];
  for (int i = 0; i < 3; i++) { q[i] = world_ask(&w, p); }
  assert_true(world_run(&w, 5));
  for (int i = 0; i < 3; i++) {
    assert_int_equal(q[i]->err, MOON_OK);
    assert_int_equal(q[i]->tries, 1);
  }
  assert_int_equal(n->asked, 2); /* A and AAAA */
  assert_true(is_at(p, "127.0.0.2"));
  assert_null(moon_peer_trouble(p));
  assert_int_equal(moon_engine_fds(w.e, fds, 4), before + 1);
  assert_int_equal(asked(p)->err, MOON_OK);
  assert_int_equal(n->asked, 2);
  assert_int_equal(w.n_notices, 0);
  end();
}

static void families(void **state) {
  (void)state;
  begin(true);
  struct agent *a = world_agent(&w, "127.0.0.2"), *six = agent_at("::1", a->addr.port);
  struct dns_name *n = dns_name(&d, "both.example.net", "127.0.0.2", "::1", NULL);
  struct moon_peer *p = named("both.example.net", 4, a->addr.port);
  assert_int_equal(asked(p)->err, MOON_OK);
  assert_true(is_at(p, "127.0.0.2"));
  assert_int_equal(n->asked, 1);
  if (six) {
    p = named("both.example.net", 6, a->addr.port);
    assert_int_equal(asked(p)->err, MOON_OK);
    assert_true(is_at(p, "[::1]"));
    assert_int_equal(n->asked, 2);
    p = named("both.example.net", 0, a->addr.port); /* whichever comes first */
    assert_int_equal(asked(p)->err, MOON_OK);
  }
  dns_name(&d, "four.example.net", "127.0.0.2", NULL);
  p = named("four.example.net", 6, a->addr.port);
  assert_int_equal(asked(p)->err, MOON_E_DNS);
  says(p, "the name has no IPv6 address, says name server ");
  end();
}

/* The system's own table, and the domains it searches. */
static void hosts_and_domains(void **state) {
  (void)state;
  setenv("LOCALDOMAIN", "example.net", 1);
  begin(true);
  struct agent *a = world_agent(&w, "127.0.0.1");
  struct moon_peer *p = named("localhost", 4, a->addr.port);
  assert_int_equal(asked(p)->err, MOON_OK);
  assert_int_equal(d.questions, 0);
  struct dns_name *n = dns_name(&d, "core1.example.net", "127.0.0.1", NULL);
  p = named("core1", 4, a->addr.port);
  assert_int_equal(asked(p)->err, MOON_OK);
  assert_int_equal(n->asked, 1);
  assert_int_equal(w.n_notices, 1); /* it is localhost too */
  assert_non_null(strstr(w.notices, "core1 is 127.0.0.1:"));
  end();
  unsetenv("LOCALDOMAIN");
}

/* A table of hosts: read once, again when it changed, whatever is in it. */
static void hosts_file(void **state) {
  static const char text[] = "# a comment\n127.0.0.2 core1 CORE1.example.net # core9\n\n  ::1\tcore1\r\n127.0.0.3 core1\n127.0.0.4\n"
                             "300.0.0.1 bad\nnonsense core2\n127.0.0.2 core1\n127.0.0.5 last";
  char path[] = "/tmp/moonpoll-hosts-XXXXXX";
  struct moon_addresses a = { 0 };
  struct moon_hosts *h = NULL;
  int fd = mkstemp(path);
  (void)state;
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
  size_t alive = failmem_alive();
  for (unsigned nth = 1;; nth++) { /* without memory it has no names */
    failmem_arm(nth);
    enum moon_err err = moon_hosts_new(path, &h);
    bool found = !err && moon_hosts_find(h, "core1", 0, 1, &a);
    if (!failmem_fired()) {
      assert_true(found);
      break;
    }
    assert_false(found);
    if (!err) { moon_hosts_free(h); }
    assert_int_equal(failmem_alive(), alive);
  }
  failmem_disarm();
  assert_int_equal(a.n, 3);
  assert_int_equal(a.at[0].ip[3], 2);
  assert_int_equal(a.at[1].family, 6);
  assert_int_equal(a.at[2].ip[3], 3);
  assert_true(moon_hosts_find(h, "Core1", 6, 1, &a));
  assert_int_equal(a.n, 1);
  assert_true(moon_hosts_find(h, "core1.EXAMPLE.net.", 4, 1, &a));
  assert_int_equal(a.at[0].ip[3], 2);
  assert_false(moon_hosts_find(h, "core1.example.net", 6, 1, &a));
  assert_true(moon_hosts_find(h, "last", 0, 1, &a));
  static const char *const none[] = { "core9", "core2", "bad", "core", "core11", "127.0.0.2", "", "#" };
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) { assert_false(moon_hosts_find(h, none[i], 0, 1, &a)); }
  assert_int_equal(write(fd, "\n127.0.0.6 new\n", 15), 15);
  assert_false(moon_hosts_find(h, "new", 0, 2, &a)); /* it looked a moment ago */
  assert_true(moon_hosts_find(h, "new", 0, 2 + MOON_HOSTS_LOOK_US, &a));
  assert_int_equal(ftruncate(fd, 0), 0);
  assert_false(moon_hosts_find(h, "new", 0, 3 + 2 * MOON_HOSTS_LOOK_US, &a));
  close(fd);
  unlink(path);
  assert_false(moon_hosts_find(h, "core1", 0, 4 + 3 * (uint64_t)MOON_HOSTS_LOOK_US, &a));
  moon_hosts_free(h);
  assert_int_equal(failmem_alive(), alive);
}

/* The next when the first stays silent, in the same request; and then that one. */
static void first_is_silent(void **state) {
  (void)state;
  begin(true);
  struct agent *dead = world_agent(&w, "127.0.0.2"), *a = agent_at("127.0.0.3", dead->addr.port);
  dead->silent = true;
  dns_name(&d, "two.example.net", "127.0.0.2", "127.0.0.3", NULL);
  struct moon_peer *p = named("two.example.net", 4, dead->addr.port);
  struct asked *q = asked(p);
  assert_int_equal(q->err, MOON_OK);
  assert_int_equal(q->tries, 2);
  assert_int_equal(asked(p)->tries, 1);
  assert_int_equal(dead->seen, 1);
  assert_int_equal(a->seen, 2);
  a->drop_first = a->seen + 1; /* one datagram is lost: no reason to move */
  q = asked(p);
  assert_int_equal(q->err, MOON_OK);
  assert_int_equal(q->tries, 2);
  assert_int_equal(dead->seen, 1);
  a->silent = true; /* it dies, and the other one is back */
  dead->silent = false;
  assert_int_equal(asked(p)->err, MOON_E_TIMEOUT);
  assert_int_equal(asked(p)->err, MOON_OK);
  assert_true(is_at(p, "127.0.0.2"));
  assert_int_equal(d.questions, 1);
  end();
}

static void one_try_each(void **state) {
  (void)state;
  begin(true);
  w.policy.retries = 0;
  w.policy.breaker_after = 2;
  w.policy.timeout_us = w.policy.trial_us = 60000;
  struct agent *a = world_agent(&w, "127.0.0.4");
  dns_name(&d, "four.example.net", "127.0.0.2", "127.0.0.3", "127.0.0.5", "127.0.0.4", NULL); /* nobody is at the first three */
  struct moon_peer *p = named("four.example.net", 4, a->addr.port);
  assert_int_equal(asked(p)->err, MOON_E_REFUSED);
  assert_int_equal(asked(p)->err, MOON_E_REFUSED);
  assert_int_equal(asked(p)->err, MOON_E_DOWN); /* the breaker counts the agent, not its addresses */
  world_pass(&w, 0.08);
  assert_int_equal(asked(p)->err, MOON_E_REFUSED); /* trials find the way all the same */
  world_pass(&w, 0.08);
  assert_int_equal(asked(p)->err, MOON_OK);
  assert_true(is_at(p, "127.0.0.4"));
  end();
}

/* The first address answers after the second was asked: it is the agent, and it is asked there from now on. */
static void late_first(void **state) {
  (void)state;
  begin(true);
  w.policy.timeout_us = 80000;
  struct agent *late = world_agent(&w, "127.0.0.2"), *dead = agent_at("127.0.0.3", late->addr.port);
  late->delay_first_us = 110000;
  dead->silent = true;
  dns_name(&d, "two.example.net", "127.0.0.2", "127.0.0.3", NULL);
  struct moon_peer *p = named("two.example.net", 4, late->addr.port);
  struct asked *q = asked(p);
  assert_int_equal(q->err, MOON_OK);
  assert_int_equal(q->tries, 2);
  assert_int_equal(dead->seen, 1);
  assert_true(is_at(p, "127.0.0.2"));
  assert_int_equal(w.c.wrong_source, 0);
  assert_int_equal(asked(p)->tries, 1);
  end();
}

/* After its time the name is asked for again; the agent moved, and what was learned of the old place is forgotten. */
static void moves(void **state) {
  (void)state;
  begin(true);
  struct agent *a = world_agent(&w, "127.0.0.2"), *b = agent_at("127.0.0.3", a->addr.port);
  struct dns_name *n = dns_name(&d, "core1.example.net", "127.0.0.2", NULL);
  n->ttl = 1;
  struct moon_peer *p = named("core1.example.net", 4, a->addr.port);
  assert_int_equal(asked(p)->err, MOON_OK);
  n->address[0] = "127.0.0.3";
  assert_int_equal(asked(p)->err, MOON_OK);
  assert_int_equal(a->seen, 2); /* still good */
  world_pass(&w, 1.1);
  assert_int_equal(asked(p)->err, MOON_OK); /* wherever: the answer may not be here yet */
  world_pass(&w, 0.1);
  assert_true(is_at(p, "127.0.0.3"));
  uint32_t seen = b->seen;
  assert_int_equal(asked(p)->err, MOON_OK);
  assert_int_equal(b->seen, seen + 1);
  assert_int_equal(w.n_notices, 1);
  assert_non_null(strstr(w.notices, "core1.example.net moved from 127.0.0.2:"));
  assert_non_null(strstr(w.notices, " to 127.0.0.3:"));
  assert_int_equal(n->asked, 2);
  end();
}

/* Asked for again with the same addresses, in another order as servers give them: nothing changes, nothing is said. */
static void stays(void **state) {
  (void)state;
  begin(true);
  struct agent *dead = world_agent(&w, "127.0.0.2"), *a = agent_at("127.0.0.3", dead->addr.port);
  dead->silent = true;
  struct dns_name *n = dns_name(&d, "two.example.net", "127.0.0.2", "127.0.0.3", NULL);
  n->ttl = 1;
  struct moon_peer *p = named("two.example.net", 4, a->addr.port);
  assert_int_equal(asked(p)->err, MOON_OK);
  uint32_t srtt_us = moon_peer_target(p)->rtt[MOON_KIND_GET].srtt_us, asked_before = n->asked;
  assert_true(srtt_us > 0);
  for (int i = 0; i < 2; i++) {
    n->address[i] = i ? "127.0.0.2" : "127.0.0.3";
    world_pass(&w, 1.1);
    assert_int_equal(asked(p)->tries, 1);
    world_pass(&w, 0.05);
    assert_int_equal(n->asked, asked_before + (uint32_t)i + 1);
    assert_true(is_at(p, "127.0.0.3"));
    assert_true(moon_peer_target(p)->rtt[MOON_KIND_GET].srtt_us > 0);
  }
  assert_int_equal(dead->seen, 1);
  assert_int_equal(w.n_notices, 0);
  end();
}

/* The old place is silent and its breaker open: it closes when the name leads elsewhere, and what was under way to the old place
 * says nothing about the new one. */
static void moves_while_silent(void **state) {
  (void)state;
  for (int trial = 0; trial < 2; trial++) {
    begin(true);
    w.policy.breaker_after = 1;
    w.policy.timeout_us = 60000;
    struct agent *a = world_agent(&w, "127.0.0.2");
    struct dns_name *n = dns_name(&d, "core1.example.net", "127.0.0.2", NULL);
    n->ttl = 1;
    struct moon_peer *p = named("core1.example.net", 4, a->addr.port);
    assert_int_equal(asked(p)->err, MOON_OK);
    a->silent = true;
    assert_int_equal(asked(p)->err, MOON_E_TIMEOUT);
    assert_int_equal(asked(p)->err, MOON_E_DOWN);
    assert_non_null(agent_at("127.0.0.3", a->addr.port));
    n->address[0] = "127.0.0.3";
    world_pass(&w, 1.1);
    if (trial) { moon_peer_target(p)->trial_at_us = 0; }
    assert_int_equal(asked(p)->err, trial ? MOON_E_TIMEOUT : MOON_E_DOWN);
    world_pass(&w, 0.02);
    assert_false(moon_peer_target(p)->open);
    assert_int_equal(asked(p)->err, MOON_OK);
    assert_int_equal(w.c.breakers_opened, 1);
    assert_int_equal(w.c.breakers_closed, 1);
    end();
  }
}

/* The resolver fails: the last good address stays, at once, and it is told once; when it is back it is believed again. */
static void last_good(void **state) {
  (void)state;
  begin(true);
  struct agent *a = world_agent(&w, "127.0.0.2");
  struct dns_name *n = dns_name(&d, "core1.example.net", "127.0.0.2", NULL), *other = dns_name(&d, "core2.example.net", "127.0.0.2", NULL);
  n->ttl = other->ttl = 1;
  struct moon_peer *p = named("core1.example.net", 4, a->addr.port), *p2 = named("core2.example.net", 4, a->addr.port);
  assert_int_equal(asked(p)->err, MOON_OK);
  assert_int_equal(asked(p2)->err, MOON_OK);
  uint32_t notices = w.n_notices; /* twins */
  d.silent = true;
  world_pass(&w, 1.1);
  for (int i = 0; i < 20; i++) {
    struct asked *q = asked(p);
    assert_int_equal(q->err, MOON_OK);
    assert_true(q->rtt_us < 50000);
    assert_int_equal(asked(p2)->err, MOON_OK);
    world_pass(&w, 0.05);
  }
  assert_int_equal(w.n_notices, notices + 1);
  assert_non_null(strstr(w.notices, ": no answer from name server "));
  assert_non_null(strstr(w.notices, "its last address stays in use"));
  assert_in_range(n->asked, 4, 9); /* asked again, but not for each request: two questions, then a pause */
  says(p, "no answer from name server ");
  n->how = other->how = DNS_SERVFAIL; /* another way to fail: the same */
  d.silent = false;
  world_pass(&w, 0.5);
  assert_int_equal(asked(p)->err, MOON_OK);
  world_pass(&w, 0.1);
  says(p, "failed, it says SERVFAIL");
  n->how = DNS_ANSWER;
  n->address[0] = "127.0.0.3";
  struct agent *b = agent_at("127.0.0.3", a->addr.port);
  world_pass(&w, 0.3);
  asked(p);
  world_pass(&w, 0.1);
  assert_int_equal(asked(p)->err, MOON_OK);
  assert_true(b->seen > 0);
  assert_null(moon_peer_trouble(p));
  end();
}

/* No address: the requests are over with dns, the line says who said what; and when the server knows more it is asked again. */
static void failures(void **state) {
  static const struct { enum dns_how how; const char *text; } cases[] = {
    { DNS_NXDOMAIN, "there is no such name, says name server " },
    { DNS_SERVFAIL, " failed, it says SERVFAIL" },
    { DNS_REFUSED, " failed, it says REFUSED" },
    { DNS_SILENT, "no answer from name server " },
    { DNS_OTHER_ID, "no answer from name server " },
    { DNS_GARBAGE, "name server " },
    { DNS_CUT, "name server " },
    { DNS_LOOPS, "name server " },
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    begin(true);
    struct agent *a = world_agent(&w, "127.0.0.2");
    struct dns_name *n = dns_name(&d, "core1.example.net", "127.0.0.2", NULL);
    n->how = cases[i].how;
    struct moon_peer *p = named("core1.example.net", 4, a->addr.port);
    struct asked *q = world_ask(&w, p), *second = world_ask(&w, p);
    assert_true(world_run(&w, 10));
    assert_int_equal(q->err, MOON_E_DNS);
    assert_int_equal(second->err, MOON_E_DNS);
    assert_int_equal(q->tries, 0);
    says(p, cases[i].text);
    uint32_t before = n->asked;
    assert_int_equal(asked(p)->err, MOON_E_DNS); /* not asked again so soon */
    assert_int_equal(n->asked, before);
    n->how = DNS_ANSWER;
    world_pass(&w, 0.25);
    assert_int_equal(asked(p)->err, MOON_OK);
    assert_null(moon_peer_trouble(p));
    assert_int_equal(w.c.error[MOON_E_DNS], 3);
    end();
  }
}

static void nobody_there(void **state) {
  (void)state;
  begin(true);
  struct moon_addr a = world_nobody("127.0.0.1");
  moon_loop_io(w.loop)->unwatch(w.loop, d.fd);
  close(d.fd);
  struct moon_peer *p = named("core1.example.net", 4, a.port);
  assert_int_equal(asked(p)->err, MOON_E_DNS);
  says(p, "cannot be asked: Connection refused");
  d.fd = -1;
  end();
}

static void by_tcp(void **state) {
  (void)state;
  for (int tcp = 1; tcp >= 0; tcp--) {
    begin(tcp);
    struct agent *a = world_agent(&w, "127.0.0.2");
    struct dns_name *n = dns_name(&d, "large.example.net", "127.0.0.2", NULL);
    n->how = DNS_TRUNCATED;
    struct moon_peer *p = named("large.example.net", 4, a->addr.port);
    struct asked *q = asked(p);
    if (tcp) {
      assert_int_equal(q->err, MOON_OK);
      assert_int_equal(n->by_tcp, 1);
    } else {
      assert_int_equal(q->err, MOON_E_DNS);
      says(p, "name server ");
    }
    end();
  }
}

/* A server that says nothing: agents with addresses, and names it does answer, are asked as fast as ever. */
static void others_are_not_delayed(void **state) {
  (void)state;
  begin(true);
  struct agent *a = world_agent(&w, "127.0.0.2");
  struct dns_name *dead = dns_name(&d, "*.dead.example.net", NULL);
  dns_name(&d, "*.example.net", "127.0.0.2", NULL);
  dead->how = DNS_SILENT;
  char host[64];
  for (int i = 0; i < 500; i++) {
    snprintf(host, sizeof host, "h%d.dead.example.net", i);
    world_ask(&w, named(host, 4, 161));
  }
  uint64_t start = moon_engine_clock_us(w.e);
  struct moon_peer *numeric = world_peer(&w, a);
  w.until = never;
  for (int i = 0; i < 20; i++) {
    uint64_t before = moon_engine_clock_us(w.e);
    struct asked *q = world_ask(&w, numeric);
    snprintf(host, sizeof host, "h%d.example.net", i);
    world_ask(&w, named(host, 4, a->addr.port));
    world_pass(&w, 0.02);
    assert_int_equal(q->dones, 1);
    assert_int_equal(q->err, MOON_OK);
    assert_true(q->at_us - before < 20000);
  }
  w.until = NULL;
  assert_true(world_run(&w, 30));
  assert_int_equal(w.c.error[MOON_E_DNS], 500);
  assert_int_equal(w.c.answered, 40);
  for (uint32_t i = 500; i < 540; i++) {
    assert_int_equal(w.asked[i].err, MOON_OK);
    assert_true(w.asked[i].at_us - start < 4000000); /* behind 500 of the dead: 64 every 250 ms */
  }
  end();
}

/* What did not answer the last time comes after what is new: it does not wait for the dead. */
static void the_dead_come_last(void **state) {
  (void)state;
  begin(true);
  struct agent *a = world_agent(&w, "127.0.0.2");
  struct dns_name *dead = dns_name(&d, "*.dead.example.net", NULL);
  dns_name(&d, "*.example.net", "127.0.0.2", NULL);
  dead->how = DNS_SILENT;
  char host[64];
  static struct moon_peer *p[150];
  for (int i = 0; i < 150; i++) {
    snprintf(host, sizeof host, "h%d.dead.example.net", i);
    p[i] = named(host, 4, 161);
    world_ask(&w, p[i]);
  }
  assert_true(world_run(&w, 30));
  world_pass(&w, 0.3);
  for (int i = 0; i < 150; i++) { world_ask(&w, p[i]); }
  struct asked *q = world_ask(&w, named("new.example.net", 4, a->addr.port));
  uint64_t before = moon_engine_clock_us(w.e);
  assert_true(world_run(&w, 30));
  assert_int_equal(q->err, MOON_OK);
  assert_true(q->at_us - before < 200000);
  end();
}

static void a_thousand(void **state) {
  (void)state;
  begin(true);
  struct agent *a = world_agent(&w, "127.0.0.2");
  dns_name(&d, "*.example.net", "127.0.0.2", NULL);
  d.hold_us = 20000;
  char host[64];
  for (int i = 0; i < 1000; i++) {
    snprintf(host, sizeof host, "h%d.example.net", i);
    assert_non_null(world_ask(&w, named(host, 4, a->addr.port)));
  }
  assert_true(world_run(&w, 30));
  assert_int_equal(w.c.answered, 1000);
  assert_in_range(d.most_held, 32, MOON_RESOLVER_AT_ONCE);
  end();
}

/* Peers, and the engine, go away while the resolver is asked. */
static void gone_meanwhile(void **state) {
  (void)state;
  begin(true);
  struct dns_name *n = dns_name(&d, "*.example.net", "127.0.0.2", NULL);
  size_t alive = failmem_alive();
  n->how = DNS_SILENT;
  struct moon_peer *p = named("a.example.net", 4, 161), *queued;
  world_ask(&w, p);
  w.until = never;
  world_pass(&w, 0.02);
  assert_true(n->asked > 0);
  queued = named("b.example.net", 4, 161);
  world_ask(&w, queued);
  moon_peer_free(w.e, queued);
  moon_peer_free(w.e, p);
  assert_int_equal(w.c.error[MOON_E_CANCELLED], 2);
  world_pass(&w, 0.5);
  assert_true(failmem_alive() > alive); /* the resolver itself */
  world_ask(&w, named("c.example.net", 4, 161));
  world_pass(&w, 0.02);
  w.until = NULL;
  end();
  assert_true(failmem_alive() < alive);
}

/* Every allocation of the way fails once: an error, or a later try, and nothing is lost. */
static void no_memory(void **state) {
  (void)state;
  bool over = false;
  hold_us = 20000;
  for (unsigned nth = 1; !over; nth++) {
    begin(true);
    struct agent *a = world_agent(&w, "127.0.0.2");
    dns_name(&d, "core1.example.net", "127.0.0.2", NULL);
    size_t alive = failmem_alive();
    struct moon_peer *p = NULL;
    failmem_arm(nth);
    enum moon_err err = moon_peer_new_named(w.e, "core1.example.net", &(struct moon_addr){ .family = 4, .port = a->addr.port }, &w.credential, &w.policy, &w, &p);
    if (err) {
      assert_int_equal(err, MOON_E_NOMEM);
      assert_int_equal(failmem_alive(), alive);
    } else {
      struct asked *q = world_ask(&w, p);
      if (q) {
        assert_true(world_run(&w, 10));
        assert_int_equal(q->dones, 1);
        over = !failmem_fired();
        if (q->err) {
          assert_true(q->err == MOON_E_DNS || q->err == MOON_E_BUDGET);
          world_pass(&w, 0.03);
          assert_int_equal(asked(p)->err, MOON_OK);
        }
      }
    }
    failmem_disarm();
    end();
    assert_true(nth < 200);
  }
  hold_us = 200000;
}

static void bad_names(void **state) {
  (void)state;
  struct moon_peer *p = NULL;
  char host[MOON_HOST_MAX + 1];
  begin(true);
  memset(host, 'a', sizeof host - 1);
  host[sizeof host - 1] = 0;
  assert_int_equal(moon_peer_new_named(w.e, host, &(struct moon_addr){ .port = 161 }, &w.credential, &w.policy, &w, &p), MOON_E_CONFIG);
  assert_null(p);
  end();
}

/* Requests leave from the source given, once it is known which family that is. */
static void source(void **state) {
  (void)state;
  begin(true);
  struct agent *a = world_agent(&w, "127.0.0.2");
  dns_name(&d, "core1.example.net", "127.0.0.2", NULL);
  struct moon_peer *p = named("core1.example.net", 4, a->addr.port);
  struct moon_addr from = { .ip = { 127, 0, 0, 77 }, .family = 4 }, foreign = { .ip = { 192, 0, 2, 99 }, .family = 4 };
  assert_int_equal(moon_peer_bind(w.e, p, &foreign), MOON_E_CONFIG);
  assert_int_equal(moon_peer_bind(w.e, p, &from), MOON_OK);
  assert_int_equal(asked(p)->err, MOON_OK);
  assert_int_equal(ntohl(((struct sockaddr_in *)&a->from)->sin_addr.s_addr), 0x7f00004d);
  end();
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_name), cmocka_unit_test(families), cmocka_unit_test(hosts_and_domains), cmocka_unit_test(hosts_file), cmocka_unit_test(first_is_silent),
    cmocka_unit_test(one_try_each), cmocka_unit_test(late_first), cmocka_unit_test(moves), cmocka_unit_test(moves_while_silent), cmocka_unit_test(stays),
    cmocka_unit_test(last_good), cmocka_unit_test(failures), cmocka_unit_test(nobody_there), cmocka_unit_test(by_tcp), cmocka_unit_test(others_are_not_delayed),
    cmocka_unit_test(the_dead_come_last), cmocka_unit_test(a_thousand), cmocka_unit_test(gone_meanwhile), cmocka_unit_test(no_memory),
    cmocka_unit_test(bad_names), cmocka_unit_test(source),
  };
  failmem_install();
  /* Both mostly wait, for the clock of the resolver's library: side by side, and what the second says comes behind the first. */
  FILE *said = tmpfile();
  assert(said);
  pid_t other = fork();
  assert(other >= 0);
  if (!other) {
    dup2(fileno(said), STDOUT_FILENO);
    dup2(fileno(said), STDERR_FILENO);
    world_backend = "libev";
    int bad = cmocka_run_group_tests_name("libev", tests, NULL, NULL);
    fflush(NULL);
    return bad != 0;
  }
  world_backend = "epoll";
  int failed = cmocka_run_group_tests_name("epoll", tests, NULL, NULL), status = 0;
  waitpid(other, &status, 0);
  rewind(said);
  for (int c; (c = getc(said)) != EOF;) { putchar(c); }
  fclose(said);
  return failed != 0 || status != 0;
}
