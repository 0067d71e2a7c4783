/* assign: the varbinds of a SET out of { { oid = "1.3.6.1.2.1.1.5.0", type = "string", value = "core1" }, ... }.
 *
 * Types are those of moon_value_type_name. Integers are checked against their type's range, an IpAddress and an OID are text. */
#ifndef MOON_BIND_VALUE_ASSIGN_H
#define MOON_BIND_VALUE_ASSIGN_H

#include "value.h"

/* Encodes the list at argument arg into a userdata, which is pushed (anchor it across a wait): *varbinds, *len and names lend
 * from it. Raises at the caller's level, naming element, field and text. [-0, +1, m e] */
void moon_assign_check(lua_State *L, int arg, const uint8_t **varbinds, uint32_t *len, const struct moon_name **names, uint16_t *n);

#endif
