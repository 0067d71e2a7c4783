#include "script.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../wire/oid.h"
#include "../value/mib.h"
#include "env.h"
#include "fields.h"
#include "where.h"

#define GHOST "moonpoll.load.ghost"
#define GHOST_LIBRARY "moonpoll.load.library"
#define SOURCES_MAX 64u   /* modules of one probe */
#define JOBS_MAX 32u
#define NAME_LEN_MAX 64u
#define CALL_S 2.0
#define LOOK_AFTER 20000 /* instructions: some 200 us */
#define YEAR_S (366.0 * 86400)

struct check {
  struct moon_draft *d;
  const struct moon_script *s;
  struct moon_source sources[SOURCES_MAX];
  uint32_t n_sources;
  int env, loaded; /* stack indexes in moon_script_add's frame */
};

static double cpu_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct within { double seconds, until; const char *why; };

/* Past the limit it raises before each instruction, so that the pcalls of the script end one after the other. */
static void too_long(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_pushlightuserdata(L, (void *)(uintptr_t)too_long);
  lua_rawget(L, LUA_REGISTRYINDEX);
  const struct within *w = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (cpu_s() < w->until) { return; }
  lua_sethook(L, too_long, LUA_MASKCOUNT, 1);
  luaL_where(L, 0);
  lua_pushfstring(L, "still running after %f s: %s", w->seconds, w->why);
  lua_concat(L, 2);
  lua_error(L);
}

int moon_script_call_within(lua_State *L, int nargs, double seconds, const char *why) {
  struct within w = {seconds, cpu_s() + seconds, why};
  luaL_checkstack(L, 4, NULL);
  lua_pushlightuserdata(L, (void *)(uintptr_t)too_long);
  lua_pushlightuserdata(L, &w);
  lua_rawset(L, LUA_REGISTRYINDEX);
  lua_sethook(L, too_long, LUA_MASKCOUNT, LOOK_AFTER);
  int failed = lua_pcall(L, nargs, 1, 0);
  lua_sethook(L, NULL, 0, 0);
  return failed;
}

int moon_script_call(lua_State *L, int nargs) { return moon_script_call_within(L, nargs, CALL_S, "loading a file only describes it"); }

const char *moon_script_prefix(struct moon_draft *d, const char *text, size_t n) {
  uint8_t octets[MOON_OID_MAX_LEN];
  char dotted[MOON_OID_TEXT_MAX];
  size_t len;
  if (moon_mib_parse(text, n, octets, sizeof octets, &len, NULL, 0)) { return NULL; }
  return moon_draft_text(d, dotted, moon_oid_format(octets, len, dotted, sizeof dotted));
}

static int ghost_self(lua_State *L) { /* [-0, +1, -] */
  lua_settop(L, 1);
  return 1;
}
static int ghost_other(lua_State *L) { /* [-0, +1, -]: of a binary operation, whichever operand it is */
  lua_pushvalue(L, lua_isuserdata(L, 1) ? 1 : 2);
  return 1;
}
static int ghost_text(lua_State *L) { /* [-0, +1, m] */
  lua_pushliteral(L, "");
  return 1;
}
static int ghost_nothing(lua_State *L) { /* [-0, +0, -] */
  (void)L;
  return 0;
}

/* Names of a MIB that nobody knows are told before anything starts; of all else in the library nothing can be said yet. [-0, +1, m] */
static int library_field(lua_State *L) {
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (strcmp(name, "mib") == 0 || strcmp(name, "oid") == 0) {
    lua_pushcfunction(L, name[0] == 'm' ? moon_mib_module : moon_mib_oid);
    return 1;
  }
  return ghost_self(L);
}

