--- BER and SNMP v1/v2c messages in plain Lua, written apart from the C code so that one can testify against the other.
-- A message is a table: version, community, type, id, a (error-status or non-repeaters), b (error-index or
-- max-repetitions), varbinds = {{oid = {1,3,6,...}, tag =, value =}, ...}. Integers are numbers, or 64-bit cdata when
-- they were made so; OID values are arrays; everything else is octets.
local ffi = require "ffi"
local bit = require "bit"

local byte, char, sub, rep, concat = string.byte, string.char, string.sub, string.rep, table.concat
local floor = math.floor

local _M = {}

_M.INTEGER, _M.STRING, _M.NULL, _M.OID = 0x02, 0x04, 0x05, 0x06
_M.IP, _M.C32, _M.G32, _M.TICKS, _M.OPAQUE, _M.C64 = 0x40, 0x41, 0x42, 0x43, 0x44, 0x46
_M.NO_OBJECT, _M.NO_INSTANCE, _M.END_OF_VIEW = 0x80, 0x81, 0x82
_M.GET, _M.GETNEXT, _M.RESPONSE, _M.SET, _M.GETBULK, _M.REPORT = 0xa0, 0xa1, 0xa2, 0xa3, 0xa5, 0xa8

local is_unsigned = { [0x41] = true, [0x42] = true, [0x43] = true, [0x46] = true }

--- Dotted text to arcs.
function _M.arcs(text)
  local a, n = {}, 0
  for arc in text:gmatch "%d+" do n = n + 1 a[n] = tonumber(arc) end
  return a
end

function _M.text(arcs) return concat(arcs, ".") end

