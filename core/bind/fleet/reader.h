/* reader: a fleet under way. For the files of this directory. */
#ifndef MOON_BIND_FLEET_READER_H
#define MOON_BIND_FLEET_READER_H

#include <lua.h>

#include "../load/fields.h"
#include "fleet.h"

struct moon_fleet_hook; /* see hook.h */

struct moon_fleet_reader {
  struct moon_fleet fleet;                  /* first: what the owner holds */
  struct moon_fields fields;
  struct moon_draft draft;                  /* its arena owns all text */
  const struct moon_fleet_options *options; /* borrowed while loading */
  void (*notice)(void *arg, const char *text);
  void *arg;
  lua_State *L;                             /* NULL once nothing is asked of it any more */
  struct moon_fleet_kind *kinds;
  struct moon_fleet_agent *agents;
  struct moon_user *users;                  /* of all kinds, in the order of the draft's credentials; wiped */
  uint32_t kinds_cap, agents_cap, users_cap, n_users;
  uint32_t n_hooks;
  struct moon_addr next;                    /* address of the next agent that names none */
};

/* agent { ... }: the table is at index 1. [-0, +0, e] */
void moon_fleet_describe(struct moon_fleet_reader *r, int table);

/* Rules of the table at the top, by field; *out stays as it is when the field is nil. [-0, +0, e] */
void moon_fleet_values(struct moon_fields *f, struct moon_fleet_kind *kind);
void moon_fleet_faults(struct moon_fields *f, struct moon_fleet_kind *kind);

/* `v3 = { ... }` of the table at the top: users, and the command line's where there are none. [-0, +0, e] */
void moon_fleet_users(struct moon_fleet_reader *r, struct moon_fleet_kind *kind);
/* Its contexts; those with a recording of their own are kinds, so pointers to kinds move. [-0, +0, e] */
void moon_fleet_contexts(struct moon_fleet_reader *r, uint32_t kind);
/* Who agent i says he is; NULL: nothing is given. [-0, +0, e] */
const struct moon_identity *moon_fleet_identity(struct moon_fleet_reader *r, uint32_t i);
/* The command line's user, the first of all. [-0, +0, e] */
void moon_fleet_login(struct moon_fleet_reader *r);
/* Passwords become keys, in all users. Blocks. */
enum moon_err moon_fleet_keys(struct moon_fleet_reader *r);
/* A new kind; pointers to kinds move. */
uint32_t moon_fleet_add_kind(struct moon_fleet_reader *r);

/* "1.3.6.1.2.1.2" to content octets in the arena. [-0, +0, e] */
const uint8_t *moon_fleet_oid(struct moon_fields *f, const char *text, size_t n, uint16_t *len);
/* The keys of the table at the top that are text, in order, so that two loads of one file agree. [-0, +0, e] */
const char **moon_fleet_names(struct moon_fields *f, unsigned *n);
uint64_t moon_fleet_us(double seconds);

#endif
