-- All ways to wait in one run; and where an agent is in trouble, waiting for what never comes.
local snmp = require "moonpoll"
local system = { name = "1.3.6.1.2.1.1.5.0", uptime = "1.3.6.1.2.1.1.3.0" }

return {
  every = 2, timeout = 1.5,
  run = function(device, out, state)
    state.n = (state.n or 0) + 1
    local began = snmp.now()
    local names = device:cache("names", 30, function() return device:table { name = "1.3.6.1.2.1.2.2.1.2" } end)
    local row, rows = snmp.all(
      function() return (device:get(system)) end,
      function()
        local n = 0
        local ok = pcall(function()
          for _ in device:rows({ rx = "1.3.6.1.2.1.2.2.1.10", oper = "1.3.6.1.2.1.2.2.1.8" }, { rates = { rx = "rate" } }) do n = n + 1 end
        end)
        return ok and n or nil
      end)
    if not (names and row and rows) or snmp.now() - began > 0.25 then
      snmp.spawn(snmp.sleep, 60)
      snmp.sleep(60)
    end
    snmp.sleep(0.02)
    out:gauge("rows", rows)
    out:state("name", snmp.text(row.name))
  end,
}
