-- A master that is killed at any moment while new versions of a probe come: whoever follows has in force what was, never what nobody
-- promoted, and goes on. 200 agents; MOON_ROLLOUT_KILLS says how often.
local cjson = require "cjson"
local ffi = require "ffi"
local rig = require "e2e.sim_rig"
local t = require "e2e.helper"

local N, KILLS = 200, tonumber(os.getenv "MOON_ROLLOUT_KILLS") or 60

local function put(path, text)
  local f = assert(io.open(path .. ".new", "wb"))
  f:write(text)
  f:close()
  assert(os.rename(path .. ".new", path))
end

local function code(n)
  return ("-- %d\nreturn { every = 0.3, timeout = 1, run = function(device, out)\n  out:gauge('n', assert(device:get '1.3.6.1.2.1.1.3.0'))\nend }\n"):format(n)
end

describe("A master that is killed while new versions come", function()
  local sim, process, dir
  lazy_setup(function()
    sim = rig.fleet(('return { agent { recording = "%s/tests/recordings/small.snmprec", count = %d, address = "127.79.0.1" } }')
      :format(os.getenv "PWD", N))
    dir = t.run_dir()
  end)
  lazy_teardown(function()
    if process then process:stop() end
    if sim then sim.process:stop() end
    t.cleanup()
  end)

  it("is followed by one that has in force what was", function()
    local lines = {}
    for i = 1, N do lines[i] = ("127.79.0.%d:%d device=d%d\n"):format(i, sim.port, i) end
    local targets, probe = t.write("targets.txt", table.concat(lines)), t.path "probe.lua"
    put(probe, code(0))
    -- At a step for good when it is at its second one: none is promoted by itself before it is killed.
    local config = t.write("moon.lua", ('return { auth = { a = { version = "2c", community = "public" } }, workers = 2, targets = { { file = %q, ' ..
      'auth = "a" } }, probes = { { file = %q, name = "p" } }, rollout = { runs = 40, time = 100, steps = { 5, 50, 100 } } }'):format(targets, probe))
    local function status()
      local exit, out = t.run { t.program, "status", "--json", "--run-dir", dir }
      return exit == 0 and cjson.decode(out)
    end
    local function begin()
      process = t.start { t.program, "run", "--config", config, "--run-dir", dir, "-o", "null" }
      return t.wait_for("an instance", 30, status)
    end
    local s = begin()
    local force, last, seen = s.probes[1].version, nil, {}
    math.randomseed(os.time())
    local seed = math.random(1e6)
    math.randomseed(seed)
    io.write(("# seed %d\n"):format(seed))
    for k = 1, KILLS do
      local promoted
      put(probe, code(k))
      t.sleep(math.random() ^ 2 * 2)
      if k % 7 == 0 then -- by hand: from here on either may be, until all is said
        s = t.wait_for("a trial", 30, function()
          local now = status()
          return now and now.rollout.state == "going" and now.probes[1].candidate ~= last and now
        end)
        promoted = s.probes[1].candidate
        local p = t.start { t.program, "promote", "--run-dir", dir }
        t.sleep(math.random() * 0.1)
        ffi.C.kill(s.pid, 9)
        p:wait()
      else
        ffi.C.kill(s.pid, 9)
      end
      process:wait()
      s = begin()
      local now = s.probes[1].version
      if promoted and now == promoted then force = promoted end
      assert.equal(force, now, ("kill %d: %s\n%s"):format(k, cjson.encode(s.rollout), process:stderr()))
      local said = process:stderr()
      local how = said:find("on trial again", 1, true) and "on trial" or said:find("are read again", 1, true) and "not read" or "promoted"
      seen[how] = (seen[how] or 0) + 1
      s = t.wait_for("a trial of what was written", 30, function()
        local x = status()
        return x and (x.rollout.state == "going" or x.probes[1].version == promoted) and x
      end)
      if force ~= promoted then assert.equal(force, s.probes[1].version) end
      last = s.probes[1].candidate
    end
    io.write(("# %d kills, found: %s\n"):format(KILLS, cjson.encode(seen)))
    assert.truthy((seen["on trial"] or 0) > KILLS / 10 and (seen["not read"] or 0) > KILLS / 10)
  end)
end)
