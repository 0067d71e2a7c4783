-- Each fault of simulated agents, seen on the wire; and the collector among a thousand agents with all of them at once.
local ber = require "agent.ber"
local cjson = require "cjson"
local rig = require "e2e.sim_rig"
local t = require "e2e.helper"

local small = (os.getenv "PWD" or ".") .. "/tests/recordings/small.snmprec"
local uptime, octets = "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.2.2.1.10.1"

describe("A fault:", function()
  local sim, c
  local names, hosts = {}, {}
  -- Name of a fault, its rule, and what is seen of it. see(host, fault): asks and asserts.
  local function ask(host, r, seconds) return c:ask(host, sim.port, r, seconds) end
  local function get(host, oid, seconds) return ask(host, { oids = { oid or uptime } }, seconds) end
  local function tool(name, host, ...)
    return rig.tool(name, { "-v2c", "-c", "public", "-t", "0.3", sim:target(host), ... })
  end
  -- The same by Debian's tool: status, what it printed, and each datagram it got: { n = octets, from = address, data = text }.
  local function debian(name, ...)
    local status, out, err = rig.tool(name, { "-d", "-v2c", "-c", "public", ... })
    local packets, packet, sent = {}, nil, 0
    for line in (out .. "\n" .. err):gmatch "[^\n]*" do
      local n, from = line:match "^Received (%d+) byte packet from UDP: %[([%d.]+)%]"
      local dump = line:match "^%x%x%x%x: (.*)$"
      if line:find "^Sending" then packet, sent = nil, sent + 1 end
      if n then
        packet = { n = tonumber(n), from = from, data = "" }
        packets[#packets + 1] = packet
      elseif dump and packet then
        for octet in dump:sub(1, 50):gmatch "%f[%x](%x%x)%f[^%x]" do
          if #packet.data < packet.n then packet.data = packet.data .. string.char(tonumber(octet, 16)) end
        end
      end
    end
    return status, out, packets, sent
  end
  local function snmpget(host, oid) return debian("snmpget", "-t", "0.3", sim:target(host), oid or uptime) end
  -- Of n GETs with so much time each, how many were answered.
  local function answered(host, n, seconds)
    local count = 0
    for _ = 1, n do
      if rig.tool("snmpget", { "-v2c", "-c", "public", "-t", seconds, sim:target(host), uptime }) == 0 then count = count + 1 end
    end
    return count
  end
  local function some(n, of) assert.truthy(n > 0 and n < of, n) end
  local faults = {
    { "dead", '"dead"', function(host)
      assert.is_nil((get(host, nil, 0.3)))
      local status, _, err = tool("snmpget", host, uptime)
      assert.equal(1, status)
      assert.truthy(err:find("Timeout", 1, true))
    end },
    { "loss", '{ "loss", share = 0.5 }', function(host)
      for i = 1, 40 do c:send(host, sim.port, ber.encode(rig.request { oids = { uptime }, id = i })) end
      local n = #c:receive(40, 0.4)
      assert.truthy(n > 5 and n < 35, n)
      some(answered(host, 10, "0.1"), 10)
    end },
    { "silent-above", '["silent-above"] = 5', function(host)
      local m = ask(host, { type = ber.GETBULK, oids = { "1.3.6.1.2.1.2" }, b = 5 })
      assert.equal(5, #m.varbinds)
      assert.is_nil((ask(host, { type = ber.GETBULK, oids = { "1.3.6.1.2.1.2" }, b = 6 }, 0.3)))
      assert.equal(1, (tool("snmpbulkwalk", host, "-Cr10", "1.3.6.1.2.1.2")))
      assert.equal(0, (tool("snmpbulkwalk", host, "-Cr4", "1.3.6.1.2.1.2")))
    end },
    { "rate", 'rate = 5', function(host)
      for i = 1, 30 do c:send(host, sim.port, ber.encode(rig.request { oids = { uptime }, id = i })) end
      local n = #c:receive(30, 0.3)
      assert.truthy(n >= 5 and n <= 10, n)
      t.sleep(1)
      local status, out = t.run({ "sh", "-c", ("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do snmpget -v2c -c public -r 0 -t 0.3 -On %s %s &"
        .. " done 2>/dev/null; wait"):format(sim:target(host), uptime) }, { env = { MIBS = "" } })
      assert.equal(0, status)
      some(select(2, out:gsub("Timeticks", "")), 15)
    end },
    { "delay", 'delay = 0.2', function(host)
      local _, got = get(host)
      assert.truthy(got.after >= 0.2 and got.after < 0.6, got.after)
      assert.same({ 0, 1 }, { answered(host, 1, "0.1"), answered(host, 1, "2") })
    end },
    { "jitter", 'jitter = 0.2', function(host)
      local least, most = 1, 0
      for _ = 1, 12 do
        local _, got = get(host)
        least, most = math.min(least, got.after), math.max(most, got.after)
      end
      assert.truthy(most < 0.4 and most - least > 0.05, most)
      some(answered(host, 10, "0.1"), 10)
    end },
    { "slow-start", '{ "slow-start", delay = 2, period = 100 }', function(host)
      local _, got = get(host, nil, 4)
      assert.truthy(got.after > 0.8, got.after)
      assert.same({ 0, 1 }, { answered(host, 1, "0.3"), answered(host, 1, "4") })
    end },
    { "reorder", '{ "reorder", share = 0.5, delay = 0.05 }', function(host)
      local last, overtaken = 0, 0
      for i = 1, 40 do c:send(host, sim.port, ber.encode(rig.request { oids = { uptime }, id = i })) end
      for _, got in ipairs(c:receive(40, 1)) do
        local id = ber.decode(got.data).id
        if id < last then overtaken = overtaken + 1 end
        last = id
      end
      assert.truthy(overtaken > 0)
      some(answered(host, 10, "0.04"), 10)
    end },
    { "duplicate", '{ "duplicate", delay = 0.002 }', function(host)
      local apart = 0
      for id = 77, 96 do -- who looks late finds both at once
        c:send(host, sim.port, ber.encode(rig.request { oids = { uptime }, id = id }))
        local got = c:receive(2, 1)
        assert.equal(2, #got)
        assert.equal(got[1].data, got[2].data)
        apart = math.max(apart, got[2].at - got[1].at)
        if apart > 0.001 then break end
      end
      assert.truthy(apart > 0.001, apart)
      assert.equal(0, #c:receive(1, 0.1))
      local _, _, packets, sent = debian("snmpwalk", sim:target(host), "1.3.6.1.2.1")
      assert.truthy(#packets > sent, #packets)
    end },
    { "wrong-id", '"wrong-id"', function(host)
      local m, got = get(host)
      assert.not_equal(got.id, m.id)
      assert.equal(1, (tool("snmpget", host, uptime)))
    end },
    { "other-source", '"other-source"', function(host)
      local m, got = get(host)
      assert.equal(got.id, m.id)
      assert.not_equal(host, got.from)
      local _, _, packets = snmpget(host)
      assert.not_equal(host, packets[1].from)
    end },
    { "truncated", 'truncated = 3', function(host)
      local m, got = get(host)
      assert.is_false(m)
      assert.equal(#got.data - 2 + 3, got.data:byte(2))
      local status, _, packets = snmpget(host)
      assert.equal(1, status)
      assert.equal(packets[1].n - 2 + 3, packets[1].data:byte(2))
    end },
    { "trailing", 'trailing = 7', function(host)
      local m, got = get(host)
      assert.is_false(m)
      assert.equal(got.id, ber.decode(got.data:sub(1, -8)).id)
      local _, _, packets = snmpget(host)
      assert.equal(packets[1].n - 2 - 7, packets[1].data:byte(2))
    end },
    { "replay", '"replay"', function(host)
      local first = select(2, get(host))
      c:send(host, sim.port, ber.encode(rig.request { oids = { octets }, id = 88 }))
      local got = c:receive(2, 1)
      assert.equal(2, #got)
      assert.equal(first.data, got[1].data)
      assert.equal(88, ber.decode(got[2].data).id)
      local _, _, packets = snmpget(host, octets)
      assert.equal(got[2].data, packets[1].data)
    end },
    { "too-big", '["too-big"] = 100', function(host)
      assert.equal(0, get(host).a)
      local m = ask(host, { oids = { uptime, uptime, uptime, uptime, uptime, uptime } })
      assert.equal(1, m.a)
      local _, _, err = tool("snmpget", host, uptime, uptime, uptime, uptime, uptime, uptime)
      assert.truthy(err:find("tooBig", 1, true), err)
    end },
    { "gen-err", '["gen-err"] = "1.3.6.1.2.1.2.2.1.10"', function(host)
      local m = ask(host, { oids = { uptime, octets } })
      assert.same({ 5, 2 }, { m.a, m.b })
      assert.equal(0, get(host).a)
      local _, _, err = tool("snmpget", host, octets)
      assert.truthy(err:find("genError", 1, true), err)
    end },
    { "not-increasing", '["not-increasing"] = "1.3.6.1.2.1.2.2.1.10"', function(host)
      local m = ask(host, { type = ber.GETNEXT, oids = { octets } })
      assert.equal(octets, ber.text(m.varbinds[1].oid))
      local status, _, err = tool("snmpwalk", host, "1.3.6.1.2.1.2")
      assert.equal(1, status)
      assert.truthy(err:find("OID not increasing", 1, true), err)
    end },
    { "cycle", 'cycle = "1.3.6.1.2.1.1.9.1.2"', function(host)
      local at, seen = "1.3.6.1.2.1.1.9.1.2", 0
      for _ = 1, 50 do
        at = ber.text(ask(host, { type = ber.GETNEXT, oids = { at } }).varbinds[1].oid)
        if at == "1.3.6.1.2.1.1.9.1.2.1" then seen = seen + 1 end
      end
      assert.truthy(seen >= 4, seen)
      local _, _, err = tool("snmpwalk", host, "1.3.6.1.2.1.1")
      assert.truthy(err:find("OID not increasing", 1, true), err)
    end },
    { "empty-integer", '["empty-integer"] = { n = 1 }', function(host)
      local _, got = get(host, "1.3.6.1.2.1.2.2.1.1.1")
      assert.equal("\2\0", got.data:sub(-2))
      local status, _, packets = snmpget(host, "1.3.6.1.2.1.2.2.1.1.1")
      assert.same({ 1, "\2\0" }, { status, packets[1].data:sub(-2) })
    end },
    { "negative", 'negative = "1.3.6.1.2.1.2.2.1.5"', function(host)
      local _, got = get(host, "1.3.6.1.2.1.2.2.1.5.9") -- 4294967295
      assert.equal("\66\4\255\255\255\255", got.data:sub(-6))
      local _, out, packets = snmpget(host, "1.3.6.1.2.1.2.2.1.5.9")
      assert.equal("\66\4\255\255\255\255", packets[1].data:sub(-6))
      assert.truthy(out:find("Gauge32: 4294967295", 1, true), out)
    end },
    { "long-length", '"long-length"', function(host)
      local m, got = get(host)
      assert.equal(got.id, m.id)
      assert.truthy(got.data:find("\6\132\0\0\0\8", 1, true))
      local status, _, packets = snmpget(host)
      assert.equal(0, status)
      assert.truthy(packets[1].data:find("\6\132\0\0\0\8", 1, true))
    end },
    { "fewer", 'fewer = 2', function(host)
      assert.equal(3, #ask(host, { oids = { uptime, uptime, uptime, uptime, uptime } }).varbinds)
      assert.equal(1, #get(host).varbinds)
      local _, out = rig.tool("snmpget", { "-v2c", "-c", "public", sim:target(host), uptime, "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.7.0" })
      assert.equal(1, #rig.printed(out))
    end },
    { "reboot", '{ "reboot", from = 3, delay = 0.2, period = 3 }', function(host)
      local last = 0
      t.wait_for("the reboot", 15, function()
        local m = get(host, nil, 0.1)
        local before = last
        last = m and m.varbinds[1].value or last
        return last < before
      end)
      t.wait_for("it seen by snmpget", 15, function()
        local _, out = rig.tool("snmpget", { "-v2c", "-c", "public", "-t", "0.1", sim:target(host), uptime })
        local before = last
        last = tonumber(out:match "= (%d+)") or last
        return last < before
      end)
    end },
    { "clock-jump", '{ "clock-jump", from = 1, to = 30, jump = 86400 }', function(host)
      t.wait_for("the jump", 10, function() return get(host).varbinds[1].value > 86400 * 100 end)
      local _, out = rig.tool("snmpget", { "-v2c", "-c", "public", sim:target(host), uptime })
      assert.truthy(tonumber(out:match "= (%d+)") > 86400 * 100, out)
    end },
  }
  lazy_setup(function()
    local recording = t.write("faults.snmprec", t.read(small) .. "1.3.6.1.2.1.2.2.1.5.9|66|4294967295\n")
    local fleet = {}
    for i, f in ipairs(faults) do
      names[f[1]], hosts[f[1]] = true, "127.5.0." .. i
      fleet[i] = ("agent { recording = %q, address = %q, name = %q, live = %s, faults = { %s } }"):format(recording, hosts[f[1]], f[1],
        tostring(f[1] == "reboot" or f[1] == "clock-jump"), f[2])
    end
    sim = rig.fleet(table.concat(fleet, "\n"))
    c = rig.client()
  end)
  lazy_teardown(function()
    if c then c:close() end
    if sim then
      local s = sim:stop()
      for _, a in ipairs(s.each) do
        assert.truthy(a.faults[a.name] or a.name == "clock-jump" or a.name == "reboot", a.name)
      end
    end
    t.cleanup()
  end)
  before_each(function() c:receive(100, 0.01) end)
  for _, f in ipairs(faults) do
    it(f[1], function() f[3](hosts[f[1]]) end)
  end

  -- Those of SNMPv3's messages alone are not for clients of version 2c.
  local of_v3 = { ["bad-digest"] = true, downgrade = true, ["wrong-context"] = true, ["unsigned-report"] = true, ["forged-report"] = true,
    ["boots-back"] = true, ["engine-change"] = true, ["engine-duplicate"] = true }
  it("every one of them is here", function()
    local _, err = rig.refused { "--recording", small, "--faults", "nothing-like-these" }
    local n = 0
    for name in err:match "there are (.*)$":gmatch "[%w-]+" do
      if not of_v3[name] then
        assert.truthy(names[name], name)
        n = n + 1
      end
    end
    assert.equal(#faults, n)
  end)

  it("an agent that is not bound is refused", function()
    local other = rig.fleet(('agent { recording = %q }\nagent { recording = %q, port = %d, unbound = true, name = "gone" }')
      :format(small, small, t.free_port()), "--targets", t.path "targets")
    local port = cjson.decode(other:tell "agent gone").address:match ":(%d+)$"
    local r = t.poll { "tests/e2e/probes/ticks.lua", "--targets", "127.1.0.2:" .. port, "-c", "public", "-t", "0.3", "-r", "0", "--once" }
    assert.equal(1, r.stats.errors.refused)
    other:stop()
  end)
end)

describe("The collector among agents that do everything wrong", function()
  after_each(function() t.cleanup() end)
  it("gets no wrong value, and both sides count alike", function()
    local N, fleet = 1000, {}
    for i = 1, N do
      local lines = { ("1.3.6.1.2.1.1.3.0|67|%d"):format(i), "1.3.6.1.2.1.1.5.0|4|agent " .. i }
      for row = 1, 15 do
        lines[#lines + 1] = ("1.3.6.1.4.1.9999.1.1.%d|2|%d"):format(row, i * 1000 + row)
        lines[#lines + 1] = ("1.3.6.1.4.1.9999.1.2.%d|4|agent %d row %d"):format(row, i, row)
        lines[#lines + 1] = ("1.3.6.1.4.1.9999.1.3.%d|70|%.0f"):format(row, i * 2 ^ 33 + row)
        lines[#lines + 1] = ("1.3.6.1.4.1.9999.1.4.%d|65|%d"):format(row, 4294967295 - row)
        lines[#lines + 1] = ("1.3.6.1.4.1.9999.1.5.%d|66|0"):format(row)
      end
      local file = t.write("checked.snmprec", table.concat(lines, "\n"))
      fleet[#fleet + 1] = ('odd(%d, %q)'):format(i, file)
    end
    local odd = [[
      local entry = "1.3.6.1.4.1.9999.1"
      local singles = {
        { "dead", from = 2, to = 3 }, { "loss", share = 0.3 }, { "silent-above", n = 8 }, { "rate", n = 6 }, { "delay", delay = 0.05 },
        { "jitter", delay = 0.1 }, { "slow-start", delay = 0.2, period = 2 }, { "reorder", share = 0.5, delay = 0.05 },
        { "duplicate", share = 0.5, delay = 0.03 }, { "wrong-id", share = 0.3 }, { "other-source", share = 0.3 },
        { "truncated", n = 9, share = 0.3 }, { "trailing", n = 5 }, { "too-big", n = 300 }, { "gen-err", oid = entry .. ".2", share = 0.2 },
        { "not-increasing", oid = entry .. ".3", share = 0.3 }, { "cycle", oid = entry .. ".4", share = 0.3 },
        { "empty-integer", oid = entry .. ".5", share = 0.5 }, { "negative", oid = entry .. ".4" }, { "long-length", share = 0.5 },
        { "fewer", n = 2, share = 0.5 }, { "reboot", from = 2, delay = 0.2, period = 3 },
        { "clock-jump", from = 1, to = 4, jump = 1000 } }
      function odd(i, recording)
        local faults = {}
        if i % 2 == 0 then -- one of them
          faults[1] = singles[i / 2 % #singles + 1]
        else -- all of them, each now and then
          for k, f in ipairs(singles) do
            local copy = {}
            for key, v in pairs(f) do copy[key] = v end
            if f[1] == "rate" then copy.n = 12 else copy.share = 0.04 end
            faults[k] = copy
          end
        end
        agent { recording = recording, name = "agent " .. i, faults = faults }
      end
    ]]
    local sim = rig.fleet(odd .. table.concat(fleet, "\n"), "--targets", t.path "targets.json", "--seed", "11")
    local targets = sim.process.what:match "'%-%-targets' '(.-)'"
    local p = t.start_poll { "tests/e2e/probes/checked.lua", "--targets", targets, "-c", "public", "-t", "0.3", "-r", "2", "-o", "json",
      "--log", "error" }
    t.sleep(6) -- faults of the time line
    t.wait_for("runs of all", 30, function() return select(2, p:stdout():gsub('"name":"good"', "")) > N * 3.5 end)
    local status = p:stop(20)
    assert.equal(0, status, p:stderr():sub(-2000))
    assert.equal("", p:stderr():gsub("[^\n]*left out[^\n]*\n", ""):sub(1, 500))
    local stats = p.stats()
    t.assert_balances(stats, true)
    t.wait_for("answers held back", 5, function() return sim:status().held == 0 end)
    local s = sim:stop()
    local good, wrong, runs, all_good = 0, 0, 0, {}
    for line in p:stdout():gmatch "[^\n]+" do
      local sample = cjson.decode(line)
      if sample.name == "good" then
        good, runs = good + sample.value, runs + 1
        if sample.value > 0 then all_good[sample.device] = true end
      elseif sample.name == "wrong" then
        wrong = wrong + sample.value
      elseif sample.name == "wrong_value" then
        error(sample.device .. ": " .. line)
      end
    end
    local heard = 0
    for _ in pairs(all_good) do heard = heard + 1 end
    assert.equal(0, wrong)
    assert.truthy(good > 100000, good)
    assert.truthy(heard >= N - 10, heard)
    assert.truthy(runs > N * 3, runs)
    -- Nothing is lost on this machine: what one side sent the other one has.
    assert.equal(stats.counters.datagrams_out, s.datagrams_in)
    assert.equal(s.total.datagrams, s.datagrams_in)
    assert.equal(0, s.total.malformed + s.total.bad_community + s.send_errors + s.held_dropped + s.nobody)
    assert.truthy(s.datagrams_out >= stats.counters.datagrams_in) -- what was held back may come after the end
    assert.truthy(s.datagrams_out - stats.counters.datagrams_in <= s.total.duplicates + s.total.faults.delay + s.total.faults.reorder)
    local kinds = 0
    for name in odd:gmatch '{ "([%w-]+)"' do
      assert.truthy(s.total.faults[name], name)
      kinds = kinds + 1
    end
    assert.equal(23, kinds)
  end)
end)
