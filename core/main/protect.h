/* protect: what a process that holds secrets does for them. Communities and keys sit all over its memory, OpenSSL's part of it
 * too, so that leaving single pages out of a core file would not do. */
#ifndef MOON_MAIN_PROTECT_H
#define MOON_MAIN_PROTECT_H

/* No core file, no debugger of the same user, for this process and its children. Not under a sanitizer, whose leak checker
 * attaches like a debugger. */
void moon_protect_memory(void);

#endif
