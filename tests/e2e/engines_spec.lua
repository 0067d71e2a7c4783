-- What is known of SNMPv3 engines: over restarts of the program, of its workers and of agents; each fault by its counters.
local cjson = require "cjson"
local rig = require "e2e.sim_rig"
local t = require "e2e.helper"

local work = os.getenv "PWD" or "."
local small, router = work .. "/tests/recordings/small.snmprec", work .. "/tests/recordings/router.snmprec"
local who = { "-v", "3", "-u", "ops", "-l", "authPriv", "-a", "SHA", "-A", "authentic", "-x", "AES-256", "-X", "privately1" }

local function words(...)
  local all = {}
  for _, list in ipairs { ... } do
    for _, w in ipairs(type(list) == "table" and list or { list }) do all[#all + 1] = w end
  end
  return all
end

-- `up` of each device over time, as printed.
local function ups(text)
  local out = {}
  for line in text:gmatch "[^\n]+" do
    if line:find('"name":"up"', 1, true) then
      local s = cjson.decode(line)
      local d = out[s.device] or {}
      out[s.device] = d
      d[#d + 1] = { t = s.t, up = s.value }
    end
  end
  return out
end

local function wall()
  local p = io.popen "date +%s.%N"
  local now = tonumber(p:read "*l")
  p:close()
  return now
end

describe("the engine cache", function()
  local N, sim, targets, dir, file = 20, nil, nil, nil, nil
  lazy_setup(function()
    sim = rig.fleet(([[
      local function users(kind) return { { user = "ops", auth = "SHA", auth_pass = "authentic", priv = kind, priv_pass = "privately1" } } end
      for i = 1, %d do
        agent { recording = %q, address = "127.9.5." .. i, name = "a" .. i, v3 = { users = users(i %% 2 == 0 and "AES-256" or "AES-256-C") } }
      end]]):format(N, small))
    local list = {}
    for i = 1, N do list[i] = sim:target("127.9.5." .. i) end
    targets = t.write("targets", table.concat(list, "\n"))
  end)
  lazy_teardown(function()
    if sim then sim:stop() end
    t.cleanup()
  end)
  before_each(function()
    dir = t.path "run"
    file = dir .. "/engines"
  end)

  -- Polls until every agent was read twice and something else holds; then SIGTERM. The counters; what the simulator counted meanwhile.
  local function poll(more, until_)
    local before = sim:status().total
    local p = t.start_poll(words(work .. "/tests/e2e/probes/v3.lua", "--targets", targets, "--every", "0.3", "--run-dir", dir, "-t", "5", who, more or {},
      "-o", "json"))
    t.wait_for("two runs each", 20, function()
      local all, n = ups(p:stdout()), 0
      for _, d in pairs(all) do n = n + (#d >= 2 and 1 or 0) end
      return n == N
    end)
    if until_ then until_(p) end
    assert.equal(0, p:stop(10), p:stderr())
    local stats = p.stats()
    t.assert_balances(stats, until_ == nil)
    for name, d in pairs(ups(p:stdout())) do
      for _, u in ipairs(d) do assert.equal(1, u.up, name .. p:stderr()) end
    end
    local after = sim:status().total
    local c = stats.counters
    return c, { reports = after.reports - before.reports, datagrams = after.datagrams - before.datagrams }, p:stderr()
  end

  it("makes a restart need no discovery", function()
    local c, s = poll()
    assert.equal(N, c.discoveries)
    assert.equal(N, c.reports_time)
    assert.equal(s.datagrams, c.datagrams_out)
    assert.equal(2 * N, s.reports)
    local text = t.read(file)
    assert.equal(N + 2, select(2, text:gsub("\n", "\n")))
    assert.equal(N / 2, select(2, text:gsub(" AES%-256%-C\n", "")))
    assert.equal(N / 2, select(2, text:gsub(" AES%-256\n", "")))
    assert.falsy(text:find("ops", 1, true) or text:find("authentic", 1, true) or text:find("privately1", 1, true))
    local mode = io.popen("stat -c %a " .. file)
    assert.equal("600", mode:read "*l")
    mode:close()
    for _ = 1, 2 do
      c, s = poll()
      assert.equal(0, c.discoveries + c.reports_time + c.reports_engine + c.retries)
      assert.equal(0, s.reports)
      assert.equal(c.requests, c.datagrams_out) -- the other kind of AES key was not tried either
      assert.equal(c.requests, s.datagrams)
    end
  end)

  it("serves the successor of a worker", function()
    local c = poll({ "--workers", "2" }, function(p)
      local function status() return t.status(dir) end
      local s = status()
      t.run({}, { shell = "kill -9 " .. s.workers[1].pid }) -- the shell's own: not every machine has the program
      local runs = 0
      t.wait_for("its successor", 10, function()
        local now = status()
        if not now or now.lost.workers == 0 or now.workers[1].pid == 0 then return false end
        runs = runs == 0 and now.runs.runs_ok + 3 * N or runs
        return now.runs.runs_ok > runs
      end)
      assert.truthy(p:alive())
    end)
    assert.equal(N, c.discoveries)
  end)

  it("is a hint: agents that restarted meanwhile are believed", function()
    poll()
    for i = 1, N do assert.equal("ok", sim:tell("reboot a" .. i):match "^ok") end
    local c = poll()
    assert.equal(0, c.discoveries)
    assert.equal(N, c.reports_time)
    assert.equal(0, c.auth_failed)
  end)

  it("that is damaged is set aside and told", function()
    poll()
    local text = t.read(file)
    for _, bad in ipairs { text:sub(1, #text / 2), (text:gsub(" (%d)", function(d) return " " .. (d + 1) % 10 end, 1)), "", ("\0"):rep(5000) } do
      local f = assert(io.open(file, "wb"))
      f:write(bad)
      f:close()
      local c, _, err = poll()
      assert.equal(N, c.discoveries)
      err = err:gsub(file:gsub("%p", "%%%0"), "FILE")
      assert.truthy(err:find("engine cache FILE: damaged in line %d+: set aside as FILE%.bad"), err)
      assert.equal(bad, t.read(file .. ".bad"))
      assert.equal(N + 2, select(2, t.read(file):gsub("\n", "\n")))
    end
  end)

  it("is nowhere where that was said, and with --once unless it was named", function()
    local c = poll { "--engine-cache", "none" }
    assert.equal(N, c.discoveries)
    assert.equal("", t.read(file))
    local elsewhere = t.path "engines"
    local function once(...)
      return t.poll(words(work .. "/tests/e2e/probes/v3.lua", "--targets", targets, "--once", "--run-dir", dir, "-t", "5", who, { ... })).stats.counters
    end
    assert.equal(N, once().discoveries)
    assert.equal("", t.read(file))
    assert.equal(N, once("--engine-cache", elsewhere).discoveries)
    assert.equal(0, once("--engine-cache", elsewhere).discoveries)
  end)

  it("that cannot be written is told once, and polling goes on", function()
    local c, _, err = poll { "--engine-cache", "/proc/nowhere/engines" }
    assert.equal(N, c.discoveries)
    assert.equal(1, select(2, err:gsub("engine cache /proc/nowhere/engines: cannot be written", "")), err)
  end)
end)

describe("An agent in trouble", function()
  lazy_teardown(t.cleanup)

  -- One collector each, all at once: what it counts is of its agent alone.
  it("is polled on, and counters say what happened", function()
    local at = 2 -- seconds: all have heard their agent by then, on a busy machine too
    local cases = {
      { "boots back", '{ "boots-back", n = 3, from = %g }', function(c, err)
        return c.resyncs >= 1 and c.reports_time >= 2 and c.discoveries == 1 and err:find "backwards; followed"
      end },
      { "clock 200 s ahead", '{ "clock-jump", jump = 200, from = %g }', function(c) return c.resyncs >= 1 and c.reports_time >= 2 and c.discoveries == 1 end },
      { "clock 200 s back", '{ "clock-jump", jump = 400 }, { "clock-jump", jump = -200, from = %g }', function(c, err)
        return c.resyncs >= 1 and c.reports_time >= 2 and c.discoveries == 1 and err:find "backwards; followed"
      end },
      { "another engine", '{ "engine-change", from = %g, period = 60 }', function(c, err)
        return c.reports_engine >= 2 and c.discoveries == 1 and err:find "another engine id than before; followed"
      end },
      { "restarts", '{ "reboot", period = 1 }', function(c) return c.reports_time >= 2 and c.discoveries == 1 end },
      { "replays", '"replay"', function(c) return c.duplicate + c.late + c.unknown + c.auth_failed > 0 and c.discoveries == 1 end },
      { "well", "", function(c)
        return c.resyncs + c.duplicate + c.unknown + c.auth_failed == 0 and c.reports_time == 1 and c.datagrams_out == c.requests + 2
      end },
    }
    local text, list = {}, {}
    for i, case in ipairs(cases) do
      text[i] = ("agent { recording = %q, address = '127.9.3.%d', v3 = { users = users, boots = 9, time = 1000 }, faults = { %s } }"):format(
        small, i, case[2]:format(at))
    end
    local sim = rig.fleet("local users = { { user = 'ops', auth = 'SHA', auth_pass = 'authentic', priv = 'AES-256', priv_pass = 'privately1' } }\n" ..
      table.concat(text, "\n"))
    for i in ipairs(cases) do
      list[i] = t.start_poll(words(work .. "/tests/e2e/probes/v3.lua", "--targets", sim:target("127.9.3." .. i), "--every", "0.25", "-t", "2",
        "-o", "json", who))
    end
    t.sleep(3.5)
    for i, case in ipairs(cases) do
      local p = list[i]
      assert.equal(0, p:stop(10), p:stderr())
      local stats = p.stats()
      t.assert_balances(stats, true)
      local _, seen = next(ups(p:stdout()))
      assert.truthy(seen and #seen >= 5, case[1])
      for _, u in ipairs(seen) do assert.equal(1, u.up, case[1] .. p:stderr()) end
      assert.truthy(case[3](stats.counters, p:stderr()), case[1] .. "\n" .. cjson.encode(stats.counters) .. p:stderr())
    end
    sim:stop()
  end)

  it("that is Debian's snmpd is back within one interval", function()
    local function conf(id, boots)
      return ("createUser ops SHA authentic AES privately1\nrwuser ops priv\nexactEngineID %s\noldEngineID %s\nengineBoots %d\n"):format(id, id, boots)
    end
    local every = 0.5
    local d = t.snmpd(nil, nil, conf("0x8000000001020304", 5))
    local p = t.start_poll { work .. "/tests/e2e/probes/v3.lua", "--targets", d.target, "--every", tostring(every), "-t", "0.2", "-r", "0", "-o", "json",
      "-v", "3", "-u", "ops", "-a", "SHA", "-A", "authentic", "-x", "AES", "-X", "privately1" }
    t.sleep(1.2)
    local back = {}
    -- A restart; another with its boots lost; one with another engine id.
    for _, now in ipairs { { "0x8000000001020304", 9 }, { "0x8000000001020304", 1 }, { "0x8000000005060708", 1 } } do
      d.process:stop(5)
      d = t.snmpd(nil, d.port, conf(now[1], now[2]))
      back[#back + 1] = wall()
      t.sleep(2.5 * every)
      back[#back + 1] = wall()
    end
    assert.equal(0, p:stop(10), p:stderr())
    d.process:stop(5)
    local _, seen = next(ups(p:stdout()))
    for i = 1, #back, 2 do
      local n = 0
      for _, u in ipairs(seen) do
        if u.t > back[i] + every and u.t < back[i + 1] then
          n = n + 1
          assert.equal(1, u.up, "after restart " .. i .. p:stdout() .. p:stderr())
        end
      end
      assert.truthy(n >= 1)
    end
    local c, err = p.stats().counters, p:stderr()
    assert.equal(1, c.discoveries)
    assert.truthy(c.resyncs >= 2, cjson.encode(c))
    assert.truthy(err:find("counts its boots or its engine's time backwards; followed", 1, true), err)
    assert.truthy(err:find("has another engine id than before; followed", 1, true), err)
  end)
end)

describe("A script written for v2c", function()
  lazy_teardown(t.cleanup)
  it("gives the same over SNMPv3", function()
    local sim = rig.fleet(("agent { recording = %q, address = '127.9.4.1', v3 = { users = { { user = 'ops', auth = 'SHA', auth_pass = 'authentic', " ..
      "priv = 'AES-256', priv_pass = 'privately1' } } } }"):format(router))
    for _, script in ipairs { "interfaces", "system" } do
      local both = {}
      for i, version in ipairs { { "-v", "2c", "-c", "public" }, who } do
        local r = t.poll(words(work .. "/scripts/" .. script .. ".lua", "--targets", sim:target "127.9.4.1", "--once", version))
        assert.equal(0, r.status, r.stderr)
        local _, s = next(r.samples)
        s.run_seconds, s.sys_uptime_seconds = nil, nil
        both[i] = s
      end
      local n = 0
      for _ in pairs(both[1]) do n = n + 1 end
      assert.truthy(n > (script == "interfaces" and 10 or 2), script .. n)
      assert.same(both[1], both[2])
    end
    sim:stop()
  end)
end)
