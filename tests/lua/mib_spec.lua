-- Names in scripts: modules, objects, labels, OIDs by name in shapes, indexes by the MIB.
local snmp = require "moonpoll"
local ber = require "agent.ber"

local options = { version = "2c", community = "public", id = 77 }

local function raises(what, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.truthy(tostring(message):find(what, 1, true), "says: " .. tostring(message))
end

--- The OIDs a request asks for, in its order.
local function asked(what)
  local m = ber.decode(snmp.request(what, options))
  local list = {}
  for i, vb in ipairs(m.varbinds) do list[i] = table.concat(vb.oid, ".") end
  return list
end

local IF, SYS = snmp.mib "IF-MIB", snmp.mib "SNMPv2-MIB"

describe("an object of a MIB", function()
  it("is its OID as text", function()
    assert.equal("1.3.6.1.2.1.31.1.1.1.6", tostring(IF.ifHCInOctets))
    assert.equal("1.3.6.1.2.1.2.2.1.2.7", IF.ifDescr .. ".7")
    assert.equal("x1.3.6.1.2.1.1.5", "x" .. SYS.sysName)
    assert.equal("1.3.6.1.2.1.1.5.0", SYS.sysName .. "." .. 0)
  end)
  it("has its labels both ways", function()
    assert.equal(1, IF.ifOperStatus.up)
    assert.equal("lowerLayerDown", IF.ifOperStatus[7])
    assert.is_nil(IF.ifOperStatus[99])
    assert.equal(6, IF.ifType.ethernetCsmacd)
    assert.equal(6, snmp.mib("IANAifType-MIB").IANAifType.ethernetCsmacd)
    assert.equal("bridge", snmp.mib("LLDP-MIB").lldpRemSysCapEnabled[2])
  end)
  it("names bits", function()
    assert.same({ bridge = true, router = true }, snmp.bits("\40", snmp.mib("LLDP-MIB").lldpRemSysCapEnabled))
  end)
  it("is the same each time it is asked for", function() assert.equal(IF.ifDescr, IF.ifDescr) end)
  it("does not change", function() raises("do not change", function() IF.ifDescr.x = 1 end) end)
  it("says what it does not have", function()
    raises("IF-MIB has no 'ifDexcr'", function() return IF.ifDexcr end)
    raises("ifOperStatus has no value named 'upp'", function() return IF.ifOperStatus.upp end)
    raises("no MIB module 'NO-SUCH-MIB' is known", snmp.mib, "NO-SUCH-MIB")
    raises("mib_spec.lua", function() return IF.ifDexcr end)
    raises("concatenate", function() return IF.ifDescr .. {} end)
  end)
  it("keeps scripts apart", function()
    local other = snmp.mib "IF-MIB"
    rawset(other, "ifDescr", "1.2.3")
    assert.equal("1.3.6.1.2.1.2.2.1.2", tostring(snmp.mib("IF-MIB").ifDescr))
  end)
end)

describe("what is asked for by name", function()
  it("is the same as by number", function()
    assert.same({ "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.31.1.1.1.6" },
                asked { rx = IF.ifHCInOctets, descr = "IF-MIB::ifDescr", up = "sysUpTime.0" })
  end)
  it("is a scalar's only instance", function()
    assert.same({ "1.3.6.1.2.1.1.5.0" }, asked(SYS.sysName))
    assert.same({ "1.3.6.1.2.1.1.5.0" }, asked { SYS.sysName })
    assert.same({ "1.3.6.1.2.1.1.5" }, asked "sysName")
  end)
  it("is found again as long as it is the same", function()
    for _ = 1, 30 do -- past the number of uses that makes a shape have functions of its own
      assert.same({ "1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.2.2.1.10" }, asked { a = IF.ifDescr, b = IF.ifInOctets })
    end
    assert.same({ "1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.2.2.1.16" }, asked { a = IF.ifDescr, b = IF.ifOutOctets })
    for i = 1, 20 do
      local again = snmp.mib "IF-MIB"
      assert.same({ "1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.2.2.1." .. 9 + i % 2 },
                  asked { a = again.ifDescr, b = i % 2 == 0 and again.ifLastChange or again.ifInOctets })
      collectgarbage()
    end
  end)
  it("makes rows under the script's keys", function()
    local m = { version = 1, community = "public", type = ber.RESPONSE, id = 77, a = 0, b = 0, varbinds = {
      { oid = ber.arcs "1.3.6.1.2.1.1.3.0", tag = ber.TICKS, value = 1234 }, { oid = ber.arcs "1.3.6.1.2.1.1.5.0", tag = ber.STRING, value = "core1" } } }
    assert.same({ up = 12.34, name = "core1" }, snmp.response({ up = SYS.sysUpTime, name = SYS.sysName }, ber.encode(m), options))
  end)
  it("is refused when nobody knows it", function()
    raises("is no OID: its octet 8 is 0x09, which cannot be seen", asked, "1.3.6.1\t")
    raises("is no OID: its octet 8 is 0xc2, which cannot be seen", asked, "ifDescr\194\160")
    raises("'ifDexcr' is no OID", asked, "ifDexcr")
    raises("key 'a': 'IF-MIB::nosuch' is no OID", asked, { a = "IF-MIB::nosuch" })
    raises("Unknown module FOO-MIB", asked, { "FOO-MIB::x" })
    raises("an OID expected, got table", asked, { a = {} })
    raises("an OID expected, got table", asked, { a = setmetatable({}, {}) })
  end)
end)

describe("snmp.oid", function()
  for name, oid in pairs {
    ["IF-MIB::ifName.1"] = "1.3.6.1.2.1.31.1.1.1.1.1", ["ifName"] = "1.3.6.1.2.1.31.1.1.1.1", ["sysUpTime.0"] = "1.3.6.1.2.1.1.3.0",
    [".1.3.6.1"] = "1.3.6.1", ["1.3.6.1"] = "1.3.6.1", ["iso.3.6"] = "1.3.6",
    [".iso.org.dod.internet.mgmt.mib-2.system.sysName.0"] = "1.3.6.1.2.1.1.5.0", ["interfaces.ifTable.ifEntry.ifDescr.3"] = "1.3.6.1.2.1.2.2.1.2.3",
    ['ipAddressIfIndex.ipv4."192.0.2.1"'] = "1.3.6.1.2.1.4.34.1.3.1.4.192.0.2.1",
    ['ipAddressIfIndex.ipv6."fe80::1"'] = "1.3.6.1.2.1.4.34.1.3.2.16.254.128.0.0.0.0.0.0.0.0.0.0.0.0.0.1",
    ['ifRcvAddressStatus.1."0:1b:21:3a:4f:2"'] = "1.3.6.1.2.1.31.1.4.1.2.1.6.0.27.33.58.79.2", ["ifDescr[3]"] = "1.3.6.1.2.1.2.2.1.2.3",
    ["bgpPeerState.192.0.2.1"] = "1.3.6.1.2.1.15.3.1.2.192.0.2.1", ["lldpRemSysName.0.5.1"] = "1.0.8802.1.1.2.1.4.1.1.9.0.5.1",
  } do
    it(name, function() assert.equal(oid, snmp.oid(name)) end)
  end
  it("refuses", function()
    for _, bad in ipairs { "", "ifDexcr", "ifDescr.", "ifDescr..1", "ifDescr.x", "IF-MIB::", "::ifDescr", "ifDescr.0", "bgpPeerState.1.2.3.400",
                           "1.", "ifDescr.1.2.x", 'ipAddressIfIndex.ipv9."1.2.3.4"', "iso" } do
      raises("is no OID", snmp.oid, bad)
    end
  end)
end)

describe("snmp.name", function()
  it("prints as net-snmp does", function()
    assert.equal("IF-MIB::ifInOctets.5", snmp.name "1.3.6.1.2.1.2.2.1.10.5")
    assert.equal("ifInOctets.5", snmp.name("1.3.6.1.2.1.2.2.1.10.5", "suffix"))
    assert.equal(".iso.org.dod.internet.mgmt.mib-2.interfaces.ifTable.ifEntry.ifInOctets.5", snmp.name("1.3.6.1.2.1.2.2.1.10.5", "full"))
    assert.equal("interfaces.ifTable.ifEntry.ifInOctets.5", snmp.name("1.3.6.1.2.1.2.2.1.10.5", "ucd"))
    assert.equal(".1.3.6.1.2.1.2.2.1.10.5", snmp.name("IF-MIB::ifInOctets.5", "numeric"))
    assert.equal("SNMPv2-SMI::enterprises.9.1", snmp.name "1.3.6.1.4.1.9.1")
    assert.equal('IP-MIB::ipAddressIfIndex.ipv4."192.0.2.1"', snmp.name "1.3.6.1.2.1.4.34.1.3.1.4.192.0.2.1")
    assert.is_nil(snmp.name(nil))
  end)
end)

describe("snmp.show", function()
  it("shows values as their objects have them", function()
    local HR, LLDP, IP = snmp.mib "HOST-RESOURCES-MIB", snmp.mib "LLDP-MIB", snmp.mib "IP-MIB"
    assert.equal("up", snmp.show(IF.ifOperStatus, 1))
    assert.equal("99", snmp.show(IF.ifOperStatus, 99))
    assert.equal("up", snmp.show("1.3.6.1.2.1.2.2.1.8.5", 1))
    assert.equal("00:1b:21:3a:4f:02", snmp.show(IF.ifPhysAddress, "\0\27\33\58\79\2"))
    assert.equal("2024-5-1,14:0:0.0,+2:0", snmp.show(HR.hrSystemDate, "\7\232\5\1\14\0\0\0+\2\0"))
    assert.equal("bridge,router", snmp.show(LLDP.lldpRemSysCapEnabled, "\40"))
    assert.equal("bridge,31", snmp.show(LLDP.lldpRemSysCapEnabled, "\32\0\0\1"))
    assert.equal("192.0.2.1", snmp.show(snmp.mib("IP-FORWARD-MIB").inetCidrRouteNextHop, "\192\0\2\1"))
    assert.equal(65535, #snmp.show(IF.ifDescr, ("x"):rep(65535)))
    assert.error_matches(function() snmp.show(LLDP.lldpRemSysCapEnabled, ("\255"):rep(65536)) end, "more than 65535 octets")
    assert.equal("eth0", snmp.show(IF.ifDescr, "eth0"))
    assert.equal("1 day, 0:00:01.50", snmp.show(SYS.sysUpTime, 86401.5))
    assert.equal("SNMPv2-SMI::enterprises.9.1", snmp.show(SYS.sysObjectID, "1.3.6.1.4.1.9.1"))
    assert.equal("IP-MIB::ip", snmp.show("SNMPv2-MIB::sysORID.1", tostring(IP.ip)))
    assert.equal(("x"):rep(3000), snmp.show(IF.ifDescr, ("x"):rep(3000)))
    assert.equal("0x00ff", snmp.show("1.3.6.1.4.1.9.1", "\0\255"))
    assert.equal("12.5", snmp.show("1.3.6.1.4.1.9.1", 12.5))
    assert.equal("18446744073709551615", snmp.show(IF.ifHCInOctets, 18446744073709551615ULL))
    assert.equal("1.2.3.4", snmp.show(snmp.mib("BGP4-MIB").bgpPeerRemoteAddr, "1.2.3.4"))
    assert.is_nil(snmp.show(IF.ifDescr, nil))
    raises("no OID", snmp.show, "ifDexcr", 1)
  end)
end)

describe("an index by the MIB", function()
  it("has a value for each object of it", function()
    local IP = snmp.mib "IP-MIB"
    assert.same({ 1, "192.0.2.1" }, { snmp.index(IP.ipAddressIfIndex)("1.4.192.0.2.1") })
    assert.same({ 2, "fe80::1" }, { snmp.index(IP.ipAddressTable)("2.16.254.128.0.0.0.0.0.0.0.0.0.0.0.0.0.1") })
    assert.same({ 3, 4 }, { snmp.index(IF.ifStackStatus)("3.4") })
    assert.same({ "192.0.2.1" }, { snmp.index(snmp.mib("BGP4-MIB").bgpPeerState)("192.0.2.1") })
    assert.same({ 7 }, { snmp.index(IF.ifHCInOctets)("7") }) -- AUGMENTS
    assert.same({ "00:1b:21:3a:4f:02" }, { snmp.index(snmp.mib("BRIDGE-MIB").dot1dTpFdbPort)("0.27.33.58.79.2") })
  end)
  it("is refused where there is none", function()
    raises("no object of a table", snmp.index, SYS.sysName)
    local none, err = snmp.index(IF.ifDescr)("1.2")
    assert.is_nil(none)
    assert.equal("decode", err.code)
  end)
end)
