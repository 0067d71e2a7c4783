/* names: facts, the block made of them, what is found there, what is printed and read; blocks that are damaged. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/names/facts.h"
#include "../../core/names/module.h"
#include "../../core/names/print.h"
#include "../../core/names/resolve.h"
#include "failmem.h"
#include "guard.h"

static struct moon_names names;

static size_t octets(const char *text, uint8_t *out) {
  size_t n = 0;
  if (moon_oid_parse(text, strlen(text), out, MOON_OID_MAX_LEN, &n)) { fail_msg("%s", text); }
  return n;
}

static const char *printed(const char *oid, uint32_t options) {
  static char text[4096];
  uint8_t p[MOON_OID_MAX_LEN];
  struct moon_out out = {.p = text, .cap = sizeof text};
  moon_print_oid(&names, p, octets(oid, p), options, &out);
  return text;
}

static enum moon_err resolved(const char *text, char *oid, char *why) {
  uint8_t p[MOON_OID_MAX_LEN];
  size_t n = 0;
  struct moon_out detail = {.p = why, .cap = 256};
  why[0] = oid[0] = '\0';
  enum moon_err e = moon_names_resolve(&names, text, strlen(text), 0, p, &n, &detail);
  if (!e) { moon_oid_format(p, n, oid, MOON_OID_TEXT_MAX); }
  return e;
}

/* Every name that is built in is found by its OID, by its name, and as text both ways. */
static void builtin_both_ways(void **state) {
  const struct moon_mib *m = &names.block[0];
  struct moon_mib_node n;
  uint32_t count = 0;
  (void)state;
  for (uint32_t i = 0; moon_mib_node(m, i, &n); i++, count++) {
    struct moon_text_view module = moon_mib_module_name(m, n.module);
    struct moon_ref ref;
    char text[4096], oid[MOON_OID_TEXT_MAX], again[MOON_OID_TEXT_MAX], why[256];
    assert_true(n.name.n > 0 && n.oid_len > 0 && module.n > 0);
    assert_true(moon_names_find(&names, n.oid, n.oid_len, &ref));
    assert_int_equal(ref.node.oid_len, n.oid_len);
    assert_memory_equal(ref.node.oid, n.oid, n.oid_len);
    assert_true(moon_names_named(&names, module.p, module.n, n.name.p, n.name.n, &ref));
    assert_int_equal(ref.node.number, i);
    assert_true(moon_oid_format(n.oid, n.oid_len, oid, sizeof oid) > 0);
    snprintf(text, sizeof text, "%s::%s", module.p, n.name.p);
    assert_int_equal(resolved(text, again, why), MOON_OK);
    assert_string_equal(again, oid);
    for (uint32_t form = MOON_PRINT_MODULE; form <= MOON_PRINT_NUMERIC; form++) {
      snprintf(text, sizeof text, "%s", printed(oid, form));
      if (form == MOON_PRINT_SUFFIX) { continue; } /* several modules may have the name */
      assert_int_equal(resolved(text, again, why), MOON_OK);
      assert_string_equal(again, oid);
    }
    if (n.kind == MOON_MIB_COLUMN || n.kind == MOON_MIB_SCALAR) {
      struct moon_mib_type t;
      assert_true(moon_mib_type(m, n.type, &t));
      assert_int_not_equal(t.base, MOON_BASE_NONE);
      assert_int_not_equal(n.access, MOON_MIB_NO_ACCESS);
    }
    if (n.kind == MOON_MIB_COLUMN) {
      struct moon_ref row, column = {m, n};
      struct moon_mib_element e;
      assert_true(moon_ref_row(&column, &row));
      assert_true(row.node.n_elements > 0);
      for (uint32_t k = 0; k < row.node.n_elements; k++) {
        struct moon_mib_type t;
        assert_true(moon_mib_element(m, &row.node, k, &e) && e.name.n && moon_mib_type(m, e.type, &t) && t.base != MOON_BASE_NONE);
      }
    }
  }
  assert_true(count > 2000);
}

