--- What the commands have in common: the agent, requests to it, and what is said about errors.
local agent = require "moonpoll.cli.agent"
local login = require "moonpoll.cli.login"
local names = require "moonpoll.names"
local options = require "moonpoll.cli.options"

local _M = { GET = 0xa0, GETNEXT = 0xa1, SET = 0xa3, GETBULK = 0xa5, NULL = 5, OID = 6, NO_SUCH_NAME = 2 }

-- RFC 1157 4.1.1, RFC 3416 3, in net-snmp's words.
local reasons = {
  [0] = "(noError) No Error",
  "(tooBig) Response message would have been too large.",
  "(noSuchName) There is no such variable name in this MIB.",
  "(badValue) The value given has the wrong type or length.",
  "(readOnly) The two parties used do not have access to use the specified SNMP PDU.",
  "(genError) A general failure occured",
  "noAccess",
  "wrongType (The set datatype does not match the data type the agent expects)",
  "wrongLength (The set value has an illegal length from what the agent expects)",
  "wrongEncoding",
  "wrongValue (The set value is illegal or unsupported in some way)",
  "noCreation (That table does not support row creation or that object can not ever be created)",
  "inconsistentValue (The set value is illegal or unsupported in some way)",
  "resourceUnavailable (This is likely a out-of-memory failure within the agent)",
  "commitFailed",
  "undoFailed",
  "authorizationError (access denied to that object)",
  "notWritable (That object does not support modification)",
  "inconsistentName (That object can not currently be created)",
}

local pdus = { [0xa0] = "GET", [0xa1] = "GETNEXT", [0xa3] = "SET", [0xa4] = "TRAP", [0xa5] = "GETBULK", [0xa6] = "INFORM", [0xa7] = "TRAP2",
               [0xa8] = "REPORT" }

-- Verdicts of version 3, in net-snmp's words.
local verdicts = {
  auth = "Authentication failure (incorrect password, community or key)", unknown_user = "Unknown user name",
  unsupported_level = "Unsupported security level", not_in_time_window = "Not in time window", unknown_engine = "Unknown engine ID",
  decryption = "Decryption error",
}

local session = {}
session.__index = session

--- One line about the command itself.
function session:fail(message)
  self.c.log(self.tool .. ": " .. message .. "\n")
end

--- Opens the way to the agent, or says why there is none and ends.
function session:open()
  local s = self.settings
  local who, fault
  if s.version == "3" then
    who, fault = login.complete(self)
    if not who then
      self:fail(fault)
      options.exit(1)
    end
    self.fault = login.fault(self, who)
  end
  s.login = nil
  local where, why = agent.find(self.c, s.transport or s.agent, s.port)
  if not where then
    self:fail("Unknown host (" .. s.agent .. ")" .. (why and " (" .. why .. ")" or ""))
    options.exit(1)
  end
  local source
  if s.source then
    source, why = agent.find(self.c, s.source, nil)
    if not source or source.family ~= where.family then
      self:fail("Unknown host (" .. s.source .. ")" .. (why and " (" .. why .. ")" or ""))
      options.exit(1)
    end
    source.port = s.source_port and s.source:find ":%d+$" and source.port or 0
  end
  local ok
  ok, why = self.c.open { address = where.address, port = where.port, scope = where.scope, stream = where.stream,
    source = source and source.address,
    source_port = source and source.port or 0, version = s.version == "1" and 0 or s.version == "2c" and 1 or 3, community = s.community,
    timeout = s.timeout, retries = s.retries, dump = s.dump, login = who and (self.fault and {} or who) }
  self.engine_given = who and who.engine_id ~= nil
  s.community, s.def_community, self.fresh = nil, nil, true
  if not ok then
    self:fail("Unknown host (" .. s.agent .. ") (" .. why .. ")")
    options.exit(1)
  end
end

