-- Uptime goes on from run to run; two restarts are counted.
return {
  probe = "../../scripts/system.lua", recording = "../recordings/small.snmprec", runs = 5,
  values = { ["1.3.6.1.2.1.1.3"] = "uptime" }, faults = { { "reboot", from = 90, every = 120 } },
}
