--- What an agent serves: a sorted list of instances. A value is {tag, value}; value may be a function(device) so that
-- counters move with the device's time and start again when it reboots.
local ber = require "agent.ber"

local _M = {}
local mt = { __index = _M }

local function make(tag) return function(v) return { tag, v } end end
_M.int, _M.str, _M.ip = make(ber.INTEGER), make(ber.STRING), make(ber.IP)
_M.c32, _M.g32, _M.ticks, _M.c64, _M.opaque = make(ber.C32), make(ber.G32), make(ber.TICKS), make(ber.C64), make(ber.OPAQUE)
function _M.oid(text) return { ber.OID, ber.arcs(text) } end

--- A counter that grows by `per_s`, modulo its width. It stands at `start` when the agent is first asked and at 0 after a reboot.
function _M.counter(bits, per_s, start)
  local tag = bits == 64 and ber.C64 or ber.C32
  return { tag, function(device)
    local grown = math.floor(per_s * device:age())
    local from = device.reboots == 0 and start or 0
    if bits == 32 then return (from + grown) % 2 ^ 32 end
    return from + 0ULL + grown
  end }
end
--- A counter that advances by `step` at every request the device gets: exact values whatever the machine's pace.
function _M.stepping(bits, step, start)
  local tag = bits == 64 and ber.C64 or ber.C32
  return { tag, function(device)
    local n = device.since_boot * step
    if bits == 32 then return ((start or 0) + n) % 2 ^ 32 end
    return (start or 0) + 0ULL + n
  end }
end

--- From a table of ["dotted oid"] = {tag, value}.
function _M.new(objects)
  local self = setmetatable({ list = {}, by_text = {}, parents = {} }, mt)
  for text, v in pairs(objects or {}) do self:put(text, v) end
  return self
end

function _M:put(text, v)
  text = text:gsub("^%.", "")
  if not self.by_text[text] then self.dirty = true end
  local arcs = ber.arcs(text)
  self.by_text[text] = { oid = arcs, tag = v[1], value = v[2], writable = v.writable }
  arcs = { unpack(arcs, 1, #arcs - 1) }
  self.parents[ber.text(arcs)] = true
  return self
end

function _M:remove(text)
  if self.by_text[text] then self.by_text[text], self.dirty = nil, true end
end

function _M:sorted()
  if self.dirty then
    local list = {}
    for _, o in pairs(self.by_text) do list[#list + 1] = o end
    table.sort(list, function(a, b) return ber.compare(a.oid, b.oid) < 0 end)
    self.list, self.dirty = list, nil
  end
  return self.list
end

function _M:get(arcs) return self.by_text[ber.text(arcs)] end

--- Is there any instance whose parent is the parent of these arcs: the object exists, this instance does not.
function _M:has_object(arcs) return self.parents[ber.text({ unpack(arcs, 1, #arcs - 1) })] or false end

--- First object behind arcs.
function _M:next(arcs)
  local list = self:sorted()
  local low, high = 1, #list + 1
  while low < high do
    local mid = math.floor((low + high) / 2)
    if ber.compare(list[mid].oid, arcs) > 0 then high = mid else low = mid + 1 end
  end
  return list[low]
end

local system = "1.3.6.1.2.1.1."
local if_entry = "1.3.6.1.2.1.2.2.1."
local ifx_entry = "1.3.6.1.2.1.31.1.1.1."

--- System group, ifTable and ifXTable with n interfaces. Octets of interface i grow by 1000 * i a second.
-- opts.sparse: interfaces whose index is a multiple of it lack their ifXTable row; opts.down: the same for ifOperStatus 2.
function _M.standard(n, opts)
  opts = opts or {}
  local self = _M.new {
    [system .. "1.0"] = _M.str "scripted agent",
    [system .. "2.0"] = _M.oid(opts.object_id or "1.3.6.1.4.1.8072.3.2.10"),
    [system .. "3.0"] = { ber.TICKS, function(device) return math.floor(device:uptime() * 100) % 2 ^ 32 end },
    [system .. "4.0"] = { ber.STRING, "nobody", writable = true },
    [system .. "5.0"] = { ber.STRING, function(device) return "agent-" .. device.address end, writable = true },
    [system .. "6.0"] = { ber.STRING, "nowhere", writable = true },
    [system .. "7.0"] = _M.int(72),
    ["1.3.6.1.2.1.2.1.0"] = _M.int(n),
  }
  for i = 1, n do
    local function e(column, v) self:put(if_entry .. column .. "." .. i, v) end
    local function x(column, v) self:put(ifx_entry .. column .. "." .. i, v) end
    local down = opts.down and i % opts.down == 0
    e(1, _M.int(i))
    e(2, _M.str("Ethernet " .. i))
    e(3, _M.int(6))
    e(4, _M.int(1500))
    e(5, _M.g32(1000000000))
    e(6, _M.str("\2\0\0\0\0" .. string.char(i % 256)))
    e(7, { ber.INTEGER, 1, writable = true })
    e(8, _M.int(down and 2 or 1))
    e(9, _M.ticks(100))
    e(10, _M.counter(32, 1000 * i))
    e(13, _M.c32(0))
    e(14, _M.c32(i))
    e(16, _M.counter(32, 500 * i))
    e(19, _M.c32(0))
    e(20, _M.c32(0))
    if not (opts.sparse and i % opts.sparse == 0) then
      x(1, _M.str("eth" .. i))
      x(6, _M.counter(64, 1000 * i, 5000000000))
      x(10, _M.counter(64, 500 * i, 5000000000))
      x(15, _M.g32(1000))
      x(18, _M.str(i % 2 == 0 and "uplink " .. i or ""))
      x(19, _M.ticks(0))
    end
  end
  return self
end

return _M
