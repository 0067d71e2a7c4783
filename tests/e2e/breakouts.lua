--- Attempts to get out of the sandbox, to hang, or to take more than a probe may. `code` is the body of a function, called by the run of
-- a probe with device, out, snmp; `shared` is a table that outlives the runs. Add yours; breakouts_spec.lua runs each and wants what
-- `expect` says, by the same worker, with its neighbours as they were:
--
--   stopped   after its processor time, by the line
--   memory    because of what it has alive, by the line
--   any       whatever: it is there for the one after it
--   either    one of both, whichever comes first on this machine
--   refused   by a limit, a check or the sandbox: an error that has `says` in it
--   error     an ordinary error of Lua, that has `says` in it
--   returned  as error, but it is told as what the run returned: no line
--   harmless  the run goes well: whatever it got is of no use. A text that it returns names what got out, and fails the test;
--             `says` is of the log then
--
-- None costs the worker. One that has to may say so in `costs`, by the reason; it is not run with the others then, and two are too many.
return {
  -- ---- what is not there ----
  { name = "load", expect = "error", says = "attempt to call global 'load' (a nil value)", code = [[load("return 1")()]] },
  { name = "loadstring", expect = "error", says = "global 'loadstring'", code = [[loadstring("return 1")()]] },
  { name = "loadfile and dofile", expect = "error", says = "global 'dofile'", code = [[assert(not loadfile) dofile "/etc/passwd"]] },
  { name = "io", expect = "error", says = "global 'io'", code = [[io.open("/etc/passwd")]] },
  { name = "os.execute and its kin", expect = "harmless", code = [[
    for _, name in ipairs { "execute", "exit", "getenv", "remove", "rename", "setlocale", "tmpname" } do if os[name] then return name end end]] },
  { name = "debug", expect = "error", says = "global 'debug'", code = [[debug.getregistry()]] },
  { name = "ffi, jit, package, coroutine", expect = "harmless", code = [[
    for _, name in ipairs { "ffi", "jit", "package", "coroutine", "debug", "io", "module", "newproxy", "collectgarbage", "gcinfo", "getfenv",
      "setfenv", "thread", "arg" } do if _G[name] then return name end end]] },
  { name = "_G of the state", expect = "harmless", code = [[if _G._G ~= _G or _G.string ~= string or getmetatable(_G) then return "another" end]] },
  { name = "require of LuaJIT's", expect = "refused", says = "module 'ffi' is not beside the probe", code = [[require "ffi"]] },
  { name = "require of what the host uses", expect = "refused", says = "is not beside the probe", code = [[require "moonpoll.core"]] },
  { name = "require of a path", expect = "refused", says = "is not beside the probe", code = [[require "../../etc/passwd"]] },
  { name = "require of an absolute path", expect = "refused", says = "is not beside the probe", code = [[require "/etc/passwd"]] },
  { name = "require of dots", expect = "refused", says = "is not beside the probe", code = [[require "..........etc.passwd"]] },
  { name = "require of no text", expect = "error", says = "bad argument #1", code = [[require {}]] },
  { name = "bytecode", expect = "error", says = "attempt to call", code = [[string.dump(function() end)]] },
  { name = "bytecode by a method", expect = "error", says = "attempt to call", code = [[("").dump(function() end)]] },
  -- ---- what all share ----
  { name = "metatable of strings", expect = "harmless", code = [[if getmetatable("") then return "a table" end]] },
  { name = "setmetatable of strings", expect = "error", says = "bad argument #1", code = [[setmetatable("", {})]] },
  { name = "index of strings", expect = "harmless", code = [[string.rep = function() return "mine" end
    if ("x"):rep(2) ~= "xx" then return "strings of all" end]] },
  { name = "rawset on libraries", expect = "harmless", code = [[
    for _, t in ipairs { string, table, math, os, bit, snmp } do for k in pairs(t) do rawset(t, k, function() while true do end end) end end]] },
  { name = "globals for others", expect = "harmless", code = [[_G.pairs, _G.error, _G.tostring, poisoned = nil, nil, nil, true]] },
  { name = "metatable of _G", expect = "harmless", code = [[setmetatable(_G, { __index = function() return "mine" end })]] },
  { name = "metatable of a device", expect = "error", says = "cannot change a protected metatable", code = [[
    if getmetatable(device) then return "a table" end setmetatable(device, nil)]] },
  { name = "methods of all devices", expect = "harmless", code = [[device.get = function() return "mine" end rawset(device, "walk", 1)
    device.get, device.walk = nil]] },
  { name = "metatable of out", expect = "error", says = "protected metatable", code = [[
    if getmetatable(out) then return "a table" end setmetatable(out, {})]] },
  { name = "metatable of errors", expect = "error", says = "protected metatable", code = [[
    local _, err = device:get "1.3.6.1.2.1.1.99.0" assert(err.code) setmetatable(err, { __tostring = function() while true do end end })]] },
  { name = "another device by its number", expect = "refused", says = "a device expected", code = [[
    local id = device[1] device[1] = id + 1e9 local ok, e = pcall(device.get, device, "1.3.6.1.2.1.1.3.0") device[1] = id error(e, 0)]] },
  { name = "the device of another probe by its number", expect = "harmless", code = [[
    for _, by in ipairs { -1, 1 } do
      if pcall(device.get, { device[1] + by }, "1.3.6.1.2.1.1.3.0") then return "another probe's" end
    end]] },
  { name = "no device at all", expect = "refused", says = "a device expected", code = [[device.get({ 0 / 0 }, "1.3.6.1.2.1.1.3.0")]] },
  { name = "numbers of a library that is compiled", expect = "error", says = "no member", code = [[local x = 1ULL return tostring(x.cell)]] },
  { name = "cdata is called", expect = "error", says = "not callable", code = [[local x = 1ULL x()]] },
  { name = "arithmetic of cdata", expect = "harmless", code = [[local a, z = -9223372036854775807LL - 1, 0LL
    for _, f in ipairs { function() return a / -1LL end, function() return a / z end, function() return a % z end,
      function() return a ^ a end } do pcall(f) end]] },
  { name = "out is kept", expect = "harmless", code = [[shared.out = out]] },
  { name = "out of a run that is over", expect = "refused", says = "the run of this out is over", code = [[shared.out:gauge("x", 1)]] },
  { name = "out of a run that is over, by what it has inside", expect = "refused", says = "the run of this out is over", code = [[
    rawset(out, 1, shared.out[1]) out:gauge("x", 1)]] },
  -- ---- errors ----
  { name = "error object that talks", expect = "error", says = "(a table)",
    code = [[error(setmetatable({}, { __tostring = function() while true do end end }))]] },
  { name = "error object with a hostile index", expect = "error", says = "(a table)", code = [[
    error(setmetatable({}, { __index = function() while true do end end, __concat = function() while true do end end }))]] },
  { name = "error object that is itself", expect = "error", says = "(a table)", code = [[local e = {} e.e = e error(setmetatable(e, e))]] },
  { name = "error of a function", expect = "error", says = "(a function)", code = [[error(function() while true do end end)]] },
  { name = "error of nil", expect = "error", says = "nil", code = [[error()]] },
  { name = "error object of a child", expect = "stopped", code = [[
    snmp.spawn(function() error(setmetatable({}, { __tostring = function() while true do end end })) end) snmp.sleep(0.02)]] },
  { name = "returned error that talks", expect = "returned", says = "(a table)",
    code = [[return nil, setmetatable({}, { __tostring = function() while true do end end })]] },
  { name = "message of megabytes", expect = "error", says = "xxx", code = [[error(("x"):rep(4e6))]] },
  { name = "message with other lines", expect = "error", says = "one", code = [[error("one\nerror 2026-01-01T00:00:00Z two: three\0four\27[31m")]] },
  { name = "error within error within error", expect = "harmless", code = [[local function f(n) local ok, e = pcall(f, n + 1) error(e, 0) end pcall(f, 1)]] },
  { name = "print of what talks", expect = "stopped", code = [[print(setmetatable({}, { __tostring = function() while true do end end }))]] },
  { name = "__tostring that gives no text", expect = "error", says = "invalid value (table)",
    code = [[print(setmetatable({}, { __tostring = function() return {} end }))]] },
  -- ---- memory ----
  { name = "string.rep", expect = "refused", says = "resulting string too large", code = [[return #("x"):rep(1e9)]] },
  { name = "string.rep with a separator", expect = "refused", says = "resulting string too large", code = [[return #(""):rep(1e9, "xx")]] },
  { name = "string.rep, again and again", expect = "either", code = [[local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1e6) .. i end]] },
  { name = "strings that double", expect = "memory", code = [[local s = "x" while true do s = s .. s end]] },
  { name = "strings that double, in pcall", expect = "memory", code = [[
    while true do pcall(function() local s = "x" while true do s = s .. s end end) end]] },
  { name = "many strings at once", expect = "memory", code = [[local s = ("x"):rep(4e6) local t = s .. "1" .. s .. s .. s .. s .. s .. s .. s .. s .. s]] },
  { name = "table.concat", expect = "memory", code = [[local t = {} for i = 1, 1000 do t[i] = ("x"):rep(1e5) end local s = table.concat(t)]] },
  { name = "table.concat in pcall", expect = "memory", code = [[local t = {} for i = 1, 1000 do t[i] = ("x"):rep(1e5) end
    pcall(table.concat, t) local a = 1]] },
  { name = "gsub that multiplies", expect = "refused", says = "resulting string too large", code = [[return #("x"):rep(1e5):gsub("x", ("y"):rep(1e6))]] },
  { name = "gsub of captures that multiply", expect = "refused", says = "resulting string too large", code = [[
    return #("x"):rep(1e6):gsub("(x+)", ("%1"):rep(100))]] },
  { name = "format that multiplies", expect = "memory", code = [[local s, t = ("x"):rep(4e6), {} for i = 1, 50 do t[i] = s end
    return #(("%s"):rep(50)):format(unpack(t))]] },
  { name = "tables", expect = "either", code = [[local t = {} while true do t[#t + 1] = {} end]] },
  { name = "tables in tables", expect = "either", code = [[local t = {} while true do t = { t } end]] },
  { name = "closures", expect = "either", code = [[local f while true do local g = f f = function() return g end end]] },
  { name = "a leak that outlives its run", expect = "either", code = [[for i = 1, 1e9 do shared[i] = { i } end]] },
  { name = "what leaked is still too much", expect = "either", code = [[for i = 1, 2e4 do shared["x" .. i] = { i } end]] },
  { name = "what leaked may be let go", expect = "harmless", code = [[for i in pairs(shared) do shared[i] = nil end
    for _ = 1, 200 do snmp.sleep(0.002) end]] }, -- turns, in each of which a MiB is collected
  { name = "which is seen when it is collected", expect = "any", code = [[local t = {} for i = 1, 3e4 do t[i] = { i } end]] },
  { name = "then there is room again", expect = "harmless", code = [[local t = {} for i = 1, 3e4 do t[i] = { i } end]] },
  { name = "garbage is not blamed", expect = "harmless", code = [[for i = 1, 30 do local _ = ("x"):rep(1e6) .. i end]] },
  { name = "keys of a table", expect = "either", code = [[local t = {} for i = 1, 1e9 do t["k" .. i] = true end]] },
  { name = "varargs", expect = "either", code = [[local function f(...) return f(1, ...) end return f()]] },
  { name = "unpack of everything", expect = "error", says = "too many results", code = [[return unpack({}, 1, 1e9)]] },
  { name = "unpack of a little less", expect = "error", says = "too many results", code = [[return #{ unpack({}, 1, 1e6) }]] },
  { name = "string.byte of everything", expect = "error", says = "too", code = [[return #{ ("x"):rep(2e5):byte(1, -1) }]] },
  { name = "stack overflow", expect = "error", says = "stack overflow", code = [[local function f() return 1 + f() end return f()]] },
  { name = "state of megabytes", expect = "harmless", says = "its state has grown too large", code = [[device.state.x = ("x"):rep(4e6)]] },
  { name = "state that is nested", expect = "harmless", says = "its state is nested too deep",
    code = [[local t = device.state for _ = 1, 1e4 do t.t = {} t = t.t end]] },
  { name = "state that contains itself", expect = "harmless", says = "its state is nested too deep", code = [[device.state.t = device.state]] },
  { name = "state with a metatable", expect = "harmless", code = [[
    local t = setmetatable({}, { __index = function() while true do end end, __pairs = function() while true do end end }) device.state.t = t]] },
  -- ---- C that does not come back ----
  { name = "sort of an array made for quicksort", expect = "harmless", code = [[local t, n = {}, 20000 -- the killer of a median of three
    for i = 1, n / 2 do t[i] = i % 2 == 1 and i or n / 2 + i - 1 t[n / 2 + i] = 2 * i end table.sort(t)
    for i = 2, n do if t[i] < t[i - 1] then return "unsorted" end end]] },
  { name = "sort of many", expect = "stopped", code = [[local t = {} for i = 1, 2e5 do t[i] = (i * 7919) % 1e6 end while true do table.sort(t) end]] },
  { name = "sort by a function in C", expect = "stopped", code = [[local t = {} for i = 1, 2e5 do t[i] = i end while true do table.sort(t, rawequal) end]] },
  { name = "sort of what compares itself", expect = "stopped", code = [[local m = { __lt = function() while true do end end }
    local t = {} for i = 1, 1000 do t[i] = setmetatable({}, m) end table.sort(t)]] },
  { name = "sort within sort", expect = "refused", says = "C stack overflow", code = [[
    local function f() table.sort({ 2, 1 }, f) return false end f()]] },
  { name = "sort that shrinks what it sorts", expect = "harmless", code = [[local t = {} for i = 1, 2000 do t[i] = i end
    table.sort(t, function(a, b) for i = #t, 2, -1 do t[i] = nil end return a < b end)]] },
  { name = "insert far before the beginning", expect = "refused", says = "position out of bounds", code = [[table.insert({}, -2147483647, 1)]] },
  { name = "insert at the front of many", expect = "stopped", code = [[local t = {} for i = 1, 1e6 do t[i] = i end while true do table.insert(t, 1, 0) end]] },
  { name = "remove at the front of many", expect = "stopped", code = [[local t = {} for i = 1, 1e6 do t[i] = i end while true do table.remove(t, 1) end]] },
  { name = "concat of numbers", expect = "stopped", code = [[local t = {} for i = 1, 1e5 do t[i] = i + 0.1 end while true do table.concat(t) end]] },
  { name = "find that tries everything", expect = "refused", says = "pattern takes too long", code = [[return ("a"):rep(3e4):find("a-b")]] },
  { name = "match of nested repetitions", expect = "refused", says = "pattern takes too long", code = [[return ("a"):rep(5000):match(("a*"):rep(30) .. "b")]] },
  { name = "pattern that nests", expect = "refused", says = "too many captures", code = [[return ("x"):rep(1000):match(("(x"):rep(500))]] },
  { name = "balance of many", expect = "refused", says = "pattern takes too long", code = [[return ("("):rep(1e5):find("%b()")]] },
  { name = "gsub with a function in C", expect = "stopped", code = [[local s = ("x"):rep(5e5) while true do s:gsub("x", string.upper) end]] },
  { name = "gsub within gsub", expect = "refused", says = "C stack overflow", code = [[local function f() return (("x"):gsub("x", f)) end f()]] },
  { name = "format within __tostring within format", expect = "refused", says = "stack overflow", code = [[
    local t t = setmetatable({}, { __tostring = function() return ("%s"):format(t) end }) return ("%s"):format(t)]] },
  { name = "fmt within __tostring within fmt", expect = "refused", says = "C stack overflow",
    code = [[local t t = setmetatable({}, { __tostring = function() return snmp.fmt(t) end }) return snmp.fmt(t)]] },
  { name = "show within __tostring within show", expect = "refused", says = "C stack overflow",
    code = [[local t t = setmetatable({}, { __tostring = function() return snmp.show("1.3.6.1.2.1.1.5", t) end }) return snmp.show("1.3.6.1.2.1.1.5", t)]] },
  { name = "widths of format", expect = "error", says = "invalid", code = [[return ("%99999d"):format(1)]] },
  { name = "precision of format", expect = "harmless", code = [[for _ = 1, 100 do local _ = ("%99.99f"):format(1e308) end]] },
  { name = "os.date of a long format", expect = "refused", says = "format too long", code = [[return os.date(("%c"):rep(1e6))]] },
  { name = "os.date and os.time of nonsense", expect = "harmless", code = [[for _, n in ipairs { 1e300, -1e300, 0 / 0, 1 / 0, 2 ^ 53, -2 ^ 62 } do
    pcall(os.date, "*t", n) pcall(os.date, "%c", n) pcall(os.time, { year = n, month = n, day = n }) end]] },
  { name = "tonumber of many digits", expect = "stopped", code = [[local s = ("1"):rep(4e6) while true do tonumber(s) tonumber(s, 36) end]] },
  { name = "case of megabytes", expect = "stopped", code = [[local s = ("x"):rep(4e6) while true do s:upper() s:reverse() end]] },
  { name = "random without end", expect = "stopped", code = [[while true do math.random() end]] },
  { name = "next of a table with holes", expect = "stopped", code = [[local t = {} for i = 1, 1e5 do t["k" .. i] = true end
    for k in pairs(t) do if k ~= "k1" then t[k] = nil end end while true do next(t) end]] },
  { name = "chain of __index", expect = "error", says = "loop",
    code = [[local t = {} for _ = 1, 1e4 do t = setmetatable({}, { __index = t }) end return t.x]] },
  { name = "__index that is itself", expect = "error", says = "loop", code = [[local t = {} setmetatable(t, { __index = t, __newindex = t }) return t.x]] },
  { name = "weak tables", expect = "either", code = [[local t = setmetatable({}, { __mode = "k" }) for i = 1, 1e9 do t[{}] = {} shared[i] = t end]] },
  { name = "and that is let go", expect = "harmless", code = [[for i in pairs(shared) do shared[i] = nil end
    for _ = 1, 200 do snmp.sleep(0.002) end]] }, -- turns, in each of which a MiB is collected
  { name = "decoders of megabytes", expect = "refused", says = "more than 65535 octets", code = [[return snmp.hex(("x"):rep(1e6))]] },
  { name = "bits of what no value is", expect = "refused", says = "more than 65535 octets",
    code = [[return snmp.show(snmp.mib "LLDP-MIB".lldpRemSysCapEnabled, ("\255"):rep(1e5))]] },
  { name = "a decoder with as many parts", expect = "error", says = "",
    code = [[local t = {} for i = 1, 1e5 do t[i] = "int" end return snmp.index(t)("1.2.3")]] },
  -- ---- more of what is allowed ----
  { name = "print without end", expect = "stopped", says = "more than 100 lines of the log", code = [[while true do print("x") end]] },
  { name = "log of megabytes", expect = "harmless", code = [[snmp.log("info", "%s", ("x"):rep(4e6))]] },
  { name = "log that forges lines", expect = "harmless", code = [[snmp.log("info", "%s", "\nerror 2026-01-01T00:00:00Z other: gone")]] },
  { name = "samples", expect = "refused", says = "more than 1000 samples in one run", code = [[for i = 1, 1e6 do out:gauge("x" .. i, i) end]] },
  { name = "samples in pcall", expect = "harmless", code = [[local n = 0 for i = 1, 2000 do if pcall(out.gauge, out, "x" .. i, i) then n = n + 1 end end
    if n > 1000 then return n .. " samples" end]] },
  { name = "a sample of megabytes", expect = "harmless", says = "its samples are lost: over 4 MiB", code = [[out:info("x", ("x"):rep(5e6))]] },
  { name = "labels of megabytes", expect = "harmless", says = "its samples are lost: over 4 MiB", code = [[out:with { a = ("x"):rep(4.3e6) }:gauge("x", 1)]] },
  { name = "labels without end", expect = "refused", says = "labels", code = [[local t = {} for i = 1, 1e4 do t["l" .. i] = i end out:with(t)]] },
  { name = "labels on labels", expect = "either", code = [[local o = out while true do o = o:with { a = ("x"):rep(1e6) } shared[#shared + 1] = o end]] },
  { name = "and those are let go", expect = "harmless", code = [[for i in pairs(shared) do shared[i] = nil end
    for _ = 1, 200 do snmp.sleep(0.002) end]] }, -- turns, in each of which a MiB is collected
  { name = "labels of another kind", expect = "refused", says = "label a: a string, number or boolean expected", code = [[out:with { a = { {} } }]] },
  { name = "children", expect = "refused", says = "as many children as it may have", code = [[for i = 1, 1e6 do snmp.spawn(snmp.sleep, 1) end]] },
  { name = "children of children", expect = "refused", says = "as many children as it may have", code = [[
    local function f() snmp.spawn(f):wait() end f()]] },
  { name = "children by all", expect = "harmless", code = [[local t = {} for i = 1, 500 do t[i] = function() end end snmp.all(unpack(t))]] },
  { name = "requests", expect = "refused", says = "more than 300 requests in one run", code = [[while true do device:get "1.3.6.1.2.1.1.3.0" end]] },
  { name = "requests in pcall", expect = "stopped", code = [[while true do pcall(device.get, device, "1.3.6.1.2.1.1.3.0") end]] },
  { name = "requests of walks", expect = "refused", says = "more than 300 requests in one run", code = [[
    while true do device:table({ name = "1.3.6.1.2.1.2.2.1.2" }, { only = { "1" } }) end]] },
  { name = "rows", expect = "refused", says = "more than 2000 rows in one run", code = [[
    while true do local n = 0 for _ in device:walk "1.3.6.1.2.1.2" do n = n + 1 end end]] },
  { name = "rows by table", expect = "refused", says = "in one run", code = [[while true do device:table { name = "1.3.6.1.2.1.2.2.1.2" } end]] },
  { name = "OIDs of one request", expect = "refused", says = "OIDs", code = [[local t = {} for i = 1, 1e5 do t[i] = "1.3.6.1." .. i end device:get(t)]] },
  { name = "repetitions", expect = "refused", says = "repetitions", code = [[device:get_bulk { "1.3.6.1.2.1", repetitions = 1e18 }]] },
  { name = "an OID of megabytes", expect = "refused", says = "", code = [[device:get(("1."):rep(1e6) .. "1")]] },
  { name = "SET", expect = "refused", says = "allow_set is not configured", code = [[device:set { { oid = "1.3.6.1.2.1.1.6.0", type = "s", value = "x" } }]] },
  { name = "contexts without end", expect = "refused", says = "SNMPv3", code = [[for i = 1, 1e6 do device:with { context = "c" .. i } end]] },
  { name = "cache without end", expect = "harmless", code = [[for i = 1, 2000 do device:cache(i, 60, function() return i end) end]] },
  { name = "a wait within sort", expect = "refused", says = "cannot wait here", code = [[
    table.sort({ 2, 1 }, function() snmp.sleep(0) end)]] },
  { name = "a wait within gsub", expect = "refused", says = "cannot wait here", code = [[("x"):gsub("x", function() device:get "1.3.6.1.2.1.1.3.0" end)]] },
  { name = "a sleep of nonsense", expect = "refused", says = "seconds", code = [[snmp.sleep(0 / 0)]] },
  { name = "match asked by hand", expect = "harmless", code = [[if snmp.matched or snmp.iterator or snmp.print or snmp.device then return "internals" end]] },
}
