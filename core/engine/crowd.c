#include "crowd.h"

#include "../agent/answer.h"
#include "../agent/chance.h"
#include "../base/mem.h"

#define NONE UINT32_MAX

/* That a member answers to its profile's community of this number. */
struct known { uint32_t member; uint32_t community; };

struct moon_crowd {
  struct moon_crowd_member *members;
  uint32_t *slots;       /* hash of addresses: index of the first member there; NONE: empty */
  struct known *knowns;  /* hash of address and community, of members that share an address; member NONE: empty */
  uint32_t n_knowns, cap_knowns;
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
  moon_mem_free(c->knowns);
  moon_mem_free(c->room);
  moon_mem_free(c);
}

void moon_crowd_attach(struct moon_crowd *c, struct moon_server *s) { c->server = s; }

static uint32_t *slot_of(const struct moon_crowd *c, const struct moon_addr *a) {
  uint32_t at = (uint32_t)moon_addr_hash(a, 0) & c->mask;
  while (c->slots[at] != NONE && !moon_addr_equal(&c->members[c->slots[at]].addr, a)) { at = (at + 1) & c->mask; }
  return &c->slots[at];
}

/* Where this community of agents at the address of `first` stands, or would stand. */
static struct known *known_at(const struct moon_crowd *c, uint32_t first, const uint8_t *octets, size_t n) {
  for (uint32_t at = (uint32_t)moon_chance_octets(first, octets, n);; at++) {
    struct known *k = &c->knowns[at & (c->cap_knowns - 1)];
    if (k->member == NONE) { return k; }
    const struct moon_crowd_member *m = &c->members[k->member];
    const struct moon_community *own = &m->agent.profile->communities[k->community];
    if (m->first == first && own->len == n && memcmp(own->octets, octets, n) == 0) { return k; }
  }
}

static enum moon_err reserve(struct moon_crowd *c, uint32_t more) {
  uint32_t cap = c->cap_knowns ? c->cap_knowns : 64;
  struct known *old = c->knowns;
  uint32_t n = c->cap_knowns;
  while (cap / 2 < c->n_knowns + more) { cap *= 2; }
  if (cap == n) { return MOON_OK; }
  struct known *grown = moon_mem_array(cap, sizeof *grown);
  if (!grown) { return MOON_E_NOMEM; }
  memset(grown, 0xff, cap * sizeof *grown);
  c->knowns = grown;
  c->cap_knowns = cap;
  for (uint32_t i = 0; i < n; i++) {
    if (old[i].member == NONE) { continue; }
    const struct moon_crowd_member *m = &c->members[old[i].member];
    const struct moon_community *own = &m->agent.profile->communities[old[i].community];
    *known_at(c, m->first, own->octets, own->len) = old[i];
  }
  moon_mem_free(old);
  return MOON_OK;
}

/* Of agents that know the same community the first has it. There is room. */
static void make_known(struct moon_crowd *c, uint32_t member) {
  const struct moon_crowd_member *m = &c->members[member];
  const struct moon_profile *p = m->agent.profile;
  struct moon_crowd_member *first = &c->members[m->first];
  if (!p->communities && first->open == NONE) { first->open = member; }
  for (uint32_t i = 0; p->communities && i < p->n_communities; i++) {
    struct known *k = known_at(c, m->first, p->communities[i].octets, p->communities[i].len);
    if (k->member != NONE) { continue; }
    *k = (struct known){ member, i };
    c->n_knowns++;
  }
}

enum moon_err moon_crowd_add(struct moon_crowd *c, const struct moon_addr *addr, const struct moon_profile *profile, const char *name,
                             uint64_t seed, uint64_t now_us) {
  if (c->n == c->cap) { return MOON_E_LIMIT; }
  uint32_t i = c->n, *slot = slot_of(c, addr), first = *slot == NONE ? i : *slot;
  struct moon_crowd_member *m = &c->members[i], *head = &c->members[first];
  bool second = first != i && head->next == NONE;
  if (first != i && reserve(c, profile->n_communities + (second ? head->agent.profile->n_communities : 0u))) { return MOON_E_NOMEM; }
  m->addr = *addr;
  m->name = name;
  m->first = first;
  m->last = i;
  m->next = m->open = NONE;
  moon_agent_init(&m->agent, profile, seed, i, now_us);
  *slot = first;
  c->n++;
  if (first == i) { return MOON_OK; }
  if (second) { make_known(c, first); }
  c->members[head->last].next = i;
  head->last = i;
  make_known(c, i);
  return MOON_OK;
}

static bool knows(const struct moon_profile *p, const uint8_t *octets, size_t n) {
  if (!p->communities) { return true; }
  for (uint32_t i = 0; i < p->n_communities; i++) {
    const struct moon_community *k = &p->communities[i];
    if (k->len == n && memcmp(k->octets, octets, n) == 0) { return true; }
  }
  return false;
}

/* The first at the address of `first` that knows the community; NONE. */
static uint32_t find_knowing(const struct moon_crowd *c, uint32_t first, const uint8_t *octets, size_t n) {
  const struct moon_crowd_member *head = &c->members[first];
  if (head->next == NONE) { return knows(head->agent.profile, octets, n) ? first : NONE; }
  uint32_t member = known_at(c, first, octets, n)->member;
  return member < head->open ? member : head->open;
}

struct moon_crowd_member *moon_crowd_knowing(struct moon_crowd *c, const struct moon_addr *addr, const uint8_t *community, size_t n) {
  uint32_t first = *slot_of(c, addr), member = first == NONE ? NONE : find_knowing(c, first, community, n);
  return member == NONE ? NULL : &c->members[member];
}

/* Several live here: the first one that knows the community, or else the first, which will say what is wrong with it. */
static struct moon_crowd_member *choose(struct moon_crowd *c, struct moon_crowd_member *first, const struct moon_message *m) {
  uint32_t member = find_knowing(c, first->first, m->community, m->community_len);
  return member == NONE ? first : &c->members[member];
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
