-- A script error on some devices only.
return {
  every = 60, timeout = 10,
  run = function(device, out)
    local v = assert(device:get "1.3.6.1.2.1.1.7.0")
    if device.name:find("127.0.4.2", 1, true) then
      local nothing = device:get "1.3.6.1.2.1.1.99.0"
      v = v + nothing.field
    end
    out:gauge("services", v)
  end,
}
