--- walk and bulkwalk: everything under an OID, by GETNEXT or by GETBULK.
local bulk = require "moonpoll.cli.bulk"
local options = require "moonpoll.cli.options"
local session = require "moonpoll.cli.session"
local char, floor, sub = string.char, math.floor, string.sub

local MIB_2 = "1.3.6.1.2.1"

local function is_exception(vb) return vb.type >= 0x80 and vb.type <= 0x82 end

-- What comes behind everything under these octets, in their order: the last arc and one.
local function after(octets)
  if octets == "" then return "" end
  if octets:byte() == 128 then return char(128, octets:byte(2) + 1) end -- a top arc alone
  local last = octets:match "[\128-\255]*[%z\1-\127]$" or octets
  local head = octets:sub(1, #octets - #last)
  local value = 0
  for j = 1, #last do value = value * 128 + last:byte(j) % 128 end
  value = value + 1
  local out = char(value % 128)
  value = floor(value / 128)
  while value > 0 do
    out = char(128 + value % 128) .. out
    value = floor(value / 128)
  end
  return head .. out
end

-- One GET, when the OID itself may be all there is. What goes wrong is not told.
local function look(s, root)
  local reply = s:ask(session.GET, { session.asked(root) })
  if not reply or reply.status ~= 0 then return 0 end
  s:show(reply)
  return #reply
end

local function not_increasing(s, before, now)
  s.c.flush()
  s.c.err("Error: OID not increasing: " .. s:text(before) .. "\n >= " .. s:text(now) .. "\n\n")
end

-- One answer. Returns where to go on (nil: the end), lines printed, exit status.
local function take(s, w, reply, name, took)
  local c, print, status, shown, go_on = s.c, s.print, 0, 0, true
  local root, n_root, stop = w.root, #w.root, w.stop
  local last, after_name = reply[#reply], name
  for i = 1, #reply do
    local vb = reply[i]
    local oid = vb.oid
    if stop and c.compare(stop, oid) <= 0 or not stop and sub(oid, 1, n_root) ~= root and not c.under(root, oid) then
      go_on = false
    else
      shown = shown + 1
      if took then c.out(("%f s: "):format(took)) end
      print(s, vb)
      if is_exception(vb) then
        go_on = false
      else
        if w.check and c.compare(after_name, oid) >= 0 then
          not_increasing(s, after_name, oid)
          go_on, status = false, 1
        end
        if not w.bulk or vb == last then after_name = oid end
      end
    end
  end
  return go_on and after_name or nil, shown, status
end

local function refusal(s, reply)
  if reply.status == session.NO_SUCH_NAME then
    s.c.out "End of MIB\n"
    return 0
  end
  s:refused(reply)
  return 2
end

local function walk(s, w)
  local c, name, shown, status, answered = s.c, w.root, 0, 0, false
  while name do
    local begun = w.time_each and c.now()
    local reply = s:ask(w.bulk and session.GETBULK or session.GETNEXT, { session.asked(name) }, w.n, w.r)
    answered = reply ~= nil
    if not reply then
      name, status = nil, 1
    elseif reply.status ~= 0 then
      name, status = nil, refusal(s, reply)
    else
      local more, failed
      name, more, failed = take(s, w, reply, name, begun and c.now() - begun)
      shown = shown + more
      if failed ~= 0 then status = failed end
    end
  end
  return shown, status, answered
end

return function(t, is_bulk)
  local w = { bulk = is_bulk, n = 0, r = 10, flags = {} }
  local function flag(name)
    return function() w.flags[name] = not w.flags[name] end
  end
  local letters = { c = flag "unordered", i = flag "include", p = flag "statistics" }
  if not is_bulk then
    letters.I, letters.t, letters.T = flag "exclude", flag "time", flag "time_each"
    letters.E = function() w.last = t.c.take() end
    function t.take(_, flags)
      for letter in flags:gmatch "." do
        if not letters[letter] then
          t.c.err("Unknown flag passed to -C: " .. letter .. "\n")
          options.exit(1)
        end
        letters[letter]()
      end
    end
  else
    t.take = bulk(w, letters)
  end
  local settings = options.read(t)
  for _, name in ipairs { "unordered", "include", "statistics", "exclude", "time", "time_each" } do
    if settings[name] == nil then settings[name] = w.flags[name] or false end
  end
  local s, c = session.new(t), t.c
  w.root = s:parse(c.take() or MIB_2)
  if not w.root then return 1 end
  if not is_bulk then
    if w.last then
      w.stop = s:parse(w.last)
      if not w.stop then return 1 end
    else
      w.stop = after(w.root)
    end
  end
  w.check, w.time_each = not settings.unordered, not is_bulk and settings.time_each
  s:open()
  local shown = settings.include and look(s, w.root) or 0
  local begun = c.now()
  local more, status, answered = walk(s, w)
  local took = c.now() - begun
  shown = shown + more
  if shown == 0 and answered and (is_bulk or not settings.exclude) then shown = look(s, w.root) end
  if settings.statistics then c.out(("Variables found: %d\n"):format(shown)) end
  if settings.time and not is_bulk then c.err(("Total traversal time = %f seconds\n"):format(took)) end
  return status
end
