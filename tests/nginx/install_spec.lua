-- What people who run nginx install: whole by itself, an example that nginx takes, a page that is as the comments are.
local http = require "nginx.http"
local rig = require "nginx.rig"
local sim = require "e2e.sim_rig"
local t = require "e2e.helper"

local function sh(command) return t.run({}, { shell = command, seconds = 120 }) end

describe("what nginx is given", function()
  local root = nil
  lazy_setup(function()
    root = t.path "root"
    local code, out, err = sh(("env B=%s DESTDIR=%s PREFIX=/usr/local LUA_DIR= LUA_LIBDIR= sh tests/install.sh nginx"):format(t.quote(rig.build),
      t.quote(root)))
    assert.equal(0, code, out .. err)
  end)
  lazy_teardown(function() t.cleanup() end)

  local preload = os.getenv "NGINX_PRELOAD"
  local env = preload and ("env LD_PRELOAD=%s ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=8 "):format(preload) or ""

  -- The example with this root for /, and a port that is free.
  local function example()
    local dir, port = t.path "nginx", http.free_port()
    assert(os.execute("mkdir -p " .. dir) == 0)
    local text = t.read(root .. "/usr/local/share/moonpoll/nginx.conf")
    text = text:gsub("load_module /usr/lib/nginx/modules/", "load_module " .. rig.modules .. "/"):gsub("127%.0%.0%.1:8080", "127.0.0.1:" .. port)
      :gsub("/usr/local/share/moonpoll", root .. "%0")
      :gsub("  # lua_package_path [^\n]*\n  # lua_package_cpath [^\n]*\n", function()
        local share = root .. "/usr/local/share/lua/5.1/"
        return ('lua_package_path "%s?.lua;%s?/init.lua;;";\nlua_package_cpath "%s/usr/local/lib/lua/5.1/?.so;;";\n'):format(share, share, root)
      end)
    local f = assert(io.open(dir .. "/nginx.conf", "w"))
    f:write(text)
    f:close()
    return dir, port
  end
  it("has an example that nginx takes", function()
    local dir = example()
    local code, out, err = sh(env .. "PATH=/usr/sbin:$PATH nginx -t -p " .. dir .. " -c nginx.conf -e " .. dir .. "/error.log")
    assert.equal(0, code, out .. err)
    assert.truthy(err:find("test is successful", 1, true), err)
    for _, word in ipairs { "lua_socket_log_errors off", "resolver ", "lua_check_client_abort on", "worker_connections" } do
      assert.truthy(t.read "lua/nginx.conf":find("\n  " .. word, 1, true), word)
    end
  end)
  it("runs as it is installed", function()
    local agent = t.agent()
    local dir, port = example()
    local p = t.start({ "nginx", "-p", dir, "-c", "nginx.conf", "-e", dir .. "/error.log", "-g", "daemon off;" },
      { env = { PATH = "/usr/sbin:" .. os.getenv "PATH", LD_PRELOAD = preload, ASAN_OPTIONS = "detect_leaks=0:quarantine_size_mb=8" } })
    t.wait_for("nginx", 20, function() return p:alive() and pcall(http.get, port, "/") end)
    local r = http.get(port, "/snmp?target=127.0.0.1&probe=system&auth=public")
    assert.equal(200, r.status, t.read(dir .. "/error.log"))
    assert.truthy(r.body:find('"run_error":"refused"', 1, true) or r.body:find('"up":1', 1, true) or r.body:find('"run_error":"timeout"', 1, true), r.body)
    assert.equal(403, http.get(port, "/snmp?target=" .. agent:target "127.0.5.1" .. "&probe=system&auth=public").status) -- another port
    assert.equal(403, http.get(port, "/snmp?target=192.0.2.1&probe=system&auth=public").status)
    p:signal(15)
    p:wait(10)
    agent:stop()
  end)
  it("is a rock too, of the same version, which is made by targets there are", function()
    local rock = {}
    local name = io.popen("ls lua/*.rockspec"):read "*l"
    setfenv(assert(loadfile(name)), rock)()
    assert.equal("lua/moonpoll-" .. rock.version .. ".rockspec", name)
    assert.equal(t.read "core/moonpoll.h":match 'define MOON_VERSION "(.-)"', rock.version:match "^(.*)%-%d+$")
    for _, command in ipairs { rock.build.build_command, rock.build.install_command } do
      local status, out, err = sh("env -i PATH=\"$PATH\" " .. command:gsub("^make", "make -n"):gsub("build/rock", t.path "rock")
        :gsub("%$%((%w+)%)", "/nowhere"))
      assert.equal(0, status, out .. err)
    end
  end)
  it("has a page of its functions that is as the comments are", function()
    local code, _, err = sh "luajit tests/doc.lua --check"
    assert.equal(0, code, err)
  end)
  it("has a first example that does what it says", function()
    local recorded = sim.start { "--recording", "tests/recordings/switch.snmprec" }
    local text = t.read "lua/README.md":match "\n```nginx\n(.-)```"
    local nginx = rig.start { server = text:gsub('"192%.0%.2%.1"', '"' .. recorded:target "127.1.0.1" .. '"') .. text:gsub('"192%.0%.2%.1"', '"127.1.0.2:'
      .. recorded.port .. '"'):gsub("= /name", "= /silent"):gsub("timeout = 1", "timeout = 0.1") }
    local r, lines = nginx:get "/name", 0
    assert.equal(200, r.status)
    assert.truthy(r.body:find "^access%-sw%-1\n1 lo %d+\n", r.body)
    for _ in r.body:gmatch "\n%d+ %S+ %d+" do lines = lines + 1 end
    assert.equal(53, lines)
    assert.equal(504, nginx:get("/silent").status)
    assert.truthy(nginx:log():find("%[warn%].-127.1.0.2:%d+: %w+: .- 2 tries in "), nginx:log())
    nginx:stop()
    recorded.process:stop()
  end)
  it("names every setting that differs where the page tells what differs", function()
    local page = t.read "lua/README.md"
    for _, word in ipairs { "8,192", "no alias is learned", "per_device", "trusted", "ngx.timer.at(0, ...)", "unknown reason" } do
      assert.truthy(page:find(word, 1, true), word)
    end
  end)
end)
