/* config: the configuration file. Read in two steps, for what the command line says comes between them: settings and
 * credentials first, then the targets and probes that refer to those. */
#ifndef MOON_BIND_LOAD_CONFIG_H
#define MOON_BIND_LOAD_CONFIG_H

#include "fields.h"

/* Evaluates the file; leaves its table at the top of the stack, f points at file and text. Raises. [-0, +1, e] */
void moon_config_open(struct moon_fields *f, const char *path);
/* auth, request, limits, outputs and the rest, of the table at the top. Raises. [-0, +0, e] */
void moon_config_settings(struct moon_fields *f);
void moon_config_targets(struct moon_fields *f);
void moon_config_probes(struct moon_fields *f);
/* "json", "table", "null" to the draft's outputs. `place` begins errors. */
enum moon_err moon_config_output(struct moon_draft *d, const char *place, const char *name);
/* "libev" or "epoll". */
enum moon_err moon_config_loop(struct moon_draft *d, const char *place, const char *name);

#endif
