/* host_rig: a host on a real engine and a virtual loop, a probe out of a string, and agents of agent_model.h behind sockets on
 * 127.0.0.1 that live in the same loop. Seconds are the loop's: they pass while nothing is to be done, whatever the machine does.
 *
 *   struct host_rig r;
 *   host_rig_init(&r, 3);                                  three agents with the MIB below
 *   r.probe.jobs = ...                                     anything of the plan
 *   assert_int_equal(host_rig_run(&r, "return {...}"), MOON_OK);     until done is called, 10 s at most
 *   assert_string_equal(r.out, "d1 x 1\n");                samples as "device[/job] [labels] name value", in the order they came
 *   host_rig_fini(&r);                                     both balances hold, nothing is left */
#ifndef MOON_TESTS_HOST_RIG_H
#define MOON_TESTS_HOST_RIG_H

#include <arpa/inet.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
/* after setjmp.h and stdarg.h */
#include <cmocka.h>

#include "../../core/bind/task/host.h"
#include "agent_model.h"

#define UNUSED __attribute__((unused))

#define HOST_RIG_TARGETS 128
#define HOST_RIG_BEGIN_S 1764000000.0 /* the wall clock when a host begins */
#define HOST_RIG_EPOCH_S (HOST_RIG_BEGIN_S - (double)MOON_VIRTUAL_BEGIN_US / 1e6)

struct host_rig;

struct host_rig_agent {
  struct host_rig *rig;
  struct agent *model;
  int fd;
  bool silent;
  uint64_t delay_us;
  uint32_t requests;
  size_t (*answer)(struct host_rig_agent *a, const uint8_t *in, size_t n, uint8_t *out, size_t cap); /* NULL: the model's */
};

struct host_rig {
  struct moon_loop *loop;
  struct moon_engine *engine;
  struct moon_host *host;
  struct moon_counters counters;
  struct moon_run_counters runs;
  struct moon_engine_config engine_config;

  struct moon_plan plan;
  struct moon_plan_probe probe;
  struct moon_plan_job job;
  struct moon_source sources[4];
  struct moon_plan_target targets[HOST_RIG_TARGETS];
  struct moon_credential credentials[2];
  uint16_t credential_order[2];
  char names[HOST_RIG_TARGETS][16];

  struct agent model;            /* the MIB all agents share */
  struct host_rig_agent agents[HOST_RIG_TARGETS];
  uint32_t n_agents;

  char *out, *log;               /* what came, NUL-terminated */
  size_t out_len, log_len;
  uint32_t records;
  struct moon_run_head last;     /* of the last record */
  char inventory[256];           /* its labels of the inventory: " site=lab" */
  uint64_t shares[4];            /* words of probes, see share.h */
  struct moon_habit_place *habits; /* the test's; NULL: none are kept */
  uint32_t n_habits;
  struct moon_witness *witness;  /* of the first probe, the test's; NULL: nobody wants to know */
  uint32_t prepared;             /* serial of what was prepared last */
  char error[1024];              /* why it could not be; "" it could */
  uint32_t refuse;               /* this many offers of records are not taken */
  uint32_t offers;
  bool done, keep_going;         /* keep_going: done does not stop the loop */
  unsigned arm;                  /* with failmem.h: which allocation of moon_host_new fails */
  void (*on_turn)(struct host_rig *r); /* after each turn; may call host_rig_stop */
};

#define HOST_RIG_OUT_MAX (4u << 20)

struct late_reply {
  struct moon_timer timer;
  struct host_rig_agent *agent;
  struct sockaddr_in to;
  size_t n;
  uint8_t octets[2048];
};

/* Fails, with both, unless part is in the text. */
UNUSED static void expect(const char *text, const char *part) {
  if (!strstr(text, part)) {
    print_error("--- expected\n%s\n--- in\n%s\n---\n", part, text);
    fail();
  }
}

/* How often it is. */
UNUSED static unsigned count(const char *text, const char *part) {
  unsigned n = 0;
  for (; (text = strstr(text, part)); text++) { n++; }
  return n;
}

static void append(char *text, size_t *len, const char *more, size_t n) {
  assert_true(*len + n < HOST_RIG_OUT_MAX);
  memcpy(text + *len, more, n);
  *len += n;
  text[*len] = 0;
}

static void print(struct host_rig *r, const char *format, ...) {
  char line[4096];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  append(r->out, &r->out_len, line, (size_t)n);
}

