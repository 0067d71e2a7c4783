#include "inventory.h"

#include <errno.h>
#include <glob.h>
#include <jansson.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../../base/mem.h"
#include "recorded.h"

#define LABELS_MAX 64u   /* of one target */
#define NAME_MAX_LEN 255u
#define SETTLED_S 2       /* without a change: a last line without an end is meant so */
#define RECORDING "file:"
#define RECORDING_LEN (sizeof RECORDING - 1)

/* Where a target stands, and what is said beside it. */
struct entry {
  const char *path;    /* NULL: in->place */
  uint32_t line;
  struct moon_text host, name, auth; /* p NULL: not said */
  struct moon_label *labels;
  uint32_t n_labels;
};

static const char *place_of(struct moon_draft *d, const struct moon_inventory *in, const struct entry *e) {
  if (!e->path) { return in->place; }
  const char *p = e->line ? moon_draft_format(d, "%s:%u", e->path, e->line) : e->path;
  return p ? p : "";
}

static uint64_t hash(const void *p, size_t n) {
  const uint8_t *o = p;
  uint64_t h = 0xcbf29ce484222325u; /* FNV-1a: the operator's own file, nobody plays with it */
  for (size_t i = 0; i < n; i++) { h = (h ^ o[i]) * 0x100000001b3u; }
  return h ^ h >> 32;
}

bool moon_inventory_label_name(const char *p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    bool letter = (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z') || p[i] == '_';
    if (!letter && (i == 0 || p[i] < '0' || p[i] > '9')) { return false; }
  }
  return n > 0;
}

enum moon_err moon_inventory_credentials(struct moon_draft *d, const char *place, const char *names, size_t n,
                                         const uint16_t **out, uint32_t *n_out) {
  uint32_t count = 1;
  for (size_t i = 0; i < n; i++) { count += names[i] == ','; }
  uint16_t *list = moon_draft_alloc(d, count * sizeof *list);
  if (!list) { return d->err; }
  for (uint32_t i = 0; i < count; i++) {
    const char *comma = memchr(names, ',', n);
    size_t len = comma ? (size_t)(comma - names) : n;
    int at = moon_draft_find_credential(d, names, len);
    if (at < 0) {
      const char *known = moon_draft_credential_names(d);
      return moon_draft_fail(d, "%s: no credential named \"%.*s\"%s%s", place, (int)len, names, *known ? "; there are " : "", known);
    }
    list[i] = (uint16_t)at;
    if (comma) { names = comma + 1; n -= len + 1; }
  }
  *out = list;
  *n_out = count;
  return MOON_OK;
}

static enum moon_err grow_names(struct moon_draft *d) {
  if ((uint64_t)(d->plan.n_targets + 1) * 2 <= d->by_name_cap) { return MOON_OK; }
  uint32_t cap = d->by_name_cap ? d->by_name_cap * 4 : 64;
  uint32_t *slots = moon_mem_array(cap, sizeof *slots);
  if (!slots) { return moon_draft_nomem(d); }
  for (uint32_t i = 0; i < d->plan.n_targets; i++) {
    uint32_t at = (uint32_t)hash(d->targets[i].name, strlen(d->targets[i].name)) & (cap - 1);
    while (slots[at]) { at = (at + 1) & (cap - 1); }
    slots[at] = i + 1;
  }
  moon_mem_free(d->by_name);
  d->by_name = slots;
  d->by_name_cap = cap;
  return MOON_OK;
}

/* The slot of this name: taken (index + 1) or free (0). */
static uint32_t *find_name(struct moon_draft *d, const char *name) {
  uint32_t mask = d->by_name_cap - 1;
  uint32_t at = (uint32_t)hash(name, strlen(name)) & mask;
  while (d->by_name[at] && strcmp(d->targets[d->by_name[at] - 1].name, name) != 0) { at = (at + 1) & mask; }
  return &d->by_name[at];
}

static bool has_label(const struct moon_label *labels, uint32_t n, struct moon_text key) {
  bool there = false;
  for (uint32_t i = 0; i < n && !there; i++) { there = labels[i].key.n == key.n && memcmp(labels[i].key.p, key.p, key.n) == 0; }
  return there;
}

