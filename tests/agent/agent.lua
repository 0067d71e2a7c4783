--- A scripted SNMP agent (v1, v2c) for what a real one never does.
--
--   luajit tests/agent/agent.lua [--port N] [--interfaces N] [--community TEXT] [--default FAULTS]
--                                [--device ADDRESS=FAULTS]... [--scenario FILE]
--
-- Every address of 127.0.0.0/8 is a device of its own on the same port; answers leave from the address that was asked.
-- FAULTS is a Lua list of constructors of faults.lua: 'delay(200), every(3, dead())'. A scenario file returns
-- {mib = MIB, devices = {["127.0.3.1"] = {mib = MIB, faults = {...}}}} and is run with `mib`, `faults`, `ber` as globals.
--
-- First line of output: {"port":N,"control":M}. A datagram to 127.0.0.1:M is a command:
--   stats                         answered with the counts as JSON
--   faults ADDRESS FAULTS         from now on
--   reboot ADDRESS                uptime and counters start again
--   quit                          as SIGTERM: the counts go to stdout, exit 0
local root = arg[0]:match "^(.*)agent/agent%.lua$" or "./"
package.path = root .. "?.lua;" .. package.path

local ber = require "agent.ber"
local mib = require "agent.mib"
local net = require "agent.net"
local faults = require "agent.faults"

math.randomseed(1)

