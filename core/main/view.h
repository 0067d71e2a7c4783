/* view: answers of a running instance for people: the JSON of the control socket as text of a few lines. */
#ifndef MOON_MAIN_VIEW_H
#define MOON_MAIN_VIEW_H

#include "print.h"

/* Each false: this is no such answer. Control characters that a device put into its texts are shown as \xNN. */
bool moon_view_targets(const char *json, size_t n, struct moon_print *out, size_t *found);
bool moon_view_tasks(const char *json, size_t n, struct moon_print *out);
/* status: that of the counters; top: of the lists. */
bool moon_view_live(const char *status, size_t n_status, const char *top, size_t n_top, struct moon_print *out);

#endif
