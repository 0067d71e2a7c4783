-- One run against agents that each do something wrong: every one gives the right values or the right error code, none
-- disturbs another, and both sides counted the same.
local t = require "e2e.helper"

local good = { get = "ok", row = "ok", walk = "ok", rows = "ok", only = "ok", bounded = "ok" }
local function but(changes)
  local out = {}
  for k, v in pairs(good) do out[k] = v end
  for k, v in pairs(changes) do out[k] = v end
  return out
end
local function every(code)
  local out = {}
  for k in pairs(good) do out[k] = code end
  return out
end
-- Three silent requests open the breaker; what comes after is not asked.
local silent = { get = "timeout", row = "timeout", walk = "timeout", rows = "down", only = "down", bounded = "down" }

-- FAULTS, what each way of reading says, whether all four rows were seen.
local cases = {
  { "", good },
  { "dead()", silent },
  { "delay(60)", good },
  { "loss_every(3)", good },
  { "loss_first(1)", good },
  { "duplicate(3)", good },
  { "reorder(2)", good },
  { "every(2, wrong_id())", good },
  { "wrong_id()", silent },
  { "wrong_community()", silent },
  { "wrong_version()", silent },
  { "other_address('127.0.2.250')", good }, -- learned, unless the target is strict
  { "other_port()", good },
  { "other_address('127.0.2.250'), other_port()", silent },
  { "strict, other_address('127.0.2.250')", silent },
  { "strict, other_port()", silent },
  { "strict, forged('127.0.2.251')", good },
  { "truncated(10)", silent },
  { "truncated(30)", every "decode" },
  { "trailing(4)", good },
  { "garbage(60)", silent },
  { "garbage_before(60)", good },
  { "empty()", silent },
  { "over_long_lengths()", good },
  { "negative_counters()", good },
  { "zero_length_integers()", good, sum = 0, services = 0 },
  { "too_big_octets(150)", good },
  { "too_big_varbinds(2)", good },
  { "gen_err('1.3.6.1.2.1.2.2.1.2')", but { walk = "gen_err", rows = "gen_err", only = "gen_err" }, rows = false },
  { "not_increasing('1.3.6.1.2.1.2.2.1.2.3')", but { walk = "loop", rows = "loop" }, rows = false },
  { "cycle('1.3.6.1.2.1.2.2.1.2.4', '1.3.6.1.2.1.2.2.1.2.1')", but { walk = "loop", rows = "loop" }, rows = false },
  { "endless('1.3.6.1.4.1.9')", but { bounded = "budget" } },
  { "fewer(2)", good },
  { "kind('get', shuffled())", good },
  { "silent_above(5)", good },
  { "kind('getbulk', dead())", good },
  { "reboot_at(3)", good },
  { "wrong_pdu()", every "decode" },
  { "ill_typed('1.3.6.1.2.1.1.5.0')", but { get = "decode" } },
  { "error_status(16, 0)", every "access" },
  { "slow_start(150, 2)", good },
  { "answer_lost()", silent },
}