/* Facts out of the RFCs, written down a second time. */
static void builtin_facts(void **state) {
  static const struct { const char *name, *oid; uint8_t kind, base, access; const char *label; int32_t value; } table[] = {
      {"SNMPv2-MIB::sysUpTime", "1.3.6.1.2.1.1.3", MOON_MIB_SCALAR, MOON_BASE_TICKS, MOON_MIB_READ_ONLY, NULL, 0},
      {"SNMPv2-MIB::snmpEnableAuthenTraps", "1.3.6.1.2.1.11.30", MOON_MIB_SCALAR, MOON_BASE_INT, MOON_MIB_READ_WRITE, "disabled", 2},
      {"SNMPv2-MIB::sysORID", "1.3.6.1.2.1.1.9.1.2", MOON_MIB_COLUMN, MOON_BASE_OID, MOON_MIB_READ_ONLY, NULL, 0},
      {"IF-MIB::ifDescr", "1.3.6.1.2.1.2.2.1.2", MOON_MIB_COLUMN, MOON_BASE_OCTETS, MOON_MIB_READ_ONLY, NULL, 0},
      {"IF-MIB::ifType", "1.3.6.1.2.1.2.2.1.3", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_ONLY, "ieee8023adLag", 161},
      {"IF-MIB::ifAdminStatus", "1.3.6.1.2.1.2.2.1.7", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_WRITE, "testing", 3},
      {"IF-MIB::ifOperStatus", "1.3.6.1.2.1.2.2.1.8", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_ONLY, "notPresent", 6},
      {"IF-MIB::ifInOctets", "1.3.6.1.2.1.2.2.1.10", MOON_MIB_COLUMN, MOON_BASE_COUNTER32, MOON_MIB_READ_ONLY, NULL, 0},
      {"IF-MIB::ifHCInOctets", "1.3.6.1.2.1.31.1.1.1.6", MOON_MIB_COLUMN, MOON_BASE_COUNTER64, MOON_MIB_READ_ONLY, NULL, 0},
      {"IF-MIB::ifHighSpeed", "1.3.6.1.2.1.31.1.1.1.15", MOON_MIB_COLUMN, MOON_BASE_GAUGE32, MOON_MIB_READ_ONLY, NULL, 0},
      {"IF-MIB::linkDown", "1.3.6.1.6.3.1.1.5.3", MOON_MIB_NOTIFICATION, 0, 0, NULL, 0},
      {"IP-MIB::ipAddressOrigin", "1.3.6.1.2.1.4.34.1.6", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_ONLY, "linklayer", 5},
      {"IP-MIB::ipNetToPhysicalPhysAddress", "1.3.6.1.2.1.4.35.1.4", MOON_MIB_COLUMN, MOON_BASE_OCTETS, MOON_MIB_READ_CREATE, NULL, 0},
      {"IP-MIB::ipSystemStatsHCInReceives", "1.3.6.1.2.1.4.31.1.1.4", MOON_MIB_COLUMN, MOON_BASE_COUNTER64, MOON_MIB_READ_ONLY, NULL, 0},
      {"HOST-RESOURCES-MIB::hrStorageUsed", "1.3.6.1.2.1.25.2.3.1.6", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_ONLY, NULL, 0},
      {"HOST-RESOURCES-MIB::hrDeviceStatus", "1.3.6.1.2.1.25.3.2.1.5", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_ONLY, "down", 5},
      {"HOST-RESOURCES-MIB::hrSWRunStatus", "1.3.6.1.2.1.25.4.2.1.7", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_WRITE, "invalid", 4},
      {"HOST-RESOURCES-MIB::hrSystemDate", "1.3.6.1.2.1.25.1.2", MOON_MIB_SCALAR, MOON_BASE_OCTETS, MOON_MIB_READ_WRITE, NULL, 0},
      {"ENTITY-MIB::entPhysicalClass", "1.3.6.1.2.1.47.1.1.1.1.5", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_ONLY, "powerSupply", 6},
      {"ENTITY-MIB::entPhysicalSerialNum", "1.3.6.1.2.1.47.1.1.1.1.11", MOON_MIB_COLUMN, MOON_BASE_OCTETS, MOON_MIB_READ_WRITE, NULL, 0},
      {"ENTITY-SENSOR-MIB::entPhySensorType", "1.3.6.1.2.1.99.1.1.1.1", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_ONLY, "celsius", 8},
      {"ENTITY-SENSOR-MIB::entPhySensorScale", "1.3.6.1.2.1.99.1.1.1.2", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_ONLY, "milli", 8},
      {"ENTITY-SENSOR-MIB::entPhySensorOperStatus", "1.3.6.1.2.1.99.1.1.1.5", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_ONLY, "nonoperational", 3},
      {"BGP4-MIB::bgpPeerState", "1.3.6.1.2.1.15.3.1.2", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_ONLY, "established", 6},
      {"BGP4-MIB::bgpPeerFsmEstablishedTime", "1.3.6.1.2.1.15.3.1.16", MOON_MIB_COLUMN, MOON_BASE_GAUGE32, MOON_MIB_READ_ONLY, NULL, 0},
      {"BRIDGE-MIB::dot1dTpFdbStatus", "1.3.6.1.2.1.17.4.3.1.3", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_ONLY, "learned", 3},
      {"BRIDGE-MIB::dot1dStpPortState", "1.3.6.1.2.1.17.2.15.1.3", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_ONLY, "forwarding", 5},
      {"LLDP-MIB::lldpRemChassisIdSubtype", "1.0.8802.1.1.2.1.4.1.1.4", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_ONLY, "macAddress", 4},
      {"LLDP-MIB::lldpRemPortIdSubtype", "1.0.8802.1.1.2.1.4.1.1.6", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_ONLY, "interfaceName", 5},
      {"LLDP-MIB::lldpRemSysCapEnabled", "1.0.8802.1.1.2.1.4.1.1.12", MOON_MIB_COLUMN, MOON_BASE_BITS, MOON_MIB_READ_ONLY, "router", 4},
      {"UPS-MIB::upsBatteryStatus", "1.3.6.1.2.1.33.1.2.1", MOON_MIB_SCALAR, MOON_BASE_INT, MOON_MIB_READ_ONLY, "batteryDepleted", 4},
      {"UPS-MIB::upsOutputSource", "1.3.6.1.2.1.33.1.4.1", MOON_MIB_SCALAR, MOON_BASE_INT, MOON_MIB_READ_ONLY, "battery", 5},
      {"UPS-MIB::upsOutputPercentLoad", "1.3.6.1.2.1.33.1.4.4.1.5", MOON_MIB_COLUMN, MOON_BASE_INT, MOON_MIB_READ_ONLY, NULL, 0},
  };
  char oid[MOON_OID_TEXT_MAX], why[256];
  (void)state;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    uint8_t p[MOON_OID_MAX_LEN];
    struct moon_ref ref;
    struct moon_mib_type t = {0};
    int32_t value = 0;
    if (resolved(table[i].name, oid, why) || strcmp(oid, table[i].oid) != 0) { fail_msg("%s: %s %s", table[i].name, oid, why); }
    assert_true(moon_names_find(&names, p, octets(oid, p), &ref));
    assert_string_equal(printed(oid, MOON_PRINT_MODULE), table[i].name);
    assert_int_equal(ref.node.kind, table[i].kind);
    assert_int_equal(ref.node.access, table[i].access);
    assert_true(!table[i].base || moon_mib_type(ref.mib, ref.node.type, &t));
    assert_int_equal(t.base, table[i].base);
    if (!table[i].label) { continue; }
    struct moon_text_view label;
    assert_true(moon_mib_labelled(ref.mib, &t, table[i].label, strlen(table[i].label), &value));
    assert_int_equal(value, table[i].value);
    assert_true(moon_mib_label(ref.mib, &t, value, &label));
    assert_string_equal(label.p, table[i].label);
  }
}