/* The labels of the place and those beside the host, one of each name. */
static enum moon_err merge_labels(struct moon_draft *d, const struct moon_inventory *in, const struct entry *e,
                                  struct moon_plan_target *t) {
  t->labels = e->labels;
  t->n_labels = e->n_labels;
  if (!in->n_labels) { return MOON_OK; }
  if (!e->n_labels) {
    t->labels = in->labels;
    t->n_labels = in->n_labels;
    return MOON_OK;
  }
  struct moon_label *all = moon_draft_alloc(d, (in->n_labels + e->n_labels) * sizeof *all);
  if (!all) { return d->err; }
  memcpy(all, e->labels, e->n_labels * sizeof *all);
  uint32_t n = e->n_labels;
  for (uint32_t i = 0; i < in->n_labels; i++) {
    if (!has_label(e->labels, e->n_labels, in->labels[i].key)) { all[n++] = in->labels[i]; }
  }
  t->labels = all;
  t->n_labels = n;
  return MOON_OK;
}

static enum moon_err set_credentials(struct moon_draft *d, const struct moon_inventory *in, const struct entry *e,
                                     struct moon_plan_target *t) {
  if (e->auth.p) {
    return moon_inventory_credentials(d, place_of(d, in, e), e->auth.p, e->auth.n, &t->credentials, &t->n_credentials);
  }
  t->credentials = in->credentials ? in->credentials : d->default_credentials;
  t->n_credentials = in->credentials ? in->n_credentials : d->n_default_credentials;
  if (t->n_credentials) { return MOON_OK; }
  if (!d->plan.n_credentials) { /* there is a configuration: without one it is public */
    return moon_draft_fail(d, "%s: no credentials: there are none in `auth` of %s, as auth = { ops = { version = \"2c\", community = env \"COMMUNITY\" } }; "
                           "or give -c COMMUNITY", place_of(d, in, e), d->options && d->options->config ? d->options->config : "the configuration");
  }
  return moon_draft_fail(d, "%s: auth is missing: one of %s", place_of(d, in, e), moon_draft_credential_names(d));
}

static bool clean(struct moon_text t) {
  for (uint32_t i = 0; i < t.n; i++) {
    if ((unsigned char)t.p[i] <= ' ' || t.p[i] == 0x7f) { return false; }
  }
  return t.n > 0 && t.n <= NAME_MAX_LEN;
}

/* A recording instead of a host. Read here, so that its mistakes are told before anything starts. */
static enum moon_err set_recording(struct moon_draft *d, const struct moon_inventory *in, const struct entry *e,
                                   struct moon_plan_target *t) {
  const char *beside = e->path ? e->path : in->beside, *path = moon_draft_text(d, e->host.p + RECORDING_LEN, e->host.n - RECORDING_LEN);
  uint32_t n = d->plan.n_targets + 1;
  t->host = moon_draft_text(d, e->host.p, e->host.n);
  if (!t->host || !path) { return d->err; }
  if (!*path) { return moon_draft_fail(d, "%s: file: without a recording's path behind it", place_of(d, in, e)); }
  t->recording = moon_draft_beside(d, beside, path);
  if (!t->recording) { return d->err; }
  t->addr = (struct moon_addr){.family = 4, .port = 161, .ip = {240, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}}; /* RFC 1112 4 */
  for (uint32_t i = 0; i < d->plan.n_targets; i++) {
    if (d->targets[i].recording && strcmp(d->targets[i].recording, t->recording) == 0) { return MOON_OK; }
  }
  moon_recording_free(moon_recorded_read(d, place_of(d, in, e), t->recording, false));
  return d->err;
}

/* "[fe80::1%eth0]:161" with the number of the interface instead of its name; NULL: there is no such zone or interface. */
static const char *with_zone_number(struct moon_draft *d, const char *host) {
  char name[IF_NAMESIZE];
  const char *zone = strchr(host, '%');
  size_t n = zone ? strcspn(++zone, "]") : 0;
  if (n == 0 || n >= sizeof name) { return NULL; }
  memcpy(name, zone, n);
  name[n] = 0;
  unsigned number = if_nametoindex(name);
  return number ? moon_draft_format(d, "%.*s%u%s", (int)(zone - host), host, number, zone + n) : NULL;
}

