/* snmpwalk: what net-snmp's walk prints with -On (and -Oe, -OU; -Ot, enumerations with names and older quoting are read
 * too). See dump.h, which reads whole files. */
#ifndef MOON_AGENT_SNMPWALK_H
#define MOON_AGENT_SNMPWALK_H

#include "notation.h"

/* Does a line that begins here begin an instance: NAME = ...? *name gets its name, *value where its value begins. */
bool moon_snmpwalk_begins(struct moon_span text, struct moon_span *name, const char **value);
/* The instance that begins here; text reaches to the end of the file. NULL, or one clause that says why it cannot be
 * served. *behind: the end of the last line that belongs to it. An item of type 0: not an instance and no fault, the
 * remark that a walk ends with. */
const char *moon_snmpwalk_parse(struct moon_span text, struct moon_item *out, const char **behind);

#endif
