/* module: what is known of a MIB module as SMIv2 text without a word of prose: enough for whatever reads modules to read others
 * that import from it. */
#ifndef MOON_NAMES_MODULE_H
#define MOON_NAMES_MODULE_H

#include "file.h"
#include "out.h"

/* imported, when not NULL, is called with every module the text imports from. */
MOON_API void moon_module_write(const struct moon_mib *m, uint32_t module, struct moon_out *out,
                                void (*imported)(void *arg, const char *name), void *arg);
/* Modules that define the notation itself, SNMPv2-SMI, SNMPv2-TC, SNMPv2-CONF, RFC1155-SMI, RFC-1212, RFC-1215, have a text though
 * they may have no names; NULL: not one of them. What is written behind it by moon_module_write belongs to the same module. */
MOON_API const char *moon_module_notation(const char *name);

#endif
