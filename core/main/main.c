#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../bind/tool/tool.h"
#include "../moonpoll.h"
#include "check.h"
#include "master.h"
#include "mib.h"
#include "protect.h"
#include "record.h"
#include "run.h"
#include "sim.h"
#include "status.h"
#include "test.h"

static const char usage[] =
  "usage: moonpoll run PROBE... --targets HOST,HOST|FILE [options]\n"
  "       moonpoll sim FLEET.lua | --recording FILE [options]\n"
  "       moonpoll check PROBE...|--config FILE [--recording FILE] [--strict]\n"
  "       moonpoll test DIR [--update]\n"
  "       moonpoll record HOST [OID...] [options]\n"
  "       moonpoll mib add FILE|DIR... | list | show NAME...\n"
  "       moonpoll status [TARGET] [--run-dir DIR] [--pid PID]\n"
  "       moonpoll reload [--now] [PROBE] [--run-dir DIR] [--pid PID]\n"
  "       moonpoll promote | rollback [PROBE] [--run-dir DIR] [--pid PID]\n"
  "       moonpoll tasks | stop | replace | release [PROBE [TARGET]] [--run-dir DIR] [--pid PID]\n"
  "       moonpoll get | getnext | bulkget | walk | bulkwalk | set [options] AGENT OID...\n"
  "       moonpoll COMMAND --help | --version\n"
  "\n"
  "  run      poll SNMP agents with Lua probes, samples on stdout\n"
  "  sim      simulate SNMP agents from recordings\n"
  "  check    what is wrong with a probe, before it meets a device\n"
  "  test     try probes against recordings, with a fake clock\n"
  "  record   walk an agent into a recording\n"
  "  mib      MIB modules that are known, and more of them\n"
  "  status   how a running instance is doing; with a target: why\n"
  "  tasks    what its runs wait for, and where\n"
  "  reload   read configuration, targets and probes of a running instance again\n"
  "  promote  give the new version of a probe that is on trial to all devices\n"
  "  rollback take it away again\n"
  "  stop     end a running instance\n"
  "  release  let a probe run again that cost workers\n"
  "  replace  new worker processes, their states kept\n"
  "  get ...  as snmpget and its kin; so does moonpoll under their names\n";

/* With 0, 1 or 2 closed the next socket would take its place and get log lines or samples. Opened the wrong way round, so
 * that using them is still an error. */
static void open_standard(void) {
  for (int fd = 0; fd <= 2; fd++) {
    if (fcntl(fd, F_GETFD) < 0) { open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY); }
  }
}

/* What a command wrote has to have arrived; a reader that went away is told nothing. */
static int written(int status) {
  if (fflush(stdout) == 0 && !ferror(stdout)) { return status; }
  if (errno != EPIPE) { fprintf(stderr, "moonpoll: cannot write to stdout: %m\n"); }
  return MOON_EXIT_FAILED;
}

int main(int argc, char **argv) {
  static char wanted[] = "--help";
  open_standard();
  if (argc > 2 && strcmp(argv[1], "help") == 0) { /* help run: run --help */
    argv[1] = argv[2];
    argv[2] = wanted;
  }
  moon_protect_memory(); /* before there is a secret in it */
  const char *tool = argc > 0 ? moon_tool_command(argv[0]) : NULL;
  if (tool) { return moon_tool_main(tool, argc, argv); }
  tool = argc > 1 ? moon_tool_command(argv[1]) : NULL;
  if (tool) { return moon_tool_main(tool, argc - 1, argv + 1); }
  const char *command = argc > 1 ? argv[1] : "";
  if (strcmp(command, "run") == 0) { return written(moon_run_main(argc - 1, argv + 1)); }
  if (strcmp(command, "sim") == 0) { return moon_sim_main(argc - 1, argv + 1); }
  if (strcmp(command, "check") == 0) { return written(moon_check_main(argc - 1, argv + 1)); }
  if (strcmp(command, "test") == 0) { return written(moon_test_main(argc - 1, argv + 1)); }
  if (strcmp(command, "record") == 0) { return moon_record_main(argc - 1, argv + 1); }
  if (strcmp(command, "mib") == 0) { return written(moon_mib_main(argc - 1, argv + 1)); }
  if (strcmp(command, "status") == 0 || strcmp(command, "tasks") == 0 || strcmp(command, "reload") == 0 ||
      strcmp(command, "stop") == 0 || strcmp(command, "release") == 0 || strcmp(command, "replace") == 0 || strcmp(command, "promote") == 0 ||
      strcmp(command, "rollback") == 0) {
    return written(moon_status_main(argc - 1, argv + 1));
  }
  if (strcmp(command, "--version") == 0 || strcmp(command, "-V") == 0) {
    printf("moonpoll %s\n", MOON_VERSION);
    return written(MOON_EXIT_OK);
  }
  if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0 || strcmp(command, "help") == 0) {
    fputs(usage, stdout);
    return written(MOON_EXIT_OK);
  }
  if (argc > 1) {
    fprintf(stderr, "moonpoll: %s: no such %s; moonpoll --help lists them\n", command, command[0] == '-' ? "option" : "command");
  } else {
    fputs(usage, stderr);
  }
  return MOON_EXIT_CONFIG;
}
