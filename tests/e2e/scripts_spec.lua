-- The probes of scripts/: each runs as it is, against Debian's snmpd and against agents that have what snmpd has not.
local t = require "e2e.helper"

describe("scripts", function()
  local snmpd
  lazy_setup(function() snmpd = t.snmpd() end)
  lazy_teardown(function()
    snmpd.process:stop(5)
    t.cleanup()
  end)

  local function poll(script, target, ...)
    local r = t.poll { "scripts/" .. script .. ".lua", "--targets", target, "-c", "public", "--once", ... }
    assert.equal(0, r.status, r.stderr)
    local samples = assert(r.samples[target], r.stdout .. r.stderr)
    assert.equal(1, samples.up)
    return samples, r
  end

  it("system", function()
    local s = poll("system", snmpd.target)
    assert.truthy(s.sys_uptime_seconds >= 0)
    assert.equal(0, s.sys_restarts)
    assert.equal(1, s.sys_info)
  end)

  it("interfaces", function()
    local s, r = poll("interfaces", snmpd.target)
    assert.truthy(r.stdout:find('"interface":"lo"', 1, true))
    local index = r.stdout:match '"name":"if_up".-"index":"(%d+)","interface":"lo"'
    assert.equal(1, s["if_up/" .. index])
    assert.truthy(s["if_rx_octets/" .. index] > 0)
    assert.is_nil(s["if_rx_rate/" .. index]) -- one run has no rate
  end)

  it("host_resources", function() -- an snmpd knows the load of its processors after a minute only
    local s, r = poll("host_resources", snmpd.target)
    assert.truthy(s.host_uptime_seconds > 0 and s.host_processes > 0)
    local index = r.stdout:match '"name":"host_storage_size".-"index":"(%d+)","kind":"ram"'
    assert.truthy(s["host_storage_size/" .. index] > 2 ^ 20)
    assert.truthy(s["host_storage_used/" .. index] <= s["host_storage_size/" .. index])
  end)

  it("ip_addresses", function()
    local _, r = poll("ip_addresses", snmpd.target)
    assert.matches('"address":"127.0.0.1","family":"ipv4","index":"%d+","interface":"lo","prefix":"8","type":"unicast"', r.stdout)
  end)

  local bgp = [[
local function peers(entry, rows)
  local objects = { ["1.3.6.1.2.1.1.3.0"] = mib.ticks(100) }
  for index, columns in pairs(rows) do
    for column, v in pairs(columns) do objects[entry .. "." .. column .. "." .. index] = v end
  end
  return objects
end
local four, six = "1.4.192.0.2.1", "2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.7"
local function row(state, as, address)
  return { [3] = mib.int(state), [4] = mib.int(2), [6] = mib.str(address), [11] = mib.g32(as), [13] = mib.c32(5), [14] = mib.c32(6),
    [18] = mib.c32(1), [19] = mib.g32(77) }
end
local cisco = peers("1.3.6.1.4.1.9.9.187.1.2.5.1", { [four] = row(6, 65001, "\192\0\2\9"), [six] = row(3, 4200000001, "\32\1\13\184" .. ("\0"):rep(12)) })
for oid, v in pairs(peers("1.3.6.1.4.1.9.9.187.1.2.8.1", { [four .. ".1.1"] = { [1] = mib.g32(100), [6] = mib.g32(10) },
  [four .. ".1.128"] = { [1] = mib.g32(200) }, ["1.4.192.0.2.77.1.1"] = { [1] = mib.g32(9) } })) do cisco[oid] = v end
local standard = peers("1.3.6.1.2.1.15.3.1", { ["192.0.2.1"] = { [2] = mib.int(6), [3] = mib.int(2), [5] = mib.ip("\192\0\2\9"), [9] = mib.int(65001),
  [10] = mib.c32(5), [11] = mib.c32(6), [15] = mib.c32(1), [16] = mib.g32(77) } })
return { mib = mib.standard(1), devices = { ["127.0.9.1"] = { mib = mib.new(cisco) }, ["127.0.9.2"] = { mib = mib.new(standard) } } }
]]

  it("bgp_peers, both families and the joined table", function()
    local agent = t.agent { "--scenario", t.write("bgp.lua", bgp) }
    local _, r = poll("bgp_peers", agent:target "127.0.9.1")
    local function has(text) assert.truthy(r.stdout:find(text, 1, true), text .. " not in\n" .. r.stdout) end
    has '"name":"bgp_up","type":"gauge","value":1,"labels":{"as":"65001","local_address":"192.0.2.9","peer":"192.0.2.1"}'
    has '"name":"bgp_up","type":"gauge","value":0,"labels":{"as":"4200000001","local_address":"2001:db8::","peer":"2001:db8::7"}'
    has '"name":"bgp_state","type":"state","value":"active"'
    has '"value":100,"labels":{"afi":"ipv4","as":"65001","local_address":"192.0.2.9","peer":"192.0.2.1","safi":"unicast"}'
    has '"value":200,"labels":{"afi":"ipv4","as":"65001","local_address":"192.0.2.9","peer":"192.0.2.1","safi":"vpn"}'
    assert.is_nil(r.stdout:find("192.0.2.77", 1, true)) -- prefixes of a peer that is not there
    _, r = poll("bgp_peers", agent:target "127.0.9.2")
    has '"name":"bgp_up","type":"gauge","value":1,"labels":{"as":"65001","local_address":"192.0.2.9","peer":"192.0.2.1"}'
    has '"name":"bgp_established_seconds","type":"gauge","value":77'
    local s = poll("bgp_peers", agent:target "127.0.9.3") -- speaks no BGP
    assert.is_nil(s.bgp_up)
    agent:stop()
  end)

  it("pick_and_poll asks for the picked interfaces only", function()
    local agent = t.agent { "--interfaces", "6" } -- every second one has an alias
    local s, r = poll("pick_and_poll", agent:target "127.0.9.1", "--arg", "alias=^uplink [24]")
    assert.equal(2, s.picked_interfaces)
    assert.equal(1, s["if_oper/2"])
    assert.truthy(s["if_rx_octets/4"] >= 5000000000)
    assert.is_nil(s["if_oper/6"])
    assert.truthy(r.stdout:find('"alias":"uplink 2","index":"2","interface":"eth2"', 1, true))
    agent:stop()
  end)

  it("all say why an agent gave nothing", function()
    local all = { "--targets", "127.0.9.9:" .. t.free_port(), "-c", "public", "--once", "-t", "0.3", "-r", "0", "-o", "json" }
    local files = io.popen "ls scripts/*.lua"
    local n = 0
    for path in files:lines() do
      n = n + 1
      table.insert(all, n, path)
    end
    files:close()
    local code, out, err = t.run { t.program, "run", unpack(all) }
    assert.equal(3, code, err)
    local seen = 0
    for why in out:gmatch '"name":"run_error","type":"state","value":"([^"]*)"' do
      seen = seen + 1
      assert.truthy(why == "refused" or why == "down", why .. "\n" .. err)
    end
    assert.truthy(n >= 11 and seen >= n, out)
    assert.is_nil(err:find("traceback", 1, true), err)
  end)
end)