static void units_hints_indexes(void **state) {
  struct moon_ref ref, row;
  struct moon_mib_type t;
  struct moon_mib_element e;
  (void)state;
  assert_true(moon_names_named(&names, NULL, 0, "upsEstimatedMinutesRemaining", 28, &ref));
  assert_string_equal(ref.node.units.p, "minutes");
  assert_true(moon_names_named(&names, NULL, 0, "hrSystemDate", 12, &ref) && moon_mib_type(ref.mib, ref.node.type, &t));
  assert_string_equal(t.hint.p, "2d-1d-1d,1d:1d:1d.1d,1a1d:1d");
  assert_true(moon_mib_is(ref.mib, ref.node.type, "DateAndTime"));
  assert_string_equal(moon_mib_convention(ref.mib, ref.node.type).p, "DateAndTime");
  assert_true(moon_names_named(&names, NULL, 0, "ifAlias", 7, &ref) && moon_mib_type(ref.mib, ref.node.type, &t));
  int64_t low = -1, high = -1; /* refined: DisplayString (SIZE (0..64)) */
  assert_true(moon_mib_range(ref.mib, &t, 0, &low, &high) && low == 0 && high == 64 && !moon_mib_range(ref.mib, &t, 1, &low, &high));
  assert_string_equal(t.hint.p, "255a");
  assert_true(moon_ref_row(&ref, &row) && row.node.flags & MOON_MIB_AUGMENTS);
  assert_string_equal(row.node.row.p, "ifEntry");
  assert_true(moon_mib_element(row.mib, &row.node, 0, &e) && !moon_mib_element(row.mib, &row.node, 1, &e));
  assert_string_equal(e.name.p, "ifIndex");
  assert_true(moon_names_named(&names, NULL, 0, "snmpTargetAddrTagList", 21, &ref) && moon_ref_row(&ref, &row));
  assert_true(row.node.flags & MOON_MIB_IMPLIED);
  assert_true(moon_names_named(&names, "BRIDGE-MIB", 10, "dot1dTpFdbPort", 14, &ref) && moon_ref_row(&ref, &row));
  assert_true(moon_mib_element(row.mib, &row.node, 0, &e) && moon_mib_type(row.mib, e.type, &t));
  assert_int_equal(moon_mib_fixed_size(row.mib, &t), 6);
  assert_true(moon_names_named(&names, "IF-MIB", 6, "ifTable", 7, &ref) && moon_ref_row(&ref, &row));
  assert_string_equal(row.node.name.p, "ifEntry");
  assert_true(moon_names_named(&names, "SNMPv2-MIB", 10, "sysDescr", 8, &ref));
  assert_false(moon_ref_row(&ref, &row));
  assert_true(moon_ref_above(&ref, &row));
  assert_string_equal(row.node.name.p, "system");
}

