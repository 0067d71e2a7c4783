-- get1.lua: one value, `rounds` times, one after the other.   MIB: SNMPv2-MIB   out: ticks_last
local args = ...
local rounds = tonumber(args.rounds) or 1
local sysUpTime = "1.3.6.1.2.1.1.3.0"

return {
  every = 60, timeout = 50,
  run = function(device, out)
    local last
    for _ = 1, rounds do
      last = assert(device:get(sysUpTime))
    end
    out:gauge("ticks_last", last)
  end,
}
