-- The collector among agents of SNMPv3 that do everything wrong: no wrong value ever, both sides count alike, and after each
-- fault that has an end polling goes on.
local cjson = require "cjson"
local rig = require "e2e.sim_rig"
local t = require "e2e.helper"

local singles = [[
  local singles = {
    { "reboot", from = 2, delay = 0.2 }, { "clock-jump", from = 2, to = 4, jump = 200 }, { "clock-jump", from = 2, to = 4, jump = -200 },
    { "boots-back", from = 2, to = 4 }, { "engine-change", from = 2, to = 4, period = 0.7 }, { "engine-duplicate", n = 1 },
    { "forged-report", n = 1 }, { "forged-report", n = 2 }, { "forged-report", n = 3 }, { "forged-report", n = 4 },
    { "forged-report", n = 5 }, { "forged-report", n = 6 }, { "replay" }, { "replay", period = 2 },
    { "bad-digest", from = 2, to = 3 }, { "downgrade", from = 2, to = 3 }, { "downgrade", from = 2, to = 3, n = 1 },
    { "wrong-context", from = 2, to = 3 }, { "unsigned-report", to = 2 }, { "dead", from = 2, to = 3 }, { "loss", share = 0.2 },
    { "duplicate", share = 0.5 }, { "wrong-id", from = 2, to = 3 }, { "truncated", n = 9, from = 2, to = 3 }, { "trailing", n = 5 },
    { "too-big", n = 400 } }
]]
local N = 2 * select(2, singles:gsub("{ \"", "")) * 2

-- As tests/e2e/probes/checked.lua knows them.
local function recording(i)
  local lines = { ("1.3.6.1.2.1.1.3.0|67|%d"):format(i), "1.3.6.1.2.1.1.5.0|4|agent " .. i }
  for row = 1, 15 do
    lines[#lines + 1] = ("1.3.6.1.4.1.9999.1.1.%d|2|%d"):format(row, i * 1000 + row)
    lines[#lines + 1] = ("1.3.6.1.4.1.9999.1.2.%d|4|agent %d row %d"):format(row, i, row)
    lines[#lines + 1] = ("1.3.6.1.4.1.9999.1.3.%d|70|%.0f"):format(row, i * 2 ^ 33 + row)
    lines[#lines + 1] = ("1.3.6.1.4.1.9999.1.4.%d|65|%d"):format(row, 4294967295 - row)
    lines[#lines + 1] = ("1.3.6.1.4.1.9999.1.5.%d|66|0"):format(row)
  end
  return t.write("checked.snmprec", table.concat(lines, "\n"))
end

describe("The collector among agents of SNMPv3 that do everything wrong", function()
  after_each(function() t.cleanup() end)
  it("gets no wrong value, goes on polling, and both sides count alike", function()
    local fleet = { singles, [[
      local user = { user = "ops", auth = "SHA-256", auth_pass = "first password", priv = "AES", priv_pass = "second password" }
      local function odd(i, recording)
        local faults = {}
        if i % 2 == 0 then -- one of them
          faults[1] = singles[i / 2 % #singles + 1]
        else -- all of them, each now and then
          for k, f in ipairs(singles) do
            local copy = {}
            for key, v in pairs(f) do copy[key] = v end
            copy.share = 0.04
            if copy.to then copy.every = 5 end
            faults[k] = copy
          end
        end
        agent { recording = recording, name = (i % 2 == 0 and faults[1][1] or "all") .. " " .. i, faults = faults, v3 = { users = { user } } }
      end
    ]] }
    for i = 1, N do fleet[#fleet + 1] = ("odd(%d, %q)"):format(i, recording(i)) end
    local sim = rig.fleet(table.concat(fleet, "\n"), "--targets", t.path "targets.json", "--seed", "11")
    local targets = sim.process.what:match "'%-%-targets' '(.-)'"
    local p = t.start_poll { "tests/e2e/probes/checked.lua", "--targets", targets, "-v3", "-l", "authPriv", "-u", "ops", "-a", "SHA-256", "-A",
      "first password", "-x", "AES", "-X", "second password", "-t", "0.3", "-r", "2", "-o", "json", "--log", "error" }
    t.sleep(8)
    -- What was asked twice is answered twice, the second time maybe after the run: only one that answers once is left before the end.
    local left = {}
    for _, group in ipairs(cjson.decode(t.read(targets))) do
      if group.labels.agent:find "^too%-big" then left[1] = group end
    end
    assert.equal(1, #left)
    assert(os.rename(t.write("one.json", cjson.encode(left)), targets))
    t.wait_for("the others to be left alone", 15, function()
      local before = #p:stdout()
      t.sleep(1)
      local now = p:stdout():sub(before + 1):match "\n(.*)\n" or ""
      for agent in now:gmatch '"agent":"([^"]+)"' do
        if agent ~= left[1].labels.agent then return false end
      end
      return now ~= ""
    end)
    local status = p:stop(20)
    assert.equal(0, status, p:stderr():sub(-2000))
    assert.equal("", p:stderr():sub(1, 500))
    local stats = p.stats()
    t.assert_balances(stats, true)
    local s = sim:stop()
    local good, runs, last = 0, 0, {}
    for line in p:stdout():gmatch "[^\n]+" do
      local sample = cjson.decode(line)
      if sample.name == "good" then
        good, runs = good + sample.value, runs + 1
        last[sample.labels.agent] = sample.value
      elseif sample.name == "wrong" then
        assert.equal(0, sample.value, line)
      elseif sample.name == "wrong_value" then
        error(line)
      end
    end
    assert.truthy(good > N * 500, good)
    assert.truthy(runs > N * 5, runs)
    for i = 2, N, 2 do -- whose fault is over, or may be lived with, ends with all of its values
      local agent
      for _, a in ipairs(s.each) do agent = a.name:match " (%d+)$" == tostring(i) and a.name or agent end
      if not agent:find "^loss" then assert.truthy((last[agent] or 0) >= 80, agent .. ": " .. tostring(last[agent])) end
    end
    -- Nothing is lost on this machine: what one side sent the other one has.
    local c = stats.counters
    assert.equal(c.datagrams_out, s.datagrams_in)
    assert.equal(s.total.datagrams, s.datagrams_in)
    assert.equal(c.datagrams_in, s.datagrams_out)
    assert.equal(0, s.total.malformed + s.total.bad_community + s.send_errors + s.held_dropped + s.nobody)
    for name in singles:gmatch '{ "([%w-]+)"' do assert.truthy(s.total.faults[name], name) end
    -- And both say why.
    assert.truthy(c.discoveries >= N and c.discoveries <= s.total.refusals.unknown_engine)
    assert.truthy(c.reports_engine >= N)
    assert.truthy(c.resyncs >= N / 26)
    assert.truthy(c.auth_failed >= s.total.faults["bad-digest"])
  end)
end)