static void print_forms(void **state) {
  static const struct { const char *oid; uint32_t options; const char *text; } table[] = {
      {"1.3.6.1.2.1.2.2.1.2.5", MOON_PRINT_MODULE, "IF-MIB::ifDescr.5"},
      {"1.3.6.1.2.1.2.2.1.2.5", MOON_PRINT_SUFFIX, "ifDescr.5"},
      {"1.3.6.1.2.1.2.2.1.2.5", MOON_PRINT_NUMERIC, ".1.3.6.1.2.1.2.2.1.2.5"},
      {"1.3.6.1.2.1.2.2.1.2.5", MOON_PRINT_FULL, ".iso.org.dod.internet.mgmt.mib-2.interfaces.ifTable.ifEntry.ifDescr.5"},
      {"1.3.6.1.2.1.2.2.1.2.5", MOON_PRINT_UCD, "interfaces.ifTable.ifEntry.ifDescr.5"},
      {"1.3.6.1.4.1.9.1", MOON_PRINT_UCD, "enterprises.9.1"},
      {"1.3.6.1.2.1.2.2.1.2.5", MOON_PRINT_BRACKETS, "IF-MIB::ifDescr[5]"},
      {"1.3.6.1.2.1.2.2.1.99.5", MOON_PRINT_MODULE, "IF-MIB::ifEntry.99.5"},
      {"1.3.6.1.2.1.2.2.1.2", MOON_PRINT_MODULE, "IF-MIB::ifDescr"},
      {"1.3.6.1.2.1.4.34.1.3.1.4.192.0.2.1", MOON_PRINT_MODULE, "IP-MIB::ipAddressIfIndex.ipv4.\"192.0.2.1\""},
      {"1.3.6.1.2.1.4.34.1.3.1.4.192.0.2.1", MOON_PRINT_NO_INDEX, "IP-MIB::ipAddressIfIndex.1.4.192.0.2.1"},
      {"1.3.6.1.2.1.4.34.1.3.1.4.192.0.2.1", MOON_PRINT_BRACKETS, "IP-MIB::ipAddressIfIndex[ipv4][\"192.0.2.1\"]"},
      {"1.3.6.1.2.1.4.34.1.3.3.8.192.0.2.1.0.0.1.4", MOON_PRINT_MODULE, "IP-MIB::ipAddressIfIndex.ipv4z.\"192.0.2.1%260\""},
      {"1.3.6.1.2.1.4.34.1.3.2.16.254.128.0.0.0.0.0.0.0.0.0.0.0.0.0.1", MOON_PRINT_MODULE,
       "IP-MIB::ipAddressIfIndex.ipv6.\"fe:80:00:00:00:00:00:00:00:00:00:00:00:00:00:01\""},
      {"1.3.6.1.2.1.4.34.1.3.1.5.192.0.2.1", MOON_PRINT_MODULE, "IP-MIB::ipAddressIfIndex.ipv4.5.192.0.2.1"}, /* too short: numbers */
      {"1.3.6.1.2.1.4.34.1.3.1.4.192.0.2.256", MOON_PRINT_MODULE, "IP-MIB::ipAddressIfIndex.ipv4.\"....\""},
      {"1.3.6.1.2.1.4.34.1.3.1.3.192.0.97", MOON_PRINT_MODULE, "IP-MIB::ipAddressIfIndex.ipv4.\"..a\""},
      {"1.3.6.1.2.1.17.4.3.1.2.0.27.33.58.79.2", MOON_PRINT_MODULE, "BRIDGE-MIB::dot1dTpFdbPort.'..!:O.'"},
      {"1.3.6.1.2.1.17.4.3.1.2.0.27.33.58.79.2", MOON_PRINT_BRACKETS, "BRIDGE-MIB::dot1dTpFdbPort[STRING: 0:1b:21:3a:4f:2]"},
      {"1.3.6.1.2.1.17.4.3.1.2.0.27.33", MOON_PRINT_MODULE, "BRIDGE-MIB::dot1dTpFdbPort.0.27.33"},
      {"1.3.6.1.2.1.15.3.1.2.192.0.2.1", MOON_PRINT_MODULE, "BGP4-MIB::bgpPeerState.192.0.2.1"},
      {"1.3.6.1.2.1.3.1.1.3.2.1.192.0.2.1", MOON_PRINT_MODULE, "RFC1213-MIB::atNetAddress.2.1.192.0.2.1"},
      {"1.3.6.1.6.3.15.1.2.2.1.4.3.1.2.3.2.97.34", MOON_PRINT_ESCAPE, "SNMP-USER-BASED-SM-MIB::usmUserCloneFrom.\\\"...\\\".\\\"a\"\\\""},
      {"1.3.6.1.6.3.15.1.2.2.1.4.0.1.97", MOON_PRINT_MODULE, "SNMP-USER-BASED-SM-MIB::usmUserCloneFrom.\"\".\"a\""},
      {"1.3.6.1.6.3.12.1.2.1.2.97.98", MOON_PRINT_MODULE, "SNMP-TARGET-MIB::snmpTargetAddrTDomain.'ab'"},
      {"1.0.8802.1.1.2.1.4.1.1.9.12345.7.1", MOON_PRINT_BRACKETS, "LLDP-MIB::lldpRemSysName[0:02:03.45][7][1]"},
      {"1.0.8802.1.1.2.1.4.1.1.9.12345.7.1", MOON_PRINT_MODULE, "LLDP-MIB::lldpRemSysName.12345.7.1"},
      {"1.2.840.10036", MOON_PRINT_MODULE, "iso.2.840.10036"},
      {"1.2.840.10036", MOON_PRINT_FULL, ".iso.2.840.10036"},
      {"2.999.3", MOON_PRINT_MODULE, "joint-iso-ccitt.999.3"},
      {"0.0", MOON_PRINT_MODULE, "SNMPv2-SMI::zeroDotZero"},
      {"0.9", MOON_PRINT_MODULE, "ccitt.9"},
      {"1.3.5", MOON_PRINT_MODULE, "SNMPv2-SMI::org.5"},
      {"1.3.6.1.2.1.1.3.0", MOON_PRINT_MODULE, "SNMPv2-MIB::sysUpTime.0"}, /* not RFC1213-MIB */
  };
  (void)state;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) { assert_string_equal(printed(table[i].oid, table[i].options), table[i].text); }
}

