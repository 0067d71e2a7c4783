--- Probes of the engine as pages of nginx: `/snmp?target=HOST&probe=NAME&auth=NAME`, as JSON or in Prometheus' text format.
--
--     location = /snmp {
--       content_by_lua_block { require("pages").snmp() }
--     }
--     -- pages.lua
--     local nginx = require "moonpoll.nginx"
--     local snmp = nginx.probe { dir = "/etc/moonpoll/probes", allow = { "10.0.0.0/8" }, shared = "moonpoll", max_age = 10,
--       auth = { ops = { version = 3, user = "ops", auth = "SHA-256", auth_pass = nginx.file "/etc/moonpoll/ops.secret" } } }
--     return { snmp = snmp }
--
-- A location must not become an open door to the network behind it: only targets on the list `allow` are asked, which is
-- empty unless it is given, and only on port 161 unless the list says more (moonpoll.serve.allow). Credentials are
-- named in the page's arguments, and nothing of them is in a page or a log.
--
-- Probes are trusted here: nginx has no watchdog that could stop one that computes for ever.
-- @module moonpoll.nginx
local core = require "moonpoll.core"
local host = require "moonpoll.host"
local transport = require "moonpoll.transport.nginx"
local allow = require "moonpoll.serve.allow"
local files = require "moonpoll.serve.files"
local keep = require "moonpoll.serve.keep"
local out = require "moonpoll.serve.out"

local error, io_open, ipairs, next, pairs, pcall, setmetatable, sort, tonumber, tostring, type, xpcall =
  error, io.open, ipairs, next, pairs, pcall, setmetatable, table.sort, tonumber, tostring, type, xpcall
local find, format, gsub, max = string.find, string.format, string.gsub, math.max
local traceback = debug.traceback

local _M = {}

local TIMEOUT_S = 20    -- of a run, where the probe says nothing
local STATE_S = 86400   -- state and counters of a target that nobody asks any more
local GAP_S = 900       -- counters older than this, or two and a half intervals, are no base for a rate
local RESULT_S = 3600
local POLL_S = 0.01     -- how often somebody who waits for another's run looks
local OWNERS_MAX = 5000

--- The first line of a file: a secret that is in no configuration.
-- @tparam string path
-- @treturn string
function _M.file(path)
  local f, why = io_open(path, "r")
  if not f then error("file: " .. tostring(why), 2) end
  local line = f:read "*l"
  f:close()
  return line or error("file: " .. path .. " is empty", 2)
end

-- A dictionary of this worker alone, where none is named.
local function own_dict()
  local values, till = {}, {}
  local dict = {}
  function dict.get(_, key)
    if till[key] and till[key] <= core.clock() then values[key], till[key] = nil, nil end
    return values[key]
  end
  function dict.set(_, key, value, seconds)
    values[key], till[key] = value, seconds and core.clock() + seconds
    return true
  end
  function dict.add(self, key, value, seconds)
    if self:get(key) ~= nil then return false, "exists" end
    return self:set(key, value, seconds)
  end
  function dict.delete(_, key) values[key], till[key] = nil, nil end
  return dict
end

local function explain(e)
  if type(e) == "string" then return traceback(e, 2) end
  return e
end

local handler = {}
handler.__index = handler

