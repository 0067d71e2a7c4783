-- What smidump says of modules as XML, and what `moonpoll mib show` says, in the same words: sorted lines by module.
local _M = {}

local bases = { Integer32 = "int", Enumeration = "int", Bits = "bits", OctetString = "octets", ObjectIdentifier = "oid", Unsigned32 = "unsigned32",
                Counter32 = "counter32", Counter = "counter32", Counter64 = "counter64", Gauge32 = "gauge32", Gauge = "gauge32", TimeTicks = "ticks",
                IpAddress = "ip", Opaque = "opaque" }
local accesses = { noaccess = "na", readonly = "ro", readwrite = "rw", notifyonly = "notify" }
local of_smi = { ["SNMPv2-SMI"] = true, ["RFC1155-SMI"] = true, [""] = true }

local function attribute(tag, name) return tag:match("%f[%w]" .. name .. '="([^"]*)"') end

local function named(module, name) return of_smi[module] and bases[name] or name end

-- The inside of a typedef: refined type or base, ranges, labels.
local function refinement(tag, body)
  local words = {}
  local parent = body:match "<parent [^>]*>"
  words[1] = parent and named(attribute(parent, "module"), attribute(parent, "name")) or bases[attribute(tag, "basetype")]
  for range in body:gmatch "<range [^>]*>" do
    local low, high = attribute(range, "min"), attribute(range, "max")
    words[#words + 1] = low == high and low or low .. ".." .. high
  end
  for label in body:gmatch "<namednumber [^>]*>" do words[#words + 1] = attribute(label, "name") .. "=" .. attribute(label, "number") end
  return table.concat(words, " ")
end

local function syntax(text)
  local simple = text:match "<type [^>]*>"
  if simple then return named(attribute(simple, "module"), attribute(simple, "name")) end
  local tag, body = text:match "(<typedef [^>]*>)(.*)</typedef>"
  return refinement(tag, body)
end

function _M.of_smidump(xml)
  local modules = {}
  xml = xml:gsub("<description>.-</description>", "")
  for module in xml:gmatch "<smi .-</smi>" do
    local lines = {}
    modules[attribute(module:match "<module [^>]*>", "name")] = lines
    local types, rest = module:match "<typedefs>(.-)</typedefs>(.*)"
    for tag, body in (types or ""):gmatch "(<typedef [^>]*>)(.-)</typedef>" do
      local hint = body:match "<format>(.-)</format>"
      lines[#lines + 1] = ("type %s %s%s"):format(attribute(tag, "name"), refinement(tag, body), hint and (" %q"):format(hint) or "")
    end
    local create
    for kind, tag, at in (rest or module):gmatch "<(%l+) ([^>]*oid=[^>]*)>()" do
      local body = (rest or module):sub(at):match "^.-\n%s*</?%l+ ?[^>]*oid=" or (rest or module):sub(at)
      local line = { kind, attribute(tag, "name"), attribute(tag, "oid") }
      if kind == "row" then
        create = attribute(tag, "create") == "true"
        local linkage, inside = body:match "(<linkage[^>]*>)(.-)</linkage>"
        local augmented = inside:match "<augments [^>]*>"
        if augmented then line[#line + 1] = "+ " .. attribute(augmented, "name") end
        for index in inside:gmatch "<index [^>]*>" do line[#line + 1] = attribute(index, "name") end
        if attribute(linkage, "implied") == "true" then line[#line] = "!" .. line[#line] end
      elseif kind == "column" or kind == "scalar" then
        local access = accesses[body:match "<access>(.-)</access>"]
        line[#line + 1] = syntax(body:match "<syntax>(.-)</syntax>")
        line[#line + 1] = kind == "column" and create and access == "rw" and "rc" or access
        local units = body:match "<units>(.-)</units>"
        if units then line[#line + 1] = ("units %q"):format(units) end
      end
      lines[#lines + 1] = table.concat(line, " ")
    end
    table.sort(lines)
  end
  return modules
end

--- oids: of names that stand above, by name; those of the modules are added.
function _M.of_facts(text, oids)
  local modules, lines = {}, nil
  for line in text:gsub("\n%s+", " "):gmatch "[^\n]+" do
    local kind, name, rest = line:match "^(%l+) (%S+) ?(.*)$"
    if kind == "module" then
      lines = {}
      modules[name] = lines
    else
      local hint = kind == "type" and rest:match ' "[^"]*"' or ""
      local units = kind ~= "type" and rest:match ' units "[^"]*"' or ""
      rest = rest:gsub(' units "[^"]*"', ""):gsub(' "[^"]*"', "")
      for _, status in ipairs { "deprecated", "obsolete", "mandatory", "optional" } do rest = rest:gsub(" " .. status .. "$", "") end
      if kind ~= "type" then
        local above, below, more = rest:match "^([%w-]+)(%.[%d.]+)(.*)$"
        oids[name] = (oids[above] or above) .. below
        rest = oids[name] .. more:gsub("^ = ", " ")
      end
      lines[#lines + 1] = ("%s %s %s%s%s"):format(kind == "identity" and "node" or kind, name, rest, hint, units)
    end
  end
  for _, list in pairs(modules) do table.sort(list) end
  return modules
end

return _M