static enum moon_err set_address(struct moon_draft *d, const struct moon_inventory *in, const struct entry *e,
                                 struct moon_plan_target *t) {
  const char *host;
  size_t host_n;
  if (e->host.n >= RECORDING_LEN && memcmp(e->host.p, RECORDING, RECORDING_LEN) == 0) { return set_recording(d, in, e, t); }
  t->host = clean(e->host) ? moon_draft_text(d, e->host.p, e->host.n) : "";
  if (!t->host) { return d->err; }
  uint16_t port = in->port ? in->port : 161;
  enum moon_err err = moon_addr_parse_agent(t->host, port, &t->addr, &host, &host_n);
  if (err == MOON_E_SYNTAX) {
    const char *numbered = with_zone_number(d, t->host);
    if (numbered) { err = moon_addr_parse_agent(numbered, port, &t->addr, &host, &host_n); }
    if (d->err) { return d->err; }
  }
  if (err == MOON_E_DNS) {
    t->family = t->addr.family ? t->addr.family : in->family ? in->family : in->source.family ? in->source.family : d->family;
    if (!t->family && in->source.scope) { t->family = 4; }
    t->addr.family = 0;
    t->lookup = moon_draft_text(d, host, host_n);
    return d->err;
  }
  if (err) {
    int n = e->host.n > 80 ? 80 : (int)e->host.n;
    return moon_draft_fail(d, "%s: \"%.*s\": neither an address nor a host name", place_of(d, in, e), n, e->host.p);
  }
  return MOON_OK;
}

/* "dir/router.snmprec": "router" */
static const char *base_name(struct moon_draft *d, const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
  return moon_draft_text(d, name, dot && dot != name ? (size_t)(dot - name) : strlen(name));
}

static enum moon_err add(struct moon_draft *d, const struct moon_inventory *in, const struct entry *e) {
  struct moon_plan_target t = {.file = d->file, .source = in->source, .strict_source = in->strict_source};
  if (set_address(d, in, e, &t) || set_credentials(d, in, e, &t) || merge_labels(d, in, e, &t)) { return d->err; }
  if (t.source.scope && !t.source.family) { t.source.family = t.lookup ? t.family : t.addr.family; }
  if (e->name.p && !clean(e->name)) {
    return moon_draft_fail(d, "%s: device: a name is 1 to %u characters without blanks", place_of(d, in, e), NAME_MAX_LEN);
  }
  t.name = e->name.p ? moon_draft_text(d, e->name.p, e->name.n) : in->name ? in->name : t.recording ? base_name(d, t.recording) : t.host;
  if (!t.name || grow_names(d) || moon_draft_room(d, &d->targets, &d->targets_cap, d->plan.n_targets, sizeof t)) { return d->err; }
  uint32_t *slot = find_name(d, t.name);
  if (*slot) {
    const struct moon_plan_target *first = &d->targets[*slot - 1];
    bool same = strcmp(first->host, t.host) == 0 || (first->addr.family && moon_addr_equal(&first->addr, &t.addr));
    if (!same) {
      return moon_draft_fail(d, "%s: the name %s is taken by %s: two agents cannot share one", place_of(d, in, e), t.name, first->host);
    }
    moon_draft_warn(d, "%s: %s is there already; the first one holds", place_of(d, in, e), t.name);
    return d->err;
  }
  d->targets[d->plan.n_targets++] = t;
  *slot = d->plan.n_targets;
  return MOON_OK;
}

enum moon_err moon_inventory_host(struct moon_draft *d, const struct moon_inventory *in, const char *host, size_t n) {
  struct entry e = {.host = {host, (uint32_t)n}};
  return add(d, in, &e);
}

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

/* One key=value or key="va lue" at p. Returns past it, NULL when it is neither. */
static const char *take_pair(const char *p, const char *end, struct moon_label *out) {
  const char *key = p;
  while (p < end && *p != '=' && !blank(*p)) { p++; }
  if (p == end || *p != '=' || !moon_inventory_label_name(key, (size_t)(p - key))) { return NULL; }
  out->key = (struct moon_text){key, (uint32_t)(p - key)};
  p++;
  bool quoted = p < end && *p == '"';
  const char *value = p += quoted;
  while (p < end && (quoted ? *p != '"' : !blank(*p))) { p++; }
  if (quoted && p == end) { return NULL; }
  out->value = (struct moon_text){value, (uint32_t)(p - value)};
  p += quoted;
  return p == end || blank(*p) ? p : NULL;
}

