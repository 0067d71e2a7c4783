-- Scripts that do not end: each is stopped where it is, and nobody else notices.
-- Alone: the processor time between two turns is the time of caches others use, too.
local t = require "e2e.helper"
local rig = require "e2e.culprit_rig"
local cases = require "e2e.loops"

local EVERY = 0.2

describe("a script that does not end", function()
  local agent
  lazy_setup(function() agent = t.agent {} end)
  lazy_teardown(function()
    agent:stop()
    t.cleanup()
  end)

  -- A probe that is each case in turn, a run each, and the line each begins at.
  local function culprit(target)
    local text, lines = rig.functions('local snmp = require "moonpoll"\nlocal case, n = {}, 0\n', cases)
    text = text .. ([[return { every = %g, timeout = 5, run = function(device, out)
      if device.host ~= %q then return end
      n = n + 1
      if case[n] then
        snmp.log("info", "case " .. n)
        return case[n](device, out)
      end
      out:gauge("cases", n)
    end }]]):format(EVERY, target)
    return t.write("culprit.lua", text .. "\n"), lines
  end

  it("is stopped within 50 ms of processor time, by its line, with the worker unharmed", function()
    local bad, good = agent:target "127.0.11.1", { agent:target "127.0.11.2", agent:target "127.0.11.3" }
    local probe, lines = culprit(bad)
    local run = rig.start(probe, bad, good)
    run:finish(20 + 3 * EVERY * #cases)
    local log, said = run:stop(), run:said "case (%d+)$"
    for i, c in ipairs(cases) do
      local what = said[i] or ""
      local line, ms = what:match "culprit%.lua:(%d+): stopped after (%d+) ms of processor time"
      assert.truthy(line, ("%s: %s"):format(c.name, what))
      line = tonumber(line)
      assert.truthy(line >= lines[i] and line <= lines[-i], ("%s: line %d is not in %d to %d"):format(c.name, line, lines[i], lines[-i]))
      assert.truthy(tonumber(ms) >= 50 and tonumber(ms) <= 80, ("%s: %s ms"):format(c.name, ms))
      assert.truthy(what:gsub("@%x+", ""):find("culprit: " .. bad, 1, true), what)
    end
    -- Only the culprit was stopped.
    for line in log:gmatch "[^\n]*stopped after[^\n]*" do assert.truthy(line:gsub("@%x+", ""):find("culprit: " .. bad, 1, true), line) end
    run:assert_unharmed(EVERY * #cases / 2)
  end)
end)
