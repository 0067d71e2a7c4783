-- The simulator, by clients that are not ours: Debian's tools, and datagrams made by hand.
local ber = require "agent.ber"
local rig = require "e2e.sim_rig"
local t = require "e2e.helper"

local here = "tests/recordings/"
local files = { "switch", "router", "server", "small" }
local function path(name) return here .. name .. ".snmprec" end
local function absolute(name) return (os.getenv "PWD" or ".") .. "/" .. path(name) end

-- The same instances with the same values, in the same order.
local function assert_same(want, got)
  for i = 1, math.max(#want, #got) do
    local w, g = want[i] or {}, got[i] or {}
    if w.oid ~= g.oid or (w.value or ""):gsub("%s+$", "") ~= (g.value or ""):gsub("%s+$", "") then
      error(("instance %d of %d: %s = %s, recorded was %s = %s"):format(i, #want, g.oid, g.value, w.oid, w.value), 2)
    end
  end
end

describe("A recording", function()
  local sim
  lazy_setup(function()
    local fleet = {}
    for i, f in ipairs(files) do fleet[i] = ('agent { recording = %q, count = 3, address = "127.3.%d.1" }'):format(absolute(f), i) end
    fleet[#fleet + 1] = ('agent { recording = %q, address = "::1", name = "six" }'):format(absolute "small")
    fleet[#fleet + 1] = ('agent { recording = %q, count = 2, address = "127.3.9.1", community = function(i) return "c" .. i end,'
      .. ' name = "shared" }'):format(absolute "small")
    sim = rig.fleet(table.concat(fleet, "\n"), "--seed", "7")
  end)
  lazy_teardown(function()
    if sim then
      local s = sim:stop()
      assert.equal(0, s.left_out)
      assert.equal(0, s.total.malformed)
    end
    t.cleanup()
  end)

  for i, f in ipairs(files) do
    for _, n in ipairs { 1, 10, 77 } do
      it(("comes back by snmpbulkwalk -Cr%d: %s"):format(n, f), function()
        local status, out, err = rig.tool("snmpbulkwalk", { "-v2c", "-c", "public", "-Cr" .. n, sim:target("127.3." .. i .. ".2"), ".1" })
        assert.equal(0, status, err)
        assert_same(rig.read(path(f)), rig.printed(out))
      end)
    end
    it("comes back by snmpwalk, v1 without Counter64: " .. f, function()
      local status, out, err = rig.tool("snmpwalk", { "-v1", "-c", "public", sim:target("127.3." .. i .. ".1"), ".1" })
      assert.equal(0, status, err)
      assert_same(rig.read(path(f), function(tag) return tag ~= "70" end), rig.printed(out))
    end)
    it("comes back by snmpwalk v2c: " .. f, function()
      local status, out, err = rig.tool("snmpwalk", { "-v2c", "-c", "public", sim:target("127.3." .. i .. ".3"), ".1" })
      assert.equal(0, status, err)
      assert_same(rig.read(path(f)), rig.printed(out))
    end)
  end

  it("comes back over IPv6", function()
    local status, out, err = rig.tool("snmpbulkwalk", { "-v2c", "-c", "public", "udp6:[::1]:" .. sim.port, ".1" })
    assert.equal(0, status, err)
    assert_same(rig.read(path "small"), rig.printed(out))
  end)

  it("is answered by GET, with v1's errors and v2c's exceptions", function()
    local target = sim:target "127.3.1.1"
    local _, out = rig.tool("snmpget", { "-v2c", "-c", "public", target, "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.5.1", "1.3.6.1.9.9", "1.3.6.1.2.1.1.7.0" })
    assert.truthy(out:find("%.1%.3%.6%.1%.2%.1%.1%.5%.0 = Hex%-STRING"))
    assert.truthy(out:find("1.5.1 = No Such Instance", 1, true))
    assert.truthy(out:find("1.3.6.1.9.9 = No Such Object", 1, true))
    assert.truthy(out:find("1.7.0 = INTEGER: 2", 1, true))
    local status, _, err = rig.tool("snmpget", { "-v1", "-Cf", "-c", "public", target, "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.5.1" })
    assert.equal(2, status)
    assert.truthy(err:find("noSuchName", 1, true), err)
    assert.truthy(err:find("1.5.1", 1, true), err)
  end)

  it("keeps what is SET to one agent, with the right community", function()
    for i, version in ipairs { "-v1", "-v2c" } do
      local target = sim:target("127.3.4." .. i)
      local status, _, err = rig.tool("snmpset", { version, "-c", "private", target, "1.3.6.1.2.1.1.5.0", "s", "new name", "1.3.6.1.2.1.1.7.0", "i", "9" })
      assert.equal(0, status, err)
      local _, out = rig.tool("snmpget", { version, "-c", "public", "-Oa", target, "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.7.0" })
      assert.truthy(out:find("new name", 1, true) or out:find("6E 65 77", 1, true), out)
      assert.truthy(out:find("INTEGER: 9", 1, true), out)
      assert.not_equal(0, (rig.tool("snmpset", { version, "-c", "public", target, "1.3.6.1.2.1.1.5.0", "s", "x" })))
    end
    local _, out = rig.tool("snmpbulkwalk", { "-v2c", "-c", "public", sim:target "127.3.4.3", ".1" })
    assert_same(rig.read(path "small"), rig.printed(out))
  end)

  it("tells agents of one address apart by community", function()
    for i = 1, 2 do
      local status, _, err = rig.tool("snmpset", { "-v2c", "-c", "private", sim:target("127.3.9.1"), "1.3.6.1.2.1.1.6.0", "s", "by the first" })
      assert.equal(0, status, err)
      local _, out = rig.tool("snmpget", { "-v2c", "-c", "c" .. i, "-Oa", sim:target "127.3.9.1", "1.3.6.1.2.1.1.6.0" })
      assert.equal(i == 1, out:find("by the first", 1, true) ~= nil, out)
    end
    assert.equal(1, (rig.tool("snmpget", { "-v2c", "-c", "c3", "-t", "0.2", sim:target "127.3.9.1", "1.3.6.1.2.1.1.6.0" })))
  end)

  it("is recorded as it is served", function()
    for i, f in ipairs(files) do
      local status, out, err = t.run { t.program, "record", sim:target("127.3." .. i .. ".3") }
      assert.equal(0, status, err)
      local again = t.write("again.snmprec", out)
      assert_same(rig.read(path(f)), rig.read(again))
    end
  end)

  it("answers from the address asked, and from nowhere else", function()
    local c = rig.client()
    for i = 1, 3 do
      local m, got = c:ask("127.3.2." .. i, sim.port, { oids = { "1.3.6.1.2.1.1.3.0" } })
      assert.equal(got.id, m.id)
      assert.equal("127.3.2." .. i, got.from)
    end
    assert.is_nil(c:ask("127.3.200.1", sim.port, { oids = { "1.3.6.1.2.1.1.3.0" } }, 0.2))
    c:close()
  end)
end)

describe("A command line", function()
  after_each(function() t.cleanup() end)

  it("says what is wrong, serves nothing, and exits as it should", function()
    local small = path "small"
    local function refused(status, text, ...)
      local got, err = rig.refused { ... }
      assert.truthy(err:find(text, 1, true), err)
      assert.equal(1, select(2, err:gsub("\n", "\n")), err)
      assert.equal(status, got)
    end
    refused(2, "a fleet file or --recording FILE is needed")
    refused(2, "--count: \"many\" is not a whole number", "--recording", small, "--count", "many")
    refused(2, "--counts: no such option", "--recording", small, "--counts", "3")
    refused(2, "nowhere.snmprec: No such file", "--recording", "nowhere.snmprec")
    refused(2, "\"here\" is no IP address", "--recording", small, "--address", "here")
    refused(2, "faults[2]: no fault is called \"dea\"; is it dead?", "--recording", small, "--faults", "loss:share=0.5,dea")
    refused(2, "faults[1].share: 2 is not from 0 to 1", "--recording", small, "--faults", "loss:share=2")
    refused(2, "gone.lua: No such file", "gone.lua")
    local fleet = t.write("fleet.lua", 'agent {\n  recording = "x",\n  count = 0,\n}\n')
    refused(2, fleet .. ":3: count: 0 is not from 1", fleet)
    fleet = t.write("fleet.lua", "local x = nil\nagent { recording = x.y }\n")
    refused(2, fleet .. ":2: attempt to index local 'x'", fleet)
    fleet = t.write("fleet.lua", "agent {\n")
    refused(2, fleet .. ":", fleet)
    fleet = t.write("fleet.lua", "-- nothing\n")
    refused(2, "no agent { ... } in it", fleet)
    fleet = t.write("fleet.lua", 'for i = 1, 2 do\n  agent { recording = "a", faults = {\n    { "loss", share = i },\n  } }\nend\n')
    refused(2, fleet .. ":3: faults[1].share: 2 is not", fleet)
    fleet = t.write("fleet.lua", ('agent { recording = %q }\nagent { recording = %q, address = "127.1.0.1" }'):format(absolute "small", absolute "small"))
    refused(2, fleet .. ":2: 127.1.0.1:", fleet)
    fleet = t.write("fleet.lua", ('agent { recording = %q, port = 1 }\nagent { recording = %q, port = 1, unbound = true, name = "gone" }'):format(
      absolute "small", absolute "small"):gsub("port = 1", "port = " .. t.free_port()))
    refused(2, fleet .. ":2: gone is unbound, but other agents listen at its port", fleet)
    refused(2, "/tmp: is a directory", "--recording", "/tmp")
    fleet = t.write("fleet.lua", "while true do end")
    refused(2, "still running after 2 s", fleet)
    assert.equal(0, (t.run { t.program, "sim", "--help" }))
    assert.equal(0, (t.run { t.program, "record", "--help" }))
  end)

  it("leaves bad lines out by name, and with --strict does not begin", function()
    local bad = t.write("bad.snmprec", "1.3.6.1.2.1.1.1.0|4|good\n1.3.6.1.2.1.1.2.0|99|odd\nnonsense\n1.3.6.1.2.1.1.7.0|2|7")
    local sim = rig.start { "--recording", bad }
    assert.truthy(sim.process:stderr():find(bad .. ":2: left out", 1, true))
    assert.truthy(sim.process:stderr():find(bad .. ":3: left out", 1, true))
    local _, out = rig.tool("snmpwalk", { "-v2c", "-c", "public", sim:target "127.1.0.1", ".1" })
    assert.equal(2, #rig.printed(out))
    assert.equal(2, sim:stop().left_out)
    local status, err = rig.refused { "--recording", bad, "--strict" }
    assert.equal(2, status)
    assert.truthy(err:find("--strict: 2 lines", 1, true), err)
  end)

  it("tells malformed requests in the snmp group", function()
    local sim = rig.start { "--recording", path "small", "--snmp" }
    local c = rig.client()
    for _ = 1, 5 do c:send("127.1.0.1", sim.port, "0\5nonsense") end
    c:send("127.1.0.1", sim.port, ber.encode(rig.request { oids = { "1.3.6.1.2.1.1.3.0" }, community = "other" }))
    assert(c:ask("127.1.0.1", sim.port, { oids = { "1.3.6.1.2.1.1.3.0" } }))
    -- snmpInPkts, snmpInBadCommunityNames, snmpInASNParseErrs, snmpInGetRequests
    local m = c:ask("127.1.0.1", sim.port, { oids = { "1.3.6.1.2.1.11.1.0", "1.3.6.1.2.1.11.4.0", "1.3.6.1.2.1.11.6.0", "1.3.6.1.2.1.11.15.0" } })
    local got = {}
    for i, vb in ipairs(m.varbinds) do got[i] = vb.value end
    assert.same({ 8, 1, 5, 1 }, got)
    c:close()
    sim:stop()
  end)

  it("names a port in use, in one line", function()
    local sim = rig.start { "--recording", path "small" }
    local status, err = rig.refused { "--recording", path "small", "--port", tostring(sim.port) }
    assert.equal(1, status)
    assert.equal(("moonpoll sim: UDP 127.1.0.1:%d: Address already in use\n"):format(sim.port), err)
    sim:stop()
  end)

  it("serves faults, counts them, and tells them apart on its control socket", function()
    local sim = rig.start { "--recording", path "small", "--count", "2", "--faults", "duplicate:delay=0.01", "-c", "lab", "--live" }
    local c = rig.client()
    c:send("127.1.0.2", sim.port, ber.encode(rig.request { oids = { "1.3.6.1.2.1.1.3.0" }, community = "lab" }))
    assert.equal(2, #c:receive(2, 2))
    c:send("127.1.0.2", sim.port, ber.encode(rig.request { oids = { "1.3.6.1.2.1.1.3.0" }, community = "public" }))
    c:send("127.1.0.1", sim.port, "no SNMP")
    assert.equal(0, #c:receive(1, 0.2))
    c:close()
    local one = require("cjson").decode(sim:tell "agent small-2")
    assert.equal("127.1.0.2:" .. sim.port, one.address)
    assert.same({ 1, 1, 1, 2 }, { one.answered, one.duplicates, one.bad_community, one.datagrams })
    assert.equal(1, one.faults.duplicate)
    assert.equal(1, sim:status().total.malformed)
    assert.truthy(sim:tell("agent none"):find "^error")
    for _ = 1, 100 do assert.equal("ok", sim:tell "reboot 127.1.0.1") end
    assert.truthy(sim:tell("advance 3"):find "^error")
    assert.equal("ok", sim:tell "stop")
    assert.equal(0, sim.process:wait(5))
  end)
end)

describe("The manual page", function()
  after_each(function() t.cleanup() end)
  it("has every option, every fault and every field of a fleet", function()
    local page = t.read "core/main/moonpoll-sim.1"
    local function has(text, what) assert.truthy(page:find(text, 1, true), what) end
    local n = 0
    for _, command in ipairs { "sim", "record" } do
      local _, help = t.run { t.program, command, "--help" }
      for option in help:gmatch "%-%-([%w-]+)" do
        has("Fl -" .. option, option)
        n = n + 1
      end
      for option in help:gmatch "\n  %-(%a) " do has("Fl " .. option, option) end
    end
    assert.truthy(n > 20)
    local _, err = rig.refused { "--recording", path "small", "--faults", "nothing-like-these" }
    for fault in err:match "there are (.*)\n":gmatch "[%w-]+" do has("\n.It Li " .. fault, fault) end
    local fields = t.read "core/bind/fleet/describe.c":match "KEYS%[%] = (%b{})"
    for field in fields:gmatch '"([%w_]+)"' do assert.truthy(page:find("%.It Li [^\n]*%f[%w_]" .. field .. "%f[^%w_]"), field) end
  end)

  it("tells faults in all their forms, and a share of nothing is nothing", function()
    local sim = rig.fleet(([[
      local r = %q
      agent { recording = r, faults = { "loss", { "loss", share = 0 } } }
      agent { recording = r, faults = { { "loss", share = 0 }, ["wrong-id"] = { share = 0 }, dead = { share = 0, every = 10, to = 5 } } }
      agent { recording = r, faults = { dead = true } }
      agent { recording = r, faults = { dead = false, fewer = 2, ["gen-err"] = "1.3.6.1.2.1.1.5", delay = 0.01 } }
      agent { recording = r, faults = "dead" }
      return { seed = 7 }
    ]]):format(absolute "small"))
    local c = rig.client()
    for i, answers in ipairs { false, true, false, true, false } do
      local m = c:ask("127.1.0." .. i, sim.port, { oids = { "1.3.6.1.2.1.1.3.0" } }, answers and 2 or 0.2)
      assert.equal(answers, m and true or false, i)
    end
    c:close()
    sim:stop()
  end)
end)

describe("A seed", function()
  after_each(function() t.cleanup() end)
  local function run(seed)
    local sim = rig.start { "--recording", path "switch", "--count", "5", "--live", "--virtual-clock", "--seed", seed, "--faults",
      "loss:share=0.2,wrong-id:share=0.2" }
    local c, seen = rig.client(), {}
    for step = 1, 5 do
      for i = 1, 5 do
        local m, got = c:ask("127.1.0." .. i, sim.port, { oids = { "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.31.1.1.1.6.3" }, id = step * 100 + i }, 0.1)
        seen[#seen + 1] = m and ("%s %s %s"):format(m.id == got.id, tostring(m.varbinds[1].value), tostring(m.varbinds[2].value)) or "silent"
      end
      assert.equal("ok", sim:tell "advance 3600.5")
    end
    c:close()
    sim:stop()
    return seen
  end
  it("gives the same run again, another one another", function()
    local first = run "5"
    assert.same(first, run "5")
    assert.not_same(first, run "6")
  end)
end)

describe("moonpoll record", function()
  local sim, target
  lazy_setup(function()
    sim = rig.fleet(([[
      agent { recording = %q, name = "good" }
      agent { recording = %q, name = "slow", delay = 0.03 }
      agent { recording = %q, name = "loops", faults = { ["not-increasing"] = "1.3.6.1.2.1.2.2.1.10.2" } }
      agent { recording = %q, name = "dead", faults = "dead" }
    ]]):format(absolute "switch", absolute "small", absolute "switch", absolute "small"))
    target = function(i) return sim:target("127.1.0." .. i) end
  end)
  lazy_teardown(function()
    if sim then sim:stop() end
    t.cleanup()
  end)
  it("takes subtrees, v1, and nothing that is no OID", function()
    local status, out = t.run { t.program, "record", target(1), "-v", "1", "1.3.6.1.2.1.1", ".1.3.6.1.2.1.11" }
    assert.equal(0, status)
    local n = 0
    for line in out:gmatch "[^\n]+" do
      assert.truthy(line:find "^1%.3%.6%.1%.2%.1%.1%." or line:find "^1%.3%.6%.1%.2%.1%.11%.", line)
      n = n + 1
    end
    assert.truthy(n > 50)
    local err
    status, out, err = t.run { t.program, "record", target(1), "system" }
    assert.same({ 2, "", "moonpoll record: system: is no OID\n" }, { status, out, err })
    assert.equal(2, (t.run { t.program, "record" }))
    assert.equal(2, (t.run { t.program, "record", target(1), "-v", "4" }))
    assert.equal(2, (t.run { t.program, "record", "no such host" }))
  end)
  it("keeps round trips that are replayed", function()
    local status, out = t.run { t.program, "record", target(2), "--timing" }
    assert.equal(0, status)
    assert.truthy(tonumber(out:match "#rtt (%d+)") >= 30000)
    local file = t.write("slow.snmprec", out)
    assert_same(rig.read(path "small"), rig.read(t.write("plain.snmprec", (out:gsub("#[^\n]*\n", "")))))
    local again = rig.start { "--recording", file, "--timing" }
    local c = rig.client()
    local m, got = c:ask("127.1.0.1", again.port, { oids = { "1.3.6.1.2.1.1.5.0" } })
    assert.truthy(m and got.after >= 0.03, got.after)
    c:close()
    again:stop()
  end)
  it("writes what there is of an agent that loops, says so, and fails", function()
    local status, out, err = t.run { t.program, "record", target(3) }
    assert.equal(1, status)
    assert.truthy(err:find("127.1.0.3", 1, true) and err:find("what there is was written", 1, true), err)
    assert.truthy(out:find "\n# not whole: ")
    assert.truthy(select(2, out:gsub("\n1%.3%.6", "")) > 500)
  end)
  it("says when there is no answer", function()
    local status, out, err = t.run { t.program, "record", target(4), "-t", "0.1", "-r", "1" }
    assert.equal(1, status)
    assert.equal("# not whole: no answer\n", out)
    assert.equal(1, select(2, err:gsub("\n", "\n")), err)
  end)
end)

describe("Values", function()
  after_each(function() t.cleanup() end)
  it("grow, wrap, come from functions, and go away", function()
    local sim = rig.fleet(([[
      agent { recording = %q, live = true, name = function(i) return "name" .. i end,
        rates = { ["1.3.6.1.2.1.31.1.1.1.6.2"] = { 1000, 1000 } },
        values = { ["1.3.6.1.2.1.31.1.1.1.6.3"] = { mode = "counter", rate = 1e6, start = "18446744073709000000" },
          ["1.3.6.1.2.1.2.2.1.10.3"] = { mode = "counter", rate = 1000, start = 4294967000 }, ["1.3.6.1.2.1.2.2.1.14"] = "still" } }
      agent { recording = %q, vary = {
        ["1.3.6.1.2.1.1.5"] = function(oid, value, time) return ("%%s=%%s@%%d"):format(oid, value, time) end,
        ["1.3.6.1.2.1.1"] = function(oid) if oid == "1.3.6.1.2.1.1.6.0" then return false end end,
        ["1.3.6.1.2.1.2.2.1.10"] = function() return "4294967297" end,
        ["1.3.6.1.2.1.2.2.1.16"] = function() error "no more" end } }
    ]]):format(absolute "switch", absolute "small"), "--virtual-clock")
    local c = rig.client()
    local function get(host, ...)
      local m = assert(c:ask(host, sim.port, { oids = { ... } }))
      local out = {}
      for i, vb in ipairs(m.varbinds) do out[i] = vb.tag >= 0x80 and "none" or tostring(vb.value) end
      return out
    end
    local oids = { "1.3.6.1.2.1.31.1.1.1.6.2", "1.3.6.1.2.1.31.1.1.1.6.3", "1.3.6.1.2.1.2.2.1.10.3", "1.3.6.1.2.1.1.3.0" }
    local before = get("127.1.0.1", unpack(oids))
    assert.equal("ok", sim:tell "advance 10")
    local after = get("127.1.0.1", unpack(oids))
    assert.equal(tonumber(before[1]) + 10000, tonumber(after[1]))
    assert.same({ "18446744073709000000ULL", "9448384", "4294967000", "9704" }, { before[2], after[2], before[3], after[3] })
    assert.equal(tonumber(before[4]) + 1000, tonumber(after[4]))
    assert.equal("ok", sim:tell("advance " .. 498 * 86400))
    assert.truthy(tonumber(get("127.1.0.1", oids[4])[1]) < 86400 * 200) -- 497 days are 2^32 hundredths
    local name, location, wrapped = unpack(get("127.1.0.2", "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.6.0", "1.3.6.1.2.1.2.2.1.10.1"))
    assert.equal("1.3.6.1.2.1.1.5.0=door-7@43027210", name)
    assert.equal("none", location)
    assert.equal("1", wrapped)
    local kept = get("127.1.0.2", "1.3.6.1.2.1.2.2.1.16.1")[1]
    assert.equal(t.read(path "small"):match "\n1%.3%.6%.1%.2%.1%.2%.2%.1%.16%.1|65|(%d+)", kept)
    assert.truthy(sim.process:stderr():find("no more", 1, true))
    assert.equal("name1", require("cjson").decode(sim:tell "agent 127.1.0.1").name)
    c:close()
    sim:stop()
  end)
end)

describe("Ten thousand agents", function()
  after_each(function() t.cleanup() end)
  it("of twenty recordings fit into 100 MB, and a flood of nonsense changes nothing for others", function()
    local all = {}
    for i = 1, 20 do
      local copy = t.write("r" .. i .. ".snmprec", t.read(path(files[i % 4 + 1])))
      all[i] = ("agent { recording = %q, count = 500, live = true }"):format(copy)
    end
    local sim = rig.fleet(table.concat(all, "\n"))
    if t.read("/proc/" .. sim.process.pid .. "/maps"):find("libasan", 1, true) then
      assert.truthy(sim:rss_mb() < 400)
    else
      assert.truthy(sim:rss_mb() < 100, sim:rss_mb())
    end
    local c, noise = rig.client(), rig.client()
    local good = ber.encode(rig.request { oids = { "1.3.6.1.2.1.1.3.0" } })
    for i = 1, 3000 do
      noise:send("127.1." .. i % 39 .. ".7", sim.port, ber.noise(i % 60))
      noise:send("127.1." .. i % 39 .. ".7", sim.port, good:sub(1, i % #good))
      if i % 30 == 0 then
        local m, got = c:ask("127.1." .. i % 39 .. ".7", sim.port, { oids = { "1.3.6.1.2.1.1.3.0" } })
        assert.equal(got.id, m.id)
      end
    end
    c:close()
    noise:close()
    local s = sim:stop()
    assert.equal(100, s.total.answered)
    assert.equal(6000, s.total.malformed + s.total.bad_community)
  end)
end)

describe("Recordings of the field", function()
  local dir = os.getenv "MOON_RECORDINGS"
  if not dir then
    pending "MOON_RECORDINGS names no directory of recordings"
    return
  end
  after_each(function() t.cleanup() end)
  it("come back from any walk alike, sorted, with every line that is clean", function()
    local fleet, list = {}, {}
    for p in io.popen("find " .. t.quote(dir) .. " -name '*.snmprec' -o -name '*.snmpwalk' | sort"):lines() do
      list[#list + 1] = p
      fleet[#fleet + 1] = ('agent { recording = %q, address = "127.4.0.%d", max_octets = 65507 }'):format(p, #list)
    end
    assert.truthy(#list > 0 and #list < 255)
    local sim = rig.fleet(table.concat(fleet, "\n"))
    for i, p in ipairs(list) do
      local walks = {}
      for k, n in ipairs { 3, 40, 300 } do
        local status, out, err = rig.tool("snmpbulkwalk", { "-v2c", "-c", "public", "-Cr" .. n, sim:target("127.4.0." .. i), ".1" })
        assert.equal(0, status, p .. err)
        walks[k] = rig.printed(out)
        if k > 1 then assert_same(walks[1], walks[k]) end
      end
      local there = {}
      for k, vb in ipairs(walks[1]) do
        there[vb.oid] = vb.value:gsub("%s+$", "")
        assert.truthy(k == 1 or ber.compare(ber.arcs(walks[1][k - 1].oid), ber.arcs(vb.oid)) < 0, p)
      end
      local seen = {}
      for line in t.read(p):gmatch "[^\r\n]+" do
        local oid, value = rig.as_printed(line)
        if oid and not oid:find "%.0%d" then seen[oid] = not seen[oid] and value:gsub("%s+$", "") or "twice" end
      end
      for oid, value in pairs(seen) do
        if value ~= "twice" and value:find "^[%a-]+: %d[%d.]*$" and #value < 20 then assert.equal(value, there[oid], p .. " " .. oid) end
      end
    end
    sim:stop()
  end)
end)
