-- SNMPv3 live: Debian's snmpd with every pair of protocols, and simulated agents that do to it what happens to agents.
local rig = require "e2e.sim_rig"
local t = require "e2e.helper"

local work = os.getenv "PWD" or "."
local small, router = work .. "/tests/recordings/small.snmprec", work .. "/tests/recordings/router.snmprec"
local auths = { "MD5", "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512" }
local privs = { "none", "DES", "AES", "AES-192", "AES-256", "AES-192-C", "AES-256-C" }

describe("Debian's snmpd over SNMPv3", function()
  local users, d = {}, nil
  lazy_setup(function()
    local conf = {}
    for _, auth in ipairs(auths) do
      for _, priv in ipairs(privs) do
        local u = { name = (auth .. "_" .. priv):lower():gsub("%-", ""), auth = auth, auth_pass = "first-" .. auth }
        if priv ~= "none" then u.priv, u.priv_pass = priv, "second-" .. priv end
        users[#users + 1] = u
        conf[#conf + 1] = ("createUser %s %s %s%s\nrwuser %s %s\n"):format(u.name, auth, u.auth_pass,
          u.priv and (" %s %s"):format(priv, u.priv_pass) or "", u.name, u.priv and "priv" or "auth")
      end
    end
    conf[#conf + 1] = "createUser open\nrouser open noauth\n"
    d = t.snmpd(nil, nil, table.concat(conf))
  end)
  lazy_teardown(function()
    d.process:stop(5)
    t.cleanup()
  end)

  local function config(list, more)
    local auth, targets = {}, {}
    for i, u in ipairs(list) do
      auth[i] = ("u%d = { version = 3, user = %q%s%s%s }"):format(i, u.name, u.auth and (", auth = %q, auth_pass = %q"):format(u.auth, u.auth_pass) or "",
        u.priv and (", priv = %q, priv_pass = %q"):format(u.priv, u.priv_pass) or "", u.more or "")
      targets[i] = ("{ host = %q, name = %q, auth = { %q } }"):format(d.target, u.called or u.name, "u" .. i)
    end
    return t.write("config.lua", ("return { auth = { %s }, targets = { %s }, request = { timeout = 1, retries = 1 }, %s }"):format(
      table.concat(auth, ", "), table.concat(targets, ", "), more))
  end
  local reading = ("probes = { %q }"):format(work .. "/tests/e2e/probes/v3.lua")

  it("is read and walked by 42 users", function()
    -- Once each, however late the answer: whatever it does not understand at once ends its run.
    local r = t.poll { "--config", config(users, reading), "--once", "-t", "25", "-r", "0" }
    assert.equal(0, r.status, r.stderr)
    for _, u in ipairs(users) do
      local s = assert(r.samples[u.name], u.name)
      assert.equal(1, s.same)
      assert.truthy(s.walked > 5)
    end
    local c = r.stats.counters
    assert.equal(#users, c.discoveries)
    assert.equal(#users, c.reports_engine)
    assert.equal(#users, c.reports_time)
    assert.equal(0, c.resyncs + c.auth_failed + c.retries + c.reports_digest + c.reports_decryption)
  end)

  it("fails where it should cut a reply, and is asked for what fits from then on", function()
    local probe = t.write("modules.lua", [[
      local columns = { name = "1.3.6.1.4.1.8072.1.2.1.1.4", modes = "1.3.6.1.4.1.8072.1.2.1.1.5", timeout = "1.3.6.1.4.1.8072.1.2.1.1.6" }
      return { every = 60, run = function(device, out)
        local rows = 0
        for _ = 1, 2 do
          for _, row in device:rows(columns) do rows = rows + (row.name and row.modes and row.timeout and 1 or 0) end
        end
        out:gauge("rows", rows)
      end }]])
    local function walk(more)
      local text = "return { auth = { a = { %s } }, targets = { { host = %q, name = 'd', auth = 'a' } }, probes = { %q } }"
      local r = t.poll { "--config", t.write("walk.lua", text:format(more, d.target, probe)), "--once", "-t", "25", "-r", "0" }
      assert.equal(0, r.status, r.stderr)
      return r.samples.d.rows, r.stats.counters
    end
    local plain, sent = walk "version = 2, community = 'public'"
    local rows, c = walk "version = 3, user = 'sha_aes', auth = 'SHA', auth_pass = 'first-SHA', priv = 'AES', priv_pass = 'second-AES'"
    assert.truthy(plain > 200)
    assert.equal(plain, rows)
    assert.truthy(c.datagrams_out <= 1.25 * sent.datagrams_out + 4, c.datagrams_out .. " requests, and " .. sent.datagrams_out .. " over SNMPv2c")
    assert.equal(0, c.retries)
  end)

  it("is written", function() -- by few: it saves what is set, which takes it a tenth of a second
    local list = {}
    for _, u in ipairs(users) do
      if u.priv == "AES" or not u.priv and u.auth == "MD5" then list[#list + 1] = u end
    end
    local writing = ("probes = { { file = %q, allow_set = true, args = { set = '1' } } }"):format(work .. "/tests/e2e/probes/v3.lua")
    local r = t.poll { "--config", config(list, writing), "--once", "--max-coroutines", "1", "-t", "5" }
    assert.equal(0, r.status, r.stderr)
    for _, u in ipairs(list) do
      assert.equal("by moonpoll " .. u.name, r.samples[u.name].set)
    end
  end)

  it("wants one extension of the key or the other, which is found out", function()
    local list = {}
    for _, auth in ipairs { "MD5", "SHA" } do
      for _, priv in ipairs { "AES-192", "AES-256" } do
        for _, end_ in ipairs { "", "-C" } do
          list[#list + 1] = { name = (auth .. "_" .. priv .. end_):lower():gsub("%-", ""), auth = auth, auth_pass = "first-" .. auth,
            priv = priv, priv_pass = "second-" .. priv .. end_ }
        end
      end
    end
    local r = t.poll { "--config", config(list, reading), "--once" }
    assert.equal(0, r.status, r.stderr)
    for _, u in ipairs(list) do
      assert.equal(1, r.samples[u.name].same)
      assert.truthy(r.stderr:find(u.name .. ": [%d.:]+ extends AES keys as " .. (u.name:find "c$" and "Reeder" or "Blumenthal")), r.stderr)
    end
  end)

  it("fails as it should", function()
    local function user(called, change)
      local u = { called = called, name = "sha_aes", auth = "SHA", auth_pass = "first-SHA", priv = "AES", priv_pass = "second-AES" }
      for k, v in pairs(change) do u[k] = v or nil end
      return u
    end
    local level_low = user("low", { priv = false, priv_pass = false })
    local list = { user("good", {}), user("digest", { auth_pass = "not the first" }), user("nobody", { name = "someone" }),
      user("key", { priv_pass = "not the second" }), level_low,
      { called = "level", name = "sha_none", auth = "SHA", auth_pass = "first-SHA", priv = "AES", priv_pass = "second-AES" },
      { called = "open", name = "open" }, user("engine", { more = ", engine_id = '8000000001020304'" }) }
    local want = { good = "ok", digest = "auth", nobody = "unknown_user", key = "timeout", low = "access", level = "unsupported_level", open = "ok",
      engine = "unknown_engine" }
    local r = t.poll { "--config", config(list, reading), "--once" }
    assert.equal(3, r.status, r.stderr)
    for called, code in pairs(want) do assert.equal(code, r.samples[called].run_error, called .. "\n" .. r.stderr) end
    for called, words in pairs { digest = "usmStatsWrongDigests.*check the authentication protocol and password", nobody = "usmStatsUnknownUserNames",
      key = "the privacy password", engine = "usmStatsUnknownEngineIDs.*check the engine id that is configured" } do
      assert.truthy(r.stderr:find(called .. ".*" .. words), called .. "\n" .. r.stderr)
    end
    for _, secret in ipairs { "first-SHA", "second-AES", "not the first", "not the second" } do
      assert.falsy((r.stderr .. r.stdout):find(secret, 1, true), secret)
    end
  end)
end)

describe("What happens to agents", function()
  local sim
  local hosts, faults = {}, {
    ["boots-back"] = '{ "boots-back", n = 3, from = 1.2 }', ["clock-forward"] = '{ "clock-jump", jump = 200, from = 1.2 }',
    ["clock-back"] = '{ "clock-jump", jump = -200, from = 1.2 }', ["engine-change"] = '{ "engine-change", from = 1.2, period = 1 }',
    ["engine-duplicate"] = '"engine-duplicate"', ["engine-twin"] = '"engine-duplicate"', replay = '"replay"', fine = "", forged = '"forged-report"',
    ["unsigned-report"] = '{ "unsigned-report", share = 0.5 }', reboot = '{ "reboot", period = 1 }' }
  lazy_setup(function()
    local text, i = {}, 0
    for name, fault in pairs(faults) do
      i = i + 1
      hosts[name] = "127.9.1." .. i
      text[#text + 1] = ("agent { recording = %q, address = %q, name = %q, v3 = { users = users, boots = 9, time = 1000 }, faults = { %s } }"):format(
        small, hosts[name], name, fault)
    end
    for n, fault in ipairs { "bad-digest", "downgrade" } do
      text[#text + 1] = ("agent { recording = %q, address = '127.9.3.%d', name = %q, v3 = { users = users }, faults = { %q } }"):format(small, n, fault, fault)
    end
    text[#text + 1] = ("agent { recording = %q, address = '127.9.2.1', name = 'vlans', v3 = { users = users, contexts = { other = %q } } }")
      :format(small, router)
    sim = rig.fleet("local users = { { user = 'ops', auth = 'SHA-256', auth_pass = 'authentic', priv = 'AES', priv_pass = 'privately1' } }\n" ..
      table.concat(text, "\n"))
  end)
  lazy_teardown(function()
    if sim then sim:stop() end
    t.cleanup()
  end)
  local words = { "-v", "3", "-u", "ops", "-l", "authPriv", "-a", "SHA-256", "-A", "authentic", "-x", "AES", "-X", "privately1", "-t", "0.5", "-r", "1" }
  local function poll(more, opts)
    local all = {}
    for _, list in ipairs { words, more } do
      for _, w in ipairs(list) do all[#all + 1] = w end
    end
    return t.poll(all, opts)
  end

  it("costs no interval", function()
    local list = {}
    for _, host in pairs(hosts) do list[#list + 1] = sim:target(host) end
    local p = t.start_poll({ "tests/e2e/probes/v3.lua", "--targets", t.write("targets", table.concat(list, "\n")), "--every", "0.25", unpack(words) })
    t.sleep(4)
    assert.equal(0, p:stop(10), p:stderr())
    local stats = p.stats()
    t.assert_balances(stats, true)
    local runs, bad = {}, {}
    for line in p:stdout():gmatch "[^\n]+" do
      local host, v = line:match '"device":"([^":]+)[^}]-"name":"up","type":"gauge","value":(%d)'
      if host then
        runs[host] = (runs[host] or 0) + 1
        bad[host] = (bad[host] or 0) + (v == "0" and 1 or 0)
      end
    end
    for name, host in pairs(hosts) do
      assert.truthy((runs[host] or 0) > 8, name .. " ran " .. tostring(runs[host]))
      if name ~= "unsigned-report" then assert.truthy(bad[host] == 0, name .. " failed " .. bad[host] .. "\n" .. p:stderr()) end
    end
    local c = stats.counters
    assert.truthy(c.reports_user > 8)
    assert.truthy(c.resyncs >= 3, "resyncs " .. c.resyncs)
    assert.truthy(c.discoveries >= 10)
    local err = p:stderr()
    for _, words_ in ipairs { "has the engine id of", "has another engine id than before", "counts its boots or its engine's time backwards" } do
      assert.truthy(err:find(words_, 1, true), words_ .. "\n" .. err)
    end
  end)

  it("is not believed when it is not signed well", function()
    local r = poll { "tests/e2e/probes/v3.lua", "--targets", sim:target "127.9.3.1" .. "," .. sim:target "127.9.3.2", "--once" }
    assert.equal(3, r.status, r.stderr)
    for _, s in pairs(r.samples) do assert.equal("timeout", s.run_error) end
    assert.truthy(r.stats.counters.auth_failed >= 2)
    assert.equal(r.stats.counters.auth_failed, r.stats.counters.unknown)
  end)

  it("has contexts, each read as its own", function()
    local path = t.write("context.lua", [[
      local name, ifs = "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.2.2.1.2"
      return { every = 60, run = function(device, out)
        local there = device:with { context = "other" }
        assert(there == device:with { context = "other" } and there ~= device)
        assert(device:with { context = "" } ~= there and there.name == device.name and there.state == device.state)
        local here, other = assert(device:get(name)), assert(there:get(name))
        local n, m = 0, 0
        for _ in device:walk(ifs) do n = n + 1 end
        for _ in there:rows { d = ifs } do m = m + 1 end
        local value, err = device:with { context = "nowhere" }:get(name)
        assert(value == nil and err.code == "access", tostring(err))
        out:info("text", tostring(err))
        out:info("names", here .. " " .. other)
        out:gauge("here", n)
        out:gauge("there", m)
      end }]])
    local r = poll({ path, "--targets", sim:target "127.9.2.1", "--once" })
    assert.equal(0, r.status, r.stderr)
    local _, s = next(r.samples)
    local function value_of(file, oid)
      for _, w in ipairs(rig.read(file)) do if w.oid == oid then return w.value end end
    end
    assert.truthy(s.names ~= "" and value_of(small, "1.3.6.1.2.1.1.5.0") ~= value_of(router, "1.3.6.1.2.1.1.5.0"))
    assert.truthy(s.there > 0 and s.there ~= s.here, s.here .. " " .. s.there)
    assert.truthy(s.text:find("snmpUnknownContexts", 1, true) and s.text:find("check the context's name", 1, true), s.text)
  end)
end)

describe("Without libcrypto", function()
  lazy_teardown(t.cleanup)

  it("SNMPv3 is what cannot be spoken, and a line says why", function()
    local dir = t.path "nothing"
    assert(os.execute("mkdir -p " .. dir) == 0)
    local f = assert(io.open(dir .. "/libcrypto.so.3", "w"))
    f:write "no library\n"
    f:close()
    local without = { env = { LD_LIBRARY_PATH = dir }, no_stats = true }
    local words = { "scripts/system.lua", "--targets", "file:tests/recordings/small.snmprec", "--once" }
    assert.equal(0, t.poll(words, without).status)
    for _, w in ipairs { "-u", "ops", "-a", "SHA", "-A", "authpass1", "-x", "AES", "-X", "privpass1" } do words[#words + 1] = w end
    local r = t.poll(words, without)
    assert.equal(2, r.status)
    local why, what = r.stderr:match "^([^\n]+)\n([^\n]+)\n$"
    assert.truthy(why and why:find("SNMPv3 cannot be spoken: " .. dir .. "/libcrypto.so.3: ", 1, true), r.stderr)
    assert.equal("moonpoll: -u: is of version 3, which needs libcrypto: it cannot be used", what)
    local status, _, err = t.run({ t.program, "get", "-v3", "-l", "noAuthNoPriv", "-u", "ops", "127.0.0.1:1", "1.3.6.1.2.1.1.3.0" }, without)
    assert.equal(1, status)
    assert.equal("snmpget: SNMPv3 cannot be spoken\n", err:match "^[^\n]+libcrypto.so.3: [^\n]+\n(.*)$")
  end)

  it("DES alone is missing where there is no legacy provider", function()
    local login = { "-u", "ops", "-a", "SHA", "-A", "authpass1", "-x", "DES", "-X", "privpass1" }
    local without = { env = { OPENSSL_MODULES = "/nonexistent" }, no_stats = true }
    local function with(...)
      local words = { ... }
      for _, w in ipairs(login) do words[#words + 1] = w end
      return words
    end
    local r = t.poll(with("scripts/system.lua", "--targets", "file:" .. small, "--once"), without)
    assert.equal(2, r.status)
    assert.equal("moonpoll: -x: this OpenSSL has no DES: it is in the legacy provider, which could not be loaded\n", r.stderr)
    local sim = rig.start(with("--recording", small))
    local words = with(t.program, "get", "-v3", "-l", "authPriv")
    words[#words + 1], words[#words + 2] = sim:target "127.1.0.1", "1.3.6.1.2.1.1.3.0"
    local status, _, err = t.run(words, without)
    assert.equal(1, status)
    assert.equal("snmpget: this OpenSSL does not have the protocol\n", err)
    sim.process:stop(5)
  end)
end)
