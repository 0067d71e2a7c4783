/* smi_index: what a module defines, found by name at once. libsmi keeps it in lists and goes through them for every name it reads, which is
 * most of the time of a module with thousands of objects. The functions that add to the lists and search them are wrapped by the linker
 * (smi.wrap): those here note what is added, answer from that, and leave the rest to libsmi's own. They look at no more of
 * libsmi's structures than smi.h shows. */
#ifndef MOON_MAIN_SMI_INDEX_H
#define MOON_MAIN_SMI_INDEX_H

#include <stdbool.h>
#include <stdint.h>

struct SmiModule;
struct SmiNode;

/* The nodes of a module in the order they came, those only referred to among them; NULL: there are no more. The tree has them too, but
 * looking for one module's goes through all of it. */
struct SmiNode *moon_smi_index_node(const struct SmiModule *module, uint32_t i);
/* There was no memory for something: the nodes are not complete. */
bool moon_smi_index_lost(void);
/* After smiExit. */
void moon_smi_index_fini(void);

#endif
