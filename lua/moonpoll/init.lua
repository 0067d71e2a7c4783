--- moonpoll: SNMP for Lua.
--
-- In a probe (`local snmp = require "moonpoll"`) this is what reads, decodes and waits beside the `device` and `out`
-- the probe is handed; see `moonpoll.task` for `spawn`, `all` and `sleep`. In a LuaJIT host with sockets of its own
-- (nginx) the same decoders, and @{agent}, which turns questions into datagrams and datagrams into rows.
--
-- Values: integers are numbers; a Counter64 above 2^53 rounds unless `exact` was asked for, which makes every
-- Counter64 of the call `uint64_t` cdata. OCTET STRINGs are raw octets, IpAddress and OBJECT IDENTIFIER dotted text,
-- TimeTicks seconds. What is not there is nil, and every decoder here takes nil and gives nil.
--
-- The world's faults come as `nil, err`: `err.code` is one of `timeout refused unreachable down missing access
-- too_big gen_err bad_value not_writable auth unknown_user unknown_engine not_in_time_window unsupported_level
-- decryption decode loop budget cancelled dns config`, and `tostring(err)` is one line with the device, the OID, the
-- tries and what to check. Beside it `err.oid`, `err.tries`, `err.rtt`, `err.target`, `err.device`, `err.status`,
-- `err.detail`, `err.report`, `err.retryable`. The caller's own faults are raised where it called.
-- @module moonpoll

local core = require "moonpoll.core"
local ipairs, pairs = ipairs, pairs

local _M = { _VERSION = core._VERSION }

for name, value in pairs(core) do -- on the engine spawn, all, sleep, now, time and log are among them
  _M[name] = value
end
if core.agent then -- a host with sockets of its own
  local host = require "moonpoll.host"
  _M.device, _M.configure = host.device, host.configure
  for _, name in ipairs { "spawn", "all", "sleep", "now", "time", "log" } do _M[name] = host.face[name] end
  _M.fault = function(fields) return host.shown(core.fault(fields)) end
  local function shown(value, err, ...)
    if value == nil and err ~= nil then return nil, host.shown(err), ... end
    return value, err, ...
  end
  for _, name in ipairs { "ip", "date" } do
    local f = core[name]
    _M[name] = function(...) return shown(f(...)) end
  end
  _M.index = function(parts)
    local f = core.index(parts)
    return function(...) return shown(f(...)) end
  end
end

--- Octets of an address as text: 4 or 16 of them, with a zone behind them 8 or 20 (InetAddress, RFC 4001).
-- IPv6 in the form of RFC 5952.
-- @function ip
-- @tparam ?string octets
-- @treturn[1] string "192.0.2.1", "2001:db8::1", "fe80::1%3"
-- @treturn[2] nil
-- @treturn[2] err `decode`: another size

--- Octets as colon-separated hexadecimal: a MacAddress or PhysAddress of any length.
-- @function mac
-- @tparam ?string octets
-- @treturn ?string "00:1b:21:3a:4f:02"; nil for none, which is what loopback interfaces have

--- Octets as hexadecimal.
-- @function hex
-- @tparam ?string octets
-- @tparam[opt=""] string separator
-- @treturn ?string "001b21", with ":" "00:1b:21"

--- Octets as text where they are text, else as hexadecimal.
-- UTF-8 without control characters (tab and line ends are fine) is text; NULs at the end are dropped.
-- @function text
-- @tparam ?string octets
-- @treturn ?string "Uplink to core1", "0x00ff10"

--- A DateAndTime (RFC 2579) as Unix seconds and as text.
-- Without a zone (8 octets) the agent's local time is unknown: the seconds are as if it were UTC, the text has no
-- zone.
-- @function date
-- @tparam ?string octets
-- @treturn[1] number Unix seconds, with tenths
-- @treturn[1] string "2024-05-01T14:00:00.0+02:00"
-- @treturn[2] nil
-- @treturn[2] err `decode`: not 8 or 11 octets, or no date

--- The bits that are set in a BITS value (RFC 2578 7.1.4): bit 0 is the highest of the first octet.
-- @function bits
-- @tparam ?string octets
-- @tparam[opt] table names of bits by number, `{ [0] = "other", "repeater", "bridge" }`
-- @treturn ?table a set: `{ [3] = true }`, named `{ bridge = true }`; bits without a name keep their number

--- Any number as text, exactly: integers without exponent or suffix, uint64_t and int64_t too, others with as many
-- digits as they have. Strings pass, other values as tostring has them.
-- @function fmt
-- @param value
-- @treturn string
-- @usage snmp.fmt(18446744073709551615ULL) --> "18446744073709551615"

--- How fast a counter goes, for values that did not come by `device:rows` with `rates` (which is exact and knows
-- reboots). Keeps the last value under `state[key]`, which is plain data and may be the probe's `state`. With `bits`
-- a counter that wrapped goes on; one that went back by less than half its range was reset.
-- @function rate
-- @tparam table state
-- @tparam string|number key
-- @tparam ?number|cdata value nil: nil is given and nothing is kept
-- @tparam[opt] table opts `bits` 32 or 64: it wraps there; without them every step back is a reset. `at` seconds,
--   when the value was read; needed where there is no `snmp.time`
-- @treturn ?number per second; nil the first time, after a reset, and when time did not go on
-- @usage local rx = snmp.rate(state, "rx", row.rx, { bits = 32 })

--- A decoder of row indexes (RFC 2578 7.7).
-- Parts: `int`; `string` with its length in front; `implied string` up to the end; `fixed N` octets; `oid`, `implied
-- oid`; `ip` of four; `mac` of six; `inetaddress`: an InetAddressType and an InetAddress (RFC 4001), as text, a DNS
-- name as it is; `implied inetaddress`. Implied ones can only be last.
-- @function index
-- @tparam {string,...}|string|table parts or an object of a MIB, whose INDEX says it: a number, text or address for each
--   object of it (an InetAddressType is its number, the InetAddress behind it text)
-- @treturn function index text -> a value for each part (numbers, strings), or nil, err with code `decode`
-- @usage local peer_of = snmp.index { "inetaddress" }
-- for index, row in device:rows(columns) do print(peer_of(index), row.state) end

--- A MIB module by its name: its objects are fields.
-- An object stands for its OID wherever one is asked for, alone or as a column; a scalar for its only instance, with the
-- `.0`. As text, and with `..`, it is the OID of the object. Labels of an enumeration or of BITS are fields both ways.
-- Names are looked up when the probe is loaded and when a shape is made, never for a row. A textual convention of the
-- module is a table of its labels. Built in: SNMPv2-MIB, IF-MIB, IP-MIB, HOST-RESOURCES-MIB, ENTITY-MIB,
-- ENTITY-SENSOR-MIB, BGP4-MIB, BRIDGE-MIB, LLDP-MIB, UPS-MIB and what they need; `moonpoll mib add` makes others known.
-- A name that is not known is the caller's fault.
-- @function mib
-- @tparam string name
-- @treturn table
-- @usage local IF = snmp.mib "IF-MIB"
-- for index, row in device:rows { oper = IF.ifOperStatus, rx = IF.ifHCInOctets } do
--   if row.oper == IF.ifOperStatus.up then print(index, IF.ifOperStatus[row.oper], row.rx) end
-- end
-- local caps = snmp.bits(octets, snmp.mib "LLDP-MIB".lldpRemSysCapEnabled)

--- The OID of a name, as dotted text. OIDs by name are taken wherever OIDs are; this is for making others of them.
-- @function oid
-- @tparam string|table name "IF-MIB::ifName.1", "sysUpTime.0", dotted text, or an object of a MIB
-- @treturn string
-- @usage snmp.oid "IF-MIB::ifName.1" --> "1.3.6.1.2.1.31.1.1.1.1.1"

--- The name of an OID, its index read by the MIB.
-- @function name
-- @tparam ?string|table oid
-- @tparam[opt="module"] string form "module" IF-MIB::ifName.1, "suffix" ifName.1, "full" .iso.org.dod..., "ucd", "numeric"
-- @treturn ?string

--- A value as text, as its object has it: labels, DISPLAY-HINT (dates, MAC addresses, decimals), names of bits, addresses,
-- durations, names of OIDs. What nothing is known of is as `fmt` and `text` have it.
-- @function show
-- @tparam string|table object "IF-MIB::ifOperStatus", an OID with or without its index, or an object of a MIB
-- @tparam ?number|string value as device:get and rows give it
-- @treturn ?string
-- @usage snmp.show(IF.ifPhysAddress, row.mac) --> "00:1b:21:3a:4f:02"

--- What `require "moonpoll.core"` adds for hosts with sockets of their own. Not there in a probe.
-- @section host

--- What is known of one agent, and asks to it: splitting, retries, tables, SNMPv3, all but sending.
-- `agent:get(what, { exact = })`, `get_raw`, `get_next`, `get_bulk`, `set`, `rows(columns, options)` and `walk(oid)` take what
-- the methods of a device take, and the name of a context behind it; `rows` also `repetitions`. Each gives an ask.
--
-- An ask: `ask:send([id, now])` gives the datagram to send and the seconds to wait, nil when there is none now; `ask:feed(datagram[, now])`
-- takes one and says "mine", "again" (send the next try) or "drop" (not an answer to this: keep waiting), and how long; when nothing
-- came `ask:expire([now])` says the same, and `ask:icmp("refused" or "unreachable"[, now])`; `ask:deadline()` is when expire is due.
-- `ask:next_row()` gives index, row, head or nil; `ask:over()`; then
-- `ask:result()` gives the value, the row, or true for a table, or nil, err and the values there are. `ask:fail(code)` ends it
-- for a reason of the host's: "dns", "cancelled", "unreachable", "config", "budget". Ids are 1 to 2^31 - 1, a new one each time; `now` is
-- seconds of a clock that does not go back; without them the agent makes ids, and the clock is `core.clock()`.
--
-- With `rates` among the options `ask:since(counters, seconds)` says before the first row what an earlier table's `ask:counters()` gave.
-- `agent:export()` is what was learned (engine, round trips, repetitions; no secret) as octets, which `agent:import(octets)` takes elsewhere on
-- this machine. `agent:restarts()` how often its sysUpTime went back, and when it was seen; `agent:version()`. `agent:silence()` how many
-- requests in a row had no answer, and of one that is down the second when the next is let through; `agent:silence(requests, second)`
-- makes it so, as another process saw it.
-- @function agent
-- @tparam table options `auth` a credential, or its fields; `timeout` 2 seconds, `retries` 1, `name` and `target` for errors,
--   `breaker_after` silent requests it is down (0: never), `datagram_max` octets that can be received (65507)
-- @usage local ask = agent:rows({ name = "1.3.6.1.2.1.31.1.1.1.1" })
-- local datagram, wait = ask:send()
-- while datagram do
--   socket:send(datagram)
--   repeat
--     local answer, verdict = receive_for(wait)
--     if answer then verdict, wait = ask:feed(answer) else verdict, wait = ask:expire() end
--   until verdict ~= "drop"
--   for index, row in ask.next_row, ask do print(index, row.name) end
--   datagram, wait = ask:send()
-- end
-- assert(ask:result())

--- Who asks: made once, for any number of agents. Passwords of version 3 become keys here, which takes a millisecond each.
-- @function auth
-- @tparam table fields `version` "2c", "1" or 3; `community`; `user`, `level`, `auth` (MD5, SHA, SHA-224 to SHA-512), `auth_pass`, `priv`
--   (DES, 3DES, AES, AES-192, AES-256), `priv_pass`, or keys instead of passwords: `auth_key`, `auth_localized_key`, `priv_key`,
--   `priv_localized_key`; `context`, `engine_id`, `context_engine_id`, `time_policy`
-- @treturn userdata

--- Seconds of a clock that does not go back.
-- @function clock
-- @treturn number

--- One request as a datagram.
-- @function request
-- @tparam string|table what an OID, or a table of OIDs
-- @tparam table options `version` "2c" or "1", `community`, `id`, `op` "get", "get_next" or "get_bulk", `repetitions`
--   of get_bulk: 10
-- @treturn string

--- The answer to such a request.
-- @function response
-- @tparam string|table what as asked
-- @tparam string datagram
-- @tparam table options as asked, and `exact`
-- @return[1] get: the value or row; get_next and get_bulk: a list of `{ oid =, type =, value = }`
-- @return[2] nil
-- @treturn[2] err
-- @return[2] the values there are
-- @treturn[3] boolean false: an answer to something else

--- Id and version of a datagram, without decoding it.
-- @function peek
-- @tparam string datagram
-- @treturn ?number request-id, or msgID of version 3
-- @treturn string "1", "2c", "3"

--- Dotted text to the content octets of an OBJECT IDENTIFIER.
-- @function oid_octets
-- @tparam string text leading dot optional
-- @treturn ?string
-- @treturn ?string what is wrong

--- The way back.
-- @function oid_text
-- @tparam string octets
-- @treturn ?string nil for octets that are none

return _M
