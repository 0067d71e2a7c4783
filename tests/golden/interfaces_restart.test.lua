-- The agent restarts between the second and the third run: counters begin anew, and there is no rate until the fourth.
return {
  probe = "../../scripts/interfaces.lua", recording = "uplinks.snmprec", runs = 4,
  rates = { ["1.3.6.1.2.1.31.1.1.1.6"] = 125000, ["1.3.6.1.2.1.31.1.1.1.10"] = 125000 },
  values = { ["1.3.6.1.2.1.1.3"] = "uptime" },
  faults = { { "reboot", from = 45, delay = 2 } },
}
