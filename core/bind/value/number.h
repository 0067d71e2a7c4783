/* number: snmp.fmt, which prints any integer exactly, and snmp.rate for counters that did not come by rows{rates=}. Told in
 * lua/moonpoll/init.lua. */
#ifndef MOON_BIND_VALUE_NUMBER_H
#define MOON_BIND_VALUE_NUMBER_H

#include "value.h"

int moon_number_fmt(lua_State *L);
int moon_number_rate(lua_State *L);

#endif
