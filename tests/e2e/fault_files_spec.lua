-- A kernel that tells nothing of changed files: they are looked at by time.
local rig = require "e2e.fault_rig"
local t = require "e2e.helper"

describe("Target files", function()
  local agent
  lazy_setup(function() agent = t.agent {} end)
  lazy_teardown(function()
    if agent then agent:stop() end
    t.cleanup()
  end)

  it("that the kernel does not watch (no more watches) are looked at every few seconds, which is said once", function()
    local orders, env = rig.kernel()
    orders.watch_errno = rig.ENOSPC
    local file = t.write("targets.txt", agent:target "127.0.67.1" .. "\n")
    local run = rig.start({ "tests/e2e/probes/count.lua", "--targets", file, "-c", "public" }, { env = env })
    assert.is_true(orders.watches_failed > 0)
    assert.equal(1, run:said "the kernel does not tell of changed files (No space left on device): they are looked at every 5 s")
    assert.equal(1, run:said "fs.inotify.max_user_watches")
    for i = 2, 3 do
      local f = assert(io.open(file, "a"))
      f:write(agent:target("127.0.67." .. i) .. "\n")
      f:close()
      run:when("generation " .. i, 12, function(s) return s.generation == i and s.devices == i end)
    end
    run:polled("n", 3)
    assert.equal(1, run:said "the kernel does not tell")
    run:stop()
  end)
end)
