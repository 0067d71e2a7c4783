#define _GNU_SOURCE
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/mem.h"
#include "../session/exchange.h"

#define WORKERS_MAX 64
#define SECONDS_MIN 0.001      /* a step of the wheel */
#define SECONDS_MAX 31536000.0 /* a year */

const char moon_options_help[] =
  "usage: moonpoll run PROBE... --targets HOST,HOST|FILE [options]\n"
  "       moonpoll run --config FILE [options]\n"
  "Runs Lua probes against SNMP agents; samples on stdout, logs on stderr.\n"
  "\n"
  "  --targets LIST      hosts, comma-separated; or a file of lines; or a file_sd JSON file; may be repeated\n"
  "                      file:RECORDING instead of a host answers as recorded, without a device\n"
  "  --config FILE       a Lua file that returns a table; the command line adds to it and wins\n"
  "  --once              every probe once, then end: status 0 all went well, 3 some failed\n"
  "  --every S           seconds between runs, instead of what the probe says\n"
  "  --arg KEY=VALUE     handed to the probes of the command line; may be repeated\n"
  "  --mib-file FILE     names of OIDs beside those built in, as moonpoll mib add makes them\n"
  "  -o FORMAT, --output FORMAT  json, table or null; table on a terminal, else json\n"
  "\n"
  "  -v 1|2c|3           SNMP version (2c; 3 with -u)\n"
  "  -c COMMUNITY        community (public)\n"
  "  -u USER, -l LEVEL   user of version 3; noAuthNoPriv, authNoPriv or authPriv (as far as passwords are given)\n"
  "  -a NAME, -A PASSWORD  authentication: MD5, SHA, SHA-224, SHA-256, SHA-384 or SHA-512 (MD5)\n"
  "  -x NAME, -X PASSWORD  privacy: DES, 3DES, AES, AES-192 or AES-256 (DES)\n"
  "  -n CONTEXT, -e ID, -E ID  context name; engine id of the agent, of the context, in hexadecimal\n"
  "  -Z BOOTS,TIME       of the agent's engine, instead of asking it\n"
  "  -3m -3k -3M -3K KEY  keys in hexadecimal instead of passwords: authentication, master or localized; privacy\n"
  "  -t S, -r N          seconds to wait for an answer to one try (2); tries after the first (1)\n"
  "\n"
  "  --workers N         processes that poll (1)\n"
  "  --max-coroutines N  runs at once in a worker (1000)\n"
  "  --max-in-flight N   requests on the wire of a worker (10000)\n"
  "  --per-device N      requests at once to one agent (2)\n"
  "  --packets-per-s N   packets a second of a worker (no limit)\n"
  "  --device-packets-per-s N  packets a second to one agent (no limit)\n"
  "  --loop libev|epoll  event loop (libev)\n"
  "\n"
  "  --run-dir DIR       where the control socket and the counters go\n"
  "  --engine-cache FILE for what is known of SNMPv3 engines; none (DIR/engines of --run-dir, unless --once)\n"
  "  --stats FILE        final counters as JSON\n"
  "  --summary           lines for people on stderr at the end; the default for --once on a terminal\n"
  "  --schedtrace        a line a second on stderr: what runs, what waits, how late\n"
  "  --trace TARGET      its packets on stderr, readably; communities and keys are never shown\n"
  "  --log LEVEL         error, warn, info or debug (info)\n"
  "  --help              this text\n"
  "\n"
  "example: moonpoll run interfaces.lua --targets 192.0.2.1,192.0.2.2 -c public --once\n";

enum { OPT_TARGETS = 256, OPT_CONFIG, OPT_ONCE, OPT_EVERY, OPT_ARG, OPT_WORKERS, OPT_COROUTINES, OPT_IN_FLIGHT, OPT_PER_DEVICE,
       OPT_PACKETS, OPT_DEVICE_PACKETS, OPT_LOOP, OPT_RUN_DIR, OPT_STATS, OPT_SUMMARY, OPT_SCHEDTRACE, OPT_TRACE, OPT_LOG, OPT_MIB_FILE, OPT_ENGINE_CACHE };

