#define _GNU_SOURCE
#include "status.h"

#include <errno.h>
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
#include "view.h"

#define ANSWER_MS 5000
#define INSTANCES_MAX 16
#define LIVE_MS 1000
#define RELOAD_LOOK_MS 20
#define RELOAD_LOOKS 15000 /* five minutes: as long as the instance gives its child */

static const char usage[] =
  "usage: moonpoll %s [--run-dir DIR] [--pid PID]%s\n"
  "%s\n"
  "  --run-dir DIR   where instances are looked for: $XDG_RUNTIME_DIR/moonpoll, /run/moonpoll for root, /tmp/moonpoll-UID\n"
  "  --pid PID       which one, when several run\n"
  "%s"
  "  --help          this text\n"
  "\n"
  "example: moonpoll %s --pid 4711\n";

#define SILENT "moonpoll: %s/control: no answer within %d s: is that process stopped, or the machine overloaded?\n"

/* What it says to the command, into out. Exit status. */
static int ask(const char *dir, const char *command, struct moon_print *out) {
  char line[MOON_CONTROL_LINE], buf[8192];
  int fd = moon_rundir_connect(dir);
  if (fd < 0 && errno == EAGAIN) {
    fprintf(stderr, SILENT, dir, MOON_RUNDIR_CONNECT_S);
    return 1;
  }
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
  bool ended = false;
  while (!ended) {
    if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, ANSWER_MS) <= 0) { break; }
    ssize_t got = read(fd, buf, sizeof buf);
    ended = got <= 0;
    if (ended) { break; }
    moon_print_put(out, buf, (size_t)got);
    if (buf[got - 1] == '\n') { break; }
  }
  close(fd);
  bool whole = !out->failed && out->n && out->p[out->n - 1] == '\n';
  if (!whole && out->failed) {
    fprintf(stderr, "moonpoll: not enough memory for the answer\n");
  } else if (!whole && ended) {
    fprintf(stderr, "moonpoll: %s/control: it hung up before its answer was whole: it ended, or is too busy; try again\n", dir);
  } else if (!whole) {
    fprintf(stderr, SILENT, dir, ANSWER_MS / 1000);
  }
  return whole ? 0 : 1;
}

static int put_out(const struct moon_print *out) {
  return fwrite(out->p, 1, out->n, stdout) == out->n && fflush(stdout) == 0 ? 0 : 1;
}

/* A screen a second, until the instance ends. */
static int show_live(const char *dir) {
  for (bool first = true;; first = false) {
    struct moon_print status, top, out;
    moon_print_init(&status, NULL, NULL);
    moon_print_init(&top, NULL, NULL);
    moon_print_init(&out, NULL, NULL);
    if (!first && access(dir, F_OK)) { return 0; }
    moon_print_text(&out, "\033[H\033[J");
    int failed = ask(dir, "status", &status) || ask(dir, "top", &top) ||
                 !moon_view_live((char *)status.p, status.n, (char *)top.p, top.n, &out) || put_out(&out);
    moon_print_fini(&status);
    moon_print_fini(&top);
    moon_print_fini(&out);
    if (failed) { return 1; }
    poll(NULL, 0, LIVE_MS);
  }
}

/* Asks, and waits for what comes of it. */
static int reload(const char *dir, const char *asked) {
  struct moon_print out;
  char command[MOON_CONTROL_LINE];
  const char *probe = strrchr(asked, ' ');
  moon_print_init(&out, NULL, NULL);
  int failed = ask(dir, asked, &out);
  moon_print_put(&out, "", 1);
  if (!failed && !out.failed) {
    snprintf(command, sizeof command, "reloaded %lu%s", strtoul((const char *)out.p, NULL, 10), probe && strcmp(probe, " --now") ? probe : "");
  }
  for (int i = 0; !failed && !out.failed && i < RELOAD_LOOKS; i++) {
    out.n = 0;
    failed = ask(dir, command, &out);
    if (failed || out.n < 4 || memcmp(out.p, "wait", 4) != 0) { break; }
    poll(NULL, 0, RELOAD_LOOK_MS);
  }
  bool good = !failed && out.n > 3 && memcmp(out.p, "ok ", 3) == 0;
  if (good) {
    failed = fwrite(out.p + 3, 1, out.n - 3, stdout) != out.n - 3 || fflush(stdout) ? 1 : 0;
  } else if (!failed) {
    failed = 1;
    fprintf(stderr, "moonpoll: not reloaded: %.*s", (int)(out.n > 6 ? out.n - 6 : out.n), (const char *)out.p + (out.n > 6 ? 6 : 0));
  }
  moon_print_fini(&out);
  return failed;
}

