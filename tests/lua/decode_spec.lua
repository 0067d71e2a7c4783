-- The decoders: what octets and indexes mean.
local snmp = require "moonpoll"

local function raises(what, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.truthy(tostring(message):find(what, 1, true), "says: " .. tostring(message))
end

local function fails(f, ...)
  local value, err = f(...)
  assert.is_nil(value)
  assert.equal("decode", err.code)
  assert.is_false(err.retryable)
  assert.truthy(tostring(err):find("^decode: "))
  return err
end

describe("ip", function()
  local known = {
    { "\192\0\2\7", "192.0.2.7" }, { "\0\0\0\0", "0.0.0.0" }, { "\255\255\255\255", "255.255.255.255" },
    { ("\0"):rep(15) .. "\1", "::1" }, { ("\0"):rep(16), "::" },
    { "\32\1\13\184" .. ("\0"):rep(11) .. "\1", "2001:db8::1" },
    { "\32\1\13\184\0\0\0\1\0\0\0\0\0\0\0\1", "2001:db8:0:1::1" },
    { "\10\0\0\1\0\0\0\5", "10.0.0.1%5" },
    { "\254\128" .. ("\0"):rep(13) .. "\1" .. "\0\0\1\3", "fe80::1%259" },
  }
  for _, k in ipairs(known) do
    it(k[2], function() assert.equal(k[2], snmp.ip(k[1])) end)
  end
  it("of other sizes is no address", function()
    for _, n in ipairs { 0, 1, 3, 5, 7, 9, 15, 17, 19, 21, 100 } do fails(snmp.ip, ("\1"):rep(n)) end
  end)
end)

describe("mac", function()
  it("is colon-separated", function()
    assert.equal("00:1b:21:3a:4f:02", snmp.mac "\0\27\33\58\79\2")
    assert.equal("ff", snmp.mac "\255")
    assert.equal(20 * 3 - 1, #snmp.mac(("\1"):rep(20)))
    assert.equal(3000 * 3 - 1, #snmp.mac(("\1"):rep(3000)))
  end)
  it("of nothing is nil", function() assert.is_nil(snmp.mac "") end)
end)

describe("hex", function()
  it("has any separator", function()
    assert.equal("00ff61", snmp.hex "\0\255a")
    assert.equal("00:ff:61", snmp.hex("\0\255a", ":"))
    assert.equal("00, ff", snmp.hex("\0\255", ", "))
    assert.equal("", snmp.hex "")
    assert.equal("", snmp.hex("", ":"))
    assert.equal(("61"):rep(5000), snmp.hex(("a"):rep(5000)))
    raises("bad argument #2", snmp.hex, "a", ("x"):rep(17))
  end)
end)

describe("text", function()
  local known = {
    { "", "" }, { "abc", "abc" }, { "abc\0", "abc" }, { "abc\0\0", "abc" }, { "a\tb\r\n", "a\tb\r\n" },
    { "Zürich", "Zürich" }, { "€ 😀", "€ 😀" }, { "a\0b", "0x610062" }, { "\0", "0x00" }, { "\0\0", "0x0000" },
    { "\1\2", "0x0102" }, { "a\127", "0x617f" }, { "\255", "0xff" }, { "\195", "0xc3" }, { "\192\128", "0xc080" },
    { "\237\160\128", "0xeda080" }, { "\244\144\128\128", "0xf4908080" }, { "\224\159\191", "0xe09fbf" },
    { "\226\130", "0xe282" }, { "\194\133", "0xc285" }, { "\27[2J", "0x1b5b324a" }, { "\194\160", "\194\160" },
    { "\240\143\191\191", "0xf08fbfbf" },
  }
  for _, k in ipairs(known) do
    it(("%q"):format(k[2]), function() assert.equal(k[2], snmp.text(k[1])) end)
  end
  it("may be long", function()
    assert.equal("0x" .. ("00"):rep(4000) .. "01", snmp.text(("\0"):rep(4000) .. "\1"))
  end)
end)

describe("date", function()
  local known = {
    { "\7\178\1\1\0\0\0\0+\0\0", 0, "1970-01-01T00:00:00.0+00:00" },
    { "\7\178\1\1\0\0\0\0", 0, "1970-01-01T00:00:00.0" },
    { "\7\232\5\1\14\0\0\5+\2\0", 1714564800.5, "2024-05-01T14:00:00.5+02:00" },
    { "\7\232\2\29\23\59\59\9-\5\30", 1709270999.9, "2024-02-29T23:59:59.9-05:30" },
    { "\7\207\12\31\23\59\59\0+\0\0", 946684799, "1999-12-31T23:59:59.0+00:00" },
    { "\7\208\2\29\0\0\0\0+\0\0", 951782400, "2000-02-29T00:00:00.0+00:00" },
    { "\8\58\1\1\0\0\0\0+\0\0", 4133980800 - 0, "2106-01-01T00:00:00.0+00:00" },
  }
  known[7][2] = 4291747200
  for _, k in ipairs(known) do
    it(k[3], function()
      local seconds, text = snmp.date(k[1])
      assert.equal(k[3], text)
      assert.near(k[2], seconds, 1e-6)
    end)
  end
  it("out of range is none", function()
    for _, octets in ipairs { "", "\7\178", ("\0"):rep(8), ("\0"):rep(11), "\7\178\13\1\0\0\0\0",
      "\7\178\0\1\0\0\0\0", "\7\178\1\0\0\0\0\0",
      "\7\178\1\32\0\0\0\0", "\7\178\2\29\0\0\0\0", "\8\52\2\29\0\0\0\0", "\7\178\1\1\24\0\0\0",
        "\7\178\1\1\0\60\0\0", "\7\178\1\1\0\0\61\0",
      "\7\178\1\1\0\0\0\10", "\7\178\1\1\0\0\0\0x\0\0", "\7\178\1\1\0\0\0\0+\15\0", "\7\178\1\1\0\0\0\0+\0\60",
        ("\7"):rep(12) } do
      fails(snmp.date, octets)
    end
    assert.truthy(snmp.date "\7\178\1\1\0\0\60\0") -- a leap second
  end)
end)

describe("bits", function()
  it("count from the highest of the first octet", function()
    assert.same({ [0] = true }, snmp.bits "\128")
    assert.same({ [7] = true, [8] = true, [15] = true }, snmp.bits "\1\129")
    assert.same({}, snmp.bits "")
    assert.same({}, snmp.bits "\0\0")
  end)
  it("have names", function()
    assert.same({ other = true, bridge = true, [5] = true }, snmp.bits("\164", { [0] = "other", "repeater",
      "bridge" }))
    raises("bad argument #2", snmp.bits, "\128", "other")
  end)
end)

describe("fmt", function()
  local known = {
    { 0, "0" }, { -0.0, "0" }, { 1, "1" }, { -1, "-1" }, { 2 ^ 31, "2147483648" }, { 2 ^ 53, "9007199254740992" },
      { 1e15, "1000000000000000" },
    { 1e20, "100000000000000000000" }, { 2 ^ 64, "18446744073709551616" }, { 0.1, "0.1" }, { 1 / 3,
      "0.3333333333333333" }, { 1234.57, "1234.57" },
    { 1e-7, "1e-07" }, { 0ULL, "0" }, { 18446744073709551615ULL, "18446744073709551615" }, { 9007199254740993ULL,
      "9007199254740993" },
    { -9223372036854775807LL - 1, "-9223372036854775808" }, { "x", "x" }, { true, "true" }, { false, "false" },
    { 1 / 0, "inf" }, { -1 / 0, "-inf" },
  }
  for _, k in ipairs(known) do
    it(k[2], function() assert.equal(k[2], snmp.fmt(k[1])) end)
  end
  it("of anything is text", function()
    assert.equal("nil", snmp.fmt(nil))
    assert.equal("table", snmp.fmt {})
    assert.equal("me", snmp.fmt(setmetatable({}, { __tostring = function() return "me" end })))
    local talks
    talks = setmetatable({}, { __tostring = function() local text = snmp.fmt(talks) return text end })
    assert.error_matches(function() snmp.fmt(talks) end, "C stack overflow") -- long before that of Lua
    raises("bad argument #1", snmp.fmt)
  end)
end)

describe("nil", function()
  it("decodes to nil", function()
    for _, name in ipairs { "ip", "mac", "hex", "text", "date", "bits" } do
      assert.is_nil(snmp[name](nil))
      raises("bad argument #1", snmp[name], 5)
      raises("bad argument #1", snmp[name], {})
    end
    assert.is_nil(snmp.index { "int" } (nil))
  end)
end)

describe("index", function()
  local known = {
    { { "int" }, "7", { 7 } },
    { { "int", "int" }, "1.4294967295", { 1, 4294967295 } },
    { { "string" }, "3.97.98.99", { "abc" } },
    { { "string", "int" }, "0.5", { "", 5 } },
    { { "string", "string" }, "1.0.2.255.1", { "\0", "\255\1" } },
    { { "implied string" }, "97.98", { "ab" } },
    { { "int", "implied string" }, "4", { 4, "" } },
    { { "fixed 3", "int" }, "1.2.3.4", { "\1\2\3", 4 } },
    { { "oid", "int" }, "3.1.3.6.9", { "1.3.6", 9 } },
    { { "oid", "int" }, "0.9", { "", 9 } },
    { { "implied oid" }, "1.3.300", { "1.3.300" } },
    { { "ip" }, "192.0.2.7", { "192.0.2.7" } },
    { { "int", "ip", "int" }, "5.10.0.0.1.161", { 5, "10.0.0.1", 161 } },
    { { "mac", "int" }, "0.27.33.58.79.2.9", { "00:1b:21:3a:4f:02", 9 } },
    { { "inetaddress" }, "1.4.192.0.2.7", { "192.0.2.7" } },
    { { "inetaddress", "int" }, "2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1.179", { "2001:db8::1", 179 } },
    { { "inetaddress" }, "3.8.10.0.0.1.0.0.0.5", { "10.0.0.1%5" } },
    { { "inetaddress" }, "4.20.254.128.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.3", { "fe80::1%3" } },
    { { "inetaddress" }, "16.3.97.46.98", { "a.b" } },
    { { "inetaddress" }, "0.0", { "" } },
    { { "int", "implied inetaddress" }, "7.1.10.0.0.1", { 7, "10.0.0.1" } },
  }
  for _, k in ipairs(known) do
    it(table.concat(k[1], ", ") .. " of " .. k[2], function()
      local decode = snmp.index(k[1])
      assert.same(k[3], { decode(k[2]) })
      -- No prefix and nothing longer passes for it, but where the last part takes what there is.
      if not k[1][#k[1]]:find "implied" then
        fails(decode, k[2] .. ".1")
        for at in k[2]:gmatch "()%." do
          if at > 1 then fails(decode, k[2]:sub(1, at - 1)) end
        end
      end
    end)
  end
  it("of one part needs no table", function() assert.equal(7, snmp.index "int" "7") end)
  it("takes numbers that are whole", function()
    assert.equal(7, snmp.index "int" (7))
    raises("bad argument #1", snmp.index "int", 7.5)
    raises("bad argument #1", snmp.index "int", {})
  end)
  it("that does not fit is the agent's fault", function()
    fails(snmp.index { "string" }, "2.97.256")
    fails(snmp.index { "ip" }, "1.2.3.256")
    fails(snmp.index { "string" }, "4294967295.1")
    fails(snmp.index { "oid" }, "4294967295.1")
    fails(snmp.index { "inetaddress" }, "1.16.1.2.3.4")
    fails(snmp.index { "inetaddress" }, "2.4.1.2.3.4")
    fails(snmp.index { "inetaddress" }, "1.16" .. (".1"):rep(16))
    fails(snmp.index { "int" }, "4294967296")
    fails(snmp.index { "int" }, "x")
    fails(snmp.index { "int" }, "")
    fails(snmp.index { "int" }, ("1."):rep(3000) .. "1")
    assert.truthy(tostring(fails(snmp.index { "int", "ip" }, "1.2")):find("part 2", 1, true))
  end)
  it("of unknown parts is the caller's", function()
    for _, bad in ipairs { {}, { "" }, { "integer" }, { "fixed" }, { "fixed 0" }, { "fixed 129" }, { "fixed 3x" },
      { "implied int" },
      { "implied string", "int" }, { 5 }, { "implied fixed 3" } } do
      raises("bad argument #1", snmp.index, bad)
    end
    raises("bad argument #1", snmp.index)
    raises("'integer' is none of", snmp.index, { "int", "integer" })
  end)
end)

describe("rate", function()
  it("is nil at first, then per second", function()
    local state = {}
    assert.is_nil(snmp.rate(state, "rx", 100, { at = 10 }))
    assert.equal(5, snmp.rate(state, "rx", 150, { at = 20 }))
    assert.equal(0, snmp.rate(state, "rx", 150, { at = 30 }))
    assert.is_nil(snmp.rate(state, "tx", 150, { at = 30 }))
  end)
  it("is nil after a reset and when time stands", function()
    local state = {}
    snmp.rate(state, 1, 100, { at = 10 })
    assert.is_nil(snmp.rate(state, 1, 50, { at = 20 }))
    assert.equal(1, snmp.rate(state, 1, 60, { at = 30 }))
    assert.is_nil(snmp.rate(state, 1, 70, { at = 30 }))
    assert.is_nil(snmp.rate(state, 1, 80, { at = 29 }))
    assert.equal(1, snmp.rate(state, 1, 90, { at = 39 }))
  end)
  it("wraps at 32 bits", function()
    local state = {}
    snmp.rate(state, "c", 2 ^ 32 - 10, { at = 0, bits = 32 })
    assert.equal(3, snmp.rate(state, "c", 20, { at = 10, bits = 32 }))
    assert.is_nil(snmp.rate(state, "c", 10, { at = 20, bits = 32 })) -- half round and more: a reset
    assert.equal(2 ^ 32 - 11, snmp.rate(state, "c", 2 ^ 32 - 1, { at = 21, bits = 32 })) -- forwards any step is good
    raises("bits is 32 or 64", snmp.rate, state, "c", 1, { at = 30, bits = 16 })
    raises("bad argument #3", snmp.rate, state, "c", 2 ^ 32, { at = 30, bits = 32 })
    raises("bad argument #3", snmp.rate, state, "c", -1, { at = 30, bits = 32 })
    raises("bad argument #3", snmp.rate, state, "c", 1.5, { at = 30, bits = 32 })
  end)
  it("wraps at 64 bits, exactly", function()
    local state = {}
    snmp.rate(state, "c", 18446744073709551615ULL, { at = 0, bits = 64 })
    assert.equal(1, snmp.rate(state, "c", 9ULL, { at = 10, bits = 64 }))
    snmp.rate(state, "d", 9007199254740993ULL, { at = 0 })
    assert.equal(1, snmp.rate(state, "d", 9007199254740994ULL, { at = 1 }))
    assert.equal(1, snmp.rate(state, "d", 9007199254740995ULL, { at = 2 }))
  end)
  it("keeps plain data", function()
    local state = {}
    snmp.rate(state, "c", 18446744073709551615ULL, { at = 1 })
    snmp.rate(state, "d", 5, { at = 1 })
    assert.same({ c = { value = "18446744073709551615", at = 1 }, d = { value = 5, at = 1 } }, state)
  end)
  it("leaves the last one when there is no value", function()
    local state = {}
    snmp.rate(state, "c", 0, { at = 0 })
    assert.is_nil(snmp.rate(state, "c", nil, { at = 10 }))
    assert.equal(1, snmp.rate(state, "c", 20, { at = 20 }))
  end)
  it("starts anew over what it did not write", function()
    for _, odd in ipairs { 5, "x", {}, { value = 5 }, { at = 5 }, { value = "x", at = {} }, { value = {},
      at = 1 } } do
      local state = { c = odd }
      assert.is_nil(snmp.rate(state, "c", 5, { at = 9 }))
      assert.same({ value = 5, at = 9 }, state.c)
    end
  end)
  it("tells the caller's faults", function()
    raises("bad argument #1", snmp.rate, nil, "c", 1)
    raises("bad argument #2", snmp.rate, {}, nil, 1)
    raises("bad argument #2", snmp.rate, {}, {}, 1)
    raises("bad argument #3", snmp.rate, {}, "c", "1", { at = 1 })
    raises("bad argument #3", snmp.rate, {}, "c", 0 / 0, { at = 1 })
    raises("bad argument #3", snmp.rate, {}, "c", -1LL, { at = 1 })
    raises("bad argument #4", snmp.rate, {}, "c", 1, 5)
    raises("no clock here", snmp.rate, {}, "c", 1)
  end)
  it("asks the clock of the library", function()
    local core, now = require "moonpoll.core", 100
    core.time = function() return now end
    local state = {}
    snmp.rate(state, "c", 0)
    now = 110
    local rate = snmp.rate(state, "c", 50)
    core.time = nil
    assert.equal(5, rate)
  end)
end)
