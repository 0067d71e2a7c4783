/* Asks one agent for sysUpTime.0 on the engine's own loop. */
#include <moonpoll/engine/engine.h>
#include <moonpoll/moonpoll.h>
#include <stdio.h>
#include <string.h>

static void done(void *arg, const struct moon_outcome *o) {
  struct moon_varbind vb;
  struct moon_reader r;
  uint64_t ticks;
  if (o->err == MOON_OK) {
    moon_reader_init(&r, o->pdu.varbinds, o->pdu.varbinds_len);
    if (moon_varbind_get(&r, &vb) && moon_varbind_u64(&vb, &ticks) == MOON_OK) { printf("up %.2f s\n", (double)ticks / 100); }
  } else {
    printf("%s: %s\n", moon_err_name(o->err), moon_err_text(o->err));
  }
  moon_loop_stop(arg);
}

static void turn(void *engine) { moon_engine_turn(engine); }

int main(int argc, char **argv) {
  struct moon_engine_config config;
  struct moon_engine *engine;
  struct moon_peer *peer;
  struct moon_addr addr;
  struct moon_policy policy;
  struct moon_credential credential = {.name = "public", .community = "public", .community_len = 6, .version = MOON_V2C};
  struct moon_ticket ticket;
  uint8_t octets[256], name[MOON_OID_MAX_LEN];
  struct moon_varbind vb = {.oid = name, .type = MOON_NULL};
  struct moon_writer w;
  const char *host;
  size_t len;
  if (argc != 2 || moon_addr_parse(argv[1], 161, &addr, &host, &len)) { return 2; }
  moon_oid_parse("1.3.6.1.2.1.1.3.0", 17, name, sizeof name, &len);
  vb.oid_len = (uint16_t)len;
  moon_writer_init(&w, octets, sizeof octets);
  moon_varbind_put(&w, &vb);
  struct moon_request get = {.varbinds = w.p, .varbinds_len = (uint32_t)moon_writer_len(&w), .n_varbinds = 1, .pdu_type = MOON_PDU_GET};
  struct moon_loop *loop = moon_loop_new("epoll");
  moon_policy_init(&policy);
  moon_engine_config_init(&config);
  if (!loop || moon_engine_new(&config, moon_loop_io(loop), loop, &engine)) { return 1; }
  moon_loop_on_turn(loop, turn, engine);
  if (moon_peer_new(engine, &addr, &credential, &policy, NULL, &peer)) { return 1; }
  if (moon_engine_submit(engine, peer, &get, 0, done, loop, &ticket)) { return 1; }
  moon_engine_kick(engine);
  moon_loop_run(loop);
  moon_peer_free(engine, peer);
  moon_engine_free(engine);
  moon_loop_free(loop);
  return 0;
}
