--- Version 3 on the command line and in snmp.conf: who asks (RFC 3414), read and told about in net-snmp's ways.
--
-- settings.login: user, level 0|1|3 (bits: signed, encrypted), auth, priv, context, engine_id, context_engine_id, boots, time;
-- auth_pass, priv_pass until keys are made of them; auth_key, priv_key; auth_local, priv_local: keys of one engine
local char, tonumber = string.char, tonumber

local _M = {}

local NO_AUTH, AUTH, PRIV = 0, 1, 3

local levels = { noauthnopriv = NO_AUTH, nanp = NO_AUTH, ["1"] = NO_AUTH, authnopriv = AUTH, anp = AUTH, ["2"] = AUTH,
                 authpriv = PRIV, ap = PRIV, ["3"] = PRIV }
local more_levels = { noauth = NO_AUTH, auth = AUTH, priv = PRIV } -- not in snmp.conf

-- In the order they are looked through: the first that begins with what was typed, in any case. net-snmp's names first.
local auths = { { "MD5", "MD5" }, { "SHA", "SHA" }, { "SHA1", "SHA" }, { "SHA-1", "SHA" } }
for _, bits in ipairs { "224", "256", "384", "512" } do
  auths[#auths + 1], auths[#auths + 2] = { "SHA-" .. bits, "SHA-" .. bits }, { "SHA" .. bits, "SHA-" .. bits }
end
auths[#auths + 1] = { "NOAUTH", "none" }
local privs = { { "NOPRIV", "none" }, { "DES", "DES" }, { "AES", "AES" }, { "AES128", "AES" }, { "AES-128", "AES" } }
for _, bits in ipairs { "192", "256" } do
  local name = "AES-" .. bits
  for _, typed in ipairs { "AES" .. bits, name } do privs[#privs + 1] = { typed, name } end
  for _, typed in ipairs { "AES" .. bits .. "C", name .. "-C" } do privs[#privs + 1] = { typed, name .. "-C" } end
end
-- Those it does not have, to be typed in full.
local more_privs = { ["3DES"] = "3DES", ["AES-192-REEDER"] = "AES-192-C", ["AES-256-REEDER"] = "AES-256-C", ["AES-192-BLUMENTHAL"] = "AES-192-Blumenthal",
                     ["AES-256-BLUMENTHAL"] = "AES-256-Blumenthal" }

local function of(names, word)
  for _, pair in ipairs(names) do
    if pair[1]:sub(1, #word) == word:upper() then return pair[2] end
  end
end

--- What snmp.conf may name: nil for what it may not.
function _M.level(word) return levels[word:lower()] end
function _M.auth(word) return of(auths, word) end
function _M.priv(word) return of(privs, word) or more_privs[word:upper()] end

--- Octets of hexadecimal digits, blanks between them or not; nil for anything else.
local function hex(text)
  local out, i = {}, text:find "^0[xX]" and 3 or 1
  while i <= #text do
    local two = text:match("^%x%x", i)
    if two then
      out[#out + 1] = char(tonumber(two, 16))
      i = i + 2
    elseif text:sub(i, i) == " " then
      i = i + 1
    else
      return nil
    end
  end
  return table.concat(out)
end

local ENGINE_ID_MIN, ENGINE_ID_MAX, KEY_MAX, USER_MAX = 5, 32, 64, 32

local function engine_id(key, letter)
  return function(t, v, value)
    local octets = hex(value)
    if not octets then return t.misuse("Bad engine ID value after -3%s flag.", letter) end
    if #octets < ENGINE_ID_MIN or #octets > ENGINE_ID_MAX then return t.misuse("Invalid engine ID value after -%s flag.", letter) end
    v[key] = octets
  end
end

local function key(name, letter, max)
  return function(t, v, value)
    local octets = hex(value)
    if not octets or #octets > max then return t.misuse("Bad key value after -3%s flag.", letter) end
    v[name] = octets ~= "" and octets:sub(1, KEY_MAX) or nil
  end
end

local function leading_number(text)
  local digits, rest = text:match "^%s*[+-]?(%d+)(.*)$"
  return tonumber(digits), rest
end

local take = {
  u = function(_, v, value) v.user = value end,
  n = function(_, v, value) v.context = value end,
  A = function(_, v, value) v.auth_pass = value end,
  X = function(_, v, value) v.priv_pass = value end,
  e = engine_id("engine_id", "e"),
  E = engine_id("context_engine_id", "E"),
  m = key("auth_key", "m", KEY_MAX), M = key("priv_key", "M", KEY_MAX), k = key("auth_local", "k", math.huge), K = key("priv_local", "K", math.huge),
  l = function(t, v, value)
    v.level = levels[value:lower()] or more_levels[value:lower()]
    if not v.level then t.misuse("Invalid security level specified after -3l flag: %s", value) end
  end,
  a = function(t, v, value)
    v.auth = _M.auth(value)
    if not v.auth then t.misuse("Invalid authentication protocol specified after -3a flag: %s", value) end
  end,
  x = function(t, v, value)
    v.priv = _M.priv(value)
    if not v.priv then t.misuse("Invalid privacy protocol specified after -3x flag: %s", value) end
  end,
  Z = function(t, v, value)
    local boots, rest = leading_number(value)
    if not boots then return t.misuse "Need engine boots value after -3Z flag." end
    if rest:sub(1, 1) == "," then
      v.time = leading_number(rest:sub(2))
      if not v.time then return t.misuse 'Need engine time after "-3Z engineBoot,".' end
    else
      local next_word = t.c.peek() -- stays where it is, as there
      if not next_word then return t.misuse 'Need engine time after "-3Z engineBoot,".' end
      v.time = leading_number(next_word)
      if not v.time then return t.misuse 'Need engine time after "-Z engineBoot".' end
    end
    v.boots = boots
  end,
}

--- An option of version 3: -u, -l, ...
function _M.take(t, letter, value) take[letter](t, t.settings.login, value) end

--- -3 and what follows: a letter, then its value in the same word or the next.
function _M.take_3(t, value)
  local letter = value:sub(1, 1)
  local text = value:sub(2):gsub("^=", ""):gsub("^%s+", "")
  if text == "" then
    text = t.c.take(true)
    if not text then return t.misuse("Missing argument after SNMPv3 '-3%s' option.", letter) end
  end
  if not take[letter] then return t.misuse("Unknown SNMPv3 option passed to -3: %s.", letter) end
  take[letter](t, t.settings.login, text)
end

-- Ku of a password; nil, a reason: told as far as net-snmp's library does.
local function try_ku(t, auth, password)
  local octets, code
  if auth then octets, code = t.c.ku(auth, password) end
  if octets then return octets end
  if code ~= "length" then return nil, "" end
  t.c.log "Error: passphrase chosen is below the length requirements of the USM (min=8).\n"
  return nil, " (The supplied password length is too short.)"
end

-- The same, for good.
local function ku(t, auth, password, what)
  local octets, why = try_ku(t, auth, password)
  if octets then return octets end
  t.c.log(t.tool .. ": " .. why .. "\n")
  t.c.err("Error generating a key (Ku) from the supplied " .. what .. " pass phrase. \n")
  t.exit(1)
end

--- Keys of the passwords of the command line, of whatever version. The hash of privacy keys is that of authentication, which
-- somebody has to have named.
function _M.make_keys(t)
  local s, v = t.settings, t.settings.login
  if v.auth_pass then
    v.auth = v.auth or s.def_auth or "MD5"
    v.auth_key = ku(t, v.auth, v.auth_pass, "authentication")
  end
  if v.priv_pass then v.priv_key = ku(t, v.auth, v.priv_pass, "privacy") end
  v.auth_pass, v.priv_pass = nil, nil
end

-- The key that snmp.conf has; nil: none. Raises the text of an error.
local function default_key(t, auth, key_text, password, what, key_name)
  if key_text then return hex(key_text) or error("Generic error (error parsing " .. key_name .. " master key)", 0) end
  if not password then return nil end
  return try_ku(t, auth, password) or error("Generic error (Error generating a key (Ku) from the supplied " .. what .. " pass phrase.)", 0)
end

--- All that snmp.conf has to say where the command line said nothing.
-- @treturn[1] table login
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function _M.complete(t)
  local s, v = t.settings, t.settings.login
  local model = s.def_model and s.def_model:lower()
  if model and model ~= "usm" then t.c.log("unknown security model name: " .. s.def_model .. ".  Forcing USM instead.\n") end
  v.auth = v.auth or s.def_auth or "MD5"
  v.priv = v.priv or s.def_priv or "DES"
  local ok, why = pcall(function()
    v.auth_key = v.auth_key or default_key(t, v.auth, s.def_auth_key, s.def_auth_pass or s.def_pass, "authentication", "authentication")
    v.priv_key = v.priv_key or default_key(t, v.auth, s.def_priv_key, s.def_priv_pass or s.def_pass, "privacy", "encryption")
    v.auth_local = v.auth_local or not v.auth_key and s.def_auth_local and hex(s.def_auth_local) or nil
    v.priv_local = v.priv_local or not v.priv_key and s.def_priv_local and hex(s.def_priv_local) or nil
  end)
  v.user = v.user or s.def_user
  v.level = v.level or s.def_level or NO_AUTH
  v.context = v.context or s.def_context or ""
  for _, name in ipairs { "def_pass", "def_auth_pass", "def_priv_pass", "def_auth_key", "def_priv_key", "def_auth_local", "def_priv_local" } do
    s[name] = nil
  end
  if not ok then return nil, why end
  return v
end

--- Why nothing can be asked like that, in the words that come once the agent has told its engine id; nil: it can.
function _M.fault(t, v)
  if not v.user or v.user == "" then return "No securityName specified" end
  if #v.user > USER_MAX then return "The securityName is longer than 32 octets" end
  local hash, cipher = t.c.key_len(v.auth, v.priv)
  if v.auth_key and hash > 0 and #v.auth_key < hash or v.priv_key and hash > 0 and #v.priv_key < hash then return "" end
  if v.level == NO_AUTH then return nil end
  if v.auth == "none" or v.level == PRIV and v.priv == "none" then
    return "USM unsupported security level (this user has not been configured for that level of security)"
  end
  if v.level == PRIV and not v.priv_key and not v.priv_local then return "USM generic error" end
  if v.level == PRIV and v.priv_local and #v.priv_local < cipher then return "USM encryption error" end
  if not v.auth_key and not v.auth_local or v.auth_local and #v.auth_local < hash then
    return "USM authentication failure (incorrect password or key)"
  end
  return nil
end

return _M
