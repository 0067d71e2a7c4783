#include "config.h"

#include <errno.h>
#include <lauxlib.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../engine/socket.h"
#include "../../session/exchange.h"
#include "credentials.h"
#include "env.h"
#include "inventory.h"
#include "script.h"
#include "secret.h"
#include "where.h"

#define YEAR_S (366.0 * 86400)
#define WORKERS_MAX 64 /* as on the command line */

static const char *const OUTPUTS[] = {"json", "table", "null", NULL};
static const char *const LOOPS[] = {"libev", "epoll", NULL};

static enum moon_err one_of(struct moon_draft *d, const char *place, const char *what, const char *const *names, const char *name) {
  const char *all = "", *near = moon_where_nearest(names, name);
  for (const char *const *n = names; *n; n++) {
    if (strcmp(*n, name) == 0) { return MOON_OK; }
    all = moon_draft_format(d, "%s%s%s", all, *all ? ", " : "", *n);
    if (!all) { return d->err; }
  }
  if (near) { return moon_draft_fail(d, "%s: unknown %s \"%.40s\"; is it %s?", place, what, name, near); }
  return moon_draft_fail(d, "%s: unknown %s \"%.40s\"; there are %s", place, what, name, all);
}

enum moon_err moon_config_output(struct moon_draft *d, const char *place, const char *name) {
  if (one_of(d, place, "output", OUTPUTS, name)) { return d->err; }
  for (uint32_t i = 0; i < d->plan.n_outputs; i++) {
    if (strcmp(d->outputs[i], name) == 0) { return MOON_OK; }
  }
  const char *own = moon_draft_text(d, name, strlen(name));
  if (!own || moon_draft_room(d, &d->outputs, &d->outputs_cap, d->plan.n_outputs, sizeof own)) { return d->err; }
  d->outputs[d->plan.n_outputs++] = own;
  return MOON_OK;
}

enum moon_err moon_config_loop(struct moon_draft *d, const char *place, const char *name) {
  if (one_of(d, place, "loop", LOOPS, name)) { return d->err; }
  d->plan.loop = moon_draft_text(d, name, strlen(name));
  return d->err;
}

/* "unfinished string near '"public'": what stands in quotes, or should have, may be a secret. The line is enough. [-1, +1, m] */
static void hide_words(lua_State *L) {
  const char *message = lua_tostring(L, -1), *near = message ? strstr(message, " near '") : NULL;
  if (!near || strncmp(near + 7, "<eof>", 5) == 0 || (near[7] && near[7] != '[' && near[8] == '\'')) { return; }
  lua_pushlstring(L, message, (size_t)(near - message));
  lua_replace(L, -2);
}

/* "attempt to perform arithmetic on global 'my' (a nil value)": a password, my-secret, that lacks its quotes. What is called, and what is
 * there elsewhere in Lua, is told. [-1, +1, m] */
static void hide_global(lua_State *L) {
  static const char *const LIBRARIES[] = {"io'", "debug'", "package'", "coroutine'", "jit'", "ffi'", "snmp'", NULL};
  const char *message = lua_tostring(L, -1), *name = message ? strstr(message, " global '") : NULL;
  if (!name || strstr(message, "attempt to call")) { return; }
  for (const char *const *l = LIBRARIES; *l; l++) {
    if (strncmp(name + strlen(" global '"), *l, strlen(*l)) == 0) { return; }
  }
  lua_pushlstring(L, message, (size_t)(name - message));
  lua_pushliteral(L, " a name that is not there; text stands in quotes");
  lua_concat(L, 2);
  lua_replace(L, -2);
}

void moon_config_open(struct moon_fields *f, const char *path) {
  static const char *const KEYS[] = {"auth", "targets", "probes", "request", "limits", "resolver", "outputs", "workers", "cpus", "grace", "rollout", "loop", "run_dir",
                                     "engine_cache", NULL};
  lua_State *L = f->L;
  size_t len;
  f->file = path;
  f->text = moon_draft_read(f->d, NULL, path, MOON_SCRIPT_MAX, &len);
  if (!f->text) { moon_fields_raise(f); }
  f->len = len;
  moon_env_push(L);
  moon_secret_open(L, f->d, path);
  bool compiled = !moon_env_compile(L, f->text, len, path, -1);
  if (!compiled) { hide_words(L); }
  if (!compiled || moon_script_call(L, 0)) {
    if (compiled) { hide_global(L); }
    moon_env_message(L, path);
    moon_draft_fail(f->d, "%s", lua_tostring(L, -1));
    moon_fields_raise(f);
  }
  lua_remove(L, -2);
  if (!lua_istable(L, -1)) {
    moon_draft_fail(f->d, "%s:%u: returns no table: a configuration is return { targets = { ... }, probes = { ... } }", path, moon_where_return(f->text, len));
    moon_fields_raise(f);
  }
  moon_fields_keys(f, KEYS);
}

