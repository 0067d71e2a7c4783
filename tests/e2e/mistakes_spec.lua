-- What a script is told of its own mistakes: the line it stands in, and what was expected.
local cjson = require "cjson"
local t = require "e2e.helper"

local PROBE = "tests/e2e/probes/mistakes.lua"
local WAIT = "cannot wait here: inside string.gsub, table.sort, a metamethod called from C, or another C function"
local expected = {
  ["get nil"] = "bad argument #1 to 'get' (an OID or a table of OIDs expected, got nil)",
  ["get no oid"] = "bad argument #1 to 'get' (key 'a': '1.3.x' is no OID)",
  ["get dot"] = "bad argument #1 to 'get' (a device expected: call its methods with a colon, device:get(...))",
  ["get option"] = "unknown option exakt: exact is known",
  ["get_bulk option"] = "unknown option reps: repetitions, non_repeaters and exact are known",
  ["get_bulk none"] = "bad argument #1 to 'get_bulk' (no OIDs in the table)",
  ["rows option"] = "unknown option onyl: only, with, key, rates, epoch, exact and max_rows are known",
  ["rows only"] = "bad argument #1 to 'rows' (only: 'x' is no index)",
  ["rows key"] = "key: no column has the key b",
  ["rows rates"] = "rates: no column has the key b",
  ["rows nested"] = "bad argument #1: one column lies under another, or is given twice",
  ["table no oid"] = "bad argument #1 to 'table' (key 'a': '1.3.y' is no OID)",
  ["table option"] = "unknown option exakt: only, with, key, rates, epoch, exact and max_rows are known",
  ["set"] = "this probe may not change anything: allow_set is not configured for it",
  ["with"] = "with: unknown option contxt: context is known",
  ["with context"] = "with: a context needs SNMPv3",
  ["cache"] = "cache: seconds from 0 expected for how long, got ",
  ["wait in gsub"] = WAIT, ["rows in gsub"] = WAIT, ["table in sort"] = WAIT, ["all in gsub"] = WAIT,
  ["waits for itself"] = "a task cannot wait for itself",
  ["sleep"] = "bad argument #1 to 'sleep' (seconds, 0 to 1e9)",
  ["log level"] = "bad argument #1 to 'log' (invalid option 'loud')",
  ["log format"] = "bad argument #3 to 'log' (number expected, got string)",
  ["all"] = "all: a function expected as argument 1, got a number",
  ["value"] = "bad argument #2 to 'gauge' (a number expected)",
  ["name"] = "bad argument #1 to 'gauge' (the name of a sample expected)",
  ["twice"] = "twice: a sample of this name with the same labels was written before in this run",
  ["label"] = "label x: a string, number or boolean expected, got a table",
  ["label device"] = "label device: every sample has it by itself",
  ["file"] = "module 'ffi' is not beside the probe",
}

describe("a mistake of a script", function()
  local agent, told, line = nil, {}, {}
  lazy_setup(function()
    agent = t.agent {}
    local n = 0
    for text in io.lines(PROBE) do
      n = n + 1
      local name = text:match 'case%("([^"]+)"'
      if name then line[name] = name == "waits for itself" and n + 2 or n end
    end
    local r = t.poll { PROBE, "--targets", agent:target "127.0.0.1", "--once" }
    assert.equal(0, r.status, r.stderr)
    for text in r.stdout:gmatch "[^\n]+" do
      local sample = cjson.decode(text)
      if sample.name == "told" then told[sample.labels.case] = sample.value end
    end
  end)
  lazy_teardown(function()
    agent:stop()
    t.cleanup()
  end)

  for name, text in pairs(expected) do
    it("is told with its line: " .. name, function()
      local place = ("%s:%d: "):format(PROBE, line[name])
      assert.equal(place .. text, (told[name] or ""):sub(1, #place + #text))
    end)
  end

  it("does not take the worker along when it nests without end", function()
    assert.truthy(told["gsub in gsub"]:find "stack overflow", told["gsub in gsub"])
  end)

  it("is none of the script's when a limit was reached, which is named", function()
    assert.truthy(told["max_rows"]:find("^127%.0%.0%.1:%d+: budget: a limit was reached: it has more than 1 rows %(max_rows%), 1%.3%.6"), told["max_rows"])
  end)
end)
