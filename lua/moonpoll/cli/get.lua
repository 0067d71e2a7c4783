--- get and getnext. What the agent does not have is left out and the rest asked for again.
local options = require "moonpoll.cli.options"
local session = require "moonpoll.cli.session"
local ipairs, remove = ipairs, table.remove

local OIDS_MAX = 128

return function(t, next)
  local fix = true
  function t.take(_, flags)
    for letter in flags:gmatch "." do
      if letter ~= "f" then
        t.c.err("Unknown flag passed to -C: " .. letter .. "\n")
        options.exit(1)
      end
      fix = not fix
    end
  end
  options.read(t)
  local words = {}
  for word in t.c.take do words[#words + 1] = word end
  if #words == 0 then options.misuse(t, "Missing object name") end
  if #words > OIDS_MAX then
    options.misuse(t, "Too many object identifiers specified. Only %d allowed in one request.", OIDS_MAX)
  end
  local s = session.new(t)
  s.full_stop = "."
  s:open()
  local list, bad = {}, false
  for _, word in ipairs(words) do
    local oid = s:parse(word)
    bad = bad or not oid
    list[#list + 1] = oid and session.asked(oid)
  end
  if bad then return 1 end
  local status = 0
  repeat
    local again = false
    local reply = s:ask(next and session.GETNEXT or session.GET, list)
    if not reply then return 1 end
    if reply.status == 0 then
      s:show(reply)
    else
      s:refused(reply, not next and "Error in packet")
      if not next or reply.index ~= 0 then status = 2 end
      if fix and reply.index >= 1 and reply.index <= #reply and #reply > 1 then
        remove(reply, reply.index)
        list, again = reply, true
      end
    end
  until not again
  return status
end
