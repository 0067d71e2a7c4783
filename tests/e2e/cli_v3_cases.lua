-- Command lines of version 3 that Debian's tools and ours are given: AGENT is Debian's snmpd, NAME an OID, ENGINE its engine id.
-- lines: portions of command lines; with_keys: those that go well; confs: { conf = text of snmp.conf, command lines }.
-- Of user maple: RFC 3414 A.3.2, and the same at the engine of the test.
local keys = { KU = "9fb5cc0381497b3793528939ff788d5d79145211", KUL = "e79b0dd8d0034e594bd5443eeb25342aea4112ac", PRIV = "e79b0dd8d0034e594bd5443eeb25342a" }

local function lines(text)
  local out = {}
  text = text:gsub("%f[%u]%u+%f[%U]", keys)
  for line in text:gmatch "[^\n]+" do
    if line:find "%S" then out[#out + 1] = line:match "^%s*(.-)%s*$" end
  end
  return out
end

local _M = { lines = {}, confs = {} }

_M.with_keys = lines [[
snmpget -v3 -u maple -l ap -a SHA -3m KU -x AES -3M KU AGENT NAME
snmpget -v3 -u maple -l ap -a SHA -3k KUL -x AES -3K 0xKUL AGENT NAME
snmpget -v3 -u maple -l ap -a SHA -A maplesyrup -x AES -3K=PRIV AGENT NAME
snmpget -v3 -u maple -l ap -a SHA -3k KUL -x AES -X maplesyrup AGENT NAME
]]
_M.lines[1] = lines [[
snmpget -v3 AGENT NAME
snmpget -v3 -u sha_aes AGENT NAME
snmpget -v3 -u sha_aes -l authPriv AGENT NAME
snmpget -v3 -u sha_aes -l authNoPriv -A authpass-SHA AGENT NAME
snmpget -v3 -u sha_aes -l authNoPriv -a SHA -A authpass-SHA AGENT NAME
snmpget -v3 -u sha_none -l authNoPriv -a SHA -A authpass-SHA AGENT NAME
snmpget -v3 -u sha_none -l authNoPriv -a SHA AGENT NAME
snmpget -v3 -u sha_none -l authNoPriv -a SHA -A short AGENT NAME
snmpget -v3 -u sha_none -l authNoPriv -a SHA -A '' AGENT NAME
snmpget -v3 -u sha_aes -l authPriv -a SHA -A authpass-SHA -x AES -X privpass-AES AGENT NAME
snmpget -v3 -u sha_aes -l authPriv -a SHA -A authpass-SHA -x AES AGENT NAME
snmpget -v3 -u sha_aes -l authPriv -a SHA -A authpass-SHA -x AES -X short AGENT NAME
snmpget -v3 -t 0.2 -r 0 -u sha_aes -l authPriv -a SHA -A authpass-SHA -X privpass-AES AGENT NAME
snmpget -v3 -u sha_des -l authPriv -a SHA -A authpass-SHA -X privpass-DES AGENT NAME
snmpget -v3 -u sha_aes -l authPriv -A authpass-SHA -x AES -X privpass-AES AGENT NAME
snmpget -v3 -u sha_aes -l authPriv -x AES -X privpass-AES AGENT NAME
snmpget -v3 -u sha_aes -l authPriv -a SHA -x AES -X privpass-AES AGENT NAME
snmpget -v3 -u sha_aes -a SHA -A authpass-SHA -x AES -X privpass-AES AGENT NAME
snmpset -v3 -u sha_aes -a SHA -A authpass-SHA -x AES -X privpass-AES AGENT NAME s x
snmpget -v3 -u nobody AGENT NAME
snmpwalk -v3 -u nobody -l authNoPriv -a SHA -A authpass-SHA AGENT NAME
snmpbulkwalk -v3 -u nobody -l authNoPriv -a SHA -A authpass-SHA AGENT NAME
snmpget -v3 -u noauth AGENT NAME
snmpset -v3 -u noauth AGENT NAME s x
snmpget -v3 -u noauth -l authNoPriv -A authpass-SHA AGENT NAME
snmpget -v3 -u sha_none -l authNoPriv -a SHA -A wrongwrong AGENT NAME
snmpgetnext -v3 -t 0.2 -r 0 -u sha_aes -l authPriv -a SHA -A authpass-SHA -x AES -X wrongwrong AGENT NAME
snmpget -v3 -t 0.2 -r 1 -u sha_aes -l authPriv -a SHA -A authpass-SHA -x AES-256 -X privpass-AES AGENT NAME
snmpget -v3 -u sha_none -l authPriv -a SHA -A authpass-SHA -x AES -X privpass-AES AGENT NAME
snmpbulkget -v3 -u sha_none -l noAuthNoPriv AGENT NAME
snmpget -v3 -u md5_aes -l authNoPriv -A authpass-MD5 AGENT NAME
snmpget -v3 -l noAuthNoPriv AGENT NAME
snmpget -v3 -u '' AGENT NAME
snmpget -v3 -u sha_none -l authNoPriv -a MD5 -A authpass-SHA AGENT NAME
snmpget -v3 -u sha256_none -l authNoPriv -a sha256 -A authpass-SHA-256 AGENT NAME
snmpget -v3 -u sha224_none -l authNoPriv -a SHA2 -A authpass-SHA-224 AGENT NAME
snmpget -v3 -t 0.2 -r 0 -u noauth -n ctx AGENT NAME
snmpget -v3 -u noauth -n '' AGENT NAME
snmpget -v3 -u noauth -E 8000000001020304 AGENT NAME
snmpget -v3 -u noauth -Z 1,1 AGENT NAME
snmpget -v3 -u sha_none -l anp -a SHA -A authpass-SHA -e 0xENGINE AGENT NAME
snmpget -v3 -u sha_none -l anp -a SHA -A authpass-SHA -e ENGINE -Z 1,1 AGENT NAME
snmpget -v3 -u x1234567890123456789012345678901 AGENT NAME
snmpget -v3 -u sha_aes256c -l authPriv -a SHA -A authpass-SHA -x AES-256-C -X privpass-AES-256-C AGENT NAME
snmpget -v3 -u sha_none -A '' -A authpass-SHA -l anp -a SHA AGENT NAME
]]
_M.lines[2] = lines [[
snmpget -v3 -u u -a FOO AGENT NAME
snmpget -v3 -u u -x FOO AGENT NAME
snmpget -v3 -u u -l FOO AGENT NAME
snmpget -v3 -u u -l auth AGENT NAME
snmpget -v3 -u u -l noauth AGENT NAME
snmpget -v3 -u u -l priv AGENT NAME
snmpget -a md5 -z
snmpget -a hmacmd5 -z
snmpget -a NONE -z
snmpget -a noauth -z
snmpget -a '' -z
snmpget -a SHA1 -z
snmpget -a SHA-3 -z
snmpget -a SHA512x -z
snmpget -x none -z
snmpget -x nopriv -z
snmpget -x des -z
snmpget -x D -z
snmpget -x 3DESEDE -z
snmpget -x aes128 -z
snmpget -x AES-192-C -z
snmpget -x AES192C -z
snmpget -x AES-256-c -z
snmpget -x AES-256-Cisco -z
snmpget -x AES-128-C -z
snmpget -e zz AGENT
snmpget -e 8000 AGENT
snmpget -e 80000000010 AGENT
snmpget -e '' AGENT
snmpget -e 0x -z
snmpget -e 800000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d -z
snmpget -e 80:00:00:00:01:02 -z
snmpget -e '80 00 00 00 01 02' -z
snmpget -E zz AGENT
snmpget -E 8000 AGENT
snmpget -Z x AGENT
snmpget -Z 1 AGENT NAME
snmpget -Z 1,x AGENT
snmpget -Z 1, AGENT
snmpget -Z 1
snmpget -Z ' 7,5' -v3 -u noauth AGENT NAME
]]
_M.lines[3] = lines [[
snmpget -3Z 5
snmpget -3 AGENT
snmpget -3q AGENT
snmpget -3q x AGENT
snmpget -3l FOO AGENT
snmpget -3l=FOO AGENT
snmpget '-3l FOO' AGENT
snmpget -3lFOO AGENT
snmpget -3
snmpget -3m
snmpget -3m zz AGENT
snmpget -3M zz AGENT
snmpget -3k zz AGENT
snmpget -3K zz AGENT
snmpget -3k 1 -z
snmpget -3u
snmpget -3uu -3a FOO
snmpget -3e 80 AGENT
snmpget -3Eqq AGENT
snmpget -3 'u noauth' -v3 AGENT NAME
snmpget -v3 '-3u=noauth' -3l noAuthNoPriv AGENT NAME
snmpget -v3 -3A short
snmpget -v3 -u sha_none -l authNoPriv -a SHA -3m 0102030405060708090a0b0c0d0e0f1011121314 AGENT NAME
snmpget -v3 -u sha_none -l authNoPriv -a SHA -3m 01020304 AGENT NAME
snmpget -v3 -u sha_none -l authNoPriv -a SHA -3k 01020304 AGENT NAME
snmpget -v3 -u sha_none -l authNoPriv -a SHA -3k 0102030405060708090a0b0c0d0e0f1011121314 AGENT NAME
snmpget -v3 -u sha_none -l authNoPriv -a SHA -3m '' AGENT NAME
snmpget -v3 -u sha_none -l authNoPriv -3m 0102030405060708090a0b0c0d0e0f1011121314 AGENT NAME
snmpget -v3 -u noauth -3m 0102 AGENT NAME
snmpget -v3 -u noauth -3M 0102 AGENT NAME
snmpget -v3 -u noauth -3k 0102 AGENT NAME
snmpget -v3 -u noauth -3K 0102 AGENT NAME
snmpget -v3 -u sha_aes -a SHA -A authpass-SHA -l ap -x AES -3M 01 AGENT NAME
snmpget -v3 -u sha_aes -a SHA -A authpass-SHA -l ap -x AES -3K 01 AGENT NAME
snmpget -v3 -t 0.2 -r 0 -u sha_aes -a SHA -A authpass-SHA -l ap -x AES -3K 0102030405060708090a0b0c0d0e0f10 AGENT NAME
snmpget -v3 -a noauth -l anp -u noauth AGENT NAME
snmpget -v3 -x nopriv -l ap -u noauth -A longenough AGENT NAME
snmpget -v2c -c public -u sha_none -l authNoPriv -a SHA -A short AGENT NAME
snmpget -v2c -c public -X short AGENT NAME
snmpget -v3 -u sha_aes -l noAuthNoPriv -A short AGENT NAME
snmpget -v3 -u sha_aes -l noAuthNoPriv -X longenough AGENT NAME
snmpget -v3 -u noauth -x DES -X '' AGENT NAME
snmpget -v3 -l authPriv
snmpget -v3 -A short -X short
snmpget -Ln -v3 -A short
snmpget -Lo -v3 -A short
snmpset -v3 -l foo
snmpwalk -v3 -a foo
snmpbulkwalk -v3 -X short -a SHA
snmpbulkget -v3 -u noauth AGENT
snmpget -v3 -u noauth bad.name
snmpget -v3 -u noauth AGENT bad.name
snmpget -v3 -u u nosuch.invalid NAME
]]
-- Nobody there.
_M.lines[4] = lines [[
snmpget -v3 -t 0.2 -r 0 -u u 127.0.0.1:1 NAME
snmpget -v3 -t 0.2 -r 0 127.0.0.1:1 NAME
snmpget -v3 -t 0.2 -r 0 -u u -l authPriv 127.0.0.1:1 NAME
snmpwalk -v3 -t 0.2 -r 0 -u u -l authNoPriv -a SHA -A authpass-SHA 127.0.0.1:1 NAME
snmpbulkwalk -v3 -t 0.2 -r 0 -u u -l authNoPriv -a SHA -A authpass-SHA 127.0.0.1:1 NAME
snmpset -v3 -t 0.2 -r 0 -u u -l authNoPriv -a SHA -A authpass-SHA 127.0.0.1:1 NAME s x
snmpget -v3 -t 0.2 -r 0 -u u -l authNoPriv -e ENGINE -a SHA -3m 0102 127.0.0.1:1 NAME
snmpget -v3 -t 0.2 -r 0 -u u -l authNoPriv -e ENGINE 127.0.0.1:1 NAME
snmpget -v3 -t 0.2 -r 0 -u u -l authNoPriv -e ENGINE -a SHA -A authpass-SHA 127.0.0.1:1 NAME
]]

local function conf(text, ...) _M.confs[#_M.confs + 1] = { conf = text, ... } end
local base = "defVersion 3\ndefSecurityName sha_aes\ndefSecurityLevel authPriv\ndefAuthType SHA\ndefPrivType AES\n"
local get = "snmpget -t 0.2 -r 0 AGENT NAME"
conf(base .. "defAuthPassphrase authpass-SHA\ndefPrivPassphrase privpass-AES\n", "snmpget AGENT NAME", "snmpget -l authNoPriv AGENT NAME",
  "snmpget -u sha_none -l authNoPriv AGENT NAME", "snmpget -n x -t 0.2 -r 0 AGENT NAME", "snmpget -a MD5 AGENT NAME",
  "snmpget -A authpass-SHA AGENT NAME", "snmpget -X privpass-AES AGENT NAME", "snmpget -A authpass-SHA -X privpass-AES AGENT NAME",
  "snmpget -A authpass-SHA -a SHA -X privpass-AES AGENT NAME", "snmpget -x DES -t 0.2 -r 0 AGENT NAME", "snmpwalk AGENT 1.3.6.1.2.1.1.6")
conf(base .. "defPassphrase authpass-SHA\n", "snmpget -l authNoPriv AGENT NAME", "snmpget -X privpass-AES -a SHA AGENT NAME", get)
conf(base .. "defPassphrase short\n", get, "snmpget -u noauth -l noauth AGENT NAME", "snmpget -t 0.2 -r 0 127.0.0.1:1 NAME")
conf(base .. "defAuthPassphrase authpass-SHA\ndefPrivPassphrase short\n", get)
conf(base .. "defAuthPassphrase authpass-SHA\n", get)
local maple = base:gsub("sha_aes", "maple")
conf(maple .. "defAuthMasterKey 0x" .. keys.KU .. "\ndefPrivMasterKey " .. keys.KU .. "\n", get)
conf(maple .. "defAuthLocalizedKey " .. keys.KUL .. "\ndefPrivLocalizedKey " .. keys.PRIV .. "\n", get)
conf(base .. "defAuthMasterKey 0x0102\n", get)
conf(base .. "defAuthMasterKey zz\n", get)
conf(base .. "defAuthPassphrase authpass-SHA\ndefPrivMasterKey zz\n", get)
conf(base .. "defAuthPassphrase authpass-SHA\ndefPrivPassphrase privpass-AES\ndefAuthLocalizedKey 0102\ndefPrivLocalizedKey zz\n", get)
conf(base .. "defAuthType FOO\ndefPrivType FOO\n", get)
conf(base .. "defAuthType NOAUTH\ndefPrivType NOPRIV\n", get)
conf(base .. "defSecurityLevel 3\n", get)
conf(base .. "defSecurityLevel priv\n", get)
conf(base .. "defSecurityModel usm\n", get)
conf(base .. "defSecurityModel foo\n", get)
conf("defVersion 3\ndefSecurityName\n", get)
conf("defVersion 3\ndefSecurityName noauth\ndefContext foo\n", get, "snmpget -n '' AGENT NAME")
conf("defVersion 3\ndefSecurityName \"noauth\"\n", get)
conf("defVersion 3\ndefSecurityName noauth x\n", get)
conf(base .. "defAuthPassphrase \"authpass-SHA\"\ndefPrivPassphrase \"privpass-AES\"\n", get)
return _M
