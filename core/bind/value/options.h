/* options: tables of options that scripts hand over, and what their arguments are not. */
#ifndef MOON_BIND_VALUE_OPTIONS_H
#define MOON_BIND_VALUE_OPTIONS_H

#include <stdbool.h>

#include "value.h"

/* Raises for a key of the table at idx that is not among known, a list that ends in NULL. numbers: those are no options. [-0, +0, e] */
void moon_options_check(lua_State *L, int idx, const char *const *known, bool numbers);
/* A number of the table at arg; `otherwise` when it is not there, or arg is no table. Raises about argument arg. [-0, +0, e] */
double moon_options_number(lua_State *L, int arg, const char *name, double otherwise, double low, double high);
/* MOON_VALUE_EXACT where the table at arg, if it is one, says exact. [-0, +0, m] */
unsigned moon_options_exact(lua_State *L, int arg);

#endif
