--- Probes that change while an instance runs them: what was written, what was run, and whether every run of every device is there.
local assert = require "luassert"
local cjson = require "cjson"
local bit = require "bit"
local ffi = require "ffi"
local t = require "e2e.helper"

ffi.cdef "int rename(const char *, const char *);"

local _M = {}
local instance = {}
instance.__index = instance

--- In place: a file that is there keeps its path.
function _M.put(path, text)
  local f = assert(io.open(path, "wb"))
  f:write(text)
  f:close()
  return path
end
--- As editors do it.
function _M.replace(path, text) assert(ffi.C.rename(_M.put(path .. ".new", text), path) == 0) end

--- A probe that says which one it is: n counts the runs of a device as long as its state lives.
function _M.probe(mark, every, more)
  return ([[return { every = %g, timeout = 5, %s run = function(device, out, state)
    state.n = (state.n or 0) + 1
    assert(device:get "1.3.6.1.2.1.1.3.0")
    out:gauge("n", state.n) out:info("mark", "%s") end }]]):format(every or 0.25, more or "", mark)
end

--- Words for `moonpoll run`: this probe, for the targets of this file, and each version is for all of them at once, also when it is read
-- because its file changed, before anybody asks: on trial a share of the devices would have it until then, however long that takes.
function _M.at_once(probe, targets)
  return "--config", _M.put(t.path "at_once.lua", ([[return { auth = { a = { version = "2c", community = "public" } },
    targets = { { file = %q, auth = "a" } }, probes = { { file = %q } }, rollout = false }]]):format(targets, probe))
end

--- `moonpoll run` with these words, in a run directory of its own.
function _M.start(words)
  local dir = t.run_dir()
  local all = { "-c", "public", "-o", "json", "--run-dir", dir }
  for _, w in ipairs(words) do all[#all + 1] = w end
  local self = setmetatable({ process = t.start_poll(all), dir = dir }, instance)
  t.wait_for("a start", 20, function()
    if not self.process:alive() then error(self.process:stderr()) end
    return self:status()
  end)
  return self
end
function instance:status()
  local code, out = t.run { t.program, "status", "--json", "--run-dir", self.dir }
  return code == 0 and cjson.decode(out)
end
function instance:version(probe)
  for _, p in ipairs(self:status().probes) do
    if p.name == probe then return p.version end
  end
end
--- `moonpoll reload WORDS`: status, stdout, stderr.
function instance:reload(...) return t.run { t.program, "reload", "--run-dir", self.dir, ... } end
function instance:generation(n)
  return t.wait_for("generation " .. n, 20, function()
    local s = self:status()
    return s and s.generation >= n and s
  end)
end
--- Waits until every one of n devices gave a sample with this mark.
function instance:marked(mark, n)
  t.wait_for(mark .. " of " .. n .. " devices", 20, function()
    t.sleep(0.1)
    local seen, found = {}, 0
    for device in self.process:stdout():gmatch('"device":"([^"]*)"[^\n]*"name":"mark"[^\n]*"value":"' .. mark .. '"') do
      if not seen[device] then
        seen[device] = true
        found = found + 1
      end
    end
    return found >= n
  end)
end
--- Ends it: stats, a list of all runs in the order they began: { device, at, took, version, n, mark, err }, and one in the order they ended.
function instance:stop()
  assert.equal(0, self.process:stop(20), self.process:stderr())
  local stats = self.process.stats()
  t.assert_balances(stats, true)
  local runs, open = {}, {}
  for line in self.process:stdout():gmatch "[^\n]+" do
    local s = cjson.decode(line)
    local key = s.probe .. "\0" .. s.device
    local r = open[key] or { device = s.device, probe = s.probe }
    open[key] = r
    if s.name == "up" then r.version, r.ended = s.version, s.t end
    if s.name == "run_seconds" then r.took, r.at = s.value, s.t - s.value end
    if s.name == "n" or s.name == "mark" then r[s.name] = s.value end
    if s.name == "run_error" then -- the last of a run
      r.err = s.value
      runs[#runs + 1] = r
      open[key] = nil
    end
  end
  local begun = {}
  for i, r in ipairs(runs) do begun[i] = r end
  table.sort(begun, function(a, b) return a.at < b.at end)
  return stats, begun, runs
end

--- Where the moments of a device lie within its interval, 0 to 1: core/bind/task/sched.h.
local function phase_of(probe, device)
  local hash = 0xcbf29ce484222325ULL
  for _, text in ipairs { probe, "", device } do
    for i = 1, #text + 1 do hash = bit.bxor(hash, text:byte(i) or 0) * 0x100000001b3ULL end
  end
  hash = bit.bxor(hash, bit.rshift(hash, 32)) * 0x9e3779b97f4a7c15ULL
  return tonumber(bit.rshift(hash, 11)) * 2 ^ -53
end

--- Every device has its runs, one after the other, by its own count; none twice. every: and none is missing at its moment, whatever
-- else the machine did, but for as many as the program says it skipped. Returns how many there are in all.
function _M.assert_complete(runs, every, skipped)
  local of, n, missing = {}, 0, 0
  for _, r in ipairs(runs) do
    of[r.device] = of[r.device] or {}
    table.insert(of[r.device], r)
    n = n + 1
  end
  for device, all in pairs(of) do
    local phase, before = phase_of(all[1].probe, device), nil
    for i, r in ipairs(all) do
      assert.equal("ok", r.err, device)
      assert.equal(i, r.n, device)
      if every and i > 1 then -- the first comes as soon as it can
        local moment = math.floor(r.at / every - phase + 0.02)
        if before and moment <= before then error(("%s: run %d is the second of its moment"):format(device, i)) end
        if before then missing = missing + moment - before - 1 end
        before = moment
      end
    end
  end
  assert.equal(skipped or 0, missing, "runs that are missing")
  return n
end

--- New runs are of the new version everywhere: nothing begins on an older one than what began before. order: versions as they came.
-- slack: the times in the records are those of the turn a run began in, and who is not given the processor has long turns. Returns the
-- place of the last version, and by how many seconds something was behind.
function _M.assert_in_order(runs, order, slack)
  local place, most, at, behind = {}, 0, 0, 0
  for i, v in ipairs(order) do place[v] = i end
  for _, r in ipairs(runs) do
    local p = assert(place[r.version], "a version nobody wrote: " .. tostring(r.version))
    if p < most then behind = math.max(behind, r.at - at) end
    if p < most and r.at - at > slack then
      error(("%s began on version %d at %.3f, %.3f s after version %d was begun with"):format(r.device, p, r.at, r.at - at, most))
    end
    if p > most then most, at = p, r.at end
  end
  return most, behind
end

return _M
