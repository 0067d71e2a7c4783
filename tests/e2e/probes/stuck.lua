-- Code in C that no hook reaches: an array made so that LuaJIT's quicksort always parts off two elements.
local snmp = require "moonpoll"
local args = ...

local function order(n)
  local at, value, v = {}, {}, 0
  local function rest(i)
    if i % 2000 == 0 then snmp.sleep(0) end
  end
  for i = 1, n do
    at[i] = i
    rest(i)
  end
  local first = 1
  while n - first > 2 do
    local middle = math.floor((first + n) / 2)
    value[at[first]], value[at[middle]] = v + 1, v + 2
    at[middle], at[n - 1] = at[n - 1], at[middle]
    at[n - 1], at[first + 1] = at[first + 1], at[n - 1]
    first, v = first + 2, v + 2
    rest(first - 1)
  end
  for i = 1, n do
    value[i] = value[i] or v + i
    rest(i)
  end
  return value
end

return { every = 1, timeout = 60, run = function(device, out)
  if (" " .. args.where .. " "):find(" " .. device.name .. " ", 1, true) then
    table.sort(order(tonumber(args.n or 300000)))
  end
  out:gauge("uptime", assert(device:get "1.3.6.1.2.1.1.3.0"))
end }
