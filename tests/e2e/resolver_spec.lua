-- Agents known by name: the resolver delays nobody who does not need it, and what it knew is kept.
local cjson = require "cjson"
local t = require "e2e.helper"

for _, loop in ipairs { "epoll", "libev" } do
  describe("names of hosts, " .. loop, function()
    local agent, dns, zone, servers, probe
    lazy_setup(function()
      agent = t.agent { "--interfaces", "2", "--device", "127.0.2.1=dead()" }
      zone = t.write("zone", "")
      probe = t.write("one.lua", [[return { every = 1, timeout = 10, run = function(device, out)
        local uptime, err = device:get "1.3.6.1.2.1.1.3.0"
        if not uptime then return nil, err end
        out:gauge("uptime", uptime)
      end }]])
      dns = t.start { "luajit", "tests/agent/dns.lua", zone }
      local line = t.wait_for("the name server", 5, function() return dns:stdout():match "^(.-)\n" end)
      servers = "127.0.0.1:" .. cjson.decode(line).port
    end)
    lazy_teardown(function()
      dns:stop()
      agent:stop()
      t.cleanup()
    end)

    local function say(text)
      local f = assert(io.open(zone .. ".new", "w"))
      f:write(text)
      f:close()
      assert(os.rename(zone .. ".new", zone))
    end

    -- hosts: with @ for the agent's port. more: further settings.
    local function config(hosts, more)
      local list = {}
      for _, h in ipairs(hosts) do list[#list + 1] = ("%q"):format((h:gsub("@", agent.port))) end
      return t.write("names.lua", ([[return {
        auth = { a = { version = "2c", community = "public" } }, targets = { { hosts = { %s } } }, loop = "%s",
        resolver = { servers = "%s", timeout = 0.2, retry = 0.3 }, request = { timeout = 0.3, retries = 1 }, %s }]])
        :format(table.concat(list, ", "), loop, servers, more or ""))
    end

    it("are asked for when they are needed, failures are told with the server and what it said", function()
      say "good.example.net 127.0.1.1\nbad.example.net servfail\ntwo.example.net 127.0.2.1 127.0.1.2\nsix.example.net ::1\nmute.example.net silent"
      local r = t.poll { probe, "--once", "--config", config { "good.example.net:@", "bad.example.net:@",
        "two.example.net:@", "none.example.net:@", "mute.example.net:@", "udp:six.example.net:@", "127.0.1.3:@" } }
      assert.equal(3, r.status, r.stderr)
      local function up(host) return r.samples[host .. ":" .. agent.port].up end
      assert.equal(1, up "good.example.net")
      assert.equal(1, up "two.example.net") -- its first address is dead
      assert.equal(1, up "127.0.1.3")
      for host, why in pairs {
        ["bad.example.net"] = "name server " .. servers .. " failed, it says SERVFAIL",
        ["none.example.net"] = "there is no such name, says name server " .. servers,
        ["mute.example.net"] = "no answer from name server " .. servers .. " in 0.",
        ["udp:six.example.net"] = "the name has no IPv4 address, says name server " .. servers } do
        assert.equal("dns", r.samples[host .. ":" .. agent.port].run_error)
        local line = r.stderr:match("[^\n]*" .. host:gsub("%p", "%%%0") .. ":%d+: dns: [^\n]*")
        assert.truthy(line and line:find("dns: the name cannot be resolved: " .. why, 1, true), r.stderr)
        assert.truthy(line:find("check the name, /etc/hosts, and the name servers", 1, true), line)
        assert.is_nil(line:find("never answered", 1, true))
      end
    end)

    it("that nobody answers for delay nobody else, at the start or later, and are polled once there is an answer", function()
      say "* silent"
      local hosts = { "127.0.1.1:@" }
      for i = 1, 200 do hosts[#hosts + 1] = ("h%d.example.net:@"):format(i) end
      local before = t.now()
      local p = t.start_poll { probe, "--config", config(hosts), "--every", "0.5", "-o", "json" }
      local numeric = "127.0.1.1:" .. agent.port
      t.wait_for("the first sample", 5, function() return p:stdout():find(numeric, 1, true) end)
      assert.is_true(t.now() - before < 1)
      t.sleep(2)
      local runs, slow = 0, 0
      for line in p:stdout():gmatch "[^\n]+" do
        local s = cjson.decode(line)
        if s.device == numeric and s.name == "run_seconds" then
          runs = runs + 1
          if s.value > 0.1 then slow = slow + 1 end
        end
      end
      assert.is_true(runs >= 4, p:stderr())
      assert.equal(0, slow)
      say "* 127.0.1.9"
      t.wait_for("all of them", 15, function()
        local up = 0
        for name, s in pairs(t.samples(p:stdout():match "^(.*\n)" or "")) do
          if name:find "^h" and s.up == 1 then up = up + 1 end
        end
        return up == 200
      end)
      assert.equal(0, p:stop(), p:stderr())
      t.assert_balances(p.stats(), true)
    end)

    it("lead elsewhere after their time, which is told once; while the server is dead the last address is kept", function()
      say "core1.example.net 127.0.1.1 ttl=1"
      local p = t.start_poll { probe, "--config", config { "core1.example.net:@" }, "--every", "0.2", "-o", "json" }
      local device = "core1.example.net:" .. agent.port
      local function runs(name, value)
        local n = 0
        for line in p:stdout():gmatch "([^\n]+)\n" do
          local s = cjson.decode(line)
          if s.device == device and s.name == name and s.value == value then n = n + 1 end
        end
        return n
      end
      t.wait_for("it", 5, function() return runs("up", 1) >= 2 end)
      say "* silent"
      t.sleep(2)
      assert.equal(0, runs("up", 0), p:stderr())
      assert.truthy(runs("up", 1) >= 8)
      say "core1.example.net 127.0.1.2 ttl=1"
      t.wait_for("the move", 10, function() return p:stderr():find "moved" end)
      local at = runs("up", 1)
      t.wait_for("more", 5, function() return runs("up", 1) >= at + 2 end)
      assert.equal(0, p:stop(), p:stderr())
      local err = p:stderr()
      local _, moved = err:gsub("core1%.example%.net moved from 127%.0%.1%.1:%d+ to 127%.0%.1%.2:%d+\n", "")
      local _, kept = err:gsub("no answer from name server [%d.:]+ in [%d.]+ s; its last address stays in use", "")
      assert.equal(1, moved, err)
      assert.equal(1, kept, err)
    end)
  end)
end
