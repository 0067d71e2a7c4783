-- Rates over wraps and a reboot: never a spike, nil once where nothing can be said.
local cjson = require "cjson"
local t = require "e2e.helper"

describe("rates", function()
  lazy_teardown(function() t.cleanup() end)

  it("survive wraps at 2^32 and 2^64, 2^53, and a reboot", function()
    -- All go up by 100,000 a second and reach their boundary two seconds after the first question.
    local scenario = t.write("scenario.lua", [[
local e = "1.3.6.1.4.1.9999.1."
return { mib = mib.new {
  ["1.3.6.1.2.1.1.3.0"] = { ber.TICKS, function(device) return math.floor(device:uptime() * 100) end },
  [e .. "1.1"] = mib.counter(32, 100000, 2 ^ 32 - 200000),
  [e .. "2.1"] = mib.counter(64, 100000, 0ULL - 200000),
  [e .. "3.1"] = mib.counter(64, 100000, 2 ^ 53 - 200000),
  [e .. "4.1"] = mib.counter(32, 100000, 3000000000), -- a reset of it looks like a wrap, but for sysUpTime
} }
]])
    local agent = t.agent { "--scenario", scenario }
    local p = t.start_poll { "tests/e2e/probes/rates.lua", "--targets", agent:target "127.0.8.1", "-c", "public", "-t", "1", "-o", "json" }
    t.sleep(4.2)
    assert.equal("ok", agent:command "reboot 127.0.8.1")
    t.sleep(2)
    assert.equal(0, p:stop(10), p:stderr())
    t.assert_balances(p.stats(), true)
    local n = { rows = 0, small = 0, large = 0, wide = 0, upper = 0 }
    for line in p:stdout():gmatch "[^\n]+" do
      local s = cjson.decode(line)
      if n[s.name] then n[s.name] = n[s.name] + 1 end
      if s.name ~= "rows" and n[s.name] then
        assert.truthy(s.value > 60000 and s.value < 170000, line)
      end
    end
    assert.truthy(n.rows >= 10, n.rows)
    for _, name in ipairs { "small", "large", "wide", "upper" } do
      assert.equal(n.rows - 2, n[name], name) -- all but the first and the one after the reboot
    end
    agent:stop()
  end)
end)
