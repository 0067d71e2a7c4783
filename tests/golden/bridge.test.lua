-- VLANs with databases of their own, shared and unknown ones; BRIDGE-MIB alone.
return { probe = "../../scripts/bridge.lua", recordings = { "bridge_vlans.snmprec", "bridge.snmprec" }, runs = 1 }
