--- snmp.conf: the files and directives of net-snmp, as far as they mean something to a tool; the others are known by name.
-- It is read twice, as there: some directives ("early") count before the others, and each reading tells its own errors.
local login = require "moonpoll.cli.login"
local getenv, open, ipairs, tonumber = os.getenv, io.open, ipairs, tonumber

local _M = {}

local CONF_DIRS = "/etc/snmp:/usr/share/snmp:/usr/lib/x86_64-linux-gnu/snmp"
local PERSISTENT = "/var/lib/snmp"
local DEPTH_MAX, FILES_MAX, FILE_MAX = 16, 4096, 1048576

local function boolean(key)
  return function(s, value, fail)
    local word = (value:match "^%S+" or ""):lower()
    if word == "yes" or word == "true" then
      s[key] = true
    elseif word == "no" or word == "false" then
      s[key] = false
    else
      local number = value:match "^%s*[+-]?%d+%s*$" and tonumber(value)
      if number ~= 0 and number ~= 1 then return fail "Should be yes|no|true|false|0|1" end
      s[key] = number == 1
    end
  end
end

local function integer(key)
  return function(s, value, fail)
    local word = value:match "%S+" or ""
    local number = word:match "^[+-]?%d+$" and tonumber(word)
    if not number then return fail "Bad integer value" end
    s[key] = number
  end
end