describe("an agent that does", function()
  local agent, result, counted
  local closed = t.free_port()
  lazy_setup(function()
    local args, hosts = {}, { loose = {}, strict = {} }
    for i, case in ipairs(cases) do
      case.host = "127.0.2." .. i
      args[#args + 1] = "--device"
      args[#args + 1] = case.host .. "=" .. case[1]:gsub("^strict, ", "")
    end
    agent = t.agent(args)
    for _, case in ipairs(cases) do
      case.target = agent:target(case.host)
      table.insert(case[1]:find "^strict" and hosts.strict or hosts.loose, case.target)
    end
    table.insert(hosts.loose, "127.0.2.1:" .. closed)
    local function list(l) return '{ "' .. table.concat(l, '", "') .. '" }' end
    local config = t.write("config.lua", ([[
return {
  auth = { lab = { version = "2c", community = "public" } },
  targets = { { hosts = %s, auth = "lab" }, { hosts = %s, auth = "lab", strict_source = true } },
  request = { timeout = 0.3, retries = 1 },
}
]]):format(list(hosts.loose), list(hosts.strict)))
    result = t.poll({ "tests/e2e/probes/ops.lua", "--config", config, "--once" }, { seconds = 90, others = true })
    counted = agent:settled()
  end)
  lazy_teardown(function()
    if agent then agent:stop() end
    t.cleanup()
  end)

  for _, case in ipairs(cases) do
    it(case[1] == "" and "nothing wrong" or case[1], function()
      local s = result.samples[case.target] or {}
      local seen = {}
      for k in pairs(good) do seen[k] = s[k] end
      local texts = {}
      for k in pairs(good) do texts[#texts + 1] = s[k .. "_text"] end
      assert.same(case[2], seen, table.concat(texts, "\n"))
      if case[2].get == "ok" then assert.equal("agent-" .. case.host, s.name) end
      if case[2].row == "ok" then
        assert.equal(case.services or 72, s.services)
        assert.equal("nil", s.nothing)
      end
      if case[2].walk == "ok" then assert.equal(4, s.walked) end
      if case[2].rows == "ok" then assert.same({ 4, case.sum or 10 }, { s.rows_count, s.rows_sum }) end
      if case[2].only == "ok" then assert.equal(2, s.only_count) end
      assert.equal(case[2].bounded == "ok" and "yes" or "no", s.bounded_whole)
      assert.truthy((s.rows_mixed or 0) == 0)
    end)
  end

  it("nothing is bound to the port", function()
    local s = result.samples["127.0.2.1:" .. closed]
    assert.equal("refused", s.get)
    assert.equal("down", s.bounded)
    assert.truthy(result.stats.counters.icmp >= 3)
  end)

  it("told as a whole", function()
    local c = result.stats.counters
    -- Whoever is refused never reaches the agent.
    assert.equal(counted.datagrams_in, c.datagrams_out - result.stats.counters.icmp - result.stats.counters.icmp_stray)
    assert.truthy(c.datagrams_in <= counted.datagrams_out)
    assert.truthy(c.duplicate > 0)
    assert.truthy(c.unknown > 0)
    assert.truthy(c.wrong_source > 0)
    assert.truthy(c.malformed > 0)
    assert.truthy(c.retries > 0)
    assert.equal(0, c.rx_dropped)
    assert.equal(0, result.status)
    assert.truthy(result.stderr:find("sends integers without content; read as 0", 1, true), result.stderr)
    for _, case in ipairs(cases) do assert.equal("ok", result.samples[case.target].run_error) end
  end)
end)

-- The same by GETNEXT, where an error spoils the whole answer.
local cases_v1 = {
  { "", good },
  { "loss_every(3)", good },
  { "too_big_varbinds(2)", good },
  { "too_big_octets(150)", good },
  { "over_long_lengths()", good },
  { "kind('get', shuffled())", good },
  { "gen_err('1.3.6.1.2.1.2.2.1.2')", but { walk = "gen_err", rows = "gen_err", only = "gen_err" } },
  { "not_increasing('1.3.6.1.2.1.2.2.1.2.3')", but { walk = "loop", rows = "loop" } },
  { "endless('1.3.6.1.4.1.9')", but { bounded = "budget" } },
  { "wrong_version()", { get = "timeout", row = "timeout", walk = "timeout", rows = "down", only = "down", bounded = "down" } },
}

describe("an agent of SNMPv1 that does", function()
  local agent, result
  lazy_setup(function()
    local args, hosts = {}, {}
    for i, case in ipairs(cases_v1) do
      case.host = "127.0.3." .. i
      args[#args + 1] = "--device"
      args[#args + 1] = case.host .. "=" .. case[1]
    end
    agent = t.agent(args)
    for i, case in ipairs(cases_v1) do
      case.target = agent:target(case.host)
      hosts[i] = case.target
    end
    result = t.poll { "tests/e2e/probes/ops.lua", "--targets", table.concat(hosts, ","), "-v", "1", "-c", "public", "-t", "0.3", "-r", "1", "--once" }
  end)
  lazy_teardown(function()
    agent:stop()
    t.cleanup()
  end)

  for _, case in ipairs(cases_v1) do
    it(case[1] == "" and "nothing wrong" or case[1], function()
      local s = result.samples[case.target]
      local seen, texts = {}, {}
      for k in pairs(good) do
        seen[k] = s[k]
        texts[#texts + 1] = s[k .. "_text"]
      end
      assert.same(case[2], seen, table.concat(texts, "\n"))
      if case[2].row == "ok" then assert.same({ 72, "nil" }, { s.services, s.nothing }) end
      if case[2].rows == "ok" then assert.same({ 4, 10, 0 }, { s.rows_count, s.rows_sum, s.rows_mixed }) end
      if case[2].only == "ok" then assert.equal(2, s.only_count) end
    end)
  end

  it("told as a whole", function()
    t.assert_agent(result.stats, agent:settled())
    assert.is_nil(agent:stats().requests.getbulk)
  end)
end)