static bool sink(void *arg, const uint8_t *record, uint32_t n) {
  struct host_rig *r = arg;
  struct moon_record_reader reader;
  struct moon_sample s;
  const uint8_t *labels = NULL;
  uint32_t n_labels = 0;
  r->offers++;
  if (r->refuse) {
    r->refuse--;
    return false;
  }
  assert_int_equal(moon_record_open(&reader, record, n), MOON_OK);
  r->records++;
  r->last = reader.head;
  r->inventory[0] = 0;
  const uint8_t *base = reader.base_labels;
  for (uint32_t k = 0; k < reader.n_base_labels; k++) {
    struct moon_label l;
    size_t at = strlen(r->inventory);
    base = moon_record_label(base, &l);
    snprintf(r->inventory + at, sizeof r->inventory - at, " %.*s=%.*s", (int)l.key.n, l.key.p, (int)l.value.n, l.value.p);
  }
  for (enum moon_item i; (i = moon_record_next(&reader, &s, &labels, &n_labels)) != MOON_ITEM_END;) {
    if (i != MOON_ITEM_SAMPLE) { continue; }
    print(r, "%.*s%s%.*s", (int)reader.device.n, reader.device.p, reader.job.n ? "/" : "", (int)reader.job.n, reader.job.p);
    const uint8_t *p = labels;
    struct moon_label l;
    for (uint32_t k = 0; k < n_labels; k++) {
      p = moon_record_label(p, &l);
      print(r, " %.*s=%.*s", (int)l.key.n, l.key.p, (int)l.value.n, l.value.p);
    }
    print(r, " %.*s ", (int)s.name.n, s.name.p);
    switch (s.kind) {
      case MOON_NUMBER_REAL: print(r, "%.6g\n", s.value.real); break;
      case MOON_NUMBER_UNSIGNED: print(r, "%llu\n", (unsigned long long)s.value.uint); break;
      case MOON_NUMBER_SIGNED: print(r, "%lld\n", (long long)s.value.sint); break;
      default: print(r, "%.*s\n", (int)s.text.n, s.text.p);
    }
    assert_true(s.time_s >= HOST_RIG_BEGIN_S - 60 && s.time_s < HOST_RIG_BEGIN_S + 3600);
  }
  return true;
}

static void log_line(void *arg, enum moon_level level, const char *text) {
  static const char *const names[] = {"error: ", "warn: ", "info: ", "debug: "};
  struct host_rig *r = arg;
  append(r->log, &r->log_len, names[level], strlen(names[level]));
  append(r->log, &r->log_len, text, strlen(text));
  append(r->log, &r->log_len, "\n", 1);
}

static void prepared(void *arg, uint32_t serial, const char *error) {
  struct host_rig *r = arg;
  r->prepared = serial;
  snprintf(r->error, sizeof r->error, "%s", error ? error : "");
}

static void done(void *arg) {
  struct host_rig *r = arg;
  assert_false(r->done);
  r->done = true;
  if (!r->keep_going) { moon_loop_stop(r->loop); }
}

/* ---- agents ---- */

static void late(void *arg) {
  struct late_reply *l = arg;
  sendto(l->agent->fd, l->octets, l->n, 0, (struct sockaddr *)&l->to, sizeof l->to);
  free(l);
}

static void readable(void *arg, int fd) {
  struct host_rig_agent *a = arg;
  uint8_t in[65536], out[65536];
  struct sockaddr_in from;
  socklen_t len = sizeof from;
  ssize_t n;
  while ((n = recvfrom(fd, in, sizeof in, MSG_DONTWAIT, (struct sockaddr *)&from, &len)) >= 0) {
    a->requests++;
    if (a->silent) { continue; }
    size_t m = a->answer ? a->answer(a, in, (size_t)n, out, sizeof out) : agent_answer(a->model, in, (size_t)n, out, sizeof out);
    if (!m) { continue; }
    if (!a->delay_us) {
      sendto(fd, out, m, 0, (struct sockaddr *)&from, len);
      continue;
    }
    struct late_reply *l = malloc(sizeof *l);
    assert_true(m <= sizeof l->octets);
    l->agent = a;
    l->to = from;
    l->n = m;
    memcpy(l->octets, out, m);
    moon_timer_init(&l->timer, late, l);
    moon_timer_start(a->rig->engine, &l->timer, moon_engine_now(a->rig->engine) + a->delay_us);
  }
}

/* Sets one object of the MIB. */
static UNUSED void host_rig_set(struct host_rig *r, const char *oid, uint8_t type, uint64_t value) {
  uint8_t octets[9], name[MOON_OID_MAX_LEN];
  size_t n = 9, len;
  for (size_t i = 0; i < 9; i++) { octets[i] = (uint8_t)(i ? value >> 8 * (8 - i) : 0); }
  uint8_t *p = octets;
  while (n > 1 && p[0] == 0 && p[1] < 0x80) {
    p++;
    n--;
  }
  assert_int_equal(moon_oid_parse(oid, strlen(oid), name, sizeof name, &len), MOON_OK);
  struct agent_object *o = (struct agent_object *)(uintptr_t)agent_find(&r->model, name, len);
  if (!o) {
    agent_add(&r->model, oid, type, p, n);
    return;
  }
  assert_true(n <= 9);
  o->value = realloc(o->value, 9);
  memcpy(o->value, p, n);
  o->value_len = (uint16_t)n;
  o->type = type;
}

