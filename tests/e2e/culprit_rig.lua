--- A probe that does one bad thing a run to one device, and beside it one that measures what the others notice of that.
local cjson = require "cjson"
local assert = require "luassert"
local t = require "e2e.helper"

local _M = {}

local NEIGHBOUR = [[
  local snmp = require "moonpoll"
  local function unharmed() end
  %s
  return { every = 1, timeout = 5, run = function(device, out)
    if device.host == %q then return end
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

local pair = {}
pair.__index = pair

--- The text of a probe that begins with `head`, which has a table `case`: each of the cases a function there, but for those that `costs`;
-- and where each begins ([i]) and ends ([-i]), by line, and the last line of all.
function _M.functions(head, cases)
  local text, lines, at = { head }, {}, select(2, head:gsub("\n", ""))
  for i, c in ipairs(cases) do
    local code = c.costs and "" or c.code
    lines[i] = at + 1
    text[#text + 1] = ("case[%d] = function(device, out) %s\nend\n"):format(i, code)
    at = at + 2 + select(2, code:gsub("\n", ""))
    lines[-i] = at
  end
  return table.concat(text), lines, at
end

--- Starts both. probe: a file, whose run is about the device `bad` and gives a gauge "cases" when it is through.
-- good: the other devices. unharmed: code of `function unharmed(device)`, which the neighbour calls; nil: none.
function _M.start(probe, bad, good, unharmed)
  local self = setmetatable({ dir = t.run_dir() }, pair)
  self.process = t.start_poll { probe, t.write("neighbour.lua", NEIGHBOUR:format(unharmed or "", bad)), "--targets",
    bad .. "," .. table.concat(good, ","), "-c", "public", "-o", "json", "--run-dir", self.dir }
  self.first = self:wait("a start", 10, function() return t.status(self.dir) end)
  return self
end

--- Waits for fn as long as the program lives.
function pair:wait(what, seconds, fn)
  return t.wait_for(what, seconds, function()
    if not self.process:alive() then error("it ended with status " .. t.read(self.process.rc) .. self.process:stderr():sub(-3000)) end
    return fn()
  end)
end

--- Until every case had its run.
function pair:finish(seconds)
  self:wait("all cases", seconds, function() return self.process:stdout():find('"name":"cases"', 1, true) end)
end

--- Stops it: the worker is the one it began with. Returns the log.
function pair:stop()
  local last = t.status(self.dir)
  assert.equal(0, self.process:stop(10), self.process:stderr())
  assert.equal(self.first.workers[1].pid, last.workers[1].pid)
  assert.equal(0, last.workers_lost)
  t.assert_balances(last)
  return self.process:stderr()
end

--- What the log says from where a case began, by `pattern`, which gives its number, to where the next one did.
function pair:said(pattern)
  local said, n = {}, nil
  for line in self.process:stderr():gmatch "[^\n]+" do
    n = tonumber(line:match(pattern)) or n
    if n then said[n] = (said[n] or "") .. line .. "\n" end
  end
  return said
end

--- The neighbour's runs went well, at least `least` of them, and waited for no longer than one turn of the culprit. On a machine with
-- other work the clock on the wall tells of that too: judged is the processor time between two of their turns.
function pair:assert_unharmed(least)
  local most, most_cpu, gaps = 0, 0, 0
  for line in self.process:stdout():gmatch "[^\n]+" do
    local s = cjson.decode(line)
    if s.name == "gap" then most, gaps = math.max(most, s.value), gaps + 1 end
    if s.name == "gap_cpu" then most_cpu = math.max(most_cpu, s.value) end
    if s.probe == "neighbour" and s.name == "up" then assert.equal(1, s.value) end
    if s.probe == "neighbour" and s.name == "run_error" then assert.equal("ok", s.value, self.process:stderr()) end
  end
  assert.truthy(gaps > least, gaps)
  io.write(("# largest gap of the neighbours: %.0f ms of processor time, %.0f ms\n"):format(most_cpu * 1000, most * 1000))
  assert.truthy(most_cpu <= 0.1, most_cpu)
  assert.truthy(most_cpu > 0.04, "nothing was measured")
end

return _M
