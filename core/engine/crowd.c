#include "crowd.h"

#include "../agent/answer.h"
#include "../base/mem.h"

#define NONE UINT32_MAX

struct moon_crowd {
  struct moon_crowd_member *members;
  uint32_t *slots;       /* hash of addresses: index of the first member there; NONE: empty */
  struct moon_server *server;
  uint8_t *room;
  uint64_t nobody;
  uint32_t n, cap, mask;
};

enum moon_err moon_crowd_new(uint32_t n, struct moon_crowd **out) {
  struct moon_crowd *c = moon_mem_zalloc(sizeof *c);
  if (!c) { return MOON_E_NOMEM; }
  uint32_t slots = 16;
  while (slots < n * 2 && slots < UINT32_C(1) << 31) { slots *= 2; }
  c->cap = n;
  c->mask = slots - 1;
  c->members = moon_mem_array(n ? n : 1, sizeof *c->members);
  c->slots = moon_mem_array(slots, sizeof *c->slots);
  c->room = moon_mem_alloc(MOON_ANSWER_ROOM);
  if (!c->members || !c->slots || !c->room) {
    moon_crowd_free(c);
    return MOON_E_NOMEM;
  }
  memset(c->slots, 0xff, slots * sizeof *c->slots);
  *out = c;
  return MOON_OK;
}

void moon_crowd_free(struct moon_crowd *c) {
  if (!c) { return; }
  for (uint32_t i = 0; i < c->n; i++) { moon_agent_fini(&c->members[i].agent); }
  moon_mem_free(c->members);
  moon_mem_free(c->slots);
  moon_mem_free(c->room);
  moon_mem_free(c);
}

void moon_crowd_attach(struct moon_crowd *c, struct moon_server *s) { c->server = s; }

static uint32_t *slot_of(const struct moon_crowd *c, const struct moon_addr *a) {
  uint32_t at = (uint32_t)moon_addr_hash(a, 0) & c->mask;
  while (c->slots[at] != NONE && !moon_addr_equal(&c->members[c->slots[at]].addr, a)) { at = (at + 1) & c->mask; }
  return &c->slots[at];
}

enum moon_err moon_crowd_add(struct moon_crowd *c, const struct moon_addr *addr, const struct moon_profile *profile, const char *name,
                             uint64_t seed, uint64_t now_us) {
  if (c->n == c->cap) { return MOON_E_LIMIT; }
  uint32_t i = c->n, *link = slot_of(c, addr);
  struct moon_crowd_member *m = &c->members[i];
  m->addr = *addr;
  m->name = name;
  m->next = NONE;
  moon_agent_init(&m->agent, profile, seed, i, now_us);
  while (*link != NONE) { link = &c->members[*link].next; }
  *link = i;
  c->n++;
  return MOON_OK;
}

static bool knows(const struct moon_profile *p, const struct moon_message *m) {
  if (!p->communities) { return true; }
  for (uint32_t i = 0; i < p->n_communities; i++) {
    const struct moon_community *k = &p->communities[i];
    if (k->len == m->community_len && memcmp(k->octets, m->community, k->len) == 0) { return true; }
  }
  return false;
}

/* Several live here: the first one that knows the community, or else the first, which will say what is wrong with it. */
static struct moon_crowd_member *choose(struct moon_crowd *c, struct moon_crowd_member *first, const struct moon_message *m) {
  for (struct moon_crowd_member *member = first;; member = &c->members[member->next]) {
    if (knows(member->agent.profile, m)) { return member; }
    if (member->next == NONE) { return first; }
  }
}

/* The same by engine id, for version 3; agents without it are passed over. */
static struct moon_crowd_member *choose_engine(struct moon_crowd *c, struct moon_crowd_member *first, const struct moon_arrival *in) {
  struct moon_crowd_member *any = first;
  for (struct moon_crowd_member *member = first;; member = &c->members[member->next]) {
    if (moon_agent_is_engine(&member->agent, in->now_us, in->p, in->n)) { return member; }
    if (!any->agent.profile->security) { any = member; }
    if (member->next == NONE) { return any; }
  }
}

void moon_crowd_serve(void *arg, const struct moon_arrival *in) {
  struct moon_crowd *c = arg;
  struct moon_answer answer;
  struct moon_message message;
  struct moon_crowd_member *m = moon_crowd_find(c, &in->to);
  answer.n = 0;
  if (!m) {
    c->nobody++;
    return;
  }
  if (m->next == NONE) {
    moon_agent_answer(&m->agent, in->now_us, in->p, in->n, c->room, &answer);
  } else {
    enum moon_err err = moon_message_decode(in->p, in->n, &message);
    if (err) {
      if (err == MOON_E_VERSION) { m = choose_engine(c, m, in); }
      moon_agent_answer(&m->agent, in->now_us, in->p, in->n, c->room, &answer);
    } else {
      m = choose(c, m, &message);
      moon_agent_reply(&m->agent, in->now_us, &message, c->room, &answer);
    }
  }
  for (uint32_t i = 0; i < answer.n; i++) {
    const struct moon_reply *r = &answer.reply[i];
    moon_server_send(c->server, in, r->p, r->n, r->delay_us, r->other_source);
  }
}

uint32_t moon_crowd_n(const struct moon_crowd *c) { return c->n; }

struct moon_crowd_member *moon_crowd_at(struct moon_crowd *c, uint32_t i) { return &c->members[i]; }

struct moon_crowd_member *moon_crowd_find(struct moon_crowd *c, const struct moon_addr *addr) {
  uint32_t i = *slot_of(c, addr);
  return i == NONE ? NULL : &c->members[i];
}

struct moon_crowd_member *moon_crowd_named(struct moon_crowd *c, const char *name) {
  for (uint32_t i = 0; i < c->n; i++) {
    if (strcmp(c->members[i].name, name) == 0) { return &c->members[i]; }
  }
  return NULL;
}

uint64_t moon_crowd_nobody(const struct moon_crowd *c) { return c->nobody; }

void moon_crowd_counts(const struct moon_crowd *c, struct moon_agent_counts *out) {
  memset(out, 0, sizeof *out);
  for (uint32_t i = 0; i < c->n; i++) {
    const struct moon_agent_counts *a = &c->members[i].agent.counts;
    out->datagrams += a->datagrams;
    out->malformed += a->malformed;
    out->bad_community += a->bad_community;
    out->refused += a->refused;
    out->reports += a->reports;
    out->gets += a->gets;
    out->nexts += a->nexts;
    out->bulks += a->bulks;
    out->sets += a->sets;
    out->answered += a->answered;
    out->silent += a->silent;
    out->duplicates += a->duplicates;
    out->varbinds += a->varbinds;
    out->errors += a->errors;
    out->too_big += a->too_big;
    out->set_vars += a->set_vars;
    out->bad_versions += a->bad_versions;
    out->bad_writes += a->bad_writes;
    out->no_such_names += a->no_such_names;
    out->bad_values += a->bad_values;
    out->gen_errs += a->gen_errs;
    for (size_t k = 0; k < MOON_REFUSALS_N; k++) { out->refusals[k] += a->refusals[k]; }
    for (size_t k = 0; k < MOON_FLAWS_N; k++) { out->flaws[k] += a->flaws[k]; }
  }
}
