/* smi: MIB modules as libsmi reads them, into a block of names in the making. libsmi keeps what it knows in static memory and was not made for
 * hostile input: call this only in a process that may die (mib.c forks one). */
#ifndef MOON_MAIN_SMI_H
#define MOON_MAIN_SMI_H

#include "../names/block.h"

/* One thing libsmi did not understand and left out; it went on behind it. What it merely disapproves of is not told. */
typedef void moon_smi_report(void *arg, const char *path, int line, const char *text);

struct moon_smi_module {
  const char *name;    /* as the module calls itself; lent until the next load */
  uint32_t nodes;      /* added */
  uint32_t types;
  uint32_t lost;       /* nodes whose place in the tree is unknown: an import is missing */
};

/* False when this program was built without libsmi: then the others must not be called. */
bool moon_smi_available(void);
/* Modules are looked for by name in dir, one a file. arg goes with every report. */
enum moon_err moon_smi_open(const char *dir, moon_smi_report *report, void *arg);
void moon_smi_close(void);
/* Reads a module that is not to be added. libsmi looks for each base type in all modules, those read first before the others: it is soon
 * done when the SMI is among them, of version 1 too. */
void moon_smi_know(const char *name);
/* Reads the module with this name and adds what it defines. MOON_E_SYNTAX: libsmi made nothing of it; NOMEM, LIMIT: of the block. */
enum moon_err moon_smi_load(const char *name, struct moon_block *d, struct moon_smi_module *out);

#endif
