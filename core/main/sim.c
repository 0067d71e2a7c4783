#define _GNU_SOURCE
#include "sim.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "../base/mem.h"
#include "control.h"
#include "log.h"
#include "login.h"
#include "master.h"
#include "rundir.h"
#include "tally.h"

static const char usage[] =
  "usage: moonpoll sim FLEET.lua [options]\n"
  "       moonpoll sim --recording FILE [--count N] [options]\n"
  "Simulates SNMP agents (v1, v2c, v3) from recordings until SIGTERM. Any 127.x.y.z on one port is an agent of its own.\n"
  "\n"
  "  --recording FILE    .snmprec, or what snmpwalk -On -Oe prints; see moonpoll record\n"
  "  --count N           agents (1), on addresses that count up\n"
  "  --address A         of the first (127.1.0.1)\n"
  "  --port P            UDP port of agents that name none (0: a free one, told when ready)\n"
  "  -c COMMUNITY, --community COMMUNITY  that may read (public)\n"
  "  --write COMMUNITY   that may SET (private)\n"
  "  -u USER             of SNMPv3, who may SET; the least level is what he has keys for\n"
  "  -a PROTOCOL         MD5, SHA, SHA-224, SHA-256, SHA-384, SHA-512 (MD5)\n"
  "  -A PASSWORD         for it; a fleet file takes it from a file or the environment, and several users\n"
  "  -x PROTOCOL         DES, 3DES, AES, AES-192, AES-256, AES-192-C, AES-256-C (DES)\n"
  "  -X PASSWORD         for it\n"
  "  --live              values move: counters grow, gauges wander, uptime ticks\n"
  "  --timing            answers take the round trip they were recorded with\n"
  "  --snmp              the snmp group (1.3.6.1.2.1.11) tells each agent's own counts\n"
  "  --faults LIST       of all agents: dead,loss:share=0.1,delay:delay=0.2:from=10:to=20,gen-err:oid=1.3.6.1.2.1.2\n"
  "  --max-octets N      of an answer (65507)\n"
  "  --seed N            same seed, same run (0)\n"
  "  --strict            a line of a recording that cannot be served is an error\n"
  "  --virtual-clock     time stands still until the control socket is told `advance SECONDS`\n"
  "\n"
  "  --targets FILE      writes the agents there, as file_sd JSON for --targets of moonpoll run\n"
  "  --run-dir DIR       where the control socket goes: status, agent NAME, reboot NAME, advance SECONDS, stop\n"
  "  --stats FILE        counts of every agent at the end, as JSON\n"
  "  --loop libev|epoll  event loop (libev)\n"
  "  --log LEVEL         error, warn, info or debug (info)\n"
  "  --help              this text\n"
  "\n"
  "example: moonpoll sim --recording switch.snmprec --count 1000 --port 16100 --live\n";

enum { OPT_RECORDING = 256, OPT_COUNT, OPT_ADDRESS, OPT_PORT, OPT_WRITE, OPT_LIVE, OPT_TIMING, OPT_SNMP, OPT_FAULTS, OPT_OCTETS, OPT_SEED, OPT_STRICT,
       OPT_VIRTUAL, OPT_TARGETS, OPT_RUN_DIR, OPT_STATS, OPT_LOOP, OPT_LOG };