static void push_ghost(lua_State *L, bool library) { /* [-0, +1, m] */
  static const luaL_Reg methods[] = {
    {"__index", ghost_self}, {"__call", ghost_self}, {"__unm", ghost_self}, {"__add", ghost_other}, {"__sub", ghost_other},
    {"__mul", ghost_other}, {"__div", ghost_other}, {"__mod", ghost_other}, {"__pow", ghost_other}, {"__concat", ghost_text},
    {"__tostring", ghost_text}, {"__newindex", ghost_nothing}, {"__lt", ghost_nothing}, {"__le", ghost_nothing}, {NULL, NULL},
  };
  (void)lua_newuserdata(L, 1);
  if (luaL_newmetatable(L, library ? GHOST_LIBRARY : GHOST)) {
    for (const luaL_Reg *m = methods; m->name; m++) {
      lua_pushcfunction(L, m->func);
      lua_setfield(L, -2, m->name);
    }
    if (library) {
      lua_pushcfunction(L, library_field);
      lua_setfield(L, -2, "__index");
    }
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
  }
  lua_setmetatable(L, -2);
}

/* lib.cpu: names of letters, digits, _ and -, joined by dots. */
static bool module_name(const char *p, size_t n) {
  char before = '.';
  for (size_t i = 0; i < n; i++) {
    char c = p[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (!letter && (c != '.' || before == '.')) { return false; }
    before = c;
  }
  return before != '.' && n <= NAME_LEN_MAX;
}

/* Where it lies; NULL: out of memory. */
static const char *module_path(struct check *c, const char *name, size_t n) {
  char file[NAME_LEN_MAX + 5];
  for (size_t i = 0; i < n; i++) { file[i] = name[i] == '.' ? '/' : name[i]; }
  memcpy(file + n, ".lua", 5);
  return moon_draft_beside(c->d, c->s->path, file);
}

/* Is the file where it seems to be, or does a link lead out of the directory of the probe? */
static bool is_beside(const struct check *c, const char *path) {
  const char *slash = strrchr(c->s->path, '/');
  char *dir = slash ? strndup(c->s->path, (size_t)(slash - c->s->path) + 1) : NULL;
  char *real_dir = realpath(dir ? dir : ".", NULL), *real = realpath(path, NULL);
  size_t n = real_dir ? strlen(real_dir) : 0;
  bool is = real && n && strncmp(real, real_dir, n) == 0 && (n == 1 || real[n] == '/');
  free(dir);
  free(real_dir);
  free(real);
  return is;
}

static struct moon_source *find_source(struct check *c, const char *name, size_t n) {
  for (uint32_t i = 1; i < c->n_sources; i++) {
    if (strlen(c->sources[i].name) == n && memcmp(c->sources[i].name, name, n) == 0) { return &c->sources[i]; }
  }
  return NULL;
}

/* Reads and compiles; pushes the chunk, or the message when it does not compile. NULL then, and when the draft has failed
 * (nil is pushed). [-0, +1, m] */
static struct moon_source *add_source(lua_State *L, struct check *c, const char *name, size_t n, const char *path) {
  size_t len = 0;
  const char *why = c->n_sources ? NULL : c->s->place;
  const char *text = NULL, *own_name = moon_draft_text(c->d, name, n);
  if (c->n_sources == SOURCES_MAX) {
    moon_draft_fail(c->d, "%s: over %u modules", c->s->path, SOURCES_MAX - 1);
  } else if (own_name) {
    text = moon_draft_read(c->d, why, path, MOON_SCRIPT_MAX, &len);
  }
  if (!text) {
    lua_pushnil(L);
    return NULL;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->env);
  enum moon_err e = moon_env_compile(L, text, len, path, -1);
  lua_remove(L, -2);
  if (e) { return NULL; }
  struct moon_source *s = &c->sources[c->n_sources++];
  *s = (struct moon_source){.name = own_name, .path = path, .text = (const uint8_t *)text, .len = (uint32_t)len};
  return s;
}

/* luaL_error that names the probe when the line is not known: after `return require "x"` it is gone. */
static int require_error(lua_State *L, const struct check *c, const char *format, const char *a, const char *b) {
  luaL_where(L, 1);
  if (lua_objlen(L, -1) == 0) {
    lua_pushfstring(L, "%s: ", c->s->path);
    lua_replace(L, -2);
  }
  lua_pushfstring(L, format, a, b);
  lua_concat(L, 2);
  return lua_error(L);
}

static int require(lua_State *L) { /* [-0, +1, e] */
  struct check *c = lua_touserdata(L, lua_upvalueindex(1));
  size_t n;
  const char *name = luaL_checklstring(L, 1, &n);
  if (strcmp(name, "moonpoll") == 0 || strncmp(name, "moonpoll.", 9) == 0) {
    push_ghost(L, name[8] == '\0');
    return 1;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->loaded);
  lua_getfield(L, -1, name);
  if (lua_islightuserdata(L, -1)) { return require_error(L, c, "module '%s' requires itself", name, NULL); }
  if (!lua_isnil(L, -1)) { return 1; }
  lua_pop(L, 1);
  if (!module_name(name, n)) {
    return require_error(L, c, "module '%s': a name is letters, digits, _ and -, joined by dots", name, NULL);
  }
  const char *path = module_path(c, name, n);
  if (path && access(path, F_OK) != 0) { return require_error(L, c, "module '%s' not found: no %s", name, path); }
  if (path && !is_beside(c, path)) { return require_error(L, c, "module '%s': %s leads out of the directory of the probe", name, path); }
  struct moon_source *s = path ? add_source(L, c, name, n, path) : NULL;
  if (!s) { return lua_error(L); }
  lua_pushlightuserdata(L, c); /* under way */
  lua_setfield(L, -3, name);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushboolean(L, 1);
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, name);
  return 1;
}