static void read_seconds(struct moon_fields *f, const char *key, double min, double max, uint64_t *out_us) {
  double s = (double)*out_us / 1e6;
  moon_fields_number(f, key, min, max, &s);
  *out_us = (uint64_t)(s * 1e6 + 0.5);
}

static void read_request(struct moon_fields *f) {
  static const char *const KEYS[] = {"timeout", "retries", "per_device", "packets_per_s", "min_timeout", "breaker_after", "breaker_trial", NULL};
  struct moon_policy *p = &f->d->plan.policy;
  size_t was;
  if (!moon_fields_get(f, "request", &was)) { return; }
  moon_fields_keys(f, KEYS);
  read_seconds(f, "timeout", 0.001, 3600, &p->timeout_us);
  read_seconds(f, "min_timeout", 0.001, 3600, &p->rto_floor_us);
  read_seconds(f, "breaker_trial", 0.001, YEAR_S, &p->trial_us);
  moon_fields_uint(f, "retries", 0, MOON_TRIES_MAX - 1, &p->retries);
  moon_fields_uint(f, "per_device", 1, 10000, &p->window);
  moon_fields_uint(f, "packets_per_s", 0, 10000000, &p->packets_per_s);
  moon_fields_uint(f, "breaker_after", 0, 1000000, &p->breaker_after);
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}

static void read_limits(struct moon_fields *f) {
#define NAME(name, otherwise, least, most, what) #name,
  static const char *const KEYS[] = {"max_coroutines", "max_in_flight", "packets_per_s", MOON_LIMITS(NAME) NULL};
#undef NAME
  struct moon_plan *p = &f->d->plan;
  size_t was;
  if (!moon_fields_get(f, "limits", &was)) { return; }
  moon_fields_keys(f, KEYS);
  moon_fields_uint(f, "max_coroutines", 1, 1000000, &p->max_coroutines);
  moon_fields_uint(f, "max_in_flight", 1, 1000000, &p->max_in_flight);
#define READ(name, otherwise, least, most, what) moon_fields_uint(f, #name, least, most, &p->name);
  MOON_LIMITS(READ)
#undef READ
  moon_fields_uint(f, "packets_per_s", 0, 10000000, &p->packets_per_s);
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}

static void read_family(struct moon_fields *f, uint8_t *out) {
  uint32_t family = 0;
  moon_fields_uint(f, "family", 4, 6, &family);
  if (family == 5) {
    moon_fields_enter(f, "family");
    moon_fields_fail(f, "4 or 6 is expected, not 5");
  }
  *out = (uint8_t)family;
}

/* The list as c-ares reads it: "192.0.2.53:53,[2001:db8::53]:53". */
static void read_servers(struct moon_fields *f, const char **out) {
  char all[MOON_RESOLVER_SERVERS_MAX], text[MOON_ADDR_TEXT_MAX];
  const char *const *servers = NULL, *host;
  uint32_t n = 0;
  size_t len = 0, host_len;
  moon_fields_texts(f, "servers", &servers, &n);
  if (!servers) { return; }
  size_t was = moon_fields_enter(f, "servers");
  for (uint32_t i = 0; i < n; i++) {
    struct moon_addr a;
    if (moon_addr_parse(servers[i], 53, &a, &host, &host_len) || a.scope) {
      moon_fields_fail(f, "\"%.80s\" is no address of a name server", servers[i]);
    }
    size_t put = moon_addr_format(&a, text, sizeof text);
    if (len + put + 1 >= sizeof all) { moon_fields_fail(f, "too many name servers"); }
    if (len) { all[len++] = ','; }
    memcpy(all + len, text, put);
    len += put;
  }
  if (!len) { moon_fields_fail(f, "is empty"); }
  *out = moon_draft_text(f->d, all, len);
  if (!*out) { moon_fields_raise(f); }
  moon_fields_leave(f, was);
}

