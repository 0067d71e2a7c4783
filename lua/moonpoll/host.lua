--- Devices where the host has the sockets: the same methods, values and errors as in a probe of the engine (see moonpoll.task), on
-- the machines of moonpoll.core and a transport that waits. A device is a plain descriptor: it holds no socket and nothing
-- of a request, and may live in a module. What is known of its agent is kept by the process, for all descriptors of
-- the same agent and credentials.
local core = require "moonpoll.core"
local task = require "moonpoll.task"
local share = require "moonpoll.serve.share"
local transport = require "moonpoll.transport.nginx"

local error, ipairs, next, pairs, pcall, rawget, select, setmetatable, sort, tonumber, tostring, type =
  error, ipairs, next, pairs, pcall, rawget, select, setmetatable, table.sort, tonumber, tostring, type
local concat, find, format, gsub, match = table.concat, string.find, string.format, string.gsub, string.match
local run, unable = transport and transport.run, transport and transport.unable

local _M = {}

local PORT = 161
local TIMEOUT_S, RETRIES, PER_DEVICE, BREAKER_AFTER = 2, 1, 2, 3
local TIMEOUT_MAX_S = 300  -- more is taken for milliseconds
local AGENTS_MAX = 5000    -- of a generation: those asked lately, and those before them

local settings = { shared = nil }

--- What is the same for all devices. Say it before they are asked, best in init_by_lua.
-- @tparam table options  shared: name of an ngx.shared dictionary for what is known of agents (never keys), which of them are down, and
--   how many requests are under way to each: all workers together;
--   sockets: how many a request may have open (1000)
function _M.configure(options)
  if type(options) ~= "table" then error("configure: a table expected, got a " .. type(options), 2) end
  for key in pairs(options) do
    if key ~= "shared" and key ~= "sockets" then error("configure: unknown option " .. tostring(key) .. ": shared and sockets are known", 2) end
  end
  if options.shared ~= nil then
    settings = { shared = type(options.shared) == "string" and transport.shared(options.shared) or
      error("configure: shared: there is no lua_shared_dict " .. tostring(options.shared), 2) }
  end
  if options.sockets ~= nil then
    if type(options.sockets) ~= "number" or options.sockets < 1 then error("configure: sockets: a number from 1 expected", 2) end
    transport.sockets = options.sockets
  end
end

-- ---- who is asked ----

local young, old, n_young = {}, {}, 0

-- What a process knows of an agent, by address and credentials.
local function agent_of(d)
  local entry = young[d.key] or old[d.key]
  if entry and entry.settings == settings then return entry end
  entry = { agent = core.agent(d.options), peer = transport.peer(d.host, d.port, d.per_device, d.give_up), counters = {}, settings = settings }
  if settings.shared then
    entry.peer.shared = share.new(settings.shared, entry.agent, entry.peer.address, d.shared_key, d.id, transport.worker())
  end
  if n_young >= AGENTS_MAX then old, young, n_young = young, {}, 0 end
  young[d.key], n_young = entry, n_young + 1
  return entry
end

-- The descriptor of a device, which begins with it; what is wrong is raised where the method was called.
local function descriptor(self, name, level)
  local d = type(self) == "table" and rawget(self, 1)
  local why
  if type(d) ~= "table" or not d.shared_key then
    why = format("bad argument #1 to '%s' (a device expected: call its methods with a colon, device:%s(...))", name, name)
  else
    why = unable()
  end
  if why then error(why, level) end
  return d
end

local function entry_of(d)
  local entry = d.entry
  if not entry or entry.settings ~= settings then
    entry = agent_of(d)
    d.entry = entry
  end
  return entry
end

--- What a C function said of its arguments, which do not begin with an agent for the one who called.
local function named(message, name)
  return (gsub(message, "^bad argument #(%d+) to '%?'", function(n) return format("bad argument #%d to '%s'", n - 1, name) end))
end

--- An err that ngx.say prints: it takes a table for a list of texts, so that is what this is, with the fields behind it.
local function shown(err)
  if type(err) ~= "table" or err[1] then return err end
  local text = tostring(err)
  return setmetatable({ text }, { __index = err, __newindex = err, __tostring = function() return tostring(err) end,
    __concat = function(a, b) return tostring(a) .. tostring(b) end, __metatable = false })
end
_M.shown = shown

local function given(entry, detail, value, err, part)
  local shared = entry.peer.shared
  if shared then shared:save() end
  if value == nil and err ~= nil then
    err.detail = err.detail or detail
    err = shown(err)
    if part == nil then return nil, err end
    return nil, err, part
  end
  if err == nil then return value end
  return value, err -- get_next
end

