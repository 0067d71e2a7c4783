-- system.lua: who an agent is and since when it runs.   MIB: SNMPv2-MIB
-- out: sys_uptime_seconds, sys_info (labels name, descr, location, contact, object_id), sys_restarts
local snmp = require "moonpoll"

local oids = {
  descr = "1.3.6.1.2.1.1.1.0", object_id = "1.3.6.1.2.1.1.2.0", uptime = "1.3.6.1.2.1.1.3.0",
  contact = "1.3.6.1.2.1.1.4.0", name = "1.3.6.1.2.1.1.5.0", location = "1.3.6.1.2.1.1.6.0",
}

return {
  every = 60, timeout = 20,
  metrics = {
    sys_uptime_seconds = { type = "gauge", unit = "seconds", help = "Time since the agent started" },
    sys_info = { type = "info", help = "What the agent says of itself" },
    sys_restarts = { type = "counter", help = "Restarts seen since polling began" },
  },
  run = function(device, out, state)
    local sys, err = device:get(oids)
    if not sys then return nil, err end -- the run failed, without a traceback

    state.restarts = state.restarts or 0
    if sys.uptime and state.uptime and sys.uptime < state.uptime then
      state.restarts = state.restarts + 1
    end
    state.uptime = sys.uptime

    out:gauge("sys_uptime_seconds", sys.uptime)
    out:counter("sys_restarts", state.restarts)
    out:with {
      name = snmp.text(sys.name) or "", descr = snmp.text(sys.descr) or "", location = snmp.text(sys.location) or "",
      contact = snmp.text(sys.contact) or "", object_id = sys.object_id or "",
    }:info("sys_info", 1)
  end,
}
