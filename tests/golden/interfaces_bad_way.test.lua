-- A way on which datagrams get lost, double and late: it takes longer, what comes out is the same.
return {
  probe = "../../scripts/interfaces.lua", recordings = { "../recordings/router.snmprec", "../recordings/small.snmprec" }, runs = 5, retries = 4,
  loss = 0.1, delay = 0.02, jitter = 0.3, faults = { { "duplicate", share = 0.3, delay = 0.1 }, { "reorder", share = 0.2 } },
}
