/* moonpoll: the public header of libmoonpoll. SNMP without sockets, clocks or threads: bytes and times go in,
 * bytes and times come out. The loop that drives it is engine/engine.h, or your own. */
#ifndef MOONPOLL_H
#define MOONPOLL_H

#ifdef __cplusplus
extern "C" {
#endif

#define MOON_VERSION "0.1.0"

#include "agent/answer.h"
#include "agent/dump.h"
#include "base/err.h"
#include "base/mem.h"
#include "session/addr.h"
#include "session/exchange.h"
#include "session/fetch.h"
#include "session/keyring.h"
#include "session/report.h"
#include "session/target.h"
#include "session/trust.h"
#include "session/walk.h"
#include "wire/ber.h"
#include "wire/crypto.h"
#include "wire/keys.h"
#include "wire/message.h"
#include "wire/oid.h"
#include "wire/pdu.h"
#include "wire/usm.h"
#include "wire/v3.h"

#ifdef __cplusplus
}
#endif

#endif
