-- Attempts to break out: each ends as it should, by the same worker, and nobody else notices.
local t = require "e2e.helper"
local rig = require "e2e.culprit_rig"
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
    local text, lines, at = rig.functions(HEAD, cases)
    text = text .. ([[return { name = "culprit", every = %g, timeout = 20, limits = { max_requests = 300, max_rows = 2000, max_samples = 1000 },
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
    return t.write("culprit.lua", text), lines
  end

  local UNHARMED = [[
    local rep = string.rep
    function unharmed(device)
      assert(poisoned == nil and string.rep == rep and ("x"):rep(2) == "xx" and ("X"):lower() == "x", "strings")
      assert(table.concat({ 1, 2 }, ",") == "1,2" and math.floor(1.5) == 1 and bit.band(3, 1) == 1 and os.time() > 1e9, "libraries")
      assert(getmetatable(_G) == nil and getmetatable("") == false and not getmetatable(device), "metatables")
      local _, err = device:get "1.3.6.1.2.1.1.99.0"
      assert(tostring(err):find("missing", 1, true) and not device.state.x, "errors")
    end]]

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
    local run = rig.start(probe, bad, good, UNHARMED)
    local done = pcall(run.finish, run, 60 + 6 * EVERY * #cases)
    local log, said, costly = run:stop(), run:said "culprit[^:]*: %S+: case (%d+)$", 0
    assert.truthy(done, "not all cases ran: " .. log:sub(-2000))
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
    for line in log:gmatch "[^\n]*stopped [^\n]*" do assert.truthy(line:find("culprit", 1, true) and line:find(bad, 1, true), line) end
    io.write(("# %d attempts\n"):format(#cases))
    run:assert_unharmed(EVERY * #cases / 2)
  end)
end)
