/* secret: what file"..." and env"..." of a configuration give: not a Lua string, which would stay in the heap until nobody
 * knows when, but a box that shows where it is from and is wiped when it is collected. Only C reads it.
 *
 *   community = file "community.secret"         a trailing newline is not part of it
 *   community = env "SITE" .. "-ro"             .. makes a plain string of it, at one's own risk */
#ifndef MOON_BIND_LOAD_SECRET_H
#define MOON_BIND_LOAD_SECRET_H

#include <lua.h>
#include <stddef.h>

#include "draft.h"

#define MOON_SECRET_MAX 65536u

/* Sets file and env in the environment at the top; files are looked for beside `path`, which the draft must outlive. [-0, +0, m] */
void moon_secret_open(lua_State *L, struct moon_draft *d, const char *path);
/* The text of a string or a box at idx, lent while it is on the stack; NULL for anything else. [-0, +0, -] */
const char *moon_secret_text(lua_State *L, int idx, size_t *n);

#endif
