--- Names of objects, for people: what they type becomes an OID, an OID and its value become text. `c` are the functions of
-- core/bind/tool. With MIBS= in the environment, or -m "", only the three top arcs have names, as with net-snmp without MIB
-- modules; otherwise every module has that is built in or was added. Which modules -m and MIBS list makes no difference.
local getenv, tostring = os.getenv, tostring

local _M = {}

local MIB_2 = "1.3.6.1.2.1."
local tops = { iso = true, ccitt = true, ["joint-iso-ccitt"] = true }
local MIB_DIRS = "/usr/share/snmp/mibs:/usr/share/snmp/mibs/iana:/usr/share/snmp/mibs/ietf"

local function mib_dirs(settings)
  local home = getenv "HOME"
  local default = (home and home .. "/.snmp/mibs:" or "") .. MIB_DIRS
  local dirs = settings.mib_dirs or getenv "MIBDIRS" or default
  if dirs:sub(1, 1) == "+" then return default .. ":" .. dirs:sub(2) end
  if dirs:sub(1, 1) == "-" then return dirs:sub(2) .. ":" .. default end
  return dirs
end

--- Are there names? Not with an empty list of modules, nor when modules are looked for (-M) where no directory is.
-- @tparam table c
-- @tparam table settings  mibs: the value of -m; mib_dirs: that of -M
function _M.wanted(c, settings)
  if (settings.mibs or getenv "MIBS") == "" then return false end
  local found = not settings.mib_dirs
  for dir in mib_dirs(settings):gmatch "[^:]+" do found = found or c.is_directory(dir) end
  return found
end

-- An OID, or why it is none; neither: whoever knows numbers has to say.
local function by_name(c, settings, text)
  if text:find "^%.?%d[%d.]*$" then return nil end
  local octets, code, detail = c.parse_name(text, settings.no_range)
  if octets then return octets end
  if code == "missing" or tops[text:match "^%.?([^.]*)"] then return nil end
  if code ~= "syntax" or (text:find ":" and detail:find("(top)", 1, true)) then return nil, "Unknown Object Identifier" end
  return nil, "Unknown Object Identifier (" .. detail .. ")"
end

-- -IR: one name of any module, or of the one in front, and what is below it. Nothing is said of why there is none.
local function by_leaf(c, settings, text)
  text = text:gsub("^%.(%a)", "%1")
  local module, rest = text:match "^([%w-]*)::?(.*)$"
  local leaf = (rest or text):match "^[^.]*"
  if leaf:find "^%a[%w-]*$" and (module or tops[leaf] or c.parse_name(leaf)) then return by_name(c, settings, text) end
  if module and not c.parse_name(module .. "::" .. leaf:match "^[%w-]*") then return by_name(c, settings, text) end
  return nil, "Unknown Object Identifier"
end

--- The type letter and text of a value of a SET as the object has it: "=" is its own type, labels are numbers.
-- @treturn string letter
-- @treturn string text
function _M.value(c, settings, octets, letter, text)
  if not settings.names or octets == "" or (letter ~= "=" and letter ~= "i" and letter ~= "3") then return letter, text end
  local own, value = c.object(octets, text)
  if letter == "=" then letter = own or letter end
  if value and letter ~= "b" then text = tostring(value) end
  return letter, text
end

--- An OID as somebody typed it.
-- @tparam table c
-- @tparam table settings  with prefix and suffix to put around it
-- @tparam string text
-- @treturn[1] string content octets
-- @treturn[2] nil
-- @treturn[2] ?string why
-- @treturn[2] ?boolean it is an OID, but no packet can hold it
function _M.parse(c, settings, text)
  local suffix, prefix = settings.suffix or "", settings.prefix or ""
  if suffix ~= "" or prefix ~= "" then
    text = prefix .. text .. ((suffix == "" or suffix:sub(1, 1) == ".") and "" or ".") .. suffix
  end
  local pattern = text
  if settings.ucd and text:sub(1, 1) ~= "." and not (settings.names and (settings.random or settings.best)) then text = MIB_2 .. text end
  if settings.names and settings.best and not settings.random then
    local octets = tops[text] and c.parse_oid(text, true) or c.parse_best(pattern)
    if octets or not text:find(":", 1, true) or c.parse_name(text) then return octets, not octets and "" or nil end
  end
  if settings.names then
    local octets, why = (settings.random and by_leaf or by_name)(c, settings, text)
    if why and not settings.random and not settings.best then octets = by_leaf(c, settings, pattern) or c.parse_best(pattern) end
    if octets or why then return octets, settings.ucd and text:find(":", 1, true) and "Unknown Object Identifier" or why end
  end
  if text:find(":", 1, true) then
    local module = text:match "^([%w-]*):"
    if module then
      c.log("MIB search path: " .. mib_dirs(settings) .. "\n")
      c.log("Cannot find module" .. (module ~= "" and " (" .. module .. ")" or "") .. ": At line 1 in (none)\n")
    end
    return nil, "Unknown Object Identifier"
  end
  if settings.best and not settings.random then
    local octets = c.parse_oid(text, true)
    return octets, not octets and "" or nil
  end
  if settings.random and not tops[text:match "^[^.]*"] then return nil, "Unknown Object Identifier" end
  local octets, code, detail = c.parse_oid(text)
  if octets then return octets end
  if code == "range" then return nil, nil, true end
  return nil, "Unknown Object Identifier (" .. detail .. ")"
end

--- A name as text.
function _M.oid(c, octets) return c.show_oid(octets) end

--- A varbind { oid =, type =, value = } as a line on stdout.
function _M.print(c, varbind) return c.print(varbind) end

return _M
