/* files: how many the processes of a plan may need to open at once, and the limit raised to that as far as it goes. */
#ifndef MOON_MAIN_FILES_H
#define MOON_MAIN_FILES_H

#include "../bind/load/plan.h"

/* Raises this process's limit, which its children inherit, if it is lower than what one process of the tree may need: a worker whose
 * targets need most, or the master. Sockets serve all targets of UDP; one of TCP, or a source address, needs its own. Told by log
 * when the hard limit does not allow these: what then does not get a socket fails as "unreachable". */
void moon_files_allow(const struct moon_plan *plan);

#endif
