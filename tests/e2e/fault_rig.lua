--- What specs of faults share: an instance that is asked while it runs, the whole tree of its processes, and faults of the
-- kernel, which fault_shim.c plays.
local cjson = require "cjson"
local ffi = require "ffi"
local t = require "e2e.helper"

ffi.cdef [[
typedef struct { int32_t wall_s, send_errno; uint32_t to; int32_t receive, watch_errno, sends_failed, watches_failed, spare; } fault_order;
int open(const char *, int, ...);
void *mmap(void *, size_t, int, int, int, long);
typedef struct { uint64_t soft, hard; } fault_limit;
int prlimit(int, int, const fault_limit *, fault_limit *);
]]

local _M = {}
_M.ENOENT, _M.EPERM, _M.ENOSPC, _M.ENOBUFS = 2, 1, 28, 105
_M.STOP, _M.CONT = 19, 18
_M.RLIMIT_NOFILE, _M.RLIMIT_AS = 7, 9

-- Output of a command, its last newline cut.
local function read_of(command)
  local p = assert(io.popen(command))
  local text = p:read "*a"
  p:close()
  return (text:gsub("\n$", ""))
end
_M.read_of = read_of

--- Lowers what a process may take of it, or raises it again up to what it once might.
function _M.allow(pid, resource, n)
  local limit = ffi.new "fault_limit"
  assert(ffi.C.prlimit(pid, resource, nil, limit) == 0)
  limit.soft = n
  assert(ffi.C.prlimit(pid, resource, limit, nil) == 0)
end

--- The runtime of the sanitizer the program was built with; "": none.
function _M.sanitizer() return read_of(("ldd %s | sed -n 's/.*=> \\(.*lib[at]san[^ ]*\\).*/\\1/p'"):format(t.program)) end

local library
--- Faults of the kernel for programs that are started with the second value as their environment: the first is changed while
-- they run.
function _M.kernel()
  local cc = os.getenv "CC" or "gcc"
  if not library then
    library = t.path "fault_shim.so"
    assert(os.execute(("%s -std=gnu11 -O1 -Wall -Wextra -shared -fPIC -o %s tests/e2e/fault_shim.c -ldl"):format(cc, library)) == 0)
  end
  local file = t.write("faults", ("\0"):rep(32))
  local fd = ffi.C.open(file, 2)
  local orders = ffi.cast("fault_order *", ffi.C.mmap(nil, 32, 3, 1, fd, 0))
  t.close(fd)
  -- The runtime of a sanitizer has to come first.
  return orders, { LD_PRELOAD = _M.sanitizer() .. " " .. library, MOON_FAULT = file }
end

--- All processes of a tree, the master first.
function _M.tree(pid)
  local out = { pid }
  for child in t.read(("/proc/%d/task/%d/children"):format(pid, pid)):gmatch "%d+" do
    for _, p in ipairs(_M.tree(tonumber(child))) do out[#out + 1] = p end
  end
  return out
end

--- Its UDP ports over IPv4, from the kernel's table.
function _M.ports(pid)
  local inodes, out = {}, {}
  for inode in read_of("ls -l /proc/" .. pid .. "/fd"):gmatch "socket:%[(%d+)%]" do inodes[inode] = true end
  for line in t.read("/proc/" .. pid .. "/net/udp"):gmatch "[^\n]+" do
    local port, inode = line:match "^%s*%d+: %x+:(%x+) %S+ %S+ %S+ %S+ %S+%s+%d+%s+%d+%s+(%d+)"
    if port and inodes[inode] then out[#out + 1] = tonumber(port, 16) end
  end
  return out
end

local instance = {}
instance.__index = instance
function instance:status() return t.status(self.dir) end
--- Status once fn(status) is true.
function instance:when(what, seconds, fn)
  return t.wait_for(what, seconds, function()
    local s = self:status()
    return s and fn(s) and s
  end)
end
--- What it says of one target.
function instance:target(name)
  local _, out = t.run { t.program, "status", name, "--run-dir", self.dir }
  for _, a in ipairs(cjson.decode(out).answers) do
    if a.targets[1] then return a.targets[1] end
  end
end
--- Samples of that name printed since `from` octets of output: list of them, by device, and in all.
function instance:samples(name, from)
  local by, n = {}, 0
  for line in (self.process:stdout():sub((from or 0) + 1):match "^(.*\n)" or ""):gmatch "[^\n]+" do
    local ok, s = pcall(cjson.decode, line)
    if ok and s.name == name then
      by[s.device] = by[s.device] or {}
      table.insert(by[s.device], s)
      n = n + 1
    end
  end
  return by, n
end
function instance:printed() return #self.process:stdout() end
--- Waits for n more samples of that name.
function instance:polled(name, n, seconds)
  local from = self:printed()
  t.wait_for(n .. " samples of " .. name, seconds or 10, function() return select(2, self:samples(name, from)) >= n end)
end
--- SIGTERM; the final counters, which balance.
function instance:stop()
  local code = self.process:stop(15)
  if code ~= 0 then error("exit " .. tostring(code) .. "\n" .. self.process:stderr():sub(-3000), 2) end
  local s = self.process.stats()
  t.assert_balances(s, true)
  return s
end
function instance:log() return self.process:stderr() end
--- How often its log says so.
function instance:said(text)
  local n, at = 0, 1
  local log = self:log()
  while true do
    local from, to = log:find(text, at, true)
    if not from then return n end
    n, at = n + 1, to + 1
  end
end

--- Starts `moonpoll run WORDS -o json`, ready when a run ended well. opts.env; opts.before: words in front of the program.
function _M.start(words, opts)
  local dir = t.run_dir()
  local all = { "-o", "json", "--run-dir", dir }
  for _, w in ipairs(words) do all[#all + 1] = w end
  local self = setmetatable({ dir = dir }, instance)
  self.process = t.start_poll(all, opts)
  self:when("a first run", 20, function(s)
    if not self.process:alive() then error(self:log()) end
    return s.runs.runs_ok > 0
  end)
  return self
end

return _M
