-- An agent without sockets: what a host with its own transport does, against an agent that is a table.
local ber = require "agent.ber"
local core = require "moonpoll.core"

local function raises(what, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.truthy(tostring(message):find(what, 1, true), "says: " .. tostring(message))
end

--- Sorted instances out of { ["oid"] = { tag, value } }, answering get, get_next and get_bulk with at most `cap` octets.
local function server(objects, cap)
  local list, self = {}, { asked = 0, cap = cap }
  for text, v in pairs(objects) do list[#list + 1] = { oid = ber.arcs(text), tag = v[1], value = v[2] } end
  table.sort(list, function(a, b) return ber.compare(a.oid, b.oid) < 0 end)
  local function at(oid)
    for _, o in ipairs(list) do if ber.compare(o.oid, oid) == 0 then return o end end
  end
  local function after(oid)
    for _, o in ipairs(list) do if ber.compare(o.oid, oid) > 0 then return o end end
  end
  function self.answer(datagram)
    local m, out = ber.decode(datagram), {}
    self.asked, self.last = self.asked + 1, m
    local a = { version = m.version, community = m.community, type = ber.RESPONSE, id = m.id, a = 0, b = 0, varbinds = out }
    local cursors, rounds = {}, m.type == ber.GETBULK and m.b or 1
    for i, vb in ipairs(m.varbinds) do cursors[i] = vb.oid end
    for round = 1, rounds do
      for i, oid in ipairs(cursors) do
        local o
        if m.type == ber.GET then o = at(oid) else o = after(oid) end
        local done = m.type == ber.GETBULK and i <= m.a and round > 1 -- a non-repeater
        if done then cursors[i] = oid
        elseif o then out[#out + 1], cursors[i] = o, o.oid
        elseif m.version == 0 then
          a.a, a.b, a.varbinds = 2, i, m.varbinds
          return ber.encode(a)
        else out[#out + 1] = { oid = oid, tag = m.type == ber.GET and ber.NO_INSTANCE or ber.END_OF_VIEW }
        end
        if self.cap and #ber.encode(a) > self.cap then
          if m.type == ber.GETBULK then out[#out] = nil return ber.encode(a) end
          a.a, a.b, a.varbinds = 1, 0, m.varbinds
          return ber.encode(a)
        end
      end
    end
    return ber.encode(a)
  end
  return self
end

--- Drives an ask to its end on a clock of its own; every datagram goes through lose(n) first.
local function drive(ask, peer, lose)
  local id, now, sent, rows, head = 0, 100, 0, {}, nil
  while not ask:over() do
    id = id + 1
    assert.is_true(id < 5000)
    local datagram = ask:send(id, now)
    if datagram then
      sent = sent + 1
      local reply = not (lose and lose(sent)) and peer.answer(datagram)
      if reply then
        now = now + 0.01
        assert.equal("mine", ask:feed(reply, now))
        assert.equal("drop", ask:feed(reply, now)) -- a second copy of it
      else
        now = assert(ask:deadline())
        assert.truthy(({ mine = true, again = true })[ask:expire(now)])
      end
    end
    for index, row, h in ask.next_row, ask do
      rows[#rows + 1] = { index, row }
      head = h
    end
  end
  return rows, head, sent
end

local scalars = {
  ["1.3.6.1.2.1.1.3.0"] = { ber.TICKS, 12345 }, ["1.3.6.1.2.1.1.5.0"] = { ber.STRING, "core1" },
  ["1.3.6.1.2.1.31.1.1.1.6.1"] = { ber.C64, 9007199254740993ULL },
}

local function interfaces(n)
  local objects = { ["1.3.6.1.2.1.1.3.0"] = { ber.TICKS, 500 }, ["1.3.6.1.2.1.99.0"] = { ber.INTEGER, 1 } }
  for i = 1, n do
    objects["1.3.6.1.2.1.2.2.1.2." .. i] = { ber.STRING, "ge-" .. i }
    if i % 3 ~= 0 then objects["1.3.6.1.2.1.2.2.1.8." .. i] = { ber.INTEGER, i % 2 + 1 } end
    objects["1.3.6.1.2.1.31.1.1.1.6." .. i] = { ber.C64, 2ULL ^ 40 + i }
  end
  return objects
end
local columns = { name = "1.3.6.1.2.1.2.2.1.2", oper = "1.3.6.1.2.1.2.2.1.8", rx = "1.3.6.1.2.1.31.1.1.1.6" }

for _, version in ipairs { "1", "2c" } do
  describe("version " .. version, function()
    local function agent(more)
      local o = { version = version, community = "c", name = "core1" }
      for k, v in pairs(more or {}) do o[k] = v end
      return core.agent(o)
    end

    it("gets one value", function()
      local ask = agent():get "1.3.6.1.2.1.1.3.0"
      raises("not over yet", ask.result, ask)
      drive(ask, server(scalars))
      assert.equal(123.45, ask:result())
      assert.equal(123.45, ask:result())
    end)

    it("gets a row with what is there", function()
      local ask = agent():get { up = "1.3.6.1.2.1.1.3.0", name = "1.3.6.1.2.1.1.5.0", no = "1.3.6.1.2.1.1.9.0" }
      drive(ask, server(scalars))
      assert.same({ up = 123.45, name = "core1" }, (ask:result()))
    end)

    it("gets exactly", function()
      local ask = agent():get({ rx = "1.3.6.1.2.1.31.1.1.1.6.1" }, { exact = true })
      drive(ask, server(scalars))
      assert.is_true(ask:result().rx == 9007199254740993ULL)
    end)

    it("tells what is not there", function()
      local ask = agent():get "1.3.6.1.2.1.1.9.0"
      drive(ask, server(scalars))
      local value, err = ask:result()
      assert.is_nil(value)
      assert.equal("missing", err.code)
      assert.equal("core1", err.device)
      assert.equal("1.3.6.1.2.1.1.9.0", err.oid)
      assert.equal(1, err.tries)
      assert.near(0.01, err.rtt, 1e-4)
    end)

    it("splits what does not fit", function()
      local objects, what = {}, {}
      for i = 1, 60 do
        objects["1.3.6.1.4.1." .. i .. ".0"] = { ber.STRING, ("x"):rep(30) .. i }
        what["k" .. i] = "1.3.6.1.4.1." .. i .. ".0"
      end
      local ask, peer = agent():get(what), server(objects, 484)
      drive(ask, peer)
      local row = assert(ask:result())
      for i = 1, 60 do assert.equal(("x"):rep(30) .. i, row["k" .. i]) end
      assert.is_true(peer.asked > 5)
    end)

    it("tries again, then gives up", function()
      local a = agent { retries = 2, timeout = 1 }
      local ask = a:get "1.3.6.1.2.1.1.3.0"
      local _, _, sent = drive(ask, server(scalars), function(n) return n <= 2 end)
      assert.equal(3, sent)
      assert.equal(123.45, ask:result())
      ask = a:get "1.3.6.1.2.1.1.3.0"
      _, _, sent = drive(ask, server(scalars), function() return true end)
      assert.equal(3, sent)
      local value, err = ask:result()
      assert.is_nil(value)
      assert.equal("timeout", err.code)
      assert.is_true(err.retryable)
      assert.equal(3, err.tries)
      assert.truthy(tostring(err):find("community", 1, true))
    end)

    it("takes any try's answer and nobody else's", function()
      local ask = agent { retries = 1, timeout = 1 }:get "1.3.6.1.2.1.1.3.0"
      local peer = server(scalars)
      local first = ask:send(11, 0)
      assert.is_nil(ask:send(12, 0)) -- one at a time
      local other = ber.decode(first)
      assert.equal("drop", ask:expire(0.5))
      assert.equal("again", ask:expire(ask:deadline()))
      assert.is_nil(ask:deadline())
      assert.truthy(ask:send(12, 1))
      other.id = 13
      assert.equal("drop", ask:feed(peer.answer(ber.encode(other)), 1.1)) -- an id never sent
      other.id, other.community = 11, "d"
      assert.equal("drop", ask:feed(peer.answer(ber.encode(other)), 1.1)) -- another community
      assert.equal("drop", ask:feed("", 1.1))
      assert.equal("drop", ask:feed("rubbish", 1.1))
      assert.is_false(ask:over())
      assert.equal("mine", ask:feed(peer.answer(first), 1.2)) -- late, of the first try
      assert.equal(123.45, ask:result())
    end)

    it("reads a table", function()
      local ask, peer = agent():rows(columns, { with = { up = "1.3.6.1.2.1.1.3.0" } }), server(interfaces(40), 1400)
      local rows, head = drive(ask, peer)
      assert.is_true(ask:result())
      assert.same({ up = 5 }, head)
      assert.equal(40, #rows)
      for i = 1, 40 do
        assert.equal(tostring(i), rows[i][1])
        assert.same({ name = "ge-" .. i, oper = i % 3 ~= 0 and i % 2 + 1 or nil, rx = 2 ^ 40 + i }, rows[i][2])
      end
      if version == "2c" then assert.is_true(peer.asked < 15) end
    end)

    it("reads some rows", function()
      local ask = agent():rows(columns, { only = { "7", 3, "99" }, exact = true })
      local rows = drive(ask, server(interfaces(10)))
      assert.is_true(ask:result())
      assert.equal(2, #rows)
      assert.equal("3", rows[1][1])
      assert.equal("7", rows[2][1])
      assert.is_true(rows[2][2].rx == 2ULL ^ 40 + 7)
    end)

    it("never shows a truncated table as a whole one", function()
      local ask = agent { retries = 0, timeout = 1 }:rows(columns)
      local rows = drive(ask, server(interfaces(200), 1400), function(n) return n > 3 end)
      local ok, err = ask:result()
      assert.is_nil(ok)
      assert.equal("timeout", err.code)
      assert.is_true(#rows < 200)
      ask = agent():rows(columns, { max_rows = 5 })
      rows = drive(ask, server(interfaces(50)))
      ok, err = ask:result()
      assert.is_nil(ok)
      assert.equal("budget", err.code)
      assert.equal(5, #rows)
    end)

    it("catches an agent that goes in circles", function()
      local peer = server(interfaces(3))
      local straight = peer.answer
      function peer.answer(datagram)
        local m = ber.decode(straight(datagram))
        for _, vb in ipairs(m.varbinds) do vb.oid, vb.tag, vb.value = { 1, 3, 6, 1, 2, 1, 2, 2, 1, 2, 1 }, ber.STRING, "again" end
        return ber.encode(m)
      end
      local ask = agent():rows { name = columns.name }
      drive(ask, peer)
      local ok, err = ask:result()
      assert.is_nil(ok)
      assert.equal("loop", err.code)
    end)

    it("survives rubbish with its id in it", function()
      local peer, ask = server(scalars), agent { retries = 0 }:get { up = "1.3.6.1.2.1.1.3.0" }
      local reply = peer.answer(ask:send(5, 1))
      for n = 1, #reply - 1 do
        local said = ask:feed(reply:sub(1, n), 1.1)
        if said == "mine" then -- cut behind its id: the answer was this one, and is no good
          drive(ask, peer)
          ask = agent { retries = 0 }:get { up = "1.3.6.1.2.1.1.3.0" }
          ask:send(5, 1)
        else
          assert.equal("drop", said)
        end
      end
      assert.equal("mine", ask:feed(reply, 1.1))
      assert.same({ up = 123.45 }, (ask:result()))
    end)
  end)
end

describe("asks of other kinds", function()
  local function agent(more)
    local o = { community = "c", name = "core1", timeout = 1 }
    for k, v in pairs(more or {}) do o[k] = v end
    return core.agent(o)
  end
  local function result(ask, peer)
    drive(ask, peer or server(scalars))
    return ask:result()
  end
  it("tell what follows", function()
    local oid, value = result(agent():get_next "1.3.6.1.2.1.1.3")
    assert.equal("1.3.6.1.2.1.1.3.0", oid)
    assert.equal(123.45, value)
    local row = result(agent():get_next { a = "1.3.6.1.2.1.1.3", b = "1.3.6.1.2.1.31.1.1.1.6.1" })
    assert.equal("1.3.6.1.2.1.1.3.0", row.a.oid)
    assert.equal("endOfMibView", row.b.type)
    local none, err = result(agent():get_next "1.3.6.1.2.1.31.1.1.1.6.1")
    assert.is_nil(none)
    assert.equal("missing", err.code)
  end)
  it("are one GETBULK", function()
    local peer = server(scalars)
    local list = result(agent():get_bulk { "1.3.6.1.2.1.1", repetitions = 2 }, peer)
    assert.equal(2, #list)
    assert.same({ oid = "1.3.6.1.2.1.1.3.0", type = "timeticks", value = 123.45 }, list[1])
    assert.equal(1, peer.asked)
    local ask = agent { version = "1" }:get_bulk { "1.3.6" }
    assert.is_true(ask:over())
    assert.is_nil(ask:send(1, 1))
    assert.equal("config", select(2, ask:result()).code)
  end)
  it("say what exactly is not there", function()
    assert.equal("noSuchInstance", result(agent():get_raw "1.3.6.1.2.1.1.9.0").type)
    assert.equal("timeticks", result(agent():get_raw { up = "1.3.6.1.2.1.1.3.0" }).up.type)
  end)
  it("change values", function()
    local ask = agent():set { { oid = "1.3.6.1.2.1.1.5.0", type = "string", value = "x" } }
    local m = ber.decode(ask:send(9, 1))
    assert.equal(ber.SET, m.type)
    m.type = ber.RESPONSE
    assert.equal("mine", ask:feed(ber.encode(m), 1.1))
    assert.is_true(ask:result())
    ask = agent():set { { oid = "1.3.6.1.2.1.1.5.0", type = "string", value = "x" } }
    m = ber.decode(ask:send(9, 1))
    m.type, m.a, m.b = ber.RESPONSE, 17, 1
    assert.equal("mine", ask:feed(ber.encode(m), 1.1))
    local ok, err = ask:result()
    assert.is_nil(ok)
    assert.equal("not_writable", err.code)
    assert.equal("1.3.6.1.2.1.1.5.0", err.oid)
  end)
  it("walk a subtree", function()
    local ask, oids = agent():walk "1.3.6.1.2.1.2.2.1.2", {}
    for _, r in ipairs((drive(ask, server(interfaces(5))))) do oids[#oids + 1] = r[1] .. "=" .. r[2] end
    assert.is_true(ask:result())
    assert.equal("1.3.6.1.2.1.2.2.1.2.1=ge-1", oids[1])
    assert.equal(5, #oids)
  end)
  it("give rates with what an earlier table counted", function()
    local a, peer = agent(), server(interfaces(30))
    local function rows(before)
      local ask = a:rows({ rx = "1.3.6.1.2.1.31.1.1.1.6" }, { rates = { rx = "rate" } })
      ask:since(before, 60)
      local list = drive(ask, peer)
      assert.is_true(ask:result())
      return list, ask:counters()
    end
    local list, kept = rows()
    for _, r in ipairs(list) do assert.is_nil(r[2].rate) end
    peer.later = true
    local again = server((function()
      local o = interfaces(30)
      o["1.3.6.1.2.1.1.3.0"] = { ber.TICKS, 501 }
      return o
    end)())
    peer = again
    local ask = a:rows({ rx = "1.3.6.1.2.1.31.1.1.1.6" }, { rates = { rx = "rate" }, with = { up = "1.3.6.1.2.1.1.3.0" } })
    assert.is_true(ask:since(kept, 1e6))
    assert.is_false(a:rows({ rx = "1.3.6" }, { rates = { rx = "rate" } }):since "rubbish")
    local id, now = 0, 101
    while not ask:over() do
      id = id + 1
      local datagram = ask:send(id, now)
      if datagram then
        now = now + 0.01
        ask:feed(peer.answer(datagram), now)
      end
      for _, row in ask.next_row, ask do assert.equal(0, row.rate) end
    end
    assert.is_true(ask:result())
  end)
  it("end with what a host saw: refused, no name", function()
    local ask = agent { retries = 0 }:get "1.3.6.1.2.1.1.3.0"
    ask:send(1, 1)
    assert.equal("mine", (ask:icmp("refused", 1.1)))
    assert.equal("refused", select(2, ask:result()).code)
    ask = agent():rows { a = "1.3.6.1" }
    ask:fail "dns"
    assert.is_true(ask:over())
    assert.equal("dns", select(2, ask:result()).code)
    ask = agent():rows { a = "1.3.6.1" }
    ask:fail "budget" -- of the host, not of the table
    assert.equal("core1: budget: a limit was reached, 1.3.6.1, it never answered; check the limits of the probe and of the request",
      tostring(select(2, ask:result())))
  end)
  it("stop when nobody answers any more, and try one now and then", function()
    local a, now = agent { retries = 0, timeout = 0.1, breaker_after = 2 }, 10
    local function ask_once(peer)
      local ask = a:get "1.3.6.1.2.1.1.3.0"
      local datagram = ask:send(1, now)
      if datagram and peer then
        ask:feed(peer.answer(datagram), now)
      elseif datagram then
        now = now + 0.2
        ask:expire(now)
      end
      local _, err = ask:result()
      return err and err.code, datagram ~= nil
    end
    assert.equal("timeout", ask_once())
    assert.equal("timeout", ask_once())
    local code, sent = ask_once()
    assert.equal("down", code)
    assert.is_false(sent)
    now = now + 31
    assert.equal("timeout", ask_once())
    assert.equal("down", ask_once())
    now = now + 31
    assert.is_nil(ask_once(server(scalars)))
    assert.is_nil(ask_once(server(scalars)))
  end)
  it("are as silent as another process found them", function()
    local a = agent { retries = 0, timeout = 0.1, breaker_after = 2 }
    local silent, till = a:silence()
    assert.same({ 0 }, { silent, till })
    local ask = a:get "1.3.6.1.2.1.1.3.0"
    ask:send(1, 10)
    ask:expire(10.2)
    assert.same({ 1 }, { a:silence() })
    local b = agent { breaker_after = 2 }
    assert.same({ 5, 1000.000001 }, { b:silence(5, 1000.000001) }) -- to the microsecond: others compare it
    ask = b:get "1.3.6.1.2.1.1.3.0"
    assert.is_nil(ask:send(1, 999))
    assert.equal("down", select(2, ask:result()).code)
    ask = b:get "1.3.6.1.2.1.1.3.0"
    ask:feed(server(scalars).answer(assert(ask:send(2, 1001))), 1001)
    assert.same({ 0 }, { b:silence() })
    assert.same({ 1 }, { b:silence(1) })
    raises("number of requests", b.silence, b, -1)
    raises("seconds expected", b.silence, b, 1, -1)
    raises("number expected", b.silence, b, "x")
  end)
  it("take a reply that was cut for one that was too big", function()
    local a = agent { datagram_max = 484 }
    local ask = a:get { a = "1.3.6.1.2.1.1.3.0", b = "1.3.6.1.2.1.1.5.0" }
    local reply = server({ ["1.3.6.1.2.1.1.3.0"] = { ber.STRING, ("x"):rep(600) }, ["1.3.6.1.2.1.1.5.0"] = { ber.STRING, "y" } })
      .answer(ask:send(5, 1))
    assert.equal("mine", (ask:feed(reply:sub(1, 484), 1.1)))
    assert.is_false(ask:over()) -- it asks for less
    ask = a:get "1.3.6.1.2.1.1.3.0"
    reply = server({ ["1.3.6.1.2.1.1.3.0"] = { ber.STRING, ("x"):rep(600) } }).answer(ask:send(6, 2))
    assert.equal("mine", (ask:feed(reply:sub(1, 484), 2.1)))
    assert.equal("too_big", select(2, ask:result()).code)
  end)
  it("know no more of another process than what was proven, and nothing secret", function()
    local a = agent()
    assert.is_nil(a:export())
    result(a:get "1.3.6.1.2.1.1.3.0")
    local kept = assert(a:export())
    assert.is_nil(kept:find("core1", 1, true))
    assert.is_true(agent():import(kept))
    assert.is_false(agent():import(kept:sub(2)))
    assert.is_false(agent():import "")
  end)
  it("count restarts", function()
    local a = agent()
    assert.equal(0, (a:restarts()))
    result(a:get "1.3.6.1.2.1.1.3.0")
    result(a:get "1.3.6.1.2.1.1.3.0", server { ["1.3.6.1.2.1.1.3.0"] = { ber.TICKS, 3 } })
    assert.equal(1, (a:restarts()))
  end)
  it("tell who asks by name, or say what is wrong with it", function()
    local function auth(o) return function() return core.auth(o) end end
    raises("auth_pass: a password has 8", auth { user = "u", auth = "SHA", auth_pass = "short" })
    raises("priv: no such protocol; is it AES?", auth { user = "u", auth = "SHA", auth_pass = "longenough", priv = "AEZ", priv_pass = "longenough" })
    raises("community is of version 1 and 2c", auth { version = 3, user = "u", community = "c" })
    raises("user is of version 3", auth { version = "2c", user = "u" })
    raises("unknown option comunity", auth { comunity = "c" })
    raises("version: '1' or '2c'", auth { version = 4 })
    local ops = core.auth { user = "ops", auth = "SHA", auth_pass = "longenough" }
    assert.is_nil(tostring(ops):find "longenough")
    assert.equal(3, core.agent { auth = ops }:version())
    assert.equal("3", select(2, core.peek(core.agent { auth = ops }:get "1.3.6.1":send(7, 1))))
  end)
end)

describe("an agent", function()
  it("tells the caller's faults", function()
    raises("bad argument #1", core.agent)
    raises("version: '1' or '2c'", core.agent, { version = "4" })
    raises("community", core.agent, { community = {} })
    raises("community", core.agent, { community = ("c"):rep(256) })
    raises("timeout: a number", core.agent, { timeout = 0 })
    raises("timeout: a number", core.agent, { timeout = "2" })
    raises("retries: a number", core.agent, { retries = -1 })
    raises("retries: a number", core.agent, { retries = 16 })
    local a = core.agent {}
    raises("is no OID", a.get, a, "sysUpTimes")
    raises("bad argument #3", a.get, a, "1.3.6", 5)
    raises("bad argument #1", a.get, {}, "1.3.6")
    raises("bad argument #2", a.rows, a, 136)
    raises("the OID of a subtree", a.walk, a, { a = "1.3.6" })
    raises("under another", a.rows, a, { a = "1.3.6.1", b = "1.3.6.1.2" })
    raises("only: 'x' is no index", a.rows, a, { a = "1.3.6.1" }, { only = { "x" } })
    raises("with: key 'a': 'b' is no OID", a.rows, a, { a = "1.3.6.1" }, { with = { a = "b" } })
    raises("max_rows: a number", a.rows, a, { a = "1.3.6.1" }, { max_rows = -1 })
    local many = {}
    for i = 1, 129 do many[i] = "1.3.6.1." .. i end
    raises("too many columns", a.rows, a, many)
    local ask = a:get "1.3.6"
    raises("an id from 1", ask.send, ask, 0, 1)
    raises("an id from 1", ask.send, ask, 2 ^ 31, 1)
    raises("seconds expected", ask.send, ask, 1, -1)
    raises("bad argument #1", ask.send, a, 1, 1)
  end)
  it("keeps nothing when it is dropped anywhere", function()
    for n = 1, 200 do
      local ask = core.agent { version = "2c" }:rows(columns, { with = { up = "1.3.6.1.2.1.1.3.0" }, only = { "1" } })
      if n % 2 == 0 then ask:send(n, 1) end
      if n % 20 == 0 then collectgarbage() end
    end
    collectgarbage()
    collectgarbage()
    assert.is_true(collectgarbage "count" < 50000)
  end)
  it("does not show its community", function()
    assert.is_false(getmetatable(core.agent {}))
    assert.is_nil(tostring(core.agent { community = "sentinel" }):find "sentinel")
  end)
end)