/* The MIB: sysDescr.0, sysObjectID.0, sysUpTime.0, sysName.0; ifTable with five interfaces, the fourth without ifInOctets; ifHCInOctets. */
static void fill(struct host_rig *r) {
  static const uint8_t object_id[] = {0x2b, 6, 1, 4, 1, 0xbf, 8, 3, 2, 10};
  char oid[64], name[8];
  agent_init(&r->model);
  agent_add(&r->model, "1.3.6.1.2.1.1.1.0", MOON_OCTET_STRING, "model", 5);
  agent_add(&r->model, "1.3.6.1.2.1.1.2.0", MOON_OBJECT_ID, object_id, sizeof object_id);
  host_rig_set(r, "1.3.6.1.2.1.1.3.0", MOON_TIME_TICKS, 100000);
  agent_add(&r->model, "1.3.6.1.2.1.1.5.0", MOON_OCTET_STRING, "core", 4);
  for (unsigned i = 1; i <= 5; i++) {
    snprintf(oid, sizeof oid, "1.3.6.1.2.1.2.2.1.2.%u", i);
    snprintf(name, sizeof name, "eth%u", i);
    agent_add(&r->model, oid, MOON_OCTET_STRING, name, 4);
    snprintf(oid, sizeof oid, "1.3.6.1.2.1.2.2.1.8.%u", i);
    host_rig_set(r, oid, MOON_INTEGER, i % 2 ? 1 : 2);
    if (i != 4) {
      snprintf(oid, sizeof oid, "1.3.6.1.2.1.2.2.1.10.%u", i);
      host_rig_set(r, oid, MOON_COUNTER32, 1000 * i);
    }
    snprintf(oid, sizeof oid, "1.3.6.1.2.1.31.1.1.1.6.%u", i);
    host_rig_set(r, oid, MOON_COUNTER64, 0x100000000u * i);
    snprintf(oid, sizeof oid, "1.3.6.1.2.1.31.1.1.1.19.%u", i);
    host_rig_set(r, oid, MOON_TIME_TICKS, 0);
  }
}

static void add_agent(struct host_rig *r, uint32_t i) {
  struct host_rig_agent *a = &r->agents[i];
  struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof sin;
  a->rig = r;
  a->model = &r->model;
  a->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  assert_true(a->fd >= 0);
  assert_int_equal(bind(a->fd, (struct sockaddr *)&sin, len), 0);
  assert_int_equal(getsockname(a->fd, (struct sockaddr *)&sin, &len), 0);
  assert_int_equal(moon_loop_io(r->loop)->watch(r->loop, a->fd, readable, a), MOON_OK);
  snprintf(r->names[i], sizeof r->names[i], "d%u", i + 1);
  struct moon_plan_target *t = &r->targets[i];
  t->name = t->host = r->names[i];
  t->addr.family = 4;
  memcpy(t->addr.ip, &sin.sin_addr, 4);
  t->addr.port = ntohs(sin.sin_port);
  t->credentials = r->credential_order;
  t->n_credentials = 1;
}

static void ready(void *arg) {
  struct host_rig *r = arg;
  if (r->host) { moon_host_ready(r->host); }
}

static void notice(void *arg, void *user, const char *text) {
  struct host_rig *r = arg;
  if (r->host) { moon_host_notice(r->host, user, text); }
}

static void turn(void *arg) {
  struct host_rig *r = arg;
  moon_engine_turn(r->engine);
  if (r->on_turn) { r->on_turn(r); }
}

static UNUSED void host_rig_init(struct host_rig *r, uint32_t n_agents) {
  memset(r, 0, sizeof *r);
  r->out = calloc(1, HOST_RIG_OUT_MAX);
  r->log = calloc(1, HOST_RIG_OUT_MAX);
  r->loop = moon_loop_new("virtual");
  assert_non_null(r->loop);
  fill(r);
  r->n_agents = n_agents;
  for (uint32_t i = 0; i < n_agents; i++) { add_agent(r, i); }
  moon_engine_config_init(&r->engine_config);
  r->engine_config.counters = &r->counters;
  r->engine_config.clock_us = moon_loop_virtual_us;
  r->engine_config.clock_arg = r->loop;
  r->engine_config.ready = ready;
  r->engine_config.notice = notice;
  r->engine_config.arg = r;
  for (int i = 0; i < 2; i++) {
    snprintf(r->credentials[i].name, sizeof r->credentials[i].name, "c%d", i);
    r->credentials[i].version = MOON_V2C;
    r->credentials[i].community_len = 6;
    memcpy(r->credentials[i].community, "public", 6);
    r->credential_order[i] = (uint16_t)i;
  }
  r->job = (struct moon_plan_job){.name = "", .every_s = 60, .timeout_s = 5};
  r->probe = (struct moon_plan_probe){.name = "p", .sources = r->sources, .jobs = &r->job, .n_sources = 1, .n_jobs = 1, .max_children = 64};
  r->plan = (struct moon_plan){.credentials = r->credentials, .probes = &r->probe, .targets = r->targets, .n_credentials = 2, .n_probes = 1,
                               .n_targets = n_agents, .workers = 1, .max_coroutines = 1000, .max_in_flight = 10000, .max_children = 64,
                               .grace_s = 1, .once = true};
  moon_policy_init(&r->plan.policy);
  r->plan.policy.timeout_us = 200000;
  r->plan.policy.rto_floor_us = 50000;
  r->plan.policy.retries = 0;
}

