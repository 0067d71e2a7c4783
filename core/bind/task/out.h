/* out: what a script calls `out`: samples go into the record of its run.
 *
 *   local o = out:with { interface = "xe-0/0/1" }      labels are merged, those of the inventory come by themselves
 *   o:counter("if_rx_octets", row.rx)                  nil is skipped and counted; the same name and labels twice are an error */
#ifndef MOON_BIND_TASK_OUT_H
#define MOON_BIND_TASK_OUT_H

#include "run.h"

#define MOON_OUT_LABELS_MAX 64

/* Makes the metatable. [-0, +0, m] */
void moon_out_setup(struct moon_host *h, lua_State *L);
/* The out of a run, without labels. [-0, +1, m] */
void moon_out_push(lua_State *L, struct moon_run *r);
/* No sample of the run is written any more: forgets which there were. */
void moon_out_forget(struct moon_run *r);

#endif
