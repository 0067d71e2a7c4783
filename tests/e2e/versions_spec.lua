-- Probes change while they run: new versions go into all workers together, no run is lost, doubled or late, broken ones change nothing.
local cjson = require "cjson"
local ffi = require "ffi"
local rig = require "e2e.sim_rig"
local t = require "e2e.helper"
local v = require "e2e.versions_rig"

ffi.cdef "int symlink(const char *, const char *); int unlink(const char *);"

local SIGHUP, SIGKILL = 1, 9

describe("versions of a probe", function()
  local function fleet(n) return rig.start { "--recording", "tests/recordings/small.snmprec", "--count", tostring(n), "--address", "127.11.0.1" } end
  local sim
  local function targets(n, port)
    local lines = {}
    for i = 0, n - 1 do lines[#lines + 1] = ("127.11.%d.%d:%d device=d%d\n"):format(math.floor(i / 250), i % 250 + 1, port, i) end
    return t.write("targets.txt", table.concat(lines))
  end
  lazy_setup(function() sim = fleet(10) end)
  lazy_teardown(function()
    if sim then sim:stop() end
    t.cleanup()
  end)

  it("thirty, one after the other, under load", function()
    local many = fleet(310)
    local probe = t.write("probe.lua", v.probe "m0")
    local r = v.start { "--workers", "2", v.at_once(probe, targets(300, many.port)) }
    local order = { r:status().probes[1].version }
    r:marked("m0", 300)
    local skipped = r:status().runs.runs_skipped -- moments that came before a device's first run was over
    for i = 1, 30 do
      v.replace(probe, v.probe("m" .. i))
      local code, _, err = r:reload "--now"
      assert.equal(0, code, err)
      order[#order + 1] = r:status().probes[1].version
      assert.is_true(order[#order] ~= order[#order - 1])
    end
    r:marked("m30", 300)
    assert.truthy(r:status().generation >= 31) -- the file is watched, too: some are tried before they are asked for
    local stats, runs, ended = r:stop()
    local counted = many:stop()
    local n = v.assert_complete(ended, 0.25, stats.runs.runs_skipped - skipped)
    local last, behind = v.assert_in_order(runs, order, 0.25)
    io.write(("# %.3f s behind\n"):format(behind))
    assert.equal(31, last)
    assert.equal(n, stats.runs.runs_ok)
    assert.equal(0, stats.workers_lost, r.process:stderr())
    assert.equal(n, counted.total.gets - (stats.counters.datagrams_out - stats.counters.requests)) -- a request a run, and those sent again
    for _, run in ipairs(runs) do assert.equal(run.mark == "m0", run.version == order[1]) end
  end)

  it("what is broken changes nothing, and says so by line, exit status and status", function()
    local dir = t.path "probes"
    assert(os.execute("mkdir -p " .. dir .. "/lib") == 0)
    local probe, module = v.put(dir .. "/p.lua", v.probe "good"), dir .. "/lib/m.lua"
    local file = targets(10, sim.port)
    local r = v.start { probe, "--targets", file, "--workers", "2" }
    r:marked("good", 10)
    local version = r:version "p"
    local cases = {
      { "return {", "p.lua:1: " },
      { "error 'not today'", "p.lua:1: not today" },
      { "return 7", "returns no table" },
      { "return { every = 1 }", "run is missing" },
      { "return { every = 0.25, run = 3 }", "p.lua:1" },
      { "while true do end", "still running" },
      { v.probe("bad", 0.25, "migrate = function() error 'no way' end,"), "migrate: " },
      { v.probe("bad", 0.25, "migrate = function() return 7 end,"), "returned a number, no table" },
      { "return { migrate = function(state) assert(not state.n, 'not for these') end, jobs = { bad = { every = 0.25, run = function() end } } }",
        "migrate: " .. probe .. ":1: not for these" },
      { "require 'moonpoll'.mib 'NO-SUCH-MIB'\n" .. v.probe "bad", "NO-SUCH-MIB" },
      { "require 'lib.m'\n" .. v.probe "fixed", "lib/m.lua" },
    }
    for _, case in ipairs(cases) do
      v.replace(probe, case[1])
      local code, out, err = r:reload()
      assert.equal(1, code, out)
      assert.equal("", out)
      assert.truthy(err:find(case[2], 1, true), err)
      local s = r:status()
      assert.equal(false, s.reload.ok)
      assert.truthy(s.reload.said:find(case[2], 1, true), s.reload.said)
      assert.equal(version, s.probes[1].version)
      assert.truthy(r.process:stderr():find(case[2], 1, true))
    end
    local list = r:status().devices -- targets are read all the same
    v.put(file, t.read(file):match "[^\n]*\n")
    t.wait_for("one target", 10, function() return r:status().devices == 1 end)
    v.put(file, t.read(targets(list, sim.port)))
    t.wait_for("all targets", 10, function() return r:status().devices == list end)
    assert.equal(false, r:status().reload.ok)
    v.put(module, "return {}") -- what it was missing comes: nobody has to ask
    r:marked("fixed", 10)
    assert.is_true(r:status().reload.ok)
    v.put(module, "syntax error")
    t.wait_for("a word about the module", 10, function() return r.process:stderr():find("lib/m.lua:1:", 1, true) end)
    local code, _, err = r:reload "p"
    assert.equal(1, code)
    assert.truthy(err:find("lib/m.lua:1:", 1, true), err)
    v.put(module, "return { 1 }")
    code, _, err = r:reload "nobody"
    assert.equal(1, code)
    assert.truthy(err:find('no probe named "nobody"; there are p', 1, true), err)
    code, _, err = r:reload "p"
    assert.equal(0, code, err)
    local stats, runs, ended = r:stop()
    local first = {} -- which was there all the time
    for _, run in ipairs(ended) do
      if run.device == "d0" then first[#first + 1] = run end
    end
    v.assert_complete(first)
    assert.equal(0, stats.runs.script_errors)
    for _, run in ipairs(runs) do assert.is_true(run.mark ~= "bad") end
  end)

  it("of two that are broken both are told, and who asks for one is told of that", function()
    local dir = t.path "two"
    assert(os.execute("mkdir -p " .. dir) == 0)
    local a, b = v.put(dir .. "/a.lua", v.probe "a"), v.put(dir .. "/b.lua", v.probe "b")
    local r = v.start { a, b, "--targets", targets(1, sim.port) }
    v.put(a, "return {")
    t.wait_for("a word about a", 10, function() return r.process:stderr():find("/a.lua:1:", 1, true) end)
    v.put(b, "x =")
    t.wait_for("a word about b", 10, function() return r.process:stderr():find("/b.lua:1:[^\n]*that probe stays as it was") end)
    for name, path in pairs { a = a, b = b } do
      local code, _, err = r:reload(name)
      assert.equal(1, code)
      assert.truthy(err:find(path .. ":1:", 1, true), err)
    end
    v.put(a, v.probe "mended")
    r:marked("mended", 1)
    r:stop()
  end)

  it("state goes along, and migrate adapts it", function()
    local probe = t.write("p.lua", v.probe "one")
    local r = v.start { probe, "--targets", targets(10, sim.port), "--workers", "2" }
    r:marked("one", 10)
    local first = r:status().probes[1].version
    v.replace(probe, ([[return { every = 0.25, timeout = 5,
      migrate = function(state, old) return { runs = state.n, from = old } end,
      run = function(device, out, state)
        state.runs = state.runs + 1
        assert(device:get "1.3.6.1.2.1.1.3.0")
        out:gauge("n", state.runs) out:info("mark", state.from) end }]]))
    local code, _, err = r:reload "--now"
    assert.equal(0, code, err)
    r:marked(first, 10)
    r.process:signal(12) -- and over a replacement of the workers
    t.sleep(1)
    local _, runs, ended = r:stop()
    v.assert_complete(ended)
    local last = {}
    for _, run in ipairs(runs) do last[run.device] = run.mark end
    for device, mark in pairs(last) do assert.equal(first, mark, device) end
  end)

  it("files are watched: written, renamed over, linked elsewhere, modules too", function()
    local dir = t.path "mounted"
    assert(os.execute(("mkdir -p %s/..one/lib %s/..two/lib"):format(dir, dir)) == 0)
    local text = [[local m = require "lib.m"
      return { every = 0.25, run = function(device, out) out:info("mark", m) end }]]
    for i, name in ipairs { "one", "two" } do
      v.put(("%s/..%s/p.lua"):format(dir, name), text)
      v.put(("%s/..%s/lib/m.lua"):format(dir, name), ("return 'v%d'"):format(i))
    end
    ffi.C.symlink("..one", dir .. "/..data")
    ffi.C.symlink("..data/p.lua", dir .. "/p.lua")
    ffi.C.symlink("..data/lib", dir .. "/lib")
    local r = v.start { dir .. "/p.lua", "--targets", targets(10, sim.port) }
    r:marked("v1", 10)
    ffi.C.symlink("..two", dir .. "/..data_tmp")
    ffi.C.rename(dir .. "/..data_tmp", dir .. "/..data")
    r:marked("v2", 10)
    v.put(dir .. "/..two/lib/m.lua", "return 'v3'")
    r:marked("v3", 10)
    v.replace(dir .. "/..two/p.lua", (text:gsub('"mark", m', '"mark", m .. "b"')))
    r:marked("v3b", 10)
    v.put(dir .. "/..two/lib/m.lua", "return 'v4'")
    r.process:signal(SIGHUP)
    r:marked("v4b", 10)
    assert.equal(5, r:status().generation)
    r:stop()
  end)

  it("rollback brings back what was in force before, and keeps it", function()
    local probe = t.write("back.lua", v.probe "b1")
    local r = v.start { probe, "--targets", targets(10, sim.port), "--workers", "2" }
    local function rollback() return t.run { t.program, "rollback", "--run-dir", r.dir } end
    r:marked("b1", 10)
    local name, first = r:status().probes[1].name, r:status().probes[1].version
    local code, _, err = rollback()
    assert.equal(1, code)
    assert.truthy(err:find("nothing was in force before", 1, true), err)
    v.replace(probe, v.probe "b2")
    assert.equal(0, (r:reload()))
    r:marked("b2", 10)
    local second = r:version(name)
    local out
    code, out, err = rollback()
    assert.equal(0, code, err)
    assert.truthy(out:find(first, 1, true), out)
    t.wait_for("the version before", 20, function() return r:version(name) == first end)
    local s = r:status()
    assert.equal("rolled back, as was asked", s.rollout.verdict)
    assert.equal(1, s.rollout.refused)
    code, out, err = r:reload() -- the file has not changed
    assert.equal(0, code, err)
    assert.truthy(out:find("not tried again", 1, true), out)
    assert.equal(first, r:version(name))
    assert.equal(1, (rollback())) -- once
    r:marked("b1", 10)
    assert.equal(0, (r:reload(name))) -- by its name
    t.wait_for("what was asked for", 20, function() return r:version(name) == second end)
    v.replace(probe, v.probe("b3", 0.25, "migrate = function(state) if state.n then error 'no way back' end end,"))
    assert.equal(1, (r:reload()))
    assert.equal(second, r:version(name))
    local stats, _, ended = r:stop()
    assert.equal(0, stats.workers_lost, r.process:stderr())
    v.assert_complete(ended)
  end)

  it("the rest of the configuration: probes, limits, what takes a restart", function()
    local one, two = t.write("one.lua", v.probe "one"), t.write("two.lua", v.probe("two", 0.5))
    local config = t.path "moon.lua"
    local function write(probes, more)
      v.replace(config, ('return { auth = { a = { version = "2c", community = "public" } }, targets = { { file = "%s", auth = "a" } }, %s\n' ..
        "probes = { %s } }"):format(targets(10, sim.port), more or "", probes))
    end
    write(("{ file = %q }"):format(one))
    local r = v.start { "--config", config, "--workers", "2" }
    r:marked("one", 10)
    local heard = 0
    local function reload(said) -- the file is watched as well: who comes first has something to tell
      local code, _, err = r:reload()
      assert.equal(0, code, err)
      local new = r.process:stderr():sub(heard + 1)
      assert.truthy(new:find(said, 1, true), new)
      heard = heard + #new
    end
    write(("{ file = %q }, { file = %q, name = 'more' }"):format(one, two)) -- a probe comes: its workers begin anew, states go along
    reload "workers are replaced"
    r:marked("two", 10)
    write(("{ file = %q }, { file = %q, name = 'more' }"):format(one, two), "limits = { max_in_flight = 5000, max_rows = 77 },")
    reload "workers are replaced"
    write(("{ file = %q }, { file = %q, name = 'more' }"):format(one, two), "limits = { max_in_flight = 5000, max_rows = 78 }, grace = 3,")
    reload "limits or intervals changed"
    write(("{ file = %q }"):format(one), "limits = { max_in_flight = 5000 }, engine_cache = false,")
    reload "needs a restart: engine_cache"
    t.sleep(1)
    assert.equal(1, #r:status().probes)
    local stats, _, ended = r:stop()
    assert.equal(0, stats.workers_lost, r.process:stderr())
    local ours = {}
    for _, run in ipairs(ended) do
      if run.probe ~= "more" then ours[#ours + 1] = run end
    end
    v.assert_complete(ours)
  end)

  it("other jobs, and the state goes along", function()
    local probe = t.write("p.lua", v.probe "one")
    local r = v.start { probe, "--targets", targets(10, sim.port), "--workers", "2" }
    r:marked("one", 10)
    v.replace(probe, [[return { migrate = function(state, old) return { n = state.n, old = old } end, jobs = {
      slow = { every = 3600, run = function(device, out, state) state.slow = true end },
      fast = { every = 0.25, run = function(device, out, state)
        state.n = state.n + 1
        out:gauge("n", state.n)
        if state.old and state.slow then out:info("mark", "both") end
      end } } }]])
    local code, _, err = r:reload()
    assert.equal(0, code, err)
    r:marked("both", 10)
    local stats, _, runs = r:stop() -- times in the output are of milliseconds: two runs may be closer
    assert.equal(0, stats.workers_lost, r.process:stderr())
    assert.equal(0, stats.runs.script_errors, r.process:stderr())
    local n = {}
    for _, run in ipairs(runs) do
      if run.n then
        assert.equal((n[run.device] or 0) + 1, run.n, run.device)
        n[run.device] = run.n
      end
    end
  end)

  it("a worker that dies comes back with the version of now", function()
    local probe = t.write("p.lua", v.probe "one")
    local r = v.start { probe, "--targets", targets(10, sim.port), "--workers", "2" }
    r:marked("one", 10)
    v.replace(probe, v.probe "two")
    assert.equal(0, (r:reload()))
    r:marked("two", 10)
    for _, w in ipairs(r:status().workers) do ffi.C.kill(w.pid, SIGKILL) end
    t.sleep(1.5)
    local last = {}
    for line in r.process:stdout():gmatch "[^\n]+" do
      local s = cjson.decode(line)
      if s.name == "mark" then last[s.device] = s.value end
    end
    for device, mark in pairs(last) do assert.equal("two", mark, device) end
    v.replace(probe, v.probe "three")
    assert.equal(0, (r:reload()))
    r:marked("three", 10)
    assert.equal(0, r.process:stop(20))
  end)

  it("a worker that does not answer is told, and nothing changes", function()
    local probe = t.write("p.lua", v.probe "one")
    local r = v.start { probe, "--targets", targets(10, sim.port), "--workers", "2" }
    r:marked("one", 10)
    local pid = r:status().workers[2].pid
    ffi.C.kill(pid, 19)
    v.replace(probe, v.probe "two")
    local code, _, err = r:reload()
    assert.equal(1, code)
    assert.truthy(err:find("worker 1 (pid " .. pid .. ") does not answer", 1, true), err)
    ffi.C.kill(pid, 18)
    assert.is_nil(r.process:stdout():find('"value":"two"', 1, true))
    code, _, err = r:reload()
    assert.equal(0, code, err)
    r:marked("two", 10)
    r:stop()
  end)
end)
