/* maker: two Lua functions for a shape that is asked again and again: one makes its rows, one knows the table it came from again.
 *
 *   function(v1, ..., vn) return { ["key1"] = v1, ... } end          a copy of a table that has the keys already: 135 ns for ten,
 *                                                                    set one by one through the C API 400
 *   function(t) return it holds exactly the keys and OIDs asked end  107 ns for ten, by lua_next 430
 *
 * (bench/micro/value_bench) */
#ifndef MOON_BIND_VALUE_MAKER_H
#define MOON_BIND_VALUE_MAKER_H

#include "shape.h"

#define MOON_MAKER_NAMES_MAX 100 /* parameters and registers of a Lua function are 250 */

/* Makes them for s, out of its anchor; leaves s without when it is single or too wide. [-0, +0, m] */
void moon_maker_make(lua_State *L, struct moon_shape *s);
void moon_maker_drop(lua_State *L, struct moon_shape *s);
/* Is the table at idx what s was made of? s has a maker. [-0, +0, m] */
bool moon_maker_same(lua_State *L, const struct moon_shape *s, int idx);
/* A row with room for `extra` more keys can be made: pushes the function; then push n values and call it. [-0, +(0|1), m] */
bool moon_maker_push(lua_State *L, const struct moon_shape *s, unsigned extra);

#endif
