/* heap: whose Lua's memory is. Every block carries the account of who made it, so what a probe has alive is known to the octet,
 * whoever collects and whoever allocates next: the one that grew is the one that is stopped.
 *
 *   moon_heap_charge(&heap, account)   what is made from here on is its
 *   moon_heap_enter(&heap, limit)      a script runs: no more than limit
 *   moon_heap_leave(&heap)
 *
 * Past its limit garbage is told from what is alive, and when that is too much the script is stopped (guard.h); only twice the
 * limit, which takes a single call that wants more than all of it, is refused on the spot: Lua's "not enough memory". What the script
 * leaves behind is collected by the turn. If the account has too much then too, its scripts get a little room, to let go of it,
 * and no more.
 *
 * Small blocks stand in pages of their account, see pages.h; larger ones cost 8 octets more. The allocator below both is LuaJIT's own;
 * where a LuaJIT takes no other, nothing is counted or limited. */
#ifndef MOON_BIND_TASK_HEAP_H
#define MOON_BIND_TASK_HEAP_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../base/list.h"
#include "pages.h"

#define MOON_HEAP_UNLIMITED (SIZE_MAX / 4)
#define MOON_HEAP_ROOM(limit) ((limit) / 64)   /* for scripts of an account that has too much, to let go of it */
#define MOON_HEAP_GARBAGE(limit) ((limit) / 8) /* that an account near its limit may make before it is collected again */

/* One for each probe and version; it stays as long as blocks name it. */
struct moon_heap_account {
  struct moon_list node;   /* in heap->accounts */
  size_t alive;            /* octets, not yet collected garbage among them */
  size_t known;            /* alive after the last collection that was made because of it; 0: none was */
  size_t suspected;        /* the limit that it is looked at for when the collection under way is over; 0: it is not */
  unsigned stops;          /* because of what was known */
  bool retired;            /* nobody makes anything in its name any more */
  struct moon_pages_owner small; /* blocks */
};

struct moon_heap {
  lua_Alloc stock;
  void *stock_arg;
  lua_State *keeper;       /* whose allocator that is */
  struct moon_pages pages;
  struct moon_heap_account *account; /* of what is made now */
  size_t line;             /* account->alive past this is looked at; SIZE_MAX: nobody looks */
  size_t limit;            /* of who runs */
  size_t wanted;           /* the block that was refused; 0: none was */
  bool over;               /* it was too much already when the script began that runs */
  bool loose;              /* what the script leaves is to be collected */
  unsigned collections;    /* whole ones, made by judge */
  unsigned cycles;         /* of the collector, until what stopped scripts left is gone */
  struct moon_heap_account own; /* what no probe made */
  struct moon_list accounts;
  void (*crossed)(void *arg); /* from inside an allocation: the line was crossed; no Lua but lua_sethook and lua_getinfo */
  void *arg;
};

/* A state whose memory is kept account of. NULL: no memory. To be closed by moon_heap_close. */
lua_State *moon_heap_open(struct moon_heap *h, void (*crossed)(void *arg), void *arg);
void moon_heap_close(struct moon_heap *h, lua_State *L);
/* NULL: no memory. */
struct moon_heap_account *moon_heap_account_new(struct moon_heap *h);
/* Freed as soon as nothing of it is alive. NULL is fine. */
void moon_heap_account_retire(struct moon_heap *h, struct moon_heap_account *a);

static inline size_t moon_heap_line(const struct moon_heap_account *a, size_t limit) {
  size_t line = a->known + (a->known > limit ? MOON_HEAP_ROOM(limit) : MOON_HEAP_GARBAGE(limit));
  return line > limit ? line : limit;
}
static inline void moon_heap_enter(struct moon_heap *h, size_t limit) {
  h->limit = limit;
  h->line = moon_heap_line(h->account, limit);
  h->over = h->account->alive > h->line;
}
static inline void moon_heap_leave(struct moon_heap *h) { h->line = SIZE_MAX; }
/* What is made from now on is a's; NULL: nobody's. */
static inline void moon_heap_charge(struct moon_heap *h, struct moon_heap_account *a) { h->account = a ? a : &h->own; }

/* n octets that the script has made elsewhere count as its own, until they are let go of. false: it may not have them, and was told. */
bool moon_heap_hold(struct moon_heap *h, size_t n);
static inline void moon_heap_let_go(struct moon_heap_account *a, size_t n) { a->alive -= n; }

/* After crossed, between two instructions of L: collects garbage, unless that was found to be of no use before. Has the account
 * too much alive? Else it may go on to its limit. [-0, +0, m] */
bool moon_heap_judge(struct moon_heap *h, lua_State *L);
/* The script that was judged, or was stopped for whatever reason, is over: what it had is to be collected, also if it was only half
 * of what it might have: else the next one to run pays for that. */
void moon_heap_release(struct moon_heap *h, bool stopped);
/* Once a turn: some of that, a millisecond or so. Is there more to be done? [-0, +0, m] */
bool moon_heap_collect(struct moon_heap *h, lua_State *L);

#endif
