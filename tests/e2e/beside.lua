--- Debian's tools and ours side by side: the same command lines, and what each said to them.
local t = require "e2e.helper"
local assert = require "luassert"

local _M = {}

local names = { "get", "getnext", "bulkget", "walk", "bulkwalk", "set" }

--- Directories of a test: home without any snmp.conf, conf for those it writes, bin with our tools under Debian's names.
function _M.setup()
  local self = { dir = t.path "cli" }
  self.ours = self.dir .. "/bin"
  assert(os.execute(("mkdir -p %s %s/home/cert_indexes %s/conf/cert_indexes"):format(self.ours, self.dir, self.dir)) == 0)
  local program = t.program:sub(1, 1) == "/" and t.program or os.getenv "PWD" .. "/" .. t.program
  for _, name in ipairs(names) do assert(os.execute(("ln -s %s %s/snmp%s"):format(t.quote(program), self.ours, name)) == 0) end
  self.env = ("export MIBS= LC_ALL=C HOME=%s/home SNMPCONFPATH=%s/home SNMP_PERSISTENT_DIR=%s/home; unset LUA_PATH LUA_CPATH; cd %s\n")
    :format(self.dir, self.dir, self.dir, self.dir)
  self.use_conf = "export SNMPCONFPATH=" .. self.dir .. "/conf\n"
  return setmetatable(self, { __index = _M })
end

function _M:conf(name, text)
  local f = assert(io.open(self.dir .. "/conf/" .. name, "w"))
  f:write(text)
  f:close()
end

--- Lines of shell through one shell: { {out, err, status}, ... }; with our tools first in PATH, or Debian's. more: shell before them.
function _M:run(lines, with_ours, more)
  local base = t.path(with_ours and "ours" or "debian")
  local script = { self.env, more or "", with_ours and "PATH=" .. self.ours .. ":$PATH\n" or "" }
  for i, line in ipairs(lines) do
    script[#script + 1] = ("%s >%s.%d.out 2>%s.%d.err </dev/null; echo $? >%s.%d.status\n"):format(line, base, i, base, i, base, i)
  end
  local status, _, err = t.run({ "sh", t.write("batch", table.concat(script)) }, { seconds = 120 })
  assert.equal(0, status, err)
  local out = {}
  for i in ipairs(lines) do
    local at_i = base .. "." .. i
    out[i] = { out = t.read(at_i .. ".out"), err = t.read(at_i .. ".err"), status = tonumber(t.read(at_i .. ".status")) }
  end
  return out
end

-- What follows the usage line is everybody's own.
local function before_usage(text) return (text:gsub("(USAGE: [^\n]*\n).*", "%1")) end

--- Ends with one error that shows every difference.
-- @treturn table what Debian's said
-- @treturn table what ours said
function _M:compare(lines, more)
  local want, got = self:run(lines, false, more), self:run(lines, true, more)
  local bad = {}
  for i, line in ipairs(lines) do
    local w, g = want[i], got[i]
    if w.out ~= g.out or before_usage(w.err) ~= before_usage(g.err) or w.status ~= g.status then
      bad[#bad + 1] = ("%s\n-- Debian, exit %d\n%s%s-- ours, exit %d\n%s%s"):format(line, w.status, w.out:sub(1, 600), w.err:sub(1, 300),
        g.status, g.out:sub(1, 600), g.err:sub(1, 300))
    end
  end
  assert.equal("", table.concat(bad, "\n"))
  return want, got
end

-- One dump of -d: the line over it, its lines.
local DUMP = "(\n%u%l+ %d+ byte[^\n]*\n)(.-)\n\n"

local function octets_of(body)
  local octets = {}
  for line in (body .. "\n"):gmatch "%d%d%d%d: (.-)\n" do
    for hex in line:sub(1, 52):gmatch "%x%x" do octets[#octets + 1] = string.char(tonumber(hex, 16)) end
  end
  return table.concat(octets)
end

--- The lines of all dumps, made anew from their octets.
function _M.redraw(text)
  return (text:gsub(DUMP, function(head, body)
    local s = octets_of(body)
    local out = { head }
    for from = 1, #s, 16 do
      local hex, chars = "", ""
      for i = from, from + 15 do
        local c = s:sub(i, i)
        hex = hex .. (c ~= "" and ("%02X "):format(c:byte()) or "   ") .. ((i - from) % 4 == 3 and " " or "")
        chars = chars .. (c:find "[\32-\126]" and c or c ~= "" and "." or "")
      end
      out[#out + 1] = ("%04d: %s  %s\n"):format(from - 1, hex, chars)
    end
    return table.concat(out) .. "\n"
  end))
end

--- All dumps: { "Sending" or "Received", how long it says it is, whom it names, octets }.
function _M.packets(text)
  local out = {}
  for head, body in text:gmatch(DUMP) do
    local what, n, who = head:match "\n(%u%l+) (%d+) byte[^\n]-(%u[^\n]*)\n"
    out[#out + 1] = { what = what, n = tonumber(n), who = (who:gsub("%d+$", "")), octets = octets_of(body) }
  end
  return out
end

return _M
