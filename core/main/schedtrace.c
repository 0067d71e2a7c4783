#include "schedtrace.h"

#define SECOND UINT64_C(1000000)

void moon_schedtrace_init(struct moon_schedtrace *s, uint64_t now_us) {
  *s = (struct moon_schedtrace){.next_us = now_us + SECOND, .last_us = now_us};
}

static double ms(const struct moon_histogram *h, double share) { return (double)moon_histogram_quantile(h, share) / 1e3; }

void moon_schedtrace_line(struct moon_schedtrace *s, const struct moon_stats *stats, uint64_t now_us, struct moon_print *out) {
  struct moon_stats_sum sum;
  struct moon_histograms now = {0};
  moon_stats_read(stats, &sum);
  moon_stats_histograms(stats, &now);
  struct moon_histograms last = now;
#define MOON_HISTOGRAM_LESS(field, help) moon_histogram_less(&last.field, &s->before.field);
  MOON_HISTOGRAMS(MOON_HISTOGRAM_LESS)
  double seconds = now_us > s->last_us ? (double)(now_us - s->last_us) / 1e6 : 1;
  uint64_t resumes = sum.runs.resumes > s->resumes ? sum.runs.resumes - s->resumes : 0;
  moon_print_printf(out, "sched %.1fs workers %llu: runs %llu running, %llu due; tasks %llu; requests %llu in flight; %.0f resumes/s, "
                    "latency %.1f ms p50, %.1f ms p99; turn %.1f ms p99; rtt %.1f ms p50, %.1f ms p99",
                    (double)(now_us - stats->head->started_us) / 1e6, (unsigned long long)sum.workers,
                    (unsigned long long)sum.runs.runs_active, (unsigned long long)sum.runs.runs_waiting,
                    (unsigned long long)sum.runs.tasks_active, (unsigned long long)sum.counters.in_flight, (double)resumes / seconds,
                    ms(&last.latency, 0.5), ms(&last.latency, 0.99), ms(&last.turn, 0.99), ms(&last.rtt, 0.5), ms(&last.rtt, 0.99));
  s->before = now;
  s->resumes = sum.runs.resumes;
  s->last_us = now_us;
  s->next_us = now_us + SECOND;
}
