/* tables: sort, insert and concat, as scripts that nobody trusts may have them: LuaJIT's own where it is short work, and where it is
 * not, ones that look whether they are to stop. A sort takes n log n steps whatever the array and the comparator: LuaJIT's quicksort
 * takes n * n for arrays made for that. All else is as in LuaJIT, but that large arrays are sorted stably and a comparator that
 * contradicts itself is found out for small ones only. */
#ifndef MOON_BIND_LOAD_TABLES_H
#define MOON_BIND_LOAD_TABLES_H

#include <lua.h>

#define MOON_TABLES_SMALL 512 /* elements that LuaJIT sorts: at the worst 2 ms */
#define MOON_TABLES_CHUNK 4096 /* elements that LuaJIT puts together in one go */

/* Replaces them in the library of the state, which is open. [-0, +0, m] */
void moon_tables_open(lua_State *L);

#endif