static const struct option longs[] = {
  {"recording", required_argument, NULL, OPT_RECORDING}, {"count", required_argument, NULL, OPT_COUNT},
  {"address", required_argument, NULL, OPT_ADDRESS}, {"port", required_argument, NULL, OPT_PORT},
  {"community", required_argument, NULL, 'c'}, {"write", required_argument, NULL, OPT_WRITE}, {"live", no_argument, NULL, OPT_LIVE},
  {"timing", no_argument, NULL, OPT_TIMING}, {"snmp", no_argument, NULL, OPT_SNMP}, {"faults", required_argument, NULL, OPT_FAULTS},
  {"max-octets", required_argument, NULL, OPT_OCTETS}, {"seed", required_argument, NULL, OPT_SEED},
  {"strict", no_argument, NULL, OPT_STRICT}, {"virtual-clock", no_argument, NULL, OPT_VIRTUAL},
  {"targets", required_argument, NULL, OPT_TARGETS}, {"run-dir", required_argument, NULL, OPT_RUN_DIR},
  {"stats", required_argument, NULL, OPT_STATS}, {"loop", required_argument, NULL, OPT_LOOP}, {"log", required_argument, NULL, OPT_LOG},
  {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};

struct options {
  struct moon_fleet_options fleet;
  const char *targets, *run_dir, *stats, *loop;
  enum moon_level log;
  struct moon_login_given login;
  bool strict, virtual_clock, help;
};

struct sim {
  struct moon_loop *loop;
  const struct moon_io *io;
  struct moon_stage stage;
  struct moon_control control;
  struct pollfd watched[MOON_CONTROL_FDS]; /* what the loop watches for the control socket, and what is ready */
  uint64_t virtual_us;
  uint64_t started_us;
  int signal_fd;
  bool has_dir;
  bool control_due;                        /* something of it is ready, or nothing of it is watched yet */
  char dir[MOON_RUNDIR_MAX];
};

static int __attribute__((format(printf, 2, 3))) fail(int status, const char *format, ...) {
  va_list ap;
  fputs("moonpoll sim: ", stderr);
  va_start(ap, format);
  vfprintf(stderr, format, ap);
  va_end(ap);
  fputc('\n', stderr);
  return status;
}

/* ---- options */

static bool number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *out) {
  char *end;
  errno = 0;
  *out = strtoull(text, &end, 10);
  if (!errno && *text >= '0' && *text <= '9' && *end == 0 && *out >= least && *out <= most) { return true; }
  fail(0, "%s: \"%s\" is not a whole number from %llu to %llu", option, text, (unsigned long long)least, (unsigned long long)most);
  return false;
}

/* The agents' user: what a manager says of an agent, -l -n -e and so on, is no option here. */
static bool finish_login(struct options *o) {
  struct moon_login *login = &o->login.login;
  if (!o->login.any) { return true; }
  if (!login->part[MOON_LOGIN_NAME].p) {
    fail(0, "-a, -A, -x and -X are of a user: -u USER is missing");
    return false;
  }
  moon_login_defaults(login);
  o->fleet.login = login;
  return true;
}

static bool take(struct options *o, int c, char *value) {
  static const char *const levels[] = {"error", "warn", "info", "debug"};
  uint64_t n = 0;
  bool good = true;
  char why[128];
  enum moon_err e = moon_login_given_take(&o->login, c, value, why, sizeof why);
  if (e == MOON_E_CONFIG) { fail(0, "%s", why); }
  if (e != MOON_E_MISSING) { return !e; }
  switch (c) {
  case OPT_RECORDING: o->fleet.recording = value; break;
  case OPT_ADDRESS: o->fleet.address = value; break;
  case 'c': o->fleet.community = value; break;
  case OPT_WRITE: o->fleet.write = value; break;
  case OPT_LIVE: o->fleet.live = true; break;
  case OPT_TIMING: o->fleet.timing = true; break;
  case OPT_SNMP: o->fleet.snmp = true; break;
  case OPT_FAULTS: o->fleet.faults = value; break;
  case OPT_STRICT: o->strict = true; break;
  case OPT_VIRTUAL: o->virtual_clock = true; break;
  case OPT_TARGETS: o->targets = value; break;
  case OPT_RUN_DIR: o->run_dir = value; break;
  case OPT_STATS: o->stats = value; break;
  case 'h': o->help = true; break;
  case OPT_COUNT:
    good = number("--count", value, 1, MOON_FLEET_AGENTS_MAX, &n);
    o->fleet.count = (uint32_t)n;
    break;
  case OPT_PORT:
    good = number("--port", value, 0, UINT16_MAX, &n);
    o->fleet.port = (uint16_t)n;
    break;
  case OPT_OCTETS:
    good = number("--max-octets", value, 484, 65507, &n);
    o->fleet.max_octets = (uint32_t)n;
    break;
  case OPT_SEED: good = number("--seed", value, 0, UINT64_MAX, &o->fleet.seed); break;
  case OPT_LOOP:
    o->loop = value;
    good = strcmp(value, "libev") == 0 || strcmp(value, "epoll") == 0;
    if (!good) { fail(0, "--loop: \"%s\" is not libev or epoll", value); }
    break;
  default:
    good = false;
    for (int i = 0; i < 4; i++) {
      if (strcmp(levels[i], value) == 0) {
        o->log = (enum moon_level)i;
        good = true;
      }
    }
    if (!good) { fail(0, "--log: \"%s\" is not error, warn, info or debug", value); }
  }
  return good;
}

