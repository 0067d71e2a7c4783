/* usdt: places where a tracer (bpftrace, perf, systemtap) can look on without a restart: send, receive, retry, resume, yield.
 * Each is one no-operation in the code while nobody looks; without <sys/sdt.h> (systemtap-sdt-dev) they are not even that.
 * bench/trace.bt shows them. */
#ifndef MOON_BASE_USDT_H
#define MOON_BASE_USDT_H

#if defined(__has_include)
#if __has_include(<sys/sdt.h>) && !defined(MOON_WITHOUT_USDT)
#include <sys/sdt.h>
#define MOON_USDT2(name, a, b) DTRACE_PROBE2(moonpoll, name, a, b)
#define MOON_USDT3(name, a, b, c) DTRACE_PROBE3(moonpoll, name, a, b, c)
#endif
#endif

#ifndef MOON_USDT2
#define MOON_USDT2(name, a, b) ((void)0)
#define MOON_USDT3(name, a, b, c) ((void)0)
#endif

#endif