static void read_resolver(struct moon_fields *f) {
  static const char *const KEYS[] = {"servers", "timeout", "retry", "family", NULL};
  struct moon_resolver_config *r = &f->d->plan.resolver;
  double timeout_s = 0, retry_s = 0;
  size_t was;
  if (!moon_fields_get(f, "resolver", &was)) { return; }
  moon_fields_keys(f, KEYS);
  moon_fields_number(f, "timeout", 0.01, 60, &timeout_s);
  moon_fields_number(f, "retry", 0.01, 3600, &retry_s);
  r->timeout_us = (uint64_t)(timeout_s * 1e6);
  r->hold_us = (uint64_t)(retry_s * 1e6);
  read_family(f, &f->d->family);
  read_servers(f, &r->servers);
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}

static void read_cpus(struct moon_fields *f, struct moon_plan *p) {
  size_t was;
  if (!moon_fields_get(f, "cpus", &was)) { return; }
  unsigned n = moon_fields_list(f, "cpus");
  long most = sysconf(_SC_NPROCESSORS_CONF);
  if (n > MOON_PLAN_CPUS_MAX) { moon_fields_fail(f, "over %d", MOON_PLAN_CPUS_MAX); }
  for (unsigned i = 1; i <= n; i++) {
    size_t here = moon_fields_enter_index(f, i);
    lua_rawgeti(f->L, -1, (int)i);
    double cpu = lua_type(f->L, -1) == LUA_TNUMBER ? lua_tonumber(f->L, -1) : -1;
    if (!(cpu >= 0 && cpu < (double)most && cpu == (double)(uint16_t)cpu)) {
      moon_fields_fail(f, "a processor of this machine is expected, 0 to %ld", most - 1);
    }
    p->cpus[p->n_cpus++] = (uint16_t)cpu;
    lua_pop(f->L, 1);
    moon_fields_leave(f, here);
  }
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}

/* A file, or false for none. */
static void read_engine_cache(struct moon_fields *f) {
  bool keep = true;
  lua_getfield(f->L, -1, "engine_cache");
  bool is_bool = lua_isboolean(f->L, -1);
  lua_pop(f->L, 1);
  if (!is_bool) {
    moon_fields_text(f, "engine_cache", &f->d->plan.engine_cache);
    return;
  }
  moon_fields_bool(f, "engine_cache", &keep);
  if (!keep) { f->d->plan.engine_cache = ""; }
}

void moon_config_settings(struct moon_fields *f) {
  struct moon_plan *p = &f->d->plan;
  const char *const *outputs = NULL, *loop = NULL;
  uint32_t n_outputs = 0;
  moon_credentials_read(f);
  read_request(f);
  read_limits(f);
  read_resolver(f);
  moon_fields_uint(f, "workers", 1, WORKERS_MAX, &p->workers);
  read_cpus(f, p);
  moon_fields_number(f, "grace", 0, 3600, &p->grace_s);
  moon_steps_read(f, &p->steps);
  moon_fields_text(f, "loop", &loop);
  moon_fields_text(f, "run_dir", &p->run_dir);
  read_engine_cache(f);
  if (loop) {
    size_t was = moon_fields_enter(f, "loop");
    if (moon_config_loop(f->d, moon_fields_place(f), loop)) { moon_fields_raise(f); }
    moon_fields_leave(f, was);
  }
  moon_fields_texts(f, "outputs", &outputs, &n_outputs);
  for (uint32_t i = 0; i < n_outputs; i++) {
    size_t was = moon_fields_enter(f, "outputs");
    if (moon_config_output(f->d, moon_fields_place(f), outputs[i])) { moon_fields_raise(f); }
    moon_fields_leave(f, was);
  }
}

