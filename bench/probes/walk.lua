-- walk.lua: ifTable and ifXTable whole, every value read.   MIB: IF-MIB   out: values, checksum
local columns, keys = {}, {}
for column = 1, 22 do columns["if" .. column] = "1.3.6.1.2.1.2.2.1." .. column end
for column = 1, 19 do columns["x" .. column] = "1.3.6.1.2.1.31.1.1.1." .. column end
for key in pairs(columns) do keys[#keys + 1] = key end

return {
  every = 60, timeout = 50,
  run = function(device, out)
    local values, sum = 0, 0
    for _, row in device:rows(columns) do
      for i = 1, #keys do
        local v = row[keys[i]]
        if v ~= nil then
          values = values + 1
          sum = sum + (tonumber(v) or #v)
        end
      end
    end
    out:gauge("values", values)
    out:gauge("checksum", sum % 2 ^ 53)
  end,
}
