#include "credential.h"

#include "../base/mem.h"

void moon_credential_fini(struct moon_credential *c) { moon_mem_wipe(c, sizeof *c); }