-- A quoted word without its quotes and backslashes, or one up to the next blank; and what follows it, nil for nothing.
local function word_of(text)
  local quote = text:match "^[\"']"
  local out, i = {}, quote and 2 or 1
  while i <= #text do
    local ch = text:sub(i, i)
    if ch == "\\" and i < #text then
      i = i + 1
      ch = text:sub(i, i)
    elseif quote and ch == quote then
      i = i + 1
      break
    elseif not quote and ch:find "%s" then
      break
    end
    out[#out + 1] = ch
    i = i + 1
  end
  local rest = text:sub(i):match "^%s*(.*)$"
  return table.concat(out), rest ~= "" and rest:sub(1, 1) ~= "#" and rest or nil
end

local function text(key)
  return function(s, value) s[key] = value:sub(1, 1) == '"' and word_of(value) or value end
end

local function version(s, value, fail)
  local v = value:lower():gsub("^v", "")
  if v ~= "1" and v ~= "2c" and v ~= "3" then return fail "Unknown version specification" end
  s.def_version = v
end

local function numeric_oids(s, value)
  local word = (value:match "%S+" or ""):lower()
  if word == "yes" or word == "true" or word:sub(1, 1) == "1" then s.oid = 4 end
end

-- One of what find knows.
local function known(key, find, message)
  return function(s, value, fail)
    local found = find(value)
    if not found then return fail(message:format(value)) end
    s[key] = found
  end
end

local function ignored() end

local early = {
  mibdirs = text "mib_dirs", mibs = ignored, showmiberrors = ignored, commenttoeol = ignored, strictcommentterm = ignored,
  miballowunderline = ignored, mibwarninglevel = ignored, mibreplacewithlatest = ignored, printnumericenums = boolean "numeric_enums",
  printnumericoids = numeric_oids, escapequotes = boolean "escape_quotes", dontbreakdownoids = boolean "whole_indexes",
  quickprinting = boolean "quick", numerictimeticks = boolean "ticks", oidoutputformat = integer "oid", suffixprinting = integer "oid",
  extendedindex = boolean "extended", printhextext = boolean "hex_text", printvalueonly = boolean "bare", dontprintunits = boolean "no_units",
  hexoutputlength = integer "hex_line", notokenwarnings = boolean "no_warnings", persistentdir = text "persistent",
  clientaddr = text "source", clientaddrusesport = boolean "source_port", dodebugging = ignored, debugtokens = ignored,
  debugloglevel = ignored, logtimestamp = ignored, logoption = ignored,
}

local late = {
  mibfile = ignored, dumppacket = boolean "dump", reverseencodeber = boolean "reverse", defaultport = integer "port",
  disablesnmpv3 = ignored, disablesnmpv1 = ignored, disablesnmpv2c = ignored, defcommunity = text "def_community",
  norangecheck = boolean "no_range", tempfilepattern = ignored, nodisplayhint = boolean "no_hint", ["16bitids"] = ignored,
  serversendbuf = ignored, serverrecvbuf = ignored, clientsendbuf = ignored, clientrecvbuf = ignored, sendmessagemaxsize = ignored,
  nopersistentload = ignored, nopersistentsave = ignored, nocontextengineiddiscovery = ignored, timeout = integer "def_timeout",
  retries = integer "def_retries", outputprecision = text "precision", defdomain = text "domain", deftarget = ignored,
  dontloadhostconfig = boolean "no_host", defversion = version, defsecuritylevel = known("def_level", login.level, "Unknown security level: %s"),
  extrax509subdir = ignored, x509crlfile = ignored, tlsalgorithms = ignored, localcert = ignored, peercert = ignored, alias = ignored, trustcert = ignored,
  defsecuritymodel = text "def_model", tsmusetransportprefix = ignored, defauthtype = known("def_auth", login.auth, "Unknown authentication type"),
  defprivtype = known("def_priv", login.priv, "Unknown privacy type"), defsecurityname = text "def_user", defcontext = text "def_context",
  defpassphrase = text "def_pass", defauthpassphrase = text "def_auth_pass", defprivpassphrase = text "def_priv_pass",
  defauthmasterkey = text "def_auth_key", defprivmasterkey = text "def_priv_key", defauthlocalizedkey = text "def_auth_local",
  defprivlocalizedkey = text "def_priv_local",
}

-- Directives of a command of its own section: [snmpwalk] includeRequested yes.
local walk_options = { includerequested = "include", excluderequested = "exclude", printstatistics = "statistics",
                       dontcheckordering = "unordered", timeresults = "time", timeresultssingle = "time_each" }

--- A reading of everything. pass is "early" or "late".
local reading = {}
reading.__index = reading

function reading:tell(level, message)
  self.c.log(("%s: line %d: %s: %s\n"):format(self.file or "(null)", self.line or 0, level, message))
end

function reading:fail(message)
  self:tell("Error", message)
  self.errors = self.errors + 1
end

function reading:directive(token, value)
  local key = token:lower()
  if self.host and key == "transport" then
    self.settings.transport = value:gsub("%s+$", "")
    return
  end
  local fn = self.pass == "early" and early[key] or self.pass == "late" and late[key]
  if fn then
    return fn(self.settings, (value:gsub("%s+$", "")), function(message) self:fail(message) end)
  end
  if self.pass == "late" and not early[key] and not late[key] and not self.settings.no_warnings then
    self:tell("Warning", "Unknown token: " .. token .. ".")
  end
end

-- Sections of other programs are passed over.
function reading:section(name)
  if name == "snmp" or name == "snmpapp" then return self.directive end
  if name == "snmpwalk" or name == "snmpbulkwalk" then
    return function(_, token, value)
      local key = walk_options[token:lower()]
      if key and self.pass == "late" then boolean(key)(self.settings, value, function(m) self:fail(m) end) end
    end
  end
  self:fail("No handlers regestered for type " .. name .. ".")
end

function reading:include(token, value)
  local kind = token:lower()
  if kind == "include" then
    if self.pass == "late" and not self.settings.no_warnings then
      self:tell("Warning", "Ambiguous token '" .. token .. "' - use 'includeSearch' (or 'includeFile') instead.")
    end
  elseif not value then
    if self.pass == "late" then self:fail("Blank line following " .. token .. " token.") end
  elseif kind == "includefile" then
    local path = value:sub(1, 1) == "/" and value or (self.file:match "^.*/" or "") .. value
    if not self:read(path) and self.pass == "late" then self:fail("Included file '" .. path .. "' not found.") end
  elseif kind == "includedir" then
    local list = self.c.directory(value)
    for _, name in ipairs(list or {}) do
      if name:find ".%.conf$" then self:read(value .. "/" .. name) end
    end
    if not list and self.pass == "late" then self:fail("Can't open include dir '" .. value .. "'.") end
  elseif kind == "includesearch" then
    if not self:search((value:gsub("%.conf$", ""))) and self.pass == "late" then
      self:fail("Included config '" .. value .. "' not found.")
    end
  else
    return false
  end
  return true
end

function reading:read(path)
  local f = open(path, "r")
  if not f then return false end
  f:setvbuf "no" -- there may be secrets in it: no copy in a buffer that nobody wipes
  if not f:read(0) and not f:seek "end" then return false end
  if self.depth > DEPTH_MAX or self.files > FILES_MAX then
    f:close()
    return false
  end
  local outer_file, outer_line = self.file, self.line
  self.depth, self.files = self.depth + 1, self.files + 1
  local content = f:read(FILE_MAX) or ""
  f:close()
  self.settings.read_max = math.max(self.settings.read_max or 0, #content)
  local handler = self.directive
  self.file, self.line = path, 0
  for line in (content:gsub("\n$", "") .. "\n"):gmatch "(.-)\n" do
    self.line = self.line + 1
    local body = line:match "^%s*(.*)$"
    if body ~= "" and body:sub(1, 1) ~= "#" then
      local token, value = word_of(body)
      local this = handler
      local section = token:match "^%[(.*)$"
      if section then
        if section:sub(-1) ~= "]" then
          self:fail("no matching ']' for type " .. section .. ".")
          this = nil
        else
          this = self:section(section:sub(1, -2))
          if not value then
            handler = this or handler
            this = nil
          else
            token, value = word_of(value)
          end
        end
      elseif token:lower():find "^include" and token:sub(1, 1) == "i" and self:include(token, value) then
        this = nil
      end
      if this then
        if not value then
          self:fail("Blank line following " .. token .. " token.")
        else
          this(self, token, value)
        end
      end
    end
  end
  self.depth, self.file, self.line = self.depth - 1, outer_file, outer_line
  return true
end

function reading:search(name)
  local path, home = getenv "SNMPCONFPATH", getenv "HOME"
  local found = false
  if not path then
    path = CONF_DIRS .. (home and ":" .. home .. "/.snmp" or "") .. ":"
      .. (self.settings.persistent or getenv "SNMP_PERSISTENT_DIR" or PERSISTENT)
  end
  for dir in path:gmatch "[^:]+" do
    if self.c.is_directory(dir) then
      for _, suffix in ipairs { ".conf", ".local.conf" } do
        found = self:read(dir .. "/" .. name .. suffix) or found
      end
    end
  end
  return found
end

local function pass_of(c, settings, pass)
  return setmetatable({ c = c, settings = settings, pass = pass, errors = 0, depth = 0, files = 0 }, reading)
end

--- hosts/NAME.conf of an agent that is given by its name alone: directives for it, and `transport`, where it is.
function _M.read_host(c, settings)
  local name = settings.agent
  if settings.no_host or name:find("[:/]") then return end
  for _, pass in ipairs { "early", "late" } do
    local r = pass_of(c, settings, pass)
    r.host = true
    r:search("hosts/" .. name)
  end
end

--- Reads all files into settings; what is wrong is told and left out.
-- @tparam table c
-- @tparam table settings
-- @tparam {string,...} remembered  "token value" lines of the command line: they come last
function _M.read(c, settings, remembered)
  for _, pass in ipairs { "early", "late" } do
    local r = pass_of(c, settings, pass)
    r:search "snmp"
    r:search "snmpapp"
    if r.errors > 0 then c.log(("net-snmp: %d error(s) in config file(s)\n"):format(r.errors)) end
    for _, line in ipairs(remembered) do
      local token, value = line:match "^[ \t=]*([^ \t=]+)[ \t=]?%s*(.*)$"
      if token then r:directive(token, value) end
    end
  end
end

return _M