--- An OID as typed. nil: told, about `of` (text). "": no packet can hold it.
function session:parse(text, of)
  local octets, why, impossible = names.parse(self.c, self.settings, text)
  if octets then return octets end
  if impossible then return "" end
  self.c.log((of or text) .. ": " .. why .. "\n")
  return nil
end

--- A varbind to ask with.
function _M.asked(octets) return { oid = octets, type = _M.NULL, value = "" } end

local BUFFER = 16384 -- octets that gsub and its like may use on the C stack

-- Secrets that nothing refers to any more are wiped, see wiped.h, and what the string functions worked on is overwritten: n octets
-- at most. Called without a secret in any local variable up to the main function.
local function forget(n)
  collectgarbage()
  local blank = (" "):rep(math.max(n or 0, BUFFER))
  blank:sub(1, BUFFER):gsub(" ", "x")
end

--- Asks. What came stays with c until the next time: c.reply().
-- @treturn[1] number error-status
-- @treturn[2] nil  told; the exit status is 1
function session:send(kind, list, non_repeaters, repetitions)
  for _, vb in ipairs(list) do
    if vb.oid == "" or vb.type == _M.OID and vb.value == "" then
      self.c.log "snmp_build: unknown failure\n"
      self:fail("Error building ASN.1 representation ("
        .. (vb.oid == "" and "Can't build OID for variable" or "build objid: bad first subidentifier") .. ")")
      return nil
    end
  end
  if kind == _M.GETBULK then
    if self.settings.version == "1" then
      self:fail "Cannot send V2 PDU on V1 session"
      return nil
    end
    if non_repeaters < 0 or repetitions < 0 then
      self:fail(non_repeaters < 0 and "Bad value for non-repeaters" or "Bad value for max-repetitions")
      return nil
    end
  end
  if self.fresh then
    self.fresh = false
    forget(self.settings.read_max)
  end
  if self.fault then
    self:fail((self.engine_given or self.c.probe()) and self.fault or "Timeout")
    return nil
  end
  local status, code, pdu = self.c.ask(kind, list, non_repeaters, repetitions)
  if status then return status end
  if self.settings.version == "3" and code == "config" then -- nothing was sent
    self:fail(self.c.engine_known() and "this OpenSSL does not have the protocol" or "SNMPv3 cannot be spoken")
    return nil
  end
  if self.settings.version == "3" and (verdicts[code] or not self.c.engine_known()) then
    self:fail(verdicts[code] or "Timeout")
    return nil
  end
  if pdu ~= 0 then
    self:fail(("Protocol error (Expected RESPONSE-PDU but got %s-PDU)"):format(pdus[pdu] or ("?0x%2X?"):format(pdu)))
    return nil
  end
  if code == "space" or code == "too_big" then
    self:fail "Too long"
  elseif code == "nomem" then
    self:fail "Out of memory (malloc failure)"
  else
    self.c.err("Timeout: No Response from " .. self.settings.agent .. self.full_stop .. "\n")
  end
  return nil
end

--- The same, with the answer.
-- @treturn[1] table reply: varbinds, status, index
-- @treturn[2] nil  told; the exit status is 1
function session:ask(...)
  return self:send(...) and self.c.reply()
end

function session:print(varbind) return names.print(self.c, varbind) end
function session:text(octets) return names.oid(self.c, octets) end

--- What the agent did not like.
function session:refused(reply, head)
  self.c.err((head or "Error in packet.") .. "\nReason: " .. (reasons[reply.status] or "Unknown Error") .. "\n")
  if reply.index ~= 0 then
    local blamed = reply[reply.index]
    self.c.err("Failed object: " .. (blamed and self:text(blamed.oid) .. "\n" or "") .. "\n")
  end
end

--- What came: all of it.
function session:show(reply)
  for _, vb in ipairs(reply) do self:print(vb) end
end

--- t as for options.read, and tool: the name in errors.
function _M.new(t)
  return setmetatable({ c = t.c, tool = t.tool, settings = t.settings, full_stop = "" }, session)
end

return _M