/* Makes the host. */
static UNUSED enum moon_err host_rig_start(struct host_rig *r, const char *script) {
  r->sources[0] = (struct moon_source){.name = "p", .path = "p.lua", .text = (const uint8_t *)script, .len = (uint32_t)strlen(script)};
  assert_int_equal(moon_engine_new(&r->engine_config, moon_loop_io(r->loop), r->loop, &r->engine), MOON_OK);
  moon_loop_on_turn(r->loop, turn, r);
  struct moon_host_config c = {.engine = r->engine, .plan = &r->plan, .counters = &r->runs, .sink = sink, .log = log_line, .done = done, .arg = r,
                               .epoch_s = HOST_RIG_EPOCH_S, .shares = r->shares, .prepared = prepared, .habits = r->habits, .n_habits = r->n_habits, .witnesses = r->witness,
                               .n_witnesses = r->witness != NULL};
#ifdef MOON_TESTS_FAILMEM_H
  if (r->arm) { failmem_arm(r->arm); }
#endif
  return moon_host_new(&c, &r->host);
}

static void stop(void *arg) { moon_loop_stop(((struct host_rig *)arg)->loop); }

static UNUSED void host_rig_stop(struct host_rig *r) { moon_loop_stop(r->loop); }

/* The loop until done, stop, or so many seconds. */
static UNUSED void host_rig_loop(struct host_rig *r, double seconds) {
  struct moon_timer t;
  if (r->done && !r->keep_going) { return; }
  moon_timer_init(&t, stop, r);
  moon_timer_start(r->engine, &t, moon_engine_now(r->engine) + (uint64_t)(seconds * 1e6));
  moon_engine_kick(r->engine);
  moon_loop_run(r->loop);
  moon_timer_stop(r->engine, &t);
}

/* start, loop for at most 10 s, done is asserted. */
static UNUSED enum moon_err host_rig_run(struct host_rig *r, const char *script) {
  enum moon_err e = host_rig_start(r, script);
  if (e) { return e; }
  host_rig_loop(r, 10);
  if (!r->done) { print_message("%s", r->log); }
  assert_true(r->done);
  return MOON_OK;
}

static UNUSED void host_rig_fini(struct host_rig *r) {
  const struct moon_counters *c = &r->counters;
  moon_host_free(r->host);
  if (r->engine) { moon_engine_free(r->engine); }
  uint64_t errors = 0;
  for (int i = 0; i < MOON_E_PUBLIC_N; i++) { errors += c->error[i]; }
  assert_int_equal(c->requests, c->answered + errors + c->in_flight);
  assert_int_equal(c->in_flight, 0);
  assert_int_equal(c->datagrams_in, c->matched + c->late + c->duplicate + c->wrong_source + c->malformed + c->unknown);
  assert_int_equal(r->runs.tasks_active, 0);
  if (r->done) {
    assert_int_equal(r->runs.runs_active, 0);
    assert_int_equal(r->runs.runs_started, r->runs.runs_ok + r->runs.runs_failed + r->runs.runs_timeout + r->runs.runs_cancelled);
  }
  for (uint32_t i = 0; i < r->n_agents; i++) {
    moon_loop_io(r->loop)->unwatch(r->loop, r->agents[i].fd);
    close(r->agents[i].fd);
  }
  moon_loop_free(r->loop);
  agent_fini(&r->model);
  free(r->out);
  free(r->log);
}

/* With one agent, once, it gives these samples. */
static UNUSED void host_rig_gives(const char *script, const char *out) {
  struct host_rig r;
  host_rig_init(&r, 1);
  assert_int_equal(host_rig_run(&r, script), MOON_OK);
  if (strcmp(r.out, out)) { print_error("%s", r.log); }
  assert_string_equal(r.out, out);
  assert_int_equal(r.records, 1);
  host_rig_fini(&r);
}

#endif
