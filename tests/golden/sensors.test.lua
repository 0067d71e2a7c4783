-- Every type; scales and precisions, a negative one; beyond what can be told; not readable.
return { probe = "../../scripts/sensors.lua", recordings = { "chassis.snmprec" }, runs = 1 }
