#define _GNU_SOURCE
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../agent/chance.h"
#include "../agent/dump.h"
#include "../base/mem.h"
#include "log.h"

#define SALT 0x5a17 /* tells the number salts begin with from what else is made of the seed */
#define RECORDING_MAX (UINT32_C(1) << 31) /* octets of text */

struct failure { char *error; size_t cap; };

static enum moon_err __attribute__((format(printf, 3, 4))) fail(struct failure *f, enum moon_err err, const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  vsnprintf(f->error, f->cap, format, ap);
  va_end(ap);
  return err;
}

static enum moon_err out_of_memory(struct failure *f) { return fail(f, MOON_E_NOMEM, "out of memory"); }

/* ---- recordings */

struct report { const char *path; uint64_t n; };

static void report(void *arg, uint32_t line, const char *why) {
  struct report *r = arg;
  r->n++;
  if (line) {
    moon_log(MOON_LOG_WARN, "%s:%u: left out: %s", r->path, (unsigned)line, why);
  } else {
    moon_log(MOON_LOG_WARN, "%s: left out: %s", r->path, why);
  }
}

/* The whole of a file. */
static enum moon_err slurp(struct failure *f, const char *place, const char *path, char **out, size_t *n) {
  struct stat st;
  char *text = NULL;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &st)) {
    int cause = errno;
    if (fd >= 0) { close(fd); }
    return fail(f, MOON_E_CONFIG, "%s: %s: %s", place, path, strerror(cause));
  }
  if (S_ISDIR(st.st_mode) || st.st_size > (off_t)RECORDING_MAX) {
    close(fd);
    return fail(f, MOON_E_CONFIG, "%s: %s: %s", place, path, S_ISDIR(st.st_mode) ? "is a directory" : "is over 2 GB");
  }
  size_t cap = S_ISREG(st.st_mode) ? (size_t)st.st_size + 1 : 1 << 20, len = 0;
  enum moon_err err = MOON_OK;
  for (;;) {
    if (!text || len == cap) {
      if (text) { cap *= 2; }
      char *grown = moon_mem_resize(text, cap, 1);
      if (!grown || cap > (size_t)RECORDING_MAX + 1) {
        text = grown ? grown : text;
        err = out_of_memory(f);
        break;
      }
      text = grown;
    }
    ssize_t got = read(fd, text + len, cap - len);
    if (got < 0 && errno == EINTR) { continue; }
    if (got < 0) { err = fail(f, MOON_E_CONFIG, "%s: %s: %s", place, path, strerror(errno)); }
    if (got <= 0) { break; }
    len += (size_t)got;
  }
  close(fd);
  if (err) {
    moon_mem_free(text);
    return err;
  }
  *out = text;
  *n = len;
  return MOON_OK;
}

static enum moon_err read_recording(struct moon_stage *s, struct failure *f, const struct moon_fleet_kind *kind,
                                    const struct moon_recording **out) {
  struct report lines = {.path = kind->recording};
  bool usm = kind->snmp && kind->n_users;
  struct moon_dump_options o = {.report = report, .ctx = &lines, .snmp = kind->snmp, .usm = usm};
  char *text = NULL;
  size_t n = 0;
  for (uint32_t i = 0; i < s->n_recordings; i++) {
    if (s->recordings[i].snmp == kind->snmp && s->recordings[i].usm == usm && strcmp(s->recordings[i].path, kind->recording) == 0) {
      *out = s->recordings[i].recording;
      return MOON_OK;
    }
  }
  enum moon_err err = slurp(f, kind->place, kind->recording, &text, &n);
  if (err) { return err; }
  struct moon_recording *r = moon_dump_read(text, n, &o, NULL, &err);
  moon_mem_free(text);
  if (!r) { return err == MOON_E_LIMIT ? fail(f, MOON_E_CONFIG, "%s: %s: too large", kind->place, kind->recording) : out_of_memory(f); }
  s->left_out += lines.n;
  if (!r->n) { moon_log(MOON_LOG_WARN, "%s: nothing in it can be served", kind->recording); }
  s->recordings[s->n_recordings++] = (struct moon_stage_recording){kind->recording, r, kind->snmp, usm};
  s->instances += r->n;
  *out = r;
  return MOON_OK;
}