static void read_forms(void **state) {
  static const struct { const char *text, *oid; } table[] = {
      {"sysUpTime.0", "1.3.6.1.2.1.1.3.0"}, {"SNMPv2-MIB::sysUpTime.0", "1.3.6.1.2.1.1.3.0"}, {"SNMPv2-MIB:sysUpTime.0", "1.3.6.1.2.1.1.3.0"},
      {".1.3.6.1.2.1", "1.3.6.1.2.1"}, {"1.3.6.0x1f.017", "1.3.6.31.15"}, {"iso.3.6", "1.3.6"}, {".iso.org.dod", "1.3.6"},
      {"mib-2.system.sysDescr.0", "1.3.6.1.2.1.1.1.0"}, {"ifTable.1.ifDescr.3", "1.3.6.1.2.1.2.2.1.2.3"}, {"ifDescr[3]", "1.3.6.1.2.1.2.2.1.2.3"},
      {"ipAddressIfIndex[ipv4][\"192.0.2.1\"]", "1.3.6.1.2.1.4.34.1.3.1.4.192.0.2.1"},
      {"ipAddressIfIndex.ipv6.\"2001:db8::7\"", "1.3.6.1.2.1.4.34.1.3.2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.7"},
      {"ipAddressIfIndex.ipv6.\"fe:80:00:00:00:00:00:00:00:00:00:00:00:00:00:01\"", "1.3.6.1.2.1.4.34.1.3.2.16.254.128.0.0.0.0.0.0.0.0.0.0.0.0.0.1"},
      {"ipAddressIfIndex.ipv6.\"::\"", "1.3.6.1.2.1.4.34.1.3.2.16.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"},
      {"ipAddressIfIndex.1.4.192.0.2.1", "1.3.6.1.2.1.4.34.1.3.1.4.192.0.2.1"}, {"ipAddressIfIndex.ipv4", "1.3.6.1.2.1.4.34.1.3.1"},
      {"dot1dTpFdbPort.'abcdef'", "1.3.6.1.2.1.17.4.3.1.2.97.98.99.100.101.102"},
      {"dot1dTpFdbPort.'0:1b:21:3a:4f:2'", "1.3.6.1.2.1.17.4.3.1.2.0.27.33.58.79.2"},
      {"usmUserStatus.\"abcde\".\"me\"", "1.3.6.1.6.3.15.1.2.2.1.13.5.97.98.99.100.101.2.109.101"},
      {"snmpTargetAddrTDomain.'ab'", "1.3.6.1.6.3.12.1.2.1.2.97.98"}, {"bgpPeerState.192.0.2.1", "1.3.6.1.2.1.15.3.1.2.192.0.2.1"},
      {"enterprises.9.\"ab\".'c'", "1.3.6.1.4.1.9.2.97.98.99"}, {"atIfIndex.2.1.192.0.2.1", "1.3.6.1.2.1.3.1.1.1.2.1.192.0.2.1"},
  };
  static const struct { const char *text; enum moon_err err; const char *why; } bad[] = {
      {"", MOON_E_SYNTAX, "Sub-id not found: (top) -> "}, {"nosuch", MOON_E_SYNTAX, "Sub-id not found: (top) -> nosuch"},
      {"IF-MIB::nosuch.1", MOON_E_SYNTAX, "Sub-id not found: (top) -> nosuch"}, {"FOO-MIB::x", MOON_E_MISSING, "Unknown module FOO-MIB"},
      {"::x", MOON_E_MISSING, "Unknown module "}, {"system.nosuch", MOON_E_SYNTAX, "Sub-id not found: system -> nosuch"},
      {"ifDescr.x", MOON_E_SYNTAX, "Index out of range: x (ifIndex)"}, {"ifDescr.0", MOON_E_SYNTAX, "Index out of range: 0 (ifIndex)"},
      {"ipAddressIfIndex.ipv9", MOON_E_SYNTAX, "Index out of range: ipv9 (ipAddressAddrType)"},
      {"bgpPeerState.1.2.3.256", MOON_E_SYNTAX, "Index out of range: 256 (bgpPeerRemoteAddr)"},
      {"dot1dTpFdbPort.\"abcdef\"", MOON_E_SYNTAX, "\"-quote is for variable length strings"},
      {"usmUserStatus.'abcde'.\"a\"", MOON_E_SYNTAX, "'-quote is for fixed length strings"},
      {"dot1dTpFdbPort.'abc'", MOON_E_SYNTAX, "Index out of range: 'abc' (dot1dTpFdbAddress)"},
      {"usmUserStatus.\"abcde", MOON_E_SYNTAX, "Index out of range: \"abcde (usmUserEngineID)"},
      {"sysDescr.", MOON_E_SYNTAX, NULL}, {"sysDescr..0", MOON_E_SYNTAX, NULL}, {"ifDescr.1x", MOON_E_SYNTAX, NULL}, {"iso", MOON_E_RANGE, ""},
      {"1.3.4294967296", MOON_E_SYNTAX, NULL}, {"3.1", MOON_E_RANGE, NULL}, {"1.40", MOON_E_RANGE, NULL},
  };
  char oid[MOON_OID_TEXT_MAX], why[256], wide[4 * MOON_OID_MAX_ARCS];
  (void)state;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    if (resolved(table[i].text, oid, why)) { fail_msg("%s: %s", table[i].text, why); }
    assert_string_equal(oid, table[i].oid);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    enum moon_err e = resolved(bad[i].text, oid, why);
    if (e != bad[i].err || (bad[i].why && strcmp(why, bad[i].why) != 0)) { fail_msg("%s: %d '%s' %s", bad[i].text, e, why, oid); }
  }
  strcpy(wide, "1.3");
  for (int i = 0; i < MOON_OID_MAX_ARCS; i++) { strcat(wide, ".1"); }
  assert_int_equal(resolved(wide, oid, why), MOON_E_LIMIT);
  /* Values out of range pass when asked to. */
  uint8_t p[MOON_OID_MAX_LEN];
  size_t n;
  assert_int_equal(moon_names_resolve(&names, "ifDescr.0", 9, MOON_RESOLVE_ANY_VALUE, p, &n, NULL), MOON_OK);
}

