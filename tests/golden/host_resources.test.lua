return { probe = "../../scripts/host_resources.lua", recording = "../recordings/server.snmprec", runs = 2 }