static void raise(lua_State *L) { /* the draft has failed */
  lua_pushnil(L);
  lua_error(L);
}

/* The message at the top is the draft's error, unless there is one. */
static void fail_message(lua_State *L, struct check *c, const char *path) {
  if (!c->d->err) {
    moon_env_message(L, path);
    moon_draft_fail(c->d, "%s", lua_tostring(L, -1));
  }
  raise(L);
}

/* Modules required inside functions are not met by running the file: those named as plain text are taken along too. */
static void scan_requires(lua_State *L, struct check *c, const struct moon_source *s) {
  const char *p = (const char *)s->text; /* NUL-terminated by moon_draft_read */
  while ((p = strstr(p, "require")) != NULL) {
    p += 7;
    p += strspn(p, " \t");
    if (*p == '(') { p += 1 + strspn(p + 1, " \t"); }
    if (*p != '"' && *p != '\'') { continue; }
    const char *name = p + 1, *end = strchr(name, *p);
    if (!end) { return; }
    size_t n = (size_t)(end - name);
    if (n == 0 || !module_name(name, n) || find_source(c, name, n)) { continue; }
    if (n >= 8 && memcmp(name, "moonpoll", 8) == 0 && (n == 8 || name[8] == '.')) { continue; }
    const char *path = module_path(c, name, n);
    if (!path) { raise(L); }
    if (access(path, F_OK) != 0 || !is_beside(c, path)) { continue; }
    if (!add_source(L, c, name, n, path)) { fail_message(L, c, path); }
    lua_pop(L, 1);
  }
}

static uint64_t version_of(const struct moon_source *s, uint32_t n) {
  uint64_t h = 0xcbf29ce484222325u; /* FNV-1a, 64 bits: tells versions apart, is no proof against forgery */
  for (uint32_t i = 0; i < n; i++) {
    for (const char *p = s[i].name; *p; p++) { h = (h ^ (uint8_t)*p) * 0x100000001b3u; }
    for (unsigned k = 0; k < 4; k++) { h = (h ^ (uint8_t)(s[i].len >> 8 * k)) * 0x100000001b3u; }
    for (uint32_t k = 0; k < s[i].len; k++) { h = (h ^ s[i].text[k]) * 0x100000001b3u; }
  }
  return h;
}

