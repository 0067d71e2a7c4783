--- Waiting inside nginx (OpenResty, APISIX, Kong, Debian's libnginx-mod-http-lua): the only file of this library that knows `ngx`.
--
-- A UDP cosocket belongs to one request, has one peer and one waiter. So sockets come from a pool of the request, are
-- reused within it, and end with it, however it ends. What must outlive a request (what is known of an agent, how many
-- requests are under way to it) is kept by its worker, in tables whose entries expire when nobody takes them away.
-- luacheck: globals ngx
local ngx = rawget(_G, "ngx")
if not (ngx and ngx.socket and ngx.socket.udp) then return false end

local collectgarbage, jit, pairs, pcall, setmetatable, tostring, type = collectgarbage, jit, pairs, pcall, setmetatable, tostring, type
local ceil, find, max, min = math.ceil, string.find, math.max, math.min
local udp, get_phase, thread_spawn, thread_wait, thread_kill = ngx.socket.udp, ngx.get_phase, ngx.thread.spawn, ngx.thread.wait, ngx.thread.kill
local status = coroutine.status
local random = math.random
local ffi = require "ffi"
local core = require "moonpoll.core"
local clock = core.clock
local has_semaphore, semaphore = pcall(require, "ngx.semaphore")
local has_base, base = pcall(require, "resty.core.base")
local request_of = has_base and base.get_request or function() return nil end

local _M = {}

--- What ngx_lua can receive at most: UDP_MAX_DATAGRAM_SIZE of its sources.
_M.DATAGRAM_MAX = 8192
local SOCKETS_MAX = 1000 -- open at once in one request
local ENDED_S = 1        -- slack for a waiter that is about to say that it is over
local LOOK_S = 0.004     -- who waits for a place among all workers' looks as often at first
local LOOK_MAX_S = 0.01  -- and later on

local phases = { rewrite = true, access = true, content = true, timer = true, ssl_cert = true, ssl_session_fetch = true,
  ssl_client_hello = true, preread = true, server_rewrite = true }

--- Why nothing can be asked here; nil: it can.
function _M.unable()
  local phase = get_phase()
  if phases[phase] then return nil end
  return ("SNMP waits on cosockets, which nginx does not have in the phase %s: do it in ngx.timer.at(0, function() ... end)"):format(phase)
end

_M.now = clock
function _M.time()
  ngx.update_time()
  return ngx.now()
end
function _M.sleep(seconds) ngx.sleep(seconds) end

local levels = { error = ngx.ERR, warn = ngx.WARN, info = ngx.INFO, debug = ngx.DEBUG }
function _M.log(level, text) ngx.log(levels[level] or ngx.ERR, text) end

-- 16 random octets that a program is started with: all workers have those of their master, and nobody else.
local function octets_of_start()
  pcall(ffi.cdef, "unsigned long getauxval(unsigned long);")
  local AT_RANDOM = 25
  local ok, at = pcall(function() return ffi.C.getauxval(AT_RANDOM) end)
  if ok and at ~= 0 then return ffi.string(ffi.cast("const char *", at), 16) end
  return tostring({}) .. tostring(clock()) .. tostring(random())
end
local salt = octets_of_start()
--- A key for what has a secret in it, of which nothing can be read back; the same in every worker.
function _M.digest(text) return ngx.md5(ngx.sha1_bin(salt .. text)) end
--- For what has none.
function _M.hash(text) return ngx.md5(text) end

--- The dictionary of that name, nil where there is none.
function _M.shared(name) return ngx.shared[name] end

-- ---- light threads ----

function _M.spawn(f, ...) return thread_spawn(f, ...) end
function _M.kill(thread) return thread_kill(thread) end
--- Waits for a light thread, whoever started it.
function _M.join(thread)
  local _, err = thread_wait(thread)
  if err and find(tostring(err), "parent", 1, true) then
    while status(thread) ~= "dead" and status(thread) ~= "zombie" do ngx.sleep(0.001) end
  end
end
--- Runs f in a light thread for so many seconds at most: true and what it returned, or false and whether time was up.
function _M.within(seconds, f, ...)
  local worker = thread_spawn(f, ...)
  local watch = thread_spawn(function()
    ngx.sleep(seconds)
    return _M
  end)
  local ok, value, err = thread_wait(worker, watch)
  if value == _M then
    thread_kill(worker)
    return false, true
  end
  thread_kill(watch)
  if not ok then return false, false, value end
  return true, value, err
end
--- Later, apart from this request.
function _M.later(seconds, f, ...) return ngx.timer.at(seconds, function(premature, ...) if not premature then f(...) end end, ...) end

-- ---- sockets of a request ----

local function pool_of_request()
  local ctx, request = ngx.ctx, request_of()
  local pool = ctx.moonpoll_pool
  if not pool or pool.request ~= request then -- a subrequest may have its parent's ctx, but not its sockets
    pool = { request = request, idle = {}, open = setmetatable({}, { __mode = "k" }), n = 0, began = clock() }
    ctx.moonpoll_pool = pool
  end
  return pool
end

--- When this request, or timer, first asked something.
function _M.began() return pool_of_request().began end

local function close(pool, socket)
  if pool.open[socket] then
    pool.open[socket] = nil
    pool.n = pool.n - 1
  end
  socket:close()
end

-- One that nobody uses goes; else those of threads that were killed are looked for.
local function make_room(pool)
  for key, list in pairs(pool.idle) do
    local n = #list
    if n > 0 then
      close(pool, list[n])
      list[n] = nil
      return true
    end
    pool.idle[key] = nil
  end
  collectgarbage()
  local n = 0
  for _ in pairs(pool.open) do n = n + 1 end
  pool.n = n
  return n < _M.sockets
end
_M.sockets = SOCKETS_MAX

local function take(pool, peer)
  local list = pool.idle[peer.address]
  local n = list and #list or 0
  if n > 0 then
    local socket = list[n]
    list[n] = nil
    return socket
  end
  if pool.n >= _M.sockets and not make_room(pool) then
    return nil, "budget", "this request has " .. _M.sockets .. " sockets open already"
  end
  local socket = udp()
  local ok, err = socket:setpeername(peer.host, peer.port)
  if not ok then
    err = tostring(err)
    local dns = find(err, "resolve", 1, true) or find(err, "resolver", 1, true) or find(err, "host not found", 1, true)
    return nil, dns and "dns" or find(err, "unreachable", 1, true) and "unreachable" or "budget", err
  end
  pool.open[socket] = true
  pool.n = pool.n + 1
  return socket
end

local function give(pool, peer, socket)
  local list = pool.idle[peer.address]
  if not list then
    list = {}
    pool.idle[peer.address] = list
  end
  list[#list + 1] = socket
end

-- ---- how many requests are under way to an agent ----

-- Those of this worker, by address: n, out = ask -> when it will have ended, turn = semaphore of those who wait.
local gates = setmetatable({}, { __mode = "v" })

-- Threads that were killed never said that they are over: what they hold expires.
local function sweep(gate, now)
  local n, soonest = 0, now + ENDED_S
  for ask, till in pairs(gate.out) do
    if till <= now then
      gate.out[ask] = nil
    else
      n, soonest = n + 1, min(soonest, till)
    end
  end
  gate.n = n
  return soonest
end

local function leave(peer, ask)
  local gate = peer.gate
  if gate.out[ask] then
    gate.out[ask] = nil
    gate.n = gate.n - 1
    if gate.turn and gate.turn:count() < 0 then gate.turn:post(1) end -- somebody waits, and was not killed
  end
end

-- Workers tell each other nothing but by looking: often at first, then less.
local function wait_in_line(peer, ask, began, yields)
  local shared, gate, now = peer.shared, peer.gate, began
  while true do
    local pause = min(LOOK_MAX_S, LOOK_S + (now - began) / 8) * (0.25 + 0.75 * random())
    if yields then pause, yields = 1.2 * LOOK_MAX_S, false end -- others look once more before that
    shared:wait(pause)
    ngx.sleep(pause)
    now = clock()
    gate.out[ask] = now + peer.give_up + ENDED_S
    shared:look(now)
    local place = shared:take(peer.window, peer.give_up, now)
    if place then return place, now end
  end
end
jit.off(wait_in_line) -- compiled, a loop that yields leaves traces with every wait

-- A place among those of all workers; and whether this is the trial of one that is down.
local function enter_all(peer, ask, now)
  local shared = peer.shared
  local yields = shared:look(now)
  local place = not yields and shared:take(peer.window, peer.give_up, now)
  if not place then place, now = wait_in_line(peer, ask, now, yields) end
  return place, shared:tries(peer.give_up, now)
end

-- Waits for its turn.
local function enter(peer, ask)
  local gate, now = peer.gate, clock()
  while gate.n >= peer.window do
    local soonest = sweep(gate, now)
    if gate.n < peer.window then break end
    if has_semaphore then
      gate.turn = gate.turn or semaphore.new(0)
      gate.turn:wait(max(0.001, soonest - now))
    else
      ngx.sleep(0.002)
    end
    now = clock()
  end
  gate.n = gate.n + 1
  gate.out[ask] = now + peer.give_up + ENDED_S
  if peer.shared then return enter_all(peer, ask, now) end
end

--- Where to send: address text of host and port.
-- @tparam string host
-- @tparam number port
-- @tparam number window  requests under way at once
-- @tparam number give_up  seconds a request may take
function _M.peer(host, port, window, give_up)
  local literal = find(host, ":", 1, true) and "[" .. host .. "]" or host
  local address = literal .. ":" .. port
  local gate = gates[address] or { n = 0, out = setmetatable({}, { __mode = "k" }) }
  gates[address] = gate
  return { host = literal, port = port, address = address, window = window, give_up = give_up, gate = gate }
end

-- A datagram out, the answer to the ask in, or silence. True: it was answered.
local function exchange(socket, ask, datagram, wait)
  local ok, err = socket:send(datagram)
  local verdict, reply = "drop", nil
  if not ok then verdict, wait = ask:icmp(find(err, "refused", 1, true) and "refused" or "unreachable") end
  while verdict == "drop" do
    reply = nil
    if wait <= 0 then
      verdict, wait = ask:expire()
      if verdict == "drop" and wait and wait <= 0 then wait = 0.001 end
    else
      socket:settimeout(ceil(wait * 1000))
      reply, err = socket:receive()
      if reply then
        verdict, wait = ask:feed(reply)
      elseif err == "timeout" then
        verdict, wait = ask:expire()
      else
        verdict, wait = ask:icmp(find(err, "refused", 1, true) and "refused" or "unreachable")
      end
    end
  end
  return reply ~= nil
end

--- Asks until there is nothing to send: the ask is over, or has rows that wait to be taken.
-- @treturn ?string  what went wrong here, if it did
function _M.run(peer, ask)
  if ask:over() then return end
  local pool, shared = pool_of_request(), peer.shared
  local peer_of, place_of = pool.peer_of, pool.place_of
  if peer_of then peer_of[ask] = peer end
  local place, trial = enter(peer, ask) -- first: the time of a request begins with its first datagram
  if peer_of then place_of[ask] = place end
  local datagram, wait = ask:send()
  local socket, code, detail
  if datagram then
    socket, code, detail = take(pool, peer)
    if not socket then
      ask:fail(code)
      datagram = nil
    end
  end
  while datagram do
    local heard = exchange(socket, ask, datagram, wait)
    if shared then
      shared:told(heard, trial)
      trial = false
    end
    datagram, wait = ask:send()
    if datagram then
      peer.gate.out[ask] = clock() + peer.give_up + ENDED_S
      if place then shared:hold(place, peer.give_up) end
    end
  end
  if socket then give(pool, peer, socket) elseif shared then shared:told(false, trial) end
  if peer_of then peer_of[ask], place_of[ask] = nil, nil end
  if place then shared:leave(place) end
  leave(peer, ask)
  return detail
end

-- ---- a page ----

-- What threads hold that are about to be killed with their request.
local function let_go()
  local pool = pool_of_request()
  for ask, peer in pairs(pool.peer_of or {}) do
    if pool.place_of[ask] then peer.shared:leave(pool.place_of[ask]) end
    leave(peer, ask)
  end
  pool.peer_of, pool.place_of = nil, nil
end

--- Arguments of the request; those given twice count once.
function _M.args()
  local args = ngx.req.get_uri_args(32)
  for k, v in pairs(args) do if type(v) == "table" then args[k] = v[1] end end
  return args
end
function _M.header(name) return ngx.req.get_headers()[name] end
--- Answers the request.
function _M.reply(code, content_type, body)
  ngx.status = code
  ngx.header["Content-Type"] = content_type
  ngx.header["Content-Length"] = #body
  ngx.header["X-Content-Type-Options"] = "nosniff"
  ngx.print(body)
  let_go()
  return ngx.exit(ngx.OK)
end
function _M.worker() return ngx.worker.pid() end
--- f before the request ends because its client went away; where nginx looks for that (lua_check_client_abort). What is asked from
-- now on gives its places back when the request ends, in reply or so.
function _M.on_abort(f)
  local pool = pool_of_request()
  pool.peer_of, pool.place_of = {}, {}
  return ngx.on_abort(function()
    f()
    let_go()
    ngx.exit(499)
  end)
end

return _M
