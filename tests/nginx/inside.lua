--- The Lua library's own tests inside nginx: tests/lua/NAME_spec.lua as they are, in a request, with what they use of busted. Prints TAP.
--   luajit tests/nginx/inside.lua tests/lua/value_spec.lua
local ngx = rawget(_G, "ngx")
if not ngx then
  package.path = "tests/?.lua;" .. package.path
  local rig, t = require "nginx.rig", require "e2e.helper"
  local spec = assert(arg[1])
  local nginx = rig.start()
  local ok, text = pcall(nginx.lua, nginx, ("dofile(%q)(%q)"):format(rig.here .. "/tests/nginx/inside.lua", rig.here .. "/" .. spec), 100)
  if ok then io.write(text) else io.write("not ok 1 - " .. spec .. "\n# " .. tostring(text):gsub("\n", "\n# ") .. "\n1..1\n") end
  local complaints = nginx:complaints()
  nginx:stop()
  t.cleanup()
  if complaints ~= "" then
    io.write("# the log of nginx:\n# " .. complaints:gsub("\n", "\n# ") .. "\n")
    os.exit(1)
  end
  os.exit(0)
end

local function text_of(e) return type(e) == "table" and tostring(e.message or e) or tostring(e) end

return function(path)
  local names, befores, n, lines = {}, {}, 0, {}
  local function say(good, what, why)
    n = n + 1
    lines[#lines + 1] = (good and "ok " or "not ok ") .. n .. " - " .. what
    if not good then lines[#lines + 1] = "# " .. text_of(why):gsub("\n", "\n# ") end
  end
  local env = setmetatable({ assert = require "luassert" }, { __index = _G })
  function env.describe(name, f)
    names[#names + 1] = name
    local had = #befores
    f()
    for i = #befores, had + 1, -1 do befores[i] = nil end
    names[#names] = nil
  end
  function env.it(name, f)
    local what = table.concat(names, " ") .. " " .. name
    local good, why = xpcall(function()
      for _, before in ipairs(befores) do before() end
      f()
    end, function(e) return type(e) == "string" and debug.traceback(e) or e end)
    say(good, what, why)
  end
  function env.pending(name) lines[#lines + 1] = "ok " .. n + 1 .. " - # SKIP " .. tostring(name) n = n + 1 end
  function env.before_each(f) befores[#befores + 1] = f end
  function env.setup(f) f() end
  env.lazy_setup = env.setup
  function env.teardown() end
  env.lazy_teardown, env.after_each = env.teardown, env.teardown
  local f, why = loadfile(path)
  if f then
    setfenv(f, env)
    local good, e = xpcall(f, debug.traceback)
    if not good then say(false, path, e) end
  else
    say(false, path, why)
  end
  lines[#lines + 1] = "1.." .. n
  ngx.print(table.concat(lines, "\n") .. "\n")
end
