--- A name server on a free UDP port of 127.0.0.1 for tests. It prints {"port":N} and then answers from a file, read again for each
-- question, so that a test changes what it says by writing the file.
--
--   core1.example.net  127.0.1.1 127.0.1.2 ::1  ttl=1
--   bad.example.net    servfail            also: nxdomain (as names that are not there), refused, silent, garbage
--   *                  silent              all names that have no line of their own
--
--   luajit tests/agent/dns.lua ZONE
local bit = require "bit"

package.path = "tests/?.lua;" .. package.path
local net = require "agent.net"

local rcodes = { servfail = 2, nxdomain = 3, refused = 5 }

local function u16(v) return string.char(bit.rshift(v, 8), bit.band(v, 255)) end
local function u32(v) return u16(math.floor(v / 65536)) .. u16(v % 65536) end

local function ipv4(text) return (text:gsub("(%d+)%.?", function(n) return string.char(tonumber(n)) end)) end

-- With one "::" at most, no IPv4 in it.
local function ipv6(text)
  local head, tail = text:match "^(.-)::(.*)$"
  local function groups(s)
    return (s:gsub("([^:]+):?", function(g) return u16(tonumber(g, 16)) end))
  end
  if not head then return groups(text) end
  head, tail = groups(head), groups(tail)
  return head .. ("\0"):rep(16 - #head - #tail) .. tail
end

local function zone_of(path, name)
  local any
  for line in io.lines(path) do
    local key, rest = line:match "^(%S+)%s*(.*)$"
    if key == name then return rest end
    if key == "*" then any = rest end
  end
  return any or "nxdomain"
end

local function answer(path, query)
  local labels, at = {}, 13
  while query:byte(at) and query:byte(at) > 0 do
    labels[#labels + 1] = query:sub(at + 1, at + query:byte(at))
    at = at + 1 + query:byte(at)
  end
  local kind = query:byte(at + 1) * 256 + query:byte(at + 2)
  local question = query:sub(13, at + 4)
  local says = zone_of(path, table.concat(labels, "."):lower())
  if says:find "silent" then return nil end
  if says:find "garbage" then return query:sub(1, 2) .. ("\255"):rep(40) end
  local code = 0
  for word, n in pairs(rcodes) do
    if says:find(word) then code = n end
  end
  local ttl, records, n = tonumber(says:match "ttl=(%d+)") or 60, "", 0
  for address in says:gmatch "%S+" do
    local data = kind == 1 and address:find "^%d+%.%d+%.%d+%.%d+$" and ipv4(address)
      or kind == 28 and address:find "^%x*:[%x:]*$" and ipv6(address)
    if code == 0 and data then
      records, n = records .. u16(0xc00c) .. u16(kind) .. u16(1) .. u32(ttl) .. u16(#data) .. data, n + 1
    end
  end
  return query:sub(1, 2) .. string.char(0x85, 0x80 + code) .. u16(1) .. u16(n) .. u16(0) .. u16(0) .. question .. records
end

local signals = net.signals()
local fd, port = net.udp("127.0.0.1", 0)
io.stdout:write('{"port":', port, "}\n")
io.stdout:flush()
local asked = 0
while true do
  local ready = net.wait({ fd, signals }, 1000)
  if ready[signals] then break end
  if ready[fd] then
    for _ = 1, 256 do
      local data, from = net.receive(fd)
      if not data then break end
      asked = asked + 1
      local out = #data > 16 and answer(arg[1], data)
      if out then net.send(fd, out, from) end
    end
  end
end
io.stdout:write('{"asked":', asked, "}\n")
