-- Secrets are read, used, and then nowhere: not in what a process writes, not in what the system shows of it, not in its memory.
-- Every secret here has "sentinel" in it.
local cjson = require "cjson"
local sim = require "e2e.sim_rig"
local t = require "e2e.helper"

local REGION_MAX = 256 * 1024 * 1024 -- a sanitizer's shadow is larger, and all of it empty

-- Where in the memory of a process the word is: a line a place. A sanitizer keeps a copy of the environment of its own.
local function found_in_memory(pid, word)
  local places, maps = {}, t.read("/proc/" .. pid .. "/maps")
  local sanitized = maps:find("libasan", 1, true)
  local mem = io.open("/proc/" .. pid .. "/mem", "rb")
  if not mem then return "" end -- not even its own user may look
  for line in maps:gmatch "[^\n]+" do
    local from, to, rights = line:match "^(%x+)%-(%x+) (%S+)"
    local first, last = tonumber(from, 16), tonumber(to, 16)
    if rights:find "^rw" and last - first <= REGION_MAX and mem:seek("set", first) then
      local octets = mem:read(last - first) or ""
      local at = octets:find(word, 1, true)
      while at and sanitized and octets:sub(at - 10, at - 1) == "PRIV_PASS=" do at = octets:find(word, at + 1, true) end
      if at then places[#places + 1] = line .. ": " .. octets:sub(math.max(at - 16, 1), at + 40):gsub("[^\32-\126]", ".") end
    end
  end
  mem:close()
  return table.concat(places, "\n")
end

local function children(pid)
  local out = {}
  for child in t.read(("/proc/%d/task/%d/children"):format(pid, pid)):gmatch "%d+" do out[#out + 1] = tonumber(child) end
  return out
end

local function assert_unseen(pid, word)
  for _, file in ipairs { "cmdline", "environ" } do
    assert.falsy(t.read(("/proc/%d/%s"):format(pid, file)):find(word, 1, true), file .. " of " .. pid)
  end
end

local silent = "127.0.7.7:9" -- nobody there

describe("secrets", function()
  local agent
  lazy_setup(function()
    agent = sim.start { "--recording", "tests/recordings/server.snmprec", "-u", "ops", "-a", "SHA-256", "-A", "sentinel-auth", "-x", "AES", "-X",
      "sentinel-priv", "--log", "error" }
  end)
  lazy_teardown(function()
    if agent then agent:stop() end
    t.cleanup()
  end)

  local probe = "tests/e2e/probes/ticks.lua"
  -- Runs until there were some results, looks at every process of it, stops it; everything it wrote as one text.
  local function watch(args, env)
    local dir = t.run_dir()
    local words = { "--run-dir", dir, "--every", "0.2", "-t", "0.3", "-r", "0", "--log", "debug", "-o", "json" }
    for _, w in ipairs(args) do words[#words + 1] = w end
    local p = t.start_poll(words, { env = env })
    local status = t.wait_for("runs", 20, function()
      if not p:alive() then error(p:stderr()) end
      local code, out = t.run { t.program, "status", "--run-dir", dir }
      return code == 0 and cjson.decode(out).runs.runs_started > 2 and out
    end)
    local all = children(p.pid)
    assert.is_true(#all >= 2)
    all[#all + 1] = p.pid
    for _, pid in ipairs(all) do
      assert_unseen(pid, "sentinel")
      assert.equal("", found_in_memory(pid, "sentinel-"))
    end
    p:stop(10)
    return p:stdout() .. p:stderr() .. status .. cjson.encode(p.stats()), p
  end

  local function config(auth, targets)
    return t.write("moon.lua", ("return { auth = { ops = { user = 'ops', %s } },\n targets = { %s }, probes = { '%s/%s' } }"):format(auth, targets,
      os.getenv "PWD", probe))
  end

  it("of a configuration, out of files and the environment, are seen nowhere", function()
    local file = t.write("auth.secret", "sentinel-auth\n")
    local path = config(("auth = 'SHA-256', auth_pass = file '%s', priv = 'AES', priv_pass = env 'PRIV_PASS'"):format(file),
      ("{ host = '%s', auth = 'ops' }, { host = '%s', auth = 'ops' }"):format(agent:target "127.1.0.1", silent))
    local said, p = watch({ "--config", path }, { PRIV_PASS = "sentinel-priv" })
    assert.falsy(said:find("sentinel", 1, true))
    local samples = t.samples(p:stdout())
    assert.equal(1, samples[agent:target "127.1.0.1"].up)
    assert.equal(0, samples[silent].up)
  end)

  it("written into a configuration stay in it", function()
    local path = config("auth = 'SHA-256', auth_pass = 'sentinel-auth', priv = 'AES', priv_pass = 'sentinel-priv'",
      ("{ host = '%s', auth = 'ops' }"):format(agent:target "127.1.0.1"))
    local said, p = watch { "--config", path }
    assert.falsy(said:find("sentinel", 1, true))
    assert.equal(1, t.samples(p:stdout())[agent:target "127.1.0.1"].up)
  end)

  it("of the command line are gone from it", function()
    local said, p = watch { probe, "--targets", agent:target "127.1.0.1" .. "," .. silent, "-v3", "-u", "ops", "-a", "SHA-256", "-A", "sentinel-auth",
      "-x", "AES", "-Xsentinel-priv" }
    assert.falsy(said:find("sentinel", 1, true))
    assert.equal(1, t.samples(p:stdout())[agent:target "127.1.0.1"].up)
  end)

  it("that are wrong are not told", function()
    local said, p = watch { probe, "--targets", agent:target "127.1.0.1", "-v3", "-u", "ops", "-a", "SHA-256", "-A", "sentinel-wrong" }
    assert.falsy(said:find("sentinel", 1, true))
    assert.equal("auth", t.samples(p:stdout())[agent:target "127.1.0.1"].run_error)
  end)

  it("that cannot be used are not told", function()
    local file = t.write("short.secret", "sentin\n")
    local place = "moon.lua:1: auth.ops."
    for _, case in ipairs {
      { "auth = 'SHA', auth_pass = 'sentine'", place .. "auth_pass: a password has 8 characters or more, RFC 3414 11.2" },
      { ("auth = 'SHA', auth_pass = file '%s'"):format(file), place .. "auth_pass: a password has 8 characters or more, RFC 3414 11.2" },
      { "auth = 'sentinel-of', auth_pass = 'sentinel-auth'", place .. "auth: no such protocol; there are MD5" },
      { "auth = 'SAH-256', auth_pass = 'sentinel-auth'", place .. "auth: no such protocol; is it SHA-256?" },
      { "auth = 'SHA', auth_key = 'sentinel'", place .. "auth_key: hexadecimal digits are expected" },
      { "level = 'authPriv', auth = 'SHA', auth_pass = 'sentinel-auth'", place .. "priv: is missing" },
      { "auth = 'SHA', auth_pass = 'sentinel-auth', priv = 'AES', priv_pas = 'sentinel-priv'", place .. "priv_pas: unknown key; is it priv_pass?" },
      { "auth = 'SHA', auth_pass = { 'sentinel-auth' }", place .. "auth_pass: a string, file" },
      { "auth = 'SHA', auth_pass = 'sentinel-auth\n", "moon.lua:1: unfinished string" },
      { "auth = 'SHA', auth_pass = sentinel-auth", "moon.lua:1: attempt to perform arithmetic on a name that is not there; text stands in quotes" },
      { "auth = 'SHA', auth_pass = sentinel.auth", "moon.lua:1: attempt to index a name that is not there; text stands in quotes" },
    } do
      local path = config(case[1], ("{ host = '%s', auth = 'ops' }"):format(silent))
      local status, out, err = t.run { t.program, "run", "--config", path, "--once" }
      assert.equal(2, status, err)
      assert.equal("", out)
      assert.truthy(err:find(case[2], 1, true), err)
      assert.falsy(err:find("sentin", 1, true), err)
    end
    for _, case in ipairs { { "-v3", "-u", "ops", "-A", "sentine" }, { "-v3", "-u", "ops", "-3m", "sentinel" }, { "-v3", "-u", "ops", "-3q", "sentinel" },
      { "-v2c", "-u", "ops", "-A", "sentinel-auth" }, { "-v3", "-u", "ops", "-A", "sentinel-auth", "-X", "sentine" }, { "-v3", "-A", "sentinel-auth" } } do
      local words = { t.program, "run", probe, "--targets", silent, "--once" }
      for _, w in ipairs(case) do words[#words + 1] = w end
      local status, out, err = t.run(words)
      assert.equal(2, status, err)
      assert.falsy((out .. err):find("sentin", 1, true), err)
    end
  end)

  -- Started, and waiting for an answer that does not come.
  local function asking(words, env)
    local listener = sim.start { "--recording", "tests/recordings/server.snmprec", "--faults", "dead", "--log", "error" }
    table.insert(words, 1, t.program)
    for _, w in ipairs { "-t", "20", "-r", "0", listener:target "127.1.0.1", "1.3.6.1" } do words[#words + 1] = w end
    local p = t.start(words, { env = env })
    t.wait_for("a request", 10, function() return listener:status().datagrams_in > 0 end)
    return p, listener
  end

  it("of the tools are gone once they ask", function()
    local dir = t.path "conf"
    assert(os.execute("mkdir -p " .. dir) == 0)
    local f = assert(io.open(dir .. "/snmp.conf", "w"))
    f:write "defVersion 3\ndefSecurityName ops\ndefSecurityLevel authPriv\ndefAuthPassphrase sentinel-auth\ndefPrivPassphrase \"sentinel-priv\"\n"
    f:write "defPassphrase sentinel-both\ndefCommunity sentinel-community\n"
    f:close()
    for _, case in ipairs {
      { words = { "get", "-v3", "-u", "ops", "-l", "authPriv", "-A", "sentinel-auth", "-Xsentinel-priv" }, env = { SNMPCONFPATH = "/nonexistent" } },
      { words = { "walk", "-v3", "-u", "ops", "-3l", "authPriv", "-3A", "sentinel-auth", "-3Xsentinel-priv" }, env = { SNMPCONFPATH = "/nonexistent" } },
      { words = { "bulkwalk" }, env = { SNMPCONFPATH = dir } },
    } do
      local p, listener = asking(case.words, case.env)
      assert.falsy(t.read("/proc/" .. p.pid .. "/cmdline"):find("sentinel", 1, true))
      assert.equal("", found_in_memory(p.pid, "sentinel-"))
      p:signal(9)
      p:wait(5)
      listener:stop()
    end
  end)
end)