/* Of what is on trial. */
static int settle(const char *dir, const char *command) {
  struct moon_print out;
  moon_print_init(&out, NULL, NULL);
  int failed = ask(dir, command, &out);
  if (!failed && out.n > 3 && memcmp(out.p, "ok ", 3) == 0) {
    failed = fwrite(out.p + 3, 1, out.n - 3, stdout) != out.n - 3 || fflush(stdout) ? 1 : 0;
  } else if (!failed) {
    failed = 1;
    fprintf(stderr, "moonpoll: %.*s", (int)(out.n > 6 ? out.n - 6 : out.n), (const char *)out.p + (out.n > 6 ? 6 : 0));
  }
  moon_print_fini(&out);
  return failed;
}

/* One answer, as people or programs want it. */
static int show(const char *dir, const char *command, bool text) {
  struct moon_print got, top, out;
  size_t found = 1;
  moon_print_init(&got, NULL, NULL);
  moon_print_init(&top, NULL, NULL);
  moon_print_init(&out, NULL, NULL);
  int failed = ask(dir, command, &got);
  bool about_target = strncmp(command, "target ", 7) == 0, tasks = strcmp(command, "tasks") == 0, status = strcmp(command, "status") == 0;
  bool good = false;
  if (!failed && got.n > 6 && memcmp(got.p, "error ", 6) == 0) {
    fprintf(stderr, "moonpoll: %.*s", (int)(got.n - 6), (const char *)got.p + 6);
    failed = 1;
  }
  if (!failed && about_target) { good = moon_view_targets((char *)got.p, got.n, text ? &out : NULL, &found) && text; }
  if (!failed && tasks && text) { good = moon_view_tasks((char *)got.p, got.n, &out); }
  if (!failed && status && text && ask(dir, "top", &top) == 0) { good = moon_view_live((char *)got.p, got.n, (char *)top.p, top.n, &out); }
  if (!failed) { failed = put_out(good ? &out : &got); }
  if (!failed && !found) {
    fprintf(stderr, "moonpoll: %s: no such target\n", command + 7);
    failed = 1;
  }
  moon_print_fini(&got);
  moon_print_fini(&top);
  moon_print_fini(&out);
  return failed;
}

static int choose(const char *base, long pid, char *dir, size_t cap) {
  pid_t found[INSTANCES_MAX];
  int fd = moon_rundir_connect(base); /* base may be an instance's own directory */
  if (fd >= 0 || errno == EAGAIN) {
    if (fd >= 0) { close(fd); }
    snprintf(dir, cap, "%s", base);
    return 0;
  }
  size_t n = moon_rundir_list(base, found, INSTANCES_MAX);
  if (pid == 0 && n == 0) {
    fprintf(stderr, "moonpoll: nothing runs in %s; --run-dir names another place\n", base);
    return 1;
  }
  if (pid == 0 && n > 1) {
    fprintf(stderr, "moonpoll: %zu instances run in %s, choose with --pid:", n, base);
    for (size_t i = 0; i < n && i < INSTANCES_MAX; i++) { fprintf(stderr, " %d", (int)found[i]); }
    fputc('\n', stderr);
    return 2;
  }
  snprintf(dir, cap, "%s/%ld", base, pid ? pid : (long)found[0]);
  if (pid && access(dir, F_OK)) {
    fprintf(stderr, "moonpoll: %ld is none of the instances that run in %s\n", pid, base);
    return 1;
  }
  return 0;
}

static const char *about(const char *command) {
  if (strcmp(command, "stop") == 0) { return "Ends a running instance as SIGTERM does."; }
  if (strcmp(command, "reload") == 0) {
    return "Reads configuration, target files and probes of a running instance again, as SIGHUP does, or one probe alone. What is broken\n"
           "changes nothing, is told, and is exit status 1; new versions of probes go into all workers together. Says what changed.";
  }
  if (strcmp(command, "promote") == 0) {
    return "Gives the new version of a probe that is on trial in a running instance to all devices, whatever it was like until now.";
  }
  if (strcmp(command, "rollback") == 0) {
    return "Takes the new version of a probe that is on trial in a running instance away again: the one before goes on, with its states.\n"
           "With nothing on trial what was in force before the version that came last is in force again, for all devices at once.";
  }
  if (strcmp(command, "replace") == 0) { return "Replaces the workers by new processes: runs under way finish, states are kept."; }
  if (strcmp(command, "release") == 0) {
    return "Ends the quarantine of a probe, against one target or all, after it cost workers; without a name, of everything. Says how much\n"
           "was held; a name that there is none of is exit status 1.";
  }
  if (strcmp(command, "tasks") == 0) { return "Lists the parked runs of a running instance: what each waits for, and its line."; }
  return "How a running instance is doing: a live table on a terminal, counters and histograms as JSON in a pipe.\n"
         "With the name or address of a target: why it is as it is, what happens next and what to check.";
}

