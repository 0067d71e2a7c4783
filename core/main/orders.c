#define _GNU_SOURCE
#include "orders.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/mem.h"
#include "../bind/load/pack.h"

#define WORK_US 1000      /* of one turn, */
#define WORK_LEAST_US 250 /* or where scripts left nothing of it */

struct file {
  struct moon_list node;
  const uint8_t *p;          /* mapped: what is secret in it is nowhere else */
  size_t n, at;
  uint64_t op;
  uint32_t serial;
  struct moon_plan **plans;  /* to be prepared, once all are there */
  uint32_t n_plans, cap;
};

/* ---- the master's */

int moon_orders_file(const char *what) { return memfd_create(what, MFD_CLOEXEC); }

static bool write_all(int fd, const void *p, size_t n) {
  for (const char *at = p; n;) {
    ssize_t put = write(fd, at, n);
    if (put <= 0) { return false; }
    at += put;
    n -= (size_t)put;
  }
  return true;
}

bool moon_orders_put(int fd, const uint8_t *packed, size_t n) { return write_all(fd, &(uint64_t){n}, 8) && write_all(fd, packed, n); }

/* ---- a worker's */

void moon_orders_init(struct moon_orders *o) { moon_list_init(&o->files); }

static void end_file(struct file *f) {
  moon_list_remove(&f->node);
  while (f->n_plans) { moon_plan_free(f->plans[--f->n_plans]); }
  moon_mem_free(f->plans);
  if (f->n) { munmap((void *)(uintptr_t)f->p, f->n); }
  moon_mem_free(f);
}

void moon_orders_fini(struct moon_orders *o) {
  for (struct moon_list *n; (n = o->files.next) && n != &o->files;) { end_file(MOON_LIST_ENTRY(n, struct file, node)); }
  moon_plan_free(o->change);
}

static void fail(struct moon_orders *o, uint64_t op, uint32_t serial, enum moon_err err) {
  if (op == MOON_ORDER_CHANGE) {
    o->lost(o->arg, err);
  } else {
    o->refused(o->arg, serial, err == MOON_E_LIMIT ? "a worker may open no more files: allow more (ulimit -n)" : "not enough memory in a worker");
  }
}

void moon_orders_take(struct moon_orders *o, uint64_t op, uint32_t serial, int fd) {
  struct stat st;
  if (fd < 0) {
    fail(o, op, serial, MOON_E_LIMIT);
    return;
  }
  struct file *f = fstat(fd, &st) || st.st_size <= 0 ? NULL : moon_mem_zalloc(sizeof *f);
  void *p = f ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
  if (p == MAP_FAILED) {
    moon_mem_free(f);
    fail(o, op, serial, MOON_E_NOMEM);
    return;
  }
  *f = (struct file){.p = p, .n = (size_t)st.st_size, .op = op, .serial = serial};
  moon_list_append(&o->files, &f->node);
  moon_engine_kick(o->engine);
}

/* The next part. */
static enum moon_err read_part(struct file *f, struct moon_plan **out) {
  uint64_t len;
  if (f->n - f->at < sizeof len) { return MOON_E_SHORT; }
  memcpy(&len, f->p + f->at, sizeof len);
  f->at += sizeof len;
  if (len > f->n - f->at) { return MOON_E_SHORT; }
  enum moon_err e = moon_unpack(f->p + f->at, (size_t)len, out);
  f->at += (size_t)len;
  return e;
}

static void change(struct moon_orders *o, struct moon_plan *part) {
  o->part(o->arg, MOON_ORDER_CHANGE, part);
  moon_host_change(o->host, part);
  moon_plan_free(o->change);
  o->change = part;
}

static enum moon_err keep(struct file *f, struct moon_plan *part) {
  if (f->n_plans == f->cap) {
    uint32_t cap = f->cap ? 2 * f->cap : 8;
    struct moon_plan **plans = moon_mem_resize(f->plans, cap, sizeof *plans);
    if (!plans) { return MOON_E_NOMEM; }
    f->plans = plans;
    f->cap = cap;
  }
  f->plans[f->n_plans++] = part;
  return MOON_OK;
}

static void prepare(struct moon_orders *o, struct file *f) {
  for (uint32_t i = 0; i < f->n_plans; i++) { o->part(o->arg, MOON_ORDER_PREPARE, f->plans[i]); }
  moon_host_prepare(o->host, f->plans, f->n_plans, f->serial);
  f->plans = NULL;
  f->n_plans = 0;
}

static void step(struct moon_orders *o, struct file *f) {
  struct moon_plan *part = NULL;
  enum moon_err e = read_part(f, &part);
  if (!e && f->op == MOON_ORDER_CHANGE) { change(o, part); }
  if (!e && f->op == MOON_ORDER_PREPARE) {
    e = keep(f, part);
    if (e) { moon_plan_free(part); }
  }
  if (e) {
    fail(o, f->op, f->serial, e);
    end_file(f);
  } else if (f->at == f->n) {
    if (f->op == MOON_ORDER_PREPARE) { prepare(o, f); }
    end_file(f);
  }
}

void moon_orders_work(struct moon_orders *o) {
  if (moon_list_empty(&o->files)) { return; }
  uint64_t until = moon_engine_clock_us(o->engine) + (moon_engine_spent(o->engine) ? WORK_LEAST_US : WORK_US);
  do {
    step(o, MOON_LIST_ENTRY(o->files.next, struct file, node));
  } while (!moon_list_empty(&o->files) && moon_engine_clock_us(o->engine) < until);
  if (!moon_list_empty(&o->files)) { moon_engine_kick(o->engine); }
}
