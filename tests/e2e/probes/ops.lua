-- Every way of reading once, and what came of it as samples: a state (error code or "ok") and the values for comparison.
local system = "1.3.6.1.2.1.1."
local entry = "1.3.6.1.2.1.2.2.1."
local columns = { number = entry .. "1", descr = entry .. "2", oper = entry .. "8", rx = entry .. "10" }

return {
  every = 3600, timeout = 60,
  run = function(device, out)
    local function told(name, err)
      if err == nil then
        out:state(name, "ok")
      elseif type(err) == "table" or type(err) == "userdata" then
        out:state(name, err.code)
        out:info(name .. "_text", tostring(err))
      else
        error(err, 0)
      end
    end

    local name, err = device:get(system .. "5.0")
    told("get", err)
    out:info("name", name)

    local row
    row, err = device:get { descr = system .. "1.0", services = system .. "7.0", nothing = system .. "99.0" }
    told("row", err)
    if row then
      out:gauge("services", row.services)
      out:state("nothing", row.nothing == nil and "nil" or "there")
    end

    local n = 0
    local ok
    ok, err = pcall(function()
      for oid, value in device:walk(entry .. "2") do
        n = n + 1
        if value ~= "Ethernet " .. oid:match "%d+$" then error("mixed up: " .. oid .. " is " .. tostring(value), 0) end
      end
    end)
    told("walk", not ok and err or nil)
    out:gauge("walked", n)

    local count, sum, mixed = 0, 0, 0
    ok, err = pcall(function()
      for index, r in device:rows(columns) do
        count = count + 1
        sum = sum + (r.number or 0)
        if r.descr and r.descr ~= "Ethernet " .. index then mixed = mixed + 1 end
      end
    end)
    told("rows", not ok and err or nil)
    out:gauge("rows_count", count)
    out:gauge("rows_sum", sum)
    out:gauge("rows_mixed", mixed)

    local rows, partial
    rows, err, partial = device:table(columns, { only = { "1", "3" } })
    told("only", err)
    local got = 0
    for _ in pairs(rows or partial or {}) do got = got + 1 end
    out:gauge("only_count", got)

    rows, err = device:table({ x = "1.3.6.1.4.1.9" }, { max_rows = 500 })
    told("bounded", err)
    out:state("bounded_whole", rows and "yes" or "no")
  end,
}
