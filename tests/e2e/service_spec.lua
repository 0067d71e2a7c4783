-- What a service manager is told, as sd_notify(3) has it, and which processors workers keep to.
local cjson = require "cjson"
local ffi = require "ffi"
local t = require "e2e.helper"

ffi.cdef [[
struct service_address { uint16_t family; char path[108]; };
long recv(int, void *, size_t, int);
long sendto(int, const void *, size_t, int, const struct service_address *, uint32_t);
]]
local DGRAM = 2 + 2048 + 524288 -- SOCK_NONBLOCK, SOCK_CLOEXEC
local serial = 0

-- A socket for NOTIFY_SOCKET, an abstract one where there is no directory: name, and what was heard, a datagram a line.
local function manager(abstract)
  serial = serial + 1
  local self = { heard = {}, name = abstract and ("@moonpoll-test-%d-%d"):format(ffi.C.getpid(), serial) or t.path "notify" }
  local address = ffi.new("struct service_address", { family = 1 })
  ffi.copy(address.path, (self.name:gsub("^@", "\0")))
  self.fd = ffi.C.socket(1, DGRAM, 0)
  assert(ffi.C.bind(self.fd, ffi.cast("const agent_sockaddr *", address), 2 + #self.name) == 0)
  local buffer = ffi.new("char[4096]")
  function self.hear()
    while true do
      local n = ffi.C.recv(self.fd, buffer, 4096, 0)
      if n < 0 then return #self.heard end
      self.heard[#self.heard + 1] = { text = ffi.string(buffer, n) }
    end
  end
  -- The first from number `from` on that matches, and its number.
  function self.find(pattern, from)
    self.hear()
    for i = from or 1, #self.heard do
      if self.heard[i].text:find(pattern) then return self.heard[i].text, i end
    end
  end
  function self.wait(pattern, from)
    local found
    t.wait_for(pattern, 20, function()
      found = { self.find(pattern, from) }
      return found[1]
    end)
    return unpack(found)
  end
  -- Datagrams of nobody until there is no room.
  function self.fill()
    local fd = ffi.C.socket(1, DGRAM, 0)
    local n = 0
    while ffi.C.sendto(fd, "X=1", 3, 0, address, 2 + #self.name) == 3 do n = n + 1 end
    t.close(fd)
    return n
  end
  function self.close() t.close(self.fd) end
  return self
end

describe("moonpoll run,", function()
  local agent
  lazy_setup(function() agent = t.agent() end)
  lazy_teardown(function()
    agent:stop()
    t.cleanup()
  end)

  local function hosts(n)
    local out = {}
    for i = 1, n do out[i] = agent:target("127.0.21." .. i) .. "\n" end
    return table.concat(out)
  end
  -- before: words of the shell in front of the program.
  local function start(before, ...)
    local dir, words = t.run_dir(), { t.program, "run" }
    for _, w in ipairs { ... } do words[#words + 1] = w end
    for _, w in ipairs { "-c", "public", "--every", "0.5", "-o", "json", "--run-dir", dir } do words[#words + 1] = w end
    for i, w in ipairs(words) do words[i] = t.quote(w) end
    local p = t.start({}, { shell = before .. " exec " .. table.concat(words, " ") })
    p.dir = dir
    return p
  end
  local function polls(p, n)
    return t.wait_for("runs", 20, function()
      local s = t.status(p.dir)
      return s and s.runs.runs_ok >= (n or 1) and s
    end)
  end
  local ticks = "tests/e2e/probes/ticks.lua"

  describe("its service manager", function()
    it("hears READY=1 once, when all workers poll, and STOPPING=1", function()
      -- As it takes a worker to compile a hundred: what is said before they are through is said before it is true.
      local probe = t.write("slow.lua", [[
        local from = os.clock()
        while os.clock() < from + 0.2 do end
        print "read"
        return { run = function(device) assert(device:get "1.3.6.1.2.1.1.3.0") end }]])
      local config = t.write("slow.conf", ("return { probes = { { file = %q, trusted = true } } }"):format(probe))
      local m = manager()
      local p = start("NOTIFY_SOCKET=" .. m.name, "--config", config, "--targets", t.write("hosts.txt", hosts(8)), "--workers", "2")
      local text, i = m.wait "READY"
      local read = select(2, p:stderr():gsub("read\n", ""))
      assert.equal("READY=1", text)
      assert.equal(1, i)
      assert.equal(2, read, p:stderr()) -- by each worker
      polls(p, 16)
      assert.is_nil(m.find("", 2))
      assert.equal(0, p:stop(10), p:stderr())
      m.hear()
      assert.equal(2, #m.heard)
      assert.equal("STOPPING=1", m.heard[2].text)
      m.close()
    end)

    it("hears of a reload when it begins, when it is over and what became of it", function()
      local file = t.write("hosts.txt", hosts(2))
      local function write(text)
        local f = assert(io.open(file .. ".new", "wb"))
        f:write(text)
        f:close()
        assert(os.rename(file .. ".new", file))
      end
      local m = manager(true)
      local p = start("NOTIFY_SOCKET=" .. m.name, ticks, "--targets", file)
      m.wait "READY"
      polls(p)
      local last = 1
      local function over(how)
        local began, i = m.wait("^RELOADING=1\nMONOTONIC_USEC=%d+$", last + 1)
        local ended, k = m.wait("^READY=1\nSTATUS=" .. how, last + 1)
        assert.is_true(i < k)
        last = m.hear()
        return tonumber(began:match "%d+$") / 1e6, ended
      end
      -- Asked for: by the time in it a manager knows that it is not about a reload before.
      local asked = t.now()
      p:signal(1)
      local began = over "reloaded: targets: 2, of them new: 0"
      assert.is_true(began >= asked and began <= t.now(), began)
      -- By itself: nobody waits for that.
      write(hosts(5))
      m.wait("^STATUS=reloaded: targets: 5, of them new: 3", last + 1)
      assert.equal(5, t.status(p.dir).devices)
      assert.is_nil(m.find("READY", last + 1) or m.find("RELOADING", last + 1))
      -- Another wish while one is under way: it is over when both are.
      local config = t.write("slow.lua", "local from = os.clock() while os.clock() < from + 0.2 do end return {}")
      assert.equal(0, p:stop(10), p:stderr())
      m.close()
      m = manager()
      p = start("NOTIFY_SOCKET=" .. m.name, ticks, "--targets", file, "--config", config)
      m.wait "READY"
      polls(p)
      p:signal(1)
      local _, i = m.wait("RELOADING", 2)
      p:signal(1)
      m.wait("READY", select(2, m.wait("RELOADING", i + 1)))
      t.sleep(0.6)
      assert.is_nil(m.find "^STATUS")
      -- What goes wrong; nothing of it begins a line.
      last = #m.heard
      local f = assert(io.open(config, "wb"))
      f:write "error('no\\nMAINPID=1')"
      f:close()
      p:signal(1)
      local _, ended = over "not reloaded: .*no"
      assert.equal(1, select(2, ended:gsub("\n", "")), ended)
      assert.equal(0, p:stop(10), p:stderr())
      m.wait "STOPPING=1"
      m.close()
    end)

    it("hears WATCHDOG=1 as often as it wants, and nothing while the program stands still", function()
      local EVERY = 0.15
      local m, from = manager(), t.now()
      local p = start(("NOTIFY_SOCKET=%s WATCHDOG_PID=$$ WATCHDOG_USEC=%d"):format(m.name, 2e6 * EVERY), ticks, "--targets", agent:target "127.0.21.1")
      local function count()
        local n = 0
        m.hear()
        for _, h in ipairs(m.heard) do n = n + (h.text == "WATCHDOG=1" and 1 or 0) end
        return n
      end
      t.wait_for("ten of them", 30, function() return count() >= 10 end)
      assert.is_true(count() <= (t.now() - from) / EVERY + 1)
      p:signal(19)
      t.sleep(0.5)
      local before = count()
      t.sleep(6 * EVERY)
      assert.equal(before, count())
      p:signal(18)
      t.wait_for("another", 10, function() return count() > before end)
      assert.equal(0, p:stop(10), p:stderr())
      m.close()
    end)

    it("hears no WATCHDOG=1 that another process is to send", function()
      local m = manager()
      local p = start(("NOTIFY_SOCKET=%s WATCHDOG_PID=%d WATCHDOG_USEC=20000"):format(m.name, ffi.C.getpid()), ticks, "--targets", agent:target "127.0.21.1")
      m.wait "READY"
      polls(p, 3)
      assert.is_nil(m.find "WATCHDOG")
      assert.equal(0, p:stop(10), p:stderr())
      m.close()
    end)

    it("may be behind, or gone: nobody waits for it, and it hears of it later", function()
      local m = manager()
      assert.is_true(m.fill() > 0)
      local p = start("NOTIFY_SOCKET=" .. m.name, ticks, "--targets", agent:target "127.0.21.1")
      polls(p, 2)
      m.hear()
      assert.is_nil(m.heard[1].text:find "READY")
      m.wait "READY=1"
      m.close()
      p:signal(1)
      polls(p, 4)
      assert.equal(0, p:stop(10), p:stderr())
    end)
  end)

  describe("its workers", function()
    -- Of a process or a thread, as the kernel lists them: "0-1".
    local function allowed(path) return t.read(path .. "/status"):match "Cpus_allowed_list:%s*(%S+)" end
    local all = allowed "/proc/self"
    local list = {}
    for from, to in (all .. ","):gmatch "(%d+)%-?(%d*)," do
      for cpu = tonumber(from), tonumber(to ~= "" and to or from) do list[#list + 1] = cpu end
    end
    -- Each of the threads of each worker.
    local function kept(p)
      local out = {}
      for i, w in ipairs(t.status(p.dir).workers) do
        local names = {}
        local ls = assert(io.popen(("ls /proc/%d/task 2>/dev/null"):format(w.pid)))
        for id in ls:lines() do names[allowed(("/proc/%d/task/%s"):format(w.pid, id)) or "?"] = true end
        ls:close()
        local words = {}
        for name in pairs(names) do words[#words + 1] = name end
        out[i] = table.concat(words, " ")
      end
      return out
    end

    it("keep to processors, one each in turn, and so do those who come after them", function()
      if #list < 2 then return pending "a machine with one processor" end
      local a, b = tostring(list[1]), tostring(list[2])
      local config = t.path "pinned.lua"
      local function write(cpus)
        local f = assert(io.open(config .. ".new", "wb"))
        f:write(("return { workers = 3, %s targets = { { file = %q } }, probes = { %q } }"):format(cpus, t.write("hosts.txt", hosts(9)),
          (os.getenv "PWD" or ".") .. "/" .. ticks))
        f:close()
        assert(os.rename(config .. ".new", config))
      end
      write(("cpus = { %s, %s },"):format(b, a))
      local p = start("", "--config", config)
      local s = polls(p, 9)
      assert.same({ b, a, b }, kept(p))
      -- Nobody else.
      local mine = {}
      for _, w in ipairs(s.workers) do mine[w.pid] = true end
      assert.equal(all, allowed("/proc/" .. p.pid))
      for pid in t.read(("/proc/%d/task/%d/children"):format(p.pid, p.pid)):gmatch "%d+" do
        if not mine[tonumber(pid)] then assert.equal(all, allowed("/proc/" .. pid)) end
      end
      local function replaced(want)
        t.wait_for("workers that keep to " .. cjson.encode(want), 20, function()
          local now = t.status(p.dir)
          for _, w in ipairs(now and now.workers or {}) do if w.pid == 0 then return false end end
          return now and cjson.encode(kept(p)) == cjson.encode(want)
        end)
      end
      ffi.C.kill(s.workers[2].pid, 9)
      t.wait_for("another", 10, function()
        local now = t.status(p.dir)
        return now and now.workers[2].pid ~= 0 and now.workers[2].pid ~= s.workers[2].pid
      end)
      replaced { b, a, b }
      write(("cpus = { %s },"):format(a))
      replaced { a, a, a }
      write ""
      replaced { all, all, all }
      assert.equal(0, p:stop(10), p:stderr())
    end)
  end)
end)
