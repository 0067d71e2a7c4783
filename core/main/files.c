#include "files.h"

#include <inttypes.h>
#include <sys/resource.h>

#include "log.h"
#include "shard.h"

#define WORKER_OWN 64   /* loop, rings, pipes, sockets of both families, resolver, log, libraries */
#define PER_SOURCE 2u   /* sockets of a source address */
#define MASTER_OWN 32   /* control socket and its clients, signals, standard ones */
#define PER_WORKER 6    /* in the master: pipe and ring */

static uint32_t own_files(const struct moon_plan_target *t) {
  return (t->addr.stream ? 1u : 0) + (t->source.family ? PER_SOURCE : 0);
}

void moon_files_allow(const struct moon_plan *plan) {
  uint64_t per_slot[MOON_PLAN_CPUS_MAX] = {0}, most = 0, master = MASTER_OWN + (uint64_t)PER_WORKER * plan->workers;
  uint32_t slots = plan->workers < MOON_PLAN_CPUS_MAX ? plan->workers : MOON_PLAN_CPUS_MAX;
  struct rlimit limit;
  for (uint32_t i = 0; i < plan->n_targets; i++) {
    uint32_t n = own_files(&plan->targets[i]);
    if (n && slots) { per_slot[slots > 1 ? moon_shard_slot(plan->targets[i].name, slots) : 0] += n; }
  }
  for (uint32_t i = 0; i < slots; i++) { most = per_slot[i] > most ? per_slot[i] : most; }
  uint64_t worker = WORKER_OWN + most + (uint64_t)PER_WORKER * plan->workers; /* what it inherits of the others' */
  uint64_t n = worker > master ? worker : master;
  if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= n) { return; }
  rlim_t had = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max < n ? limit.rlim_max : n;
  if (setrlimit(RLIMIT_NOFILE, &limit)) { limit.rlim_cur = had; }
  if (limit.rlim_cur < n && most) { /* what a process has of its own is counted generously, and told when it is missing */
    moon_log(MOON_LOG_WARN, "a process may open %ju files, these targets may need %" PRIu64 ": allow more (ulimit -Hn, LimitNOFILE)",
             (uintmax_t)limit.rlim_cur, n);
  }
}
