-- bgp_peers.lua: BGP sessions, IPv4 and IPv6.   MIB: CISCO-BGP4-MIB where there is one, else BGP4-MIB (IPv4 only)
-- out, by peer, as, local_address: bgp_up, bgp_state, bgp_admin_up, bgp_transitions, bgp_in_updates, bgp_out_updates,
-- bgp_established_seconds; with afi and safi too: bgp_prefixes_accepted, bgp_prefixes_advertised
local snmp = require "moonpoll"

local function columns_of(entry, c)
  local columns = {}
  for key, number in pairs(c) do columns[key] = entry .. "." .. number end
  return columns
end

-- cbgpPeer2Table: the address of the peer, of either family, is only in the index.
local cisco = columns_of("1.3.6.1.4.1.9.9.187.1.2.5.1", {
  state = 3, admin = 4, address = 6, as = 11, rx = 13, tx = 14, transitions = 18, since = 19,
})
local peer_of = snmp.index { "inetaddress" }
-- cbgpPeer2AddrFamilyPrefixTable: the same index, then the address family and its sub-family.
local prefixes = columns_of("1.3.6.1.4.1.9.9.187.1.2.8.1", { accepted = 1, advertised = 6 })
local family_of = snmp.index { "inetaddress", "int", "int" }
local AFI, SAFI = { "ipv4", "ipv6", [25] = "l2vpn" }, { "unicast", "multicast", [4] = "labels", [128] = "vpn" }

local standard = columns_of("1.3.6.1.2.1.15.3.1", { -- bgpPeerTable
  state = 2, admin = 3, address = 5, as = 9, rx = 10, tx = 11, transitions = 15, since = 16,
})
local STATES = { "idle", "connect", "active", "opensent", "openconfirm", "established" }

local function write(out, peer, row, address)
  local o = out:with { peer = peer, as = row.as or "", local_address = address or "" }
  o:gauge("bgp_up", row.state and (row.state == 6 and 1 or 0))
  o:state("bgp_state", STATES[row.state])
  o:gauge("bgp_admin_up", row.admin and (row.admin == 2 and 1 or 0))
  o:counter("bgp_transitions", row.transitions)
  o:counter("bgp_in_updates", row.rx)
  o:counter("bgp_out_updates", row.tx)
  o:gauge("bgp_established_seconds", row.since)
  return o
end

return {
  every = 60, timeout = 30,
  run = function(device, out)
    local peers = {}
    for index, row in device:rows(cisco) do
      local peer = assert(peer_of(index))
      peers[peer] = write(out, peer, row, snmp.ip(row.address))
    end
    if next(peers) == nil then
      for index, row in device:rows(standard) do write(out, index, row, row.address) end
      return
    end
    for index, row in device:rows(prefixes) do -- the join: both tables name the peer in their index
      local peer, afi, safi = family_of(index)
      local o = peers[peer] and peers[peer]:with { afi = AFI[afi] or afi, safi = SAFI[safi] or safi }
      if o then o:gauge("bgp_prefixes_accepted", row.accepted) o:gauge("bgp_prefixes_advertised", row.advertised) end
    end
  end,
}
