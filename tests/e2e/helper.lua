--- What end-to-end tests share: processes started and stopped by pid, free ports, the scripted agent, Debian's snmpd.
local ffi = require "ffi"
local net = require "agent.net"
local cjson = require "cjson"

ffi.cdef [[ int kill(int, int); int getpid(void); int usleep(uint32_t); ]]

local _M = {}

local base = (os.getenv "TMPDIR" or "/tmp") .. "/moonpoll-e2e-" .. ffi.C.getpid()
local made, serial = false, 0
local running = {}

--- A new file name in this test's own directory.
function _M.path(name)
  if not made then
    assert(os.execute("mkdir -p " .. base) == 0)
    made = true
  end
  serial = serial + 1
  return ("%s/%d-%s"):format(base, serial, name)
end

function _M.sleep(seconds) ffi.C.usleep(math.floor(seconds * 1e6)) end
_M.now = net.now

function _M.read(path)
  local f = io.open(path, "rb")
  if not f then return "" end
  local s = f:read "*a"
  f:close()
  return s
end

function _M.write(name, text)
  local path = _M.path(name)
  local f = assert(io.open(path, "wb"))
  f:write(text)
  f:close()
  return path
end

--- Waits until fn() is true-ish and returns that, or fails the test.
function _M.wait_for(what, seconds, fn)
  local limit = net.now() + seconds
  repeat
    local got = fn()
    if got then return got end
    _M.sleep(0.02)
  until net.now() > limit
  error("waited " .. seconds .. " s for " .. what, 2)
end

local function quote(s) return "'" .. tostring(s):gsub("'", "'\\''") .. "'" end
_M.quote = quote

local process = {}
process.__index = process

function process:signal(n) return ffi.C.kill(self.pid, n) == 0 end
function process:alive() return _M.read(self.rc) == "" end
function process:stdout() return _M.read(self.out) end
function process:stderr() return _M.read(self.err) end
--- Waits for the end; returns the exit status (128 + n for signal n). Past the limit it is killed and the test fails.
function process:wait(seconds)
  local limit = net.now() + (seconds or 20)
  while self:alive() do
    if net.now() > limit then
      self:signal(9)
      error(("still running after %d s: %s\nstderr: %s"):format(seconds or 20, self.what, self:stderr():sub(-2000)), 2)
    end
    _M.sleep(0.005)
  end
  running[self] = nil
  return tonumber(_M.read(self.rc))
end
function process:stop(seconds)
  if self:alive() then self:signal(15) end
  return self:wait(seconds)
end