static enum moon_err add_line(struct moon_draft *d, const struct moon_inventory *in, const char *path, uint32_t line,
                              const char *p, const char *end) {
  struct moon_label labels[LABELS_MAX];
  struct entry e = {.path = path, .line = line};
  while (p < end && blank(*p)) { p++; }
  while (end > p && blank(end[-1])) { end--; }
  if (p == end || *p == '#') { return MOON_OK; }
  e.host.p = p;
  while (p < end && !blank(*p)) { p++; }
  e.host.n = (uint32_t)(p - e.host.p);
  for (;;) {
    struct moon_label l;
    while (p < end && blank(*p)) { p++; }
    if (p == end || *p == '#') { break; }
    const char *next = take_pair(p, end, &l);
    if (!next) {
      int n = end - p > 60 ? 60 : (int)(end - p);
      return moon_draft_fail(d, "%s:%u: \"%.*s\": a label is name=value", path, line, n, p);
    }
    p = next;
    if (l.key.n == 6 && memcmp(l.key.p, "device", 6) == 0) {
      e.name = l.value;
    } else if (l.key.n == 4 && memcmp(l.key.p, "auth", 4) == 0) {
      e.auth = l.value;
    } else if (e.n_labels == LABELS_MAX) {
      return moon_draft_fail(d, "%s:%u: over %u labels", path, line, LABELS_MAX);
    } else if (has_label(labels, e.n_labels, l.key)) {
      return moon_draft_fail(d, "%s:%u: label %.*s: twice", path, line, (int)l.key.n, l.key.p);
    } else {
      labels[e.n_labels++] = l;
    }
  }
  if (e.n_labels) {
    e.labels = moon_draft_alloc(d, e.n_labels * sizeof *labels);
    if (!e.labels) { return d->err; }
    memcpy(e.labels, labels, e.n_labels * sizeof *labels); /* their text stays in the file's, which lives as long */
  }
  return add(d, in, &e);
}

static enum moon_err add_lines(struct moon_draft *d, const struct moon_inventory *in, const char *path, const char *p, size_t n) {
  const char *end = p + n;
  if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) { p += 3; }
  for (uint32_t line = 1; p < end; line++) {
    const char *newline = memchr(p, '\n', (size_t)(end - p));
    const char *stop = newline ? newline : end;
    if (memchr(p, 0, (size_t)(stop - p))) { return moon_draft_fail(d, "%s:%u: is no text", path, line); }
    if (add_line(d, in, path, line, p, stop)) { return d->err; }
    p = stop + 1;
  }
  return d->err;
}

struct group { const char *path; uint32_t line; /* where it begins: jansson keeps none */ const json_t *json; };

static const char *kind(const json_t *v) {
  static const char *const NAMES[] = {"an object", "a list", "a string", "a number", "a number", "true", "false", "null"};
  return v ? NAMES[json_typeof(v)] : "missing";
}