/* labels of the target entry at the top. */
static void read_labels(struct moon_fields *f, struct moon_inventory *in) {
  lua_State *L = f->L;
  size_t was;
  unsigned n;
  if (!moon_fields_get(f, "labels", &was)) { return; }
  const char **names = moon_fields_names(f, &n, "labels");
  struct moon_label *labels = moon_draft_alloc(f->d, (n + 1) * sizeof *labels);
  if (!labels) { moon_fields_raise(f); }
  for (unsigned i = 0; i < n; i++) {
    const char *value = NULL;
    if (!moon_inventory_label_name(names[i], strlen(names[i])) || strcmp(names[i], "device") == 0) {
      moon_fields_fail(f, "\"%.60s\" is no name of a label", names[i]);
    }
    lua_getfield(L, -1, names[i]);
    if (lua_type(L, -1) == LUA_TNUMBER) { lua_tostring(L, -1); } /* converts in place; the field stays what it is */
    if (lua_type(L, -1) == LUA_TSTRING) { value = moon_draft_text(f->d, lua_tostring(L, -1), lua_objlen(L, -1)); }
    if (f->d->err) { moon_fields_raise(f); }
    if (!value) {
      moon_fields_enter(f, names[i]);
      moon_fields_fail(f, "a string is expected, not a %s", luaL_typename(L, -1));
    }
    labels[i].key = (struct moon_text){names[i], (uint32_t)strlen(names[i])};
    labels[i].value = (struct moon_text){value, (uint32_t)lua_objlen(L, -1)};
    lua_pop(L, 1);
  }
  in->labels = labels;
  in->n_labels = n;
  lua_pop(L, 1);
  moon_fields_leave(f, was);
}

static void read_target_auth(struct moon_fields *f, struct moon_inventory *in) {
  const char *const *names = NULL;
  uint32_t n = 0, one;
  const uint16_t *index;
  moon_fields_texts(f, "auth", &names, &n);
  if (!names) { return; }
  size_t was = moon_fields_enter(f, "auth");
  if (n == 0) { moon_fields_fail(f, "is empty"); }
  uint16_t *list = moon_draft_alloc(f->d, n * sizeof *list);
  if (!list) { moon_fields_raise(f); }
  for (uint32_t i = 0; i < n; i++) {
    if (moon_draft_find_credential(f->d, names[i], strlen(names[i])) < 0) {
      (void)moon_inventory_credentials(f->d, moon_fields_place(f), names[i], strlen(names[i]), &index, &one);
      moon_fields_raise(f);
    }
    list[i] = (uint16_t)moon_draft_find_credential(f->d, names[i], strlen(names[i]));
  }
  in->credentials = list;
  in->n_credentials = n;
  moon_fields_leave(f, was);
}

