--- Who may be asked through a page: a list of addresses, networks and names. What is not on it is not asked, so that a location is
-- no open door to the network behind it.
--
--   "192.0.2.0/24"   "192.0.2.7"   "2001:db8::/32"   "core1.example.net"   "*.example.net"   each for port 161
--   "192.0.2.0/24:*"  "core1:1161"  "[2001:db8::/32]:1161"                                   for others too
--
-- A name that is on the list is asked at whatever address it has: who may say that is trusted.
local error, ipairs, tonumber, type = error, ipairs, tonumber, type
local find, gmatch, gsub, match, lower = string.find, string.gmatch, string.gsub, string.match, string.lower
local bit = require "bit"

local _M = {}

local PORT = 161

local function v4(text)
  local a, b, c, d = match(text, "^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$")
  if not a or find(text, "%f[%d]0%d") then return nil end -- a leading zero is octal to some
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  if a > 255 or b > 255 or c > 255 or d > 255 then return nil end
  return { a * 256 + b, c * 256 + d }
end

local function groups(text, out)
  for g in gmatch(text, "[^:]+") do
    local quad = find(g, ".", 1, true) and v4(g)
    if quad then
      out[#out + 1], out[#out + 2] = quad[1], quad[2]
    elseif match(g, "^%x%x?%x?%x?$") then
      out[#out + 1] = tonumber(g, 16)
    else
      return nil
    end
  end
  return out
end

local function v6(text)
  if not find(text, ":", 1, true) or find(text, ":::", 1, true) then return nil end
  local head, tail = match(text, "^(.-)::(.*)$")
  if not head then head, tail = text, nil end
  if tail and find(tail, "::", 1, true) then return nil end
  local front, back = groups(head, {}), groups(tail or "", {})
  if not front or not back then return nil end
  local n = #front + #back
  if (tail and n > 7) or (not tail and n ~= 8) then return nil end
  while #front + #back < 8 do front[#front + 1] = 0 end
  for _, g in ipairs(back) do front[#front + 1] = g end
  return front
end

--- An address as 16-bit groups: two of IPv4, eight of IPv6; nil: no address.
function _M.address(text) return v4(text) or v6(text) end

local function within(address, net, bits)
  if #address ~= #net then return false end
  for i = 1, #net do
    local n = bits - 16 * (i - 1)
    if n <= 0 then return true end
    local mask = n >= 16 and 0xffff or bit.band(bit.lshift(0xffff, 16 - n), 0xffff)
    if bit.band(address[i], mask) ~= bit.band(net[i], mask) then return false end
  end
  return true
end

local function entry(text)
  local what, port = match(text, "^%[(.+)%]:([%d*]+)$")
  if not what and not find(text, ":.*:") then what, port = match(text, "^([^:]+):([%d*]+)$") end
  what = what or text
  local net, bits = match(what, "^(.*)/(%d+)$")
  local address = _M.address(net or what)
  bits = tonumber(bits) or address and 16 * #address
  if net and (not address or bits > 16 * #address) then error("allow: no network: '" .. text .. "'", 0) end
  if not address and not match(what, "^[%w._*-]+$") then error("allow: no address, network or name: '" .. text .. "'", 0) end
  local pattern = not address and "^" .. gsub(gsub(lower(what), "[%.%-]", "%%%0"), "%*", "[%%w_.-]*") .. "$" or nil
  return { address = address, bits = bits, pattern = pattern, port = port == "*" and "*" or tonumber(port) or PORT }
end

--- @tparam {string,...} list
-- @treturn function  host, port -> boolean
function _M.compile(list)
  if type(list) ~= "table" then error("allow: a list of addresses, networks and names expected, got a " .. type(list), 0) end
  local entries = {}
  for i, text in ipairs(list) do
    if type(text) ~= "string" then error("allow: a string expected, got a " .. type(text), 0) end
    entries[i] = entry(text)
  end
  return function(host, port)
    local address = _M.address(host)
    -- What some resolver takes for an address in other spellings ("127.1", "0x7f000001") is no name either.
    if not address and not find(lower(host), "^[%w_.-]*%a[%w_.-]*$") then return false end
    if not address and find(lower(host), "^0x") then return false end
    for _, e in ipairs(entries) do
      if e.port == "*" or e.port == port then
        if address and e.address and within(address, e.address, e.bits) then return true end
        if not address and e.pattern and find(lower(host), e.pattern) then return true end
      end
    end
    return false
  end
end

return _M
