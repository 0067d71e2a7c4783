-- Agents of whom nobody wrote down what they speak: several credentials, of all versions, tried in order; the one that answered is remembered.
local rig = require "e2e.sim_rig"
local t = require "e2e.helper"

local small = (os.getenv "PWD" or ".") .. "/tests/recordings/small.snmprec"
local AGENTS = { "two", "three", "one", "stranger", "silent" }

describe("credentials tried in order", function()
  local sim
  before_each(function()
    sim = rig.fleet(([[
      local small = %q
      local function v3(user, pass) return { users = { { user = user, auth = "SHA", auth_pass = pass, priv = "AES", priv_pass = pass } } } end
      agent { recording = small, name = "two", community = "second" }
      agent { recording = small, name = "three", community = "of nobody", v3 = v3("ops", "the right one") }
      agent { recording = small, name = "one", community = "third" }
      agent { recording = small, name = "stranger", community = "of nobody", v3 = v3("somebody", "else entirely") }
      agent { recording = small, name = "silent", community = "of nobody" }
    ]]):format(small))
  end)
  lazy_teardown(t.cleanup)

  local function words(every)
    local targets = {}
    for i, name in ipairs(AGENTS) do targets[i] = ("{ host = %q, name = %q, auth = { 'ops', 'two', 'one' } }"):format(sim:target("127.1.0." .. i), name) end
    local probe = t.write("uptime.lua", ([[return { every = %g, run = function(device, out)
      for _ = 1, 3 do
        local uptime, err = device:get "1.3.6.1.2.1.1.3.0"
        if not uptime then out:info("code", err.code) return nil, err end
        out:gauge("uptime", uptime)
        out = out:with { more = "1" .. _ }
      end
    end }]]):format(every))
    local config = t.write("credentials.lua", ([[return { auth = {
      ops = { version = 3, user = "ops", auth = "SHA", auth_pass = "the right one", priv = "AES", priv_pass = "the right one" },
      two = { version = "2c", community = "second" }, one = { version = "1", community = "third" } },
      targets = { %s }, request = { timeout = 1, retries = 0 } }]]):format(table.concat(targets, ",\n")))
    return { probe, "--config", config }
  end

  -- Ends the agents; what each counted, by name.
  local function counted()
    local by_name = {}
    for _, a in ipairs(sim:stop().each) do by_name[a.name] = a end
    return by_name
  end

  it("find the one each agent takes, whatever its version, and blame no other for the rest", function()
    local w = words(60)
    w[#w + 1] = "--once"
    local r = t.poll(w)
    assert.equal(3, r.status, r.stderr)
    for i = 1, 3 do
      assert.truthy(r.samples[AGENTS[i]] and r.samples[AGENTS[i]].uptime, AGENTS[i])
      assert.equal(1, r.samples[AGENTS[i]].up, AGENTS[i])
    end
    assert.equal(0, r.samples.stranger.up)
    assert.equal(0, r.samples.silent.up)
    -- Each of the three asked three times; what a credential cost is one try each before the one that was taken.
    local c = r.stats.counters
    assert.equal(9, c.answered)
    t.assert_balances(r.stats, true)
    counted()
  end)

  it("are not tried again once one was answered", function()
    local p = t.start_poll(words(0.2))
    t.wait_for("runs", 20, function()
      assert.truthy(p:alive(), p:stderr())
      return select(2, p:stdout():gsub('"device":"one"[^\n]*"name":"uptime"', "")) >= 12
    end)
    assert.equal(0, p:stop(10), p:stderr())
    local heard = counted()
    -- "one" hears the community of "two" once, before its own, and never again.
    assert.equal(1, heard.one.bad_community)
    assert.equal(0, heard.two.bad_community)
    assert.equal(0, heard.three.bad_community)
    assert.truthy(heard.one.gets >= 12)
  end)
end)
