/* client: one agent, asked one thing at a time, by somebody who waits: what a command line tool is. The same engine and the same
 * exchanges as under probes, turned by poll(2) until the verdict.
 *
 *   struct moon_client *c;
 *   moon_client_new(&config, &c);
 *   moon_client_ask(c, &request, 5, &outcome);        blocks; the outcome's varbinds are lent until the next ask
 *   moon_client_free(c);                                                                                              */
#ifndef MOON_BIND_TOOL_CLIENT_H
#define MOON_BIND_TOOL_CLIENT_H

#include "../../engine/engine.h"

struct moon_client; /* opaque */

struct moon_client_config {
  struct moon_addr addr;
  struct moon_addr source;       /* to ask from; family 0: any */
  const struct moon_credential *credential; /* copied */
  uint64_t timeout_us;           /* of one try */
  /* As the engine's. May be NULL. */
  void (*trace)(void *arg, bool sent, const struct moon_addr *peer, const uint8_t *p, size_t n);
  void *arg;
};

/* MOON_E_NOMEM; MOON_E_CONFIG: no socket, errno tells. */
enum moon_err moon_client_new(const struct moon_client_config *config, struct moon_client **out);
void moon_client_free(struct moon_client *c); /* NULL is fine; wipes the credential */
/* The verdict, in *out too. An answer that does not decode is waited out and asked for again, as if none had come: silence of
 * agents that now and then cut an answer is not the end. out->pdu.type is 0 where nothing was heard; no Response, MOON_E_DECODE: the answer is
 * another PDU. */
enum moon_err moon_client_ask(struct moon_client *c, const struct moon_request *r, uint32_t retries, struct moon_outcome *out);
/* Version 3: has the agent told its engine id, or did somebody for it? */
bool moon_client_knows_engine(const struct moon_client *c);
/* The port it asks from; 0: none. */
uint16_t moon_client_port(const struct moon_client *c);

#endif
