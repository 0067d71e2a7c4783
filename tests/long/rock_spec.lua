-- The rock builds from a checkout, by luarocks where it is installed, else by the commands it would run; what it installs loads.
local t = require "e2e.helper"

describe("the rock", function()
  lazy_teardown(function() t.cleanup() end)
  it("builds, and what it installs loads", function()
    local checkout, tree = t.path "checkout", t.path "tree"
    local function sh(command)
      local status, out, err = t.run({}, { shell = "cd " .. t.quote(checkout) .. " && unset MAKEFLAGS MAKEOVERRIDES MFLAGS SAN O B && " .. command,
        seconds = 600 })
      assert.equal(0, status, (out .. err):sub(-3000))
      return out
    end
    assert.equal(0, os.execute("mkdir -p " .. checkout .. " " .. tree .. " && cp -r Makefile README.md LICENSE core lua scripts tests " .. checkout))
    local rock = io.popen("ls lua/*.rockspec"):read "*l"
    local has_luarocks = os.execute "command -v luarocks >/dev/null" == 0
    if has_luarocks then
      sh(("luarocks --lua-version 5.1 --tree %s make %s"):format(tree, rock))
    else
      local spec = {}
      setfenv(assert(loadfile(rock)), spec)()
      sh(spec.build.build_command)
      sh((spec.build.install_command:gsub("%$%(LUADIR%)", tree .. "/share/lua/5.1"):gsub("%$%(LIBDIR%)", tree .. "/lib/lua/5.1")))
    end
    local said = sh(("env LUA_PATH='%s/share/lua/5.1/?.lua;%s/share/lua/5.1/?/init.lua' LUA_CPATH='%s/lib/lua/5.1/?.so' luajit -e %s"):format(tree, tree, tree,
      t.quote [[local snmp = require "moonpoll" print(snmp.agent and snmp.mac "\0\1\2\3\4\5")
        for _, name in ipairs { "moonpoll.nginx", "resty.moonpoll" } do assert(package.searchpath(name, package.path), name) end]]))
    assert.equal("00:01:02:03:04:05\n", said)
  end)
end)
