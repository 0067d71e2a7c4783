-- Scripts that do not end: each is stopped where it is, and nobody else notices.
-- Alone: the processor time between two turns is the time of caches others use, too.
local cjson = require "cjson"
local t = require "e2e.helper"
local cases = require "e2e.loops"

local EVERY = 0.4

describe("a script that does not end", function()
  local agent
  lazy_setup(function() agent = t.agent {} end)
  lazy_teardown(function()
    agent:stop()
    t.cleanup()
  end)

  -- A probe that is each case in turn, a run each, and the line each begins at.
  local function culprit(target)
    local text, lines = { 'local snmp = require "moonpoll"', "local case, n = {}, 0" }, {}
    local at = 2
    for i, c in ipairs(cases) do
      lines[i] = at + 1
      text[#text + 1] = ("case[%d] = function(device, out) %s\nend"):format(i, c.code)
      at = at + 2 + select(2, c.code:gsub("\n", ""))
      lines[-i] = at
    end
    text[#text + 1] = ([[return { every = %g, timeout = 5, run = function(device, out)
      if device.host ~= %q then return end
      n = n + 1
      if case[n] then
        snmp.log("info", "case " .. n)
        return case[n](device, out)
      end
      out:gauge("cases", n)
    end }]]):format(EVERY, target)
    return t.write("culprit.lua", table.concat(text, "\n") .. "\n"), lines
  end

  local NEIGHBOUR = [[
    local snmp = require "moonpoll"
    return { every = 1, timeout = 5, run = function(device, out)
      if device.host == ... then return end
      local most, most_cpu, before, before_cpu = 0, 0, snmp.now(), os.clock()
      local start = before
      while snmp.now() < start + 0.9 do
        snmp.sleep(0.005)
        local now, cpu = snmp.now(), os.clock()
        most, most_cpu, before, before_cpu = math.max(most, now - before), math.max(most_cpu, cpu - before_cpu), now, cpu
      end
      out:gauge("gap", most)
      out:gauge("gap_cpu", most_cpu)
      out:gauge("uptime", assert(device:get "1.3.6.1.2.1.1.3.0"))
    end }]]

  it("is stopped within 50 ms of processor time, by its line, with the worker unharmed", function()
    local bad, good = agent:target "127.0.11.1", { agent:target "127.0.11.2", agent:target "127.0.11.3" }
    local probe, lines = culprit(bad)
    local dir = t.path "run"
    assert(os.execute("mkdir -p " .. dir) == 0)
    local neighbour = t.write("neighbour.lua", (NEIGHBOUR:gsub("%.%.%.", function() return ("%q"):format(bad) end)))
    local p = t.start_poll { probe, neighbour, "--targets", bad .. "," .. table.concat(good, ","), "-c", "public", "-o", "json", "--run-dir", dir }
    local function status()
      local code, out = t.run { t.program, "status", "--run-dir", dir }
      return code == 0 and cjson.decode(out)
    end
    local first = t.wait_for("a start", 10, status)
    t.wait_for("all cases", 20 + 3 * EVERY * #cases, function()
      assert.truthy(p:alive(), p:stderr())
      return p:stdout():find('"name":"cases"', 1, true)
    end)
    local last = status()
    assert.equal(first.workers[1].pid, last.workers[1].pid)
    assert.equal(0, last.workers_lost)
    t.assert_balances(last)
    assert.equal(0, p:stop(10), p:stderr())

    -- What was said after the n-th began and before the next one.
    local log, said = p:stderr(), {}
    local n
    for line in log:gmatch "[^\n]+" do
      n = tonumber(line:match "case (%d+)$") or n
      if n then said[n] = (said[n] or "") .. line .. "\n" end
    end
    for i, c in ipairs(cases) do
      local what = said[i] or ""
      local line, ms = what:match "culprit%.lua:(%d+): stopped after (%d+) ms of processor time"
      assert.truthy(line, ("%s: %s"):format(c.name, what))
      line = tonumber(line)
      assert.truthy(line >= lines[i] and line <= lines[-i], ("%s: line %d is not in %d to %d"):format(c.name, line, lines[i], lines[-i]))
      assert.truthy(tonumber(ms) >= 50 and tonumber(ms) <= 80, ("%s: %s ms"):format(c.name, ms))
      assert.truthy(what:gsub("@%x+", ""):find("culprit: " .. bad, 1, true), what)
    end
    -- Only the culprit was stopped; the others waited for no longer than one of its turns.
    for line in log:gmatch "[^\n]*stopped after[^\n]*" do assert.truthy(line:gsub("@%x+", ""):find("culprit: " .. bad, 1, true), line) end
    -- On a machine with other work the clock on the wall tells of that too: judged is the processor time between two of their turns.
    local most, most_cpu, gaps = 0, 0, 0
    for line in p:stdout():gmatch "[^\n]+" do
      local s = cjson.decode(line)
      if s.name == "gap" then most, gaps = math.max(most, s.value), gaps + 1 end
      if s.name == "gap_cpu" then most_cpu = math.max(most_cpu, s.value) end
      if s.probe == "neighbour" and s.name == "up" then assert.equal(1, s.value) end
    end
    assert.truthy(gaps > EVERY * #cases / 2, gaps)
    io.write(("# largest gap of the neighbours: %.0f ms of processor time, %.0f ms\n"):format(most_cpu * 1000, most * 1000))
    assert.truthy(most_cpu <= 0.1, most_cpu)
    assert.truthy(most_cpu > 0.04, "nothing was measured")
  end)
end)
