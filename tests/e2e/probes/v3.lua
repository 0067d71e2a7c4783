-- v3.lua: reads, walks and writes.   out: system rows, what was set
local name, contact = "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.4.0"
local args = ...

return {
  every = 60, timeout = 30,
  run = function(device, out)
    local text = args and args.text or "by moonpoll"
    local one = assert(device:get(name))
    local row = assert(device:get { name = name, contact = contact })
    local oid = assert(device:get_next "1.3.6.1.2.1.1.5")
    local n = 0
    for _ in device:walk "1.3.6.1.2.1.1" do n = n + 1 end
    if args and args.set then
      assert(device:set { { oid = name, type = "string", value = text .. " " .. device.name } })
      out:info("set", assert(device:get(name)))
    end
    out:gauge("walked", n)
    out:gauge("same", one == row.name and oid == name and 1 or 0)
  end,
}
