/* best: the object whose name fits a pattern best, as net-snmp's -Ib has it: an extended regular expression without regard to
 * case, found as near to the beginning of the name as any is. */
#ifndef MOON_BIND_TOOL_BEST_H
#define MOON_BIND_TOOL_BEST_H

#include "../../names/set.h"

/* Of names that fit equally well the one net-snmp meets first when the modules declare their objects in order: a node before
 * those below it, of nodes beside each other the one with the larger number. false: none fits, or it is no pattern. */
bool moon_best_named(const struct moon_names *names, const char *pattern, struct moon_ref *out);

#endif