/* ---- kinds */

static enum moon_err make_kind(struct moon_stage *s, struct failure *f, uint32_t at) {
  const struct moon_fleet_kind *kind = &s->fleet->kinds[at];
  const struct moon_recording *recording = NULL;
  size_t blame = 0;
  enum moon_err err = MOON_OK;
  if (kind->first != at) {
    recording = s->profiles[kind->first].recording;
  } else if ((err = read_recording(s, f, kind, &recording)) != MOON_OK) {
    return err;
  } else if (kind->live || kind->n_rules) {
    s->varies[at] = moon_vary_new(recording, kind->rules, kind->n_rules, kind->live, &blame, &err);
    if (!s->varies[at] && err == MOON_E_NOMEM) { return out_of_memory(f); }
    if (!s->varies[at]) {
      return fail(f, MOON_E_CONFIG, "%s: rates and values: the numbers of rule %zu do not go together", kind->place, blame + 1);
    }
  }
  if (kind->n_flaws) {
    s->flaws[at] = moon_flaws_new(kind->flaws, kind->n_flaws, &blame, &err);
    if (!s->flaws[at] && err == MOON_E_NOMEM) { return out_of_memory(f); }
    if (!s->flaws[at]) {
      const char *name = blame < kind->n_flaws ? moon_flaw_name((enum moon_flaw_kind)kind->flaws[blame].kind) : "";
      return fail(f, MOON_E_CONFIG, "%s: faults: the numbers of %s do not go together", kind->place, name);
    }
  }
  if (kind->n_users) {
    s->securities[at] = (struct moon_security){.users = kind->users, .n_users = kind->n_users, .n_contexts = kind->n_contexts};
  }
  s->profiles[at] = (struct moon_profile){
    .recording = recording, .vary = s->varies[kind->first], .flaws = s->flaws[at], .communities = kind->communities,
    .n_communities = kind->n_communities, .hook = kind->hook, .hook_ctx = kind->hook_ctx, .hook_root = kind->hook_root,
    .hook_root_len = kind->hook_root_len, .max_octets = kind->max_octets, .create = kind->create, .snmp = kind->snmp,
    .timing = kind->timing, .security = kind->n_users ? &s->securities[at] : NULL};
  return MOON_OK;
}

/* ---- SNMPv3 */

/* Once all kinds are made: contexts are kinds, too. */
static enum moon_err make_securities(struct moon_stage *s, struct failure *f) {
  const struct moon_fleet *fleet = s->fleet;
  for (uint32_t at = 0; at < fleet->n_kinds; at++) {
    const struct moon_fleet_kind *kind = &fleet->kinds[at];
    if (!kind->n_users) { continue; }
    if (!s->pool) {
      enum moon_err err = moon_user_pool_new(moon_chance(fleet->seed, SALT), 0, &s->pool); /* the same seed, the same run */
      if (err == MOON_E_NOMEM) { return out_of_memory(f); }
      if (err) { return fail(f, MOON_E_CONFIG, "SNMPv3: %s", moon_err_text(err)); }
    }
    s->securities[at].pool = s->pool;
    s->securities[at].contexts = s->contexts + s->n_contexts;
    for (uint32_t i = 0; i < kind->n_contexts; i++) {
      const struct moon_fleet_context *c = &kind->contexts[i];
      const struct moon_profile *other = c->kind == UINT32_MAX ? NULL : &s->profiles[c->kind];
      s->contexts[s->n_contexts++] = (struct moon_context){
        .name = (const uint8_t *)c->name, .len = (uint8_t)strlen(c->name), .recording = other ? other->recording : NULL,
        .vary = other ? other->vary : NULL};
    }
  }
  return MOON_OK;
}

/* ---- sockets */

static bool is_loopback(const struct moon_addr *a) {
  static const uint8_t one[16] = {[15] = 1};
  return a->family == 4 ? a->ip[0] == 127 : memcmp(a->ip, one, 16) == 0;
}

