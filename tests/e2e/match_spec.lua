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
    assert.same({ "rest", "rest", "rest", "rest" }, run { probe("rest", "group = 'g',"), probe("arcs", "group = 'g', match = '1.3.6.1.4.1.9.1.5',") })
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

  for _, case in ipairs(require "e2e.on_error") do
    it(case.name, function()
      local r = t.poll { t.write("e.lua", case.code), "--targets", sim:target("127.1.0.1"), "-c", "public", "--once" }
      local samples = r.samples[sim:target("127.1.0.1")]
      case.expect { samples = samples, code = samples.run_error, said = r.stderr, file = "e.lua" }
      local runs = r.stats.runs
      assert.equal(samples.run_error == "ok" and 0 or 3, r.status)
      assert.same({ 1, samples.run_error == "script" and 1 or 0, samples.run_error == "cancelled" and 1 or 0 },
        { runs.runs_ok + runs.runs_failed + runs.runs_timeout, runs.script_errors, runs.runs_timeout })
    end)
  end
end)
