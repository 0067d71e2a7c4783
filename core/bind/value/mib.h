/* mib: names of OIDs in scripts. An object of a MIB module is a table: as text it is its OID, its labels are fields both ways
 * (IF.ifOperStatus.up is 1, IF.ifOperStatus[1] is "up"). Where an OID is asked for it stands for itself, a scalar for its only
 * instance; that is looked up once, when a shape is made.
 *
 * The names are those compiled in and those of one file, mapped when the first name is looked up; one set a process. */
#ifndef MOON_BIND_VALUE_MIB_H
#define MOON_BIND_VALUE_MIB_H

#include "../../names/set.h"
#include "value.h"

/* Where the file is, before the first name; NULL: $MOONPOLL_MIBS, else moonpoll/mibs under $XDG_DATA_HOME or ~/.local/share.
 * Borrows path for the life of the process. */
void moon_mib_use(const char *path);
/* That place into path. false: there is none, or it does not fit. */
bool moon_mib_place(char *path, size_t cap);
/* Maps the file at first. Never NULL: without a file, or with one that is none, what is compiled in. */
const struct moon_names *moon_mib_names(void);
/* What is wrong with the file; NULL: nothing, or it is not there. */
const char *moon_mib_fault(void);

/* The OID text of an object, or of text itself; NULL: neither. instance: of a scalar with its .0. Lent as long as the value lives.
 * [-0, +0, m] */
const char *moon_mib_text(lua_State *L, int idx, bool instance, size_t *n);
bool moon_mib_is_object(lua_State *L, int idx);
/* Dotted text or a name to content octets. As moon_oid_parse; why (may be NULL) says what is wrong with a name. */
enum moon_err moon_mib_parse(const char *text, size_t n, uint8_t *out, size_t cap, size_t *len, char *why, size_t why_cap);
/* Octets that takes at most: those of dotted text are never more than its letters. */
static inline size_t moon_mib_parse_room(const char *text, size_t n) { return strspn(text, "0123456789.") == n ? n : MOON_OID_MAX_LEN; }
/* The row of the object at idx, whose index it has. false: no object of a table. */
bool moon_mib_row(lua_State *L, int idx, struct moon_ref *row);

/* The name of an object that is nearest to this one, of a module (NULL: of any), or nil: for messages. [-0, +1, m] */
void moon_mib_push_nearest(lua_State *L, const char *module, size_t module_n, const char *name);

/* snmp.mib, snmp.oid, snmp.name, snmp.show: see lua/moonpoll/init.lua. [-1, +1, m e] */
int moon_mib_module(lua_State *L);
int moon_mib_oid(lua_State *L);
int moon_mib_name(lua_State *L);
int moon_mib_show(lua_State *L);

#endif
