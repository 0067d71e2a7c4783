#define _GNU_SOURCE
#include "record.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../agent/dump.h"
#include "../base/mem.h"
#include "../engine/engine.h"
#include "../session/walk.h"
#include "login.h"
#include "master.h"
#include "print.h"

#define ROOTS_MAX 16
#define ROWS_MAX 0xffffffu /* more than a recording takes */
#define OCTETS_MAX (UINT64_C(1) << 30)

static const char usage[] =
  "usage: moonpoll record HOST [OID...] [options] > FILE.snmprec\n"
  "Walks an SNMP agent into a recording for moonpoll sim: all of it, or the subtrees named.\n"
  "\n"
  "  -v 1|2c|3           SNMP version (2c; 3 with -u)\n"
  "  -c COMMUNITY        community (public)\n"
  "  -u -l -a -A -x -X -n -e -E -Z -3  of version 3, as for moonpoll run\n"
  "  -t S, -r N          seconds to wait for an answer to one try (2); tries after the first (3)\n"
  "  --timing            keep round trips, for moonpoll sim --timing\n"
  "  --help              this text\n"
  "\n"
  "What an agent tells may be private: names, addresses, users. Look before you hand a recording on.\n"
  "\n"
  "example: moonpoll record 192.0.2.1 -c public > router.snmprec\n";

struct root { uint8_t oid[MOON_OID_MAX_LEN]; size_t len; };

struct record {
  struct moon_loop *loop;
  struct moon_engine *engine;
  struct moon_peer *peer;
  struct moon_walk *walk;
  struct moon_credential credential;
  struct moon_login_given login;
  const char *version;       /* as said; NULL: not */
  struct moon_policy policy;
  struct moon_addr addr;
  const char *host;
  char name[MOON_HOST_MAX];  /* of it; "": addr is all */
  struct root roots[ROOTS_MAX];
  uint32_t n_roots, at;      /* the subtree under way */
  struct moon_print out;
  char *line;                /* MOON_DUMP_LINE_MAX */
  uint64_t n, left_out;
  uint32_t rtt_us;           /* last one written; 0: none */
  enum moon_err err;         /* why it is not whole */
  uint16_t tries;
  bool timing, help;
};

static int __attribute__((format(printf, 2, 3))) fail(int status, const char *format, ...) {
  va_list ap;
  fputs("moonpoll record: ", stderr);
  va_start(ap, format);
  vfprintf(stderr, format, ap);
  va_end(ap);
  fputc('\n', stderr);
  return status;
}

/* ---- options */

static bool add_root(struct record *r, const char *text) {
  struct root *root = &r->roots[r->n_roots];
  if (r->n_roots == ROOTS_MAX) {
    fail(0, "over %d subtrees", ROOTS_MAX);
    return false;
  }
  if (moon_oid_parse(text, strlen(text), root->oid, sizeof root->oid, &root->len)) {
    fail(0, "%s: is no OID", text);
    return false;
  }
  r->n_roots++;
  return true;
}

static bool take_community(struct record *r, char *value) {
  size_t n = strlen(value);
  if (n == 0 || n > MOON_COMMUNITY_MAX) {
    fail(0, "-c: a community has 1 to %d octets", MOON_COMMUNITY_MAX);
    return false;
  }
  memcpy(r->credential.community, value, n);
  r->credential.community_len = (uint8_t)n;
  moon_mem_wipe(value, n); /* or everybody could read it in /proc */
  return true;
}

static bool take(struct record *r, int c, char *value) {
  char *end, why[160];
  double v;
  enum moon_err e = moon_login_given_take(&r->login, c, value, why, sizeof why);
  if (e == MOON_E_CONFIG) { fail(0, "%s", why); }
  if (e != MOON_E_MISSING) { return !e; }
  switch (c) {
  case 1:
    if (r->host) { return add_root(r, value); }
    r->host = value;
    return true;
  case 'h': r->help = true; return true;
  case 'T': r->timing = true; return true;
  case 'c': return take_community(r, value);
  case 'v':
    r->version = value;
    if (strcmp(value, "1") == 0 || strcmp(value, "2c") == 0 || strcmp(value, "3") == 0) { return true; }
    fail(0, "-v: \"%s\" is not 1, 2c or 3", value);
    return false;
  default:
    v = strtod(value, &end);
    if (end == value || *end || !(c == 't' ? v >= 0.001 && v <= 3600 : v >= 0 && v < MOON_TRIES_MAX)) {
      fail(0, "-%c: \"%s\" is not a number from %s", c, value, c == 't' ? "0.001 to 3600" : "0 to 15");
      return false;
    }
    if (c == 't') {
      r->policy.timeout_us = (uint64_t)(v * 1e6);
    } else {
      r->policy.retries = (uint32_t)v;
    }
    return true;
  }
}

