--- What agents do wrong, one constructor each. A fault is a table with a name and hooks, called in this order:
--   request(device, m)           -> true: do not answer
--   serve(device, m, answer)     the answer as a message table, changed in place
--   octets(device, m, s, answer) -> the datagram, changed
--   send(device, m, packets)     packets = {{data=, delay_ms=, from=, other_port=}, ...}, changed in place
-- A hook that acted returns non-nil (or says so through device:acted(name)), and is counted under the fault's name.
local ber = require "agent.ber"

local F = {}

local function under(root, arcs)
  if #arcs < #root then return false end
  for i = 1, #root do if root[i] ~= arcs[i] then return false end end
  return true
end

-- Combinators: a fault for some requests only.

local hooks = { "request", "serve", "octets", "send" }

-- wrap: the same fault, active for a request when when(device, m) is true; asked once per request.
local function wrap(fault, when)
  local out = { name = fault.name }
  for _, hook in ipairs(hooks) do
    local f = fault[hook]
    if f then
      out[hook] = function(device, m, ...)
        local key = m.active or {}
        m.active = key
        if key[out] == nil then key[out] = when(device, m) and true or false end
        if key[out] then return f(device, m, ...) end
      end
    end
  end
  return out
end

--- Every nth request of a device.
function F.every(n, fault) return wrap(fault, function(_, m) return m.number % n == 0 end) end
--- The first n requests since the device was first seen.
function F.first(n, fault) return wrap(fault, function(_, m) return m.number <= n end) end
--- All but the first n.
function F.after(n, fault) return wrap(fault, function(_, m) return m.number > n end) end
--- Requests that name an OID at or under this one.
function F.on(oid, fault)
  local root = ber.arcs(oid)
  return wrap(fault, function(_, m)
    for _, vb in ipairs(m.varbinds) do if under(root, vb.oid) then return true end end
    return false
  end)
end
--- Requests of one kind: "get", "getnext", "getbulk", "set".
function F.kind(kind, fault)
  local tag = ({ get = ber.GET, getnext = ber.GETNEXT, getbulk = ber.GETBULK, set = ber.SET })[kind] or error("no kind " .. kind)
  return wrap(fault, function(_, m) return m.type == tag end)
end
--- Requests of one version: 0 is v1, 1 is v2c.
function F.version(v, fault) return wrap(fault, function(_, m) return m.version == v end) end

-- Silence and time.

function F.dead() return { name = "dead", request = function() return true end } end
function F.loss_every(n) local f = F.every(n, F.dead()) f.name = "loss" return f end
function F.loss_first(n) local f = F.first(n, F.dead()) f.name = "loss" return f end
--- The answer is made but lost on its way back: a SET has happened.
function F.answer_lost()
  return { name = "answer_lost", send = function(_, _, packets)
    for i = #packets, 1, -1 do packets[i] = nil end
    return true
  end }
end
function F.delay(ms)
  return { name = "delay", send = function(_, _, packets)
    for _, p in ipairs(packets) do p.delay_ms = p.delay_ms + ms end
    return true
  end }
