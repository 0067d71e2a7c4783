-- Simulated agents of SNMPv3, by clients that are not ours: Debian's tools and npm's net-snmp, every protocol, the failures
-- that real agents give, contexts, identities, and each fault of version 3.
local ber = require "agent.ber"
local cjson = require "cjson"
local rig = require "e2e.sim_rig"
local t = require "e2e.helper"

local work = os.getenv "PWD" or "."
local small, router = work .. "/tests/recordings/small.snmprec", work .. "/tests/recordings/router.snmprec"
local name, system = "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1"
local engine_id, boots, seconds = "1.3.6.1.6.3.10.2.1.1.0", "1.3.6.1.6.3.10.2.1.2.0", "1.3.6.1.6.3.10.2.1.3.0"

local auths = { "MD5", "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512" }
local privs = { false, "DES", "AES", "AES-192", "AES-256", "AES-192-C", "AES-256-C" }
local users = {}
for _, auth in ipairs(auths) do
  for _, priv in ipairs(privs) do
    local u = { name = (auth .. (priv and "_" .. priv or "")):lower(), auth = auth, auth_pass = "first for " .. auth, priv = priv or nil,
      priv_pass = priv and "second for " .. priv or nil }
    users[#users + 1] = u
  end
end
users[#users + 1] = { name = "nobody" }

local function described(list)
  local out = {}
  for i, u in ipairs(list) do
    out[i] = ("{ user = %q, write = true%s%s }"):format(u.name, u.auth and (", auth = %q, auth_pass = %q"):format(u.auth, u.auth_pass) or "",
      u.priv and (", priv = %q, priv_pass = %q"):format(u.priv, u.priv_pass) or "")
  end
  return table.concat(out, ", ")
end

-- A tool of net-snmp as a user, with other words in the place of some of his.
local function tool(which, u, host, words, given)
  given = given or {}
  local level = given.level or (u.priv and "authPriv" or u.auth and "authNoPriv" or "noAuthNoPriv")
  local all = { "-v3", "-l", level, "-u", given.user or u.name }
  local function add(option, value)
    if value then
      all[#all + 1] = option
      all[#all + 1] = value
    end
  end
  add("-a", u.auth)
  add("-A", u.auth and (given.auth_pass or u.auth_pass))
  add("-x", u.priv)
  add("-X", u.priv and (given.priv_pass or u.priv_pass))
  add("-n", given.context)
  add("-E", given.context_engine)
  add("-t", given.timeout or "2")
  all[#all + 1] = host
  for _, w in ipairs(words) do all[#all + 1] = w end
  return rig.tool(which, all)
end

describe("Agents of SNMPv3", function()
  local sim
  local ops, secret = users[24], { pass = "from a file 1", env = "from the environment" }
  lazy_setup(function()
    sim = rig.start({ t.write("fleet.lua", ([[
      local users = { %s }
      agent { recording = %q, v3 = { users = users }, address = "127.7.0.1", snmp = true }
      agent { recording = %q, count = 3, address = "127.7.1.1", v3 = { users = users, engine_id = function(i) return i < 3 and "80001f8804" .. i .. i end,
        boots = function(i) return i * 10 end, time = 1000 }, snmp = true }
      agent { recording = %q, address = "127.7.2.1", v3 = { users = users, contexts = { "same", other = %q } } }
      agent { recording = %q, address = "127.7.3.1", v3 = { users = {
        { user = "secret", auth = "SHA", auth_pass = file %q, priv = "AES", priv_pass = env "MOON_TEST_SECRET" },
        { user = "loose", auth = "SHA", auth_pass = "a long password", level = "noAuthNoPriv" },
        { user = "keys", auth = "MD5", auth_key = "9faf3283884e92834ebc9847d8edd963" } } } }
      agent { recording = %q, address = "127.7.4.1", v3 = { users = users, engine_id = "8000000001" }, community = "one" , name = "one" }
      agent { recording = %q, address = "127.7.4.1", v3 = { users = users, engine_id = "8000000002" }, community = "two", write = "w2", name = "two" }
      agent { recording = %q, address = "127.7.5.1", name = "old" }
    ]]):format(described(users), small, small, small, router, small, t.write("secret", secret.pass .. "\n"), small, router, small)),
      "--write", "w1" }, { env = { MOON_TEST_SECRET = secret.env } })
  end)
  lazy_teardown(function()
    if sim then sim:stop() end
    t.cleanup()
  end)
  local function get(u, host, oid, given)
    local status, out, err = tool("snmpget", u, sim:target(host), { oid or name }, given)
    local got = rig.printed(out)[1]
    return got and got.value, status, err
  end

  it("are got, walked and set by Debian's tools, with every pair of protocols", function()
    local want = {}
    for _, w in ipairs(rig.read(small)) do
      if w.oid:find("^" .. system:gsub("%.", "%%.") .. "%.[^5]") then want[#want + 1] = w.oid .. " " .. w.value:gsub("%s+$", "") end
    end
    for _, u in ipairs(users) do
      local status, _, err = tool("snmpset", u, sim:target "127.7.0.1", { name, "s", "by " .. u.name })
      assert.equal(0, status, u.name .. err)
      local out
      status, out, err = tool("snmpbulkwalk", u, sim:target "127.7.0.1", { system })
      assert.equal(0, status, u.name .. err)
      local got, set = {}, nil
      for _, v in ipairs(rig.printed(out)) do
        if v.oid == name then
          set = v.value:gsub("%x%x%s?", function(h) return string.char(tonumber(h:sub(1, 2), 16)) end)
        else
          got[#got + 1] = v.oid .. " " .. v.value:gsub("%s+$", "")
        end
      end
      assert.same(want, got, u.name)
      assert.truthy(set:find("by " .. u.name, 1, true), set)
      status, out, err = tool("snmpwalk", u, sim:target "127.7.0.1", { system })
      assert.equal(0, status, u.name .. err)
      assert.equal(#want + 1, #rig.printed(out))
      assert.truthy(get(u, "127.7.0.1", "1.3.6.1.2.1.1.7.0"))
    end
  end)

  it("are asked by npm's net-snmp", function()
    local module_path = rig.npm()
    if not module_path then
      pending "node, npm or its registry is not there: nothing is asked by net-snmp for JavaScript"
      return
    end
    local short = { MD5 = "md5", SHA = "sha", DES = "des", AES = "aes", ["AES-256"] = "aes256b", ["AES-256-C"] = "aes256r" }
    local list, n = {}, 0
    for _, u in ipairs(users) do
      local priv = u.priv and short[u.priv]
      if not u.priv or priv then
        n = n + 1
        list[n] = { name = u.name, auth = u.auth and (short[u.auth] or u.auth:gsub("-", ""):lower()), auth_pass = u.auth_pass, priv = priv,
          priv_pass = u.priv_pass }
      end
    end
    local input = t.write("users.json", cjson.encode(list))
    local status, out, err = t.run({ "sh", "-c", ("exec node --openssl-legacy-provider %s/tests/e2e/npm/v3.js %s 127.7.0.1 %d < %s"):format(
      work, module_path, sim.port, input) }, { seconds = 30 })
    assert.equal(0, status, err)
    local good = 0
    for line in out:gmatch "[^\n]+" do
      assert.truthy(line:find ": ok %d+$", line)
      good = good + 1
    end
    assert.equal(n, good)
  end)

  it("are recorded as they are served", function()
    local status, out, err = t.run { t.program, "record", sim:target "127.7.2.1", "-v3", "-u", ops.name, "-a", ops.auth, "-A", ops.auth_pass, "-x",
      ops.priv, "-X", ops.priv_pass, "-n", "other" }
    assert.equal(0, status, err)
    local want, got = rig.read(router), rig.read(t.write("again.snmprec", out))
    assert.equal(#want, #got)
    for i, w in ipairs(want) do assert.equal(w.oid .. " " .. w.value, got[i].oid .. " " .. got[i].value) end
  end)

  it("refuse as real agents do", function()
    local function refused(text, given, status_wanted)
      local value, status, err = get(ops, "127.7.0.1", nil, given)
      assert.is_nil(value)
      assert.equal(status_wanted or 1, status, err)
      assert.truthy(err:find(text, 1, true), err)
    end
    refused("Authentication failure (incorrect password, community or key)", { auth_pass = "another password" })
    refused("Unknown user name", { user = "stranger" })
    refused("Timeout", { priv_pass = "another password", timeout = "0.3" })
    refused("authorizationError", { level = "noAuthNoPriv" }, 2)
    refused("authorizationError", { level = "authNoPriv" }, 2)
    refused("Bad context specified", { context = "nowhere" })
    local _, status, err = get(ops, "127.7.5.1", nil, { timeout = "0.3" }) -- it has no SNMPv3
    assert.equal(1, status)
    assert.truthy(err:find("Timeout", 1, true), err)
    local one = cjson.decode(sim:tell "agent small")
    assert.same({ unknown_user = 1, wrong_digest = 1, unknown_context = 1 },
      { unknown_user = one.refusals.unknown_user, wrong_digest = one.refusals.wrong_digest, unknown_context = one.refusals.unknown_context })
    assert.truthy(one.refusals.unknown_engine > 40 and one.reports == one.refused)
    -- Its own MIB says the same.
    assert.equal("Counter32: 1", (get(ops, "127.7.0.1", "1.3.6.1.6.3.15.1.1.3.0")))
    assert.equal("Counter32: 1", (get(ops, "127.7.0.1", "1.3.6.1.6.3.15.1.1.5.0")))
    assert.equal("Counter32: 0", (get(ops, "127.7.0.1", "1.3.6.1.6.3.15.1.1.6.0")))
  end)

  it("are who the fleet says, and boot", function()
    assert.truthy(get(ops, "127.7.1.1", engine_id):find "^Hex%-STRING: 80 00 1F 88 04 11 ?$")
    assert.truthy(get(ops, "127.7.1.2", engine_id):find "^Hex%-STRING: 80 00 1F 88 04 22 ?$")
    assert.truthy(get(ops, "127.7.1.3", engine_id):find "^Hex%-STRING: 80 00 7E D9 05 %x%x")
    assert.equal("INTEGER: 30", (get(ops, "127.7.1.3", boots)))
    assert.truthy(tonumber(get(ops, "127.7.1.3", seconds):match "%d+") >= 1000)
    assert.equal("ok", sim:tell "reboot 127.7.1.3")
    assert.equal("INTEGER: 31", (get(ops, "127.7.1.3", boots)))
    assert.truthy(tonumber(get(ops, "127.7.1.3", seconds):match "%d+") < 30)
  end)

  it("have contexts: the same again, or another recording", function()
    assert.equal(get(ops, "127.7.2.1"), (get(ops, "127.7.2.1", nil, { context = "same" })))
    local _, out = tool("snmpbulkwalk", ops, sim:target "127.7.2.1", { ".1" }, { context = "other" })
    local want, got = rig.read(router), rig.printed(out)
    assert.equal(#want, #got)
    for i, w in ipairs(want) do assert.equal(w.oid .. w.value:gsub("%s+$", ""), got[i].oid .. got[i].value:gsub("%s+$", "")) end
    local status, _, err = tool("snmpset", ops, sim:target "127.7.2.1", { name, "s", "x" }, { context = "other" })
    assert.equal(2, status)
    assert.truthy(err:find("noAccess", 1, true), err)
    status, _, err = tool("snmpget", ops, sim:target "127.7.2.1", { name }, { context_engine = "8000000099", timeout = "0.3" })
    assert.equal(1, status)
    assert.truthy(err:find("Unknown PDU handler", 1, true) or err:find("Timeout", 1, true) or err ~= "", err)
  end)

  it("take passwords from files and the environment, keys, and a least level", function()
    local host = "127.7.3.1"
    assert.truthy(get({ name = "secret", auth = "SHA", auth_pass = secret.pass, priv = "AES", priv_pass = secret.env }, host))
    assert.truthy(get({ name = "loose", auth = "SHA", auth_pass = "a long password" }, host))
    assert.truthy(get({ name = "loose" }, host))
    assert.truthy(get({ name = "keys", auth = "MD5", auth_pass = "maplesyrup" }, host)) -- RFC 3414 A.3.1
    local status, _, err = tool("snmpset", { name = "loose" }, sim:target(host), { name, "s", "x" })
    assert.equal(2, status)
    assert.truthy(err:find("noAccess", 1, true), err)
  end)

  it("share an address and are told apart by engine", function()
    for id, recording in pairs { ["8000000001"] = small, ["8000000002"] = router } do
      local status, out, err = rig.tool("snmpget", { "-v3", "-l", "authPriv", "-u", ops.name, "-a", ops.auth, "-A", ops.auth_pass, "-x", ops.priv, "-X",
        ops.priv_pass, "-e", id, sim:target "127.7.4.1", name })
      assert.equal(0, status, err)
      local want
      for _, w in ipairs(rig.read(recording)) do want = w.oid == name and w.value or want end
      assert.equal((want:gsub("%s+$", "")), (rig.printed(out)[1].value:gsub("%s+$", "")))
    end
  end)
end)

describe("A fault of SNMPv3:", function()
  local ops = { name = "ops", auth = "SHA-256", auth_pass = "first password", priv = "AES", priv_pass = "second password" }
  local sim, client
  local hosts = {}
  local cases = {
    { "bad-digest", '"bad-digest"', function(host)
      local status, _, err = tool("snmpget", ops, host, { name }, { timeout = "0.3" })
      assert.equal(1, status)
      assert.truthy(err:find("Authentication failed for ops", 1, true), err)
    end },
    { "downgrade", '"downgrade"', function(host)
      assert.equal(1, (tool("snmpget", ops, host, { name }, { timeout = "0.3" })))
    end },
    { "wrong-context", '"wrong-context"', function(host)
      assert.equal(1, (tool("snmpget", ops, host, { name }, { timeout = "0.3" })))
    end },
    { "forged-report", '"forged-report"', function(host)
      local status, _, err = tool("snmpget", ops, host, { name })
      assert.equal(1, status)
      assert.truthy(err:find("Unknown user name", 1, true), err)
    end },
    { "replay", '"replay"', function(host)
      local status, out, err = tool("snmpwalk", ops, host, { system }) -- net-snmp takes no old answer for a new one
      assert.equal(0, status, err)
      local n = #rig.printed(out)
      assert.truthy(n > 5)
      assert.truthy(cjson.decode(sim:tell "agent replay").duplicates >= n - 1)
    end },
    { "unsigned-report", '"unsigned-report"', function(host)
      -- Far from its time. Debian's tool believes what nobody signed, and has its answer all the same.
      for _, k in ipairs { "unsigned-report", "signed" } do
        local status, _, err = rig.tool("snmpget", { "-v3", "-l", "authPriv", "-u", "ops", "-a", ops.auth, "-A", ops.auth_pass, "-x", ops.priv, "-X",
          ops.priv_pass, "-e", k == "signed" and "8000000007" or "8000000008", "-Z", "1,99999", k == "signed" and sim:target(hosts[k]) or host, name })
        assert.equal(0, status, err)
        local told = cjson.decode(sim:tell("agent " .. k))
        assert.equal(1, told.refusals.not_in_time_window)
        assert.equal(k == "unsigned-report" and 1 or nil, told.faults["unsigned-report"])
      end
    end, 'engine_id = "8000000008",' },
    { "signed", "", function() end, 'engine_id = "8000000007",' },
    { "boots-back", '{ "boots-back", n = 3, from = 1000 }', function(host)
      local function now() return rig.printed(select(2, tool("snmpget", ops, host, { boots })))[1].value end
      assert.equal("INTEGER: 9", now())
      sim:tell "advance 1001"
      assert.equal("INTEGER: 6", now())
    end },
    { "clock-jump", '{ "clock-jump", jump = -200, from = 10000 }', function(host)
      local function now() return tonumber(rig.printed(select(2, tool("snmpget", ops, host, { seconds })))[1].value:match "%d+") end
      local before = now()
      sim:tell "advance 10000"
      assert.equal(before + 10000 - 200, now())
    end },
    { "engine-change", '{ "engine-change", from = 20000, period = 100 }', function(host)
      local seen, n = {}, 0
      for _ = 1, 4 do
        local id = rig.printed(select(2, tool("snmpget", ops, host, { engine_id })))[1].value
        n = n + (seen[id] and 0 or 1)
        seen[id] = true
        sim:tell "advance 10000"
      end
      assert.truthy(n >= 3, n)
    end },
    { "engine-duplicate", '"engine-duplicate"', function(host)
      local function id(h) return rig.printed(select(2, tool("snmpget", ops, h, { engine_id })))[1].value end
      assert.equal(id(host), id(sim:target(hosts["the same"])))
      assert.not_equal(id(host), id(sim:target(hosts["boots-back"])))
    end },
    { "the same", '"engine-duplicate"', function() end },
  }
  lazy_setup(function()
    local fleet = {}
    for i, c in ipairs(cases) do
      hosts[c[1]] = "127.8.0." .. i
      fleet[i] = ("agent { recording = %q, name = %q, address = %q, snmp = true, faults = { %s }, v3 = { users = { %s }, boots = 9, %s } }"):format(
        small, c[1], hosts[c[1]], c[2], described { ops }, c[4] or "")
    end
    sim = rig.fleet(table.concat(fleet, "\n"), "--virtual-clock")
    client = rig.client()
  end)
  lazy_teardown(function()
    client:close()
    if sim then
      local s = sim:stop()
      for _, k in ipairs { "bad-digest", "downgrade", "wrong-context", "forged-report", "replay", "unsigned-report", "boots-back", "clock-jump",
        "engine-change", "engine-duplicate" } do
        assert.truthy((s.total.faults[k] or 0) > 0, k)
      end
    end
    t.cleanup()
  end)
  for _, c in ipairs(cases) do
    it(c[1], function() c[3](sim:target(hosts[c[1]])) end)
  end

  it("leaves v2c alone", function()
    for _, k in ipairs { "bad-digest", "forged-report", "downgrade" } do
      local m, got = client:ask(hosts[k], sim.port, { oids = { name } })
      assert.equal(got.id, m.id)
      assert.equal(ber.OCTET_STRING or 4, m.varbinds[1].tag)
    end
  end)
end)

describe("The user of a command line", function()
  after_each(function() t.cleanup() end)

  it("is asked for as net-snmp's tools are told, and nobody sees his passwords", function()
    local u = { name = "me", auth = "SHA-512", auth_pass = "sentinel-one", priv = "AES-256", priv_pass = "sentinel-two" }
    local sim = rig.start { "--recording", small, "-u", "me", "-a", "SHA-512", "-A", u.auth_pass, "-x", "AES-256", "-X", u.priv_pass, "--log", "debug" }
    local status, _, err = tool("snmpset", u, sim:target "127.1.0.1", { name, "s", "x" })
    assert.equal(0, status, err)
    local seen = t.read("/proc/" .. sim.process.pid .. "/cmdline") .. sim:tell "status" .. sim:tell "agent small"
    assert.is_nil(seen:find("sentinel", 1, true))
    assert.truthy(seen:find("AES-256", 1, true))
    sim:stop()
    assert.is_nil((t.read(sim.stats) .. sim.process:stdout() .. sim.process:stderr()):find("sentinel", 1, true))
  end)

  it("is refused with a reason and without a secret", function()
    local function refused(text, ...)
      local status, err = rig.refused { "--recording", small, ... }
      assert.equal(2, status)
      assert.truthy(err:find(text, 1, true), err)
      assert.equal(1, select(2, err:gsub("\n", "\n")), err)
      assert.is_nil(err:find("sentinel", 1, true))
    end
    refused("-A: a password has 8 characters or more", "-u", "me", "-A", "short")
    refused("-a: no such protocol", "-u", "me", "-a", "SHA-5", "-A", "sentinel-one")
    refused("-u USER is missing", "-a", "SHA", "-A", "sentinel-one")
    refused("-x", "-u", "me", "-a", "SHA", "-A", "sentinel-one", "-x", "ROT13", "-X", "sentinel-two")
    refused("-a", "-u", "me", "-x", "AES", "-X", "sentinel-two")
  end)
end)
