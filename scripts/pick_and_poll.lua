-- pick_and_poll.lua: chooses interfaces by their alias once a day, then asks for those alone.   MIB: IF-MIB
-- --arg alias=PATTERN, a Lua pattern: "^uplink" unless said otherwise
-- out: picked_interfaces; by index, interface, alias: if_rx_octets, if_tx_octets, if_rx_rate, if_tx_rate, if_oper
local args = ...
local snmp = require "moonpoll"

local pattern = args.alias or "^uplink"
local choice = { name = "1.3.6.1.2.1.31.1.1.1.1", alias = "1.3.6.1.2.1.31.1.1.1.18" }
local columns = {
  oper = "1.3.6.1.2.1.2.2.1.8", rx = "1.3.6.1.2.1.31.1.1.1.6", tx = "1.3.6.1.2.1.31.1.1.1.10", since = "1.3.6.1.2.1.31.1.1.1.19",
}
local uptime = "1.3.6.1.2.1.1.3.0"

-- What both jobs know of a device is in `state`: plain data, kept from run to run and over a reload.
local function pick(device, _, state)
  local picked = {}
  for index, row in device:rows(choice) do
    local alias = snmp.text(row.alias) or ""
    if alias:find(pattern) then picked[index] = { name = snmp.text(row.name) or index, alias = alias } end
  end
  state.picked, state.pattern = picked, pattern
  state.uptime = nil
end

local function poll(device, out, state)
  local up, err = device:get(uptime)
  if not up then return nil, err end
  local restarted = state.uptime and up < state.uptime -- interfaces may have other numbers now
  if not state.picked or state.pattern ~= pattern or restarted then pick(device, out, state) end
  state.uptime = up

  local indexes = {}
  for index in pairs(state.picked) do indexes[#indexes + 1] = index end
  out:gauge("picked_interfaces", #indexes)
  if #indexes == 0 then return end
  for index, row in device:rows(columns, { only = indexes, rates = { rx = "rx_rate", tx = "tx_rate" }, epoch = "since" }) do
    local interface = state.picked[index]
    local o = out:with { index = index, interface = interface.name, alias = interface.alias }
    o:gauge("if_oper", row.oper)
    o:counter("if_rx_octets", row.rx)
    o:counter("if_tx_octets", row.tx)
    o:gauge("if_rx_rate", row.rx_rate)
    o:gauge("if_tx_rate", row.tx_rate)
  end
end

return {
  jobs = {
    pick = { every = 86400, timeout = 300, run = pick },
    poll = { every = 30, timeout = 20, run = poll },
  },
}
