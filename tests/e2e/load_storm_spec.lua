-- 1,000 agents that answer in 5 ms take 800 ms for some seconds, all at once, where a try waits 500 ms: soon after the start, and once
-- more when all is settled. Beside it the same without the retry budget.
local rig = require "e2e.load_rig"
local t = require "e2e.helper"

-- Seconds of the simulator, which begins a second before: the first storm finds what the first round of all agents at once earned.
local N, STORMS = 1000, { { 6, 10 }, { 20, 25 } }

describe("A storm: 1,000 agents answer in 800 ms instead of 5, with a timeout of 500 ms;", function()
  local with, without

  local function start(mechanism)
    local self = { asked = {}, at = {}, status = {} }
    local faults, from = {}, 0
    for i, storm in ipairs(STORMS) do
      faults[i] = ('{ "delay", delay = 0.005, from = %d, to = %d }, { "delay", delay = 0.8, from = %d, to = %d }'):format(from, storm[1], storm[1], storm[2])
      from = storm[2]
    end
    faults[#faults + 1] = ('{ "delay", delay = 0.005, from = %d }'):format(from)
    self.sim = rig.agents(rig.recording "small", { { n = N, faults = table.concat(faults, ", ") } })
    self.began = t.now()
    self.collector = rig.collect({ "tests/e2e/probes/steady.lua", "--targets", rig.targets(self.sim), "-t", "0.5", "-r", "1", "--every", "1" },
      { without = mechanism, to = t.path "out" })
    return self
  end
  -- What was sent until that second of the simulator's life. One look for all: two would be apart on a busy machine.
  local function note(self, second)
    t.sleep(math.max(0, self.began + second - t.now()))
    local s = self.collector:status()
    self.status[second], self.asked[second], self.at[second] = s, s.counters.datagrams_out, t.now()
  end
  local function rate(self, a, b) return (self.asked[b] - self.asked[a]) / (self.at[b] - self.at[a]) end
  -- Packets of a time against what it had before, or against the requests made in it: a busy machine makes up for what it slept.
  local function offered(self, normal, a, b)
    local made = self.status[b].counters.requests - self.status[a].counters.requests
    return (self.asked[b] - self.asked[a]) / math.max(made, normal * (self.at[b] - self.at[a]))
  end

  lazy_setup(function()
    with, without = start(), start "budget"
    for _, storm in ipairs(STORMS) do
      for second = storm[1] - 3, storm[2] + 4 do
        note(with, second)
        note(without, second)
      end
    end
    for _, self in ipairs { with, without } do
      self.last = self.collector:stop()
      self.counted = self.sim:stop()
      self.normal, self.most = {}, {}
      for i, storm in ipairs(STORMS) do
        local from, to = unpack(storm)
        self.normal[i], self.most[i] = rate(self, from - 3, from - 1), 0
        -- Any two seconds: one that is looked at a little late has in it what is allowed at the beginning of two.
        for second = from - 1, to + 2 do self.most[i] = math.max(self.most[i], offered(self, self.normal[i], second, second + 2)) end
        rig.tell("%.0f packets a second, in the storm from second %d at most %.2f times as many", self.normal[i], from, self.most[i])
      end
    end
  end)
  lazy_teardown(t.cleanup)

  local function offers_little(self)
    for _, normal in ipairs(self.normal) do rig.check(normal > N * 0.7, "%d packets a second before a storm", normal) end
    rig.check(self.counted.total.faults.delay > N * 2, "no storm")
    rig.check(self.counted.datagrams_in == self.last.counters.datagrams_out, "%d sent, %d came", self.last.counters.datagrams_out,
      self.counted.datagrams_in)
    for _, most in ipairs(self.most) do rig.check(most <= 1.2, "offered too much: %.2f times the packets", most) end
  end
  it("no more than 1.2 times the packets are offered", function()
    offers_little(with)
    local c = with.last.counters
    rig.check(c.retries <= 0.1 * c.requests + 50, "%d retries, %d requests", c.retries, c.requests)
    rig.check(c.retries_denied > N, "only %d retries were denied", c.retries_denied)
  end)
  it("without the retry budget there are more", function()
    rig.must_fail(function() offers_little(without) end, "offered too much")
    assert.equal(0, without.last.counters.retries_denied)
  end)
  it("one interval after it all is as before", function()
    for _, storm in ipairs(STORMS) do
      -- The last of its requests are over a second after it.
      local to = storm[2]
      local before, after = with.status[to + 2].runs, with.status[to + 4].runs
      rig.check(after.runs_failed == before.runs_failed and after.runs_timeout == before.runs_timeout, "%d runs failed, %d", before.runs_failed,
        after.runs_failed)
      local seconds = with.at[to + 4] - with.at[to + 2] -- two, but for a machine that is busy
      rig.check(after.runs_ok - before.runs_ok > N * 0.75 * seconds, "%d runs in %.2f s", after.runs_ok - before.runs_ok, seconds)
      local c, d = with.status[to + 2].counters, with.status[to + 4].counters
      rig.check(d.retries - c.retries <= N / 100, "%d retries long after it", d.retries - c.retries)
    end
  end)
end)
