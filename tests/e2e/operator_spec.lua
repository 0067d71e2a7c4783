-- At two in the morning: limits of the system, outputs that fail, processes killed or stopped. What is wrong is told in
-- one line, the status says so, and nothing is left behind.
local bit = require "bit"
local cjson = require "cjson"
local ffi = require "ffi"
local t = require "e2e.helper"

local function lines(text) return select(2, text:gsub("\n", "")) end

describe("moonpoll run", function()
  local agent, host
  lazy_setup(function()
    agent = t.agent()
    host = agent:target "127.0.3.1"
  end)
  lazy_teardown(function()
    agent:stop()
    t.cleanup()
  end)

  local function command(probe, ...)
    local words = { t.program, "run", "--targets", host, "-c", "public", "-t", "0.5" }
    if probe:find "%.conf$" then words[#words + 1] = "--config" end
    words[#words + 1] = probe:find "/" and probe or "tests/e2e/probes/" .. probe .. ".lua"
    for _, w in ipairs { ... } do words[#words + 1] = w end
    for i, w in ipairs(words) do words[i] = t.quote(w) end
    return table.concat(words, " ")
  end
  -- In a shell of its own: status, stdout, stderr.
  local function shell(before, ...)
    return t.run({}, { shell = before .. "exec " .. command(...), seconds = 20 })
  end
  -- Started, and answered by its agent: the process, its worker, its writer.
  local function started(probe, ...)
    local dir = t.run_dir()
    local p = t.start_poll({}, { shell = "exec " .. command(probe, "--every", "0.2", "-o", "json", "--run-dir", dir, ...) })
    local s = t.wait_for("a running instance", 10, function()
      local now = t.status(dir)
      return now and now.runs.runs_started > 0 and now
    end)
    local worker, writer = s.workers[1].pid, nil
    for pid in t.read(("/proc/%d/task/%d/children"):format(p.pid, p.pid)):gmatch "%d+" do
      if tonumber(pid) ~= worker then writer = tonumber(pid) end
    end
    return p, worker, assert(writer), dir
  end
  -- A probe that no watchdog stops, in a configuration.
  local function endless()
    local probe = t.write("endless.lua", "return { every = 1, timeout = 5, run = function() while true do end end }\n")
    return t.write("endless.conf", ("return { probes = { { file = %q, trusted = true } } }\n"):format(probe))
  end
  -- So many files, and none of them taken by what whoever runs these tests left open.
  local function files(n) return ("exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; ulimit -n %d; "):format(n) end
  -- A zombie did what it could: how soon it is buried is up to the machine's first process.
  local function gone(pid)
    local state = t.read("/proc/" .. pid .. "/stat"):match "%) (%a)"
    return state == nil or state == "Z" or state == "X"
  end
  -- It ended, or is about to, whatever it does: SIGKILL, the ninth bit, waits for it.
  local function doomed(pid)
    for set in t.read("/proc/" .. pid .. "/status"):gmatch "\nS[hi][dg]Pnd:%s+(%x+)" do
      if bit.band(tonumber(set:sub(-4), 16), 0x100) ~= 0 then return true end
    end
    return gone(pid)
  end

  it("says when it may not open enough files, and ends; with a few more it polls", function()
    local told, enough = 0, nil
    for n = 4, 20 do
      local code, out, err = shell(files(n), "ticks", "--once", "-o", "json")
      if code == 0 then
        enough = enough or n
        assert.equal("", err)
        assert.equal(1, t.samples(out)[host].up)
      else
        assert.is_nil(enough, ("%d files are enough, %d are not: %s"):format(enough or 0, n, err))
        assert.equal(1, lines(err), err)
        assert.equal("", out)
        if code == 127 then -- not even its libraries
          assert.truthy(err:find("shared librar", 1, true), err)
        else
          assert.truthy(code == 1 or code == 2, code) -- 2: while it loads
          assert.truthy(err:find("Too many open files; allow more files (ulimit -n)", 1, true), err)
          told = told + 1
        end
      end
    end
    assert.truthy(enough and told >= 3, told)
  end)

  it("hears signals however few files it may open", function()
    local polled, ended = 0, 0
    for n = 9, 18 do
      local p = t.start({}, { shell = files(n) .. "exec " .. command("ticks", "--every", "0.2", "-o", "json") })
      t.wait_for("a sample, or an end", 10, function() return p:stdout():find('"name":"up"', 1, true) or not p:alive() end)
      if p:alive() then
        polled = polled + 1
        assert.equal(0, p:stop(5), n .. " files: " .. p:stderr())
        assert.equal("", p:stderr())
      else
        ended = ended + 1
        assert.equal(1, p:wait(5), n .. " files: " .. p:stderr())
        assert.equal(1, lines(p:stderr()), p:stderr())
      end
    end
    assert.truthy(polled >= 3 and ended >= 1, polled .. " polled, " .. ended .. " ended")
  end)

  it("ends when its output cannot be written", function()
    for _, to in ipairs { ">/dev/full", ">&-" } do
      for _, often in ipairs { { "--once" }, { "--every", "0.2" } } do
        local code, _, err = t.run({}, { shell = "exec " .. command("ticks", "-o", "json", unpack(often)) .. " " .. to, seconds = 10 })
        assert.equal(1, code, err)
        assert.equal(1, lines(err), err)
        assert.truthy(err:find("cannot write to stdout: ", 1, true), err)
      end
    end
  end)

  it("says when its counters cannot be written at the end", function()
    local code, out, err = shell("", "ticks", "--once", "-o", "json", "--stats", "/dev/full")
    assert.equal(1, code)
    assert.equal(1, t.samples(out)[host].up)
    assert.equal(1, lines(err), err)
    assert.truthy(err:find("--stats", 1, true), err)
  end)

  it("polls where no file may be written", function()
    -- The limit holds for the program alone: its lines leave through a pipe.
    local run = "(ulimit -f 0; " .. command("ticks", "--once", "-o", "json") .. " 2>&1; echo status $?) | cat"
    local _, out = t.run({}, { shell = ("export XDG_RUNTIME_DIR=%s; %s"):format(t.run_dir(), run), seconds = 20 })
    assert.truthy(out:find("status 0\n", 1, true), out)
    assert.truthy(out:find("there will be no status", 1, true), out)
    assert.truthy(out:find('"name":"up","type":"gauge","value":1', 1, true), out)
  end)

  it("polls with its standard files closed", function()
    for _, closed in ipairs { "<&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-" } do
      local code = t.run({}, { shell = "exec " .. command("ticks", "--once", "-o", "null") .. " " .. closed, seconds = 20 })
      assert.equal(0, code, closed)
    end
    -- Or the next file to be opened had their place, and got what is written there.
    local dir = t.run_dir()
    local p = t.start({}, { shell = "exec " .. command("ticks", "--every", "0.2", "-o", "null", "--run-dir", dir) .. " <&- >&- 2>&-" })
    t.wait_for("a running instance", 10, function() return t.status(dir) end)
    for fd = 0, 2 do
      local pipe = io.popen(("readlink /proc/%d/fd/%d"):format(p.pid, fd))
      assert.equal("/dev/null\n", pipe:read "*a")
      pipe:close()
    end
    assert.equal(0, p:stop(10))
  end)

  it("needs no environment", function()
    local code, out, err = t.run({}, { shell = "exec env -i " .. command("ticks", "--once", "-o", "json", "--run-dir", t.run_dir()), seconds = 20 })
    assert.equal(0, code, err)
    assert.equal(1, t.samples(out)[host].up)
    code, out, err = shell("export LC_ALL=xx_YY.UTF-9 LC_NUMERIC=de_DE TZ=Mars/Olympus HOME=/no/such; ", "ticks", "--once", "-o", "json")
    assert.equal(0, code, err)
    assert.equal(1, t.samples(out)[host].up)
  end)

  it("says once that a device fails, and when it is well again", function()
    local config = t.write("c.lua", "return { request = { timeout = 0.5, retries = 0, breaker_after = 0 } }\n")
    agent:faults("127.0.3.1", "dead()")
    local p = started("ticks", "--config", config)
    t.wait_for("a failure", 5, function() return p:stderr():find("timeout", 1, true) end)
    t.sleep(1)
    agent:faults("127.0.3.1", "")
    t.wait_for("the end of it", 5, function() return p:stderr():gsub("@%x+", ""):find("ticks: " .. host .. ": well again, after: timeout\n", 1, true) end)
    t.sleep(0.5)
    assert.equal(0, p:stop(10), p:stderr())
    assert.equal(2, lines(p:stderr()), p:stderr())
  end)

  it("tells what a run prints, and what is too much for one", function()
    local probe = t.write("much.lua", [[return { timeout = 20, run = function(device, out)
      print("on", device)
      local long = ("x"):rep(4000)
      for i = 1, 2000 do out:with { i = i .. long }:gauge("x", i) end
    end }
]])
    local code, out, err = shell("", probe, "--once", "-o", "json")
    assert.equal(3, code)
    assert.equal("budget", t.samples(out)[host].run_error)
    assert.truthy(err:find("much@%x%x%x%x%x%x%x%x: " .. host:gsub("%p", "%%%0") .. ": on\t" .. host:gsub("%p", "%%%0") .. "\n"), err)
    assert.truthy(err:find("over 4 MiB", 1, true), err)
    assert.equal(2, lines(err), err)
  end)

  it("goes on polling when nobody reads its log", function()
    local probe = t.write("chatty.lua", [[return { run = function(device, out)
      for i = 1, 50 do print(i, ("x\n"):rep(i % 3 == 0 and 3000 or 500)) end
      out:gauge("x", 1)
    end }
]])
    local fifo = t.path "fifo"
    assert(os.execute("mkfifo " .. fifo) == 0)
    local reader = t.start({}, { shell = ("exec 3<%s; sleep 4; exec cat <&3"):format(fifo) })
    local p = t.start({}, { shell = ("exec %s 2>%s"):format(command(probe, "--every", "0.5", "-o", "json"), fifo) })
    t.sleep(2)
    local from = #p:stdout()
    t.wait_for("samples", 5, function() return #p:stdout() > from end)
    t.wait_for("the reader", 10, function() return reader:stdout():find("lines of the log are missing", 1, true) end)
    assert.equal(0, p:stop(10))
    reader:wait(5)
  end)

  it("kills what does not end, and says so once", function()
    local p, worker = started(endless())
    p:signal(15)
    t.sleep(0.1)
    p:signal(15)
    assert.equal(0, p:wait(8), p:stderr())
    assert.equal(1, lines(p:stderr()), p:stderr())
    assert.truthy(p:stderr():find("did not finish in time: killed", 1, true), p:stderr())
    assert.truthy(gone(worker))
  end)

  it("leaves no process behind when the master is killed, whatever the others do", function()
    for _, probe in ipairs { "ticks", endless() } do
      local p, worker, writer, dir = started(probe)
      if probe == "ticks" then
        ffi.C.kill(worker, 19)
        ffi.C.kill(writer, 19)
      end
      p:signal(9)
      p:wait(5)
      -- The kernel kills them before anybody can hear of the master's end; only between taking that in and ending they show neither.
      t.wait_for("SIGKILL for worker and writer", 2, function() return doomed(worker) and doomed(writer) end)
      t.wait_for("the end of worker and writer", 30, function() return gone(worker) and gone(writer) end)
      -- The next one takes away what is left of it.
      assert.equal(0, (shell("", "ticks", "--once", "-o", "null", "--run-dir", dir)))
      local _, left = t.run { "ls", "-A", dir }
      assert.equal("", left)
    end
  end)

  it("replaces a writer that was killed, and loses no whole line", function()
    local p, _, writer = started "ticks"
    ffi.C.kill(writer, 9)
    local from = #p:stdout()
    t.wait_for("lines of the next writer", 5, function() return #p:stdout() > from + 1000 end)
    assert.equal(0, p:stop(10), p:stderr())
    assert.equal(1, lines(p:stderr()), p:stderr())
    for line in p:stdout():gmatch "([^\n]*)\n" do assert.equal("table", type(cjson.decode(line))) end
  end)

  it("goes on with a writer that was stopped for a while", function()
    local p, _, writer = started "ticks"
    ffi.C.kill(writer, 19)
    t.sleep(0.2)
    local from = #p:stdout()
    t.sleep(1)
    assert.equal(from, #p:stdout())
    ffi.C.kill(writer, 18)
    t.wait_for("what was written meanwhile", 5, function() return #p:stdout() > from + 1000 end)
    assert.equal(0, p:stop(10), p:stderr())
    assert.equal("", p:stderr())
  end)
end)