--- Starts a program. words: list. opts.env: {NAME = value}, opts.before: words in front of it, opts.stdin: a file,
-- opts.shell: a pipeline instead of words.
function _M.start(words, opts)
  opts = opts or {}
  local out, err, rc, pid = _M.path "out", _M.path "err", _M.path "rc", _M.path "pid"
  -- A program that needs the first two is not whole; what is kept from run to run is this test's own.
  local parts = { "env -u LUA_PATH -u LUA_CPATH XDG_RUNTIME_DIR=" .. base }
  for k, v in pairs(opts.env or {}) do parts[#parts + 1] = k .. "=" .. quote(v) end
  for _, w in ipairs(opts.before or {}) do parts[#parts + 1] = quote(w) end
  for _, w in ipairs(words) do parts[#parts + 1] = quote(w) end
  local command = opts.shell and ("export XDG_RUNTIME_DIR=%s; %s"):format(base, opts.shell) or ("exec " .. table.concat(parts, " "))
  -- The inner shell becomes the program, so that the pid is its own.
  os.execute(("(sh -c %s >%s 2>%s <%s & echo $! >%s; wait $!; echo $? >%s.tmp; mv %s.tmp %s) >/dev/null 2>&1 &")
    :format(quote(command), out, err, opts.stdin or "/dev/null", pid, rc, rc, rc))
  local self = setmetatable({ out = out, err = err, rc = rc, what = command }, process)
  self.pid = _M.wait_for("a pid", 5, function() return tonumber(_M.read(pid):match "%d+\n") end)
  running[self] = true
  return self
end

--- Runs to the end: status, stdout, stderr.
function _M.run(words, opts)
  local p = _M.start(words, opts)
  local status = p:wait(opts and opts.seconds or 30)
  return status, p:stdout(), p:stderr()
end

--- A UDP port nobody has on any address of this host now.
function _M.free_port()
  local fd, port = net.udp("0.0.0.0", 0)
  _M.close(fd)
  return port
end
ffi.cdef [[ int close(int); ]]
function _M.close(fd) ffi.C.close(fd) end

local agent = {}
agent.__index = agent
local agents = {} -- those that run

--- Sends a command to the scripted agent and returns its answer.
function agent:command(text)
  local fd = net.udp("127.0.0.1", 0)
  local to = { addr = net.address "127.0.0.1", port = self.control_wire }
  net.send(fd, text, to)
  local limit, answer = net.now() + 5, nil
  while not answer and net.now() < limit do
    if net.wait({ fd }, 200)[fd] then answer = net.receive(fd) end
  end
  _M.close(fd)
  return (assert(answer, "the scripted agent is silent"))
end
function agent:stats() return cjson.decode(self:command "stats") end
--- Counts once nothing is queued any more.
function agent:settled()
  return _M.wait_for("the agent's queue", 10, function()
    local s = self:stats()
    return s.pending == 0 and s
  end)
end
function agent:faults(address, list) assert(self:command("faults " .. address .. " " .. list) == "ok") end
function agent:target(address) return address .. ":" .. self.port end
function agent:stop()
  agents[self] = nil
  self:command "quit"
  assert(self.process:wait(5) == 0)
  return cjson.decode(self.process:stdout():match "\n(.+)\n")
end

local bit = require "bit"
--- The scripted agent. args: its options.
function _M.agent(args)
  local words = { "luajit", "tests/agent/agent.lua" }
  for _, a in ipairs(args or {}) do words[#words + 1] = a end
  local p = _M.start(words)
  local line = _M.wait_for("the agent's port", 5, function()
    if not p:alive() then error(p:stderr()) end
    return p:stdout():match "^(.-)\n"
  end)
  local ports = cjson.decode(line)
  local control = ports.control
  local self = setmetatable({ process = p, port = ports.port,
    control_wire = bit.bor(bit.lshift(bit.band(control, 255), 8), bit.rshift(control, 8)) }, agent)
  agents[self] = true
  return self
end

-- What all scripted agents counted until now; nil when there are none.
local function counted_now()
  local sum
  for a in pairs(agents) do
    local s = a:settled()
    sum = sum or { datagrams_in = 0, datagrams_out = 0 }
    sum.datagrams_in, sum.datagrams_out = sum.datagrams_in + s.datagrams_in, sum.datagrams_out + s.datagrams_out
  end
  return sum
end

--- Debian's snmpd on a free port of 127.0.0.1 and ::1, community "public" to read, "private" to write.
-- Returns {process=, port=, target=, target6=}. also: more addresses, "tcp:127.0.0.1:%d". port: that one.
-- more: lines of its configuration beside these.
function _M.snmpd(also, port, more)
  local dir = _M.path "snmpd"
  assert(os.execute("mkdir -p " .. dir) == 0)
  port = port or _M.free_port()
  local conf = dir .. "/snmpd.conf"
  local f = assert(io.open(conf, "w"))
  f:write(("agentaddress udp:127.0.0.1:%d,udp6:[::1]:%d%s\n"):format(port, port, also and "," .. also:format(port) or ""), [[
rocommunity public
rocommunity6 public
rwcommunity private 127.0.0.1
sysLocation "the test rack"
sysServices 72
]])
  f:write(more or "")
  f:close()
  local p = _M.start({ "snmpd", "-f", "-Lf", dir .. "/log", "-C", "-c", conf, "-I", "-smux", "-p", dir .. "/pid" },
    { env = { MIBS = "", PATH = "/usr/sbin:/sbin:" .. os.getenv "PATH", SNMP_PERSISTENT_DIR = dir, SNMPCONFPATH = dir } })
  _M.wait_for("snmpd", 10, function()
    if not p:alive() then error(p:stderr() .. _M.read(dir .. "/log")) end
    return os.execute(("MIBS= snmpget -v2c -c public -t 0.3 -r 0 127.0.0.1:%d .1.3.6.1.2.1.1.3.0 >/dev/null 2>&1"):format(port)) == 0
  end)
  return { process = p, port = port, target = "127.0.0.1:" .. port, target6 = "udp6:[::1]:" .. port }
end

local program = os.getenv "MOONPOLL" or "build/moonpoll"
_M.program = program

-- What the command line of every run has: agents on this machine answer at once or never.
local function run_words(args, stats)
  local words = { _M.program, "run" }
  for _, a in ipairs(args) do words[#words + 1] = a end
  words[#words + 1] = "--stats"
  words[#words + 1] = stats
  return words
end

--- Both balances of a status object, and that what an ended program shows is at rest.
function _M.assert_balances(status, ended)
  local c = status.counters
  local errors = 0
  for _, n in pairs(status.errors) do errors = errors + n end
  local lost = status.lost or {}
  local function same(want, got, what)
    if want ~= got then error(("%s: %s is not %s\n%s"):format(what, tostring(got), tostring(want), cjson.encode(status)), 3) end
  end
  same(c.requests, c.answered + errors + c.in_flight + (lost.requests or 0), "requests")
  same(c.datagrams_in, c.matched + c.late + c.duplicate + c.wrong_source + c.malformed + c.unknown + (lost.datagrams or 0), "datagrams in")
  if ended then same(0, c.in_flight, "in flight at the end") end
end

--- What an ended program counted against what the agent counted: nothing is lost on this machine.
function _M.assert_agent(status, counted)
  local c = status.counters
  if c.datagrams_out ~= counted.datagrams_in then
    error(("%d datagrams out, %d came in at the agent"):format(c.datagrams_out, counted.datagrams_in), 2)
  end
  if c.datagrams_in > counted.datagrams_out then
    error(("%d datagrams in, the agent sent %d"):format(c.datagrams_in, counted.datagrams_out), 2)
  end
end

--- `moonpoll run ARGS -o json`, to its end. Returns {status=, samples=, stats=, stdout=, stderr=}; the balances are checked.
-- samples[device][name] is the last value, or with labels {index=...} samples[device][name .. "/" .. index].
-- So are the counts of scripted agents that run, unless opts.others: somebody else is asked too.
function _M.poll(args, opts)
  local stats = _M.path "stats"
  local before = not (opts and opts.others) and counted_now()
  local all = { "-o", "json" }
  for _, a in ipairs(args) do all[#all + 1] = a end
  local status, out, err = _M.run(run_words(all, stats), opts or { seconds = 60 })
  local result = { status = status, stdout = out, stderr = err, samples = _M.samples(out) }
  local text = _M.read(stats)
  if text ~= "" then
    result.stats = cjson.decode(text)
    _M.assert_balances(result.stats, true)
    if before then
      local after = counted_now()
      _M.assert_agent(result.stats, { datagrams_in = after.datagrams_in - before.datagrams_in,
        datagrams_out = after.datagrams_out - before.datagrams_out })
    end
  elseif not (opts and opts.no_stats) then
    error("no stats were written; exit " .. tostring(status) .. "\n" .. err:sub(1, 2000), 2)
  end
  return result
end

--- The same started and left running: process, path of the stats it will write.
function _M.start_poll(args, opts)
  local stats = _M.path "stats"
  local p = _M.start(run_words(args, stats), opts)
  p.stats = function() return cjson.decode(_M.read(stats)) end
  return p
end

--- A directory for --run-dir.
function _M.run_dir()
  local dir = _M.path "run"
  assert(os.execute("mkdir -p " .. dir) == 0)
  return dir
end

--- What the instance in that directory says of itself; nil when there is none.
function _M.status(dir)
  local code, out = _M.run { _M.program, "status", "--run-dir", dir }
  return code == 0 and cjson.decode(out) or nil
end

function _M.samples(text)
  local out = {}
  for line in text:gmatch "[^\n]+" do
    local s = cjson.decode(line)
    local d = out[s.device] or {}
    out[s.device] = d
    local label = s.labels and s.labels.index
    d[label and s.name .. "/" .. label or s.name] = s.value
  end
  return out
end

--- Stops whatever a test left running and removes its files. Call from teardown.
function _M.cleanup()
  agents = {}
  for p in pairs(running) do
    if p:alive() then p:signal(9) end
    running[p] = nil
  end
  if made then os.execute("rm -rf " .. base) end
  made = false
end

return _M
