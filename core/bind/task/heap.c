#include "heap.h"

#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

#include "../../base/mem.h"

/* What an account of which too much was alive may grow by before a collection is made for it again. */
#define AGAIN(limit) ((limit) / 4)
/* So much less than what was alive, and that proves nothing any more. */
#define STALE(known) ((known) - (known) / 16)
#define LOOK_AGAIN 64 /* stops */
#define STEP 256 /* a MiB is marked or swept: 0.3 to 1 ms */

struct block { struct moon_heap_account *account; };
_Static_assert(sizeof(struct block) == 8, "LuaJIT wants what malloc gives it aligned to 8, and so are these");

static bool is_small(size_t n) { return n <= MOON_PAGE_BLOCK_MAX; }

/* May the account of now have n octets more? */
static bool refuse(struct moon_heap *h, size_t n) {
  size_t most = h->line == SIZE_MAX ? SIZE_MAX : 2 * h->limit;
  if (h->account->alive + n > most) {
    if (!h->wanted) { h->wanted = n; }
    h->crossed(h->arg);
    return true;
  }
  if (h->line != most) {
    h->line = most;
    h->crossed(h->arg);
  }
  return false;
}

static void *make(struct moon_heap *h, struct moon_heap_account *a, size_t n) {
  if (is_small(n)) { return moon_pages_take(&h->pages, &a->small, n); }
  struct block *b = h->stock(h->stock_arg, NULL, 0, n + sizeof *b);
  if (!b) { return NULL; }
  b->account = a;
  return b + 1;
}

static void drop(struct moon_heap *h, void *p, size_t n) {
  if (is_small(n)) {
    moon_pages_put(&h->pages, p);
  } else {
    struct block *b = (struct block *)p - 1;
    h->stock(h->stock_arg, b, n + sizeof *b, 0);
  }
}

/* In place where it can be. */
static void *resize(struct moon_heap *h, struct moon_heap_account *a, void *p, size_t old_n, size_t n) {
  if (!is_small(old_n) && !is_small(n)) {
    struct block *b = (struct block *)p - 1;
    b = h->stock(h->stock_arg, b, old_n + sizeof *b, n + sizeof *b);
    return b ? b + 1 : NULL;
  }
  if (is_small(old_n) && n <= moon_pages_size(p) && n + 8 > moon_pages_size(p)) { return p; }
  void *to = make(h, a, n);
  if (!to) { return is_small(old_n) && n <= old_n ? p : NULL; }
  memcpy(to, p, n < old_n ? n : old_n);
  drop(h, p, old_n);
  return to;
}

static void *allocate(void *arg, void *p, size_t old_n, size_t n) {
  struct moon_heap *h = arg;
  if (!p) {
    if (n == 0 || (h->account->alive + n > h->line && refuse(h, n))) { return NULL; }
    p = make(h, h->account, n);
    if (p) { h->account->alive += n; }
    return p;
  }
  struct moon_heap_account *a = is_small(old_n) ? MOON_LIST_ENTRY(moon_pages_owner(p), struct moon_heap_account, small)
                                                : ((struct block *)p - 1)->account;
  if (n == 0) {
    a->alive -= old_n;
    drop(h, p, old_n);
    return NULL;
  }
  /* What grows stays whose it was, but nobody makes something of another's, or of all, grow past his own limit. */
  if (n > old_n && h->account->alive + (n - old_n) > h->line && refuse(h, n - old_n)) { return NULL; }
  p = resize(h, a, p, old_n, n);
  if (p) { a->alive += n - old_n; }
  return p;
}

bool moon_heap_hold(struct moon_heap *h, size_t n) {
  if (h->account->alive + n > h->line && refuse(h, n)) { return false; }
  h->account->alive += n;
  return true;
}

lua_State *moon_heap_open(struct moon_heap *h, void (*crossed)(void *arg), void *arg) {
  *h = (struct moon_heap){.line = SIZE_MAX, .crossed = crossed, .arg = arg, .account = &h->own};
  moon_list_init(&h->accounts);
  moon_list_init(&h->own.node);
  h->keeper = luaL_newstate();
  if (!h->keeper) { return NULL; }
  h->stock = lua_getallocf(h->keeper, &h->stock_arg);
  moon_pages_init(&h->pages, h->stock, h->stock_arg);
  lua_State *L = lua_newstate(allocate, h);
  if (L) {
    lua_atpanic(L, lua_atpanic(h->keeper, NULL));
    return L;
  }
  moon_pages_fini(&h->pages);
  L = h->keeper;
  h->keeper = NULL;
  return L;
}

void moon_heap_close(struct moon_heap *h, lua_State *L) {
  if (L) { lua_close(L); }
  if (h->keeper) {
    moon_pages_fini(&h->pages);
    lua_close(h->keeper);
  }
  h->keeper = NULL;
  for (struct moon_list *n; h->crossed && (n = moon_list_take(&h->accounts));) { moon_mem_free(MOON_LIST_ENTRY(n, struct moon_heap_account, node)); }
}

struct moon_heap_account *moon_heap_account_new(struct moon_heap *h) {
  struct moon_heap_account *a;
  for (struct moon_list *n = h->accounts.next, *next; n != &h->accounts; n = next) {
    next = n->next;
    a = MOON_LIST_ENTRY(n, struct moon_heap_account, node);
    if (!a->retired || a->alive) { continue; }
    moon_list_remove(n);
    moon_mem_free(a);
  }
  a = moon_mem_zalloc(sizeof *a);
  if (!a) { return NULL; }
  moon_list_init(&a->node);
  moon_list_append(&h->accounts, &a->node);
  return a;
}

void moon_heap_account_retire(struct moon_heap *h, struct moon_heap_account *a) {
  if (!a) { return; }
  if (h->account == a) { h->account = &h->own; }
  a->retired = true;
}

bool moon_heap_judge(struct moon_heap *h, lua_State *L) {
  struct moon_heap_account *a = h->account;
  size_t limit = h->limit;
  if (h->wanted) { return true; }
  if (a->known > limit && a->alive >= STALE(a->known) && a->alive < a->known + AGAIN(limit)) {
    a->stops++;
    h->loose = (a->stops & (a->stops - 1)) == 0 || a->stops % LOOK_AGAIN == 0; /* maybe something was let go */
    return true;
  }
  h->line = SIZE_MAX; /* finalizers are not the script's */
  lua_gc(L, LUA_GCCOLLECT, 0);
  h->collections++;
  h->loose = a->alive > limit && !h->over;
  a->known = h->loose ? 0 : a->alive; /* of too much it is not known whose it is until the script is gone */
  h->over = false;
  h->line = moon_heap_line(a, limit);
  return h->loose;
}

void moon_heap_release(struct moon_heap *h, bool stopped) {
  if (h->wanted || h->loose) {
    h->account->suspected = h->limit;
    h->cycles = 2; /* one under way may have found all of it alive */
  } else if (stopped && h->account->alive > h->limit / 2 && !h->cycles) {
    h->cycles = 2;
  }
  h->wanted = 0;
  h->loose = false;
}

bool moon_heap_collect(struct moon_heap *h, lua_State *L) {
  if (!h->cycles) { return false; }
  if (!lua_gc(L, LUA_GCSTEP, STEP) || --h->cycles) { return true; }
  for (struct moon_list *n = h->accounts.next; n != &h->accounts; n = n->next) {
    struct moon_heap_account *a = MOON_LIST_ENTRY(n, struct moon_heap_account, node);
    if (!a->suspected) { continue; }
    a->known = a->alive;
    if (a->known <= a->suspected) { a->stops = 0; }
    a->suspected = 0;
  }
  return false;
}
