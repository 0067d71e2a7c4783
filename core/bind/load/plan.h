/* plan: everything a process tree needs to know to work, as plain data: what the configuration, the command line, the target
 * files and the probe files said. Made in a short-lived child that has a Lua state, read by processes that have none.
 *
 * One block of memory owns it all; moon_plan_free ends it. Strings are NUL-terminated and lent by the plan. */
#ifndef MOON_BIND_LOAD_PLAN_H
#define MOON_BIND_LOAD_PLAN_H

#include "../../base/sample.h"
#include "../../engine/resolver.h"
#include "../../session/target.h"
#include "steps.h"

struct moon_source { const char *name; const char *path; const uint8_t *text; uint32_t len; }; /* a probe file or a module beside it */
struct moon_pair { const char *key, *value; };

#define MOON_PLAN_CPUS_MAX 64 /* as many as there may be workers */

/* X(name, when nothing is said, least, most, what of): what a script may take, of one run unless it says otherwise. A probe may only
 * ask for less than the configuration gives. 0 where a plan was not read from anywhere: no limit. */
#define MOON_LIMITS(X)                                                                             \
  X(cpu_ms, 50, 1, 2000, "ms of processor time without a wait") /* past 3 s the worker is given up */ \
  X(memory_mb, 16, 1, 1u << 20, "MiB alive in Lua of all its runs in one worker")                  \
  X(max_children, 64, 0, 1000000, "children at a time")                                            \
  X(max_requests, 100000, 1, 1000000000, "requests")                                               \
  X(max_rows, 1000000, 1, 1000000000, "rows")                                                      \
  X(max_samples, 100000, 1, 1000000000, "samples")                                                 \
  X(max_log_lines, 100, 1, 1000000000, "lines of the log")
#define MOON_LIMIT_FIELD(name, otherwise, least, most, what) uint32_t name;
#define MOON_MEMORY_TARGET (16u << 10) /* octets more than memory_mb for each target of the worker: what is kept of it */

struct moon_plan_job {
  const char *name;        /* "" for a probe without jobs */
  double every_s;          /* 0: only once */
  double timeout_s;        /* of one run */
  bool atomic;
};

struct moon_plan_probe {
  const char *name;        /* unique; file name without .lua unless said otherwise */
  const struct moon_source *sources; /* [0] the probe, then its modules */
  const struct moon_plan_job *jobs;
  const struct moon_pair *args;      /* handed to the chunk as a table of strings: local args = ... */
  const char *const *match; /* sysObjectID prefixes, from the configuration or the file; NULL: none, or a function */
  const char *group;       /* of its probes one has a device: the one with the longest prefix, else the one without; NULL: none */
  const char *const *allow_oids;    /* what it may ask for lies under one of these; none: anything */
  const char *const *allow_targets; /* it runs against targets whose name matches one of these patterns of fnmatch; none: all */
  uint64_t version;        /* hash of all sources */
  uint32_t n_sources, n_jobs, n_args, n_match, n_allow_oids, n_allow_targets;
  MOON_LIMITS(MOON_LIMIT_FIELD) /* the plan's, or less as the probe's limits say */
  bool trusted;
  bool allow_set;
};

struct moon_plan_target {
  const char *name;        /* as configured: `device` label, shard key */
  const char *host;        /* as configured, for errors */
  struct moon_addr addr;   /* family 0: known by name; port is set */
  const char *lookup;      /* the name to ask the resolver for; NULL: addr is all */
  const char *recording;   /* file that answers instead of an agent; addr is made up, no two alike. NULL: addr is asked */
  const struct moon_label *labels;
  const uint16_t *credentials; /* tried in order */
  struct moon_addr source; /* bind address, scope: by this interface; family 0: any */
  uint32_t n_labels, n_credentials;
  uint32_t file;           /* 1 + which of the plan's files it stands in; 0: none */
  uint8_t family;          /* of lookup: 4 or 6; 0: both */
  bool strict_source;
};

struct moon_plan {
  const struct moon_credential *credentials;
  const struct moon_plan_probe *probes;
  const struct moon_plan_target *targets;
  const char *const *outputs;  /* "json", "table", "null"; none: nothing was said */
  const char *const *warnings; /* one line each: the same agent under two names, a target given twice, ... */
  const char *const *files;    /* of targets; directories end in "/" and a star, other patterns stand as they were given */
  const char *const *kept;     /* those that could not be read: their targets, or the probe, stay what they were. See moon_load_options.again */
  const char *broken;          /* why the first such probe could not be; NULL: all could */
  const char *const *gone;     /* names of targets, in what is handed to a process that has the rest, see moon_host_change */
  const char *const *env;      /* variables that secrets were taken from: to be wiped by who has them */
  uint32_t n_credentials, n_probes, n_targets, n_outputs, n_warnings, n_files, n_kept, n_gone, n_env;
  struct moon_policy policy;
  uint32_t workers;            /* 1 */
  uint16_t cpus[MOON_PLAN_CPUS_MAX]; /* processors the workers keep to, one each, in turn */
  uint32_t n_cpus;             /* 0: wherever the system puts them */
  uint32_t max_coroutines;     /* runs at once a worker: 1,000 */
  uint32_t max_in_flight;      /* requests on the wire a worker: 10,000 */
  uint32_t packets_per_s;      /* a worker; 0: no limit */
  MOON_LIMITS(MOON_LIMIT_FIELD)
  double grace_s;              /* at SIGTERM: 5 */
  struct moon_steps steps;     /* of new versions of probes */
  struct moon_resolver_config resolver;
  const char *loop;            /* "libev" or "epoll" */
  const char *engine_cache;    /* file for what is known of SNMPv3 engines; "": none; NULL: in the run directory, unless once */
  const char *run_dir;         /* control socket and counters; NULL: none */
  bool once;
  bool unsettled;              /* a file may still be being written: to be read again soon */
};

MOON_API void moon_plan_free(struct moon_plan *p); /* wipes credentials */

#endif
