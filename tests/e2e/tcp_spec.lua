-- Debian's snmpd over TCP: asked by the command line as Debian's own tools ask, and polled.
local cjson = require "cjson"
local t = require "e2e.helper"

describe("agents over TCP", function()
  local d, target
  lazy_setup(function()
    d = t.snmpd "tcp:127.0.0.1:%d"
    target = "tcp:127.0.0.1:" .. d.port
  end)
  lazy_teardown(function()
    if d.process:alive() then d.process:stop() end
    t.cleanup()
  end)

  local env = { MIBS = "", SNMPCONFPATH = "/nowhere" }
  -- What the kernel numbers anew each time is left out: dumps show ids.
  local function said(words)
    local status, out, err = t.run(words, { env = env })
    return { status = status, out = out:gsub("%x%x%x%x: [^\n]*", ""), err = err:gsub("%x%x%x%x: [^\n]*", "") }
  end
  for _, case in ipairs {
    "get @ 1.3.6.1.2.1.1.4.0 1.3.6.1.2.1.1.7.0", "get -d @ 1.3.6.1.2.1.1.4.0", "getnext @ 1.3.6.1.2.1.1.4", "walk @ 1.3.6.1.2.1.2.2.1.2",
    "bulkwalk @ 1.3.6.1.2.1.1.9", "bulkget -Cr20 @ 1.3.6.1.2.1.1.9", "get tcp:127.0.0.1:1 1.3", "get tcp6:[::1]:1 1.3", "get tcp:nosuchhost.invalid 1.3",
    "get tcp: 1.3", "get tcp:127.0.0.1:x 1.3", "get -t 0.2 -r 1 -c wrong @ 1.3.6.1.2.1.1.4.0", "get -d -t 0.2 -r 2 -c wrong @ 1.3.6.1.2.1.1.4.0",
    "get tcp:localhost:PORT 1.3.6.1.2.1.1.4.0" } do
    it("are asked as by Debian's tools: " .. case, function()
      local command, rest = case:match "^(%S+) (.*)$"
      local theirs, ours = { "snmp" .. command, "-v2c" }, { t.program, command, "-v2c" }
      for w in ("-c public " .. rest:gsub("@", target):gsub("PORT", d.port)):gmatch "%S+" do
        theirs[#theirs + 1], ours[#ours + 1] = w, w
      end
      local a, b = said(theirs), said(ours)
      b.err = b.err:gsub("^moonpoll " .. command .. ":", "snmp" .. command .. ":")
      assert.same(a, b)
    end)
  end

  for _, loop in ipairs { "epoll", "libev" } do
    it("are polled over one connection, again after the agent restarted, " .. loop, function()
      local config = t.write("tcp.lua", ([[return { auth = { a = { version = "2c", community = "public" } }, loop = "%s",
        targets = { { host = "%s", name = "over-tcp" }, { host = "%s", name = "over-udp" } }, request = { timeout = 0.5, retries = 1, breaker_after = 0 } }]])
        :format(loop, target, d.target))
      local p = t.start_poll { "tests/e2e/probes/ticks.lua", "--config", config, "--every", "0.4", "-o", "json" }
      local function count(device, name, value)
        local n = 0
        for line in p:stdout():gmatch "([^\n]+)\n" do
          local s = cjson.decode(line)
          if s.device == device and s.name == name and (value == nil or s.value == value) then n = n + 1 end
        end
        return n
      end
      t.wait_for("runs over TCP", 10, function() return count("over-tcp", "up", 1) >= 3 end)
      assert.equal(0, count("over-tcp", "up", 0), p:stderr())
      d.process:stop()
      t.wait_for("a failure", 10, function() return count("over-tcp", "run_error", "refused") >= 1 end)
      d = t.snmpd("tcp:127.0.0.1:%d", d.port)
      local before = count("over-tcp", "up", 1)
      t.wait_for("runs after the restart", 10, function() return count("over-tcp", "up", 1) >= before + 2 end)
      assert.equal(0, p:stop(), p:stderr())
      t.assert_balances(p.stats(), true)
      assert.truthy(p:stderr():find("over-tcp (" .. target .. "): refused", 1, true), p:stderr())
    end)
  end
end)
