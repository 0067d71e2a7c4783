-- What agents do wrong gives the codes of the engine inside nginx, or is on the list of what differs: every fault of the scripted
-- agent, every fault of the simulator, over v2c and v3. A new one that is in no table here fails.
local cjson = require "cjson"
local faults = require "agent.faults"
local rig = require "nginx.rig"
local sim = require "e2e.sim_rig"
local t = require "e2e.helper"

local own = { up = true, run_seconds = true, run_error = true }
local ways = { "get", "row", "walk", "rows", "only", "bounded" }

-- What tests/e2e/probes/ops.lua said in a page: codes and values by name; its texts.
local function said(page)
  local here, texts = {}, {}
  for _, s in ipairs(cjson.decode((assert(page.body, "no page"))).samples) do
    here[s.name] = s.value
    if s.name:find "_text$" then texts[#texts + 1] = s.name .. ": " .. s.value end
  end
  return here, table.concat(texts, "\n") .. page.body:sub(1, 300)
end
local function codes(of)
  local out = { services = of.services, nothing = of.nothing }
  for _, k in ipairs(ways) do out[k] = of[k] end
  return out
end
-- An agent that is not heard, as one that is dead.
local function assert_deaf(here)
  assert.equal("timeout", here.get)
  for _, k in ipairs(ways) do assert.truthy(here[k] == "timeout" or here[k] == "down", k .. ": " .. tostring(here[k])) end
end
local function pages_of(dir, auths)
  return { server = "location = /snmp { content_by_lua_block { require('pages').snmp() } }", files = { ["pages.lua"] = ([[
local nginx = require 'moonpoll.nginx'
return { snmp = nginx.probe { dir = "%s/tests/e2e/probes", request_timeout = %s, retries = %d, allow = { "127.0.0.0/8:*" }, auth = { %s } } }]])
    :format(rig.here, dir.timeout, dir.retries, auths) } }
end

-- What differs, and is told in lua/README.md: sockets are connected.
local differs = {
  ["other_address('127.0.2.250')"] = "alias", ["other_port()"] = "alias", ["forged('127.0.2.251')"] = "forged",
}

describe("the scripted agent", function()
  local nginx, agent
  local cases = { "", "dead()", "delay(60)", "loss_every(3)", "loss_first(1)", "duplicate(3)", "reorder(2)", "every(2, wrong_id())", "wrong_id()",
    "wrong_community()", "wrong_version()", "other_address('127.0.2.250')", "other_port()", "truncated(10)", "truncated(30)", "trailing(4)",
    "garbage(60)", "garbage_before(60)", "empty()", "over_long_lengths()", "negative_counters()", "zero_length_integers()", "too_big_octets(150)",
    "too_big_varbinds(2)", "gen_err('1.3.6.1.2.1.2.2.1.2')", "not_increasing('1.3.6.1.2.1.2.2.1.2.3')",
    "cycle('1.3.6.1.2.1.2.2.1.2.4', '1.3.6.1.2.1.2.2.1.2.1')", "endless('1.3.6.1.4.1.9')", "fewer(2)", "kind('get', shuffled())",
    "silent_above(5)", "kind('getbulk', dead())", "reboot_at(3)", "wrong_pdu()", "ill_typed('1.3.6.1.2.1.1.5.0')", "error_status(16, 0)",
    "slow_start(150, 2)", "answer_lost()", "forged('127.0.2.251')" }
  local combinators = { every = true, first = true, after = true, on = true, kind = true, version = true }
  local engine, pages = nil, {}
  lazy_setup(function()
    local args, hosts, requests = {}, {}, {}
    for _, base in ipairs { "127.0.7.", "127.0.8." } do
      for i, case in ipairs(cases) do
        args[#args + 1] = "--device"
        args[#args + 1] = base .. i .. "=" .. case
      end
    end
    agent = t.agent(args)
    nginx = rig.start(pages_of({ timeout = 0.3, retries = 1 }, 'lab = { community = "public" }'))
    for i in ipairs(cases) do
      hosts[i] = '"' .. agent:target("127.0.7." .. i) .. '"'
      requests[i] = { path = "/snmp?probe=ops&auth=lab&target=" .. agent:target("127.0.8." .. i) }
    end
    local config = t.write("config.lua", ([[return { auth = { lab = { version = "2c", community = "public" } },
      targets = { { hosts = { %s }, auth = "lab" } }, request = { timeout = 0.3, retries = 1 } }]]):format(table.concat(hosts, ", ")))
    engine = t.poll({ "tests/e2e/probes/ops.lua", "--config", config, "--once" }, { seconds = 90, others = true }).samples
    for i, r in ipairs((nginx:all(requests, 60))) do pages[i] = r end
  end)
  lazy_teardown(function()
    nginx:stop()
    agent:stop()
    t.cleanup()
  end)
  for i, case in ipairs(cases) do
    it((case == "" and "nothing" or case) .. " has the codes of the engine", function()
      local here, texts = said(pages[i])
      local there = {}
      for k, v in pairs(engine[agent:target("127.0.7." .. i)] or {}) do if not own[k] and not k:find "/" then there[k] = v end end
      if differs[case] == "alias" then
        assert_deaf(here)
      elseif differs[case] == "forged" then -- the forger is not heard
        for _, k in ipairs(ways) do assert.equal("ok", here[k], k) end
        assert.equal(72, here.services)
      else
        assert.same(codes(there), codes(here), texts)
      end
    end)
  end
  it("has no fault that is not among these", function()
    local text = table.concat(cases, " ")
    for name in pairs(faults) do
      if not combinators[name] then assert.truthy((" " .. text):find("[ (]" .. name .. "%("), name) end
    end
  end)
end)

-- The simulator's, by their names in a fleet. Those of a moment (rate, reboot, clocks, engines) are held in one state: both hosts meet it.
local simulated = {
  { "dead" }, { "loss", "share = 0.1" }, { "silent-above", "n = 5" }, { "rate", "n = 500" }, { "delay", "delay = 0.05" },
  { "jitter", "delay = 0.05" }, { "slow-start", "delay = 0.05, period = 3600" }, { "reorder" }, { "duplicate" }, { "wrong-id" },
  { "other-source", differs = "alias" }, { "truncated" }, { "trailing" }, { "replay" }, { "too-big", "n = 300" },
  { "gen-err", "oid = '1.3.6.1.2.1.2.2.1.2'" }, { "not-increasing", "oid = '1.3.6.1.2.1.2.2.1.2'" }, { "cycle", "oid = '1.3.6.1.2.1.2.2.1.2'" },
  { "empty-integer", "n = 1" }, { "negative", "oid = '1.3.6.1.2.1.2.2.1.10'" }, { "long-length", "oid = '1.3.6.1.2.1.2'" }, { "fewer", "n = 2" },
  { "bad-digest" }, { "downgrade" }, { "downgrade", "n = 1" }, { "wrong-context" }, { "unsigned-report" }, { "forged-report" },
  { "forged-report", "n = 1" }, { "reboot", "from = 0.001, period = 3600, delay = 0.001" }, { "clock-jump", "from = 0, to = 3600, jump = 1000" },
  { "boots-back", "from = 0, to = 3600" }, { "engine-change", "from = 0, to = 3600" }, { "engine-duplicate", "from = 0, to = 3600" },
}
local interfaces = {}
for i = 1, 24 do
  for column, value in pairs { [1] = "2|" .. i, [2] = "4|Ethernet " .. i, [8] = "2|1", [10] = "65|" .. 3000000000 + i } do
    interfaces[#interfaces + 1] = ("1.3.6.1.2.1.2.2.1.%d.%d|%s"):format(column, i, value)
  end
end
local recording = [[
1.3.6.1.2.1.1.1.0|4|simulated
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.8072.3.2.10
1.3.6.1.2.1.1.3.0|67|50
1.3.6.1.2.1.1.5.0|4|agent
1.3.6.1.2.1.1.7.0|2|72
]] .. table.concat(interfaces, "\n") .. "\n"

for _, version in ipairs { "2c", "3" } do
  describe("the simulator, version " .. version, function()
    local nginx, pages, engine, hosts, fleets = nil, {}, nil, {}, {}
    lazy_setup(function()
      local lines, auth = {}, version == "3" and { 'version = 3, user = "ops", auth = "SHA", auth_pass = "authpass1", priv = "AES", priv_pass = "privpass1"',
        'users = { { user = "ops", auth = "SHA", auth_pass = "authpass1", priv = "AES", priv_pass = "privpass1" } }' } or
        { 'version = "2c", community = "public"', "" }
      local path = t.write("faulty.snmprec", recording)
      for i, f in ipairs(simulated) do
        lines[i] = ("agent { recording = %q, name = 'a%d', address = '127.1.0.%d', v3 = { %s }, faults = { { %q, %s } } }"):format(path, i, i * 4, auth[2],
          f[1], f[2] or "")
        if auth[2] == "" then lines[i] = lines[i]:gsub("v3 = {  }, ", "") end
      end
      for i = 1, 2 do fleets[i] = sim.fleet(table.concat(lines, "\n"), "--seed", "7") end -- the same to each host
      nginx = rig.start(pages_of({ timeout = 0.3, retries = 2 }, "lab = { " .. auth[1] .. " }"))
      local requests, names = {}, {}
      for i in ipairs(simulated) do
        hosts[i] = fleets[1]:target("127.1.0." .. i * 4)
        names[i] = '"' .. hosts[i] .. '"'
        requests[i] = { path = "/snmp?probe=ops&auth=lab&target=" .. fleets[2]:target("127.1.0." .. i * 4) }
      end
      local config = t.write("config.lua", ([[return { auth = { lab = { %s } }, targets = { { hosts = { %s }, auth = "lab" } },
        request = { timeout = 0.3, retries = 2 } }]]):format(auth[1], table.concat(names, ", ")))
      local run = t.start_poll { "tests/e2e/probes/ops.lua", "--config", config, "--once" } -- at the same time: mostly they wait
      for i, r in ipairs((nginx:all(requests, 60))) do pages[i] = r end
      assert(run:wait(60))
      engine = t.samples(run:stdout())
    end)
    lazy_teardown(function()
      nginx:stop()
      for _, f in ipairs(fleets) do f.process:stop() end
      t.cleanup()
    end)
    for i, f in ipairs(simulated) do
      it(f[1] .. (f[2] and " (" .. f[2] .. ")" or "") .. " has the codes of the engine", function()
        local here, texts = said(pages[i])
        local there = engine[hosts[i]] or {}
        assert.truthy(there.get)
        if f.differs == "alias" then assert_deaf(here) else assert.same(codes(there), codes(here), texts) end
      end)
    end
  end)
end
describe("the simulator", function()
  it("has no fault that is not among these", function()
    local status, err = sim.refused { "--recording", "tests/recordings/small.snmprec", "--faults", "nonsense" }
    assert.equal(2, status)
    local known, n = {}, 0
    for _, f in ipairs(simulated) do known[f[1]] = true end
    for name in err:match "there are (.-)\n":gmatch "[%w-]+" do
      n = n + 1
      assert.truthy(known[name], name)
    end
    assert.is_true(n >= 32, err)
  end)
end)
