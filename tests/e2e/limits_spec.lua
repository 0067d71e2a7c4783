-- Limits of the command line and of the configuration, as the agents feel them.
local t = require "e2e.helper"

describe("a limit", function()
  local agent
  lazy_setup(function() agent = t.agent { "--device", "127.0.8.1=delay(100)" } end)
  lazy_teardown(function()
    agent:stop()
    t.cleanup()
  end)

  -- Seconds that a run with these options takes; ticks asks each host five times.
  local function seconds(n, ...)
    local hosts = {}
    for i = 1, n do hosts[i] = agent:target("127.0.7." .. i) end
    local r = t.poll { "tests/e2e/probes/ticks.lua", "--targets", table.concat(hosts, ","), "-t", "5", "--once", ... }
    assert.equal(0, r.status, r.stderr)
    assert.equal(5 * n, r.stats.counters.datagrams_out)
    return r.stats.seconds
  end

  it("of packets a second holds for all agents together", function()
    assert.truthy(seconds(20, "--packets-per-s", "50") >= 1.9)
  end)

  it("of packets a second holds for each agent by itself", function()
    local took = seconds(20, "--device-packets-per-s", "5")
    assert.truthy(took >= 0.75 and took < 3, took)
  end)

  it("of packets a second may stand in the configuration, and the command line wins", function()
    local text = 'return { auth = { a = { community = "public" } }, targets = { { host = %q, auth = "a" } },\n'
      .. "  request = { packets_per_s = 3, timeout = 5 } }"
    local config = t.write("limits.lua", text:format(agent:target "127.0.7.1"))
    local r = t.poll { "tests/e2e/probes/ticks.lua", "--config", config, "--once" }
    assert.truthy(r.stats.seconds >= 1.3, r.stderr)
    r = t.poll { "tests/e2e/probes/ticks.lua", "--config", config, "--once", "--device-packets-per-s", "1000" }
    assert.truthy(r.stats.seconds < 1.3, r.stderr)
  end)

  it("of requests at once to one agent holds however many children ask", function()
    local probe = t.write("children.lua", [[
      local snmp = require "moonpoll"
      return { run = function(device)
        local ask = {}
        for i = 1, 8 do ask[i] = function() return assert(device:get "1.3.6.1.2.1.1.3.0") end end
        snmp.all(unpack(ask))
      end }]])
    local function took(...)
      local r = t.poll { probe, "--targets", agent:target "127.0.8.1", "-t", "5", "--once", ... }
      assert.equal(0, r.status, r.stderr)
      assert.equal(8, r.stats.counters.datagrams_out)
      return r.stats.seconds
    end
    assert.truthy(took("--per-device", "1") >= 0.8)
    assert.truthy(took() >= 0.4)
    assert.truthy(took("--max-in-flight", "1") >= 0.8)
    assert.truthy(took("--per-device", "8") < 0.8)
  end)

  it("of runs at once makes the others wait", function()
    local alone, together = seconds(4, "--max-coroutines", "1"), seconds(4)
    assert.truthy(alone >= 1 and together < alone, alone .. " s, " .. together .. " s")
  end)
end)
