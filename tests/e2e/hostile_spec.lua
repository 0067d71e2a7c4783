-- Somebody else sends to our socket while we poll: counted, dropped, and the answers still come in.
local cjson = require "cjson"
local net = require "agent.net"
local ber = require "agent.ber"
local rig = require "e2e.fault_rig"
local t = require "e2e.helper"

describe("a stranger who sends to our port", function()
  it("changes nothing but the counts", function()
    local agent = t.agent { "--default", "delay(20)" }
    local dir = t.run_dir()
    local hosts = {}
    for i = 1, 10 do hosts[i] = agent:target("127.0.7." .. i) end
    local p = t.start_poll { "tests/e2e/probes/ticks.lua", "--targets", table.concat(hosts, ","), "-c", "public", "-t", "0.5",
      "--every", "1", "-o", "json", "--run-dir", dir }
    local function status() return t.status(dir) end
    local s = t.wait_for("a start", 10, function()
      local now = status()
      return now and now.counters.answered > 0 and now
    end)
    local ports = t.wait_for("its sockets", 5, function()
      local list = rig.ports(s.workers[1].pid)
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
    t.close(fd) -- or whoever is started from here on has it too
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

  -- Sends to a port of this host for so many seconds as fast as it can: noise, cut and wrong answers. Says how many.
  local FLOOD = [[
    package.path = "tests/?.lua;" .. package.path
    local net, ber = require "agent.net", require "agent.ber"
    local port, seconds = tonumber(arg[1]), tonumber(arg[2])
    local to = { addr = net.address "127.0.0.1", port = bit.bor(bit.lshift(bit.band(port, 255), 8), bit.rshift(port, 8)) }
    local fd = net.udp("127.0.7.201", 0)
    local answer = ber.encode { version = 1, community = "public", type = ber.RESPONSE, id = 0x12345678, a = 0, b = 0,
      varbinds = { { oid = ber.arcs "1.3.6.1.2.1.1.3.0", tag = ber.TICKS, value = 1 } } }
    local kinds = { ber.noise(100), answer, answer:sub(1, 20), "", ber.noise(1400) }
    local n, limit = 0, net.now() + seconds
    while net.now() < limit do
      for i = 1, 100 do n = n + (net.send(fd, kinds[i % #kinds + 1], to) and 1 or 0) end
    end
    print(n)
  ]]

  it("floods it for seconds: polling goes on, what the kernel had to drop is counted and told, then all is as before", function()
    local agent = t.agent {}
    local hosts = {}
    for i = 1, 10 do hosts[i] = agent:target("127.0.7." .. i) end
    local run = rig.start { "tests/e2e/probes/count.lua", "--targets", table.concat(hosts, ","), "-c", "public", "-t", "1", "-r", "2" }
    local ports, from = rig.ports(run:status().workers[1].pid), run:printed()
    local flood = t.start { "luajit", t.write("flood.lua", FLOOD), tostring(ports[1]), "3" }
    assert.equal(0, flood:wait(20), flood:stderr())
    local sent = tonumber(flood:stdout():match "%d+")
    assert.is_true(sent > 20000, sent)
    -- Not all of it: a busy machine drops some before any socket.
    local s = run:when("most of what it sent", 20, function(now)
      local c = now.counters
      return c.malformed + c.unknown + c.rx_dropped >= math.min(sent / 2, 20000)
    end)
    t.assert_balances(s)
    if s.counters.rx_dropped > 0 then assert.equal(1, run:said "the receive buffer is full") end
    for host, list in pairs((run:samples("n", from))) do assert.is_true(#list >= 2, host) end
    from = run:printed()
    run:polled("n", 40)
    for _, list in pairs((run:samples("up", from))) do assert.equal(1, list[#list].value) end
    assert.equal(0, run:stop().workers_lost)
    agent:stop()
    t.cleanup()
  end)
end)

describe("ICMP errors of many agents", function()
  it("on the socket all share do no harm to the others", function()
    local agent = t.agent {}
    local closed, hosts, well = t.free_port(), {}, {}
    for i = 1, 60 do
      well[i] = agent:target("127.0.7." .. i)
      hosts[#hosts + 1] = well[i]
    end
    for i = 1, 240 do hosts[#hosts + 1] = ("127.0.8.%d:%d"):format(i, closed) end
    local config = t.write("c.lua", "return { request = { timeout = 1, retries = 0, breaker_after = 0 } }\n")
    local run = rig.start { "tests/e2e/probes/count.lua", "--config", config, "--targets", t.write("hosts", table.concat(hosts, "\n")), "-c", "public" }
    run:when("a storm", 20, function(s) return s.counters.icmp >= 1500 end)
    local s = run:stop()
    assert.equal(0, s.errors.timeout + s.errors.unreachable, run:log())
    assert.equal(s.counters.icmp, s.errors.refused)
    assert.equal(0, s.counters.icmp_stray)
    local by = run:samples "up"
    for _, host in ipairs(well) do
      for _, u in ipairs(by[host]) do assert.equal(1, u.value, host) end
    end
    for i = 1, 240 do assert.equal(0, by[("127.0.8.%d:%d"):format(i, closed)][1].value) end
    agent:stop()
    t.cleanup()
  end)
end)
