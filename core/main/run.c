#define _GNU_SOURCE
#include "run.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../base/mem.h"
#include "../bind/value/mib.h"
#include "log.h"
#include "master.h"
#include "options.h"
#include "output.h"
#include "shield.h"

/* Secrets are kept only to be read again, and not in clear. */
static void put_away(struct moon_shield *shield, const struct moon_plan *plan, struct moon_options *o) {
  if (plan->once) {
    moon_options_wipe(o);
  } else {
    (void)moon_shield_put(shield, o->community, o->community ? strlen(o->community) : 0);
    (void)moon_shield_put(shield, o->login.secrets, o->login.secrets ? o->login.secrets_len : 0);
  }
  for (uint32_t i = 0; i < plan->n_env; i++) { (void)moon_shield_env(shield, plan->env[i]); }
}

static void lift(void *arg) { moon_shield_lift(arg); }

static int fail(int status, const char *line) {
  fprintf(stderr, "moonpoll: %s\n", line);
  return status;
}

/* As moon_host_find has it, but for addresses that a name server gives. */
static bool is_target(const struct moon_plan *plan, const char *text) {
  char address[MOON_ADDR_TEXT_MAX];
  size_t n = strlen(text);
  for (uint32_t i = 0; i < plan->n_targets; i++) {
    const struct moon_plan_target *t = &plan->targets[i];
    if (strcmp(t->name, text) == 0 || strcmp(t->host, text) == 0 || t->lookup) { return true; }
    moon_addr_format(&t->addr, address, sizeof address);
    if (strncmp(address, text, n) == 0 && (address[n] == 0 || address[n] == ':')) { return true; }
  }
  return false;
}

/* That of files, which is behind by the few milliseconds between two ticks. */
static int64_t clock_of_files_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME_COARSE, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int poll_plan(struct moon_plan *plan, struct moon_options *o, struct moon_shield *shield, int stats_fd, int64_t since_ns) {
  struct moon_master_config c = {.plan = plan, .options = plan->once ? NULL : o, .since_ns = since_ns, .shield = shield,
                                 .run_dir = plan->run_dir, .stats_fd = stats_fd};
  if (!moon_output_choose(plan, &c.format)) { return fail(MOON_EXIT_CONFIG, moon_output_crowded); }
  bool terminal = isatty(STDERR_FILENO);
  c.live = terminal && isatty(STDOUT_FILENO);
  c.summary = o->summary || (plan->once && terminal);
  c.schedtrace = o->schedtrace;
  c.trace = o->trace;
  moon_log_live(c.live && strcmp(c.format, "table") == 0);
  if (c.trace && !is_target(plan, c.trace)) { moon_log(MOON_LOG_WARN, "--trace %s: there is no such target, by name or by address", c.trace); }
  for (uint32_t i = 0; i < plan->n_warnings; i++) { moon_log_text(MOON_LOG_WARN, plan->warnings[i]); }
  return moon_master_run(&c);
}

static void tell_progress(void *arg, uint32_t made, uint32_t n) {
  (void)arg;
  moon_log(MOON_LOG_INFO, "keys of passwords: %u of %u", (unsigned)made, (unsigned)n);
}

/* Every process maps the file by itself when it needs a name; whether that can work is told before anything starts. */
static bool use_names(const char *path, char *error, size_t cap) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    snprintf(error, cap, "--mib-file %s: %m", path);
    return false;
  }
  close(fd);
  moon_mib_use(path);
  const char *fault = moon_mib_fault();
  if (fault) { snprintf(error, cap, "--mib-file %s: it %s", path, fault); }
  return !fault;
}

/* What is asked for by SIGHUP or SIGUSR2 before there is a master to do it is done when there is one. */
static void keep_requests(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, NULL);
}

int moon_run_main(int argc, char **argv) {
  struct moon_options o;
  struct moon_plan *plan = NULL;
  char error[1024] = "";
  int stats_fd = -1, status;
  keep_requests();
  enum moon_err err = moon_options_parse(argc, argv, &o, error, sizeof error);
  moon_log_level(o.log);
  o.load.progress = tell_progress;
  int64_t since_ns = clock_of_files_ns();
  if (err) {
    status = fail(err == MOON_E_CONFIG ? MOON_EXIT_CONFIG : MOON_EXIT_FAILED, error);
  } else if (o.help) {
    status = fputs(moon_options_help, stdout) < 0 || fflush(stdout) ? MOON_EXIT_FAILED : MOON_EXIT_OK;
  } else if (o.mib_file && !use_names(o.mib_file, error, sizeof error)) {
    status = fail(MOON_EXIT_CONFIG, error);
  } else if ((err = moon_load(&o.load, &plan, error, sizeof error)) != MOON_OK) {
    status = fail(err == MOON_E_NOMEM ? MOON_EXIT_FAILED : MOON_EXIT_CONFIG, error[0] ? error : moon_err_text(err));
  } else if (o.stats && (stats_fd = open(o.stats, O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) < 0) {
    snprintf(error, sizeof error, "--stats %s: %m", o.stats);
    status = fail(MOON_EXIT_CONFIG, error);
  } else {
    struct moon_shield shield = {0};
    put_away(&shield, plan, &o);
    o.load.begun = lift;
    o.load.begun_arg = &shield;
    status = poll_plan(plan, &o, &shield, stats_fd, since_ns);
    moon_shield_fini(&shield);
  }
  if (plan) { moon_plan_free(plan); }
  if (stats_fd >= 0) { close(stats_fd); }
  moon_options_fini(&o);
  return status;
}
