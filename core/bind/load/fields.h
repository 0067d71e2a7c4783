/* fields: reads a Lua table that somebody wrote by hand, and tells what is wrong with it by file, line and path. */
#ifndef MOON_BIND_LOAD_FIELDS_H
#define MOON_BIND_LOAD_FIELDS_H

#include <lua.h>

#include "draft.h"

struct moon_fields {
  lua_State *L;
  struct moon_draft *d;
  const char *file;   /* for errors */
  const char *text;   /* its source, for lines */
  size_t len;
  uint32_t call_line; /* of a table that is the argument of a call: the line of the call; 0: the one that is returned */
  char path[256];     /* where reading is: "targets[2].auth" */
};

/* All that raise do so with the draft failed: d->error is the message. */
void moon_fields_fail(struct moon_fields *f, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
/* The draft has failed already: out of memory. */
void moon_fields_raise(struct moon_fields *f) __attribute__((noreturn));
/* "file:12: targets[2]" of the path, in the arena. */
const char *moon_fields_place(struct moon_fields *f);

/* Goes one step deeper; leave takes what enter gave. */
size_t moon_fields_enter(struct moon_fields *f, const char *key);
size_t moon_fields_enter_index(struct moon_fields *f, unsigned index);
void moon_fields_leave(struct moon_fields *f, size_t was);

/* The value at the top must be a table whose keys are among names (ended by NULL). [-0, +0, e] */
void moon_fields_keys(struct moon_fields *f, const char *const *names);
/* The value at the top must be a list: its length. [-0, +0, e] */
unsigned moon_fields_list(struct moon_fields *f, const char *of_what);
/* The value at the top must be a table of things by name: the names in order, so that two loads of one file agree; in the
 * arena. [-0, +0, e] */
const char **moon_fields_names(struct moon_fields *f, unsigned *n, const char *of_what);
/* Pushes field key of the table at the top and enters it; false, with nothing pushed or entered, when it is nil. After true:
 * lua_pop(L, 1) and moon_fields_leave. [-0, +(0|1), m] */
bool moon_fields_get(struct moon_fields *f, const char *key, size_t *was);
/* Of the table at the top; *out stays as it is when the field is nil. [-0, +0, e] */
void moon_fields_number(struct moon_fields *f, const char *key, double min, double max, double *out);
void moon_fields_uint(struct moon_fields *f, const char *key, uint32_t min, uint32_t max, uint32_t *out);
void moon_fields_bool(struct moon_fields *f, const char *key, bool *out);
void moon_fields_text(struct moon_fields *f, const char *key, const char **out);
/* A string or a list of strings. */
void moon_fields_texts(struct moon_fields *f, const char *key, const char *const **out, uint32_t *n);

#endif
