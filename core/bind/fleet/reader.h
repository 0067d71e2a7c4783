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
  uint32_t kinds_cap, agents_cap;
  uint32_t n_hooks;
  struct moon_addr next;                    /* address of the next agent that names none */
};

/* agent { ... }: the table is at index 1. [-0, +0, e] */
void moon_fleet_describe(struct moon_fleet_reader *r, int table);

/* Rules of the table at the top, by field; *out stays as it is when the field is nil. [-0, +0, e] */
void moon_fleet_values(struct moon_fields *f, struct moon_fleet_kind *kind);
void moon_fleet_faults(struct moon_fields *f, struct moon_fleet_kind *kind);

/* "1.3.6.1.2.1.2" to content octets in the arena. [-0, +0, e] */
const uint8_t *moon_fleet_oid(struct moon_fields *f, const char *text, size_t n, uint16_t *len);
/* The keys of the table at the top that are text, in order, so that two loads of one file agree. [-0, +0, e] */
const char **moon_fleet_names(struct moon_fields *f, unsigned *n);
uint64_t moon_fleet_us(double seconds);

#endif
