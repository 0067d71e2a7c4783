-- BGP4-MIB alone, and CISCO-BGP4-MIB with both families and its second table.
return { probe = "../../scripts/bgp_peers.lua", recordings = { "bgp_standard.snmprec", "bgp_cisco.snmprec" }, runs = 2 }
