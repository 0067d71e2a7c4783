#include "inhouse.h"

#include "../base/mem.h"
#include "../bind/load/recorded.h"
#include "log.h"

struct moon_inhouse_agent {
  struct moon_inhouse_agent *next;
  struct moon_agent agent;
  struct moon_local_agent local;
};

enum moon_err moon_inhouse_add(struct moon_inhouse *h, struct moon_engine *e, struct moon_peer *p, const struct moon_profile *profile,
                               uint64_t seed) {
  if (!h->room) { h->room = moon_mem_alloc(MOON_ANSWER_ROOM); }
  struct moon_inhouse_agent *a = h->room ? moon_mem_zalloc(sizeof *a) : NULL;
  if (!a) { return MOON_E_NOMEM; }
  moon_agent_init(&a->agent, profile, seed, h->n_agents++, moon_engine_now(e));
  a->local = (struct moon_local_agent){.agent = &a->agent, .room = h->room};
  a->next = h->agents;
  h->agents = a;
  return moon_peer_answer_with(e, p, moon_local_agent_asked, &a->local);
}

static enum moon_err read_file(struct moon_inhouse *h, const char *path, struct moon_inhouse_file **out) {
  struct moon_draft d;
  enum moon_err err = MOON_E_NOMEM;
  struct moon_inhouse_file *f = moon_mem_zalloc(sizeof *f);
  if (h->n_files == h->files_cap && f) {
    uint32_t cap = h->files_cap ? 2 * h->files_cap : 8;
    struct moon_inhouse_file **files = moon_mem_resize(h->files, cap, sizeof *files);
    if (files) {
      h->files = files;
      h->files_cap = cap;
    }
  }
  if (!f || h->n_files == h->files_cap) {
    moon_mem_free(f);
    return MOON_E_NOMEM;
  }
  moon_draft_init(&d, NULL);
  f->path = moon_mem_alloc(strlen(path) + 1);
  if (f->path) { memcpy(f->path, path, strlen(path) + 1); }
  f->recording = f->path ? moon_recorded_read(&d, NULL, path, false) : NULL;
  if (f->recording) {
    f->profile = (struct moon_profile){.recording = f->recording, .any_write = true};
    *out = h->files[h->n_files++] = f;
    err = MOON_OK;
  } else {
    if (f->path) {
      moon_log(MOON_LOG_ERROR, "%s", d.error);
      err = d.err;
    }
    moon_mem_free(f->path);
    moon_mem_free(f);
  }
  moon_draft_fini(&d);
  return err;
}

enum moon_err moon_inhouse_open(struct moon_inhouse *h, struct moon_engine *e, const struct moon_plan_target *t, struct moon_peer *p) {
  struct moon_inhouse_file *file = NULL;
  for (uint32_t i = 0; i < h->n_files && !file; i++) {
    if (strcmp(h->files[i]->path, t->recording) == 0) { file = h->files[i]; }
  }
  enum moon_err err = file ? MOON_OK : read_file(h, t->recording, &file);
  return err ? err : moon_inhouse_add(h, e, p, &file->profile, 0);
}

void moon_inhouse_fini(struct moon_inhouse *h) {
  for (struct moon_inhouse_agent *a = h->agents, *next; a; a = next) {
    next = a->next;
    moon_agent_fini(&a->agent);
    moon_mem_free(a);
  }
  for (uint32_t i = 0; i < h->n_files; i++) {
    moon_recording_free(h->files[i]->recording);
    moon_mem_free(h->files[i]->path);
    moon_mem_free(h->files[i]);
  }
  moon_mem_free(h->files);
  moon_mem_free(h->room);
  *h = (struct moon_inhouse){0};
}
