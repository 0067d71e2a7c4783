-- walk.lua: ifTable and ifXTable, every value of a row read, `rounds` times.   MIB: IF-MIB   out: values, checksum
local args = ...
local rounds = tonumber(args.rounds) or 1
local columns = {}
for column = 1, 22 do columns["a" .. column] = "1.3.6.1.2.1.2.2.1." .. column end
for column = 1, 19 do columns["b" .. column] = "1.3.6.1.2.1.31.1.1.1." .. column end

return {
  every = 60, timeout = 50,
  run = function(device, out)
    local values, sum = 0, 0
    for _ = 1, rounds do
      for _, r in device:rows(columns) do -- a missing value is nil, and the run fails
        sum = sum + r.a1 + #r.a2 + r.a3 + r.a4 + r.a5 + #r.a6 + r.a7 + r.a8 + r.a9 + r.a10 + r.a11 + r.a12 + r.a13
          + r.a14 + r.a15 + r.a16 + r.a17 + r.a18 + r.a19 + r.a20 + r.a21 + #r.a22 + #r.b1 + r.b2 + r.b3 + r.b4 + r.b5
          + r.b6 + r.b7 + r.b8 + r.b9 + r.b10 + r.b11 + r.b12 + r.b13 + r.b14 + r.b15 + r.b16 + r.b17 + #r.b18 + r.b19
        values = values + 41
      end
    end
    out:gauge("values", values)
    out:gauge("checksum", sum)
  end,
}
