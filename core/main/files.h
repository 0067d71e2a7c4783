/* files: how many the processes of a plan may need to open at once, and the limit raised to that as far as it goes. */
#ifndef MOON_MAIN_FILES_H
#define MOON_MAIN_FILES_H

#include "../bind/load/plan.h"

/* Of one process of the tree: a worker whose targets need most, or the master. Sockets serve all targets of UDP; one of TCP needs its
 * own. */
uint64_t moon_files_needed(const struct moon_plan *plan);
/* Raises this process's limit, which its children inherit, to n if it is lower. Told by log when the hard limit does not allow it: what
 * then does not get a socket fails as "unreachable". */
void moon_files_allow(uint64_t n);

#endif
