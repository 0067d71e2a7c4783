-- Rates of counters of 32 and 64 bits, and how many rows there were.
local entry = "1.3.6.1.4.1.9999.1."
return {
  every = 0.5, timeout = 5,
  run = function(device, out)
    local columns = { small = entry .. "1", large = entry .. "2", wide = entry .. "3", upper = entry .. "4" }
    local rates = { small = "small_rate", large = "large_rate", wide = "wide_rate", upper = "upper_rate" }
    for index, row in device:rows(columns, { rates = rates }) do
      local o = out:with { index = index }
      o:gauge("rows", 1)
      o:gauge("small", row.small_rate)
      o:gauge("large", row.large_rate)
      o:gauge("wide", row.wide_rate)
      o:gauge("upper", row.upper_rate)
    end
  end,
}
