-- What pages of probes are made of and needs no nginx: plain data that outlives a request, the list of who may be asked, probe files.
local allow = require "moonpoll.serve.allow"
local files = require "moonpoll.serve.files"
local keep = require "moonpoll.serve.keep"

describe("what is kept", function()
  it("comes back as it was", function()
    for _, value in ipairs { 1, -0.5, 2 ^ 53, 1e300, "", "text;:{}\0\255", true, false, {}, { 1, "two", { three = { [4] = true } } },
      { [1.5] = "x", [true] = 1 } } do
      assert.same(value, keep.decode((assert(keep.encode(value)))))
    end
    assert.equal(0.1, keep.decode(keep.encode(0.1)))
  end)
  it("is nothing else than plain data, of a size", function()
    local round = {}
    round.round = round
    for what, value in pairs { ["holds a function"] = { print }, ["nested too deep"] = round, ["a table as a key"] = { [{}] = 1 },
      ["too large"] = ("x"):rep(2 ^ 20) } do
      local text, why = keep.encode(value)
      assert.is_nil(text)
      assert.truthy(why:find(what, 1, true), why)
    end
  end)
  it("is not read from what was cut or is none of it", function()
    local text = keep.encode { a = { 1, "two", true }, b = -1.5 }
    for n = 0, #text - 1 do assert.is_nil(keep.decode(text:sub(1, n))) end
    for _, bad in ipairs { "x", "s9:abc", "{s1:a", text .. "t", "n;", "s-1:", "nos.exit();", ("{s1:a"):rep(40) } do assert.is_nil(keep.decode(bad)) end
    assert.is_nil(keep.decode(nil))
  end)
end)

describe("the list of who may be asked", function()
  local function asked(list, host, port) return allow.compile(list)(host, port or 161) end
  it("is empty by itself", function()
    assert.is_false(asked({}, "127.0.0.1"))
    assert.is_false(asked({}, "localhost"))
  end)
  it("has addresses and networks of both kinds", function()
    assert.is_true(asked({ "192.0.2.0/24" }, "192.0.2.255"))
    assert.is_false(asked({ "192.0.2.0/24" }, "192.0.3.0"))
    assert.is_true(asked({ "10.0.0.0/9" }, "10.127.255.255"))
    assert.is_false(asked({ "10.0.0.0/9" }, "10.128.0.0"))
    assert.is_true(asked({ "192.0.2.7" }, "192.0.2.7"))
    assert.is_false(asked({ "192.0.2.7" }, "192.0.2.8"))
    assert.is_true(asked({ "2001:db8::/33" }, "2001:db8:7fff::1"))
    assert.is_false(asked({ "2001:db8::/33" }, "2001:db8:8000::1"))
    assert.is_true(asked({ "::1" }, "0:0:0:0:0:0:0:1"))
    assert.is_true(asked({ "0.0.0.0/0" }, "203.0.113.9"))
    assert.is_false(asked({ "0.0.0.0/0" }, "::1"))
    assert.is_false(asked({ "192.0.2.0/24" }, "::ffff:192.0.2.1"))
  end)
  it("has names, and no name is an address in disguise", function()
    assert.is_true(asked({ "core1" }, "CORE1"))
    assert.is_true(asked({ "*.example.net" }, "a.b.example.net"))
    assert.is_false(asked({ "*.example.net" }, "example.net.evil.org"))
    assert.is_false(asked({ "*.example.net" }, "aexample.net"))
    assert.is_false(asked({ "core1" }, "core12"))
    for _, host in ipairs { "2130706433", "127.1", "0x7f.1", "0x7f000001", "0177.0.0.1", "1.2.3.4.5", "256.1.1.1", "", "a b", "a/b", "::g" } do
      assert.is_false(asked({ "*", "0.0.0.0/0", "::/0" }, host), host)
    end
  end)
  it("is for port 161, unless it says another", function()
    assert.is_false(asked({ "127.0.0.0/8" }, "127.0.0.1", 53))
    assert.is_true(asked({ "127.0.0.0/8:1161" }, "127.0.0.1", 1161))
    assert.is_false(asked({ "127.0.0.0/8:1161" }, "127.0.0.1", 161))
    assert.is_true(asked({ "[2001:db8::/32]:*" }, "2001:db8::1", 7))
    assert.is_true(asked({ "core1:1161" }, "core1", 1161))
  end)
  it("says what is no entry", function()
    for _, bad in ipairs { "192.0.2.0/33", "x/24", "a b", "" } do assert.has_error(function() allow.compile { bad } end) end
    assert.has_error(function() allow.compile "10.0.0.0/8" end)
    assert.has_error(function() allow.compile { 7 } end)
  end)
end)

describe("probe files", function()
  local dir = os.tmpname()
  os.remove(dir)
  assert(os.execute("mkdir -p " .. dir .. "/lib") == 0)
  local function write(name, text)
    local f = assert(io.open(dir .. "/" .. name .. ".lua", "w"))
    f:write(text)
    f:close()
  end
  local now, said = 0, {}
  local known = files.new(dir, function() return now end, function(_, text) said[#said + 1] = text end)
  it("are looked at again, a broken one stays out, names stay in the directory", function()
    write("lib/x", "return 1")
    write("a", "local x = require 'lib.x' return { n = x, run = function() end }")
    assert.equal(1, known:get "a".n)
    write("lib/x", "return 2")
    assert.equal(1, known:get "a".n) -- a second is not over
    now = 2
    assert.equal(2, known:get "a".n)
    write("a", "return { run = ")
    now = 4
    assert.equal(2, known:get "a".n)
    assert.truthy(said[1]:find("the version before stays", 1, true))
    now = 6
    known:get "a"
    assert.equal(1, #said) -- once
    for text, what in pairs { ["return 7"] = "returns a table", ["return {}"] = "run: a function expected", ["\27LJ"] = "bytecode",
      ["leaked = 1 return { run = 1 }"] = "run: a function expected" } do
      write("b", text)
      now = now + 2
      local probe, why = known:get "b"
      assert.is_nil(probe)
      assert.truthy(why:find(what, 1, true), why)
    end
    assert.is_nil(rawget(_G, "leaked"))
    for _, name in ipairs { "../a", "a.b", "lib/x", "", ".a", "none" } do
      local probe, why = known:get(name)
      assert.is_nil(probe)
      assert.is_nil(why)
    end
    os.execute("rm -rf " .. dir)
  end)
end)
