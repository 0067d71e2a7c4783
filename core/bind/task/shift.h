/* shift: a device goes over to another version of its probe: what scripts see of it is made anew, its state comes along.
 *
 *   to the candidate          a copy of the state, adapted by migrate; the old one stays for the way back
 *   back again                the old state, as it was
 *   to the current one        the state itself, or an adapted copy
 *
 * When a trial is over nothing happens to its devices at that moment, which may be many: each is settled before its next run, or by
 * moon_revision_end_some.
 *
 * migrate(state, old_version) gets a copy and returns a table, or nothing when it changed the copy; it cannot wait. Where it fails the
 * run fails, and the state stays what it was. Previous counters and what is known of the agent stay; device:cache begins anew, for what
 * it keeps was made by other code. */
#ifndef MOON_BIND_TASK_SHIFT_H
#define MOON_BIND_TASK_SHIFT_H

#include "revision.h"

/* d is as v wants it from here on. Raises what migrate raised. [-0, +0, m e] */
void moon_shift_enter(lua_State *L, struct moon_device *d, struct moon_revision *v);
/* Would the state of d go over to v? Raises why not. [-0, +0, m e] */
void moon_shift_try(lua_State *L, struct moon_device *d, struct moon_revision *v);
/* A new table for d with the state at the top, which is of this version: v, or another one before v, which is gone over from at the next run.
 * Of a candidate: what d has stays for the way back. [-1, +0, m] */
void moon_shift_restore(lua_State *L, struct moon_device *d, struct moon_revision *v, uint64_t version);
/* If what it has is of a trial that is over: back to what it had before, or no way back any more. */
void moon_shift_settle(lua_State *L, struct moon_device *d);
/* Its Lua tables go. */
void moon_shift_forget(struct moon_host *h, struct moon_device *d);
/* Where what a run of v has of d stands on the shelf; LUA_NOREF: that is gone. */
static inline int moon_shift_ref(const struct moon_device *d, const struct moon_revision *v) {
  return d->serial == v->serial ? d->ref : d->base_serial == v->serial ? d->base_ref : LUA_NOREF;
}

#endif
