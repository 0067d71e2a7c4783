-- The README's own examples: each block of Lua that begins with `-- NAME.lua:` is run as it stands there.
local t = require "e2e.helper"

describe("README", function()
  local snmpd, dir
  lazy_setup(function()
    snmpd = t.snmpd()
    dir = t.path "readme"
    assert(os.execute("mkdir -p " .. dir) == 0)
  end)
  lazy_teardown(function()
    snmpd.process:stop(5)
    t.cleanup()
  end)

  local blocks, order = {}, {}
  for block in t.read "README.md":gmatch "\n```lua\n(.-\n)```" do
    local name = assert(block:match "^%-%- ([%w_]+)%.lua:", block)
    blocks[name] = block
    order[#order + 1] = name
  end

  local function put(name)
    local path = dir .. "/" .. name .. ".lua"
    local f = assert(io.open(path, "wb"))
    f:write(blocks[name])
    f:close()
    return path
  end

  for _, name in ipairs(order) do
    if name ~= "moon" and name ~= "fleet" and name ~= "case" then
      it("probe " .. name, function()
        local r = t.poll { put(name), "--targets", snmpd.target, "-c", "public", "--once" }
        assert.equal(0, r.status, r.stderr)
        assert.equal(1, r.samples[snmpd.target].up)
        if name ~= "rates" then assert.truthy(select(2, r.stdout:gsub("\n", "")) > 3, r.stdout) end -- one more than every run has
      end)
    end
  end

  it("fleet", function()
    local fleet = put "fleet"
    local f = assert(io.open(dir .. "/router.snmprec", "w"))
    f:write(t.read "tests/recordings/router.snmprec")
    f:close()
    local sim = require("e2e.sim_rig").start { fleet }
    local r = t.poll { "scripts/system.lua", "--targets", sim:target "127.1.0.7" .. "," .. sim:target "127.1.0.22", "-c", "public", "--once",
      "-t", "0.5", "-r", "5" }
    assert.equal(1, r.samples[sim:target "127.1.0.7"].up)
    assert.equal(0, r.samples[sim:target "127.1.0.22"].up)
    assert.equal("edge-20", require("cjson").decode(sim:tell "agent 127.1.0.20").name)
    assert.equal("", sim.process:stderr())
    sim:stop()
  end)

  it("case", function()
    local cases = t.path "case"
    assert(os.execute("mkdir -p " .. cases) == 0)
    local function write(name, text)
      local f = assert(io.open(cases .. "/" .. name, "w"))
      f:write(text)
      f:close()
    end
    write("hello.lua", blocks.hello)
    write("hello.test.lua", blocks.case)
    write("router.snmprec", t.read "tests/recordings/router.snmprec")
    local status, out = t.run { t.program, "test", cases, "--update" }
    assert.equal(0, status, out)
    local shown = t.read "README.md":match "%-%-update\n    (wrote hello .-\n)    1 passed, 0 failed\n"
    assert.equal(shown .. "1 passed, 0 failed\n", out)
    assert.equal(0, (t.run { t.program, "test", cases }))
    local r = t.poll { cases .. "/hello.lua", "--targets", "file:" .. cases .. "/router.snmprec", "--once" }
    assert.equal(0, r.status)
    assert.equal(1, r.samples.router.up)
  end)

  it("configuration", function()
    put "hello"
    put "changes"
    local path = put "moon"
    local f = assert(io.open(dir .. "/ops.secret", "w"))
    f:write "public\n"
    f:close()
    f = assert(io.open(dir .. "/auth.secret", "w"))
    f:write "long enough\n"
    f:close()
    f = assert(io.open(dir .. "/hosts.txt", "w"))
    f:write(snmpd.target .. ' site=lab rack="A 7"\n')
    f:close()
    local r = t.poll({ "--config", path, "--once", "-t", "0.2", "-r", "0" }, { env = { OLD_COMMUNITY = "old", PRIV_PASS = "long enough" }, seconds = 30 })
    assert.equal(3, r.status, r.stderr) -- of its targets only one is there
    assert.equal(1, r.samples[snmpd.target].up)
    assert.equal(0, r.samples.core1.up)
    assert.truthy(r.stdout:find('"rack":"A 7"', 1, true), r.stdout)
  end)
end)