/* The socket of a port and family that serves agent i, which may be any; those after it with the same are looked at. */
static enum moon_err listen_for(struct moon_stage *s, struct failure *f, uint32_t i, uint16_t *free_port) {
  const struct moon_fleet *fleet = s->fleet;
  struct moon_addr a = fleet->agents[i].addr, text_of = a;
  char text[MOON_ADDR_TEXT_MAX];
  bool several = false, local = true;
  for (uint32_t k = i; k < fleet->n_agents; k++) {
    const struct moon_addr *b = &fleet->agents[k].addr;
    if (b->family != a.family || b->port != a.port || fleet->kinds[fleet->agents[k].kind].unbound) { continue; }
    several = several || memcmp(a.ip, b->ip, 16) != 0;
    local = local && is_loopback(b);
  }
  if (several) {
    memset(a.ip, 0, sizeof a.ip);
    a.scope = 0;
  }
  if (!a.port) { a.port = *free_port; }
  text_of.port = a.port;
  enum moon_err err = moon_server_listen(s->server, &a, local && several, &a);
  int cause = errno;
  if (err == MOON_E_NOMEM) { return out_of_memory(f); }
  if (err == MOON_E_LIMIT) { return fail(f, MOON_E_CONFIG, "too many ports"); }
  if (err) {
    moon_addr_format(&text_of, text, sizeof text);
    return fail(f, err, "UDP %s: %s", text, strerror(cause));
  }
  if (!fleet->agents[i].addr.port) { *free_port = a.port; }
  s->listening[s->n_listening++] = a;
  return MOON_OK;
}

static bool listens(const struct moon_stage *s, uint8_t family, uint16_t port) {
  for (uint32_t i = 0; i < s->n_listening; i++) {
    if (s->listening[i].family == family && s->listening[i].port == port) { return true; }
  }
  return false;
}

/* All ports of the fleet; *free_port: what agents without one got. */
static enum moon_err bind_all(struct moon_stage *s, struct failure *f, uint16_t *free_port) {
  const struct moon_fleet *fleet = s->fleet;
  uint16_t last = 0;
  uint8_t last_family = 0;
  bool free_family[2] = {false, false};
  for (uint32_t i = 0; i < fleet->n_agents; i++) {
    const struct moon_addr *a = &fleet->agents[i].addr;
    if (fleet->kinds[fleet->agents[i].kind].unbound) { continue; }
    if (a->family == last_family && a->port == last) { continue; } /* nearly always */
    last = a->port;
    last_family = a->family;
    bool *free_done = &free_family[a->family == 6];
    if (a->port ? listens(s, a->family, a->port) : *free_done) { continue; }
    if (!a->port) { *free_done = true; }
    enum moon_err err = listen_for(s, f, i, free_port);
    if (err) { return err; }
  }
  return MOON_OK;
}

/* ---- agents */

static bool share_community(const struct moon_profile *a, const struct moon_profile *b) {
  for (uint32_t i = 0; i < a->n_communities; i++) {
    for (uint32_t k = 0; k < b->n_communities; k++) {
      const struct moon_community *x = &a->communities[i], *y = &b->communities[k];
      if (!x->write && !y->write && x->len == y->len && memcmp(x->octets, y->octets, x->len) == 0) { return true; }
    }
  }
  return false;
}

static enum moon_err place_agents(struct moon_stage *s, struct failure *f, uint16_t free_port) {
  const struct moon_fleet *fleet = s->fleet;
  for (uint32_t i = 0; i < fleet->n_agents; i++) {
    const struct moon_fleet_agent *agent = &fleet->agents[i];
    const struct moon_fleet_kind *kind = &fleet->kinds[agent->kind];
    const struct moon_profile *profile = &s->profiles[agent->kind];
    struct moon_addr a = agent->addr;
    char text[MOON_ADDR_TEXT_MAX];
    if (!a.port) { a.port = free_port; }
    moon_addr_format(&a, text, sizeof text);
    if (kind->unbound && listens(s, a.family, a.port)) {
      return fail(f, MOON_E_CONFIG, "%s: %s is unbound, but other agents listen at its port", kind->place, agent->name);
    }
    for (uint32_t k = 0; k < profile->n_communities; k++) {
      const struct moon_community *own = &profile->communities[k];
      const struct moon_crowd_member *m = moon_crowd_knowing(s->crowd, &a, own->octets, own->len);
      if (!m || !share_community(m->agent.profile, profile)) { continue; }
      return fail(f, MOON_E_CONFIG, "%s: %s: %s is there already, with the same community", kind->place, text, m->name);
    }
    enum moon_err err = moon_crowd_add(s->crowd, &a, profile, agent->name, fleet->seed, moon_server_now(s->server));
    if (err) { return out_of_memory(f); }
    moon_crowd_at(s->crowd, i)->agent.identity = agent->identity;
  }
  return MOON_OK;
}

