-- Every recording at hand, by clients that are not ours: npm's net-snmp (JavaScript), and Debian's tools. Those of this
-- tree, and where MOON_RECORDINGS names a directory of others, real and dirty ones, these too.
local ber = require "agent.ber"
local rig = require "e2e.sim_rig"
local t = require "e2e.helper"

local work = os.getenv "PWD" or "."
local outside = os.getenv "MOON_RECORDINGS"

local function lines_of(command)
  local pipe, out = assert(io.popen(command)), {}
  for line in pipe:lines() do out[#out + 1] = line end
  pipe:close()
  return out
end
local recordings = lines_of("ls " .. work .. "/tests/recordings/*.snmprec")
local others = outside and lines_of("find " .. t.quote(outside) .. " -name '*.snmprec' | sort") or {}

local module_path = rig.npm()

-- An OID as everybody writes it: no dot in front, no zeros before arcs.
local function canon(oid) return (oid:gsub("^%.", ""):gsub("%f[%d]0+(%d)", "%1")) end

-- What a recording must give, read apart from the program: a list in the order of a walk of { oid =, value =, arcs = } where
-- value is nil for lines that may be read in more than one way. Of an OID that comes twice the later line counts.
local function expected(path)
  local by_oid, out = {}, {}
  for line in (t.read(path):gsub("\r", "") .. "\n"):gmatch "([^\n]*)\n" do
    local oid, tag, rest = line:match "^%.?([%d.]+)|([^|]*)|(.*)$"
    if oid then
      oid = canon(oid)
      if tag == "6" then rest = canon(rest) end
      local plain, value = rig.as_printed(("%s|%s|%s"):format(oid, tag, rest))
      -- JavaScript's asn1-ber reads the first octet of an OID by itself: 2.40 and above come out wrong.
      by_oid[oid] = { oid = oid, value = plain and value, line = line, tag = tag:match "^%d+",
        odd = tag == "6" and rest:find "^2%." ~= nil }
    end
  end
  for _, e in pairs(by_oid) do
    local good, arcs = pcall(ber.arcs, e.oid)
    if good then
      e.arcs = arcs
      out[#out + 1] = e
    end
  end
  table.sort(out, function(a, b) return ber.compare(a.arcs, b.arcs) < 0 end)
  return out
end

-- What came is the recording: nothing besides, in order, every plain line there with its value. dirty: lines that the
-- simulator named may be missing, and nothing else.
local function assert_comes_back(want, got, left_out, keep)
  local at, last = 1, nil
  local function fail(...) error((...):format(select(2, ...)), 3) end
  for _, g in ipairs(got) do
    local arcs = ber.arcs(g.oid)
    if last and ber.compare(last, arcs) >= 0 then fail("%s is not behind what came before it", g.oid) end
    last = arcs
    while want[at] and ber.compare(want[at].arcs, arcs) < 0 do
      local w = want[at]
      if w.value and (not keep or keep(w)) and not left_out[w.oid] then fail("%s is missing: %s", w.oid, w.line) end
      at = at + 1
    end
    local w = want[at]
    if not w or ber.compare(w.arcs, arcs) ~= 0 then fail("%s was never recorded", g.oid) end
    if w.value and w.value:gsub("%s+$", "") ~= g.value:gsub("%s+$", "") then fail("%s = %s, recorded was %s", g.oid, g.value, w.line) end
    at = at + 1
  end
  for i = at, #want do
    local w = want[i]
    if w.value and (not keep or keep(w)) and not left_out[w.oid] then fail("%s is missing at the end: %s", w.oid, w.line) end
  end
end

-- A simulator of some recordings; of each its address, what it must give and which OIDs were left out.
local function serve(paths)
  local fleet, agents = {}, {}
  for i, path in ipairs(paths) do
    local host = ("127.6.%d.%d"):format(math.floor(i / 250), i % 250 + 1)
    fleet[i] = ("agent { recording = %q, address = %q, name = %q, max_octets = 65507 }"):format(path, host, "agent " .. i)
    agents[i] = { host = host, path = path, want = expected(path), left_out = {} }
  end
  local sim = rig.fleet(table.concat(fleet, "\n"))
  local text = {}
  for path, line in sim.process:stderr():gmatch "(/[^\n]-):(%d+): left out" do
    if not text[path] then
      text[path] = {}
      for l in (t.read(path) .. "\n"):gmatch "([^\n]*)\n" do table.insert(text[path], l) end
    end
    for _, a in ipairs(agents) do
      local oid = a.path == path and text[path][tonumber(line)]:match "^%.?([%d.]+)|"
      if oid then a.left_out[canon(oid)] = true end
    end
  end
  return sim, agents
end

-- What npm's net-snmp reads as it is.
local function readable(list)
  local out = {}
  for i, w in ipairs(list) do out[i] = w.odd and { oid = w.oid, arcs = w.arcs, line = w.line, tag = w.tag } or w end
  return out
end

local function no_counter64(w) return w.tag ~= "70" end

describe("npm's net-snmp", function()
  if not module_path then
    pending "node, npm or its registry is not there: nothing is asked by net-snmp for JavaScript"
    return
  end
  local sim, agents
  local function ask(agent, version, ...)
    local words = { "node", work .. "/tests/e2e/npm/client.js", module_path, agent.host, sim.port, version, ... }
    return t.run(words, { seconds = 60 })
  end
  local function walk(agent, version, ...)
    local status, out, err = ask(agent, version, ...)
    if status ~= 0 then error(agent.path .. ": " .. err, 2) end
    return rig.printed(out)
  end
  local function in_1_3(w) return w.oid:find "^1%.3%." ~= nil end
  lazy_setup(function()
    local all = {}
    for _, p in ipairs(recordings) do all[#all + 1] = p end
    for _, p in ipairs(others) do all[#all + 1] = p end
    sim, agents = serve(all)
    for _, a in ipairs(agents) do a.want = readable(a.want) end
  end)
  lazy_teardown(function()
    if sim then sim:stop() end
    t.cleanup()
  end)

  for i, path in ipairs(recordings) do
    local name = path:match "[^/]*$"
    it("reads all of " .. name .. " by walk, subtree, getNext and get, v1 and v2c", function()
      local a = agents[i]
      for _, n in ipairs { "1", "20", "90" } do assert_comes_back(a.want, walk(a, "2c", "walk", n), a.left_out) end
      assert_comes_back(a.want, walk(a, "2c", "subtree", "30"), a.left_out, in_1_3)
      assert_comes_back(a.want, walk(a, "2c", "next"), a.left_out)
      assert_comes_back(a.want, walk(a, "1", "walk", "1"), a.left_out, no_counter64)
      local oids = {}
      for k, w in ipairs(a.want) do oids[k] = w.oid end
      local list = t.write("oids", table.concat(oids, "\n"))
      local status, out, err = t.run({ "sh", "-c", ("exec node tests/e2e/npm/client.js %s %s %s 2c get 40 <%s"):format(t.quote(module_path), a.host,
        sim.port, list) }, { seconds = 60 })
      assert.equal(0, status, err)
      assert_comes_back(a.want, rig.printed(out), a.left_out)
    end)
  end

  it("is told what is missing, in either version, and SETs", function()
    local a = agents[1]
    local status, out, err = ask(a, "2c", "missing", "1.3.6.1.2.1.1.5.7")
    assert.same({ 0, ".1.3.6.1.2.1.1.5.7 = No Such Instance\n", "" }, { status, out, err })
    status, out = ask(a, "2c", "missing", "1.3.6.1.9.9")
    assert.same({ 0, ".1.3.6.1.9.9 = No Such Object\n" }, { status, out })
    status, out, err = ask(a, "1", "missing", "1.3.6.1.9.9")
    assert.same({ 1, "" }, { status, out })
    assert.truthy(err:find("NoSuchName", 1, true), err)
    for _, version in ipairs { "1", "2c" } do
      status, out, err = ask(a, version, "set", "1.3.6.1.2.1.1.5.0", "OctetString", "set by v" .. version)
      assert.equal(0, status, err)
      local hex = ("set by v" .. version):gsub(".", function(c) return ("%02X "):format(c:byte()) end)
      assert.equal(".1.3.6.1.2.1.1.5.0 = Hex-STRING: " .. hex .. "\n", out)
      status, out = ask(a, version, "missing", "1.3.6.1.2.1.1.5.0")
      assert.same({ 0, ".1.3.6.1.2.1.1.5.0 = Hex-STRING: " .. hex .. "\n" }, { status, out })
    end
    status, out, err = ask(a, "2c", "set", "1.3.6.1.2.1.1.5.0", "Integer", "7")
    assert.same({ 1, "" }, { status, out })
    assert.truthy(err:find("WrongType", 1, true), err)
  end)

  if #others > 0 then
    it("reads the " .. #others .. " others", function()
      for i = #recordings + 1, #agents do
        local a = agents[i]
        assert_comes_back(a.want, walk(a, "2c", "walk", "50"), a.left_out)
        if #a.want < 2000 then
          assert_comes_back(a.want, walk(a, "2c", "next"), a.left_out)
          assert_comes_back(a.want, walk(a, "1", "walk", "1"), a.left_out, no_counter64)
        end
      end
    end)
  end
end)

describe("Debian's tools", function()
  if #others == 0 then
    pending "MOON_RECORDINGS names no directory of recordings"
    return
  end
  local sim, agents
  lazy_setup(function() sim, agents = serve(others) end)
  lazy_teardown(function()
    if sim then sim:stop() end
    t.cleanup()
  end)
  local function each(fn)
    for _, a in ipairs(agents) do
      local ok, err = true, nil
      if #a.want > 0 then ok, err = pcall(fn, a) end
      if not ok then error(a.path .. ": " .. tostring(err), 0) end
    end
  end
  local function walk(a, tool, ...)
    local status, out, err = rig.tool(tool, { "-c", "public", "-Cc", ... })
    if status ~= 0 then error(a.path .. ": " .. err, 2) end
    return rig.printed(out)
  end
  for _, n in ipairs { 1, 10, 77 } do
    it(("read the %d others by snmpbulkwalk -Cr%d"):format(#others, n), function()
      each(function(a)
        if n > 1 or #a.want < 2000 then assert_comes_back(a.want, walk(a, "snmpbulkwalk", "-v2c", "-Cr" .. n, sim:target(a.host), ".1"), a.left_out) end
      end)
    end)
  end
  it("and by snmpwalk, both versions", function()
    each(function(a)
      if #a.want > 2000 then return end
      assert_comes_back(a.want, walk(a, "snmpwalk", "-v2c", sim:target(a.host), ".1"), a.left_out)
      assert_comes_back(a.want, walk(a, "snmpwalk", "-v1", sim:target(a.host), ".1"), a.left_out, no_counter64)
    end)
  end)
  it("by snmpget, and snmpset", function()
    each(function(a)
      local words, got, text = { "-v2c", "-c", "public", sim:target(a.host) }, {}, nil
      for k, w in ipairs(a.want) do
        if w.tag == "4" and w.value then text = text or w.oid end
        if k <= 40 then words[#words + 1] = w.oid end
      end
      local status, out, err = rig.tool("snmpget", words)
      if status ~= 0 then error(err) end
      for _, g in ipairs(rig.printed(out)) do if not g.value:find "^No Such" then got[#got + 1] = g end end
      local first = {}
      for k = 1, math.min(40, #a.want) do first[k] = a.want[k] end
      assert_comes_back(first, got, a.left_out)
      if not text then return end
      for _, version in ipairs { "-v1", "-v2c" } do
        local value = "by " .. version
        status, out, err = rig.tool("snmpset", { version, "-c", "private", sim:target(a.host), text, "s", value })
        if status ~= 0 then error(out .. err) end
        local _, again = rig.tool("snmpget", { version, "-c", "public", sim:target(a.host), text })
        assert.equal("Hex-STRING: " .. value:gsub(".", function(c) return ("%02X "):format(c:byte()) end), rig.printed(again)[1].value)
      end
    end)
  end)
end)
