-- Somebody else sends to our socket while we poll: counted, dropped, and the answers still come in.
local cjson = require "cjson"
local net = require "agent.net"
local ber = require "agent.ber"
local t = require "e2e.helper"

-- UDP ports of a process, from the kernel's table.
local function ports_of(pid)
  local inodes = {}
  local list = t.path "fds"
  os.execute(("ls -l /proc/%d/fd >%s 2>/dev/null"):format(pid, list))
  for inode in t.read(list):gmatch "socket:%[(%d+)%]" do inodes[inode] = true end
  local ports = {}
  for line in t.read("/proc/" .. pid .. "/net/udp"):gmatch "[^\n]+" do
    local port, inode = line:match "^%s*%d+: %x+:(%x+) %S+ %S+ %S+ %S+ %S+%s+%d+%s+%d+%s+(%d+)"
    if port and inodes[inode] then ports[#ports + 1] = tonumber(port, 16) end
  end
  return ports
end

describe("a stranger who sends to our port", function()
  it("changes nothing but the counts", function()
    local agent = t.agent { "--default", "delay(20)" }
    local dir = t.path "run"
    os.execute("mkdir -p " .. dir)
    local hosts = {}
    for i = 1, 10 do hosts[i] = agent:target("127.0.7." .. i) end
    local p = t.start_poll { "tests/e2e/probes/ticks.lua", "--targets", table.concat(hosts, ","), "-c", "public", "-t", "0.5",
      "--every", "1", "-o", "json", "--run-dir", dir }
    local function status()
      local code, out = t.run { t.program, "status", "--run-dir", dir }
      return code == 0 and cjson.decode(out)
    end
    local s = t.wait_for("a start", 10, function()
      local now = status()
      return now and now.counters.answered > 0 and now
    end)
    local ports = t.wait_for("its sockets", 5, function()
      local list = ports_of(s.workers[1].pid)
      return #list > 0 and list
    end)
    local fd = net.udp("127.0.7.200", 0)
    local sent = 0
    local function send(data)
      for _, port in ipairs(ports) do
        local wire = bit.bor(bit.lshift(bit.band(port, 255), 8), bit.rshift(port, 8))
        if net.send(fd, data, { addr = net.address "127.0.0.1", port = wire }) then sent = sent + 1 end
      end
    end
    math.randomseed(7)
    local answer = ber.encode { version = 1, community = "public", type = ber.RESPONSE, id = 0x12345678, a = 0, b = 0,
      varbinds = { { oid = ber.arcs "1.3.6.1.2.1.1.3.0", tag = ber.TICKS, value = 1 } } }
    for _ = 1, 100 do
      send(ber.noise(math.random(0, 200)))
      send(answer:sub(1, math.random(0, #answer)))
      local at = math.random(1, #answer)
      send(answer:sub(1, at - 1) .. string.char(math.random(0, 255)) .. answer:sub(at + 1))
      send("")
      send(("\48\132\127\255\255\255"):rep(20))
    end
    send(ber.noise(60000))
    net.send(fd, "x", { addr = net.address "127.0.0.1", port = 1 })
    t.sleep(1.5)
    local after = status()
    t.assert_balances(after)
    local c = after.counters
    assert.truthy(c.malformed + c.unknown + c.wrong_source >= sent, cjson.encode(c) .. " of " .. sent)
    assert.truthy(c.malformed > 200)
    assert.equal(0, after.errors.timeout)
    assert.equal(0, after.workers_lost)
    assert.equal(0, p:stop(10), p:stderr())
    t.assert_balances(p.stats(), true)
    local samples = t.samples(p:stdout())
    for _, h in ipairs(hosts) do
      assert.equal(1, samples[h].up)
      assert.truthy(samples[h]["uptime/5"] >= 1000)
    end
    agent:stop()
    t.cleanup()
  end)
end)
