#include "protect.h"

#include <sys/prctl.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED 0
#endif

void moon_protect_memory(void) {
  if (!SANITIZED) { prctl(PR_SET_DUMPABLE, 0); }
}
