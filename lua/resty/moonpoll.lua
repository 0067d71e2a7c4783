--- SNMP with the manners of lua-resty-redis: `new`, `set_timeout` in milliseconds, then the methods of a device.
--
--     local moonpoll = require "resty.moonpoll"
--     local agent = moonpoll:new { host = "192.0.2.1", auth = { community = "public" } }
--     agent:set_timeout(500)
--     local name, err = agent:get "1.3.6.1.2.1.1.5.0"
--     if not name then ngx.log(ngx.ERR, err) end
--
-- Nothing has to be closed or put into a pool: sockets go with the request. What a device is, and all that it can be asked,
-- is told in moonpoll.
-- @module resty.moonpoll
local host = require "moonpoll.host"
local moonpoll = require "moonpoll"

local error, pairs, pcall, rawget, setmetatable, tostring, type = error, pairs, pcall, rawget, setmetatable, tostring, type

local _M = { _VERSION = moonpoll._VERSION }

local methods = {}
for name, f in pairs(host.face.device) do methods[name] = f end
local mt = { __index = methods, __metatable = false }

--- An agent to be asked. Nothing is sent yet.
-- @tparam table opts  as moonpoll.device takes them; times there are seconds
-- @treturn table
function _M.new(_, opts)
  local ok, self = pcall(host.descriptor, opts)
  if not ok then error("new: " .. tostring(self), 2) end
  self.opts = {}
  for k, v in pairs(opts) do self.opts[k] = v end
  self.opts.auth = self[1].options.auth -- no password is kept
  return setmetatable(self, mt)
end

--- How long one try may take.
-- @tparam number ms  milliseconds
function methods.set_timeout(self, ms)
  if type(ms) ~= "number" or ms < 1 or ms ~= ms then error("set_timeout: milliseconds expected, got " .. tostring(ms), 2) end
  local opts = {}
  for k, v in pairs(rawget(self, "opts")) do opts[k] = v end
  opts.timeout = ms / 1000
  local ok, made = pcall(host.descriptor, opts)
  if not ok then error("set_timeout: " .. tostring(made), 2) end
  self[1] = made[1]
end
_M.set_timeout = methods.set_timeout

return _M
