/* row: the answer to a shape as what the script gets: a fresh table with the shape's keys, or for a single OID the value itself.
 *
 * Keys are interned once per shape. Ten values cost some 600 ns interpreted (bench/micro/value_bench). */
#ifndef MOON_BIND_VALUE_ROW_H
#define MOON_BIND_VALUE_ROW_H

#include "shape.h"

/* A row from cells in the order of s->names. Always pushes one value. Cells without a value (exceptions, and
 * the err missing of v1) leave their key out.
 * extra: how many more keys the caller is going to set. MOON_E_MISSING: single, and not there. Else the first error of a cell,
 * whose index is then in *blame; the good ones are in the row. [-0, +1, m] */
enum moon_err moon_row_push(lua_State *L, const struct moon_shape *s, const struct moon_cell *cells, unsigned flags, unsigned extra,
                            size_t *blame);
/* The same with the keys (moon_shape_push_keys) already at stack index `keys`: for many rows. */
enum moon_err moon_row_push_keyed(lua_State *L, const struct moon_shape *s, int keys, const struct moon_cell *cells, unsigned flags,
                                  unsigned extra, size_t *blame);
/* Straight from the Response to a GET of s. Names are checked; out of order or duplicate ones are matched by OID, foreign ones
 * left out. MOON_E_DECODE with *blame SIZE_MAX: the list is cut or none of it was asked for. Else as moon_row_push. */
enum moon_err moon_row_push_pdu(lua_State *L, const struct moon_shape *s, const struct moon_pdu *pdu, unsigned flags, size_t *blame);
/* What get_raw shows of cells in the order of s->names: { oid =, type =, value = } by key, or that of a single one. What was not answered
 * is left out. Always pushes one value; the first error is returned, with its index in *blame. [-0, +1, m] */
enum moon_err moon_row_push_raw(lua_State *L, const struct moon_shape *s, const struct moon_cell *cells, unsigned flags, size_t *blame);

#endif
