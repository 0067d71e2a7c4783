-- Two of three interfaces are chosen, once; they are asked for every 30 seconds.
return {
  probe = "../../scripts/pick_and_poll.lua", recording = "uplinks.snmprec", args = { alias = "^core%-" }, runs = 3,
  rates = { ["1.3.6.1.2.1.31.1.1.1.6"] = 2000, ["1.3.6.1.2.1.31.1.1.1.10"] = 4000 },
}