-- The jobs that are due, the rarest first: what one picks the next may poll.
local function jobs_due(probe, dict, key)
  if not probe.jobs then return { { run = probe.run, timeout = probe.timeout } } end
  local list, due = {}, {}
  for name, job in pairs(probe.jobs) do
    list[#list + 1] = { name = name, run = job.run, timeout = job.timeout or probe.timeout, every = job.every or probe.every or 0 }
  end
  sort(list, function(a, b) return a.every > b.every or (a.every == b.every and tostring(a.name) < tostring(b.name)) end)
  for i, job in ipairs(list) do
    local at = dict:get(key .. "\0job\0" .. tostring(job.name))
    if i == #list or not at or core.clock() - at >= job.every then due[#due + 1] = job end
  end
  return due
end

local function help_of(probe)
  local help = {}
  for name, m in pairs(type(probe.metrics) == "table" and probe.metrics or {}) do
    if type(m) == "table" and type(m.help) == "string" then help[name] = m.help end
  end
  return help
end

-- Counters of earlier runs, by table.
local function store_of(dict, key)
  return setmetatable({}, { __index = function(_, k) return dict:get(key .. "\0rates\0" .. k) end,
    __newindex = function(_, k, v) dict:set(key .. "\0rates\0" .. k, v, STATE_S) end })
end

-- Runs a probe against a target: the result.
local function run(self, q, probe)
  local dict, key = self.dict, q.key
  local device = host.probe_device({ host = q.host, port = q.port, auth = q.auth, name = q.target, timeout = self.options.request_timeout,
    retries = self.options.retries }, { store = store_of(dict, key), gap = max(GAP_S, 2.5 * (tonumber(probe.every) or 0)),
    owner = self:owner(key), refuse = not self.options.allow_set and { set = "this probe may not change anything: allow_set is not configured for it" } })
  device.state = keep.decode(dict:get(key .. "\0state")) or {}
  local state = device.state
  local o, sheet = out.begin(transport.time, device.labels)
  local began = core.clock()
  local result = { device = q.target, probe = q.probe, t = transport.time(), up = 1, samples = sheet.samples, help = help_of(probe) }
  for _, job in ipairs(jobs_due(probe, dict, key)) do
    local ended, failed
    local _, late = transport.within(tonumber(job.timeout) or TIMEOUT_S, function()
      local ok, value, err
      if probe.match ~= nil then
        ok, value, err = xpcall(function() return host.face.matched(probe.match, job.run, device, o, state) end, explain)
      else
        ok, value, err = xpcall(function() return job.run(device, o, state) end, explain)
      end
      if not ok then failed = value elseif value == nil and err ~= nil then failed = err end
      if failed ~= nil and type(probe.on_error) == "function" then
        local why = type(failed) == "string" and gsub(failed, "\nstack traceback:.*", "") or failed
        ok, err = xpcall(function() probe.on_error(device, why, o, state) end, explain)
        if not ok then
          transport.log("error", format("probe %s, %s: %s", q.probe, q.target, tostring(why)))
          failed = err
        end
      end
      ended = true
    end)
    if not ended then
      failed = { code = late and "cancelled" or "script" }
      result.text = late and "the run took longer than its timeout" or "the run was ended"
    end
    if failed then
      local code = type(failed) == "table" and failed.code or type(failed) == "userdata" and "script" or "script"
      result.up, result.code = 0, tostring(code)
      result.text = result.text or gsub(tostring(failed), "\nstack traceback:.*", "")
      if code == "script" then transport.log("error", format("probe %s, %s: %s", q.probe, q.target, tostring(failed))) end
      break
    end
    if job.name then dict:set(key .. "\0job\0" .. tostring(job.name), core.clock(), STATE_S) end
  end
  sheet.over = true
  if result.up == 1 then
    local text, why = keep.encode(state)
    if not text then
      transport.log("error", format("probe %s, %s: its state %s: dropped", q.probe, q.target, why))
      text = nil
    end
    if text and next(state) == nil then text = nil end
    if text then dict:set(key .. "\0state", text, STATE_S) else dict:delete(key .. "\0state") end
  end
  result.seconds = core.clock() - began
  return result
end

function handler:owner(key)
  if not self.owners[key] then
    if self.n_owners >= OWNERS_MAX then self.owners, self.n_owners = {}, 0 end
    self.owners[key], self.n_owners = {}, self.n_owners + 1
  end
  return self.owners[key]
end

-- A result that is young enough, somebody else's as well as our own.
local function result_for(self, q, probe)
  local dict, name, lock = self.dict, q.key .. "\0result", q.key .. "\0lock"
  local asked, limit = core.clock(), core.clock() + 2 * q.timeout + 1
  self.turns = self.turns + 1
  local token = transport.worker() .. ":" .. self.turns
  local function unlock()
    if dict:get(lock) == token then dict:delete(lock) end -- or it expired, and is another's
  end
  while true do
    local kept = keep.decode(dict:get(name))
    if kept and (kept.ended >= asked or core.clock() - kept.ended <= self.options.max_age) then return kept end
    if dict:add(lock, token, q.timeout + 1) then break end
    if core.clock() > limit then return nil end
    transport.sleep(POLL_S)
  end
  transport.on_abort(unlock)
  local ok, result = pcall(run, self, q, probe)
  if ok then
    result.ended = core.clock()
    local text = keep.encode(result)
    if text then dict:set(name, text, RESULT_S) end
  end
  unlock()
  if not ok then error(result, 0) end
  return result
end

local function page(code, text) return transport.reply(code, "text/plain; charset=utf-8", text .. "\n") end
-- What came from outside and goes into a page.
local function shown(text) return (gsub(text:sub(1, 100), "[^%w%._:%[%]%-]", "?")) end

function handler:serve()
  local args = transport.args()
  local name, target = self.options.name or args.probe, args.target
  if type(target) ~= "string" or target == "" then return page(400, "target is missing: ?target=HOST&probe=NAME&auth=NAME") end
  if type(name) ~= "string" or name == "" then return page(400, "probe is missing: ?target=HOST&probe=NAME&auth=NAME") end
  if args.format and args.format ~= "json" and args.format ~= "prometheus" then return page(400, "format is json or prometheus") end
  local to, port = host.split(target, 161)
  if not to or not self.allowed(to, port) then
    return page(403, "target " .. shown(target) .. " is not on the list of this location (allow)" ..
      (to and port ~= 161 and ", where addresses stand for port 161 unless they have another or *" or ""))
  end
  local auth_name = type(args.auth) == "string" and args.auth or self.default_auth
  local auth = auth_name and self.auths[auth_name]
  if not auth and (args.auth or next(self.auths)) then return page(404, "there is no credential " .. shown(auth_name or "") .. " here (auth)") end
  local probe, why = self.files:get(name)
  if not probe then
    if why then return page(500, "probe " .. shown(name) .. " does not load: the log of nginx says why") end
    return page(404, "there is no probe " .. shown(name))
  end
  local q = { host = to, port = port, target = target, probe = name, auth = auth, timeout = 0,
    key = "moonpoll:probe:" .. name .. "\0" .. target .. "\0" .. (auth_name or "") }
  for _, job in pairs(probe.jobs or { probe }) do q.timeout = q.timeout + (tonumber(job.timeout) or tonumber(probe.timeout) or TIMEOUT_S) end
  local ok, result = pcall(result_for, self, q, probe)
  if not ok then
    transport.log("error", "probe " .. name .. ": " .. tostring(result))
    return page(500, "the run failed: the log of nginx says why")
  end
  if not result then return page(503, "another run against this target is under way") end
  local accept = tostring(transport.header "accept" or "")
  local wanted = args.format or (find(accept, "openmetrics", 1, true) or find(accept, "version=0.0.4", 1, true)) and "prometheus" or self.options.format
  if wanted == "prometheus" then return transport.reply(200, "text/plain; version=0.0.4; charset=utf-8", out.prometheus(result)) end
  return transport.reply(200, "application/json", out.json(result))
end

local known = { name = true, dir = true, allow = true, auth = true, shared = true, max_age = true, format = true, allow_set = true,
  request_timeout = true, retries = true }

--- Makes a handler for a location. Make it once, in a module.
-- @tparam table options
--
--   * `dir` where the probes are: NAME.lua, and what they require
--   * `name` the one probe of this location; without it the argument `probe` says which
--   * `allow` addresses, networks and names that may be targets; nothing else is asked
--   * `auth` credentials by name, chosen by the argument `auth`; of one it need not be said, of several `default` is the one
--   * `shared` name of an `ngx.shared` dictionary for state, counters of earlier runs, results and locks; without it they are the worker's
--   * `max_age` seconds for which a result answers others too (0)
--   * `format` "json" or "prometheus" where the request does not say
--   * `request_timeout`, `retries` of requests; `allow_set` true: the probes may change values
-- @treturn function  answers the request it is called in
function _M.probe(options)
  if type(options) ~= "table" then error("probe: a table expected, got a " .. type(options), 2) end
  for key in pairs(options) do
    if not known[key] then
      error("probe: unknown option " .. tostring(key) .. ": there are name, dir, allow, auth, shared, max_age, format, allow_set, " ..
        "request_timeout and retries", 2)
    end
  end
  if type(options.dir) ~= "string" then error("probe: dir: a directory expected, got a " .. type(options.dir), 2) end
  local there, why = io_open(options.dir, "rb")
  if not there then error("probe: dir: " .. tostring(why), 2) end
  there:close()
  local self = setmetatable({ auths = {}, owners = {}, n_owners = 0, turns = 0 }, handler)
  self.options = { max_age = 0, format = "json" }
  for k, v in pairs(options) do self.options[k] = v end
  if type(self.options.max_age) ~= "number" then error("probe: max_age: seconds expected", 2) end
  if self.options.format ~= "json" and self.options.format ~= "prometheus" then error("probe: format: json or prometheus expected", 2) end
  local ok, allowed = pcall(allow.compile, options.allow or {})
  if not ok then error("probe: " .. allowed, 2) end
  self.allowed = allowed
  for name, auth in pairs(options.auth or {}) do
    local good, made = pcall(host.credential, auth)
    if not good then error("probe: auth." .. tostring(name) .. ": " .. gsub(tostring(made), "^bad argument #%d+ to '%?' %((.*)%)$", "%1"), 2) end
    self.auths[name] = made
  end
  self.default_auth = self.auths.default and "default" or not next(self.auths, next(self.auths)) and next(self.auths) or nil
  local dict = options.shared and transport.shared(options.shared)
  if options.shared and not dict then error("probe: shared: there is no lua_shared_dict " .. tostring(options.shared), 2) end
  self.dict = dict or own_dict()
  self.files = files.new(options.dir, core.clock, transport.log)
  return function() return self:serve() end
end

return _M
