-- What somebody may type or write wrongly: one line that names it and its place, nothing started, exit 2.
local t = require "e2e.helper"

local probe = "tests/e2e/probes/ticks.lua"
local function fails(words, expected, opts)
  table.insert(words, 1, t.program)
  local code, out, err = t.run(words, opts)
  assert.equal(2, code, err)
  assert.equal("", out)
  assert.equal(1, select(2, err:gsub("\n", "")), err)
  for _, text in ipairs(expected) do assert.truthy(err:find(text, 1, true), err .. "  lacks: " .. text) end
  assert.falsy(err:find("traceback", 1, true), err)
end

describe("moonpoll", function()
  lazy_teardown(function() t.cleanup() end)

  it("tells a wrong option", function()
    fails({ "run", probe, "--targets", "127.0.0.1", "-c", "x", "--frequency", "3" }, { "frequency" })
    fails({ "run", probe, "--targets", "127.0.0.1", "-c", "x", "-t", "soon" }, { "soon" })
    fails({ "run", probe, "--targets", "127.0.0.1", "-c", "x", "-r", "-1" }, { "-1" })
    fails({ "run", probe, "--targets", "127.0.0.1", "-c", "x", "-v", "9" }, { "9" })
    fails({ "run", probe, "--targets", "127.0.0.1", "-c", "x", "-o", "papyrus" }, { "papyrus" })
    fails({ "run", probe, "--targets", "127.0.0.1", "-c", "x", "--workers", "0" }, { "workers" })
    fails({ "run", probe, "--targets", "127.0.0.1", "-c", "x", "--every", "0" }, { "--every", "0.001 to a year" })
    fails({ "run", probe, "--targets", "127.0.0.1", "-c", "x", "--every", "1e10" }, { "1e10", "to a year" })
    fails({ "dance" }, { "dance" })
  end)

  it("tells what is missing", function()
    fails({ "run", "--targets", "127.0.0.1", "-c", "x" }, { "probe" })
    fails({ "run", probe, "-c", "x" }, { "target" })
    fails({ "run", "no/such.lua", "--targets", "127.0.0.1", "-c", "x" }, { "no/such.lua" })
    fails({ "run", probe, "--targets", "no/such.json", "-c", "x" }, { "no/such.json" })
    fails({ "run", probe, "--targets", "127.0.0.1", "-c", "x", "--config", "no/such.lua" }, { "no/such.lua" })
  end)

  it("names the file that has no targets", function()
    local empty, dir = t.write("empty.txt", ""), t.path "targets.d"
    fails({ "run", probe, "--targets", empty, "--once" }, { "no targets: " .. empty })
    assert(os.execute("mkdir -p " .. dir) == 0)
    fails({ "run", probe, "--targets", dir, "--once" }, { "no targets: " .. dir .. "/*" })
    assert(os.execute("touch " .. dir .. "/hosts.conf") == 0)
    fails({ "run", probe, "--targets", dir, "--once" }, { dir .. "/*", ".json or .txt" })
    local config = t.write("c.lua", ("return { targets = { { file = %q } } }"):format(empty))
    fails({ "run", probe, "--config", config, "-c", "x", "--once" }, { config .. ": no targets: " .. empty })
  end)

  it("takes a file for a file in a list of hosts, and a directory without a slash for a host, which it says", function()
    fails({ "run", probe, "--targets", "no-such.txt,127.0.0.1", "-c", "x" }, { "no-such.txt", "No such file" })
    local hosts = t.write("hosts.txt", "127.0.0.1:9 device=of_file\n")
    local code, out = t.run { t.program, "run", probe, "--targets", hosts .. ",127.0.0.1:10", "-t", "0.1", "-r", "0", "--once", "-o", "json" }
    assert.equal(3, code)
    assert.truthy(out:find('"device":"of_file"', 1, true) and out:find('"device":"127.0.0.1:10"', 1, true), out)
    local _, _, err = t.run { t.program, "run", probe, "--targets", "tests", "-t", "0.1", "-r", "0", "--once", "-o", "null" }
    assert.truthy(err:find("tests is taken for a host; the directory is tests/", 1, true), err)
  end)

  it("says of a name that means nobody that it does", function()
    local run = { t.program, "run", probe, "--targets", "127.0.0.1:9", "-t", "0.1", "-r", "0", "--once", "-o", "null", "--trace", "core7" }
    local code, _, err = t.run(run)
    assert.equal(3, code)
    assert.truthy(err:find("--trace core7: there is no such target", 1, true), err)
    for _, known in ipairs { "127.0.0.1:9", "127.0.0.1" } do
      run[#run] = known
      code, _, err = t.run(run)
      assert.equal(3, code)
      assert.falsy(err:find("no such target", 1, true), err)
    end
    local nothing = t.write("nothing.lua", "return { name = 'nothing', run = function() end }")
    local config = t.write("c.lua", ("return { targets = { '127.0.0.1:9' }, probes = { { file = %q, allow_targets = { 'core*' } } } }"):format(nothing))
    code, _, err = t.run { t.program, "run", "--config", config, "-c", "x", "--once" }
    assert.equal(0, code)
    assert.truthy(err:find("nothing: no target has a name of its allow_targets", 1, true), err)
    assert.truthy(err:find("nothing ran", 1, true), err)
  end)

  it("tells output that cannot be written, whichever command it is of", function()
    for _, words in ipairs { "--help", "--version", "run --help", "mib list", "check --help", "status --help", "reload --help" } do
      local code, _, err = t.run({}, { shell = ("exec %s %s >/dev/full"):format(t.program, words) })
      assert.equal(1, code, words)
      assert.equal("moonpoll: cannot write to stdout: No space left on device\n", err)
    end
    local code, _, err = t.run({}, { shell = ("exec %s sim --recording tests/recordings/small.snmprec >/dev/full"):format(t.program) })
    assert.equal(1, code)
    assert.truthy(err:find("cannot write to stdout", 1, true), err)
  end)

  it("passes over a context where version 3 is not spoken, as net-snmp does, and says so", function()
    local recording, said = "file:tests/recordings/small.snmprec", "-n, -E: passed over, as only version 3 (-u) has contexts"
    for _, version in ipairs { "-v1", "-v2c", "-cpublic" } do
      local code, _, err = t.run { t.program, "run", probe, "--targets", recording, version, "-n", "vlan-7", "--once", "-o", "null" }
      assert.equal(0, code, err)
      assert.truthy(err:find(said, 1, true), err)
    end
    local _, _, err = t.run { t.program, "record", "127.0.0.1:9", "-v2c", "-n", "vlan-7", "-t", "0.1", "-r", "0" }
    assert.truthy(err:find(said, 1, true), err)
    fails({ "run", probe, "--targets", recording, "-n", "vlan-7", "-v3" }, { "-u: is missing" })
    fails({ "run", probe, "--targets", recording, "-n", "vlan-7", "-v2c", "-u", "ops" }, { "-u and what goes with it are of version 3" })
  end)

  it("writes nothing into a run directory that somebody else made ready", function()
    local dir = t.path "run"
    if os.execute("mkdir -p " .. dir .. " && chown 65534 " .. dir .. " 2>/dev/null") ~= 0 then return pending "only root may give a directory away" end
    local code, _, err = t.run { t.program, "run", probe, "--targets", "file:tests/recordings/small.snmprec", "--once", "-o", "null", "--run-dir", dir }
    assert.equal(2, code)
    assert.truthy(err:find(dir, 1, true) and err:find("Operation not permitted", 1, true), err)
    assert.truthy(os.execute("rmdir " .. dir) == 0)
  end)

  it("tells a wrong address and its place", function()
    fails({ "run", probe, "--targets", "127.0.0.1,bad host", "-c", "x" }, { "bad host" })
    local lines = t.write("targets.txt", "127.0.0.1\n\n# a comment\n127.0.0.2:port\n")
    fails({ "run", probe, "--targets", lines, "-c", "x" }, { lines .. ":4", "127.0.0.2:port" })
    lines = t.write("twice.txt", "127.0.0.1 site=a rack=1 site=b\n")
    fails({ "run", probe, "--targets", lines, "-c", "x" }, { lines .. ":1: label site: twice" })
    local json = t.write("targets.json", '[\n  {"targets": ["127.0.0.1"],\n   "labels": {"site": 7}}\n]\n')
    fails({ "run", probe, "--targets", json, "-c", "x" }, { json .. ":", "site" })
    local cut = t.write("cut.json", '[\n  {"targets": ["127.0.0.1"]\n')
    fails({ "run", probe, "--targets", cut, "-c", "x" }, { cut .. ":" })
  end)

  it("tells a wrong configuration key and its place", function()
    local auth, hosts = 'auth = { a = { version = "2c", community = %s } },\n', 'targets = { { hosts = { "127.0.0.1" }, auth = %q } },\n'
    local config = t.write("c.lua", "return {\n" .. auth:format '"x"' .. hosts:format "a" .. "reqest = {},\n}\n")
    fails({ "run", probe, "--config", config, "--once" }, { config, "reqest" })
    config = t.write("c.lua", "return {\n  auth = {\n")
    fails({ "run", probe, "--config", config, "--once" }, { config .. ":" })
    config = t.write("c.lua", 'return {' .. auth:format 'env "MOON_NOT_SET"' .. hosts:format "a" .. "}")
    fails({ "run", probe, "--config", config, "--once" }, { config, "MOON_NOT_SET" })
    config = t.write("c.lua", 'return {' .. auth:format '"x"' .. hosts:format "b" .. "}")
    fails({ "run", probe, "--config", config, "--once" }, { config, '"b"' })
  end)

  it("tells a probe that cannot be run", function()
    local function bad(text, expected)
      local path = t.write("bad.lua", text)
      expected[#expected + 1] = path
      fails({ "run", path, "--targets", "127.0.0.1", "-c", "x", "--once" }, expected)
    end
    bad("return {\n  run = function(device, out)\n    local x = = 1\n  end }\n", { ":3:" })
    bad("local x = 1\n", { "table" })
    bad("return { every = 30 }\n", { "run" })
    bad("return { every = 'often', run = function() end }\n", { "every" })
    bad("return { evry = 30, run = function() end }\n", { "evry" })
    bad("error 'at load'\n", { "at load" })
    bad("require 'not_there' return { run = function() end }\n", { "not_there" })
    bad("io.popen 'id' return { run = function() end }\n", { "io" })
    bad("while true do end\n", {})
  end)

  it("helps", function()
    for _, words in ipairs { { "--help" }, { "run", "--help" }, { "status", "--help" }, { "help", "run" }, { "help" } } do
      table.insert(words, 1, t.program)
      local code, out = t.run(words)
      assert.equal(0, code)
      assert.truthy(out:find("usage", 1, true))
    end
    assert.equal(0, (t.run { t.program, "--version" }))
  end)
end)
