-- ip_addresses.lua: which addresses an agent has, and on which interface.   MIB: IP-MIB, IF-MIB
-- ipAddressTable, both families; IPv4 from the older ipAddrTable where the first has none (some agents have only IPv6 there)
-- out: ip_addresses (number, by family); by address, family, interface, index, prefix (its length, "" if not known), type:
-- ip_address (info), ip_address_status (ipAddressTable only)
local snmp = require "moonpoll"
local IP, IF = snmp.mib "IP-MIB", snmp.mib "IF-MIB"

local names = { name = IF.ifName, descr = IF.ifDescr }
local current = { interface = IP.ipAddressIfIndex, type = IP.ipAddressType, prefix = IP.ipAddressPrefix, status = IP.ipAddressStatus }
local older = { interface = IP.ipAdEntIfIndex, mask = IP.ipAdEntNetMask }
local parts_of = snmp.index(IP.ipAddressIfIndex) -- InetAddressType, InetAddress
local FAMILY = { "ipv4", "ipv6", "ipv4", "ipv6" } -- 3 and 4 have a zone: fe80::1%2
local prefix_row = "^" .. tostring(IP.ipAddressPrefixEntry):gsub("%.", "%%.") .. "%."

-- ipAddressPrefix points to a row of ipAddressPrefixTable, whose index ends with the length; 0.0 points nowhere.
local function length_of_row(pointer) return pointer and pointer:find(prefix_row) and pointer:match "(%d+)$" or "" end

local function length_of_mask(mask)
  local bits = 0
  for octet in (mask or ""):gmatch "%d+" do
    for i = 0, 7 do bits = bits + math.floor(octet / 2 ^ i) % 2 end
  end
  return mask and tostring(bits) or ""
end

return {
  every = 300, timeout = 60,
  metrics = {
    ip_addresses = { type = "gauge", help = "Addresses of a family" },
    ip_address = { type = "info", help = "1 for every address" },
    ip_address_status = { type = "state", help = "IpAddressStatusTC" },
  },
  run = function(device, out)
    local known = assert(device:cache("names", 3600, function() return device:table(names) end))
    local n = { ipv4 = 0, ipv6 = 0 }
    local function write(family, address, row, prefix, kind)
      local of, index = known[tostring(row.interface)] or {}, tostring(row.interface or "")
      local o = out:with { address = address, family = family, interface = snmp.text(of.name or of.descr) or index, index = index,
        prefix = prefix, type = kind }
      o:info("ip_address", 1)
      o:state("ip_address_status", IP.ipAddressStatus[row.status])
      n[family] = n[family] + 1
    end
    for index, row in device:rows(current) do
      local kind, address = parts_of(index)
      if FAMILY[kind] then write(FAMILY[kind], address, row, length_of_row(row.prefix), IP.ipAddressType[row.type] or "") end
    end
    if n.ipv4 == 0 then
      for address, row in device:rows(older) do write("ipv4", address, row, length_of_mask(row.mask), "unicast") end
    end
    for family, count in pairs(n) do out:with { family = family }:gauge("ip_addresses", count) end
  end,
}
