-- `--once` when workers die: nothing twice, nothing left out, and an end.
local cjson = require "cjson"
local ffi = require "ffi"
local t = require "e2e.helper"

describe("moonpoll run --once", function()
  local agent, dir
  lazy_setup(function()
    agent = t.agent { "--device", "127.0.5.1=dead()", "--device", "127.0.5.2=delay(400)" }
  end)
  lazy_teardown(function()
    agent:stop()
    t.cleanup()
  end)
  before_each(function()
    dir = t.run_dir()
  end)

  local function start(hosts, timeout)
    return t.start_poll { "tests/e2e/probes/ticks.lua", "--targets", table.concat(hosts, ","), "-t", timeout, "-r", "0", "--once",
                          "-o", "json", "--run-dir", dir }
  end
  local function status() return t.status(dir) end

  it("repeats no run that was over when its worker was killed", function()
    local hosts = { agent:target "127.0.5.2" }
    for i = 1, 10 do hosts[#hosts + 1] = agent:target("127.0.6." .. i) end
    local p = start(hosts, "4")
    local s = t.wait_for("all but the slow one", 10, function()
      local now = status()
      return now and now.runs.runs_ok == 10 and now
    end)
    assert.equal(0, ffi.C.kill(s.workers[1].pid, 9))
    assert.equal(0, p:wait(20), p:stderr())
    local ups = {}
    for line in p:stdout():gmatch "[^\n]+" do
      local sample = cjson.decode(line)
      if sample.name == "up" then ups[sample.device] = (ups[sample.device] or 0) + sample.value end
    end
    for _, h in ipairs(hosts) do assert.equal(1, ups[h], h) end
    local last = p.stats()
    t.assert_balances(last, true)
    assert.equal(12, last.runs.runs_started)
    assert.equal(11, last.runs.runs_ok)
  end)

  it("gives up on a worker that dies again and again without a run to show for it", function()
    local p = start({ agent:target "127.0.5.1" }, "30")
    local killed, last = 0, nil
    t.wait_for("the end", 20, function()
      local s = p:alive() and status()
      local pid = s and s.workers[1].pid
      if pid and pid ~= 0 and pid ~= last and s.runs.runs_active > 0 then
        last, killed = pid, killed + 1
        ffi.C.kill(pid, 9)
      end
      return not p:alive()
    end)
    assert.equal(1, p:wait(1))
    assert.equal(5, killed)
    assert.truthy(p:stderr():find("worker 0 died 5 times without finishing a run: given up", 1, true), p:stderr())
    t.assert_balances(p.stats(), true)
  end)
end)