end
function F.slow_start(ms, n) local f = F.first(n, F.delay(ms)) f.name = "slow_start" return f end
function F.duplicate(n)
  return { name = "duplicate", send = function(_, _, packets)
    for i = 1, #packets do
      for _ = 2, n or 2 do
        local copy = {}
        for k, v in pairs(packets[i]) do copy[k] = v end
        packets[#packets + 1] = copy
      end
    end
    return true
  end }
end
--- Answers are held and leave in reverse, n at a time or after 50 ms.
function F.reorder(n)
  local held = setmetatable({}, { __mode = "k" })
  return { name = "reorder", send = function(device, _, packets)
    local h = held[device] or { generation = 0 }
    held[device] = h
    for i = #packets, 1, -1 do h[#h + 1] = packets[i] packets[i] = nil end
    local function release()
      for i = #h, 1, -1 do device.agent:deliver(device, h[i]) h[i] = nil end
      h.generation = h.generation + 1
    end
    if #h >= (n or 2) then
      release()
    else
      local generation = h.generation
      device.agent:later(50, function() if h.generation == generation then release() end end)
    end
    return true
  end }
end

-- Whose answer is it.

function F.wrong_id(by) return { name = "wrong_id", serve = function(_, _, a) a.id = a.id + (by or 1) return true end } end
function F.wrong_community(text) return { name = "wrong_community", serve = function(_, _, a) a.community = text or "other" return true end } end
function F.wrong_version() return { name = "wrong_version", serve = function(_, _, a) a.version = 1 - a.version return true end } end
function F.wrong_pdu(tag) return { name = "wrong_pdu", serve = function(_, _, a) a.type = tag or ber.GET return true end } end
function F.other_address(address) return { name = "other_address", send = function(_, _, packets)
  for _, p in ipairs(packets) do p.from = address end
  return true
end } end
function F.other_port() return { name = "other_port", send = function(_, _, packets)
  for _, p in ipairs(packets) do p.other_port = true end
  return true
end } end
--- A forged answer with the right id from another address comes first, the true one after it.
function F.forged(address)
  return { name = "forged", serve = function(_, _, a) a.forge = true end, send = function(_, m, packets)
    local fake = { version = m.version, community = m.community, type = ber.RESPONSE, id = m.id, a = 0, b = 0, varbinds = {} }
    for i, vb in ipairs(m.varbinds) do fake.varbinds[i] = { oid = vb.oid, tag = ber.INTEGER, value = 666 } end
    table.insert(packets, 1, { data = ber.encode(fake), delay_ms = 0, from = address })
    return true
  end }
end

-- Broken datagrams.

function F.truncated(n) return { name = "truncated", octets = function(_, _, s) return s:sub(1, n) end } end
function F.trailing(n) return { name = "trailing", octets = function(_, _, s) return s .. ("\0"):rep(n or 4) end } end
function F.garbage(n) return { name = "garbage", octets = function() return ber.noise(n or 60) end } end
--- Garbage first, the true answer after it.
function F.garbage_before(n) return { name = "garbage_before", send = function(_, _, packets)
  table.insert(packets, 1, { data = ber.noise(n or 60), delay_ms = 0 })
  return true
end } end
function F.empty() return { name = "empty", octets = function() return "" end } end
local function encoding(name, option)
  F[name] = function() return { name = name, octets = function(_, _, _, a) return ber.encode(a, { [option] = true }) end } end
end
encoding("over_long_lengths", "long")
encoding("zero_length_integers", "empty")
encoding("negative_counters", "negative")
--- The value under this OID gets content no value of its type has.
function F.ill_typed(oid, content)
  local root = ber.arcs(oid)
  return { name = "ill_typed", serve = function(_, _, a)
    local hit
    for _, vb in ipairs(a.varbinds) do
      if under(root, vb.oid) then vb.tag, vb.raw, hit = ber.INTEGER, content or ("\1"):rep(9), true end
    end
    return hit
  end }
end

-- Errors an agent may answer with.

local function fail(a, m, status, index)
  a.a, a.b, a.varbinds = status, index, {}
  for i, vb in ipairs(m.varbinds) do a.varbinds[i] = { oid = vb.oid, tag = vb.tag, value = vb.value } end
  return true
end
function F.error_status(status, index) return { name = "error_status", serve = function(_, m, a) return fail(a, m, status, index or 1) end } end
function F.gen_err(oid)
  local root = ber.arcs(oid)
  return { name = "gen_err", serve = function(_, m, a)
    for i, vb in ipairs(m.varbinds) do if under(root, vb.oid) then return fail(a, m, 5, i) end end
    for i, vb in ipairs(a.varbinds) do if under(root, vb.oid) then return fail(a, m, 5, math.min(i, #m.varbinds)) end end
  end }
end
local function too_big(a, m)
  fail(a, m, 1, 0)
  if m.version == 1 then a.varbinds = {} end
  return true
end
function F.too_big_octets(n) return { name = "too_big", serve = function(_, m, a) if #ber.encode(a) > n then return too_big(a, m) end end } end
function F.too_big_varbinds(n) return { name = "too_big", serve = function(_, m, a) if #a.varbinds > n then return too_big(a, m) end end } end

-- Tables gone wrong.

function F.fewer(n) return { name = "fewer", serve = function(_, _, a)
  for _ = 1, math.min(n or 1, #a.varbinds - 1) do a.varbinds[#a.varbinds] = nil end
  return true
end } end
function F.shuffled() return { name = "shuffled", serve = function(_, _, a)
  local out = {}
  for i = #a.varbinds, 1, -1 do out[#out + 1] = a.varbinds[i] end
  a.varbinds = out
  return #out > 1 or nil
end } end
function F.silent_above(n) return { name = "silent_above", request = function(_, m) return m.type == ber.GETBULK and m.b > n or nil end } end
--- Walking past this instance gives it again and again.
function F.not_increasing(oid)
  local at = ber.arcs(oid)
  return { name = "not_increasing", next = function(device, arcs)
    if ber.compare(arcs, at) >= 0 and under({ unpack(at, 1, #at - 1) }, arcs) then return device.mib:get(at) end
  end }
end
--- Behind `last` comes `back` again: A B C A B C ...
function F.cycle(last, back)
  local l, b = ber.arcs(last), ber.arcs(back)
  return { name = "cycle", next = function(device, arcs) if ber.compare(arcs, l) == 0 then return device.mib:get(b) end end }
end
--- A column that never ends: behind every index comes the next number.
function F.endless(column)
  local root = ber.arcs(column)
  return { name = "endless", next = function(_, arcs)
    if under(root, arcs) or ber.compare(arcs, root) == 0 then
      local oid = { unpack(root) }
      oid[#root + 1] = (arcs[#root + 1] or 0) + 1
      return { oid = oid, tag = ber.INTEGER, value = 1 }
    end
  end }
end

-- Life.

--- Once, at the nth request.
function F.reboot_at(n) return { name = "reboot", request = function(device, m)
  if m.number == n then device:reboot() device:acted "reboot" end
end } end

return F
