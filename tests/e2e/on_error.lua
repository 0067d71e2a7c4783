--- What on_error of a probe is to do, wherever it runs: each case is a probe, and what is looked for in its one run.
--
-- `expect` is handed what came of it: samples (name -> value), code (run_error), said (what is told of the run: log, page) and file,
-- as the probe's lines are named.
local assert = require "luassert"

local function has(r, text) assert.truthy(r.said:find(text, 1, true), r.said) end

return {
  { name = "comes behind a run that failed, with what it returned, may read and write, and the run remains a failed one",
    code = [[return { run = function(device, out, state)
        state.before = 7
        out:gauge("half", 1)
        return nil, "not today"
      end,
      on_error = function(device, err, out, state)
        out:info("why", err)
        out:gauge("kept", state.before)
        out:gauge("uptime", assert(device:get "1.3.6.1.2.1.1.3.0"))
      end }]],
    expect = function(r)
      assert.equal("not today", r.samples.why)
      assert.equal(1, r.samples.half)
      assert.equal(7, r.samples.kept)
      assert.truthy(r.samples.uptime)
      assert.not_equal("ok", r.code)
      has(r, "not today")
    end },
  { name = "has an error of the world as it is",
    code = [[return { run = function(device) return nil, select(2, device:get "1.3.6.1.2.1.99.0") end,
      on_error = function(device, err, out) out:info("code", err.code) end }]],
    expect = function(r)
      assert.equal("missing", r.samples.code)
      assert.equal("missing", r.code)
    end },
  { name = "has what a script raised as text",
    code = [[return { run = function(device) local x = nil + 1 end,
      on_error = function(device, err, out) out:info("text", err) end }]],
    expect = function(r)
      assert.truthy(r.samples.text:find(r.file .. ":1: attempt to perform arithmetic on a nil value", 1, true), r.samples.text)
      assert.is_nil(r.samples.text:find "traceback")
      assert.equal("script", r.code)
    end },
  { name = "is not called behind a good run",
    code = [[return { run = function() end, on_error = function(_, _, out) out:gauge("called", 1) end }]],
    expect = function(r)
      assert.is_nil(r.samples.called)
      assert.equal("ok", r.code)
    end },
  { name = "is not called behind a run that was cancelled",
    code = [[local snmp = require "moonpoll" return { timeout = 0.2, run = function() snmp.sleep(5) end,
      on_error = function(_, _, out) out:gauge("called", 1) end }]],
    expect = function(r)
      assert.is_nil(r.samples.called)
      assert.equal("cancelled", r.code)
    end },
  { name = "may fail itself",
    code = [[return { run = function() error "the first" end, on_error = function() error "the second" end }]],
    expect = function(r)
      assert.equal("script", r.code)
      has(r, "the first")
      has(r, "the second")
    end },
  { name = "has the time of the run, and no more",
    code = [[local snmp = require "moonpoll" return { timeout = 0.3, run = function() error "the first" end,
      on_error = function() snmp.sleep(5) end }]],
    expect = function(r) assert.equal("cancelled", r.code) end },
}
