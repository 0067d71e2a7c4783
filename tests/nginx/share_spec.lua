-- What the workers of one nginx know together of an agent: how many ask it, whether it is down. Two of them, each told what to do by name.
local rig = require "nginx.rig"
local t = require "e2e.helper"

describe("workers with a dictionary", function()
  local nginx, agent
  -- What each worker does: looks for a job every few milliseconds, and runs it in a timer.
  local http = [[
  lua_shared_dict jobs 1m;
  init_worker_by_lua_block {
    require("moonpoll").configure { shared = "moonpoll" } -- not before: what workers have in common they do not have by their fork
    local jobs, id = ngx.shared.jobs, ngx.worker.id()
    local function run(premature, code)
      if premature then return end
      local ok, said = pcall(assert(loadstring(code, "=job")))
      jobs:set("said" .. id, (ok and "" or "raised ") .. tostring(said))
    end
    local function look(premature)
      if premature then return end
      local code = jobs:get("job" .. id)
      if code then
        jobs:delete("job" .. id)
        ngx.timer.at(0, run, code)
      end
      ngx.timer.at(0.005, look)
    end
    ngx.timer.at(0, look)
  }]]
  lazy_setup(function()
    agent = t.agent { "--device", "127.0.5.2=dead()", "--device", "127.0.5.3=delay(100)", "--device", "127.0.5.5=dead()", "--device",
      "127.0.5.6=dead()", "--device", "127.0.5.7=dead()", "--device", "127.0.5.8=dead()" }
    local asks = [[return { timeout = %s, run = function(device) return device:get "1.3.6.1.2.1.1.5.0" end }]]
    nginx = rig.start { workers = 2, http = http, files = { ["one.lua"] = asks:format(20), ["two.lua"] = asks:format(20), ["short.lua"] = asks:format(0.1),
      ["brief.lua"] = asks:format(0.1), ["pages.lua"] = [[return { snmp = require("moonpoll.nginx").probe { dir = debug.getinfo(1).source:match "^@(.*)/",
        request_timeout = 10, retries = 0, shared = "moonpoll", allow = { "127.0.0.0/8:*" } } }]] },
      server = "location = /snmp { content_by_lua_block { require('pages').snmp() } }" }
  end)
  lazy_teardown(function()
    nginx:stop()
    agent:stop()
    t.cleanup()
  end)

  -- Runs jobs in the workers of these numbers, with what is common to them before it: what they returned.
  local function on(jobs, seconds)
    local lines, ids = {}, {}
    for id, text in pairs(jobs) do
      text = ("local snmp, port, get = require 'moonpoll', %d, nil\n" ..
        "function get(host, more) local o = { host = host, port = port, timeout = 0.05, retries = 0 }\n" ..
        "for k, v in pairs(more or {}) do o[k] = v end\nlocal value, err = snmp.device(o):get '1.3.6.1.2.1.1.5.0'\n" ..
        "return value or err.code end\n"):format(agent.port) .. text
      ids[#ids + 1] = id
      lines[#lines + 1] = ("jobs:delete 'said%d' jobs:set('job%d', %q)"):format(id, id, text)
    end
    lines[#lines + 1] = ("for _, id in ipairs { %s } do repeat ngx.sleep(0.005) until jobs:get('said' .. id) end"):format(table.concat(ids, ","))
    for _, id in ipairs(ids) do lines[#lines + 1] = ("ngx.say(jobs:get 'said%d')"):format(id) end
    local out, n = {}, 0
    for line in nginx:lua("local jobs = ngx.shared.jobs\n" .. table.concat(lines, "\n"), seconds):gmatch "[^\n]+" do
      n = n + 1
      out[ids[n]] = line
    end
    return out
  end
  local function asked(address) return agent:stats().devices[address]["in"] end

  it("ask an agent twice at once, all together, and none of them waits for ever", function()
    local job = [[
      local began, hs, last = snmp.now(), {}, 0
      for i = 1, 6 do hs[i] = ngx.thread.spawn(function() assert(get("127.0.5.3", { timeout = 2 }) == "agent-127.0.5.3") last = snmp.now() end) end
      for i = 1, 6 do assert(ngx.thread.wait(hs[i])) end
      return began .. " " .. last]]
    local said, began, last = on({ [0] = job, [1] = job }, 20), math.huge, 0
    for id = 0, 1 do
      local from, to = said[id]:match "^(%S+) (%S+)$"
      began, last = math.min(began, tonumber(from)), math.max(last, tonumber(to))
    end
    assert.is_true(last - began >= 0.59, last - began) -- 12 of 100 ms each; by themselves the workers would take 0.3
    assert.is_true(last - began < 5, last - began)
    -- One that has the only place and never leaves off does not keep the other from asking.
    local busy = [[snmp.sleep(ngx.worker.id() * 0.3)
      local n, till, hs = 0, snmp.now() + 2, {}
      local function ask()
        while snmp.now() < till do
          assert(get("127.0.5.3", { timeout = 2, per_device = 1 }) == "agent-127.0.5.3")
          n = n + 1
        end
      end
      for i = 1, 4 do hs[i] = ngx.thread.spawn(ask) end
      for i = 1, 4 do assert(ngx.thread.wait(hs[i])) end
      return n]]
    said = on({ [0] = busy, [1] = busy }, 20)
    local one, other = tonumber(said[0]), tonumber(said[1])
    assert.is_true(math.min(one, other) >= 0.6 * math.max(one, other), one .. " " .. other)
  end)
  it("believe each other that it is down, and try it one at a time", function()
    assert.equal("timeout timeout", on({ [0] = [[return get "127.0.5.2" .. " " .. get "127.0.5.2"]] })[0])
    assert.equal("timeout down", on({ [1] = [[return get "127.0.5.2" .. " " .. get "127.0.5.2"]] })[1])
    assert.equal("down", on({ [0] = [[return get "127.0.5.2"]] })[0])
    -- Another credential may be the one it answers; nobody has found that out.
    assert.equal("timeout", on({ [0] = [[return get("127.0.5.2", { auth = { community = "other" } })]] })[0])
    -- As if half a minute had passed.
    local due = [[for _, key in ipairs(ngx.shared.moonpoll:get_keys(0)) do
      if key:find("moonpoll:silence:127.0.5.2:", 1, true) then
        local till, silent = ngx.shared.moonpoll:get(key)
        if till > 0 then ngx.shared.moonpoll:set(key, 0.001, 60, silent) end
      end
    end]]
    for _, n in ipairs { 1, 5 } do
      local before = asked "127.0.5.2"
      nginx:lua(due)
      local many = ([[local codes, hs, n = {}, {}, %d
        for i = 1, n do hs[i] = ngx.thread.spawn(function() codes[i] = get("127.0.5.2", { timeout = 1, per_device = 10 }) end) end
        for i = 1, n do ngx.thread.wait(hs[i]) end
        return table.concat(codes, " ")]]):format(n)
      local said = on { [0] = many, [1] = many }
      local all = said[0] .. " " .. said[1]
      local _, downs = all:gsub("down", "")
      local _, timeouts = all:gsub("timeout", "")
      assert.equal(("%d 1 1"):format(2 * n - 1), ("%d %d %d"):format(downs, timeouts, asked "127.0.5.2" - before), all)
    end
    assert.equal("down", on({ [1] = [[return get "127.0.5.2"]] })[1])
    agent:faults("127.0.5.2", "")
    nginx:lua(due)
    assert.equal("agent-127.0.5.2", on({ [1] = [[return get("127.0.5.2", { timeout = 1 })]] })[1])
    assert.equal("agent-127.0.5.2", on({ [0] = [[return get("127.0.5.2", { timeout = 1 })]] })[0])
  end)
  it("count the silence of all, and an answer ends it for all", function()
    assert.equal("timeout timeout", on({ [0] = [[return get "127.0.5.5" .. " " .. get "127.0.5.5"]] })[0])
    agent:faults("127.0.5.5", "")
    assert.equal("agent-127.0.5.5", on({ [1] = [[return get("127.0.5.5", { timeout = 1 })]] })[1])
    agent:faults("127.0.5.5", "dead()")
    assert.equal("timeout timeout", on({ [0] = [[return get "127.0.5.5" .. " " .. get "127.0.5.5"]] })[0])
  end)
  it("do not miss one that was killed for longer than its requests would have taken", function()
    local pid = tonumber(on({ [0] = [[return ngx.worker.pid()]] })[0])
    nginx:lua([[ngx.shared.jobs:set("job0", "]] .. ([[local snmp = require 'moonpoll' for i = 1, 2 do ngx.thread.spawn(function() ]] ..
      [[snmp.device { host = '127.0.5.7', port = %d, timeout = 1, retries = 0 }:get '1.3.6.1.2.1.1.5.0' end) end]]):format(agent.port) .. [[")
      repeat ngx.sleep(0.005) until ngx.shared.moonpoll:get("moonpoll:place:127.0.5.7:]] .. agent.port .. [[:2")]])
    os.execute("kill -9 " .. pid)
    agent:faults("127.0.5.7", "")
    local began = rig.now()
    assert.equal("agent-127.0.5.7", on({ [1] = [[return get("127.0.5.7", { timeout = 1 })]] }, 20)[1])
    assert.is_true(rig.now() - began < 8, rig.now() - began)
  end)
  it("do not wait for requests of pages whose clients went away, or whose time was up", function()
    local function in_time(what)
      local began = rig.now()
      agent:faults("127.0.5.8", "")
      assert.equal("agent-127.0.5.8", on({ [1] = [[return get("127.0.5.8", { timeout = 1 })]] }, 20)[1])
      assert.is_true(rig.now() - began < 6, what .. ": " .. rig.now() - began) -- of the 11 that the requests could have taken
      agent:faults("127.0.5.8", "dead()")
    end
    local function path(probe) return ("/snmp?probe=%s&target=%s"):format(probe, agent:target "127.0.5.8") end
    for _, name in ipairs { "one", "two" } do require("nginx.http").abandon(nginx.port, path(name), nil, 0.3) end
    assert.is_true(asked "127.0.5.8" >= 2)
    in_time "away"
    for _, name in ipairs { "short", "brief" } do assert.truthy(nginx:get(path(name)).body:find('"cancelled"', 1, true)) end
    in_time "late"
  end)
  it("write nothing secret into it, nor what a secret could be guessed by", function()
    on { [0] = [[return get("127.0.5.6", { auth = { community = "sentinel-c" } }) .. get("127.0.5.6", { auth = { community = "sentinel-c" } })]] }
    local text = nginx:lua [[for _, key in ipairs(ngx.shared.moonpoll:get_keys(0)) do ngx.say(key, " ", tostring(ngx.shared.moonpoll:get(key))) end
      local function plain(s) return ngx.md5(s) .. ngx.encode_base64(ngx.sha1_bin(s)) end
      ngx.say("plain ", ngx.md5(ngx.sha1_bin "9:community=10:sentinel-c"), " ", ngx.md5(ngx.sha1_bin "community=10:sentinel-c"))]]
    local id = text:match "moonpoll:silence:127.0.5.6:%d+:(%x+)"
    assert.equal(32, #(id or ""), text)
    assert.is_nil(text:find "sentinel")
    assert.is_nil(text:match "plain (.*)":find(id, 1, true))
  end)
  it("keep an error log without complaints", function()
    assert.equal("", (nginx:complaints():gsub("[^\n]*exited on signal 9[^\n]*\n?", "")))
  end)
end)

describe("many who wait for one agent", function()
  local nginx, agent
  lazy_setup(function() agent, nginx = t.agent { "--device", "127.0.5.2=dead()", "--device", "127.0.5.3=delay(100)" }, rig.start() end)
  lazy_teardown(function()
    nginx:stop()
    agent:stop()
    t.cleanup()
  end)
  local function lua(text) return nginx:lua("local snmp = require 'moonpoll'\n" .. text:gsub("%$port", tostring(agent.port)), 20) end
  it("are told at once when those before them found it down", function()
    assert.equal("4 8 4\n", lua [[
      local codes, hs, tries, d = {}, {}, 0, snmp.device { host = "127.0.5.2", port = $port, timeout = 0.1, retries = 0 }
      for i = 1, 12 do hs[i] = ngx.thread.spawn(function()
        local _, err = d:get "1.3.6.1.2.1.1.5.0"
        codes[err.code], tries = (codes[err.code] or 0) + 1, tries + err.tries
      end) end
      for i = 1, 12 do assert(ngx.thread.wait(hs[i])) end
      ngx.say(codes.timeout, " ", codes.down, " ", tries)]])
  end)
  it("have the time of their requests once these are sent", function()
    assert.equal("20 true\n", lua [[
      local good, hs, d = 0, {}, snmp.device { host = "127.0.5.3", port = $port, timeout = 0.4, retries = 0 }
      for i = 1, 20 do hs[i] = ngx.thread.spawn(function() if d:get "1.3.6.1.2.1.1.5.0" then good = good + 1 end end) end
      for i = 1, 20 do assert(ngx.thread.wait(hs[i])) end
      local _, err = d:get "1.3.6.1.2.1.1.99.0"
      ngx.say(good, " ", err.rtt < 0.4)]])
  end)
  it("are those of all devices of one address, however they are described", function()
    assert.equal("2\n", lua [[
      local hs = {}
      for i = 1, 6 do hs[i] = ngx.thread.spawn(function()
        assert(snmp.device { host = "127.0.5.3", port = $port, timeout = 1 + i / 10 }:get "1.3.6.1.2.1.1.5.0")
      end) end
      for i = 1, 6 do assert(ngx.thread.wait(hs[i])) end
      ngx.say(ngx.ctx.moonpoll_pool.n)]]) -- as many sockets as were needed at once
  end)
end)
