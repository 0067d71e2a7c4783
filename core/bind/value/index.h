/* index: what follows a column's OID, as text ("1.192.0.2.7") and as what it means. */
#ifndef MOON_BIND_VALUE_INDEX_H
#define MOON_BIND_VALUE_INDEX_H

#include "value.h"

/* Index octets (struct moon_row) as dotted text. [-0, +1, m] */
void moon_index_push(lua_State *L, const uint8_t *index, size_t n);

/* Indexes a script lists: { "1", "2.7", 3 }, or the keys of { ["1"] = true }. One block of memory. */
struct moon_index_list {
  struct moon_name *names;
  uint32_t n;
};
#define MOON_INDEX_LIST_MAX 1000000 /* as many as a walk gives rows */
/* The table at idx; raises about argument arg, field `what`. Nothing is held when it raises. [-0, +0, m e] */
void moon_index_list_check(lua_State *L, int idx, int arg, const char *what, struct moon_index_list *out);
void moon_index_list_fini(struct moon_index_list *l);

/* snmp.index: see lua/moonpoll/init.lua. [-1, +1, m e] */
int moon_index_decoder(lua_State *L);

#endif
