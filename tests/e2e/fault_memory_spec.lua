-- Too little memory: at the start it is said in a line, while it runs it costs the run that asked for it.
local rig = require "e2e.fault_rig"
local t = require "e2e.helper"

local MB = 2 ^ 20

-- The first device of all asks for more and more.
local PROBE = [[
local snmp, args = require "moonpoll", ...
return { every = 0.5, timeout = 5, run = function(device, out, state)
  state.n = (state.n or 0) + 1
  assert(device:get "1.3.6.1.2.1.1.3.0")
  if device.name == args.hog and state.n > 2 then
    local all = {}
    for i = 1, 500 do
      all[i] = ("x"):rep(100000) .. i
      if i % 20 == 0 then snmp.sleep(0.01) end
    end
  end
  out:gauge("n", state.n)
end }]]

describe("Memory", function()
  local agent
  lazy_setup(function() agent = t.agent {} end)
  lazy_teardown(function()
    if agent then agent:stop() end
    t.cleanup()
  end)

  local sanitized = rig.sanitizer() ~= ""

  -- A sanitizer takes terabytes of addresses: beneath it no block may be larger than so many MB. What it has to say about that is put aside.
  local function limited(mb)
    if not sanitized then return ("ulimit -v %d; exec"):format(mb * 1024) end
    return ("exec env ASAN_OPTIONS=allocator_may_return_null=1:max_allocation_size_mb=%d:log_path=%s"):format(mb, t.path "refused")
  end

  it("of which there is too little to start is told in one line, and it ends", function()
    local host, worked, told = agent:target "127.0.66.1", 0, 0
    local from, to, step = 8, 400, 14
    if sanitized then from, to, step = 1, 64, 4 end
    for mb = from, to, step do
      local code, out, err = t.run({}, { seconds = 20, shell = ("%s %s run tests/e2e/probes/ticks.lua --targets %s --once -o json --run-dir %s")
        :format(limited(mb), t.program, host, t.path "run") })
      if code == 0 then
        worked = worked + 1
        assert.equal(1, t.samples(out)[host].up)
      else
        assert.is_true(code == 1 or code == 2 or code == 3 or code == 127, code .. err) -- 127: not even its libraries
        assert.equal(1, select(2, err:gsub("\n", "")), mb .. " MB: " .. err)
        if code ~= 127 then
          assert.truthy(err:find "memory" or err:find "address space", err)
          told = told + 1
        end
      end
    end
    assert.is_true(worked > 3 and told > 1, ("%d worked, %d told"):format(worked, told))
  end)

  it("that a worker cannot have more of ends the run that asks for it, and nobody else's", function()
    local list = {}
    for i = 1, 10 do list[i] = agent:target("127.0.66." .. i) end
    local run = rig.start({ t.write("hog.lua", PROBE), "--arg", "hog=" .. list[1], "--targets", table.concat(list, ","), "-c", "public" },
      { env = { ASAN_OPTIONS = "allocator_may_return_null=1" } })
    local pid = run:status().workers[1].pid
    local kb = tonumber(t.read("/proc/" .. pid .. "/status"):match "VmSize:%s*(%d+)")
    rig.allow(pid, rig.RLIMIT_AS, kb * 1024 + 8 * MB)
    t.wait_for("a run without memory", 10, function() return run:said "not enough memory" > 0 end)
    local from = run:printed()
    run:polled("n", 9 * 4)
    local by = run:samples("n", from)
    for i = 2, 10 do assert.is_true(#by[list[i]] >= 3, list[i]) end
    assert.equal(pid, run:status().workers[1].pid)
    local s = run:stop()
    assert.equal(0, s.workers_lost)
  end)
end)