static void hints(void **state) {
  static const struct { const char *hint, *octets; size_t n; const char *text; } table[] = {
      {"1x:", "\x00\x1b\x21", 3, "0:1b:21"}, {"255a", "abc", 3, "abc"}, {"1d.1d.1d.1d", "\xc0\x00\x02\x01", 4, "192.0.2.1"},
      {"2d-1d-1d,1d:1d:1d.1d,1a1d:1d", "\x07\xe8\x05\x01\x0e\x00\x00\x00+\x02\x00", 11, "2024-5-1,14:0:0.0,+2:0"},
      {"2d-1d-1d,1d:1d:1d.1d,1a1d:1d", "\x07\xe8\x05\x01\x0e\x00\x00\x00", 8, "2024-5-1,14:0:0.0"},
      {"*1x:/1x:", "\x02\xaa\xbb\xcc\xdd", 5, "aa:bb:/cc:dd"} /* net-snmp keeps the separator */, {"1x", "\x0a\x0b", 2, "0a0b"}, {"4d", "\xff\xff\xff\xff", 4, "4294967295"},
      {"1o ", "\x08\x09", 2, "10 11"}, {"2x:2x:2x:2x:2x:2x:2x:2x%4d", "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\2", 20, "fe80:0:0:0:0:0:0:1%2"},
      {"255t", "\xc3\xbc", 2, "\xc3\xbc"}, {"255a", "a\0b", 3, "a.b"}, {"1x:", "", 0, ""}, {"*1x:", "\x05\xaa", 2, "aa"}, {"0a", "ab", 2, "ab"},
  };
  static const struct { const char *hint; int64_t v; const char *text; } numbers[] = {
      {"d", 5, "5"}, {"d", -5, "-5"}, {"d-2", 1234, "12.34"}, {"d-2", 5, ".05"}, {"d-2", -1234, "-12.34"}, {"d-4", 1234, ".1234"},
      {"x", 255, "ff"}, {"o", 8, "10"}, {"b", 5, "00000000000000000000000000000101"},
  };
  char text[256];
  struct moon_out out;
  struct guard g;
  (void)state;
  guard_init(&g, 64);
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    out = (struct moon_out){.p = text, .cap = sizeof text};
    text[0] = '\0';
    assert_true(moon_print_hint(guard_put(&g, table[i].octets, table[i].n), table[i].n, table[i].hint, strlen(table[i].hint), false, &out));
    assert_string_equal(text, table[i].text);
  }
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    out = (struct moon_out){.p = text, .cap = sizeof text};
    assert_true(moon_print_hint_number(numbers[i].v, numbers[i].hint, strlen(numbers[i].hint), &out));
    assert_string_equal(text, numbers[i].text);
  }
  out = (struct moon_out){.p = text, .cap = sizeof text};
  assert_false(moon_print_hint((const uint8_t *)"a", 1, "1z", 2, false, &out));
  assert_false(moon_print_hint((const uint8_t *)"a", 1, "255", 3, false, &out));
  assert_false(moon_print_hint((const uint8_t *)"a", 1, "", 0, false, &out));
  assert_false(moon_print_hint_number(1, "q", 1, &out));
  assert_int_equal(out.n, 0);
  assert_true(moon_print_hint((const uint8_t *)"\x1\x2", 2, "1x:", 3, true, &out)); /* -O0 */
  assert_string_equal(text, "01:02");
  guard_fini(&g);
}

static char *text_of(const struct moon_mib *m, uint32_t module, size_t *n, bool as_module) {
  struct moon_out out = {0};
  for (int pass = 0; pass < 2; pass++) {
    if (as_module) {
      moon_module_write(m, module, &out, NULL, NULL);
    } else {
      moon_facts_write(m, module, &out);
    }
    if (pass == 0) { out = (struct moon_out){.p = malloc(out.n + 1), .cap = out.n + 1}; }
  }
  *n = out.n;
  return out.p;
}

/* Facts written out and read again, all modules together, are the same block. */
static void facts_both_ways(void **state) {
  const struct moon_mib *m = &names.block[0];
  struct moon_block *b = moon_block_new();
  struct moon_mib again;
  uint8_t *p;
  size_t n, size;
  uint32_t line = 0;
  const char *why = "";
  (void)state;
  for (uint32_t i = 0; i < m->h.modules.n; i++) {
    char *text = text_of(m, i, &n, false);
    if (moon_facts_read(b, text, n, &line, &why)) { fail_msg("%s:%u: %s", moon_mib_module_name(m, i).p, line, why); }
    free(text);
  }
  moon_block_settle(b);
  assert_int_equal(moon_block_pack(b, &p, &size), MOON_OK);
  moon_block_free(b);
  assert_int_equal(moon_mib_open(p, size, &again), MOON_OK);
  assert_int_equal(again.h.nodes.n, m->h.nodes.n);
  for (uint32_t i = 0; i < m->h.modules.n; i++) {
    size_t n2;
    char *a = text_of(m, i, &n, false), *c = text_of(&again, i, &n2, false);
    assert_string_equal(a, c);
    free(a);
    free(c);
    a = text_of(m, i, &n, true);
    c = text_of(&again, i, &n2, true);
    assert_string_equal(a, c);
    free(a);
    free(c);
  }
  /* And copied, module by module, the other way round. */
  struct moon_mib copy;
  uint32_t *types = malloc((again.h.types.n + 1) * sizeof *types);
  uint8_t *q;
  memset(types, 0xff, again.h.types.n * sizeof *types);
  b = moon_block_new();
  for (uint32_t i = again.h.modules.n; i-- > 0;) { moon_block_copy(b, &again, i, types); }
  free(types);
  assert_int_equal(moon_block_pack(b, &q, &size), MOON_OK);
  moon_block_free(b);
  assert_int_equal(moon_mib_open(q, size, &copy), MOON_OK);
  for (uint32_t i = 0; i < m->h.modules.n; i++) {
    struct moon_text_view name = moon_mib_module_name(m, i);
    struct moon_ref ref = {.mib = &copy};
    uint32_t k = moon_mib_find_module(&copy, name.p, name.n);
    struct moon_mib_node node;
    assert_int_not_equal(k, MOON_MIB_NONE);
    for (uint32_t at = 0; moon_mib_node(m, at, &node); at++) {
      if (node.module != i) { continue; }
      assert_true(moon_mib_node(&copy, moon_mib_find_name(&copy, k, node.name.p, node.name.n), &ref.node));
      assert_int_equal(ref.node.oid_len, node.oid_len);
      assert_memory_equal(ref.node.oid, node.oid, node.oid_len);
      assert_int_equal(ref.node.n_elements, node.n_elements);
    }
  }
  moon_mem_free(q);
  moon_mem_free(p);
}

