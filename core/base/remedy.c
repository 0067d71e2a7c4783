#include "remedy.h"

#include <errno.h>

const char *moon_remedy(int cause) {
  switch (cause) {
  case EMFILE: return "; allow more files (ulimit -n)";
  case ENFILE: return "; the machine has no more files to open (fs.file-max)";
  case EAGAIN: return "; allow more processes (ulimit -u, TasksMax)";
  case ENOMEM: return "; allow more memory (ulimit -v, MemoryMax)";
  default: return "";
  }
}
