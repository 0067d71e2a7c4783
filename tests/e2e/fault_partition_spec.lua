-- A network that falls apart and heals: the instance and its agents each in a network namespace of their own, a cable between.
local rig = require "e2e.fault_rig"
local sim_rig = require "e2e.sim_rig"
local t = require "e2e.helper"

local N = 60
local PROBE = [[return { every = 0.5, timeout = 5, run = function(device, out)
  local uptime, err = device:get "1.3.6.1.2.1.1.3.0"
  if not uptime then return nil, err end
  out:gauge("n", 1)
end }]]

-- Why there can be no namespaces here; nil: there can.
local function obstacle()
  local try = "unshare -n sh -c 'PATH=$PATH:/usr/sbin:/sbin; ip link add moon0 type veth peer name moon1' 2>&1"
  local said = rig.read_of(try .. "; echo $?")
  return said ~= "0" and "no network namespaces here: " .. said:gsub("%s+", " ") or nil
end

describe("A network that", function()
  local why = obstacle()
  if why then
    pending("falls apart, and heals: " .. why)
    return
  end

  local here, there, sim
  local function ip(space, words)
    assert(os.execute(("PATH=$PATH:/usr/sbin:/sbin nsenter -t %d -n ip %s"):format(space.pid, words)) == 0, words)
  end
  local function inside(space) return { before = { "nsenter", "-t", tostring(space.pid), "-n" } } end

  lazy_setup(function()
    here, there = t.start { "unshare", "-n", "sleep", "200" }, t.start { "unshare", "-n", "sleep", "200" }
    t.wait_for("the namespaces", 5, function()
      local own = rig.read_of "readlink /proc/self/ns/net"
      local a, b = rig.read_of("readlink /proc/" .. here.pid .. "/ns/net"), rig.read_of("readlink /proc/" .. there.pid .. "/ns/net")
      return a ~= own and b ~= own and a ~= "" and b ~= ""
    end)
    for _, space in ipairs { here, there } do ip(space, "link set lo up") end
    ip(here, ("link add cable type veth peer name cable netns %d"):format(there.pid))
    ip(here, "addr add 10.77.0.1/24 dev cable")
    ip(there, "addr add 10.77.0.2/24 dev cable")
    for _, space in ipairs { here, there } do ip(space, "link set cable up") end
    ip(here, "route add 10.77.1.0/24 via 10.77.0.2")
    ip(there, "route add local 10.77.1.0/24 dev lo") -- all of them are this host
    sim = sim_rig.start({ "--recording", "tests/recordings/small.snmprec", "--count", tostring(N), "--address", "10.77.1.1", "--port", "161" },
      inside(there))
  end)
  lazy_teardown(function()
    if sim then sim:stop() end
    for _, p in ipairs { here, there } do p:signal(9) end
    t.cleanup()
  end)

  -- Polls all; breaks it, waits for all to be down, heals it, waits for all to be up; the instance and its last counters.
  local function through(code, cut, mend)
    local hosts = {}
    for i = 1, N do hosts[i] = ("{ host = '10.77.1.%d:161', auth = 'a' }"):format(i) end
    local config = t.write("partition.lua", ([[return { auth = { a = { community = "public" } }, targets = { %s },
      request = { timeout = 0.4, retries = 1, breaker_trial = 1 } }]]):format(table.concat(hosts, ",")))
    local run = rig.start({ t.write("one.lua", PROBE), "--config", config }, inside(here))
    run:polled("n", N)
    local function all(value)
      local from = run:printed()
      t.wait_for("up = " .. value .. " of all", 15, function()
        local n = 0
        for _, list in pairs((run:samples("up", from))) do n = n + (list[#list].value == value and 1 or 0) end
        return n == N
      end)
    end
    local well = run:status()
    cut()
    all(0)
    run:when("open breakers", 15, function(s) return s.counters.breakers_opened - s.counters.breakers_closed == N end)
    -- What is sent now are trials: one request, of two tries, for each agent in a second.
    local before = run:status()
    t.sleep(1.5)
    local after = run:status()
    local sent = after.counters.requests - before.counters.requests - (after.errors.down - before.errors.down)
    local seconds = after.seconds - before.seconds
    assert.is_true(sent <= N * (seconds + 1), sent .. " requests of " .. N .. " agents left in " .. seconds .. " s")
    mend()
    all(1)
    run:polled("n", 2 * N)
    assert.equal(well.workers[1].pid, run:status().workers[1].pid)
    local s = run:stop()
    assert.equal(0, s.workers_lost)
    assert.is_true(s.errors[code] >= N)
    -- A line for the site, not one a device: the first, all others, and who is well again.
    assert.is_true(run:said ": timeout: " + run:said ": unreachable: " + run:said ": down: " <= 4, run:log())
    assert.is_true(run:said "site 10.77.1.0/24: " >= 1, run:log())
    return s
  end

  it("loses answers in silence: agents go down and are only tried, and are back by themselves", function()
    local s = through("timeout", function() ip(there, "route add blackhole 10.77.0.1/32") end, function() ip(there, "route del blackhole 10.77.0.1/32") end)
    assert.equal(0, s.errors.unreachable)
  end)

  it("forgets the way back to one port of ours: agents are asked from another one before they count as down", function()
    local hosts = {}
    for i = 1, N do hosts[i] = ("10.77.1.%d:161"):format(i) end
    local run = rig.start({ t.write("one.lua", PROBE), "--targets", table.concat(hosts, ","), "-c", "public", "-t", "0.4", "-r", "1" }, inside(here))
    run:polled("n", N)
    local ports = rig.ports(run:status().workers[1].pid)
    assert.equal(1, #ports)
    ip(there, ("rule add pref 10 ipproto 17 dport %d blackhole"):format(ports[1]))
    run:when("others ports", 10, function(s) return s.counters.ports_changed >= N end)
    local from = run:printed()
    run:polled("n", 3 * N)
    for _, list in pairs((run:samples("up", from))) do assert.equal(1, list[#list].value) end
    ip(there, "rule del pref 10")
    assert.equal(2, #rig.ports(run:status().workers[1].pid))
    local s = run:stop()
    assert.equal(N, s.counters.ports_changed)
    assert.equal(0, s.counters.breakers_opened, run:log())
  end)

  it("takes an address away that others are asked from, and a worker is lost meanwhile: all else is polled, and they are back with it", function()
    ip(here, "addr add 10.77.0.7/24 dev cable")
    local config = t.write("source.lua", [[return { auth = { a = { community = "public" } }, request = { timeout = 0.4, retries = 1, breaker_trial = 1 },
      targets = { { host = "10.77.1.1:161", name = "own", auth = "a", source = "10.77.0.7" }, { host = "10.77.1.2:161", name = "any", auth = "a" } } }]])
    local run = rig.start({ t.write("one.lua", PROBE), "--config", config }, inside(here))
    local function last(own, what)
      local from = run:printed()
      t.wait_for(what, 15, function()
        local by = run:samples("up", from)
        return by.own and by.any and by.own[#by.own].value == own and by.any[#by.any].value == 1
      end)
    end
    last(1, "both")
    ip(here, "addr del 10.77.0.7/24 dev cable")
    last(0, "the one alone")
    t.wait_for("what to look at", 5, function() return run:said "source 10.77.0.7: Cannot assign requested address any more" == 1 end)
    local pid = run:status().workers[1].pid
    assert(os.execute("kill -9 " .. pid) == 0)
    run:when("its successor", 10, function(s) return s.workers[1].pid ~= pid and s.workers[1].pid ~= 0 end)
    last(0, "the one alone, by the successor")
    assert.equal(1, run:said "source 10.77.0.7: Cannot assign requested address: ")
    ip(here, "addr add 10.77.0.7/24 dev cable")
    last(1, "both again")
    assert.equal(1, run:stop().workers_lost)
  end)

  it("has its cable pulled: agents cannot be reached, and are back once it is in again", function()
    through("unreachable", function() ip(here, "link set cable down") end, function()
      ip(here, "link set cable up")
      ip(here, "route replace 10.77.1.0/24 via 10.77.0.2")
    end)
  end)
end)