#define SMALL                                                                                                                              \
  "module A-MIB # a comment\nnode top 1.3.6\ntype T int 1..5 a=1 b=2\n  c=3 \"d\"\ntype U T 2..3\nidentity aMIB top.1.2\ntable t aMIB.1\n"   \
  "row e t.1 = i !s\ncolumn i e.1 T na\ncolumn s e.2 octets 3..3 na deprecated units \"x y\"\ncolumn v e.3 U rc\nscalar z aMIB.3 counter64 ro\n"   \
  "table at aMIB.2\nrow ae at.1 + e obsolete\ncolumn av ae.1 bits p=0 q=9 rw\nnotification n aMIB.0.1\n"

static enum moon_err pack(const char *text, uint8_t **p, size_t *n) {
  struct moon_block *b = moon_block_new();
  uint32_t line;
  const char *why;
  if (!b) { return MOON_E_NOMEM; }
  enum moon_err e = moon_facts_read(b, text, strlen(text), &line, &why);
  moon_block_settle(b);
  if (!e) { e = moon_block_pack(b, p, n); }
  moon_block_free(b);
  return e;
}

static void small_facts(void **state) {
  uint8_t *p;
  size_t n;
  struct moon_mib m;
  struct moon_mib_node node;
  struct moon_mib_type t;
  struct moon_text_view label;
  int64_t low, high;
  (void)state;
  assert_int_equal(pack(SMALL, &p, &n), MOON_OK);
  assert_int_equal(moon_mib_open(p, n, &m), MOON_OK);
  assert_true(moon_mib_node(&m, moon_mib_find_name(&m, 0, "v", 1), &node) && moon_mib_type(&m, node.type, &t));
  assert_true(moon_mib_label(&m, &t, 3, &label));
  assert_string_equal(label.p, "c");
  assert_true(moon_mib_range(&m, &t, 0, &low, &high) && low == 2 && high == 3);
  assert_string_equal(t.hint.p, "d");
  assert_true(moon_mib_is(&m, node.type, "T") && moon_mib_is(&m, node.type, "U") && !moon_mib_is(&m, node.type, "V"));
  assert_true(moon_mib_node(&m, moon_mib_find_name(&m, MOON_MIB_NONE, "ae", 2), &node));
  assert_int_equal(node.n_elements, 2);
  assert_int_equal(node.flags, MOON_MIB_AUGMENTS | MOON_MIB_IMPLIED);
  assert_int_equal(node.status, MOON_MIB_OBSOLETE);
  assert_true(moon_mib_node(&m, moon_mib_find_name(&m, MOON_MIB_NONE, "s", 1), &node));
  assert_string_equal(node.units.p, "x y");
  assert_int_equal(node.status, MOON_MIB_DEPRECATED);
  moon_mem_free(p);
}

static void facts_refused(void **state) {
  static const struct { const char *text; uint32_t line; const char *why; } table[] = {
      {"node a 1.3", 1, "no module yet"}, {"module", 1, "a module has no name"}, {"module M\nfoo a 1.3", 2, "no such kind of fact"},
      {"module M\n\nnode a b.1", 3, "no such node above"}, {"module M\nnode a 1.3.", 2, "no OID"}, {"module M\nnode a 1.3 foo", 2, "a word nobody understands"},
      {"module M\nscalar a 1.3 Foo", 2, "no such type"}, {"module M\nscalar a 1.3", 2, "a type is missing"},
      {"module M\nscalar a 1.3 int 5..", 2, "a word nobody understands"}, {"module M\nscalar a 1.3 int a=", 2, "a word nobody understands"},
      {"module M\nscalar a 1.3 int =1", 2, "a word nobody understands"}, {"module M\nscalar a 1.3 int a=99999999999", 2, "a word nobody understands"},
      {"module M\nscalar a 1.3 int units x", 2, "units are text in quotes"}, {"module M\ntype T int \"abc\n", 2, "a quote is not closed"},
      {"module M\nrow a 1.3 = !b c", 2, "only the last of an index can be implied"}, {"module M\nrow a 1.3 +", 2, "a row is missing"},
      {"module M\nnode a", 2, "an OID is missing"}, {"module M x", 1, "more than belongs there"}, {"module M\nnode a 1.3.4294967296", 2, "no OID"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    struct moon_block *b = moon_block_new();
    uint32_t line = 0;
    const char *why = "";
    assert_int_equal(moon_facts_read(b, table[i].text, strlen(table[i].text), &line, &why), MOON_E_SYNTAX);
    assert_string_equal(why, table[i].why);
    assert_int_equal(line, table[i].line);
    moon_block_free(b);
  }
}

/* Follows all that can be followed. */
static size_t weigh(const struct moon_names *s) {
  const struct moon_mib *m = &s->block[0];
  struct moon_mib_node n;
  struct moon_mib_type t;
  struct moon_mib_element e;
  struct moon_text_view v;
  struct moon_ref ref, other;
  char text[512];
  int64_t low, high;
  int32_t value;
  size_t sum = 0, len;
  uint8_t p[MOON_OID_MAX_LEN];
  for (uint32_t i = 0; moon_mib_node(m, i, &n); i++) {
    sum += strlen(n.name.p) + strlen(n.units.p) + strlen(n.row.p) + strlen(moon_mib_module_name(m, n.module).p);
    for (uint32_t k = 0; moon_mib_element(m, &n, k, &e); k++) { sum += strlen(e.name.p); }
    struct moon_out out = {.p = text, .cap = sizeof text};
    moon_facts_write_node(m, &n, &out);
    moon_print_oid(s, n.oid, n.oid_len, MOON_PRINT_FULL, &out);
    ref = (struct moon_ref){m, n};
    sum += moon_ref_row(&ref, &other) && moon_ref_above(&ref, &other) && moon_mib_find(m, n.oid, n.oid_len) == i;
    sum += !moon_names_resolve(s, n.name.p, n.name.n, 0, p, &len, NULL);
  }
  for (uint32_t i = 0; moon_mib_type(m, i, &t); i++) {
    sum += strlen(t.name.p) + strlen(t.hint.p) + moon_mib_fixed_size(m, &t) + moon_mib_convention(m, i).n;
    for (uint32_t k = 0; k < 1000 && moon_mib_item(m, &t, k, &value, &v); k++) { sum += strlen(v.p); }
    for (uint32_t k = 0; k < 1000 && moon_mib_range(m, &t, k, &low, &high); k++) { sum++; }
  }
  return sum;
}

/* Every octet of a block in turn spoiled in several ways; every prefix of it. */
static void hostile_blocks(void **state) {
  static const uint8_t xors[] = {0x01, 0x80, 0xff};
  uint8_t *p;
  size_t n, kept = 0;
  struct guard g;
  struct moon_names s = {.n = 1};
  (void)state;
  assert_int_equal(pack(SMALL, &p, &n), MOON_OK);
  guard_init(&g, n);
  for (size_t len = 0; len < n; len++) { assert_int_not_equal(moon_mib_open(guard_put(&g, p, len), len, &s.block[0]), MOON_OK); }
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < sizeof xors; k++) {
      uint8_t *q = guard_put(&g, p, n);
      q[i] ^= xors[k];
      if (moon_mib_open(q, n, &s.block[0])) { continue; }
      kept++;
      weigh(&s);
    }
  }
  assert_true(kept > n); /* most of it is not the frame */
  assert_int_equal(moon_mib_open(p, n - 1, &s.block[0]), MOON_E_LENGTH);
  p[0] ^= 1;
  assert_int_equal(moon_mib_open(p, n, &s.block[0]), MOON_E_VERSION);
  guard_fini(&g);
  moon_mem_free(p);
}

