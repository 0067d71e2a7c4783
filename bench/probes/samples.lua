-- samples.lua: nothing is asked, 1,000 label sets with four samples each are handed out.   MIB: none   out: if_*
local text = {}
for i = 1, 1000 do text[i] = tostring(i) end

return {
  every = 60, timeout = 50,
  run = function(_, out)
    for i = 1, 1000 do
      local o = out:with { index = text[i], interface = "xe-0/0/1" }
      o:counter("if_rx_octets", i * 123456789)
      o:counter("if_tx_octets", i * 987654321)
      o:gauge("if_rx_rate", i * 1.2345)
      o:gauge("if_tx_rate", i * 7.654321)
    end
  end,
}