int moon_status_main(int argc, char **argv) {
  static const struct option options[] = {
    {"run-dir", required_argument, NULL, 'd'}, {"pid", required_argument, NULL, 'p'},
    {"now", no_argument, NULL, 'n'}, {"json", no_argument, NULL, 'j'}, {"text", no_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
  char base[MOON_RUNDIR_MAX], dir[MOON_RUNDIR_MAX + 24], *end;
  const char *given = NULL;
  char command[MOON_CONTROL_LINE - 1];
  bool reloads = strcmp(argv[0], "reload") == 0, release = strcmp(argv[0], "release") == 0,
       rolls = strcmp(argv[0], "promote") == 0 || strcmp(argv[0], "rollback") == 0, status_of = strcmp(argv[0], "status") == 0;
  bool terminal = isatty(STDOUT_FILENO), text = terminal;
  size_t at = (size_t)snprintf(command, sizeof command, "%s", argv[0]);
  int n_words = 0;
  long pid = 0;
  optind = 1;
  opterr = 0;
  for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
    switch (c) {
      case 'd': given = optarg; break;
      case 'n':
        if (reloads) {
          at = (size_t)snprintf(command, sizeof command, "reload --now");
          break;
        }
        fprintf(stderr, "moonpoll %s: --now: no such option\n", argv[0]);
        return 2;
      case 'j': text = terminal = false; break;
      case 't':
        text = true;
        terminal = false;
        break;
      case 'p':
        pid = strtol(optarg, &end, 10);
        if (pid > 0 && *end == 0) { break; }
        fprintf(stderr, "moonpoll %s: --pid: \"%s\" is not a process id\n", argv[0], optarg);
        return 2;
      case 'h':
        printf(usage, argv[0], release ? " [PROBE [TARGET]]" : status_of ? " [TARGET]" : reloads ? " [--now] [PROBE]" : rolls ? " [PROBE]" : "", about(argv[0]),
               reloads                                      ? "  --now           new versions for all targets at once\n"
               : status_of || strcmp(argv[0], "tasks") == 0 ? "  --json, --text  for programs, for people; text on a terminal, else JSON\n"
                                                            : "",
               argv[0]);
        return fflush(stdout) ? MOON_EXIT_FAILED : MOON_EXIT_OK;
      default:
        fprintf(stderr, "moonpoll %s: %s: %s\n", argv[0], argv[optind - 1], c == ':' ? "needs a value" : "no such option");
        return 2;
    }
  }
  if (status_of && optind < argc) {
    if (!*argv[optind] || strpbrk(argv[optind], "\r\n") || strlen(argv[optind]) > MOON_CONTROL_LINE - 16) {
      fprintf(stderr, "moonpoll status: \"%s\" is no name\n", argv[optind]);
      return 2;
    }
    snprintf(command, sizeof command, "target %s", argv[optind++]);
  }
  for (; optind < argc && n_words < (release ? 2 : reloads || rolls ? 1 : 0); n_words++) {
    if (!*argv[optind] || strpbrk(argv[optind], " \t\r\n")) {
      fprintf(stderr, "moonpoll %s: \"%s\" is no name\n", argv[0], argv[optind]);
      return 2;
    }
    at += (size_t)snprintf(command + at, at < sizeof command ? sizeof command - at : 0, " %s", argv[optind++]);
    if (at >= sizeof command) {
      fprintf(stderr, "moonpoll %s: too long\n", argv[0]);
      return 2;
    }
  }
  if (optind < argc) {
    fprintf(stderr, "moonpoll %s: %s: takes no %sargument\n", argv[0], argv[optind], release ? "third " : status_of || reloads || rolls ? "second " : "");
    return 2;
  }
  if (moon_rundir_base(given, base, sizeof base)) {
    fprintf(stderr, "moonpoll %s: --run-dir: too long\n", argv[0]);
    return 2;
  }
  int status = choose(base, pid, dir, sizeof dir);
  if (status) { return status; }
  if (reloads) { return reload(dir, command); }
  if (rolls) { return settle(dir, command); }
  return strcmp(command, "status") == 0 && terminal ? show_live(dir) : show(dir, command, text);
}
