/* strings: find, match, gmatch, gsub, rep, format, lower, upper and reverse, and os.date, as scripts that nobody trusts may have them;
 * with them come those of tables.h. No hook reaches C code, so it has to end by itself: patterns have a budget (base/pattern.h), plain
 * text is searched in linear time, what takes long for each octet takes and makes no more than MOON_STRINGS_MAX, and what calls
 * back into Lua nests only so deep. All else is as in LuaJIT. */
#ifndef MOON_BIND_LOAD_STRINGS_H
#define MOON_BIND_LOAD_STRINGS_H

#include <lua.h>

#define MOON_STRINGS_MAX (16u << 20)
#define MOON_STRINGS_NEST_MAX (2u << 20) /* octets of C stack: some 200 calls of gsub; sort and format, whose
                                             frames are small, a quarter */

/* Replaces them in the libraries of the state, which are open: scripts, their methods on strings and the library itself get
 * these. The stack is measured from here. [-0, +0, m] */
void moon_strings_open(lua_State *L);
/* Matches of this thread end once the flag, which a signal may set, is not 0; NULL: they go on. It is borrowed. */
void moon_strings_watch(const volatile int *flag);
/* A function that calls back is called: raises when too many are, one in the other. [-0, +0, e] */
int moon_strings_check_nesting(lua_State *L);

#endif
