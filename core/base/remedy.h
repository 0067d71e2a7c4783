/* remedy: what an operator can do about a want of the system: behind the words of strerror in a line of the log.
 *
 *   moon_log(MOON_LOG_ERROR, "cannot start: %s%s", strerror(cause), moon_remedy(cause));
 *
 * No I/O, no heap. */
#ifndef MOON_BASE_REMEDY_H
#define MOON_BASE_REMEDY_H

/* "; allow more files (ulimit -n)" and the like; "" where there is nothing to say. cause: an errno. */
const char *moon_remedy(int cause);

#endif
