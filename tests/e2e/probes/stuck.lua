-- Code that no hook reaches: it is trusted, so compiled, and does not end.
local snmp = require "moonpoll"
local args = ...

return { every = 1, timeout = 60, run = function(device, out)
  if (" " .. args.where .. " "):find(" " .. device.name .. " ", 1, true) then
    snmp.sleep(0.01)
    local n = 0
    while n >= 0 do n = (n + 1) % 1000 end
  end
  out:gauge("uptime", assert(device:get "1.3.6.1.2.1.1.3.0"))
end }