/* Of the table at the top: whether field key is there; it must be a function then. [-0, +0, e] */
static bool has_function(struct moon_fields *f, const char *key) {
  size_t was;
  if (!moon_fields_get(f, key, &was)) { return false; }
  if (!lua_isfunction(f->L, -1)) { moon_fields_fail(f, "a function is expected, not a %s", luaL_typename(f->L, -1)); }
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
  return true;
}

/* The default: a round must be over before the next one, but not sooner than some devices need. */
static double default_timeout(double every_s) { return every_s == 0 ? 60 : every_s < 10 ? 10 : every_s; }

static void read_times(struct moon_fields *f, struct moon_plan_job *j) {
  moon_fields_number(f, "every", 0, YEAR_S, &j->every_s);
  moon_fields_number(f, "timeout", 0.01, YEAR_S, &j->timeout_s);
  moon_fields_bool(f, "atomic", &j->atomic);
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct moon_plan_job *)a)->name, ((const struct moon_plan_job *)b)->name);
}

/* `jobs` at the top. */
static void read_jobs(struct moon_fields *f, const struct moon_plan_job *base, struct moon_plan_probe *p) {
  static const char *const KEYS[] = {"every", "timeout", "run", "atomic", NULL};
  struct moon_plan_job jobs[JOBS_MAX];
  lua_State *L = f->L;
  if (!lua_istable(L, -1)) { moon_fields_fail(f, "a table of jobs is expected, not a %s", luaL_typename(L, -1)); }
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    size_t n = 0;
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &n) : "";
    if (!module_name(name, n) || strchr(name, '.')) { moon_fields_fail(f, "a job has a name of letters, digits, _ and -"); }
    if (p->n_jobs == JOBS_MAX) { moon_fields_fail(f, "over %u jobs", JOBS_MAX); }
    size_t was = moon_fields_enter(f, name);
    struct moon_plan_job *j = &jobs[p->n_jobs++];
    *j = *base;
    j->name = moon_draft_text(f->d, name, n);
    moon_fields_keys(f, KEYS);
    read_times(f, j);
    if (!has_function(f, "run")) { moon_fields_fail(f, "run is missing"); }
    moon_fields_leave(f, was);
  }
  if (!p->n_jobs) { moon_fields_fail(f, "has no job in it"); }
  qsort(jobs, p->n_jobs, sizeof *jobs, by_name);
  struct moon_plan_job *own = moon_draft_alloc(f->d, p->n_jobs * sizeof *own);
  if (!own) { raise(L); }
  memcpy(own, jobs, p->n_jobs * sizeof *own);
  p->jobs = own;
}

/* True: it is a function. */
static bool read_match(struct moon_fields *f, struct moon_plan_probe *p) {
  size_t was;
  if (!moon_fields_get(f, "match", &was)) { return false; }
  bool function = lua_isfunction(f->L, -1);
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
  if (function) { return true; } /* the worker's business */
  moon_fields_texts(f, "match", &p->match, &p->n_match);
  const char **own = moon_draft_alloc(f->d, p->n_match * sizeof *own);
  for (uint32_t i = 0; own && i < p->n_match; i++) {
    own[i] = moon_script_prefix(f->d, p->match[i], strlen(p->match[i]));
    if (!own[i] && !f->d->err) {
      moon_fields_enter(f, "match");
      moon_fields_fail(f, "\"%.100s\" is no OID, by number or by name", p->match[i]);
    }
  }
  if (f->d->err) { raise(f->L); }
  p->match = own;
  return false;
}

