-- What a running instance says of itself: why each agent is as it is, what is parked and where, a worker that is busy.
local cjson = require "cjson"
local rig = require "e2e.sim_rig"
local t = require "e2e.helper"

local octets = "1.3.6.1.2.1.2.2.1.10"
local small = (os.getenv "PWD" or ".") .. "/tests/recordings/small.snmprec"

-- `moonpoll COMMAND ... --run-dir DIR` in a pipe: decoded, seconds it took.
local function ask(dir, ...)
  local began = t.now()
  local words = { t.program }
  for _, w in ipairs { ... } do words[#words + 1] = w end
  words[#words + 1] = "--run-dir"
  words[#words + 1] = dir
  local status, out, err = t.run(words, { seconds = 10 })
  return out:sub(1, 1) == "{" and cjson.decode(out) or out, t.now() - began, status, err
end

local function target(dir, name)
  for _, a in ipairs(ask(dir, "status", name).answers) do
    if a.targets[1] then return a.targets[1] end
  end
  error("no answer about " .. name)
end

-- name, faults of the scripted agent, the cause that is to be told, a word of its text.
local planted = {
  { "well", "", "well" },
  { "never", "dead()", "never-answered" },
  { "dead", "after(6, dead())", "dead" },
  { "elsewhere", 'other_address("127.0.60.200")', "other-address", "127%.0%.60%.200" },
  { "port", "other_port()", "other-port" },
  { "slow", "delay(400)", "slow" },
  { "late", "delay(2300)", "too-late" },
  { "big", "too_big_octets(200)", "too-big" },
  { "above", "silent_above(4)", "silent-above" },
  { "generr", ('gen_err("%s.5")'):format(octets), "gen-err" },
  { "endless", ('endless("%s")'):format(octets), "endless" },
  { "cycle", ('cycle("%s.7", "%s.3")'):format(octets, octets), "loop" },
  { "stuck", ('not_increasing("%s.6")'):format(octets), "loop" },
  { "cut", "truncated(25)", "malformed" },
  { "noise", "garbage(60)", "malformed" },
  { "twice", "duplicate(2)", "duplicates" },
  { "otherword", 'wrong_community("sesame")', "foreign" },
  { "ids", "wrong_id(1)", "wrong-id" },
  { "denied", "error_status(16, 1)", "access" },
}

describe("An instance", function()
  local agent, sim, run, dir
  lazy_setup(function()
    local args, targets = { "--interfaces", "24" }, {}
    for i, p in ipairs(planted) do
      args[#args + 1] = "--device"
      args[#args + 1] = ("127.0.60.%d=%s"):format(i, p[2])
    end
    agent = t.agent(args)
    for i, p in ipairs(planted) do targets[#targets + 1] = ('{ name = %q, host = %q, auth = "a"%s }'):format(p[1], agent:target("127.0.60." .. i),
      p[3]:find "^other%-" and ", strict_source = true" or "") end
    sim = rig.fleet(([[
      agent { recording = %q, address = "127.1.60.1", name = "limited", live = true, faults = { { "rate", n = 4 } } }
      agent { recording = %q, address = "127.1.60.2", name = "rebooting", live = true, faults = { { "reboot", from = 3, delay = 0.05, period = 2 } } }
      agent { recording = %q, address = "127.1.60.4", name = "lossy", live = true, faults = { { "loss", share = 0.3 } } }
      agent { recording = %q, address = "127.1.60.3", name = "strict", live = true, v3 = { users = {
        { user = "ops", auth = "SHA", auth_pass = "maplesyrup", priv = "AES", priv_pass = "maplesyrup" } } } }]]):format(small, small, small, small))
    targets[#targets + 1] = ('{ name = "limited", host = %q, auth = "a" }'):format(sim:target "127.1.60.1")
    targets[#targets + 1] = ('{ name = "lossy", host = %q, auth = "a" }'):format(sim:target "127.1.60.4")
    targets[#targets + 1] = ('{ name = "rebooting", host = %q, auth = "a" }'):format(sim:target "127.1.60.2")
    targets[#targets + 1] = ('{ name = "community", host = %q, auth = "wrong" }'):format(sim:target "127.1.60.3")
    targets[#targets + 1] = ('{ name = "password", host = %q, auth = "v3" }'):format(sim:target "127.1.60.3")
    targets[#targets + 1] = ('{ name = "refused", host = "127.0.61.1:%d", auth = "a" }'):format(t.free_port())
    targets[#targets + 1] = '{ name = "unreachable", host = "255.255.255.255", auth = "a" }' -- the kernel refuses to broadcast
    targets[#targets + 1] = '{ name = "nameless", host = "no-such-host.invalid", auth = "a" }'
    dir = t.path "run"
    run = t.start_poll({ "tests/e2e/probes/planted.lua", "--workers", "2", "--run-dir", dir, "-o", "null", "--config", t.write("c.lua", ([[
      return { auth = { a = { community = "public" }, wrong = { community = "unheard-of" },
          v3 = { version = 3, user = "ops", auth = "SHA", auth_pass = "birchsyrup", priv = "AES", priv_pass = "birchsyrup" } },
        request = { timeout = 1, retries = 1 }, resolver = { servers = "127.0.0.1:%d", timeout = 0.2, retry = 0.3 },
        targets = { %s } }]]):format(t.free_port(), table.concat(targets, ",\n"))) })
    t.sleep(12)
  end)
  lazy_teardown(function()
    if run then run:stop() end
    agent:stop()
    if sim then sim:stop() end
    t.cleanup()
  end)

  local function shows(name, cause, word)
    it(("tells %s: %s"):format(name, cause), function()
      local s = target(dir, name)
      assert.equal(cause, s.cause, cjson.encode(s))
      if word then assert.truthy(s.seen:find(word), s.seen) end
      if cause ~= "well" then assert.truthy(#s.check > 10) end
    end)
  end
  for _, p in ipairs(planted) do shows(p[1], p[3], p[4]) end
  shows("limited", "rate-limited")
  shows("lossy", "loss")
  shows("rebooting", "restarts")
  shows("community", "community")
  shows("password", "auth")
  shows("refused", "refused")
  shows("unreachable", "unreachable")
  shows("nameless", "dns")

  it("says it in words, with what happens next", function()
    local text = ask(dir, "status", "dead", "--text")
    assert.truthy(text:find("^dead %([%d.:]+%): dead: it answered until"), text)
    for _, word in ipairs { "\n  check +", "\n  next +requests fail at once for %d+ s more", "breaker open", "\n  errors +.*timeout" } do
      assert.truthy(text:find(word), text)
    end
    local errors = target(dir, "dead").trouble.last_errors -- the last one first
    assert.truthy(#errors > 1)
    for i = 2, #errors do assert.truthy(errors[i].ago >= errors[i - 1].ago, cjson.encode(errors)) end
  end)

  it("finds a target by its address, and says when there is none", function()
    assert.equal("well", target(dir, "127.0.60.1").target)
    local _, _, status, err = ask(dir, "status", "nobody")
    assert.equal(1, status)
    assert.truthy(err:find("nobody: no such target", 1, true), err)
  end)

  it("lists parked tasks with what they wait for and their line", function()
    local seen = {}
    t.wait_for("a request and a sleep", 5, function()
      for _, a in ipairs(ask(dir, "tasks").answers) do
        for _, task in ipairs(a.tasks) do
          seen[task.waits_for] = task
        end
      end
      return seen.request and seen.sleep
    end)
    assert.equal("get", seen.request.request)
    assert.truthy(seen.request.oid:find "^1%.3%.6%.1%.2%.1%.1%.")
    assert.truthy(seen.request.line:find "planted%.lua:%d+$", seen.request.line)
    assert.equal("16", seen.sleep.line:match ":(%d+)$")
    assert.truthy(seen.sleep.wakes_in <= 0.15)
    assert.truthy((ask(dir, "tasks", "--text")):find "planted")
  end)

  it("shows totals, who fails and who is slow", function()
    local text = ask(dir, "status", "--text")
    for _, word in ipairs { #planted + 8 .. " devices, 2 workers", "\nlatency +[%d.]+", "\nfailing +rtt", "\nslowest +rtt", "learned: " } do
      assert.truthy(text:find(word), text)
    end
    local status = ask(dir, "status")
    t.assert_balances(status)
    for _, name in ipairs { "rtt", "queue", "run", "late", "latency", "resume", "gc", "turn" } do
      local h, n = status.histograms[name], 0
      for _, b in ipairs(h.buckets) do n = n + b[2] end
      assert.truthy(h.n > 0 and math.abs(n - h.n) <= 2 and h.p50 <= h.p99 and h.p99 <= h.max, name)
    end
  end)

  it("answers within a second when a worker stands still, and says which", function()
    local pid = ask(dir, "status").workers[1].pid
    assert(os.execute("kill -STOP " .. pid) == 0)
    local got, took = ask(dir, "status", "well")
    os.execute("kill -CONT " .. pid)
    assert.truthy(took < 1.5, took)
    assert.equal(1, #got.busy)
    assert.equal(pid, got.busy[1].pid)
    t.wait_for("both again", 5, function() return #ask(dir, "tasks").busy == 0 end)
  end)

  it("answers many at once: the question about a worker that stands still holds no other one up", function()
    local pid = ask(dir, "status").workers[1].pid
    assert(os.execute("kill -STOP " .. pid) == 0)
    t.wait_for("its threads to stand still", 5, function()
      return os.execute(("grep -h State: /proc/%d/task/*/status | grep -qv stopped"):format(pid)) ~= 0
    end)
    local began, clients, answers = t.now(), {}, {}
    for i = 1, 7 do clients[i] = rig.connect(dir .. "/" .. run.pid .. "/control", "target well") end
    for i, fd in ipairs(clients) do answers[i] = rig.line(fd, 8) end
    local took = t.now() - began
    os.execute("kill -CONT " .. pid)
    for _, text in ipairs(answers) do assert.equal(pid, cjson.decode(text).busy[1].pid) end
    assert.truthy(took < 3, took) -- 0.9 s each, one after the other 6.3
    t.wait_for("both again", 5, function() return #ask(dir, "tasks").busy == 0 end)
  end)
end)

describe("Of more than ten targets", function()
  lazy_teardown(t.cleanup)
  it("the slowest are told, wherever they stand", function()
    local sim = rig.fleet(('agent { recording = %q, count = 14, address = "127.1.64.1", delay = function(i) return i > 12 and 0.2 or 0 end }'):format(small))
    local hosts, dir = {}, t.run_dir()
    for i = 1, 14 do hosts[i] = sim:target("127.1.64." .. i) end
    local p = t.start_poll { "scripts/system.lua", "--targets", table.concat(hosts, ","), "-c", "public", "-o", "null", "--run-dir", dir }
    t.wait_for("a run of each", 20, function()
      local s = t.status(dir)
      return s and s.runs.runs_ok >= 14
    end)
    local list, at = cjson.decode(rig.line(rig.connect(("%s/%d/control"):format(dir, p.pid), "top"), 5)).answers[1].slowest, {}
    assert.equal(10, #list)
    for i, s in ipairs(list) do
      at[s.target] = i
      assert.truthy(i == 1 or s.rtt <= list[i - 1].rtt)
    end
    assert.truthy(at[hosts[13]] and at[hosts[14]], cjson.encode(list))
    assert.equal(0, p:stop(10), p:stderr())
    sim:stop()
  end)
end)

describe("A trace", function()
  lazy_teardown(t.cleanup)
  it("shows the packets of one target, and no secret", function()
    local agent = t.agent { "--device", "127.0.62.3=truncated(20)" }
    local r = t.poll { "tests/e2e/probes/planted.lua", "--targets",
      agent:target "127.0.62.1" .. "," .. agent:target "127.0.62.2" .. "," .. agent:target "127.0.62.3", "-c", "public", "-t", "0.3", "-r", "0",
      "--once", "--trace", "127.0.62.1", "--schedtrace" }
    assert.truthy(r.stderr:find("-> 127.0.62.1:" .. agent.port .. " v2c community **** get id 0x", 1, true), r.stderr)
    assert.truthy(r.stderr:find "<%- 127%.0%.62%.1:%d+ v2c community %*%*%*%* response id 0x%x+, %d+ octets: 1%.3%.6%.1%.2%.1%.1%.[35]%.0|", r.stderr)
    assert.falsy(r.stderr:find("127.0.62.2:%d+ v2c"))
    r = t.poll { "tests/e2e/probes/planted.lua", "--targets", agent:target "127.0.62.3", "-c", "public", "-t", "0.3", "-r", "0", "--once",
      "--trace", "127.0.62.3" }
    assert.truthy(r.stderr:find("cannot be read, 20 octets: 30", 1, true), r.stderr)
    assert.truthy(r.stderr:find("** ** ** ** ** **", 1, true), r.stderr)
    assert.falsy(r.stderr:find("70 75 62 6c 69 63", 1, true))
    agent:stop()
  end)
end)

describe("The log", function()
  lazy_teardown(t.cleanup)
  it("has one line for a site that falls silent, not one a device", function()
    local devices, hosts = {}, {}
    for i = 1, 30 do
      devices[#devices + 1] = "--device"
      devices[#devices + 1] = ("127.0.63.%d=dead()"):format(i)
    end
    local agent = t.agent(devices)
    for i = 1, 30 do hosts[i] = agent:target("127.0.63." .. i) end
    local r = t.poll { "tests/e2e/probes/planted.lua", "--targets", table.concat(hosts, ","), "-t", "0.3", "-r", "0", "--once" }
    local _, lines = r.stderr:gsub("timeout: no answer", "")
    assert.equal(1, lines, r.stderr)
    assert.truthy(r.stderr:find("site 127.0.63.0/24: 30 runs met silence within", 1, true), r.stderr)
    assert.truthy(r.stderr:find("(timeout 30)", 1, true), r.stderr)
    agent:stop()
  end)

  it("loses no site with a worker that is killed while it held its lines: the next one tells", function()
    local devices, hosts, dir = {}, {}, t.path "run"
    for i = 1, 30 do
      devices[#devices + 1] = "--device"
      devices[#devices + 1] = ("127.0.63.%d=dead()"):format(i)
    end
    local agent = t.agent(devices)
    for i = 1, 30 do hosts[i] = agent:target("127.0.63." .. i) end
    local p = t.start_poll { "tests/e2e/probes/planted.lua", "--targets", table.concat(hosts, ","), "-t", "0.3", "-r", "0", "--every", "0.5",
      "--run-dir", dir, "-o", "null" }
    local function said(text) return select(2, p:stderr():gsub(text, "")) end
    t.wait_for("the first line", 10, function() return said "timeout: no answer" == 1 end)
    assert.equal(0, said "site 127")
    os.execute("kill -9 " .. ask(dir, "status").workers[1].pid)
    t.wait_for("the site", 15, function() return said "site 127%.0%.63%.0/24: %d%d+ runs met silence" == 1 end)
    assert.truthy(said "timeout: no answer" <= 2, p:stderr())
    assert.equal(0, p:stop(10), p:stderr())
    agent:stop()
  end)
end)

describe("Tracepoints", function()
  lazy_teardown(t.cleanup)
  -- Name to the list of how many arguments each place has, from the program's notes.
  local function places()
    local pipe = io.popen("readelf -n " .. t.program .. " 2>/dev/null")
    local notes, name = {}, nil
    for line in pipe:lines() do
      name = line:match "^%s+Name: (%S+)" or name
      local arguments = line:match "^%s+Arguments: (.*)$"
      if arguments and name then
        notes[name] = notes[name] or {}
        table.insert(notes[name], select(2, arguments:gsub("%-?%d+@", "")))
      end
    end
    pipe:close()
    return notes
  end

  it("are in the program as bench/trace.bt uses and explains them", function()
    local notes = places()
    if not next(notes) then
      pending "built without <sys/sdt.h> (systemtap-sdt-dev), or no readelf"
      return
    end
    local script, used = t.read "bench/trace.bt", 0
    for name, body in script:gmatch "\nusdt:%*:moonpoll:(%a+)([^\n]*)" do
      used = used + 1
      assert.truthy(notes[name], name)
      for n in body:gmatch "arg(%d)" do
        for _, has in ipairs(notes[name]) do assert.truthy(tonumber(n) < has, name .. " has " .. has) end
      end
    end
    assert.equal(5, used)
    for name, list in pairs(notes) do
      local explained = script:match(name .. "(%b())")
      assert.truthy(explained, name .. " is not explained")
      for _, has in ipairs(list) do assert.equal(select(2, explained:gsub(",", "")) + 1, has, name) end
    end
  end)

  it("tell bench/trace.bt what the worker counts", function()
    if not next(places()) or os.execute "timeout 20 bpftrace -e 'BEGIN { exit(); }' >/dev/null 2>&1" ~= 0 then
      return pending "no bpftrace, or a kernel that does not let it"
    end
    local agent, dir = t.agent(), t.path "run"
    local p = t.start_poll { "tests/e2e/probes/ticks.lua", "--targets", agent:target "127.0.63.1", "-c", "public", "--every", "0.1", "-o", "null",
      "--run-dir", dir }
    local function count(n)
      return t.wait_for("requests", 20, function()
        local s = t.status(dir)
        return s and s.counters.answered >= n and s
      end)
    end
    local tracer = t.start { "bpftrace", "-p", tostring(count(1).workers[1].pid), "bench/trace.bt" }
    t.wait_for("a line of it", 30, function() return tracer:stdout():find("@out: [1-9]") end)
    local first = count(1).counters.answered
    local last = count(first + 20).counters.answered
    tracer:signal(2)
    assert.equal(0, tracer:wait(20), tracer:stderr())
    local most, rtts = count(1).counters.answered, 0
    for n in tracer:stdout():match("\n@rtt_us: \n(.-)\n\n"):gmatch "[%])]%s+(%d+) |" do rtts = rtts + tonumber(n) end
    assert.truthy(rtts >= last - first and rtts <= most, rtts .. " round trips")
    assert.truthy(tonumber(tracer:stdout():match "\n@octets_out: (%d+)") >= 20 * rtts)
    assert.truthy(tracer:stdout():find("\n@resume_us: \n%[", 1))
    assert.equal(0, p:stop(10), p:stderr())
    agent:stop()
  end)
end)
