-- Three phases on battery with alarms, one of them of a vendor; one line without sensors.
return { probe = "../../scripts/ups.lua", recordings = { "ups.snmprec", "ups_small.snmprec" }, runs = 1 }
