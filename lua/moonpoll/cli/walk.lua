--- walk and bulkwalk: everything under an OID, by GETNEXT or by GETBULK.
--
-- Both ask for several answers of theirs at once while the agent plays along, a fourth or less of the packets; see
-- core/bind/tool/stretch.h for why nobody can tell from what is shown.
local bulk = require "moonpoll.cli.bulk"
local options = require "moonpoll.cli.options"
local session = require "moonpoll.cli.session"
local char, floor = string.char, math.floor

local MIB_2 = "1.3.6.1.2.1"
local OCTETS = 1400 -- of varbinds asked for at once: one datagram, one fragment
local CALM = 8      -- answers until more is tried again
local FAILURES = 3  -- times that is done

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

local function refusal(s, status)
  if status == session.NO_SUCH_NAME then
    s.c.out "End of MIB\n"
    return 0
  end
  s:refused(s.c.reply())
  return 2
end

-- How many groups to ask for at once.
local pace = {}
pace.__index = pace

function pace.new(s, w)
  local alone = s.settings.version == "1" or not w.check or w.time_each or w.exact or s.settings.dump or w.n ~= 0 or w.r < 1
  return setmetatable({ groups = 1, calm = 0, failures = alone and FAILURES or 0 }, pace)
end

-- Shown of so many octets, asked of `asked`.
function pace:went_well(shown, octets, asked, group)
  if self.failures >= FAILURES or shown == 0 then return end
  self.calm = self.calm - 1
  if self.calm > 0 then return end
  local room = floor(OCTETS / (octets / shown) / group)
  if shown < asked then room = math.min(room, floor(shown / group)) end
  self.groups = math.max(1, math.min(self.groups * 2, room))
end

function pace:went_wrong()
  self.groups, self.calm, self.failures = 1, CALM, self.failures + 1
end

-- Several groups at once. Returns where to go on, how many were shown, whether it was in order; nothing when it was not.
local function leap(s, w, p, name)
  local asked = p.groups * w.group
  local status = s.c.ask(session.GETBULK, { session.asked(name) }, 0, asked, 0)
  if status ~= 0 then return p:went_wrong() end
  local go_on, shown, _, refused = s.c.stretch(name, w.root, w.stop, w.group, false, true)
  if refused then return p:went_wrong() end
  p:went_well(shown, s.c.octets(), asked, w.group)
  return go_on, shown, true
end

local function step(s, w, p, name)
  local c = s.c
  local begun = w.time_each and c.now()
  local status
  if w.bulk then
    status = s:send(session.GETBULK, { session.asked(name) }, w.n, w.r)
  else
    status = s:send(session.GETNEXT, { session.asked(name) })
  end
  if not status then return nil, 0, 1, false end
  if status ~= 0 then return nil, 0, refusal(s, status), true end
  local go_on, shown, failed = c.stretch(name, w.root, w.stop, w.group, true, w.check, begun and c.now() - begun or nil)
  p:went_well(shown, c.octets(), w.group, w.group)
  return go_on, shown, failed and 1 or 0, true
end

local function walk(s, w)
  local p, name, total, status, answered = pace.new(s, w), w.root, 0, 0, false
  while name do
    local go_on, shown, fine
    if p.groups > 1 then go_on, shown, fine = leap(s, w, p, name) end
    if fine then
      answered = true
    else
      local failed
      go_on, shown, failed, answered = step(s, w, p, name)
      if failed ~= 0 then status = failed end
    end
    name, total = go_on, total + shown
  end
  return total, status, answered
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
    local take = bulk(w, letters)
    function t.take(...)
      local r = w.r
      w.r = nil
      take(...)
      w.exact = w.exact or w.r ~= nil -- so many and no others
      w.r = w.r or r
    end
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
  w.group = is_bulk and w.r > 0 and w.r or 1
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