static bool parse(int argc, char **argv, struct options *o) {
  *o = (struct options){.log = MOON_LOG_INFO};
  if (moon_login_given_init(&o->login, argc, argv)) {
    fail(0, "out of memory");
    return false;
  }
  optind = 0;
  opterr = 0;
  for (int c; (c = getopt_long(argc, argv, "-:c:u:a:A:x:X:h", longs, NULL)) != -1;) {
    if (c == 1) {
      if (o->fleet.file) {
        fail(0, "%s: one fleet file is enough", optarg);
        return false;
      }
      o->fleet.file = optarg;
    } else if (c == ':' || c == '?') {
      fail(0, "%s: %s", argv[optind - 1], c == ':' ? "needs a value" : "no such option, or it takes no value");
      return false;
    } else if (!take(o, c, optarg)) {
      return false;
    }
  }
  if (o->help) { return true; }
  if (!o->fleet.file == !o->fleet.recording) {
    fail(0, o->fleet.file ? "a fleet file says itself which recordings: leave out --recording"
                          : "a fleet file or --recording FILE is needed");
    return false;
  }
  if (o->fleet.file && (o->fleet.count || o->fleet.faults)) {
    fail(0, "--count and --faults go with --recording; a fleet file says them itself");
    return false;
  }
  return finish_login(o);
}

/* ---- running */

static uint64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t virtual_now(void *arg) { return ((struct sim *)arg)->virtual_us; }

static void notice(void *arg, const char *text) {
  (void)arg;
  moon_log_text(MOON_LOG_WARN, text);
}

static struct moon_crowd_member *find(struct sim *s, const char *what) {
  const char *host;
  size_t host_len;
  struct moon_addr a;
  struct moon_crowd_member *m = moon_crowd_named(s->stage.crowd, what);
  uint16_t port = s->stage.n_listening ? s->stage.listening[0].port : 0;
  if (!m && !moon_addr_parse(what, port, &a, &host, &host_len)) { m = moon_crowd_find(s->stage.crowd, &a); }
  return m;
}

static void on_command(void *arg, const char *command, struct moon_print *answer) {
  struct sim *s = arg;
  struct moon_crowd_member *m = NULL;
  bool agent = strncmp(command, "agent ", 6) == 0, reboot = strncmp(command, "reboot ", 7) == 0;
  if (agent || reboot) { m = find(s, command + (agent ? 6 : 7)); }
  if (strcmp(command, "status") == 0) {
    moon_tally_all(&s->stage, (double)(now_us() - s->started_us) / 1e6, -1, false, answer);
  } else if (strcmp(command, "stop") == 0) {
    moon_loop_stop(s->loop);
    moon_print_text(answer, "ok");
  } else if ((agent || reboot) && !m) {
    moon_print_text(answer, "error no such agent");
  } else if (agent) {
    moon_tally_agent(&s->stage, m->agent.number, answer);
  } else if (reboot) {
    moon_agent_reboot(&m->agent, s->virtual_us == UINT64_MAX ? now_us() : s->virtual_us);
    moon_print_text(answer, "ok");
  } else if (strncmp(command, "advance ", 8) == 0) {
    char *end;
    double by = strtod(command + 8, &end);
    if (s->virtual_us == UINT64_MAX) {
      moon_print_text(answer, "error time goes by itself: no --virtual-clock");
    } else if (end == command + 8 || *end || !(by >= 0 && by <= 1e10)) {
      moon_print_text(answer, "error advance SECONDS");
    } else {
      s->virtual_us += (uint64_t)llround(by * 1e6);
      moon_print_text(answer, "ok");
    }
  } else {
    moon_print_text(answer, "error no such command: status, agent NAME, reboot NAME, advance SECONDS, stop");
  }
}

static void on_control(void *arg, int fd) {
  struct sim *s = arg;
  for (int i = 0; i < MOON_CONTROL_FDS; i++) {
    if (s->watched[i].fd == fd) { s->watched[i].revents = POLLIN; }
  }
  s->control_due = true;
}

