#include "report.h"

static const struct { const char *name, *text; enum moon_err err; } reports[MOON_REPORT_N] = {
#define MOON_REPORT_ROW(kind, mib_name, code, help) [MOON_REPORT_##kind] = {mib_name, help, code},
  MOON_REPORTS(MOON_REPORT_ROW)
#undef MOON_REPORT_ROW
};

/* usmStats 1.3.6.1.6.3.15.1.1, snmpMPDStats 1.3.6.1.6.3.11.2.1, snmpTargetObjects 1.3.6.1.6.3.12.1 */
static const uint8_t usm[] = {0x2b, 6, 1, 6, 3, 15, 1, 1}, mpd[] = {0x2b, 6, 1, 6, 3, 11, 2, 1}, contexts[] = {0x2b, 6, 1, 6, 3, 12, 1};
static const uint8_t of_usm[] = {0, MOON_REPORT_LEVEL, MOON_REPORT_TIME_WINDOW, MOON_REPORT_USER, MOON_REPORT_ENGINE, MOON_REPORT_DIGEST,
                                 MOON_REPORT_DECRYPTION};
static const uint8_t of_mpd[] = {0, MOON_REPORT_MODEL, MOON_REPORT_INVALID, MOON_REPORT_HANDLER};
static const uint8_t of_contexts[] = {0, 0, 0, 0, MOON_REPORT_NO_CONTEXT, MOON_REPORT_CONTEXT};

static enum moon_report under(const struct moon_varbind *vb, const uint8_t *root, size_t n, const uint8_t *kinds, size_t n_kinds) {
  if (vb->oid_len <= n || memcmp(vb->oid, root, n) != 0 || vb->oid[n] >= n_kinds) { return MOON_REPORT_NONE; }
  return (enum moon_report)kinds[vb->oid[n]];
}

enum moon_report moon_report_kind(const struct moon_pdu *pdu) {
  struct moon_reader r;
  struct moon_varbind vb;
  enum moon_report kind;
  moon_reader_init(&r, pdu->varbinds, pdu->varbinds_len);
  if (!moon_varbind_get(&r, &vb)) { return MOON_REPORT_OTHER; }
  kind = under(&vb, usm, sizeof usm, of_usm, sizeof of_usm);
  if (!kind) { kind = under(&vb, mpd, sizeof mpd, of_mpd, sizeof of_mpd); }
  if (!kind) { kind = under(&vb, contexts, sizeof contexts, of_contexts, sizeof of_contexts); }
  return kind ? kind : MOON_REPORT_OTHER;
}

enum moon_err moon_report_err(enum moon_report r) { return (unsigned)r < MOON_REPORT_N ? reports[r].err : MOON_OK; }
const char *moon_report_name(enum moon_report r) { return (unsigned)r < MOON_REPORT_N ? reports[r].name : NULL; }
const char *moon_report_text(enum moon_report r) { return (unsigned)r < MOON_REPORT_N ? reports[r].text : NULL; }