/* Is it an address of this host? If not errno tells. */
static bool is_here(const struct moon_addr *a) {
  union moon_sockaddr sa;
  socklen_t len = moon_sockaddr_put(&sa, a);
  int fd = socket(sa.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool here = fd >= 0 && bind(fd, &sa.any, len) == 0;
  int cause = errno;
  if (fd >= 0) { close(fd); }
  errno = cause;
  return here;
}

/* One entry of targets, a table, at the top. */
static void read_target(struct moon_fields *f, struct moon_inventory *in) {
  static const char *const KEYS[] = {"host", "hosts", "file", "name", "auth", "labels", "port", "family", "source", "interface", "strict_source", NULL};
  const char *host = NULL, *file = NULL, *source = NULL, *interface = NULL, *name;
  const char *const *hosts = NULL;
  uint32_t n_hosts = 0, port = 0;
  size_t name_n;
  moon_fields_keys(f, KEYS);
  moon_fields_text(f, "host", &host);
  moon_fields_texts(f, "hosts", &hosts, &n_hosts);
  moon_fields_text(f, "file", &file);
  moon_fields_text(f, "name", &in->name);
  moon_fields_uint(f, "port", 1, 65535, &port);
  read_family(f, &in->family);
  moon_fields_bool(f, "strict_source", &in->strict_source);
  moon_fields_text(f, "source", &source);
  moon_fields_text(f, "interface", &interface);
  in->port = (uint16_t)port;
  if ((host != NULL) + (hosts != NULL) + (file != NULL) != 1) { moon_fields_fail(f, "one of host, hosts and file is expected"); }
  if (in->name && !host) { moon_fields_fail(f, "name goes with host; a file names its targets by device="); }
  if (in->name && (!*in->name || strpbrk(in->name, " \t\r\n") || strlen(in->name) > 255)) {
    moon_fields_enter(f, "name");
    moon_fields_fail(f, "1 to 255 characters without blanks are expected");
  }
  if (source) {
    size_t was = moon_fields_enter(f, "source");
    bool address = moon_addr_parse(source, 0, &in->source, &name, &name_n) == MOON_OK;
    if (!address || in->source.port) { moon_fields_fail(f, "\"%.80s\" is no address%s", source, address ? " without a port" : ""); }
    if (!is_here(&in->source)) { moon_fields_fail(f, "\"%.80s\": %s", source, strerror(errno)); }
    moon_fields_leave(f, was);
  }
  if (interface) {
    size_t was = moon_fields_enter(f, "interface");
    in->source.scope = if_nametoindex(interface);
    if (!in->source.scope) { moon_fields_fail(f, "\"%.80s\": %s", interface, strerror(errno)); }
    moon_fields_leave(f, was);
  }
  read_labels(f, in);
  read_target_auth(f, in);
  if (host) { (void)moon_inventory_host(f->d, in, host, strlen(host)); }
  for (uint32_t i = 0; i < n_hosts && !f->d->err; i++) { (void)moon_inventory_host(f->d, in, hosts[i], strlen(hosts[i])); }
  if (file) {
    file = moon_draft_beside(f->d, f->file, file);
    if (file) { (void)moon_inventory_file(f->d, in, file); }
  }
}

void moon_config_targets(struct moon_fields *f) {
  lua_State *L = f->L;
  size_t was;
  if (!moon_fields_get(f, "targets", &was)) { return; }
  unsigned n = moon_fields_list(f, "targets");
  for (unsigned i = 1; i <= n; i++) {
    struct moon_inventory in = {.beside = f->file};
    size_t here = moon_fields_enter_index(f, i), text_n;
    lua_rawgeti(L, -1, (int)i);
    /* Looking a line up reads the file: not for each of 20,000. */
    in.place = n <= 100 ? moon_fields_place(f) : moon_draft_format(f->d, "%s: %s", f->file, f->path);
    if (!in.place) { moon_fields_raise(f); }
    const char *text = moon_secret_text(L, -1, &text_n);
    if (text) {
      (void)moon_inventory_host(f->d, &in, text, text_n);
    } else {
      read_target(f, &in);
    }
    if (f->d->err) { moon_fields_raise(f); }
    lua_pop(L, 1);
    moon_fields_leave(f, here);
  }
  lua_pop(L, 1);
  moon_fields_leave(f, was);
}

/* args of the probe entry at the top: strings, numbers and booleans, all handed on as text. */
static void read_args(struct moon_fields *f, struct moon_script *s) {
  lua_State *L = f->L;
  size_t was;
  unsigned n;
  if (!moon_fields_get(f, "args", &was)) { return; }
  const char **names = moon_fields_names(f, &n, "arguments");
  struct moon_pair *args = moon_draft_alloc(f->d, (n + 1) * sizeof *args);
  if (!args) { moon_fields_raise(f); }
  for (unsigned i = 0; i < n; i++) {
    size_t len = 0;
    lua_getfield(L, -1, names[i]);
    if (lua_isboolean(L, -1)) {
      lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false");
      lua_replace(L, -2);
    }
    const char *text = moon_secret_text(L, -1, &len);
    if (!text) { text = lua_tolstring(L, -1, &len); }
    if (!text) {
      moon_fields_enter(f, names[i]);
      moon_fields_fail(f, "a string, a number or a boolean is expected, not a %s", luaL_typename(L, -1));
    }
    args[i] = (struct moon_pair){names[i], moon_draft_text(f->d, text, len)};
    if (!args[i].value) { moon_fields_raise(f); }
    lua_pop(L, 1);
  }
  s->args = args;
  s->n_args = n;
  lua_pop(L, 1);
  moon_fields_leave(f, was);
}

static void read_probe_jobs(struct moon_fields *f, struct moon_script *s) {
  static const char *const KEYS[] = {"every", "timeout", NULL};
  size_t was;
  unsigned n;
  if (!moon_fields_get(f, "jobs", &was)) { return; }
  const char **names = moon_fields_names(f, &n, "jobs");
  struct moon_script_job *jobs = moon_draft_alloc(f->d, (n + 1) * sizeof *jobs);
  if (!jobs) { moon_fields_raise(f); }
  for (unsigned i = 0; i < n; i++) {
    size_t here;
    jobs[i] = (struct moon_script_job){names[i], -1, -1};
    if (!moon_fields_get(f, names[i], &here)) { continue; }
    moon_fields_keys(f, KEYS);
    moon_fields_number(f, "every", 0, YEAR_S, &jobs[i].every_s);
    moon_fields_number(f, "timeout", 0.01, YEAR_S, &jobs[i].timeout_s);
    lua_pop(f->L, 1);
    moon_fields_leave(f, here);
  }
  s->jobs = jobs;
  s->n_jobs = n;
  lua_pop(f->L, 1);
  moon_fields_leave(f, was);
}

/* OIDs by number or by name, as dotted text. */
static void read_prefixes(struct moon_fields *f, const char *key, const char *const **out, uint32_t *n) {
  moon_fields_texts(f, key, out, n);
  const char **prefixes = moon_draft_alloc(f->d, (*n + 1) * sizeof *prefixes);
  for (uint32_t i = 0; prefixes && i < *n; i++) {
    prefixes[i] = moon_script_prefix(f->d, (*out)[i], strlen((*out)[i]));
    if (!prefixes[i] && !f->d->err) {
      moon_fields_enter(f, key);
      moon_fields_fail(f, "\"%.100s\" is no OID, by number or by name", (*out)[i]);
    }
  }
  if (f->d->err) { moon_fields_raise(f); }
  if (*out) { *out = prefixes; }
}

/* An empty list would allow everything, which is not what it says. */
static void read_allowed_targets(struct moon_fields *f, struct moon_script *s) {
  moon_fields_texts(f, "allow_targets", &s->allow_targets, &s->n_allow_targets);
  const char *empty = s->allow_oids && !s->n_allow_oids ? "allow_oids" : s->allow_targets && !s->n_allow_targets ? "allow_targets" : NULL;
  if (!empty) { return; }
  moon_fields_enter(f, empty);
  moon_fields_fail(f, "is empty: nothing would be allowed");
}

/* One entry of probes, a table, at the top. */
static void read_probe(struct moon_fields *f, struct moon_script *s) {
  static const char *const KEYS[] = {"file", "name", "every", "timeout", "match", "group", "args", "jobs", "trusted", "allow_set", "allow_oids",
                                     "allow_targets", NULL};
  moon_fields_keys(f, KEYS);
  moon_fields_text(f, "file", &s->path);
  if (!s->path) { moon_fields_fail(f, "file is missing"); }
  moon_fields_text(f, "name", &s->name);
  moon_fields_number(f, "every", 0, YEAR_S, &s->every_s);
  moon_fields_number(f, "timeout", 0.01, YEAR_S, &s->timeout_s);
  moon_fields_bool(f, "trusted", &s->trusted);
  moon_fields_bool(f, "allow_set", &s->allow_set);
  moon_fields_text(f, "group", &s->group);
  read_prefixes(f, "match", &s->match, &s->n_match);
  read_prefixes(f, "allow_oids", &s->allow_oids, &s->n_allow_oids);
  read_allowed_targets(f, s);
  read_args(f, s);
  read_probe_jobs(f, s);
}

void moon_config_probes(struct moon_fields *f) {
  lua_State *L = f->L;
  size_t was;
  if (!moon_fields_get(f, "probes", &was)) { return; }
  unsigned n = moon_fields_list(f, "probes");
  for (unsigned i = 1; i <= n; i++) {
    struct moon_script s = {.every_s = -1, .timeout_s = -1};
    size_t here = moon_fields_enter_index(f, i), text_n;
    lua_rawgeti(L, -1, (int)i);
    s.place = moon_fields_place(f);
    const char *text = moon_secret_text(L, -1, &text_n);
    if (text) {
      s.path = moon_draft_text(f->d, text, text_n);
    } else {
      read_probe(f, &s);
    }
    if (s.path) { s.path = moon_draft_beside(f->d, f->file, s.path); }
    if (!s.path) { moon_fields_raise(f); }
    moon_script_take(L, f->d, &s);
    lua_pop(L, 1);
    moon_fields_leave(f, here);
  }
  lua_pop(L, 1);
  moon_fields_leave(f, was);
}
