-- moonpoll test: the probes of scripts/ against recordings, and what it says when something is not as it should be;
-- moonpoll run with recordings as targets.
local cjson = require "cjson"
local t = require "e2e.helper"

describe("moonpoll test", function()
  teardown(t.cleanup)

  local recording = "1.3.6.1.2.1.1.1.0|4|a box\n1.3.6.1.2.1.1.3.0|67|1000\n1.3.6.1.2.1.1.5.0|4|box-1\n"
  local probe = [[
local snmp = require "moonpoll"
return { every = 60, timeout = 30, run = function(device, out, state)
  local up, err = device:get "1.3.6.1.2.1.1.3.0"
  if not up then return nil, err end
  state.n = (state.n or 0) + 1
  out:counter("n", state.n)
  out:gauge("uptime", up)
  out:gauge("wall", snmp.time() - 1764000000)
  out:gauge("os_wall", os.time())
  out:info("date", os.date("!%Y-%m-%dT%H:%M"))
end }]]

  -- A directory with these files; a name ends up as it is.
  local function dir(files)
    local path = t.path "cases"
    assert(os.execute("mkdir -p " .. path) == 0)
    local all = { ["box.snmprec"] = recording, ["probe.lua"] = probe }
    for name, text in pairs(files) do all[name] = text end
    for name, text in pairs(all) do
      local f = assert(io.open(path .. "/" .. name, "wb"))
      f:write(text)
      f:close()
    end
    return path
  end
  local function test(...) return t.run({ t.program, "test", ... }, { seconds = 60 }) end
  local function case(text) return "return { probe = 'probe.lua', recording = 'box.snmprec', " .. text .. " }\n" end
  local function lines(text)
    local out = {}
    for line in text:gmatch "[^\n]+" do out[#out + 1] = cjson.decode(line) end
    return out
  end

  it("the scripts give what they gave", function()
    local status, out, err = test "tests/golden"
    assert.equal(0, status, out .. err)
    assert.matches("\n%d+ passed, 0 failed\n$", out)
    local n = 0
    for script in io.popen("ls scripts"):read("*a"):gmatch "([%w_]+)%.lua" do
      assert.matches("ok    " .. script .. " ", out)
      n = n + 1
    end
    assert.is_true(n >= 5)
  end)

  it("writes what came, and is content with it", function()
    local d = dir { ["box.test.lua"] = case "runs = 3, every = 30, values = { ['1.3.6.1.2.1.1.3'] = 'uptime' }" }
    local status, out = test(d)
    assert.equal(1, status)
    assert.matches("FAIL  box: .*box%.json: No such file or directory; %-%-update writes it\n0 passed, 1 failed\n$", out)
    status, out = test(d, "--update")
    assert.equal(0, status)
    assert.matches("^wrote box +3 runs, 15 samples\n1 passed, 0 failed\n$", out)
    local kept = t.read(d .. "/box.json")
    local l = lines(kept)
    assert.equal(18, #l)
    assert.same({ run = 2, device = "box", error = "ok" }, l[7])
    assert.same({ name = "date", labels = {}, type = "info", value = "2025-11-24T16:00" }, l[2])
    assert.same({ name = "n", labels = {}, type = "counter", value = 2 }, l[9])
    assert.equal(1764000030, l[10].value)
    assert.equal(70, l[17].value) -- uptime: ten seconds when recorded, a minute since
    assert.truthy(l[18].value >= 60 and l[18].value < 60.1)
    for _ = 1, 3 do
      status, out = test(d)
      assert.equal(0, status)
      assert.matches("^ok    box +3 runs, 15 samples\n1 passed, 0 failed\n$", out)
    end
    status, out = test(d, "--update") -- nothing to write
    assert.equal(0, status)
    assert.matches("^ok    box ", out)
    assert.equal(kept, t.read(d .. "/box.json"))
    -- kept with other line ends
    local f = assert(io.open(d .. "/box.json", "wb"))
    f:write((kept:gsub("\n", "\r\n")))
    f:close()
    assert.equal(0, (test(d .. "/box.test.lua")))
  end)

  it("shows what is different", function()
    local d = dir { ["box.test.lua"] = case "runs = 2", ["same.test.lua"] = case "" }
    assert.equal(0, (test(d, "--update")))
    local f = assert(io.open(d .. "/box.snmprec", "wb"))
    f:write((recording:gsub("1000", "2000")))
    f:close()
    local status, out = test(d)
    assert.equal(1, status)
    assert.matches("FAIL  box: the samples are not what was kept %(2 runs, 10 samples%)\n", out)
    assert.matches("box%.json:5: differs\n +%- {\"name\":\"uptime\",[^\n]*\"value\":10}\n +%+ {[^\n]*\"value\":20}\n", out)
    assert.matches("\n0 passed, 2 failed\n$", out)
    status, out = test(d, "--update")
    assert.equal(0, status)
    assert.matches("^wrote box .*wrote same ", out)
    -- a sample less, a sample more
    local kept = t.read(d .. "/same.json")
    f = assert(io.open(d .. "/same.json", "wb"))
    f:write((kept:gsub('{"name":"n"[^\n]*\n', "") .. '{"name":"more"}\n'))
    f:close()
    status, out = test(d)
    assert.equal(1, status)
    assert.matches('same%.json:3: differs\n +%+ {"name":"n"[^\n]*\n +%- {"name":"more"}\n', out)
    assert.matches("\n1 passed, 1 failed\n$", out)
  end)

  it("faults, seeds and what a probe makes of them", function()
    local d = dir {
      ["dead.test.lua"] = case "runs = 2, faults = { 'dead' }", ["lossy.test.lua"] = case "runs = 200, every = 1, loss = 0.4, retries = 0, timeout = 0.3",
      ["other.test.lua"] = case "runs = 200, every = 1, loss = 0.4, retries = 0, timeout = 0.3, seed = 2",
      ["hook.test.lua"] = case "vary = function(oid, value, t) return t < 30 and 1 or 2 end, runs = 2",
    }
    assert.equal(0, (test(d, "--update")))
    local l = lines(t.read(d .. "/dead.json"))
    assert.same({ { run = 1, device = "box", error = "timeout" }, { run = 2, device = "box", error = "timeout" } }, l)
    local failed = select(2, t.read(d .. "/lossy.json"):gsub('"timeout"', ""))
    assert.truthy(failed > 20 and failed < 180, failed)
    assert.not_equal(t.read(d .. "/lossy.json"), t.read(d .. "/other.json"))
    l = lines(t.read(d .. "/hook.json"))
    assert.equal(1, l[5].value)
    assert.equal(2, l[11].value)
    assert.equal(0, (test(d)))
  end)

  it("names mistakes, and goes on with the others", function()
    local d = dir {
      ["a_good.test.lua"] = case "",
      ["b_key.test.lua"] = case "run = 3",
      ["c_none.test.lua"] = "return { probe = 'probe.lua' }",
      ["d_gone.test.lua"] = "return { probe = 'probe.lua',\n  recording = 'gone.snmprec' }",
      ["e_probe.test.lua"] = "return { probe = 'nowhere.lua', recording = 'box.snmprec' }",
      ["f_syntax.test.lua"] = "return {",
      ["g_fault.test.lua"] = case "\n  faults = { 'ded' }",
      ["h_raises.test.lua"] = "return { probe = 'raises.lua', recording = 'box.snmprec', runs = 2 }",
      ["j_twice.test.lua"] = "return { probe = 'probe.lua', recordings = { 'box.snmprec', './box.snmprec' } }",
      ["raises.lua"] = "return { every = 5, run = function(device)\n  local none = nil\n  return none.x\nend }",
    }
    local status, out = test(d, "--update")
    assert.equal(1, status)
    local function has(text) assert.truthy(out:find(text, 1, true), text .. "\nnot in\n" .. out) end
    has "wrote a_good "
    has "b_key.test.lua:1: run"
    has "c_none.test.lua:1: one of recording and recordings is expected"
    has "d_gone.test.lua"
    has "gone.snmprec: No such file or directory"
    has "nowhere.lua: No such file or directory"
    has "f_syntax.test.lua:1:"
    has "g_fault.test.lua:2: faults[1]"
    has "FAIL  h_raises: the script raised an error in 2 of 2 runs, 0 samples"
    has "raises.lua:3: attempt to index"
    has "j_twice.test.lua:1: recordings: two are named box"
    assert.matches("\n1 passed, 8 failed\n$", out)
    assert.equal("", t.read(d .. "/h_raises.json"))
    local err
    status, out, err = test(t.path "nowhere")
    assert.equal(2, status)
    assert.matches("^moonpoll test: .*: No such file or directory\n$", err)
    assert.equal("", out)
    local empty = t.path "empty"
    os.execute("mkdir -p " .. empty)
    status, out, err = test(empty)
    assert.equal("", out)
    assert.equal(2, status)
    assert.matches("no NAME%.test%.lua in it", err)
    assert.equal(2, (test "--nonsense"))
    assert.equal(2, (test()))
    status, out = test "--help"
    assert.equal(0, status)
    assert.matches("^usage: moonpoll test ", out)
  end)

  it("a loop without an end fails its case, and the next one runs", function()
    local d = dir { ["loop.lua"] = "return { every = 60, run = function(device, out)\n  while true do end\nend }",
                    ["a.test.lua"] = "return { probe = 'loop.lua', recording = 'box.snmprec', runs = 2 }",
                    ["b.test.lua"] = case "runs = 2" }
    local status, out = test(d, "--update")
    assert.equal(1, status)
    assert.matches("FAIL  a: the script raised an error in 2 of 2 runs[^\n]*\n.*" ..
                   "loop%.lua:2: stopped after %d+ ms of processor time without a wait, 50 are allowed", out)
    assert.matches("\nwrote b .*\n1 passed, 1 failed\n$", out)
  end)

  it("a case that runs nothing fails, also when it is to be written", function()
    local d = dir { ["none.lua"] = "return { every = 60, match = '1.3.6.1.4.1.9', run = function() end }",
      ["none.test.lua"] = "return { probe = 'none.lua', recording = 'box.snmprec' }\n" }
    for _, option in ipairs { false, "--update" } do
      local status, out = test(d, option or nil)
      assert.equal(1, status)
      assert.equal("FAIL  none: nothing ran: the probe is for none of the recordings (match)\n0 passed, 1 failed\n", out)
    end
    assert.is_nil(io.open(d .. "/none.json"))
  end)

  it("a probe that sets", function()
    local d = dir { ["probe.lua"] = [[
return { every = 60, run = function(device, out)
  local was = assert(device:get "1.3.6.1.2.1.1.5.0")
  assert(device:set { { oid = "1.3.6.1.2.1.1.5.0", type = "string", value = was .. "!" } })
  out:info("name", device:get "1.3.6.1.2.1.1.5.0")
end }]], ["may.test.lua"] = case "runs = 2, allow_set = true", ["may_not.test.lua"] = case "" }
    local status, out = test(d, "--update")
    assert.equal(1, status)
    assert.matches("FAIL  may_not: the script raised an error", out)
    local l = lines(t.read(d .. "/may.json"))
    assert.equal("box-1!", l[2].value)
    assert.equal("box-1!!", l[4].value)
  end)

  it("a line of a recording that cannot be served is told when the case fails", function()
    local d = dir { ["box.snmprec"] = recording .. "1.3.REDACTED|4|x\n", ["box.test.lua"] = case "" }
    local status, out = test(d)
    assert.equal(1, status)
    assert.matches("warn .*box%.snmprec:4: left out: ", out)
  end)

  it("recordings are targets of moonpoll run", function()
    local d = dir { ["hosts.txt"] = "file:box.snmprec device=one site=lab\nfile:box.snmprec device=two\n",
      ["a, b.snmprec"] = recording, ["bad.snmprec"] = recording .. "1.3.REDACTED|4|x\n",
      ["moon.lua"] = "return { targets = { { host = 'file:box.snmprec', name = 'three' } } }",
      ["walk.txt"] = ".1.3.6.1.2.1.1.3.0 = Timeticks: (4200) 0:00:42.00\n" }
    local r = t.poll { d .. "/probe.lua", "--once", "--targets", d .. "/hosts.txt", "--targets", "file:" .. d .. "/box.snmprec,file:" .. d .. "/walk.txt",
      "--config", d .. "/moon.lua", "--workers", "2", "-c", "whatever" }
    assert.equal(0, r.status, r.stderr)
    assert.equal("", r.stderr)
    for _, name in ipairs { "one", "two", "three", "box" } do assert.equal(10, r.samples[name].uptime) end
    assert.equal(42, r.samples.walk.uptime)
    assert.equal(5, r.stats.counters.answered)
    r = t.poll { d .. "/probe.lua", "--once", "--targets", "file:" .. d .. "/a, b.snmprec" }
    assert.equal(10, r.samples["a, b"].uptime)
    r = t.poll { d .. "/probe.lua", "--once", "--targets", "file:" .. d .. "/bad.snmprec", "-v", "1" }
    assert.equal(0, r.status)
    assert.matches("bad%.snmprec:4: left out: ", r.stderr)
    assert.equal(10, r.samples.bad.uptime)
    local status, _, err = t.run { t.program, "run", d .. "/probe.lua", "--once", "--targets", "file:" .. d .. "/nowhere.snmprec" }
    assert.equal(2, status)
    assert.matches("nowhere%.snmprec: No such file or directory", err)
    assert.equal(2, (t.run { t.program, "run", d .. "/probe.lua", "--once", "--targets", "file:" }))
  end)

  it("recordings are agents of their own, each with what it recorded and what was set there", function()
    local d = dir { ["other.snmprec"] = recording:gsub("a box", "another"), ["set.lua"] = [[
return { run = function(device, out)
  out:info("was", (device:get "1.3.6.1.2.1.1.1.0"))
  assert(device:set { { oid = "1.3.6.1.2.1.1.5.0", type = "string", value = "of " .. device.name } })
  out:info("called", (device:get "1.3.6.1.2.1.1.5.0"))
end }]], ["moon.lua"] = [[return { probes = { { file = "set.lua", allow_set = true } }, targets = {
  { host = "file:box.snmprec", name = "one" }, { host = "file:other.snmprec", name = "two" }, { host = "file:box.snmprec", name = "three" } } }]] }
    local r = t.poll { "--config", d .. "/moon.lua", "--once", "-c", "whatever" }
    assert.equal(0, r.status, r.stderr)
    for name, was in pairs { one = "a box", two = "another", three = "a box" } do
      assert.same({ was, "of " .. name }, { r.samples[name].was, r.samples[name].called })
    end
  end)
end)
