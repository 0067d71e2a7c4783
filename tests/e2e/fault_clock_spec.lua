-- Clocks that leap: the wall clock set back or ahead while it runs, and a machine that sleeps for a while.
local ffi = require "ffi"
local net = require "agent.net"
local rig = require "e2e.fault_rig"
local sim_rig = require "e2e.sim_rig"
local t = require "e2e.helper"

local small = (os.getenv "PWD" or ".") .. "/tests/recordings/small.snmprec"
local HOUR = 3600

-- Counters that go up by 100,000 a second.
local SCENARIO = [[
local e = "1.3.6.1.4.1.9999.1."
return { mib = mib.new {
  ["1.3.6.1.2.1.1.3.0"] = { ber.TICKS, function(device) return math.floor(device:uptime() * 100) end },
  [e .. "1.1"] = mib.counter(32, 100000, 5), [e .. "2.1"] = mib.counter(64, 100000, 5),
  [e .. "3.1"] = mib.counter(64, 100000, 5), [e .. "4.1"] = mib.counter(32, 100000, 5),
} }
]]

describe("A clock", function()
  local agent, sim
  lazy_setup(function()
    agent = t.agent { "--scenario", t.write("scenario.lua", SCENARIO) }
    sim = sim_rig.fleet(([[for i = 1, 3 do
      agent { recording = %q, address = "127.9.6." .. i, v3 = { users = { { user = "ops", auth = "SHA", auth_pass = "authentic",
        priv = "AES", priv_pass = "privately1" } } } }
    end]]):format(small))
  end)
  lazy_teardown(function()
    if agent then agent:stop() end
    if sim then sim:stop() end
    t.cleanup()
  end)

  -- Polls counters of 20 agents of v2c and 3 of v3; fn(instance, orders) makes it leap. The instance, ended; its counters.
  local function polled(fn)
    local orders, env = rig.kernel()
    local targets = {}
    for i = 1, 20 do targets[i] = ('{ host = %q, auth = "a" }'):format(agent:target("127.0.64." .. i)) end
    local sealed = {}
    for i = 1, 3 do sealed[i] = ('{ host = %q, auth = "v3" }'):format(sim:target("127.9.6." .. i)) end
    local config = t.write("clock.lua", ([[return {
      auth = { a = { community = "public" },
        v3 = { version = 3, user = "ops", auth = "SHA", auth_pass = "authentic", priv = "AES", priv_pass = "privately1" } },
      targets = { %s, %s }, request = { timeout = 1.5, retries = 0 },
      probes = { { file = "%s/tests/e2e/probes/rates.lua", match = "1.3.6.1.4.1.9999" }, { file = "%s/tests/e2e/probes/count.lua" } } }]])
      :format(table.concat(targets, ","), table.concat(sealed, ","), os.getenv "PWD", os.getenv "PWD"))
    local run = rig.start({ "--config", config, "--workers", "2" }, { env = env })
    run:polled("n", 46)
    run.before = run:status()
    fn(run, orders)
    return run, run:stop()
  end

  -- What holds however the wall clock goes: each device is polled at its interval, and no rate says otherwise.
  local function undisturbed(run, s, skipped)
    assert.equal(0, s.workers_lost)
    assert.equal(0, s.errors.timeout + s.errors.cancelled, run:log())
    assert.equal(0, s.runs.runs_failed + s.runs.runs_timeout, run:log())
    for _, name in ipairs { "discoveries", "reports_engine", "reports_time", "resyncs" } do
      assert.equal(run.before.counters[name], s.counters[name], name)
    end
    local missed = s.runs.runs_skipped - run.before.runs.runs_skipped
    assert.is_true(missed <= skipped, missed .. " runs were skipped")
    local by = run:samples "small"
    for _, list in pairs(by) do
      for _, x in ipairs(list) do assert.is_true(x.value > 60000 and x.value < 170000, x.value) end
    end
    for _, list in pairs(run:samples "n") do
      for i, x in ipairs(list) do assert.equal(i, x.value) end
    end
  end

  it("that is set back an hour moves the samples' time, and nothing else", function()
    for _, leap in ipairs { -HOUR, HOUR } do
      local at
      local run, s = polled(function(run, orders)
        local from, began = run:printed(), net.now()
        orders.wall_s = leap
        run:polled("n", 23 * 4)
        at = os.time() + leap
        -- Four runs each take two seconds: neither stands still nor catches up.
        local runs = run:status().runs.runs_ok - run.before.runs.runs_ok
        assert.is_true(runs <= 23 * 3 * ((net.now() - began) / 0.5 + 1.5), runs)
        local seen = 0
        for _, list in pairs((run:samples("n", from))) do
          seen = seen + 1
          assert.is_true(math.abs(list[#list].t - at) < 30, list[#list].t - at)
        end
        assert.equal(23, seen)
      end)
      undisturbed(run, s, 23) -- a busy machine may miss one
    end
  end)

  it("that leaps while the machine sleeps: no worker is judged, no answer is late, missed runs are skipped, not made up for", function()
    -- Asked before it sleeps, answered while it does.
    for i = 1, 8 do agent:faults("127.0.64." .. i, "delay(700)") end
    local slept = 3
    local run, s = polled(function(run, orders)
      local tree = rig.tree(run.process.pid)
      for _, pid in ipairs(tree) do ffi.C.kill(pid, rig.STOP) end
      t.sleep(slept)
      orders.wall_s = HOUR
      local from = run:printed()
      for i = #tree, 1, -1 do ffi.C.kill(tree[i], rig.CONT) end
      local woke = net.now()
      run:polled("n", 23 * 3)
      local by = run:samples("n", from)
      local most = (net.now() - woke) / 0.5 + 2.5
      for device, list in pairs(by) do assert.is_true(#list <= most, device .. ": " .. #list .. " of " .. most) end
      assert.equal(0, #run:status().quarantine)
    end)
    for i = 1, 8 do agent:faults("127.0.64." .. i, "") end
    -- Of 46 jobs, those that came due while it slept.
    undisturbed(run, s, 46 * (slept / 0.5 + 2))
    assert.equal(0, run:said "quarantine")
  end)
end)