--- Lexicographic order of arcs.
function _M.compare(a, b)
  local n = math.min(#a, #b)
  for i = 1, n do
    if a[i] ~= b[i] then return a[i] < b[i] and -1 or 1 end
  end
  return #a == #b and 0 or (#a < #b and -1 or 1)
end

-- Encoding. opts.long: lengths in four octets; opts.empty: integers without content; opts.negative: unsigned values
-- without the leading zero.

local function tlv(tag, content, opts)
  local n = #content
  local head
  if opts.long then
    head = char(tag, 0x84, 0, floor(n / 65536) % 256, floor(n / 256) % 256, n % 256)
  elseif n < 128 then
    head = char(tag, n)
  elseif n < 256 then
    head = char(tag, 0x81, n)
  else
    head = char(tag, 0x82, floor(n / 256), n % 256)
  end
  return head .. content
end
_M.tlv = tlv

local function octets64(v)
  local u = ffi.cast("uint64_t", v)
  local out = {}
  for i = 8, 1, -1 do
    out[i] = char(tonumber(bit.band(u, 0xffULL)))
    u = bit.rshift(u, 8)
  end
  return concat(out)
end

local function unsigned(v, opts)
  if opts.empty then return "" end
  if type(v) == "number" then v = ffi.cast("uint64_t", v) end
  local s = octets64(v):gsub("^%z+", "")
  if s == "" then return "\0" end
  if byte(s) >= 0x80 and not opts.negative then s = "\0" .. s end
  return s
end

local function signed(v, opts)
  if opts.empty then return "" end
  local s = octets64(ffi.cast("int64_t", v))
  while #s > 1 and ((byte(s) == 0 and byte(s, 2) < 0x80) or (byte(s) == 0xff and byte(s, 2) >= 0x80)) do s = sub(s, 2) end
  return s
end

local function oid_content(arcs)
  local out = {}
  local function arc(v)
    local s = char(v % 128)
    v = floor(v / 128)
    while v > 0 do
      s = char(128 + v % 128) .. s
      v = floor(v / 128)
    end
    out[#out + 1] = s
  end
  arc((arcs[1] or 0) * 40 + (arcs[2] or 0))
  for i = 3, #arcs do arc(arcs[i]) end
  return concat(out)
end
_M.oid_content = oid_content

local function value_content(tag, v, opts)
  if is_unsigned[tag] then return unsigned(v, opts) end
  if tag == 0x02 then return signed(v, opts) end
  if tag == 0x06 then return oid_content(v) end
  if tag == 0x05 or (tag >= 0x80 and tag <= 0x82) then return "" end
  return v
end

--- One message to octets.
function _M.encode(m, opts)
  opts = opts or {}
  local frame = { long = opts.long }
  local list = {}
  for i, vb in ipairs(m.varbinds) do
    local content = vb.raw or value_content(vb.tag, vb.value, opts)
    list[i] = tlv(0x30, tlv(0x06, oid_content(vb.oid), frame) .. tlv(vb.tag, content, frame), frame)
  end
  local pdu = tlv(m.type, tlv(2, signed(m.id, frame), frame) .. tlv(2, signed(m.a, frame), frame)
    .. tlv(2, signed(m.b, frame), frame) .. tlv(0x30, concat(list), frame), frame)
  return tlv(0x30, tlv(2, signed(m.version, frame), frame) .. tlv(4, m.community, frame) .. pdu, frame)
end

-- Decoding: errors are raised as strings; the agent counts such a datagram as malformed.

local function header(s, at, limit)
  local tag, n = byte(s, at, at + 1)
  if not n or at + 1 > limit then error("cut off", 0) end
  at = at + 2
  if n >= 128 then
    local count = n - 128
    if count == 0 or count > 4 or at + count - 1 > limit then error("bad length", 0) end
    n = 0
    for i = at, at + count - 1 do n = n * 256 + byte(s, i) end
    at = at + count
  end
  if at + n - 1 > limit then error("content cut off", 0) end
  return tag, at, at + n - 1
end

local function expect(s, at, limit, want)
  local tag, from, to = header(s, at, limit)
  if tag ~= want then error(("tag %02x where %02x belongs"):format(tag, want), 0) end
  return from, to
end

local function integer(s, from, to)
  local v = 0LL
  if to >= from and byte(s, from) >= 128 then v = -1LL end
  for i = from, to do v = v * 256 + byte(s, i) end
  local n = tonumber(v)
  return ffi.cast("int64_t", n) == v and n > -2 ^ 53 and n < 2 ^ 53 and n or v
end

local function unsigned_value(s, from, to)
  local v = 0ULL
  for i = from, to do v = v * 256 + byte(s, i) end
  return v < 9007199254740992ULL and tonumber(v) or v
end

local function oid_arcs(s, from, to)
  local out, v = {}, 0
  if to < from then error("empty OID", 0) end
  for i = from, to do
    local b = byte(s, i)
    v = v * 128 + b % 128
    if b < 128 then
      if #out == 0 then
        local first = math.min(2, floor(v / 40))
        out[1], out[2] = first, v - 40 * first
      else
        out[#out + 1] = v
      end
      v = 0
    elseif i == to then
      error("OID ends within an arc", 0)
    end
  end
  return out
end

local function value(s, tag, from, to)
  if tag == 2 then return integer(s, from, to) end
  if is_unsigned[tag] then return unsigned_value(s, from, to) end
  if tag == 6 then return oid_arcs(s, from, to) end
  return sub(s, from, to)
end

--- Octets to one message. Raises text on anything wrong.
function _M.decode(s)
  local at, to = expect(s, 1, #s, 0x30)
  if to ~= #s then error("trailing octets", 0) end
  local m = { varbinds = {} }
  local from, last = expect(s, at, to, 2)
  m.version = integer(s, from, last)
  from, last = expect(s, last + 1, to, 4)
  m.community = sub(s, from, last)
  local pdu_to
  m.type, at, pdu_to = header(s, last + 1, to)
  if pdu_to ~= to then error("octets after the PDU", 0) end
  if m.type < 0xa0 or m.type > 0xa8 or m.type == 0xa4 then error("no PDU this agent knows", 0) end
  from, last = expect(s, at, to, 2)
  m.id = integer(s, from, last)
  from, last = expect(s, last + 1, to, 2)
  m.a = integer(s, from, last)
  from, last = expect(s, last + 1, to, 2)
  m.b = integer(s, from, last)
  local list_to
  at, list_to = expect(s, last + 1, to, 0x30)
  if list_to ~= to then error("octets after the varbinds", 0) end
  while at <= to do
    local vb_from, vb_to = expect(s, at, to, 0x30)
    local name_from, name_to = expect(s, vb_from, vb_to, 6)
    local tag, value_from, value_to = header(s, name_to + 1, vb_to)
    if value_to ~= vb_to then error("octets after a value", 0) end
    m.varbinds[#m.varbinds + 1] = { oid = oid_arcs(s, name_from, name_to), tag = tag, value = value(s, tag, value_from, value_to) }
    at = vb_to + 1
  end
  return m
end

--- n random octets.
function _M.noise(n)
  return (rep("x", n):gsub(".", function() return char(math.random(0, 255)) end))
end

return _M
