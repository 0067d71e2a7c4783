-- lldp.lua: what is at the other end of each cable.   MIB: LLDP-MIB (IEEE 802.1AB)
-- out: lldp_neighbors (number); lldp_neighbor (info) by local_port (its name), chassis, port, port_descr, system, address
-- (of management, the first), capabilities (those in use, "bridge router")
local snmp = require "moonpoll"
local LLDP = snmp.mib "LLDP-MIB"

local ours = { kind = LLDP.lldpLocPortIdSubtype, id = LLDP.lldpLocPortId, descr = LLDP.lldpLocPortDesc }
local theirs = {
  chassis_kind = LLDP.lldpRemChassisIdSubtype, chassis = LLDP.lldpRemChassisId, port_kind = LLDP.lldpRemPortIdSubtype,
  port = LLDP.lldpRemPortId, descr = LLDP.lldpRemPortDesc, system = LLDP.lldpRemSysName, capabilities = LLDP.lldpRemSysCapEnabled,
}
local neighbor_of = snmp.index(LLDP.lldpRemSysName)      -- time mark, local port, number of the neighbor
local management_of = snmp.index(LLDP.lldpRemManAddrIfId) -- the same, address family, address
local CHASSIS, PORT = LLDP.lldpRemChassisIdSubtype, LLDP.lldpRemPortIdSubtype

local function given(octets) return octets ~= "" and snmp.text(octets) or nil end

-- An id as its subtype says. A networkAddress begins with its IANA address family: 1 IPv4, 2 IPv6.
local function id_of(kind, octets, labels)
  local label = labels[kind]
  if label == "macAddress" and octets and #octets == 6 then return snmp.mac(octets) end
  if label == "networkAddress" and octets then return snmp.ip(octets:sub(2)) or snmp.hex(octets) end
  return snmp.text(octets) or ""
end

return {
  every = 300, timeout = 60,
  metrics = {
    lldp_neighbors = { type = "gauge", help = "Neighbors seen on all ports" },
    lldp_neighbor = { type = "info", help = "1 for every neighbor" },
  },
  run = function(device, out)
    local ports = assert(device:table(ours))
    local addresses, n, seen = {}, 0, {}
    for index in device:rows { interface = LLDP.lldpRemManAddrIfSubtype } do
      local mark, port, number, family, octets = management_of(index)
      local key = mark and table.concat({ mark, port, number }, ".")
      if key and (family == 1 or family == 2) then addresses[key] = addresses[key] or snmp.ip(octets) end
    end
    for index, row in device:rows(theirs) do
      local _, number = neighbor_of(index)
      local port = ports[tostring(number)] or {}
      local named = port.kind == nil or PORT[port.kind] == "interfaceName"
      local interface = named and given(port.id) or given(port.descr) or given(port.id) or tostring(number)
      local capabilities = {}
      for name in pairs(snmp.bits(row.capabilities, LLDP.lldpRemSysCapEnabled) or {}) do
        if type(name) == "string" then capabilities[#capabilities + 1] = name end
      end
      table.sort(capabilities)
      local labels = { local_port = interface, chassis = id_of(row.chassis_kind, row.chassis, CHASSIS), port = id_of(row.port_kind, row.port, PORT),
        port_descr = snmp.text(row.descr) or "", system = snmp.text(row.system) or "", address = addresses[index] or "",
        capabilities = table.concat(capabilities, " ") }
      local same = table.concat({ interface, labels.chassis, labels.port, labels.port_descr, labels.system, labels.address, labels.capabilities }, "\0")
      if not seen[same] then out:with(labels):info("lldp_neighbor", 1) end -- the same one with an older time mark
      n, seen[same] = n + (seen[same] and 0 or 1), true
    end
    out:gauge("lldp_neighbors", n)
  end,
}
