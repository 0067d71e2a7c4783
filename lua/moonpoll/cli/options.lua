--- The command line of net-snmp's tools: options, snmp.conf, then the agent and what is left of the arguments.
--
-- settings: oid, string, quick, equals, hex_text, ticks, bare, hex_line, precision (how things are shown); names (there are any), prefix, suffix (OIDs typed);
-- version "1"|"2c"|"3", community, login (login.lua), timeout in seconds, retries, port, dump, source, agent
local conf = require "moonpoll.cli.conf"
local login = require "moonpoll.cli.login"
local names = require "moonpoll.names"
local tonumber = tonumber

local _M = {}

local LETTERS = "Y:VhHm:M:O:I:P:D:dv:r:t:c:Z:e:E:n:u:l:x:X:a:A:p:T:-:3:L:s:"
local TIMEOUT, RETRIES, HEX_LINE = 1, 5, 16

--- Ends the program with this status.
function _M.exit(status) error({ exit = status }, 0) end

--- Ends it because of the command line: one line, then how it should be.
local function misuse(t, format, ...)
  if format then t.c.err(format:format(...) .. "\n") end
  t.c.err(t.usage)
  _M.exit(1)
end
_M.misuse = misuse

local function toggle(key)
  return function(s) s[key] = not s[key] end
end
local function set(key, value)
  return function(s) s[key] = value end
end

local out_options = {
  ["0"] = toggle "two_digits", a = set("string", 2), b = toggle "whole_indexes", e = toggle "numeric_enums", E = toggle "escape_quotes",
  f = set("oid", 3), n = set("oid", 4), q = toggle "quick", s = set("oid", 1), S = set("oid", 2), t = toggle "ticks", T = toggle "hex_text",
  u = set("oid", 5), U = toggle "no_units", v = toggle "bare", x = set("string", 3), X = toggle "extended",
  Q = function(s)
    s.equals = true
    s.quick = not s.quick
  end,
}

local function take_output(t, value)
  for i = 1, #value do
    local letter = value:sub(i, i)
    if letter == "p" then
      t.settings.precision = i < #value and value:sub(i + 1) or t.c.take() or ""
      t.settings.precision_given = t.settings.precision
      return
    end
    local fn = out_options[letter]
    if not fn then misuse(t, "Unknown output option passed to -O: %s.", letter) end
    fn(t.settings)
  end
end

local in_options = { b = toggle "best", R = toggle "random", r = toggle "no_range", h = toggle "no_hint", u = toggle "ucd" }

local function take_input(t, value)
  for i = 1, #value do
    local letter = value:sub(i, i)
    if letter == "s" or letter == "S" then
      t.settings[letter == "s" and "suffix" or "prefix"] = i < #value and value:sub(i + 1) or t.c.take()
      return
    end
    local fn = in_options[letter]
    if not fn then misuse(t, "Unknown input option passed to -I: %s.", letter) end
    fn(t.settings)
  end
end

local parse_options = "cdeuRwW" -- of MIB modules

local function take_parsing(t, value)
  for i = 1, #value do
    local letter = value:sub(i, i)
    if not parse_options:find(letter, 1, true) then misuse(t, "Unknown parsing option passed to -P: %s.", letter) end
  end
end

local function take_logging(t, value)
  local letter = value:sub(1, 1)
  local rest = value:sub(2):gsub("^=", ""):gsub("^%s+", "")
  local where = letter:lower()
  if not where:find "^[eofsn]$" and letter ~= "" then misuse(t, "Unknown logging option passed to -L: %s.", letter) end
  if letter:find "%u" and rest == "" then rest = t.c.take() or "" end -- the priority; all there is to log passes any
  if where == "f" or where == "s" then
    local target = letter:find "%l" and rest ~= "" and rest or t.c.take()
    if not target then misuse(t, where == "f" and "Missing log file" or "Missing syslog facility") end
    if where == "f" then
      local ok, why = t.c.log_to("file", target)
      if not ok then
        t.c.err(target .. ": " .. why .. "\n")
        _M.exit(1)
      end
      return
    end
  end
  t.c.log_to(where == "o" and "out" or (where == "e" or letter == "") and "err" or "none")
end

local function number(text) return tonumber(text:match "^%s*([+-]?%d+%.?%d*[eE]?[+-]?%d*)" or text:match "^%s*([+-]?%.%d+)" or "") or 0 end

