-- Cards in slots in a chassis, padded serial numbers, two that are contained in each other.
return { probe = "../../scripts/entity.lua", recordings = { "chassis.snmprec" }, runs = 1 }
