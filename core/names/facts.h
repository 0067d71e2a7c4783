/* facts: names as a person writes them down, one fact a line; what begins with a blank goes on with the line above.
 *
 *   module IF-MIB
 *   type InterfaceIndex int 1..2147483647 "d"
 *   identity ifMIB mib-2.31
 *   table ifTable interfaces.2
 *   row ifEntry ifTable.1 = ifIndex                      its index; "!" in front of the last: IMPLIED
 *   column ifIndex ifEntry.1 InterfaceIndex ro
 *   column ifOperStatus ifEntry.8 int up=1 down=2 ro
 *   row ifXEntry ifXTable.1 + ifEntry                    AUGMENTS
 *   column ifHighSpeed ifXEntry.15 gauge32 ro units "..."
 *
 * Others than those: node, scalar, notification, group, compliance, capabilities. Base types: int octets oid ip counter32
 * gauge32 unsigned32 ticks opaque counter64 bits network. Access: na notify ro rw rc. Status, when not current: deprecated obsolete
 * mandatory optional. An OID begins with a number or a node above, of this module or of one before. "#" begins a comment. */
#ifndef MOON_NAMES_FACTS_H
#define MOON_NAMES_FACTS_H

#include "block.h"
#include "out.h"

/* Adds all that is said there. MOON_E_SYNTAX: *line is the one that makes no sense and *why says so; what was before it was added.
 * MOON_E_NOMEM, MOON_E_LIMIT. */
MOON_API enum moon_err moon_facts_read(struct moon_block *d, const char *text, size_t n, uint32_t *line, const char **why);
/* One module in this notation. */
MOON_API void moon_facts_write(const struct moon_mib *m, uint32_t module, struct moon_out *out);
/* One fact of it, with its newline. */
MOON_API void moon_facts_write_type(const struct moon_mib *m, uint32_t type, struct moon_out *out);
MOON_API void moon_facts_write_node(const struct moon_mib *m, const struct moon_mib_node *n, struct moon_out *out);

#endif
