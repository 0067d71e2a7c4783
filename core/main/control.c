#define _GNU_SOURCE
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

enum moon_err moon_control_init(struct moon_control *c, const char *dir, moon_control_fn *fn, void *arg) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  c->fn = fn;
  c->arg = arg;
  c->listen_fd = c->spare_fd = -1;
  for (int i = 0; i < MOON_CONTROL_CLIENTS; i++) { c->client[i].fd = -1; }
  int n = snprintf(a.sun_path, sizeof a.sun_path, "%s/control", dir);
  if (n < 0 || (size_t)n >= sizeof a.sun_path) {
    errno = ENAMETOOLONG;
    return MOON_E_CONFIG;
  }
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) { return MOON_E_CONFIG; }
  mode_t mask = umask(0177);
  int failed = bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, MOON_CONTROL_CLIENTS);
  umask(mask);
  if (failed) {
    int cause = errno;
    close(fd);
    errno = cause;
    return MOON_E_CONFIG;
  }
  c->listen_fd = fd;
  return MOON_OK;
}

static void drop(struct moon_control *c, int i) {
  close(c->client[i].fd);
  c->client[i].fd = -1;
  c->client[i].ticket = 0;
}

void moon_control_fini(struct moon_control *c) {
  for (int i = 0; i < MOON_CONTROL_CLIENTS; i++) {
    if (c->client[i].fd >= 0) { drop(c, i); }
  }
  if (c->listen_fd >= 0) { close(c->listen_fd); }
  if (c->spare_fd >= 0) { close(c->spare_fd); }
  c->listen_fd = c->spare_fd = -1;
}

static int open_spare(void) { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

/* A free place, or that of who was quiet for longest and for long enough; -1. */
static int find_place(const struct moon_control *c) {
  uint64_t since = now_us() - MOON_CONTROL_QUIET_US;
  int place = -1;
  for (int i = 0; i < MOON_CONTROL_CLIENTS; i++) {
    if (c->client[i].fd < 0) { return i; }
    if (c->client[i].ticket || c->client[i].heard_us > since) { continue; }
    since = c->client[i].heard_us;
    place = i;
  }
  return place;
}

void moon_control_fds(struct moon_control *c, struct pollfd *fds) {
  for (int i = 0; i < MOON_CONTROL_CLIENTS; i++) {
    fds[i + 1] = (struct pollfd){.fd = c->client[i].fd, .events = c->client[i].ticket ? 0 : POLLIN};
  }
  if (c->spare_fd < 0) { c->spare_fd = open_spare(); }
  fds[0] = (struct pollfd){.fd = c->spare_fd >= 0 && find_place(c) >= 0 ? c->listen_fd : -1, .events = POLLIN};
}

static bool send_whole(struct moon_control *c, int i, struct moon_print *out) {
  moon_print_put(out, "\n", 1);
  return !out->failed && send(c->client[i].fd, out->p, out->n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)out->n;
}

static bool answer(struct moon_control *c, int i, const char *line) {
  struct moon_print out;
  moon_print_init(&out, NULL, NULL);
  c->serving = i;
  c->fn(c->arg, line, &out);
  bool ok = c->client[i].ticket || send_whole(c, i, &out);
  moon_print_fini(&out);
  return ok;
}

uint32_t moon_control_defer(struct moon_control *c) {
  c->deferred += c->deferred == UINT32_MAX ? 2 : 1;
  return c->client[c->serving].ticket = c->deferred;
}

static bool serve_lines(struct moon_control *c, int i);

void moon_control_answer(struct moon_control *c, uint32_t ticket, const void *p, size_t n) {
  for (int i = 0; i < MOON_CONTROL_CLIENTS; i++) {
    if (c->client[i].fd < 0 || c->client[i].ticket != ticket) { continue; }
    struct moon_print out;
    moon_print_init(&out, NULL, NULL);
    moon_print_put(&out, p, n);
    c->client[i].ticket = 0;
    if (!send_whole(c, i, &out) || !serve_lines(c, i)) { drop(c, i); }
    moon_print_fini(&out);
    return;
  }
}

static void serve_client(struct moon_control *c, int i) {
  char *line = c->client[i].line;
  ssize_t got = recv(c->client[i].fd, line + c->client[i].n, MOON_CONTROL_LINE - c->client[i].n, MSG_DONTWAIT);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) { drop(c, i); }
    return;
  }
  c->client[i].n += (uint32_t)got;
  c->client[i].heard_us = now_us();
  if (!serve_lines(c, i) || c->client[i].n == MOON_CONTROL_LINE) { drop(c, i); }
}

/* The commands that are here, until one is answered later. false: its answer could not be sent. */
static bool serve_lines(struct moon_control *c, int i) {
  char *line = c->client[i].line;
  for (char *end; !c->client[i].ticket && (end = memchr(line, '\n', c->client[i].n));) {
    *end = 0;
    uint32_t used = (uint32_t)(end + 1 - line);
    if (used > 1 && end[-1] == '\r') { end[-1] = 0; }
    if (!answer(c, i, line)) { return false; }
    c->client[i].n -= used;
    memmove(line, line + used, c->client[i].n);
  }
  return true;
}

void moon_control_serve(struct moon_control *c, const struct pollfd *fds) {
  for (int i = 0; i < MOON_CONTROL_CLIENTS; i++) {
    if (fds[i + 1].fd >= 0 && fds[i + 1].revents) { serve_client(c, i); }
  }
  int place = fds[0].fd >= 0 && fds[0].revents ? find_place(c) : -1;
  if (place < 0) { return; }
  if (c->client[place].fd >= 0) { drop(c, place); }
  int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0 && (errno == EMFILE || errno == ENFILE)) { /* which would be told again at once */
    close(c->spare_fd);
    c->spare_fd = -1;
    fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  }
  if (fd < 0) { return; }
  c->client[place].fd = fd;
  c->client[place].n = 0;
  c->client[place].heard_us = now_us();
}
