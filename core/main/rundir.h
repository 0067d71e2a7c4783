/* rundir: where a running instance can be found.
 *
 *   RUN_DIR/          --run-dir, else $XDG_RUNTIME_DIR/moonpoll, else /run/moonpoll for root, else /tmp/moonpoll-UID
 *     1234/           one per master, named by its pid, mode 0700
 *       control       the control socket
 *       counters      struct moon_stats_head and its blocks
 *     engines         what is known of engines of SNMPv3, see engines.h; stays
 *     rollout-KEY     what a rollout knows and, .code, what is in force, see ledger.h; stays while one goes on
 *
 * What a killed instance left behind is removed by the next one. */
#ifndef MOON_MAIN_RUNDIR_H
#define MOON_MAIN_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../base/err.h"

#define MOON_RUNDIR_MAX 96 /* octets of an instance's directory: with "/control" it must fit sun_path's 108 */

/* The base directory: `base` or the default. MOON_E_LIMIT: too long. */
enum moon_err moon_rundir_base(const char *base, char *out, size_t cap);
/* Makes base and this process's directory in it, removes those of dead instances. out >= MOON_RUNDIR_MAX octets.
 * MOON_E_CONFIG with errno; a base in a place others may write that is not ours is EPERM. */
enum moon_err moon_rundir_make(const char *base, char *out, size_t cap);
/* Removes an instance's directory and what is ours in it; a default base too when that leaves nothing in it. */
void moon_rundir_remove(const char *dir);
/* pids of the instances below base whose control socket answers; returns how many there are, fills at most cap. */
size_t moon_rundir_list(const char *base, pid_t *out, size_t cap);
#define MOON_RUNDIR_CONNECT_S 3 /* while others wait for one that does not take them in */
/* Connects to the control socket of an instance's directory; -1 with errno, EAGAIN: it takes nobody in. */
int moon_rundir_connect(const char *dir);

#endif
