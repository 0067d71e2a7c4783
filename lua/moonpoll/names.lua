--- Names of objects, for people: what they type becomes an OID, an OID and its value become text. This is the numeric
-- one, as net-snmp is without MIB modules: only the three top arcs have names. `c` are the functions of core/bind/tool.
local getenv = os.getenv

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
  if settings.ucd and text:sub(1, 1) ~= "." then text = MIB_2 .. text end
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
