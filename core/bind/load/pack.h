/* pack: a plan as one block of octets and back. Written by the child that evaluated the configuration, read by a process
 * that trusts nothing in it: bounded, every index and number looked at. Native byte order, for the same build: what is stored (ledger.h)
 * says which.
 *
 *   totals of all arrays | settings | credentials | probes | targets | outputs | warnings         strings: u32 n, octets, NUL */
#ifndef MOON_BIND_LOAD_PACK_H
#define MOON_BIND_LOAD_PACK_H

#include "plan.h"

#define MOON_PACK_MAX (1u << 30) /* octets: some millions of targets */

/* *out from moon_mem_alloc, n octets, secrets in it: moon_pack_free. MOON_E_NOMEM, MOON_E_LIMIT. */
enum moon_err moon_pack(const struct moon_plan *plan, uint8_t **out, size_t *n);
void moon_pack_free(uint8_t *p, size_t n);
/* Borrows the octets. MOON_E_SHORT, MOON_E_RANGE for octets that are no plan; MOON_E_NOMEM. */
enum moon_err moon_unpack(const uint8_t *p, size_t n, struct moon_plan **out);

#endif
