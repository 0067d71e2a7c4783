--- Debian's snmpd with every user of version 3 that it can have.
local t = require "e2e.helper"

local _M = {}

--- Its engine id, in hexadecimal.
_M.ENGINE = "80001f8804" .. ("rigengine"):gsub(".", function(c) return ("%02x"):format(c:byte()) end)

--- { name, auth, auth_pass, priv, priv_pass } of all combinations, and of the other way to extend keys.
function _M.users()
  local list = {}
  local function add(auth, priv)
    local name = (auth .. "_" .. (priv or "none")):lower():gsub("%-", "")
    list[#list + 1] = { name = name, auth = auth, auth_pass = "authpass-" .. auth, priv = priv, priv_pass = priv and "privpass-" .. priv }
  end
  for _, auth in ipairs { "MD5", "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512" } do
    add(auth)
    for _, priv in ipairs { "DES", "AES", "AES-192", "AES-256" } do add(auth, priv) end
  end
  add("SHA", "AES-192-C")
  add("SHA", "AES-256-C")
  return list
end

--- Starts it on a free port: { process =, port =, target = }. User noauth may read, all others write; maple has the password of
-- RFC 3414 A.3.2.
function _M.start()
  local dir, port = t.path "snmpd-v3", t.free_port()
  assert(os.execute("mkdir -p " .. dir .. "/cert_indexes") == 0)
  local conf = { ("agentaddress udp:127.0.0.1:%d\n[snmp] persistentDir %s\nengineID rigengine\nsysLocation lab\n"):format(port, dir),
    "view all included .1\ncreateUser noauth\nrouser noauth noauth\ncreateUser maple SHA maplesyrup AES maplesyrup\nrwuser maple priv\n" }
  for _, u in ipairs(_M.users()) do
    conf[#conf + 1] = ("createUser %s %s %s %s %s\nrwuser %s %s\n"):format(u.name, u.auth, u.auth_pass, u.priv or "", u.priv_pass or "", u.name,
      u.priv and "priv" or "auth")
  end
  local path = dir .. "/snmpd.conf"
  local f = assert(io.open(path, "w"))
  f:write(table.concat(conf))
  f:close()
  local p = t.start({ "snmpd", "-f", "-Lf", dir .. "/log", "-C", "-c", path, "-I", "-smux", "-p", dir .. "/pid" },
    { env = { MIBS = "", PATH = "/usr/sbin:/sbin:" .. os.getenv "PATH", SNMP_PERSISTENT_DIR = dir, SNMPCONFPATH = dir } })
  t.wait_for("snmpd", 10, function()
    if not p:alive() then error(p:stderr() .. t.read(dir .. "/log")) end
    return os.execute(("MIBS= snmpget -v3 -u noauth -t 0.3 -r 0 127.0.0.1:%d .1.3.6.1.2.1.1.3.0 >/dev/null 2>&1"):format(port)) == 0
  end)
  return { process = p, port = port, target = "127.0.0.1:" .. port }
end

return _M
