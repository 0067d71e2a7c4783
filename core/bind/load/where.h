/* where: a value in a table constructor, given by its path, back to its line in the text; and the name somebody meant.
 *
 *   return {                           line 1
 *     targets = { "a",                 targets, targets[1] are line 2
 *       { host = "b" } } }             targets[2], targets[2].host line 3
 *
 * Only reads what is written out; what a file computes has the line of the nearest table around it that is written out. */
#ifndef MOON_BIND_LOAD_WHERE_H
#define MOON_BIND_LOAD_WHERE_H

#include <stddef.h>
#include <stdint.h>

/* Line of the deepest part of `path` that is written in the last `return { ... }` of the chunk; 0 when there is none. */
uint32_t moon_where_line(const char *text, size_t n, const char *path);
/* The same for the table that a call on this line gets: name { ... }. `line` where nothing of the path is written out there. */
uint32_t moon_where_call_line(const char *text, size_t n, uint32_t line, const char *path);
/* Line of the last `return` of the chunk, its last line when it has none. */
uint32_t moon_where_return(const char *text, size_t n);
/* The one of names (ended by NULL) that is nearest to key, if any is near: a typing error or two. */
const char *moon_where_nearest(const char *const *names, const char *key);

#endif
