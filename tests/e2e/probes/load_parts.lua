-- Runs of many samples, each of which says the how-manieth run it is of: what is missing, torn or there twice shows.
local text = {}
for i = 1, 400 do text[i] = tostring(i) end

return {
  every = 1, timeout = 10,
  run = function(device, out, state)
    local v, err = device:get "1.3.6.1.2.1.1.3.0"
    if not v then return nil, err end
    state.n = (state.n or 0) + 1
    for i = 1, #text do out:with { index = text[i] }:gauge("part", state.n) end
  end,
}
