-- Silent from the second minute on: timeouts, then nobody asks any more but for a trial now and then; back at the end.
return {
  probe = "../../scripts/system.lua", recording = "../recordings/small.snmprec", runs = 10, every = 10,
  faults = { { "dead", from = 15, to = 75 } },
}
