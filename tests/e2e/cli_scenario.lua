-- What the agent of cli_spec.lua serves: every type with values that are hard to show, the same at every request; one address
-- per fault. Globals mib, faults, ber come from the agent.
-- luacheck: globals mib faults ber
local char, rep = string.char, string.rep

local base = "1.3.6.1.4.1.99999."

local function real(bits, v)
  local ffi = require "ffi"
  local bytes = ffi.new("uint8_t[8]")
  ffi.copy(bytes, ffi.new(bits == 32 and "float[1]" or "double[1]", v), bits / 8)
  local s = ""
  for i = 0, bits / 8 - 1 do s = char(bytes[i]) .. s end
  return char(0x9f, bits == 32 and 0x78 or 0x79, bits / 8) .. s
end

local every = ""
for i = 0, 255 do every = every .. char(i) end

local system = "1.3.6.1.2.1.1."
local list = {
  [system .. "1.0"] = mib.str "Cisco IOS Software, \"C2900\" \\ (fc1)\r\nCompiled Mon",
  [system .. "2.0"] = mib.oid "1.3.6.1.4.1.8072.3.2.10",
  [system .. "3.0"] = mib.ticks(123),
  [system .. "4.0"] = mib.str "",
  [system .. "5.0"] = mib.str "core1",
  [system .. "7.0"] = mib.int(72),
  -- integers
  [base .. "1.1"] = mib.int(0), [base .. "1.2"] = mib.int(-1), [base .. "1.3"] = mib.int(2147483647),
  [base .. "1.4"] = mib.int(-2147483648), [base .. "1.5"] = mib.int(127), [base .. "1.6"] = mib.int(-128), [base .. "1.7"] = mib.int(65535),
  -- octets
  [base .. "2.1"] = mib.str "plain", [base .. "2.2"] = mib.str 'say "hello" \\ back', [base .. "2.3"] = mib.str "two\nlines\r\n",
  [base .. "2.4"] = mib.str "with\0nul", [base .. "2.5"] = mib.str "M\195\188nchen", [base .. "2.6"] = mib.str(every),
  [base .. "2.7"] = mib.str(char(0, 27, 33, 58, 79, 2)), [base .. "2.8"] = mib.str "", [base .. "2.9"] = mib.str "\0",
  [base .. "2.10"] = mib.str(rep("long line ", 60)), [base .. "2.11"] = mib.str(rep("\255", 16)), [base .. "2.12"] = mib.str(rep("\254", 17)),
  [base .. "2.13"] = mib.str "\t\v\f", [base .. "2.14"] = mib.str "trailing\0", [base .. "2.15"] = mib.str "\127",
  [base .. "2.16"] = mib.str(rep("\1a", 40)), [base .. "2.17"] = mib.str "%s %d %n", [base .. "2.18"] = mib.str " blanks ",
  -- names
  [base .. "3.1"] = mib.oid "1.3.6.1.2.1.1.1.0", [base .. "3.2"] = mib.oid "0.0", [base .. "3.3"] = mib.oid "1.3",
  [base .. "3.4"] = mib.oid "0.39.5", [base .. "3.5"] = mib.oid "2.5.4.3", [base .. "3.6"] = mib.oid "1.3.6.1.4.1.4294967295.0",
  [base .. "3.7"] = { ber.OID, ber.arcs("1.3" .. rep(".1", 126)) },
  -- addresses, counters, gauges, ticks
  [base .. "4.1"] = mib.ip(char(192, 0, 2, 1)), [base .. "4.2"] = mib.ip(char(0, 0, 0, 0)), [base .. "4.3"] = mib.ip(char(255, 255, 255, 255)),
  [base .. "5.1"] = mib.c32(0), [base .. "5.2"] = mib.c32(4294967295), [base .. "5.3"] = mib.c32(2147483648),
  [base .. "6.1"] = mib.g32(0), [base .. "6.2"] = mib.g32(4294967295), [base .. "6.3"] = { 0x47, "\5" },
  [base .. "7.1"] = mib.ticks(0), [base .. "7.2"] = mib.ticks(99), [base .. "7.3"] = mib.ticks(8640000), [base .. "7.4"] = mib.ticks(17280001),
  [base .. "7.5"] = mib.ticks(4294967295), [base .. "7.6"] = mib.ticks(359999), [base .. "7.7"] = mib.ticks(8639999),
  [base .. "8.1"] = mib.c64(0), [base .. "8.2"] = mib.c64(18446744073709551615ULL), [base .. "8.3"] = mib.c64(9007199254740993ULL),
  [base .. "8.4"] = mib.c64(9223372036854775808ULL), [base .. "8.5"] = mib.c64(4294967296),
  -- opaque
  [base .. "9.1"] = mib.opaque(real(32, 3.25)), [base .. "9.2"] = mib.opaque(real(32, -0.1)), [base .. "9.3"] = mib.opaque(real(64, 1e300)),
  [base .. "9.4"] = mib.opaque(real(64, 0.1)), [base .. "9.5"] = mib.opaque(real(32, 0 / 0)), [base .. "9.6"] = mib.opaque(real(32, 1 / 0)),
  [base .. "9.7"] = mib.opaque(char(0x9f, 0x7a, 1, 0xff)), [base .. "9.8"] = mib.opaque(char(0x9f, 0x7b, 2, 1, 0)),
  [base .. "9.9"] = mib.opaque(char(0x9f, 0x76, 1, 5)), [base .. "9.10"] = mib.opaque(char(4, 3, 1, 2, 3)),
  [base .. "9.11"] = mib.opaque "", [base .. "9.12"] = mib.opaque(rep("\7", 20)), [base .. "9.13"] = mib.opaque(real(32, 1234567.891)),
  [base .. "10.1"] = { ber.NULL, "" },
  -- names that are hard to read
  [base .. "11.4294967295.1"] = mib.int(1), [base .. "11.128.16384.2097152"] = mib.int(2), ["2.999.1.1"] = mib.int(3), ["0.5.1"] = mib.int(4),
}
for i = 1, 60 do
  list["1.3.6.1.2.1.2.2.1.1." .. i] = mib.int(i)
  list["1.3.6.1.2.1.2.2.1.2." .. i] = mib.str("eth" .. i)
