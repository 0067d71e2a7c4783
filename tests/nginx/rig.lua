--- nginx for tests: its own prefix, configuration and port, one worker; started here and stopped by its pid. `/lua` runs the Lua
-- that is posted to it.
local http = require "nginx.http"
local net = require "agent.net"
local t = require "e2e.helper"
local ffi = require "ffi"

ffi.cdef "unsigned getuid(void);"

local _M = {}
local nginx = {}
nginx.__index = nginx

local build = os.getenv "B" or "build"
if build:sub(1, 1) ~= "/" then build = io.popen "pwd":read "*l" .. "/" .. build end
local here = io.popen "pwd":read "*l"
_M.here, _M.build = here, build
_M.modules = os.getenv "NGINX_MODULES" or "/usr/lib/nginx/modules"

--- Starts one. o: http = lines of the http block, server = lines of the server, files = { ["name.lua"] = text } beside it,
-- main = lines of the main block, workers.
function _M.start(o)
  o = o or {}
  local dir = t.path "nginx"
  assert(os.execute("mkdir -p " .. dir .. "/logs " .. dir .. "/lua") == 0)
  for name, text in pairs(o.files or {}) do
    local f = assert(io.open(dir .. "/lua/" .. name, "w"))
    f:write(text)
    f:close()
  end
  local port = http.free_port()
  local conf = assert(io.open(dir .. "/nginx.conf", "w"))
  conf:write(([[
load_module %s/ndk_http_module.so;
load_module %s/ngx_http_lua_module.so;
daemon off; worker_processes %d; pid %s/nginx.pid; error_log %s/logs/error.log info;
%s
%s
events { worker_connections 8192; }
http {
  access_log %s/logs/access.log;
  client_body_temp_path %s/t1; proxy_temp_path %s/t2; fastcgi_temp_path %s/t3; uwsgi_temp_path %s/t4; scgi_temp_path %s/t5;
  client_body_buffer_size 1m; client_max_body_size 1m;
  lua_package_path "%s/lua/?.lua;%s/lua/?.lua;%s/lua/?/init.lua;%s/tests/?.lua;;";
  lua_package_cpath "%s/lib/?.so;;";
  lua_socket_log_errors off;
  lua_check_client_abort on;
  lua_shared_dict moonpoll 10m;
  lua_max_pending_timers 4096; lua_max_running_timers 4096;
%s
  server {
    listen 127.0.0.1:%d backlog=4096;
    location = / { return 200; }
    location = /lua {
      content_by_lua_block {
        ngx.req.read_body()
        local f, why = loadstring(ngx.req.get_body_data() or "", "=posted")
        if not f then return ngx.say(why) end
        f()
      }
    }
%s
  }
}
]]):format(_M.modules, _M.modules, o.workers or 1, dir, dir, ffi.C.getuid() == 0 and "user root;" or "", o.main or "", dir, dir, dir, dir, dir, dir,
    dir, here, here, here, build, o.http or "", port, o.server or ""))
  conf:close()
  local env = { LC_ALL = "C.UTF-8" }
  if os.getenv "NGINX_PRELOAD" then env.LD_PRELOAD, env.ASAN_OPTIONS = os.getenv "NGINX_PRELOAD", "detect_leaks=0:quarantine_size_mb=8" end
  local p = t.start({ "nginx", "-p", dir, "-c", dir .. "/nginx.conf", "-e", dir .. "/logs/error.log" },
    { env = { PATH = "/usr/sbin:/sbin:" .. os.getenv "PATH", LD_PRELOAD = env.LD_PRELOAD, ASAN_OPTIONS = env.ASAN_OPTIONS } })
  local self = setmetatable({ process = p, port = port, dir = dir }, nginx)
  t.wait_for("nginx", 20, function()
    if not p:alive() then error(p:stderr() .. self:log()) end
    return pcall(http.get, port, "/")
  end)
  return self
end

function nginx:log() return t.read(self.dir .. "/logs/error.log") end
--- Lines of its log of this level and above, without what it says of itself.
function nginx:complaints()
  local out = {}
  for line in self:log():gmatch "[^\n]+" do
    if line:find "%[error%]" or line:find "%[crit%]" or line:find "%[alert%]" or line:find "%[emerg%]" or line:find "Sanitizer" then out[#out + 1] = line end
  end
  return table.concat(out, "\n")
end
function nginx:get(path, headers) return http.get(self.port, path, headers) end
--- Runs Lua in a request: what it said.
function nginx:lua(code, seconds)
  local r = http.post(self.port, "/lua", code, seconds)
  if r.status ~= 200 then error(("status %s\n%s\n%s"):format(tostring(r.status), r.body or "", self:log():sub(-3000)), 2) end
  return r.body
end
function nginx:abandon(code, seconds) return http.abandon(self.port, "/lua", code, seconds) end
function nginx:all(requests, seconds) return http.all(self.port, requests, seconds) end
--- Pids of the workers.
function nginx:workers()
  local out = {}
  for pid in t.read("/proc/" .. self.process.pid .. "/task/" .. self.process.pid .. "/children"):gmatch "%d+" do out[#out + 1] = tonumber(pid) end
  return out
end
--- File descriptors a worker has open.
function nginx:fds()
  local n = 0
  for _ in io.popen("ls /proc/" .. self:workers()[1] .. "/fd"):lines() do n = n + 1 end
  return n
end
--- Processor time of a worker.
function nginx:cpu_seconds() return tonumber(t.read("/proc/" .. self:workers()[1] .. "/schedstat"):match "%d+") / 1e9 end
--- Memory of a worker's own; a dictionary is not: its pages are there once they were used, whatever is in them.
function nginx:rss_mb() return tonumber(t.read("/proc/" .. self:workers()[1] .. "/status"):match "RssAnon:%s*(%d+)") / 1024 end
function nginx:reload() self.process:signal(1) end
function nginx:stop()
  self.process:signal(15)
  self.process:wait(10)
end

_M.now = net.now
return _M
