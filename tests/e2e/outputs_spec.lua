-- outputs are others while everything runs: each run is written, once, in its place, and as was asked for then.
local cjson = require "cjson"
local ffi = require "ffi"
local t = require "e2e.helper"

ffi.cdef "int rename(const char *, const char *);"

local DEVICES = 20
local runs = 0

-- An instance whose devices count their runs; nobody is asked anything.
local function start(outputs)
  runs = runs + 1
  local dir = t.path("run" .. runs)
  assert(os.execute("mkdir -p " .. dir) == 0)
  local probe = t.write("count" .. runs .. ".lua", [[
    return { every = 0.1, run = function(device, out, state)
      state.n = (state.n or 0) + 1
      out:gauge("n", state.n)
    end }]])
  local self, generation = { dir = dir }, 1
  local path = t.path("moon" .. runs .. ".lua")
  local function configure(said)
    local targets = {}
    for i = 1, DEVICES do targets[i] = ("%q"):format("127.9.9." .. i) end
    local text = ([[return { auth = { a = { version = "2c", community = "public" } }, workers = 2, outputs = %s,
      targets = { %s }, probes = { { file = %q, name = "p" } } }]]):format(said, table.concat(targets, ", "), probe)
    assert(ffi.C.rename(t.write("new.lua", text), path) == 0)
  end
  self.configure = configure
  configure(outputs)
  self.process = t.start({ t.program, "run", "--config", path, "--run-dir", dir }, {})
  function self.status()
    local code, out = t.run { t.program, "status", "--json", "--run-dir", dir }
    return code == 0 and cjson.decode(out)
  end
  t.wait_for("the first runs", 20, function()
    local s = self.status()
    return s and s.runs.runs_ok >= DEVICES
  end)
  function self.outputs(said)
    configure(said)
    generation = generation + 1
    t.wait_for("generation " .. generation, 20, function()
      local s = self.status()
      return s and s.generation >= generation
    end)
  end
  -- So many more runs.
  function self.polled(n)
    local had = self.status().runs.runs_ok
    t.wait_for("runs", 20, function() return self.status().runs.runs_ok >= had + n end)
  end
  function self.finish()
    local s = self.status()
    self.process:stop()
    assert.is_nil(self.process:stderr():find("error", 1, true), self.process:stderr())
    return s
  end
  -- Numbers by device in the order they were written, and the formats that were met, in theirs.
  function self.written()
    local by, formats, device = {}, {}, nil
    for line in self.process:stdout():gmatch "[^\n]+" do
      local json = line:find("^{") ~= nil
      local format = json and "json" or "table"
      if formats[#formats] ~= format then formats[#formats + 1] = format end
      local number
      if json then
        local s = cjson.decode(line)
        device, number = s.device, s.name == "n" and s.value
      else
        device = line:match "^(%S+)%s+p%s" or device
        number = tonumber(line:match "^%s+n%s+(%d+)$")
      end
      if number then
        by[device] = by[device] or {}
        table.insert(by[device], number)
      end
    end
    return by, formats
  end
  return self
end

local function count(by)
  local n = 0
  for _ in pairs(by) do n = n + 1 end
  return n
end

describe("outputs while it runs", function()
  lazy_teardown(t.cleanup)

  it("json, table, json: no run is missing, or there twice", function()
    local r = start '{ "json" }'
    for _, format in ipairs { "table", "json", "table", "json" } do
      r.polled(2 * DEVICES)
      r.outputs(('{ "%s" }'):format(format))
    end
    r.polled(2 * DEVICES)
    r.finish()
    local by, formats = r.written()
    assert.same({ "json", "table", "json", "table", "json" }, formats)
    assert.equal(DEVICES, count(by))
    for device, all in pairs(by) do
      for i, n in ipairs(all) do assert.equal(i, n, device) end
      assert.is_true(#all >= 8, device)
    end
    assert.is_truthy(r.process:stderr():find("outputs changed", 1, true))
  end)

  it("null is no output, and ends", function()
    local r = start '{ "null" }'
    assert.equal("", r.process:stdout())
    r.outputs '{ "json" }'
    t.wait_for("output", 20, function() return #r.process:stdout() > 0 end)
    r.polled(4 * DEVICES)
    r.outputs '{ "null" }'
    t.sleep(0.2)
    local had = #r.process:stdout()
    r.polled(2 * DEVICES)
    assert.equal(had, #r.process:stdout())
    r.outputs '{ "json" }'
    r.polled(2 * DEVICES)
    r.finish()
    local by = r.written()
    assert.equal(DEVICES, count(by))
    for device, all in pairs(by) do
      local gaps = 0
      for i = 2, #all do
        assert.is_true(all[i] > all[i - 1], device)
        if all[i] ~= all[i - 1] + 1 then gaps = gaps + 1 end
      end
      assert.is_true(all[1] > 1, device) -- states went along to the workers with somewhere to put runs
      assert.equal(1, gaps, device)
    end
  end)

  it("two formats for stdout are refused, and a writer that was killed goes on with the one in force", function()
    local r = start '{ "json" }'
    r.outputs '{ "table" }'
    r.polled(DEVICES)
    r.configure '{ "table", "json" }'
    local code, _, said = t.run { t.program, "reload", "--run-dir", r.dir }
    assert.not_equal(0, code)
    assert.is_truthy(said:find("stdout has room for one format only", 1, true), said)
    local workers, writer = {}, nil
    for _, w in ipairs(r.status().workers) do workers[w.pid] = true end
    for pid in t.read(("/proc/%d/task/%d/children"):format(r.process.pid, r.process.pid)):gmatch "%d+" do
      if not workers[tonumber(pid)] then writer = pid end
    end
    assert.equal(0, os.execute("kill -9 " .. writer)) -- what the shell has built in: a bare Debian has no program of that name
    local had = #r.process:stdout()
    t.wait_for("another writer", 20, function() return #r.process:stdout() > had + 1000 end)
    r.process:stop()
    local _, formats = r.written()
    assert.same({ "json", "table" }, formats)
  end)
end)
