-- A thousand versions of a probe, one after the other, under load, on the build without sanitizers, whose memory is measured: it is flat,
-- and every run of every device is there, by its own count and the agents'. e2e/versions_spec.lua is the same with thirty.
local rig = require "e2e.sim_rig"
local t = require "e2e.helper"
local v = require "e2e.versions_rig"

local N, EVERY, ROUNDS = 400, 0.5, 1000
local RING = 65536 -- tries an engine remembers: until so many were made, each takes up memory that was not touched before

describe("a thousand versions:", function()
  lazy_setup(function()
    local out = (os.getenv "B" or "build/san"):gsub("/san%w*$", "")
    assert.equal(0, (t.run({ "env", "-u", "MAKEFLAGS", "-u", "SAN", "-u", "B", "make", "--no-print-directory", "O=" .. out, out .. "/moonpoll" },
      { seconds = 600 })))
    t.program = out .. "/moonpoll"
  end)
  lazy_teardown(t.cleanup)

  it("memory is flat, no run is lost, doubled or late", function()
    local sim = rig.start { "--recording", "tests/recordings/small.snmprec", "--count", tostring(N), "--address", "127.12.0.1" }
    local lines = {}
    for i = 1, N do lines[i] = ("127.12.%d.%d:%d device=d%d\n"):format(math.floor(i / 256), i % 256, sim.port, i) end
    local probe = t.write("probe.lua", v.probe("m0", EVERY))
    local r = v.start { "--workers", "2", v.at_once(probe, t.write("targets.txt", table.concat(lines))) }
    local function mb()
      local sum, s = 0, r:status()
      local pids = { r.process.pid }
      for _, w in ipairs(s.workers) do pids[#pids + 1] = w.pid end
      for _, pid in ipairs(pids) do sum = sum + tonumber(t.read("/proc/" .. pid .. "/status"):match "VmRSS:%s*(%d+)") / 1024 end
      return sum
    end
    r:marked("m0", N)
    local skipped, order, early = r:status().runs.runs_skipped, { r:status().probes[1].version }, nil
    t.wait_for("as many tries as are remembered", 400, function()
      t.sleep(1)
      return r:status().counters.requests > 2 * 1.1 * RING
    end)
    for i = 1, ROUNDS do
      v.replace(probe, v.probe("m" .. i, EVERY, i % 3 == 0 and "migrate = function(state) return { n = state.n } end," or ""))
      local code, _, err = r:reload "--now"
      assert.equal(0, code, err)
      order[#order + 1] = r:status().probes[1].version
      if i == ROUNDS / 4 then early = mb() end
    end
    r:marked("m" .. ROUNDS, N)
    local late = mb()
    local stats, runs, ended = r:stop()
    local counted = sim:stop()
    io.stderr:write(("# %.1f MB after %d, %.1f MB after %d\n"):format(early, ROUNDS / 4, late, ROUNDS))
    assert.is_true(late < early * 1.03, ("%.1f MB, then %.1f MB"):format(early, late))
    local n = v.assert_complete(ended, EVERY, stats.runs.runs_skipped - skipped)
    local last, behind = v.assert_in_order(runs, order, 0.25)
    io.stderr:write(("# %.3f s behind\n"):format(behind))
    assert.equal(ROUNDS + 1, last)
    assert.equal(n, stats.runs.runs_ok)
    assert.equal(0, stats.workers_lost, r.process:stderr())
    assert.equal(n, counted.total.gets - (stats.counters.datagrams_out - stats.counters.requests))
  end)
end)
