-- A device inside nginx, against the scripted agent, the simulator and Debian's snmpd: what it gives, what it leaves behind.
local rig = require "nginx.rig"
local sim = require "e2e.sim_rig"
local t = require "e2e.helper"

local function code(text, values) return (text:gsub("%$(%w+)", values)) end

describe("a device inside nginx", function()
  local nginx, agent, recorded, snmpd
  lazy_setup(function()
    agent = t.agent { "--interfaces", "24", "--device", "127.0.5.2=dead()", "--device", "127.0.5.3=delay(300)", "--device",
      "127.0.5.4=first(1, dead())" }
    recorded = sim.start { "--recording", "tests/recordings/switch.snmprec", "--count", "2", "-u", "ops", "-a", "SHA", "-A", "authpass1", "-x",
      "AES", "-X", "privpass1" }
    snmpd = t.snmpd(nil, nil, 'createUser sha SHA-256 "authpass_x" AES "privpass_x"\nrouser sha authPriv\n')
    nginx = rig.start { files = { ["kept.lua"] = code([[
local snmp = require "moonpoll"
return { device = snmp.device { host = "127.0.5.1", port = $port, timeout = 1 } }]], { port = agent.port }) },
      server = [[
    location = /header { header_filter_by_lua_block { local ok, why = pcall(function() return require("kept").device:get "1.3.6.1.2.1.1.5.0" end)
      ngx.log(ngx.WARN, "said: ", why) } return 204; }
    location = /name { content_by_lua_block { ngx.print((require("kept").device:get "1.3.6.1.2.1.1.5.0")) } }
    location = /access { access_by_lua_block { ngx.ctx.name = require("kept").device:get "1.3.6.1.2.1.1.5.0" }
      content_by_lua_block { ngx.print(ngx.ctx.name) } }]],
      http = [[  init_worker_by_lua_block {
    local ok, why = pcall(function() return require("kept").device:get "1.3.6.1.2.1.1.5.0" end)
    ngx.log(ngx.WARN, "said: ", why)
    ngx.timer.at(0, function() ngx.log(ngx.WARN, "timer: ", require("kept").device:get "1.3.6.1.2.1.1.5.0") end)
  }]] }
  end)
  lazy_teardown(function()
    if nginx then nginx:stop() end
    if agent then agent:stop() end
    if recorded then recorded.process:stop() end
    if snmpd then snmpd.process:stop() end
    t.cleanup()
  end)
  local function lua(text, seconds)
    return nginx:lua(code("local snmp = require 'moonpoll'\n" .. text, { port = agent.port, sim = recorded.port, snmpd = snmpd.port }), seconds)
  end

  it("gets a value, a row, what follows, several in bulk", function()
    assert.equal("agent-127.0.5.1\n", lua [[ngx.say((snmp.device { host = "127.0.5.1", port = $port }:get "1.3.6.1.2.1.1.5.0"))]])
    assert.equal("agent-127.0.5.1 72 nil 1.3.6.1.2.1.1.2.0 3 noSuchInstance true\n", lua [[
      local d = snmp.device { host = "127.0.5.1:$port" }
      local row = d:get { name = "1.3.6.1.2.1.1.5.0", services = "1.3.6.1.2.1.1.7.0", nothing = "1.3.6.1.2.1.1.99.0" }
      local raw = d:get_raw "1.3.6.1.2.1.2.2.1.2.99"
      ngx.say(row.name, " ", row.services, " ", tostring(row.nothing), " ", (d:get_next "1.3.6.1.2.1.1.1.0"), " ",
        #d:get_bulk { "1.3.6.1.2.1.1", repetitions = 3 }, " ", raw.type, " ", select("#", d:get "1.3.6.1.2.1.1.5.0") == 1)]])
  end)
  it("reads tables: rows, a subtree, a whole table, some of it", function()
    assert.equal("24 1 Ethernet 24 24 2\n", lua [[
      local d = snmp.device { host = "127.0.5.1", port = $port }
      local columns, n, first, walked = { descr = "1.3.6.1.2.1.2.2.1.2", oper = "1.3.6.1.2.1.2.2.1.8" }, 0
      for index, row, head in d:rows(columns, { with = { up = "1.3.6.1.2.1.1.3.0" } }) do
        n, first = n + 1, first or index
        assert(head.up and row.descr == "Ethernet " .. index)
      end
      for oid, value in d:walk "1.3.6.1.2.1.2.2.1.2" do walked = value end
      local all, some = assert(d:table(columns)), assert(d:table(columns, { only = { "3", "7", "99" } }))
      local many, few = 0, 0
      for _ in pairs(all) do many = many + 1 end
      for _ in pairs(some) do few = few + 1 end
      ngx.say(n, " ", first, " ", walked, " ", many, " ", few)]])
  end)
  it("speaks version 1 and 3, with snmpd too", function()
    assert.equal("agent-127.0.5.1\n", lua [[ngx.say(snmp.device { host = "127.0.5.1", port = $port, auth = { version = 1 } }:get "1.3.6.1.2.1.1.5.0")]])
    assert.equal("access-sw-1 53 auth 53\n", lua [[
      local auth = { version = 3, user = "ops", auth = "SHA", auth_pass = "authpass1", priv = "AES", priv_pass = "privpass1" }
      local d = snmp.device { host = "127.1.0.1", port = $sim, auth = auth }
      local rows, n = assert(d:table { name = "1.3.6.1.2.1.31.1.1.1.1" }), 0
      for _ in pairs(rows) do n = n + 1 end
      local wrong = {}
      for k, v in pairs(auth) do wrong[k] = v end
      wrong.auth_pass = "authpass2"
      local _, err = snmp.device { host = "127.1.0.1", port = $sim, auth = wrong }:get "1.3.6.1.2.1.1.5.0"
      ngx.say(d:get "1.3.6.1.2.1.1.5.0", " ", n, " ", err.code, " ", (d:get "1.3.6.1.2.1.2.1.0"))]])
    assert.equal('"the test rack"\n', lua [[ngx.say(snmp.device { host = "127.0.0.1", port = $snmpd, auth = { version = 3, user = "sha",
      auth = "SHA-256", auth_pass = "authpass_x", priv = "AES", priv_pass = "privpass_x" } }:get "1.3.6.1.2.1.1.6.0")]])
    assert.equal('"the test rack"\n', lua [[ngx.say(snmp.device { host = "::1", port = $snmpd }:get "1.3.6.1.2.1.1.6.0")]])
  end)
  it("leaves nginx's OpenSSL as it is: no provider, no error in its queue", function()
    local des = sim.start { "--recording", "tests/recordings/small.snmprec", "-u", "ops", "-a", "MD5", "-A", "authpass1", "-x", "DES", "-X", "privpass1" }
    assert.equal("0 door-7 0 0\n", lua(([[
      local ffi = require "ffi"
      ffi.cdef "int OSSL_PROVIDER_available(void *, const char *); unsigned long ERR_peek_error(void);"
      local before = ffi.C.OSSL_PROVIDER_available(nil, "legacy")
      local auth = { version = 3, user = "ops", auth = "MD5", auth_pass = "authpass1", priv = "DES", priv_pass = "privpass1" }
      local name = assert(snmp.device { host = "127.1.0.1", port = %d, timeout = 1, auth = auth }:get "1.3.6.1.2.1.1.5.0")
      auth.priv_pass = "privpass2"
      assert(not snmp.device { host = "127.1.0.1", port = %d, timeout = 0.2, retries = 0, auth = auth }:get "1.3.6.1.2.1.1.5.0")
      ngx.say(before, " ", name, " ", ffi.C.OSSL_PROVIDER_available(nil, "legacy"), " ", tonumber(ffi.C.ERR_peek_error()))]])
      :format(des.port, des.port)))
    des.process:stop()
  end)
  it("sets, and caches until the agent restarts", function()
    assert.equal("true name-x 1 1\n", lua [[
      local w = snmp.device { host = "127.1.0.2", port = $sim, auth = { community = "private" } }
      local n, d = 0, snmp.device { host = "127.0.5.1", port = $port }
      local function fill() n = n + 1 return n end
      ngx.say(w:set { { oid = "1.3.6.1.2.1.1.5.0", type = "string", value = "name-x" } }, " ", (w:get "1.3.6.1.2.1.1.5.0"), " ",
        d:cache("spec", 60, fill), " ", d:cache("spec", 60, fill))]])
  end)
  it("gives counters a rate, across requests", function()
    local text = [[
      local d = snmp.device { host = "127.0.5.1", port = $port }
      local rows = assert(d:table({ rx = "1.3.6.1.2.1.2.2.1.10" }, { rates = { rx = "rate" } }))
      ngx.say(rows["1"].rate ~= nil)]]
    assert.equal("false\n", lua(text))
    t.sleep(0.3)
    assert.equal("true\n", lua(text))
  end)
  it("tells what the world does wrong, and prints it", function()
    local closed = t.free_port()
    local said = lua([[
      local _, err = snmp.device { host = "127.0.5.2", port = $port, timeout = 0.1, retries = 1 }:get "1.3.6.1.2.1.1.5.0"
      assert(err.code == "timeout" and err.tries == 2 and err.retryable and err.target == "127.0.5.2:$port")
      ngx.log(ngx.WARN, err)
      ngx.say(err)
      _, err = snmp.device { host = "127.0.5.1", port = ]] .. closed .. [[, timeout = 0.1 }:get "1.3.6.1.2.1.1.5.0"
      ngx.say(err.code)
      _, err = snmp.device { host = "no.such.host.invalid" }:get "1.3.6.1.2.1.1.5.0"
      ngx.say(err.code)
      _, err = snmp.device { host = "127.0.5.1", port = $port }:get "1.3.6.1.2.1.1.99.0"
      ngx.say(err.code .. " " .. err)
      local ok, e = pcall(function() for _ in snmp.device { host = "127.0.5.2", port = $port, timeout = 0.1 }:rows { x = "1.3.6.1.2.1.2.2.1.2" } do end end)
      ngx.say(e.code, " ", e.rows)]])
    assert.truthy(said:find("^127.0.5.2:%d+: timeout: no answer, .*\nrefused\ndns\nmissing 127.0.5.1:%d+: missing: .*\ntimeout 0\n$"), said)
    assert.truthy(nginx:log():find("127.0.5.2:%d+: timeout: no answer"))
  end)
  it("tries again, and stops asking who is silent", function()
    assert.equal("agent-127.0.5.4\n", lua [[ngx.say((snmp.device { host = "127.0.5.4", port = $port, timeout = 0.2 }:get "1.3.6.1.2.1.1.5.0"))]])
    assert.equal("timeout timeout timeout down\n", lua [[
      local codes, d = {}, snmp.device { host = "127.0.5.2", port = $port, timeout = 0.05, retries = 0 }
      for i = 1, 4 do
        local _, err = d:get "1.3.6.1.2.1.1.5.0"
        codes[i] = err.code
      end
      ngx.say(table.concat(codes, " "))]])
  end)
  it("raises the caller's mistakes where he called", function()
    local said = lua [[
local d = snmp.device { host = "127.0.5.1", port = $port }
local function try(f, ...) local ok, why = pcall(f, ...) ngx.say(tostring(why)) end
try(function() return (d:get "no oid") end)
try(function() return (d:get({ a = "1.3" }, { exakt = true })) end)
try(function() return (d:rows({ a = "1.3.6" }, { keys = 1 })) end)
try(function() return (d.get("1.3.6")) end)
try(function() return (snmp.device { host = "x", timeout = 1000 }) end)
try(function() return (snmp.device { hots = "x" }) end)
try(function() return (snmp.device { host = "x", auth = { version = 3, user = "u", auth = "SHA", auth_pass = "sentinel" .. "x", priv = "EAS" } }) end)
try(function() return (d:table(7)) end)
try(function() return (d:set { { oid = "1.3.6.1", type = "number", value = 1 } }) end)]]
    local lines = {}
    for line in said:gmatch "[^\n]+" do lines[#lines + 1] = line end
    local want = { "posted:4: bad argument #1 to 'get'", "posted:5: unknown option exakt: exact is known", "posted:6: unknown option keys: ",
      "posted:7: bad argument #1 to 'get' (a device expected", "posted:8: device: timeout: 1000 seconds", "posted:9: device: unknown option hots",
      "posted:10: device: auth: priv: no such protocol", "posted:11: bad argument #1 to 'table'", "posted:12: bad argument #1 to 'set'" }
    for i, w in ipairs(want) do assert.equal(w, (lines[i] or ""):sub(1, #w), said) end
    assert.is_nil(said:find "sentinel")
  end)
  it("says where it cannot wait, and what to do", function()
    assert.equal(204, nginx:get("/header").status)
    local log = nginx:log()
    assert.truthy(log:find("said: .-cosockets, which nginx does not have in the phase init_worker: do it in ngx.timer.at%(0,"))
    assert.truthy(log:find("said: .-in the phase header_filter: .-ngx.timer.at%(0,"))
    assert.truthy(log:find("timer: agent-127.0.5.1", 1, true))
    assert.equal("agent-127.0.5.1", nginx:get("/access").body)
  end)
  it("works from light threads, coroutines and spawned children", function()
    assert.equal("50 agent-127.0.5.1 agent-127.0.5.6 7\n", lua [[
      local good, hs = 0, {}
      local d = snmp.device { host = "127.0.5.1", port = $port, per_device = 10 }
      for i = 1, 50 do hs[i] = ngx.thread.spawn(function() if d:get "1.3.6.1.2.1.1.5.0" then good = good + 1 end end) end
      for i = 1, 50 do ngx.thread.wait(hs[i]) end
      local inner = coroutine.wrap(function() return (d:get "1.3.6.1.2.1.1.5.0") end)
      local a, b = snmp.all(inner, function() return (snmp.device { host = "127.0.5.6", port = $port }:get "1.3.6.1.2.1.1.5.0") end)
      local h = snmp.spawn(function() snmp.sleep(0.01) return 7 end)
      ngx.say(good, " ", a, " ", b, " ", h:wait())]])
  end)
  it("leaves nothing behind: threads killed, exits in mid-wait, clients that go away", function()
    lua [[ngx.say((snmp.device { host = "127.0.5.1", port = $port }:get "1.3.6.1.2.1.1.5.0"))]]
    local before = nginx:fds()
    for _ = 1, 5 do
      lua [[
        local d = snmp.device { host = "127.0.5.3", port = $port, per_device = 100 }
        for i = 1, 20 do ngx.thread.kill(ngx.thread.spawn(function() d:get "1.3.6.1.2.1.1.5.0" end)) end
        for i = 1, 20 do ngx.thread.spawn(function() d:get "1.3.6.1.2.1.1.5.0" end) end
        ngx.say "gone"
        ngx.exit(200)]]
      nginx:abandon(code([[local snmp = require "moonpoll"
        ngx.say(snmp.device { host = "127.0.5.2", port = $port, timeout = 5 }:get "1.3.6.1.2.1.1.5.0")]], { port = agent.port }), 0.05)
    end
    t.wait_for("sockets to go", 5, function() return nginx:fds() <= before end)
    -- Nor do they keep others from asking the same agent.
    assert.equal("agent-127.0.5.3\n", lua([[ngx.say((snmp.device { host = "127.0.5.3", port = $port }:get "1.3.6.1.2.1.1.5.0"))]], 15))
  end)
  it("does not wait for a thread that was killed longer than its request would have taken", function()
    assert.equal("agent-127.0.5.8 true\n", lua([[
      local d = snmp.device { host = "127.0.5.8", port = $port, timeout = 0.3, retries = 0 }
      collectgarbage "stop" -- or what the threads held would go with them
      for i = 1, 2 do ngx.thread.kill(ngx.thread.spawn(function() d:get "1.3.6.1.2.1.1.5.0" end)) end
      local began = snmp.now()
      local name = d:get "1.3.6.1.2.1.1.5.0"
      collectgarbage "restart"
      ngx.say(name, " ", snmp.now() - began < 5)]], 10))
  end)
  it("keeps few sockets: reused within a request, bounded", function()
    assert.equal("1 40 yes\n", lua [[
      local pool
      for i = 1, 30 do assert(snmp.device { host = "127.0.5.1", port = $port }:get "1.3.6.1.2.1.1.5.0") end
      local one = ngx.ctx.moonpoll_pool.n
      snmp.configure { sockets = 40 }
      for i = 1, 60 do assert(snmp.device { host = "127.0.6." .. i, port = $port }:get "1.3.6.1.2.1.1.5.0") end
      pool = ngx.ctx.moonpoll_pool
      snmp.configure { sockets = 1000 }
      ngx.say(one, " ", pool.n, " ", pool.n <= 40 and "yes" or "no")]])
  end)
  it("is asked twice at once by a worker, not more, unless the device says so", function()
    local said = tonumber(lua [[
      local t0, hs, d = snmp.now(), {}, snmp.device { host = "127.0.5.3", port = $port, timeout = 2 }
      for i = 1, 6 do hs[i] = ngx.thread.spawn(function() assert(d:get "1.3.6.1.2.1.1.5.0") end) end
      for i = 1, 6 do assert(ngx.thread.wait(hs[i])) end
      ngx.say(snmp.now() - t0)]])
    assert.is_true(said >= 0.85 and said < 2, said)
  end)
  it("shares what it knows of engines and round trips, but no key, through a dictionary", function()
    assert.equal("access-sw-1 true nil\n", lua [[
      snmp.configure { shared = "moonpoll" }
      local d = snmp.device { host = "127.1.0.1", port = $sim, timeout = 0.7, auth = { version = 3, user = "ops", auth = "SHA",
        auth_pass = "authpass1", priv = "AES", priv_pass = "privpass1" } }
      local name, all = d:get "1.3.6.1.2.1.1.5.0", {}
      for _, key in ipairs(ngx.shared.moonpoll:get_keys()) do all[#all + 1] = key .. ngx.shared.moonpoll:get(key) end
      all = table.concat(all)
      local core = require "moonpoll.core"
      local kept, other = ngx.shared.moonpoll:get("moonpoll:agent:127.1.0.1:$sim:3:ops"), core.agent { version = 3, user = "ops", auth = "SHA",
        auth_pass = "authpass1", priv = "AES", priv_pass = "privpass1" }
      ngx.say(name, " ", other:import(kept), " ", tostring(all:find("authpass1", 1, true) or all:find("privpass1", 1, true)))]])
  end)
  it("shows no secret: not what it is made of, not what it says, not what nginx logs", function()
    local said = lua [[
      local function dump(v, seen)
        if type(v) ~= "table" or seen[v] then return ngx.say(tostring(v)) end
        seen[v] = true
        for k, x in next, v do
          dump(k, seen)
          dump(x, seen)
        end
      end
      local s = "senti" .. "nel" -- not in the text of this request
      local auths = { { community = s }, { version = 1, community = s }, { version = 3, user = "ops", auth = "SHA", auth_pass = s .. "pass" },
        { version = 3, user = "ops", auth = "SHA", auth_pass = "authpass1", priv = "AES", priv_pass = s .. "pass" },
        { version = 3, user = "nobody", auth = "SHA-256", auth_pass = s .. "pass", priv = "AES", priv_pass = s .. "other" } }
      for _, auth in ipairs(auths) do
        for _, o in ipairs { { host = "127.0.5.2", port = $port, timeout = 0.05, retries = 0 }, { host = "127.1.0.1", port = $sim, timeout = 0.1 } } do
          o.auth = auth
          local d, r = snmp.device(o), require("resty.moonpoll"):new(o)
          r:set_timeout(60)
          for _, x in ipairs { d, r } do
            local _, err = x:get "1.3.6.1.2.1.1.5.0"
            dump(x, {})
            dump(err, {})
            ngx.say(err)
            ngx.log(ngx.ERR, err)
            ngx.log(ngx.WARN, select(2, pcall(function() for _ in x:rows { a = "1.3.6.1.2.1.2.2.1.2" } do end end)))
          end
        end
        ngx.log(ngx.WARN, select(2, pcall(snmp.device, { host = "x", auth = { version = 3, user = "u", auth = "SHA", auth_pass = auth.auth_pass or s,
          priv = "no" } })))
        ngx.say(tostring(snmp.device { host = "x", auth = auth }))
      end
      for _, key in ipairs(ngx.shared.moonpoll:get_keys(0)) do ngx.say(key, tostring(ngx.shared.moonpoll:get(key))) end]]
    assert.truthy(said:find("auth", 1, true) and said:find("timeout", 1, true) and said:find("unknown_user", 1, true), said)
    assert.is_nil(said:find "sentinel")
    assert.is_nil(nginx:log():find "sentinel")
  end)
  it("tells agents what a cosocket can receive, and asks for less where more would come", function()
    local lines = {}
    for i = 1, 3 do lines[i] = ("1.3.6.1.4.1.9.1.%d.0|4|%s\n"):format(i, ("x"):rep(5000) .. i) end
    lines[4] = "1.3.6.1.4.1.9.1.4.0|4|" .. ("x"):rep(9000) .. "\n"
    local big = sim.start { "--recording", t.write("big.snmprec", table.concat(lines)), "-u", "ops", "-a", "SHA", "-A", "authpass1" }
    local ask = ([[
      local d = snmp.device { host = "127.1.0.1", port = %d, timeout = 1, auth = AUTH }
      local row = assert(d:get { a = "1.3.6.1.4.1.9.1.1.0", b = "1.3.6.1.4.1.9.1.2.0", c = "1.3.6.1.4.1.9.1.3.0" })
      local _, err = d:get "1.3.6.1.4.1.9.1.4.0"
      local list, why = d:get_bulk { "1.3.6.1.4.1.9", repetitions = 3 }
      local n = 0
      local ok, broken = pcall(function() for oid, value in d:walk "1.3.6.1.4.1.9" do n = n + 1 end end)
      ngx.say(#row.a, " ", #row.b, " ", #row.c, " ", err and err.code, " ", list and #list or why.code, " ", n, " ", ok or broken.code)]])
      :format(big.port)
    -- What this module of Lua takes: 8,192 octets, or 64 KB.
    local most = tonumber(lua(([[
      local s = ngx.socket.udp()
      s:setpeername("127.1.0.1", %d)
      s:settimeout(1000)
      s:send((require("moonpoll.core").request("1.3.6.1.4.1.9.1.4.0", { id = 1, community = "public" })))
      ngx.say(#assert(s:receive(65507)))]]):format(big.port)))
    assert.is_true(most == 8192 or most > 9000, most)
    assert.equal(most == 8192 and "5001 5001 5001 too_big too_big 3 too_big\n" or "5001 5001 5001 nil 3 4 true\n", (lua(ask:gsub("AUTH", "nil"))))
    assert.equal("5001 5001 5001 too_big 1 3 too_big\n", -- told in msgMaxSize, the agent gives what fits
      (lua(ask:gsub("AUTH", '{ version = 3, user = "ops", auth = "SHA", auth_pass = "authpass1" }'))))
    big.process:stop()
  end)
  it("has sockets of its own in a subrequest that was given its parent's ctx", function()
    assert.equal("agent-127.0.5.1 agent-127.0.5.1\n", lua [[
      local d = snmp.device { host = "127.0.5.1", port = $port }
      local name = d:get "1.3.6.1.2.1.1.5.0"
      local sub = ngx.location.capture("/name", { ctx = ngx.ctx })
      assert(d:get "1.3.6.1.2.1.1.5.0")
      ngx.say(name, " ", sub.body)]])
  end)
  it("asks in another context, and refuses one without version 3", function()
    local fleet = sim.fleet(([[
      agent { recording = %q, v3 = { users = { { user = "ops", auth = "SHA", auth_pass = "authpass1" } }, contexts = { other = %q } } }
    ]]):format(rig.here .. "/tests/recordings/small.snmprec", rig.here .. "/tests/recordings/switch.snmprec"))
    local said = lua(([[
      local d = snmp.device { host = "127.1.0.1", port = %d, timeout = 1, auth = { version = 3, user = "ops", auth = "SHA", auth_pass = "authpass1" } }
      local there = d:with { context = "other" }
      local _, err = d:with { context = "nowhere" }:get "1.3.6.1.2.1.1.5.0"
      local n = 0
      for _ in there:rows { name = "1.3.6.1.2.1.31.1.1.1.1" } do n = n + 1 end
      ngx.say(there == d:with { context = "other" }, " ", (there:get "1.3.6.1.2.1.1.5.0"), " ", n, " ", err.report)]]):format(fleet.port))
    assert.equal("true access-sw-1 53 snmpUnknownContexts\n", said)
    fleet.process:stop()
    assert.truthy(lua [[ngx.say(select(2, pcall(function() return (snmp.device { host = "x" }:with { context = "vlan-1" }) end)))]]
      :find "posted:2: with: a context needs SNMPv3")
  end)
  it("keeps an error log without complaints", function()
    local bad = {}
    for line in nginx:complaints():gmatch "[^\n]+" do
      if not line:find("Connection refused", 1, true) and not line:find("[lua] posted:", 1, true) then bad[#bad + 1] = line end -- nginx says that itself
    end
    assert.equal("", table.concat(bad, "\n"))
  end)
end)

describe("resty.moonpoll", function()
  local nginx, agent
  lazy_setup(function()
    agent, nginx = t.agent { "--device", "127.0.5.2=dead()" }, rig.start()
  end)
  lazy_teardown(function()
    nginx:stop()
    agent:stop()
    t.cleanup()
  end)
  it("has the manners of lua-resty-redis", function()
    local said = nginx:lua(code([[
      local moonpoll = require "resty.moonpoll"
      local a = moonpoll:new { host = "127.0.5.1", port = $port, auth = { community = "public" } }
      a:set_timeout(500)
      ngx.say((a:get "1.3.6.1.2.1.1.5.0"))
      local t0, b = ngx.now(), moonpoll:new { host = "127.0.5.2", port = $port, retries = 0 }
      b:set_timeout(100)
      local _, err = b:get "1.3.6.1.2.1.1.5.0"
      ngx.update_time()
      ngx.say(err.code, " ", ngx.now() - t0 < 0.4)
      ngx.say(select(2, pcall(function() moonpoll:new { host = "x", timeout = 1000 } end)))
      ngx.say(select(2, pcall(function() a:set_timeout "x" end)))]], { port = agent.port }))
    assert.truthy(said:find("^agent%-127.0.5.1\ntimeout true\nposted:10: new: timeout: 1000 seconds%?.*\nposted:11: set_timeout: milliseconds expected"), said)
  end)
end)
