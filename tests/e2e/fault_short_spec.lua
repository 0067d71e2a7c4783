-- What is short while it runs: files that may be opened, used up by others or by itself.
local rig = require "e2e.fault_rig"
local t = require "e2e.helper"

local N = 12

describe("Files to open", function()
  local agent
  lazy_setup(function() agent = t.agent {} end)
  lazy_teardown(function()
    if agent then agent:stop() end
    t.cleanup()
  end)

  local function opened(pid) return tonumber(rig.read_of(("ls /proc/%d/fd | wc -l"):format(pid))) end
  local function allow(pid, n) rig.allow(pid, rig.RLIMIT_NOFILE, n) end
  -- As if all others were taken: the lowest that is free is one too many.
  local function use_up(pid)
    local n = 0
    while rig.read_of(("readlink /proc/%d/fd/%d"):format(pid, n)) ~= "" do n = n + 1 end
    allow(pid, n)
  end

  it("that are used up while a site is down: changes arrive, all is asked and answered, and it is said what to allow", function()
    local hosts, file = {}, t.path "targets"
    for i = 1, N do hosts[i] = agent:target("127.0.67." .. i) end
    local function targets(n)
      local f = assert(io.open(file .. ".new", "w"))
      f:write(table.concat(hosts, "\n", 1, n), "\n")
      f:close()
      assert(os.rename(file .. ".new", file))
    end
    targets(N - 1)
    local run = rig.start { "tests/e2e/probes/ticks.lua", "--every", "0.3", "--targets", file, "-c", "public", "-t", "0.1", "-r", "1" }
    run:polled("up", N - 1)
    local worker = run:status().workers[1].pid
    use_up(worker)
    local few = opened(worker)
    for i = 1, N do agent:faults("127.0.67." .. i, "dead()") end
    t.wait_for("what is missing", 10, function() return run:said "no other port to ask silent agents from: " > 0 end)
    assert.equal(1, run:said "no other port to ask silent agents from: Too many open files; allow more files (ulimit -n)")
    targets(N)
    run:when("one more device", 5, function(s) return s.devices == N end)
    for i = 1, N do agent:faults("127.0.67." .. i, "") end
    t.wait_for("all of them", 15, function()
      local from = run:printed()
      t.sleep(0.7)
      local n = 0
      for _, list in pairs((run:samples("up", from))) do n = n + list[#list].value end
      return n == N
    end)
    local now = run:status()
    assert.equal(worker, now.workers[1].pid)
    assert.equal(0, now.counters.ports_changed)
    assert.equal(few, opened(worker))
    -- There is room again: another port is had.
    allow(worker, 1024)
    agent:faults("127.0.67.1", "dead()")
    run:when("another port", 10, function(s) return s.counters.ports_changed > 0 end)
    run:stop()
  end)
end)
