/* query: one request of a script on its way to an agent, whoever waits for it.
 *
 * A target has several credentials: as long as it never answered, silence means the next one is tried. The one that was
 * answered stays. */
#ifndef MOON_BIND_TASK_QUERY_H
#define MOON_BIND_TASK_QUERY_H

#include "../../session/uptime.h"
#include "inside.h"

struct moon_query;
/* *o as in moon_done: valid during the call. */
typedef void moon_query_done(struct moon_query *q, const struct moon_outcome *o);

struct moon_query {
  struct moon_host *host;
  struct moon_host_target *target;
  const struct moon_request *request; /* borrowed until done or cancel */
  const struct moon_context *context; /* set by who starts it; NULL: that of the credential */
  struct moon_request own;            /* room for it: with a context it is here, and who likes may begin with it here */
  moon_query_done *done;
  struct moon_ticket ticket;
  uint64_t started_us;
  uint16_t credential;  /* asked with */
  uint16_t tried;       /* credentials before this one */
  uint32_t tries;       /* datagrams they took */
  bool out;             /* done is still to come */
  bool goes_on;         /* what is started next has the tries that the last one left */
  bool crowded;         /* when it was last not taken too many waited in the whole engine, not only for the target */
};

/* A contextName that scripts ask with: device:with. One for each name and probe, for the life of the host. */
struct moon_context {
  struct moon_context *next;
  uint8_t len;
  uint8_t octets[];
};
#define MOON_CONTEXTS_MAX 10000u /* of a probe: a script that makes them up gets an error */
/* The one of this name, n <= MOON_CONTEXT_MAX. NULL: no memory, or too many. */
const struct moon_context *moon_query_context(struct moon_host_probe *p, const char *name, size_t n);
void moon_query_free_contexts(struct moon_host_probe *p);

/* Embedded, zero-initialised. Sends; the rest as moon_engine_submit. */
enum moon_err moon_query_start(struct moon_query *q, struct moon_host *h, struct moon_host_target *t, const struct moon_request *r,
                               moon_query_done *done);
/* It was not taken, MOON_E_BUDGET: where too many wait, and what to change, a clause. */
const char *moon_query_crowd(const struct moon_query *q);
/* The query that was submitted with these; NULL: it was not one. */
struct moon_query *moon_query_of(moon_done *done, void *arg);
/* done is not called any more. Harmless when nothing is out. */
void moon_query_cancel(struct moon_query *q);
/* Pushes the err of a query that ended in e; o may be NULL (not asked). oid, detail: what it is about, or NULL. [-0, +1, m] */
void moon_query_push_fault(lua_State *L, const struct moon_query *q, enum moon_err e, const struct moon_outcome *o,
                           const struct moon_name *oid, const char *detail);
/* Version now spoken with the target. */
uint8_t moon_query_version(const struct moon_host *h, const struct moon_host_target *t);
/* A sysUpTime seen at that time: one that went back tells a reboot. */
void moon_query_uptime(struct moon_host_target *t, const struct moon_cell *c);

#endif
