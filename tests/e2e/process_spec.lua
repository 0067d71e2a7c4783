-- The process tree: ends, signals, killed workers, slow and closed outputs, script errors.
local cjson = require "cjson"
local ffi = require "ffi"
local t = require "e2e.helper"

local SENTINEL = "s3cr3t-sentinel"

local function common(hosts, ...)
  local words = { "--targets", table.concat(hosts, ","), "-v", "2c", "-c", "public", "-t", "0.5", "-r", "1" }
  for _, w in ipairs { ... } do words[#words + 1] = w end
  return words
end
local function with(probe, words)
  table.insert(words, 1, "tests/e2e/probes/" .. probe .. ".lua")
  return words
end

-- The status of a running instance.
local function status_of(dir)
  local code, out, err = t.run { t.program, "status", "--run-dir", dir }
  assert.equal(0, code, err)
  return cjson.decode(out)
end
local function running(dir)
  return t.wait_for("a running instance", 10, function()
    local s = t.status(dir)
    return s and s.runs.runs_ok > 0 and s
  end)
end

describe("moonpoll run", function()
  local agent
  local function hosts(n, net)
    local out = {}
    for i = 1, n do out[i] = agent:target(("127.0.%d.%d"):format(net or 3, i)) end
    return out
  end
  lazy_setup(function()
    agent = t.agent { "--device", "127.0.5.1=dead()" }
  end)
  lazy_teardown(function()
    agent:stop()
    t.cleanup()
  end)

  it("counts what the agent counts", function()
    local before = agent:settled()
    local r = t.poll(with("ticks", common(hosts(20), "--once")))
    assert.equal(0, r.status, r.stderr)
    local after = agent:settled()
    assert.equal(after.datagrams_in - before.datagrams_in, r.stats.counters.datagrams_out)
    assert.equal(after.datagrams_out - before.datagrams_out, r.stats.counters.datagrams_in)
    assert.equal(100, r.stats.counters.requests)
    assert.equal(100, r.stats.counters.answered)
    assert.equal(100, r.stats.counters.matched)
    assert.equal(20, r.stats.runs.runs_ok)
    for _, h in ipairs(hosts(20)) do
      assert.equal(1, r.samples[h].up)
      assert.truthy(r.samples[h]["uptime/5"] >= 1000)
    end
  end)

  it("does the same on plain epoll", function()
    local r = t.poll(with("ticks", common(hosts(20), "--once", "--loop", "epoll")))
    assert.equal(0, r.status, r.stderr)
    assert.equal(100, r.stats.counters.answered)
    assert.equal(100, r.stats.counters.datagrams_out)
  end)

  it("needs no more sockets for more devices", function()
    local function descriptors(n)
      local dir = t.run_dir()
      local many = {}
      for i = 1, n do many[i] = agent:target(("127.0.%d.%d"):format(30 + math.floor(i / 250), i % 250 + 1)) end
      local list = t.write("hosts.txt", table.concat(many, "\n") .. "\n")
      local p = t.start_poll { "tests/e2e/probes/ticks.lua", "--targets", list, "-c", "public", "--every", "5", "-o", "null", "--run-dir", dir }
      local s = t.wait_for("all devices asked", 20, function()
        local now = running(dir)
        return now.counters.answered >= n and now
      end)
      local count = t.path "count"
      os.execute(("ls /proc/%d/fd | wc -l >%s"):format(s.workers[1].pid, count))
      assert.equal(0, p:stop(10), p:stderr())
      return tonumber(t.read(count))
    end
    assert.equal(descriptors(5), descriptors(500))
  end)

  it("ends on SIGINT, and when asked to by `moonpoll stop`", function()
    for _, how in ipairs { "signal", "command" } do
      local dir = t.run_dir()
      local p = t.start_poll(with("ticks", common(hosts(5), "--every", "1", "-o", "json", "--run-dir", dir)))
      running(dir)
      if how == "signal" then
        p:signal(2)
      else
        assert.equal(0, (t.run { t.program, "stop", "--run-dir", dir }))
      end
      assert.equal(0, p:wait(10), p:stderr())
      t.assert_balances(p.stats(), true)
    end
  end)

  it("keeps two instances in one run directory apart", function()
    local dir = t.run_dir()
    local a = t.start_poll(with("ticks", common(hosts(2), "--every", "1", "-o", "json", "--run-dir", dir)))
    running(dir)
    local b = t.start_poll(with("ticks", common(hosts(3), "--every", "1", "-o", "json", "--run-dir", dir)))
    local second = t.wait_for("the second", 10, function()
      local code, out = t.run { t.program, "status", "--run-dir", dir, "--pid", tostring(b.pid) }
      return code == 0 and cjson.decode(out)
    end)
    assert.equal(3, second.devices)
    local code, _, err = t.run { t.program, "status", "--run-dir", dir }
    assert.equal(2, code)
    assert.truthy(err:find(tostring(a.pid), 1, true) and err:find(tostring(b.pid), 1, true), err)
    assert.equal(0, a:stop(10))
    assert.equal(3, status_of(dir).devices)
    assert.equal(0, b:stop(10))
  end)

  it("shares the work among workers", function()
    local r = t.poll(with("ticks", common(hosts(20), "--once", "--workers", "2")))
    assert.equal(0, r.status, r.stderr)
    assert.equal(2, #r.stats.workers)
    assert.equal(100, r.stats.counters.answered)
    for _, w in ipairs(r.stats.workers) do assert.truthy(w.requests > 0) end
    for _, h in ipairs(hosts(20)) do assert.equal(1, r.samples[h].up) end
  end)

  it("keeps its lines whole from many workers", function()
    local r = t.poll(with("ops", common(hosts(40), "--once", "--workers", "3")))
    assert.equal(0, r.status, r.stderr)
    local lines = 0
    for line in r.stdout:gmatch "([^\n]*)\n" do
      lines = lines + 1
      assert.equal("table", type(cjson.decode(line)))
    end
    assert.truthy(lines > 40 * 10)
    assert.equal("\n", r.stdout:sub(-1))
  end)

  it("exits 3 when some runs failed", function()
    local r = t.poll(with("ticks", common({ agent:target "127.0.3.1", agent:target "127.0.5.1" }, "--once")))
    assert.equal(3, r.status)
    assert.equal("timeout", r.samples[agent:target "127.0.5.1"].run_error)
    assert.equal(0, r.samples[agent:target "127.0.5.1"].up)
    assert.equal(1, r.samples[agent:target "127.0.3.1"].up)
  end)

  it("tells a script error with its traceback, device and probe, and goes on", function()
    local r = t.poll(with("broken", common(hosts(4, 4), "--once")))
    assert.equal(3, r.status)
    assert.truthy(r.stderr:find("broken.lua:8:", 1, true), r.stderr)
    assert.truthy(r.stderr:find("traceback", 1, true), r.stderr)
    assert.truthy(r.stderr:find("127.0.4.2", 1, true), r.stderr)
    for i, h in ipairs(hosts(4, 4)) do
      assert.equal(i == 2 and "script" or "ok", r.samples[h].run_error)
      assert.equal(i ~= 2 and 72 or nil, r.samples[h].services)
    end
    assert.equal(1, r.stats.runs.script_errors)
  end)

  it("ends cleanly when nobody reads any more", function()
    local err, rc = t.path "head-err", t.path "head-rc"
    local code, out = t.run({}, { shell = ("{ %s run tests/e2e/probes/ops.lua --targets %s -c public --once -o json 2>%s; echo $? >%s; } | head -n 3")
      :format(t.program, table.concat(hosts(40), ","), err, rc) })
    assert.equal(0, code)
    assert.equal(3, select(2, out:gsub("\n", "")))
    assert.equal("", t.read(err))
    assert.equal("0\n", t.read(rc))
  end)

  it("drains on SIGTERM and exits 0", function()
    local dir = t.run_dir()
    local p = t.start_poll(with("ticks", common(hosts(10), "--every", "1", "-o", "json", "--run-dir", dir)))
    running(dir)
    p:signal(15)
    assert.equal(0, p:wait(10), p:stderr())
    local s = p.stats()
    t.assert_balances(s, true)
    assert.equal(0, s.runs.runs_active)
    for line in p:stdout():gmatch "[^\n]+" do cjson.decode(line) end
    assert.equal("\n", p:stdout():sub(-1))
  end)

  it("is not ended by what asks it to reload while it still reads its targets", function()
    local fifo = t.path "targets"
    assert(os.execute("mkfifo " .. fifo) == 0)
    local words = with("ticks", { "--targets", "/dev/stdin", "-v", "2c", "-c", "public", "-t", "0.5", "-r", "1", "--once" })
    local process = t.start_poll(words, { stdin = fifo })
    local targets = assert(io.open(fifo, "w"))
    t.wait_for("somebody who reads them", 10, function()
      local children = io.open(("/proc/%d/task/%d/children"):format(process.pid, process.pid))
      local pid = children and children:read "*n"
      if children then children:close() end
      -- By name, beside its standard input: who opens a pipe waits for a writer, and this one is about to leave.
      return pid and os.execute(("test $(ls -l /proc/%d/fd 2>/dev/null | grep -c '%s$') -ge 2"):format(pid, fifo)) == 0
    end)
    assert.equal(0, ffi.C.kill(process.pid, 1))
    assert.equal(0, ffi.C.kill(process.pid, 12))
    targets:write(hosts(1)[1], "\n")
    targets:close()
    assert.equal(0, process:wait(10), process:stderr())
    assert.equal(1, process.stats().runs.runs_ok)
  end)

  it("replaces a worker killed with -9 and keeps the balances", function()
    local dir = t.run_dir()
    local p = t.start_poll(with("ticks", common(hosts(20), "--every", "1", "-o", "json", "--workers", "2", "--run-dir", dir)))
    running(dir)
    local s = status_of(dir)
    t.assert_balances(s)
    local victim = s.workers[1].pid
    assert.equal(0, ffi.C.kill(victim, 9))
    local again = t.wait_for("a new worker", 10, function()
      local now = status_of(dir)
      return now.workers[1].pid ~= 0 and now.workers[1].pid ~= victim and now
    end)
    assert.equal(1, again.workers_lost)
    -- Every device is heard of again after that.
    local from = #p:stdout()
    t.wait_for("samples of all devices", 15, function()
      local seen = t.samples(p:stdout():sub(from + 1):match "\n(.*)\n" or "")
      for _, h in ipairs(hosts(20)) do if not (seen[h] and seen[h].up == 1) then return false end end
      return true
    end)
    t.assert_balances(status_of(dir))
    assert.equal(0, p:stop(10), p:stderr())
    local last = p.stats()
    t.assert_balances(last, true)
    assert.equal(1, last.workers_lost)
    assert.truthy(p:stderr():find("signal 9", 1, true), p:stderr())
  end)

  it("ends its workers when the master is killed with -9", function()
    local dir = t.run_dir()
    local p = t.start_poll(with("ticks", common(hosts(5), "--every", "1", "-o", "json", "--workers", "2", "--run-dir", dir)))
    local s = running(dir)
    p:signal(9)
    p:wait(5)
    t.wait_for("the end of the workers", 10, function()
      for _, w in ipairs(s.workers) do if ffi.C.kill(w.pid, 0) == 0 then return false end end
      return true
    end)
  end)

  it("leaves its run directory empty", function()
    local dir = t.run_dir()
    local p = t.start_poll(with("ticks", common(hosts(2), "--every", "1", "-o", "json", "--run-dir", dir)))
    running(dir)
    assert.equal(0, p:stop(10))
    assert.equal("", (t.read((function()
      local list = t.path "list"
      os.execute(("ls -A %s >%s"):format(dir, list))
      return list
    end)())))
  end)

  it("never shows a secret", function()
    local secret = t.agent { "--community", SENTINEL }
    local dir = t.run_dir()
    local host = secret:target "127.0.6.1"
    local function everywhere(p)
      for _, text in ipairs { p:stdout(), p:stderr() } do assert.falsy(text:find(SENTINEL, 1, true), text) end
    end
    -- On the command line: gone from the process list of every process of the tree.
    local p = t.start_poll(with("ticks", { "--targets", host, "-v", "2c", "-c", SENTINEL, "--every", "1", "-o", "json", "--run-dir", dir }))
    local s = running(dir)
    local pids = { p.pid }
    for _, w in ipairs(s.workers) do pids[#pids + 1] = w.pid end
    for _, pid in ipairs(pids) do
      local line = t.read("/proc/" .. pid .. "/cmdline")
      assert.truthy(#line > 0)
      assert.falsy(line:find(SENTINEL, 1, true), line)
    end
    assert.falsy(cjson.encode(status_of(dir)):find(SENTINEL, 1, true))
    assert.equal(0, p:stop(10))
    everywhere(p)
    -- From a file and from the environment, named by the configuration; and where errors quote what they were given.
    local file = t.write("community", SENTINEL .. "\n")
    for _, how in ipairs { ('file %q'):format(file), 'env "MOON_TEST_COMMUNITY"' } do
      local config = t.write("config.lua", ('return { auth = { lab = { version = "2c", community = %s } },\n%s}')
        :format(how, ('targets = { { hosts = { %q }, auth = "lab" } }'):format(host)))
      local r = t.poll({ "tests/e2e/probes/ticks.lua", "--config", config, "--once" }, { env = { MOON_TEST_COMMUNITY = SENTINEL }, seconds = 20 })
      assert.equal(0, r.status, r.stderr)
      assert.equal(1, r.samples[host].up)
      assert.falsy((r.stdout .. r.stderr .. cjson.encode(r.stats)):find(SENTINEL, 1, true))
    end
    -- What the environment held is gone from it while the program runs.
    local config = t.write("config.lua", ('return { auth = { lab = { community = env "MOON_TEST_COMMUNITY" } }, targets = { { host = %q, auth = "lab" } } }')
      :format(host))
    p = t.start_poll({ "tests/e2e/probes/ticks.lua", "--config", config, "--every", "1", "-o", "json", "--run-dir", dir },
      { env = { MOON_TEST_COMMUNITY = SENTINEL, MOON_TEST_OTHER = "stays" } })
    s = running(dir)
    for _, pid in ipairs { p.pid, s.workers[1].pid } do
      local environment = t.read("/proc/" .. pid .. "/environ")
      assert.falsy(environment:find(SENTINEL, 1, true))
      assert.truthy(environment == "" or environment:find("MOON_TEST_OTHER=stays", 1, true))
    end
    assert.equal(0, p:stop(10))
    local code, out, err = t.run { t.program, "run", "tests/e2e/probes/ticks.lua", "--targets", secret:target "127.0.6.2", "--once",
      "-c", SENTINEL .. ("x"):rep(300) }
    assert.equal(2, code)
    assert.falsy((out .. err):find(SENTINEL, 1, true))
    secret:stop()
  end)

  it("does not grow when its output stands still", function()
    local dir = t.run_dir()
    local fifo = t.path "fifo"
    assert(os.execute("mkfifo " .. fifo) == 0)
    -- A reader that never reads: sleep holds the pipe open.
    local reader = t.start({}, { shell = "exec sleep 60 <" .. fifo })
    local p = t.start_poll({}, { shell = ("exec %s run tests/e2e/probes/ops.lua --targets %s -c public --every 1 -o json --run-dir %s >%s")
      :format(t.program, table.concat(hosts(40), ","), dir, fifo) })
    local function resident(pid) return tonumber(t.read("/proc/" .. pid .. "/status"):match "VmRSS:%s*(%d+)") or 0 end
    local s = t.wait_for("a start", 10, function()
      local now = t.status(dir)
      return now and now.counters.requests > 100 and now
    end)
    t.sleep(2)
    local before = resident(s.workers[1].pid)
    t.sleep(2)
    local after = resident(s.workers[1].pid)
    assert.truthy(after < before + 20000, ("%d KB, then %d KB"):format(before, after))
    t.assert_balances(status_of(dir))
    reader:signal(9)
    reader:wait(5)
    local code = p:wait(10)
    assert.truthy(code == 0 or code == 3, tostring(code) .. p:stderr())
  end)
end)
