-- get10.lua: ten values in one request, `rounds` times; each is read.   MIB: SNMPv2-MIB, IF-MIB   out: checksum
local args = ...
local rounds = tonumber(args.rounds) or 1
local oids = {
  uptime = "1.3.6.1.2.1.1.3.0", name = "1.3.6.1.2.1.1.5.0", rx = "1.3.6.1.2.1.2.2.1.10.1", tx = "1.3.6.1.2.1.2.2.1.16.1",
  rx_errors = "1.3.6.1.2.1.2.2.1.14.1", tx_errors = "1.3.6.1.2.1.2.2.1.20.1", hc_rx = "1.3.6.1.2.1.31.1.1.1.6.1",
  hc_tx = "1.3.6.1.2.1.31.1.1.1.10.1", oper = "1.3.6.1.2.1.2.2.1.8.1", speed = "1.3.6.1.2.1.31.1.1.1.15.1",
}

return {
  every = 60, timeout = 50,
  run = function(device, out)
    local sum = 0
    for _ = 1, rounds do
      local v = assert(device:get(oids))
      sum = sum + v.uptime + #v.name + v.rx + v.tx + v.rx_errors + v.tx_errors + v.hc_rx + v.hc_tx + v.oper + v.speed
    end
    out:gauge("checksum", sum)
  end,
}