static enum moon_err add_group(struct moon_draft *d, const struct moon_inventory *in, const struct group *group) {
  struct entry e = {.path = group->path, .line = group->line};
  const json_t *g = group->json;
#define GROUP_FAIL(format, ...) moon_draft_fail(d, "%s:%u: " format, group->path, group->line, __VA_ARGS__)
  if (!json_is_object(g)) { return GROUP_FAIL("a target group is an object, not %s", kind(g)); }
  const json_t *targets = json_object_get(g, "targets"), *labels = json_object_get(g, "labels"), *v;
  if (!json_is_array(targets)) { return GROUP_FAIL("targets is %s, a list of hosts is expected", kind(targets)); }
  if (labels && !json_is_object(labels)) { return GROUP_FAIL("labels is %s, an object is expected", kind(labels)); }
  const char *key;
  if (labels && json_object_size(labels)) {
    e.labels = moon_draft_alloc(d, json_object_size(labels) * sizeof *e.labels);
    if (!e.labels) { return d->err; }
  }
  for (void *it = json_object_iter((json_t *)(uintptr_t)labels); it; it = json_object_iter_next((json_t *)(uintptr_t)labels, it)) {
    key = json_object_iter_key(it);
    v = json_object_iter_value(it);
    if (!json_is_string(v)) { return GROUP_FAIL("labels.%s is %s, a string is expected", key, kind(v)); }
    struct moon_text value = {json_string_value(v), (uint32_t)json_string_length(v)};
    if (!moon_inventory_label_name(key, strlen(key))) { return GROUP_FAIL("labels: \"%s\" is no name of a label", key); }
    if (strcmp(key, "device") == 0) {
      e.name = value;
      if (json_array_size(targets) > 1) { return GROUP_FAIL("labels.device names %zu targets", json_array_size(targets)); }
    } else if (strcmp(key, "__param_auth") == 0) {
      e.auth = value;
    } else if (strncmp(key, "__", 2) != 0) {
      if (e.n_labels == LABELS_MAX) { return GROUP_FAIL("over %u labels", LABELS_MAX); }
      struct moon_label *l = &e.labels[e.n_labels++];
      l->key = (struct moon_text){moon_draft_text(d, key, strlen(key)), (uint32_t)strlen(key)};
      l->value = (struct moon_text){moon_draft_text(d, value.p, value.n), value.n};
      if (!l->key.p || !l->value.p) { return d->err; }
    }
  }
  size_t i;
  json_array_foreach(targets, i, v) {
    if (!json_is_string(v)) { return GROUP_FAIL("targets[%zu] is %s, a host is expected", i, kind(v)); }
    e.host = (struct moon_text){json_string_value(v), (uint32_t)json_string_length(v)};
    if (add(d, in, &e)) { return d->err; }
  }
#undef GROUP_FAIL
  return MOON_OK;
}

/* jansson calls some of its failed allocations syntax errors, and gives its allocator no argument. */
static bool json_starved;
static void *json_alloc(size_t n) {
  void *p = moon_mem_alloc(n);
  json_starved = json_starved || !p;
  return p;
}

static void skip_blanks(const char **p, const char *end, uint32_t *line) {
  for (; *p < end && (blank(**p) || **p == '\n'); ++*p) { *line += **p == '\n'; }
}

/* Group by group, so that twenty thousand of them need the memory of one. */
static enum moon_err add_json(struct moon_draft *d, const struct moon_inventory *in, const char *path, const char *p, size_t n) {
  const char *end = p + n;
  uint32_t line = 1;
  char expected = '[';
  json_starved = false;
  json_set_alloc_funcs(json_alloc, moon_mem_free);
  for (;;) {
    skip_blanks(&p, end, &line);
    if (expected == ',' && p < end && *p == ']') { break; }
    if (p == end || *p != expected) {
      return moon_draft_fail(d, "%s:%u: %s", path, line,
                             expected == '[' ? "a list of target groups is expected" : "',' or ']' is expected after a target group");
    }
    p++;
    skip_blanks(&p, end, &line);
    if (expected == '[' && p < end && *p == ']') { break; }
    expected = ',';
    json_error_t at = {.position = 0};
    json_t *json = json_loadb(p, (size_t)(end - p), JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &at);
    if (!json) {
      if (json_starved) { return moon_draft_nomem(d); }
      return moon_draft_fail(d, "%s:%u: %s", path, line + (at.line > 1 ? (uint32_t)at.line - 1 : 0), at.text);
    }
    const struct group g = {path, line, json};
    enum moon_err e = add_group(d, in, &g);
    json_decref(json);
    if (e) { return e; }
    for (const char *stop = p + at.position; p < stop; p++) { line += *p == '\n'; }
  }
  p++;
  skip_blanks(&p, end, &line);
  return p == end ? d->err : moon_draft_fail(d, "%s:%u: something follows the list of target groups", path, line);
}

/* A line may begin with an IPv6 address in brackets, a list of groups does not. */
static bool looks_like_json(const char *path, const char *text, size_t len) {
  size_t n = strlen(path), i = 0;
  if (n > 5 && strcmp(path + n - 5, ".json") == 0) { return true; }
  while (i < len && (blank(text[i]) || text[i] == '\n')) { i++; }
  if (i == len || text[i] == '{') { return i < len; }
  if (text[i++] != '[') { return false; }
  while (i < len && (blank(text[i]) || text[i] == '\n')) { i++; }
  return i < len && (text[i] == '{' || text[i] == ']');
}

