-- moonpoll check: every mistake it knows, by the line it tells; and what it must not complain about.
local t = require "e2e.helper"

local RECORDING = "1.3.6.1.2.1.1.1.0|4|a box\n1.3.6.1.2.1.1.3.0|67|1000\n1.3.6.1.2.1.1.5.0|4|box-1\n" ..
  "1.3.6.1.2.1.2.2.1.10.1|65|500\n1.3.6.1.2.1.2.2.1.10.2|65|600\n1.3.6.1.2.1.31.1.1.1.6.1|70|5000\n1.3.6.1.2.1.31.1.1.1.6.2|70|6000\n"

describe("moonpoll check", function()
  teardown(t.cleanup)

  local dir = t.path "probes"
  local function write(name, text)
    local f = assert(io.open(dir .. "/" .. name, "wb"))
    f:write(text)
    f:close()
    return dir .. "/" .. name
  end
  assert(os.execute("mkdir -p " .. dir) == 0)
  write("box.snmprec", RECORDING)
  write("cisco.snmprec", RECORDING .. "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.9.1.1\n")
  local function check(...) return t.run({ t.program, "check", ... }, { seconds = 90 }) end
  -- The findings of a probe, a line each, without the path.
  local function findings(text, ...)
    local path = write("p.lua", text)
    local status, out, err = check(path, ...)
    assert.equal("", err)
    return (out:gsub((path:gsub("%p", "%%%0")), "p"):gsub("%d+ errors?, %d+ warnings?\n$", "")), status, out
  end
  local function tells(text, want, ...)
    local got, status = findings(text, ...)
    assert.equal(want .. "\n", got)
    assert.equal(want:find(": error: ", 1, true) and 1 or 0, status)
    assert.equal(1, (check(dir .. "/p.lua", "--strict", ...)))
  end
  local function run(body, head) return (head or "") .. "\nreturn { every = 60, run = function(device, out, state)\n" .. body .. "\nend }\n" end
  local SNMP = 'local snmp = require "moonpoll"; local IF = snmp.mib "IF-MIB"'

  describe("what does not load", function()
    for what, case in pairs {
      ["does not compile"] = { "return {\n  run = = 1 }", "p:2: error: unexpected symbol near '='" },
      ["returns no table"] = { "local x = 1\nreturn x", "p:2: error: returns no table" },
      ["has no run"] = { "return {\n every = 5 }", "p:1: error: run is missing" },
      ["has an unknown key"] = { "return { every = 5,\n  timout = 5, run = function() end }", "p:2: error: timout: unknown key; is it timeout?" },
      ["has a job without run"] = { "return { jobs = {\n  a = { every = 5 } } }", "p:2: error: jobs.a: run is missing" },
      ["has run and jobs"] = { "return { run = function() end,\n  jobs = {} }", "p:2: error: jobs: either run or jobs, not both" },
      ["has a metric of no type there is"] =
        { "return { run = function() end,\n metrics = { x = { type = 'guage' } } }",
          'p:2: error: metrics.x: type is counter, gauge, info, state or event, not "guage"' },
      ["raises when it is loaded"] = { "local x = nil\nreturn { every = x.y }", "p:2: error: attempt to index local 'x' (a nil value)" },
      ["wants a module that is not there"] = { "local m = require 'gone'", "p:1: error: module 'gone' not found" },
      ["wants a MIB module by half its name"] =
        { "local IF = require 'moonpoll'.mib 'IFMIB'", "p:1: error: no MIB module 'IFMIB' is known; is it IF-MIB?" },
      ["is not there"] = { nil, "p: error: No such file or directory" },
    } do
      it(what, function()
        local path = write("p.lua", case[1] or "")
        if not case[1] then os.remove(path) end
        local status, out = check(path)
        assert.equal(1, status)
        assert.truthy(out:gsub((path:gsub("%p", "%%%0")), "p"):find(case[2], 1, true), out)
        assert.matches("\n1 error, 0 warnings\n$", out)
      end)
    end
  end)

  describe("in the text of a probe", function()
    for what, case in pairs {
      ["a method of a device"] = { run 'return device:gett "1.3.6.1.2.1.1.3.0"', "p:3: error: device:gett: there is no such method; is it get?" },
      ["a method of out"] = { run 'out:guage("x", 1)', "p:3: error: out:guage: there is no such method; is it gauge?" },
      ["a method of what with gave"] = { run 'local o = out:with { a = 1 }\no:cuonter("x", 1)',
        "p:4: error: out:cuonter: there is no such method; is it counter?" },
      ["a function of the library"] = { run("snmp.slep(1)", SNMP), "p:3: error: snmp.slep: there is no such function; is it sleep?" },
      ["the library called with a colon"] =
        { run('snmp:text("x")', SNMP), "p:3: error: snmp:text: functions of the library are called with a dot, snmp.text(...)" },
      ["a device called with a dot"] =
        { run 'device.get("1.3.6.1.2.1.1.3.0")', "p:3: error: device.get: methods are called with a colon, device:get(...)" },
      ["a method without its argument"] = { run "local _ = device:get()", "p:3: error: device:get: an argument is missing" },
      ["a sample without its value"] = { run 'out:gauge("x")', "p:3: error: out:gauge(name, value): the value is missing" },
      ["a sample with labels behind its value"] = { run 'out:gauge("x", 5, { site = "a" })',
        "p:3: warning: out:gauge(name, value): nothing reads a third argument; labels are those of out:with" },
      ["a field of a device"] = { run "out:info('x', device.nmae)", "p:3: warning: device.nmae: there is no such field; is it name?" },
      ["an OID"] = { run 'local _ = device:get "1.3.6.1..1"', "p:3: error: '1.3.6.1..1' is no OID" },
      ["an OID that is put together"] =
        { run('for _ in device:rows { a = base .. ".x" } do end', 'local base = "1.3.6.1.4.1.9"'), "p:3: error: '1.3.6.1.4.1.9.x' is no OID" },
      ["a name"] = { run 'local _ = device:get "IF-MIB::ifNope.1"',
        "p:3: error: 'IF-MIB::ifNope.1' is no OID: Sub-id not found: (top) -> ifNope; is it ifName?" },
      ["a tab behind an OID"] = { run 'local _ = device:get ("1.3.6.1.2" .. "\\t")',
        "p:3: error: '1.3.6.1.2\t' is no OID: its octet 10 is 0x09, which cannot be seen" },
      ["an object of a module"] = { run('local _ = device:table { a = IF.ifInOctet }', SNMP), "p:3: error: IF-MIB has no 'ifInOctet'; is it ifInOctets?" },
      ["a name in another case"] = { run 'local _ = device:get "sysUptime.0"',
        "p:3: error: 'sysUptime.0' is no OID: Sub-id not found: (top) -> sysUptime; is it sysUpTime?" },
      ["a label of an object"] = { run("state.x = IF.ifOperStatus.upp", SNMP), "p:3: error: ifOperStatus has no value named 'upp'; is it up?" },
      ["a module of a MIB"] =
        { run('local _ = snmp.mib "NO-MIB"', SNMP), "p:3: error: no MIB module 'NO-MIB' is known; moonpoll mib add FILE makes one known" },
      ["a scalar among columns"] = { run('for _ in device:rows { a = "SNMPv2-MIB::sysUpTime" } do end'),
        "p:3: warning: sysUpTime is a scalar and no column: device:get reads it, or rows { ... } beside others as with = { ... }" },
      ["a table among columns"] = { run("for _ in device:rows { a = IF.ifTable } do end", SNMP), "p:3: warning: ifTable is a table: its columns are expected" },
      ["a column with an index"] = { run 'for _ in device:rows { a = "IF-MIB::ifDescr.1" } do end',
        "p:3: warning: ifDescr has an index here: columns of rows and table have none; only = { ... } chooses rows" },
      ["a scalar without its instance"] =
        { run 'return device:get "1.3.6.1.2.1.1.3"', "p:3: warning: sysUpTime is a scalar: its only instance is sysUpTime.0" },
      ["a column without an index"] = { run("return device:get { a = IF.ifDescr }", SNMP),
        "p:3: warning: ifDescr is a column: an index behind it names an instance, device:rows reads all" },
      ["a field of a row"] = { run('for _, row in device:rows { oper = "1.3.6.1.2.1.2.2.1.8" } do\nout:gauge("x", row.opper)\nend'),
        "p:4: warning: no field 'opper' was asked for: it is always nil; is it oper?" },
      ["a field of the head"] = { run([[
local o = { with = { up = "1.3.6.1.2.1.1.3.0" } }
for _, _, head in device:rows({ a = "1.3.6.1.2.1.2.2.1.10" }, o) do out:gauge("x", head.upp) end]]),
        "p:4: warning: no field 'upp' was asked for: it is always nil; is it up?" },
      ["a field of a row of a table that is cached"] = { run([[
local known = assert(device:cache("k", 60, function() return device:table { name = "1.3.6.1.2.1.31.1.1.1.1" } end))
for i in pairs(known) do out:with { i = i }:info("x", known[i].nmae) end]]), "p:4: warning: no field 'nmae' was asked for: it is always nil; is it name?" },
      ["a field of what get gave"] = { run 'local r = assert(device:get { name = "1.3.6.1.2.1.1.5.0" })\nout:info("x", r.nam)',
        "p:4: warning: no field 'nam' was asked for: it is always nil; is it name?" },
      ["an option of rows"] = { run 'for _ in device:rows({ a = "1.3.6.1.2.1.2.2.1.8" }, { onyl = { "1" } }) do end',
        "p:3: error: unknown option onyl; is it only?" },
      ["a rate of no column"] = { run 'for _ in device:rows({ a = "1.3.6.1.2.1.2.2.1.10" }, { rates = { b = "c" } }) do end',
        "p:3: error: rates: there is no column 'b'" },
      ["a key that is no column"] = { run 'for _ in device:rows({ abc = "1.3.6.1.2.1.2.2.1.10" }, { key = "abd" }) do end',
        "p:3: error: key: there is no column 'abd'; is it abc?" },
      ["a global that is set"] = { run("total = 1"), "p:3: warning: 'total' is global: all devices and runs share it; local total" },
      ["a function that is global"] = { run("helper()", "function helper() end"),
        "p:1: warning: 'helper' is global: all devices and runs share it; local helper" },
      ["a global that is nowhere set"] = { run "out:gauge('x', set_by_nobody)", "p:3: warning: 'set_by_nobody' is set nowhere: it is always nil" },
      ["a call of what is not there"] = { run "tostrin(1)", "p:3: error: 'tostrin' is set nowhere: it is always nil; is it tostring?" },
      ["io"] = { run "io.write('x')", "p:3: error: the sandbox gives no io: out writes samples, snmp.log writes lines" },
      ["coroutine"] = { run "coroutine.yield()", "p:3: error: the sandbox gives no coroutine: snmp.spawn and snmp.all run functions side by side" },
      ["os.execute"] = { run "os.execute 'ls'", "p:3: error: os.execute: the sandbox does not give it" },
      ["string.dump"] = { run "string.dump(function() end)", "p:3: error: string.dump: the sandbox does not give it" },
      ["ffi, required when it runs"] =
        { run "local _ = require 'ffi'", "p:3: error: module 'ffi' is not beside the probe, and the sandbox gives no ffi" },
      ["a global of the sandbox that is replaced"] = { run "tostring = nil",
        "p:3: warning: global 'tostring' of the sandbox is replaced, for all runs of the probe" },
      ["a code of an error"] = { run 'local _, err = device:get "1.3.6.1.2.1.1.3.0"\nif err and err.code == "tiemout" then return end',
        "p:4: warning: no error has the code 'tiemout'; is it timeout?" },
      ["a level of the log"] = { run('snmp.log("warning", "x")', SNMP), "p:3: error: snmp.log: there is no level 'warning'; is it warn?" },
      ["the label device"] = { run 'out:with { device = "x" }:gauge("x", 1)', "p:3: error: label device: every sample has it by itself" },
      ["a probe without every"] = { "return {\n run = function() end }",
        "p:1: warning: every is missing: it runs every 60 s unless it is told otherwise; every = 60 says so" },
      ["a job without every"] = { "return { jobs = {\n a = { run = function() end } } }",
        "p:2: warning: jobs.a: every is missing: it runs every 60 s unless it is told otherwise" },
      ["a function that is used as run"] = { "local function go(d)\n d:gett 'x'\nend\nreturn { every = 5, run = go }", "p:2: error: d:gett" },
      ["a job's device"] = { "return { jobs = { a = { every = 5, run = function(d)\n d:gett 'x' end } } }", "p:2: error: d:gett" },
    } do
      it(what, function()
        local want = case[2]:gsub("d:gett$", "device:gett: there is no such method; is it get?")
        tells(case[1], want)
      end)
    end
  end)

  describe("metrics", function()
    local function metrics(m, body) return "return { every = 5, metrics = { " .. m .. " },\nrun = function(device, out)\n" .. body .. "\nend }" end
    for what, case in pairs {
      ["one that is not declared"] = { metrics('aa = { type = "gauge" }', 'out:gauge("aa", 1)\nout:gauge("ab", 1)'),
        "p:4: warning: ab is not declared in metrics; is it aa?" },
      ["one of another type"] = { metrics('a = { type = "counter" }', 'out:gauge("a", 1)'), "p:3: warning: a is declared as counter, and written as gauge" },
      ["one that nobody writes"] = { metrics('a = { type = "gauge" }', ""), "p:1: warning: metrics.a is written nowhere" },
      ["one without a type"] = { metrics("a = { help = 'x' }", 'out:gauge("a", 1)'),
        "p:1: warning: metrics.a: type is missing: counter, gauge, info, state or event" },
      ["a counter per second"] = { metrics('a = { type = "counter", unit = "bytes/s" }', 'out:counter("a", 1)'),
        "p:1: warning: metrics.a: a counter counts bytes, not bytes/s: what is per time is a gauge" },
      ["a unit of a text"] = { metrics('a = { type = "info", unit = "bytes" }', 'out:info("a", "x")'),
        "p:1: warning: metrics.a: an info has no unit: its value is a text or a mark" },
      ["a name that says another unit"] = { metrics('up_seconds = { type = "gauge", unit = "ms" }', 'out:gauge("up_seconds", 1)'),
        "p:1: warning: metrics.up_seconds: named by seconds, but its unit is ms" },
      ["a name others refuse"] = { metrics('["a-b"] = { type = "gauge" }', 'out:gauge("a-b", 1)'),
        "p:1: warning: metrics: 'a-b': letters, digits, _ and : are expected; other programs refuse such a name" },
    } do
      it(what, function() tells(case[1], case[2]) end)
    end
  end)

  describe("when it runs", function()
    local UP = "1.3.6.1.2.1.1.3.0"
    it("against a recording: a sample that is not declared, by a name that is made up", function()
      tells([[
return { every = 5, metrics = { a = { type = "gauge" } }, run = function(device, out)
  local up = device:get "1.3.6.1.2.1.1.3.0"
  for _, name in pairs { "a", "b" } do out:gauge(name, up) end
end }]], "p:3: warning: b is not declared in metrics", "--recording", dir .. "/box.snmprec")
    end)
    it("another type", function()
      tells([[
return { every = 5, metrics = { a = { type = "gauge" } }, run = function(device, out)
  for _, name in pairs { "a" } do out:counter(name, device:get "1.3.6.1.2.1.1.3.0") end
end }]], "p:2: warning: a is declared as gauge, and written as counter", "--recording", dir .. "/box.snmprec")
    end)
    it("the same name and labels twice", function()
      tells(run('out:gauge("a", 1)\nout:gauge("a", 2)'):gsub("^\n", ""),
        ("p:3: error: a: a sample of this name with the same labels was written before in this run " ..
        "(with %s/box.snmprec)"):format(dir), "--recording", dir .. "/box.snmprec")
    end)
    it("a value that is always nil, but not one that is nil at first", function()
      tells([[
return { every = 5, run = function(device, out)
  for index, row in device:rows({ rx = "1.3.6.1.2.1.31.1.1.1.6", none = "1.3.6.1.2.1.31.1.1.1.7" }, { rates = { rx = "rate" } }) do
    local o = out:with { index = index }
    o:gauge("rate", row.rate)
    o:gauge("none", row.none)
  end
end }]], ("p:5: warning: none is always nil with %s/box.snmprec: it is never written"):format(dir), "--recording", dir .. "/box.snmprec")
    end)
    it("a mistake with the recording is an error, elsewhere a warning", function()
      tells([[
return { every = 5, run = function(device, out)
  local name = device:get "1.3.6.1.2.1.1.5.0"
  if name == "box-1" then error "no boxes" end
end }]], ("p:3: error: no boxes (with %s/box.snmprec)"):format(dir), "--recording", dir .. "/box.snmprec")
      tells([[
return { every = 5, run = function(device, out)
  local name = device:get "1.3.6.1.2.1.1.5.0"
  out:info("name", name:upper())
end }]], "p:3: warning: attempt to index local 'name' (a nil value) (with an agent that has nothing of this)")
    end)
    it("a loop without an end is stopped where it is, whoever answers", function()
      local path = write("p.lua", run "  local n = 0\n  while true do n = n + 1 end")
      local status, out = check(path)
      assert.equal(1, status)
      assert.matches("^[^\n]+p%.lua:4: error: stopped after %d+ ms of processor time without a wait, 50 are allowed[^\n]+\n1 error, 0 warnings\n$", out)
    end)

    it("counters where numbers end", function()
      tells([[
return { every = 5, run = function(device, out)
  for index, row in device:rows { rx = "1.3.6.1.2.1.31.1.1.1.6" } do
    if row.rx > 2 ^ 60 then error "too large" end
    out:with { index = index }:counter("rx", row.rx)
  end
end }]], ("p:3: warning: too large (with %s/box.snmprec, its counters at 2^53 - 1, 2^53 + 1, 2^64 - 1)"):format(dir), "--recording", dir .. "/box.snmprec")
      tells([[
return { every = 5, run = function(device, out)
  for index, row in device:rows { rx = "1.3.6.1.2.1.2.2.1.10" } do
    out:with { index = index }:counter("rx", bit.band(row.rx, 0xffffffff))
  end
end }]], ("p:3: warning: rx is a counter and becomes negative (with %s/box.snmprec, its counters at 2^53 - 1, 2^53 + 1, 2^64 - 1)"):format(dir),
        "--recording", dir .. "/box.snmprec")
    end)
    it("runs that all fail, and a probe that writes nothing", function()
      local got = findings('return { every = 5, run = function(device) return nil, "not today" end }', "--recording", dir .. "/box.snmprec")
      assert.matches("^p: warning: every run fails with [^\n]*box%.snmprec: [^\n]*not today\n$", got)
      tells("return { every = 5, run = function(device) end }", ("p: warning: no sample with %s/box.snmprec"):format(dir),
        "--recording", dir .. "/box.snmprec")
    end)
    it("a probe that is for none of the recordings", function()
      local text = "return { every = 5, match = '1.3.6.1.4.1.9', run = function(_, out) out:gauge('x', 1) end }"
      tells(text, "p: warning: it is for none of the recordings (match): it was not tried with them", "--recording", dir .. "/box.snmprec")
      assert.equal("", (findings(text, "--recording", dir .. "/cisco.snmprec", "--recording", dir .. "/box.snmprec")))
    end)

    it("a mistake in a module is told there, and a long path whole", function()
      local long = dir .. "/" .. ("long"):rep(30)
      assert(os.execute("mkdir -p " .. long .. "/lib") == 0)
      local function put(name, text)
        local f = assert(io.open(long .. name, "wb"))
        f:write(text)
        f:close()
      end
      put("/lib/m.lua", "local M = {}\nfunction M.up(device)\n  local up = device:get '" .. UP .. "'\n  return up.x\nend\nreturn M\n")
      put("/p.lua", "local m = require 'lib.m'\nreturn { every = 5, run = function(device, out) out:gauge('x', m.up(device)) end }\n")
      local status, out = check(long .. "/p.lua")
      assert.equal(0, status)
      assert.equal(long ..
        "/lib/m.lua:4: warning: attempt to index local 'up' (a nil value) (with an agent that has nothing of this)\n0 errors, 1 warning\n", out)
    end)
    it("a recording that is none", function()
      local got, status = findings("return { every = 5, run = function(device) end }", "--recording", dir)
      assert.equal(1, status)
      assert.equal("p: error: " .. dir .. ": Is a directory\n", got)
    end)
    it("arguments", function()
      local probe = 'local args = ...\nif not args.key then error "no key" end\nreturn { every = 5, run = function() end }'
      assert.matches("p:2: error: no key", (findings(probe)))
      assert.equal("", (findings(probe, "--arg", "key=value")))
    end)
  end)

  it("follows nothing it cannot follow", function()
    local got = findings(run([[
local columns = {}
for key, n in pairs { a = 1 } do columns[key] = "1.3.6.1.2.1.2.2.1." .. n end
for index, row in device:rows(columns) do out:with { i = index }:gauge("x", row.b) end
local more = { a = "1.3.6.1.2.1.2.2.1.1" }
fill(more)
for index, row in device:rows(more) do out:with { i = index }:gauge("y", row.b) end
local wide = { a = "1.3.6.1.2.1.2.2.1.1" }
wide.b = "1.3.6.1.2.1.2.2.1.2"
for index, row in device:rows(wide) do row.c = 1 out:with { i = index }:gauge("z", row.b or row.c) end
local list = { n = 0 }
count(list)
local sum = list.m
for _ = 1, 3 do sum = sum + 1 end
goto done
::done::
repeat local done = true until done
while sum > 10 do sum = sum - 1 end
state.n = -sum ^ 2 .. [=[ long ]=] .. '\65\x41' .. 0x1p4]], [[
local function fill(t) t.b = '1.3.6.1.2.1.2.2.1.2' end
local function count(out) out.m = out.n + 1 end]]))
    assert.equal("", got)
  end)

  it("checks a configuration, with all of its probes", function()
    write("a.lua", "return { every = 5, run = function(device) device:gett 'x' end }")
    write("b.lua", "return { every = 5, run = function(device, out) out:guage('x', 1) end }")
    local config = write("c.lua", [[
return { targets = { '127.0.0.1' }, auth = { a = { community = 'x' } }, probes = { 'a.lua', { file = 'b.lua' } } }]])
    local status, out = check("--config", config)
    assert.equal(1, status)
    assert.matches("a%.lua:1: error: device:gett: .*b%.lua:1: error: out:guage: ", out)
    assert.matches("2 errors, 0 warnings\n$", out)
    status, out = check("--config", write("d.lua", "return { targets = { '127.0.0.1' },\n  porbes = {} }"))
    assert.equal(1, status)
    assert.matches("d%.lua:2: error: porbes: unknown key; is it probes%?", out)
    status, out = check(dir .. "/a.lua", dir .. "/b.lua", dir .. "/gone.lua") -- each is told of
    assert.equal(1, status)
    assert.matches("a%.lua:1: .*b%.lua:1: .*gone%.lua: error: No such file or directory\n3 errors, 0 warnings\n$", out)
  end)

  it("tells limits of a probe that are above the configuration's: of one that is trusted only those that hold", function()
    local text = "return { every = 60, run = function(device, out) out:info('x', device:get '1.3.6.1.2.1.1.5.0') end,\n" ..
      "  limits = { cpu_ms = 60, max_rows = 5, max_children = 65 } }"
    tells(text, "p:2: warning: limits: lowered to what the configuration allows: cpu_ms 60 to 50, max_children 65 to 64")
    local status, out = check("--config", write("c.lua", [[
return { targets = { '127.0.0.1' }, auth = { a = { community = 'x' } }, limits = { cpu_ms = 55 },
  probes = { { file = 'p.lua', trusted = true, name = 'q' }, 'p.lua' } }]]))
    assert.equal(0, status)
    assert.matches("p%.lua:2: warning: limits: lowered to what the configuration allows: max_children 65 to 64\n" ..
      ".*p%.lua:2: warning: limits: lowered to what the configuration allows: cpu_ms 60 to 55, max_children 65 to 64\n0 errors, 2 warnings\n$", out)
  end)

  it("says what is wrong with its options", function()
    for _, case in ipairs { { "", "no probe: moonpoll check PROBE" }, { "--nope", "%-%-nope: no such option" }, { "--recording", "needs a value" },
      { "x.lua --arg x", "%-%-arg: \"x\" is not KEY=VALUE" },
      { "x.lua --recording /nowhere/x", "/nowhere/x: No such file" }, { "--strict=1", "takes no value" } } do
      local words = {}
      for w in case[1]:gmatch "%S+" do words[#words + 1] = w end
      local status, out, err = check(unpack(words))
      assert.equal(2, status, case[1])
      assert.equal("", out)
      assert.matches("^moonpoll check: .*" .. case[2], err)
    end
  end)
end)
