-- 1,000 agents, a tenth of them SNMPv3, a twentieth dead, interfaces of each every three seconds: the small sister of
-- long/load_spec.lua, which has 20,000. Beside it the same without phases.
local rig = require "e2e.load_rig"
local t = require "e2e.helper"

local N, EVERY, BUNCH = 1000, 3, 0.3

describe("1,000 agents, interfaces every three seconds, 5 % dead, 10 % of SNMPv3:", function()
  local runs = {}
  local function start(mechanism)
    local self = { sim = rig.fleet_of(N) }
    self.collector = rig.collect({ "scripts/interfaces.lua", "--config", rig.config_of(self.sim), "--every", tostring(EVERY), "-t", "1" },
      { without = mechanism, to = "/dev/null" })
    return self
  end
  lazy_setup(function()
    for _, mechanism in ipairs { "", "phases" } do
      local self = start(mechanism)
      runs[mechanism == "" and "with" or "without"] = self
      self.collector:when("three rounds", 120, function(s)
        return s.runs.runs_ok + s.runs.runs_failed >= 3 * N and s.counters.breakers_opened >= N / 20
      end)
      self.first, self.early = self.collector:status(), self.collector:costs()
      -- A whole interval, in tenths; another one, up to four, when the machine was too busy to tell.
      self.most, self.parts = N, {}
      for _ = 1, mechanism == "" and 4 or 1 do
        local parts, before, most = {}, self.collector:status(), 0
        for i = 1, 10 do
          t.sleep(EVERY / 10)
          local s = self.collector:status()
          parts[i] = s.runs.runs_started - before.runs.runs_started
          most, before = math.max(most, parts[i]), s
        end
        if most <= self.most then self.most, self.parts = most, parts end
        if self.most <= BUNCH * N then break end
      end
      self.second, self.late = self.collector:status(), self.collector:costs()
      self.last = self.collector:stop()
      self.counted = self.sim:stop()
      rig.tell("%s: runs in tenths of an interval %s; %d skipped; %d fds; %.0f MB, %.0f MB", mechanism, table.concat(self.parts, " "),
        self.second.runs.runs_skipped - self.first.runs.runs_skipped, self.late.fds, self.early.mb, self.late.mb)
    end
  end)
  lazy_teardown(t.cleanup)

  -- No tenth has more than three times its share.
  local function even(self) rig.check(self.most <= BUNCH * N, "bunched: %d of %d runs in a tenth of an interval", self.most, N) end
  it("runs are spread over the interval", function() even(runs.with) end)
  it("without phases they are not", function() rig.must_fail(function() even(runs.without) end, "bunched") end)
  it("none is skipped, descriptors stay as they are", function()
    local self = runs.with
    assert.equal(self.first.runs.runs_skipped, self.second.runs.runs_skipped)
    assert.equal(self.early.fds, self.late.fds)
    assert.truthy(self.late.fds <= 32, self.late.fds)
    assert.equal(0, self.last.runs.runs_timeout)
  end)
  it("all that live are well, all that are dead are known to be", function()
    for _, self in pairs(runs) do
      assert.equal(N / 20, self.last.counters.breakers_opened)
      assert.equal(0, self.last.counters.breakers_closed)
      assert.equal(0, self.last.counters.rx_dropped)
      assert.equal(self.last.counters.datagrams_out, self.counted.datagrams_in)
      local e = self.last.run_errors
      assert.equal(0, self.last.runs.runs_failed - e.timeout - e.down)
    end
  end)
end)
