/* inventory: hosts from a list, a file of lines or Prometheus file_sd JSON become targets of the draft.
 *
 *   # lines:  HOST [key=value ...]       values with blanks in double quotes; # begins a comment
 *   192.0.2.1  site=lab
 *   core1.example.net:1161  device=core1  auth=ops,legacy
 *
 * Instead of a host: file:PATH, a recording that answers in the process (see core/agent/dump.h); the target's name is the
 * file's without directory and extension.
 *
 * Labels go to every sample of the target. `device` is no label but its name, `auth` names its credentials (in file_sd:
 * __param_auth, as snmp_exporter has it; other labels that begin with __ are Prometheus' own and dropped). */
#ifndef MOON_BIND_LOAD_INVENTORY_H
#define MOON_BIND_LOAD_INVENTORY_H

#include "draft.h"

/* What the place that names some targets says of all of them. */
struct moon_inventory {
  const char *place;               /* begins errors: "moon.lua:12: targets[2]", "--targets" */
  const char *name;                /* of a single host; NULL: as the host is written */
  const struct moon_label *labels; /* those beside a host win over these */
  const uint16_t *credentials;     /* NULL: the default ones */
  const char *beside;              /* file whose directory recordings are relative to; NULL: the working directory */
  struct moon_addr source;         /* family 0: any; its scope may name an interface all the same */
  uint32_t n_labels, n_credentials;
  uint16_t port;                   /* where none is written; 0: 161 */
  uint8_t family;                  /* of names that say none: 4 or 6; 0: as the draft says */
  bool strict_source;
};

enum moon_err moon_inventory_host(struct moon_draft *d, const struct moon_inventory *in, const char *host, size_t n);
/* Lines, or file_sd when it ends in .json or looks like it. A directory: all of it that ends in .json or .txt; *, ? and [ make a
 * pattern. With options.again a file that is empty, broken or not there is kept: its targets are added by who has them. */
enum moon_err moon_inventory_file(struct moon_draft *d, const struct moon_inventory *in, const char *path);
/* An argument of --targets: HOST,HOST, a file, or one host. */
enum moon_err moon_inventory_argument(struct moon_draft *d, const struct moon_inventory *in, const char *text);
/* A label's name is [a-zA-Z_][a-zA-Z0-9_]*. */
bool moon_inventory_label_name(const char *p, size_t n);
/* "ops,legacy" to indexes. */
enum moon_err moon_inventory_credentials(struct moon_draft *d, const char *place, const char *names, size_t n,
                                         const uint16_t **out, uint32_t *n_out);
/* After all targets are known: the same agent under two names is told, and a source that is of no use. Names are resolved by
 * who polls them. */
enum moon_err moon_inventory_compare(struct moon_draft *d);

#endif