/* Whoever writes a file may be at it: only of one that is read again because it changed. */
static enum moon_err look_whole(struct moon_draft *d, const char *path, const char *text, size_t len, bool json) {
  struct stat st;
  size_t i = 0;
  while (i < len && (blank(text[i]) || text[i] == '\n')) { i++; }
  if (i == len) { return moon_draft_fail(d, "%s: is empty; [], or a comment in a file of lines, would say that there are no targets", path); }
  if (json || text[len - 1] == '\n' || stat(path, &st) || llabs(time(NULL) - st.st_mtime) >= SETTLED_S) { return MOON_OK; } /* clocks leap */
  d->plan.unsettled = true;
  return moon_draft_fail(d, "%s: its last line has no end yet", path);
}

static enum moon_err read_file(struct moon_draft *d, const struct moon_inventory *in, const char *path) {
  size_t len;
  const char *text = moon_draft_read(d, in->place, path, MOON_FILE_MAX, &len);
  if (!text) { return d->err; }
  uint32_t before = d->plan.n_targets + d->plan.n_warnings;
  bool json = looks_like_json(path, text, len);
  if (d->options && d->options->again && look_whole(d, path, text, len, json)) { return d->err; }
  enum moon_err e = json ? add_json(d, in, path, text, len) : add_lines(d, in, path, text, len);
  if (!e && d->plan.n_targets + d->plan.n_warnings == before) { moon_draft_warn(d, "%s: no targets in it", path); }
  return e;
}

/* As if the file had not been read; what was said against it is a warning. */
static void keep_file(struct moon_draft *d, const char *path, uint32_t n_before) {
  char error[sizeof d->error];
  memcpy(error, d->error, sizeof error);
  d->err = MOON_OK;
  d->error[0] = 0;
  d->plan.n_targets = n_before;
  if (d->by_name_cap) { memset(d->by_name, 0, d->by_name_cap * sizeof *d->by_name); }
  for (uint32_t i = 0; i < n_before; i++) { *find_name(d, d->targets[i].name) = i + 1; }
  moon_draft_warn(d, "%s: its targets stay as they were", error);
  if (!moon_draft_room(d, &d->kept, &d->kept_cap, d->plan.n_kept, sizeof *d->kept)) { d->kept[d->plan.n_kept++] = path; }
}

/* Noted as one that may change. */
static const char *note_file(struct moon_draft *d, const char *path) {
  const char *kept = moon_draft_text(d, path, strlen(path));
  if (!kept || moon_draft_room(d, &d->files, &d->files_cap, d->plan.n_files, sizeof *d->files)) { return NULL; }
  return d->files[d->plan.n_files++] = kept;
}

static enum moon_err add_file(struct moon_draft *d, const struct moon_inventory *in, const char *path) {
  uint32_t before = d->plan.n_targets;
  path = note_file(d, path);
  if (!path) { return d->err; }
  d->file = d->plan.n_files;
  if (read_file(d, in, path) == MOON_E_CONFIG && d->options && d->options->again) { keep_file(d, path, before); }
  d->file = 0;
  return d->err;
}

static bool ends_in(const char *path, const char *end) {
  size_t n = strlen(path), m = strlen(end);
  return n > m && strcmp(path + n - m, end) == 0;
}

/* All files of a directory that say by their name what they are, or all a pattern names. None at all is no mistake: they may come. */
static enum moon_err add_files(struct moon_draft *d, const struct moon_inventory *in, const char *pattern, bool directory) {
  glob_t found;
  struct stat st;
  if (!note_file(d, pattern)) { return d->err; }
  int failed = glob(pattern, 0, NULL, &found);
  if (failed == GLOB_NOMATCH) {
    moon_draft_warn(d, "%s: there is no such file yet", pattern);
    return d->err;
  }
  if (failed) { return failed == GLOB_NOSPACE ? moon_draft_nomem(d) : moon_draft_fail(d, "%s: %s", pattern, strerror(errno)); }
  bool any = false;
  for (size_t i = 0; i < found.gl_pathc && !d->err; i++) {
    const char *path = found.gl_pathv[i];
    if (directory && !ends_in(path, ".json") && !ends_in(path, ".txt")) { continue; }
    if (stat(path, &st) || !S_ISREG(st.st_mode)) { continue; }
    any = true;
    (void)add_file(d, in, path);
  }
  if (!any) { moon_draft_warn(d, "%s: no file there ends in .json or .txt", pattern); }
  globfree(&found);
  return d->err;
}

