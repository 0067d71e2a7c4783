/* load: the command line, the configuration file, target files and probe files become a plan. Everything that evaluates Lua or
 * JSON happens in a child process that is gone afterwards; the caller gets plain data or one line that names the place. */
#ifndef MOON_BIND_LOAD_LOAD_H
#define MOON_BIND_LOAD_LOAD_H

#include <sys/types.h>

#include "plan.h"
#include "login.h"

/* What the command line said; NULL or 0: not said (the configuration or the default holds). All borrowed. */
struct moon_load_options {
  const char *config;               /* --config FILE */
  const char *const *probes;        /* PROBE... files; added to the configuration's */
  const char *const *targets;       /* --targets, each a comma-separated list of hosts, a file of lines, or a file_sd JSON file */
  const struct moon_pair *args;     /* --arg key=value, for all probes of the command line */
  const char *const *outputs;       /* -o */
  const char *version;              /* -v 1 | 2c | 3 */
  const char *community;            /* -c; wiped by the owner afterwards */
  const struct moon_login *login;    /* -u and what else belongs to version 3; NULL: nothing of it; wiped as well */
  bool context;                     /* -n or -E was said, which means nothing without login */
  const char *loop;                 /* --loop */
  const char *run_dir;              /* --run-dir */
  const char *engine_cache;         /* --engine-cache; "none" */
  double timeout_s;                 /* -t; < 0: not said */
  double every_s;                   /* --every; < 0: not said */
  int32_t retries;                  /* -r; < 0: not said */
  uint32_t n_probes, n_targets, n_args, n_outputs;
  uint32_t workers, max_coroutines, max_in_flight, per_device, packets_per_s, device_packets_per_s;
  bool once;
  bool again;                       /* while it runs: a target file or a probe that cannot be used is kept as it was, and said so */
  /* Passwords become keys: this many of n. Called once a second while that takes long. NULL: nobody wants to know. */
  void (*progress)(void *arg, uint32_t made, uint32_t n);
  void *progress_arg;
  void (*begun)(void *arg);         /* in the child, before it reads anything: what it needs of secrets is put in place. May be NULL */
  void *begun_arg;
};

/* *out belongs to the caller (moon_plan_free). On failure `error` holds one line: file, line or key, what is wrong.
 * MOON_E_CONFIG: somebody must mend something; MOON_E_NOMEM. May block: reads files, resolves names. */
MOON_API enum moon_err moon_load(const struct moon_load_options *o, struct moon_plan **out, char *error, size_t cap);

/* The same without waiting: a child that works on its own. */
struct moon_loading {
  pid_t pid; /* to be waited for; 0: none */
  int fd;    /* what it said */
};
/* MOON_E_CONFIG with a line in error. */
MOON_API enum moon_err moon_load_begin(const struct moon_load_options *o, struct moon_loading *l, char *error, size_t cap);
/* The child ended, was waited for, and this was its status. As moon_load. */
MOON_API enum moon_err moon_load_end(struct moon_loading *l, int status, struct moon_plan **out, char *error, size_t cap);
/* Its child is none of this process's any more, or nothing is wanted of it. */
MOON_API void moon_load_forget(struct moon_loading *l);
#define MOON_LOAD_S 30 /* then the child is to be ended */

#endif