end
local writable = { i = mib.int(1), u = mib.g32(1), t = mib.ticks(1), a = mib.ip(char(1, 1, 1, 1)), o = mib.oid "1.3", s = mib.str "", n = { ber.NULL, "" },
                   p = mib.opaque "", ["3"] = { 0x47, "\0" }, c = mib.c32(1), C = mib.c64(1) }
for letter, value in pairs(writable) do
  value.writable = true
  list[base .. "20." .. letter:byte() .. ".0"] = value
end

local one = system .. "1.0"
return {
  mib = mib.new(list),
  devices = {
    ["127.0.2.2"] = { faults = { faults.dead() } },
    ["127.0.2.3"] = { faults = { faults.not_increasing "1.3.6.1.2.1.2.2.1.1.3" } },
    ["127.0.2.4"] = { faults = { faults.gen_err "1.3.6.1.2.1.1.5" } },
    ["127.0.2.5"] = { faults = { faults.too_big_varbinds(2) } },
    ["127.0.2.6"] = { faults = { faults.loss_every(2) } },
    ["127.0.2.7"] = { faults = { faults.over_long_lengths() } },
    ["127.0.2.8"] = { faults = { faults.zero_length_integers() } },
    ["127.0.2.9"] = { faults = { faults.negative_counters() } },
    ["127.0.2.10"] = { faults = { faults.trailing(4) } },
    ["127.0.2.11"] = { faults = { faults.wrong_id() } },
    ["127.0.2.12"] = { faults = { faults.wrong_community() } },
    ["127.0.2.13"] = { faults = { faults.other_address "127.0.2.99" } },
    ["127.0.2.14"] = { faults = { faults.truncated(30) } },
    ["127.0.2.15"] = { faults = { faults.fewer(1) } },
    ["127.0.2.16"] = { faults = { faults.shuffled() } },
    ["127.0.2.17"] = { faults = { faults.duplicate(3) } },
    ["127.0.2.18"] = { faults = { faults.cycle("1.3.6.1.2.1.2.2.1.1.5", "1.3.6.1.2.1.2.2.1.1.3") } },
    ["127.0.2.19"] = { faults = { faults.wrong_pdu() } },
    ["127.0.2.20"] = { faults = { faults.garbage_before(40) } },
    ["127.0.2.21"] = { faults = { faults.error_status(19, 1) } },
    ["127.0.2.22"] = { faults = { faults.error_status(5, 7) } },
    ["127.0.2.23"] = { faults = { faults.error_status(16, 0) } },
    ["127.0.2.24"] = { faults = { faults.ill_typed(one) } },
    ["127.0.2.25"] = { faults = { faults.wrong_version() } },
    ["127.0.2.26"] = { faults = { faults.error_status(2, 1) } },
    ["127.0.2.27"] = { faults = { faults.error_status(-1, 1) } },
    ["127.0.2.28"] = { faults = { faults.empty() } },
  },
}
