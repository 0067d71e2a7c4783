-- Ten minutes of load on one worker of nginx: pages, tables, SNMPv3, silent agents, clients that go away. It does not grow, and its log
-- is clean. MINUTES=n for another time.
local rig = require "nginx.rig"
local sim = require "e2e.sim_rig"
local t = require "e2e.helper"

describe("nginx under load", function()
  local nginx, recorded, silent
  teardown(function()
    for _, p in ipairs { nginx or false, recorded and recorded.process or false, silent and silent.process or false } do if p then p:stop() end end
    t.cleanup()
  end)
  it("does not grow, and does not complain", function()
    recorded = sim.start { "--recording", "tests/recordings/switch.snmprec", "--count", "200", "--live", "-u", "ops", "-a", "SHA", "-A",
      "authpass1", "-x", "AES", "-X", "privpass1" }
    silent = sim.start { "--recording", "tests/recordings/small.snmprec", "--count", "1", "--faults", "dead" }
    nginx = rig.start { files = { ["pages.lua"] = ([[local nginx = require "moonpoll.nginx"
      local snmp = require "moonpoll"
      snmp.configure { shared = "moonpoll" }
      return { snmp = nginx.probe { dir = "%s/scripts", shared = "moonpoll", request_timeout = 0.2, retries = 0, allow = { "127.0.0.0/8:*" },
        auth = { default = { community = "public" }, v3 = { version = 3, user = "ops", auth = "SHA", auth_pass = "authpass1", priv = "AES",
          priv_pass = "privpass1" } } } }]]):format(rig.here) },
      server = "location = /snmp { content_by_lua_block { require('pages').snmp() } }" }
    local function turn(k)
      local requests = {}
      for i = 1, 40 do
        local auth = i % 4 == 0 and "v3" or "default"
        requests[i] = { path = ("/snmp?probe=%s&auth=%s&target=127.1.0.%d:%d"):format(i % 2 == 0 and "interfaces" or "system", auth,
          (k * 40 + i) % 200 + 1, recorded.port) }
      end
      requests[41] = { path = "/snmp?probe=system&target=127.1.0.1:" .. silent.port }
      local good = 0
      for _, r in ipairs((nginx:all(requests, 30))) do if r.status == 200 then good = good + 1 end end
      assert.equal(41, good)
      if k % 10 == 0 then
        nginx:abandon(("require('moonpoll').device { host = '127.1.0.1', port = %d, timeout = 5 }:get '1.3.6'"):format(silent.port), 0.01)
      end
    end
    local limit, k = rig.now() + 60 * tonumber(os.getenv "MINUTES" or 10), 0
    local warm, fds
    while rig.now() < limit do
      k = k + 1
      turn(k)
      if not warm and (k >= 400 or rig.now() > limit - 0.8 * 60 * tonumber(os.getenv "MINUTES" or 10)) then
        t.sleep(1)
        nginx:lua "collectgarbage() collectgarbage()"
        warm, fds = nginx:rss_mb(), nginx:fds()
      end
    end
    nginx:lua "collectgarbage() collectgarbage()"
    t.wait_for("sockets to go", 10, function() return nginx:fds() <= fds + 2 end)
    local grown = nginx:rss_mb() - warm
    print(("# %d turns, %.1f MB, grown by %.1f MB"):format(k, nginx:rss_mb(), grown))
    assert.is_true(grown < 10, grown)
    assert.equal("", nginx:complaints())
  end)
end)
