/* credentials: the table auth of the configuration: who asks, by name. */
#ifndef MOON_BIND_LOAD_CREDENTIALS_H
#define MOON_BIND_LOAD_CREDENTIALS_H

#include "fields.h"

/* Of the configuration at the top, in order of the names, into the draft. Raises. [-0, +0, e] */
void moon_credentials_read(struct moon_fields *f);

#endif
