/* rows: a table being read by a script: the walk machine, what it has out, and who waits for the next row.
 *
 * The next request leaves as soon as the last one is answered, before Lua sees the rows of that: the agent works while the script
 * does. All of it ends with the run, whatever the script kept. */
#ifndef MOON_BIND_TASK_ROWS_H
#define MOON_BIND_TASK_ROWS_H

#include "run.h"

/* Makes the metatable. [-0, +0, m] */
void moon_rows_setup(struct moon_host *h, lua_State *L);
/* Ends every walk of the run. */
void moon_rows_end_all(struct moon_run *r);
/* Adds rows, walk, walk_next, walk_head, walk_given to the table at the top. [-0, +0, m] */
void moon_rows_functions(lua_State *L, struct moon_host *h);

#endif
