-- Ids of most subtypes, an entry twice with different time marks, addresses of management of three families.
return { probe = "../../scripts/lldp.lua", recordings = { "lldp.snmprec" }, runs = 1 }
