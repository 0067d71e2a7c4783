/* view: what an agent has at one moment, for one request: its recording with time, SETs, its own counts, the hook and the flaws
 * of instances laid over it. Most instances of most agents go out as they were recorded; moon_view_is_still() tells which. */
#ifndef MOON_AGENT_VIEW_H
#define MOON_AGENT_VIEW_H

#include "agent.h"

struct moon_view {
  struct moon_agent *agent;
  const struct moon_recording *recording;
  const uint8_t *map;                     /* of vary; NULL: nothing varies */
  const struct moon_judgement *judgement; /* NULL: no flaws of instances are in force */
  struct moon_moment moment;
  uint64_t now_us;
  uint32_t flaws;      /* bits of those done to what was looked at */
  uint32_t rtt_us;     /* the longest of what was looked at, when the profile wants timing */
  uint8_t moving;      /* instance flags that are not still */
  bool plain;          /* neither SETs nor hook nor flaws nor v1 nor timing */
  bool by_name;        /* successors have to be found by name: the next index is not it */
  bool v1;
  uint8_t number[MOON_ENGINE_ID_MAX]; /* content of the number, or the engine id, looked at last */
};

void moon_view_init(struct moon_view *v, struct moon_agent *a, uint64_t now_us, const struct moon_judgement *j, uint8_t version);
/* May this instance be copied as it is recorded? */
static inline bool moon_view_is_still(const struct moon_view *v, uint32_t i) {
  return v->plain && !(v->recording->instances[i].flags & v->moving) && !(v->map && v->map[i]);
}
/* The value lends until the next call. false: there is no such instance now. Exceptions that were recorded are found. */
bool moon_view_find(struct moon_view *v, const uint8_t *oid, size_t n, struct moon_varbind *out);
/* The successor of a name; false at the end. */
bool moon_view_after(struct moon_view *v, const uint8_t *oid, size_t n, struct moon_varbind *out);
/* The same from an index on, where by_name is not set: MOON_RECORDING_NONE at the end. */
uint32_t moon_view_from(struct moon_view *v, uint32_t i, struct moon_varbind *out);
/* noSuchObject or noSuchInstance for a name that is not there: an instance is missing where its neighbours are instances of
 * the same object (they differ in the last arc), or where the name is an object's and lacks only that arc. */
uint8_t moon_view_missing(const struct moon_view *v, const uint8_t *oid, size_t n);

#endif