/* The control socket's descriptors come and go. */
static void serve_control(struct sim *s) {
  struct pollfd fds[MOON_CONTROL_FDS], before[MOON_CONTROL_FDS];
  if (!s->control_due) { return; }
  s->control_due = false;
  memcpy(before, s->watched, sizeof before);
  for (int i = 0; i < MOON_CONTROL_FDS; i++) { /* one may be closed now and its number be another's a moment later */
    if (s->watched[i].fd >= 0) { s->io->unwatch(s->loop, s->watched[i].fd); }
  }
  moon_control_serve(&s->control, before);
  moon_control_fds(&s->control, fds);
  for (int i = 0; i < MOON_CONTROL_FDS; i++) {
    if (fds[i].fd >= 0) { (void)s->io->watch(s->loop, fds[i].fd, on_control, s); }
    s->watched[i] = fds[i];
    s->watched[i].revents = 0;
  }
}

static void turn(void *arg) {
  struct sim *s = arg;
  serve_control(s); /* first: it may move the clock */
  moon_server_turn(s->stage.server);
}

static void on_signal(void *arg, int fd) {
  struct sim *s = arg;
  struct signalfd_siginfo info;
  while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) { moon_loop_stop(s->loop); }
}

/* Where others find it; not having it is no reason not to serve, unless it was asked for. */
static bool open_control(struct sim *s, const char *run_dir) {
  char base[MOON_RUNDIR_MAX];
  enum moon_err err = moon_rundir_base(run_dir, base, sizeof base - 4);
  if (!err && !run_dir) { strcat(base, "/sim"); } /* `moonpoll status` looks for collectors above it */
  if (!err) { err = moon_rundir_make(base, s->dir, sizeof s->dir); }
  if (!err) { err = moon_control_init(&s->control, s->dir, on_command, s); }
  for (int i = 0; i < MOON_CONTROL_FDS; i++) { s->watched[i].fd = -1; }
  s->has_dir = s->control_due = !err;
  if (!err) { return true; }
  if (run_dir) { return false; }
  moon_log(MOON_LOG_DEBUG, "no control socket in %s: %m", base);
  return true;
}

/* One line, once requests are answered. */
static bool say_ready(struct sim *s) {
  char first[MOON_ADDR_TEXT_MAX], last[MOON_ADDR_TEXT_MAX];
  uint32_t n = moon_crowd_n(s->stage.crowd);
  struct moon_addr a = moon_crowd_at(s->stage.crowd, 0)->addr, b = moon_crowd_at(s->stage.crowd, n - 1)->addr;
  moon_addr_format(&a, first, sizeof first);
  moon_addr_format(&b, last, sizeof last);
  printf("ready: %u agent%s, %s%s%s, port %u, %u recording%s with %llu instances%s%s\n", (unsigned)n, n == 1 ? "" : "s", first,
         n == 1 ? "" : " to ", n == 1 ? "" : last, (unsigned)a.port, (unsigned)s->stage.n_recordings,
         s->stage.n_recordings == 1 ? "" : "s", (unsigned long long)s->stage.instances, s->has_dir ? ", control in " : "",
         s->has_dir ? s->dir : "");
  return fflush(stdout) == 0;
}

static int write_file(const char *option, const char *path, const struct moon_print *p) {
  FILE *f = p->failed ? NULL : fopen(path, "we");
  bool good = f && fwrite(p->p, 1, p->n, f) == p->n;
  if (f && fclose(f)) { good = false; }
  return good ? MOON_EXIT_OK : fail(MOON_EXIT_FAILED, "%s %s: %s", option, path, p->failed ? "out of memory" : strerror(errno));
}

/* "dir/router.snmprec" -> "router" */
static void put_kind(struct moon_print *out, const char *path) {
  char name[256];
  const char *slash = strrchr(path, '/');
  snprintf(name, sizeof name, "%s", slash ? slash + 1 : path);
  char *dot = strrchr(name, '.');
  if (dot && dot != name) { *dot = 0; }
  moon_tally_string(out, name);
}

/* As file_sd: an agent a group, its name and what it was recorded from as labels. */
static int write_targets(struct sim *s, const char *path) {
  struct moon_print out;
  char address[MOON_ADDR_TEXT_MAX];
  moon_print_init(&out, NULL, NULL);
  moon_print_text(&out, "[");
  for (uint32_t i = 0; i < moon_crowd_n(s->stage.crowd); i++) {
    struct moon_crowd_member *m = moon_crowd_at(s->stage.crowd, i);
    moon_addr_format(&m->addr, address, sizeof address);
    moon_print_printf(&out, "%s\n{\"targets\":[\"%s\"],\"labels\":{\"agent\":", i ? "," : "", address);
    moon_tally_string(&out, m->name);
    moon_print_text(&out, ",\"kind\":");
    put_kind(&out, s->stage.fleet->kinds[s->stage.fleet->agents[i].kind].recording);
    moon_print_text(&out, "}}");
  }
  moon_print_text(&out, "\n]\n");
  int status = write_file("--targets", path, &out);
  moon_print_fini(&out);
  return status;
}

