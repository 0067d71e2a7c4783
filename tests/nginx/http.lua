--- HTTP for tests: one request, or many at once, from one thread over plain sockets.
local ffi = require "ffi"
local net = require "agent.net"
local bit = require "bit"

-- Under names of their own: others declare them with other types.
ffi.cdef [[
int http_socket(int, int, int) asm("socket");
int http_bind(int, const void *, uint32_t) asm("bind");
int http_getsockname(int, void *, uint32_t *) asm("getsockname");
int http_connect(int, const void *, uint32_t) asm("connect");
long http_send(int, const void *, size_t, int) asm("send");
long http_recv(int, void *, size_t, int) asm("recv");
int http_close(int) asm("close");
typedef struct { int fd; short events, revents; } http_pollfd;
int http_poll(http_pollfd *, unsigned long, int) asm("poll");
]]

local _M = {}
local STREAM, INET, IN, NOSIGNAL = 1, 2, 1, 0x4000

--- A TCP port nobody has now.
function _M.free_port()
  local fd, at, n = ffi.C.http_socket(INET, STREAM, 0), ffi.new "uint8_t[16]", ffi.new("uint32_t[1]", 16)
  at[0], at[4], at[7] = INET, 127, 1
  assert(ffi.C.http_bind(fd, at, 16) == 0 and ffi.C.http_getsockname(fd, at, n) == 0)
  ffi.C.http_close(fd)
  return at[2] * 256 + at[3]
end

local function open(port)
  local fd = ffi.C.http_socket(INET, STREAM, 0)
  assert(fd >= 0, "no socket")
  local at = ffi.new "uint8_t[16]"
  at[0], at[2], at[3], at[4], at[7] = INET, bit.rshift(port, 8), bit.band(port, 255), 127, 1
  if ffi.C.http_connect(fd, at, 16) ~= 0 then
    ffi.C.http_close(fd)
    error("cannot connect to port " .. port, 0)
  end
  return fd
end

local function write(fd, path, body, headers)
  local text = ("%s %s HTTP/1.0\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n%s"):format(body and "POST" or "GET", path, headers or "",
    body and #body or 0, body or "")
  assert(ffi.C.http_send(fd, text, #text, NOSIGNAL) == #text)
end

--- Sends all of them and waits for all: { { status =, body =, seconds = }, ... }; what did not end in time has neither.
-- @tparam {{path=,body=,headers=},...} requests
function _M.all(port, requests, seconds)
  local n, out = #requests, {}
  local fds, buffer = ffi.new("http_pollfd[?]", n), ffi.new "char[65536]"
  local texts, left = {}, n
  local began = net.now()
  for i = 1, n do fds[i - 1].fd, fds[i - 1].events, texts[i] = open(port), IN, {} end
  local sent = net.now()
  for i, r in ipairs(requests) do write(fds[i - 1].fd, r.path, r.body, r.headers) end
  while left > 0 and net.now() < began + (seconds or 20) do
    ffi.C.http_poll(fds, n, 100)
    for i = 1, n do
      local p = fds[i - 1]
      if p.fd >= 0 and p.revents ~= 0 then
        local got = tonumber(ffi.C.http_recv(p.fd, buffer, 65536, 0))
        if got > 0 then
          table.insert(texts[i], ffi.string(buffer, got))
        else
          ffi.C.http_close(p.fd)
          p.fd, left = -1, left - 1
          local text = table.concat(texts[i])
          out[i] = { status = tonumber(text:match "^HTTP/1%.%d (%d+)"), head = text:match "^(.-)\r\n\r\n", body = text:match "\r\n\r\n(.*)$",
            seconds = net.now() - sent }
        end
      end
    end
  end
  for i = 1, n do
    if fds[i - 1].fd >= 0 then ffi.C.http_close(fds[i - 1].fd) end
    out[i] = out[i] or {}
  end
  return out, net.now() - sent
end

function _M.get(port, path, headers) return _M.all(port, { { path = path, headers = headers } })[1] end
function _M.post(port, path, body, seconds) return _M.all(port, { { path = path, body = body } }, seconds)[1] end
--- Sends a request and goes away after so many seconds.
function _M.abandon(port, path, body, seconds)
  local fd = open(port)
  write(fd, path, body)
  net.wait({ fd }, seconds * 1000)
  ffi.C.http_close(fd)
end

return _M
