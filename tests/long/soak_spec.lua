-- A minute of everything at once: 1,000 devices, agents whose faults change, workers killed; nothing is lost or grows.
local cjson = require "cjson"
local ffi = require "ffi"
local t = require "e2e.helper"

describe("a minute of trouble", function()
  it("leaves the balances, the memory and the others as they were", function()
    local agent = t.agent { "--interfaces", "8" }
    local dir = t.run_dir()
    local lines = {}
    for i = 1, 1000 do lines[i] = agent:target(("127.0.%d.%d"):format(20 + math.floor(i / 250), i % 250 + 1)) end
    local p = t.start_poll { "tests/e2e/probes/ticks.lua", "--targets", t.write("hosts.txt", table.concat(lines, "\n") .. "\n"), "-c", "public",
      "-t", "0.3", "-r", "1", "--every", "2", "--workers", "2", "-o", "json", "--run-dir", dir }
    local function status()
      local code, out, err = t.run { t.program, "status", "--run-dir", dir }
      assert.equal(0, code, err)
      return cjson.decode(out)
    end
    local function resident(pid) return tonumber(t.read("/proc/" .. pid .. "/status"):match "VmRSS:%s*(%d+)" or 0) end
    t.wait_for("a start", 10, function() return (t.run { t.program, "status", "--run-dir", dir }) == 0 end)
    local faults = { "dead()", "delay(400)", "every(2, dead())", "duplicate(3)", "truncated(30)", "garbage(60)", "wrong_id()",
      "other_address('127.0.9.9')", "reorder(3)", "garbage_before(40)", "" }
    math.randomseed(11)
    local kills, early = 0, nil
    local until_ = t.now() + 60
    while t.now() < until_ do
      for _ = 1, 20 do agent:faults(lines[math.random(2, 1000)]:match "^[%d.]+", faults[math.random(#faults)]) end
      local s = status()
      t.assert_balances(s)
      if not early and t.now() > until_ - 45 then early = resident(s.workers[2].pid) end
      if math.random(1, 10) == 1 and s.workers[1].pid ~= 0 then
        ffi.C.kill(s.workers[1].pid, 9)
        kills = kills + 1
      end
      t.sleep(1)
    end
    local s = t.wait_for("both workers", 10, function()
      local now = status()
      return now.workers[1].pid ~= 0 and now.workers[2].pid ~= 0 and now
    end)
    assert.equal(kills, s.workers_lost)
    assert.truthy(resident(s.workers[2].pid) < early + 30000, resident(s.workers[2].pid) .. " KB, " .. early .. " early on")
    assert.equal(0, p:stop(15), p:stderr())
    t.assert_balances(p.stats(), true)
    local samples = t.samples(p:stdout())
    assert.equal(1, samples[lines[1]].up)
    agent:stop()
    t.cleanup()
  end)
end)
