/* calm: lines of the log that many devices would have alike: the first is said, the others are held for CALM_US, and become one line
 * when they are many.
 *
 * Devices of a site fall silent. A site is what the label `site` of a target says, else its /24 (IPv6: /64):
 *
 *   interfaces: core7: timeout: no answer, ...
 *   site rack-12: 212 runs met silence within 3 s (timeout 200, unreachable 12), core7 the first
 *
 * A script makes one mistake on all devices. After the line that counts them there is another one a minute at most, while more of
 * them come:
 *
 *   interfaces: core1: interfaces.lua:12: attempt to index field 'x' (a nil value), and its traceback
 *   interfaces: interfaces.lua:12: attempt to index field 'x' (a nil value): the same on 3999 more devices within 3 s, core1 the first
 *
 * No clock, and no heap but for what is held. */
#ifndef MOON_BIND_TASK_CALM_H
#define MOON_BIND_TASK_CALM_H

#include "../../base/sample.h"
#include "host.h"

#define MOON_CALM_US 2000000u    /* nothing more for so long after the latest: it is told */
#define MOON_CALM_MOST_US 10000000u /* and never later than so long after the first */
#define MOON_CALM_MINUTE_US 60000000u /* between two lines that count the devices of a mistake */
#define MOON_CALM_LINES 4u       /* so many lines are said by themselves */
#define MOON_CALM_SITES 256u     /* at once; of further ones every line is said */
#define MOON_CALM_FLAWS 64u      /* likewise */

struct moon_calm_lines {
  char *line[MOON_CALM_LINES];   /* held */
  uint32_t n;
};

struct moon_calm_site {
  char name[64];
  char first[64];                /* device; its line was said */
  uint64_t begun_us, latest_us;  /* 0: free */
  uint32_t n;                    /* runs that met silence */
  uint32_t error[MOON_E_PUBLIC_N];
  struct moon_calm_lines held;
};

/* A mistake of a script. */
struct moon_calm_flaw {
  uint64_t key;                  /* 0: free */
  uint64_t begun_us, latest_us;  /* of those that are held; 0: none are */
  uint64_t told_us;              /* when something was said of it last */
  uint32_t n, n_devices;         /* held: runs; devices that were not among those before */
  uint32_t left;                 /* lines that may still be said by themselves */
  bool many;                     /* its devices were counted: from now on they only are */
  char text[256];                /* "interfaces: interfaces.lua:12: ..." */
  char first[64];                /* device; its line was said */
  struct moon_calm_lines held;
};

struct moon_calm {
  struct moon_calm_site *sites;  /* MOON_CALM_SITES; NULL: nothing was held yet */
  struct moon_calm_flaw *flaws;  /* MOON_CALM_FLAWS; NULL: there was none yet */
  uint32_t n, n_flaws;           /* of them in use */
  void (*say)(void *arg, enum moon_level level, const char *line);
  void *arg;
};

/* Does a run that ends so say that the device is silent? */
static inline bool moon_calm_is_about(uint8_t err) {
  return err == MOON_E_TIMEOUT || err == MOON_E_REFUSED || err == MOON_E_UNREACHABLE || err == MOON_E_DOWN;
}
/* Name of the site of a target. */
void moon_calm_site_name(const struct moon_label *labels, uint32_t n_labels, const struct moon_addr *addr, char *out, size_t cap);
/* A device fell silent: true: say the line now; else it is held. */
bool moon_calm_hold(struct moon_calm *c, const char *site, const char *device, uint8_t err, const char *line, uint64_t now_us);
/* Of what a script raised on a device: the same for all that differ only in the device's name and in figures behind the place in its
 * first line. of: whose script it is. Never 0. */
uint64_t moon_calm_key(uint64_t of, const char *what, const char *device);
/* A script made the mistake of this key on a device: true: say the line now; else it is held. what: of several lines or one; fresh: it is
 * not the one that the device had last. One that it had, or that began with it, is held only once many have it. */
bool moon_calm_flaw(struct moon_calm *c, uint64_t key, const char *title, const char *what, const char *device, const char *line, bool fresh,
                    uint64_t now_us);
/* Says what has been held long enough; all of it with `all`. Returns when to call again; UINT64_MAX: nothing is held. */
uint64_t moon_calm_look(struct moon_calm *c, uint64_t now_us, bool all);
void moon_calm_fini(struct moon_calm *c);

#endif
