-- Values, rows and error objects as a script sees them, through datagrams made by an encoder of its own.
local ber = require "agent.ber"
local core = require "moonpoll.core"

local options = { version = "2c", community = "public", id = 77 }

--- The response with these varbinds, each {oid text, tag, value} or {oid text, tag, raw = octets}, as core reads it.
local function answered(what, varbinds, more)
  local list = {}
  for i, vb in ipairs(varbinds) do list[i] = { oid = ber.arcs(vb[1]), tag = vb[2], value = vb[3], raw = vb.raw } end
  local m = { version = 1, community = "public", type = ber.RESPONSE, id = 77, a = 0, b = 0, varbinds = list }
  local o = {}
  for k, v in pairs(options) do o[k] = v end
  for k, v in pairs(more or {}) do
    if m[k] then m[k] = v else o[k] = v end
  end
  return core.response(what, ber.encode(m), o)
end

local function one(tag, value, more) return answered("1.3.6.1.1.0", { { "1.3.6.1.1.0", tag, value } }, more) end
local function raw(tag, octets, more) return answered("1.3.6.1.1.0", { { "1.3.6.1.1.0", tag, raw = octets } }, more) end

local function raises(what, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.truthy(tostring(message):find(what, 1, true), "says: " .. tostring(message))
end

describe("a number", function()
  for _, v in ipairs { 0, 1, -1, 127, 128, -128, -129, 2 ^ 31 - 1, -2 ^ 31 } do
    it(("INTEGER %d"):format(v), function()
      assert.equal(v, one(ber.INTEGER, v))
      assert.equal(v, one(ber.INTEGER, v, { exact = true }))
    end)
  end
  for _, v in ipairs { 0, 1, 127, 128, 255, 256, 2 ^ 31 - 1, 2 ^ 31, 2 ^ 32 - 1 } do
    it(("unsigned %.0f"):format(v), function()
      for _, tag in ipairs { ber.C32, ber.G32 } do
        assert.equal(v, one(tag, v))
        assert.equal(v, one(tag, v, { exact = true }))
      end
      assert.equal(v / 100, one(ber.TICKS, v))
    end)
  end
  it("that is empty is 0", function()
    for _, tag in ipairs { ber.INTEGER, ber.C32, ber.G32, ber.TICKS, ber.C64 } do assert.equal(0, raw(tag, "")) end
  end)
  it("of a counter without its leading zero is what its octets say", function()
    assert.equal(255, raw(ber.C32, "\255"))
    assert.equal(86400, raw(ber.TICKS, "\131\214\0"))
    assert.equal(2 ^ 32 - 1, raw(ber.G32, "\255\255\255\255"))
    assert.equal(18446744073709551615ULL, raw(ber.C64, "\255\255\255\255\255\255\255\255", { exact = true }))
  end)
end)

describe("Counter64", function()
  local values = { 0ULL, 1ULL, 4294967295ULL, 4294967296ULL, 9007199254740991ULL, 9007199254740992ULL, 9007199254740993ULL,
    9223372036854775807ULL, 9223372036854775808ULL, 18446744073709551615ULL }
  for _, v in ipairs(values) do
    it(core.fmt(v) .. " has one type, whatever its size", function()
      local rounded, exact = one(ber.C64, v), one(ber.C64, v, { exact = true })
      assert.equal("number", type(rounded))
      assert.equal(tonumber(v), rounded)
      assert.equal("cdata", type(exact))
      assert.is_true(exact == v)
      assert.equal(core.fmt(v), core.fmt(exact))
    end)
  end
  it("values are apart from each other", function()
    local row = answered({ a = "1.3.1.0", b = "1.3.2.0" }, { { "1.3.1.0", ber.C64, 1ULL }, { "1.3.2.0", ber.C64, 2ULL } },
      { exact = true })
    assert.is_true(row.a == 1ULL and row.b == 2ULL)
  end)
end)

describe("octets", function()
  it("are raw", function()
    for _, s in ipairs { "", "abc", "\0", "a\0b\0", "\255\254", ("x"):rep(5000) } do assert.equal(s, one(ber.STRING, s)) end
    assert.equal("\1\2\3", one(ber.OPAQUE, "\1\2\3"))
  end)
  it("of an IpAddress are text", function()
    assert.equal("192.0.2.7", one(ber.IP, "\192\0\2\7"))
    assert.equal("0.0.0.0", one(ber.IP, "\0\0\0\0"))
  end)
  it("of an OID are text", function()
    assert.equal("0.0", raw(ber.OID, ""))
    for _, text in ipairs { "0.0", "1.3.6.1.4.1.9", "2.999.3", "1.3.4294967295", "1.39.0" } do
      assert.equal(text, one(ber.OID, ber.arcs(text)))
    end
  end)
  it("of an Opaque may wrap numbers", function()
    assert.equal(13.75, one(ber.OPAQUE, "\159\120\4\65\92\0\0"))
    assert.equal(-1.5, one(ber.OPAQUE, "\159\121\8\191\248\0\0\0\0\0\0"))
    assert.equal(-1, one(ber.OPAQUE, "\159\122\1\255"))
    assert.equal(255, one(ber.OPAQUE, "\159\123\2\0\255"))
  end)
end)

describe("what is not there", function()
  it("is nil with an err when it was asked alone", function()
    for _, tag in ipairs { ber.NO_OBJECT, ber.NO_INSTANCE } do
      local value, err = one(tag)
      assert.is_nil(value)
      assert.equal("missing", err.code)
      assert.is_false(err.retryable)
    end
  end)
  it("leaves its key out of a row", function()
    local row, err = answered({ a = "1.3.1.0", b = "1.3.2.0" }, { { "1.3.1.0", ber.NO_OBJECT }, { "1.3.2.0", ber.INTEGER, 5 } })
    assert.same({ b = 5 }, row)
    assert.is_nil(err)
  end)
end)

describe("a reply that is ill-typed", function()
  it("names the OID and keeps the good", function()
    local row, err, partial = answered({ a = "1.3.1.0", b = "1.3.2.0" },
      { { "1.3.1.0", ber.IP, "abc" }, { "1.3.2.0", ber.INTEGER, 5 } })
    assert.is_nil(row)
    assert.equal("decode", err.code)
    assert.equal("1.3.1.0", err.oid)
    assert.same({ b = 5 }, partial)
    assert.truthy(tostring(err):find("1.3.1.0", 1, true))
  end)
  it("is decode for every type that cannot be so", function()
    for _, k in ipairs { { ber.INTEGER, ("\1"):rep(9) }, { ber.C32, "\1\0\0\0\0" }, { ber.G32, "\1\0\0\0\0" }, { ber.TICKS, "\1\0\0\0\0" },
      { ber.C64, "\1" .. ("\0"):rep(8) }, { ber.IP, "" }, { ber.IP, "\1\2\3\4\5" }, { ber.OID, "\129" }, { 0x30, "" },
      { 0x47 + 1, "" }, { 0x24, "" } } do
      local value, err = raw(k[1], k[2])
      assert.is_nil(value)
      assert.equal("decode", err.code)
    end
  end)
  it("with an answer to something else in it says so", function()
    local _, err, partial = answered({ a = "1.3.1.0", b = "1.3.2.0" }, { { "1.3.9.0", ber.INTEGER, 1 }, { "1.3.2.0", ber.INTEGER, 5 } })
    assert.equal("decode", err.code)
    assert.equal("1.3.1.0", err.oid)
    assert.same({ b = 5 }, partial)
  end)
end)

describe("a row", function()
  it("has the keys asked", function()
    assert.same({ "x", "y" }, (answered({ "1.3.2.0", "1.3.1.0" }, { { "1.3.2.0", ber.STRING, "x" }, { "1.3.1.0", ber.STRING, "y" } })))
    assert.same({ [7] = "x" }, (answered({ [7] = "1.3.2.0" }, { { "1.3.2.0", ber.STRING, "x" } })))
    assert.same({ k = "x" }, (answered({ k = ".1.3.2.0" }, { { "1.3.2.0", ber.STRING, "x" } })))
  end)
  it("does not mind the order", function()
    local what = { a = "1.3.1.0", b = "1.3.2.0", c = "1.3.3.0" }
    local varbinds = { { "1.3.3.0", ber.INTEGER, 3 }, { "1.3.1.0", ber.INTEGER, 1 }, { "1.3.2.0", ber.INTEGER, 2 } }
    assert.same({ a = 1, b = 2, c = 3 }, (answered(what, varbinds)))
  end)
  it("is fresh each time", function()
    local what, varbinds = { a = "1.3.1.0" }, { { "1.3.1.0", ber.INTEGER, 3 } }
    local first, second = answered(what, varbinds), answered(what, varbinds)
    assert.is_false(rawequal(first, second))
    first.a = 9
    assert.equal(3, second.a)
  end)
end)

describe("a response", function()
  it("to something else is false", function()
    assert.is_false(one(ber.INTEGER, 1, { id = 78 }))
    assert.is_false(one(ber.INTEGER, 1, { community = "other" }))
    assert.is_false(one(ber.INTEGER, 1, { version = 0 }))
    assert.is_false(core.response("1.3.6", "rubbish", options))
    assert.is_false(core.response("1.3.6", "", options))
  end)
  it("with an error-status is its code", function()
    local known = { "too_big", "missing", "bad_value", "not_writable", "gen_err", "access", "bad_value", "bad_value", "bad_value", "bad_value",
      "not_writable", "bad_value", "gen_err", "gen_err", "gen_err", "access", "not_writable", "gen_err", "gen_err", "gen_err" }
    for status, code in ipairs(known) do
      local value, err = one(ber.NULL, nil, { a = status, b = 1 })
      assert.is_nil(value)
      assert.equal(code, err.code)
      assert.equal("1.3.6.1.1.0", err.oid)
      assert.equal("string", type(err.status))
    end
    local _, err = one(ber.NULL, nil, { a = 2, b = 99 })
    assert.equal("missing", err.code)
    assert.is_nil(err.oid)
    _, err = one(ber.NULL, nil, { a = -1 })
    assert.equal("gen_err", err.code)
  end)
  it("that is cut is decode, or nobody's", function()
    local whole = ber.encode { version = 1, community = "public", type = ber.RESPONSE, id = 77, a = 0, b = 0,
      varbinds = { { oid = { 1, 3, 1 }, tag = ber.STRING, value = ("x"):rep(20) } } }
    for n = 0, #whole - 1 do
      local value, err = core.response("1.3.1", whole:sub(1, n), options)
      assert.is_true(value == false or (value == nil and err.code == "decode"))
    end
    assert.equal(("x"):rep(20), core.response("1.3.1", whole, options))
  end)
  it("to get_next is a list", function()
    local list = answered("1.3.1", { { "1.3.1.5", ber.C64, 5ULL }, { "1.3.2.0", ber.END_OF_VIEW } }, { op = "get_bulk", exact = true })
    assert.equal(2, #list)
    assert.is_true(list[1].value == 5ULL)
    assert.equal("counter64", list[1].type)
    assert.equal("1.3.1.5", list[1].oid)
    assert.same({ oid = "1.3.2.0", type = "endOfMibView" }, list[2])
  end)
  it("that is no response is decode", function()
    local value, err = core.response("1.3.1", core.request("1.3.1", options), options)
    assert.is_nil(value)
    assert.equal("decode", err.code)
  end)
end)

describe("a request", function()
  it("is what was asked", function()
    local m = ber.decode(core.request({ b = "1.3.2.0", a = ".1.3.1.0" }, { community = "secret", id = 2 ^ 31 - 1 }))
    assert.same({ version = 1, community = "secret", type = ber.GET, id = 2 ^ 31 - 1, a = 0, b = 0, varbinds = {
      { oid = { 1, 3, 1, 0 }, tag = ber.NULL, value = "" }, { oid = { 1, 3, 2, 0 }, tag = ber.NULL, value = "" } } }, m)
    m = ber.decode(core.request("1.3.2", { version = "1", community = "", id = 1, op = "get_next" }))
    assert.same({ 0, ber.GETNEXT, 1 }, { m.version, m.type, m.id })
    m = ber.decode(core.request("1.3.2", { community = "c", id = 5, op = "get_bulk", repetitions = 25 }))
    assert.same({ ber.GETBULK, 0, 25 }, { m.type, m.a, m.b })
    local id, version = core.peek(core.request("1.3.2", { community = "c", id = 5 }))
    assert.same({ 5, "2c" }, { id, version })
    assert.is_nil(core.peek "rubbish")
  end)
  it("tells the caller's faults", function()
    raises("'x' is no OID", core.request, "x", options)
    raises("id: a whole number", core.request, "1.3.6", { community = "c" })
    raises("id: a whole number", core.request, "1.3.6", { community = "c", id = 0 })
    raises("id: a whole number", core.request, "1.3.6", { community = "c", id = 2 ^ 31 })
    raises("community: a string", core.request, "1.3.6", { id = 1 })
    raises("longer than 255", core.request, "1.3.6", { id = 1, community = ("c"):rep(256) })
    raises("version: '1' or '2c'", core.request, "1.3.6", { id = 1, community = "c", version = "3" })
    raises("version: '1' or '2c'", core.request, "1.3.6", { id = 1, community = "c", version = {} })
    raises("op: get, get_next or get_bulk", core.request, "1.3.6", { id = 1, community = "c", op = "set" })
    raises("version 1 has no get_bulk", core.request, "1.3.6", { id = 1, community = "c", version = "1", op = "get_bulk" })
    raises("bad argument #2", core.request, "1.3.6")
    local many = {}
    for i = 1, 2048 do many[i] = "1.3.6.1.4.1.4294967295.4294967295.4294967295.4294967295." .. i end
    raises("more OIDs than a datagram holds", core.request, many, options)
  end)
end)

describe("an OID", function()
  it("goes both ways", function()
    for _, text in ipairs { "1.3.6.1.2.1.1.3.0", "0.0", "2.999", "1.3.4294967295", "0.39", "2.100.3" } do
      assert.equal(text, core.oid_text(core.oid_octets(text)))
      assert.equal(core.oid_octets(text), core.oid_octets("." .. text))
    end
    assert.equal("\43\6\1", core.oid_octets "1.3.6.1")
  end)
  it("may be none", function()
    for _, text in ipairs { "", ".", "1", "1.", "1..3", "x", "1.3.x", "3.1", "1.40", "1.3.4294967296", "1.3 ", "-1.3" } do
      local octets, why = core.oid_octets(text)
      assert.is_nil(octets)
      assert.truthy(why:find("is no OID", 1, true))
    end
    assert.equal("0.0", core.oid_text "") -- a null OID as some agents send it
    assert.is_nil(core.oid_text "\129")
  end)
end)

describe("an err", function()
  local _, err = one(ber.NO_OBJECT)
  it("prints and concatenates as one line", function()
    local line = tostring(err)
    assert.truthy(line:find "^missing: ")
    assert.is_nil(line:find "\n")
    assert.equal("cannot: " .. line, "cannot: " .. err)
    assert.equal(line .. "!", err .. "!")
    raises("attempt to concatenate a table value", function() return err .. {} end)
  end)
  it("can be raised and caught", function()
    local ok, caught = pcall(error, err)
    assert.is_false(ok)
    assert.equal("missing", caught.code)
  end)
  it("keeps its metatable to itself", function()
    raises("metatable", setmetatable, err, {})
    assert.equal("moonpoll error", getmetatable(err))
  end)
end)
