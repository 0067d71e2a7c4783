/* named: names and values as net-snmp's tools print them with the MIB modules loaded: "IF-MIB::ifOperStatus.1 = INTEGER: up(1)".
 * What is told of a value by its object (labels, DISPLAY-HINT, UNITS, BITS, another type than declared) is here, the rest in show. */
#ifndef MOON_BIND_TOOL_NAMED_H
#define MOON_BIND_TOOL_NAMED_H

#include "../../names/set.h"
#include "show.h"

/* As moon_show_oid, moon_show_value; s->names is not NULL. */
void moon_named_oid(const struct moon_show *s, const uint8_t *oid, size_t n, struct moon_show_text *out);
/* false: nothing is known that makes a difference; nothing was written. */
bool moon_named_value(const struct moon_show *s, const struct moon_varbind *vb, struct moon_show_text *out);

#endif