local methods = {}
local makers = core.agent {} -- its methods, for any agent
for _, name in ipairs { "get", "get_raw", "get_next", "get_bulk", "set" } do
  local make = makers[name]
  methods[name] = function(self, what, opts)
    local d = descriptor(self, name, 3)
    if d.refuse and d.refuse[name] then error(d.refuse[name], 2) end
    local entry = entry_of(d)
    local ok, ask = pcall(make, entry.agent, what, opts, self[2])
    if not ok then error(named(ask, name), 2) end
    local detail = run(entry.peer, ask)
    return given(entry, detail, ask:result())
  end
end

-- ---- tables ----

local sep = "\31"

-- Where the counters of an earlier table with these columns are.
local function rates_key(columns, opts, context)
  local parts = {}
  for _, t in ipairs { columns, opts.rates } do
    local words = {}
    for k, v in pairs(t) do words[#words + 1] = tostring(k) .. "=" .. tostring(v) end
    sort(words)
    parts[#parts + 1] = concat(words, sep)
  end
  return transport.hash(concat(parts, sep .. sep) .. sep .. tostring(opts.epoch) .. sep .. tostring(context))
end

local function begin(self, method, columns, opts) -- raises without a place: whoever calls knows it
  local d = descriptor(self, method, 0)
  local entry = entry_of(d)
  local ok, ask = pcall(makers[method], entry.agent, columns, opts, self[2])
  if not ok then error(ask, 0) end
  local walk = { ask = ask, entry = entry }
  if type(opts) == "table" and opts.rates and next(opts.rates) then
    local store = d.store or entry.counters
    walk.store, walk.key = store, rates_key(columns, opts, self[2])
    local before = store[walk.key]
    ask:since(before, d.gap)
  end
  return walk
end

local c = {}

local function walk_next(walk)
  local ask = walk.ask
  while true do
    local index, row = ask:next_row()
    if index ~= nil then return index, row end
    if ask:over() then break end
    walk.detail = run(walk.entry.peer, ask) or walk.detail
  end
  if walk.over then return nil end
  walk.over = true
  if walk.store then walk.store[walk.key] = ask:counters() end
  local ok, err = given(walk.entry, walk.detail, ask:result())
  if ok then return nil end
  return nil, err
end

function c.rows(self, columns, opts) return c.iterator(begin(self, "rows", columns, opts), type(opts) == "table" and opts.with ~= nil) end
function c.walk(self, oid, opts) return c.iterator(begin(self, "walk", oid, opts), type(opts) == "table" and opts.with ~= nil) end
c.walk_next = walk_next
function c.walk_head(walk) return (walk.ask:head()) end
function c.walk_given(walk) return select(2, walk.ask:head()) end

for name, f in pairs(methods) do c[name] = f end

-- ---- what moonpoll.task asks of its host ----

c.now, c.time = transport and transport.now, transport and transport.time
function c.sleep(seconds)
  if type(seconds) ~= "number" or seconds < 0 then error("sleep: seconds expected", 2) end
  transport.sleep(seconds)
end
local log_levels = { error = true, warn = true, info = true, debug = true }
function c.log(level, text)
  if not log_levels[level] then error("bad argument #1 to '?' (error, warn, info or debug expected)", 0) end
  transport.log(level, text)
end
function c.refused() return false end -- nothing is limited here
function c.spawn(...) return transport.spawn(...) end
function c.join(thread) return transport.join(thread) end
function c.version(self) return entry_of(descriptor(self, "with", 0)).agent:version() end
function c.context(_, name)
  if #name > 255 then error("with: a context of at most 255 octets expected", 0) end
  return name
end
function c.boots(self) return (entry_of(self[1]).agent:restarts()) end
function c.fresh(self)
  local _, at = entry_of(self[1]).agent:restarts()
  return at ~= nil and at >= transport.began()
end
--- Descriptors of one agent share what cache keeps.
function c.owner(self)
  local d = self[1]
  if self[2] then return self end
  return d.owner or entry_of(d)
end
function c.silence(self) return self[1].silence end
function c.set_match(self, yes) self[1].match = yes end

local face = task(c)
c.iterator = face.iterator
for name, f in pairs(methods) do face.device[name] = f end
for _, name in ipairs { "rows", "walk" } do
  local raw = c[name]
  face.device[name] = function(self, what, opts)
    local ok, iterator = pcall(raw, self, what, opts)
    if not ok then error(named(iterator, name), 2) end
    return iterator
  end
end

_M.face = face

-- ---- devices ----

local known = { host = true, port = true, auth = true, name = true, labels = true, timeout = true, retries = true, per_device = true }
local auths = setmetatable({}, { __mode = "v" })
local told = setmetatable({}, { __mode = "k" }) -- credential -> digest, and what may be said of it

--- A credential, its digest, and a name with nothing secret in it. Passwords of version 3 take a millisecond, once.
function _M.credential(auth)
  if auth == nil then auth = { version = "2c", community = "public" } end
  if type(auth) == "userdata" then
    local made_here = told[auth] or { digest = tostring(auth), name = tostring(auth) }
    return auth, made_here.digest, made_here.name
  end
  if type(auth) ~= "table" then error("auth: a table expected, got a " .. type(auth), 0) end
  local words = {}
  for k, v in pairs(auth) do
    v = tostring(v)
    words[#words + 1] = tostring(k) .. "=" .. #v .. ":" .. v
  end
  sort(words)
  local key = transport.digest(concat(words, sep))
  local made = auths[key]
  if not made then
    local ok
    ok, made = pcall(core.auth, auth)
    if not ok then error(made, 0) end
    auths[key] = made
    told[made] = { digest = key, name = auth.user and "3:" .. tostring(auth.user) or tostring(auth.version or "2c") }
  end
  return made, key, told[made].name
end

local function number(options, name, otherwise, low, high, what)
  local v = options[name]
  if v == nil then return otherwise end
  if type(v) ~= "number" or v ~= v or v < low or v > high then error(format("%s: %s expected, got %s", name, what, tostring(v)), 0) end
  return v
end

--- host and port of "192.0.2.1", "core1:1161", "[2001:db8::1]:161", "2001:db8::1".
function _M.split(text, port)
  local host, p = match(text, "^%[(.+)%]:(%d+)$")
  if not host then host = match(text, "^%[(.+)%]$") end
  if not host and not find(text, ":.*:") then host, p = match(text, "^([^:]+):(%d+)$") end
  host = host or text
  p = tonumber(p) or port
  if host == "" or find(host, "[%s/%%%c%[%]@]") or p < 1 or p > 65535 then return nil end
  return host, p
end

local function make(options)
  if type(options) ~= "table" then error("a table expected, got a " .. type(options), 0) end
  for key in pairs(options) do
    if not known[key] then error("unknown option " .. tostring(key) .. ": host, port, auth, name, labels, timeout, retries and per_device are known", 0) end
  end
  if type(options.host) ~= "string" then error("host: a name or an address expected, got a " .. type(options.host), 0) end
  local host, port = _M.split(options.host, PORT)
  if not host then error("host: no name or address: '" .. options.host .. "'", 0) end
  port = number(options, "port", port, 1, 65535, "a number from 1 to 65535")
  if type(options.timeout) == "number" and options.timeout > TIMEOUT_MAX_S then
    error(format("timeout: %s seconds? Times are in seconds here: timeout = %s for %s ms", options.timeout, options.timeout / 1000, options.timeout), 0)
  end
  local timeout = number(options, "timeout", TIMEOUT_S, 0.001, TIMEOUT_MAX_S, "seconds of one try, above 0,")
  local retries = number(options, "retries", RETRIES, 0, 15, "a number from 0 to 15")
  local per_device = number(options, "per_device", PER_DEVICE, 1, 1e6, "a number from 1")
  if options.name ~= nil and type(options.name) ~= "string" then error("name: a string expected, got a " .. type(options.name), 0) end
  if options.labels ~= nil and type(options.labels) ~= "table" then error("labels: a table expected, got a " .. type(options.labels), 0) end
  local auth, id, name = _M.credential(options.auth)
  local address = (find(host, ":", 1, true) and "[" .. host .. "]" or host) .. ":" .. port
  local d = { host = host, port = port, per_device = per_device, give_up = timeout * (retries + 1),
    key = concat({ address, id, timeout, retries, per_device }, sep), shared_key = address .. ":" .. name, id = id,
    options = { auth = auth, name = options.name or host, target = address, timeout = timeout, retries = retries, breaker_after = BREAKER_AFTER,
      datagram_max = transport.DATAGRAM_MAX } }
  return { d, name = options.name or host, host = host, port = port, address = find(host, "^[%d.]+$") and address or nil,
    labels = options.labels or {}, state = {} }
end

local mt = { __index = face.device, __metatable = false }

--- A device without its methods; raises without a place.
function _M.descriptor(options)
  if not transport then error("there is no transport here: this LuaJIT runs in no nginx", 0) end
  local ok, device = pcall(make, options)
  if not ok then error((gsub(tostring(device), "^bad argument #%d+ to '%?' %((.*)%)$", "auth: %1")), 0) end
  return device
end

--- A device of one run of a probe: more are fields of its descriptor: store of counters, gap, owner of what cache keeps, refuse.
function _M.probe_device(options, more)
  local device = _M.descriptor(options)
  for k, v in pairs(more) do device[1][k] = v end
  return setmetatable(device, mt)
end

--- One agent, to be asked. Nothing is sent, and no socket is made.
-- @tparam table options  host (name or address, with a port or without), port (161), auth (community "public"), name, labels,
--   timeout (2 seconds a try), retries (1), per_device (2 requests at once)
function _M.device(options)
  local ok, device = pcall(_M.descriptor, options)
  if not ok then error("device: " .. tostring(device), 2) end
  return setmetatable(device, mt)
end

return _M
