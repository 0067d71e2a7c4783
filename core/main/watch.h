/* watch: files that may change, looked at when the kernel says that something happened beside them, and every few seconds anyhow:
 * network file systems say nothing.
 *
 * The directories are watched, not the files: a file that is renamed over, or a link that points elsewhere by now (..data of
 * Kubernetes), is another file of the same name. A change counts once it was seen twice: what is being written is left alone. */
#ifndef MOON_MAIN_WATCH_H
#define MOON_MAIN_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#define MOON_WATCH_S 5 /* between two looks, without a word of the kernel */

struct moon_watch {
  const char *const *paths; /* borrowed; files, or patterns */
  uint32_t n;
  int fd;                   /* of inotify; -1: looked at by time alone */
  int *dirs;                /* what it watches, each once */
  uint32_t n_dirs;
  uint64_t known;           /* fingerprint of what was taken */
  uint64_t seen;            /* when last looked at */
  uint64_t look_us;         /* next time */
  bool heard;               /* something happened: look soon */
  int blind;                /* errno: the kernel watches no more, some are looked at by time alone; 0 */
  bool restless;            /* whatever happens beside the files counts as a change: one that is missing may come */
  uint64_t stir_us;         /* not before */
};

void moon_watch_init(struct moon_watch *w); /* of nothing */
/* These from now on. As they are now; the same ones again: as they were when last marked. paths of before may be gone afterwards. */
void moon_watch_set(struct moon_watch *w, const char *const *paths, uint32_t n, uint64_t now_us);
void moon_watch_fini(struct moon_watch *w);
/* They are about to be read as they are now. */
void moon_watch_mark(struct moon_watch *w);
/* Has one of them changed since then, by the clock of files? In nanoseconds since 1970. */
bool moon_watch_is_newer(const struct moon_watch *w, int64_t since_ns);
/* fd is readable. */
void moon_watch_heard(struct moon_watch *w, uint64_t now_us);
/* True once for each change; then w->look_us is when to ask again. */
bool moon_watch_look(struct moon_watch *w, uint64_t now_us);

#endif
