--- set: OID TYPE VALUE, any number of them, in one request.
local names = require "moonpoll.names"
local options = require "moonpoll.cli.options"
local session = require "moonpoll.cli.session"
local ipairs = ipairs

local ASSIGNMENTS_MAX = 128
local TYPES = "=iu3taosxdbnIUFD"

local messages = { range = "Value out of range", syntax = "Bad value notation", tag = "Bad variable type" }

local function assignments(c, words)
  local list, i = {}, 1
  while i <= #words do
    local name, kind, value = words[i], words[i + 1], words[i + 2]
    if not kind then
      c.err(name .. ": Needs type and value\n")
      return nil
    end
    if not TYPES:find(kind:sub(1, 1), 1, true) or kind == "" then
      c.err(name .. ": Bad object type: " .. (kind == "" and "\0" or kind:sub(1, 1)) .. "\n")
      return nil
    end
    if not value then
      c.err(name .. ": Needs value\n")
      return nil
    end
    list[#list + 1] = { name = name, kind = kind:sub(1, 1), value = value }
    i = i + 3
  end
  return list
end

local function varbind(s, a)
  local oid = s:parse(a.name)
  if not oid then return nil end
  if a.kind == "o" then
    local value = s:parse(a.value, a.name)
    return value and { oid = oid, type = session.OID, value = value }
  end
  local tag, octets, detail = s.c.parse_value(names.value(s.c, s.settings, oid, a.kind, a.value))
  if tag then
    if detail then s.c.log "truncating integer value > 32 bits\n" end
    return { oid = oid, type = tag, value = octets }
  end
  s.c.log(a.name .. ": " .. (messages[octets] and messages[octets] .. " (" .. detail .. ")" or octets) .. "\n")
  return nil
end

return function(t)
  local quiet = false
  function t.take(_, flags)
    for letter in flags:gmatch "." do
      if letter ~= "q" then
        t.c.err("Unknown flag passed to -C: " .. letter .. "\n")
        options.exit(1)
      end
      quiet = true
    end
  end
  t.in_order = true -- values may begin with a dash
  options.read(t)
  local words = {}
  for word in t.c.take do words[#words + 1] = word end
  if #words == 0 then options.misuse(t, "Missing object name") end
  if #words > 3 * ASSIGNMENTS_MAX then
    options.misuse(t, "Too many assignments specified. Only %d allowed in one request.", ASSIGNMENTS_MAX)
  end
  local wanted = assignments(t.c, words)
  if not wanted then return 1 end
  local s = session.new(t)
  s:open()
  local list, bad = {}, false
  for i, a in ipairs(wanted) do
    list[i] = varbind(s, a)
    bad = bad or not list[i]
  end
  if bad then return 1 end
  local reply = s:ask(session.SET, list)
  if not reply then return 1 end
  if reply.status ~= 0 then
    s:refused(reply)
    return 2
  end
  if not quiet then s:show(reply) end
  return 0
end
