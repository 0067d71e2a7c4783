-- No Counter64 in SNMPv1: what is left.
return { probe = "../../scripts/interfaces.lua", recording = "../recordings/router.snmprec", version = "1", runs = 2 }
