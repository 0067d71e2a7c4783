#define _GNU_SOURCE
#include "status.h"

#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"
#include "master.h"
#include "rundir.h"

#define ANSWER_MS 5000
#define INSTANCES_MAX 16

static const char usage[] =
  "usage: moonpoll %s [--run-dir DIR] [--pid PID]%s\n"
  "%s\n"
  "  --run-dir DIR   where instances are looked for: $XDG_RUNTIME_DIR/moonpoll, /run/moonpoll for root, /tmp/moonpoll-UID\n"
  "  --pid PID       which one, when several run\n"
  "  --help          this text\n"
  "\n"
  "example: moonpoll %s --pid 4711\n";

static int ask(const char *dir, const char *command) {
  char line[MOON_CONTROL_LINE], buf[8192];
  int fd = moon_rundir_connect(dir);
  if (fd < 0) {
    fprintf(stderr, "moonpoll: %s/control: %m\n", dir);
    return 1;
  }
  int n = snprintf(line, sizeof line, "%s\n", command);
  if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n || shutdown(fd, SHUT_WR)) {
    fprintf(stderr, "moonpoll: %s/control: %m\n", dir);
    close(fd);
    return 1;
  }
  size_t total = 0;
  for (;;) {
    if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, ANSWER_MS) <= 0) { break; }
    ssize_t got = read(fd, buf, sizeof buf);
    if (got <= 0) { break; }
    fwrite(buf, 1, (size_t)got, stdout);
    total += (size_t)got;
    if (buf[got - 1] == '\n') { break; }
  }
  close(fd);
  if (fflush(stdout)) { return 1; }
  if (total == 0) { fprintf(stderr, "moonpoll: %s/control does not answer\n", dir); }
  return total ? 0 : 1;
}

static int choose(const char *base, long pid, char *dir, size_t cap) {
  pid_t found[INSTANCES_MAX];
  int fd = moon_rundir_connect(base); /* base may be an instance's own directory */
  if (fd >= 0) {
    close(fd);
    snprintf(dir, cap, "%s", base);
    return 0;
  }
  size_t n = moon_rundir_list(base, found, INSTANCES_MAX);
  if (pid == 0 && n == 0) {
    fprintf(stderr, "moonpoll: nothing runs in %s\n", base);
    return 1;
  }
  if (pid == 0 && n > 1) {
    fprintf(stderr, "moonpoll: %zu instances run in %s, choose with --pid:", n, base);
    for (size_t i = 0; i < n && i < INSTANCES_MAX; i++) { fprintf(stderr, " %d", (int)found[i]); }
    fputc('\n', stderr);
    return 2;
  }
  snprintf(dir, cap, "%s/%ld", base, pid ? pid : (long)found[0]);
  return 0;
}

static const char *about(const char *command) {
  if (strcmp(command, "stop") == 0) { return "Ends a running instance as SIGTERM does."; }
  if (strcmp(command, "release") == 0) {
    return "Ends the quarantine of a probe, against one target or all, after it cost workers; without a name, of everything.";
  }
  return "Prints the counters of a running instance as JSON.";
}

int moon_status_main(int argc, char **argv) {
  static const struct option options[] = {
    {"run-dir", required_argument, NULL, 'd'}, {"pid", required_argument, NULL, 'p'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
  char base[MOON_RUNDIR_MAX], dir[MOON_RUNDIR_MAX + 24], *end;
  const char *given = NULL;
  char command[MOON_CONTROL_LINE - 1];
  bool release = strcmp(argv[0], "release") == 0;
  size_t at = (size_t)snprintf(command, sizeof command, "%s", argv[0]);
  int n_words = 0;
  long pid = 0;
  optind = 1;
  opterr = 0;
  for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
    switch (c) {
      case 'd': given = optarg; break;
      case 'p':
        pid = strtol(optarg, &end, 10);
        if (pid > 0 && *end == 0) { break; }
        fprintf(stderr, "moonpoll %s: --pid: \"%s\" is not a process id\n", argv[0], optarg);
        return 2;
      case 'h':
        printf(usage, argv[0], release ? " [PROBE [TARGET]]" : "", about(argv[0]), argv[0]);
        return fflush(stdout) ? MOON_EXIT_FAILED : MOON_EXIT_OK;
      default:
        fprintf(stderr, "moonpoll %s: %s: %s\n", argv[0], argv[optind - 1], c == ':' ? "needs a value" : "no such option");
        return 2;
    }
  }
  for (; release && optind < argc && n_words < 2; n_words++) {
    if (!*argv[optind] || strpbrk(argv[optind], " \t\r\n")) {
      fprintf(stderr, "moonpoll release: \"%s\" is no name\n", argv[optind]);
      return 2;
    }
    at += (size_t)snprintf(command + at, at < sizeof command ? sizeof command - at : 0, " %s", argv[optind++]);
    if (at >= sizeof command) {
      fprintf(stderr, "moonpoll release: too long\n");
      return 2;
    }
  }
  if (optind < argc) {
    fprintf(stderr, "moonpoll %s: %s: takes no %sargument\n", argv[0], argv[optind], release ? "third " : "");
    return 2;
  }
  if (moon_rundir_base(given, base, sizeof base)) {
    fprintf(stderr, "moonpoll %s: --run-dir: too long\n", argv[0]);
    return 2;
  }
  int status = choose(base, pid, dir, sizeof dir);
  return status ? status : ask(dir, command);
}
