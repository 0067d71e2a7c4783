--- Sockets, poll and signals through the FFI: UDP on 127.0.0.0/8 whose answers leave from the address that was asked.
local ffi = require "ffi"
local bit = require "bit"

ffi.cdef [[
typedef struct { uint16_t family, port; uint32_t addr; char zero[8]; } agent_sockaddr;
typedef struct { void *base; size_t len; } agent_iovec;
typedef struct { void *name; uint32_t namelen; agent_iovec *iov; size_t iovlen; void *control; size_t controllen; int flags; } agent_msghdr;
typedef struct { size_t len; int level, type; int32_t ifindex; uint32_t spec_dst, addr; uint32_t pad; } agent_pktinfo;
typedef struct { int fd; short events, revents; } agent_pollfd;
typedef struct { long sec, nsec; } agent_timespec;
typedef struct { unsigned long bits[16]; } agent_sigset;
int socket(int, int, int);
int bind(int, const agent_sockaddr *, uint32_t);
int getsockname(int, agent_sockaddr *, uint32_t *);
int setsockopt(int, int, int, const void *, uint32_t);
long recvmsg(int, agent_msghdr *, int);
long sendmsg(int, const agent_msghdr *, int);
int poll(agent_pollfd *, unsigned long, int);
int clock_gettime(int, agent_timespec *);
int sigemptyset(agent_sigset *);
int sigaddset(agent_sigset *, int);
int sigprocmask(int, const agent_sigset *, agent_sigset *);
int signalfd(int, const agent_sigset *, int);
int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long);
]]
local C = ffi.C

local _M = {}
local buffer = ffi.new("uint8_t[65536]")
local peer = ffi.new("agent_sockaddr")
local control = ffi.new("agent_pktinfo")
local iov = ffi.new("agent_iovec")
local message = ffi.new("agent_msghdr")
local clock = ffi.new("agent_timespec")

local function swap16(v) return bit.bor(bit.lshift(bit.band(v, 255), 8), bit.rshift(v, 8)) end

local function check(result, what)
  if result < 0 then error(what .. " failed, errno " .. ffi.errno(), 2) end
  return result
end

--- Address as text to the number the kernel uses, and back.
function _M.address(text)
  local a, b, c, d = text:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
  assert(a, "no IPv4 address: " .. tostring(text))
  return a + b * 256 + c * 65536 + d * 16777216
end
local texts = {}
function _M.text(v)
  v = tonumber(v)
  local t = texts[v]
  if not t then
    t = ("%d.%d.%d.%d"):format(v % 256, math.floor(v / 256) % 256, math.floor(v / 65536) % 256, math.floor(v / 16777216))
    texts[v] = t
  end
  return t
end

--- Seconds, monotonic.
function _M.now()
  C.clock_gettime(1, clock)
  return tonumber(clock.sec) + tonumber(clock.nsec) / 1e9
end

--- A non-blocking UDP socket; port 0 lets the kernel choose. Returns fd and port.
function _M.udp(address, port)
  local fd = check(C.socket(2, bit.bor(2, 2048), 0), "socket")
  local on = ffi.new("int[1]", 1)
  check(C.setsockopt(fd, 0, 8, on, 4), "IP_PKTINFO")
  C.setsockopt(fd, 1, 8, ffi.new("int[1]", 4 * 1024 * 1024), 4)
  local at = ffi.new("agent_sockaddr", { family = 2, port = swap16(port), addr = _M.address(address) })
  check(C.bind(fd, at, 16), "bind to " .. address .. ":" .. port)
  local len = ffi.new("uint32_t[1]", 16)
  check(C.getsockname(fd, at, len), "getsockname")
  return fd, swap16(at.port)
end

--- One datagram: data, peer {addr, port}, address it was sent to; nil when there is none.
function _M.receive(fd)
  iov.base, iov.len = buffer, 65536
  message.name, message.namelen, message.iov, message.iovlen = peer, 16, iov, 1
  message.control, message.controllen = control, ffi.sizeof(control)
  local n = tonumber(C.recvmsg(fd, message, 0))
  if n < 0 then return nil end
  return ffi.string(buffer, n), { addr = peer.addr, port = peer.port }, tonumber(control.addr)
end

--- True when it left. from: text or nil, the source address.
function _M.send(fd, data, to, from)
  iov.base, iov.len = ffi.cast("void *", data), #data
  peer.family, peer.port, peer.addr = 2, to.port, to.addr
  message.name, message.namelen, message.iov, message.iovlen = peer, 16, iov, 1
  message.control, message.controllen = nil, 0
  if from then
    control.len, control.level, control.type = 28, 0, 8
    control.ifindex, control.spec_dst, control.addr = 0, _M.address(from), 0
    message.control, message.controllen = control, ffi.sizeof(control)
  end
  return C.sendmsg(fd, message, 0) == #data
end

--- A descriptor that is readable once SIGTERM or SIGINT came; the process also ends with its parent.
function _M.signals()
  C.prctl(1, 15, 0, 0, 0)
  local set = ffi.new("agent_sigset")
  C.sigemptyset(set)
  C.sigaddset(set, 15)
  C.sigaddset(set, 2)
  check(C.sigprocmask(0, set, nil), "sigprocmask")
  return check(C.signalfd(-1, set, 2048), "signalfd")
end

--- Waits; returns a table of readable descriptors.
function _M.wait(fds, timeout_ms)
  local set = ffi.new("agent_pollfd[?]", #fds)
  for i, fd in ipairs(fds) do set[i - 1].fd, set[i - 1].events = fd, 1 end
  C.poll(set, #fds, timeout_ms)
  local ready = {}
  for i, fd in ipairs(fds) do if set[i - 1].revents ~= 0 then ready[fd] = true end end
  return ready
end

return _M
