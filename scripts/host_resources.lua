-- host_resources.lua: storage, processors and processes of a server.   MIB: HOST-RESOURCES-MIB
-- out: host_uptime_seconds, host_users, host_processes; by cpu: host_cpu_load (percent, last minute);
-- by index, storage, kind: host_storage_size, host_storage_used (octets), host_storage_ratio
local snmp = require "moonpoll"

local host = "1.3.6.1.2.1.25."
local scalars = { uptime = host .. "1.1.0", users = host .. "1.5.0", processes = host .. "1.6.0" }
local storage = {
  type = host .. "2.3.1.2", descr = host .. "2.3.1.3", unit = host .. "2.3.1.4", size = host .. "2.3.1.5", used = host .. "2.3.1.6",
}
local processors = { load = host .. "3.3.1.2" }
local kinds = { -- hrStorageTypes
  ["2"] = "ram", ["3"] = "swap", ["4"] = "disk", ["5"] = "removable", ["6"] = "floppy", ["7"] = "cd", ["10"] = "network",
}

-- Both are Integer32; a net-snmp agent lets them go on into the negative half.
local function unsigned(v) return v and (v < 0 and v + 2 ^ 32 or v) end

return {
  every = 60, timeout = 30,
  metrics = {
    host_cpu_load = { type = "gauge", unit = "percent", help = "Load of a processor over the last minute" },
    host_storage_size = { type = "gauge", unit = "bytes", help = "Size of a storage area" },
    host_storage_used = { type = "gauge", unit = "bytes", help = "What of it is in use" },
    host_storage_ratio = { type = "gauge", unit = "ratio", help = "The part of it in use, 0 to 1" },
    host_uptime_seconds = { type = "gauge", unit = "seconds", help = "Since the host was started" },
    host_users = { type = "gauge", help = "Users logged in" },
    host_processes = { type = "gauge", help = "Processes loaded or running" },
  },
  run = function(device, out)
    local sys, areas, cpus = snmp.all( -- three questions side by side; what is not there is empty, so nil is a fault and ends the run
      function() return assert(device:get(scalars)) end,
      function() return assert(device:table(storage, { key = "unit" })) end,
      function() return assert(device:table(processors)) end)

    out:gauge("host_uptime_seconds", sys.uptime)
    out:gauge("host_users", sys.users)
    out:gauge("host_processes", sys.processes)
    for index, row in pairs(areas) do
      local o = out:with { index = index, storage = snmp.text(row.descr) or index, kind = kinds[row.type and row.type:match("%d+$")] or "other" }
      local size, used = unsigned(row.size), unsigned(row.used)
      o:gauge("host_storage_size", size and size * row.unit)
      o:gauge("host_storage_used", used and used * row.unit)
      o:gauge("host_storage_ratio", size and used and size > 0 and used / size or nil)
    end
    for index, row in pairs(cpus) do
      out:with { cpu = index }:gauge("host_cpu_load", row.load)
    end
  end,
}
