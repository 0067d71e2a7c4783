--- Where an agent is: net-snmp's ways to write it.
--
--   192.0.2.1   192.0.2.1:1161   udp:192.0.2.1:1161   1161   core1.example.net:161
--   tcp:192.0.2.1:161   tcp6:[2001:db8::1]:161
--   [2001:db8::1]:161   2001:db8::1   udp6:[2001:db8::1]:161   udp6:core1.example.net
local tonumber, floor = tonumber, math.floor

local _M = {}

local PORT = 161
local domains = { udp = 4, udp4 = 4, udp6 = 6, udpv6 = 6, udpipv6 = 6, ipv6 = 6, tcp = 4, tcp6 = 6, tcpv6 = 6, tcpipv6 = 6 }
local others = { unix = true, dtlsudp = true, dtls = true, tlstcp = true,
                 tls = true, ssh = true, std = true, alias = true }

local NO_PROTOCOL = "Protocol not supported"

-- "host:port", "[host]:port", "port" -> host or "", port or nil; nothing when it is none of them.
local function split(text)
  if text:find "^%d+$" then return "", tonumber(text) end
  local host, rest
  if text:sub(1, 1) == "[" then
    host, rest = text:match "^%[([^%]]*)%](.*)$"
    if not host then return nil end
  elseif text:sub(1, 1) ~= ":" or text:sub(2, 2) == ":" then
    local first, last = text:find(":", 1, true), text:match "^.*():"
    if first and first == last then
      host, rest = text:sub(1, first - 1), text:sub(first)
    else
      host, rest = text, ""
    end
  else
    host, rest = "", text
  end
  if rest == "" then return host end
  local port = rest:match "^:(%d+)$"
  if not port or tonumber(port) > 65535 then return nil end
  return host, tonumber(port)
end

local function at(c, family, text, default_port)
  local host, port = split(text)
  if not host then return nil, c.cause() end
  local address, scope
  if host ~= "" then
    address, scope = c.resolve(host, family)
    if not address then return nil, c.cause() end
  end
  address = address or (family == 6 and ("\0"):rep(16) or "\0\0\0\0")
  return { address = address, scope = scope or 0, port = port or default_port or PORT, family = family }
end

--- An address to ask.
-- @tparam table c
-- @tparam string text
-- @tparam[opt] number default_port
-- @treturn[1] table { address = octets, scope =, port =, family = 4|6, stream = by TCP? }
-- @treturn[2] nil
-- @treturn[2] ?string what the system says about it
function _M.find(c, text, default_port)
  if default_port then default_port = floor(default_port) % 65536 end
  if default_port == 0 then default_port = nil end
  local domain, rest = text:match "^([^:]*):(.*)$"
  if domain and domains[domain] then
    local where, why = at(c, domains[domain], rest, default_port)
    if where then where.stream = domain:sub(1, 3) == "tcp" end
    return where, why
  end
  if domain and others[domain] or text:sub(1, 1) == "/" then return nil, NO_PROTOCOL end
  return at(c, 4, text, default_port) or at(c, 6, text, default_port), c.cause()
end

return _M
