-- bridge.lua: behind which interface of a switch each MAC address is.   MIB: Q-BRIDGE-MIB, else BRIDGE-MIB; IF-MIB
-- out: bridge_macs (number, by interface and index); fdb_entry (info) by mac, vlan ("" without VLANs, or where several share a
-- database), fdb, interface, index, port (of the bridge; "0" is one that is not known), status (learned, self, mgmt, ...)
local snmp = require "moonpoll"
local BRIDGE, Q, IF = snmp.mib "BRIDGE-MIB", snmp.mib "Q-BRIDGE-MIB", snmp.mib "IF-MIB"

local with_vlans = { port = Q.dot1qTpFdbPort, status = Q.dot1qTpFdbStatus }
local without = { port = BRIDGE.dot1dTpFdbPort, status = BRIDGE.dot1dTpFdbStatus }
local entry_of, mac_of = snmp.index(Q.dot1qTpFdbPort), snmp.index(BRIDGE.dot1dTpFdbPort)
local vlan_of = snmp.index(Q.dot1qVlanFdbId) -- time mark, VLAN
local INVALID = Q.dot1qTpFdbStatus.invalid

-- Ports of the bridge, of which the tables speak, and interfaces, which have names, are numbered apart.
local function ports_of(device)
  local interfaces = device:table { name = IF.ifName, descr = IF.ifDescr }
  local ports, err = device:table { index = BRIDGE.dot1dBasePortIfIndex }
  for _, port in pairs(interfaces and ports or {}) do
    local interface = interfaces[tostring(port.index)]
    port.name = interface and snmp.text(interface.name or interface.descr)
  end
  return interfaces and ports, err
end

-- The VLAN of a database of addresses, where it is of one only.
local function vlans_of(device)
  local vlans, several = {}, {}
  for index, row in device:rows { fdb = Q.dot1qVlanFdbId } do
    local _, vlan = vlan_of(index)
    several[row.fdb] = vlans[row.fdb] ~= nil and vlans[row.fdb] ~= vlan or several[row.fdb]
    vlans[row.fdb] = vlan
  end
  for fdb in pairs(several) do vlans[fdb] = "" end
  return vlans
end

return {
  every = 300, timeout = 120,
  run = function(device, out)
    local ports = assert(device:cache("ports", 3600, function() return ports_of(device) end))
    local n, count, vlans = {}, 0, vlans_of(device)
    local function write(mac, fdb, row)
      if not mac or row.status == INVALID then return end
      local port = ports[tostring(row.port)] or {}
      local index = tostring(port.index or "")
      local interface = port.name or index
      out:with { mac = mac, fdb = tostring(fdb), vlan = tostring(vlans[fdb] or fdb), interface = interface, index = index,
        port = tostring(row.port or 0), status = Q.dot1qTpFdbStatus[row.status] or "" }:info("fdb_entry", 1)
      n[index] = n[index] or { interface = interface, macs = 0 }
      n[index].macs, count = n[index].macs + 1, count + 1
    end
    for index, row in device:rows(with_vlans) do
      local fdb, mac = entry_of(index)
      write(mac, fdb, row)
    end
    if count == 0 then
      for index, row in device:rows(without) do write(mac_of(index), "", row) end
    end
    for index, of in pairs(n) do out:with { interface = of.interface, index = index }:gauge("bridge_macs", of.macs) end
  end,
}
