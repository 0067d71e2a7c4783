-- Agents behind a bad line: 30 % loss, up to 500 ms of jitter, duplicates, answers that overtake one another.
local rig = require "e2e.load_rig"
local sim_rig = require "e2e.sim_rig"
local t = require "e2e.helper"
local cjson = require "cjson"

local ENTRY = "1.3.6.1.4.1.9999.1"
local bad_line = [[{ "loss", share = 0.3 }, { "jitter", delay = 0.5 }, { "duplicate", share = 0.2, delay = 0.05 },
  { "reorder", share = 0.3, delay = 0.1 }]]

-- Values that can be told from their name and their agent, see probes/checked.lua.
local function recording(i)
  local lines = { ("1.3.6.1.2.1.1.3.0|67|%d"):format(i) }
  for row = 1, 15 do
    lines[#lines + 1] = ("%s.1.%d|2|%d"):format(ENTRY, row, i * 1000 + row)
    lines[#lines + 1] = ("%s.2.%d|4|agent %d row %d"):format(ENTRY, row, i, row)
    lines[#lines + 1] = ("%s.3.%d|70|%.0f"):format(ENTRY, row, i * 2 ^ 33 + row)
    lines[#lines + 1] = ("%s.4.%d|65|%d"):format(ENTRY, row, 4294967295 - row)
    lines[#lines + 1] = ("%s.5.%d|66|0"):format(ENTRY, row)
  end
  return rig.recording(lines)
end

describe("30 % loss, 500 ms of jitter, duplicates, reordering:", function()
  local runs = {}

  -- 90 agents that take turns: some 70 requests a second, whose retries are within the steady part of the budget.
  local function turns(retries)
    local lines = {}
    for i = 1, 90 do lines[i] = ("agent { recording = %q, name = \"agent %d\", faults = { %s } }"):format(recording(i), i, bad_line) end
    local targets = t.path "targets.json"
    local self = { sim = sim_rig.fleet(table.concat(lines, "\n"), "--targets", targets, "--seed", "5", "--log", "error"), enough = 1000 }
    self.collector = rig.collect({ "tests/e2e/probes/checked.lua", "--targets", targets, "-t", "1", "-r", retries, "--every", "8", "--per-device", "1",
      "--log", "error" })
    return self
  end
  -- 600 agents, 600 requests a second: more is lost than may be tried again.
  local function crowd(mechanism)
    local self = { sim = rig.agents(rig.recording "small", { { n = 600, faults = bad_line } }), enough = 3000 }
    self.collector = rig.collect({ "tests/e2e/probes/steady.lua", "--targets", rig.targets(self.sim), "-t", "1", "-r", "6", "--every", "1", "--log", "error" },
      { without = mechanism, to = "/dev/null" })
    return self
  end

  lazy_setup(function()
    runs.six, runs.none, runs.with, runs.without = turns "6", turns "0", crowd(), crowd "budget"
    for name, self in pairs(runs) do
      self.collector:when(self.enough .. " requests", 90, function(s) return s.counters.requests - s.counters.in_flight >= self.enough end)
      self.last = self.collector:stop()
      t.wait_for("answers held back", 5, function() return self.sim:status().held == 0 end)
      self.counted = self.sim:stop()
      local n = self.last.counters
      self.ended = n.requests - self.last.errors.cancelled
      rig.tell("%s: %d requests in %.1f s, %.2f %% answered, %d tries after the first, %d denied, %d second answers, %d late", name, self.ended,
        self.last.seconds, 100 * n.answered / self.ended, n.retries, n.retries_denied, n.duplicate, n.late)
    end
  end)
  lazy_teardown(t.cleanup)

  local function answered(self)
    local n = self.last.counters
    rig.check(n.answered >= 0.99 * self.ended, "too few answered: %d of %d", n.answered, self.ended)
  end
  it("of 1,000 requests to 90 agents 99 % are answered in time", function()
    answered(runs.six)
    assert.equal(0, runs.six.last.counters.retries_denied)
  end)
  it("with one try each they are not", function() rig.must_fail(function() answered(runs.none) end, "too few answered") end)
  it("there is no wrong value", function()
    for _, self in ipairs { runs.six, runs.none } do
      local good = 0
      rig.each(self.collector.process:stdout(), function(s)
        rig.check(s.name ~= "wrong_value" and not (s.name == "wrong" and s.value > 0), "wrong value: %s", cjson.encode(s))
        if s.name == "good" then good = good + s.value end
      end)
      assert.truthy(good > 1000, good)
    end
  end)
  it("both sides count alike", function()
    for name, self in pairs(runs) do
      assert.equal(self.last.counters.datagrams_out, self.counted.datagrams_in)
      assert.truthy(self.last.counters.duplicate > 20, name)
      for _, fault in ipairs { "loss", "jitter", "duplicate", "reorder" } do assert.truthy(self.counted.total.faults[fault] > 0, fault) end
    end
  end)

  local function within(self)
    local n, seconds = self.last.counters, self.last.seconds
    rig.check(n.retries <= math.max(0.1 * n.requests, 50 * (seconds + 2)), "over budget: %d tries after the first of %d requests in %.1f s", n.retries,
      n.requests, seconds)
    rig.check(n.retries_denied > 0, "nothing was denied")
  end
  it("tries after the first stay within the budget, of 600 agents", function() within(runs.with) end)
  it("without it they do not", function() rig.must_fail(function() within(runs.without) end, "over budget") end)
end)
