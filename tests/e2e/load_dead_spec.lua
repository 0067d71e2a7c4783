-- 500 agents, 50 of them dead, runs of each every second, and fewer places for runs than the dead could fill.
local rig = require "e2e.load_rig"
local t = require "e2e.helper"

local N, DEAD, TRIAL = 450, 50, 5

describe("500 agents, 50 of them dead:", function()
  local runs = {}
  -- dead: are there any. Looks at ten seconds, once all of them were found out.
  local function start(dead, mechanism)
    local self = { sim = rig.agents(rig.recording "small", { { n = N }, dead and { n = DEAD, faults = '"dead"' } or nil }) }
    local config = t.write("config.lua", ([[return { auth = { open = { community = "public" } }, targets = { { file = %q, auth = "open" } },
      limits = { max_coroutines = 25 }, request = { timeout = 0.4, retries = 1, breaker_trial = %d } }]]):format(rig.targets(self.sim), TRIAL))
    self.collector = rig.collect({ "tests/e2e/probes/steady.lua", "--config", config, "--every", "1" }, { without = mechanism })
    return self
  end
  local function note(self)
    return { status = self.collector:status(), to_dead = self.sim:status().total.faults.dead or 0, at = t.now() }
  end
  lazy_setup(function()
    runs.with, runs.alone, runs.without = start(true), start(false), start(true, "breaker")
    runs.with.collector:when("the dead found out", 60, function(s) return s.counters.breakers_opened >= DEAD end)
    t.sleep(2)
    for _, self in pairs(runs) do self.first = note(self) end
    t.sleep(10)
    for _, self in pairs(runs) do self.second = note(self) end
    for name, self in pairs(runs) do
      self.seconds = self.second.at - self.first.at
      self.last, self.counted = self.collector:stop(), self.sim:stop()
      local a, b = self.first.status.runs, self.second.status.runs
      self.ok, self.skipped = (b.runs_ok - a.runs_ok) / self.seconds, (b.runs_skipped - a.runs_skipped) / self.seconds
      self.tries = (self.second.to_dead - self.first.to_dead) / self.seconds
      local early, late = self.first.status.histograms.late, self.second.status.histograms.late
      self.wait_ms = (late.sum - early.sum) / (late.n - early.n) * 1000
      rig.tell("%s: %.0f runs ok a second, %.1f skipped, a place after %.1f ms, %.1f packets to the dead", name, self.ok, self.skipped, self.wait_ms,
        self.tries)
    end
  end)
  lazy_teardown(t.cleanup)

  local function undisturbed(self)
    -- The dead would hold all places for most of the time.
    rig.check(self.wait_ms <= runs.alone.wait_ms + 20, "the others wait: %.1f ms for a place, %.1f without the dead", self.wait_ms, runs.alone.wait_ms)
    rig.check(self.ok >= 0.95 * runs.alone.ok, "the others are slower: %.0f runs a second, %.0f without the dead", self.ok, runs.alone.ok)
  end
  local function few_packets(self)
    -- One trial of one packet each in so many seconds.
    rig.check(self.tries <= DEAD / TRIAL * 1.3, "too many packets to the dead: %.1f a second", self.tries)
  end
  it("the others are polled as often as without them", function()
    rig.check(runs.alone.ok >= 0.9 * N, "%.0f runs a second", runs.alone.ok)
    undisturbed(runs.with)
  end)
  it("packets to them fall to the rate of trials", function()
    few_packets(runs.with)
    rig.check(runs.with.tries > DEAD / TRIAL * 0.5, "%.1f packets a second to the dead: nobody tries", runs.with.tries)
  end)
  it("without the breaker it is otherwise", function()
    rig.must_fail(function() undisturbed(runs.without) end, "the others wait")
    rig.must_fail(function() few_packets(runs.without) end, "too many packets to the dead")
  end)
  it("both sides count alike, and no descriptor is lost on them", function()
    for _, self in pairs(runs) do assert.equal(self.last.counters.datagrams_out, self.counted.datagrams_in) end
    assert.equal(0, runs.with.last.runs.runs_timeout)
  end)
end)
