-- A few requests of each kind, so that whatever is wrong with an agent shows.
local snmp = require "moonpoll"
return {
  every = 0.5, timeout = 20,
  run = function(device, out)
    local row, err = device:get { up = "1.3.6.1.2.1.1.3.0", name = "1.3.6.1.2.1.1.5.0" }
    if not row then return nil, err end
    for _, oid in ipairs { "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.3.0" } do
      local _, failed = device:get(oid)
      if failed and failed.code == "timeout" then return nil, failed end
    end
    local n = 0
    local columns = { octets = "1.3.6.1.2.1.2.2.1.10" }
    for _, r in device:rows(columns, { max_rows = 200 }) do n = n + (r.octets and 1 or 0) end
    out:gauge("rows", n)
    snmp.sleep(0.15)
  end,
}
