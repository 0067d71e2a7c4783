--- bulkget: one GETBULK, all of its answer.
local bulk = require "moonpoll.cli.bulk"
local options = require "moonpoll.cli.options"
local session = require "moonpoll.cli.session"
local ipairs = ipairs

return function(t)
  local wanted = { n = 0, r = 10 }
  t.take = bulk(wanted, {})
  options.read(t)
  local words, list = {}, {}
  for word in t.c.take do words[#words + 1] = word end
  if #words < wanted.n then
    t.c.err "snmpbulkget: need more objects than <nonrep>\n"
    return 1
  end
  local s = session.new(t)
  for i, word in ipairs(words) do
    local oid = s:parse(word)
    if not oid then return 1 end
    list[i] = session.asked(oid)
  end
  s:open()
  local reply = s:ask(session.GETBULK, list, wanted.n, wanted.r)
  if not reply then return 1 end
  if reply.status == 0 then
    s:show(reply)
  elseif reply.status == session.NO_SUCH_NAME then
    t.c.out "End of MIB.\n"
  else
    s:refused(reply)
    return 2
  end
  return 0
end