static const struct option longs[] = {
  {"targets", required_argument, NULL, OPT_TARGETS}, {"config", required_argument, NULL, OPT_CONFIG},
  {"once", no_argument, NULL, OPT_ONCE}, {"every", required_argument, NULL, OPT_EVERY}, {"arg", required_argument, NULL, OPT_ARG},
  {"output", required_argument, NULL, 'o'}, {"workers", required_argument, NULL, OPT_WORKERS},
  {"max-coroutines", required_argument, NULL, OPT_COROUTINES}, {"max-in-flight", required_argument, NULL, OPT_IN_FLIGHT},
  {"per-device", required_argument, NULL, OPT_PER_DEVICE}, {"packets-per-s", required_argument, NULL, OPT_PACKETS},
  {"device-packets-per-s", required_argument, NULL, OPT_DEVICE_PACKETS},
  {"loop", required_argument, NULL, OPT_LOOP}, {"run-dir", required_argument, NULL, OPT_RUN_DIR},
  {"stats", required_argument, NULL, OPT_STATS}, {"summary", no_argument, NULL, OPT_SUMMARY}, {"schedtrace", no_argument, NULL, OPT_SCHEDTRACE},
  {"trace", required_argument, NULL, OPT_TRACE}, {"log", required_argument, NULL, OPT_LOG},
  {"mib-file", required_argument, NULL, OPT_MIB_FILE}, {"engine-cache", required_argument, NULL, OPT_ENGINE_CACHE},
  {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};

struct parse {
  struct moon_options *o;
  char *error;
  size_t cap;
  const char **probes, **targets, **outputs; /* parts of o->lists */
  char *text;                                /* free part of o->arg_text */
  bool bad;
};

static void __attribute__((format(printf, 2, 3))) fail(struct parse *p, const char *fmt, ...) {
  va_list ap;
  if (p->bad) { return; } /* the first one is told */
  p->bad = true;
  va_start(ap, fmt);
  vsnprintf(p->error, p->cap, fmt, ap);
  va_end(ap);
}

/* How an option is written, for messages. */
static const char *written(int c, char buf[3]) {
  for (const struct option *l = longs; l->name && c >= 256; l++) {
    if (l->val == c) { return l->name; }
  }
  buf[0] = (char)c;
  buf[1] = 0;
  return buf;
}

static uint32_t whole(struct parse *p, int c, const char *text, uint32_t least, uint32_t most) {
  char *end, buf[3];
  errno = 0;
  long long v = strtoll(text, &end, 10);
  if (errno || end == text || *end || v < least || v > most) {
    fail(p, "%s%s: \"%s\" is not a whole number from %u to %u", c < 256 ? "-" : "--", written(c, buf), text, least, most);
    return least;
  }
  return (uint32_t)v;
}

static double seconds(struct parse *p, int c, const char *text) {
  char *end, buf[3];
  double v = strtod(text, &end);
  if (end == text || *end || !isfinite(v) || v < SECONDS_MIN || v > SECONDS_MAX) {
    fail(p, "%s%s: \"%s\" is not a number of seconds, 0.001 to a year", c < 256 ? "-" : "--", written(c, buf), text);
    return 1;
  }
  return v;
}

static const char *one_of(struct parse *p, int c, const char *text, const char *const *names) {
  char buf[3], list[64] = "";
  for (const char *const *n = names; *n; n++) {
    if (strcmp(*n, text) == 0) { return *n; }
    size_t at = strlen(list);
    snprintf(list + at, sizeof list - at, "%s%s", at == 0 ? "" : n[1] ? ", " : " or ", *n);
  }
  fail(p, "%s%s: \"%s\" is not %s", c < 256 ? "-" : "--", written(c, buf), text, list);
  return names[0];
}

static void wipe_argument(char *text) { moon_mem_wipe(text, strlen(text)); }

static void take_arg(struct parse *p, const char *text) {
  const char *eq = strchr(text, '=');
  if (!eq || eq == text) {
    fail(p, "--arg: \"%s\" is not KEY=VALUE", text);
    return;
  }
  size_t n = strlen(text) + 1;
  memcpy(p->text, text, n);
  p->text[eq - text] = 0;
  p->o->args[p->o->load.n_args++] = (struct moon_pair){p->text, p->text + (eq - text) + 1};
  p->text += n;
}

static void take_community(struct parse *p, char *text) {
  if (strlen(text) > MOON_COMMUNITY_MAX) {
    fail(p, "-c: longer than %d octets", MOON_COMMUNITY_MAX);
  } else {
    if (p->o->community) { moon_mem_wipe(p->o->community, strlen(p->o->community)); }
    moon_mem_free(p->o->community);
    p->o->community = moon_mem_alloc(strlen(text) + 1);
    if (p->o->community) { strcpy(p->o->community, text); }
    p->o->load.community = p->o->community;
    if (!p->o->community) { fail(p, "-c: out of memory"); }
  }
  wipe_argument(text);
}

static void take(struct parse *p, int c, char *value) {
  static const char *const versions[] = {"1", "2c", "3", NULL}, *const formats[] = {"json", "table", "null", NULL},
                    *const loops[] = {"libev", "epoll", NULL}, *const levels[] = {"error", "warn", "info", "debug", NULL};
  struct moon_load_options *l = &p->o->load;
  char why[160];
  enum moon_err e = moon_login_given_take(&p->o->login, c, value, why, sizeof why);
  if (e != MOON_E_MISSING) {
    if (e) { fail(p, "%s", why); }
    if (p->o->login.any) { l->login = &p->o->login.login; }
    l->context = p->o->login.context;
    return;
  }
  switch (c) {
    case 'v': l->version = one_of(p, c, value, versions); break;
    case 'c': take_community(p, value); break;
    case 't': l->timeout_s = seconds(p, c, value); break;
    case 'r': l->retries = (int32_t)whole(p, c, value, 0, MOON_TRIES_MAX - 1); break;
    case 'o': p->outputs[l->n_outputs++] = one_of(p, c, value, formats); break;
    case OPT_TARGETS: p->targets[l->n_targets++] = value; break;
    case OPT_CONFIG: l->config = value; break;
    case OPT_ONCE: l->once = true; break;
    case OPT_EVERY: l->every_s = seconds(p, c, value); break;
    case OPT_ARG: take_arg(p, value); break;
    case OPT_WORKERS: l->workers = whole(p, c, value, 1, WORKERS_MAX); break;
    case OPT_COROUTINES: l->max_coroutines = whole(p, c, value, 1, 1000000); break;
    case OPT_IN_FLIGHT: l->max_in_flight = whole(p, c, value, 1, 1000000); break;
    case OPT_PER_DEVICE: l->per_device = whole(p, c, value, 1, 10000); break;
    case OPT_PACKETS: l->packets_per_s = whole(p, c, value, 1, 10000000); break;
    case OPT_DEVICE_PACKETS: l->device_packets_per_s = whole(p, c, value, 1, 10000000); break;
    case OPT_LOOP: l->loop = one_of(p, c, value, loops); break;
    case OPT_RUN_DIR: l->run_dir = value; break;
    case OPT_ENGINE_CACHE: l->engine_cache = value; break;
    case OPT_STATS: p->o->stats = value; break;
    case OPT_MIB_FILE: p->o->mib_file = value; break;
    case OPT_SUMMARY: p->o->summary = true; break;
    case OPT_SCHEDTRACE: p->o->schedtrace = true; break;
    case OPT_TRACE: p->o->trace = value; break;
    case OPT_LOG: {
      const char *name = one_of(p, c, value, levels);
      for (int i = 0; levels[i]; i++) { p->o->log = levels[i] == name ? (enum moon_level)i : p->o->log; }
      break;
    }
    case 'h': p->o->help = true; break;
    default: break;
  }
}

/* argv[at] as far as it names an option: no value, which may be a secret. */
static void fail_option(struct parse *p, const char *arg, const char *what) {
  int n = arg[0] == '-' && arg[1] == '-' ? (int)strcspn(arg, "=") : (int)strlen(arg);
  fail(p, "%.*s: %s", n, arg, what);
}

enum moon_err moon_options_parse(int argc, char **argv, struct moon_options *out, char *error, size_t cap) {
  size_t n = (size_t)argc + 1, text = 1;
  *out = (struct moon_options){.load = {.timeout_s = -1, .every_s = -1, .retries = -1}, .log = MOON_LOG_INFO};
  for (int i = 0; i < argc; i++) { text += strlen(argv[i]) + 1; }
  out->lists = moon_mem_array(3 * n, sizeof *out->lists);
  out->args = moon_mem_array(n, sizeof *out->args);
  out->arg_text = moon_mem_alloc(text);
  if (moon_login_given_init(&out->login, argc, argv) || !out->lists || !out->args || !out->arg_text) {
    snprintf(error, cap, "out of memory");
    return MOON_E_NOMEM;
  }
  struct parse p = {.o = out, .error = error, .cap = cap, .probes = out->lists, .targets = out->lists + n,
                    .outputs = out->lists + 2 * n, .text = out->arg_text};
  optind = 0; /* GNU: forget everything of a parse before */
  opterr = 0;
  for (int c; (c = getopt_long(argc, argv, "-:v:c:t:r:o:h" MOON_LOGIN_LETTERS, longs, NULL)) != -1;) {
    char name[3] = {'-', (char)optopt, 0};
    bool is_long = optopt == 0 || optopt >= 256;
    if (c == 1) {
      p.probes[out->load.n_probes++] = optarg;
    } else if (c == ':') {
      fail_option(&p, is_long ? argv[optind - 1] : name, "needs a value");
    } else if (c == '?') {
      fail_option(&p, is_long ? argv[optind - 1] : name, optopt >= 256 ? "takes no value" : "no such option");
    } else {
      take(&p, c, optarg);
    }
  }
  while (optind < argc) { p.probes[out->load.n_probes++] = argv[optind++]; } /* after -- */
  if (out->help) { return MOON_OK; }
  if (!out->load.config && out->load.n_probes == 0) { fail(&p, "no probe: moonpoll run PROBE... --targets HOST,HOST|FILE"); }
  if (!out->load.config && out->load.n_targets == 0) { fail(&p, "no --targets: moonpoll run PROBE... --targets HOST,HOST|FILE"); }
  out->load.probes = p.probes;
  out->load.targets = p.targets;
  out->load.outputs = p.outputs;
  out->load.args = out->args;
  return p.bad ? MOON_E_CONFIG : MOON_OK;
}

void moon_options_wipe(struct moon_options *o) {
  if (o->community) { moon_mem_wipe(o->community, strlen(o->community)); }
  moon_login_given_wipe(&o->login);
}

void moon_options_fini(struct moon_options *o) {
  moon_options_wipe(o);
  moon_mem_free(o->community);
  moon_login_given_fini(&o->login);
  moon_mem_free(o->lists);
  moon_mem_free(o->args);
  moon_mem_free(o->arg_text);
  *o = (struct moon_options){.load = {.timeout_s = -1, .every_s = -1, .retries = -1}};
}
