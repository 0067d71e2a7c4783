-- Probes of the engine as pages of nginx: the same samples, the same error codes; who may be asked, what is kept, what is not shown.
local cjson = require "cjson"
local rig = require "nginx.rig"
local sim = require "e2e.sim_rig"
local t = require "e2e.helper"

local function page(text) return { ["pages.lua"] = "local nginx = require 'moonpoll.nginx'\nreturn { " .. text .. " }" } end
local function location(path, name) return ("location = %s { content_by_lua_block { require('pages').%s() } }\n"):format(path, name) end

-- name/labels -> value, of a page or of lines of the engine.
local function flat(samples)
  local out = {}
  for _, s in ipairs(samples) do
    local words = {}
    for k, v in pairs(s.labels or {}) do words[#words + 1] = k .. "=" .. v end
    table.sort(words)
    out[s.name .. "{" .. table.concat(words, ",") .. "}"] = s.value
  end
  return out
end
local own = { up = true, run_seconds = true, run_error = true }
local function of_engine(text, device)
  local list = {}
  for line in text:gmatch "[^\n]+" do
    local s = cjson.decode(line)
    if s.device == device and not own[s.name] then list[#list + 1] = s end
  end
  return flat(list)
end

describe("a probe in nginx", function()
  local nginx, recorded
  lazy_setup(function()
    recorded = sim.start { "--recording", "tests/recordings/switch.snmprec", "--count", "3" }
    local nowhere = "location = /nowhere { content_by_lua_block { " ..
      "ngx.print(select(2, pcall(require('moonpoll.nginx').probe, { dir = '/no/such/dir' }))) } }\n"
    nginx = rig.start { server = location("/snmp", "snmp") .. nowhere, files = page(([[snmp = nginx.probe { dir = "%s/scripts",
      shared = "moonpoll", allow = { "127.1.0.0/16:*" }, auth = { lab = { community = "public" } } }]]):format(rig.here)) }
  end)
  lazy_teardown(function()
    nginx:stop()
    recorded.process:stop()
    t.cleanup()
  end)
  for _, name in ipairs { "interfaces", "system", "entity", "ip_addresses", "lldp", "bridge", "host_resources", "bgp_peers" } do
    it("gives the samples the engine gives: " .. name, function()
      local target = recorded:target "127.1.0.1"
      local r = nginx:get("/snmp?target=" .. target .. "&probe=" .. name .. "&auth=lab")
      assert.equal(200, r.status, r.body)
      assert.truthy(r.head:find("Content-Type: application/json", 1, true))
      local here = cjson.decode(r.body)
      local status, lines = t.run { t.program, "run", "scripts/" .. name .. ".lua", "--targets", target, "-c", "public", "--once", "-o", "json" }
      assert.equal(status == 0 and 1 or 0, here.up, r.body:sub(1, 400))
      assert.same(of_engine(lines, target), flat(here.samples))
      assert.equal(target, here.device)
    end)
  end
  it("knows rates from the second run on, whichever worker", function()
    local target = recorded:target "127.1.0.2"
    local function rates()
      local body = nginx:get("/snmp?target=" .. target .. "&probe=interfaces&auth=lab").body
      return flat(cjson.decode(body).samples)["if_rx_rate{alias=,index=1,interface=lo}"]
    end
    assert.is_nil(rates())
    t.sleep(0.05)
    assert.is_number(rates())
    local pid = nginx:workers()[1]
    os.execute("kill -9 " .. pid)
    t.wait_for("another worker", 5, function() return nginx:workers()[1] and nginx:workers()[1] ~= pid end)
    t.sleep(0.05)
    assert.is_number(rates())
  end)
  it("speaks Prometheus' format", function()
    local r = nginx:get("/snmp?target=" .. recorded:target "127.1.0.3" .. "&probe=interfaces&auth=lab&format=prometheus")
    assert.truthy(r.head:find("text/plain; version=0.0.4", 1, true))
    assert.truthy(r.body:find("# HELP if_rx_octets Octets received\n# TYPE if_rx_octets counter\nif_rx_octets{", 1, true), r.body:sub(1, 500))
    assert.truthy(r.body:find('\nmoonpoll_up{device="127.1.0.3:%d+",probe="interfaces"} 1\n'))
    for line in r.body:gmatch "[^\n]+" do assert.truthy(line:find "^#" or line:find '^[%a_:][%w_:]*{.*} %-?[%d.e+-]+$', line) end
    assert.truthy(nginx:get("/snmp?target=" .. recorded:target "127.1.0.3" .. "&probe=system&auth=lab", "Accept: text/plain;version=0.0.4\r\n").body:find "^# ")
  end)
  it("asks nobody who is not on the list, and says so", function()
    local port = recorded.port
    for _, target in ipairs { "127.2.0.1", "127.0.0.1:53", "[::1]:" .. port, "::ffff:127.1.0.1", "[::ffff:127.1.0.1]:" .. port, "localhost:" .. port,
      "127.1:" .. port, "0x7f010001:" .. port, "2130771969:" .. port, "0177.1.0.1:" .. port, "127.1.0.1%00.example:" .. port, "127.1.0.1/8", "",
      "127.1.0.1:99999", "127.1.0.1%0a127.2.0.1", "evil@127.1.0.1", "127.001.0.1:" .. port } do
      local r = nginx:get("/snmp?probe=system&auth=lab&target=" .. target)
      assert.truthy(r.status == 403 or r.status == 400, target .. ": " .. tostring(r.status) .. " " .. tostring(r.body):sub(1, 200))
      assert.is_nil(r.body:find "[<>%%]")
    end
    assert.equal(404, nginx:get("/snmp?probe=system&auth=other&target=" .. recorded:target "127.1.0.1").status)
    for _, name in ipairs { "nope", "../tests/e2e/probes/ops", "..%2f..%2fetc%2fpasswd", ".hidden", "/etc/passwd" } do
      assert.equal(404, nginx:get("/snmp?probe=" .. name .. "&auth=lab&target=" .. recorded:target "127.1.0.1").status)
    end
    assert.equal(400, nginx:get("/snmp?auth=lab&target=" .. recorded:target "127.1.0.1").status)
    local r = nginx:get "/nowhere"
    assert.truthy(r.body:find("probe: dir: /no/such/dir: No such file or directory", 1, true), r.body)
    for _, format in ipairs { "&format=prom", "&format=", "&format" } do
      r = nginx:get("/snmp?probe=system&auth=lab&target=" .. recorded:target "127.1.0.1" .. format)
      assert.equal(400, r.status)
      assert.equal("format is json or prometheus\n", r.body)
    end
  end)
  it("asks nobody at all where no list is given", function()
    local other = rig.start { server = location("/snmp", "snmp"), files = page(([[snmp = nginx.probe { dir = "%s/scripts" }]]):format(rig.here)) }
    assert.equal(403, other:get("/snmp?probe=system&target=" .. recorded:target "127.1.0.1").status)
    assert.equal(403, other:get("/snmp?probe=system&target=127.0.0.1").status)
    assert.truthy(other:get("/snmp?probe=system&target=127.0.0.1:99").body:find("port 161", 1, true))
    other:stop()
  end)
  it("complains of nothing", function()
    assert.equal("", (nginx:complaints():gsub("[^\n]*exited on signal 9[^\n]*\n?", "")))
  end)
end)

describe("pages of probes", function()
  local nginx, agent, dir
  local function probe(name, text)
    local f = assert(io.open(dir .. "/" .. name .. ".lua", "w"))
    f:write(text)
    f:close()
  end
  local function get(name, host, more) return nginx:get(("/snmp?probe=%s&target=%s%s"):format(name, agent:target(host or "127.0.5.1"), more or "")) end
  lazy_setup(function()
    agent = t.agent { "--device", "127.0.5.2=dead()", "--device", "127.0.5.3=delay(200)" }
    dir = t.path "probes"
    assert(os.execute("mkdir -p " .. dir .. "/lib") == 0)
    local secret = t.write("secret", "sentinel-two\n")
    nginx = rig.start { server = location("/snmp", "snmp") .. location("/kept", "kept"), files = page(([[snmp = nginx.probe { dir = "%s",
      shared = "moonpoll", request_timeout = 0.2, retries = 0, allow = { "127.0.0.0/8:*" }, auth = { default = { community = "public" },
      wrong = { community = "sentinel-one" }, file = { community = nginx.file "%s" },
      v3 = { version = 3, user = "u", auth = "SHA", auth_pass = "sentinel-three", priv = "AES", priv_pass = "sentinel-four" } } },
      kept = nginx.probe { name = "count", dir = "%s", shared = "moonpoll", max_age = 30, allow = { "127.0.0.0/8:*" } }]]):format(dir, secret, dir)) }
    probe("count", [[return { every = 1, run = function(device, out, state)
      state.n = (state.n or 0) + 1
      state.nested = { list = { 1, "two", true } }
      out:gauge("n", state.n)
      out:with { text = 'quote " and \\ and \200' }:info("said", "line\nend")
    end }]])
  end)
  lazy_teardown(function()
    nginx:stop()
    agent:stop()
    t.cleanup()
  end)
  it("keep state from run to run, for each target", function()
    for i = 1, 3 do assert.equal(i, flat(cjson.decode(get("count").body).samples)["n{}"]) end
    assert.equal(1, flat(cjson.decode(get("count", "127.0.5.9").body).samples)["n{}"])
    local pid = nginx:workers()[1]
    os.execute("kill -9 " .. pid)
    t.wait_for("another worker", 5, function() return nginx:workers()[1] and nginx:workers()[1] ~= pid end)
    assert.equal(4, flat(cjson.decode(get("count").body).samples)["n{}"])
  end)
  it("give what is young enough to others too", function()
    local path = "/kept?target=" .. agent:target "127.0.5.1"
    local first = nginx:get(path).body
    assert.equal(first, nginx:get(path).body)
  end)
  it("run once at a time for a target, however many ask", function()
    probe("slow", [[local runs = 0
      return { run = function(device, out, state)
        state.under = (state.under or 0)
        assert(device:get "1.3.6.1.2.1.1.5.0")
        state.n = (state.n or 0) + 1
        out:gauge("n", state.n)
      end }]])
    local requests = {}
    agent:faults("127.0.5.3", "delay(100)")
    for i = 1, 20 do requests[i] = { path = "/snmp?probe=slow&target=" .. agent:target "127.0.5.3" } end
    local most = 0
    for _, r in ipairs((nginx:all(requests, 20))) do
      assert.equal(200, r.status, r.body)
      most = math.max(most, flat(cjson.decode(r.body).samples)["n{}"])
    end
    assert.is_true(most <= 3, most)
  end)
  it("let others run at once where a client went away in the middle", function()
    probe("waits", [[return { timeout = 20, run = function(device, out)
      require("moonpoll").sleep(device.labels.x or 1.5)
      out:gauge("n", 1)
    end }]])
    local path = "/snmp?probe=waits&target=" .. agent:target "127.0.5.7"
    local began = rig.now()
    require("nginx.http").abandon(nginx.port, path, nil, 0.2)
    assert.equal(200, nginx:get(path).status)
    assert.is_true(rig.now() - began < 4, rig.now() - began)
  end)
  it("follow changed files, and their modules; one that is broken changes nothing", function()
    probe("lib/what", [[return "one"]])
    probe("change", [[local what = require "lib.what" return { run = function(_, out) out:state("what", what) end }]])
    local function what() return flat(cjson.decode(get("change").body).samples)["what{}"] end
    assert.equal("one", what())
    probe("lib/what", [[return "two"]])
    t.wait_for("the module", 5, function() return what() == "two" end)
    probe("change", [[return { run = functoin(_, out) end }]])
    t.sleep(1.2)
    assert.equal("two", what())
    assert.truthy(nginx:log():find("change.lua:1: .-the version before stays"))
    probe("change", [[return { run = function(_, out) out:state("what", "three") end }]])
    t.wait_for("the probe", 5, function() return what() == "three" end)
    probe("bad", [[return 7]])
    assert.equal(500, get("bad").status)
  end)
  it("end when their time is up, and tell errors without what is inside", function()
    probe("long", [[return { timeout = 0.3, run = function(device) local snmp = require "moonpoll"
      snmp.spawn(function() snmp.sleep(30) end) snmp.sleep(30) end }]])
    local began = rig.now()
    local body = cjson.decode(get("long").body)
    assert.equal("cancelled", body.run_error)
    assert.is_true(rig.now() - began < 3)
    probe("oops", [[return { run = function(device, out) out:gauge("before", 1) error "oops" end }]])
    body = cjson.decode(get("oops").body)
    assert.equal("script", body.run_error)
    assert.equal(0, body.up)
    assert.truthy(body.error.text:find("oops.lua:1: oops", 1, true))
    assert.is_nil(body.error.text:find "traceback")
    assert.equal("timeout", cjson.decode(get("slow", "127.0.5.2").body).run_error)
    probe("double", [[return { run = function(device, out) out:gauge("a", 1) out:gauge("a", 2) end }]])
    assert.truthy(cjson.decode(get("double").body).error.text:find "a: a sample of this name with the same labels")
    probe("sets", [[return { run = function(device, out) device:set { { oid = "1.3.6.1.2.1.1.5.0", type = "string", value = "x" } } end }]])
    assert.truthy(cjson.decode(get("sets").body).error.text:find "sets.lua:1: this probe may not change anything")
  end)
  for i, case in ipairs(require "e2e.on_error") do
    it("call on_error, which " .. case.name, function()
      local name, began = "on_error" .. i, rig.now()
      probe(name, case.code)
      local body, samples = cjson.decode(get(name).body), {}
      for _, s in ipairs(body.samples) do samples[s.name] = s.value end
      case.expect { samples = samples, code = body.run_error, said = (body.error and body.error.text or "") .. nginx:log(), file = name .. ".lua" }
      assert.equal(body.run_error == "ok" and 1 or 0, body.up)
      assert.is_true(rig.now() - began < 3)
    end)
  end
  it("run jobs that are due, and match", function()
    probe("jobs", [[return { jobs = { pick = { every = 3600, run = function(_, out, state) state.picked = (state.picked or 0) + 1 end },
      poll = { every = 1, run = function(_, out, state) out:gauge("picked", state.picked) end } } }]])
    for _ = 1, 2 do assert.equal(1, flat(cjson.decode(get("jobs").body).samples)["picked{}"]) end
    probe("nomatch", [[return { match = "1.3.6.1.4.1.1", run = function(_, out) out:gauge("ran", 1) end }]])
    assert.same({}, cjson.decode(get("nomatch").body).samples)
  end)
  it("show no secret: not in pages, not in logs, not in the dictionary", function()
    local bodies = {}
    for _, auth in ipairs { "wrong", "file", "v3", "default", "sentinel-one" } do
      bodies[#bodies + 1] = get("slow", "127.0.5.1", "&auth=" .. auth).body
      bodies[#bodies + 1] = get("slow", "127.0.5.1", "&auth=" .. auth .. "&format=prometheus").body
    end
    local kept = nginx:lua [[for _, k in ipairs(ngx.shared.moonpoll:get_keys(0)) do ngx.say(k, " ", tostring(ngx.shared.moonpoll:get(k))) end]]
    local page_text = table.concat(bodies, "\n"):gsub("no credential sentinel%-one", "")
    for _, s in ipairs { "sentinel%-one", "sentinel%-two", "sentinel%-three", "sentinel%-four" } do
      assert.is_nil(page_text:find(s), page_text)
      assert.is_nil(kept:find(s))
      assert.is_nil(nginx:log():find(s))
    end
  end)
end)
