-- A kernel that takes no datagrams, some of them, or gives little room for answers.
local net = require "agent.net"
local rig = require "e2e.fault_rig"
local t = require "e2e.helper"

local N = 40

-- Waits until the kernel has said no n times more.
local function failed(orders, n)
  local before = orders.sends_failed
  t.wait_for(n .. " failed sends", 10, function() return orders.sends_failed >= before + n end)
end

describe("A kernel that", function()
  local agent
  lazy_setup(function() agent = t.agent {} end)
  lazy_teardown(function()
    if agent then agent:stop() end
    t.cleanup()
  end)

  local function hosts(n)
    local out = {}
    for i = 1, n do out[i] = agent:target(("127.0.%d.%d"):format(65 + math.floor(i / 250), i % 250 + 1)) end
    return out
  end
  local function start(list, env, ...)
    return rig.start({ "tests/e2e/probes/count.lua", "--targets", table.concat(list, ","), "-c", "public", ... }, { env = env })
  end

  it("has no buffers for a moment (ENOBUFS) is asked again soon, not at once, and nobody is blamed", function()
    for _, loop in ipairs { "libev", "epoll" } do
      local orders, env = rig.kernel()
      local run = start(hosts(N), env, "-t", "3", "-r", "0", "--loop", loop)
      run:polled("n", N)
      local began, from = net.now(), orders.sends_failed
      orders.send_errno = rig.ENOBUFS
      t.sleep(0.7)
      orders.send_errno = 0
      -- Tried again every millisecond, not in a circle.
      local times = orders.sends_failed - from
      assert.is_true(times > 5 and times < (net.now() - began) * 1000 + 50, times)
      run:polled("n", 3 * N)
      local s = run:stop()
      assert.equal(0, s.errors.timeout + s.errors.unreachable + s.errors.down, run:log())
      assert.equal(0, s.runs.runs_failed + s.runs.runs_timeout)
      assert.is_true(s.counters.send_errors >= times)
      assert.equal(s.counters.datagrams_out, s.counters.datagrams_in)
    end
  end)

  it("takes nothing for long ends requests in time, and all is well again once it does", function()
    local orders, env = rig.kernel()
    local run = start(hosts(N), env, "-t", "0.4", "-r", "0")
    run:polled("n", N)
    orders.send_errno = rig.ENOBUFS
    local from = run:printed()
    t.wait_for("failed runs of all", 10, function()
      local failing = 0
      for _, list in pairs((run:samples("up", from))) do failing = failing + (list[#list].value == 0 and 1 or 0) end
      return failing == N
    end)
    orders.send_errno = 0
    run:polled("n", 2 * N)
    local s = run:stop()
    assert.equal(0, s.workers_lost)
    assert.is_true(s.errors.timeout >= N)
  end)

  it("may not send to one agent (EPERM of a firewall) makes that one unreachable, and no other", function()
    local orders, env = rig.kernel()
    local list = hosts(N)
    local run = start(list, env, "-t", "0.5", "-r", "1")
    run:polled("n", N)
    orders.to = net.address "127.0.65.5"
    orders.send_errno = rig.EPERM
    failed(orders, 3)
    local from = run:printed()
    run:polled("n", 4 * (N - 1))
    local by = run:samples("up", from)
    for _, host in ipairs(list) do
      for i, u in ipairs(by[host] or {}) do
        if host ~= agent:target "127.0.65.5" then assert.equal(1, u.value, host) elseif i > 1 then assert.equal(0, u.value) end
      end
    end
    local of = run:target(agent:target "127.0.65.5")
    assert.equal("unreachable", of.cause)
    orders.send_errno = 0
    local s = run:stop()
    assert.equal(0, s.errors.timeout, run:log())
    assert.is_true(s.errors.unreachable >= 2)
  end)

  it("gives a tiny receive buffer: that is said with what to do, drops are counted, and every value comes all the same", function()
    local orders, env = rig.kernel()
    orders.receive = 8192
    local n = 200
    local run = start(hosts(n), env, "-t", "0.3", "-r", "3", "--every", "1")
    t.wait_for("all of them", 20, function()
      local up = 0
      for _ in pairs((run:samples "n")) do up = up + 1 end
      return up == n
    end)
    local s = run:stop()
    assert.equal(1, run:said "the kernel gave a receive buffer of")
    assert.equal(1, run:said "net.core.rmem_max\n")
    assert.is_true(s.counters.rx_dropped > 0)
    assert.equal(s.counters.datagrams_out, s.counters.datagrams_in + s.counters.rx_dropped)
  end)
end)
