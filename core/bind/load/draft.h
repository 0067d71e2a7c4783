/* draft: a plan under way, in the child that evaluates the configuration. Owns all memory of the plan it becomes, keeps the
 * first error as the one line somebody will read, and the warnings. No Lua in here: config.c and script.c bring that. */
#ifndef MOON_BIND_LOAD_DRAFT_H
#define MOON_BIND_LOAD_DRAFT_H

#include "load.h"
#include "password.h"

#define MOON_FILE_MAX (64u << 20)  /* octets of a target file: a million lines */
#define MOON_SCRIPT_MAX (1u << 20) /* octets of a probe file, a module, the configuration */
#define MOON_CREDENTIALS_MAX 16384u /* indexes have 16 bits */
#define MOON_WARNINGS_MAX 50u      /* then they are only counted */

struct moon_draft_block;   /* of the arena */

struct moon_draft {
  const struct moon_load_options *options; /* borrowed */
  struct moon_plan plan;                   /* its arrays are the vectors below */
  struct moon_draft_block *blocks;
  struct moon_credential *credentials;     /* own block, wiped; by name, the command line's last */
  struct moon_password_list passwords;     /* of them, until their keys are made */
  struct moon_crypto *crypto;              /* NULL: nobody asked in version 3 yet */
  moon_password_told *told;                /* may be NULL */
  void *told_arg;
  struct moon_plan_target *targets;
  struct moon_plan_probe *probes;
  const char **outputs;
  const char **warnings;
  const char **env;
  const char **files, **kept;
  uint32_t file;                           /* of targets that are added now: moon_plan_target.file */
  uint32_t *by_name;                       /* hash of target names: index + 1; 0 free */
  const uint16_t *default_credentials;     /* of targets that name none */
  uint32_t n_default_credentials;
  uint32_t credentials_cap, targets_cap, probes_cap, outputs_cap, warnings_cap, env_cap, files_cap, kept_cap, by_name_cap;
  uint32_t warnings_left_out;
  uint8_t family;                          /* of addresses that names are asked for: 4, 6, 0: both */
  enum moon_err err;                       /* sticky */
  char error[1024];                        /* one line, no newline in it */
};

void moon_draft_init(struct moon_draft *d, const struct moon_load_options *o);
/* Wipes credentials, frees everything. */
void moon_draft_fini(struct moon_draft *d);
/* Options, configuration, targets and probes: all of it, in this process. d->error on failure; then d->plan is not to be used. */
enum moon_err moon_draft_make(struct moon_draft *d);

/* Notes the first error, control characters made spaces; returns d->err. */
enum moon_err moon_draft_fail(struct moon_draft *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum moon_err moon_draft_nomem(struct moon_draft *d);
void moon_draft_warn(struct moon_draft *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From the arena, zeroed, for the life of the draft; NULL: the draft has failed. */
void *moon_draft_alloc(struct moon_draft *d, size_t n);
const char *moon_draft_text(struct moon_draft *d, const char *p, size_t n);
const char *moon_draft_format(struct moon_draft *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for one more of n things of `size` octets in the vector *v. */
enum moon_err moon_draft_room(struct moon_draft *d, void *v, uint32_t *cap, uint32_t n, size_t size);
/* A new credential, zeroed but for its name. NULL: failed. */
struct moon_credential *moon_draft_credential(struct moon_draft *d, const char *name);
/* The same for a user of version 3; his passwords are noted. The draft has failed, or MOON_E_CONFIG alone: *f tells why. */
enum moon_err moon_draft_login(struct moon_draft *d, const char *name, const struct moon_login *u, struct moon_login_fault *f);
/* Its index, or -1. */
int moon_draft_find_credential(const struct moon_draft *d, const char *name, size_t n);
/* `"ops", "legacy"`: what there is to choose from, for errors; "" without any. Lent by the arena. */
const char *moon_draft_credential_names(struct moon_draft *d);
/* A whole file into the arena, NUL after it. `why` begins the message: "moon.lua:3: probes[1]"; NULL: only the path. */
const char *moon_draft_read(struct moon_draft *d, const char *why, const char *path, size_t max, size_t *len);
/* path as seen from the directory `file` is in; absolute paths as they are. NULL: failed. */
const char *moon_draft_beside(struct moon_draft *d, const char *file, const char *path);

#endif
