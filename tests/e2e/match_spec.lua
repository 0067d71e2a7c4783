-- Which probe a device has, and what comes behind a run that failed.
local rig = require "e2e.sim_rig"
local t = require "e2e.helper"

local ROUTER, SWITCH, OTHER = "1.3.6.1.4.1.9.1.516", "1.3.6.1.4.1.9.1.99", "1.3.6.1.4.1.8072.3.2.10"

describe("match", function()
  local sim
  lazy_setup(function()
    local fleet = {}
    for i, id in ipairs { ROUTER, SWITCH, OTHER, false } do
      local file = t.write(i .. ".snmprec", (id and ("1.3.6.1.2.1.1.2.0|6|%s\n"):format(id) or "") .. "1.3.6.1.2.1.1.3.0|67|100\n")
      fleet[i] = ("agent { recording = %q, name = 'a%d' }"):format(file, i)
    end
    sim = rig.fleet(table.concat(fleet, "\n"))
  end)
  lazy_teardown(function()
    sim:stop()
    t.cleanup()
  end)

  local function probe(name, head)
    return t.write(name .. ".lua", ("return { %s every = 60, run = function(device, out) out:info('has', %q) end }"):format(head, name))
  end
  -- What each of the four agents has: "a b", by agent.
  local function run(probes)
    local targets, entries = {}, {}
    for i = 1, 4 do targets[i] = ("{ host = %q, name = 'a%d', auth = 'a' }"):format(sim:target("127.1.0." .. i), i) end
    for i, p in ipairs(probes) do entries[i] = p:find "^{" and p or ("{ file = %q }"):format(p) end
    local config = t.write("match.lua", ("return { auth = { a = { community = 'public' } }, targets = { %s }, probes = { %s } }"):format(
      table.concat(targets, ", "), table.concat(entries, ", ")))
    local out = t.poll { "--config", config, "--once" }
    assert.equal(0, out.status, out.stderr)
    local has = { "", "", "", "" }
    for line in out.stdout:gmatch "[^\n]+" do
      local agent, name = line:match '"device":"a(%d)".*"name":"has".*"value":"(%w+)"'
      if agent then has[tonumber(agent)] = has[tonumber(agent)] .. " " .. name end
    end
    for i, names in ipairs(has) do
      local sorted = {}
      for name in names:gmatch "%w+" do sorted[#sorted + 1] = name end
      table.sort(sorted)
      has[i] = table.concat(sorted, " ")
    end
    return has
  end

  it("by itself is asked of each probe", function()
    assert.same({ "all cisco router", "all cisco", "all", "all" }, run { probe("all", ""), probe("cisco", "match = '1.3.6.1.4.1.9',"),
      probe("router", "match = { '1.3.6.1.4.1.9.1.516' },") })
  end)
  it("in a group gives each device one probe: the longest prefix, else the one without", function()
    assert.same({ "router", "cisco", "rest", "rest" }, run { probe("rest", "group = 'cpu',"), probe("cisco", "group = 'cpu', match = '1.3.6.1.4.1.9',"),
      probe("router", "group = 'cpu', match = { '1.3.6.1.4.1.8072.7', '1.3.6.1.4.1.9.1.516' },") })
  end)
  it("in a group takes whole arcs, and the first of two as long", function()
    assert.same({ "first", "", "", "" }, run { probe("first", "group = 'g', match = '1.3.6.1.4.1.9.1.516',"),
      probe("second", "group = 'g', match = '1.3.6.1.4.1.9.1.516',"), probe("arcs", "group = 'g', match = '1.3.6.1.4.1.9.1.5',") })
  end)
  it("and allow_targets are what status tells, where a probe is not for a device", function()
    local dir = t.path "run"
    assert(os.execute("mkdir -p " .. dir) == 0)
    local config = t.write("status.lua", ("return { targets = { { host = %q, name = 'a1' } }, probes = { %s } }"):format(sim:target "127.1.0.1",
      ("{ file = %q }, { file = %q }, { file = %q }, { file = %q, allow_targets = { 'b*' } }"):format(probe("all", ""),
        probe("other", "match = '1.3.6.1.4.1.8072',"), probe("shorter", "group = 'g',"), probe("left", ""))))
    local p = t.start { t.program, "run", "--config", config, "-c", "public", "--run-dir", dir, "-o", "null" }
    local states = t.wait_for("every first run", 10, function()
      local code, out = t.run { t.program, "status", "--run-dir", dir, "a1" }
      if code ~= 0 then return end
      local found = {}
      for _, job in ipairs(require("cjson").decode(out).answers[1].targets[1].jobs) do
        if job.state:find "^waits" or job.state == "runs" then return end
        found[job.probe:match "%a+$"] = job.state .. (job.why and ": " .. job.why or "")
      end
      return found
    end)
    assert.same({ all = "sleeps", other = "not for this device: its match says no", shorter = "sleeps",
      left = "not for this device: its allow_targets leaves this device out" }, states)
    local _, text = t.run { t.program, "status", "--run-dir", dir, "--text", "a1" }
    assert.truthy(text:find("its match says no", 1, true), text)
    assert.equal(0, p:stop(10))
  end)
  it("in one group does not concern another, and the configuration goes before the file", function()
    local plain = probe("plain", "")
    assert.same({ "cisco", "cisco", "plain", "plain" }, run { ("{ file = %q, group = 'x' }"):format(plain),
      ("{ file = %q, group = 'x', match = '1.3.6.1.4.1.9' }"):format(probe("cisco", "group = 'y', match = '1.3.6.1',")) })
    assert.same({ "a b", "a b", "a b", "a b" }, run { probe("a", "group = 'a',"), probe("b", "group = 'b',") })
  end)
  it("in a group is no function", function()
    local code, _, err = t.run { t.program, "run", probe("f", "group = 'g', match = function() return true end,"), "--targets", "127.0.0.1", "--once" }
    assert.equal(2, code)
    assert.truthy(err:find("f.lua:1: match: in a group a list of sysObjectID prefixes is expected, or nothing for the probe of all others", 1, true), err)
  end)
end)

describe("on_error", function()
  local sim
  lazy_setup(function()
    sim = rig.fleet(('agent { recording = %q }'):format((os.getenv "PWD" or ".") .. "/tests/recordings/small.snmprec"))
  end)
  lazy_teardown(function()
    sim:stop()
    t.cleanup()
  end)
  local function run(text)
    return t.poll { t.write("e.lua", text), "--targets", sim:target("127.1.0.1"), "-c", "public", "--once" }
  end

  it("comes behind a run that failed, with what it returned, may read and write, and the run remains a failed one", function()
    local r = run [[return { every = 60, run = function(device, out, state)
        state.before = 7
        out:gauge("half", 1)
        return nil, "not today"
      end,
      on_error = function(device, err, out, state)
        out:info("why", err)
        out:gauge("kept", state.before)
        out:gauge("uptime", assert(device:get "1.3.6.1.2.1.1.3.0"))
      end }]]
    assert.equal(3, r.status)
    local s = r.samples[sim:target("127.1.0.1")]
    assert.equal("not today", s.why)
    assert.equal(1, s.half)
    assert.equal(7, s.kept)
    assert.truthy(s.uptime)
    assert.truthy(s.run_error)
    assert.equal(1, r.stats.runs.runs_failed)
    assert.truthy(r.stderr:find("not today", 1, true))
  end)
  it("has an error of the world as it is, and what a script raised as text", function()
    local r = run [[return { every = 60, run = function(device) return nil, select(2, device:get "1.3.6.1.2.1.99.0") end,
      on_error = function(device, err, out) out:info("code", err.code) end }]]
    assert.equal("missing", r.samples[sim:target("127.1.0.1")].code)
    r = run [[return { every = 60, run = function(device) local x = nil + 1 end,
      on_error = function(device, err, out) out:info("text", err) end }]]
    assert.truthy(r.samples[sim:target("127.1.0.1")].text:find("e.lua:1: attempt to perform arithmetic on a nil value", 1, true))
    assert.equal(1, r.stats.runs.script_errors)
  end)
  it("is not called behind a good run, nor behind a cancelled one, and may fail itself", function()
    local r = run [[return { every = 60, run = function() end, on_error = function(_, _, out) out:gauge("called", 1) end }]]
    assert.is_nil(r.samples[sim:target("127.1.0.1")].called)
    r = run [[local snmp = require "moonpoll" return { every = 60, timeout = 0.2, run = function() snmp.sleep(5) end,
      on_error = function(_, _, out) out:gauge("called", 1) end }]]
    assert.is_nil(r.samples[sim:target("127.1.0.1")].called)
    r = run [[return { every = 60, run = function() error "first" end, on_error = function() error "second" end }]]
    assert.equal(3, r.status)
    assert.truthy(r.stderr:find("first", 1, true) and r.stderr:find("second", 1, true), r.stderr)
    r = run [[local snmp = require "moonpoll" return { every = 60, timeout = 0.3, run = function() error "first" end,
      on_error = function() snmp.sleep(5) end }]]
    assert.equal(3, r.status)
    assert.equal(1, r.stats.runs.runs_timeout)
  end)
end)
