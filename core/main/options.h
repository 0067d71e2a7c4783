/* options: the command line of `moonpoll run`. Secrets are copied, and overwritten where they stood, so that they leave
 * /proc/PID/cmdline before anything else happens. */
#ifndef MOON_MAIN_OPTIONS_H
#define MOON_MAIN_OPTIONS_H

#include "../bind/load/load.h"
#include "../bind/task/host.h"
#include "login.h"

struct moon_options {
  struct moon_load_options load; /* its arrays and strings lend from argv and from here */
  const char *stats;             /* --stats FILE, or NULL */
  const char *mib_file;          /* --mib-file FILE, or NULL */
  enum moon_level log;           /* --log */
  bool summary;                  /* --summary */
  bool schedtrace;               /* --schedtrace */
  const char *trace;             /* --trace TARGET, or NULL */
  bool help;                     /* --help: nothing else was looked at */
  char *community;               /* own; wiped by fini */
  struct moon_login_given login; /* load's; own */
  const char **lists;            /* own: what load's arrays point into */
  struct moon_pair *args;
  char *arg_text;                /* own: keys and values of --arg */
};

/* argv[0] is the command; argv is permuted and its secrets are overwritten. On failure `error` holds one line that names the
 * option: MOON_E_CONFIG, or MOON_E_NOMEM. fini is due in any case. */
enum moon_err moon_options_parse(int argc, char **argv, struct moon_options *out, char *error, size_t cap);
/* What is secret in *o, when it was loaded. */
void moon_options_wipe(struct moon_options *o);
void moon_options_fini(struct moon_options *o);
/* Text of --help. */
extern const char moon_options_help[];

#endif
