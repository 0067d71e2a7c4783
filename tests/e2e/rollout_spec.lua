-- New versions of a probe on 200 agents: what is worse comes back by itself with a word of why, what is good gets everywhere, and who is
-- lost on the way is followed by one who goes on.
local cjson = require "cjson"
local ffi = require "ffi"
local rig = require "e2e.sim_rig"
local t = require "e2e.helper"

local N, EVERY, DAY = 200, 0.3, 86400

local function put(path, text)
  local f = assert(io.open(path .. ".new", "wb"))
  f:write(text)
  f:close()
  assert(os.rename(path .. ".new", path))
end

describe("a new version of a probe", function()
  local sim, targets
  lazy_setup(function()
    sim = rig.fleet(('return { agent { recording = "%s/tests/recordings/small.snmprec", count = %d, address = "127.78.0.1", delay = 0.02 } }')
      :format(os.getenv "PWD", N))
    local lines = {}
    for i = 1, N do lines[i] = ("127.78.0.%d:%d device=d%d\n"):format(i, sim.port, i) end
    targets = t.write("targets.txt", table.concat(lines))
  end)
  lazy_teardown(function()
    if sim then sim.process:stop() end
    t.cleanup()
  end)

  -- A version: `first` comes before what all have in common, `rest` in the place of some of its samples.
  local function code(first, rest)
    return ([[
local snmp = require "moonpoll"
local uptime, name = "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.5.0"
return { every = %g, timeout = 1, run = function(device, out, state)
  state.n = (state.n or 0) + 1
  out:gauge("n", state.n)
  %s
  local row = assert(device:get { a = uptime, b = name })
  %s
end }
]]):format(EVERY, first or "", rest or 'out:gauge("a", row.a) out:gauge("b", row.a) out:gauge("c", row.a)')
  end

  local runs = 0
  -- An instance on version `text`; rules: of the rollout.
  local function start(rules, text)
    runs = runs + 1
    local dir = t.run_dir()
    local self = { probe = t.path "probe.lua", dir = dir }
    put(self.probe, text or code())
    local config = t.path "moon.lua"
    function self.configure(text_)
      put(config, ('return { auth = { a = { version = "2c", community = "public" } }, workers = 2,\n' ..
        'targets = { { file = "%s", auth = "a" } }, probes = { { file = "%s", name = "p" } }, rollout = { %s } }')
        :format(targets, self.probe, text_))
    end
    self.configure(rules or "")
    function self.begin() self.process = t.start { t.program, "run", "--config", config, "--run-dir", dir, "-o", "json" } end
    function self.status()
      local status, out = t.run { t.program, "status", "--json", "--run-dir", dir }
      return status == 0 and cjson.decode(out)
    end
    function self.tell(...) return t.run { t.program, (...), "--run-dir", dir, select(2, ...) } end
    -- Waits until fn(rollout, status).
    function self.until_(what, fn, seconds)
      local seen
      local ok, got = pcall(t.wait_for, what, seconds or 30, function()
        local s = self.status()
        t.sleep(0.1)
        seen = s and s.rollout
        return s and fn(s.rollout, s) and s
      end)
      if not ok then error(got .. ": " .. cjson.encode(seen or {}) .. self.process:stderr():sub(-1500), 2) end
      return got
    end
    function self.known() self.until_("a habit of all", function(_, s) return s.runs.runs_ok >= N * 7 end) end
    -- Writes a version and waits for what becomes of it: the verdict, the status.
    function self.try(version, state)
      local before = self.status().rollout
      put(self.probe, version)
      local s = self.until_(state, function(r) return r.state == state and (r.verdict ~= before.verdict or r.state ~= before.state) end)
      return s.rollout.verdict, s
    end
    -- Runs of this version that began after a moment of the day in UTC, and how many there were in all.
    function self.begun_after(version, seconds)
      local n, late, ended = 0, 0, nil
      for line in self.process:stdout():gmatch "[^\n]+" do
        if line:find('"name":"up"', 1, true) then
          ended = line:find('"version":"' .. version, 1, true) and cjson.decode(line).t
        elseif ended and line:find('"name":"run_seconds"', 1, true) then
          local after = (ended - cjson.decode(line).value - seconds) % DAY
          n, late, ended = n + 1, late + (after < DAY / 2 and 1 or 0), nil
        end
      end
      return late, n
    end
    -- n of each device, in order.
    function self.counts()
      local by = {}
      for line in self.process:stdout():gmatch "[^\n]+" do
        local device, n = line:match '"device":"(d%d+)".-"name":"n","type":"gauge","value":(%d+)'
        if n then
          by[device] = by[device] or {}
          table.insert(by[device], tonumber(n))
        end
      end
      return by
    end
    -- How often a count does not follow on the one before, and by how many it then goes back at most.
    function self.jumps()
      local n, most, devices = 0, 0, 0
      for _, list in pairs(self.counts()) do
        devices = devices + 1
        for i = 2, #list do
          if list[i] ~= list[i - 1] + 1 then
            n, most = n + 1, math.max(most, list[i - 1] + 1 - list[i])
            assert.is_true(list[i] <= list[i - 1], "a run is lost")
          end
        end
      end
      assert.equal(N, devices)
      return n, most
    end
    self.begin()
    self.known()
    return self
  end

  it("that is worse in one way comes back, and says in which", function()
    local r = start "time = 8"
    local old = r.status().probes[1].version
    local verdict, s = r.try(code(nil, 'out:gauge("a", row.a)'), "back")
    assert.truthy(verdict:find "^samples a run: 0%.5%d times", verdict)
    assert.equal(old, s.probes[1].version)
    assert.is_nil(s.probes[1].candidate)
    assert.is_true(s.rollout.percent <= 15, s.rollout.percent)
    -- As many requests as three times, side by side: no slower.
    verdict = r.try(code('snmp.all(function() return device:get(uptime) end, function() return device:get(uptime) end)'), "back")
    assert.truthy(verdict:find "^requests a run: [23]%.%d+ times", verdict)
    -- Two of two hundred.
    verdict, s = r.try(code('if device.name == "d7" or device.name == "d155" then error("oh no") end'), "back")
    assert.truthy(verdict:find "^failures: [12] of %d+ devices", verdict)
    assert.truthy(verdict:find("; first: d%d+: .-probe%.lua:6: oh no"), verdict)
    assert.equal(old, s.probes[1].version)
    assert.truthy(r.process:stderr():find "rolled back at %d+ %% of the devices: p %x+: samples a run")
    -- The state is what it was before each trial: it goes on from there, on the devices that were in it, and on no others.
    t.sleep(0.7)
    r.process:stop()
    local jumps, most = r.jumps()
    assert.is_true(jumps > 3 and jumps < N, jumps)
    assert.is_true(most >= 2, most)
    -- What came back is not begun any more once an interval is over.
    local tried = 0
    for hour, minute, second, version in r.process:stderr():gmatch "T(%d+):(%d+):([%d.]+)Z rolled back at %d+ %% of the devices: p (%x+):" do
      local late, n = r.begun_after(version, hour * 3600 + minute * 60 + second + EVERY)
      assert.equal(0, late)
      assert.is_true(n >= 20, n)
      tried = tried + 1
    end
    assert.equal(3, tried)
  end)

  it("that is slower comes back", function()
    local r = start()
    local verdict = r.try(code "snmp.sleep(0.15)", "back")
    assert.truthy(verdict:find "^run time: [2-5]%.%d+ times", verdict)
    -- It is not tried again by itself, nor when all is read again, but when it is asked for.
    local serial = r.status().generation
    local status, out = r.tell "reload"
    assert.equal(0, status)
    assert.truthy(out:find("rolled back, and not tried again: p ", 1, true), out)
    assert.equal("back", r.status().rollout.state)
    assert.is_true(r.status().generation >= serial)
    status, out = r.tell("reload", "p")
    assert.equal(0, status)
    assert.truthy(out:find("in steps", 1, true), out)
    r.until_("a trial", function(x) return x.state == "going" end)
    status, out = r.tell("rollback", "q")
    assert.equal(1, status, out)
    status, out = r.tell("rollback", "p")
    assert.equal(0, status)
    assert.truthy(out:find "^rolled back: p %x+\n$", out)
    assert.equal("rolled back, as was asked", r.status().rollout.verdict)
    status, out = r.tell("reload", "--now")
    assert.equal(0, status)
    assert.is_nil(out:find("in steps", 1, true))
    local s = r.until_("all of it", function(x) return x.state == "done" end)
    assert.equal(0, s.rollout.refused)
    local _, _, err = r.tell "promote"
    assert.equal("moonpoll: nothing is on trial\n", err)
    r.process:stop()
  end)

  it("that is as good gets everywhere, and no run is lost", function()
    local r = start "time = 8"
    local old = r.status().probes[1].version
    put(r.probe, code "-- two")
    r.until_("a trial", function(x) return x.state == "going" and x.step >= 2 end)
    local second = r.status().probes[1].candidate
    put(r.probe, code "-- three") -- in the place of the second
    local s = r.until_("the third", function(x, s) return x.state == "going" and s.probes[1].candidate ~= second end)
    assert.equal(old, s.probes[1].version)
    local third = s.probes[1].candidate
    s = r.until_("the end", function(x) return x.state == "done" end, 60)
    assert.equal(third, s.probes[1].version)
    assert.truthy(s.rollout.verdict:find "^no worse: %d+ comparisons with %d+ devices", s.rollout.verdict)
    local steps = {}
    for percent in r.process:stderr():gmatch("on trial on (%d+) %% of the devices: p " .. third) do steps[#steps + 1] = percent end
    assert.same({ "5", "15", "30", "50", "100" }, steps)
    put(r.probe, code "-- four")
    r.until_("a trial", function(x) return x.state == "going" end)
    local status, out = r.tell("promote", "p")
    assert.equal(0, status)
    assert.truthy(out:find "^in force everywhere: p %x+\n$", out)
    s = r.status()
    assert.equal("done", s.rollout.state)
    assert.is_nil(s.probes[1].candidate)
    put(r.probe, code "-- five")
    local fifth = r.until_("a trial", function(x) return x.state == "going" end).probes[1].candidate
    status, out = r.tell("reload", "--now") -- there is nothing new, but no more steps
    assert.equal(0, status)
    assert.truthy(out:find("targets: 200", 1, true), out)
    s = r.status()
    assert.equal("done", s.rollout.state)
    assert.equal(fifth, s.probes[1].version)
    t.sleep(0.7)
    r.process:stop()
    local jumps, share = r.jumps(), 0 -- those that had the second version went back once; how many had it is up to the machine
    for percent in r.process:stderr():gmatch("on trial on (%d+) %% of the devices: p " .. second) do share = math.max(share, tonumber(percent)) end
    assert.is_true(jumps > 3 and jumps < N * share / 100 + 25, jumps)
    assert.are_not.equal(0, os.execute("ls " .. r.dir .. " | grep -q rollout")) -- nothing is left to go on with
  end)

  it("goes on where it was when a worker or the master is lost", function()
    local steps = ", time = 8, steps = { 5, 10, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80, 90, 100 }"
    local r = start("runs = 4" .. steps)
    local old = r.status().probes[1].version
    put(r.probe, code "-- two")
    r.until_("a trial", function(x) return x.state == "going" and x.step >= 2 end)
    r.configure("runs = 1000" .. steps) -- it stays at its step from here on
    assert.equal(0, (r.tell "reload"))
    local s = r.status()
    local new, percent = s.probes[1].candidate, s.rollout.percent
    assert.equal("going", s.rollout.state)
    assert.is_true(percent < 100)
    ffi.C.kill(s.workers[1].pid, 9)
    s = r.until_("another worker", function(_, x) return x.workers_lost == 1 and x.workers[1].pid ~= 0 end)
    assert.same({ "going", percent, new, old }, { s.rollout.state, s.rollout.percent, s.probes[1].candidate, s.probes[1].version })
    ffi.C.kill(s.pid, 9)
    r.process:wait()
    r.begin()
    s = r.until_("another master", function() return true end)
    assert.same({ "going", percent, new, old }, { s.rollout.state, s.rollout.percent, s.probes[1].candidate, s.probes[1].version })
    assert.truthy(r.process:stderr():find("on trial again", 1, true))
    -- Lost before it could look at what was written: that is tried as well, and by no more devices.
    put(r.probe, code "-- three")
    ffi.C.kill(s.pid, 9)
    r.process:wait()
    r.begin()
    s = r.until_("a third master", function() return true end)
    assert.equal(old, s.probes[1].version)
    s = r.until_("a trial of what was written", function(x) return x.state == "going" end)
    assert.same({ 5, old }, { s.rollout.percent, s.probes[1].version })
    assert.are_not.equal(new, s.probes[1].candidate)
    r.tell "replace"
    -- Broken now: what is known of before is enough to see it.
    local verdict = r.try(code(nil, 'out:gauge("a", row.a)'), "back")
    assert.truthy(verdict:find "^samples a run: 0%.%d+ times", verdict)
    -- Stopped, and begun again: what was refused is not run, though the file says it.
    r.process:stop()
    r.begin()
    s = r.until_("another master", function(x) return x.state == "back" end)
    assert.equal(old, s.probes[1].version)
    assert.truthy(s.rollout.verdict:find "^samples a run: ", s.rollout.verdict)
    -- Whoever mends the file is believed.
    put(r.probe, code())
    r.until_("nothing to refuse", function(x) return x.refused == 0 end)
    r.process:stop()
  end)
end)
