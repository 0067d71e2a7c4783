/* task: a coroutine of a run and the one thing it waits for.
 *
 * A function that waits checks its arguments, records what it wants in the task and ends in `return moon_task_park(...)`. The
 * request leaves after Lua has yielded, so a yield that is refused (inside gsub, sort, another C function) leaves nothing behind:
 *
 *   struct moon_task *t = moon_task_check(L);             raises when nobody can wait here
 *   t->sleep.s = ...;
 *   return moon_task_park(L, t, &sleeping, 0);            start(t) follows, later results(L, t), then Lua goes on
 *
 * A task that is dropped while parked is never resumed.
 *
 * A device is suspect from when a script is stopped at it until a run of it was well. What it does comes behind all others: of suspect
 * tasks and runs one is stopped, and no further one begins before all timers that ran out meanwhile had their turn, so that who sleeps
 * is late by the time one script may take, however many there are of them. */
#ifndef MOON_BIND_TASK_TASK_H
#define MOON_BIND_TASK_TASK_H

#include "query.h"

/* What a parked task waits for. */
struct moon_wait {
  /* After the yield; what the function yielded is at the bottom of t->co. Anything but MOON_OK: nothing was begun, the task is
   * resumed in this turn or the next with t->err set. */
  enum moon_err (*start)(struct moon_task *t);
  /* Pushes what the waiting function returns, on L (not on t->co); protected. Whatever start took is given back here. Returns how many. */
  int (*results)(lua_State *L, struct moon_task *t);
  /* The task is dropped: what start took is given back. Also after a start that failed, and after results. */
  void (*cancel)(struct moon_task *t);
  /* The same where it takes no memory, so that nothing can fail: pushes it on t->co, which is empty and has room for one, and gives
   * back likewise. Returns how many; -1: results has to do it, nothing was done. The function may be NULL. */
  int (*direct)(struct moon_task *t);
  const char *what;             /* one word for people: "request", "rows", "sleep", "child" */
  /* What it asks while it waits; NULL: nothing. The function may be NULL. */
  const struct moon_query *(*query)(const struct moon_task *t);
};

/* Requests made by one call: get, get_next, get_bulk, get_raw, set. */
struct moon_get {
  struct moon_query query;            /* with the request, where it is one */
  struct moon_shape *shape;           /* held while parked; NULL for SET */
  struct moon_fetch *fetch;           /* NULL: one request, answered in one piece */
  const struct moon_outcome *outcome; /* while the done callback runs, or kept; else NULL */
  const struct moon_name *names;      /* of a SET: lent by the userdata that was yielded */
  uint8_t kind;                       /* see get.c */
  uint8_t flags;                      /* of moon_value_push */
  bool kept;                          /* outcome is its own */
  const void *stack, *table, *node;   /* hints: what Lua reads first when it goes on, see ahead in get.c. Not to be looked into */
};

struct moon_rows;

struct moon_task {
  struct moon_list node;        /* in run->tasks, host->free_tasks or ->bare_tasks */
  struct moon_list ready;       /* in host->woken or ->suspects, or alone */
  struct moon_list joiners;     /* tasks parked until this one is over */
  struct moon_host *host;
  struct moon_run *run;         /* NULL: free */
  struct moon_host_probe *probe; /* the run's */
  lua_State *co;                /* NULL: none yet */
  uint64_t woken_us;            /* what it waited for is there since then; 0: it is not, or it is resumed at once */
  uint64_t parked_us;
  const struct moon_wait *wait; /* parked on; NULL: not parked */
  int ref;                      /* co's */
  uint32_t slot, generation;
  enum moon_err err : 8;        /* why start failed */
  bool main;                    /* the run's own, not a child */
  bool fresh;                   /* not resumed yet: its function and arguments are on co */
  union {
    struct moon_get get;
    struct { struct moon_timer timer; double s; } sleep;
    struct moon_rows *rows;
    struct { struct moon_list node; uint32_t slot, generation; } joined; /* node: in the joiners of another */
  };
};

/* What it asks while it waits; NULL: nothing. */
static inline const struct moon_query *moon_task_query(const struct moon_task *t) {
  return t->wait && t->wait->query ? t->wait->query(t) : NULL;
}

enum moon_task_end {
  MOON_TASK_PARKED,  /* yielded through moon_task_park */
  MOON_TASK_OVER,    /* returned: the coroutine can be used again */
  MOON_TASK_ERROR,   /* raised; the value is at the top of co */
  MOON_TASK_NOMEM,   /* out of memory, in the script or while its values were made */
  MOON_TASK_STRAY    /* yielded past moon_task_park */
};

/* Makes the protected function that resumes; once for a host. [-0, +0, m] */
void moon_task_setup(struct moon_host *h, lua_State *L);
void moon_task_teardown(struct moon_host *h);
/* A task of r, not resumed yet; without a coroutine. NULL: no memory. */
struct moon_task *moon_task_new(struct moon_run *r, bool main);
/* Gives it a coroutine. [-0, +0, m] */
void moon_task_prepare(lua_State *L, struct moon_task *t);
/* Dropped wherever it is; who waits for it is not told. reuse: the coroutine ended well. */
void moon_task_free(struct moon_task *t, bool reuse);
/* Lets go of coroutines that nobody took since this was called last. */
void moon_task_trim(struct moon_host *h);
/* Runs it until it parks or ends, and deals with what became of it: the run may be over on return. Not from inside Lua. */
void moon_task_run(struct moon_task *t);
/* It is resumed by one of the two that follow, in this turn or the next. */
void moon_task_wake(struct moon_task *t);
void moon_task_run_woken(struct moon_host *h);
/* Of those that are suspect: some, until one is stopped. */
void moon_task_run_suspects(struct moon_host *h);
/* The same where many may be woken in one turn and each does much: they are resumed by the group. Not from inside Lua. */
void moon_task_wake_grouped(struct moon_task *t);

#define MOON_TASK_LIBRARY "lua/moonpoll/" /* names of the library's own chunks begin so */
#define MOON_TASK_PLACE_MAX (LUA_IDSIZE + 16)
/* "file:line" of the innermost line of a script on the coroutine `of`, of its own functions from this level on; "" when it cannot be
 * told. Nothing is made in Lua. */
void moon_task_place(lua_State *of, int level, char *out, size_t cap);
/* Pushes on L "file:line: " of the script that called, on the coroutine `of`, a C function that is at work or waits; "" when it
 * cannot be told. [-0, +1, m] */
void moon_task_where(lua_State *L, lua_State *of);
/* Raises text with the line of the script in front, however many of the library's own functions are in between. [-0, +0, e] */
int moon_task_error(lua_State *L, const char *text);
/* The task that calls. Raises at the caller's level when nobody can wait. [-0, +0, e] */
struct moon_task *moon_task_check(lua_State *L);
/* The last statement of a function that waits: yields n values from the top, which stay on t->co until the results are made. */
int moon_task_park(lua_State *L, struct moon_task *t, const struct moon_wait *w, int n);

/* Adds spawn, join, sleep to the table at the top: see lua/moonpoll/task.lua. [-0, +0, m] */
void moon_task_functions(lua_State *L, struct moon_host *h);

#endif
