-- Agents as they are: each case is a device, what it does, where that is told, and what a probe gets of it all the same.
-- All are polled by one run of one probe. `silent`: datagrams the device did not answer, `within`: those it got, at most.
local cjson = require "cjson"
local t = require "e2e.helper"

local cases = {
  { device = "HPE PDU (CPQPOWER-MIB)", symptom = "integers of zero length; net-snmp gives the whole walk up",
    source = "github.com/prometheus/snmp_exporter/issues/541",
    agent = [[mib = { ["1.3.6.1.4.1.232.165.2.3.2.1.4.1.4"] = int(3), ["1.3.6.1.4.1.232.165.2.3.2.1.4.1.5"] = int(9),
                      ["1.3.6.1.4.1.232.165.2.3.2.1.4.1.6"] = int(4) }, faults = { raw("1.3.6.1.4.1.232.165.2.3.2.1.4.1.5", "") }]],
    read = [[local s = "" for i, r in device:rows { load = "1.3.6.1.4.1.232.165.2.3.2.1.4" } do s = s .. i .. "=" .. r.load .. " " end return s]],
    gives = "1.4=3 1.5=0 1.6=4 " },
  { device = "Server Technology Sentry3", symptom = "integers of zero length, but only above 4 repetitions",
    source = "github.com/prometheus/snmp_exporter/issues/1080",
    agent = [[mib = column("1.3.6.1.4.1.1718.3.2.3.1.11.1.1", 12), faults = { { name = "raw", serve = function(_, m, a)
      if m.b > 4 then for i = 5, #a.varbinds do if a.varbinds[i].tag == 2 then a.varbinds[i].raw = "" end end return true end end } }]],
    read = [[local n = 0 for _ in device:rows { state = "1.3.6.1.4.1.1718.3.2.3.1.11" } do n = n + 1 end return n]],
    gives = "12" },
  { device = "Emerson ENP_SCUP", symptom = "no answer to GETBULK",
    source = "github.com/prometheus/snmp_exporter/pull/31",
    agent = [[faults = { faults.kind("getbulk", faults.dead()) }]],
    read = [[local n = 0
      for _ = 1, 3 do for _ in device:rows { d = "1.3.6.1.2.1.2.2.1.2", s = "1.3.6.1.2.1.2.2.1.8" } do n = n + 1 end end
      return n]],
    gives = "12", silent = 6 }, -- bulk, less, the least, two tries each: once, for three walks,
  { device = "Extreme Networks X350", symptom = "tooBig without a varbind, error-index 0, to a GETBULK whose answer would be long",
    source = "github.com/inverse-inc/packetfence/pull/2504",
    agent = [[mib = column("1.3.6.1.4.1.1916.1.2.6.1.1.2", 69), faults = { faults.too_big_varbinds(20) }]],
    read = [[local n = 0 for _ in device:rows { v = "1.3.6.1.4.1.1916.1.2.6.1.1.2" } do n = n + 1 end return n]],
    gives = "69" },
  { device = "ZTE C300 V2.1.0", symptom = "hangs on a GETBULK with max-repetitions 0",
    source = "github.com/Cepat-Kilat-Teknologi/snmp-olt-zte/pull/41",
    agent = [[faults = { { name = "hang", request = function(_, m) return m.type == ber.GETBULK and m.b == 0 or nil end } }]],
    read = [[local n = 0 for _ in device:rows { d = "1.3.6.1.2.1.2.2.1.2" } do n = n + 1 end return n]],
    gives = "4", silent = 0 },
  { device = "mini-snmpd", symptom = "Counter32 33000 as 80 e8, a negative number to BER",
    source = "github.com/troglobit/mini-snmpd/issues/8",
    agent = [[mib = { ["1.3.6.1.2.1.2.2.1.10.1"] = c32(33000) }, faults = { raw("1.3.6.1.2.1.2.2.1.10", "\128\232") }]],
    read = [[return (assert(device:get "1.3.6.1.2.1.2.2.1.10.1"))]],
    gives = "33000" },
  { device = "one of etingof/pysnmp 190", symptom = "Counter32 of four octets above 2^31 without the zero in front",
    source = "github.com/etingof/pysnmp/issues/190",
    agent = [[mib = { ["1.3.6.1.2.1.2.2.1.10.1"] = c32(1) }, faults = { raw("1.3.6.1.2.1.2.2.1.10", "\240\33\33\80") }]],
    read = [[return (assert(device:get "1.3.6.1.2.1.2.2.1.10.1"))]],
    gives = "4028703056" },
  { device = "Juniper", symptom = "Counter64 above 2^63 has nine octets",
    source = "github.com/gosnmp/gosnmp/issues/34",
    agent = [[mib = { ["1.3.6.1.4.1.2636.3.2.5.1.28.1"] = c64(1) },
      faults = { raw("1.3.6.1.4.1.2636.3.2.5.1.28.1", "\0\144\96\31\195\194\128\220\184") }]],
    read = [[return snmp.fmt((assert(device:get({ v = "1.3.6.1.4.1.2636.3.2.5.1.28.1" }, { exact = true }))).v)]],
    gives = "10403350064868154552" },
  { device = "net-snmp 5.8 on OpenWrt", symptom = "INTEGER -999 as 00 ff ff fc 19, five octets; net-snmp prints 4294966297, so do we",
    source = "github.com/net-snmp/net-snmp/issues/397",
    agent = [[mib = { ["1.3.6.1.4.1.28097.7.12.1.21.1"] = int(1) }, faults = { raw("1.3.6.1.4.1.28097.7.12.1.21.1", "\0\255\255\252\25") }]],
    read = [[return (assert(device:get "1.3.6.1.4.1.28097.7.12.1.21.1"))]],
    gives = "4294966297" },
  { device = "enterprise 40418 (temperature sensor)", symptom = "lengths in the long form: 02 81 01",
    source = "github.com/markabrahams/node-net-snmp/issues/5",
    agent = [[mib = { ["1.3.6.1.4.1.40418.2.4.4.1.0"] = int(23) }, faults = { faults.over_long_lengths() }]],
    read = [[return (assert(device:get "1.3.6.1.4.1.40418.2.4.4.1.0"))]],
    gives = "23" },
  { device = "Lexmark CX310dn", symptom = "an IpAddress of zero length: that value is an error, what came with it is there",
    source = "github.com/gosnmp/gosnmp/issues/53",
    agent = [[mib = { ["1.3.6.1.4.1.641.1.9.8.0"] = mib.ip "\1\2\3\4", ["1.3.6.1.4.1.641.1.9.7.0"] = int(60) },
      faults = { raw("1.3.6.1.4.1.641.1.9.8", "") }]],
    read = [[local row, err, rest = device:get { ip = "1.3.6.1.4.1.641.1.9.8.0", n = "1.3.6.1.4.1.641.1.9.7.0" }
      return tostring(row) .. " " .. err.code .. " " .. err.oid .. " " .. tostring(rest.ip) .. " " .. rest.n]],
    gives = "nil decode 1.3.6.1.4.1.641.1.9.8.0 nil 60" },
  { device = "SCALANCE X-310FE", symptom = "ifSpecific is an OID of zero length",
    source = "github.com/lextudio/sharpsnmplib/issues/188",
    agent = [[mib = { ["1.3.6.1.2.1.2.2.1.22.1"] = mib.oid "0.0", ["1.3.6.1.2.1.2.2.1.22.2"] = mib.oid "0.0" }, faults = { raw("1.3.6.1.2.1.2.2.1.22", "") }]],
    read = [[local s = "" for i, r in device:rows { o = "1.3.6.1.2.1.2.2.1.22" } do s = s .. i .. "=" .. r.o .. " " end return s]],
    gives = "1=0.0 2=0.0 " },
  { device = "Squid, Cisco UCS Manager at a cluster address", symptom = "answers come from another address: learned",
    source = "github.com/influxdata/telegraf/issues/9286, github.com/gosnmp/gosnmp/issues/118",
    agent = [[faults = { faults.other_address "127.0.7.250" }]],
    read = [[return (assert(device:get "1.3.6.1.2.1.1.7.0"))]],
    gives = "72" },
  { device = "the same, strict_source = true", symptom = "answers come from another address: refused",
    source = "github.com/influxdata/telegraf/issues/9286",
    agent = [[faults = { faults.other_address "127.0.7.251" }]], strict = true,
    read = [[local _, err = device:get "1.3.6.1.2.1.1.7.0" return err.code]],
    gives = "timeout" },
  { device = "FortiGate", symptom = "OID not increasing at the end of ifIndex",
    source = "github.com/prometheus/snmp_exporter/issues/208",
    agent = [[faults = { faults.not_increasing "1.3.6.1.2.1.2.2.1.1.3" }]],
    read = [[local n, ok, err = 0 ok, err = pcall(function() for _ in device:rows { i = "1.3.6.1.2.1.2.2.1.1" } do n = n + 1 end end)
      return tostring(ok) .. " " .. err.code .. " " .. n]],
    gives = "false loop 3" },
  { device = "GLCY multiplexer", symptom = "GETNEXT of its own subtree is answered with sysDescr.0",
    source = "github.com/prometheus/snmp_exporter/issues/850",
    agent = [[faults = { { name = "cycle", next = function(device, arcs) return device.mib:get(ber.arcs "1.3.6.1.2.1.1.1.0") end } }]],
    read = [[local n, ok, err = 0 ok, err = pcall(function() for _ in device:walk "1.3.6.1.4.1.40989.10.16.1.2" do n = n + 1 end end)
      return tostring(ok) .. " " .. err.code .. " " .. n]],
    gives = "false loop 0" },
  { device = "Notélé's switch", symptom = "ifAlias in Latin-1: octets to the probe, hexadecimal as text, \\u00e9 in JSON",
    source = "github.com/prometheus/snmp_exporter/issues/279",
    agent = [[mib = { ["1.3.6.1.2.1.31.1.1.1.18.1"] = mib.str "Not\233l\233" }]],
    read = [[local s = assert(device:get "1.3.6.1.2.1.31.1.1.1.18.1") out:with { alias = s }:info("alias", s) return #s .. " " .. snmp.text(s)]],
    gives = "6 0x4e6f74e96ce9", line = [["value":"Not\u00e9l\u00e9","labels":{"alias":"Not\u00e9l\u00e9"}]] },
  { device = "Avocent AV3108", symptom = "ifName ends with a NUL", source = "github.com/netboxlabs/orb-agent/issues/319",
    agent = [[mib = { ["1.3.6.1.2.1.31.1.1.1.1.1"] = mib.str "eth0\0" }]],
    read = [[local s = assert(device:get "1.3.6.1.2.1.31.1.1.1.1.1") out:info("raw", s) return #s .. " " .. snmp.text(s)]],
    gives = "5 eth0", line = [["value":"eth0\u0000"]] },
  { device = "Huawei iBMC", symptom = "names in indexes padded with NULs to 17 octets", source = "github.com/prometheus/snmp_exporter/issues/615",
    agent = [[mib = { ["1.3.6.1.4.1.2011.2.235.1.1.13.50.1.2.8.67.80.85.49.32.68.84.83.0.0"] = int(-34),
                      ["1.3.6.1.4.1.2011.2.235.1.1.13.50.1.2.10.67.80.85.49.32.68.84.83.0.0"] = int(-34) }]],
    read = [[for index, row in device:rows { v = "1.3.6.1.4.1.2011.2.235.1.1.13.50.1.2" } do
        local name = snmp.index { "string" }(index)
        if name then return #name .. " " .. snmp.text(name) .. " " .. row.v end
      end]],
    gives = "10 CPU1 DTS -34" },
  { device = "ZTE ZXR10 2928", symptom = "silent to every GET with snmpEngineTime.0 in it, well otherwise",
    source = "github.com/Cacti/spine/issues/272",
    agent = [[faults = { faults.kind("get", faults.on("1.3.6.1.6.3.10.2.1.3", faults.dead())) }]],
    read = [[local ask = { up = "1.3.6.1.2.1.1.3.0", name = "1.3.6.1.2.1.1.5.0", time = "1.3.6.1.6.3.10.2.1.3.0" }
      local s = ""
      for _ = 1, 4 do -- silence at first may be that of a dead agent
        local row, err, rest = device:get(ask)
        assert(device:get "1.3.6.1.2.1.1.5.0")
        s = s .. err.code .. (rest and rest.name and "+" or "-") .. " "
      end
      return s]],
    gives = "timeout- timeout+ timeout+ timeout+ ", silent = 6 }, -- all of it twice, it alone; two tries each
  { device = "an OLT", symptom = "genErr for the whole GET because of the counters of one port, error-index 0",
    source = "github.com/Cacti/spine/issues/35",
    agent = [[faults = { { name = "gen_err", serve = function(_, m, a)
      if m.type ~= ber.GET then return end
      for _, vb in ipairs(m.varbinds) do
        if ber.text(vb.oid) == "1.3.6.1.2.1.2.2.1.10.3" then a.a, a.b, a.varbinds = 5, 0, m.varbinds return true end
      end
    end } }]],
    read = [[local ask, n = {}, 0
      for i = 1, 4 do ask["rx" .. i] = "1.3.6.1.2.1.2.2.1.10." .. i ask["tx" .. i] = "1.3.6.1.2.1.2.2.1.16." .. i end
      for _ = 1, 3 do
        local _, err, rest = device:get(ask)
        assert(err.code == "gen_err" and err.oid == "1.3.6.1.2.1.2.2.1.10.3", err)
        for _ in pairs(rest) do n = n + 1 end
      end
      return n]],
    gives = "21", within = 14 }, -- nine to find it, then two each time
  { device = "the same OLT, mended and restarted", symptom = "asked for all at once again", source = "github.com/Cacti/spine/issues/35",
    agent = [[faults = { faults.reboot_at(12), faults.first(11, { name = "gen_err", serve = function(_, m, a)
      if m.type ~= ber.GET then return end
      for _, vb in ipairs(m.varbinds) do
        if ber.text(vb.oid) == "1.3.6.1.2.1.2.2.1.10.3" then a.a, a.b, a.varbinds = 5, 0, m.varbinds return true end
      end
    end }) }]],
    read = [[local ask, n = {}, 0
      for i = 1, 4 do ask["rx" .. i] = "1.3.6.1.2.1.2.2.1.10." .. i ask["tx" .. i] = "1.3.6.1.2.1.2.2.1.16." .. i end
      snmp.sleep(0.3)
      assert(device:get "1.3.6.1.2.1.1.3.0")
      assert(not device:get(ask)) -- nine requests
      assert(device:get "1.3.6.1.2.1.1.3.0")
      for _ in pairs(assert(device:get(ask))) do n = n + 1 end
      return n]],
    gives = "8", within = 13 },
  { device = "net-snmp 5.9 as a v1 proxy", symptom = "error-index is always that of the last varbind",
    source = "github.com/net-snmp/net-snmp/issues/275", version = "1",
    agent = [[faults = { { name = "blame", serve = function(_, m, a) if a.a == 2 then a.b = #m.varbinds return true end end } }]],
    read = [[local row = assert(device:get { descr = "1.3.6.1.2.1.1.1.0", none = "1.3.6.1.2.1.1.1.1", id = "1.3.6.1.2.1.1.2.0", name = "1.3.6.1.2.1.1.5.0" })
      return tostring(row.descr ~= nil and row.id ~= nil and row.name ~= nil) .. " " .. tostring(row.none)]],
    gives = "true nil" },
  { device = "PDI RPP", symptom = "SNMPv1 only, tooBig to a GET of 60",
    source = "github.com/toni-moreno/snmpcollector/issues/378", version = "1",
    agent = [[mib = column("1.3.6.1.4.1.99999.1", 168), faults = { faults.too_big_varbinds(25) }]],
    read = [[local ask, n = {}, 0
      for i = 1, 168 do ask["v" .. i] = "1.3.6.1.4.1.99999.1." .. i end
      for _ in pairs(assert(device:get(ask))) do n = n + 1 end
      return n]],
    gives = "168" },
  { device = "netBooter NP-0801DU", symptom = "a GET of 1.2.3 is answered with 1.2.3.0: no value is taken for another's",
    source = "github.com/markabrahams/node-net-snmp/pull/52",
    agent = [[mib = { ["1.3.6.1.4.1.21728.3.1.1.0"] = int(5), ["1.3.6.1.4.1.21728.3.1.1"] = int(5) },
      faults = { { name = "other_oid", serve = function(_, m, a)
        for i, vb in ipairs(a.varbinds) do
          if vb.oid[#vb.oid] ~= 0 then
            local oid = { unpack(vb.oid) } oid[#oid + 1] = 0
            a.varbinds[i] = { oid = oid, tag = ber.INTEGER, value = 5 }
          end
        end
        return true
      end } }]],
    read = [[local _, err = device:get "1.3.6.1.4.1.21728.3.1.1" return err.code .. " " .. assert(device:get "1.3.6.1.4.1.21728.3.1.1.0")]],
    gives = "decode 5" },
}

-- What agents of the cases have at hand; `raw` gives values under an OID these content octets.
local scenario = [[
local int, c32, c64 = mib.int, mib.c32, mib.c64
local function column(root, n)
  local out = {}
  for i = 1, n do out[root .. "." .. i] = int(i) end
  return out
end
local function raw(oid, octets)
  return { name = "raw", serve = function(_, _, a)
    local root, hit = oid .. ".", nil
    for _, vb in ipairs(a.varbinds) do
      local at = ber.text(vb.oid) .. "."
      if at:sub(1, #root) == root and vb.tag < 128 then vb.raw, hit = octets, true end
    end
    return hit
  end }
end
local devices = {}
local function add(address, d)
  local objects = mib.standard(4)
  for oid, v in pairs(d.mib or {}) do objects:put(oid, v) end
  devices[address] = { mib = objects, faults = d.faults }
end
]]

describe("a device as it is:", function()
  local agent, results, counted = nil, {}, nil

  lazy_setup(function()
    local parts, reads, hosts = { scenario }, {}, { ["2c"] = {}, ["1"] = {}, strict = {} }
    for i, case in ipairs(cases) do
      case.host = "127.0.7." .. i
      parts[#parts + 1] = ("add(%q, { %s })\n"):format(case.host, case.agent)
    end
    parts[#parts + 1] = "return { mib = mib.standard(1), devices = devices }\n"
    agent = t.agent { "--scenario", t.write("quirks.lua", table.concat(parts)) }
    for _, case in ipairs(cases) do
      case.target = agent:target(case.host)
      reads[#reads + 1] = ("  [%q] = function(device, out) %s end,\n"):format(case.target, case.read)
      local list = hosts[case.strict and "strict" or case.version or "2c"]
      list[#list + 1] = ("%q"):format(case.target)
    end
    local probe = t.write("quirks_probe.lua", ([[
local snmp = require "moonpoll"
local reads = {
%s}
return { every = 3600, timeout = 60, run = function(device, out)
  device:get "1.3.6.1.2.1.1.3.0"
  out:info("got", tostring(reads[device.name](device, out)))
end }
]]):format(table.concat(reads)))
    local config = t.write("config.lua", ([[
return {
  auth = { two = { version = "2c", community = "public" }, one = { version = "1", community = "public" } },
  targets = { { hosts = { %s }, auth = "two" }, { hosts = { %s }, auth = "one" }, { hosts = { %s }, auth = "two", strict_source = true } },
  request = { timeout = 0.3, retries = 1 },
}
]]):format(table.concat(hosts["2c"], ", "), table.concat(hosts["1"], ", "), table.concat(hosts.strict, ", ")))
    results = t.poll({ probe, "--config", config, "--once" }, { seconds = 90 })
    counted = agent:settled()
  end)
  lazy_teardown(function()
    if agent then agent:stop() end
    t.cleanup()
  end)

  for _, case in ipairs(cases) do
    it(case.device .. ": " .. case.symptom .. " (" .. case.source .. ")", function()
      local s = results.samples[case.target] or {}
      assert.equal(case.gives, s.got, results.stderr)
      if case.line then assert.truthy(results.stdout:find(case.line, 1, true), results.stdout) end
      local c = counted.devices[case.host]
      if case.within then assert.truthy(c["in"] <= case.within, cjson.encode(c)) end
      if case.silent then assert.equal(case.silent, c["in"] - c.out, cjson.encode(c)) end
    end)
  end
end)
