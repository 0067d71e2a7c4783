-- 20,000 agents with seven interfaces each, 10 % of SNMPv3, 5 % dead, scripts/interfaces.lua every 30 s: for three minutes, on the build
-- without sanitizers, as what it costs is measured. e2e/load_many_spec.lua is the same with fewer, and with a mechanism taken away.
local rig = require "e2e.load_rig"
local t = require "e2e.helper"

local N, EVERY = 20000, 30

describe("20,000 agents, interfaces every 30 s, one worker:", function()
  local sim, first, last, early, late, ended, counted, parts
  lazy_setup(function()
    local out = (os.getenv "B" or "build/san"):gsub("/san%w*$", "")
    assert.equal(0, (t.run({ "env", "-u", "MAKEFLAGS", "-u", "SAN", "-u", "B", "make", "--no-print-directory", "O=" .. out, out .. "/moonpoll" },
      { seconds = 600 })))
    sim = rig.fleet_of(N)
    local c = rig.collect({ "scripts/interfaces.lua", "--config", rig.config_of(sim) }, { program = out .. "/moonpoll", to = "/dev/null" })
    c:when("the first round, and the dead found out", 300, function(s)
      return s.runs.runs_ok >= 2 * N * 0.95 and s.counters.breakers_opened >= N / 20 and s.runs.runs_waiting == 0
    end)
    t.sleep(10)
    first, early, parts = c:status(), c:costs(), {}
    local began, before = t.now(), first
    for i = 1, 24 do -- four intervals, in parts of five seconds
      t.sleep(began + 5 * i - t.now())
      local now = c:status()
      parts[i] = now.runs.runs_started - before.runs.runs_started
      before = now
    end
    last, late = c:status(), c:costs()
    last.took = t.now() - began
    ended = c:stop()
    counted = sim:stop()
    rig.tell("%.1f %% of a core; %.1f MB, then %.1f MB; %d descriptors; %d runs", 100 * (late.cpu - early.cpu) / last.took, early.mb, late.mb,
      late.fds, last.runs.runs_started - first.runs.runs_started)
  end)
  lazy_teardown(t.cleanup)

  it("no run is skipped, and they are spread evenly", function()
    assert.equal(first.runs.runs_skipped, last.runs.runs_skipped)
    assert.equal(first.runs.runs_timeout, last.runs.runs_timeout)
    for _, n in ipairs(parts) do assert.truthy(n < 1.5 * N * 5 / EVERY, n) end
  end)
  it("descriptors stay, memory is flat and below 300 MB", function()
    assert.equal(early.fds, late.fds)
    assert.truthy(late.fds <= 32, late.fds)
    assert.truthy(late.mb < early.mb * 1.02 + 2, ("%.1f MB, then %.1f MB"):format(early.mb, late.mb))
    assert.truthy(late.mb <= 300, late.mb)
  end)
  it("the worker takes 15 % of a core at most", function()
    assert.truthy(late.cpu - early.cpu <= 0.15 * last.took, (late.cpu - early.cpu) / last.took)
  end)
  it("all that live are well, and packets to the dead are few", function()
    assert.equal(0, last.counters.rx_dropped)
    assert.equal(N / 20, ended.counters.breakers_opened - ended.counters.breakers_closed)
    assert.equal(0, ended.runs.runs_failed - ended.run_errors.timeout - ended.run_errors.down)
    assert.equal(ended.counters.datagrams_out, counted.datagrams_in)
    -- At first two tries of three requests each; then one trial each in 30 s.
    assert.truthy(counted.total.faults.dead <= N / 20 * (6 + 1.2 * ended.seconds / 30), counted.total.faults.dead)
  end)
end)
