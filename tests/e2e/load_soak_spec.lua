-- Trouble that comes and goes: every ten seconds a part of 300 agents does this and that wrong for five of them, then nothing does.
-- In the quiet everything has to be where it was: descriptors, memory, tasks, timers. MOON_SOAK_SECONDS: how long
-- that is looked at, behind 30 s in which all is met for the first time; 30, which makes a minute.
local rig = require "e2e.load_rig"
local t = require "e2e.helper"

local N, CYCLE, TROUBLE, QUIET = 300, 10, 5, 7.7
local SECONDS = tonumber(os.getenv "MOON_SOAK_SECONDS" or 30)
local KEEP = 1000000 -- octets of samples that are looked at

describe(("Trouble that comes and goes among 300 agents, for %d s:"):format(SECONDS), function()
  local runs = {}
  local function start(n, mechanism)
    local function kind(faults, share, more)
      for i, f in ipairs(faults) do faults[i] = ("{ %s, from = 0, to = %d, every = %d }"):format(f, TROUBLE, CYCLE) end
      return { n = math.floor(n * share), faults = table.concat(faults, ", "), more = more }
    end
    local v3 = 'v3 = { users = { { user = "ops", auth = "SHA", auth_pass = "authpass12", priv = "AES", priv_pass = "privpass12" } } }'
    local self = { quiet = {}, sim = rig.agents(rig.recording "small", {
      { n = math.floor(n * 0.3) }, kind({ '"dead"' }, 0.1), kind({ '"loss", share = 0.5' }, 0.1), kind({ '"delay", delay = 0.3' }, 0.1),
      kind({ '"jitter", delay = 0.4', '"duplicate", share = 0.5', '"reorder"' }, 0.1), kind({ '"truncated", n = 9', '"wrong-id", share = 0.3' }, 0.1),
      kind({ '"too-big", n = 100', '"gen-err", oid = "1.3.6.1.2.1.2.2.1.10"' }, 0.05),
      kind({ '"not-increasing", oid = "1.3.6.1.2.1.2.2.1.8"' }, 0.05),
      kind({ '"dead"' }, 0.05, v3), kind({ '"bad-digest"' }, 0.05, v3) }) }
    self.began = t.now()
    local files = { {}, {} }
    for i, list in ipairs(self.sim.hosts) do
      local f = files[i >= 9 and 2 or 1]
      f[#f + 1] = list
    end
    -- Silent ones are found out, and tried again within the quiet.
    local config = t.write("config.lua", ([[return {
      auth = { ops = { version = 3, user = "ops", auth = "SHA", auth_pass = "authpass12", priv = "AES", priv_pass = "privpass12" },
               open = { community = "public" } },
      targets = { { file = %q, auth = "open" }, { file = %q, auth = "ops" } }, workers = 2,
      request = { timeout = 0.3, retries = 1, breaker_trial = 1 } }]]):format(rig.targets { hosts = files[1] }, rig.targets { hosts = files[2] }))
    self.out = t.path "out"
    -- What comes is looked at as far as it is kept.
    local fifo = t.path "fifo"
    assert(os.execute("mkfifo " .. fifo) == 0)
    self.reader = t.start({}, { shell = ("exec <%s; head -c %d >%s; exec cat >/dev/null"):format(fifo, KEEP, self.out) })
    self.collector = rig.collect({ "tests/e2e/probes/load_mixed.lua", "--config", config, "--log", "error" }, { without = mechanism, to = fifo })
    return self
  end
  -- The least of what is there in the quiet of this cycle: what is under way anyway comes and goes.
  local function look(self, cycle)
    t.sleep(math.max(0, self.began + cycle * CYCLE + QUIET - t.now()))
    local least = { tasks = math.huge, timers = math.huge, runs = math.huge }
    local s
    repeat
      s = self.collector:status()
      least.tasks = math.min(least.tasks, s.runs.tasks_active)
      least.runs = math.min(least.runs, s.runs.runs_active)
      least.timers = math.min(least.timers, s.counters.timers)
      t.sleep(0.12)
    until t.now() > self.began + (cycle + 1) * CYCLE - 0.3
    -- Workers count while they are looked at, and one that has no processor is in the midst of it for long.
    s = self.collector:when("counts that belong together", 30, function(now) return now.balances.requests and now.balances.datagrams end)
    t.assert_balances(s)
    local costs = self.collector:costs(s)
    least.fds, least.mb, least.ok = costs.fds, costs.mb, s.runs.runs_ok
    self.quiet[#self.quiet + 1] = least
    rig.tell("%s cycle %d: %d runs, %d tasks, %d timers, %d descriptors, %.1f MB", self == runs.with and "with" or "without", cycle, least.runs,
      least.tasks, least.timers, least.fds, least.mb)
  end
  lazy_setup(function()
    runs.with, runs.without = start(N), start(100, "timeouts")
    -- The first two cycles are for what grows once: a place for each that may be at once, names, keys.
    look(runs.without, 1)
    look(runs.with, 2)
    runs.without.collector:kill()
    runs.without.sim:stop()
    for cycle = 3, 2 + math.ceil(SECONDS / CYCLE) do look(runs.with, cycle) end
    runs.with.last = runs.with.collector:stop()
    runs.with.counted = runs.with.sim:stop()
  end)
  lazy_teardown(t.cleanup)

  local function back(self)
    -- Runs of 20 ms every two seconds: some are always under way. The better of the last two: what stays does so in both.
    local tasks = math.min(self.quiet[#self.quiet].tasks, (self.quiet[#self.quiet - 1] or self.quiet[#self.quiet]).tasks)
    rig.check(tasks <= 40, "tasks stay: %d", tasks)
  end
  it("tasks and timers are where they were", function()
    back(runs.with)
    local list = runs.with.quiet
    local timers = math.min(list[#list].timers, list[#list - 1].timers)
    -- One a device for its next run; of each that is under way its timeout, what it sleeps for, its request's.
    rig.check(timers <= N + 3 * 40, "timers stay: %d", timers)
  end)
  it("without timeouts of runs they are not", function() rig.must_fail(function() back(runs.without) end, "tasks stay") end)
  it("descriptors and memory are where they were", function()
    local from, to = runs.with.quiet[1], runs.with.quiet[#runs.with.quiet]
    assert.equal(from.fds, to.fds)
    -- Over a longer time both workers' collectors let garbage lie, as garbage.c says: 24 MB each.
    rig.check(to.mb <= from.mb * 1.1 + 4 + (SECONDS > 60 and 2 * 24 or 0), "%.1f MB, at last %.1f MB", from.mb, to.mb)
  end)
  it("trouble there was, and work was done", function()
    local from, to, c = runs.with.quiet[1], runs.with.quiet[#runs.with.quiet], runs.with.last
    assert.truthy(to.ok - from.ok >= SECONDS / 2 * 100, to.ok - from.ok)
    assert.truthy(c.runs.runs_timeout > 50, c.runs.runs_timeout)
    for _, name in ipairs { "breakers_opened", "breakers_closed", "late", "duplicate", "unknown", "retries", "auth_failed" } do
      assert.truthy(c.counters[name] > 0, name)
    end
    assert.equal(c.counters.datagrams_out, runs.with.counted.datagrams_in)
    rig.each(t.read(runs.with.out):match "^.*\n", function() end)
    assert.equal(0, c.workers_lost)
  end)
end)
