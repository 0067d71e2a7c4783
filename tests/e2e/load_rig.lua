--- What specs of load share: many simulated agents, some of them in trouble, one collector that polls them, and what both count
-- meanwhile. MOONPOLL_WITHOUT takes a mechanism away from the collector, see tests/README.md.
local cjson = require "cjson"
local sim_rig = require "e2e.sim_rig"
local t = require "e2e.helper"

local _M = {}
local here = os.getenv "PWD" or "."

--- A recording by its name, or what is in a table of lines.
function _M.recording(what)
  if type(what) == "table" then return t.write("load.snmprec", table.concat(what, "\n") .. "\n") end
  return ("%s/tests/recordings/%s.snmprec"):format(here, what)
end

--- Agents of several kinds, in this order: list of { n =, faults = text of a fleet's faults, more = text of other fields }.
-- Returns the simulator with hosts[kind] = list of "address:port".
function _M.agents(recording, kinds, seed)
  local lines, at, hosts = {}, 0, {}
  for i, kind in ipairs(kinds) do
    lines[i] = ("agent { recording = %q, count = %d, name = %q, live = true, faults = { %s }%s }")
      :format(recording, kind.n, "kind" .. i .. "-", kind.faults or "", kind.more and ", " .. kind.more or "")
    hosts[i] = {}
    for k = 1, kind.n do
      at = at + 1
      hosts[i][k] = ("127.%d.%d.%d"):format(1 + math.floor(at / 65536), math.floor(at / 256) % 256, at % 256)
    end
  end
  local sim = sim_rig.fleet(table.concat(lines, "\n"), "--seed", tostring(seed or 1), "--log", "error")
  sim.hosts = hosts
  for _, list in ipairs(hosts) do
    for k, a in ipairs(list) do list[k] = sim:target(a) end
  end
  return sim
end

--- All hosts of a simulator as a file for --targets.
function _M.targets(sim)
  local lines = {}
  for _, list in ipairs(sim.hosts) do
    for _, h in ipairs(list) do lines[#lines + 1] = h end
  end
  return t.write("targets.txt", table.concat(lines, "\n") .. "\n")
end

local user = { "ops", "SHA", "authpass12", "AES", "privpass12" }
--- n agents with seven interfaces each: one in ten of SNMPv3, one in twenty dead, of both.
function _M.fleet_of(n)
  local v3 = ("v3 = { users = { { user = %q, auth = %q, auth_pass = %q, priv = %q, priv_pass = %q } } }"):format(unpack(user))
  local sealed, dead = n / 10, n / 20
  return _M.agents(_M.recording "router", {
    { n = sealed - dead / 10, more = v3 }, { n = dead / 10, more = v3, faults = '"dead"' },
    { n = dead - dead / 10, faults = '"dead"' }, { n = n - sealed - dead + dead / 10 } })
end
--- A configuration that polls them.
function _M.config_of(sim)
  local files = {}
  for i, from in ipairs { 1, 3 } do
    files[i] = _M.targets { hosts = { sim.hosts[from], sim.hosts[from + 1] } }
  end
  return t.write("config.lua", ([[return {
    auth = { sealed = { version = 3, user = %q, auth = %q, auth_pass = %q, priv = %q, priv_pass = %q }, open = { community = "public" } },
    targets = { { file = %q, auth = "sealed" }, { file = %q, auth = "open" } } }]]):format(user[1], user[2], user[3], user[4], user[5], files[1], files[2]))
end

-- Fields 14 and 15 of /proc/PID/stat, counted behind the name, in ticks of 10 ms.
local function cpu_of(pid)
  local used, system = t.read(("/proc/%d/stat"):format(pid)):match "%) %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+) (%d+)"
  return ((tonumber(used) or 0) + (tonumber(system) or 0)) / 100
end
local function count_fds(pid)
  local p = assert(io.popen(("ls /proc/%d/fd | wc -l"):format(pid)))
  local n = p:read "*n"
  p:close()
  return n
end

local collector = {}
collector.__index = collector

--- Starts `moonpoll run WORDS`. opts.without: what MOONPOLL_WITHOUT says; opts.to: the shell's words for where samples go (a file of
-- the test's), opts.program, opts.env.
function _M.collect(words, opts)
  opts = opts or {}
  local dir, stats = t.path "run", t.path "stats"
  assert(os.execute("mkdir -p " .. dir) == 0)
  local parts = { "env", "MOONPOLL_WITHOUT=" .. (opts.without or ""), "ASAN_OPTIONS=quarantine_size_mb=1:malloc_context_size=2",
    opts.program or t.program, "run" }
  local given
  for _, w in ipairs(words) do
    parts[#parts + 1] = w
    given = given or w == "--config"
  end
  if not given then
    parts[#parts + 1] = "-c"
    parts[#parts + 1] = "public"
  end
  for _, w in ipairs { "-o", "json", "--run-dir", dir, "--stats", stats } do parts[#parts + 1] = w end
  for i, w in ipairs(parts) do parts[i] = t.quote(w) end
  local p = t.start({}, { shell = "exec " .. table.concat(parts, " ") .. (opts.to and " >" .. opts.to or "") })
  local self = setmetatable({ process = p, dir = dir, stats = stats }, collector)
  if not opts.unchecked then
    t.wait_for("a start", 30, function()
      if not p:alive() then error(p:stderr():sub(-2000)) end
      return self:status()
    end)
  end
  return self
end

--- What it counts now; nil when it does not answer.
function collector:status() return t.status(self.dir) end
--- Status once fn(status) is true-ish.
function collector:when(what, seconds, fn)
  return t.wait_for(what, seconds, function()
    local s = self:status()
    return s and fn(s) and s
  end)
end
--- Of all its workers: processor seconds, resident MB, descriptors.
function collector:costs(status)
  local out = { cpu = 0, mb = 0, fds = 0 }
  for _, w in ipairs((status or self:status()).workers) do
    out.cpu = out.cpu + cpu_of(w.pid)
    out.mb = out.mb + tonumber(t.read(("/proc/%d/status"):format(w.pid)):match "VmRSS:%s*(%d+)" or 0) / 1024
    out.fds = out.fds + count_fds(w.pid)
  end
  return out
end
--- Ends it well; its last counts, which balance.
function collector:stop(seconds)
  local code = self.process:stop(seconds or 30)
  if code ~= 0 then error("exit " .. tostring(code) .. "\n" .. self.process:stderr():sub(-3000)) end
  local s = cjson.decode(t.read(self.stats))
  t.assert_balances(s, true)
  return s
end
function collector:kill()
  if self.process:alive() then
    self.process:signal(15)
    for _ = 1, 500 do
      if not self.process:alive() then break end
      t.sleep(0.02)
    end
    self.process:signal(9)
    pcall(self.process.wait, self.process, 5)
  end
end

--- Calls fn(sample) for each line of text; a line that is no sample fails.
function _M.each(text, fn)
  for line in text:gmatch "[^\n]*\n" do
    local ok, sample = pcall(cjson.decode, line)
    if not ok then error("torn: " .. line:sub(1, 200), 2) end
    fn(sample)
  end
  if text ~= "" and text:sub(-1) ~= "\n" then error("torn at its end: " .. text:sub(-200), 2) end
end

--- fn() must fail, and say that.
function _M.must_fail(fn, that)
  local ok, err = pcall(fn)
  if ok then error("went well without the mechanism", 2) end
  local said = type(err) == "table" and tostring(err.message or cjson.encode(err)) or tostring(err)
  if not said:find(that, 1, true) then error("failed otherwise than with \"" .. that .. "\": " .. said, 2) end
end

--- Like assert, with a line that tells the figures.
function _M.check(ok, format, ...)
  if not ok then error((format):format(...), 2) end
end

--- Figures, for who reads the log.
function _M.tell(format, ...) print("# " .. format:format(...)) end

return _M
