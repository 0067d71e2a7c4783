/* session_rig: a target, the agent model behind it and a virtual clock: requests are really encoded, answered and decoded.
 * Walks are compared with the agent's MIB row by row while they go. */
#ifndef MOON_TESTS_SESSION_RIG_H
#define MOON_TESTS_SESSION_RIG_H

#include "../../core/session/walk.h"
#include "agent_model.h"

#define RIG_COLUMNS 64

struct rig {
  struct agent agent;
  struct moon_credential credential;
  struct moon_policy policy;
  struct moon_target target;
  uint64_t now_us;
  uint32_t id;
  uint32_t requests;  /* exchanges */
  uint32_t silences;  /* of those, without answer */
  uint32_t rows_at_once; /* rows taken between two requests; 0: all there are */
  bool read_ahead;    /* rows are taken only when nothing can be asked */
  bool unchecked;     /* rows are not compared with the MIB */
  bool heedless;      /* the agent does not cut where it is told to */
  uint32_t reserved;  /* octets that it cuts before */
  uint8_t request[2048];
  uint8_t reply[65536];
};

struct rig_result {
  enum moon_err err;
  size_t blame;
  const struct moon_outcome *seen; /* a copy's address, or NULL */
  struct moon_outcome outcome;
  uint32_t rows, values, bad;      /* bad: cells with an err */
  uint8_t last[MOON_OID_MAX_LEN];
  size_t last_len;
};

void rig_init(struct rig *r, uint8_t version);
void rig_fini(struct rig *r);
/* One request until its verdict, silence included. *o lends from r->reply. */
void rig_ask(struct rig *r, const struct moon_request *request, struct moon_outcome *o);
/* Names from dotted text, in static room that the next call of the same slot uses again. */
const struct moon_name *rig_names(unsigned slot, const char *const *texts, size_t n);
/* Asserts that what is given is right: indexes increase, every cell is what the agent has, nothing is left out in between,
 * and MOON_OK only for the whole table. NULL result is fine. Returns the err. */
enum moon_err rig_walk(struct rig *r, const struct moon_walk_spec *spec, struct rig_result *result);
/* The same for a walk that the caller made; frees nothing. */
void rig_drive(struct rig *r, struct moon_walk *w, const struct moon_walk_spec *spec, struct rig_result *result);
/* ifTable and ifXTable: 22 and 19 columns, values of ordinary sizes. */
void rig_interfaces(struct rig *r, unsigned n);
extern const char *const rig_interface_columns[41];

#endif