static enum moon_err allocate(struct moon_stage *s) {
  const struct moon_fleet *fleet = s->fleet;
  uint32_t contexts = 0;
  for (uint32_t i = 0; i < fleet->n_kinds; i++) { contexts += fleet->kinds[i].n_contexts; }
  s->contexts = moon_mem_array(contexts ? contexts : 1, sizeof *s->contexts);
  s->securities = moon_mem_array(fleet->n_kinds, sizeof *s->securities);
  s->recordings = moon_mem_array(fleet->n_kinds, sizeof *s->recordings);
  s->varies = moon_mem_array(fleet->n_kinds, sizeof *s->varies);
  s->flaws = moon_mem_array(fleet->n_kinds, sizeof *s->flaws);
  s->profiles = moon_mem_array(fleet->n_kinds, sizeof *s->profiles);
  s->listening = moon_mem_array(fleet->n_agents, sizeof *s->listening);
  if (!s->contexts || !s->securities || !s->recordings || !s->varies || !s->flaws || !s->profiles || !s->listening) { return MOON_E_NOMEM; }
  return moon_crowd_new(fleet->n_agents, &s->crowd);
}

enum moon_err moon_stage_init(struct moon_stage *s, struct moon_fleet *fleet, const struct moon_stage_options *o, bool *port_taken,
                              char *error, size_t cap) {
  struct failure f = {error, cap};
  uint16_t free_port = 0;
  *s = (struct moon_stage){.fleet = fleet};
  *port_taken = false;
  if (allocate(s)) { return out_of_memory(&f); }
  for (uint32_t i = 0; i < fleet->n_kinds; i++) {
    enum moon_err err = make_kind(s, &f, i);
    if (err) { return err; }
  }
  enum moon_err made = make_securities(s, &f);
  if (made) { return made; }
  if (o->strict && s->left_out) {
    return fail(&f, MOON_E_CONFIG, "--strict: %llu lines of recordings cannot be served", (unsigned long long)s->left_out);
  }
  struct moon_server_config c = {.serve = moon_crowd_serve, .arg = s->crowd, .clock_us = o->clock_us, .clock_arg = o->clock_arg};
  if (moon_server_new(&c, o->io, o->loop, &s->server)) { return out_of_memory(&f); }
  moon_crowd_attach(s->crowd, s->server);
  enum moon_err err = bind_all(s, &f, &free_port);
  *port_taken = err == MOON_E_CONFIG;
  if (!err) { err = place_agents(s, &f, free_port); }
  return err;
}

void moon_stage_fini(struct moon_stage *s) {
  uint32_t kinds = s->fleet ? s->fleet->n_kinds : 0;
  moon_server_free(s->server);
  moon_crowd_free(s->crowd);
  moon_user_pool_free(s->pool);
  for (uint32_t i = 0; i < kinds; i++) {
    if (s->varies) { moon_vary_free(s->varies[i]); }
    if (s->flaws) { moon_flaws_free(s->flaws[i]); }
  }
  for (uint32_t i = 0; i < s->n_recordings; i++) { moon_recording_free(s->recordings[i].recording); }
  moon_mem_free(s->recordings);
  moon_mem_free(s->varies);
  moon_mem_free(s->flaws);
  moon_mem_free(s->profiles);
  moon_mem_free(s->securities);
  moon_mem_free(s->contexts);
  moon_mem_free(s->listening);
  *s = (struct moon_stage){0};
}
