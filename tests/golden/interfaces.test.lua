-- Rates from the second run on; 64 bits that count a thousand octets a second, others at a speed of their own.
return {
  probe = "../../scripts/interfaces.lua", recording = "../recordings/router.snmprec", runs = 3, every = 30,
  rates = { ["1.3.6.1.2.1.31.1.1.1.6"] = 1000, ["1.3.6.1.2.1.31.1.1.1.10"] = { 1e3, 1e6 } },
  values = { ["1.3.6.1.2.1.1.3"] = "uptime" },
}
