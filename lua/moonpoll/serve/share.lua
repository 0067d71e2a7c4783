--- What the workers of one nginx know together of an agent, in a dictionary: what was learned of it, for how long it has been
-- silent, and who asks it now. Nothing secret is there. Entries expire, so what a worker held that was killed does not last.
--
--   moonpoll:agent:NAME          what agent:export() gives
--   moonpoll:silence:ADDRESS:ID  when the next request is let through (0: all are), with the silent requests in its flags
--   moonpoll:trial:ADDRESS:ID    somebody makes that one request
--   moonpoll:place:ADDRESS:N     somebody has the Nth of the requests that may be under way
--   moonpoll:want:ADDRESS        a worker that waits for a place
local setmetatable, random = setmetatable, math.random
local core = require "moonpoll.core"
local clock = core.clock

local _M = {}
local mt = { __index = _M }

local SAVE_S = 10      -- what is known of an agent goes to the dictionary as often
local SAVED_S = 86400  -- and is believed so long
local SILENCE_S = 3600
local ENDED_S = 1      -- slack for a request that is about to be over
local WANT_S = 0.02    -- who waits says so again before that
local LOOK_S = 0.01    -- what others say is looked at as often: each time would cost 2 us a request
local PLACES_MAX = 1000 -- more than that a worker is no limit, and not looked for
local FEW = 16         -- are looked at in their order

--- What is shared of an agent; takes what others learned.
-- @param dict  of ngx.shared
-- @param agent  of moonpoll.core
-- @tparam string address
-- @tparam string name  address, version and user: those with the same learn from each other
-- @tparam string id  of the credential, from which it cannot be read
-- @param worker  tells the workers apart
function _M.new(dict, agent, address, name, id, worker)
  local at = address .. ":"
  local self = { dict = dict, agent = agent, worker = worker, learned = "moonpoll:agent:" .. name, save_at = 0,
    silence = "moonpoll:silence:" .. at .. id, trial = "moonpoll:trial:" .. at .. id, place = "moonpoll:place:" .. at, places = {}, held = {},
    want = "moonpoll:want:" .. address, silent = 0, till = 0,
    look_at = 0 }
  local known = dict:get(self.learned)
  if known then agent:import(known) end
  return setmetatable(self, mt)
end

--- Tells others what was learned, now and then.
function _M:save()
  if self.look_at < self.save_at then return end
  self.save_at = self.look_at + SAVE_S
  local known = self.agent:export()
  if known then self.dict:set(self.learned, known, SAVED_S) end
end

--- Before a request: takes how silent it is to all. True: somebody in another worker waits for a place, and should have the next.
function _M:look(now)
  if now < self.look_at then return false end
  self.look_at = now + LOOK_S
  local till, silent = self.dict:get(self.silence)
  till, silent = till or 0, silent or 0 -- flags of 0 are not given
  if till ~= self.till or silent ~= self.silent then self:be(silent, till) end
  local worker = self.dict:get(self.want)
  return worker ~= nil and worker ~= self.worker
end

-- ---- silence ----

function _M:be(silent, till)
  self.silent, till = self.agent:silence(silent, till > 0 and till or nil)
  self.till = till or 0
end

--- True: it is down, and this request finds out whether it still is; it may take so many seconds.
function _M:tries(seconds, now)
  if self.till == 0 or now < self.till then return false end
  if self.dict:add(self.trial, self.worker, seconds + ENDED_S) then return true end
  self:be(self.silent, now + ENDED_S) -- another one does
  return false
end

--- After a request: tells others what has changed.
-- @tparam boolean heard  it was answered
-- @tparam boolean trial  it was
function _M:told(heard, trial)
  if heard and self.silent == 0 then return end
  local silent, till = self.agent:silence()
  till = till or 0
  if silent ~= self.silent or till ~= self.till then
    self.silent, self.till = silent, till
    if silent == 0 then
      self.dict:delete(self.silence)
    elseif till > 0 or (self.dict:get(self.silence) or 0) == 0 then -- else others have found it down meanwhile
      self.dict:set(self.silence, till, SILENCE_S, silent)
    end
  end
  if trial then self.dict:delete(self.trial) end
end

-- ---- places ----

--- A place among so many, for so long; 0: none is needed; nil: all are taken.
function _M:take(window, seconds, now)
  if window > PLACES_MAX then return 0 end
  local dict, places = self.dict, self.places
  local first = window > FEW and random(window) or 1
  for i = 0, window - 1 do
    local n = (first + i - 1) % window + 1
    local key = places[n]
    if not key then
      key = self.place .. n
      places[n] = key
    end
    local ok, err = dict:add(key, self.worker, seconds + ENDED_S)
    if ok then
      self.held[n] = now + seconds + ENDED_S
      return n
    end
    if err ~= "exists" then return 0 end -- a dictionary that is full holds nobody up
  end
end
--- Holds it for longer.
function _M:hold(n, seconds)
  if n == 0 then return end
  self.dict:set(self.places[n], self.worker, seconds + ENDED_S)
  self.held[n] = clock() + seconds + ENDED_S
end
function _M:leave(n)
  if n > 0 and clock() < self.held[n] then self.dict:delete(self.places[n]) end -- later it is another's
end

--- Says that somebody here waits, and looks again after so long.
function _M:wait(seconds) self.dict:set(self.want, self.worker, seconds + WANT_S) end

return _M
