-- Attempts to break out: each ends as it should, by the same worker, and nobody else notices.
local cjson = require "cjson"
local t = require "e2e.helper"
local cases = require "e2e.breakouts"

local EVERY = 0.1

describe("an attempt to break out", function()
  local agent
  lazy_setup(function() agent = t.agent {} end)
  lazy_teardown(function()
    agent:stop()
    t.cleanup()
  end)

  -- A probe that is each case in turn, a run each, and the line each begins at. What one did to the libraries is undone before the next.
  local HEAD = [[
local snmp = require "moonpoll"
local case, shared, n = {}, {}, 0
local was, rawset, type, setmetatable = {}, rawset, type, setmetatable
local libraries = { _G, string, table, math, os, bit, snmp }
local _G, next, log = _G, next, snmp.log
local function mend()
  setmetatable(_G, nil)
  for _, t in next, was[_G] and {} or libraries do was[t] = {} for k, v in next, t do was[t][k] = v end end
  for _, t in next, libraries do for k, v in next, was[t] do rawset(t, k, v) end end
end
local function after(what, ...)
  if type(what) == "string" then log("info", "got out: %s", what) end
  return what, ...
end
]]
  local function culprit(target)
    local text, lines = { HEAD }, {}
    local at = select(2, HEAD:gsub("\n", ""))
    for i, c in ipairs(cases) do
      lines[i] = at + 1
      text[#text + 1] = ("case[%d] = function(device, out) %s\nend\n"):format(i, c.costs and "" or c.code)
      at = at + 2 + select(2, c.code:gsub("\n", ""))
      lines[-i] = at
    end
    text[#text + 1] = ([[return { name = "culprit", every = %g, timeout = 5, limits = { max_requests = 300, max_rows = 2000, max_samples = 1000 },
      run = function(device, out)
      if device.host ~= %q then return end
      n = n + 1
      mend()
      if case[n] then
        log("info", "case %%d", n)
        return after(case[n](device, out))
      end
      out:gauge("cases", n)
    end }]]):format(EVERY, target)
    lines.after = at + 8
    return t.write("culprit.lua", table.concat(text)), lines
  end

  local NEIGHBOUR = [[
    local snmp = require "moonpoll"
    local rep = string.rep
    local function unharmed(device)
      assert(poisoned == nil and string.rep == rep and ("x"):rep(2) == "xx" and ("X"):lower() == "x", "strings")
      assert(table.concat({ 1, 2 }, ",") == "1,2" and math.floor(1.5) == 1 and bit.band(3, 1) == 1 and os.time() > 1e9, "libraries")
      assert(getmetatable(_G) == nil and getmetatable("") == false and not getmetatable(device), "metatables")
      local _, err = device:get "1.3.6.1.2.1.1.99.0"
      assert(tostring(err):find("missing", 1, true) and not device.state.x, "errors")
    end
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
      unharmed(device)
      out:gauge("uptime", assert(device:get "1.3.6.1.2.1.1.3.0"))
    end }]]

  -- What is wrong with what was said while the case ran; nil: nothing.
  local function wrong(c, what, lines, i)
    local from, to = lines[i], lines[-i]
    local out = what:match "got out: ([^\n]*)"
    if out then return "it got out: " .. out end
    if c.expect == "any" then return nil end
    if c.says and not what:find(c.says, 1, true) then return "nothing says " .. c.says end
    local failed = what:match "error %S+ culprit[^:]*: [^\n]*" or c.expect == "returned" and what:match "warn %S+ culprit[^:]*: [^\n]*"
    if c.expect == "harmless" then return failed and not (c.says and failed:find(c.says, 1, true)) and "it failed" or nil end
    if not failed then return "it went well" end
    local line, told = failed:match "culprit%.lua:(%d+): (.*)"
    line = tonumber(line)
    local tail = line == lines.after and not what:find("in one run", 1, true) -- what was called last is not on the stack
    if line and (line < from or line > to) and not tail then return ("line %d is not in %d to %d"):format(line, from, to) end
    local stopped = told and told:match "^stopped after %d+ ms of processor time"
    local memory = told and told:match "^stopped[^\n]* MiB of memory"
    if (stopped or memory or what:find("in one run", 1, true)) and not what:find("version %x%x%x%x%x%x%x%x") then return "no version is named" end
    if c.expect == "stopped" then return not stopped and "it was not stopped by time" or nil end
    if c.expect == "either" then return not stopped and not memory and "it was not stopped" or nil end
    if c.expect == "memory" then return not memory and "it was not stopped by memory" or nil end
    return (stopped or memory) and "it was stopped" or nil
  end

  it("ends as it should, by the same worker, and the neighbours are as they were", function()
    local bad, good = agent:target "127.0.13.1", { agent:target "127.0.13.2", agent:target "127.0.13.3" }
    local probe, lines = culprit(bad)
    local dir = t.path "run"
    assert(os.execute("mkdir -p " .. dir) == 0)
    local neighbour = t.write("neighbour.lua", (NEIGHBOUR:gsub("%.%.%.", function() return ("%q"):format(bad) end)))
    local p = t.start_poll { probe, neighbour, "--targets", bad .. "," .. table.concat(good, ","), "-c", "public", "-o", "json", "--run-dir", dir }
    local function status()
      local code, out = t.run { t.program, "status", "--run-dir", dir }
      return code == 0 and cjson.decode(out)
    end
    local first = t.wait_for("a start", 10, function()
      assert.truthy(p:alive(), p:stderr())
      return status()
    end)
    local done = pcall(t.wait_for, "all cases", 60 + 6 * EVERY * #cases, function()
      assert.truthy(p:alive(), p:stderr())
      return p:stdout():find('"name":"cases"', 1, true)
    end)
    local last = status()
    assert.equal(0, p:stop(10), p:stderr())

    local log, said, n, costly = p:stderr(), {}, nil, 0
    assert.truthy(done, "not all cases ran: " .. log:sub(-2000))
    for line in log:gmatch "[^\n]+" do
      n = tonumber(line:match "culprit[^:]*: %S+: case (%d+)$") or n
      if n then said[n] = (said[n] or "") .. line .. "\n" end
    end
    local faults = {}
    for i, c in ipairs(cases) do
      if c.costs then
        costly = costly + 1
      else
        local fault = said[i] and wrong(c, said[i], lines, i) or not said[i] and "it never ran"
        if fault then faults[#faults + 1] = ("%s (%s): %s\n%s"):format(c.name, c.expect, fault, (said[i] or ""):sub(1, 1500)) end
      end
    end
    assert.truthy(#faults == 0, table.concat(faults, "\n"))
    assert.truthy(#cases - costly >= 60 and costly <= 2)
    assert.equal(first.workers[1].pid, last.workers[1].pid)
    assert.equal(0, last.workers_lost)
    t.assert_balances(last)
    for line in log:gmatch "[^\n]*stopped [^\n]*" do assert.truthy(line:find("culprit", 1, true) and line:find(bad, 1, true), line) end

    local most, most_cpu, gaps = 0, 0, 0
    for line in p:stdout():gmatch "[^\n]+" do
      local s = cjson.decode(line)
      if s.name == "gap" then most, gaps = math.max(most, s.value), gaps + 1 end
      if s.name == "gap_cpu" then most_cpu = math.max(most_cpu, s.value) end
      if s.probe == "neighbour" and s.name == "run_error" then assert.equal("ok", s.value, log) end
    end
    assert.truthy(gaps > EVERY * #cases / 2, gaps)
    io.write(("# %d attempts; largest gap of the neighbours: %.0f ms of processor time, %.0f ms\n"):format(#cases, most_cpu * 1000, most * 1000))
    assert.truthy(most_cpu <= 0.1, most_cpu)
    assert.truthy(most_cpu > 0.04, "nothing was measured")
  end)
end)