local function of_login(letter)
  return function(t, value) login.take(t, letter, value) end
end

local function secret_of_login(letter)
  return function(t, value)
    t.c.wipe()
    login.take(t, letter, value)
  end
end

local function take_long(t, value)
  local name = value:lower()
  if name == "help" then
    t.c.out(t.help)
    _M.exit(0)
  elseif name == "version" then
    t.c.err(t.version)
    _M.exit(0)
  end
  if not value:find "[= ]" then value = value .. " 1" end
  t.remembered[#t.remembered + 1] = (value:gsub("=", " ", 1))
end

local taken = {
  V = function(t)
    t.c.err(t.version)
    _M.exit(0)
  end,
  h = function(t) misuse(t) end,
  H = function(t)
    t.c.err "Configuration directives are those of net-snmp's snmp.conf(5).\n"
    _M.exit(0)
  end,
  ["-"] = take_long,
  Y = function(t, value) t.remembered[#t.remembered + 1] = value end,
  m = function(t, value) t.settings.mibs = value end,
  M = function(t, value) t.settings.mib_dirs = value end,
  O = take_output,
  I = take_input,
  P = take_parsing,
  L = take_logging,
  D = function() end,
  d = function(t) t.settings.dump = true end,
  s = function(t, value) t.settings.source = value end,
  p = function(t) misuse(t, "Warning: -p option is no longer used - specify the remote host as HOST:PORT") end,
  T = function(t, value)
    if not value:find("=", 1, true) then misuse(t, "-T expects a NAME=VALUE pair.") end
  end,
  v = function(t, value)
    local v = value:lower()
    if v ~= "1" and v ~= "2c" and v ~= "3" then misuse(t, "Invalid version specified after -v flag: %s", value) end
    t.settings.version = v
  end,
  t = function(t, value)
    t.settings.timeout = number(value)
    if t.settings.timeout * 1e6 < 1 then misuse(t, "Invalid timeout in seconds after -t flag.") end
  end,
  r = function(t, value)
    local digits = value:match "^%d+"
    if not digits or tonumber(digits) > 2147483647 then misuse(t, "Invalid number of retries after -r flag.") end
    t.settings.retries = tonumber(digits)
  end,
  c = function(t, value)
    t.settings.community = value
    t.c.wipe()
  end,
  u = of_login "u", l = of_login "l", a = of_login "a", x = of_login "x", n = of_login "n", e = of_login "e", E = of_login "E", Z = of_login "Z",
  A = secret_of_login "A", X = secret_of_login "X",
  ["3"] = function(t, value)
    t.c.wipe()
    login.take_3(t, value)
  end,
  ["?"] = function(t) misuse(t) end,
  [":"] = function(t) misuse(t) end,
}

--- Reads the command line up to the operands.
-- @tparam table t  c, usage, help, version texts; in_order: options end at the first operand; take(letter, value) for options of the command's own: -C
-- @treturn table settings
function _M.read(t)
  local c = t.c
  t.remembered = {}
  t.settings = { hex_line = HEX_LINE, login = {} }
  t.exit = _M.exit
  function t.misuse(...) return misuse(t, ...) end
  local s = t.settings
  local letters = (t.in_order and "+" or "") .. LETTERS .. "C:"
  for letter, value in function() return c.getopt(letters) end do
    if letter == "C" then
      t.take(t, value or "")
    else
      taken[letter](t, value)
    end
  end
  conf.read(c, s, t.remembered)
  s.precision = s.precision_given or s.precision
  s.version = s.version or s.def_version or "3"
  s.timeout = s.timeout or (s.def_timeout and s.def_timeout > 0 and s.def_timeout) or TIMEOUT
  s.retries = s.retries or (s.def_retries and s.def_retries >= 0 and s.def_retries) or RETRIES
  login.make_keys(t)
  s.agent = c.take()
  if not s.agent then misuse(t, "No hostname specified.") end
  if s.version ~= "3" then
    if not s.community and not s.def_community then misuse(t, "No community name specified.") end
  end
  conf.read_host(c, s)
  if s.version ~= "3" then s.community = s.community or s.def_community end
  s.names = names.wanted(c, s)
  c.style(s)
  return s
end

return _M
