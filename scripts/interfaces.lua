-- interfaces.lua: traffic and errors of every interface that is up.   MIB: IF-MIB
-- out, by index and interface: if_rx_octets, if_tx_octets, if_rx_errors, if_tx_errors (counters), if_rx_rate, if_tx_rate
-- (octets a second, from the second run on), if_speed; if_up for every interface that should be up
local snmp = require "moonpoll"

local names = { name = "1.3.6.1.2.1.31.1.1.1.1", alias = "1.3.6.1.2.1.31.1.1.1.18" }
local columns = {
  admin = "1.3.6.1.2.1.2.2.1.7", oper = "1.3.6.1.2.1.2.2.1.8", speed = "1.3.6.1.2.1.31.1.1.1.15", -- Mbit/s
  rx = "1.3.6.1.2.1.31.1.1.1.6", tx = "1.3.6.1.2.1.31.1.1.1.10", -- 64 bits
  rx_errors = "1.3.6.1.2.1.2.2.1.14", tx_errors = "1.3.6.1.2.1.2.2.1.20",
  since = "1.3.6.1.2.1.31.1.1.1.19", -- when counters of this row last started anew
}
local UP = 1

return {
  every = 30, timeout = 20,
  metrics = {
    if_rx_octets = { type = "counter", unit = "bytes", help = "Octets received" },
    if_tx_octets = { type = "counter", unit = "bytes", help = "Octets sent" },
    if_rx_errors = { type = "counter", help = "Packets received with errors" },
    if_tx_errors = { type = "counter", help = "Packets not sent because of errors" },
    if_rx_rate = { type = "gauge", unit = "bytes/s", help = "Octets received a second since the last run" },
    if_tx_rate = { type = "gauge", unit = "bytes/s", help = "Octets sent a second since the last run" },
    if_speed = { type = "gauge", unit = "bits/s", help = "Nominal speed" },
    if_up = { type = "gauge", help = "1: up, 0: should be up and is not" },
  },
  run = function(device, out)
    local known = assert(device:cache("names", 3600, function() return device:table(names) end))
    local options = { rates = { rx = "rx_rate", tx = "tx_rate" }, epoch = "since" }
    for index, row in device:rows(columns, options) do
      local name = known[index] and known[index].name
      local o = out:with { index = index, interface = snmp.text(name) or index, alias = known[index] and snmp.text(known[index].alias) or "" }
      if row.admin == UP then
        o:gauge("if_up", row.oper == UP and 1 or 0)
      end
      if row.oper == UP then
        o:counter("if_rx_octets", row.rx)
        o:counter("if_tx_octets", row.tx)
        o:counter("if_rx_errors", row.rx_errors)
        o:counter("if_tx_errors", row.tx_errors)
        o:gauge("if_rx_rate", row.rx_rate) -- nil, so skipped, on the first run, after a reset or a gap
        o:gauge("if_tx_rate", row.tx_rate)
        o:gauge("if_speed", row.speed and row.speed * 1e6)
      end
    end
  end,
}
