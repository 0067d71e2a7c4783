-- Limits of the command line and of the configuration, as the agents feel them.
local cjson = require "cjson"
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
    return r.stats.seconds, r
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
    -- Pairs of runs that went side by side, by the times in their samples.
    local function beside(...)
      local _, r = seconds(4, "-o", "json", ...)
      local runs, n, ended = {}, 0, nil
      for line in r.stdout:gmatch "[^\n]+" do
        local s = cjson.decode(line)
        if s.name == "up" then ended = s.t end
        if s.name == "run_seconds" then runs[#runs + 1] = { from = ended - s.value, to = ended } end
      end
      assert.equal(4, #runs)
      for i = 1, 4 do
        for k = i + 1, 4 do
          if runs[i].from < runs[k].to - 0.02 and runs[k].from < runs[i].to - 0.02 then n = n + 1 end
        end
      end
      return n
    end
    assert.equal(0, beside("--max-coroutines", "1"))
    assert.truthy(beside() >= 3)
  end)
end)
