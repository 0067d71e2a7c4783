-- demo.lua: a thousand devices of four kinds for `moonpoll sim`; some slow, some dead.
-- luacheck: globals agent
local function devices(kind, count, more)
  local a = { recording = "recordings/" .. kind .. ".snmprec", count = count, live = true }
  for key, value in pairs(more or {}) do
    a[key] = value
  end
  agent(a)
end

devices("switch", 150)                    -- 52 ports each
devices("router", 250)
devices("server", 400, { loss = 0.01 })   -- one answer in a hundred never arrives
devices("small", 170)
devices("server", 20, { name = "slow", delay = 0.4, jitter = 0.2 })
devices("small", 10, { name = "dead", faults = "dead" })