static void read_metrics(struct moon_fields *f) {
  static const char *const KEYS[] = {"type", "unit", "help", NULL};
  static const char *const TYPES[] = {"counter", "gauge", "info", "state", "event", NULL};
  lua_State *L = f->L;
  size_t was;
  if (!moon_fields_get(f, "metrics", &was)) { return; }
  if (!lua_istable(L, -1)) { moon_fields_fail(f, "a table is expected, not a %s", luaL_typename(L, -1)); }
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) { moon_fields_fail(f, "a table of name = {type=, unit=, help=} is expected"); }
    size_t here = moon_fields_enter(f, lua_tostring(L, -2));
    const char *type = NULL, *text = NULL;
    moon_fields_keys(f, KEYS);
    moon_fields_text(f, "type", &type);
    moon_fields_text(f, "unit", &text);
    moon_fields_text(f, "help", &text);
    const char *const *t = TYPES;
    while (type && *t && strcmp(*t, type) != 0) { t++; }
    if (!*t) { moon_fields_fail(f, "type is counter, gauge, info, state or event, not \"%.40s\"", type); }
    moon_fields_leave(f, here);
  }
  lua_pop(L, 1);
  moon_fields_leave(f, was);
}

struct more { char text[256]; size_t n; };

/* What a probe asked for and does not get. */
static void add_more(struct more *m, const char *name, uint32_t own, uint32_t all) {
  if (m->n >= sizeof m->text) { return; }
  m->n += (size_t)snprintf(m->text + m->n, sizeof m->text - m->n, "%s%s %u to %u", m->n ? ", " : "", name, (unsigned)own, (unsigned)all);
}

