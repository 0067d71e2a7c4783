-- One value, once: as many requests as runs.
return {
  every = 1, timeout = 20,
  run = function(device, out)
    local v, err = device:get "1.3.6.1.2.1.1.3.0"
    if not v then return nil, err end
    out:gauge("uptime", v)
  end,
}
