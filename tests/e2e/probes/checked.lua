-- Reads in every way what tests/e2e/sim_faults_spec.lua put into its recordings, where each value can be told from its name
-- and its agent, and says what it got wrong: nothing, whatever the agent does.
local entry = "1.3.6.1.4.1.9999.1."
local columns = { number = entry .. "1", text = entry .. "2", large = entry .. "3", mixed = entry .. "4", zero = entry .. "5" }

return {
  every = 0.5, timeout = 20,
  run = function(device, out)
    local me = tonumber(device.labels.agent:match "%d+$")
    local good, wrong, errors = 0, 0, 0
    local function check(what, got, want)
      if got == nil then return end
      if got == want then
        good = good + 1
        return
      end
      wrong = wrong + 1
      out:with({ index = ("%s %d"):format(what, wrong) }):state("wrong_value", ("%s instead of %s"):format(tostring(got), tostring(want)))
    end
    local function row(index, r)
      local i = tonumber(index)
      check("number", r.number, me * 1000 + i)
      check("text", r.text, ("agent %d row %d"):format(me, i))
      check("large", r.large, me * 2 ^ 33 + i)
      check("mixed", r.mixed, 4294967295 - i)
      check("zero", r.zero, 0)
    end
    local function try(fn)
      local ok, err = pcall(fn)
      if ok then return end
      if type(err) == "string" then error(err, 0) end
      errors = errors + 1
    end
    try(function()
      local v, err = device:get(entry .. "1.7")
      if err then error(err, 0) end
      check("get", v, me * 1000 + 7)
    end)
    try(function()
      local r, err = device:get { number = entry .. "1.3", text = entry .. "2.3", large = entry .. "3.3", mixed = entry .. "4.3" }
      if err then error(err, 0) end
      row("3", r)
    end)
    try(function() for index, r in device:rows(columns) do row(index, r) end end)
    try(function()
      for oid, value in device:walk(entry .. "2") do
        check("walk", value, ("agent %d row %d"):format(me, tonumber(oid:match "%d+$")))
      end
    end)
    try(function()
      local rows, err = device:table(columns, { only = { "2", "5", "11" } })
      if err then error(err, 0) end
      for index, r in pairs(rows) do row(index, r) end
    end)
    out:gauge("good", good)
    out:gauge("wrong", wrong)
    out:gauge("errors", errors)
  end,
}