/* Who asks, once all is said. */
static bool choose_credential(struct record *r) {
  struct moon_login_fault fault;
  bool v3 = r->version ? strcmp(r->version, "3") == 0 : r->login.any;
  if (!v3 && r->login.any) {
    fail(0, "-v %s: -u and what goes with it are of version 3", r->version);
    return false;
  }
  r->credential.version = r->version && strcmp(r->version, "1") == 0 ? MOON_V1 : MOON_V2C;
  if (!v3 && r->login.context) { fail(0, "-n, -E: passed over, as only version 3 (-u) has contexts"); }
  if (!v3) { return true; }
  moon_credential_fini(&r->credential);
  moon_login_defaults(&r->login.login);
  enum moon_err e = moon_login_make(&r->login.login, &r->credential, &fault);
  moon_login_given_wipe(&r->login);
  if (e == MOON_E_CONFIG) {
    fail(0, "%s: %s", moon_login_options[fault.part], fault.text);
  } else if (e) {
    fail(0, "%s", moon_err_text(e));
  }
  return !e;
}

static bool parse(int argc, char **argv, struct record *r) {
  static const struct option longs[] = {{"timing", no_argument, NULL, 'T'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
  moon_policy_init(&r->policy);
  r->policy.retries = 3;
  r->policy.breaker_after = 0;
  r->policy.window = 1;
  if (moon_login_given_init(&r->login, argc, argv)) {
    fail(0, "out of memory");
    return false;
  }
  r->credential.community_len = 6;
  memcpy(r->credential.community, "public", 6);
  optind = 0;
  opterr = 0;
  for (int c; (c = getopt_long(argc, argv, "-:v:c:t:r:h" MOON_LOGIN_LETTERS, longs, NULL)) != -1;) {
    if (c == ':' || c == '?') {
      fail(0, "%s: %s", argv[optind - 1], c == ':' ? "needs a value" : "no such option");
      return false;
    }
    if (!take(r, c, optarg)) { return false; }
  }
  if (r->help) { return true; }
  if (!r->host) {
    fail(0, "no host: moonpoll record HOST > FILE.snmprec");
    return false;
  }
  if (!choose_credential(r)) { return false; }
  if (r->policy.rto_floor_us > r->policy.timeout_us) { r->policy.rto_floor_us = r->policy.timeout_us; }
  return r->n_roots || (add_root(r, "1.0") && add_root(r, "1.2") && add_root(r, "1.3"));
}

/* What is said as a name is for the engine's resolver. */
static bool read_host(struct record *r) {
  const char *host = NULL;
  size_t n = 0;
  enum moon_err err = moon_addr_parse_agent(r->host, 161, &r->addr, &host, &n);
  if (!err) { return true; }
  if (err != MOON_E_DNS || n >= sizeof r->name) {
    fail(0, "%s: is no address and no host name", r->host);
    return false;
  }
  memcpy(r->name, host, n);
  return true;
}

static enum moon_err open_peer(struct record *r) {
  return r->name[0] ? moon_peer_new_named(r->engine, r->name, &r->addr, &r->credential, &r->policy, NULL, &r->peer)
                    : moon_peer_new(r->engine, &r->addr, &r->credential, &r->policy, NULL, &r->peer);
}

/* ---- the walk */

static void put_row(struct record *r, const struct moon_row *row) {
  uint8_t oid[2 * MOON_OID_MAX_LEN];
  const struct root *root = &r->roots[r->at];
  const struct moon_cell *cell = &row->cells[0];
  if (root->len + row->index_len > MOON_OID_MAX_LEN) { return; }
  memcpy(oid, root->oid, root->len);
  memcpy(oid + root->len, row->index, row->index_len);
  const struct moon_varbind vb = {.oid = oid, .oid_len = (uint16_t)(root->len + row->index_len), .value = cell->value,
                                  .value_len = cell->value_len, .type = cell->type};
  size_t n = moon_dump_line(&vb, r->line, MOON_DUMP_LINE_MAX);
  if (!n) {
    char text[MOON_OID_TEXT_MAX];
    moon_oid_format(vb.oid, vb.oid_len, text, sizeof text);
    moon_print_printf(&r->out, "# %s: left out, a type that has no line (tag %u)\n", text, vb.type);
    r->left_out++;
    return;
  }
  moon_print_put(&r->out, r->line, n);
  moon_print_line(&r->out);
  r->n++;
}

static void next(struct record *r);

static void done(void *arg, const struct moon_outcome *o) {
  struct record *r = arg;
  struct moon_row row;
  r->tries = o->tries;
  moon_walk_feed(r->walk, o);
  if (r->timing && o->rtt_us && o->rtt_us != r->rtt_us) {
    r->rtt_us = o->rtt_us;
    moon_print_printf(&r->out, "#rtt %u\n", (unsigned)o->rtt_us);
  }
  while (moon_walk_row(r->walk, &row)) { put_row(r, &row); }
  next(r);
}

/* Begins the subtree r->at; false: there is none left, or no memory. */
static bool begin(struct record *r) {
  if (r->at == r->n_roots || r->out.failed) { return false; }
  const struct moon_name column = {.oid = r->roots[r->at].oid, .len = (uint16_t)r->roots[r->at].len};
  const struct moon_walk_spec spec = {.columns = &column, .n_columns = 1, .max_rows = ROWS_MAX, .max_octets = OCTETS_MAX};
  r->walk = moon_walk_new(moon_peer_target(r->peer), &spec, &r->err);
  return r->walk != NULL;
}

/* Asks what is next to be asked, and stops the loop when that is nothing. */
static void next(struct record *r) {
  const struct moon_request *request;
  const struct moon_outcome *seen;
  struct moon_ticket ticket;
  struct moon_row row;
  size_t blame;
  for (;;) {
    if (!r->walk && !begin(r)) { break; }
    if (moon_walk_next(r->walk, moon_engine_now(r->engine), &request)) {
      r->err = moon_engine_submit(r->engine, r->peer, request, 0, done, r, &ticket);
      if (!r->err) { return; }
      break;
    }
    while (moon_walk_row(r->walk, &row)) { put_row(r, &row); }
    if (!moon_walk_over(r->walk)) { continue; }
    r->err = moon_walk_err(r->walk, &blame, &seen);
    if (r->err) { break; }
    moon_walk_free(r->walk);
    r->walk = NULL;
    r->at++;
  }
  moon_loop_stop(r->loop);
}

static bool write_out(void *arg, const uint8_t *p, size_t n) {
  (void)arg;
  while (n) {
    ssize_t put = write(STDOUT_FILENO, p, n);
    if (put < 0 && errno == EINTR) { continue; }
    if (put <= 0) { return false; }
    p += put;
    n -= (size_t)put;
  }
  return true;
}

static void turn(void *arg) { moon_engine_turn(((struct record *)arg)->engine); }

static void say(void *arg, void *peer_user, const char *text) {
  (void)arg;
  (void)peer_user;
  fprintf(stderr, "moonpoll record: %s\n", text);
}

static int walk(struct record *r) {
  struct moon_engine_config c;
  struct moon_print *out = &r->out;
  moon_engine_config_init(&c);
  c.max_in_flight = 16;
  c.max_waiting = 16;
  c.notice = say;
  c.retry_per_s = 1000000; /* there is one device, and somebody waits for it */
  r->loop = moon_loop_new(NULL);
  r->line = moon_mem_alloc(MOON_DUMP_LINE_MAX);
  if (!r->loop || !r->line || moon_engine_new(&c, moon_loop_io(r->loop), r->loop, &r->engine) ||
      open_peer(r)) {
    return fail(MOON_EXIT_FAILED, "cannot start: %m");
  }
  moon_print_init(out, write_out, NULL);
  moon_loop_on_turn(r->loop, turn, r);
  next(r);
  if (r->walk) { moon_loop_run(r->loop); }
  if (r->err == MOON_E_DNS) {
    const char *text = moon_peer_trouble(r->peer);
    fail(0, "%s: %s", r->name, text ? text : moon_err_text(r->err));
    return MOON_EXIT_CONFIG;
  }
  if (r->err) {
    char address[MOON_ADDR_TEXT_MAX];
    moon_addr_format(&moon_peer_target(r->peer)->addr, address, sizeof address);
    moon_print_printf(out, "# not whole: %s\n", moon_err_text(r->err));
    fail(0, "%s: %s after %llu instances%s", address, moon_err_text(r->err), (unsigned long long)r->n,
         r->n ? "; what there is was written" : "");
  }
  moon_print_flush(out);
  if (out->failed && !r->err) { return fail(MOON_EXIT_FAILED, "cannot write: %m"); }
  if (!r->err && !r->n) { fail(0, "%s: has nothing there", r->host); }
  return r->err || !r->n ? MOON_EXIT_FAILED : MOON_EXIT_OK;
}

int moon_record_main(int argc, char **argv) {
  struct record *r = moon_mem_zalloc(sizeof *r);
  int status;
  if (!r) { return fail(MOON_EXIT_FAILED, "out of memory"); }
  signal(SIGPIPE, SIG_IGN);
  if (!parse(argc, argv, r)) {
    status = MOON_EXIT_CONFIG;
  } else if (r->help) {
    status = fputs(usage, stdout) < 0 || fflush(stdout) ? MOON_EXIT_FAILED : MOON_EXIT_OK;
  } else {
    status = read_host(r) ? walk(r) : MOON_EXIT_CONFIG;
  }
  if (r->walk) { moon_walk_free(r->walk); }
  if (r->peer) { moon_peer_free(r->engine, r->peer); }
  moon_engine_free(r->engine);
  moon_loop_free(r->loop);
  moon_print_fini(&r->out);
  moon_mem_free(r->line);
  moon_credential_fini(&r->credential);
  moon_login_given_fini(&r->login);
  moon_mem_free(r);
  return status;
}