static void no_memory(void **state) {
  (void)state;
  for (unsigned i = 1;; i++) {
    uint8_t *p = NULL;
    size_t n, alive = failmem_alive();
    failmem_arm(i);
    enum moon_err e = pack(SMALL, &p, &n);
    bool fired = failmem_fired();
    failmem_disarm();
    assert_int_equal(e, fired ? MOON_E_NOMEM : MOON_OK);
    if (!fired) {
      moon_mem_free(p);
      assert_true(i > 8);
      break;
    }
    assert_int_equal(failmem_alive(), alive);
  }
}

static void several_blocks(void **state) {
  struct moon_names s;
  struct moon_ref ref;
  uint8_t *p, *q, oid[MOON_OID_MAX_LEN];
  size_t n, m;
  (void)state;
  moon_names_init(&s);
  assert_int_equal(pack("module IF-MIB\nnode interfaces 1.3.6.1.2.1.2\nscalar ifNumber interfaces.1 int new=7 ro\nmodule X-MIB\nnode xIf 1.3.6.1.2.1.2\nnode xSystem 1.3.6.1.2.1.1\nnode x 1.3.6.1.4.1.99\n",
                        &p, &n), MOON_OK);
  assert_int_equal(moon_names_add(&s, p, n), MOON_OK);
  assert_int_not_equal(moon_names_add(&s, "none", 4), MOON_OK);
  assert_int_equal(s.n, 2);
  /* A module known anew has the new facts; another module does not take over the names of OIDs that have some. */
  assert_true(moon_names_find(&s, oid, octets("1.3.6.1.2.1.2.1.0", oid), &ref) && ref.mib == &s.block[1]);
  assert_true(moon_names_named(&s, "IF-MIB", 6, "ifNumber", 8, &ref) && ref.mib == &s.block[1]);
  assert_true(moon_names_named(&s, "IF-MIB", 6, "ifDescr", 7, &ref) && ref.mib == &s.block[0]);
  assert_true(moon_names_find(&s, oid, octets("1.3.6.1.2.1.2", oid), &ref));
  assert_string_equal(ref.node.name.p, "interfaces");
  assert_true(moon_names_find(&s, oid, octets("1.3.6.1.2.1.1.99", oid), &ref));
  assert_string_equal(ref.node.name.p, "system");
  assert_true(moon_names_find(&s, oid, octets("1.3.6.1.4.1.99.5", oid), &ref));
  assert_string_equal(ref.node.name.p, "x");
  assert_int_equal(moon_names_module(&s, "IF-MIB", 6), 3);
  assert_int_equal(moon_names_module(&s, "X-MIB", 5), 2);
  assert_int_equal(moon_names_module(&s, "Y-MIB", 5), 0);
  assert_int_equal(pack("module Z-MIB\nnode z 1.3.6.1.4.1.98\n", &q, &m), MOON_OK);
  while (s.n < MOON_NAMES_BLOCKS_MAX) { assert_int_equal(moon_names_add(&s, q, m), MOON_OK); }
  assert_int_equal(moon_names_add(&s, q, m), MOON_E_LIMIT);
  moon_mem_free(p);
  moon_mem_free(q);
}

static int setup(void **state) {
  (void)state;
  failmem_install();
  moon_names_init(&names);
  return names.n == 1 ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(builtin_both_ways), cmocka_unit_test(builtin_facts), cmocka_unit_test(units_hints_indexes), cmocka_unit_test(print_forms),
      cmocka_unit_test(read_forms),        cmocka_unit_test(hints),         cmocka_unit_test(facts_both_ways),     cmocka_unit_test(small_facts),
      cmocka_unit_test(facts_refused),     cmocka_unit_test(hostile_blocks), cmocka_unit_test(no_memory),          cmocka_unit_test(several_blocks),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}