static int write_stats(struct sim *s, const char *path) {
  struct moon_print out;
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  double cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  moon_print_init(&out, NULL, NULL);
  moon_tally_all(&s->stage, (double)(now_us() - s->started_us) / 1e6, cpu_s, true, &out);
  moon_print_text(&out, "\n");
  int status = write_file("--stats", path, &out);
  moon_print_fini(&out);
  return status;
}

/* A port is a descriptor; a fleet may have many. */
static void raise_limit(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files)) { return; }
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

/* Before anything else can be interrupted: a stop while loading is a stop. */
static void hold_signals(struct sim *s) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  signal(SIGPIPE, SIG_IGN);
  s->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int serve(struct sim *s, struct moon_fleet *fleet, const struct options *o) {
  char error[1024] = "";
  bool port_taken;
  s->loop = moon_loop_new(o->loop);
  if (!s->loop) { return fail(MOON_EXIT_FAILED, "cannot make an event loop"); }
  s->io = moon_loop_io(s->loop);
  struct moon_stage_options stage = {.io = s->io, .loop = s->loop, .clock_us = o->virtual_clock ? virtual_now : NULL, .clock_arg = s,
                                     .strict = o->strict};
  enum moon_err err = moon_stage_init(&s->stage, fleet, &stage, &port_taken, error, sizeof error);
  if (err) { return fail(err == MOON_E_CONFIG && !port_taken ? MOON_EXIT_CONFIG : MOON_EXIT_FAILED, "%s", error); }
  if (!open_control(s, o->run_dir)) { return fail(MOON_EXIT_CONFIG, "--run-dir %s: %m", o->run_dir); }
  if (s->io->watch(s->loop, s->signal_fd, on_signal, s)) { return fail(MOON_EXIT_FAILED, "out of memory"); }
  int status = o->targets ? write_targets(s, o->targets) : MOON_EXIT_OK;
  if (status) { return status; }
  serve_control(s);
  moon_loop_on_turn(s->loop, turn, s);
  if (!say_ready(s)) { return fail(MOON_EXIT_FAILED, "cannot write to stdout: %m"); }
  moon_loop_run(s->loop);
  return o->stats ? write_stats(s, o->stats) : MOON_EXIT_OK;
}

static void finish(struct sim *s) {
  if (s->has_dir) {
    for (int i = 0; i < MOON_CONTROL_FDS; i++) {
      if (s->watched[i].fd >= 0) { s->io->unwatch(s->loop, s->watched[i].fd); }
    }
    moon_control_fini(&s->control);
    moon_rundir_remove(s->dir);
  }
  if (s->signal_fd >= 0 && s->loop) { s->io->unwatch(s->loop, s->signal_fd); }
  moon_stage_fini(&s->stage);
  moon_loop_free(s->loop);
  if (s->signal_fd >= 0) { close(s->signal_fd); }
}

static int simulate(struct options *o) {
  struct moon_fleet *fleet = NULL;
  struct sim s = {.signal_fd = -1, .started_us = now_us()};
  char error[1024] = "";
  moon_log_level(o->log);
  hold_signals(&s);
  raise_limit();
  s.virtual_us = o->virtual_clock ? 0 : UINT64_MAX;
  o->fleet.notice = notice;
  enum moon_err err = moon_fleet_load(&o->fleet, &fleet, error, sizeof error);
  moon_login_given_wipe(&o->login);
  int status = err ? fail(err == MOON_E_NOMEM ? MOON_EXIT_FAILED : MOON_EXIT_CONFIG, "%s", error) : serve(&s, fleet, o);
  finish(&s);
  moon_fleet_free(fleet);
  return status;
}

int moon_sim_main(int argc, char **argv) {
  struct options o;
  int status;
  if (!parse(argc, argv, &o)) {
    status = MOON_EXIT_CONFIG;
  } else if (o.help) {
    status = fputs(usage, stdout) < 0 || fflush(stdout) ? MOON_EXIT_FAILED : MOON_EXIT_OK;
  } else {
    status = simulate(&o);
  }
  moon_login_given_fini(&o.login);
  return status;
}
