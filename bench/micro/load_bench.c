/* load: GETs of random instances to many agents, seeded, for what a simulator costs under it: see bench/sim.sh.
 *
 *   load_bench PORT REQUESTS AGENTS SEED RECORDING...
 *
 * Agents are 127.1.0.1 and up; as many have the first recording as have the second, and so on. A thousand requests are on their
 * way at once. Each answer has to be the instance that was asked for, of the type it was recorded with. Prints
 * `answered N lost N wrong N`; without arguments, what it is for. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/dump.h"
#include "wire/message.h"

#define WINDOW 1000u
#define BATCH 128u
#define RECORDINGS_MAX 64

struct request {
  uint8_t buf[256];
  struct sockaddr_in to;
  struct iovec vec;
  const struct moon_recording *recording;
  uint32_t instance;
  int32_t id;
  bool open;
};

static struct request requests[WINDOW];
static uint32_t ready[WINDOW], n_ready; /* requests that may go out */
static struct mmsghdr out[BATCH], in[BATCH];
static struct iovec in_vec[BATCH];
static uint8_t in_octets[BATCH][65536];
static struct moon_recording *recordings[RECORDINGS_MAX];
static uint64_t random_state;
static uint32_t n_recordings, n_agents;
static uint64_t answered, lost, wrong;

static uint32_t below(uint32_t n) {
  random_state += 0x9e3779b97f4a7c15u;
  uint64_t x = random_state;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return (uint32_t)((uint64_t)(uint32_t)(x >> 32) * n >> 32);
}

static struct moon_recording *read_recording(const char *path) {
  FILE *f = fopen(path, "rb");
  size_t cap = 32u << 20, n;
  char *text = malloc(cap);
  enum moon_err err = MOON_OK;
  if (!f || !text) { return NULL; }
  n = fread(text, 1, cap, f);
  fclose(f);
  struct moon_recording *r = moon_dump_read(text, n, NULL, NULL, &err);
  free(text);
  return r;
}

/* The varbind of a request is that of the recording with a NULL in it. */
static void ask(struct request *r, uint16_t port, int32_t id) {
  uint32_t agent = below(n_agents), each = (n_agents + n_recordings - 1) / n_recordings;
  struct moon_varbind vb;
  struct moon_pdu pdu = {.type = MOON_PDU_GET, .request_id = id};
  uint8_t list[160];
  struct moon_writer w;
  r->recording = recordings[agent / each];
  do {
    r->instance = below(r->recording->n);
    moon_recording_get(r->recording, r->instance, &vb);
  } while (moon_varbind_is_exception(&vb) || vb.oid_len > 100);
  vb.type = MOON_NULL;
  vb.value_len = 0;
  moon_writer_init(&w, list, sizeof list);
  moon_varbind_put(&w, &vb);
  pdu.varbinds = w.p;
  pdu.varbinds_len = moon_writer_len(&w);
  moon_writer_init(&w, r->buf, sizeof r->buf);
  moon_message_encode(&w, MOON_V2C, (const uint8_t *)"public", 6, &pdu);
  r->vec = (struct iovec){w.p, moon_writer_len(&w)};
  r->to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(0x7f010001u + agent)};
  r->id = id;
  r->open = true;
}

static void take(const uint8_t *p, size_t n) {
  struct moon_message m;
  struct moon_varbind vb, want;
  struct moon_reader list;
  if (moon_message_decode(p, n, &m)) {
    wrong++;
    return;
  }
  struct request *r = &requests[(uint32_t)m.pdu.request_id % WINDOW];
  if (!r->open || r->id != m.pdu.request_id) {
    wrong++;
    return;
  }
  moon_recording_get(r->recording, r->instance, &want);
  moon_reader_init(&list, m.pdu.varbinds, m.pdu.varbinds_len);
  wrong += m.pdu.error_status || !moon_varbind_get(&list, &vb) || vb.type != want.type || vb.oid_len != want.oid_len ||
           memcmp(vb.oid, want.oid, want.oid_len) != 0;
  answered++;
  r->open = false;
  ready[n_ready++] = (uint32_t)(r - requests);
}

static void receive(int fd) {
  for (int n = (int)BATCH; n == (int)BATCH;) {
    for (uint32_t i = 0; i < BATCH; i++) {
      in_vec[i] = (struct iovec){in_octets[i], sizeof in_octets[i]};
      in[i].msg_hdr = (struct msghdr){.msg_iov = &in_vec[i], .msg_iovlen = 1};
    }
    n = recvmmsg(fd, in, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) { take(in_octets[i], in[i].msg_len); }
  }
}

static int run(uint16_t port, uint64_t total) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), buffer = 8 << 20;
  uint64_t sent = 0;
  uint32_t turn = 1;
  if (fd < 0) { return 1; }
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  for (n_ready = 0; n_ready < WINDOW; n_ready++) { ready[n_ready] = n_ready; }
  while (answered + lost < total) {
    while (n_ready && sent < total) {
      uint32_t n = 0;
      for (; n < BATCH && n_ready && sent + n < total; n++) {
        struct request *r = &requests[ready[--n_ready]];
        ask(r, port, (int32_t)(turn++ % 2000000u * WINDOW + (uint32_t)(r - requests)));
        out[n].msg_hdr = (struct msghdr){.msg_name = &r->to, .msg_namelen = sizeof r->to, .msg_iov = &r->vec, .msg_iovlen = 1};
      }
      for (uint32_t i = 0; i < n;) {
        int k = sendmmsg(fd, out + i, n - i, 0);
        if (k > 0) {
          i += (uint32_t)k;
        } else {
          struct pollfd room = {.fd = fd, .events = POLLOUT};
          poll(&room, 1, 100);
        }
      }
      sent += n;
    }
    struct pollfd some = {.fd = fd, .events = POLLIN};
    if (poll(&some, 1, 1000) == 0) { /* they are lost, and a late one would be wrong */
      for (uint32_t i = 0; i < WINDOW; i++) {
        if (!requests[i].open) { continue; }
        lost++;
        requests[i].open = false;
        ready[n_ready++] = i;
      }
    }
    receive(fd);
  }
  close(fd);
  printf("answered %llu lost %llu wrong %llu\n", (unsigned long long)answered, (unsigned long long)lost, (unsigned long long)wrong);
  return wrong ? 1 : 0;
}

int main(int argc, char **argv) {
  if (argc < 6 || argc - 5 > RECORDINGS_MAX) {
    puts("load_bench PORT REQUESTS AGENTS SEED RECORDING...: see bench/sim.sh");
    return argc == 1 ? 0 : 2;
  }
  n_agents = (uint32_t)atoi(argv[3]);
  random_state = (uint64_t)atoi(argv[4]);
  for (int i = 5; i < argc; i++) {
    struct moon_recording *r = read_recording(argv[i]);
    if (!r || r->n == r->n_hidden) {
      fprintf(stderr, "load_bench: %s: nothing to ask for\n", argv[i]);
      return 2;
    }
    recordings[n_recordings++] = r;
  }
  int status = run((uint16_t)atoi(argv[1]), (uint64_t)atoll(argv[2]));
  for (uint32_t i = 0; i < n_recordings; i++) { moon_recording_free(recordings[i]); }
  return status;
}
