-- Workers replaced in an orderly way: states are kept, no run is lost, doubled or late.
local cjson = require "cjson"
local t = require "e2e.helper"

describe("a worker that is replaced", function()
  local agent
  lazy_setup(function() agent = t.agent {} end)
  lazy_teardown(function()
    agent:stop()
    t.cleanup()
  end)

  local PROBE = [[
    return { every = 0.5, timeout = 5, run = function(device, out, state)
      state.n = (state.n or 0) + 1
      state.deep = state.deep or { list = { 1, 2, { x = "y\0z", [0.5] = true } }, no = false }
      assert(state.deep.list[3].x == "y\0z" and state.deep.list[3][0.5] == true and state.deep.no == false)
      assert(device.state == state)
      assert(device:get "1.3.6.1.2.1.1.3.0")
      out:counter("n", state.n)
    end }]]

  for _, how in ipairs { "signal", "command" } do
    it("hands its states on, by " .. how, function()
      local list = {}
      for i = 1, 40 do list[i] = agent:target("127.0.13." .. i) end
      local dir = t.run_dir()
      local p = t.start_poll { t.write("count.lua", PROBE), "--targets", table.concat(list, ","), "-c", "public", "-o", "json", "--run-dir", dir,
        "--workers", "2" }
      local function status() return t.status(dir) end
      local before = t.wait_for("a start", 10, function()
        local s = status()
        return s and s.runs.runs_ok > 100 and s
      end)
      for round = 1, 3 do
        local was = status()
        if how == "signal" then
          p:signal(12)
        else
          local code, out = t.run { t.program, "replace", "--run-dir", dir }
          assert.equal(0, code)
          assert.equal("ok\n", out)
        end
        t.wait_for("new workers", 10, function()
          local s = status()
          local a, b = s.workers[1].pid, s.workers[2].pid
          return a ~= 0 and b ~= 0 and a ~= was.workers[1].pid and b ~= was.workers[2].pid
        end)
        t.sleep(0.3 * round)
      end
      t.sleep(1.2)
      local s = status()
      assert.equal(0, s.workers_lost)
      assert.equal(0, #s.quarantine)
      assert.truthy(s.runs.runs_ok > before.runs.runs_ok)
      assert.equal(0, p:stop(10), p:stderr())
      local last = p.stats()
      t.assert_balances(last, true)
      assert.equal(0, last.runs.script_errors, p:stderr())
      -- One after the other, each in its interval.
      local n, at, worst = {}, {}, 0
      for line in p:stdout():gmatch "[^\n]+" do
        local r = cjson.decode(line)
        if r.name == "n" then
          assert.equal((n[r.device] or 0) + 1, r.value, r.device)
          if at[r.device] and r.value > 2 then worst = math.max(worst, r.t - at[r.device]) end
          n[r.device], at[r.device] = r.value, r.t
        end
      end
      for _, d in ipairs(list) do assert.truthy(n[d] and n[d] >= 5, d) end
      io.write(("# longest time between two runs of a device: %.2f s, at an interval of 0.5\n"):format(worst))
      assert.truthy(worst < 1, worst)
      assert.equal(before.runs.runs_skipped, last.runs.runs_skipped)
    end)
  end
end)