/* trusted: nothing but the number of children is limited. */
static void read_limits(struct moon_fields *f, struct moon_plan_probe *p, bool trusted) {
#define NAME(name, otherwise, least, most, what) #name,
  static const char *const KEYS[] = {MOON_LIMITS(NAME) NULL};
#undef NAME
  const struct moon_plan *all = &f->d->plan;
  struct more more = {.n = 0};
  uint32_t own;
  size_t was;
#define TAKE(name, otherwise, least, most, what) p->name = all->name;
  MOON_LIMITS(TAKE)
#undef TAKE
  if (!moon_fields_get(f, "limits", &was)) { return; }
  moon_fields_keys(f, KEYS);
#define LOWER(name, otherwise, least, most, what) \
  own = p->name;                                  \
  moon_fields_uint(f, #name, least, most, &own);  \
  if (own > p->name && (!trusted || strcmp(#name, "max_children") == 0)) { add_more(&more, #name, own, p->name); } \
  p->name = own < p->name ? own : p->name;
  MOON_LIMITS(LOWER)
#undef LOWER
  const char *place = more.n ? moon_fields_place(f) : NULL;
  if (place) { moon_draft_warn(f->d, "%s: lowered to what the configuration allows: %s", place, more.text); }
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}

/* The table the file returned is at the top. */
static void read_probe(struct moon_fields *f, struct check *c, struct moon_plan_probe *p) {
  static const char *const KEYS[] = {
    "run", "every", "timeout", "jobs", "name", "match", "metrics", "group", "limits", "atomic", "migrate", "on_error", NULL,
  };
  struct moon_plan_job base = {.name = "", .every_s = 60, .timeout_s = -1};
  size_t was;
  moon_fields_keys(f, KEYS);
  moon_fields_text(f, "name", &p->name);
  read_times(f, &base);
  bool run = has_function(f, "run");
  if (moon_fields_get(f, "jobs", &was)) {
    if (run) { moon_fields_fail(f, "either run or jobs, not both"); }
    read_jobs(f, &base, p);
    lua_pop(f->L, 1);
    moon_fields_leave(f, was);
  } else if (!run) {
    moon_fields_fail(f, "run is missing");
  } else {
    struct moon_plan_job *own = moon_draft_alloc(f->d, sizeof *own);
    if (!own) { raise(f->L); }
    *own = base;
    p->jobs = own;
    p->n_jobs = 1;
  }
  moon_fields_text(f, "group", &p->group);
  if (read_match(f, p) && !c->s->match && (p->group || c->s->group)) {
    moon_fields_enter(f, "match");
    moon_fields_fail(f, "in a group a list of sysObjectID prefixes is expected, or nothing for the probe of all others");
  }
  read_metrics(f);
  read_limits(f, p, c->s->trusted);
  (void)has_function(f, "migrate");
  (void)has_function(f, "on_error");
}

/* What the configuration and the command line say wins over the file. */
static void override(lua_State *L, struct check *c, struct moon_plan_probe *p) {
  const struct moon_script *s = c->s;
  const struct moon_load_options *o = c->d->options;
  struct moon_plan_job *jobs = (struct moon_plan_job *)(uintptr_t)p->jobs; /* ours still */
  struct moon_plan_job *most = &jobs[0];
  for (uint32_t i = 1; i < p->n_jobs; i++) {
    if (jobs[i].every_s > 0 && (most->every_s <= 0 || jobs[i].every_s < most->every_s)) { most = &jobs[i]; }
  }
  if (s->every_s >= 0) { most->every_s = s->every_s; }
  if (s->timeout_s >= 0) { most->timeout_s = s->timeout_s; }
  for (uint32_t k = 0; k < s->n_jobs; k++) {
    uint32_t i = 0;
    while (i < p->n_jobs && strcmp(jobs[i].name, s->jobs[k].name) != 0) { i++; }
    if (i == p->n_jobs) {
      moon_draft_fail(c->d, "%s: jobs.%s: %s has no such job", s->place, s->jobs[k].name, s->path);
      raise(L);
    }
    if (s->jobs[k].every_s >= 0) { jobs[i].every_s = s->jobs[k].every_s; }
    if (s->jobs[k].timeout_s >= 0) { jobs[i].timeout_s = s->jobs[k].timeout_s; }
  }
  if (o->every_s >= 0) { most->every_s = o->every_s; }
  for (uint32_t i = 0; i < p->n_jobs; i++) {
    if (jobs[i].timeout_s < 0) { jobs[i].timeout_s = default_timeout(jobs[i].every_s); }
  }
  if (s->name) { p->name = s->name; }
  if (s->match) {
    p->match = s->match;
    p->n_match = s->n_match;
  }
  if (s->group) { p->group = s->group; }
  p->args = s->args;
  p->n_args = s->n_args;
  p->trusted = s->trusted;
  p->allow_set = s->allow_set;
  p->allow_oids = s->allow_oids;
  p->n_allow_oids = s->n_allow_oids;
  p->allow_targets = s->allow_targets;
  p->n_allow_targets = s->n_allow_targets;
}

static void set_name(lua_State *L, struct check *c, struct moon_plan_probe *p) {
  const char *path = c->s->path, *slash = strrchr(path, '/');
  const char *base = slash ? slash + 1 : path;
  size_t n = strlen(base);
  if (n > 4 && strcmp(base + n - 4, ".lua") == 0) { n -= 4; }
  if (!p->name) { p->name = moon_draft_text(c->d, base, n); }
  if (!p->name) { raise(L); }
  bool good = *p->name && strlen(p->name) <= NAME_LEN_MAX;
  for (const char *q = p->name; *q; q++) { good = good && (unsigned char)*q > ' ' && *q != 0x7f; }
  if (!good) { moon_draft_fail(c->d, "%s: name: 1 to %u characters without blanks", path, NAME_LEN_MAX); }
  for (uint32_t i = 0; i < c->d->plan.n_probes; i++) {
    const struct moon_plan_probe *q = &c->d->probes[i];
    if (strcmp(q->name, p->name) == 0) {
      moon_draft_fail(c->d, "%s: a probe is named \"%s\" already (%s): give one of them a name", path, p->name, q->sources[0].path);
    }
  }
  if (c->d->err) { raise(L); }
}

/* The workers run the file again, and print. */
static int print(lua_State *L) { /* [-0, +0, -] */
  (void)L;
  return 0;
}

void moon_script_add(lua_State *L, struct moon_draft *d, const struct moon_script *s) {
  struct moon_plan_probe p = {0};
  luaL_checkstack(L, 20, NULL);
  struct check *c = lua_newuserdata(L, sizeof *c);
  *c = (struct check){.d = d, .s = s};
  moon_env_push(L);
  int env = lua_gettop(L);
  lua_pushlightuserdata(L, c);
  lua_pushcclosure(L, require, 1);
  lua_setfield(L, env, "require");
  lua_pushcfunction(L, print);
  lua_setfield(L, env, "print");
  c->env = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_newtable(L);
  c->loaded = luaL_ref(L, LUA_REGISTRYINDEX);

  if (!add_source(L, c, "", 0, s->path)) { fail_message(L, c, s->path); }
  lua_createtable(L, 0, (int)s->n_args);
  for (uint32_t i = 0; i < s->n_args; i++) {
    lua_pushstring(L, s->args[i].value);
    lua_setfield(L, -2, s->args[i].key);
  }
  if (moon_script_call(L, 1)) { fail_message(L, c, s->path); }
  if (d->err) { raise(L); }
  if (!lua_istable(L, -1)) {
    const struct moon_source *own = c->sources;
    moon_draft_fail(d, "%s:%u: returns no table: a probe ends with return { run = function(device, out) ... end }", s->path, moon_where_return((const char *)own->text, own->len));
    raise(L);
  }
  struct moon_fields f = {.L = L, .d = d, .file = s->path, .text = (const char *)c->sources[0].text, .len = c->sources[0].len};
  read_probe(&f, c, &p);
  override(L, c, &p);
  set_name(L, c, &p);
  for (uint32_t i = 0; i < c->n_sources; i++) { scan_requires(L, c, &c->sources[i]); }

  struct moon_source *own = moon_draft_alloc(d, c->n_sources * sizeof *own);
  if (!own || moon_draft_room(d, &d->probes, &d->probes_cap, d->plan.n_probes, sizeof p)) { raise(L); }
  memcpy(own, c->sources, c->n_sources * sizeof *own);
  own[0].name = p.name;
  p.sources = own;
  p.n_sources = c->n_sources;
  p.version = version_of(own, p.n_sources);
  d->probes[d->plan.n_probes++] = p;
  luaL_unref(L, LUA_REGISTRYINDEX, c->env);
  luaL_unref(L, LUA_REGISTRYINDEX, c->loaded);
  lua_pop(L, 2); /* the table and c */
}

struct adding { struct moon_draft *d; const struct moon_script *s; };

static int add(lua_State *L) {
  const struct adding *a = lua_touserdata(L, 1);
  lua_settop(L, 0);
  moon_script_add(L, a->d, a->s);
  return 0;
}

void moon_script_take(lua_State *L, struct moon_draft *d, const struct moon_script *s) {
  struct adding a = {d, s};
  char error[sizeof d->error];
  if (!d->options->again) {
    moon_script_add(L, d, s);
    return;
  }
  luaL_checkstack(L, 4, NULL);
  lua_pushcfunction(L, add);
  lua_pushlightuserdata(L, &a);
  if (lua_pcall(L, 1, 0, 0) == 0) { return; }
  if (d->err != MOON_E_CONFIG) { lua_error(L); }
  lua_pop(L, 1);
  memcpy(error, d->error, sizeof error);
  d->err = MOON_OK;
  d->error[0] = 0;
  if (d->plan.broken) {
    moon_draft_warn(d, "%s: that probe stays as it was", error);
  } else {
    d->plan.broken = moon_draft_text(d, error, strlen(error));
  }
  const char *path = moon_draft_text(d, s->path, strlen(s->path));
  if (!path || moon_draft_room(d, &d->kept, &d->kept_cap, d->plan.n_kept, sizeof path)) { raise(L); }
  d->kept[d->plan.n_kept++] = path;
}