enum moon_err moon_inventory_file(struct moon_draft *d, const struct moon_inventory *in, const char *path) {
  struct stat st;
  if (stat(path, &st) == 0) {
    if (!S_ISDIR(st.st_mode)) { return add_file(d, in, path); }
    size_t n = strlen(path);
    const char *pattern = moon_draft_format(d, "%s%s*", path, n && path[n - 1] == '/' ? "" : "/");
    return pattern ? add_files(d, in, pattern, true) : d->err;
  }
  return strpbrk(path, "*?[") ? add_files(d, in, path, false) : add_file(d, in, path);
}

/* What cannot be a host: a path, and a name that says what it is. */
static bool looks_like_file(const char *text) {
  return strncmp(text, RECORDING, RECORDING_LEN) != 0 && (strchr(text, '/') || ends_in(text, ".json") || ends_in(text, ".txt"));
}

enum moon_err moon_inventory_argument(struct moon_draft *d, const struct moon_inventory *in, const char *text) {
  struct stat st;
  if (strncmp(text, RECORDING, RECORDING_LEN) == 0 && stat(text + RECORDING_LEN, &st) == 0) { /* a comma is part of its path */
    return moon_inventory_host(d, in, text, strlen(text));
  }
  if (!strchr(text, ',')) {
    bool there = stat(text, &st) == 0, directory = there && S_ISDIR(st.st_mode);
    if ((there && !directory) || looks_like_file(text)) { return moon_inventory_file(d, in, text); }
    if (directory) { moon_draft_warn(d, "%s: %s is taken for a host; the directory is %s/", in->place, text, text); }
    return moon_inventory_host(d, in, text, strlen(text));
  }
  for (const char *p = text; *p && !d->err;) {
    size_t n = strcspn(p, ",");
    const char *one = moon_draft_text(d, p, n);
    if (one && looks_like_file(one)) {
      moon_inventory_file(d, in, one);
    } else if (n) { /* a comma too many is no mistake worth stopping for */
      moon_inventory_host(d, in, p, n);
    }
    p += n + (p[n] == ',');
  }
  return d->err;
}

/* ---- all of them ---- */

static void tell_families(struct moon_draft *d) {
  for (uint32_t i = 0; i < d->plan.n_targets && !d->err; i++) {
    const struct moon_plan_target *t = &d->targets[i];
    uint8_t family = t->lookup ? t->family : t->addr.family;
    if (!t->source.family || !family || t->source.family == family) { continue; }
    moon_draft_warn(d, "%s: source is an IPv%d address, its own is IPv%d: not used for it", t->name, t->source.family, family);
  }
}

/* Two names for one agent double its load, and its counters look like two devices. */
static enum moon_err tell_twins(struct moon_draft *d) {
  uint32_t cap = 64;
  while (cap < d->plan.n_targets * 2) { cap *= 2; }
  uint32_t *slots = moon_mem_array(cap, sizeof *slots);
  if (!slots) { return moon_draft_nomem(d); }
  for (uint32_t i = 0; i < d->plan.n_targets && !d->err; i++) {
    const struct moon_plan_target *t = &d->targets[i];
    if (!t->addr.family) { continue; }
    uint32_t at = (uint32_t)moon_addr_hash(&t->addr, 0) & (cap - 1);
    while (slots[at] && !moon_addr_equal(&d->targets[slots[at] - 1].addr, &t->addr)) { at = (at + 1) & (cap - 1); }
    if (slots[at]) {
      char text[MOON_ADDR_TEXT_MAX];
      moon_addr_format(&t->addr, text, sizeof text);
      moon_draft_warn(d, "%s and %s are the same agent, %s", d->targets[slots[at] - 1].name, t->name, text);
    } else {
      slots[at] = i + 1;
    }
  }
  moon_mem_free(slots);
  return d->err;
}

enum moon_err moon_inventory_compare(struct moon_draft *d) {
  tell_families(d);
  return tell_twins(d);
}
