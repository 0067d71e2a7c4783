/* ids: request-ids nobody can guess and that say of themselves when they were given out.
 *
 * An id is a keyed permutation of a counter, so ids do not repeat before all of them were used, an outsider cannot
 * predict the next one, and the inverse gives the counter back: the place in the ring of tries, without a hash table.
 * All ids lie in 0x01000000..0x7fffffff: an INTEGER of exactly four octets, so a request can be patched.
 *
 * Not cryptography: six Feistel rounds of a multiplicative hash keep off those who cannot see the traffic. */
#ifndef MOON_ENGINE_IDS_H
#define MOON_ENGINE_IDS_H

#include <stdbool.h>
#include <stdint.h>

#define MOON_ID_MIN 0x01000000u
#define MOON_ID_MAX 0x7fffffffu
#define MOON_ID_N (MOON_ID_MAX - MOON_ID_MIN + 1) /* 127 * 2^24: any ring of up to 2^24 places divides it */
#define MOON_ID_ROUNDS 6

struct moon_ids {
  uint64_t key[MOON_ID_ROUNDS];
};

void moon_ids_init(struct moon_ids *ids, uint64_t seed);
/* counter < MOON_ID_N */
uint32_t moon_ids_from_counter(const struct moon_ids *ids, uint32_t counter);
/* The inverse. false: no id of ours can look like this. */
bool moon_ids_to_counter(const struct moon_ids *ids, uint32_t id, uint32_t *counter);

#endif
