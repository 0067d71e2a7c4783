-- moonpoll run asks Debian's snmpd as every user that can have: the probe is the one that v2c has.
local t = require "e2e.helper"
local v3 = require "e2e.snmpd_v3"

local probe = t.write("name.lua", [[
return { every = 60, run = function(device, out)
  local row, err = device:get { name = "1.3.6.1.2.1.1.5.0", location = "1.3.6.1.2.1.1.6.0" }
  if not row then return nil, err end
  out:info("location", row.location)
  local n = 0
  for _ in device:rows { id = "1.3.6.1.2.1.1.9.1.2" } do n = n + 1 end
  out:gauge("modules", n)
end }
]])

describe("moonpoll run in version 3", function()
  local snmpd
  lazy_setup(function() snmpd = v3.start() end)
  lazy_teardown(function()
    snmpd.process:stop(5)
    t.cleanup()
  end)

  -- auth entries of a configuration; names of those the agent must answer.
  local function poll(auth, names, ...)
    local targets = {}
    for i, name in ipairs(names) do targets[i] = ("{ host = '%s', name = '%s', auth = '%s' }"):format(snmpd.target, name, name) end
    local config = t.write("moon.lua", ("return { auth = {\n%s\n}, targets = { %s }, probes = { '%s' } }"):format(table.concat(auth, ",\n"),
      table.concat(targets, ", "), probe))
    return t.poll { "--config", config, "--once", "-t", "1", "-r", "2", ... }
  end

  it("reads as every user, with passwords", function()
    local auth, names = {}, {}
    for i, u in ipairs(v3.users()) do
      -- Which AES-192 or AES-256 it is has to be found out.
      auth[i] = ("%s = { user = '%s', auth = '%s', auth_pass = '%s', %s }"):format(u.name, u.name, u.auth, u.auth_pass,
        u.priv and ("priv = '%s', priv_pass = '%s'"):format(u.priv:gsub("%-C$", ""), u.priv_pass) or "level = 'authNoPriv'")
      names[i] = u.name
    end
    assert.equal(32, #names)
    local r = poll(auth, names)
    assert.equal(0, r.status, r.stderr)
    for _, name in ipairs(names) do
      assert.equal("lab", r.samples[name].location, name)
      assert.is_true(r.samples[name].modules > 5, name)
    end
    -- Told where the hash is shorter than the key: MD5 and SHA with both, SHA-224 with AES-256.
    assert.equal(5, select(2, r.stderr:gsub("extends AES keys as Blumenthal does", "")))
    assert.equal(2, select(2, r.stderr:gsub("extends AES keys as Reeder does", "")))
  end)

  it("records as one of them", function()
    local words = { t.program, "record", snmpd.target, "1.3.6.1.2.1.1.6", "-u", "sha256_aes256", "-a", "SHA-256", "-A", "authpass-SHA-256", "-x", "AES-256",
      "-X", "privpass-AES-256" }
    local status, out, err = t.run(words)
    assert.same({ 0, "" }, { status, err })
    assert.truthy(out:find("1.3.6.1.2.1.1.6.0|4|lab\n", 1, true), out)
    words[#words] = "short"
    status, out, err = t.run(words)
    assert.same({ 2, "", "moonpoll record: -X: a password has 8 characters or more, RFC 3414 11.2\n" }, { status, out, err })
    status, out, err = t.run { t.program, "record", snmpd.target, "-v2c", "-u", "ops" }
    assert.same({ 2, "", "moonpoll record: -v 2c: -u and what goes with it are of version 3\n" }, { status, out, err })
  end)

  it("tells what an agent does not like of whom", function()
    local r = poll({ "wrong = { user = 'sha_none', auth = 'SHA', auth_pass = 'not this one' }", "nobody = { user = 'nobody' }",
      "high = { user = 'sha_none', auth = 'SHA', auth_pass = 'authpass-SHA', priv = 'AES', priv_pass = 'privpass-AES' }",
      "low = { user = 'sha_aes', auth = 'SHA', auth_pass = 'authpass-SHA' }",
      "other = { user = 'noauth', engine_id = '8000000001020304' }",
      "silent = { user = 'sha_aes', auth = 'SHA', auth_pass = 'authpass-SHA', priv = 'AES', priv_pass = 'not this one' }" },
      { "wrong", "nobody", "high", "low", "other", "silent" }, "-t", "0.3", "-r", "0")
    assert.equal(3, r.status)
    local codes = {}
    for name, samples in pairs(r.samples) do codes[name] = samples.run_error end
    assert.same({ wrong = "auth", nobody = "unknown_user", high = "unsupported_level", low = "access", other = "unknown_engine", silent = "timeout" }, codes)
  end)
end)
