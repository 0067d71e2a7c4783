-- Workers that are lost in a script, and what is held back after that.
local ffi = require "ffi"
local t = require "e2e.helper"

describe("a worker", function()
  local agent
  lazy_setup(function() agent = t.agent {} end)
  lazy_teardown(function()
    agent:stop()
    t.cleanup()
  end)

  local function hosts(n)
    local out = {}
    for i = 1, n do out[i] = agent:target("127.0.12." .. i) end
    return out
  end
  -- The options of a run in which this target, or "none", holds its worker up.
  local function words(list, where, ...)
    local config = t.write("stuck.lua", ("return { probes = { { file = %q, trusted = true, args = { where = %q } } } }"):format(
      (os.getenv "PWD" or ".") .. "/tests/e2e/probes/stuck.lua", where))
    return { "--config", config, "--targets", table.concat(list, ","), "-c", "public", ... }
  end
  local function start(dir, list, where) return t.start_poll(words(list, where, "-o", "json", "--run-dir", dir)) end

  it("that is stuck where no hook reaches is lost once, and only once until it is released", function()
    local dir, list = t.run_dir(), hosts(4)
    local p = start(dir, list, list[2])
    local s = t.wait_for("the loss", 90, function()
      local now = t.status(dir)
      return now and now.workers_lost > 0 and now.runs.runs_held >= 2 and now
    end)
    assert.equal(1, s.workers_lost)
    assert.equal(1, #s.quarantine)
    assert.equal("stuck", s.quarantine[1].probe)
    assert.equal(list[2], s.quarantine[1].target)
    assert.truthy(s.quarantine[1].why:find("^stuck, %d"), s.quarantine[1].why)
    assert.truthy(s.quarantine[1].seconds_left > 3500 and s.quarantine[1].seconds_left <= 3600)
    t.assert_balances(s)
    assert.truthy(p:stderr():find("stuck: " .. list[2] .. ": in quarantine for 60 min", 1, true), p:stderr())
    -- The others go on.
    local from = #p:stdout()
    t.wait_for("the others", 10, function()
      local seen = t.samples(p:stdout():sub(from + 1):match "\n(.*)\n" or "")
      return seen[list[1]] and seen[list[3]] and seen[list[4]] and not seen[list[2]]
    end)
    -- Names that are none, and what is not held.
    local code, out, err = t.run { t.program, "release", "other", "--run-dir", dir }
    assert.same({ 1, "", 'moonpoll: no probe named "other"; there are stuck\n' }, { code, out, err })
    code, out, err = t.run { t.program, "release", "stuck", "other", "--run-dir", dir }
    assert.same({ 1, "", "moonpoll: other: no such target\n" }, { code, out, err })
    code, out = t.run { t.program, "release", "stuck", list[1], "--run-dir", dir }
    assert.same({ 0, "0 released\n" }, { code, out })
    assert.equal(1, #t.status(dir).quarantine)
    code, out = t.run { t.program, "release", "stuck", list[2], "--run-dir", dir }
    assert.equal(0, code)
    assert.equal("1 released\n", out)
    t.wait_for("the second loss", 90, function() return t.status(dir).workers_lost == 2 end)
    assert.equal(0, p:stop(10), p:stderr())
    t.assert_balances(p.stats(), true)
  end)

  it("that is stuck makes --once fail, and end", function()
    local list = hosts(2)
    local r = t.poll(words(list, list[1], "--once"), { seconds = 90 })
    assert.equal(3, r.status, r.stderr)
    assert.equal(1, r.stats.workers_lost)
    assert.equal(1, r.stats.runs.runs_held)
    assert.equal(1, r.samples[list[2]].up)
  end)

  it("that is stopped for a while is not judged", function()
    local dir, list = t.run_dir(), hosts(3)
    local p = start(dir, list, "none")
    local s = t.wait_for("a start", 10, function()
      local now = t.status(dir)
      return now and now.runs.runs_ok >= 3 and now
    end)
    assert.equal(0, ffi.C.kill(s.workers[1].pid, 19))
    t.sleep(10)
    assert.equal(0, ffi.C.kill(s.workers[1].pid, 18))
    local before = t.status(dir).runs.runs_ok
    local after = t.wait_for("new runs", 10, function()
      local now = t.status(dir)
      return now.runs.runs_ok >= before + 3 and now
    end)
    assert.equal(s.workers[1].pid, after.workers[1].pid)
    assert.equal(0, after.workers_lost)
    assert.equal(0, #after.quarantine)
    assert.equal(0, p:stop(10), p:stderr())
  end)

  it("that crashes in a script is replaced, the culprit held", function()
    local dir, list = t.run_dir(), hosts(3)
    local p = start(dir, list, list[1])
    local s = t.wait_for("a start", 10, function() return t.status(dir) end)
    t.wait_for("a loss in the script", 60, function()
      local now = t.status(dir)
      if not now then return end
      if #now.quarantine > 0 then return true end
      local pid = now.workers[1].pid
      local file = io.open("/proc/" .. pid .. "/stat")
      local stat = file and file:read "*a" or ""
      if file then file:close() end
      local busy = tonumber((stat:match "%) %a (.*)" or ""):match("^%S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+)") or 0)
      if busy > 100 then ffi.C.kill(pid, 11) end -- a second of processor time
      t.sleep(0.05)
    end)
    local last = t.status(dir)
    assert.equal(list[1], last.quarantine[1].target)
    assert.truthy(last.workers[1].pid ~= s.workers[1].pid)
    assert.truthy(last.workers_lost >= 1)
    assert.equal(0, p:stop(10), p:stderr())
  end)
end)
