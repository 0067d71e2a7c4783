-- 100 agents, 40,000 samples a second, and an output that does not take them: a reader that stops for 20 s, one that leaves, a disk
-- that is full. Nothing is torn, missing in the middle, or there twice.
local rig = require "e2e.load_rig"
local t = require "e2e.helper"

local N, PARTS, STALL = 100, 400, 20
local probe = "tests/e2e/probes/load_parts.lua"

-- All runs of a device that are in text are whole, in order, and follow one another.
local function whole(text)
  local runs, seen, ok = {}, {}, 0
  rig.each(text, function(s)
    if s.name == "run_error" then
      rig.check(s.value == "ok", "%s: %s", s.device, tostring(s.value))
      rig.check(seen[s.device] == PARTS, "a run of %s has %s parts", s.device, tostring(seen[s.device]))
      seen[s.device], ok = nil, ok + 1
    elseif s.name == "part" then
      if not seen[s.device] then
        rig.check(s.value == (runs[s.device] or 0) + 1, "%s: run %d after run %d", s.device, s.value, runs[s.device] or 0)
        runs[s.device] = s.value
      end
      rig.check(s.value == runs[s.device], "%s: a part of run %d in run %d", s.device, s.value, runs[s.device])
      seen[s.device] = (seen[s.device] or 0) + 1
      rig.check(tonumber(s.labels.index) == seen[s.device], "%s: part %s comes as number %d", s.device, s.labels.index, seen[s.device])
    end
  end)
  return ok, seen, runs
end

describe("An output that does not take what 100 agents give:", function()
  local sim
  lazy_setup(function() sim = rig.agents(rig.recording "small", { { n = N } }) end)
  lazy_teardown(function()
    sim:stop()
    t.cleanup()
  end)
  local function words(...) return { probe, "--targets", rig.targets(sim), "-t", "2", "-r", "1", ... } end

  describe("a reader that stops for 20 s", function()
    local function start(mechanism)
      local fifo, out = t.path "fifo", t.path "out"
      assert(os.execute("mkfifo " .. fifo) == 0)
      local self = { out = out, go = t.path "go" }
      self.reader = t.start({}, { shell = ("exec 3<%s; head -c 3000000 <&3; until [ -e %s ]; do sleep 0.1; done; exec cat <&3")
        :format(fifo, self.go) })
      self.collector = rig.collect(words(), { without = mechanism, to = fifo })
      return self
    end
    local with, without
    lazy_setup(function()
      with, without = start(), start "backpressure"
      for _, self in ipairs { with, without } do
        t.wait_for("a reader that stopped", 60, function() return #self.reader:stdout() >= 3000000 end)
      end
      local stopped = t.now()
      with.full = with.collector:when("a full ring", 60, function(s)
        local before = with.last
        with.last = s.runs.runs_started
        if s.runs.output_full > 0 and before == with.last then return true end
        t.sleep(1)
      end)
      t.sleep(math.max(1, stopped + 12 - t.now()))
      for _, self in ipairs { with, without } do self.early = self.collector:costs() end
      t.sleep(math.max(5, stopped + STALL - t.now()))
      for _, self in ipairs { with, without } do self.late, self.status = self.collector:costs(), self.collector:status() end
      for _, self in ipairs { with, without } do io.open(self.go, "w"):close() end
      with.after = with.collector:when("more runs", 40, function(s) return s.runs.runs_ok > with.status.runs.runs_ok + 3 * N end)
      for _, self in ipairs { with, without } do
        self.collector.process:signal(15)
        self.code = self.collector.process:wait(30)
        self.reader:wait(10)
        self.text = self.reader:stdout()
      end
      rig.tell("worker: %.0f MB, later %.0f MB; without: %.0f MB, %.0f MB", with.early.mb, with.late.mb, without.early.mb, without.late.mb)
    end)
    local function flat(self) rig.check(self.late.mb < self.early.mb + 4, "memory grew: %.1f MB, then %.1f MB", self.early.mb, self.late.mb) end

    it("slows polling down and costs no memory", function()
      flat(with)
      rig.check(with.late.cpu - with.early.cpu < 2, "%.2f s of processor time while nothing can go on", with.late.cpu - with.early.cpu)
      rig.check(with.status.runs.runs_started == with.full.runs.runs_started, "%d runs started while the output stood still",
        with.status.runs.runs_started - with.full.runs.runs_started)
      assert.equal(with.late.fds, with.early.fds)
    end)
    it("loses nothing and repeats nothing, and is nobody's fault", function()
      assert.equal(0, with.code)
      local ok, left = whole(with.text)
      assert.is_nil((next(left)))
      assert.truthy(ok > 3 * N, ok)
      local s = require "cjson".decode(t.read(with.collector.stats))
      t.assert_balances(s, true)
      assert.equal(s.runs.runs_ok, ok)
      assert.equal(0, s.runs.runs_failed + s.runs.runs_timeout + s.errors.timeout)
    end)
    it("without back-pressure memory grows and runs are missing", function()
      rig.must_fail(function() flat(without) end, "memory grew")
      rig.must_fail(function() whole(without.text) end, "after run")
    end)
  end)

  it("a reader that leaves: it ends well, and what was read is whole", function()
    local fifo = t.path "fifo"
    assert(os.execute("mkfifo " .. fifo) == 0)
    local reader = t.start({}, { shell = ("exec head -c 4000000 <%s"):format(fifo) })
    local c = rig.collect(words(), { to = fifo, unchecked = true })
    reader:wait(20)
    assert.equal(0, c.process:wait(10))
    assert.equal("", c.process:stderr())
    local text = reader:stdout()
    assert.equal(4000000, #text)
    local ok = whole(text:match "^.*\n")
    assert.truthy(ok >= 50, ok)
    t.assert_balances(require "cjson".decode(t.read(c.stats)))
  end)

  it("a full disk: it says so, ends with 1, and the file ends with a whole line", function()
    local dir = t.path "disk"
    assert(os.execute("mkdir -p " .. dir) == 0)
    if os.execute(("unshare -m sh -c 'mount -t tmpfs -o size=4k none %s' 2>/dev/null"):format(dir)) ~= 0 then
      pending "no mount namespaces here"
      return
    end
    local out, err = t.path "text", t.path "err"
    for _, how in ipairs { ">", ">>" } do
      -- 3 MB and no multiple of any line or block.
      local p = t.start({}, { shell = ("exec unshare -m sh -c 'mount -t tmpfs -o size=3000k none %s && { timeout 30 %s run %s --targets %s"
        .. " -c public -t 2 -o json %s%s/out 2>%s; echo $? >%s/code; cat %s/out >%s; }'"):format(dir, t.program, probe, rig.targets(sim), how, dir, err,
        t.path "code":match "^(.*)/", dir, out) })
      p:wait(40)
      assert.equal("1\n", t.read(t.path "code":match "^(.*)/" .. "/code"))
      local said = t.read(err)
      assert.truthy(said:find("cannot write to stdout: No space left on device", 1, true), said)
      assert.equal(1, select(2, said:gsub("\n", "")), said)
      local text = t.read(out)
      assert.truthy(#text > 2900000, #text)
      local ok = whole(text)
      assert.truthy(ok >= 30, ok)
    end
  end)
end)
