/* script: a probe file, and the modules beside it that it requires, become a probe of the draft: compiled, run once in an
 * allow-list environment, and what it returns looked at. The sources themselves are what workers get.
 *
 * `require "moonpoll"` gives a stand-in here that takes any call: a file that only describes itself needs no engine. */
#ifndef MOON_BIND_LOAD_SCRIPT_H
#define MOON_BIND_LOAD_SCRIPT_H

#include <lua.h>

#include "draft.h"

struct moon_script_job { const char *name; double every_s, timeout_s; /* < 0: not said */ };

/* What is said of a probe outside its file. */
struct moon_script {
  const char *place;          /* begins errors about this: "moon.lua:9: probes[2]"; NULL: the command line */
  const char *path;
  const char *name;           /* NULL: as the file says */
  const struct moon_pair *args;
  const char *const *match;   /* sysObjectID prefixes; NULL: as the file says */
  const char *group;          /* NULL: as the file says */
  const struct moon_script_job *jobs;
  const char *const *allow_oids, *const *allow_targets;
  uint32_t n_args, n_match, n_jobs, n_allow_oids, n_allow_targets;
  double every_s, timeout_s;  /* < 0: not said; of several jobs every_s goes to the most frequent one */
  bool trusted, allow_set;
};

/* Raises when the draft has failed. [-0, +0, e] */
void moon_script_add(lua_State *L, struct moon_draft *d, const struct moon_script *s);
/* The same, but for a probe that cannot be loaded when all is read again: plan.kept and plan.broken say so. [-0, +0, e] */
void moon_script_take(lua_State *L, struct moon_draft *d, const struct moon_script *s);
/* lua_pcall with one result, ended when it takes longer than a file that only describes something can. [-(nargs + 1), +1, m] */
int moon_script_call(lua_State *L, int nargs);
/* The same with a limit of one's own: seconds of processor time, and what the message says of it. No pcall inside outlives it. */
int moon_script_call_within(lua_State *L, int nargs, double seconds, const char *why);
/* "1.3.6.1.4.1.9", ".1.3.6.1.4.1.9" or "enterprises.9" as dotted text without a leading dot into the arena; NULL when it is no OID.
 * Raises nothing. */
const char *moon_script_prefix(struct moon_draft *d, const char *text, size_t n);

#endif
