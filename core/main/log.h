/* log: lines on stderr, `level time text`, each handed to the kernel in one write so that lines of many processes never mix.
 *
 *   warn 2026-01-31T12:00:00.123Z worker 0 (pid 71) was killed by signal 9: started again
 *
 * Further lines of a text (a traceback) are indented. Octets a terminal could take for a command become \xNN.
 * A pipe nobody reads is waited for a moment, then its lines are dropped and counted: a log must not stop the polling. */
#ifndef MOON_MAIN_LOG_H
#define MOON_MAIN_LOG_H

#include <stdbool.h>

#include "../bind/task/host.h"

/* Only what is at least this important is said; MOON_LOG_INFO at first. For this process and its children. */
void moon_log_level(enum moon_level level);
/* A live line is shown on the terminal: clear it first. */
void moon_log_live(bool live);
void moon_log(enum moon_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void moon_log_text(enum moon_level level, const char *text);

#endif
