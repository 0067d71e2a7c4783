-- One class only; the others are counted.
return { probe = "../../scripts/entity.lua", recordings = { "chassis.snmprec" }, runs = 1, args = { class = "^chassis$" } }
