--- The simulator under test: started and stopped, asked datagram by datagram, and what a recording must look like to others.
local ber = require "agent.ber"
local assert = require "luassert"
local cjson = require "cjson"
local ffi = require "ffi"
local net = require "agent.net"
local t = require "e2e.helper"

ffi.cdef [[
typedef struct { uint16_t family; char path[108]; } sim_sockaddr_un;
int connect(int, const sim_sockaddr_un *, uint32_t);
long send(int, const char *, size_t, int);
long recv(int, char *, size_t, int);
]]

local _M = {}
local sim = {}
sim.__index = sim

--- Starts `moonpoll sim WORDS`, once it is ready; opts as of helper.start.
function _M.start(words, opts)
  local stats = t.path "sim"
  local all = { t.program, "sim", "--stats", stats, "--run-dir", t.path "run" }
  for _, w in ipairs(words) do all[#all + 1] = w end
  local p = t.start(all, opts)
  local line = t.wait_for("the simulator", 20, function()
    if not p:alive() then error(p:stderr() .. p:stdout()) end
    return p:stdout():match "^ready: (.-)\n"
  end)
  return setmetatable({ process = p, ready = line, stats = stats, port = tonumber(line:match ", port (%d+)"),
    dir = line:match "control in (.*)$" }, sim)
end
--- A fleet file with this text.
function _M.fleet(text, ...) return _M.start({ t.write("fleet.lua", text), ... }) end
--- Runs words of `moonpoll sim` that must fail: status, stderr.
function _M.refused(words)
  local all = { t.program, "sim" }
  for _, w in ipairs(words) do all[#all + 1] = w end
  local status, out, err = t.run(all)
  assert.equal("", out)
  return status, err
end

function sim:target(address) return address .. ":" .. self.port end
function sim:rss_mb() return tonumber(t.read("/proc/" .. self.process.pid .. "/status"):match "VmRSS:%s*(%d+)") / 1024 end
--- A control socket that has been told this.
function _M.connect(path, command)
  local at = ffi.new("sim_sockaddr_un", { family = 1 })
  ffi.copy(at.path, path)
  local fd = ffi.C.socket(1, 1, 0)
  assert(fd >= 0 and ffi.C.connect(fd, at, ffi.sizeof(at)) == 0, "cannot connect to " .. path)
  ffi.C.send(fd, command .. "\n", #command + 1, 0)
  return fd
end
--- The line it answers with; the socket is closed.
function _M.line(fd, seconds)
  local buffer, out = ffi.new "char[65536]", ""
  while not out:find "\n$" and net.wait({ fd }, seconds * 1000)[fd] do
    local n = tonumber(ffi.C.recv(fd, buffer, 65536, 0))
    if n <= 0 then break end
    out = out .. ffi.string(buffer, n)
  end
  t.close(fd)
  return (out:gsub("\n$", ""))
end
--- Says something to the control socket: its answer.
function sim:tell(command) return _M.line(_M.connect(self.dir .. "/control", command), 5) end
function sim:status() return cjson.decode(self:tell "status") end

local function balanced(c, what)
  local function same(want, got, name)
    if want ~= got then error(("%s, %s: %s is not %s\n%s"):format(what, name, got, want, cjson.encode(c)), 3) end
  end
  same(c.datagrams, c.malformed + c.bad_community + c.refused + c.gets + c.nexts + c.bulks + c.sets, "datagrams")
  same(c.gets + c.nexts + c.bulks + c.sets, c.answered + c.silent, "requests")
end
--- Its own balances, of every agent and in all.
function _M.assert_balanced(s)
  local sum = 0
  for _, a in ipairs(s.each) do
    balanced(a, a.name)
    sum = sum + a.datagrams
  end
  balanced(s.total, "total")
  assert.equal(s.total.datagrams, sum)
  assert.equal(s.datagrams_in, s.total.datagrams + s.nobody)
  assert.equal(s.total.answered + s.total.reports + s.total.duplicates, s.datagrams_out + s.held + s.held_dropped + s.send_errors)
end

--- Ends it; the counts it wrote, which balance.
function sim:stop()
  local status = self.process:stop(10)
  if status ~= 0 then error("exit " .. tostring(status) .. "\n" .. self.process:stderr():sub(-3000)) end
  local s = cjson.decode(t.read(self.stats))
  _M.assert_balanced(s)
  return s
end

-- Datagrams by hand.

local serial = 1000
--- A request: { type =, oids = {text...}, a =, b =, version =, community =, varbinds = }.
function _M.request(r)
  serial = serial + 1
  local m = { version = r.version or 1, community = r.community or "public", type = r.type or ber.GET, id = r.id or serial, a = r.a or 0,
    b = r.b or 0, varbinds = r.varbinds or {} }
  for i, oid in ipairs(r.oids or {}) do m.varbinds[i] = { oid = ber.arcs(oid), tag = ber.NULL } end
  return m
end

local client = {}
client.__index = client
function _M.client()
  local fd = net.udp("127.0.0.1", 0)
  return setmetatable({ fd = fd }, client)
end
function client:close() t.close(self.fd) end
local function swap16(v) return v % 256 * 256 + math.floor(v / 256) end
function client:send(address, port, data)
  assert(net.send(self.fd, data, { addr = net.address(address), port = swap16(port) }))
end
--- What comes until n datagrams are there or the time is over: list of { data =, from = text, at = seconds }.
function client:receive(n, seconds)
  local out, limit = {}, net.now() + seconds
  while #out < n do
    local left = limit - net.now()
    if left <= 0 then break end
    if net.wait({ self.fd }, math.ceil(left * 1000))[self.fd] then
      local data, from = net.receive(self.fd)
      out[#out + 1] = { data = data, from = net.text(from.addr), at = net.now() }
    end
  end
  return out
end
--- One request, its answer decoded: message or nil, datagram {data, from, after}.
function client:ask(address, port, r, seconds)
  local m = _M.request(r)
  local begun = net.now()
  self:send(address, port, ber.encode(m))
  local got = self:receive(1, seconds or 2)[1]
  if not got then return nil end
  got.after = got.at - begun
  got.id = m.id
  local ok, answer = pcall(ber.decode, got.data)
  return ok and answer or false, got
end

-- Recordings, read apart from the program.

local function hex(s) return (s:gsub(".", function(c) return ("%02X "):format(c:byte()) end)) end
local types = { ["2"] = "INTEGER: %s", ["65"] = "Counter32: %s", ["66"] = "Gauge32: %s", ["67"] = "Timeticks: %s", ["70"] = "Counter64: %s",
  ["6"] = "OID: .%s", ["64"] = "IpAddress: %s" }

--- OID and value of a line as net-snmp prints them with -Onbet -OU -Ox; nil for lines others may read otherwise.
function _M.as_printed(line)
  local oid, tag, value = line:match "^([%d.]+)|(%d+x?)|(.*)$"
  if not oid then return nil end
  if tag == "4" or tag == "4x" then
    if tag == "4x" then value = value:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end) end
    return oid, value == "" and '""' or "Hex-STRING: " .. hex(value)
  end
  if tag == "67" then return oid, value end
  if tag == "68x" and value:find "^9f7804%x%x%x%x%x%x%x%x$" then
    local bits = ffi.new("union { uint32_t u; float f; }", { u = tonumber(value:sub(7), 16) })
    return oid, ("Opaque: Float: %f"):format(bits.f)
  end
  if tag == "64x" and #value == 8 then
    return oid, ("IpAddress: %d.%d.%d.%d"):format(value:gsub("%x%x", function(h) return tonumber(h, 16) .. " " end):match "(%d+) (%d+) (%d+) (%d+)")
  end
  if not types[tag] or not value:match "^-?[%d.]+$" then return nil end
  return oid, types[tag]:format(value)
end

local function by_arcs(a, b) return ber.compare(a.arcs, b.arcs) < 0 end
--- List of { oid =, value = } in the order of a walk. keep(tag): which types (v1 has no Counter64).
function _M.read(path, keep)
  local out = {}
  for line in t.read(path):gmatch "[^\n]+" do
    local oid, value = _M.as_printed(line)
    assert(oid, line)
    if not keep or keep(line:match "|(%d+)") then out[#out + 1] = { oid = oid, value = value, arcs = ber.arcs(oid) } end
  end
  table.sort(out, by_arcs)
  return out
end

--- What a net-snmp tool printed, in the same form. Long hex strings go over several lines.
function _M.printed(text)
  local out = {}
  for line in text:gmatch "[^\n]+" do
    local oid, value = line:match "^%.([%d.]+) = (.*)$"
    if line == "End of MIB" or (value and value:find "^No more variables left") then break end
    if oid then
      out[#out + 1] = { oid = oid, value = value }
    elseif #out > 0 then
      out[#out].value = out[#out].value .. line
    end
  end
  return out
end

--- Where npm's net-snmp is, put into the build folder by the first that asks; nil without node, npm or a registry.
function _M.npm()
  local dir = (os.getenv "B" or "build") .. "/npm"
  if not dir:find "^/" then dir = (os.getenv "PWD" or ".") .. "/" .. dir end
  local module = dir .. "/node_modules/net-snmp"
  local install = ("test -e %s/package.json || exec npm install --prefix %s --no-audit --no-fund --ignore-scripts --fetch-retries 0 net-snmp@3.29.2")
    :format(module, dir)
  local script = ("command -v node && command -v npm && mkdir -p %s && exec flock %s timeout 40 sh -c %s"):format(dir, dir, t.quote(install))
  return t.run({ "sh", "-c", script }, { seconds = 90 }) == 0 and module or nil
end

--- Runs a tool of net-snmp: status, stdout, stderr.
function _M.tool(name, words)
  local all = { name, "-OnetU", "-Ox", "-r", "0", "-t", "2" }
  for _, w in ipairs(words) do all[#all + 1] = w end
  return t.run(all, { env = { MIBS = "" } })
end

return _M
