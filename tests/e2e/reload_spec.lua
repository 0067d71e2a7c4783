-- Targets that come, change and go while everything runs: files that are written, half written, emptied, renamed over, linked elsewhere.
local cjson = require "cjson"
local ffi = require "ffi"
local rig = require "e2e.sim_rig"
local t = require "e2e.helper"

ffi.cdef "int rename(const char *, const char *); int symlink(const char *, const char *); int unlink(const char *); int kill(int, int);"
local SIGHUP = 1

-- In place: a file that is there keeps its path.
local function put(path, text)
  local f = assert(io.open(path, "wb"))
  f:write(text)
  f:close()
  return path
end

local function address(i) return ("127.9.%d.%d"):format(math.floor(i / 250), i % 250 + 1) end

local EVERY = 0.5 -- of count.lua

describe("targets while it runs", function()
  local sim, port
  lazy_setup(function()
    sim = rig.start { "--recording", "tests/recordings/small.snmprec", "--count", "1000", "--address", "127.9.0.1" }
    port = sim.port
  end)
  lazy_teardown(function()
    if sim then sim.process:stop() end
    t.cleanup()
  end)

  -- Lines for agents from..to; extra behind each.
  local function lines(from, to, extra)
    local out = {}
    for i = from, to do out[#out + 1] = ("%s:%d device=d%d %s\n"):format(address(i), port, i, extra or "") end
    return table.concat(out)
  end
  local function replace(path, text)
    assert(ffi.C.rename(t.write("new", text), path) == 0)
  end
  it("that are written while they are read at the start are read once more", function()
    local file, pipe, dir = put(t.path "first.txt", lines(0, 0)), t.path "second", t.run_dir()
    assert(os.execute("mkfifo " .. pipe) == 0)
    local config = t.write("moon.lua", ('return { auth = { a = { version = "2c", community = "public" } }, targets = { { file = %q, auth = "a" }, ' ..
      '{ file = %q, auth = "a" } }, probes = { { file = "%s/tests/e2e/probes/count.lua" } } }'):format(file, pipe, os.getenv "PWD"))
    local p = t.start { t.program, "run", "--config", config, "--run-dir", dir, "-o", "null" }
    -- Who opens the pipe has read what stands before it.
    local feed = ("timeout 20 sh -c 'exec 3>%s; %%s echo %s:%d device=last >&3'"):format(pipe, address(9), port)
    assert.equal(0, os.execute(feed:format(("echo %s:%d device=second >>%s;"):format(address(1), port, file))))
    assert.equal(0, os.execute(feed:format "")) -- nobody asked for it
    t.wait_for("three targets", 20, function()
      local s = t.status(dir)
      return s and s.devices == 3
    end)
    assert.equal(0, p:stop(20))
  end)

  local runs = 0
  -- An instance on this file, and what is asked of it.
  local function start(file, ...)
    runs = runs + 1
    local dir = t.path("run" .. runs)
    assert(os.execute("mkdir -p " .. dir) == 0)
    local words = { t.program, "run", "tests/e2e/probes/count.lua", "--targets", file, "--run-dir", dir, "-c", "public", "-o", "json" }
    for _, w in ipairs { ... } do words[#words + 1] = w end
    local p = t.start(words, {})
    local self = { process = p, dir = dir }
    function self.status()
      local code, out = t.run { t.program, "status", "--json", "--run-dir", dir }
      return code == 0 and cjson.decode(out)
    end
    function self.generation(n)
      return t.wait_for("generation " .. n, 10, function()
        local s = self.status()
        return s and s.generation >= n and s
      end)
    end
    function self.samples()
      local by = {}
      for line in p:stdout():gmatch "[^\n]+" do
        local ok, s = pcall(cjson.decode, line)
        if ok and s.name == "n" then
          by[s.device] = by[s.device] or {}
          table.insert(by[s.device], s)
        end
      end
      return by
    end
    local function count(name) return select(2, p:stdout():gsub('"device":"' .. name .. '"[^\n]*"name":"n"', "")) end
    function self.polled(name, more)
      local had = count(name)
      t.wait_for("samples of " .. name, 10, function()
        t.sleep(0.1)
        return count(name) >= had + (more or 1)
      end)
    end
    -- Runs of a target that stayed are one and two and three, none twice in a turn of the schedule. Returns how many; of how many turns
    -- there is none, which the program has to have counted; and by how many seconds its place in the interval moved.
    function self.undisturbed(name, samples)
      local all = (samples or self.samples())[name]
      local first = math.huge -- a busy machine makes runs late, none early
      for i, s in ipairs(all) do
        assert.equal(i, s.value, name)
        if i > 1 then first = math.min(first, s.t - EVERY * i) end
      end
      local turn, from = 0, 0
      for i = 2, #all do
        turn = math.floor((all[i].t - first) / EVERY + 0.02)
        if i == 2 then from = turn end
      end
      -- Earlier than all before, three at least; or the last three all later.
      local least, by, last = math.huge, 0, math.huge
      for i = 2, #all do
        local at = all[i].t - EVERY * i
        if i > 4 then by = math.max(by, least - at) end
        if i > #all - 3 then last = math.min(last, at) end
        least = math.min(least, at)
      end
      -- With one run too many all that follow have the number of the next: a whole interval early.
      assert.is_true(by < 0.9 * EVERY, name .. " ran twice in a turn")
      if #all > 6 then by = math.max(by, math.abs((last - least + EVERY / 2) % EVERY - EVERY / 2)) end
      return #all, math.max(0, turn - from - (#all - 2)), by
    end
    function self.stop()
      local s = self.status()
      p:stop()
      return s
    end
    self.generation(1)
    return self
  end

  it("a hundred of a thousand come and go, and nobody else notices", function()
    local file = t.write("targets.txt", lines(0, 899))
    local r = start(file, "--workers", "2", "-t", "20") -- who is late because the machine is busy is waited for
    r.polled("d5", 4) -- before anything changes: what follows is compared with these
    for n = 1, 3 do
      replace(file, lines(n * 100, 899) .. lines(900, 899 + math.min(n * 100, 100)))
      local s = r.generation(n + 1)
      assert.equal(900 - n * 100 + 100, s.devices)
      r.polled("d899", 2)
    end
    r.polled("d950", 2)
    local gone = #r.samples().d5
    r.polled("d899", 2)
    assert.equal(gone, #r.samples().d5)
    local samples = r.samples()
    local missing, moved = 0, 0
    for i = 300, 899 do
      local n, without, by = r.undisturbed("d" .. i, samples)
      assert.is_true(n > 2)
      missing = missing + without
      if by > EVERY / 5 then moved = moved + 1 end
    end
    local s = r.stop()
    assert.is_true(missing <= s.runs.runs_skipped, ("%d turns without a run, %d were skipped"):format(missing, s.runs.runs_skipped))
    assert.is_true(moved <= 60, moved .. " have another place in the interval than before")
    assert.is_true(s.balances.requests and s.balances.datagrams)
    assert.equal(0, s.workers_lost)
    assert.equal(s.counters.requests, s.counters.answered + s.errors.cancelled + s.counters.in_flight, cjson.encode(s.errors))
  end)

  it("what cannot be meant changes nothing", function()
    local file = t.write("targets.json", ('[{"targets":["%s:%d"],"labels":{"device":"a","site":"x"}}]'):format(address(0), port))
    local r = start(file)
    r.polled("a")
    for _, text in ipairs { "", "[", '[{"targets":["127.9.0.1', "{}", "[{\"targets\":[\"a b\"]}]" } do
      local before = select(2, r.process:stderr():gsub("stay as they were", ""))
      put(file, text)
      t.wait_for("a word about " .. text, 10, function() return select(2, r.process:stderr():gsub("stay as they were", "")) > before end)
    end
    ffi.C.unlink(file)
    t.wait_for("a word about a file that is gone", 10, function() return r.process:stderr():find("No such file", 1, true) end)
    r.polled("a", 2)
    assert.equal(1, r.status().generation)
    put(file, ('[{"targets":["%s:%d"],"labels":{"device":"a","site":"y"}}]'):format(address(0), port))
    r.generation(2)
    t.wait_for("another label", 5, function()
      local all = r.samples().a
      return all[#all].labels.site == "y"
    end)
    assert.is_true(select(2, r.undisturbed "a") <= r.status().runs.runs_skipped)
    put(file, "[]")
    assert.equal(0, r.generation(3).devices)
    r.stop()
  end)

  it("a directory: files come and go, one that is broken keeps its own targets", function()
    local dir = t.path "targets.d"
    assert(os.execute("mkdir -p " .. dir) == 0)
    put(dir .. "/one.txt", lines(0, 0))
    put(dir .. "/two.txt", lines(1, 1))
    put(dir .. "/two.txt~", lines(7, 7))
    local r = start(dir .. "/", "--log", "debug")
    r.polled "d1"
    put(dir .. "/one.txt", "what is this?\n")
    put(dir .. "/three.txt", lines(2, 2))
    r.generation(2)
    r.polled "d2"
    ffi.C.unlink(dir .. "/two.txt")
    assert.equal(2, r.generation(3).devices)
    r.polled "d0"
    assert.is_nil(r.samples().d7)
    assert.is_true(select(2, r.undisturbed "d0") <= r.status().runs.runs_skipped)
    r.stop()
  end)

  it("a link that points elsewhere, as Kubernetes does it", function()
    local dir = t.path "mounted"
    assert(os.execute(("mkdir -p %s/..one %s/..two"):format(dir, dir)) == 0)
    put(dir .. "/..one/targets.txt", lines(0, 0))
    put(dir .. "/..two/targets.txt", lines(1, 1))
    ffi.C.symlink("..one", dir .. "/..data")
    ffi.C.symlink("..data/targets.txt", dir .. "/targets.txt")
    local r = start(dir .. "/targets.txt")
    r.polled "d0"
    ffi.C.symlink("..two", dir .. "/..data_tmp")
    ffi.C.rename(dir .. "/..data_tmp", dir .. "/..data")
    r.generation(2)
    r.polled "d1"
    r.stop()
  end)

  it("SIGHUP and moonpoll reload read the configuration again", function()
    local config = t.path "moon.lua"
    local function write(every, auth, host)
      put(config, ('return { auth = { a = { version = "2c", community = env "MOON_TEST_COMMUNITY" }, b = { version = "2c", community = "%s" } },\n' ..
        'targets = { { host = "%s:%d", name = "x", auth = { "a", "b" } }, { host = "%s:%d", name = "y", auth = "a" } },\n' ..
        'probes = { { file = "%s/tests/e2e/probes/count.lua", every = %s } } }'):format(auth, address(host), port, address(4), port,
        os.getenv "PWD", every))
    end
    write(0.5, "nobody", 3)
    local dir = t.run_dir()
    local p = t.start({ "env", "MOON_TEST_COMMUNITY=public", t.program, "run", "--config", config, "--run-dir", dir, "-o", "json" }, {})
    local function count(device) return select(2, p:stdout():gsub('"device":"' .. device .. '"[^\n]*"name":"n"', "")) end
    t.wait_for("samples", 10, function() return count "x" > 1 and count "y" > 1 end)
    write(0.5, "other", 3)
    local code, out, err = t.run { t.program, "reload", "--run-dir", dir }
    assert.equal(0, code, err)
    assert.truthy(out:find("targets: 2", 1, true), out)
    t.wait_for("the word of it", 5, function() return p:stderr():find("changed: 1", 1, true) end) -- the file is watched, too
    write(3600, "other", 3)
    ffi.C.kill(p.pid, SIGHUP)
    t.wait_for("the word of it", 10, function() return p:stderr():find("intervals changed", 1, true) end)
    t.sleep(0.6)
    local had = count "x"
    t.sleep(1.2)
    assert.equal(had, count "x")
    put(config, "return {")
    local status, _, why = t.run { t.program, "reload", "--run-dir", dir }
    assert.equal(1, status)
    assert.truthy(why:find("moon.lua", 1, true), why)
    p:stop()
  end)
end)