-- JSON of plain tables, keys sorted.
local function json(v)
  if type(v) ~= "table" then return type(v) == "string" and '"' .. v:gsub('[%c"\\]', "?") .. '"' or tostring(v) end
  local keys, out = {}, {}
  for k in pairs(v) do keys[#keys + 1] = k end
  table.sort(keys)
  for i, k in ipairs(keys) do out[i] = '"' .. k .. '":' .. json(v[k]) end
  return "{" .. table.concat(out, ",") .. "}"
end

local function count(t, key, n) t[key] = (t[key] or 0) + (n or 1) end

local function parse_faults(text)
  local chunk = assert(loadstring("return {" .. text .. "}", "=faults"))
  return setfenv(chunk, faults)()
end

local options = { port = 0, interfaces = 4, community = "public", default = {}, devices = {} }
do
  local i = 1
  local function value()
    i = i + 1
    return arg[i] or error(arg[i - 1] .. " needs a value", 0)
  end
  while arg[i] do
    local o = arg[i]
    if o == "--port" then
      options.port = tonumber(value())
    elseif o == "--interfaces" then
      options.interfaces = tonumber(value())
    elseif o == "--community" then
      options.community = value()
    elseif o == "--default" then
      options.default = parse_faults(value())
    elseif o == "--device" then
      local address, list = value():match "^([%d.]+)=(.*)$"
      options.devices[address] = { faults = parse_faults(list) }
    elseif o == "--scenario" then
      local env = setmetatable({ mib = mib, faults = faults, ber = ber }, { __index = _G })
      local chunk = setfenv(assert(loadfile(value())), env)
      local scenario = chunk()
      options.mib = scenario.mib
      for address, d in pairs(scenario.devices or {}) do options.devices[address] = d end
    else
      error("no option " .. o, 0)
    end
    i = i + 1
  end
end

local stats = {
  datagrams_in = 0, datagrams_out = 0, malformed_in = 0, wrong_community_in = 0, unsent = 0,
  requests = {}, answers = {}, faults = {}, devices = {},
}

local agent = { devices = {}, queue = {}, running = true }

-- One address.
local device_mt = {}
device_mt.__index = device_mt
function device_mt:uptime() return net.now() - self.boot end
-- Seconds since its counters started.
function device_mt:age() return net.now() - self.begun end
function device_mt:reboot()
  self.boot, self.begun, self.since_boot, self.reboots = net.now(), net.now(), 0, self.reboots + 1
end
function device_mt:acted(name) count(stats.faults, name) end

local shared = options.mib or mib.standard(options.interfaces)

function agent:device(address)
  local d = self.devices[address]
  if not d then
    local spec = options.devices[address] or {}
    d = setmetatable({
      address = address, agent = self, boot = net.now() - 1000, begun = net.now(), number = 0, since_boot = 0, reboots = 0,
      mib = spec.mib or shared, faults = spec.faults or options.default, written = {},
    }, device_mt)
    self.devices[address] = d
  end
  return d
end

function agent:later(ms, fn)
  local at = net.now() + ms / 1000
  local q = self.queue
  local i = #q + 1
  while i > 1 and q[i - 1].at > at do i = i - 1 end
  table.insert(q, i, { at = at, fn = fn })
end

function agent:deliver(device, p)
  local fd = p.other_port and self.other or self.socket
  if net.send(fd, p.data, p.to, p.from or device.address) then
    stats.datagrams_out = stats.datagrams_out + 1
    count(stats.devices[device.address], "out")
  else
    stats.unsent = stats.unsent + 1
  end
end

-- The object's value now.
local function shown(device, object)
  local v = device.written[ber.text(object.oid)]
  if v == nil then v = object.value end
  if type(v) == "function" then v = v(device) end
  return { oid = object.oid, tag = object.tag, value = v }
end

local function next_of(device, arcs, version)
  for _, f in ipairs(device.faults) do
    local object = f.next and f.next(device, arcs)
    if object then
      device:acted(f.name)
      return object
    end
  end
  local object = device.mib:next(arcs)
  while object and version == 0 and object.tag == ber.C64 do object = device.mib:next(object.oid) end -- RFC 2576 4.1.2.1
  return object
end

local function get(device, m, a)
  for i, vb in ipairs(m.varbinds) do
    local object = device.mib:get(vb.oid)
    if object and not (m.version == 0 and object.tag == ber.C64) then
      a.varbinds[i] = shown(device, object)
    elseif m.version == 0 then
      a.a, a.b, a.varbinds = 2, i, m.varbinds
      return
    else
      a.varbinds[i] = { oid = vb.oid, tag = device.mib:has_object(vb.oid) and ber.NO_INSTANCE or ber.NO_OBJECT }
    end
  end
end

local function get_next(device, m, a)
  for i, vb in ipairs(m.varbinds) do
    local object = next_of(device, vb.oid, m.version)
    if object then
      a.varbinds[i] = shown(device, object)
    elseif m.version == 0 then
      a.a, a.b, a.varbinds = 2, i, m.varbinds
      return
    else
      a.varbinds[i] = { oid = vb.oid, tag = ber.END_OF_VIEW }
    end
  end
end

local function get_bulk(device, m, a)
  local out, room = a.varbinds, (device.max_octets or 65000) - 60
  local function add(vb)
    room = room - #ber.encode({ version = 1, community = "", type = ber.RESPONSE, id = 1, a = 0, b = 0, varbinds = { vb } }) + 20
    if room < 0 then return false end
    out[#out + 1] = vb
    return true
  end
  local function step(arcs)
    local object = next_of(device, arcs, m.version)
    return object and shown(device, object) or { oid = arcs, tag = ber.END_OF_VIEW }
  end
  local cursors = {}
  local non_repeaters = math.max(0, math.min(m.a, #m.varbinds))
  for i, vb in ipairs(m.varbinds) do
    if i <= non_repeaters then
      if not add(step(vb.oid)) then return end
    else
      cursors[#cursors + 1] = vb.oid
    end
  end
  for _ = 1, m.b do
    local alive = false
    for i, oid in ipairs(cursors) do
      local vb = step(oid)
      if not add(vb) then return end
      cursors[i] = vb.oid
      alive = alive or vb.tag ~= ber.END_OF_VIEW
    end
    if not alive then return end
  end
end

local function set(device, m, a)
  a.varbinds = m.varbinds
  for i, vb in ipairs(m.varbinds) do
    local object = device.mib:get(vb.oid)
    local status
    if not object then
      status = m.version == 0 and 2 or 6
    elseif not object.writable then
      status = m.version == 0 and 2 or 17
    elseif object.tag ~= vb.tag then
      status = m.version == 0 and 3 or 7
    end
    if status then
      a.a, a.b = status, i
      return
    end
  end
  for _, vb in ipairs(m.varbinds) do device.written[ber.text(vb.oid)] = vb.value end
end

local serve = { [ber.GET] = get, [ber.GETNEXT] = get_next, [ber.GETBULK] = get_bulk, [ber.SET] = set }
local kinds = { [ber.GET] = "get", [ber.GETNEXT] = "getnext", [ber.GETBULK] = "getbulk", [ber.SET] = "set" }

function agent:datagram(data, from, to)
  local address = net.text(to)
  stats.datagrams_in = stats.datagrams_in + 1
  stats.devices[address] = stats.devices[address] or {}
  count(stats.devices[address], "in")
  local ok, m = pcall(ber.decode, data)
  if not ok or not serve[m.type] or m.version > 1 or (m.version == 0 and m.type == ber.GETBULK) then
    stats.malformed_in = stats.malformed_in + 1
    return
  end
  if m.community ~= options.community then
    stats.wrong_community_in = stats.wrong_community_in + 1
    return
  end
  count(stats.requests, kinds[m.type])
  local device = self:device(address)
  device.number, device.since_boot = device.number + 1, device.since_boot + 1
  m.number = device.number
  local list = device.faults
  for _, f in ipairs(list) do
    if f.request and f.request(device, m) then return device:acted(f.name) end
  end
  local a = { version = m.version, community = m.community, type = ber.RESPONSE, id = m.id, a = 0, b = 0, varbinds = {} }
  serve[m.type](device, m, a)
  for _, f in ipairs(list) do
    if f.serve and f.serve(device, m, a) then device:acted(f.name) end
  end
  local s = ber.encode(a)
  for _, f in ipairs(list) do
    local changed = f.octets and f.octets(device, m, s, a)
    if changed then
      s = changed
      device:acted(f.name)
    end
  end
  count(stats.answers, a.a == 0 and "good" or "error_" .. a.a)
  local packets = { { data = s, delay_ms = 0, to = from } }
  for _, f in ipairs(list) do
    if f.send and f.send(device, m, packets) then device:acted(f.name) end
  end
  for _, p in ipairs(packets) do
    p.to = from
    if p.delay_ms > 0 then
      self:later(p.delay_ms, function() self:deliver(device, p) end)
    else
      self:deliver(device, p)
    end
  end
end

function agent:command(text)
  local verb, rest = text:match "^(%S+)%s*(.-)%s*$"
  if verb == "stats" then
    stats.pending = #self.queue
    return json(stats)
  elseif verb == "faults" then
    local address, list = rest:match "^(%S+)%s*(.*)$"
    local ok, parsed = pcall(parse_faults, list)
    if not ok then return "error " .. tostring(parsed) end
    self:device(address).faults = parsed
    return "ok"
  elseif verb == "reboot" then
    self:device(rest):reboot()
    return "ok"
  elseif verb == "quit" then
    self.running = false
    return "ok"
  end
  return "error: no command " .. tostring(verb)
end

function agent:run()
  local signals = net.signals()
  local port, control_port
  self.socket, port = net.udp("0.0.0.0", options.port)
  self.other = net.udp("0.0.0.0", 0)
  self.control, control_port = net.udp("127.0.0.1", 0)
  io.stdout:write(json { port = port, control = control_port }, "\n")
  io.stdout:flush()
  local fds = { self.socket, self.control, signals }
  while self.running do
    local first = self.queue[1]
    local ready = net.wait(fds, first and math.max(0, math.ceil((first.at - net.now()) * 1000)) or 1000)
    if ready[signals] then break end
    if ready[self.control] then
      local text, from = net.receive(self.control)
      if text then net.send(self.control, self:command(text), from) end
    end
    if ready[self.socket] then
      for _ = 1, 256 do
        local data, from, to = net.receive(self.socket)
        if not data then break end
        self:datagram(data, from, to)
      end
    end
    local now = net.now()
    while self.queue[1] and self.queue[1].at <= now do table.remove(self.queue, 1).fn() end
  end
  stats.pending = #self.queue
  io.stdout:write(json(stats), "\n")
end

agent:run()
