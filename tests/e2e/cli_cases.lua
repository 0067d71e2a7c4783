-- Command lines that Debian's tools and ours are given. AT is the agent's port, D1 .. Dn its devices (cli_scenario.lua).
-- Read as data: one command a line, as a shell reads it; "#" begins a remark, "!" a line run before the next with both.
local sets = {}

local function lines(text)
  for line in text:gmatch "[^\n]+" do
    if not line:find "^%s*#" and line:find "%S" then sets[#sets + 1] = line:match "^%s*(.-)%s*$" end
  end
end

local all = "1.3.6.1.4.1.99999"
-- Every way to show, over every type.
for _, o in ipairs { "", "-Oa", "-Ob", "-Oe", "-OE", "-Of", "-On", "-Oq", "-OQ", "-Os", "-OS", "-Ot", "-OT", "-Ou", "-OU", "-Ov", "-Ox", "-OX", "-O0",
  "-Onq", "-OnQ", "-Oqv", "-OQv", "-Ovx", "-OxT", "-OaT", "-Oqt", "-OQt", "-Oqx", "-OqT", "-OqxT", "-Oqa", "-Ofq", "-Osq", "-Ouq", "-OnT", "-Oqq", "-OQQ",
  "-OQq", "-Ovv", "-Oxa", "-Oax", "-Onf", "-Ofn", "-Os -On", "-Ovqt", "-Oent", "-OUXbeE", "-Op.2", "-Op 10.3", "-Op+.0", "-Op", "-O ''" } do
  sets[#sets + 1] = ("snmpbulkwalk -v2c -c public %s D1 %s"):format(o, all)
end
lines [[
snmpwalk -v2c -c public D1
snmpwalk -v2c -c public D1 .
snmpwalk -v2c -c public D1 .1
snmpwalk -v2c -c public D1 0
snmpwalk -v2c -c public D1 2
snmpwalk -v1 -c public D1 .1.3.6.1.4.1.99999
snmpwalk -v1 -c public D1 2
snmpwalk -v1 -On -c public D1 .1.3.6.1.4.1.99999
snmpwalk -v2c -c public D1 1.3.6.1.2.1.1.5.0
snmpwalk -v2c -c public D1 1.3.6.1.2.1.1.5
snmpwalk -v2c -c public D1 1.3.6.1.2.1.1.6
snmpwalk -v2c -c public -CI D1 1.3.6.1.2.1.1.5.0
snmpwalk -v2c -c public -Ci D1 1.3.6.1.2.1.1.5.0
snmpwalk -v2c -c public -Ci D1 1.3.6.1.2.1.1
snmpwalk -v2c -c public -Cp D1 1.3.6.1.2.1.1
snmpwalk -v2c -c public -Cip D1 1.3.6.1.2.1.1.5.0
snmpwalk -v2c -c public -CpI D1 1.3.6.1.2.1.1.6
snmpwalk -v2c -c public -CE 1.3.6.1.2.1.1.4 D1 1.3.6.1.2.1.1
snmpwalk -v2c -c public -CpE 1.3.6.1.2.1.1.4.0 D1 1.3.6.1.2.1.1
snmpwalk -v2c -c public -CE 1.3.6.1.2.1.2.2.1.1.4 D1 1.3.6.1.2.1.1
snmpwalk -v2c -c public -CE bad.name D1 1.3.6.1.2.1.1
snmpwalk -v2c -c public D1 1.3.6.1.4.1.99999.11
snmpwalk -v2c -c public D1 1.3.6.1.4.1.99999.11.128
snmpwalk -v2c -c public D1 1.3.6.1.4.1.99999.11.127
snmpwalk -v2c -c public D1 1.3.6.1.4.1.99999.11.4294967295
snmpwalk -v2c -c public D1 1.3.6.1.4.1.99999.11.128.16384
snmpwalk -v2c -c public D3 1.3.6.1.2.1.2.2.1.1
snmpwalk -v2c -c public -Cp D3 1.3.6.1.2.1.2.2.1.1
snmpwalk -v1 -c public D3 1.3.6.1.2.1.2.2.1.1
snmpwalk -v2c -c public D18 1.3.6.1.2.1.2.2.1.1
snmpwalk -v2c -c public D4 1.3.6.1.2.1.1
snmpwalk -v1 -c public D4 1.3.6.1.2.1.1
snmpwalk -v2c -c public -Cz D1
snmpwalk -v2c -c public D26 1.3.6.1
snmpwalk -v1 -c public D26 1.3.6.1
snmpwalk -v2c -c public D2 -t 0.1 -r 0
snmpwalk -v2c -c public D1 1.3.6.1.9999
snmpbulkwalk -v2c -c public D1
snmpbulkwalk -v2c -c public D1 .
snmpbulkwalk -v2c -c public D1 1
snmpbulkwalk -v2c -c public D1 2
snmpbulkwalk -v2c -c public -Cr1 D1 1.3.6.1.2.1.1
snmpbulkwalk -v2c -c public -Cr3 -Cn0 D1 1.3.6.1.2.1.1
snmpbulkwalk -v2c -c public -Cn1 D1 1.3.6.1.2.1.1
snmpbulkwalk -v2c -c public -Cr50 D1 1.3.6.1.2.1.2
snmpbulkwalk -v2c -c public -Cr0x10 -Cp D1 1.3.6.1.2.1.2
snmpbulkwalk -v2c -c public -Crp D1 1.3.6.1.2.1.2
snmpbulkwalk -v2c -c public -Cr5p D1 1.3.6.1.2.1.1
snmpbulkwalk -v2c -c public '-Cr5 p' D1 1.3.6.1.2.1.1
snmpbulkwalk -v2c -c public -Cpr5n0 D1 1.3.6.1.2.1.1
snmpbulkwalk -v2c -c public -Cr-1 D1 1.3.6.1.2.1.1
snmpbulkwalk -v2c -c public -Cn-1 D1 1.3.6.1.2.1.1
snmpbulkwalk -v2c -c public -Ci D1 1.3.6.1.2.1.1.5.0
snmpbulkwalk -v2c -c public -Cip D1 1.3.6.1.2.1.1.5.0
snmpbulkwalk -v2c -c public -CE D1 1.3.6.1.2.1.1.5.0
snmpbulkwalk -v2c -c public D1 1.3.6.1.2.1.1.5.0
snmpbulkwalk -v2c -c public D3 1.3.6.1.2.1.2.2.1.1
snmpbulkwalk -v2c -c public -Cp D3 1.3.6.1.2.1.2.2.1.1
snmpbulkwalk -v2c -c public D18 1.3.6.1.2.1.2.2.1.1
snmpbulkwalk -v2c -c public D4 1.3.6.1.2.1.1
snmpbulkwalk -v2c -c public D5 1.3.6.1.2.1.1
snmpbulkwalk -v2c -c public D16 1.3.6.1.2.1.2.2.1.1
snmpbulkwalk -v2c -c public D15 1.3.6.1.2.1.2.2.1.1
snmpbulkwalk -v1 -c public D1 1.3.6.1.2.1.1
snmpbulkwalk -v2c -c public D7 1.3.6.1.4.1.99999
snmpbulkwalk -v2c -c public D9 1.3.6.1.4.1.99999
snmpbulkwalk -v2c -c public D10 1.3.6.1.2.1.1
snmpbulkwalk -v2c -c public D17 1.3.6.1.2.1.2
snmpbulkwalk -v2c -c public D20 1.3.6.1.2.1.1
snmpbulkwalk -v2c -c public D26 1.3.6.1.2.1.1
# get and getnext
snmpget -v2c -c public D1 1.3.6.1.2.1.1.1.0
snmpget -v2c -c public D1 1.3.6.1.2.1.1.1.0 .1.3.6.1.2.1.1.3.0 iso.3.6.1.2.1.1.2.0
snmpget -v2c -c public D1 1.3.6.1.2.1.1.9.0 1.3.6.1.2.1.1.1.1 1.3.6.1.2.1.1.5.0
snmpget -v2C -c public D1 1.3.6.1.2.1.1.5.0
snmpget -v 2c -c public D1 1.3.6.1.2.1.1.5.0
snmpget -v1 -c public D1 1.3.6.1.2.1.1.1.0
snmpget -v1 -c public D1 1.3.6.1.2.1.1.9.0
snmpget -v1 -c public D1 1.3.6.1.2.1.1.9.0 1.3.6.1.2.1.1.5.0
snmpget -v1 -c public D1 1.3.6.1.2.1.1.5.0 1.3.6.1.2.1.1.9.0 1.3.6.1.2.1.1.8.0 1.3.6.1.2.1.1.7.0
snmpget -v1 -c public -Cf D1 1.3.6.1.2.1.1.5.0 1.3.6.1.2.1.1.9.0 1.3.6.1.2.1.1.8.0 1.3.6.1.2.1.1.7.0
snmpget -v1 -c public -Cff D1 1.3.6.1.2.1.1.5.0 1.3.6.1.2.1.1.9.0
snmpget -v1 -c public D1 1.3.6.1.4.1.99999.8.1
snmpget -v2c -c public D1 -Oqv 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public D1 1.3.6.1.2.1.1.5.0 -Oqv -On
snmpget -v2c -c public -Oqv -- D1 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public D1 1.3.6.1.2.1.1.5.0 1.3.6.1.2.1.1.5.0
snmpgetnext -v2c -c public D1 1.3.6.1.2.1.1.1 1.3.6.1.2.1.1.3.0
snmpgetnext -v2c -c public D1 1.3.6.1.2.1.1.5.0 2.999.1.1
snmpgetnext -v1 -c public D1 2.999.1.1
snmpgetnext -v1 -c public D1 1.3.6.1.2.1.1.5.0 2.999.1.1 1.3.6.1.2.1.1.1
snmpgetnext -v1 -c public -Cf D1 1.3.6.1.2.1.1.5.0 2.999.1.1 1.3.6.1.2.1.1.1
snmpgetnext -v2c -c public D1 0
snmpgetnext -v2c -c public D1 .
snmpgetnext -v2c -c public D1 1
snmpgetnext -v2c -c public -Cz D1 1
# bulkget
snmpbulkget -v2c -c public D1 1.3.6.1.2.1.1
snmpbulkget -v2c -c public -Cn1 -Cr3 D1 1.3.6.1.2.1.1.2 1.3.6.1.2.1.2.2.1.1 1.3.6.1.2.1.2.2.1.2
snmpbulkget -v2c -c public -Cn2r2 D1 1.3.6.1.2.1.1.2 1.3.6.1.2.1.1.3 1.3.6.1.2.1.2.2.1.2
snmpbulkget -v2c -c public -Cn3 D1 1.3.6.1.2.1.1.2 1.3.6.1.2.1.1.3
snmpbulkget -v2c -c public -Cr0 D1 1.3.6.1.2.1.1.2
snmpbulkget -v2c -c public -Cr D1 1.3.6.1.2.1.1.2
snmpbulkget -v2c -c public -Cr2x D1 1.3.6.1.2.1.1.2
snmpbulkget -v2c -c public D1 2.999
snmpbulkget -v2c -c public D1
snmpbulkget -v1 -c public D1 1.3.6.1.2.1.1
snmpbulkget -v2c -c public D4 1.3.6.1.2.1.1.4
snmpbulkget -v2c -c public D26 1.3.6.1.2.1.1.4
snmpbulkget -v2c -c public D2 -t 0.1 -r 0 1.3
snmpbulkget -v2c -c public D1 bad.name
# what agents do
snmpget -v2c -c public -t 0.2 -r 0 D2 1.3.6.1.2.1.1.1.0
snmpget -v2c -c public -t 0.1 -r 2 D2 1.3.6.1.2.1.1.1.0
snmpgetnext -v2c -c public -t 0.1 -r 0 D2 1.3.6.1.2.1.1.1.0
snmpwalk -v2c -c public -t 0.1 -r 0 D2 1.3.6.1.2.1.1
snmpbulkwalk -v2c -c public -t 0.1 -r 0 D2 1.3.6.1.2.1.1
snmpset -v2c -c public -t 0.1 -r 0 D2 1.3.6.1.2.1.1.5.0 s x
snmpget -v2c -c wrong -t 0.1 -r 0 D1 1.3.6.1.2.1.1.1.0
snmpget -v2c -c public -t 0.1 -r 0 127.0.0.1:1 1.3.6.1.2.1.1.1.0
snmpget -v2c -c public -t .2 -r 1 D6 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public D4 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public D4 1.3.6.1.2.1.1.4.0 1.3.6.1.2.1.1.5.0 1.3.6.1.2.1.1.7.0
snmpget -v2c -c public D5 1.3.6.1.2.1.1.4.0 1.3.6.1.2.1.1.5.0 1.3.6.1.2.1.1.7.0
snmpget -v1 -c public D5 1.3.6.1.2.1.1.4.0 1.3.6.1.2.1.1.5.0 1.3.6.1.2.1.1.7.0
snmpget -v2c -c public -t 0.1 -r 1 D11 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public -t 0.2 -r 1 D13 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public -t 0.1 -r 1 D14 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public -t 0.2 -r 1 D15 1.3.6.1.2.1.1.5.0 1.3.6.1.2.1.1.7.0
snmpget -v2c -c public D16 1.3.6.1.2.1.1.5.0 1.3.6.1.2.1.1.7.0
snmpget -v2c -c public -t 0.1 -r 1 D19 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public D21 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public D22 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public D23 1.3.6.1.2.1.1.5.0
snmpgetnext -v2c -c public D23 1.3.6.1.2.1.1.5.0
snmpwalk -v2c -c public D23 1.3.6.1.2.1.1.5.0
snmpbulkwalk -v2c -c public D22 1.3.6.1.2.1.1.5.0
snmpset -v2c -c public D22 1.3.6.1.2.1.1.5.0 s x
snmpget -v2c -c public -t 0.1 -r 0 D24 1.3.6.1.2.1.1.1.0
snmpget -v2c -c public -t 0.1 -r 0 D25 1.3.6.1.2.1.1.1.0
snmpget -v2c -c public D27 1.3.6.1.2.1.1.1.0
snmpget -v2c -c public -t 0.1 -r 0 D28 1.3.6.1.2.1.1.1.0
# OIDs as typed
snmpget -v2c -c public D1 .5.1
snmpget -v2c -c public D1 3.1
snmpget -v2c -c public D1 1.41
snmpget -v2c -c public D1 1.40.1
snmpget -v2c -c public D1 0.40
snmpget -v2c -c public D1 2.999.1.1
snmpget -v2c -c public D1 foo.1
snmpget -v2c -c public D1 iso
snmpget -v2c -c public D1 ISO
snmpget -v2c -c public D1 is
snmpget -v2c -c public D1 so
snmpget -v2c -c public D1 ccitt
snmpget -v2c -c public D1 joint-iso-ccitt.999.1.1
snmpget -v2c -c public D1 iso.org
snmpget -v2c -c public D1 1
snmpget -v2c -c public D1 .
snmpget -v2c -c public D1 ''
snmpget -v2c -c public D1 system.sysUpTime.0
snmpget -v2c -c public D1 sysUpTime.0
snmpget -v2c -c public D1 1.3.x
snmpget -v2c -c public D1 1.3.x.5
snmpget -v2c -c public D1 1.3.5x.5
snmpget -v2c -c public D1 1.3.6.1.
snmpget -v2c -c public D1 1..3
snmpget -v2c -c public D1 1.3..6
snmpget -v2c -c public D1 ..1.3
snmpget -v2c -c public D1 1.3.-1
snmpget -v2c -c public D1 '1.3. 5'
snmpget -v2c -c public D1 '1.3.5 '
snmpget -v2c -c public D1 ' 1.3.5'
snmpget -v2c -c public D1 '1.3."ab".5' "1.3.'ab'.5"
snmpget -v2c -c public D1 '1.3."ab"x'
snmpget -v2c -c public D1 "1.3.'"
snmpget -v2c -c public D1 '1.3.""'
snmpget -v2c -c public D1 "1.3.''"
snmpget -v2c -c public D1 1.3.0x10.010
snmpget -v2c -c public D1 0x1.3.6.1.2.1.1.5.0
snmpget -v2c -c public D1 1.3.08
snmpget -v2c -c public D1 1.3.4294967295
snmpget -v2c -c public D1 1.3.4294967296
snmpget -v2c -c public D1 1.3.99999999999999999999
snmpget -v2c -c public D1 SNMPv2-MIB::sysUpTime.0
snmpget -v2c -c public D1 NO-MIB::x 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public D1 :
snmpget -v2c -c public D1 a:b
snmpget -v2c -c public D1 foo bar.1 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public -Is .0 D1 1.3.6.1.2.1.1.5
snmpget -v2c -c public -Is0 D1 1.3.6.1.2.1.1.5
snmpget -v2c -c public -IS 1.3.6.1.2.1.1. D1 5.0
snmpget -v2c -c public -IS 1.3.6.1.2.1. -Is .0 D1 1.5
snmpget -v2c -c public -IR D1 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public -Ib D1 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public -Iu D1 1.5.0
snmpget -v2c -c public -Iu D1 .1.3.6.1.2.1.1.5.0
snmpget -v2c -c public -Ih D1 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public -Ir D1 1.3.6.1.2.1.1.5.0
snmpwalk -v2c -c public D1 bad.name
snmpbulkwalk -v2c -c public D1 bad.name
snmpwalk -v2c -c public D1 3.1
# agents as typed
snmpget -v2c -c public udp:D1 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public -t 0.1 -r 0 'udp6:[::1]:1' 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public -t 0.1 -r 0 '[::1]:1' 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public -t 0.1 -r 0 'udp6:::1' 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public -t 0.1 -r 0 ::1 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public -t 0.1 -r 0 '[::1' 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public -t 0.1 -r 0 '[::1]x' 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public 127.0.0.1: 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public 127.0.0.1:x 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public 127.0.0.1:99999 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public :AT 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public AT 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public udp:AT 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public localhost:AT 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public udp:localhost:AT 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public nosuchhost.invalid 1.3.6.1.2.1.1.5.0
snmpwalk -v2c -c public nosuchhost.invalid
snmpbulkwalk -v2c -c public nosuchhost.invalid:161
snmpset -v2c -c public udp:nosuchhost.invalid:161 1.3 i 1
snmpget -v2c -c public udp6:127.0.0.1:161 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public foo:127.0.0.1 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public 256.1.1.1 1.3.6.1.2.1.1.5.0
snmpget -v2c -c public -t 0.1 -r 0 '' 1.3.6.1.2.1.1.5.0
# command lines that are wrong
snmpget
snmpget -v2c
snmpget -v2c -c public
snmpget -v2c -c public D1
snmpget -v2c D1 1.3
snmpget -v1 D1 1.3
snmpget -v4 D1
snmpget -v
snmpget -vx
snmpget -t
snmpget -t 0 D1
snmpget -t -1 D1
snmpget -t abc D1
snmpget -r x D1
snmpget -r -1 D1
snmpget -r '' D1
snmpget -Oz D1
snmpget -Onz D1
snmpget -Iz D1
snmpget -Pz D1
snmpget -Lz D1
snmpget -Cz D1
snmpget -z D1
snmpget -T x
snmpget -p 161 D1
snmpget -a FOO
snmpget -x FOO
snmpget -l FOO
snmpget -h
snmpgetnext -h
snmpwalk -z
snmpwalk -v2c -c public
snmpbulkwalk -z
snmpbulkget -z
snmpset -z
snmpset -v2c -c public
snmpset -v2c -c public D1
snmpset -v2c -c public D1 1.3
snmpset -v2c -c public D1 1.3 i
snmpset -v2c -c public D1 1.3 z 5
snmpset -v2c -c public D1 1.3 '' 5
snmpset -v2c -c public D1 1.3 i 5 1.4
snmpset -v2c -c public D1 1.3 integer
snmpset -v2c -c public -Cz D1 1.3 i 5
snmpget -v2c -c public -Ln nosuchhost.invalid: 1.3
snmpget -v2c -c public -Lo 127.0.0.1:x 1.3
snmpget -v2c -c public -Le 127.0.0.1:x 1.3
snmpget -v2c -c public -Lo D1 bad.name
snmpget -m ALL -M /nonexistent -v2c -c public D1 1.3.6.1.2.1.1.5.0
snmpget -m '' -M +/nonexistent -v2c -c public D1 A-MIB::b
snmpget -M -/one -v2c -c public D1 A-MIB::b
snmpget -Pu -v2c -c public D1 1.3.6.1.2.1.1.5.0
snmpget --defaultPort=AT -v2c -c public 127.0.2.1 1.3.6.1.2.1.1.5.0
snmpget -Y defaultPort=AT -v2c -c public 127.0.2.1 1.3.6.1.2.1.1.5.0
snmpget -Y 'defVersion 2c' --defCommunity=public D1 1.3.6.1.2.1.1.5.0
snmpget --quickPrinting -v2c -c public D1 1.3.6.1.2.1.1.5.0
snmpget --quickPrinting=maybe -v2c -c public D1 1.3.6.1.2.1.1.5.0
snmpget --foo -v2c -c public D1 1.3.6.1.2.1.1.5.0
snmpget --hexOutputLength=4 -v2c -c public D1 1.3.6.1.4.1.99999.2.11
snmpget --hexOutputLength=0 -v2c -c public D1 1.3.6.1.4.1.99999.2.6
snmpget --hexOutputLength=-1 -OT -v2c -c public D1 1.3.6.1.4.1.99999.2.6
snmpget --hexOutputLength=3 -OxT -v2c -c public D1 1.3.6.1.4.1.99999.2.6
snmpget --outputPrecision=.1 -v2c -c public D1 1.3.6.1.4.1.99999.9.4
snmpget --outputPrecision=.1 -Op.3 -v2c -c public D1 1.3.6.1.4.1.99999.9.4
snmpget --oidOutputFormat=4 -v2c -c public D1 1.3.6.1.2.1.1.2.0
snmpget --oidOutputFormat=4 -Of -v2c -c public D1 1.3.6.1.2.1.1.2.0
snmpget --oidOutputFormat=6 -v2c -c public D1 1.3.6.1.2.1.1.2.0
snmpget --printNumericOids=yes -v2c -c public D1 1.3.6.1.2.1.1.2.0
snmpget --numericTimeticks=1 -v2c -c public D1 1.3.6.1.2.1.1.3.0
snmpget --printHexText=on -v2c -c public D1 1.3.6.1.2.1.1.3.0
snmpget --printValueOnly=1 -v2c -c public D1 1.3.6.1.2.1.1.3.0
snmpget --dontLoadHostConfig=1 -v2c -c public D1 1.3.6.1.2.1.1.3.0
# set
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 i 42
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 i -42
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 i 2147483647
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 i 2147483648
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 i 4294967295
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 i 4294967296
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 i -2147483649
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 i 99999999999999999999
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 i 5x
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 i up
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 i ''
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 i ' 7'
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 i 0x10
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 INTEGER 5
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 integer 5
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 = 5
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.117.0 u 42
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.117.0 u 4294967295
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.117.0 u 4294967296
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.117.0 u -1
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.117.0 u x
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.117.0 u ''
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.116.0 t 8640000
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.116.0 t 1:2:3
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.97.0 a 192.0.2.77
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.97.0 a 255.255.255.255
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.97.0 a 10.1
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.97.0 a 300.1.1.1
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.97.0 a localhost
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.97.0 a ''
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.111.0 o 1.3.6.1.4.1.8072
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.111.0 o .0.0
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.111.0 o iso
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.111.0 o bad.name
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.111.0 o 3.1
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 s 'some "text"'
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 s ''
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 s -n
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 s Müller
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 x '0a 0B ff'
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 x 0x0a0b
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 x 0a0b0
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 x '0a 0 b'
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 x 'zz'
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 x ''
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 x '0a:0b'
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 d '10.20.30 255'
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 d 256
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 d 1,2
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 d ''
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 b '0 3 9'
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 b '1,2'
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 b ''
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.115.0 b 'up'
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.110.0 n ''
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.51.0 3 77
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.112.0 U 18446744073709551615
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.112.0 U 128
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.112.0 I -5
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.112.0 I -9223372036854775808
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.112.0 I 5000000000
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.112.0 I x
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.112.0 F 1.5
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.112.0 F x
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.112.0 D -0.1
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.112.0 D 1e308
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.99.0 c 5
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.67.0 C 5
snmpset -v2c -c public -Cq D1 1.3.6.1.4.1.99999.20.105.0 i 1
snmpset -v2c -c public -Oqv D1 1.3.6.1.4.1.99999.20.105.0 i 1 1.3.6.1.4.1.99999.20.115.0 s two
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 s wrong
snmpset -v1 -c public D1 1.3.6.1.4.1.99999.20.105.0 s wrong
snmpset -v2c -c public D1 1.3.6.1.2.1.1.1.0 s wrong
snmpset -v1 -c public D1 1.3.6.1.2.1.1.1.0 s wrong
snmpset -v2c -c public D1 1.3.6.1.2.1.1.99.0 s wrong
snmpset -v2c -c public D1 1.3.6.1.4.1.99999.20.105.0 i 1 1.3.6.1.2.1.1.99.0 s wrong
snmpset -v2c -c public D1 bad.name i 1 1.3 i x
]]
-- As many arcs as there may be, and more.
sets[#sets + 1] = "snmpget -v2c -c public D1 1.3" .. (".1"):rep(126)
sets[#sets + 1] = "snmpget -v2c -c public D1 1.3" .. (".1"):rep(126) .. ".7"
for status = 0, 19 do
  sets[#sets + 1] = ("!faults 127.0.2.40 error_status(%d, 1)"):format(status)
  sets[#sets + 1] = "snmpget -v2c -c public D40 1.3.6.1.2.1.1.1.0"
  sets[#sets + 1] = "snmpset -v2c -c public D40 1.3.6.1.2.1.1.1.0 s x"
end
return sets
