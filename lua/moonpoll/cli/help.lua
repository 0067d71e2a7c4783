--- What --help and usage say.
local format = string.format

local _M = {}

local operands = { get = "OID [OID]...", getnext = "OID [OID]...", bulkget = "OID [OID]...", walk = "[OID]", bulkwalk = "[OID]",
                   set = "OID TYPE VALUE [OID TYPE VALUE]..." }

local about = {
  get = "Asks an agent for values.",
  getnext = "Asks an agent for what comes after each OID.",
  bulkget = "Asks an agent for many values behind each OID, in one request.",
  walk = "Shows everything under an OID (1.3.6.1.2.1), asking for one value after the other.",
  bulkwalk = "Shows everything under an OID (1.3.6.1.2.1), asking for many values at once.",
  set = "Changes values.",
}

local examples = {
  get = "moonpoll get -v2c -c public 192.0.2.1 1.3.6.1.2.1.1.3.0 1.3.6.1.2.1.1.5.0",
  getnext = "moonpoll getnext -v2c -c public 192.0.2.1 1.3.6.1.2.1.2.2.1.2",
  bulkget = "moonpoll bulkget -v2c -c public -Cn1 -Cr5 192.0.2.1 1.3.6.1.2.1.1.3 1.3.6.1.2.1.2.2.1.2",
  walk = "moonpoll walk -v1 -c public udp6:[2001:db8::1]:161 1.3.6.1.2.1.1",
  bulkwalk = "moonpoll bulkwalk -v2c -c public -On 192.0.2.1 1.3.6.1.2.1.31",
  set = "moonpoll set -v2c -c private 192.0.2.1 1.3.6.1.2.1.1.6.0 s 'room 12'",
}

local own = {
  get = "  -Cf               when the agent blames one OID, do not ask again without it\n",
  bulkget = "  -CnNUM -CrNUM     non-repeaters (0), repetitions (10)\n",
  walk = "  -Cc -Ci -CI       do not stop at OIDs that do not increase; begin with OID itself; never ask for OID itself\n"
    .. "  -Cp -Ct -CT       count the values; time the walk; time each request\n"
    .. "  -CE OID           stop before this OID\n",
  bulkwalk = "  -CnNUM -CrNUM     non-repeaters (0), repetitions (10)\n"
    .. "  -Cc -Ci -Cp       do not stop at OIDs that do not increase; begin with OID itself; count the values\n",
  set = "  -Cq               do not show what was set\n\n"
    .. "  TYPE: = as the MIB says, i integer, u 3 unsigned, t hundredths of a second, a IP address, o OID, s text, x hexadecimal,\n"
    .. "        d decimal octets, b numbers of bits, n null, U I F D opaque unsigned, signed, float, double\n",
}
own.getnext = own.get

local common = [[
  -v 1|2c|3         SNMP version (3)
  -c COMMUNITY      community
  -u USER -l LEVEL  user of version 3; noAuthNoPriv (the default), authNoPriv, authPriv
  -a NAME -A PASSWORD  authentication: MD5 (the default), SHA, SHA-224, SHA-256, SHA-384, SHA-512
  -x NAME -X PASSWORD  privacy: DES (the default), AES, AES-192, AES-256, AES-192-C, AES-256-C, 3DES
  -n CONTEXT        context name
  -e ID -E ID       engine id of the agent, of the context; hexadecimal
  -Z BOOTS,TIME     of the agent's engine
  -3m -3M -3k -3K KEY  keys instead of passwords: master and localized, of authentication and privacy; hexadecimal
  -t S -r N         seconds to wait for an answer (1), how often to ask again (5)
  -O LETTERS        how to show: n numeric OIDs, f full ones, s without a module; q without types, Q the same with =; v values
                    alone; a text, x hexadecimal; T text beside it; t times as numbers; p FORMAT of floating point;
                    0 b e E S u U X as net-snmp has them
  -I LETTERS        how to read OIDs: s SUFFIX, S PREFIX; b h r R u as net-snmp has them
  -d                show packets
  -s ADDRESS        to ask from
  -L e|o|n|f FILE   where messages go
  -m -M -P          MIB modules
  -Y TOKEN=VALUE    a line of snmp.conf; --TOKEN=VALUE too
  -V --help         version, this text
]]

local agents = [[
  AGENT: HOST[:PORT], udp:HOST:PORT, [IPv6]:PORT, udp6:[IPv6]:PORT
  Defaults come from snmp.conf of $SNMPCONFPATH, or of /etc/snmp, /usr/share/snmp and ~/.snmp: defVersion, defCommunity, defSecurityName ...
]]

local function first_line(command) return format("snmp%s [OPTIONS] AGENT %s\n", command, operands[command]) end

function _M.usage(command) return "USAGE: " .. first_line(command) .. "\n" .. common .. own[command] .. agents end

function _M.text(command)
  return format("usage: moonpoll %s [OPTIONS] AGENT %s\n%s\n\n%s%s%s\nexample: %s\n", command, operands[command], about[command], common,
    own[command], agents, examples[command])
end

function _M.version(version) return format("moonpoll version: %s\n", version) end

return _M
